/*
 * From a record's bytes to a checked struct: Confluent frame, decode plan by schema id, and
 * the rules of INTERFACES 3 that a record alone decides.
 *
 * One per thread. Plans are compiled once per (topic, schema id).
 */
#ifndef FRESHET_CONSUMERS_DECODER_H
#define FRESHET_CONSUMERS_DECODER_H

#include "consumers/registry.h"
#include "core/base/arena.h"
#include "schemas/event_batch.h"

struct decoder;

enum status decoder_open(struct registry *registry, struct decoder **out);
void decoder_close(struct decoder *decoder);

/* One record decoded: the columns of its lane. */
struct decoded {
    enum event_fate fate;
    enum action action;
    int64_t time_ms;
    struct str user_id, event_id, currency;
    const struct event_line *lines;
    uint16_t n_lines;
    const void *record; /* struct of records.h; NULL: tombstone */
    char detail[160];   /* a sentence when refused */
};

struct frame { /* a record as Kafka has it */
    enum input_topic topic;
    struct str key, value;   /* ptr NULL: null */
    int64_t kafka_ms;        /* -1: none */
    bool schema_was_unknown; /* replay: the registry had answered 404, whatever it says now */
};

/**
 * False: the schema is not known yet, ask again later. Everything else is an answer; refusals
 * have their fate. Strings point into the frame or the arena.
 */
bool decoder_decode(struct decoder *decoder, const struct frame *frame, struct arena *arena,
                    struct decoded *out);

#endif
