/*
 * Start and stop, in this order and back:
 *
 *   HTTP -> broker answers -> topics checked -> registry answers, output schemas known
 *   -> state directory -> campaigns -> restorer, flusher, fold, keeper -> workers
 *
 * A broker or registry that is away is waited for; everything else that is wrong ends the start
 * with a sentence, and what was opened is closed again.
 */
#include "core/process.h"

#include "core/api.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/flusher.h"
#include "core/follower.h"
#include "core/http.h"
#include "core/item_keeper.h"
#include "core/kafka_conf.h"
#include "core/local_registry.h"
#include "core/restorer.h"
#include "core/topics.h"
#include "core/worker.h"
#include "schemas/avro_codec.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BROKER_TIMEOUT_MS = 2000,
    WRONG_BELIEVED_MS = 3000, /* of a broker's topics: how long an error has to last */
    ASK_AGAIN_US = 200000,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 5000,
    STOP_LIMIT_MS = 20000, /* for a drain; supervisors lose their patience after 30 s */
};

struct process {
    struct runtime runtime;
    struct http_server *http;
    struct follower *follower;
    struct item_keeper *keeper;
    struct flusher *flusher;
};

static atomic_bool stop_asked;

void process_ask_stop(void)
{
    atomic_store(&stop_asked, true);
}

bool process_stop_asked(void)
{
    return atomic_load(&stop_asked);
}

struct runtime *process_runtime(struct process *process)
{
    return &process->runtime;
}

int process_http_port(const struct process *process)
{
    return http_server_port(process->http);
}

bool process_running(const struct process *process)
{
    return !atomic_load(&((struct process *)(uintptr_t)process)->runtime.stopping);
}

/* ---- waiting for others ---- */

struct backoff {
    int wait_ms;
};

/* Sleeps a little longer each time; false: a stop was asked for meanwhile. */
static bool back_off(struct backoff *backoff)
{
    int wait_ms = backoff->wait_ms ? backoff->wait_ms * 2 : BACKOFF_MIN_MS;

    backoff->wait_ms = wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS;
    for (int slept_ms = 0; slept_ms < backoff->wait_ms && !process_stop_asked(); slept_ms += 20)
        usleep(20000);
    return !process_stop_asked();
}

static enum status stopped(struct error *err)
{
    return error_set(err, ERR_STATE, "stopped before the start was complete");
}

/* The first thing that makes a run wrong is its error; the rest is said in the log. */
static void on_topic(void *context, enum topic_severity severity, const char *sentence)
{
    struct error *first = context;

    if (severity == TOPIC_WRONG && first->status == OK)
        error_set(first, ERR_INVALID, "%s", sentence);
    else if (severity != TOPIC_NOTE)
        log_warn("topics", "reason=\"%s\"", sentence);
}

static enum status check_topics(const struct settings *settings, struct error *err)
{
    struct error first = {0};
    int worst;

    if (topics_check(settings, on_topic, &first, &worst, err) != OK)
        return ERR_TIMEOUT; /* not reachable just now */
    if (first.status != OK)
        *err = first;
    return first.status;
}

/* A broker that stops or has just started knows less topics than it will: what is wrong has to
 * stay wrong for a while. */
static bool is_believed(int64_t *since_ns)
{
    int64_t now_ns = clock_mono_ns();

    if (!*since_ns)
        *since_ns = now_ns;
    return now_ns - *since_ns > (int64_t)WRONG_BELIEVED_MS * 1000000;
}

static enum status meet_broker(struct runtime *runtime, struct error *err)
{
    struct backoff backoff = {0};
    int64_t wrong_since_ns = 0;
    rd_kafka_conf_t *conf;
    rd_kafka_t *client;
    char text[256];
    enum status status;

    TRY(kafka_conf_open(runtime->settings, KAFKA_PRODUCER, &conf, err));
    client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERR_INVALID, "kafka: %s", text);
    }
    do {
        status = runtime_read_metadata(runtime, client, BROKER_TIMEOUT_MS, err);
        if (status == OK && !runtime->embedded)
            status = check_topics(runtime->settings, err);
        if (status == ERR_INVALID && !is_believed(&wrong_since_ns)) {
            usleep(ASK_AGAIN_US);
            status = ERR_TIMEOUT;
        } else if (status == ERR_TIMEOUT) {
            wrong_since_ns = 0;
            runtime_phase(runtime, "waits for the broker: %s", err->text);
            log_warn("broker_away", "call=metadata reason=\"%s\"", err->text);
        }
    } while (status == ERR_TIMEOUT &&
             (wrong_since_ns ? !process_stop_asked() : back_off(&backoff)));
    rd_kafka_destroy(client);
    return status == ERR_TIMEOUT ? stopped(err) : status;
}

/* The id of one output schema: registered, or looked up where registering is switched off. */
static enum status know_schema(struct runtime *runtime, const char *topic,
                               const struct record_type *type, int32_t *out_id,
                               struct error *err)
{
    const char *json = record_type_schema(type);
    struct backoff backoff = {0};
    char subject[300];
    enum status status;

    if (runtime->embedded) {
        *out_id = local_registry_id(record_type_name(type));
        return OK;
    }
    snprintf(subject, sizeof(subject), "%s-value", topic);
    do {
        status = runtime->settings->registry.auto_register
                     ? registry_register(runtime->registry, subject, json, out_id, err)
                     : registry_lookup(runtime->registry, subject, json, out_id, err);
        if (status == ERR_IO) {
            runtime_phase(runtime, "waits for the schema registry: %s", err->text);
            log_warn("registry_away", "subject=%s reason=\"%s\"", subject, err->text);
        }
    } while (status == ERR_IO && back_off(&backoff));
    return status == ERR_IO ? stopped(err) : status;
}

static enum status know_schemas(struct runtime *runtime, struct error *err)
{
    struct output_schema schemas[OUTPUT_SCHEMAS_MAX];
    uint32_t n = runtime_output_schemas(runtime, schemas);

    for (uint32_t i = 0; i < n; i++)
        TRY(know_schema(runtime, schemas[i].topic, schemas[i].type, schemas[i].out_id, err));
    return OK;
}

/* ---- state directory ---- */

static enum status make_folder(const char *path, struct error *err)
{
    char partial[SETTING_TEXT_MAX + 64];

    snprintf(partial, sizeof(partial), "%s", path);
    for (char *at = partial + 1;; at++) {
        if (*at && *at != '/')
            continue;
        char kept = *at;

        *at = '\0';
        if (mkdir(partial, 0777) && errno != EEXIST)
            return error_set(err, ERR_IO, "state.dir: cannot make '%s': %s", partial,
                             strerror(errno));
        *at = kept;
        if (!kept)
            return OK;
    }
}

/* settings.instance, or a name made once and kept in the state directory. */
static enum status know_instance(struct runtime *runtime, struct error *err)
{
    const char *dir = runtime->settings->state.dir;
    char path[SETTING_TEXT_MAX + 64];
    FILE *file;

    if (runtime->settings->instance[0]) {
        snprintf(runtime->instance, sizeof(runtime->instance), "%s",
                 runtime->settings->instance);
        return OK;
    }
    snprintf(path, sizeof(path), "%s/instance", dir);
    file = fopen(path, "r");
    if (file) {
        bool read = fscanf(file, "%127s", runtime->instance) == 1;

        fclose(file);
        if (read)
            return OK;
    }
    /* Machines started together differ in the nanoseconds since their boot. */
    uint64_t parts[] = {(uint64_t)clock_wall_ms(), (uint64_t)clock_mono_ns(),
                        (uint64_t)getpid()};

    snprintf(runtime->instance, sizeof(runtime->instance), "i%08x",
             (unsigned)hash64((struct str){(const char *)parts, sizeof(parts)}));
    file = fopen(path, "w");
    if (!file || fprintf(file, "%s\n", runtime->instance) < 0 || fclose(file))
        return error_set(err, ERR_IO, "state.dir: cannot write '%s': %s", path,
                         strerror(errno));
    return OK;
}

static enum status open_state(struct runtime *runtime, struct error *err)
{
    char dir[SETTING_TEXT_MAX + 16];
    struct state_db_options options = {
        .dir = dir,
        .app = runtime->settings->app,
        .cluster = runtime->cluster_id,
        .memtable_bytes = runtime->plan.memtable_bytes,
        .block_cache_bytes = runtime->plan.block_cache_bytes,
    };

    snprintf(dir, sizeof(dir), "%s/db", runtime->settings->state.dir);
    return state_db_open(&options, &runtime->db, err);
}

/* ---- start ---- */

static enum status open_registry(struct runtime *runtime, int http_port, struct error *err)
{
    const struct settings *settings = runtime->settings;
    char cache_dir[SETTING_TEXT_MAX + 16], own_url[64];
    struct registry_options options = {
        .url = settings->registry.url,
        .user = settings->registry.user,
        .password = settings->registry.password,
        .ca = settings->registry.ca,
        .cache_dir = cache_dir,
    };

    snprintf(cache_dir, sizeof(cache_dir), "%s/schemas", settings->state.dir);
    if (runtime->embedded) {
        snprintf(own_url, sizeof(own_url), "http://127.0.0.1:%d", http_port);
        options.url = own_url;
    }
    TRY(make_folder(cache_dir, err));
    return registry_open(&options, &runtime->registry, err);
}

static enum status start_workers(struct runtime *runtime, struct error *err)
{
    for (uint32_t w = 0; w < (uint32_t)runtime->settings->workers; w++) {
        TRY(worker_start(runtime, w, &runtime->workers[w], err));
        runtime->n_workers++;
    }
    return OK;
}

static enum status start(struct process *process, struct error *err)
{
    struct runtime *runtime = &process->runtime;

    runtime_phase(runtime, "starts");
    TRY(runtime_load_campaigns(runtime, err));
    TRY(make_folder(runtime->settings->state.dir, err));
    TRY(know_instance(runtime, err));
    TRY(http_server_open(runtime->settings, api_routes, n_api_routes, runtime, &process->http,
                         err));
    TRY(open_registry(runtime, process_http_port(process), err));
    TRY(meet_broker(runtime, err));
    TRY(know_schemas(runtime, err));
    TRY(open_state(runtime, err));
    TRY(runtime_open_tables(runtime, err));
    TRY(restorer_start(runtime, &runtime->restorer, err));
    TRY(flusher_start(runtime, &process->flusher, err));
    TRY(follower_start(runtime, &process->follower, err));
    TRY(item_keeper_start(runtime, &process->keeper, err));
    TRY(start_workers(runtime, err));
    log_info("started", "app=%s instance=%s tasks=%u workers=%u http_port=%d",
             runtime->settings->app, runtime->instance, runtime->n_partitions,
             runtime->n_workers, process_http_port(process));
    return OK;
}

enum status process_start(const struct process_options *options, struct process **out,
                          struct error *err)
{
    struct process *process = calloc(1, sizeof(*process));

    if (!process)
        return error_set(err, ERR_NOMEM, "out of memory");
    runtime_init(&process->runtime, options->settings);
    process->runtime.embedded = options->embedded;
    enum status status = start(process, err);

    if (status != OK) {
        process_stop(process, false, NULL);
        return status;
    }
    *out = process;
    return OK;
}

/* ---- stop ---- */

enum status process_stop(struct process *process, bool keep_membership, struct error *err)
{
    struct runtime *runtime = &process->runtime;
    int64_t deadline_ns = clock_mono_ns() + (int64_t)STOP_LIMIT_MS * 1000000;
    enum status status = OK;

    atomic_store(&runtime->keep_membership, keep_membership);
    atomic_store(&runtime->stopping, true);
    http_server_close(process->http); /* its handlers read what goes away below */
    for (uint32_t w = 0; w < runtime->n_workers; w++) {
        if (!worker_join(runtime->workers[w], deadline_ns)) {
            if (err && atomic_load(&runtime->failed))
                *err = runtime->failure;
            return ERR_TIMEOUT;
        }
    }
    restorer_stop(runtime->restorer); /* it may still post to a worker that has ended */
    for (uint32_t w = 0; w < runtime->n_workers; w++)
        worker_close(runtime->workers[w]);
    follower_stop(process->follower);
    item_keeper_stop(process->keeper);
    flusher_stop(process->flusher);
    if (atomic_load(&runtime->failed)) {
        status = runtime->failure.status;
        if (err)
            *err = runtime->failure;
    }
    runtime_deinit(runtime);
    free(process);
    return status;
}
