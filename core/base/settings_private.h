/* The table of settings and what its files share. */
#ifndef FRESHET_CORE_BASE_SETTINGS_PRIVATE_H
#define FRESHET_CORE_BASE_SETTINGS_PRIVATE_H

#include "core/base/settings.h"

#include <stddef.h>

enum setting_type {
    SETTING_TEXT,
    SETTING_INT,
    SETTING_BOOL,
    SETTING_DURATION,   /* "7d", "100ms"; kept in ms */
    SETTING_SIZE,       /* "2GiB"; kept in bytes */
    SETTING_CHOICE,     /* one of symbols; kept as text */
    SETTING_CHOICES,    /* some of symbols; kept as a mask, bit i for symbols[i] */
    SETTING_PROPERTIES, /* a map of librdkafka properties */
};

enum {
    SETTING_SECRET = 1,    /* never printed */
    SETTING_RULE = 2,      /* decides what is computed: belongs to the rules text */
    SETTING_NOT_EMPTY = 4, /* text: at least one character */
    SETTING_NAME = 8,      /* text: only what a topic name may have */
    SETTING_URL = 16,      /* text: http:// or https:// */
    SETTING_ADDRESS = 32,  /* text: host:port */
};

struct setting {
    const char *key;
    enum setting_type type;
    unsigned flags;
    const char *initial;        /* the default, as one would write it */
    int64_t min, max;           /* of numbers, in the unit they are kept in; of text: bytes */
    const char *unit;           /* for people; "" where the value says it itself */
    const char *const *symbols; /* NULL-terminated; "" where an index has no name */
    const char *sentence;
    size_t offset, size; /* of the target in struct settings */
};

extern const struct setting settings_table[];
extern const unsigned n_settings;

enum { SETTING_SHOWN_MAX = 1024 }; /* a value or a rule as text */

/** Parses text and stores it; false: it does not fit, and the target is as it was. */
bool setting_assign(struct settings *settings, const struct setting *setting, const char *text);

/** What a setting accepts, e.g. "a whole number from 1 to 100". */
void setting_allowed(const struct setting *setting, char *out, size_t capacity);

/** The value in the shortest exact notation; secrets as "********", or empty if not set. */
void setting_show(const struct settings *settings, const struct setting *setting, char *out,
                  size_t capacity);

/** A number of the setting's type (duration, size, int) in its shortest exact notation. */
void setting_show_number(enum setting_type type, int64_t value, char *out, size_t capacity);

/** The row of a key; NULL. */
const struct setting *setting_find(const char *key);

/** The row of type PROPERTIES under which a dotted path lies ("kafka.ssl.ca" → kafka). */
const struct setting *setting_properties_of(const char *path);

/** True if some key lies beneath path ("recommend"). */
bool setting_is_section(const char *path);

/** The known key or section nearest to path by edit distance. */
const char *setting_nearest(const char *path, char *out, size_t capacity);

struct setting_place { /* for messages: file and line, or --set */
    const char *file;
    struct setting_origin origin;
};

/** Stores one value given under a dotted path, from a file or an override. */
enum status setting_put(struct settings *settings, const struct setting_place *place,
                        const char *path, const char *text, struct error *err);

/** error_set with "file:line: " or "--set: " before the sentence. */
enum status setting_error(struct error *err, const struct setting_place *place,
                          const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Reads the file into settings through setting_put. */
enum status settings_read_yaml(struct settings *settings, const char *file, struct error *err);

static inline struct kafka_properties *setting_properties(struct settings *settings,
                                                          const struct setting *setting)
{
    return (struct kafka_properties *)((char *)settings + setting->offset);
}

#endif
