/*
 * /v1/status: one look at everything, for the console and for people with curl.
 *
 * Numbers come from what the workers publish (lag cells, task states) and from the metrics, so
 * nobody is asked and nothing is counted twice.
 */
#include "core/api_private.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "core/inspect_items.h"
#include "core/worker_private.h"

#include <stdio.h>
#include <unistd.h>

static int64_t value_of(const char *name, const char *labels)
{
    const struct metric *metric = metric_find(name, labels);

    return metric ? metric_get(metric) : 0;
}

/* ---- partitions ---- */

static void put_topic(struct json_text *json, struct runtime *runtime, uint32_t partition,
                      int topic)
{
    const struct lag_cell *cell = &runtime->status[partition].lag[topic];
    int64_t next = atomic_load_explicit(&cell->next, memory_order_relaxed);
    int64_t end = atomic_load_explicit(&cell->end, memory_order_relaxed);
    int64_t behind_ms = atomic_load_explicit(&cell->behind_ms, memory_order_relaxed);

    json_text_open(json, '{');
    json_field_str(json, "topic",
                   str_of(topic_text(runtime->settings, (enum input_topic)topic)));
    json_field_int(json, "position", next);
    json_text_key(json, "end");
    if (end < 0)
        json_text_null(json); /* the broker has not said yet */
    else
        json_text_int(json, end);
    json_field_int(json, "lag", end > next ? end - next : 0);
    json_field_number(json, "seconds_behind", (double)behind_ms / 1e3);
    json_text_close(json, '}');
}

static void put_partition(struct json_text *json, struct runtime *runtime, uint32_t partition)
{
    static const char *const states[] = {"elsewhere", "restoring", "running"};
    const struct task_status *status = &runtime->status[partition];
    int state = atomic_load(&status->state);
    int64_t clock_ms = atomic_load(&status->clock_ms);

    json_text_open(json, '{');
    json_field_int(json, "partition", partition);
    json_field_str(json, "state", str_of(states[state]));
    json_field_int(json, "restore_remaining", atomic_load(&status->restore_remaining));
    json_text_key(json, "clock");
    if (clock_ms > 0)
        json_text_int(json, clock_ms);
    else
        json_text_null(json);
    json_text_key(json, "topics");
    json_text_open(json, '[');
    for (int topic = 0; state == TASK_RUNNING && topic < N_USER_TOPICS; topic++)
        put_topic(json, runtime, partition, topic);
    json_text_close(json, ']');
    json_text_close(json, '}');
}

static void put_partitions(struct json_text *json, struct runtime *runtime)
{
    json_text_key(json, "partitions");
    json_text_open(json, '[');
    for (uint32_t p = 0; p < runtime->n_partitions; p++)
        put_partition(json, runtime, p);
    json_text_close(json, ']');
}

/* ---- counts ---- */

static void put_stages(struct json_text *json)
{
    static const char *const names[N_STAGES] = {"decode", "features", "learn",
                                                "rank",   "encode",   "commit"};

    json_text_key(json, "stages");
    json_text_open(json, '[');
    for (int s = 0; s < N_STAGES; s++) {
        char label[32];

        snprintf(label, sizeof(label), "stage=\"%s\"", names[s]);
        json_text_open(json, '{');
        json_field_str(json, "stage", str_of(names[s]));
        json_field_int(json, "calls", value_of("stage_calls_total", label));
        json_field_int(json, "events", value_of("stage_events_total", label));
        json_field_number(json, "seconds",
                          (double)value_of("stage_seconds_total", label) * 1e-9);
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
}

static void put_fates(struct json_text *json)
{
    json_text_key(json, "fates");
    json_text_open(json, '{');
    for (int fate = 0; fate < N_EVENT_FATES; fate++) {
        const char *word = event_fate_name((enum event_fate)fate);
        char label[64];

        snprintf(label, sizeof(label), "fate=\"%s\"", word);
        json_field_int(json, word, metric_sum("events_total", label));
    }
    json_text_close(json, '}');
}

static void put_messages(struct json_text *json)
{
    json_text_key(json, "messages");
    json_text_open(json, '{');
    json_field_int(json, "sent", metric_sum("messages_total", "outcome=\"sent\""));
    json_field_int(json, "suppressed", metric_sum("messages_total", "outcome=\"suppressed\""));
    json_text_close(json, '}');
}

static void put_reasons(struct json_text *json)
{
    static const char *const words[] = {"unknown", "covisitation", "factors", "recent",
                                        "popular"};

    json_text_key(json, "lists");
    json_text_open(json, '{');
    for (size_t r = 0; r < sizeof(words) / sizeof(words[0]); r++) {
        char label[32];

        snprintf(label, sizeof(label), "reason=\"%s\"", words[r]);
        json_field_int(json, words[r], value_of("recommendations_total", label));
    }
    json_text_close(json, '}');
}

static void put_transactions(struct json_text *json)
{
    json_text_key(json, "transactions");
    json_text_open(json, '{');
    json_field_int(json, "committed", value_of("transactions_total", "result=\"committed\""));
    json_field_int(json, "aborted", value_of("transactions_total", "result=\"aborted\""));
    json_text_close(json, '}');
}

/* ---- items, memory, news ---- */

static void put_items(struct json_text *json, struct runtime *runtime)
{
    const struct item_view *view = item_view_acquire(runtime->fold);
    char name[1024];
    struct str view_name = {name, item_view_name(view, name, sizeof(name))};

    json_text_key(json, "items");
    json_text_open(json, '{');
    json_field_str(json, "view", view_name);
    json_field_str(json, "model", str_of(item_view_model_version(view)));
    json_field_int(json, "known", item_view_n_items(view));
    json_field_int(json, "bytes", (int64_t)item_fold_memory_bytes(runtime->fold));
    json_text_close(json, '}');
    item_view_release(runtime->fold, view);
}

static int64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long long pages = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%*s %lld", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void put_news(struct json_text *json, struct runtime *runtime)
{
    enum { N = sizeof(runtime->news.at) / sizeof(runtime->news.at[0]) };

    json_text_key(json, "news"); /* newest first */
    json_text_open(json, '[');
    pthread_mutex_lock(&runtime->news.lock);
    for (uint32_t i = 0; i < N && i < runtime->news.n; i++)
        json_text_str(json, str_of(runtime->news.at[(runtime->news.n - 1 - i) % N].text));
    pthread_mutex_unlock(&runtime->news.lock);
    json_text_close(json, ']');
}

/* Where somebody measures it (the demo does): share of next items that the last list had. */
static void put_hit_rate(struct json_text *json, const char *model)
{
    const struct metric *metric;
    char label[128];

    snprintf(label, sizeof(label), "model=\"%s\"", model);
    metric = metric_find("model_hit_rate", label);
    json_text_key(json, "hit_rate");
    if (metric)
        json_text_number(json, (double)metric_get(metric) * 1e-9);
    else
        json_text_null(json);
}

static void put_build(struct json_text *json)
{
    json_text_key(json, "build");
    json_text_open(json, '{');
    json_field_str(json, "version", str_of(FRESHET_VERSION));
    json_field_str(json, "revision",
                   str_of(FRESHET_REVISION[0] ? FRESHET_REVISION : "unknown"));
    json_text_close(json, '}');
}

static void put_started(struct json_text *json, struct runtime *runtime)
{
    put_partitions(json, runtime);
    put_stages(json);
    put_fates(json);
    put_messages(json);
    put_reasons(json);
    put_transactions(json);
    put_items(json, runtime);
    put_hit_rate(json, "served");
    put_news(json, runtime);
}

void api_status(void *context, const struct http_request *request,
                struct http_response *response)
{
    struct runtime *runtime = context;
    struct json_text json;
    char missing[1024];
    bool ready = api_ready(runtime, missing, sizeof(missing));
    bool started = atomic_load(&runtime->items_ready);

    (void)request;
    json_text_init(&json, 8192);
    json_text_open(&json, '{');
    json_field_str(&json, "app", str_of(runtime->settings->app));
    json_field_bool(&json, "ready", ready);
    json_field_str(&json, "missing", ready ? (struct str){NULL, 0} : str_of(missing));
    json_field_int(&json, "time", clock_wall_ms());
    json_field_number(&json, "cpu_seconds", (double)clock_cpu_ns() * 1e-9);
    json_field_int(&json, "resident_bytes", resident_bytes());
    put_build(&json);
    if (started) {
        json_field_str(&json, "instance", str_of(runtime->instance));
        put_started(&json, runtime);
    }
    json_text_close(&json, '}');
    api_answer(response, &json);
}

/* About 1 ns a byte of the model, so nobody is asked for it unasked. */
void api_items_digest(void *context, const struct http_request *request,
                      struct http_response *response)
{
    struct runtime *runtime = context;
    const struct item_view *view;
    struct json_text json;

    (void)request;
    if (!api_started(runtime, response))
        return;
    json_text_init(&json, 1024);
    json_text_open(&json, '{');
    view = item_view_acquire(runtime->fold);
    if (inspect_items_fields(&json, view) != OK)
        json.failed = true;
    item_view_release(runtime->fold, view);
    json_text_close(&json, '}');
    api_answer(response, &json);
}
