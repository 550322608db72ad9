#include "tests/support/test_support.h"

#include "schemas/record_json.h"
#include "schemas/records.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;
static json_t *object; /* of the last read: strings point into it */
static struct error err;

static enum status read_as(const struct record_type *type, bool texts, const char *json,
                           void *out)
{
    json_error_t problem;

    json_decref(object);
    arena_reset(&arena);
    object = json_loads(json, 0, &problem);
    if (!object)
        fail_msg("%s in %s", problem.text, json);
    return record_from_json(type, object, texts, &arena, out, &err);
}

#define assert_str(a, text)                                                                    \
    do {                                                                                       \
        assert_non_null((a).ptr);                                                              \
        assert_int_equal((a).len, strlen(text));                                               \
        assert_memory_equal((a).ptr, text, (a).len);                                           \
    } while (0)

static void fields_find_their_places_and_defaults_theirs(void **state)
{
    struct click_event click;

    (void)state;
    assert_int_equal(
        read_as(&click_event_type, false,
                "{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"ADD_TO_CART\","
                "\"item_id\":\"i\",\"event_time\":1317454891000,\"price\":\"4.95\","
                "\"position\":3,\"attributes\":{\"a\":\"1\",\"b\":\"2\"}}",
                &click),
        OK);
    assert_str(click.event_id, "e");
    assert_str(click.item_id, "i");
    assert_int_equal(click.type, EVENT_ADD_TO_CART);
    assert_int_equal(click.event_time, 1317454891000);
    assert_true(click.price_e4.has);
    assert_int_equal(click.price_e4.value, 49500);
    assert_true(click.position.has && click.position.value == 3);
    assert_int_equal(click.quantity, 1); /* the schema's default */
    assert_null(click.query.ptr);
    assert_int_equal(click.attributes.n, 2);
    assert_str(click.attributes.at[1].key, "b");
    assert_str(click.attributes.at[1].value, "2");
}

static void arrays_of_records_are_read(void **state)
{
    struct order_event order;

    (void)state;
    assert_int_equal(
        read_as(
            &order_event_type, false,
            "{\"event_id\":\"e\",\"order_id\":\"o\",\"user_id\":\"u\",\"status\":\"PLACED\","
            "\"event_time\":\"2011-10-01T08:41:31+01:00\",\"currency\":\"GBP\",\"lines\":["
            "{\"item_id\":\"a\",\"quantity\":2,\"unit_price\":2.55},"
            "{\"item_id\":\"b\",\"quantity\":1,\"unit_price\":\"0.0001\"}]}",
            &order),
        OK);
    assert_int_equal(order.event_time, 1317454891000);
    assert_int_equal(order.lines.n, 2);
    assert_int_equal(order.lines.at[0].unit_price_e4, 25500);
    assert_str(order.lines.at[1].item_id, "b");
    assert_int_equal(order.lines.at[1].unit_price_e4, 1);
}

static enum status price_of(const char *json, int64_t *out)
{
    struct click_event click;
    char text[256];
    enum status status;

    snprintf(text, sizeof(text),
             "{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"VIEW\",\"event_time\":0,"
             "\"price\":%s}",
             json);
    status = read_as(&click_event_type, false, text, &click);
    *out = click.price_e4.value;
    return status;
}

/* 18 digits are exact as a text; a JSON number of more than a double holds is not guessed. */
static void money_never_becomes_another_amount(void **state)
{
    static const struct {
        const char *json;
        int64_t e4;
    } good[] = {
        {"\"2.55\"", 25500},
        {"2.55", 25500},
        {"0.1", 1000},
        {"7", 70000},
        {"\"-3.5000\"", -35000},
        {"\"99999999999999.9999\"", 999999999999999999},
        {"1234567890.1234", 12345678901234},
        {"\"+1.\"", 10000},
        {"\".5\"", 5000},
        {"\"1.50000000\"", 15000},
    };
    static const char *const bad[] = {
        "\"2.55001\"",
        "2.55001",
        "\"\"",
        "\".\"",
        "\"-\"",
        "\"1e3\"",
        "1e30",
        "\"1,5\"",
        "true",
        "\" 1\"",
        "\"999999999999999999.9\"",
        "99999999999999.9999",
        "\"100000000000000\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t e4;

        if (price_of(good[i].json, &e4) != OK)
            fail_msg("%s: %s", good[i].json, err.text);
        assert_int_equal(e4, good[i].e4);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t e4;

        if (price_of(bad[i], &e4) == OK)
            fail_msg("%s was taken for %lld", bad[i], (long long)e4);
        assert_non_null(strstr(err.text, "price"));
    }
}

static int64_t time_of(const char *json)
{
    struct click_event click;
    char text[256];

    snprintf(text, sizeof(text),
             "{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"VIEW\",\"event_time\":%s}",
             json);
    return read_as(&click_event_type, false, text, &click) == OK ? click.event_time : -1;
}

static void times_are_milliseconds_or_iso_8601_with_a_zone(void **state)
{
    (void)state;
    assert_int_equal(time_of("1317454891000"), 1317454891000);
    assert_int_equal(time_of("\"2011-10-01T07:41:31Z\""), 1317454891000);
    assert_int_equal(time_of("\"2011-10-01 07:41:31.25Z\""), 1317454891250);
    assert_int_equal(time_of("\"2011-10-01T02:11:31.0009-0530\""), 1317454891000);
    assert_int_equal(time_of("\"2011-10-01T07:41:31\""), -1); /* whose clock? */
    assert_int_equal(time_of("\"2011-13-01T07:41:31Z\""), -1);
    assert_int_equal(time_of("\"2011-10-01\""), -1);
    assert_int_equal(time_of("1317454891.5"), -1);
    assert_int_equal(time_of("\"1317454891000\""), -1); /* a text that is no time */
}

static void what_does_not_fit_is_named(void **state)
{
    static const struct {
        const char *json, *names;
    } bad[] = {
        {"{\"user_id\":\"u\",\"type\":\"VIEW\",\"event_time\":1}", "event_id: is missing"},
        {"{\"event_id\":\"e\",\"user_id\":\"\",\"type\":\"VIEW\",\"event_time\":1}", "user_id"},
        {"{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"LOOK\",\"event_time\":1}", "'LOOK'"},
        {"{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"VIEW\",\"event_time\":1,\"x\":2}",
         "x: the schema has no such field"},
        {"{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"VIEW\",\"event_time\":1,"
         "\"quantity\":3000000000}",
         "quantity"},
        {"{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"VIEW\",\"event_time\":1,"
         "\"attributes\":{\"k\":5}}",
         "attributes.k"},
        {"{\"event_id\":\"e\",\"user_id\":null,\"type\":\"VIEW\",\"event_time\":1}", "user_id"},
        {"[]", "no JSON object"},
    };
    struct click_event click;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_as(&click_event_type, false, bad[i].json, &click), ERR_INVALID);
        if (!strstr(err.text, bad[i].names))
            fail_msg("'%s' does not say %s", err.text, bad[i].names);
    }
}

static void an_error_deep_inside_has_its_path(void **state)
{
    struct order_event order;

    (void)state;
    assert_int_equal(
        read_as(
            &order_event_type, false,
            "{\"event_id\":\"e\",\"order_id\":\"o\",\"user_id\":\"u\",\"status\":\"PLACED\","
            "\"event_time\":0,\"currency\":\"GBP\",\"lines\":[{\"item_id\":\"a\","
            "\"quantity\":1,\"unit_price\":\"x\"}]}",
            &order),
        ERR_INVALID);
    assert_non_null(strstr(err.text, "lines[0].unit_price"));
}

static void an_id_has_at_most_256_bytes(void **state)
{
    struct click_event click;
    char id[ID_MAX_BYTES + 2], json[600];

    (void)state;
    memset(id, 'x', sizeof(id));
    for (int n = ID_MAX_BYTES; n <= ID_MAX_BYTES + 1; n++) {
        snprintf(json, sizeof(json),
                 "{\"event_id\":\"%.*s\",\"user_id\":\"u\",\"type\":\"VIEW\",\"event_time\":1}",
                 n, id);
        assert_int_equal(read_as(&click_event_type, false, json, &click),
                         n == ID_MAX_BYTES ? OK : ERR_INVALID);
    }
}

/* A table has texts only; an empty one is "nothing" where the field may be. */
static void texts_of_a_table_become_what_the_field_is(void **state)
{
    struct catalog_item item;
    struct click_event click;

    (void)state;
    assert_int_equal(read_as(&catalog_item_type, true,
                             "{\"item_id\":\"i\",\"title\":\"\",\"category\":[\"a\",\"b\"],"
                             "\"price\":\"2\",\"currency\":\"EUR\",\"stock\":\"12\","
                             "\"available\":\"0\",\"attributes\":{},\"media\":[],"
                             "\"locale\":\"de\",\"updated_time\":\"5\",\"brand\":\"\"}",
                             &item),
                     OK);
    assert_true(item.stock.has && item.stock.value == 12);
    assert_false(item.available);
    assert_null(item.brand.ptr);
    assert_int_equal(item.title.len, 0);
    assert_int_equal(item.updated_time, 5);
    assert_str(item.category.at[1], "b");
    assert_int_equal(read_as(&click_event_type, true,
                             "{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"VIEW\","
                             "\"event_time\":\"1\",\"quantity\":\"\"}",
                             &click),
                     ERR_INVALID);
    assert_int_equal(read_as(&click_event_type, false,
                             "{\"event_id\":\"e\",\"user_id\":\"u\",\"type\":\"VIEW\","
                             "\"event_time\":1,\"quantity\":\"2\"}",
                             &click),
                     ERR_INVALID); /* texts only where they are all there is */
}

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    json_decref(object);
    arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_find_their_places_and_defaults_theirs),
        cmocka_unit_test(arrays_of_records_are_read),
        cmocka_unit_test(money_never_becomes_another_amount),
        cmocka_unit_test(times_are_milliseconds_or_iso_8601_with_a_zone),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(an_error_deep_inside_has_its_path),
        cmocka_unit_test(an_id_has_at_most_256_bytes),
        cmocka_unit_test(texts_of_a_table_become_what_the_field_is),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
