/*
 * What the two sources share: the tasks, their heads and the merge over them.
 *
 *   source_merge.c    the order: chooses whose record comes next, makes lanes, keeps positions
 *   source_kafka.c    records of the group's consumer, as they come
 *   source_replay.c   records between the positions that a journal record names
 */
#ifndef FRESHET_CONSUMERS_SOURCE_PRIVATE_H
#define FRESHET_CONSUMERS_SOURCE_PRIVATE_H

#include "consumers/decoder.h"
#include "consumers/source.h"

enum {
    RING_SIZE = 256, /* raw messages per (task, topic) between librdkafka and the merge */
};

struct input {
    rd_kafka_queue_t *queue; /* live: NULL when the task is not started */
    rd_kafka_message_t *ring[RING_SIZE];
    uint32_t ring_at, ring_n;
    bool head_ready;      /* head holds the decoded first of the ring */
    bool at_end;          /* nothing in queue and ring; the last fetch said so */
    int64_t next;         /* after the last record taken */
    int64_t fetched_next; /* after the last record that reached the ring */
    int64_t end_offset;   /* at_end: the end, control records included */
    int64_t max_time_ms;
    int64_t newest_kafka_ms;
    struct decoded head;
};

struct task {
    bool known, started;
    bool waits_for_schema;
    int64_t clock_ms;
    int64_t idle_since_ns; /* 0: not idle */
    int64_t idle_clock_ms; /* the clock when idleness began */
    uint32_t relied_on;    /* bit per topic whose end the open segment relies on */
    uint32_t n_segments;
    struct position_segment segments[POSITION_SEGMENTS_MAX];
    struct input inputs[N_USER_TOPICS];
};

/* Where the records come from. Asked once per ring, not once per record. */
struct source_ops {
    /** Puts what is there into the empty ring; may set at_end. */
    enum status (*refill)(struct source *source, int task, int topic, struct error *err);
    /** The ring is empty and refill() did not say that this is the end: is it? */
    bool (*ended)(struct source *source, int task, int topic);
    /** Replay: was the record refused because its schema was unknown then? NULL: no. */
    bool (*schema_was_unknown)(const struct source *source, int task, int topic,
                               int64_t offset);
    rd_kafka_consumer_group_metadata_t *(*group_metadata)(struct source *source);
    /** Frees all but what source_deinit() frees. */
    void (*close)(struct source *source, bool leave);
};

struct source { /* first member of either source */
    const struct source_ops *ops;
    const struct settings *settings;
    struct decoder *decoder;
    struct arena arena;
    const char *topic_names[N_USER_TOPICS];
    struct task **tasks; /* by partition; NULL: not ours */
    uint32_t n_partitions;
    uint32_t next_task; /* round robin */
    uint64_t misplaced;
    rd_kafka_message_t *held[EVENT_BATCH_MAX]; /* the lanes' messages */
    struct raw_record raw[EVENT_BATCH_MAX];
    uint32_t n_held;
};

/** ERR_NOMEM; source_deinit() accepts what there is. */
enum status source_init(struct source *source, const struct source_ops *ops,
                        const struct settings *settings, struct registry *registry,
                        uint32_t n_partitions, struct error *err);
void source_deinit(struct source *source);

/** The task stands at this position, with nothing read. */
void source_place_task(struct task *task, const struct task_position *position);

/** Forgets what was read and not taken. */
void source_drop_ring(struct input *input);

#endif
