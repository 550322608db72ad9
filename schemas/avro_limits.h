/*
 * The bounds of this codec on everything foreign. Beyond one of them a schema is refused with a
 * sentence and a record with AVRO_LIMIT; each is reached by a test.
 */
#ifndef FRESHET_SCHEMAS_AVRO_LIMITS_H
#define FRESHET_SCHEMAS_AVRO_LIMITS_H

#include <stdint.h>

enum {
    /* ---- of a schema's text ---- */
    AVRO_SCHEMA_TEXT_MAX = 1 << 20, /* registries refuse more by default */
    AVRO_SCHEMA_DEPTH_MAX =
        64,                /* types inside types: the parser and compiler call themselves */
    AVRO_NAMES_MAX = 1024, /* fields of a record, symbols of an enum, branches of a union,
                              named types of a schema: they are compared pairwise */
    AVRO_SCHEMA_BYTES_MAX = 16 << 20, /* of the parsed tree; 16 times the longest text */

    /* ---- of a plan ---- */
    AVRO_OPS_MAX = 1 << 16,           /* 1 MiB of program: a schema can be short and expand */
    AVRO_DEFAULT_BYTES_MAX = 1 << 16, /* of one default value, encoded */
    AVRO_SLOT_BYTES_MAX = 1 << 20,    /* of one value in memory, without what it points to */
    AVRO_PLAN_BYTES_MAX = 32 << 20,   /* of everything a plan owns */

    /* ---- of a record ---- */
    AVRO_DEPTH_MAX = 64, /* arrays, maps and recursive records inside each other: frames */
    AVRO_STRING_MAX = 16 << 20,  /* bytes of one string; 16 times Kafka's default record */
    AVRO_ARRAY_MAX = UINT16_MAX, /* items of one array or map; event_batch counts in 16 bits */
    AVRO_ITEMS_MAX = 1 << 17,    /* items of one record together: items of no bytes cost time */
};

#endif
