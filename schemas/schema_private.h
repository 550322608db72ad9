/*
 * An Avro schema as a tree: what resolution needs to know of it.
 *
 * Made from the JSON text with jansson, because Avro-C's own tree forgets defaults, aliases,
 * logical types and the defaults of enums. Avro-C still has to accept the text as well: two
 * parsers must agree before a schema is used.
 */
#ifndef FRESHET_SCHEMAS_SCHEMA_PRIVATE_H
#define FRESHET_SCHEMAS_SCHEMA_PRIVATE_H

#include "core/base/arena.h"
#include "core/base/status.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum schema_kind {
    SCHEMA_NULL,
    SCHEMA_BOOLEAN,
    SCHEMA_INT,
    SCHEMA_LONG,
    SCHEMA_FLOAT,
    SCHEMA_DOUBLE,
    SCHEMA_BYTES,
    SCHEMA_STRING, /* the last primitive */
    SCHEMA_RECORD,
    SCHEMA_ENUM,
    SCHEMA_FIXED, /* the last with a name */
    SCHEMA_ARRAY,
    SCHEMA_MAP,
    SCHEMA_UNION,
};

/* Logical types that decoding looks at; any other is as good as none (the specification). */
enum schema_logical {
    LOGICAL_NONE,
    LOGICAL_DECIMAL, /* on bytes; on fixed it is read as plain fixed */
    LOGICAL_TIMESTAMP_MILLIS,
    LOGICAL_TIMESTAMP_MICROS,
    LOGICAL_TIMESTAMP_NANOS,
};

struct schema_node;

struct schema_field {
    struct str name;
    struct str *aliases;
    uint32_t n_aliases;
    const struct schema_node *type;
    const json_t *default_value; /* the tree's; NULL: none given */
};

struct schema_node {
    enum schema_kind kind;
    enum schema_logical logical;
    int32_t precision, scale; /* of a decimal */
    struct str name;          /* full name of record, enum, fixed */
    struct str *aliases;      /* full names */
    uint32_t n_aliases;
    uint32_t n; /* fields, symbols or branches */
    union {
        struct schema_field *fields;         /* record */
        struct str *symbols;                 /* enum */
        const struct schema_node **branches; /* union */
        const struct schema_node *item;      /* array, map: of the values */
        uint32_t size;                       /* fixed */
    };
    int32_t default_symbol; /* enum; -1: none */
    uint32_t min_bytes;     /* the least a value takes on the wire; 0: it always takes none */
};

/* A parsed schema. */
struct schema {
    struct arena arena;
    json_t *json; /* defaults point into it */
    const struct schema_node *root;
};

/**
 * Parses and checks a schema. On OK the tree is the caller's, to be given to schema_deinit().
 * ERR_INVALID: no Avro schema, or beyond a limit; the sentence names the type or field.
 */
enum status schema_init(struct schema *schema, const char *text, size_t len, struct error *err);
void schema_deinit(struct schema *schema);

/** "record", "string", …: as in a schema. */
const char *schema_kind_name(enum schema_kind kind);

/** The name behind the last dot. */
struct str schema_short_name(struct str full);

/** Second opinion: what Avro-C says to the schema, its defaults taken out. */
enum status schema_check_avro_c(const json_t *json, struct error *err);

#endif
