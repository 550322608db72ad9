/* The HTTP paths on a runtime made by hand: a fold that has learnt three clicks, one task. */
#include "tests/support/test_support.h"

#include "core/api.h"
#include "core/base/hash.h"
#include "core/base/metrics.h"
#include "core/local_registry.h"
#include "core/symbols.h"
#include "features/user_codec.h"
#include "schemas/avsc.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 INT64_C(1317454885000)

static struct runtime *runtime;
static struct settings *settings;
static struct http_server *server;
static char *folder;
static struct error err;

/* ---- what is there to be asked for ---- */

static void fold_catalog(const char *id, const char *title, int64_t stock, int64_t offset)
{
    const struct catalog_item item = {
        .item_id = str_of(id),
        .title = str_of(title),
        .price_e4 = 25000,
        .currency = str_of("GBP"),
        .stock = {true, stock},
        .available = true,
        .locale = str_of("en"),
    };

    assert_int_equal(item_fold_catalog(runtime->fold, str_of(id), &item, 0, offset + 1), OK);
}

static bool fold_change(void *context, struct str key, struct str value)
{
    int64_t *offset = context;

    return item_fold_apply(runtime->fold, key, value, ++*offset) == OK;
}

/* The person u looked at a, then b, then at sold-out c. */
static void learn_clicks(void)
{
    static struct event_batch events;
    static struct feature_batch features;
    static struct lane_items snapshots[3];
    static struct event_line lines[3];
    const char *const ids[] = {"a", "b", "c"};
    struct item_changes *changes;
    const struct item_view *view;
    int64_t offset = 0;

    events.n = features.n = 3;
    for (int i = 0; i < 3; i++) {
        lines[i] = (struct event_line){str_of(ids[i]), hash64(str_of(ids[i])), 1, -1};
        events.fate[i] = EVENT_LIVE;
        events.action[i] = ACTION_VIEW;
        events.time_ms[i] = events.clock_ms[i] = T0 + i * 1000;
        events.lines[i] = &lines[i];
        events.n_lines[i] = 1;
        for (int j = 0; j <= i; j++) /* newest first */
            snapshots[i].items[j] = (struct user_item){.item = lines[i - j].item,
                                                       .time_ms = T0 + (i - j) * 1000,
                                                       .action = ACTION_VIEW,
                                                       .n = 1};
        snapshots[i].n = (uint8_t)(i + 1);
        snapshots[i].n_before = (uint8_t)i;
        memcpy(snapshots[i].before_items, snapshots[i].items + 1,
               (size_t)i * sizeof(struct user_item));
        features.items[i] = &snapshots[i];
    }
    assert_int_equal(item_changes_open(&runtime->model_config, &changes, &err), OK);
    view = item_view_acquire(runtime->fold);
    item_changes_collect(changes, view, &events, &features);
    assert_int_equal(item_changes_emit(changes, fold_change, &offset), OK);
    item_view_release(runtime->fold, view);
    item_changes_close(changes);
}

static void put_user(struct task_home *home, const char *id)
{
    static uint8_t bytes[USER_BYTES_MAX];
    static struct user_state user;

    user_state_init(&user, str_of(id));
    user.n_events = 1;
    user.first_ms = user.last_ms = user.session_start_ms = T0;
    user.n_items = user.n_session = 1;
    user.items[0] = (struct user_item){
        .item = hash64(str_of("a")), .time_ms = T0, .action = ACTION_VIEW, .n = 1};
    user.n_sends = 1;
    user.sends[0] = (struct user_send){T0, CHANNEL_PUSH, PURPOSE_MARKETING};
    user_cache_lock(home->cache);
    assert_int_equal(user_cache_put(home->cache, NULL, str_of(id), hash64(str_of(id)), bytes,
                                    user_encode(&user, bytes, sizeof(bytes))),
                     OK);
    user_cache_unlock(home->cache, 1, bytes, 1);
}

static void open_state(void)
{
    char path[512];
    struct task_home *home = calloc(1, sizeof(*home));

    snprintf(path, sizeof(path), "%s/db", folder);
    assert_int_equal(state_db_open(&(struct state_db_options){.dir = path,
                                                              .app = "shop",
                                                              .cluster = "c",
                                                              .memtable_bytes = 1 << 20,
                                                              .block_cache_bytes = 1 << 20},
                                   &runtime->db, &err),
                     OK);
    home->task = 0;
    atomic_store(&home->refs, 1);
    pthread_mutex_init(&home->flush_lock, NULL);
    assert_int_equal(user_cache_open(0, runtime->db, 1 << 20, &home->cache), OK);
    runtime_add_home(runtime, home);
    atomic_store(&runtime->status[0].clock_ms, T0 + 3000);
}

/* Two partitions: the first is here, the second with another process. */
static int start(void **state)
{
    (void)state;
    folder = test_make_folder();
    settings = calloc(1, sizeof(*settings));
    runtime = calloc(1, sizeof(*runtime));
    settings_init(settings);
    strcpy(settings->http.listen, "127.0.0.1:0");
    runtime->settings = settings;
    pthread_rwlock_init(&runtime->homes_lock, NULL);
    pthread_mutex_init(&runtime->failure_lock, NULL);
    pthread_mutex_init(&runtime->news.lock, NULL);
    runtime->n_partitions = 2;
    runtime->n_catalog_partitions = 1;
    runtime->homes = calloc(2, sizeof(struct task_home *));
    runtime->status = calloc(2, sizeof(*runtime->status));
    runtime->model_config = item_model_defaults();
    runtime->model_config.items_max = 1000;
    runtime->model_config.catalog_partitions = 1;
    assert_int_equal(item_fold_open(&runtime->model_config, &runtime->fold, &err), OK);
    fold_catalog("a", "Apple \"A\"", 5, 0);
    fold_catalog("c", "Cherry", 0, 1);
    learn_clicks();
    assert_int_equal(item_fold_publish(runtime->fold), OK);
    open_state();
    atomic_store(&runtime->n_assigned, 1);
    atomic_store(&runtime->items_ready, true);
    curl_global_init(CURL_GLOBAL_ALL);
    if (http_server_open(settings, api_routes, n_api_routes, runtime, &server, &err) != OK)
        fail_msg("%s", err.text);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_server_close(server);
    runtime_remove_home(runtime, 0, false);
    item_fold_close(runtime->fold);
    state_db_close(runtime->db);
    free(runtime->homes);
    free(runtime->status);
    free(runtime);
    free(settings);
    test_remove_folder(folder);
    return 0;
}

/* ---- asking ---- */

struct answer {
    long status;
    char type[128];
    char *text;
    size_t n;
};

static size_t on_bytes(char *bytes, size_t size, size_t n, void *context)
{
    struct answer *answer = context;

    answer->text = realloc(answer->text, answer->n + size * n + 1);
    memcpy(answer->text + answer->n, bytes, size * n);
    answer->n += size * n;
    answer->text[answer->n] = '\0';
    return size * n;
}

static struct answer ask(const char *path, const char *header)
{
    struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
    struct answer answer = {0};
    CURL *curl = curl_easy_init();
    char url[1024], *type = NULL;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", http_server_port(server), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    snprintf(answer.type, sizeof(answer.type), "%s", type ? type : "");
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return answer;
}

/* The answer's JSON, with this status; the caller's reference. */
static json_t *ask_json(const char *path, long status)
{
    struct answer answer = ask(path, NULL);
    json_error_t problem;
    json_t *body = json_loadb(answer.text, answer.n, 0, &problem);

    if (!body)
        fail_msg("%s: %s in %s", path, problem.text, answer.text);
    if (answer.status != status)
        fail_msg("%s: status %ld: %s", path, answer.status, answer.text);
    free(answer.text);
    return body;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static json_t *item_of(const json_t *body, size_t i)
{
    return json_array_get(json_object_get(body, "items"), i);
}

/* A user id whose partition is the one asked for. */
static const char *somebody_in(const char *name, uint32_t task)
{
    static char id[32];

    for (int i = 0;; i++) {
        snprintf(id, sizeof(id), "%s%d", name, i);
        if (runtime_task_of(runtime, str_of(id)) == task)
            return id;
    }
}

static bool has_item(const json_t *body, const char *id)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(body, "items"), i, item)
    {
        if (strcmp(text_of(item, "item_id"), id) == 0)
            return true;
    }
    return false;
}

/* ---- sentences ---- */

static void a_known_person_gets_a_list_for_their_session(void **state)
{
    char path[128];
    json_t *body;

    (void)state;
    put_user(runtime->homes[0], somebody_in("p", 0));
    snprintf(path, sizeof(path), "/v1/users/%s/recommendations?k=2", somebody_in("p", 0));
    body = ask_json(path, 200);
    assert_true(json_is_true(json_object_get(body, "known")));
    assert_int_equal(json_array_size(json_object_get(body, "items")), 2);
    assert_true(has_item(body, "b"));  /* seen together with a */
    assert_false(has_item(body, "c")); /* sold out */
    assert_string_equal(text_of(body, "view"), "items:3,catalog:2");
    for (size_t i = 0; i < 2; i++) {
        bool is_a = strcmp(text_of(item_of(body, i), "item_id"), "a") == 0;

        assert_string_equal(text_of(item_of(body, i), "title"), is_a ? "Apple \"A\"" : "");
        assert_true(json_number_value(json_object_get(item_of(body, i), "score")) > 0);
        assert_true(strlen(text_of(item_of(body, i), "reason")) > 0);
    }
    json_decref(body);
}

static void an_unknown_person_gets_what_is_popular(void **state)
{
    char path[128];
    json_t *body;

    (void)state;
    snprintf(path, sizeof(path), "/v1/users/%s/recommendations", somebody_in("stranger", 0));
    body = ask_json(path, 200);
    assert_true(json_is_false(json_object_get(body, "known")));
    assert_int_equal(json_array_size(json_object_get(body, "items")), 2);
    assert_string_equal(text_of(item_of(body, 0), "reason"), "POPULAR");
    json_decref(body);
}

static void a_person_of_another_process_is_misdirected(void **state)
{
    char path[128];
    json_t *body;

    (void)state;
    snprintf(path, sizeof(path), "/v1/users/%s/recommendations", somebody_in("p", 1));
    body = ask_json(path, 421);
    assert_non_null(strstr(text_of(body, "error"), "partition 1"));
    json_decref(body);
    atomic_store(&runtime->status[1].state, TASK_RESTORING);
    body = ask_json(path, 503);
    assert_non_null(strstr(text_of(body, "error"), "restored"));
    json_decref(body);
    atomic_store(&runtime->status[1].state, TASK_ELSEWHERE);
}

static void k_is_checked(void **state)
{
    static const char *const bad[] = {"0", "101", "-1", "x", "", "3x", "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char path[128];

        snprintf(path, sizeof(path), "/v1/items/a/related?k=%s", bad[i]);
        json_decref(ask_json(path, 400));
    }
    json_decref(ask_json("/v1/items/a/related?k=100", 200));
}

static void related_items_are_those_seen_together(void **state)
{
    json_t *body = ask_json("/v1/items/a/related?k=1", 200);

    (void)state;
    assert_true(json_is_true(json_object_get(body, "known")));
    assert_int_equal(json_array_size(json_object_get(body, "items")), 1);
    assert_string_equal(text_of(item_of(body, 0), "item_id"), "b"); /* not a itself, not c */
    assert_string_equal(text_of(item_of(body, 0), "reason"), "COVISITATION");
    json_decref(body);
    body = ask_json("/v1/items/never-met/related", 200);
    assert_true(json_is_false(json_object_get(body, "known")));
    json_decref(body);
}

static void features_are_what_the_state_holds(void **state)
{
    char path[128];
    json_t *body;

    (void)state;
    put_user(runtime->homes[0], somebody_in("p", 0));
    snprintf(path, sizeof(path), "/v1/users/%s/features", somebody_in("p", 0));
    body = ask_json(path, 200);
    assert_int_equal(json_integer_value(json_object_get(body, "events")), 1);
    assert_string_equal(text_of(item_of(body, 0), "item_id"), "a");
    assert_true(json_is_true(json_object_get(item_of(body, 0), "session")));
    json_decref(body);
    snprintf(path, sizeof(path), "/v1/users/%s/messages", somebody_in("p", 0));
    body = ask_json(path, 200);
    assert_string_equal(text_of(json_array_get(json_object_get(body, "sends"), 0), "channel"),
                        "PUSH");
    assert_int_equal(json_array_size(json_object_get(body, "timers")), 0);
    json_decref(body);
}

static void readiness_names_what_is_missing(void **state)
{
    struct lag_cell *cell = &runtime->status[0].lag[INPUT_ORDERS];
    json_t *body = ask_json("/readyz", 200);

    (void)state;
    assert_true(json_is_null(json_object_get(body, "missing")));
    json_decref(body);

    atomic_store(&cell->next, 5);
    atomic_store(&cell->end, 5 + settings->ready_max_lag); /* as far as it may be */
    json_decref(ask_json("/readyz", 200));
    atomic_store(&cell->end, 6 + settings->ready_max_lag);
    body = ask_json("/readyz", 503);
    assert_non_null(strstr(text_of(body, "missing"), "partition 0 of orders"));
    json_decref(body);
    atomic_store(&cell->end, 5);

    atomic_store(&runtime->n_assigned, 2);
    atomic_store(&runtime->status[1].state, TASK_RESTORING);
    atomic_store(&runtime->status[1].restore_remaining, 1234);
    body = ask_json("/readyz", 503);
    assert_non_null(strstr(text_of(body, "missing"), "1 of 2 partitions"));
    assert_non_null(strstr(text_of(body, "missing"), "1234 records"));
    json_decref(body);
    atomic_store(&runtime->status[1].state, TASK_ELSEWHERE);

    atomic_store(&runtime->n_assigned, 0);
    json_decref(ask_json("/readyz", 503));
    atomic_store(&runtime->n_assigned, 1);
}

/* While it starts, nothing but the phase may be looked at: the rest is not there yet. */
static void a_process_that_starts_says_what_it_waits_for(void **state)
{
    json_t *body;

    (void)state;
    atomic_store(&runtime->items_ready, false);
    runtime_phase(runtime, "waits for the broker: no route");
    body = ask_json("/readyz", 503);
    assert_string_equal(text_of(body, "missing"), "waits for the broker: no route");
    json_decref(body);
    body = ask_json("/v1/items/a/related", 503);
    assert_non_null(strstr(text_of(body, "error"), "waits for the broker"));
    json_decref(body);
    body = ask_json("/v1/status", 200);
    assert_null(json_object_get(body, "partitions"));
    json_decref(body);
    json_decref(ask_json("/healthz", 200));
    atomic_store(&runtime->items_ready, true);
}

static void status_has_lag_stages_and_counts(void **state)
{
    struct lag_cell *cell = &runtime->status[0].lag[INPUT_CLICKSTREAM];
    json_t *body, *partition, *topic;

    (void)state;
    atomic_store(&cell->next, 7);
    atomic_store(&cell->end, 10);
    atomic_store(&cell->behind_ms, 1500);
    metric_add(metric_counter("events_total", "Records.", "topic=\"clickstream\",fate=\"%s\"",
                              "bad_avro"),
               3);
    metric_add(metric_seconds(METRIC_COUNTER, "stage_seconds_total", "Time.", "stage=\"rank\""),
               2500000);
    runtime_news(runtime, "push  first");
    runtime_news(runtime, "push  second");
    body = ask_json("/v1/status", 200);
    partition = json_array_get(json_object_get(body, "partitions"), 0);
    assert_string_equal(text_of(partition, "state"), "running");
    topic = json_array_get(json_object_get(partition, "topics"), INPUT_CLICKSTREAM);
    assert_string_equal(text_of(topic, "topic"), "clickstream");
    assert_int_equal(json_integer_value(json_object_get(topic, "lag")), 3);
    assert_close(json_number_value(json_object_get(topic, "seconds_behind")), 1.5, 0);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(body, "fates"), "bad_avro")), 3);
    topic = json_array_get(json_object_get(body, "stages"), 3);
    assert_string_equal(text_of(topic, "stage"), "rank");
    assert_close(json_number_value(json_object_get(topic, "seconds")), 0.0025, 1e-12);
    assert_string_equal(json_string_value(json_array_get(json_object_get(body, "news"), 0)),
                        "push  second");
    assert_string_equal(
        text_of(json_array_get(json_object_get(body, "partitions"), 1), "state"), "elsewhere");
    json_decref(body);
    atomic_store(&cell->end, 7);
}

static void metrics_come_in_the_dialect_asked_for(void **state)
{
    struct answer plain = ask("/metrics", NULL);
    struct answer open = ask("/metrics", "Accept: application/openmetrics-text; version=1.0.0");

    (void)state;
    assert_non_null(strstr(plain.type, "text/plain; version=0.0.4"));
    assert_null(strstr(plain.text, "# EOF"));
    assert_non_null(strstr(plain.text, "freshet_http_responses_total{status=\"2xx\"}"));
    assert_non_null(strstr(open.type, "application/openmetrics-text"));
    assert_non_null(strstr(open.text, "# EOF\n"));
    free(plain.text);
    free(open.text);
}

static void the_console_is_one_page_that_asks_nobody_else(void **state)
{
    struct answer answer = ask("/", NULL);

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.type, "text/html"));
    assert_non_null(strstr(answer.text, "</html>"));
    assert_null(strstr(answer.text, "http://"));
    assert_null(strstr(answer.text, "https://"));
    assert_null(strstr(answer.text, " src="));
    free(answer.text);
}

static void schemas_are_served_in_the_demo_only(void **state)
{
    json_t *body;
    char path[64];

    (void)state;
    json_decref(ask_json("/subjects", 404));
    json_decref(ask_json("/schemas/ids/1", 404));
    runtime->embedded = true;
    for (unsigned i = 0; i < n_avsc_files; i++) {
        snprintf(path, sizeof(path), "/schemas/ids/%d", local_registry_id(avsc_files[i].name));
        body = ask_json(path, 200);
        assert_string_equal(text_of(body, "schema"), avsc_files[i].json);
        json_decref(body);
    }
    body = ask_json("/subjects/recommendations-value/versions/latest", 200);
    assert_int_equal(json_integer_value(json_object_get(body, "id")),
                     local_registry_id("recommendation"));
    assert_int_equal(json_integer_value(json_object_get(body, "version")), 1);
    json_decref(body);
    body = ask_json("/subjects/clickstream-value/versions", 200);
    assert_int_equal(json_array_size(body), 1);
    json_decref(body);
    body = ask_json("/subjects", 200);
    assert_true(json_array_size(body) >= 10);
    json_decref(body);
    runtime->embedded = false;
}

static void the_registry_refuses_in_the_words_clients_know(void **state)
{
    static const struct {
        const char *path;
        int code;
    } bad[] = {
        {"/schemas/ids/0", 40403},
        {"/schemas/ids/10000", 40403},
        {"/schemas/ids/18446744073709551617", 40403},
        {"/schemas/ids/1x", 40403},
        {"/subjects/no-value/versions", 40401},
        {"/subjects/clickstream/versions/1", 40401},
        {"/subjects/clickstream-value/versions/2", 40402},
    };

    (void)state;
    runtime->embedded = true;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *body = ask_json(bad[i].path, 404);

        assert_int_equal(json_integer_value(json_object_get(body, "error_code")), bad[i].code);
        json_decref(body);
    }
    runtime->embedded = false;
    assert_int_equal(local_registry_id("no_such_file"), 0);
}

/* The words are those of the schema files, place by place. */
static void symbols_are_those_of_the_schemas(void **state)
{
    static const struct {
        const char *avsc, *field;
        struct str (*symbol)(int32_t);
    } tables[] = {
        {"user", "\"name\": \"Channel\"", channel_symbol},
        {"user", "\"name\": \"Purpose\"", purpose_symbol},
        {"recommendation", "\"name\": \"Reason\"", reason_symbol},
    };

    (void)state;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        const char *at = strstr(avsc_find(tables[t].avsc)->json, tables[t].field);
        int n = 0;

        assert_non_null(at);
        at = strstr(at, "\"symbols\": [") + 12;
        for (; *at != ']'; n++) {
            const char *word = strchr(at, '"') + 1, *end = strchr(word, '"');
            struct str ours = tables[t].symbol(n);

            assert_int_equal(ours.len, end - word);
            assert_memory_equal(ours.ptr, word, ours.len);
            at = end + 1;
        }
        assert_true(str_equal(tables[t].symbol(n), str_of("UNKNOWN"))); /* no further one */
        assert_true(str_equal(tables[t].symbol(-1), str_of("UNKNOWN")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_person_gets_a_list_for_their_session),
        cmocka_unit_test(an_unknown_person_gets_what_is_popular),
        cmocka_unit_test(a_person_of_another_process_is_misdirected),
        cmocka_unit_test(k_is_checked),
        cmocka_unit_test(related_items_are_those_seen_together),
        cmocka_unit_test(features_are_what_the_state_holds),
        cmocka_unit_test(readiness_names_what_is_missing),
        cmocka_unit_test(a_process_that_starts_says_what_it_waits_for),
        cmocka_unit_test(status_has_lag_stages_and_counts),
        cmocka_unit_test(metrics_come_in_the_dialect_asked_for),
        cmocka_unit_test(the_console_is_one_page_that_asks_nobody_else),
        cmocka_unit_test(schemas_are_served_in_the_demo_only),
        cmocka_unit_test(the_registry_refuses_in_the_words_clients_know),
        cmocka_unit_test(symbols_are_those_of_the_schemas),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
