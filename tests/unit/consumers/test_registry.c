#include "tests/support/test_support.h"

#include "consumers/registry.h"
#include "core/base/clock.h"
#include "tests/support/http_fake.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GOOD "{\"schema\":\"\\\"string\\\"\",\"schemaType\":\"AVRO\",\"new\":{\"field\":1}}"
#define NO_SUCH_ID "{\"error_code\":40403,\"message\":\"Schema not found\"}"

/* What the fake answers, in turn; the last answer stays. */
struct script {
    struct http_fake_answer answers[8];
    _Atomic int n_asked;
    struct http_fake_request last; /* read when the fake is closed */
};

static struct http_fake_answer play(void *context, const struct http_fake_request *request)
{
    struct script *script = context;
    int i = 0, turn = atomic_load(&script->n_asked);

    script->last = *request;
    while (i < turn && i < 7 && script->answers[i + 1].body)
        i++;
    atomic_fetch_add(&script->n_asked, 1);
    return script->answers[i];
}

static struct registry *open_at(int port, const char *cache_dir)
{
    struct registry *registry = NULL;
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/base/", port);
    assert_int_equal(registry_open(&(struct registry_options){.url = url,
                                                              .user = "bob",
                                                              .password = "pw",
                                                              .cache_dir = cache_dir,
                                                              .unknown_ms = 300,
                                                              .timeout_ms = 300},
                                   &registry, NULL),
                     OK);
    return registry;
}

static void pause_a_little(void)
{
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

/* Asks until the answer is not PENDING. */
static enum registry_answer wait_for_schema(struct registry *registry, int id,
                                            const char **json)
{
    int64_t deadline = clock_mono_ns() + INT64_C(10000000000);
    enum registry_answer answer;

    while ((answer = registry_schema(registry, id, json)) == REGISTRY_PENDING) {
        assert_true(clock_mono_ns() < deadline);
        pause_a_little();
    }
    return answer;
}

static void wait_until_asked(struct script *script, int n)
{
    int64_t deadline = clock_mono_ns() + INT64_C(10000000000);

    while (atomic_load(&script->n_asked) < n) {
        assert_true(clock_mono_ns() < deadline);
        pause_a_little();
    }
}

static void wait_until_down(struct registry *registry, char *text)
{
    int64_t deadline = clock_mono_ns() + INT64_C(10000000000);

    while (!registry_is_down(registry, text, ERROR_TEXT_MAX)) {
        assert_true(clock_mono_ns() < deadline);
        pause_a_little();
    }
}

static void an_id_is_asked_once_and_kept_for_good(void **state)
{
    static struct script script = {.answers = {{200, GOOD, 0, NULL}}};
    struct http_fake *fake = http_fake_open(play, &script);
    struct registry *registry = open_at(http_fake_port(fake), NULL);
    const char *json = NULL, *again = NULL;
    char text[ERROR_TEXT_MAX];

    (void)state;
    assert_int_equal(registry_schema(registry, 7, &json), REGISTRY_PENDING);
    assert_int_equal(wait_for_schema(registry, 7, &json), REGISTRY_KNOWN);
    assert_string_equal(json, "\"string\"");
    for (int i = 0; i < 100; i++)
        assert_int_equal(registry_schema(registry, 7, &again), REGISTRY_KNOWN);
    assert_ptr_equal(again, json);
    assert_int_equal(script.n_asked, 1);
    assert_string_equal(script.last.method, "GET");
    assert_string_equal(script.last.path, "/base/schemas/ids/7");
    assert_string_equal(script.last.authorization, "Basic Ym9iOnB3"); /* bob:pw */
    assert_false(registry_is_down(registry, text, sizeof(text)));
    registry_close(registry);
    http_fake_close(fake);
}

static void a_404_is_remembered_and_asked_again_later(void **state)
{
    static struct script script = {
        .answers = {{404, NO_SUCH_ID, 0, NULL}, {200, GOOD, 0, NULL}}};
    struct http_fake *fake = http_fake_open(play, &script);
    struct registry *registry = open_at(http_fake_port(fake), NULL);
    const char *json = NULL;
    char text[ERROR_TEXT_MAX];
    int64_t before_ns = clock_mono_ns();

    (void)state;
    assert_int_equal(wait_for_schema(registry, 7, &json), REGISTRY_UNKNOWN);
    assert_false(registry_is_down(registry, text, sizeof(text)));
    while (registry_schema(registry, 7, &json) == REGISTRY_UNKNOWN) {
        if (clock_mono_ns() - before_ns < 300000000)
            assert_int_equal(script.n_asked, 1);
        pause_a_little();
    }
    assert_true(clock_mono_ns() - before_ns >= 300000000);
    assert_int_equal(wait_for_schema(registry, 7, &json), REGISTRY_KNOWN);
    assert_int_equal(script.n_asked, 2);
    registry_close(registry);
    http_fake_close(fake);
}

/* A proxy's or a wrong path's 404 must not refuse good records. */
static void a_404_without_the_registrys_code_is_no_answer(void **state)
{
    static struct script script = {.answers = {{404, "<html>not here</html>", 0, NULL},
                                               {404, "{\"status\":404}", 0, NULL},
                                               {200, GOOD, 0, NULL}}};
    struct http_fake *fake = http_fake_open(play, &script);
    struct registry *registry = open_at(http_fake_port(fake), NULL);
    const char *json = NULL;
    char text[ERROR_TEXT_MAX];

    (void)state;
    registry_schema(registry, 7, &json);
    wait_until_down(registry, text);
    assert_non_null(
        strstr(text, "answered 404 to /schemas/ids/7; check the path in registry.url"));
    assert_int_equal(wait_for_schema(registry, 7, &json), REGISTRY_KNOWN);
    assert_int_equal(script.n_asked, 3);
    assert_false(registry_is_down(registry, text, sizeof(text)));
    registry_close(registry);
    http_fake_close(fake);
}

/* 500, garbage, a number where a text belongs, a redirect, no byte at all, too slow: each waits
 * and is asked again. */
static void what_is_no_answer_keeps_the_id_pending(void **state)
{
    static const struct http_fake_answer bad[] = {
        {500, "{\"error_code\":50001,\"message\":\"Error in the backend\"}", 0, NULL},
        {200, "\x01\x02 not JSON", 0, NULL},
        {200, "{\"schema\":5}", 0, NULL},
        {301, "", 0, "Location: http://127.0.0.1:9/\r\n"},
        {401, "{\"error_code\":40101,\"message\":\"Unauthorized\"}", 0, NULL},
        {0, "", 0, NULL},
        {200, GOOD, 1000, NULL},
    };
    static const char *const words[] = {
        "answered 500 to /schemas/ids/7: Error in the backend",
        "answered 200 to /schemas/ids/7",
        "answered 200 to /schemas/ids/7",
        "answered 301 to /schemas/ids/7",
        ("answered 401 to /schemas/ids/7: Unauthorized; check registry.user and "
         "registry.password"),
        "cannot be reached: Server returned nothing (no headers, no data)",
        "cannot be reached: Timeout was reached",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct script *script = calloc(1, sizeof(*script));
        const char *json = NULL;
        char text[ERROR_TEXT_MAX];

        assert_non_null(script);
        script->answers[0] = bad[i];
        script->answers[1] = (struct http_fake_answer){200, GOOD, 0, NULL};
        struct http_fake *fake = http_fake_open(play, script);
        struct registry *registry = open_at(http_fake_port(fake), NULL);

        assert_int_equal(registry_schema(registry, 7, &json), REGISTRY_PENDING);
        wait_until_down(registry, text);
        assert_non_null(strstr(text, words[i]));
        assert_int_equal(registry_schema(registry, 7, &json), REGISTRY_PENDING);
        assert_int_equal(wait_for_schema(registry, 7, &json), REGISTRY_KNOWN);
        assert_false(registry_is_down(registry, text, sizeof(text)));
        registry_close(registry);
        http_fake_close(fake);
        free(script);
    }
}

static struct http_fake_answer by_id(void *context, const struct http_fake_request *request)
{
    (void)context;
    if (strcmp(request->path, "/base/schemas/ids/1") == 0)
        return (struct http_fake_answer){500, "{}", 0, NULL};
    return (struct http_fake_answer){200, GOOD, 0, NULL};
}

static void a_bad_answer_for_one_id_does_not_hold_up_the_others(void **state)
{
    struct http_fake *fake = http_fake_open(by_id, NULL);
    struct registry *registry = open_at(http_fake_port(fake), NULL);
    const char *json = NULL;

    (void)state;
    assert_int_equal(registry_schema(registry, 1, &json), REGISTRY_PENDING);
    for (int id = 2; id < 40; id++)
        assert_int_equal(wait_for_schema(registry, id, &json), REGISTRY_KNOWN);
    assert_int_equal(registry_schema(registry, 1, &json), REGISTRY_PENDING);
    registry_close(registry);
    http_fake_close(fake);
}

static void an_outage_is_survived_by_what_is_known(void **state)
{
    static struct script script = {.answers = {{200, GOOD, 0, NULL}}};
    struct http_fake *fake = http_fake_open(play, &script);
    int port = http_fake_port(fake);
    struct registry *registry = open_at(port, NULL);
    const char *json = NULL;
    char text[ERROR_TEXT_MAX];

    (void)state;
    wait_for_schema(registry, 7, &json);
    http_fake_close(fake);
    assert_int_equal(registry_schema(registry, 8, &json), REGISTRY_PENDING);
    wait_until_down(registry, text);
    assert_non_null(strstr(text, "cannot be reached: Couldn't connect to server"));
    assert_int_equal(registry_schema(registry, 7, &json), REGISTRY_KNOWN);
    fake = http_fake_open_at(port, play, &script);
    assert_int_equal(wait_for_schema(registry, 8, &json), REGISTRY_KNOWN);
    registry_close(registry);
    http_fake_close(fake);
}

static void a_restart_during_an_outage_finds_the_files(void **state)
{
    static struct script script = {.answers = {{200, GOOD, 0, NULL}}};
    struct http_fake *fake = http_fake_open(play, &script);
    int port = http_fake_port(fake);
    char *folder = test_make_folder();
    struct registry *registry = open_at(port, folder);
    const char *json = NULL;

    (void)state;
    wait_for_schema(registry, 7, &json);
    registry_close(registry);
    http_fake_close(fake);

    registry = open_at(port, folder);
    assert_int_equal(wait_for_schema(registry, 7, &json), REGISTRY_KNOWN);
    assert_string_equal(json, "\"string\"");
    registry_close(registry);
    assert_int_equal(script.n_asked, 1);
    test_remove_folder(folder);
}

/* Every single damaged byte, and every shorter file, is noticed. */
static void a_damaged_file_is_asked_again(void **state)
{
    static struct script script = {.answers = {{200, GOOD, 0, NULL}}};
    struct http_fake *fake = http_fake_open(play, &script);
    char *folder = test_make_folder(), path[512], good[64], command[600];
    struct registry *registry = open_at(http_fake_port(fake), folder);
    const char *json = NULL;
    size_t n;
    FILE *file;

    (void)state;
    wait_for_schema(registry, 7, &json);
    registry_close(registry);
    snprintf(command, sizeof(command), "ls %s/*-7.avsc", folder);
    file = popen(command, "r");
    assert_int_equal(fscanf(file, "%511s", path), 1);
    pclose(file);
    file = fopen(path, "r");
    n = fread(good, 1, sizeof(good), file);
    fclose(file);
    assert_int_equal(n, 17 + strlen("\"string\""));

    for (size_t i = 0; i < 2 * n; i++) {
        char bad[64];
        size_t bad_n = i < n ? n : i - n; /* first the flips, then the cuts */

        memcpy(bad, good, n);
        if (i < n)
            bad[i] ^= 1;
        file = fopen(path, "w");
        fwrite(bad, 1, bad_n, file);
        fclose(file);
        atomic_store(&script.n_asked, 0);
        registry = open_at(http_fake_port(fake), folder);
        assert_int_equal(wait_for_schema(registry, 7, &json), REGISTRY_KNOWN);
        assert_string_equal(json, "\"string\"");
        registry_close(registry);
        assert_int_equal(script.n_asked, 1);
    }
    http_fake_close(fake);
    test_remove_folder(folder);
}

/* The same ids mean other schemas elsewhere. */
static void another_registrys_files_are_not_used(void **state)
{
    static struct script script = {.answers = {{200, GOOD, 0, NULL}}};
    struct http_fake *a = http_fake_open(play, &script), *b = http_fake_open(play, &script);
    char *folder = test_make_folder();
    struct registry *registry = open_at(http_fake_port(a), folder);
    const char *json = NULL;

    (void)state;
    wait_for_schema(registry, 7, &json);
    registry_close(registry);
    registry = open_at(http_fake_port(b), folder);
    wait_for_schema(registry, 7, &json);
    registry_close(registry);
    assert_int_equal(script.n_asked, 2);
    http_fake_close(a);
    http_fake_close(b);
    test_remove_folder(folder);
}

static void negative_ids_are_unknown_without_asking(void **state)
{
    static struct script script = {.answers = {{200, GOOD, 0, NULL}}};
    struct http_fake *fake = http_fake_open(play, &script);
    struct registry *registry = open_at(http_fake_port(fake), NULL);
    const char *json = NULL;

    (void)state;
    assert_int_equal(registry_schema(registry, -1, &json), REGISTRY_UNKNOWN);
    assert_int_equal(registry_schema(registry, INT32_MIN, &json), REGISTRY_UNKNOWN);
    registry_close(registry);
    assert_int_equal(script.n_asked, 0);
    http_fake_close(fake);
}

static struct http_fake_answer only_nine(void *context, const struct http_fake_request *request)
{
    (void)context;
    if (strcmp(request->path, "/base/schemas/ids/9") == 0)
        return (struct http_fake_answer){200, GOOD, 0, NULL};
    return (struct http_fake_answer){404, NO_SUCH_ID, 0, NULL};
}

/* A poisoned topic names more ids than the table holds: it stays bounded, each gets its
 * answer, and a good id among them too. */
static void a_flood_of_unknown_ids_is_answered(void **state)
{
    struct http_fake *fake = http_fake_open(only_nine, NULL);
    struct registry *registry = open_at(http_fake_port(fake), NULL);
    const char *json = NULL;

    (void)state;
    for (int id = 100000; id < 110000; id++)
        assert_int_not_equal(registry_schema(registry, id, &json), REGISTRY_KNOWN);
    assert_int_equal(wait_for_schema(registry, 109999, &json), REGISTRY_UNKNOWN);
    assert_int_equal(wait_for_schema(registry, 9, &json), REGISTRY_KNOWN);
    registry_close(registry);
    http_fake_close(fake);
}

static void closing_does_not_wait_for_a_slow_answer(void **state)
{
    static struct script script = {.answers = {{200, GOOD, 20000, NULL}}};
    struct http_fake *fake = http_fake_open(play, &script);
    struct registry *registry = NULL;
    const char *json = NULL;
    char url[64];
    int64_t before_ns;

    (void)state;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", http_fake_port(fake));
    registry_open(&(struct registry_options){.url = url, .timeout_ms = 20000}, &registry, NULL);
    registry_schema(registry, 7, &json);
    wait_until_asked(&script, 1);
    before_ns = clock_mono_ns();
    registry_close(registry);
    assert_true(clock_mono_ns() - before_ns < INT64_C(5000000000));
    http_fake_close(fake);
}

static void *ask_often(void *context)
{
    const char *json;

    for (int i = 0; i < 2000; i++)
        registry_schema(context, i % 50, &json);
    return NULL;
}

static void threads_may_ask_at_once(void **state)
{
    struct http_fake *fake = http_fake_open(only_nine, NULL);
    struct registry *registry = open_at(http_fake_port(fake), NULL);
    const char *json = NULL;
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, registry), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wait_for_schema(registry, 9, &json), REGISTRY_KNOWN);
    registry_close(registry);
    http_fake_close(fake);
}

/* ---- the blocking calls ---- */

struct blocking_case {
    struct http_fake_answer answer;
    enum status status;
    const char *sentence; /* a part of it; NULL: none */
};

#define SCHEMA "{\"type\":\"string\"}"

static void registering_gives_the_id_or_a_sentence(void **state)
{
    static const struct blocking_case cases[] = {
        {{200, "{\"id\":12,\"version\":1,\"more\":[]}", 0, NULL}, OK, NULL},
        {{409, "{\"error_code\":409,\"message\":\"READER_FIELD_MISSING\"}", 0, NULL},
         ERR_INVALID,
         "subject a/b-value: the schema is not compatible with the one registered: "
         "READER_FIELD_MISSING"},
        {{422, "{\"error_code\":42201,\"message\":\"Invalid schema\"}", 0, NULL},
         ERR_INVALID,
         "subject a/b-value: the registry refuses the schema: Invalid schema"},
        {{500, "", 0, NULL}, ERR_IO, "answered 500 to /subjects/a%2Fb-value/versions"},
        {{200, "{\"id\":\"12\"}", 0, NULL}, ERR_IO, "answered 200"},
        {{200, "{\"id\":-1}", 0, NULL}, ERR_IO, "answered 200"},
        {{200, "{\"id\":4294967296}", 0, NULL}, ERR_IO, "answered 200"},
        {{0, "", 0, NULL}, ERR_IO, "cannot be reached"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct script script;
        struct error err = {OK, ""};
        int32_t id = -7;

        memset(&script, 0, sizeof(script));
        script.answers[0] = cases[i].answer;
        struct http_fake *fake = http_fake_open(play, &script);
        struct registry *registry = open_at(http_fake_port(fake), NULL);

        assert_int_equal(registry_register(registry, "a/b-value", SCHEMA, &id, &err),
                         cases[i].status);
        assert_int_equal(id, cases[i].status == OK ? 12 : -7);
        if (cases[i].sentence)
            assert_non_null(strstr(err.text, cases[i].sentence));
        registry_close(registry);
        http_fake_close(fake);
        assert_string_equal(script.last.method, "POST");
        assert_string_equal(script.last.path, "/base/subjects/a%2Fb-value/versions");
        assert_string_equal(script.last.body, "{\"schema\":\"{\\\"type\\\":\\\"string\\\"}\"}");
    }
}

static void looking_up_does_not_register(void **state)
{
    static const struct blocking_case cases[] = {
        {{200, "{\"id\":12,\"subject\":\"s\",\"version\":3}", 0, NULL}, OK, NULL},
        {{404, "{\"error_code\":40403}", 0, NULL}, ERR_NOT_FOUND, "does not have this schema"},
        {{404, "{\"error_code\":40401}", 0, NULL}, ERR_NOT_FOUND, "does not have this schema"},
        {{404, "no", 0, NULL}, ERR_IO, "check the path in registry.url"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct script script;
        struct error err = {OK, ""};
        int32_t id = -7;

        memset(&script, 0, sizeof(script));
        script.answers[0] = cases[i].answer;
        struct http_fake *fake = http_fake_open(play, &script);
        struct registry *registry = open_at(http_fake_port(fake), NULL);

        assert_int_equal(registry_lookup(registry, "s", SCHEMA, &id, &err), cases[i].status);
        assert_int_equal(id, cases[i].status == OK ? 12 : -7);
        if (cases[i].sentence)
            assert_non_null(strstr(err.text, cases[i].sentence));
        registry_close(registry);
        http_fake_close(fake);
        assert_string_equal(script.last.path, "/base/subjects/s");
    }
}

static void compatibility_is_asked_of_the_latest_version(void **state)
{
    static const struct blocking_case cases[] = {
        {{200, "{\"is_compatible\":true}", 0, NULL}, OK, NULL},
        {{200, "{\"is_compatible\":false,\"messages\":[\"new field 'x' has no default\"]}", 0,
          NULL},
         ERR_INVALID,
         "the schema is not compatible with the one registered: new field 'x' has no default"},
        {{200, "{\"is_compatible\":false}", 0, NULL}, ERR_INVALID, "no reason given"},
        {{404, "{\"error_code\":40401}", 0, NULL}, OK, NULL}, /* no such subject yet */
        {{422, "{\"error_code\":42201,\"message\":\"bad\"}", 0, NULL}, ERR_INVALID, "refuses"},
        {{200, "{}", 0, NULL}, ERR_IO, "answered 200"},
        {{503, "busy", 0, NULL}, ERR_IO, "answered 503"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct script script;
        struct error err = {OK, ""};

        memset(&script, 0, sizeof(script));
        script.answers[0] = cases[i].answer;
        struct http_fake *fake = http_fake_open(play, &script);
        struct registry *registry = open_at(http_fake_port(fake), NULL);

        assert_int_equal(registry_compatible(registry, "s", SCHEMA, &err), cases[i].status);
        if (cases[i].sentence)
            assert_non_null(strstr(err.text, cases[i].sentence));
        registry_close(registry);
        http_fake_close(fake);
        assert_string_equal(script.last.path,
                            "/base/compatibility/subjects/s/versions/latest?verbose=true");
    }
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
    struct registry *registry = NULL;
    struct error err;

    (void)state;
    assert_int_equal(registry_open(&(struct registry_options){.url = "http://x",
                                                              .cache_dir = "/nowhere/at/all"},
                                   &registry, &err),
                     ERR_IO);
    assert_string_equal(err.text, "cannot make the folder /nowhere/at/all for schemas: No such "
                                  "file or directory");
    assert_null(registry);
    assert_int_equal(registry_open(&(struct registry_options){.url = "/"}, &registry, &err),
                     ERR_INVALID);
    registry_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_asked_once_and_kept_for_good),
        cmocka_unit_test(a_404_is_remembered_and_asked_again_later),
        cmocka_unit_test(a_404_without_the_registrys_code_is_no_answer),
        cmocka_unit_test(what_is_no_answer_keeps_the_id_pending),
        cmocka_unit_test(a_bad_answer_for_one_id_does_not_hold_up_the_others),
        cmocka_unit_test(an_outage_is_survived_by_what_is_known),
        cmocka_unit_test(a_restart_during_an_outage_finds_the_files),
        cmocka_unit_test(a_damaged_file_is_asked_again),
        cmocka_unit_test(another_registrys_files_are_not_used),
        cmocka_unit_test(negative_ids_are_unknown_without_asking),
        cmocka_unit_test(a_flood_of_unknown_ids_is_answered),
        cmocka_unit_test(closing_does_not_wait_for_a_slow_answer),
        cmocka_unit_test(threads_may_ask_at_once),
        cmocka_unit_test(registering_gives_the_id_or_a_sentence),
        cmocka_unit_test(looking_up_does_not_register),
        cmocka_unit_test(compatibility_is_asked_of_the_latest_version),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
