/* A mapping in memory: what the parser makes and rows are made with. All in its arena. */
#ifndef FRESHET_CORE_LOAD_MAPPING_PRIVATE_H
#define FRESHET_CORE_LOAD_MAPPING_PRIVATE_H

#include "core/load_mapping.h"
#include "core/load_table.h"

enum {
    MAPPING_BYTES_MAX = 4 << 20,
    MAPPING_DEPTH_MAX = 8,      /* of values in values: schemas have three */
    MAPPING_TEXT_MAX = 1 << 20, /* of one evaluated text */
};

struct column_use { /* a column by name; its place is known once there is a header */
    struct str name;
    int line; /* of the mapping, where it is named first */
    uint32_t index;
};

enum part_kind { PART_LITERAL, PART_COLUMN, PART_ROW };

struct text_part {
    enum part_kind kind;
    struct str literal;
    uint32_t column; /* place in mapping.columns */
};

struct text_pattern { /* "{InvoiceNo}-{#}" */
    uint32_t n;
    struct text_part *parts;
};

enum time_form { TIME_NONE, TIME_SECONDS, TIME_MILLISECONDS, TIME_FORMAT };

enum value_kind { VALUE_TEXT, VALUE_LIST, VALUE_OBJECT };

struct value {
    enum value_kind kind;
    struct text_pattern text;
    enum time_form time;
    const char *format, *zone; /* of TIME_FORMAT; zone NULL: UTC */
    uint32_t n_words;          /* map: word -> replacement; 0: none */
    struct str *words, *replacements;
    uint32_t n; /* entries of a list or an object */
    struct str *names;
    struct value *entries;
};

struct condition {
    uint32_t column;
    const char *pattern;
};

/* A table has runs of rows of about the same time, and asking a zone costs 10 microseconds. */
struct zone_memory {
    const char *zone;
    int64_t quarter; /* of an hour, local: no offset changes within one */
    int64_t offset_ms;
};

struct mapping {
    struct arena arena;
    char path[512];
    bool csv, names_columns;
    char delimiter;
    uint32_t n_columns;
    struct column_use columns[TABLE_COLUMNS_MAX];
    uint32_t n_conditions;
    struct condition *conditions;
    struct value root;               /* an object: the record */
    char *text;                      /* MAPPING_TEXT_MAX + 1, for texts being put together */
    struct zone_memory *zone_memory; /* the last answer */
};

#endif
