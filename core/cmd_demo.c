/*
 * freshet demo: the real job on an embedded broker, fed with the shipped data, shown live.
 *
 * Signals are blocked in every thread; the main loop takes them between two looks, so Ctrl-C
 * ends it like the end of --seconds does.
 */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cli.h"
#include "core/demo.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PATH_MAX_BYTES = 480, /* of a folder; file names still fit in a setting */
    PAINT_MS = 250,
    LINE_EVERY_MS = 3000,
    LAG_EVERY_MS = 250, /* workers publish it a little more often */
    CATCH_UP_MS = 3000, /* what was fed before the end is still worked off */
    UP_MAX = 6,         /* folders from the program to the top of its source tree */
};

struct demo {
    struct settings *settings;
    struct load_producer *producer; /* and the broker within it */
    struct process *process;
    struct demo_events *events;
    struct demo_feed *feed;
    struct demo_watch *watch;
    char state_dir[64];
    bool on_terminal;
    int64_t start_ns, rate_ns, shown_ns;
    uint64_t rate_from;
    struct demo_state state;
};

struct demo_options {
    int64_t port, seconds;
    double speed;
    const char *data;
};

/* ---- folders ---- */

static bool is_root(const char *dir)
{
    char path[PATH_MAX_BYTES + 64];

    snprintf(path, sizeof(path), "%s/deploy/demo/events.jsonl.gz", dir);
    return access(path, R_OK) == 0;
}

/* The source tree: here, or above the program. */
static bool find_root(char *out, size_t capacity)
{
    ssize_t n;

    snprintf(out, capacity, ".");
    if (is_root(out))
        return true;
    n = readlink("/proc/self/exe", out, capacity - 1);
    out[n > 0 ? n : 0] = '\0';
    for (int up = 0; up < UP_MAX; up++) {
        char *slash = strrchr(out, '/');

        if (!slash)
            return false;
        *slash = '\0';
        if (is_root(out))
            return true;
    }
    return false;
}

static enum status find_data(const char *data, char *root, char *out, size_t capacity,
                             struct error *err)
{
    bool found = find_root(root, capacity);
    int n = data ? snprintf(out, capacity, "%s", data)
                 : snprintf(out, capacity, "%s/deploy/demo", root);

    if ((!data && !found) || n >= (int)capacity)
        return error_set(err, ERR_NOT_FOUND,
                         "cannot find deploy/demo/events.jsonl.gz here or above the program; "
                         "start it from the source tree or say --data DIR");
    if (!found)
        root[0] = '\0';
    return OK;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static enum status make_state_dir(struct demo *demo, struct error *err)
{
    const char *tmp = getenv("TMPDIR");
    char path[sizeof(demo->state_dir)];

    if (!tmp || strlen(tmp) > sizeof(path) - 24)
        tmp = "/tmp";
    snprintf(path, sizeof(path), "%s/freshet-demo-XXXXXX", tmp);
    if (!mkdtemp(path))
        return error_set(err, ERR_IO, "cannot make a folder in %s: %s", tmp, strerror(errno));
    memcpy(demo->state_dir, path, sizeof(path));
    return OK;
}

/* ---- start ---- */

static enum status load_settings(struct demo *demo, const struct demo_options *options,
                                 const char *root, struct error *err)
{
    char bootstraps[600], listen[64], dir[128], campaigns[600], templates[600];
    const char *overrides[] = {
        "app=demo",
        "instance=demo",
        bootstraps,
        listen,
        dir,
        campaigns,
        templates,
        "kafka.consumer.fetch.wait.max.ms=5", /* an empty fetch of the mock sleeps it all */
        "state.memory=512MiB",
        "live.max_age=0", /* the data is of 2011: nothing is too old to be sent */
        "locale=en-GB",
        "time_zone=Europe/London",
    };

    snprintf(bootstraps, sizeof(bootstraps), "kafka.bootstrap.servers=%s",
             demo_bootstraps(load_producer_handle(demo->producer)));
    snprintf(listen, sizeof(listen), "http.listen=127.0.0.1:%lld", (long long)options->port);
    snprintf(dir, sizeof(dir), "state.dir=%s", demo->state_dir);
    snprintf(campaigns, sizeof(campaigns), "campaigns.dir=%s%s", root,
             root[0] ? "/deploy/campaigns" : "");
    snprintf(templates, sizeof(templates), "campaigns.templates=%s%s", root,
             root[0] ? "/deploy/templates" : "");
    return settings_load(demo->settings, NULL, sizeof(overrides) / sizeof(overrides[0]),
                         overrides, err);
}

/* The producer is the broker's host, so it comes first, with default settings. */
static enum status start_broker(struct demo *demo, const struct demo_options *options,
                                const char *root, struct error *err)
{
    settings_init(demo->settings);
    TRY(load_producer_open(demo->settings, 1, &demo->producer, err));
    TRY(make_state_dir(demo, err));
    TRY(load_settings(demo, options, root, err));
    return demo_topics_create(load_producer_handle(demo->producer), demo->settings, err);
}

static enum status start_process(struct demo *demo, struct error *err)
{
    const struct process_options options = {.settings = demo->settings, .embedded = true};
    struct error why = {0};
    enum status status = process_start(&options, &demo->process, &why);

    if (status != OK)
        return error_set(err, status, "%.400s%s", why.text,
                         strstr(why.text, "another process has the port")
                             ? " (here: --port N; 0 picks a free one)"
                             : "");
    return OK;
}

static enum status start(struct demo *demo, const struct demo_options *options,
                         struct error *err)
{
    char root[PATH_MAX_BYTES], data[PATH_MAX_BYTES];

    TRY(find_data(options->data, root, data, sizeof(root), err));
    TRY(start_broker(demo, options, root, err));
    TRY(start_process(demo, err));
    demo->events = demo_events_open();
    if (!demo->events)
        return error_set(err, ERR_NOMEM, "demo: out of memory");
    TRY(demo_watch_start(demo->settings, process_runtime(demo->process), demo->events,
                         &demo->watch, err));
    demo->state.bootstraps = demo_bootstraps(load_producer_handle(demo->producer));
    demo->state.http_port = process_http_port(demo->process);
    demo->start_ns = demo->rate_ns = clock_mono_ns();
    const struct demo_feed_options feed = {.dir = data,
                                           .producer = demo->producer,
                                           .settings = demo->settings,
                                           .runtime = process_runtime(demo->process),
                                           .events = demo->events,
                                           .speed = options->speed};

    return demo_feed_start(&feed, &demo->feed, err);
}

/* ---- while it runs ---- */

static int64_t total_lag(const struct demo *demo)
{
    struct runtime *runtime = process_runtime(demo->process);
    int64_t lag = 0;

    if (!atomic_load(&runtime->items_ready))
        return 0;
    for (uint32_t p = 0; p < runtime->n_partitions; p++) {
        for (int t = 0; t < N_USER_TOPICS; t++) {
            int64_t behind = atomic_load(&runtime->status[p].lag[t].end) -
                             atomic_load(&runtime->status[p].lag[t].next);

            lag += behind > 0 ? behind : 0;
        }
    }
    return lag;
}

static void look(struct demo *demo)
{
    struct demo_state *state = &demo->state;
    int64_t now_ns = clock_mono_ns();
    double since_s = (double)(now_ns - demo->rate_ns) * 1e-9;

    state->elapsed_s = (double)(now_ns - demo->start_ns) * 1e-9;
    demo_count_processed(demo->settings, &state->n_processed, &state->n_refused);
    if (since_s >= 1) {
        state->events_per_s = (double)(state->n_processed - demo->rate_from) / since_s;
        demo->rate_from = state->n_processed;
        demo->rate_ns = now_ns;
    }
    state->lag = total_lag(demo);
    if (demo->feed)
        demo_feed_progress(demo->feed, &state->fed);
    demo_watch_seen(demo->watch, &state->seen);
}

static void show(struct demo *demo)
{
    int64_t now_ns = clock_mono_ns();

    if (demo->on_terminal) {
        demo_view_paint(&demo->state);
    } else if (now_ns - demo->shown_ns >= (int64_t)LINE_EVERY_MS * 1000000) {
        demo->shown_ns = now_ns;
        demo_view_line(&demo->state);
    }
}

static void run(struct demo *demo, int64_t seconds, const sigset_t *signals)
{
    const struct timespec wait = {0, PAINT_MS * 1000000L};

    while (process_running(demo->process)) {
        look(demo);
        show(demo);
        if ((seconds && demo->state.elapsed_s >= (double)seconds) || demo->state.fed.failed)
            return;
        if (sigtimedwait(signals, NULL, &wait) > 0)
            return;
    }
}

/* ---- end ---- */

static bool stop_feed(struct demo *demo, struct error *err)
{
    bool ok;

    if (!demo->feed)
        return true;
    demo_feed_progress(demo->feed, &demo->state.fed);
    ok = demo_feed_stop(demo->feed, err);
    demo->feed = NULL;
    return ok;
}

static void catch_up(struct demo *demo)
{
    for (int waited_ms = 0; waited_ms < CATCH_UP_MS; waited_ms += LAG_EVERY_MS) {
        usleep(LAG_EVERY_MS * 1000);
        look(demo);
        if (demo->state.lag == 0)
            return;
    }
}

static bool stop(struct demo *demo, struct error *err)
{
    struct error why = {0};
    bool ok = true;

    demo_watch_stop(demo->watch);
    demo_events_close(demo->events);
    if (demo->process && process_stop(demo->process, false, &why) != OK) {
        *err = why;
        ok = false;
    }
    load_producer_close(demo->producer);
    if (demo->state_dir[0])
        nftw(demo->state_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return ok;
}

static void say_hello(const struct demo *demo)
{
    printf("console  http://127.0.0.1:%d/\n"
           "broker   %s   (kcat -b %s -L)\n"
           "schemas  http://127.0.0.1:%d/subjects\n",
           demo->state.http_port, demo->state.bootstraps, demo->state.bootstraps,
           demo->state.http_port);
    fflush(stdout);
}

static void show_it(struct demo *demo, int64_t seconds, const sigset_t *signals)
{
    if (demo->on_terminal)
        demo_view_open();
    else
        say_hello(demo);
    run(demo, seconds, signals);
}

static int run_demo(struct demo *demo, const struct demo_options *options)
{
    struct error err = {0};
    sigset_t signals;
    bool ok;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    demo->on_terminal = isatty(STDOUT_FILENO);
    log_set_level(demo->on_terminal ? LOG_ERROR : LOG_WARN);
    ok = start(demo, options, &err) == OK;
    if (ok) {
        show_it(demo, options->seconds, &signals);
        ok = stop_feed(demo, &err);
        catch_up(demo);
        if (demo->on_terminal)
            demo_view_close();
        demo_view_summary(&demo->state);
    } else {
        stop_feed(demo, &(struct error){0});
    }
    ok = stop(demo, &err) && ok;
    return ok ? CLI_DONE : cli_fail(&err);
}

int cmd_demo(int argc, char **argv)
{
    struct demo_options wanted = {.port = 8080, .speed = -1};
    const struct option_spec options[] = {
        {"port", 0, OPTION_WHOLE, "N", "HTTP port (8080); 0 picks a free one", &wanted.port,
         false},
        {"seconds", 0, OPTION_WHOLE, "N", "end after so long; 0: at Ctrl-C", &wanted.seconds,
         false},
        {"speed", 0, OPTION_DECIMAL, "X",
         "replay X times as fast as it happened; 0: as fast as it goes; not given: 2000 events "
         "a second",
         &wanted.speed, false},
        {"data", 0, OPTION_TEXT, "DIR", "another folder with catalog, users, events .jsonl.gz",
         &wanted.data, false},
        {0}};
    const struct command_spec spec = {
        "demo",
        NULL,
        0,
        "The whole job on a broker embedded in this process, fed with two months of a real\n"
        "shop (deploy/demo/README.md says what is recorded and what is derived). Shows lists,\n"
        "messages and hit rate live, and a console page. Other programs can read its topics\n"
        "at the address shown. Everything is gone when it ends.",
        "freshet demo\nfreshet demo --port 0 --seconds 60",
        options};
    const char *words[CLI_WORDS_MAX];
    struct demo *demo;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    if (wanted.port > UINT16_MAX) {
        cli_say("--port: a port is at most 65535");
        return CLI_MISUSED;
    }
    demo = calloc(1, sizeof(*demo));
    ensure(demo);
    demo->settings = calloc(1, sizeof(*demo->settings));
    ensure(demo->settings);
    exit_code = run_demo(demo, &wanted);
    free(demo->settings);
    free(demo);
    return exit_code;
}
