/*
 * The order of a task's records, wherever they come from:
 *
 *   source_ops.refill ──> ring of raw messages ──decode──> head ─┐
 *   source_ops.refill ──> ring of raw messages ──decode──> head ─┼─ merge ─> lanes
 *   ...                                                          ┘
 *
 * A record is taken only when each topic has a head or is known to be at its end. "At its end"
 * is relied on per *segment*: when a topic relied on has a record again, a new segment begins,
 * and the journal says where; so the order follows from inputs + journal.
 */
#include "consumers/source_private.h"

#include "consumers/partitioner.h"
#include "core/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_LIMIT_BYTES =
        256 * 1024 * 1024, /* decoded records of one batch: 512 of 1 MB at most */
};

/* ---- birth and death ---- */

static void name_topics(struct source *source)
{
    source->topic_names[INPUT_USERS] = source->settings->topics.users;
    source->topic_names[INPUT_CLICKSTREAM] = source->settings->topics.clickstream;
    source->topic_names[INPUT_ENGAGEMENT] = source->settings->topics.engagement;
    source->topic_names[INPUT_ORDERS] = source->settings->topics.orders;
    source->topic_names[INPUT_REVIEWS] = source->settings->topics.reviews;
}

enum status source_init(struct source *source, const struct source_ops *ops,
                        const struct settings *settings, struct registry *registry,
                        uint32_t n_partitions, struct error *err)
{
    source->ops = ops;
    source->settings = settings;
    source->n_partitions = n_partitions;
    arena_init(&source->arena, ARENA_LIMIT_BYTES);
    name_topics(source);
    source->tasks = calloc(n_partitions, sizeof(struct task *));
    if (!source->tasks || decoder_open(registry, &source->decoder) != OK)
        return error_set(err, ERR_NOMEM, "source: out of memory");
    return OK;
}

void source_deinit(struct source *source)
{
    decoder_close(source->decoder);
    arena_deinit(&source->arena);
    free(source->tasks);
}

void source_close(struct source *source, bool leave)
{
    if (!source)
        return;
    source_release(source, NULL);
    source->ops->close(source, leave);
}

void source_place_task(struct task *task, const struct task_position *position)
{
    task->clock_ms = position->clock_ms;
    task->relied_on = 0;
    task->n_segments = 0;
    task->waits_for_schema = false;
    task->idle_since_ns = 0;
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        struct input *input = &task->inputs[topic];

        input->next = input->fetched_next = position->next[topic];
        input->max_time_ms = position->max_time_ms[topic];
    }
    task->started = true;
}

void source_drop_ring(struct input *input)
{
    while (input->ring_n) {
        rd_kafka_message_destroy(input->ring[input->ring_at]);
        input->ring_at = (input->ring_at + 1) % RING_SIZE;
        input->ring_n--;
    }
    input->head_ready = false;
    input->at_end = false;
}

/* ---- records ---- */

static struct str text_of(const void *bytes, size_t len)
{
    return (struct str){bytes, bytes ? (uint32_t)len : 0};
}

/* Decodes the first of the ring. False: its schema is not known yet. */
static bool decode_head(struct source *source, int task, int topic, struct input *input)
{
    const rd_kafka_message_t *message = input->ring[input->ring_at];
    struct frame frame = {
        .topic = (enum input_topic)topic,
        .key = text_of(message->key, message->key_len),
        .value = text_of(message->payload, message->len),
        .kafka_ms = rd_kafka_message_timestamp(message, NULL),
        .schema_was_unknown =
            source->ops->schema_was_unknown &&
            source->ops->schema_was_unknown(source, task, topic, message->offset),
    };

    if (!decoder_decode(source->decoder, &frame, &source->arena, &input->head))
        return false;
    if (input->head.fate != EVENT_LIVE)
        input->head.time_ms = INT64_MIN; /* its time means nothing: first come */
    input->head_ready = true;
    return true;
}

enum head_state { HEAD_READY, HEAD_AT_END, HEAD_UNKNOWN, HEAD_FAILED };

static enum head_state find_head(struct source *source, int task, int topic, struct error *err)
{
    struct task *t = source->tasks[task];
    struct input *input = &t->inputs[topic];

    if (!input->ring_n && source->ops->refill(source, task, topic, err) != OK)
        return HEAD_FAILED;
    if (input->ring_n) {
        if (!input->head_ready && !decode_head(source, task, topic, input)) {
            t->waits_for_schema = true;
            return HEAD_UNKNOWN;
        }
        return HEAD_READY;
    }
    if (!input->at_end && !source->ops->ended(source, task, topic))
        return HEAD_UNKNOWN;
    input->at_end = true;
    return HEAD_AT_END;
}

/* Decides whose head comes next: users, then the smaller time, then the topic's name (the order
 * of the enum). -1: nothing can be taken now; -2: failed. */
static int choose(struct source *source, int task, struct error *err)
{
    struct task *t = source->tasks[task];
    uint32_t at_end = 0;
    int best = -1;

    t->waits_for_schema = false;
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        switch (find_head(source, task, topic, err)) {
        case HEAD_READY:
            if (best < 0 || (best != INPUT_USERS &&
                             t->inputs[topic].head.time_ms < t->inputs[best].head.time_ms))
                best = topic;
            break;
        case HEAD_AT_END:
            at_end |= 1u << topic;
            break;
        case HEAD_UNKNOWN:
            return -1;
        case HEAD_FAILED:
            return -2;
        }
    }
    if (best < 0) {
        if (!t->idle_since_ns) {
            t->idle_since_ns = clock_mono_ns();
            t->idle_clock_ms = t->clock_ms;
        }
        return -1;
    }
    t->idle_since_ns = 0;
    if (t->relied_on & ~at_end) { /* a topic relied on goes on: what came before is a segment */
        if (t->n_segments == POSITION_SEGMENTS_MAX - 1)
            return -1;
        struct position_segment *segment = &t->segments[t->n_segments++];

        for (int topic = 0; topic < N_USER_TOPICS; topic++)
            segment->next[topic] = t->inputs[topic].next;
        segment->clock_ms = t->clock_ms;
        t->relied_on = 0;
    }
    t->relied_on |= at_end;
    return best;
}

/* Rules that need the task: lateness, and the clock. */
static void judge_time(struct source *source, struct task *t, int topic, struct decoded *head,
                       int64_t kafka_ms, char *detail, size_t capacity)
{
    struct input *input = &t->inputs[topic];
    int64_t late_max_ms = source->settings->late_max_ms;

    if (head->fate != EVENT_LIVE || topic == INPUT_USERS)
        return;
    if (input->max_time_ms != INT64_MIN && head->time_ms < input->max_time_ms - late_max_ms) {
        head->fate = EVENT_TOO_LATE;
        snprintf(detail, capacity, "%lld ms behind the newest event of its partition",
                 (long long)(input->max_time_ms - head->time_ms));
        return;
    }
    if (head->time_ms > input->max_time_ms)
        input->max_time_ms = head->time_ms;
    int64_t now_ms = kafka_ms > 0 && kafka_ms < head->time_ms ? kafka_ms : head->time_ms;

    if (now_ms > t->clock_ms)
        t->clock_ms = now_ms;
}

static void count_misplaced(struct source *source, int task, const rd_kafka_message_t *message)
{
    if (message->key &&
        partition_of(source->settings->partitioner, text_of(message->key, message->key_len),
                     (int32_t)source->n_partitions) != task)
        source->misplaced++;
}

static void take_head(struct source *source, int task, int topic, struct event_batch *batch)
{
    struct task *t = source->tasks[task];
    struct input *input = &t->inputs[topic];
    rd_kafka_message_t *message = input->ring[input->ring_at];
    struct decoded *head = &input->head;
    uint32_t lane = batch->n++;
    struct raw_record *raw = &source->raw[lane];

    raw->key = text_of(message->key, message->key_len);
    raw->value = text_of(message->payload, message->len);
    raw->headers = NULL;
    raw->detail[0] = '\0';
    batch->kafka_ms[lane] = rd_kafka_message_timestamp(message, NULL);
    judge_time(source, t, topic, head, batch->kafka_ms[lane], head->detail,
               sizeof(head->detail));
    if (head->fate != EVENT_LIVE) {
        memcpy(raw->detail, head->detail, sizeof(raw->detail));
        if (rd_kafka_message_headers(message, &raw->headers))
            raw->headers = NULL;
    } else {
        count_misplaced(source, task, message);
    }
    batch->task[lane] = (uint16_t)task;
    batch->topic[lane] = (uint8_t)topic;
    batch->fate[lane] = (uint8_t)head->fate;
    batch->action[lane] = (uint8_t)head->action;
    batch->offset[lane] = message->offset;
    batch->time_ms[lane] = head->time_ms;
    batch->clock_ms[lane] = t->clock_ms;
    batch->user_id[lane] = head->user_id;
    batch->event_id[lane] = head->event_id;
    batch->currency[lane] = head->currency;
    batch->lines[lane] = head->lines;
    batch->n_lines[lane] = head->n_lines;
    batch->record[lane] = head->record;

    source->held[source->n_held++] = message;
    input->next = message->offset + 1;
    input->newest_kafka_ms = batch->kafka_ms[lane];
    input->ring_at = (input->ring_at + 1) % RING_SIZE;
    input->ring_n--;
    input->head_ready = false;
}

/* Heads decoded but not taken point into the arena of this batch: they are decoded again. */
static void forget_heads(struct source *source)
{
    for (uint32_t task = 0; task < source->n_partitions; task++) {
        for (int topic = 0; source->tasks[task] && topic < N_USER_TOPICS; topic++)
            source->tasks[task]->inputs[topic].head_ready = false;
    }
}

enum status source_take(struct source *source, struct event_batch *batch, struct error *err)
{
    uint32_t start = source->next_task;

    for (uint32_t i = 0; i < source->n_partitions && batch->n < EVENT_BATCH_MAX; i++) {
        uint32_t task = (start + i) % source->n_partitions;

        if (!source->tasks[task] || !source->tasks[task]->started)
            continue;
        source->next_task = (task + 1) % source->n_partitions;
        while (batch->n < EVENT_BATCH_MAX) {
            int topic = choose(source, (int)task, err);

            if (topic == -2)
                return ERR_IO;
            if (topic < 0)
                break;
            take_head(source, (int)task, topic, batch);
        }
    }
    return OK;
}

const struct raw_record *source_raw(const struct source *source, uint32_t lane)
{
    return &source->raw[lane];
}

void source_release(struct source *source, struct event_batch *batch)
{
    for (uint32_t i = 0; i < source->n_held; i++)
        rd_kafka_message_destroy(source->held[i]);
    source->n_held = 0;
    if (source->tasks)
        forget_heads(source);
    arena_reset(&source->arena);
    if (batch)
        batch->n = 0;
}

/* ---- where things stand ---- */

bool source_segments_full(const struct source *source)
{
    for (uint32_t task = 0; task < source->n_partitions; task++) {
        if (source->tasks[task] && source->tasks[task]->n_segments == POSITION_SEGMENTS_MAX - 1)
            return true;
    }
    return false;
}

void source_position(const struct source *source, int32_t task, struct task_position *io)
{
    const struct task *t = source->tasks[task];
    struct position_segment *last;

    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        io->next[topic] = t->inputs[topic].next;
        io->max_time_ms[topic] = t->inputs[topic].max_time_ms;
    }
    io->clock_ms = t->clock_ms;
    io->n_segments = t->n_segments + 1;
    memcpy(io->segments, t->segments, t->n_segments * sizeof(t->segments[0]));
    last = &io->segments[t->n_segments];
    memcpy(last->next, io->next, sizeof(last->next));
    last->clock_ms = t->clock_ms;
}

void source_begin_segments(struct source *source, int32_t task)
{
    source->tasks[task]->n_segments = 0;
    source->tasks[task]->relied_on = 0;
}

int64_t source_idle_clock(const struct source *source, int32_t task, int64_t idle_after_ms)
{
    const struct task *t = source->tasks[task];

    if (!t || !t->started || !t->idle_since_ns || t->idle_clock_ms == INT64_MIN)
        return INT64_MIN;
    int64_t beyond_ms = (clock_mono_ns() - t->idle_since_ns) / 1000000 - idle_after_ms;

    return beyond_ms < 0 ? INT64_MIN : t->idle_clock_ms + beyond_ms;
}

void source_move_clock(struct source *source, int32_t task, int64_t clock_ms)
{
    if (clock_ms > source->tasks[task]->clock_ms)
        source->tasks[task]->clock_ms = clock_ms;
}

int64_t source_clock(const struct source *source, int32_t task)
{
    return source->tasks[task]->clock_ms;
}

uint64_t source_misplaced(const struct source *source)
{
    return source->misplaced;
}

bool source_waits_for_schema(const struct source *source)
{
    for (uint32_t task = 0; task < source->n_partitions; task++) {
        if (source->tasks[task] && source->tasks[task]->waits_for_schema)
            return true;
    }
    return false;
}

rd_kafka_consumer_group_metadata_t *source_group_metadata(struct source *source)
{
    return source->ops->group_metadata(source);
}
