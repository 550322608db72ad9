/*
 * A value puts a comma before itself unless it is the first behind a bracket, a colon or a
 * line's end: the last byte written says which, so there is no stack of open brackets.
 */
#include "core/json_text.h"

#include "schemas/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_text_init(struct json_text *json, size_t capacity)
{
    *json = (struct json_text){.at = malloc(capacity), .capacity = capacity};
    json->failed = json->at == NULL;
}

void json_text_deinit(struct json_text *json)
{
    free(json->at);
    *json = (struct json_text){0};
}

void json_text_reset(struct json_text *json)
{
    json->n = 0;
}

/* Room for n more bytes, or NULL. */
static char *room(struct json_text *json, size_t n)
{
    if (json->failed)
        return NULL;
    if (n > json->capacity - json->n) {
        size_t capacity = (json->n + n) * 2;
        char *at = realloc(json->at, capacity);

        if (!at) {
            json->failed = true;
            return NULL;
        }
        json->at = at;
        json->capacity = capacity;
    }
    return json->at + json->n;
}

static void put(struct json_text *json, const char *text, size_t n)
{
    char *at = room(json, n);

    if (at) {
        memcpy(at, text, n);
        json->n += n;
    }
}

static void separate(struct json_text *json)
{
    if (json->n == 0 || json->failed)
        return;
    switch (json->at[json->n - 1]) {
    case '{':
    case '[':
    case ':':
    case '\n':
        return;
    default:
        put(json, ",", 1);
    }
}

static void put_value(struct json_text *json, const char *text, size_t n)
{
    separate(json);
    put(json, text, n);
}

char *json_text_take(struct json_text *json, size_t *out_len)
{
    char *at = room(json, 1);

    if (at) {
        *at = '\0';
        *out_len = json->n;
        at = json->at;
        *json = (struct json_text){0};
    }
    json_text_deinit(json);
    return at;
}

void json_text_open(struct json_text *json, char bracket)
{
    put_value(json, &bracket, 1);
}

void json_text_close(struct json_text *json, char bracket)
{
    put(json, &bracket, 1);
}

void json_text_key(struct json_text *json, const char *name)
{
    size_t n = strlen(name);
    char *at;

    separate(json);
    at = room(json, n + 3);
    if (!at)
        return;
    at[0] = '"';
    memcpy(at + 1, name, n);
    at[n + 1] = '"';
    at[n + 2] = ':';
    json->n += n + 3;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static size_t escape(unsigned char c, char *out)
{
    static const char hex[] = "0123456789abcdef";

    out[0] = '\\';
    switch (c) {
    case '"':
    case '\\':
        out[1] = (char)c;
        return 2;
    case '\n':
        out[1] = 'n';
        return 2;
    case '\t':
        out[1] = 't';
        return 2;
    default:
        memcpy(out + 1, "u00", 3);
        out[4] = hex[c >> 4];
        out[5] = hex[c & 15];
        return 6;
    }
}

/* Bytes of the UTF-8 character at text; 0: none begins here. */
static uint32_t character(struct str text)
{
    unsigned char c = (unsigned char)text.ptr[0];
    uint32_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

    return n <= text.len && utf8_valid((const uint8_t *)text.ptr, n) ? n : 0;
}

/* Six bytes at most for one: an escape, or the replacement character for a stray byte. */
void json_text_str(struct json_text *json, struct str text)
{
    char *at;
    size_t used = 0;

    if (!text.ptr) {
        json_text_null(json);
        return;
    }
    separate(json);
    at = room(json, (size_t)text.len * 6 + 2);
    if (!at)
        return;
    at[used++] = '"';
    for (uint32_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i];
        uint32_t n = 1;

        if (c >= 0x80 && (n = character((struct str){text.ptr + i, text.len - i})) == 0) {
            memcpy(at + used, "\xef\xbf\xbd", 3);
            used += 3;
            n = 1;
        } else if (n == 1 && !is_plain(c)) {
            used += escape(c, at + used);
        } else {
            memcpy(at + used, text.ptr + i, n);
            used += n;
        }
        i += n;
    }
    at[used++] = '"';
    json->n += used;
}

/* Digits of value, right-aligned before end; returns their begin. */
static char *digits_before(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return end;
}

void json_text_int(struct json_text *json, int64_t value)
{
    char text[24], *end = text + sizeof(text);
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *begin = digits_before(end, size);

    if (value < 0)
        *--begin = '-';
    put_value(json, begin, (size_t)(end - begin));
}

void json_text_bool(struct json_text *json, bool value)
{
    put_value(json, value ? "true" : "false", value ? 4 : 5);
}

void json_text_null(struct json_text *json)
{
    put_value(json, "null", 4);
}

/* printf costs ten times as much, and a list has twenty scores. */
void json_text_number(struct json_text *json, double value)
{
    char text[40], *end = text + sizeof(text), *begin;
    double size = fabs(value);
    uint64_t millionths;

    if (!isfinite(value)) {
        json_text_null(json);
        return;
    }
    if (size >= 1e12) { /* beyond what millionths of it in 64 bits hold safely */
        int n = snprintf(text, sizeof(text), "%.17g", value);

        put_value(json, text, (size_t)n);
        return;
    }
    millionths = (uint64_t)(size * 1e6 + 0.5);
    begin = digits_before(end, millionths % 1000000 + 1000000);
    *begin = '.'; /* in the place of the leading 1 */
    while (end[-1] == '0')
        end--;
    if (end[-1] == '.')
        end--;
    begin = digits_before(begin, millionths / 1000000);
    if (value < 0 && millionths)
        *--begin = '-';
    put_value(json, begin, (size_t)(end - begin));
}

void json_text_float(struct json_text *json, float value)
{
    char text[40];

    if (!isfinite(value)) {
        json_text_null(json);
        return;
    }
    put_value(json, text, (size_t)snprintf(text, sizeof(text), "%.9g", (double)value));
}

void json_text_hex64(struct json_text *json, uint64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "\"%016llx\"", (unsigned long long)value);

    put_value(json, text, (size_t)n);
}

void json_text_money(struct json_text *json, int64_t value_e4)
{
    uint64_t size = value_e4 < 0 ? 0 - (uint64_t)value_e4 : (uint64_t)value_e4;
    char text[40];
    int n = snprintf(text, sizeof(text), "\"%s%llu.%04llu\"", value_e4 < 0 ? "-" : "",
                     (unsigned long long)(size / 10000), (unsigned long long)(size % 10000));

    for (int places = 4; places > 2 && text[n - 2] == '0'; places--, n--)
        text[n - 2] = '"';
    put_value(json, text, (size_t)n);
}

void json_text_newline(struct json_text *json)
{
    put(json, "\n", 1);
}
