#include "tests/support/test_support.h"

#include "core/json_text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The text written so far, compared and forgotten. */
static void expect(struct json_text *json, const char *text)
{
    size_t n;
    char *got = json_text_take(json, &n);

    assert_non_null(got);
    assert_string_equal(got, text);
    assert_int_equal(n, strlen(text));
    free(got);
}

static void commas_stand_between_values_and_nowhere_else(void **state)
{
    struct json_text json;

    (void)state;
    json_text_init(&json, 1);
    json_text_open(&json, '{');
    json_field_int(&json, "a", 1);
    json_text_key(&json, "b");
    json_text_open(&json, '[');
    json_text_open(&json, '{');
    json_text_close(&json, '}');
    json_text_int(&json, -2);
    json_text_open(&json, '[');
    json_text_close(&json, ']');
    json_text_close(&json, ']');
    json_field_bool(&json, "c", false);
    json_text_close(&json, '}');
    json_text_newline(&json);
    json_text_null(&json);
    expect(&json, "{\"a\":1,\"b\":[{},-2,[]],\"c\":false}\nnull");
}

static void numbers_are_written_as_they_are_read(void **state)
{
    struct json_text json;

    (void)state;
    json_text_init(&json, 8);
    json_text_open(&json, '[');
    json_text_int(&json, INT64_MIN);
    json_text_int(&json, INT64_MAX);
    json_text_number(&json, 0);
    json_text_number(&json, -1.5);
    json_text_number(&json, 0.0000004); /* below half a millionth */
    json_text_number(&json, 0.000001);
    json_text_number(&json, 2.9999996);
    json_text_number(&json, (double)NAN);
    json_text_float(&json, 0.1f);
    json_text_float(&json, -INFINITY);
    json_text_close(&json, ']');
    expect(&json, "[-9223372036854775808,9223372036854775807,0,-1.5,0,0.000001,3,null,"
                  "0.100000001,null]");
}

static void money_is_exact_and_has_two_places_at_least(void **state)
{
    struct json_text json;

    (void)state;
    json_text_init(&json, 8);
    json_text_open(&json, '[');
    json_text_money(&json, 25500);
    json_text_money(&json, 25);
    json_text_money(&json, 0);
    json_text_money(&json, -10001);
    json_text_money(&json, INT64_MIN);
    json_text_close(&json, ']');
    expect(&json, "[\"2.55\",\"0.0025\",\"0.00\",\"-1.0001\",\"-922337203685477.5808\"]");
}

static void texts_are_escaped_and_foreign_bytes_replaced(void **state)
{
    struct json_text json;

    (void)state;
    json_text_init(&json, 1);
    json_text_open(&json, '[');
    json_text_str(&json, str_of("a\"b\\c\n\t\x01\x7f"));
    json_text_str(&json, str_of("\xe2\x82\xac \xf0\x9f\x8d\x8b"));
    json_text_str(&json, str_of("x\xff\xe2\x82y\xc0\x80"));
    json_text_str(&json, (struct str){"", 0});
    json_text_str(&json, (struct str){NULL, 0});
    json_text_hex64(&json, 0xab);
    json_text_close(&json, ']');
    expect(&json,
           "[\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\",\"\xe2\x82\xac \xf0\x9f\x8d\x8b\","
           "\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbd\",\"\",null,"
           "\"00000000000000ab\"]");
}

/* Any bytes at all give JSON that another parser reads. */
static void what_is_written_is_json(void **state)
{
    uint32_t seed = 20240501;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        char bytes[40];
        size_t n, length = (size_t)round % sizeof(bytes);
        struct json_text json;
        json_error_t problem;

        for (size_t i = 0; i < length; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (char)(seed >> 24);
        }
        json_text_init(&json, 2);
        json_text_open(&json, '[');
        json_text_str(&json, (struct str){bytes, (uint32_t)length});
        json_text_close(&json, ']');
        char *text = json_text_take(&json, &n);
        json_t *read = json_loadb(text, n, JSON_ALLOW_NUL, &problem);

        if (!read)
            fail_msg("round %d (seed 20240501): %s", round, problem.text);
        json_decref(read);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_values_and_nowhere_else),
        cmocka_unit_test(numbers_are_written_as_they_are_read),
        cmocka_unit_test(money_is_exact_and_has_two_places_at_least),
        cmocka_unit_test(texts_are_escaped_and_foreign_bytes_replaced),
        cmocka_unit_test(what_is_written_is_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
