/*
 * The merge needs no clock and no broker to find the order again: within a segment, a topic is
 * at its end where the journal says that the segment ended for it.
 *
 *   log set ──> ring (only what is before the segment's end) ──> the same merge as live
 */
#include "consumers/source_replay.h"

#include "consumers/log_set.h"
#include "consumers/source_private.h"

#include <stdlib.h>

struct source_replay {
    struct source base;
    struct source_replay_options options;
    struct log_partition *partitions; /* task by task, topic by topic */
    struct log_set *logs;
    int64_t limits[N_USER_TOPICS]; /* of the segment at hand */
};

static struct source_replay *replay_of(const struct source *source)
{
    return (struct source_replay *)(uintptr_t)source;
}

static uint32_t index_of(int task, int topic)
{
    return (uint32_t)task * N_USER_TOPICS + (uint32_t)topic;
}

/* ---- records ---- */

static enum status ends_too_early(const struct source_replay *replay, uint32_t index,
                                  int64_t limit, struct error *err)
{
    const struct log_partition *p = &replay->partitions[index];

    return error_set(err, ERR_IO,
                     "topic '%s' partition %d ends at offset %lld, but the journal names %lld: "
                     "records are gone",
                     p->topic, p->partition, (long long)p->high, (long long)limit);
}

static enum status refill(struct source *source, int task, int topic, struct error *err)
{
    struct source_replay *replay = replay_of(source);
    struct input *input = &source->tasks[task]->inputs[topic];
    uint32_t index = index_of(task, topic);
    const rd_kafka_message_t *message;

    input->at_end = input->next >= replay->limits[topic];
    while (!input->at_end && input->ring_n < RING_SIZE) {
        if (input->ring_n && !log_set_is_at_hand(replay->logs, index))
            break;
        TRY(log_set_peek(replay->logs, index, &message, err));
        if (!message && replay->partitions[index].high < replay->limits[topic])
            return ends_too_early(replay, index, replay->limits[topic], err);
        if (!message || message->offset >= replay->limits[topic]) {
            input->at_end = input->ring_n == 0; /* a compacted topic may lack its last ones */
            break;
        }
        input->ring[(input->ring_at + input->ring_n++) % RING_SIZE] =
            log_set_take(replay->logs, index);
        input->fetched_next = message->offset + 1;
    }
    return OK;
}

static bool ended(struct source *source, int task, int topic)
{
    (void)source;
    (void)task;
    (void)topic;
    return false; /* refill() has said so, or nothing has come yet */
}

static bool schema_was_unknown(const struct source *source, int task, int topic, int64_t offset)
{
    const struct source_replay_options *options = &replay_of(source)->options;

    return options->schema_was_unknown &&
           options->schema_was_unknown(options->context, (enum input_topic)topic, task, offset);
}

static rd_kafka_consumer_group_metadata_t *group_metadata(struct source *source)
{
    (void)source;
    return NULL;
}

void source_begin_segment(struct source *source, int32_t task,
                          const struct position_segment *segment)
{
    for (uint32_t t = 0; t < source->n_partitions; t++)
        source->tasks[t]->started = t == (uint32_t)task;
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        source->tasks[task]->inputs[topic].at_end = false;
        replay_of(source)->limits[topic] = segment->next[topic];
    }
    source->tasks[task]->relied_on = 0;
}

void source_end_segment(struct source *source, int32_t task, bool last)
{
    struct task *t = source->tasks[task];

    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        if (t->inputs[topic].next < replay_of(source)->limits[topic])
            t->inputs[topic].next = replay_of(source)->limits[topic];
    }
    if (last)
        return;
    struct position_segment *segment = &t->segments[t->n_segments++];

    for (int topic = 0; topic < N_USER_TOPICS; topic++)
        segment->next[topic] = t->inputs[topic].next;
    segment->clock_ms = t->clock_ms;
}

/* ---- birth and death ---- */

static void close_replay(struct source *source, bool leave)
{
    struct source_replay *replay = replay_of(source);

    (void)leave;
    for (uint32_t task = 0; source->tasks && task < source->n_partitions; task++) {
        for (int topic = 0; source->tasks[task] && topic < N_USER_TOPICS; topic++)
            source_drop_ring(&source->tasks[task]->inputs[topic]);
        free(source->tasks[task]);
    }
    log_set_close(replay->logs);
    free(replay->partitions);
    source_deinit(source);
    free(replay);
}

static const struct source_ops replay_ops = {
    .refill = refill,
    .ended = ended,
    .schema_was_unknown = schema_was_unknown,
    .group_metadata = group_metadata,
    .close = close_replay,
};

static enum status place_tasks(struct source_replay *replay, struct error *err)
{
    struct source *source = &replay->base;

    replay->partitions =
        calloc((size_t)source->n_partitions * N_USER_TOPICS, sizeof(*replay->partitions));
    if (!replay->partitions)
        return error_set(err, ERR_NOMEM, "source: out of memory");
    for (uint32_t task = 0; task < source->n_partitions; task++) {
        source->tasks[task] = calloc(1, sizeof(struct task));
        if (!source->tasks[task])
            return error_set(err, ERR_NOMEM, "source: out of memory");
        source_place_task(source->tasks[task], &replay->options.positions[task]);
        for (int topic = 0; topic < N_USER_TOPICS; topic++)
            replay->partitions[index_of((int)task, topic)] = (struct log_partition){
                .topic = source->topic_names[topic],
                .partition = (int32_t)task,
                .next = source->tasks[task]->inputs[topic].next,
            };
    }
    return OK;
}

/* What lies before a topic's first offset has been deleted. */
static enum status check_beginnings(const struct source_replay *replay, struct error *err)
{
    for (uint32_t task = 0; task < replay->base.n_partitions; task++) {
        for (int topic = 0; topic < N_USER_TOPICS; topic++) {
            const struct log_partition *p = &replay->partitions[index_of((int)task, topic)];
            int64_t wanted = replay->base.tasks[task]->inputs[topic].next;

            if (p->next > wanted)
                return error_set(err, ERR_IO,
                                 "topic '%s' partition %d begins at offset %lld, but offset "
                                 "%lld is needed: retention has deleted what is to be read",
                                 p->topic, p->partition, (long long)p->next, (long long)wanted);
        }
    }
    return OK;
}

enum status source_open_replay(const struct source_replay_options *options, struct source **out,
                               struct error *err)
{
    struct source_replay *replay = calloc(1, sizeof(*replay));

    if (!replay)
        return error_set(err, ERR_NOMEM, "source: out of memory");
    replay->options = *options;
    enum status status = source_init(&replay->base, &replay_ops, options->settings,
                                     options->registry, options->n_partitions, err);

    if (status == OK)
        status = place_tasks(replay, err);
    if (status == OK)
        status = log_set_open(options->settings, replay->partitions,
                              options->n_partitions * N_USER_TOPICS, options->queue_bytes,
                              options->timeout_ms, &replay->logs, err);
    if (status == OK)
        status = check_beginnings(replay, err);
    replay->options.positions = NULL;
    if (status == OK)
        *out = &replay->base;
    else
        source_close(&replay->base, false);
    return status;
}
