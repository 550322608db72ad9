/*
 * What values are: truth, order, members, and their text. Numbers print as JavaScript prints
 * them, because that is what liquidjs, our oracle, does.
 */
#include "producers/template_private.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct template_value value_money(int64_t amount_e4, struct str currency)
{
    struct template_value value = {.kind = VALUE_MONEY, .money_e4 = amount_e4};

    if (currency.len != 3)
        return (struct template_value){.kind = VALUE_NIL};
    memcpy(value.currency, currency.ptr, 3);
    return value;
}

static struct str text_of(const struct template_value *value)
{
    if (value->kind == VALUE_MARKUP)
        return value->markup->text;
    return (struct str){value->text, value->n};
}

static bool is_text(const struct template_value *value)
{
    return value->kind == VALUE_TEXT || value->kind == VALUE_MARKUP;
}

static bool is_numeric(const struct template_value *value)
{
    return value->kind == VALUE_NUMBER || value->kind == VALUE_MONEY;
}

static double numeric(const struct template_value *value)
{
    return value->kind == VALUE_MONEY ? (double)value->money_e4 / 1e4 : value->number;
}

bool value_is_true(const struct template_value *value)
{
    return value->kind > VALUE_BOOL || (value->kind == VALUE_BOOL && value->boolean);
}

static bool is_empty(const struct template_value *value)
{
    if (is_text(value))
        return text_of(value).len == 0;
    return (value->kind == VALUE_ARRAY || value->kind == VALUE_OBJECT) && value->n == 0;
}

static bool is_blank(const struct template_value *value)
{
    struct str text;

    if (!value_is_true(value))
        return true;
    if (!is_text(value))
        return is_empty(value);
    text = text_of(value);
    while (text.len && isspace((unsigned char)text.ptr[text.len - 1]))
        text.len--;
    return text.len == 0;
}

static bool arrays_equal(const struct template_value *a, const struct template_value *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (!value_equal(&a->items[i], &b->items[i]))
            return false;
    }
    return true;
}

bool value_equal(const struct template_value *a, const struct template_value *b)
{
    if (a->kind == VALUE_EMPTY || b->kind == VALUE_EMPTY)
        return is_empty(a->kind == VALUE_EMPTY ? b : a);
    if (a->kind == VALUE_BLANK || b->kind == VALUE_BLANK)
        return is_blank(a->kind == VALUE_BLANK ? b : a);
    if (a->kind <= VALUE_NIL || b->kind <= VALUE_NIL)
        return a->kind <= VALUE_NIL && b->kind <= VALUE_NIL;
    if (is_numeric(a) && is_numeric(b))
        return numeric(a) == numeric(b);
    if (is_text(a) && is_text(b))
        return str_equal(text_of(a), text_of(b));
    if (a->kind != b->kind)
        return false;
    if (a->kind == VALUE_BOOL)
        return a->boolean == b->boolean;
    return a->kind == VALUE_ARRAY && arrays_equal(a, b);
}

static bool contains(const struct template_value *a, const struct template_value *b)
{
    if (a->kind == VALUE_ARRAY) {
        uint32_t i = 0;

        while (i < a->n && !value_equal(&a->items[i], b))
            i++;
        return i < a->n;
    }
    if (!is_text(a) || !is_text(b))
        return false;
    struct str text = text_of(a), part = text_of(b);

    return part.len == 0 || memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

static bool ordered(enum compare_op op, int order)
{
    switch (op) {
    case OP_LT:
        return order < 0;
    case OP_GT:
        return order > 0;
    case OP_LE:
        return order <= 0;
    default:
        return order >= 0;
    }
}

enum status value_compare(struct renderer *r, enum compare_op op,
                          const struct template_value *a, const struct template_value *b,
                          bool *out)
{
    if (op == OP_EQ || op == OP_NE) {
        *out = value_equal(a, b) == (op == OP_EQ);
        return OK;
    }
    if (op == OP_CONTAINS) {
        *out = contains(a, b);
        return OK;
    }
    if (is_numeric(a) && is_numeric(b)) {
        double x = numeric(a), y = numeric(b);

        *out = ordered(op, (x > y) - (x < y));
        return OK;
    }
    if (is_text(a) && is_text(b)) {
        *out = ordered(op, str_compare(text_of(a), text_of(b)));
        return OK;
    }
    *out = false; /* nil is neither more nor less than anything */
    if (a->kind <= VALUE_NIL || b->kind <= VALUE_NIL)
        return OK;
    return render_error(r, ERR_INVALID, "a text and a number have no order");
}

/* ---- text of values ---- */

/* "%.17g"'s digits as JavaScript lays them out: exponents only from 1e21 and below 1e-6. */
static uint32_t lay_out(const char *digits, int n_digits, int point, bool negative, char *out)
{
    char *p = out;

    if (negative)
        *p++ = '-';
    if (point > 21 || point < -5) {
        *p++ = digits[0];
        if (n_digits > 1)
            *p++ = '.';
        memcpy(p, digits + 1, (size_t)n_digits - 1);
        p += n_digits - 1;
        p += snprintf(p, 8, "e%+d", point - 1);
        return (uint32_t)(p - out);
    }
    if (point <= 0)
        *p++ = '0';
    for (int i = 0; i < point; i++)
        *p++ = i < n_digits ? digits[i] : '0';
    if (n_digits > point) {
        *p++ = '.';
        for (int i = point; i < 0; i++)
            *p++ = '0';
        int from = point > 0 ? point : 0;

        memcpy(p, digits + from, (size_t)(n_digits - from));
        p += n_digits - from;
    }
    return (uint32_t)(p - out);
}

uint32_t number_to_text(double number, char *out)
{
    char text[40], digits[20];
    int n_digits = 0, exponent;

    if (number != number)
        return (uint32_t)sprintf(out, "NaN");
    if (isinf(number))
        return (uint32_t)sprintf(out, "%sInfinity", number < 0 ? "-" : "");
    if (number == 0)
        return (uint32_t)sprintf(out, "0");
    if (fabs(number) < 1e15 && number == (double)(int64_t)number)
        return (uint32_t)sprintf(out, "%lld", (long long)number);
    for (int precision = 14; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, fabs(number));
        if (strtod(text, NULL) == fabs(number))
            break;
    }
    for (const char *p = text; *p != 'e'; p++) {
        if (isdigit((unsigned char)*p))
            digits[n_digits++] = *p;
    }
    exponent = atoi(strchr(text, 'e') + 1);
    while (n_digits > 1 && digits[n_digits - 1] == '0')
        n_digits--;
    return lay_out(digits, n_digits, exponent + 1, number < 0, out);
}

uint32_t money_to_text(int64_t amount_e4, char *out)
{
    uint64_t amount = amount_e4 < 0 ? 0 - (uint64_t)amount_e4 : (uint64_t)amount_e4;
    uint32_t n = (uint32_t)sprintf(out, "%s%llu.%04llu", amount_e4 < 0 ? "-" : "",
                                   (unsigned long long)(amount / 10000),
                                   (unsigned long long)(amount % 10000));

    while (out[n - 1] == '0')
        n--;
    return out[n - 1] == '.' ? n - 1 : n;
}

/* One value that is no array. */
static enum status scalar_to_text(struct renderer *r, const struct template_value *value,
                                  char *buffer, struct str *out)
{
    *out = (struct str){buffer, 0};
    switch (value->kind) {
    case VALUE_BOOL:
        *out = str_of(value->boolean ? "true" : "false");
        return OK;
    case VALUE_NUMBER:
        out->len = number_to_text(value->number, buffer);
        return OK;
    case VALUE_MONEY:
        out->len = money_to_text(value->money_e4, buffer);
        return OK;
    case VALUE_TEXT:
    case VALUE_MARKUP:
        *out = text_of(value);
        return OK;
    case VALUE_OBJECT:
    case VALUE_ARRAY:
    case VALUE_RANGE:
        return render_error(r, ERR_INVALID, "a value with parts cannot be written as text");
    default:
        return OK;
    }
}

static enum status array_to_text(struct renderer *r, const struct template_value *value,
                                 struct str *out)
{
    char number[40], *text;
    struct str part;
    size_t n = 0;

    for (int pass = 0; pass < 2; pass++) { /* measure, then write */
        if (pass == 1)
            TRY(render_text(r, n, &text));
        n = 0;
        for (uint32_t i = 0; i < value->n; i++) {
            TRY(scalar_to_text(r, &value->items[i], number, &part));
            if (pass == 1 && part.len)
                memcpy(text + n, part.ptr, part.len);
            n += part.len;
        }
    }
    *out = (struct str){text, (uint32_t)n};
    return OK;
}

enum status value_to_text(struct renderer *r, const struct template_value *value,
                          struct str *out)
{
    char number[40], *text;

    if (value->kind == VALUE_ARRAY)
        return array_to_text(r, value, out);
    TRY(scalar_to_text(r, value, number, out));
    if (out->ptr != number)
        return OK;
    TRY(render_text(r, out->len, &text));
    memcpy(text, number, out->len);
    out->ptr = text;
    return OK;
}

bool value_to_number(const struct template_value *value, double *out)
{
    char text[40], *end;
    struct str from;

    if (is_numeric(value)) {
        *out = numeric(value);
        return true;
    }
    if (!is_text(value))
        return false;
    from = text_of(value);
    if (from.len == 0 || from.len >= sizeof(text) || isspace((unsigned char)from.ptr[0]))
        return false;
    for (uint32_t i = 0; i < from.len; i++) { /* strtod also reads "0x1p3", "inf", "nan" */
        if (!isdigit((unsigned char)from.ptr[i]) && !strchr("+-.eE", from.ptr[i]))
            return false;
    }
    memcpy(text, from.ptr, from.len);
    text[from.len] = '\0';
    *out = strtod(text, &end);
    return *end == '\0';
}

/* ---- members ---- */

static struct template_value counted(uint32_t n)
{
    return value_number(n);
}

struct template_value value_element(const struct template_value *value, double index)
{
    int64_t at = index == index && fabs(index) < 1e9 ? (int64_t)index : -1;

    if (value->kind != VALUE_ARRAY || (double)at != index)
        return (struct template_value){.kind = VALUE_UNSET};
    at += at < 0 ? value->n : 0;
    if (at < 0 || at >= value->n)
        return (struct template_value){.kind = VALUE_UNSET};
    return value->items[at];
}

struct template_value value_member(const struct template_value *value, struct str name)
{
    if (value->kind == VALUE_OBJECT) {
        for (uint32_t i = 0; i < value->n; i++) {
            if (str_equal(value->fields[i].name, name))
                return value->fields[i].value;
        }
    }
    if (str_equal(name, str_of("size"))) {
        if (is_text(value))
            return counted(text_length(text_of(value)));
        if (value->kind == VALUE_ARRAY || value->kind == VALUE_OBJECT)
            return counted(value->n);
    }
    if (value->kind == VALUE_ARRAY && value->n && str_equal(name, str_of("first")))
        return value->items[0];
    if (value->kind == VALUE_ARRAY && value->n && str_equal(name, str_of("last")))
        return value->items[value->n - 1];
    return (struct template_value){.kind = VALUE_UNSET};
}

uint32_t text_length(struct str text)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

uint32_t text_prefix(struct str text, uint32_t n)
{
    uint32_t i = 0;

    for (; i < text.len; i++) {
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80 && n-- == 0)
            break;
    }
    return i;
}
