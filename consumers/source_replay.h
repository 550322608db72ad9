/*
 * The source for computing again: the records of each task between two positions of the
 * journal, in the order in which the worker that wrote it took them. What it gives is a struct
 * source (source.h): take, raw, release, position and the clock work as they do live; poll,
 * start_task, stop_task and what asks the group do not.
 *
 * One thread. Nothing is written to Kafka, nothing is committed.
 */
#ifndef FRESHET_CONSUMERS_SOURCE_REPLAY_H
#define FRESHET_CONSUMERS_SOURCE_REPLAY_H

#include "consumers/source.h"

struct source_replay_options {
    const struct settings *settings;
    struct registry *registry;
    uint32_t n_partitions;
    const struct task_position *positions; /* by task: where each begins; kept by nobody */
    size_t queue_bytes;                    /* prefetch, all partitions together */
    int timeout_ms;                        /* how long a silent broker is waited for */

    /* True for a record that was refused as unknown_schema: whether a registry knows a schema
     * is no matter of the record. NULL: none was. */
    bool (*schema_was_unknown)(void *context, enum input_topic topic, int32_t partition,
                               int64_t offset);
    void *context;
};

/** ERR_NOT_FOUND, ERR_TIMEOUT; ERR_IO: a topic begins behind where a task stands, and says so.
 */
enum status source_open_replay(const struct source_replay_options *options, struct source **out,
                               struct error *err);

/** From here on source_take() gives this task's records up to the segment's end, and no other
 *  task's. The segment must not lie before what was taken. */
void source_begin_segment(struct source *source, int32_t task,
                          const struct position_segment *segment);

/** Everything of the segment has been taken, its clock move included. last: of its transaction,
 *  as source_begin_segments() follows. */
void source_end_segment(struct source *source, int32_t task, bool last);

#endif
