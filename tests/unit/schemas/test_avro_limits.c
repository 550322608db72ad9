/*
 * The bounds on foreign records and schemas, each one reached and passed by one; and the inputs
 * that would be expensive without them. (Those on the text of a schema: test_schema.c.)
 */
#include "schemas/avro_wire.h"
#include "tests/unit/schemas/avro_pair.h"

#include <stdio.h>
#include <time.h>

#define RECORD(fields) "{'type':'record','name':'R','fields':[" fields "]}"

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint8_t *put_number(uint8_t *at, int64_t number)
{
    return varint_put(at, zigzag_encode(number));
}

static enum avro_result read_once(const char *schema, const void *bytes, size_t n)
{
    struct pair pair;

    assert_int_equal(pair_init(&pair, schema, schema), OK);
    enum avro_result result = pair_decode(&pair, bytes, n);

    pair_deinit(&pair);
    return result;
}

static void string_has_a_longest_length(void **state)
{
    size_t capacity = AVRO_STRING_MAX + 16;
    uint8_t *bytes = calloc(1, capacity);
    uint8_t *at;

    (void)state;
    assert_non_null(bytes);
    at = put_number(bytes, AVRO_STRING_MAX);
    assert_int_equal(read_once("'bytes'", bytes, (size_t)(at - bytes) + AVRO_STRING_MAX),
                     AVRO_OK);
    at = put_number(bytes, AVRO_STRING_MAX + 1);
    assert_int_equal(read_once("'bytes'", bytes, (size_t)(at - bytes) + AVRO_STRING_MAX + 1),
                     AVRO_LIMIT);
    free(bytes);
}

static void string_longer_than_the_record_is_bad(void **state)
{
    (void)state;
    assert_int_equal(read_once("'string'", "\x04x", 2), AVRO_BAD);
    assert_int_equal(read_once("'string'", "\x01x", 2), AVRO_BAD); /* -1 */
    assert_int_equal(read_once("'string'", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10),
                     AVRO_BAD); /* INT64_MIN */
    assert_int_equal(read_once("'string'", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10),
                     AVRO_LIMIT); /* INT64_MAX */
}

static void array_has_a_largest_number_of_items(void **state)
{
    uint8_t bytes[32];
    uint8_t *at;

    (void)state;
    at = put_number(bytes, AVRO_ARRAY_MAX);
    *at++ = 0;
    assert_int_equal(read_once("{'type':'array','items':'null'}", bytes, (size_t)(at - bytes)),
                     AVRO_OK);
    at = put_number(bytes, AVRO_ARRAY_MAX + 1);
    *at++ = 0;
    assert_int_equal(read_once("{'type':'array','items':'null'}", bytes, (size_t)(at - bytes)),
                     AVRO_LIMIT);
    at = put_number(bytes, AVRO_ARRAY_MAX); /* in two blocks */
    at = put_number(at, 1);
    *at++ = 0;
    assert_int_equal(read_once("{'type':'array','items':'null'}", bytes, (size_t)(at - bytes)),
                     AVRO_LIMIT);
}

static void record_has_a_largest_number_of_items(void **state)
{
    static const char schema[] = "{'type':'array','items':{'type':'array','items':'null'}}";
    uint8_t bytes[64];
    uint8_t *at = put_number(bytes, 3);

    (void)state;
    for (int i = 0; i < 2; i++) {
        at = put_number(at, AVRO_ITEMS_MAX / 2 - 2);
        *at++ = 0;
    }
    uint8_t *third = at;

    at = put_number(third, 1); /* 3 + 2 * (MAX / 2 - 2) + 1 = MAX */
    *at++ = 0;
    *at++ = 0;
    assert_int_equal(read_once(schema, bytes, (size_t)(at - bytes)), AVRO_OK);
    at = put_number(third, 2);
    *at++ = 0;
    *at++ = 0;
    assert_int_equal(read_once(schema, bytes, (size_t)(at - bytes)), AVRO_LIMIT);
}

static void two_to_the_30_nulls_take_no_time(void **state)
{
    static const uint8_t nulls[] = {0x80, 0x80, 0x80, 0x80, 0x08, 0x00}; /* 2^30, the end */
    static const char wide[] = RECORD("{'name':'a','type':{'type':'array','items':'null'}}");
    double begin = seconds();
    struct pair pair;

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(read_once("{'type':'array','items':'null'}", nulls, sizeof(nulls)),
                         AVRO_LIMIT);
    /* where nobody wants them they are passed over */
    assert_int_equal(pair_init(&pair, wide, RECORD("")), OK);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(pair_decode(&pair, nulls, sizeof(nulls)), AVRO_OK);
    pair_deinit(&pair);
    assert_true(seconds() - begin < 10); /* one of them would take longer */
}

static void count_beyond_the_bytes_left_takes_no_memory(void **state)
{
    struct pair pair;

    (void)state;
    assert_int_equal(pair_init(&pair, "{'type':'array','items':'string'}",
                               "{'type':'array','items':'string'}"),
                     OK);
    /* 30,000 strings, of which not one is there */
    assert_int_equal(PAIR_DECODE(&pair, "\xe0\xd4\x03\x00"), AVRO_BAD);
    assert_true(pair.arena.reserved_bytes < 1 << 20);
    /* 2^62 items, so that a product would wrap round */
    assert_int_equal(PAIR_DECODE(&pair, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00"),
                     AVRO_BAD);
    /* INT64_MIN: its amount is no number */
    assert_int_equal(PAIR_DECODE(&pair, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"),
                     AVRO_BAD);
    pair_deinit(&pair);
}

static void values_have_a_largest_depth(void **state)
{
    static const char list[] = RECORD("{'name':'next','type':['null','R']}");
    uint8_t bytes[AVRO_DEPTH_MAX + 2];

    (void)state;
    memset(bytes, 2, sizeof(bytes)); /* one more record each */
    bytes[AVRO_DEPTH_MAX] = 0;
    assert_int_equal(read_once(list, bytes, AVRO_DEPTH_MAX + 1), AVRO_OK);
    bytes[AVRO_DEPTH_MAX] = 2;
    bytes[AVRO_DEPTH_MAX + 1] = 0;
    assert_int_equal(read_once(list, bytes, AVRO_DEPTH_MAX + 2), AVRO_LIMIT);
}

static void skipped_values_have_the_same_depth(void **state)
{
    static const char tree[] = RECORD("{'name':'in','type':{'type':'array','items':'R'}}");
    uint8_t bytes[1000];
    struct pair pair;

    (void)state;
    assert_int_equal(pair_init(&pair, tree, RECORD("")), OK);
    memset(bytes, 2, sizeof(bytes));
    assert_int_equal(pair_decode(&pair, bytes, sizeof(bytes)), AVRO_LIMIT);
    pair_deinit(&pair);
}

static void arena_at_its_limit_is_told(void **state)
{
    static const char schema[] = "{'type':'array','items':'bytes'}";
    struct pair pair;
    uint8_t bytes[20000] = {0};
    struct arena small;
    struct sequence out;
    uint8_t *at = put_number(bytes, 19000);

    (void)state;
    assert_int_equal(pair_init(&pair, schema, schema), OK);
    arena_init(&small, 19000 * sizeof(struct str) - 1);
    assert_int_equal(avro_decode(pair.plan, bytes, (size_t)(at - bytes) + 19001, &small, &out),
                     AVRO_NOMEM);
    arena_deinit(&small);
    arena_init(&small, 19000 * sizeof(struct str));
    assert_int_equal(avro_decode(pair.plan, bytes, (size_t)(at - bytes) + 19001, &small, &out),
                     AVRO_OK);
    arena_deinit(&small);
    pair_deinit(&pair);
}

/* Each record holds the next one twice: 2^n ints from a text of n records. */
static void write_doubling(char *at, int n)
{
    for (int i = 0; i < n; i++)
        at += sprintf(at, "{'type':'record','name':'R%d','fields':[{'name':'a','type':", i);
    at += sprintf(at, "'int'}]}");
    for (int i = n - 1; i > 0; i--)
        at += sprintf(at, "},{'name':'b','type':'R%d'}]}", i);
}

static void schema_that_expands_without_measure_is_refused(void **state)
{
    struct schema large, empty;
    struct error err = {0};
    struct avro_plan *plan = NULL;
    struct arena arena;
    char text[4096];

    (void)state;
    write_doubling(text, 24);
    arena_init(&arena, PAIR_ARENA_BYTES);
    assert_int_equal(schema_of(&large, text, &err), OK);
    assert_int_equal(schema_of(&empty, "{'type':'record','name':'R0','fields':[]}", &err), OK);
    assert_null(generic_slot(large.root, &arena)); /* in place: AVRO_SLOT_BYTES_MAX */
    assert_int_equal(
        avro_plan_make(&large, &empty, generic_slot(empty.root, &arena), &plan, &err),
        ERR_INVALID); /* to be skipped: AVRO_OPS_MAX */
    assert_null(plan);
    arena_deinit(&arena);
    schema_deinit(&large);
    schema_deinit(&empty);
}

static void default_has_a_longest_length(void **state)
{
    static const char head[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\","
        "\"type\":\"string\",\"default\":\"";
    char *text = malloc(sizeof(head) + AVRO_DEFAULT_BYTES_MAX + 16);
    struct schema reader, writer;
    struct error err = {0};
    struct avro_plan *plan = NULL;
    struct arena arena;

    (void)state;
    assert_non_null(text);
    arena_init(&arena, PAIR_ARENA_BYTES);
    assert_int_equal(schema_of(&writer, RECORD(""), &err), OK);
    for (int over = 0; over < 2; over++) {
        size_t n = AVRO_DEFAULT_BYTES_MAX - 3 + (size_t)over; /* 3 for its length */
        char *at = stpcpy(text, head);

        memset(at, 'x', n);
        strcpy(at + n, "\"}]}");
        assert_int_equal(schema_init(&reader, text, strlen(text), &err), OK);
        assert_int_equal(
            avro_plan_make(&writer, &reader, generic_slot(reader.root, &arena), &plan, &err),
            over ? ERR_INVALID : OK);
        schema_deinit(&reader);
    }
    avro_plan_close(plan);
    schema_deinit(&writer);
    arena_deinit(&arena);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(string_has_a_longest_length),
        cmocka_unit_test(string_longer_than_the_record_is_bad),
        cmocka_unit_test(array_has_a_largest_number_of_items),
        cmocka_unit_test(record_has_a_largest_number_of_items),
        cmocka_unit_test(two_to_the_30_nulls_take_no_time),
        cmocka_unit_test(count_beyond_the_bytes_left_takes_no_memory),
        cmocka_unit_test(values_have_a_largest_depth),
        cmocka_unit_test(skipped_values_have_the_same_depth),
        cmocka_unit_test(arena_at_its_limit_is_told),
        cmocka_unit_test(schema_that_expands_without_measure_is_refused),
        cmocka_unit_test(default_has_a_longest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
