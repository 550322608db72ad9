/*
 * One worker's input: a Kafka consumer of the group, its tasks, and the merge of each task's
 * topics into one order (DESIGN 3 "Order", "Clock").
 *
 *   poll   serves rebalances, waits for records
 *   take   decodes and merges what is there into lanes of a batch
 *
 * The group subscribes to `clickstream` alone; partition p of the other user-keyed topics
 * follows it. A task gained by a rebalance delivers nothing until start_task() says where it
 * stands. Positions are the worker's to commit: this side commits nothing.
 *
 * One thread. Strings of a batch point into librdkafka's messages and live until release().
 */
#ifndef FRESHET_CONSUMERS_SOURCE_H
#define FRESHET_CONSUMERS_SOURCE_H

#include "consumers/registry.h"
#include "core/base/arena.h"
#include "core/base/settings.h"
#include "core/base/status.h"
#include "schemas/event_batch.h"
#include "schemas/task_position.h"

#include <librdkafka/rdkafka.h>

struct source;

struct source_options {
    const struct settings *settings;
    struct registry *registry; /* NULL: schemas come from `schema` */
    const char *group_instance_id;
    size_t queue_bytes;    /* bound of librdkafka's queues of this worker, all topics */
    uint32_t n_partitions; /* of the user-keyed topics */

    /* Called inside source_poll(). losing() commits or aborts before it returns; lost: the
     * assignment is gone already, only an abort is possible. */
    void (*gained)(void *context, const int32_t *tasks, uint32_t n);
    void (*losing)(void *context, const int32_t *tasks, uint32_t n, bool lost);
    void *context;
};

/** Connects and subscribes. ERR_INVALID names a wrong property; an absent broker is no error.
 */
enum status source_open(const struct source_options *options, struct source **out,
                        struct error *err);

/** leave: leaves the group at once (else a static member keeps its place for a while). */
void source_close(struct source *source, bool leave);

/**
 * Serves the group and waits up to timeout_ms for records of started tasks.
 * ERR_FENCED: another process has this instance's name; ERR_IO: fatal, with the reason.
 */
enum status source_poll(struct source *source, int timeout_ms, struct error *err);

/**
 * From here on the task's records flow, from position->next on (which is numeric for every
 * topic). Also after an abort: what was taken since is taken again.
 */
enum status source_start_task(struct source *source, int32_t task,
                              const struct task_position *position, struct error *err);

/** No more records of the task until the next start. */
void source_stop_task(struct source *source, int32_t task);

/**
 * Appends merged lanes to the batch until it is full or nothing more is known. Refused records
 * are lanes too, with their fate, raw bytes in source_raw(). Returns the lanes appended.
 * ERR_IO: an offset is out of range (the sentence names topic and gap), or fatal.
 */
enum status source_take(struct source *source, struct event_batch *batch, struct error *err);

/** A started task has no more room for segments: end the transaction, then begin_segments. */
bool source_segments_full(const struct source *source);

struct raw_record {              /* what a lane was made of */
    struct str key, value;       /* ptr NULL: null */
    rd_kafka_headers_t *headers; /* the record's own; NULL without */
    char detail[160];            /* why it was refused; empty otherwise */
};

/** Of lane i of the last taken batch. */
const struct raw_record *source_raw(const struct source *source, uint32_t lane);

/** The batch has been dealt with: its strings are gone. */
void source_release(struct source *source, struct event_batch *batch);

/** Where the task stands after all lanes taken: next, max_time_ms, clock_ms, segments. */
void source_position(const struct source *source, int32_t task, struct task_position *io);

/** The transaction ended well: its segments begin anew. */
void source_begin_segments(struct source *source, int32_t task);

/**
 * What the clock would be by idleness: once every topic has been at its end with nothing left
 * to take for idle_after_ms, it goes on from where it stood, at the speed of the wall clock.
 * INT64_MIN: the task is not idle (that long), or has no clock yet.
 */
int64_t source_idle_clock(const struct source *source, int32_t task, int64_t idle_after_ms);

/** Asks the broker: true if the ends are still where the task stands. Blocks up to 1 s. */
bool source_confirm_idle(struct source *source, int32_t task);

/** Moves the task's clock on (idleness); never back. */
void source_move_clock(struct source *source, int32_t task, int64_t clock_ms);
int64_t source_clock(const struct source *source, int32_t task);

/** For send_offsets_to_transaction; the caller's to destroy. */
rd_kafka_consumer_group_metadata_t *source_group_metadata(struct source *source);

struct source_lag {
    int64_t next, end;       /* end: newest known, -1 unknown */
    int64_t newest_kafka_ms; /* of the last record taken; 0: none */
};

/** Of a started task; false if it is not. The worker's thread. */
bool source_lag(const struct source *source, int32_t task, enum input_topic topic,
                struct source_lag *out);

/** Records whose key stands in another partition than the partitioner would choose. */
uint64_t source_misplaced(const struct source *source);

/** True while a task waits for a schema that cannot be asked for. */
bool source_waits_for_schema(const struct source *source);

#endif
