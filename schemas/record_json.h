/*
 * A record of this house from JSON: what `load` and the demo read.
 *
 * The names are the schema's. A time is milliseconds (a number) or ISO 8601 with a zone (a
 * text); money is a text ("2.55") or a number, and never becomes another amount on the way: a
 * number that JSON's floating point cannot hold exactly as written is refused.
 */
#ifndef FRESHET_SCHEMAS_RECORD_JSON_H
#define FRESHET_SCHEMAS_RECORD_JSON_H

#include "core/base/arena.h"
#include "schemas/avro_codec.h"

#include <jansson.h>

/**
 * Fills the type's struct of records.h (record_type_size() bytes at out). A field that is not
 * given has its schema's default. Strings point into object, arrays into the arena.
 *
 * texts: the object is a row of a table: every scalar may be written as a text, and an empty
 * one is null where the field may be.
 *
 * ERR_INVALID: the sentence names the field; also for a field that the schema does not have
 * and for an id that is empty or longer than ID_MAX_BYTES. ERR_NOMEM: the arena's limit.
 */
enum status record_from_json(const struct record_type *type, const json_t *object, bool texts,
                             struct arena *arena, void *out, struct error *err);

/* ---- for the check of a mapping, before there are values ---- */

enum record_field_kind {
    RECORD_FIELD_NONE, /* there is no such field */
    RECORD_FIELD_SCALAR,
    RECORD_FIELD_TIME,
    RECORD_FIELD_ARRAY,
    RECORD_FIELD_RECORD,
    RECORD_FIELD_MAP,
};

/* A type within a record, as a schema has it: the record itself, an array's items, … */
struct record_place {
    const void *schema;
};

struct record_place record_place_of(const struct record_type *type);
enum record_field_kind record_place_kind(struct record_place place);
/** The field of a record, the items of an array, the values of a map (name is not looked at);
 *  schema NULL: there is no such thing. */
struct record_place record_place_inside(struct record_place place, struct str name);
/** The first field of the record that must be given and is not in names; ptr NULL: none. */
struct str record_place_missing(struct record_place place, const struct str *names,
                                uint32_t n_names);

#endif
