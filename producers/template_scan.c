/*
 * The compiler's eyes: lines, tags, white space, and the slots of names. template_parse.c
 * builds the tree with them.
 */
#include "producers/template_private.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

void compile_count_lines(struct compiler *c)
{
    for (; c->counted_to < c->at; c->counted_to++)
        c->line += *c->counted_to == '\n';
}

enum status compile_error(struct compiler *c, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(c->err, ERR_INVALID, "%s:%u: %s", c->file, c->line, text);
}

void *compile_alloc(struct compiler *c, size_t size)
{
    void *memory = arena_zalloc(&c->template->arena, size);

    if (!memory)
        error_set(c->err, ERR_NOMEM, "%s: the template takes too much memory", c->file);
    return memory;
}

enum status compile_new_slot(struct compiler *c, struct str name, uint8_t *out)
{
    struct template *t = c->template;

    if (t->n_slots == TEMPLATE_NAMES_MAX)
        return compile_error(c, "more than %d variables", TEMPLATE_NAMES_MAX);
    t->slot_name[t->n_slots] = name.len ? arena_copy(&t->arena, name) : name;
    if (name.len && !t->slot_name[t->n_slots].ptr)
        return error_set(c->err, ERR_NOMEM, "%s: out of memory", c->file);
    *out = t->n_slots++;
    return OK;
}

enum status compile_slot(struct compiler *c, struct str name, uint8_t *out)
{
    for (uint8_t i = 0; i < c->template->n_slots; i++) {
        if (c->template->slot_name[i].len && str_equal(c->template->slot_name[i], name)) {
            *out = i;
            return OK;
        }
    }
    return compile_new_slot(c, name, out);
}

/* From after "{{" or "{%" to its end; quoted closers do not count. Moves past the closer. */
enum status compile_read_tag(struct compiler *c, char closer, struct tag_reader *out)
{
    const char *p = c->at;
    char quote = '\0';

    for (; p + 1 < c->end; p++) {
        if (quote && *p == '\\')
            p++;
        else if (quote)
            quote = *p == quote ? '\0' : quote;
        else if (*p == '"' || *p == '\'')
            quote = *p;
        else if (*p == closer && p[1] == '}')
            break;
    }
    if (p + 1 >= c->end)
        return compile_error(c, "a tag lacks its closing '%c}'", closer);
    *out = (struct tag_reader){c, c->at, p};
    if (out->at < out->end && *out->at == '-')
        out->at++;
    c->trim = out->end > out->at && out->end[-1] == '-';
    out->end -= c->trim;
    c->at = p + 2;
    return OK;
}

/* The next "{{" or "{%" from at, or the end. */
const char *compile_find_tag(const char *at, const char *end)
{
    for (; at + 1 < end; at++) {
        if (*at == '{' && (at[1] == '{' || at[1] == '%'))
            return at;
    }
    return end;
}

struct str compile_trimmed(struct str text, bool left, bool right)
{
    while (left && text.len && isspace((unsigned char)*text.ptr)) {
        text.ptr++;
        text.len--;
    }
    while (right && text.len && isspace((unsigned char)text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* Moves c->at to just after {% endNAME %}; *out is the text before it. */
enum status compile_skip_to_end(struct compiler *c, const char *end_name, struct str *out)
{
    const char *begin = c->at;
    struct tag_reader reader;

    for (;;) {
        const char *tag = compile_find_tag(c->at, c->end);

        if (tag == c->end)
            return compile_error(c, "'%s' is missing", end_name);
        c->at = tag + 2;
        if (tag[1] != '%')
            continue;
        struct tag_reader peek = {c, c->at + (c->at < c->end && *c->at == '-'), c->end};

        if (!tag_take_word(&peek, end_name))
            continue;
        *out = compile_trimmed((struct str){begin, (uint32_t)(tag - begin)}, c->trim,
                               c->at < c->end && *c->at == '-');
        return compile_read_tag(c, '%', &reader);
    }
}
