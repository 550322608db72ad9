/*
 * Avro between bytes and the structs of records.h.
 *
 * Reading: a plan is compiled once per (writer schema, our schema) and then decodes any number
 * of records: full schema resolution of the Avro specification (defaults, promotion,
 * reordering, enum defaults, unions, nested records, arrays, maps, fixed, logical types,
 * skipped fields, aliases), no allocation but from the arena, bounds on everything foreign.
 * Plans are immutable: any thread, any number at once.
 *
 * Writing: one program per record type, made at start from our schema.
 */
#ifndef FRESHET_SCHEMAS_AVRO_CODEC_H
#define FRESHET_SCHEMAS_AVRO_CODEC_H

#include "core/base/arena.h"
#include "core/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* A record of this house: its schema file and how the struct of records.h holds it. */
struct record_type;

/* The record types by the name of their schema file, in records.h's structs. */
extern const struct record_type click_event_type, order_event_type, catalog_item_type,
    user_record_type, engagement_event_type, review_event_type, recommendation_type,
    push_message_type, email_message_type, suppressed_message_type;

/** Our schema's text (from the .avsc file). */
const char *record_type_schema(const struct record_type *type);

/** Name of the schema file, e.g. "click_event". */
const char *record_type_name(const struct record_type *type);

/** sizeof the struct. */
size_t record_type_size(const struct record_type *type);

struct avro_plan;

enum avro_result {
    AVRO_OK,
    AVRO_BAD,      /* truncated, or against the writer's schema */
    AVRO_TRAILING, /* a whole record, and bytes left behind it */
    AVRO_LIMIT,    /* beyond a bound of this codec: length, count, depth */
    AVRO_VALUE,    /* well-formed, but does not fit our field: number too large, bad UTF-8 */
    AVRO_NOMEM,    /* the arena is at its limit */
};

/**
 * Compiles the plan that reads what was written with writer_json as `type`. On OK, *out is the
 * caller's. ERR_INVALID: the writer's schema is no Avro, or cannot be resolved to ours; the
 * sentence names the field.
 */
enum status avro_plan_open(const char *writer_json, size_t len, const struct record_type *type,
                           struct avro_plan **out, struct error *err);

/** Decodes one record. out is zeroed first; strings point into bytes or into the arena. */
enum avro_result avro_decode(const struct avro_plan *plan, const uint8_t *bytes, size_t n,
                             struct arena *arena, void *out);

void avro_plan_close(struct avro_plan *plan); /* NULL is a no-op */

/**
 * Encodes a struct by our schema; returns the size, or 0 if capacity is too small or a value
 * cannot be written (an enum outside its symbols). A required string that is absent is
 * written empty.
 */
size_t avro_encode(const struct record_type *type, const void *record, uint8_t *out,
                   size_t capacity);

/** A message's channel record type (push, email); NULL for a channel without one. */
const struct record_type *message_record_type(int32_t channel);

#endif
