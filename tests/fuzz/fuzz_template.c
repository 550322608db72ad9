/*
 * Any bytes as a template, for every target, rendered with a context that has one value of
 * each kind. What must hold: no fault, no endless loop, the limits, spans within the text and
 * in order, and no raw markup from a value in HTML.
 */
#include "producers/template.h"

#include <stddef.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct template_record record = {SOURCE_CATALOG, {"i", 1}, 1};

static enum status read_include(const void *context, struct str name, struct str *out,
                                struct error *err)
{
    const struct str *text = context;

    (void)err;
    *out = name.len % 2 ? *text : (struct str){"{{ title }}", 11};
    return OK;
}

static void check_spans(const struct template_output *output)
{
    uint32_t end = 0;

    ensure(output->text.len <= TEMPLATE_OUTPUT_MAX);
    ensure(output->n_spans <= TEMPLATE_SPANS_MAX);
    for (uint32_t i = 0; i < output->n_spans; i++) {
        ensure(output->spans[i].offset >= end);
        ensure(output->spans[i].length > 0);
        end = output->spans[i].offset + output->spans[i].length;
        ensure(end <= output->text.len);
    }
}

/* The title holds <, > and quotes: none of them may come out as they are. */
static void check_escaped(const struct template_output *output)
{
    for (uint32_t i = 0; i < output->n_spans; i++) {
        const struct template_span *span = &output->spans[i];

        if (span->record == &record)
            ensure(!memchr(output->text.ptr + span->offset, '<', span->length));
    }
}

static void render(struct str text, enum template_target target,
                   const struct template_input *input, struct arena *arena)
{
    const struct template_includes includes = {read_include, &text};
    struct template *template = NULL;
    struct template_output output;
    struct error error;

    if (template_compile("fuzz", text, target, &includes, &template, &error) != OK)
        return;
    arena_reset(arena);
    if (template_render(template, input, arena, &output, &error) == OK) {
        check_spans(&output);
        if (target == TARGET_HTML)
            check_escaped(&output);
    }
    template_close(template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct template_locale *locale;
    static struct arena arena;
    struct template_value title =
        value_text((struct str){"<Shoe> \"5\" & 'x' \xe2\x80\xae", 21});
    const struct template_value list[] = {value_number(1), value_number(2.5), title};
    struct template_field item[] = {
        {{"title", 5}, title}, {{"price", 5}, value_money(199900, (struct str){"EUR", 3})}};

    if (!locale) {
        ensure(template_locale_open("de", &locale, NULL) == OK);
        arena_init(&arena, 64 * 1024 * 1024);
    }
    title.record = item[0].value.record = &record;
    title.field = item[0].value.field = "title";
    const struct template_field fields[] = {
        {{"title", 5}, title},
        {{"n", 1}, value_number(3)},
        {{"price", 5}, value_money(-199900, (struct str){"EUR", 3})},
        {{"list", 4}, {.kind = VALUE_ARRAY, .n = 3, .items = list}},
        {{"item", 4}, {.kind = VALUE_OBJECT, .n = 2, .fields = item}},
        {{"yes", 3}, {.kind = VALUE_BOOL, .boolean = true}},
        {{"url", 3}, value_text((struct str){"https://a.example/?a=1&b=<", 26})},
    };
    struct template_input input = {fields, sizeof(fields) / sizeof(fields[0]), locale,
                                   "Europe/Berlin"};

    for (int target = TARGET_LINE; target <= TARGET_JSON; target++)
        render((struct str){(const char *)data, (uint32_t)size}, (enum template_target)target,
               &input, &arena);
    return 0;
}
