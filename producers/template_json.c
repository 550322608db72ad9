/* A value as JSON, as JSON.stringify writes it; "</" is split when it goes into JSON. */
#include "producers/template_private.h"

#include <stdio.h>

/* Measures with out NULL, writes otherwise; the two passes run the same code. */
struct json_writer {
    struct renderer *r;
    char *out;
    size_t n;
    bool split_close; /* the target is JSON */
};

static void put(struct json_writer *w, const char *text, size_t n)
{
    if (w->out && n)
        memcpy(w->out + w->n, text, n);
    w->n += n;
}

static void put_text(struct json_writer *w, struct str text)
{
    static const char shorts[] = "btn\0fr"; /* \b \t \n, no \v, \f \r */
    char escaped[8];

    put(w, "\"", 1);
    for (uint32_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '"' || c == '\\')
            put(w, escaped, (size_t)sprintf(escaped, "\\%c", c));
        else if (c >= 8 && c <= 13 && shorts[c - 8])
            put(w, escaped, (size_t)sprintf(escaped, "\\%c", shorts[c - 8]));
        else if (c < 0x20)
            put(w, escaped, (size_t)sprintf(escaped, "\\u%04x", c));
        else if (c == '/' && w->split_close && i > 0 && text.ptr[i - 1] == '<')
            put(w, "\\/", 2);
        else
            put(w, text.ptr + i, 1);
    }
    put(w, "\"", 1);
}

static enum status put_value(struct json_writer *w, const struct template_value *value,
                             int depth)
{
    bool array = value->kind == VALUE_ARRAY;
    char number[40];

    switch (value->kind) {
    case VALUE_BOOL:
        put(w, value->boolean ? "true" : "false", value->boolean ? 4 : 5);
        return OK;
    case VALUE_NUMBER:
        put(w, number, number_to_text(value->number, number));
        return OK;
    case VALUE_MONEY:
        put(w, number, money_to_text(value->money_e4, number));
        return OK;
    case VALUE_TEXT:
        put_text(w, (struct str){value->text, value->n});
        return OK;
    case VALUE_MARKUP:
        put_text(w, value->markup->text);
        return OK;
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        break;
    default:
        put(w, "null", 4);
        return OK;
    }
    if (depth == JSON_DEPTH_MAX || w->n > TEMPLATE_OUTPUT_MAX)
        return render_error(w->r, ERR_FULL, "json: too deep or too long");
    put(w, array ? "[" : "{", 1);
    for (uint32_t i = 0; i < value->n; i++) {
        if (i)
            put(w, ",", 1);
        if (!array) {
            put_text(w, value->fields[i].name);
            put(w, ":", 1);
        }
        TRY(put_value(w, array ? &value->items[i] : &value->fields[i].value, depth + 1));
    }
    put(w, array ? "]" : "}", 1);
    return OK;
}

enum status value_to_json(struct renderer *r, const struct template_value *value,
                          struct str *out)
{
    struct json_writer w = {.r = r, .split_close = r->template->target == TARGET_JSON};
    char *text;

    TRY(put_value(&w, value, 0));
    TRY(render_text(r, w.n, &text));
    w.out = text;
    w.n = 0;
    TRY(put_value(&w, value, 0));
    *out = (struct str){text, (uint32_t)w.n};
    return OK;
}
