/*
 * Where a task stands: the content of a journal record, and the value of the task's key in the
 * changelog (DESIGN 3). Written inside the task's transaction, read at restore and by verify.
 */
#ifndef FRESHET_SCHEMAS_TASK_POSITION_H
#define FRESHET_SCHEMAS_TASK_POSITION_H

#include "core/base/bytes.h"
#include "schemas/event_batch.h"

enum {
    CATALOG_PARTITIONS_MAX = 64,
    TASKS_MAX = 1024,           /* partitions of the user-keyed topics */
    POSITION_SEGMENTS_MAX = 64, /* a worker ends its transaction before there are more */
    POSITION_BYTES_MAX = 16384,
};

/* A stretch of a transaction in which the set of known records did not grow behind the back of
 * the merge: within it, the order of application follows from the records alone. */
struct position_segment {
    int64_t next[N_USER_TOPICS];
    int64_t clock_ms; /* at its end; larger than its records say: moved by idleness */
};

struct task_position {
    uint64_t number;                    /* transactions of this task so far; 0: none */
    int64_t next[N_USER_TOPICS];        /* next offset of every input */
    int64_t max_time_ms[N_USER_TOPICS]; /* largest event time met in each, for too_late */
    int64_t clock_ms;                   /* INT64_MIN: no event yet */
    int64_t items_offset;               /* the item view used */
    uint32_t n_catalog;
    int64_t catalog_offset[CATALOG_PARTITIONS_MAX];
    /* task 0 alone: refused catalogue records before this offset are in dead-letter */
    int64_t catalog_refused_next[CATALOG_PARTITIONS_MAX];
    int64_t wall_ms;            /* when the transaction was made */
    char rules_version[33];     /* of campaigns, templates and settings, in hex */
    char transactional_id[304]; /* of its producer */
    uint32_t n_segments;
    struct position_segment segments[POSITION_SEGMENTS_MAX];
};

/** Nothing read, nothing known. */
void task_position_init(struct task_position *position);

/** Versioned bytes; returns the size, 0 if capacity is too small (POSITION_BYTES_MAX never is).
 */
uint32_t task_position_encode(const struct task_position *position, uint8_t *out,
                              uint32_t capacity);

/** False on bytes that are none of ours; *out is then undefined. */
bool task_position_decode(const uint8_t *bytes, size_t n, struct task_position *out);

/* Keys of the changelog: one kind byte, then the id. */
enum { CHANGELOG_POSITION = 'p', CHANGELOG_USER = 'u' };

#endif
