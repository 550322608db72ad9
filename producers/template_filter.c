/*
 * The filters, one function each, and the table that names them.
 *
 * A filter that only changes how a fact looks keeps the value's record (money, number, date,
 * case, escaping). One that makes something new (plus, append, replace, join, …) takes it
 * away: nobody answers for the number it may have made.
 */
#include "producers/template_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

bool template_is_claim(uint32_t code_point)
{
    if (code_point < 0x80)
        return (code_point >= '0' && code_point <= '9') || code_point == '%' ||
               code_point == '$';
    switch (u_charType((UChar32)code_point)) {
    case U_DECIMAL_DIGIT_NUMBER:
    case U_LETTER_NUMBER:
    case U_OTHER_NUMBER:
    case U_CURRENCY_SYMBOL:
        return true;
    default:
        return code_point == 0x2030 || code_point == 0x2031 || code_point == 0xff05 ||
               code_point == 0x066a; /* per mille, per ten thousand, full-width and Arabic % */
    }
}

uint32_t template_next_code_point(struct str text, uint32_t *at)
{
    int32_t i = (int32_t)*at;
    UChar32 c;

    U8_NEXT(text.ptr, i, (int32_t)text.len, c);
    *at = (uint32_t)i;
    return c < 0 ? 0xfffd : (uint32_t)c;
}

static bool makes_claim(struct str text)
{
    for (uint32_t at = 0; at < text.len;) {
        if (template_is_claim(template_next_code_point(text, &at)))
            return true;
    }
    return false;
}

/* The value becomes a text; its record stays or goes. */
static void become(struct template_value *value, struct str text, bool keep_record)
{
    const struct template_record *record = keep_record ? value->record : NULL;
    const char *field = value->field;

    *value = value_text(text.ptr ? text : (struct str){"", 0});
    value->record = record;
    value->field = record ? field : NULL;
}

static void become_number(struct template_value *value, double number)
{
    *value = value_number(number);
}

static enum status want_number(struct renderer *r, const char *filter,
                               const struct template_value *value, double *out)
{
    if (value_to_number(value, out))
        return OK;
    return render_error(r, ERR_INVALID, "%s: this is no number", filter);
}

static enum status filter_default(struct renderer *r, const struct filter_call *call,
                                  struct template_value *value,
                                  const struct template_value *args)
{
    bool allow_false = false;

    (void)r;
    for (uint8_t i = 1; i < call->n_args; i++)
        allow_false |=
            str_equal(call->arg_name[i], str_of("allow_false")) && value_is_true(&args[i]);
    if (value->kind == VALUE_BOOL && !value->boolean && allow_false)
        return OK;
    if (!value_is_true(value) || value->kind == VALUE_EMPTY || value->kind == VALUE_BLANK ||
        ((value->kind == VALUE_TEXT || value->kind == VALUE_ARRAY) && value->n == 0) ||
        (value->kind == VALUE_MARKUP && value->markup->text.len == 0))
        *value = args[0];
    return OK;
}

static enum status change_case(struct renderer *r, bool upper, struct str text, struct str *out)
{
    uint32_t capacity = text.len + 16; /* casing rarely makes a text longer */
    char *buffer;

    for (int turn = 0; turn < 2; turn++) {
        TRY(render_text(r, capacity, &buffer));
        out->ptr = buffer;
        out->len = template_locale_case(r->input->locale, upper, text, buffer, capacity);
        if (out->len <= capacity)
            return OK;
        capacity = out->len;
    }
    return OK;
}

static enum status filter_case(struct renderer *r, const struct filter_call *call,
                               struct template_value *value, const struct template_value *args)
{
    struct str text;

    (void)args;
    TRY(value_to_text(r, value, &text));
    TRY(change_case(r, call->filter->name[0] == 'u', text, &text));
    become(value, text, true);
    return OK;
}

static enum status concat(struct renderer *r, struct str a, struct str b, struct str *out)
{
    char *text;

    TRY(render_text(r, (size_t)a.len + b.len, &text));
    if (a.len)
        memcpy(text, a.ptr, a.len);
    if (b.len)
        memcpy(text + a.len, b.ptr, b.len);
    *out = (struct str){text, a.len + b.len};
    return OK;
}

static enum status filter_capitalize(struct renderer *r, const struct filter_call *call,
                                     struct template_value *value,
                                     const struct template_value *args)
{
    struct str text, first, rest;

    (void)call;
    (void)args;
    TRY(value_to_text(r, value, &text));
    first = (struct str){text.ptr, text_prefix(text, 1)};
    rest = (struct str){text.ptr + first.len, text.len - first.len};
    TRY(change_case(r, true, first, &first));
    TRY(change_case(r, false, rest, &rest));
    TRY(concat(r, first, rest, &text));
    become(value, text, true);
    return OK;
}

/* Cutting behind a digit may cut a number in two, so the value is a fact no more. */
static enum status filter_truncate(struct renderer *r, const struct filter_call *call,
                                   struct template_value *value,
                                   const struct template_value *args)
{
    struct str text, dots = {"...", 3};
    double length = 50;

    if (call->n_args > 0)
        TRY(want_number(r, "truncate", &args[0], &length));
    if (call->n_args > 1)
        TRY(value_to_text(r, &args[1], &dots));
    TRY(value_to_text(r, value, &text));
    if (text_length(text) <= length)
        return OK;
    double room = length - text_length(dots);
    struct str kept = {text.ptr, text_prefix(text, room > 0 ? (uint32_t)room : 0)};
    uint32_t last = text_prefix(kept, kept.len ? text_length(kept) - 1 : 0);
    bool fact =
        !makes_claim((struct str){kept.ptr + last, kept.len - last}) && !makes_claim(dots);

    TRY(concat(r, kept, dots, &text));
    become(value, text, fact);
    return OK;
}

static enum status filter_date(struct renderer *r, const struct filter_call *call,
                               struct template_value *value, const struct template_value *args)
{
    struct str format, text;

    (void)call;
    if (value->kind == VALUE_NIL)
        return OK;
    TRY(value_to_text(r, &args[0], &format));
    TRY(date_format(r, value, format, &text));
    become(value, text, true);
    return OK;
}

static enum status filter_number(struct renderer *r, const struct filter_call *call,
                                 struct template_value *value,
                                 const struct template_value *args)
{
    double number, digits = -1;
    char *text;

    TRY(want_number(r, "number", value, &number));
    if (call->n_args) {
        TRY(want_number(r, "number", &args[0], &digits));
        if (!(digits >= 0 && digits <= 4))
            return render_error(r, ERR_INVALID, "number: 0 to 4 digits");
    }
    if (!(fabs(number) < 1e15))
        return render_error(r, ERR_INVALID, "number: beyond 10^15");
    TRY(render_text(r, LOCALE_NUMBER_MAX, &text));
    uint32_t n = template_locale_number(r->input->locale, number, (int)digits, text);
    /* rounding a field makes another number of it */
    bool fact = digits < 0 ? fabs(number) * 1000 == nearbyint(fabs(number) * 1000)
                           : number * pow(10, digits) == nearbyint(number * pow(10, digits));

    become(value, (struct str){text, n}, fact);
    return OK;
}

static enum status filter_money(struct renderer *r, const struct filter_call *call,
                                struct template_value *value, const struct template_value *args)
{
    struct template_value money = *value;
    double number;
    char *text;

    if (value->kind != VALUE_MONEY) {
        if (call->n_args == 0 || args[0].kind != VALUE_TEXT)
            return render_error(r, ERR_INVALID, "money: no price, and no currency is named");
        TRY(want_number(r, "money", value, &number));
        if (!(fabs(number) < 1e14))
            return render_error(r, ERR_INVALID, "money: beyond 10^14");
        money = value_money(llround(number * 1e4), (struct str){args[0].text, args[0].n});
        if (money.kind != VALUE_MONEY)
            return render_error(r, ERR_INVALID, "money: a currency has three letters");
    }
    TRY(render_text(r, LOCALE_NUMBER_MAX, &text));
    uint32_t n = template_locale_money(r->input->locale, money.money_e4, money.currency, text);

    /* a plain number named an amount by the author is a claim of the author */
    become(value, (struct str){text, n}, value->kind == VALUE_MONEY);
    return OK;
}

static enum status filter_json(struct renderer *r, const struct filter_call *call,
                               struct template_value *value, const struct template_value *args)
{
    struct str text;

    (void)call;
    (void)args;
    /* where JSON is wanted, a value is written as JSON anyway: once is enough */
    if (r->template->target == TARGET_JSON)
        return OK;
    TRY(value_to_json(r, value, &text));
    become(value, text, true);
    return OK;
}

static enum status filter_escape(struct renderer *r, const struct filter_call *call,
                                 struct template_value *value,
                                 const struct template_value *args)
{
    struct str text;
    char *out;
    bool ok;

    (void)args;
    /* in HTML every value is escaped where it stands: once is enough */
    if (r->template->target == TARGET_HTML && call->filter->name[0] == 'e')
        return OK;
    TRY(value_to_text(r, value, &text));
    TRY(render_text(r, (size_t)text.len * ESCAPE_GROWTH, &out));
    uint32_t n = (uint32_t)escape_text(
        call->filter->name[0] == 'e' ? ESCAPE_HTML : ESCAPE_URL_PART, text, out, &ok);

    if (call->filter->name[0] == 'u') { /* url_encode: a space is "+" */
        uint32_t to = 0;

        for (uint32_t i = 0; i < n; i++) {
            bool space = n - i >= 3 && memcmp(out + i, "%20", 3) == 0;

            out[to++] = space ? '+' : out[i];
            i += space ? 2 : 0;
        }
        n = to;
    }
    become(value, (struct str){out, n}, true);
    return OK;
}

/* {{ n | pluralize: "item", "items" }} or {{ n | pluralize: one: "…", few: "…", other: "…" }}
 */
static enum status filter_pluralize(struct renderer *r, const struct filter_call *call,
                                    struct template_value *value,
                                    const struct template_value *args)
{
    const char *category;
    double number;
    int chosen = -1, other = -1;

    TRY(want_number(r, "pluralize", value, &number));
    category = template_locale_plural(r->input->locale, number);
    for (uint8_t i = 0; i < call->n_args; i++) {
        struct str name = call->arg_name[i];

        if (!name.ptr)
            name = str_of(i == 0 ? "one" : "other");
        if (str_equal(name, str_of(category)))
            chosen = i;
        if (str_equal(name, str_of("other")))
            other = i;
    }
    if (chosen < 0)
        chosen = other;
    if (chosen < 0)
        return render_error(r, ERR_INVALID, "pluralize: no word for '%s'", category);
    *value = args[chosen];
    return OK;
}

static enum status filter_append(struct renderer *r, const struct filter_call *call,
                                 struct template_value *value,
                                 const struct template_value *args)
{
    struct str text, tail;

    (void)call;
    TRY(value_to_text(r, value, &text));
    TRY(value_to_text(r, &args[0], &tail));
    bool fact = !makes_claim(tail);

    TRY(concat(r, text, tail, &text));
    become(value, text, fact);
    return OK;
}

/* All places of `from` in text, or every gap between characters when it is empty. */
static const char *next_match(struct str text, uint32_t at, struct str from)
{
    if (from.len == 0) {
        at += text_prefix((struct str){text.ptr + at, text.len - at}, 1);
        return at < text.len ? text.ptr + at : NULL;
    }
    return memmem(text.ptr + at, text.len - at, from.ptr, from.len);
}

static enum status filter_replace(struct renderer *r, const struct filter_call *call,
                                  struct template_value *value,
                                  const struct template_value *args)
{
    struct str text, from, to;
    size_t n = 0;
    char *out = NULL;

    (void)call;
    TRY(value_to_text(r, value, &text));
    TRY(value_to_text(r, &args[0], &from));
    TRY(value_to_text(r, &args[1], &to));
    for (int pass = 0; pass < 2; pass++) { /* measure, then write */
        uint32_t at = 0;

        if (pass == 1)
            TRY(render_text(r, n, &out));
        n = 0;
        while (at < text.len) {
            const char *match = next_match(text, at, from);
            uint32_t run = match ? (uint32_t)(match - text.ptr) - at : text.len - at;

            if (out) {
                memcpy(out + n, text.ptr + at, run);
                if (match && to.len)
                    memcpy(out + n + run, to.ptr, to.len);
            }
            n += run + (match ? to.len : 0);
            at += run + (match ? from.len : 0);
        }
    }
    become(value, (struct str){out, (uint32_t)n}, false);
    return OK;
}

static enum status filter_join(struct renderer *r, const struct filter_call *call,
                               struct template_value *value, const struct template_value *args)
{
    struct str separator = {" ", 1}, text = {"", 0}, part;

    if (call->n_args)
        TRY(value_to_text(r, &args[0], &separator));
    if (value->kind != VALUE_ARRAY) {
        TRY(value_to_text(r, value, &text));
        become(value, text, true);
        return OK;
    }
    /* the pieces are added one by one: lists are short, and the sum is bounded */
    for (uint32_t i = 0; i < value->n; i++) {
        if (i)
            TRY(concat(r, text, separator, &text));
        TRY(value_to_text(r, &value->items[i], &part));
        TRY(concat(r, text, part, &text));
    }
    become(value, text, false);
    return OK;
}

static enum status filter_end(struct renderer *r, const struct filter_call *call,
                              struct template_value *value, const struct template_value *args)
{
    bool first = call->filter->name[0] == 'f';

    (void)r;
    (void)args;
    if (value->kind != VALUE_ARRAY)
        become(value, (struct str){"", 0}, false);
    else if (value->n == 0)
        *value = (struct template_value){.kind = VALUE_NIL};
    else
        *value = value->items[first ? 0 : value->n - 1];
    return OK;
}

static enum status filter_size(struct renderer *r, const struct filter_call *call,
                               struct template_value *value, const struct template_value *args)
{
    (void)r;
    (void)call;
    (void)args;
    if (value->kind == VALUE_TEXT)
        become_number(value, text_length((struct str){value->text, value->n}));
    else if (value->kind == VALUE_MARKUP)
        become_number(value, text_length(value->markup->text));
    else
        become_number(value, value->kind == VALUE_ARRAY ? value->n : 0);
    return OK;
}

static enum status filter_sum(struct renderer *r, const struct filter_call *call,
                              struct template_value *value, const struct template_value *args)
{
    double a, b;

    TRY(want_number(r, call->filter->name, value, &a));
    TRY(want_number(r, call->filter->name, &args[0], &b));
    become_number(value, call->filter->name[0] == 'p' ? a + b : a - b);
    return OK;
}

/* number · 10^by, exact in decimal. */
static double shifted(double number, int by)
{
    char text[64];
    uint32_t n = number_to_text(number, text);
    char *e = memchr(text, 'e', n);
    int power = 0;

    text[n] = '\0';
    if (e) {
        power = atoi(e + 1);
        *e = '\0';
    }
    sprintf(text + strlen(text), "e%d", power + by);
    return strtod(text, NULL);
}

static enum status filter_round(struct renderer *r, const struct filter_call *call,
                                struct template_value *value, const struct template_value *args)
{
    double number, digits = 0;

    TRY(want_number(r, "round", value, &number));
    if (call->n_args)
        TRY(want_number(r, "round", &args[0], &digits));
    if (!(fabs(digits) <= 15) || digits != nearbyint(digits))
        return render_error(r, ERR_INVALID, "round: -15 to 15 digits");
    double scaled = shifted(fabs(number), (int)digits);
    /* half away from zero; beyond 2^53 there is nothing to round */
    double rounded = scaled < 9e15 ? shifted(floor(scaled + 0.5), (int)-digits) : fabs(number);

    rounded = number < 0 ? -rounded : rounded;
    if (rounded != number || value->kind != VALUE_NUMBER)
        become_number(value, rounded);
    return OK;
}

static const struct filter filters[] = {
    {"default", 1, 2, true, filter_default},
    {"upcase", 0, 0, false, filter_case},
    {"downcase", 0, 0, false, filter_case},
    {"capitalize", 0, 0, false, filter_capitalize},
    {"truncate", 0, 2, false, filter_truncate},
    {"date", 1, 1, false, filter_date},
    {"number", 0, 1, false, filter_number},
    {"money", 0, 1, false, filter_money},
    {"json", 0, 0, false, filter_json},
    {"escape", 0, 0, false, filter_escape},
    {"url_encode", 0, 0, false, filter_escape},
    {"pluralize", 1, FILTER_ARGS_MAX, true, filter_pluralize},
    {"append", 1, 1, false, filter_append},
    {"replace", 2, 2, false, filter_replace},
    {"join", 0, 1, false, filter_join},
    {"first", 0, 0, false, filter_end},
    {"last", 0, 0, false, filter_end},
    {"size", 0, 0, false, filter_size},
    {"plus", 1, 1, false, filter_sum},
    {"minus", 1, 1, false, filter_sum},
    {"round", 0, 1, false, filter_round},
};

const struct filter *filter_find(struct str name)
{
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (str_equal(name, str_of(filters[i].name)))
            return &filters[i];
    }
    return NULL;
}
