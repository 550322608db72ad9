/*
 * Resolution, one rule of the specification at a time. The oracle (tests/avro) asks the same of
 * random schemas; here every value can be checked in the head.
 */
#include "tests/unit/schemas/avro_pair.h"

#define RECORD(fields) "{'type':'record','name':'R','fields':[" fields "]}"
#define LONG_DECIMAL(scale)                                                                    \
    "{'type':'bytes','logicalType':'decimal','precision':18,'scale':" scale "}"
#define TIMESTAMP(unit) "{'type':'long','logicalType':'timestamp-" unit "'}"

/* What `bytes` of the writer's come to as a value of type `c_type` at the begin of ours. */
#define ASSERT_READS(writer, reader, bytes, c_type, expected)                                  \
    do {                                                                                       \
        struct pair pair_;                                                                     \
        assert_int_equal(pair_init(&pair_, writer, reader), OK);                               \
        assert_int_equal(PAIR_DECODE(&pair_, bytes), AVRO_OK);                                 \
        assert_true(*(c_type *)pair_.value == (expected));                                     \
        pair_deinit(&pair_);                                                                   \
    } while (0)

#define ASSERT_RESULT(writer, reader, bytes, result)                                           \
    do {                                                                                       \
        struct pair pair_;                                                                     \
        assert_int_equal(pair_init(&pair_, writer, reader), OK);                               \
        assert_int_equal(PAIR_DECODE(&pair_, bytes), result);                                  \
        pair_deinit(&pair_);                                                                   \
    } while (0)

/* The schemas do not fit, and the sentence contains `words`. */
#define ASSERT_MISFIT(writer, reader, words)                                                   \
    do {                                                                                       \
        struct pair pair_;                                                                     \
        assert_int_equal(pair_init(&pair_, writer, reader), ERR_INVALID);                      \
        if (!strstr(pair_.err.text, words))                                                    \
            fail_msg("'%s' does not say '%s'", pair_.err.text, words);                         \
        pair_deinit(&pair_);                                                                   \
    } while (0)

#define ASSERT_STR(value, text)                                                                \
    assert_true(str_equal(*(const struct str *)(const void *)(value), str_of(text)))

static void numbers_are_promoted_to_wider_ones(void **state)
{
    (void)state;
    ASSERT_READS("'int'", "'long'", "\x03", int64_t, -2);
    ASSERT_READS("'int'", "'float'", "\x04", float, 2.0f);
    ASSERT_READS("'int'", "'double'", "\x04", double, 2.0);
    ASSERT_READS("'long'", "'float'", "\x05", float, -3.0f);
    ASSERT_READS("'long'", "'double'", "\x05", double, -3.0);
    ASSERT_READS("'float'", "'double'", "\x00\x00\xc0\x3f", double, 1.5);
}

static void numbers_are_not_narrowed(void **state)
{
    (void)state;
    ASSERT_MISFIT("'long'", "'int'", "long cannot be read as int");
    ASSERT_MISFIT("'float'", "'long'", "float cannot be read as long");
    ASSERT_MISFIT("'double'", "'float'", "double cannot be read as float");
    ASSERT_MISFIT("'boolean'", "'int'", "boolean cannot be read as int");
    ASSERT_MISFIT("'int'", "'string'", "int cannot be read as string");
}

static void string_and_bytes_are_read_as_each_other(void **state)
{
    struct pair pair;

    (void)state;
    assert_int_equal(pair_init(&pair, "'bytes'", "'string'"), OK);
    assert_int_equal(PAIR_DECODE(&pair, "\x04hi"), AVRO_OK);
    assert_int_equal(PAIR_DECODE(&pair, "\x02\xff"), AVRO_VALUE); /* no UTF-8 */
    pair_deinit(&pair);
    assert_int_equal(pair_init(&pair, "'string'", "'bytes'"), OK);
    assert_int_equal(PAIR_DECODE(&pair, "\x02\xff"), AVRO_OK);
    pair_deinit(&pair);
}

static void fields_are_found_by_name_in_any_order(void **state)
{
    struct pair pair;

    (void)state;
    assert_int_equal(
        pair_init(&pair,
                  RECORD("{'name':'b','type':'string'},{'name':'x','type':'double'},"
                         "{'name':'a','type':'int'}"),
                  RECORD("{'name':'a','type':'int'},{'name':'b','type':'string'}")),
        OK);
    assert_int_equal(PAIR_DECODE(&pair, "\x06one\x00\x00\x00\x00\x00\x00\x00\x00\x0e"),
                     AVRO_OK);
    assert_int_equal(*(int32_t *)pair.value, 7);
    ASSERT_STR((char *)pair.value + pair.slot->fields[1].offset, "one");
    pair_deinit(&pair);
}

static void missing_field_gets_its_default(void **state)
{
    (void)state;
    ASSERT_READS(RECORD(""), RECORD("{'name':'n','type':'int','default':-1}"), "", int32_t, -1);
    ASSERT_READS(RECORD(""), RECORD("{'name':'d','type':'double','default':3}"), "", double, 3);
    ASSERT_READS(RECORD(""), RECORD("{'name':'b','type':'boolean','default':true}"), "", bool,
                 true);
    ASSERT_READS(RECORD(""),
                 RECORD("{'name':'e','default':'B','type':"
                        "{'type':'enum','name':'E','symbols':['A','B']}}"),
                 "", int32_t, 1);
    ASSERT_READS(RECORD(""),
                 RECORD("{'name':'d','default':'\\u0001\\u0000','type':" LONG_DECIMAL("4") "}"),
                 "", int64_t, 256);
    ASSERT_READS(RECORD(""), RECORD("{'name':'o','type':['null','int'],'default':null}"), "",
                 bool, false);
}

static void default_of_a_text_outlives_the_plan(void **state)
{
    struct pair pair;

    (void)state;
    assert_int_equal(
        pair_init(&pair, RECORD(""), RECORD("{'name':'s','type':'string','default':'Größe'}")),
        OK);
    assert_int_equal(PAIR_DECODE(&pair, ""), AVRO_OK);
    avro_plan_close(pair.plan);
    pair.plan = NULL;
    ASSERT_STR(pair.value, "Größe");
    pair_deinit(&pair);
}

static void defaults_inside_a_default_are_filled_in(void **state)
{
    struct pair pair;

    (void)state;
    assert_int_equal(
        pair_init(&pair, RECORD(""),
                  RECORD("{'name':'list','default':[{'a':5},{}],'type':{'type':'array','items':"
                         "{'type':'record','name':'In','fields':["
                         "{'name':'a','type':'int','default':9}]}}}")),
        OK);
    assert_int_equal(PAIR_DECODE(&pair, ""), AVRO_OK);
    const struct sequence *list = pair.value;

    assert_int_equal(list->n, 2);
    assert_int_equal(*(int32_t *)list->at, 5);
    assert_int_equal(*(int32_t *)(void *)((char *)list->at + pair.slot->fields[0].slot->stride),
                     9);
    pair_deinit(&pair);
}

static void missing_field_without_default_is_named(void **state)
{
    (void)state;
    ASSERT_MISFIT(RECORD(""), RECORD("{'name':'wanted','type':'int'}"), "wanted");
    ASSERT_MISFIT(RECORD("{'name':'in','type':{'type':'record','name':'I','fields':[]}}"),
                  RECORD("{'name':'in','type':{'type':'record','name':'I','fields':["
                         "{'name':'wanted','type':'int'}]}}"),
                  "field 'in': the writer lacks, and ours has no default for, field wanted");
}

static void field_of_another_type_is_named_with_its_path(void **state)
{
    (void)state;
    ASSERT_MISFIT(RECORD("{'name':'a','type':{'type':'record','name':'I','fields':["
                         "{'name':'b','type':'string'}]}}"),
                  RECORD("{'name':'a','type':{'type':'record','name':'I','fields':["
                         "{'name':'b','type':'int'}]}}"),
                  "field 'a.b': string cannot be read as int");
}

static void alias_of_a_field_finds_its_old_name(void **state)
{
    (void)state;
    ASSERT_READS(RECORD("{'name':'old','type':'int'}"),
                 RECORD("{'name':'new','type':'int','aliases':['older','old']}"), "\x02",
                 int32_t, 1);
}

static void name_goes_before_alias(void **state)
{
    (void)state;
    ASSERT_READS(RECORD("{'name':'old','type':'int'},{'name':'new','type':'int'}"),
                 RECORD("{'name':'new','type':'int','aliases':['old']}"), "\x02\x04", int32_t,
                 2);
    ASSERT_READS(RECORD("{'name':'new','type':'int'},{'name':'old','type':'int'}"),
                 RECORD("{'name':'new','type':'int','aliases':['old']}"), "\x02\x04", int32_t,
                 1);
}

static void types_are_found_by_last_name_or_alias(void **state)
{
    static const char fixed[] = "{'type':'fixed','size':1,'name':'a.F'}";

    (void)state;
    ASSERT_RESULT(fixed, "{'type':'fixed','size':1,'name':'b.F'}", "\x07", AVRO_OK);
    ASSERT_RESULT(fixed, "{'type':'fixed','size':1,'name':'G','aliases':['a.F']}", "\x07",
                  AVRO_OK);
    ASSERT_MISFIT(fixed, "{'type':'fixed','size':1,'name':'G'}", "another type is wanted");
    ASSERT_MISFIT(fixed, "{'type':'fixed','size':2,'name':'F'}", "another size is wanted");
    ASSERT_RESULT("{'type':'record','name':'Old','fields':[]}",
                  "{'type':'record','name':'New','aliases':['Old'],'fields':[]}", "", AVRO_OK);
    ASSERT_READS("{'type':'enum','name':'Old','symbols':['A']}",
                 "{'type':'enum','name':'New','aliases':['Old'],'symbols':['B','A']}", "\x00",
                 int32_t, 1);
}

static void symbols_are_found_by_name(void **state)
{
    static const char writer[] = "{'type':'enum','name':'E','symbols':['A','B','NEW']}";
    static const char reader[] = "{'type':'enum','name':'E','symbols':['UNKNOWN','B','A']}";
    static const char open[] = "{'type':'enum','name':'E','symbols':['B','UNKNOWN'],"
                               "'default':'UNKNOWN'}";

    (void)state;
    ASSERT_READS(writer, reader, "\x00", int32_t, 2);
    ASSERT_READS(writer, reader, "\x02", int32_t, 1);
    ASSERT_RESULT(writer, reader, "\x04", AVRO_VALUE); /* NEW, and no default */
    ASSERT_READS(writer, open, "\x04", int32_t, 1);
    ASSERT_RESULT(writer, open, "\x06", AVRO_BAD); /* the writer has no such symbol */
    ASSERT_RESULT(writer, open, "\x01", AVRO_BAD);
}

static void union_of_the_writer_is_read_as_one_type(void **state)
{
    (void)state;
    ASSERT_READS("['null','int','string']", "'long'", "\x02\x06", int64_t, 3);
    ASSERT_RESULT("['null','int','string']", "'long'", "\x00", AVRO_VALUE);
    ASSERT_RESULT("['null','int','string']", "'long'", "\x04\x02x", AVRO_VALUE);
    ASSERT_RESULT("['null','int','string']", "'long'", "\x06", AVRO_BAD);
    ASSERT_MISFIT("['null','string']", "'long'", "string cannot be read as long");
}

static void one_type_is_read_as_the_first_branch_that_takes_it(void **state)
{
    (void)state;
    ASSERT_READS("'int'", "['string','double','boolean']", "\x06", int32_t, 1);
    ASSERT_READS("'int'", "['float','int']", "\x06", int32_t, 0); /* the first, to the letter */
    ASSERT_READS("'string'", "['null','string','bytes']", "\x02x", int32_t, 1);
    ASSERT_MISFIT("'boolean'", "['string','int']", "no branch of ours takes boolean");
}

static void record_of_the_same_full_name_comes_first(void **state)
{
    (void)state;
    ASSERT_READS("{'type':'record','name':'b.R','fields':[]}",
                 "['null',{'type':'record','name':'a.R','fields':[]},"
                 "{'type':'record','name':'b.R','fields':[]}]",
                 "", int32_t, 2);
}

static void branches_of_equal_unions_are_read_as_themselves(void **state)
{
    (void)state;
    ASSERT_READS("['bytes','string','null']", "['bytes','string','null']", "\x02\x02x", int32_t,
                 1);
}

static void optional_may_stand_in_either_order(void **state)
{
    struct pair pair;

    (void)state;
    assert_int_equal(pair_init(&pair, "['string','null']", "['null','string']"), OK);
    assert_int_equal(PAIR_DECODE(&pair, "\x00\x02x"), AVRO_OK);
    ASSERT_STR(pair.value, "x");
    assert_int_equal(PAIR_DECODE(&pair, "\x02"), AVRO_OK);
    assert_null(((struct str *)pair.value)->ptr);
    assert_int_equal(PAIR_DECODE(&pair, "\x80\x00\x02x"), AVRO_OK); /* 0 in two bytes */
    ASSERT_STR(pair.value, "x");
    assert_int_equal(PAIR_DECODE(&pair, "\x04"), AVRO_BAD);
    pair_deinit(&pair);
}

static void empty_text_is_not_an_absent_one(void **state)
{
    struct pair pair;

    (void)state;
    assert_int_equal(pair_init(&pair, "['null','string']", "['null','string']"), OK);
    assert_int_equal(PAIR_DECODE(&pair, "\x02\x00"), AVRO_OK);
    assert_non_null(((struct str *)pair.value)->ptr);
    assert_int_equal(((struct str *)pair.value)->len, 0);
    pair_deinit(&pair);
}

static void array_comes_in_blocks_with_or_without_sizes(void **state)
{
    struct pair pair;
    const struct sequence *list;

    (void)state;
    assert_int_equal(
        pair_init(&pair, "{'type':'array','items':'int'}", "{'type':'array','items':'long'}"),
        OK);
    /* one item; two items in two bytes; one item; the end */
    assert_int_equal(PAIR_DECODE(&pair, "\x02\x02\x03\x04\x04\x06\x02\x08\x00"), AVRO_OK);
    list = pair.value;
    assert_int_equal(list->n, 4);
    for (uint32_t i = 0; i < list->n; i++)
        assert_int_equal(*(int64_t *)(void *)((char *)list->at + i * pair.slot->stride), i + 1);
    assert_int_equal(PAIR_DECODE(&pair, "\x00"), AVRO_OK);
    assert_int_equal(((struct sequence *)pair.value)->n, 0);
    assert_int_equal(PAIR_DECODE(&pair, "\x02\x02"), AVRO_BAD); /* no end */
    assert_int_equal(PAIR_DECODE(&pair, "\x01\x05\x02\x00"),
                     AVRO_BAD); /* size beyond the end */
    assert_int_equal(PAIR_DECODE(&pair, "\x01\x01\x02\x00"), AVRO_BAD); /* size below 0 */
    pair_deinit(&pair);
}

static void map_keeps_the_order_of_the_wire(void **state)
{
    struct pair pair;
    const struct str *entries;

    (void)state;
    assert_int_equal(pair_init(&pair, "{'type':'map','values':'string'}",
                               "{'type':'map','values':'string'}"),
                     OK);
    assert_int_equal(PAIR_DECODE(&pair, "\x04\x02z\x02\x31\x02"
                                        "a\x02\x32\x00"),
                     AVRO_OK);
    entries = ((struct sequence *)pair.value)->at;
    assert_int_equal(((struct sequence *)pair.value)->n, 2);
    assert_int_equal(entries[0].len, 1);
    assert_int_equal(pair.slot->stride, sizeof(struct str[2]));
    pair_deinit(&pair);
}

static void recursive_record_is_read_to_its_end(void **state)
{
    static const char list[] = RECORD("{'name':'v','type':'int'},"
                                      "{'name':'next','type':['null','R']}");
    struct pair pair;

    (void)state;
    assert_int_equal(pair_init(&pair, list, list), OK);
    assert_int_equal(PAIR_DECODE(&pair, "\x02\x02\x04\x02\x06\x00"), AVRO_OK);
    assert_int_equal(*(int32_t *)pair.value, 1);
    pair_deinit(&pair);
}

static void unwanted_fields_of_every_kind_are_skipped(void **state)
{
    static const char writer[] = RECORD(
        "{'name':'a','type':'null'},{'name':'b','type':'boolean'},{'name':'c','type':'float'},"
        "{'name':'d','type':'string'},{'name':'e','type':{'type':'fixed','name':'F','size':2}},"
        "{'name':'f','type':{'type':'array','items':'R'}},"
        "{'name':'g','type':{'type':'map','values':'int'}},"
        "{'name':'h','type':['null','R','string']},"
        "{'name':'i','type':{'type':'array','items':'null'}},"
        "{'name':'n','type':'int'}");

    (void)state;
    /* one R in f is passed over by its size; i has 2^40 nulls; only n is wanted */
    ASSERT_READS(writer, RECORD("{'name':'n','type':'int'}"),
                 "\x01\x00\x00\x00\x00\x04xyFF"
                 "\x01\x1a.............\x00"
                 "\x02\x02k\x03\x00"
                 "\x04\x02s"
                 "\x80\x80\x80\x80\x80\x40\x00"
                 "\x0e",
                 int32_t, 7);
}

static void decimal_is_brought_to_our_scale(void **state)
{
    (void)state;
    ASSERT_READS(LONG_DECIMAL("4"), LONG_DECIMAL("4"), "\x02\xff", int64_t, -1);
    ASSERT_READS(LONG_DECIMAL("2"), LONG_DECIMAL("4"), "\x04\x01\x00", int64_t, 25600);
    ASSERT_READS(LONG_DECIMAL("0"), LONG_DECIMAL("4"), "\x02\x05", int64_t, 50000);
    ASSERT_READS(LONG_DECIMAL("6"), LONG_DECIMAL("4"), "\x04\x01\xf4", int64_t,
                 5); /* .000500 */
    ASSERT_RESULT(LONG_DECIMAL("6"), LONG_DECIMAL("4"), "\x04\x01\xf5", AVRO_VALUE);
    ASSERT_READS("'bytes'", LONG_DECIMAL("4"), "\x02\x07", int64_t, 7);
    ASSERT_MISFIT("'string'", LONG_DECIMAL("4"), "a decimal is wanted, and given as string");
    ASSERT_MISFIT("'long'", LONG_DECIMAL("4"), "long cannot be read as bytes");
}

static void decimal_has_at_most_our_digits(void **state)
{
    (void)state;
    /* 10^18 - 1 and 10^18 */
    ASSERT_READS("'bytes'", LONG_DECIMAL("4"), "\x10\x0d\xe0\xb6\xb3\xa7\x63\xff\xff", int64_t,
                 999999999999999999);
    ASSERT_RESULT("'bytes'", LONG_DECIMAL("4"), "\x10\x0d\xe0\xb6\xb3\xa7\x64\x00\x00",
                  AVRO_VALUE);
    /* signs repeated at any length are no digits; no byte at all is no number */
    ASSERT_READS("'bytes'", LONG_DECIMAL("4"),
                 "\x24\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                 "\xff\xff\xff\xff\xff\xff\xff\xfe",
                 int64_t, -2);
    ASSERT_RESULT("'bytes'", LONG_DECIMAL("4"),
                  "\x24\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff"
                  "\xff\xff\xff\xff\xff\xff\xff\xfe",
                  AVRO_VALUE);
    ASSERT_RESULT("'bytes'", LONG_DECIMAL("4"), "\x00", AVRO_VALUE);
}

static void timestamps_are_brought_to_our_unit(void **state)
{
    (void)state;
    ASSERT_READS(TIMESTAMP("micros"), TIMESTAMP("millis"), "\xce\x0f", int64_t, 0); /* 999 */
    ASSERT_READS(TIMESTAMP("micros"), TIMESTAMP("millis"), "\x01", int64_t,
                 -1); /* rounds down */
    ASSERT_READS(TIMESTAMP("millis"), TIMESTAMP("micros"), "\x04", int64_t, 2000);
    ASSERT_READS(TIMESTAMP("nanos"), TIMESTAMP("millis"), "\x80\x89\x7a", int64_t, 1);
    ASSERT_READS("'long'", TIMESTAMP("millis"), "\x04", int64_t, 2);
    ASSERT_RESULT(TIMESTAMP("millis"), TIMESTAMP("nanos"),
                  "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", AVRO_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_promoted_to_wider_ones),
        cmocka_unit_test(numbers_are_not_narrowed),
        cmocka_unit_test(string_and_bytes_are_read_as_each_other),
        cmocka_unit_test(fields_are_found_by_name_in_any_order),
        cmocka_unit_test(missing_field_gets_its_default),
        cmocka_unit_test(default_of_a_text_outlives_the_plan),
        cmocka_unit_test(defaults_inside_a_default_are_filled_in),
        cmocka_unit_test(missing_field_without_default_is_named),
        cmocka_unit_test(field_of_another_type_is_named_with_its_path),
        cmocka_unit_test(alias_of_a_field_finds_its_old_name),
        cmocka_unit_test(name_goes_before_alias),
        cmocka_unit_test(types_are_found_by_last_name_or_alias),
        cmocka_unit_test(symbols_are_found_by_name),
        cmocka_unit_test(union_of_the_writer_is_read_as_one_type),
        cmocka_unit_test(one_type_is_read_as_the_first_branch_that_takes_it),
        cmocka_unit_test(record_of_the_same_full_name_comes_first),
        cmocka_unit_test(branches_of_equal_unions_are_read_as_themselves),
        cmocka_unit_test(optional_may_stand_in_either_order),
        cmocka_unit_test(empty_text_is_not_an_absent_one),
        cmocka_unit_test(array_comes_in_blocks_with_or_without_sizes),
        cmocka_unit_test(map_keeps_the_order_of_the_wire),
        cmocka_unit_test(recursive_record_is_read_to_its_end),
        cmocka_unit_test(unwanted_fields_of_every_kind_are_skipped),
        cmocka_unit_test(decimal_is_brought_to_our_scale),
        cmocka_unit_test(decimal_has_at_most_our_digits),
        cmocka_unit_test(timestamps_are_brought_to_our_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
