/*
 * Writes JSON into a buffer that grows: for answers that are made a thousand times a second,
 * and for lines whose bytes must be the same whenever the values are.
 *
 * Commas come by themselves. After the first failed allocation a writer is `failed`, takes
 * nothing more, and says so once at its end. What is opened must be closed: the caller's care.
 */
#ifndef FRESHET_CORE_JSON_TEXT_H
#define FRESHET_CORE_JSON_TEXT_H

#include "core/base/str.h"

#include <stddef.h>

struct json_text {
    char *at; /* not terminated */
    size_t n, capacity;
    bool failed;
};

/** Room for so many bytes at once; more is made as needed. */
void json_text_init(struct json_text *json, size_t capacity);
void json_text_deinit(struct json_text *json);

/** Empty again, memory kept. */
void json_text_reset(struct json_text *json);

/** The text, malloc'ed and terminated, the caller's; NULL without memory. json is empty then.
 */
char *json_text_take(struct json_text *json, size_t *out_len);

/* '{' or '[', as a value; '}' or ']'. */
void json_text_open(struct json_text *json, char bracket);
void json_text_close(struct json_text *json, char bracket);

/** A field's name: plain ASCII that needs no escape. Its value comes next. */
void json_text_key(struct json_text *json, const char *name);

/** Text; an absent one is null. What is not UTF-8 becomes U+FFFD. */
void json_text_str(struct json_text *json, struct str text);
void json_text_int(struct json_text *json, int64_t value);
void json_text_bool(struct json_text *json, bool value);
void json_text_null(struct json_text *json);

/** Six digits behind the point at most: scores, seconds. Not a number: null. */
void json_text_number(struct json_text *json, double value);
/** As many digits as bring the same float back. */
void json_text_float(struct json_text *json, float value);
/** 16 hex digits in quotes: the hash of an item. */
void json_text_hex64(struct json_text *json, uint64_t value);
/** Money of four places, exact, in quotes: "2.50"; at least two places are written. */
void json_text_money(struct json_text *json, int64_t value_e4);

/** A line's end, between two values of a file of JSON lines. */
void json_text_newline(struct json_text *json);

/* Name and value at once. */
#define JSON_FIELD(kind, type)                                                                 \
    static inline void json_field_##kind(struct json_text *json, const char *name, type value) \
    {                                                                                          \
        json_text_key(json, name);                                                             \
        json_text_##kind(json, value);                                                         \
    }
JSON_FIELD(str, struct str)
JSON_FIELD(int, int64_t)
JSON_FIELD(bool, bool)
JSON_FIELD(number, double)
JSON_FIELD(float, float)
JSON_FIELD(hex64, uint64_t)
JSON_FIELD(money, int64_t)
#undef JSON_FIELD

#endif
