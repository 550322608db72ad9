/*
 * Our Liquid against liquidjs: tests/golden/liquid/cases.json holds templates, one context and
 * what liquidjs made of them (make.mjs there wrote it). Agreement must be complete.
 */
#include "producers/template.h"
#include "tests/support/test_support.h"

#include <jansson.h>
#include <stdlib.h>

enum { CASES_MIN = 200 };

static struct arena arena;

static struct template_value from_json(json_t *json);

static struct template_value object_from_json(json_t *json)
{
    struct template_field *fields =
        arena_alloc(&arena, (json_object_size(json) + 1) * sizeof(*fields));
    uint32_t n = 0;
    const char *name;
    json_t *member;

    json_object_foreach(json, name, member) fields[n++] =
        (struct template_field){str_of(name), from_json(member)};
    return (struct template_value){.kind = VALUE_OBJECT, .n = n, .fields = fields};
}

static struct template_value array_from_json(json_t *json)
{
    struct template_value *items =
        arena_alloc(&arena, (json_array_size(json) + 1) * sizeof(*items));
    size_t i;
    json_t *element;

    json_array_foreach(json, i, element) items[i] = from_json(element);
    return (struct template_value){
        .kind = VALUE_ARRAY, .n = (uint32_t)json_array_size(json), .items = items};
}

static struct template_value from_json(json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_from_json(json);
    case JSON_ARRAY:
        return array_from_json(json);
    case JSON_STRING:
        return value_text(
            (struct str){json_string_value(json), (uint32_t)json_string_length(json)});
    case JSON_INTEGER:
    case JSON_REAL:
        return value_number(json_number_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct template_value){.kind = VALUE_BOOL, .boolean = json_is_true(json)};
    default:
        return (struct template_value){.kind = VALUE_NIL};
    }
}

static bool agrees(json_t *one, const struct template_input *input)
{
    const char *source = json_string_value(json_object_get(one, "template"));
    const char *target = json_string_value(json_object_get(one, "target"));
    json_t *wanted = json_object_get(one, "output");
    struct template *template = NULL;
    struct template_output output = {.text = {"", 0}};
    struct error error = {.text = ""};
    enum status status;

    status = template_compile("case", str_of(source),
                              strcmp(target, "html") == 0 ? TARGET_HTML : TARGET_PLAIN, NULL,
                              &template, &error);
    if (status == OK)
        status = template_render(template, input, &arena, &output, &error);
    template_close(template);
    if (!wanted && status != OK)
        return true;
    if (wanted && status == OK &&
        str_equal(output.text, (struct str){json_string_value(wanted),
                                            (uint32_t)json_string_length(wanted)}))
        return true;
    print_error("%s\n  wanted: %s\n  got:    %.*s %s\n", source,
                wanted ? json_string_value(wanted) : "(an error)", STR_ARG(output.text),
                error.text);
    return false;
}

static void every_case_gives_what_liquidjs_gives(void **state)
{
    json_error_t error;
    json_t *root = json_load_file("tests/golden/liquid/cases.json", 0, &error), *one;
    struct template_locale *locale = NULL;
    size_t i, wrong = 0;

    (void)state;
    assert_non_null(root);
    assert_int_equal(template_locale_open("en", &locale, NULL), OK);
    arena_init(&arena, 64 * 1024 * 1024);
    struct template_value context = object_from_json(json_object_get(root, "context"));
    struct template_input input = {context.fields, context.n, locale, NULL};

    assert_true(json_array_size(json_object_get(root, "cases")) >= CASES_MIN);
    json_array_foreach(json_object_get(root, "cases"), i, one) wrong += !agrees(one, &input);
    assert_int_equal(wrong, 0);
    arena_deinit(&arena);
    template_locale_close(locale);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_gives_what_liquidjs_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
