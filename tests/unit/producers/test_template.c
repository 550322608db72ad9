/* What is ours and not Liquid's: errors, limits, escaping by target, spans, CLDR formats. */
#include "producers/template.h"
#include "tests/support/test_support.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct template_locale *en, *de;
static struct error error;
static struct template_output output;

static const struct template_record shoe = {SOURCE_CATALOG, {"shoe-1", 6}, 42};

static struct template_value field(struct template_value value, const char *name)
{
    value.record = &shoe;
    value.field = name;
    return value;
}

static struct template_field fields[8];
static uint32_t n_fields;

static void context_add(const char *name, struct template_value value)
{
    fields[n_fields++] = (struct template_field){str_of(name), value};
}

static enum status render_as(const struct template_locale *locale, enum template_target target,
                             const char *text)
{
    struct template *template = NULL;
    struct template_input input = {fields, n_fields, locale, "Europe/Berlin"};
    enum status status;

    error.text[0] = '\0';
    output = (struct template_output){.text = {"", 0}};
    arena_reset(&arena);
    status = template_compile("t", str_of(text), target, NULL, &template, &error);
    if (status == OK)
        status = template_render(template, &input, &arena, &output, &error);
    template_close(template);
    return status;
}

static void assert_text(enum template_target target, const char *text, const char *wanted)
{
    if (render_as(en, target, text) != OK)
        print_error("%s\n", error.text);
    char *got = malloc(output.text.len + 1);

    memcpy(got, output.text.ptr, output.text.len);
    got[output.text.len] = '\0';
    assert_string_equal(got, wanted);
    free(got);
}

static void assert_refused(enum template_target target, const char *text, enum status status,
                           const char *sentence)
{
    assert_int_equal(render_as(en, target, text), status);
    assert_string_equal(error.text, sentence);
}

/* ---- errors ---- */

static void an_error_names_template_line_and_variable(void **state)
{
    (void)state;
    assert_refused(TARGET_PLAIN, "a\nb {{ item.price }}", ERR_NOT_FOUND,
                   "t:2: 'item.price' is missing");
    assert_refused(TARGET_PLAIN, "\n\n{% if x %}", ERR_INVALID,
                   "t:3: 'endif' is missing for the tag of line 3");
    assert_refused(TARGET_PLAIN, "{{ x | shout }}", ERR_INVALID,
                   "t:1: no filter is called 'shout'");
    assert_refused(TARGET_PLAIN, "x\n{{ 'a' }} {{ 'b }}", ERR_INVALID,
                   "t:2: a tag lacks its closing '}}'");
    assert_refused(TARGET_PLAIN, "{% if a = 1 %}{% endif %}", ERR_INVALID,
                   "t:1: cannot read '= 1 '");
    assert_refused(TARGET_PLAIN, "{% break %}", ERR_INVALID,
                   "t:1: break and continue belong into a loop");
    assert_refused(TARGET_PLAIN, "{% include 'x' %}", ERR_INVALID,
                   "t:1: nothing can be included here");
}

static void a_text_and_a_number_have_no_order(void **state)
{
    (void)state;
    assert_refused(TARGET_PLAIN, "{% if 'a' < 1 %}{% endif %}", ERR_INVALID,
                   "t:1: a text and a number have no order");
}

static void now_is_refused_because_a_text_must_not_depend_on_the_clock(void **state)
{
    (void)state;
    assert_int_equal(render_as(en, TARGET_PLAIN, "{{ 'now' | date: '%Y' }}"), ERR_INVALID);
}

/* ---- limits: each reached, and not one before ---- */

static void a_thousand_turns_are_allowed_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(render_as(en, TARGET_PLAIN, "{% for i in (1..1000) %}x{% endfor %}"), OK);
    assert_int_equal(output.text.len, 1000);
    assert_refused(TARGET_PLAIN, "{% for i in (1..1001) %}x{% endfor %}", ERR_FULL,
                   "t:1: more than 1000 turns of loops");
    assert_refused(TARGET_PLAIN,
                   "{% for i in (1..40) %}{% for j in (1..40) %}x{% endfor %}{% endfor %}",
                   ERR_FULL, "t:1: more than 1000 turns of loops");
}

static void the_output_ends_at_64_kib(void **state)
{
    char *text = malloc(TEMPLATE_OUTPUT_MAX + 2);

    (void)state;
    memset(text, 'x', TEMPLATE_OUTPUT_MAX + 1);
    text[TEMPLATE_OUTPUT_MAX] = '\0';
    assert_int_equal(render_as(en, TARGET_PLAIN, text), OK);
    text[TEMPLATE_OUTPUT_MAX] = 'x';
    text[TEMPLATE_OUTPUT_MAX + 1] = '\0';
    assert_int_equal(render_as(en, TARGET_PLAIN, text), ERR_FULL);
    free(text);
}

static void doubling_a_text_ends_at_the_limit_too(void **state)
{
    (void)state;
    assert_int_equal(render_as(en, TARGET_PLAIN,
                               "{% assign a = 'xxxxxxxx' %}{% for i in (1..20) %}"
                               "{% assign a = a | append: a %}{% endfor %}"),
                     ERR_FULL);
    assert_int_equal(render_as(en, TARGET_PLAIN,
                               "{% assign a = 'aaaaaaaa' %}{% for i in (1..20) %}"
                               "{% assign a = a | replace: 'a', 'aaaaaaaa' %}{% endfor %}"),
                     ERR_FULL);
}

static void ten_thousand_operations_are_the_most(void **state)
{
    (void)state;
    assert_refused(TARGET_PLAIN,
                   "{% for i in (1..1000) %}{% assign a = 1 | plus: 1 | plus: 1 | plus: 1 "
                   "| plus: 1 | plus: 1 | plus: 1 | plus: 1 | plus: 1 %}{% endfor %}",
                   ERR_FULL, "t:1: more than 10000 operations");
}

static void sixteen_levels_are_the_deepest(void **state)
{
    char text[1024] = "";

    (void)state;
    for (int depth = 1; depth <= TEMPLATE_DEPTH_MAX; depth++) {
        text[0] = '\0';
        for (int i = 0; i < depth; i++)
            strcat(text, "{% if true %}");
        strcat(text, "x");
        for (int i = 0; i < depth; i++)
            strcat(text, "{% endif %}");
        /* the text itself is the first level */
        assert_int_equal(render_as(en, TARGET_PLAIN, text),
                         depth < TEMPLATE_DEPTH_MAX ? OK : ERR_INVALID);
    }
    assert_string_equal(error.text, "t:1: nested more than 16 deep");
}

static void brackets_within_brackets_end_too(void **state)
{
    char text[512] = "{{ a";

    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(text, "[a");
    assert_int_equal(render_as(en, TARGET_PLAIN, text), ERR_INVALID);
    strcat(text, " }}");
    assert_int_equal(render_as(en, TARGET_PLAIN, text), ERR_INVALID);
}

static void sixty_four_names_and_five_hundred_spans_are_the_most(void **state)
{
    char text[4096] = "";

    (void)state;
    for (int i = 0; i < TEMPLATE_NAMES_MAX; i++)
        sprintf(text + strlen(text), "{%% assign v%d = %d %%}", i, i);
    assert_int_equal(render_as(en, TARGET_PLAIN, text), OK);
    strcat(text, "{{ one_more }}");
    assert_refused(TARGET_PLAIN, text, ERR_INVALID, "t:1: more than 64 variables");
    assert_int_equal(render_as(en, TARGET_PLAIN, "{% for i in (1..512) %}{{ i }}{% endfor %}"),
                     OK);
    assert_int_equal(output.n_spans, TEMPLATE_SPANS_MAX);
    assert_int_equal(render_as(en, TARGET_PLAIN, "{% for i in (1..513) %}{{ i }}{% endfor %}"),
                     ERR_FULL);
}

static void an_arena_at_its_limit_is_said_and_not_written_over(void **state)
{
    struct arena small;
    struct template *template = NULL;
    struct template_input input = {fields, n_fields, en, NULL};

    (void)state;
    arena_init(&small, 256 * 1024);
    assert_int_equal(
        template_compile("t",
                         str_of("{% for i in (1..900) %}{% assign a = 'xxxxxxxxxxxx' | append: "
                                "'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                                "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                                "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                                "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                                "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                                "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
                                "' %}{% endfor %}"),
                         TARGET_PLAIN, NULL, &template, &error),
        OK);
    assert_int_equal(template_render(template, &input, &small, &output, &error), ERR_NOMEM);
    template_close(template);
    arena_deinit(&small);
}

/* ---- escaping ---- */

static void plain_text_loses_control_and_direction_marks(void **state)
{
    (void)state;
    context_add("evil", value_text(str_of("a\u202eb\u2066c\u200e\x01\x7f\xc2\x85"
                                          "d\ne\u061c")));
    assert_text(TARGET_PLAIN, "{{ evil }}", "abcd\ne");
    assert_text(TARGET_LINE, "{{ evil }}", "abcd e");
    assert_text(TARGET_HTML, "{{ evil }}", "abcd\ne");
    n_fields--;
}

static void a_header_line_cannot_be_broken(void **state)
{
    (void)state;
    context_add("evil", value_text(str_of("x\r\nBcc: everybody")));
    assert_text(TARGET_LINE, "Subject {{ evil }}", "Subject x Bcc: everybody");
    n_fields--;
}

static void html_is_escaped_by_place_and_not_by_the_author(void **state)
{
    (void)state;
    context_add("q", value_text(str_of("<b>\"x\" & 'y'")));
    assert_text(TARGET_HTML, "<p>{{ q }}</p>", "<p>&lt;b&gt;&#34;x&#34; &amp; &#39;y&#39;</p>");
    assert_text(TARGET_HTML, "<p>{{ q | escape }}</p>",
                "<p>&lt;b&gt;&#34;x&#34; &amp; &#39;y&#39;</p>"); /* once */
    assert_text(TARGET_HTML, "<i title='{{ q }}'>",
                "<i title='&lt;b&gt;&#34;x&#34; &amp; &#39;y&#39;'>");
    n_fields--;
}

static void a_link_must_be_a_link_and_its_parts_are_encoded(void **state)
{
    (void)state;
    context_add("url", value_text(str_of("https://a.example/x?y=1&z=\"2\"")));
    context_add("bad", value_text(str_of("javascript:alert(1)")));
    assert_text(TARGET_HTML, "<a href=\"{{ url }}\">",
                "<a href=\"https://a.example/x?y=1&amp;z=%222%22\">");
    assert_refused(TARGET_HTML, "<a href=\"{{ bad }}\">", ERR_INVALID,
                   "t:1: 'javascript:alert(1)' is no http(s) address");
    assert_text(
        TARGET_HTML, "<a href='https://b.example/?to={{ bad }}&amp;q={{ url }}'>",
        "<a href='https://b.example/?to=javascript%3Aalert(1)&amp;q=https%3A%2F%2Fa.example"
        "%2Fx%3Fy%3D1%26z%3D%222%22'>");
    assert_text(TARGET_URL, "{{ url }}", "https://a.example/x?y=1&z=%222%22");
    assert_text(TARGET_URL, "https://b.example/{{ bad }}",
                "https://b.example/javascript%3Aalert(1)");
    assert_int_equal(render_as(en, TARGET_URL, "{{ bad }}"), ERR_INVALID);
    n_fields -= 2;
}

static void values_stand_only_where_they_can_be_made_safe(void **state)
{
    static const char *const refused[] = {
        "<a href={{ x }}>",
        "<script>var a = '{{ x }}';</script>",
        "<style>p { color: {{ x }} }</style>",
        "<p style=\"width: {{ x }}\">",
        "<p onclick=\"f('{{ x }}')\">",
        "<{{ x }}>",
        "<p {{ x }}>",
        "<!-- {{ x }} -->",
        "<p {% if x %}title=\"a{% endif %}\">",
        "{% for i in x %}<p title=\"{% endfor %}",
        "{% capture a %}<p title=\"{% endcapture %}",
    };

    (void)state;
    context_add("x", value_text(str_of("x")));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(render_as(en, TARGET_HTML, refused[i]), ERR_INVALID);
    assert_text(TARGET_HTML, "<!-- a > b --><style>a{}</style><!doctype x><p a=b>{{ x }}</p>",
                "<!-- a > b --><style>a{}</style><!doctype x><p a=b>x</p>");
    n_fields--;
}

static void captured_markup_passes_once_and_is_no_markup_in_an_attribute(void **state)
{
    (void)state;
    context_add("q", value_text(str_of("<&>")));
    assert_text(TARGET_HTML, "{% capture m %}<b>{{ q }}</b>{% endcapture %}{{ m }}",
                "<b>&lt;&amp;&gt;</b>");
    assert_text(TARGET_HTML, "{% capture m %}<b>{% endcapture %}<p title=\"{{ m }}\">",
                "<p title=\"&lt;b&gt;\">");
    assert_text(TARGET_HTML, "{% capture m %}<b>x</b>{% endcapture %}{{ m | upcase }}",
                "&lt;B&gt;X&lt;/B&gt;");
    n_fields--;
}

static void json_is_valid_json_and_cannot_close_a_script(void **state)
{
    (void)state;
    context_add("q", value_text(str_of("\"</script>\\\n")));
    context_add("n", value_number(1.5));
    assert_text(
        TARGET_JSON,
        "{\"a\": \"{{ q }}\", \"b\": {{ q }}, \"c\": {{ n }}, \"d\": {{ q | json }}}",
        "{\"a\": \"\\\"<\\/script>\\\\\\n\", \"b\": \"\\\"<\\/script>\\\\\\n\", \"c\": 1.5, "
        "\"d\": \"\\\"<\\/script>\\\\\\n\"}");
    n_fields -= 2;
}

/* ---- spans ---- */

static void every_inserted_value_leaves_a_span_with_its_field(void **state)
{
    (void)state;
    context_add("title", field(value_text(str_of("Shoe & Co")), "title"));
    context_add("price", field(value_money(199900, str_of("EUR")), "price"));
    assert_text(TARGET_HTML, "a {{ title }} for {{ price | money }}",
                "a Shoe &amp; Co for €19.99");
    assert_int_equal(output.n_spans, 2);
    assert_int_equal(output.spans[0].offset, 2);
    assert_int_equal(output.spans[0].length, 13);
    assert_string_equal(output.spans[0].field, "title");
    assert_int_equal(output.spans[1].offset, 20);
    assert_int_equal(output.spans[1].length, 8);
    assert_ptr_equal(output.spans[1].record, &shoe);
    assert_int_equal(output.spans[1].record->version, 42);
    n_fields -= 2;
}

static void captured_values_keep_their_spans(void **state)
{
    (void)state;
    context_add("price", field(value_money(50000, str_of("EUR")), "price"));
    assert_text(TARGET_PLAIN,
                "{% capture a %}<{{ price | money }}>{% endcapture %}xx{{ a }}{{ a }}",
                "xx<€5.00><€5.00>");
    assert_int_equal(output.n_spans, 2);
    assert_int_equal(output.spans[0].offset, 3);
    assert_int_equal(output.spans[1].offset, 12);
    assert_string_equal(output.spans[1].field, "price");
    n_fields--;
}

static void what_makes_a_new_number_loses_the_field(void **state)
{
    static const struct {
        const char *text;
        bool keeps;
    } cases[] = {
        {"{{ price | money }}", true},
        {"{{ price | number }}", true},
        {"{{ price }}", true},
        {"{{ title | upcase | escape | capitalize }}", true},
        {"{{ title | truncate: 6 }}", true},  /* "Sho..." */
        {"{{ title | truncate: 9 }}", false}, /* "Shoe 1..." of "Shoe 12 inch" */
        {"{{ title | append: ' only' }}", true},
        {"{{ title | append: ' only 5' }}", false},
        {"{{ title | append: '%' }}", false},
        {"{{ price | plus: 1 }}", false},
        {"{{ price | minus: 1 }}", false},
        {"{{ price | round }}", false},
        {"{{ title | replace: 'Shoe', '5' }}", false},
        {"{{ title | size }}", false},
        {"{{ 5 | money: 'EUR' }}", false},
        {"{{ title | truncate: 40, '' }}", true},
        {"{{ stock | money: 'EUR' }}", false}, /* a stock is no price */
        {"{{ price | number: 0 }}", false},    /* 19.99 is not 20 */
    };

    (void)state;
    context_add("title", field(value_text(str_of("Shoe 12 inch")), "title"));
    context_add("price", field(value_money(199900, str_of("EUR")), "price"));
    context_add("stock", field(value_number(3), "stock"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(render_as(en, TARGET_PLAIN, cases[i].text), OK);
        assert_int_equal(output.n_spans, 1);
        if ((output.spans[0].record == &shoe) != cases[i].keeps)
            fail_msg("%s", cases[i].text);
    }
    n_fields -= 3;
}

/* ---- CLDR ---- */

static void assert_locale_text(const char *locale_name, const char *text, const char *wanted)
{
    struct template_locale *locale = NULL;

    assert_int_equal(template_locale_open(locale_name, &locale, &error), OK);
    assert_int_equal(render_as(locale, TARGET_PLAIN, text), OK);
    char *got = strndup(output.text.ptr, output.text.len);

    assert_string_equal(got, wanted);
    free(got);
    template_locale_close(locale);
}

static void money_is_written_as_the_locale_writes_it(void **state)
{
    (void)state;
    context_add("eur", value_money(12345678900, str_of("EUR")));
    context_add("jpy", value_money(12340000, str_of("JPY")));
    context_add("neg", value_money(-55000, str_of("EUR")));
    context_add("odd", value_money(25, str_of("EUR")));
    context_add("xau", value_money(10000, str_of("QQQ")));
    context_add("chf", value_money(12345500, str_of("CHF")));
    assert_locale_text("en", "{{ eur | money }}", "€1,234,567.89");
    assert_locale_text("de", "{{ eur | money }}", "1.234.567,89\u00a0€");
    assert_locale_text("de-AT", "{{ eur | money }}", "€\u00a01.234.567,89");
    assert_locale_text("fr", "{{ eur | money }}", "1\u202f234\u202f567,89\u00a0€");
    assert_locale_text("en-IN", "{{ eur | money }}", "€12,34,567.89");
    assert_locale_text("en", "{{ jpy | money }}", "¥1,234");
    assert_locale_text("ja", "{{ jpy | money }}", "￥1,234");
    assert_locale_text("en", "{{ neg | money }}", "-€5.50");
    assert_locale_text("en", "{{ odd | money }}", "€0.0025");
    assert_locale_text("en", "{{ xau | money }}", "1.00\u00a0QQQ");
    assert_locale_text("de-CH", "{{ chf | money }}", "CHF\u00a01’234.55");
    assert_locale_text("en", "{{ 12.5 | money: 'USD' }}", "$12.50");
    n_fields -= 6;
}

static void numbers_are_written_as_the_locale_writes_them(void **state)
{
    (void)state;
    assert_locale_text("en", "{{ 1234567.891 | number }}", "1,234,567.891");
    assert_locale_text("de", "{{ 1234567.891 | number: 2 }}", "1.234.567,89");
    assert_locale_text("es", "{{ 1234 | number }} {{ 12345 | number }}", "1234 12.345");
    assert_locale_text("en-IN", "{{ 1234567 | number }}", "12,34,567");
    assert_locale_text("de", "{{ -0.5 | number }} {{ 3 | number: 1 }} {{ 0 | number }}",
                       "-0,5 3,0 0");
    assert_locale_text("ar-EG", "{{ 1234 | number: 0 }}", "1,234");
}

static void plurals_follow_the_language(void **state)
{
    static const char text[] =
        "{% for n in list %}{{ n }}{{ n | pluralize: one: 'a', few: 'b', "
        "many: 'c', other: 'd' }} {% endfor %}";
    static const struct template_value list[] = {{.kind = VALUE_NUMBER, .number = 1},
                                                 {.kind = VALUE_NUMBER, .number = 2},
                                                 {.kind = VALUE_NUMBER, .number = 5},
                                                 {.kind = VALUE_NUMBER, .number = 22},
                                                 {.kind = VALUE_NUMBER, .number = 1.5}};

    (void)state;
    context_add("list", (struct template_value){.kind = VALUE_ARRAY, .n = 5, .items = list});
    assert_locale_text("en", text, "1a 2d 5d 22d 1.5d ");
    assert_locale_text("pl", text, "1a 2b 5c 22b 1.5d ");
    assert_locale_text("ja", text, "1d 2d 5d 22d 1.5d ");
    assert_locale_text("de", "{{ 1 | pluralize: 'Artikel', 'Artikeln' }}", "Artikel");
    n_fields--;
}

static void dates_are_read_in_the_persons_zone_with_the_languages_names(void **state)
{
    (void)state;
    assert_locale_text("de", "{{ '2026-03-29T00:59:00Z' | date: '%H:%M' }}", "01:59");
    assert_locale_text("de", "{{ '2026-03-29T01:00:00Z' | date: '%H:%M' }}", "03:00");
    assert_locale_text("de", "{{ 1774751405 | date: '%A, %e. %B %Y' }}",
                       "Sonntag, 29. März 2026");
    assert_locale_text("en", "{{ 1774751405 | date: '%a %-d %b' }}", "Sun 29 Mar");
}

static void an_unknown_language_is_refused(void **state)
{
    struct template_locale *locale = NULL;

    (void)state;
    assert_int_equal(template_locale_open("xx-YY", &locale, &error), ERR_INVALID);
    assert_string_equal(error.text, "locale 'xx-YY': no such language in CLDR");
    assert_null(locale);
}

/* ---- includes ---- */

static enum status read_include(const void *context, struct str name, struct str *out,
                                struct error *err)
{
    (void)context;
    if (str_equal(name, str_of("hello"))) {
        *out = str_of("Hello {{ who }}{% assign said = true %}");
        return OK;
    }
    if (str_equal(name, str_of("itself"))) {
        *out = str_of("x{% include 'itself' %}");
        return OK;
    }
    if (str_equal(name, str_of("broken"))) {
        *out = str_of("\n{% endif %}");
        return OK;
    }
    return error_set(err, ERR_NOT_FOUND, "no '%.*s'", STR_ARG(name));
}

static void an_include_is_read_in_place_and_cannot_include_itself_for_ever(void **state)
{
    const struct template_includes includes = {read_include, NULL};
    struct template *template = NULL;
    struct template_input input;

    (void)state;
    context_add("who", value_text(str_of("you")));
    input = (struct template_input){fields, n_fields, en, NULL};
    assert_int_equal(template_compile("t", str_of("[{% include 'hello' %}]{{ said }}"),
                                      TARGET_PLAIN, &includes, &template, &error),
                     OK);
    assert_int_equal(template_render(template, &input, &arena, &output, &error), OK);
    assert_true(str_equal(output.text, str_of("[Hello you]true")));
    template_close(template);
    template = NULL;
    assert_int_equal(template_compile("t", str_of("{% include 'itself' %}"), TARGET_PLAIN,
                                      &includes, &template, &error),
                     ERR_INVALID);
    assert_string_equal(error.text, "itself:1: nested more than 16 deep");
    assert_int_equal(template_compile("t",
                                      str_of("{% if a %}{% include 'broken' %}{% endif %}"),
                                      TARGET_PLAIN, &includes, &template, &error),
                     ERR_INVALID);
    assert_string_equal(error.text, "broken:2: 'endif' without its beginning");
    assert_null(template);
    n_fields--;
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 64 * 1024 * 1024);
    return template_locale_open("en", &en, NULL) || template_locale_open("de", &de, NULL);
}

static int teardown(void **state)
{
    (void)state;
    template_locale_close(en);
    template_locale_close(de);
    arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_names_template_line_and_variable),
        cmocka_unit_test(a_text_and_a_number_have_no_order),
        cmocka_unit_test(now_is_refused_because_a_text_must_not_depend_on_the_clock),
        cmocka_unit_test(a_thousand_turns_are_allowed_and_no_more),
        cmocka_unit_test(the_output_ends_at_64_kib),
        cmocka_unit_test(doubling_a_text_ends_at_the_limit_too),
        cmocka_unit_test(ten_thousand_operations_are_the_most),
        cmocka_unit_test(sixteen_levels_are_the_deepest),
        cmocka_unit_test(brackets_within_brackets_end_too),
        cmocka_unit_test(sixty_four_names_and_five_hundred_spans_are_the_most),
        cmocka_unit_test(an_arena_at_its_limit_is_said_and_not_written_over),
        cmocka_unit_test(plain_text_loses_control_and_direction_marks),
        cmocka_unit_test(a_header_line_cannot_be_broken),
        cmocka_unit_test(html_is_escaped_by_place_and_not_by_the_author),
        cmocka_unit_test(a_link_must_be_a_link_and_its_parts_are_encoded),
        cmocka_unit_test(values_stand_only_where_they_can_be_made_safe),
        cmocka_unit_test(captured_markup_passes_once_and_is_no_markup_in_an_attribute),
        cmocka_unit_test(json_is_valid_json_and_cannot_close_a_script),
        cmocka_unit_test(every_inserted_value_leaves_a_span_with_its_field),
        cmocka_unit_test(captured_values_keep_their_spans),
        cmocka_unit_test(what_makes_a_new_number_loses_the_field),
        cmocka_unit_test(money_is_written_as_the_locale_writes_it),
        cmocka_unit_test(numbers_are_written_as_the_locale_writes_them),
        cmocka_unit_test(plurals_follow_the_language),
        cmocka_unit_test(dates_are_read_in_the_persons_zone_with_the_languages_names),
        cmocka_unit_test(an_unknown_language_is_refused),
        cmocka_unit_test(an_include_is_read_in_place_and_cannot_include_itself_for_ever),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
