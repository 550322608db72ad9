/*
 * The table of paths, and the small ones: health, readiness, metrics, console.
 *
 * HTTP is open before anything else is (so that /readyz can say what the start waits for).
 * What the start makes, the item fold for instance, is therefore looked at only behind
 * `items_ready`, which is set when all of it is there.
 */
#include "core/api_private.h"

#include "core/base/metrics.h"
#include "core/local_registry.h"
#include "schemas/ranking.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void api_answer(struct http_response *response, struct json_text *json)
{
    response->body = json_text_take(json, &response->len);
    if (!response->body)
        http_error(response, 500, "out of memory");
}

bool api_started(struct runtime *runtime, struct http_response *response)
{
    char text[512];

    if (atomic_load(&runtime->items_ready))
        return true;
    api_ready(runtime, text, sizeof(text));
    http_error(response, 503, "not ready: %s", text);
    return false;
}

bool api_k(const struct runtime *runtime, const struct http_request *request,
           struct http_response *response, uint32_t *out_k)
{
    const char *text = request->query(request, "k");
    char *end;
    long k;

    if (!text) {
        *out_k = (uint32_t)runtime->settings->recommend.k;
        return true;
    }
    k = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || k < 1 || k > RANKING_K_MAX) {
        http_error(response, 400, "k: '%.32s' is no number from 1 to %d", text, RANKING_K_MAX);
        return false;
    }
    *out_k = (uint32_t)k;
    return true;
}

/* ---- readiness ---- */

struct sentence {
    char *at;
    size_t capacity, n;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *out, const char *format,
                                                      ...)
{
    va_list args;
    int n;

    if (out->n && out->n + 2 < out->capacity)
        out->n += (size_t)snprintf(out->at + out->n, out->capacity - out->n, "; ");
    va_start(args, format);
    n = vsnprintf(out->at + out->n, out->capacity - out->n, format, args);
    va_end(args);
    out->n += n > 0 ? (size_t)n : 0;
    if (out->n >= out->capacity) /* cut */
        out->n = out->capacity - 1;
}

static void say_tasks(struct runtime *runtime, struct sentence *out)
{
    uint32_t n_restoring = 0, n_running = 0;
    int n_assigned = atomic_load(&runtime->n_assigned);
    int64_t remaining = 0;

    for (uint32_t p = 0; p < runtime->n_partitions; p++) {
        int state = atomic_load(&runtime->status[p].state);

        n_running += state == TASK_RUNNING;
        n_restoring += state == TASK_RESTORING;
        if (state == TASK_RESTORING)
            remaining += atomic_load(&runtime->status[p].restore_remaining);
    }
    if (n_assigned == 0)
        say(out, "the group has assigned no partition to this process yet");
    else if (n_restoring || n_running < (uint32_t)n_assigned)
        say(out, "%d of %d partitions are being restored, %lld records to go",
            n_assigned - (int)n_running, n_assigned, (long long)remaining);
}

static int64_t lag_of(const struct lag_cell *cell)
{
    int64_t end = atomic_load_explicit(&cell->end, memory_order_relaxed);
    int64_t next = atomic_load_explicit(&cell->next, memory_order_relaxed);

    return end > next ? end - next : 0;
}

static void say_lag(struct runtime *runtime, struct sentence *out)
{
    int64_t most = 0;
    uint32_t where = 0, n_behind = 0;
    enum input_topic which = INPUT_CLICKSTREAM;

    for (uint32_t p = 0; p < runtime->n_partitions; p++) {
        for (int t = 0; t < N_USER_TOPICS; t++) {
            int64_t lag = atomic_load(&runtime->status[p].state) == TASK_RUNNING
                              ? lag_of(&runtime->status[p].lag[t])
                              : 0;

            n_behind += lag > runtime->settings->ready_max_lag;
            if (lag > most) {
                most = lag;
                where = p;
                which = (enum input_topic)t;
            }
        }
    }
    if (n_behind)
        say(out,
            "%u of the inputs' partitions behind by more than ready.max_lag (%lld records), "
            "furthest: partition %u of %s, by %lld",
            n_behind, (long long)runtime->settings->ready_max_lag, where,
            input_topic_name(which), (long long)most);
}

bool api_ready(struct runtime *runtime, char *text, size_t capacity)
{
    struct sentence out = {text, capacity, 0};
    char reason[256];

    text[0] = '\0';
    if (atomic_load(&runtime->failed)) {
        pthread_mutex_lock(&runtime->failure_lock);
        say(&out, "ends because of a failure: %s", runtime->failure.text);
        pthread_mutex_unlock(&runtime->failure_lock);
    } else if (atomic_load(&runtime->stopping)) {
        say(&out, "is being stopped");
    } else if (!atomic_load(&runtime->items_ready)) {
        pthread_mutex_lock(&runtime->failure_lock);
        say(&out, "%s", runtime->phase);
        pthread_mutex_unlock(&runtime->failure_lock);
    } else {
        if (atomic_load(&runtime->broker_away))
            say(&out, "the Kafka broker does not answer");
        say_tasks(runtime, &out);
        say_lag(runtime, &out);
        if (runtime->registry && registry_is_down(runtime->registry, reason, sizeof(reason)))
            say(&out, "the schema registry does not answer: %s", reason);
    }
    return out.n == 0;
}

/* ---- handlers ---- */

static void handle_health(void *context, const struct http_request *request,
                          struct http_response *response)
{
    struct runtime *runtime = context;
    struct json_text json;

    (void)request;
    if (atomic_load(&runtime->failed))
        response->status = 503;
    json_text_init(&json, 64);
    json_text_open(&json, '{');
    json_field_bool(&json, "alive", response->status == 200);
    json_text_close(&json, '}');
    api_answer(response, &json);
}

static void handle_ready(void *context, const struct http_request *request,
                         struct http_response *response)
{
    struct json_text json;
    char missing[1024];
    bool ready = api_ready(context, missing, sizeof(missing));

    (void)request;
    response->status = ready ? 200 : 503;
    json_text_init(&json, 256);
    json_text_open(&json, '{');
    json_field_bool(&json, "ready", ready);
    json_field_str(&json, "missing", ready ? (struct str){NULL, 0} : str_of(missing));
    json_text_close(&json, '}');
    api_answer(response, &json);
}

static void handle_metrics(void *context, const struct http_request *request,
                           struct http_response *response)
{
    const char *accept = request->header(request, "Accept");
    bool openmetrics = accept && strstr(accept, "application/openmetrics-text");
    FILE *out = open_memstream(&response->body, &response->len);

    (void)context;
    if (!out) {
        http_error(response, 500, "out of memory");
        return;
    }
    metrics_write(out, openmetrics);
    if (fclose(out) != 0) {
        http_error(response, 500, "out of memory");
        return;
    }
    response->content_type = openmetrics
                                 ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                 : "text/plain; version=0.0.4; charset=utf-8";
}

static void handle_console(void *context, const struct http_request *request,
                           struct http_response *response)
{
    (void)context;
    (void)request;
    response->body = malloc(console_html_len);
    if (!response->body) {
        http_error(response, 500, "out of memory");
        return;
    }
    memcpy(response->body, console_html, console_html_len);
    response->len = console_html_len;
    response->content_type = "text/html; charset=utf-8";
}

#define GET(path, about, query_, open_, handler)                                               \
    {                                                                                          \
        .method = "GET", .pattern = path, .summary = about, .query = query_, .open = open_,    \
        .handle = handler                                                                      \
    }

const struct http_route api_routes[] = {
    GET("/healthz", "Is the process alive?", NULL, true, handle_health),
    GET("/readyz", "Does it keep up? The body says what is missing.", NULL, true, handle_ready),
    GET("/metrics", "Prometheus text; OpenMetrics when asked for.", NULL, false,
        handle_metrics),
    GET("/v1/status", "Lag, stages, counts, the item view.", NULL, false, api_status),
    GET("/v1/users/{user}/recommendations",
        "A person's list now, on committed state; item: the page being looked at.",
        "k:integer item:string", false, api_recommendations),
    GET("/v1/items/digest", "Digests of the item model: equal at one offset, equal models.",
        NULL, false, api_items_digest),
    GET("/v1/items/{item}/related", "Items that go with an item.", "k:integer", false,
        api_related),
    GET("/v1/users/{user}/features", "What the state holds of a person.", NULL, false,
        api_features),
    GET("/v1/users/{user}/messages", "A person's last messages and open timers.", NULL, false,
        api_messages),
    GET("/subjects", "The demo's schema registry: its subjects.", NULL, false,
        local_registry_subjects),
    GET("/subjects/{subject}/versions", "Versions of a subject.", NULL, false,
        local_registry_versions),
    GET("/subjects/{subject}/versions/{version}", "One version, or latest.", NULL, false,
        local_registry_version),
    GET("/schemas/ids/{id}", "The schema of an id.", NULL, false, local_registry_schema),
    GET("/", "The console: a page that shows what goes on.", NULL, true, handle_console),
};
const uint32_t n_api_routes = sizeof(api_routes) / sizeof(api_routes[0]);
