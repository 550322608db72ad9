/*
 * Views at exactly the positions that a journal names, over librdkafka's mock cluster: six
 * items and six catalogue records, and positions that lie neither before nor behind each other.
 */
#include "tests/support/test_support.h"

#include "core/base/hash.h"
#include "core/verify_private.h"
#include "schemas/avro_codec.h"
#include "tests/support/http_fake.h"
#include "tests/support/kafka_mock.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 6, CATALOG_SCHEMA = 1 };

static struct kafka_mock mock;
static struct http_fake *fake;
static struct settings settings;
static struct runtime runtime;
static struct verify_outputs *outputs;
static struct verify_views views;

static struct http_fake_answer answer_schema(void *context,
                                             const struct http_fake_request *request)
{
    static char *body;
    json_t *answer = json_pack("{s:s}", "schema", record_type_schema(&catalog_item_type));

    (void)context;
    (void)request;
    free(body);
    body = json_dumps(answer, 0);
    json_decref(answer);
    return (struct http_fake_answer){.status = 200, .body = body};
}

/* "row0", "row1", … : an item by a record without blocks, which gives it a number and a name.
 */
static void put_item(int i)
{
    char id[16];

    snprintf(id, sizeof(id), "row%d", i);
    kafka_mock_put(&mock, "shop-items", 0, id, "\1", 1, 0);
}

/* "fact0", "fact1", … */
static void put_fact(int i)
{
    uint8_t bytes[1024] = {0, 0, 0, 0, CATALOG_SCHEMA};
    char id[16];

    snprintf(id, sizeof(id), "fact%d", i);
    struct catalog_item item = {.item_id = str_of(id),
                                .title = str_of(id),
                                .currency = str_of("GBP"),
                                .available = true,
                                .locale = str_of("en"),
                                .updated_time = 1700000000000};
    size_t n = avro_encode(&catalog_item_type, &item, bytes + 5, sizeof(bytes) - 5);

    assert_true(n > 0);
    kafka_mock_put(&mock, settings.topics.catalog, 0, id, bytes, n + 5, 0);
}

static int open_all(void **state)
{
    char url[64];

    (void)state;
    kafka_mock_open(&mock, &settings);
    strcpy(settings.app, "shop");
    kafka_mock_topic(&mock, "shop-items", 1);
    kafka_mock_topic(&mock, settings.topics.catalog, 1);
    for (int i = 0; i < N; i++) {
        put_item(i);
        put_fact(i);
    }
    kafka_mock_flush(&mock);
    fake = http_fake_open(answer_schema, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", http_fake_port(fake));
    runtime_init(&runtime, &settings);
    runtime.n_catalog_partitions = 1;
    runtime.model_config = item_model_defaults();
    runtime.model_config.items_max = 1000;
    return registry_open(&(struct registry_options){.url = url}, &runtime.registry, NULL) !=
               OK ||
           verify_outputs_open(&settings, &outputs, NULL) != OK;
}

static int close_all(void **state)
{
    (void)state;
    verify_outputs_close(outputs);
    runtime_deinit(&runtime);
    http_fake_close(fake);
    kafka_mock_close(&mock);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    verify_views_init(&views, &runtime, outputs);
    return 0;
}

static int end(void **state)
{
    (void)state;
    verify_views_deinit(&views);
    return 0;
}

static struct task_position at(int64_t items, int64_t catalog)
{
    struct task_position position;

    task_position_init(&position);
    position.items_offset = items;
    position.n_catalog = 1;
    position.catalog_offset[0] = catalog;
    return position;
}

/* The view holds the first so many of each, and no more. */
static void assert_view(int64_t items, int64_t catalog)
{
    struct task_position position = at(items, catalog);
    struct item_fold *fold = NULL;
    struct error err = {0};
    char name[64], wanted[64];

    if (verify_views_seek(&views, &position, &fold, &err) != OK)
        fail_msg("%s", err.text);
    const struct item_view *view = item_view_acquire(fold);

    item_view_name(view, name, sizeof(name));
    snprintf(wanted, sizeof(wanted), "items:%d,catalog:%d", (int)items, (int)catalog);
    assert_string_equal(name, wanted);
    assert_int_equal(item_view_n_items(view), items);
    for (int i = 0; i < N; i++) {
        char id[16];

        snprintf(id, sizeof(id), "fact%d", i);
        assert_int_equal(item_view_facts(view, hash64(str_of(id))) != NULL, i < catalog);
    }
    item_view_release(fold, view);
}

static void one_fold_serves_positions_in_a_row(void **state)
{
    (void)state;
    assert_view(0, 0);
    assert_view(0, 2);
    assert_view(3, 2);
    assert_view(3, 2);
    assert_view(N, N);
    assert_int_equal(views.n, 1);
}

static void two_lines_get_a_fold_each(void **state)
{
    (void)state;
    assert_view(2, 1);
    assert_view(1, 2);
    assert_view(4, 1);
    assert_view(2, 3);
    assert_view(5, 2);
    assert_view(3, 5);
    assert_int_equal(views.n, 2);
}

/* Seven lines, four folds: slower, and right all the same. */
static void more_lines_than_folds_begin_anew(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i <= N; i++)
            assert_view(N - i, i);
    }
    assert_int_equal(views.n, VERIFY_FOLDS_MAX);
}

static void a_position_beyond_the_end_is_an_error(void **state)
{
    struct task_position position = at(N + 1, 0);
    struct item_fold *fold = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(verify_views_seek(&views, &position, &fold, &err), ERR_IO);
    assert_non_null(
        strstr(err.text, "'shop-items' partition 0 ends at offset 6, but the journal names 7"));
    assert_null(fold);
}

static void another_number_of_partitions_is_an_error(void **state)
{
    struct task_position position = at(1, 1);
    struct item_fold *fold = NULL;
    struct error err = {0};

    (void)state;
    position.n_catalog = 2;
    assert_int_equal(verify_views_seek(&views, &position, &fold, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "2 partitions of 'catalog', which has 1 now"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_fold_serves_positions_in_a_row, begin, end),
        cmocka_unit_test_setup_teardown(two_lines_get_a_fold_each, begin, end),
        cmocka_unit_test_setup_teardown(more_lines_than_folds_begin_anew, begin, end),
        cmocka_unit_test_setup_teardown(a_position_beyond_the_end_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(another_number_of_partitions_is_an_error, begin, end),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
