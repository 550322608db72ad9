/*
 * The whole path on a real Kafka, exactly once: events per second of CPU time of the process
 * (all its threads), with a list per event or per tenth event of a person.
 *
 *   bench_whole_path FRESHET N_EVENTS EVERY [SESSIONS.tsv]
 *
 * Broker and registry from BOOTSTRAP_SERVERS and REGISTRY_URL. The feed: sessions (SessionId,
 * ItemId, Time; or made ones, Zipf over 3,000 items) copied side by side with fresh users,
 * 2,000 copies, so that a person's next click lies thousands of events later and nothing that
 * caches looks better than it is. Measured from one fifth of the events on to the last one.
 */
#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif

#include "consumers/registry.h"
#include "core/base/clock.h"
#include "schemas/avro_codec.h"
#include "schemas/records.h"

#include <curl/curl.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLICKS_MAX = 400000, SPREAD = 2000, PARTITIONS = 4, WAIT_S = 600 };

struct click {
    uint32_t session, item;
};

static struct click clicks[CLICKS_MAX];
static uint32_t n_clicks;

static uint64_t seed = 42;

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

/* Sessions of 2 to ~12 clicks around a Zipf-distributed item. */
static void make_clicks(void)
{
    uint32_t session = 0;

    while (n_clicks < 80000) {
        uint32_t base = (uint32_t)(3000 * pow(uniform(), 3));

        session++;
        do {
            clicks[n_clicks++] =
                (struct click){session, (base + (uint32_t)(20 * uniform() * uniform())) % 3000};
        } while (uniform() < .76 && n_clicks < 80000);
    }
}

static bool read_clicks(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    long session, item;

    if (!file || !fgets(line, sizeof(line), file))
        return false;
    while (n_clicks < CLICKS_MAX && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%ld\t%ld", &session, &item) == 2)
            clicks[n_clicks++] = (struct click){(uint32_t)session, (uint32_t)item};
    }
    fclose(file);
    return n_clicks > 0;
}

/* ---- a shop of its own ---- */

static char folder[] = "/tmp/freshet-bench-XXXXXX", config[64], app[32];
static const char *bootstrap, *registry_url;

static void write_config(long every)
{
    FILE *file = fopen(config, "w");

    fprintf(file,
            "app: %s\nkafka: {bootstrap.servers: \"%s\"}\nregistry: {url: \"%s\"}\n"
            "topics: {clickstream: %s.clickstream, orders: %s.orders, catalog: %s.catalog, "
            "reviews: %s.reviews, users: %s.users, engagement: %s.engagement, "
            "recommendations: %s.recommendations, content.push: %s.push, content.email: %s.email, "
            "content.social: %s.social, content.seo: %s.seo, content.onsite: %s.onsite, "
            "profiles: %s.profiles, suppressed: %s.suppressed, dead-letter: %s.dead}\n"
            "state: {dir: \"%s/state\", memory: 2GiB}\nrecommend: {every: %ld}\n"
            "http: {listen: \"127.0.0.1:0\"}\ncampaigns: {dir: \"\", templates: \"\"}\n",
            app, bootstrap, registry_url, app, app, app, app, app, app, app, app, app, app, app,
            app, app, app, app, folder, every);
    fclose(file);
}

static int run_tool(const char *freshet, const char *a, const char *b)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execl(freshet, freshet, a, b, "-c", config, NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int32_t click_schema_id(void)
{
    struct registry_options options = {.url = registry_url, .user = "", .password = "", .ca = ""};
    struct registry *registry;
    struct error err = {0};
    char subject[64];
    int32_t id = -1;

    snprintf(subject, sizeof(subject), "%s.clickstream-value", app);
    if (registry_open(&options, &registry, &err) != OK ||
        registry_register(registry, subject, record_type_schema(&click_event_type), &id, &err) !=
            OK) {
        fprintf(stderr, "registry: %s\n", err.text);
        exit(EXIT_FAILURE);
    }
    registry_close(registry);
    return id;
}

static size_t make_event(long k, int32_t id, uint8_t *out, size_t capacity, char *user)
{
    long copy = k % SPREAD;
    const struct click *click =
        &clicks[((uint64_t)(k / SPREAD) + (uint64_t)copy * n_clicks / SPREAD) % n_clicks];
    char event_id[40], item[16], session[16];
    uint64_t h = (uint64_t)(k + 1) * 0x9E3779B97F4A7C15ULL;

    h ^= h >> 29;
    snprintf(user, 40, "%u-%ld", click->session, copy + SPREAD * (k / SPREAD / n_clicks));
    snprintf(event_id, sizeof(event_id), "%016llx-%012lx-web-click", (unsigned long long)h, k);
    snprintf(item, sizeof(item), "%u", click->item);
    snprintf(session, sizeof(session), "%u", click->session);
    struct click_event event = {
        .event_id = str_of(event_id),
        .user_id = str_of(user),
        .session_id = str_of(session),
        .type = h % 50 < 4 ? EVENT_ADD_TO_CART : EVENT_VIEW,
        .item_id = str_of(item),
        .event_time = 1700000000000 + k * 200,
        .quantity = 1,
        .device = str_of("web"),
    };

    out[0] = 0;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)((uint32_t)id >> (24 - 8 * i));
    return avro_encode(&click_event_type, &event, out + 5, capacity - 5) + 5;
}

static void fill(long n)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int32_t id = click_schema_id();
    char text[256], topic[64], user[40];
    uint8_t value[1024];

    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, text, sizeof(text));
    rd_kafka_conf_set(conf, "compression.type", "lz4", text, sizeof(text));
    rd_kafka_conf_set(conf, "linger.ms", "50", text, sizeof(text));
    rd_kafka_conf_set(conf, "queue.buffering.max.messages", "500000", text, sizeof(text));
    rd_kafka_conf_set(conf, "partitioner", "murmur2", text, sizeof(text));
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

    snprintf(topic, sizeof(topic), "%s.clickstream", app);
    for (long k = 0; k < n; k++) {
        size_t len = make_event(k, id, value, sizeof(value), user);

        while (rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic),
                                 RD_KAFKA_V_KEY(user, strlen(user)),
                                 RD_KAFKA_V_VALUE(value, len),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END))
            rd_kafka_poll(producer, 10);
        if (k % 1000 == 0)
            rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 60000);
    rd_kafka_destroy(producer);
}

/* ---- the process under test ---- */

static double cpu_seconds(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (fgets(text, sizeof(text), file))
        sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
               &user, &system);
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static long rss_mib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        sscanf(line, "VmRSS: %ld", &kib);
    if (file)
        fclose(file);
    return kib / 1024;
}

static size_t append(char *data, size_t size, size_t n, void *context)
{
    FILE *file = context;

    return fwrite(data, size, n, file);
}

/* Sum over the samples of a metric whose line begins with prefix; -1: not answered. */
static double metric(int port, const char *prefix)
{
    char url[64], *text = NULL, *line, *rest;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    CURL *curl = curl_easy_init();
    double sum = 0;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", port);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, file);
    if (curl_easy_perform(curl) != CURLE_OK)
        sum = -1;
    curl_easy_cleanup(curl);
    fclose(file);
    for (line = strtok_r(text, "\n", &rest); line && sum >= 0; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            sum += atof(strrchr(line, ' '));
    }
    free(text);
    return sum;
}

/* Starts freshet run and reads its port from the log line event=started. */
static pid_t start(const char *freshet, int *port)
{
    char log[128], line[1024];
    pid_t pid;

    snprintf(log, sizeof(log), "%s/log", folder);
    pid = fork();
    if (pid == 0) {
        if (!freopen(log, "w", stderr))
            _exit(126);
        execl(freshet, freshet, "run", "-c", config, NULL);
        _exit(127);
    }
    for (int tries = 0; tries < 600 && !*port; tries++) {
        FILE *file = fopen(log, "r");

        while (file && fgets(line, sizeof(line), file)) {
            char *at = strstr(line, "http_port=");

            if (at)
                *port = atoi(at + 10);
        }
        if (file)
            fclose(file);
        usleep(50000);
    }
    return pid;
}

static double done(int port)
{
    char prefix[96];

    snprintf(prefix, sizeof(prefix), "freshet_events_total{topic=\"%s.clickstream\"", app);
    return metric(port, prefix);
}

static void measure(pid_t pid, int port, long n, long every)
{
    double from_events = 0, from_cpu = 0, events, cpu;
    long half_rss = 0;
    int64_t from_ns = 0, begin_ns = clock_mono_ns();

    for (;;) {
        events = done(port);
        if (!from_ns && events >= n / 5.0) {
            from_events = events;
            from_cpu = cpu_seconds(pid);
            from_ns = clock_mono_ns();
        }
        if (!half_rss && events >= n / 2.0)
            half_rss = rss_mib(pid);
        if (events >= n || clock_mono_ns() - begin_ns > WAIT_S * 1000000000LL || events < 0)
            break;
        usleep(20000);
    }
    cpu = cpu_seconds(pid) - from_cpu;
    printf("whole_path every=%-3ld events=%.0f lists=%.0f ev/cpu-s=%.0f ev/s=%.0f cpu-us/ev=%.2f "
           "rss=%ld MiB (half way %ld) txns=%.0f\n",
           every, events, metric(port, "freshet_stage_events_total{stage=\"rank\"}"),
           (events - from_events) / cpu,
           (events - from_events) / ((double)(clock_mono_ns() - from_ns) / 1e9),
           cpu / (events - from_events) * 1e6, rss_mib(pid), half_rss,
           metric(port, "freshet_transactions_total{result=\"committed\"}"));
    static const char *const stages[] = {"decode", "features", "learn", "rank", "encode", "commit"};

    for (int s = 0; s < 6; s++) {
        char seconds[80], lanes[80];

        snprintf(seconds, sizeof(seconds), "freshet_stage_seconds_total{stage=\"%s\"}", stages[s]);
        snprintf(lanes, sizeof(lanes), "freshet_stage_events_total{stage=\"%s\"}", stages[s]);
        double stage_events = metric(port, lanes);

        printf("  %-9s %6.2f us each (wall, %.0f)\n", stages[s],
               stage_events > 0 ? metric(port, seconds) / stage_events * 1e6 : 0, stage_events);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    long n = argc > 2 ? atol(argv[2]) : 2000000, every = argc > 3 ? atol(argv[3]) : 1;
    int port = 0, status;
    char cleanup[128];

    bootstrap = getenv("BOOTSTRAP_SERVERS");
    registry_url = getenv("REGISTRY_URL");
    if (argc < 2 || !bootstrap || !registry_url || !mkdtemp(folder)) {
        fprintf(stderr, "usage: BOOTSTRAP_SERVERS=… REGISTRY_URL=… bench_whole_path FRESHET "
                        "[N_EVENTS [EVERY [SESSIONS.tsv]]]\n");
        return 2;
    }
    snprintf(app, sizeof(app), "b%d", (int)getpid());
    snprintf(config, sizeof(config), "%s/freshet.yaml", folder);
    if (argc <= 4)
        make_clicks();
    else if (!read_clicks(argv[4]))
        return 2;
    write_config(every);
    if (run_tool(argv[1], "topics", "create") || run_tool(argv[1], "schemas", "register"))
        return EXIT_FAILURE;
    fill(n);
    pid_t pid = start(argv[1], &port);

    if (port)
        measure(pid, port, n, every);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    snprintf(cleanup, sizeof(cleanup), "rm -rf '%s'", folder);
    return system(cleanup) || !port || !WIFEXITED(status) || WEXITSTATUS(status);
}
