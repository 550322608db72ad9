/*
 * Texts from templates: an own subset of Liquid, compiled once, rendered by any thread.
 *
 *   tags      {{ }} assign capture if elsif else unless case when for break continue comment
 *             raw include; {%- -%} and {{- -}} take white space away
 *   filters   default upcase downcase capitalize truncate date number money json escape
 *             url_encode pluralize append replace join first last size plus minus round
 *   operators == != < > <= >= contains, and, or (from right to left, as Liquid has it)
 *
 * Three things differ from what marketers know, all on purpose: a variable that is missing is
 * an error unless `default` is its first filter; how a value is escaped follows from the
 * declared target and the place where it stands, never from the author; and every inserted
 * value leaves a span that says which field it came from.
 */
#ifndef FRESHET_PRODUCERS_TEMPLATE_H
#define FRESHET_PRODUCERS_TEMPLATE_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "producers/template_locale.h"

enum {
    TEMPLATE_OUTPUT_MAX =
        64 * 1024,             /* mail programs clip at about 100 KB; nothing here is longer */
    TEMPLATE_TURNS_MAX = 1000, /* of all loops together: no person reads a longer list */
    TEMPLATE_DEPTH_MAX = 16,   /* of blocks and includes; bounds the C stack too */
    TEMPLATE_OPERATIONS_MAX = 10000,  /* tags, values and filters: about 1 ms at worst */
    TEMPLATE_SOURCE_MAX = 256 * 1024, /* bytes of one template with all it includes */
    TEMPLATE_NAMES_MAX = 64,  /* distinct variable names: their slots live on the stack */
    TEMPLATE_SPANS_MAX = 512, /* inserted values; a text with more is refused */
};

enum template_target { /* what the text will be; decides how inserted values are escaped */
                       TARGET_LINE,  /* one line of plain text: title, subject. No control or
                                        bidi marks, no breaks */
                       TARGET_PLAIN, /* plain text with line breaks */
                       TARGET_HTML,  /* text, quoted attribute or link, by the place in the
                                        markup */
                       TARGET_URL,   /* a link: a whole http(s) address at its start, else
                                        percent-encoded */
                       TARGET_JSON,  /* inside quotes, or as a JSON value outside of them */
};

/* Which record a value comes from: who answers for what the text says. */
enum template_source {
    SOURCE_NONE, /* literal, computed, or not to be quoted */
    SOURCE_CATALOG,
    SOURCE_PERSON, /* the person's own state: what is in the cart, how many */
    SOURCE_CAMPAIGN,
    SOURCE_LINK, /* an address we made: not a claim about anything */
};

struct template_record {
    enum template_source source;
    struct str key;  /* item id */
    int64_t version; /* offset of the catalogue record; -1 for other sources */
};

enum template_kind {
    VALUE_UNSET, /* no such variable */
    VALUE_NIL,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_MONEY,
    VALUE_TEXT,
    VALUE_MARKUP, /* captured: its parts have been escaped already */
    VALUE_ARRAY,
    VALUE_OBJECT,
    VALUE_RANGE,
    VALUE_EMPTY, /* the words `empty` and `blank` in a comparison */
    VALUE_BLANK,
};

struct template_value {
    uint8_t kind; /* enum template_kind */
    char currency[4];
    uint32_t n; /* bytes of a text, elements of an array, fields of an object */
    union {
        bool boolean;
        double number;
        int64_t money_e4;
        const char *text;
        const struct template_value *items;
        const struct template_field *fields;
        const struct template_output *markup;
        struct {
            int32_t first, last;
        } range;
    };
    const struct template_record *record; /* NULL: SOURCE_NONE */
    const char *field;                    /* its name in the record */
};

struct template_field {
    struct str name;
    struct template_value value;
};

static inline struct template_value value_text(struct str text)
{
    return (struct template_value){
        .kind = text.ptr ? VALUE_TEXT : VALUE_NIL, .n = text.len, .text = text.ptr};
}

static inline struct template_value value_number(double number)
{
    return (struct template_value){.kind = VALUE_NUMBER, .number = number};
}

/** currency: three letters of ISO 4217; another length gives nil. */
struct template_value value_money(int64_t amount_e4, struct str currency);

struct template_span {
    uint32_t offset, length; /* bytes of the output */
    const struct template_record *record;
    const char *field;
    struct template_value value; /* as inserted, after the filters that keep it a fact */
};

struct template_output {
    struct str text;
    const struct template_span *spans; /* in the order of the text, not overlapping */
    uint32_t n_spans;
};

struct template_input {
    const struct template_field *fields; /* the variables */
    uint32_t n_fields;
    const struct template_locale *locale;
    const char *time_zone; /* for `date`; NULL: UTC */
};

/** Gives the text of an included template; *out lives until compile returns. */
struct template_includes {
    enum status (*read)(const void *context, struct str name, struct str *out,
                        struct error *err);
    const void *context;
};

/** What only a fact may say: digits and fractions of any script, currency and percent signs. */
bool template_is_claim(uint32_t code_point);

/** The code point at text.ptr[*at], and *at moved past it; U+FFFD for what is no UTF-8. */
uint32_t template_next_code_point(struct str text, uint32_t *at);

struct template;

/**
 * Compiles text; on OK, *out is the caller's and holds no pointer into text. name stands in
 * sentences ("name:line: …"). includes NULL: no `include`. ERR_INVALID, ERR_NOMEM.
 */
enum status template_compile(const char *name, struct str text, enum template_target target,
                             const struct template_includes *includes, struct template **out,
                             struct error *err);
void template_close(struct template *template); /* NULL is a no-op */

/**
 * Renders into the arena; nothing else is allocated. Any thread, any number at once.
 * ERR_NOT_FOUND: a variable is missing; ERR_INVALID: a value does not suit; ERR_FULL: beyond a
 * limit above; ERR_NOMEM: the arena is. err names the template, line and variable.
 */
enum status template_render(const struct template *template, const struct template_input *input,
                            struct arena *arena, struct template_output *out,
                            struct error *err);

#endif
