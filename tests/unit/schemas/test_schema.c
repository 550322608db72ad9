/*
 * What is a schema and what is not. Texts that must be refused are refused by both parsers or
 * by ours alone; a refusal is a sentence, and never a crash or a long wait.
 */
#include "tests/unit/schemas/avro_pair.h"

#include <stdio.h>

#define ASSERT_SCHEMA(json_text)                                                               \
    do {                                                                                       \
        struct schema schema_;                                                                 \
        struct error err_ = {0};                                                               \
        if (schema_of(&schema_, json_text, &err_) != OK)                                       \
            fail_msg("%s: %s", json_text, err_.text);                                          \
        schema_deinit(&schema_);                                                               \
    } while (0)

#define ASSERT_NO_SCHEMA(json_text, words)                                                     \
    do {                                                                                       \
        struct schema schema_;                                                                 \
        struct error err_ = {0};                                                               \
        assert_int_equal(schema_of(&schema_, json_text, &err_), ERR_INVALID);                  \
        if (!strstr(err_.text, words))                                                         \
            fail_msg("'%s' does not say '%s'", err_.text, words);                              \
    } while (0)

static void every_kind_of_type_is_a_schema(void **state)
{
    (void)state;
    ASSERT_SCHEMA("'string'");
    ASSERT_SCHEMA("{'type':'string'}");
    ASSERT_SCHEMA(
        "['null','int',{'type':'array','items':'int'},{'type':'map','values':'int'}]");
    ASSERT_SCHEMA("{'type':'enum','name':'E','symbols':['A']}");
    ASSERT_SCHEMA("{'type':'fixed','name':'a.b.F','size':16}");
    ASSERT_SCHEMA("{'type':'record','name':'R','namespace':'a.b','fields':["
                  "{'name':'r','type':['null','R']},{'name':'s','type':['null','a.b.R']}]}");
    ASSERT_NO_SCHEMA("{'type':'error','name':'R','fields':[]}",
                     "unknown type"); /* of protocols */
}

static void unknown_attributes_and_logical_types_are_ignored(void **state)
{
    (void)state;
    ASSERT_SCHEMA("{'type':'int','logicalType':'martian-date','colour':{'a':[1]}}");
    ASSERT_SCHEMA("{'type':'bytes','logicalType':'decimal','precision':-1}");
    ASSERT_SCHEMA("{'type':'record','name':'R','doc':7,'fields':["
                  "{'name':'f','type':'int','order':'ascending','x':null}]}");
}

static void default_with_a_nul_is_a_schema(void **state)
{
    (void)state; /* Avro-C alone refuses it; decimals often have such a default */
    ASSERT_SCHEMA("{'type':'record','name':'R','fields':["
                  "{'name':'f','type':'bytes','default':'\\u0000'}]}");
}

static void text_that_is_no_json_is_refused(void **state)
{
    (void)state;
    ASSERT_NO_SCHEMA("", "no JSON");
    ASSERT_NO_SCHEMA("{'type':", "no JSON");
    ASSERT_NO_SCHEMA("'string' 'string'", "no JSON");
    ASSERT_NO_SCHEMA("{'type':'enum','name':'E','symbols':['\xff']}", "no JSON");
}

static void json_that_is_no_type_is_refused(void **state)
{
    (void)state;
    ASSERT_NO_SCHEMA("7", "a type is missing");
    ASSERT_NO_SCHEMA("null", "a type is missing");
    ASSERT_NO_SCHEMA("{}", "a type is missing");
    ASSERT_NO_SCHEMA("'text'", "unknown type 'text'");
    ASSERT_NO_SCHEMA("''", "no type can be called");
    ASSERT_NO_SCHEMA("'a..b'", "no type can be called");
    ASSERT_NO_SCHEMA("{'type':'array'}", "nothing said of the items of a 'array'");
    ASSERT_NO_SCHEMA("{'type':'map'}", "nothing said of the items of a 'map'");
    ASSERT_NO_SCHEMA("{'type':'fixed','name':'F'}", "bad size of fixed 'F'");
    ASSERT_NO_SCHEMA("{'type':'fixed','name':'F','size':-1}", "bad size");
    ASSERT_NO_SCHEMA("{'type':'fixed','name':'F','size':99999999999}", "bad size");
    ASSERT_NO_SCHEMA("{'type':'record','name':'R'}", "no list of fields");
    ASSERT_NO_SCHEMA("{'type':'record','name':'R','fields':[7]}", "bad field name in 'R'");
    ASSERT_NO_SCHEMA("{'type':'record','name':'R','fields':[{'name':'f'}]}",
                     "no type given for field 'f'");
}

static void names_follow_the_rules(void **state)
{
    (void)state;
    ASSERT_NO_SCHEMA("{'type':'record','fields':[]}", "bad name");
    ASSERT_NO_SCHEMA("{'type':'record','name':'1R','fields':[]}", "bad name '1R'");
    ASSERT_NO_SCHEMA("{'type':'record','name':'R','namespace':'a..b','fields':[]}",
                     "bad namespace");
    ASSERT_NO_SCHEMA("{'type':'record','name':'int','fields':[]}", "the name is taken");
    ASSERT_NO_SCHEMA(
        "[{'type':'fixed','name':'F','size':1},{'type':'fixed','name':'F','size':1}]",
        "the name is taken: 'F'");
    ASSERT_NO_SCHEMA("{'type':'record','name':'R','fields':["
                     "{'name':'a','type':'int'},{'name':'a','type':'int'}]}",
                     "two fields of one name, 'a'");
    ASSERT_NO_SCHEMA("{'type':'record','name':'R','fields':[{'name':'a-b','type':'int'}]}",
                     "bad field name");
    ASSERT_NO_SCHEMA("{'type':'record','name':'R','aliases':[7],'fields':[]}",
                     "bad symbol or alias");
}

static void enums_and_unions_follow_the_rules(void **state)
{
    (void)state;
    ASSERT_NO_SCHEMA("{'type':'enum','name':'E','symbols':[]}", "no symbols");
    ASSERT_NO_SCHEMA("{'type':'enum','name':'E','symbols':['A','A']}", "two equal symbols");
    ASSERT_NO_SCHEMA("{'type':'enum','name':'E','symbols':['a b']}", "bad symbol");
    ASSERT_NO_SCHEMA("{'type':'enum','name':'E','symbols':['A'],'default':'B'}",
                     "the default is no symbol");
    ASSERT_NO_SCHEMA("[]", "no branches");
    ASSERT_NO_SCHEMA("['int','int']", "a union holds twice");
    ASSERT_NO_SCHEMA("['int',['null']]", "holds a union");
}

static void record_without_end_is_refused(void **state)
{
    (void)state;
    ASSERT_NO_SCHEMA("{'type':'record','name':'R','fields':[{'name':'r','type':'R'}]}",
                     "a record contains itself, 'R'");
    ASSERT_NO_SCHEMA("{'type':'record','name':'R','fields':[{'name':'q','type':"
                     "{'type':'record','name':'Q','fields':[{'name':'r','type':'R'}]}}]}",
                     "a record contains itself, 'R'");
    ASSERT_SCHEMA(
        "{'type':'record','name':'R','fields':[{'name':'q','type':{'type':'array',"
        "'items':{'type':'record','name':'Q','fields':[{'name':'r','type':'R'}]}}}]}");
}

/* `n` times head, then middle, then n times tail. */
static char *repeated(const char *head, const char *middle, const char *tail, size_t n)
{
    char *text = calloc(1, n * (strlen(head) + strlen(tail)) + strlen(middle) + 1);
    char *at = text;

    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, head);
    at = stpcpy(at, middle);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, tail);
    return text;
}

static void nesting_is_bounded(void **state)
{
    char *fits = repeated("{'type':'array','items':", "'int'", "}", AVRO_SCHEMA_DEPTH_MAX - 1);
    char *deep = repeated("{'type':'array','items':", "'int'", "}", AVRO_SCHEMA_DEPTH_MAX);
    char *very_deep = repeated("[", "", "", 100000);

    (void)state;
    ASSERT_SCHEMA(fits);
    ASSERT_NO_SCHEMA(deep, "nested too deep");
    ASSERT_NO_SCHEMA(very_deep, "no JSON");
    free(fits);
    free(deep);
    free(very_deep);
}

/* An enum of n symbols. */
static char *wide_enum(unsigned n)
{
    char *text = malloc(64 + (size_t)n * 16);
    char *at = text;

    assert_non_null(text);
    at = stpcpy(at, "{'type':'enum','name':'E','symbols':[");
    for (unsigned i = 0; i < n; i++)
        at += sprintf(at, "%s'S%u'", i ? "," : "", i);
    stpcpy(at, "]}");
    return text;
}

static void number_of_names_is_bounded(void **state)
{
    char *fits = wide_enum(AVRO_NAMES_MAX);
    char *wide = wide_enum(AVRO_NAMES_MAX + 1);

    (void)state;
    ASSERT_SCHEMA(fits);
    ASSERT_NO_SCHEMA(wide, "too many");
    free(fits);
    free(wide);
}

static void length_of_the_text_is_bounded(void **state)
{
    char *text = malloc(AVRO_SCHEMA_TEXT_MAX + 2);
    struct schema schema;
    struct error err = {0};

    (void)state;
    assert_non_null(text);
    memset(text, ' ', AVRO_SCHEMA_TEXT_MAX + 1);
    memcpy(text, "\"int\"", 5);
    assert_int_equal(schema_init(&schema, text, AVRO_SCHEMA_TEXT_MAX, &err), OK);
    schema_deinit(&schema);
    assert_int_equal(schema_init(&schema, text, AVRO_SCHEMA_TEXT_MAX + 1, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "longer than"));
    free(text);
}

static void names_take_the_namespace_around_them(void **state)
{
    struct schema schema;
    struct error err = {0};
    const struct schema_node *inner;

    (void)state;
    assert_int_equal(schema_of(&schema,
                               "{'type':'record','name':'a.b.R','fields':[{'name':'f','type':"
                               "{'type':'fixed','name':'F','aliases':['G','x.H'],'size':1}}]}",
                               &err),
                     OK);
    inner = schema.root->fields[0].type;
    assert_true(str_equal(inner->name, str_of("a.b.F")));
    assert_true(str_equal(inner->aliases[0], str_of("a.b.G")));
    assert_true(str_equal(inner->aliases[1], str_of("x.H")));
    assert_true(str_equal(schema_short_name(inner->name), str_of("F")));
    schema_deinit(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_type_is_a_schema),
        cmocka_unit_test(unknown_attributes_and_logical_types_are_ignored),
        cmocka_unit_test(default_with_a_nul_is_a_schema),
        cmocka_unit_test(text_that_is_no_json_is_refused),
        cmocka_unit_test(json_that_is_no_type_is_refused),
        cmocka_unit_test(names_follow_the_rules),
        cmocka_unit_test(enums_and_unions_follow_the_rules),
        cmocka_unit_test(record_without_end_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(number_of_names_is_bounded),
        cmocka_unit_test(length_of_the_text_is_bounded),
        cmocka_unit_test(names_take_the_namespace_around_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
