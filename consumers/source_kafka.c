/*
 * Each (task, topic) has librdkafka's own partition queue, taken out of the common one, so the
 * merge can ask exactly the topic whose head it lacks and a full queue of one topic never hides
 * the records of another:
 *
 *   partition queue ──batch──> ring of raw messages ──decode──> head ─┐
 *   partition queue ──batch──> ring of raw messages ──decode──> head ─┼─ merge ─> lanes
 *   ...                                                               ┘
 *
 * All queues signal one eventfd; the worker sleeps on it.
 *
 * Order within a task: a record is taken only when each topic has a head or is known to be at
 * its end. "At its end" is relied on per *segment*: when a topic relied on has a record again, a
 * new segment begins, and the journal says where; so the order follows from inputs + journal.
 *
 * Rebalances: librdkafka is told "nothing assigned" at once, and each task's partitions are
 * added with numeric offsets once the task has been restored.
 */
#include "consumers/source.h"

#include "consumers/decoder.h"
#include "consumers/partitioner.h"
#include "core/base/clock.h"
#include "core/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    RING_SIZE = 256, /* raw messages per (task, topic) between librdkafka and the merge */
    CONFIRM_TIMEOUT_MS = 1000,
    ARENA_LIMIT_BYTES = 256 * 1024 * 1024, /* decoded records of one batch: 512 of 1 MB at most */
};

struct input {
    rd_kafka_queue_t *queue; /* NULL: the task is not started */
    rd_kafka_message_t *ring[RING_SIZE];
    uint32_t ring_at, ring_n;
    bool head_ready;     /* head holds the decoded first of the ring */
    bool at_end;         /* nothing in queue and ring; the last fetch said so */
    int64_t next;        /* after the last record taken */
    int64_t fetched_next; /* after the last record that reached the ring */
    int64_t end_offset;  /* at_end: the end, control records included */
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

struct source {
    struct source_options options;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *group_queue;
    struct decoder *decoder;
    struct arena arena;
    const char *topic_names[N_USER_TOPICS];
    int event_fd;
    struct task **tasks; /* by partition; NULL: not ours */
    uint32_t n_partitions;
    uint32_t next_task; /* round robin */
    uint64_t misplaced;
    enum status failure;
    struct error failure_error;
    rd_kafka_message_t *held[EVENT_BATCH_MAX]; /* the lanes' messages */
    struct raw_record raw[EVENT_BATCH_MAX];
    uint32_t n_held;
};

/* ---- configuration ---- */

static enum status set(rd_kafka_conf_t *conf, const char *name, const char *value,
                       struct error *err)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return error_set(err, ERR_INVALID, "kafka property '%s': %s", name, text);
    return OK;
}

static enum status set_all(rd_kafka_conf_t *conf, const struct kafka_properties *properties,
                           struct error *err)
{
    for (uint32_t i = 0; i < properties->n; i++)
        TRY(set(conf, properties->at[i].name, properties->at[i].value, err));
    return OK;
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *context);

static void on_error(rd_kafka_t *consumer, int code, const char *reason, void *context)
{
    struct source *source = context;
    char text[256];

    if (code != RD_KAFKA_RESP_ERR__FATAL) {
        log_warn("kafka_consumer", "code=%s reason=\"%s\"",
                 rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
        return;
    }
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(consumer, text, sizeof(text));

    source->failure = error_set(&source->failure_error,
                                fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ? ERR_FENCED
                                                                              : ERR_IO,
                                "kafka consumer '%s': %s", source->options.group_instance_id,
                                text);
}

static enum status configure(struct source *source, rd_kafka_conf_t *conf, struct error *err)
{
    const struct settings *settings = source->options.settings;
    char kbytes[32];

    snprintf(kbytes, sizeof(kbytes), "%zu",
             source->options.queue_bytes / 1024 / (2 * (size_t)source->n_partitions) + 256);
    TRY(set(conf, "fetch.wait.max.ms", "20", err));
    TRY(set(conf, "fetch.message.max.bytes", "4194304", err));
    TRY(set(conf, "queued.min.messages", "100000", err));
    TRY(set(conf, "queued.max.messages.kbytes", kbytes, err));
    TRY(set(conf, "socket.nagle.disable", "true", err));
    TRY(set(conf, "session.timeout.ms", "6000", err));
    TRY(set(conf, "heartbeat.interval.ms", "1500", err));
    TRY(set(conf, "log_level", "4", err));
    TRY(set_all(conf, &settings->kafka, err));
    TRY(set_all(conf, &settings->kafka_consumer, err));
    TRY(set(conf, "group.id", settings->app, err));
    TRY(set(conf, "group.instance.id", source->options.group_instance_id, err));
    TRY(set(conf, "partition.assignment.strategy", "cooperative-sticky", err));
    TRY(set(conf, "isolation.level", "read_committed", err));
    TRY(set(conf, "enable.auto.commit", "false", err));
    TRY(set(conf, "enable.auto.offset.store", "false", err));
    TRY(set(conf, "enable.partition.eof", "true", err));
    TRY(set(conf, "auto.offset.reset", "error", err));
    rd_kafka_conf_set_opaque(conf, source);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    return OK;
}

static void name_topics(struct source *source)
{
    const struct settings *settings = source->options.settings;

    source->topic_names[INPUT_USERS] = settings->topics.users;
    source->topic_names[INPUT_CLICKSTREAM] = settings->topics.clickstream;
    source->topic_names[INPUT_ENGAGEMENT] = settings->topics.engagement;
    source->topic_names[INPUT_ORDERS] = settings->topics.orders;
    source->topic_names[INPUT_REVIEWS] = settings->topics.reviews;
}

static enum status subscribe(struct source *source, struct error *err)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(topics, source->topic_names[INPUT_CLICKSTREAM],
                                      RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(source->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code)
        return error_set(err, ERR_IO, "cannot subscribe to '%s': %s",
                         source->topic_names[INPUT_CLICKSTREAM], rd_kafka_err2str(code));
    return OK;
}

enum status source_open(const struct source_options *options, struct source **out,
                        struct error *err)
{
    struct source *source = calloc(1, sizeof(*source));
    rd_kafka_conf_t *conf = NULL;
    enum status status = ERR_NOMEM;
    char text[256];

    if (!source)
        return error_set(err, ERR_NOMEM, "source: out of memory");
    source->options = *options;
    source->n_partitions = options->n_partitions;
    source->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    source->tasks = calloc(options->n_partitions, sizeof(struct task *));
    arena_init(&source->arena, ARENA_LIMIT_BYTES);
    name_topics(source);
    conf = rd_kafka_conf_new();
    if (!source->tasks || source->event_fd < 0 ||
        decoder_open(options->registry, &source->decoder) != OK) {
        error_set(err, ERR_NOMEM, "source: out of memory");
        goto done;
    }
    if ((status = configure(source, conf, err)) != OK)
        goto done;
    source->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!source->consumer) {
        status = error_set(err, ERR_INVALID, "kafka consumer: %s", text);
        goto done;
    }
    conf = NULL; /* it is the consumer's now */
    rd_kafka_poll_set_consumer(source->consumer);
    source->group_queue = rd_kafka_queue_get_consumer(source->consumer);
    rd_kafka_queue_io_event_enable(source->group_queue, source->event_fd,
                                   &(uint64_t){1}, sizeof(uint64_t));
    if ((status = subscribe(source, err)) != OK)
        goto done;
    *out = source;
    source = NULL;
done:
    if (conf)
        rd_kafka_conf_destroy(conf);
    source_close(source, true);
    return status;
}

/* ---- tasks ---- */

static void drop_ring(struct input *input)
{
    while (input->ring_n) {
        rd_kafka_message_destroy(input->ring[input->ring_at]);
        input->ring_at = (input->ring_at + 1) % RING_SIZE;
        input->ring_n--;
    }
    input->head_ready = false;
    input->at_end = false;
}

static rd_kafka_topic_partition_list_t *partitions_of(const struct source *source, int32_t task)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(N_USER_TOPICS);

    for (int topic = 0; topic < N_USER_TOPICS; topic++)
        rd_kafka_topic_partition_list_add(list, source->topic_names[topic], task)->offset =
            source->tasks[task]->inputs[topic].next;
    return list;
}

void source_stop_task(struct source *source, int32_t task)
{
    struct task *t = source->tasks[task];

    if (!t || !t->started)
        return;
    rd_kafka_topic_partition_list_t *list = partitions_of(source, task);
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(source->consumer, list);

    if (error) { /* after a lost assignment there is nothing to give back */
        log_debug("unassign", "task=%d reason=\"%s\"", task, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        drop_ring(&t->inputs[topic]);
        rd_kafka_queue_destroy(t->inputs[topic].queue);
        t->inputs[topic].queue = NULL;
    }
    t->started = false;
}

static void forget_task(struct source *source, int32_t task)
{
    source_stop_task(source, task);
    free(source->tasks[task]);
    source->tasks[task] = NULL;
}

static void on_gained(struct source *source, const int32_t *tasks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!source->tasks[tasks[i]])
            source->tasks[tasks[i]] = calloc(1, sizeof(struct task));
        ensure(source->tasks[tasks[i]]);
        source->tasks[tasks[i]]->known = true;
    }
    if (source->options.gained)
        source->options.gained(source->options.context, tasks, n);
}

static void on_losing(struct source *source, const int32_t *tasks, uint32_t n, bool lost)
{
    if (source->options.losing)
        source->options.losing(source->options.context, tasks, n, lost);
    for (uint32_t i = 0; i < n; i++)
        forget_task(source, tasks[i]);
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *context)
{
    struct source *source = context;
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    rd_kafka_error_t *error;
    int32_t tasks[TASKS_MAX];
    uint32_t n = 0;

    for (int i = 0; i < partitions->cnt && n < TASKS_MAX; i++) {
        int32_t task = partitions->elems[i].partition;

        if (task >= 0 && (uint32_t)task < source->n_partitions)
            tasks[n++] = task;
    }
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        error = rd_kafka_incremental_assign(consumer, none);
        on_gained(source, tasks, n);
    } else {
        on_losing(source, tasks, n, rd_kafka_assignment_lost(consumer));
        error = rd_kafka_incremental_unassign(consumer, none);
    }
    if (error) {
        log_warn("rebalance", "reason=\"%s\"", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(none);
}

enum status source_start_task(struct source *source, int32_t task,
                              const struct task_position *position, struct error *err)
{
    struct task *t = source->tasks[task];
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_error_t *error;

    if (!t)
        return error_set(err, ERR_STATE, "task %d is not ours any more", task);
    source_stop_task(source, task);
    t->clock_ms = position->clock_ms;
    t->relied_on = 0;
    t->n_segments = 0;
    t->waits_for_schema = false;
    t->idle_since_ns = 0;
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        struct input *input = &t->inputs[topic];

        input->next = input->fetched_next = position->next[topic];
        input->max_time_ms = position->max_time_ms[topic];
        input->queue = rd_kafka_queue_get_partition(source->consumer,
                                                    source->topic_names[topic], task);
        rd_kafka_queue_forward(input->queue, NULL);
        rd_kafka_queue_io_event_enable(input->queue, source->event_fd, &(uint64_t){1},
                                       sizeof(uint64_t));
    }
    t->started = true;
    list = partitions_of(source, task);
    error = rd_kafka_incremental_assign(source->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        error_set(err, ERR_IO, "cannot assign the partitions of task %d: %s", task,
                  rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        return ERR_IO;
    }
    return OK;
}

void source_close(struct source *source, bool leave)
{
    if (!source)
        return;
    source_release(source, NULL);
    for (uint32_t task = 0; source->tasks && task < source->n_partitions; task++) {
        if (source->tasks[task])
            forget_task(source, (int32_t)task);
    }
    if (source->group_queue) {
        rd_kafka_queue_io_event_enable(source->group_queue, -1, NULL, 0);
        rd_kafka_queue_destroy(source->group_queue);
    }
    if (source->consumer) {
        if (leave)
            rd_kafka_unsubscribe(source->consumer);
        rd_kafka_consumer_close(source->consumer);
        rd_kafka_destroy(source->consumer);
    }
    decoder_close(source->decoder);
    arena_deinit(&source->arena);
    if (source->event_fd >= 0)
        close(source->event_fd);
    free(source->tasks);
    free(source);
}

/* ---- records ---- */

enum status source_poll(struct source *source, int timeout_ms, struct error *err)
{
    struct pollfd wait = {.fd = source->event_fd, .events = POLLIN};
    uint64_t signals;
    rd_kafka_message_t *message;

    if (timeout_ms > 0 && poll(&wait, 1, timeout_ms) < 0 && errno != EINTR)
        return error_set(err, ERR_IO, "poll: %s", strerror(errno));
    (void)!read(source->event_fd, &signals, sizeof(signals));
    /* Rebalances, errors and, rarely, a record fetched before its queue was taken out. */
    while ((message = rd_kafka_consumer_poll(source->consumer, 0))) {
        if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            log_warn("kafka_consumer", "code=%s reason=\"%s\"", rd_kafka_err2name(message->err),
                     rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    if (source->failure != OK) {
        if (err)
            *err = source->failure_error;
        return source->failure;
    }
    return OK;
}

static enum status out_of_range(struct source *source, int task, int topic, struct error *err)
{
    int64_t low = -1, high = -1;

    rd_kafka_query_watermark_offsets(source->consumer, source->topic_names[topic], task, &low,
                                     &high, CONFIRM_TIMEOUT_MS);
    return error_set(err, ERR_IO,
                     "topic '%s' partition %d: offset %lld is needed next, the topic holds %lld "
                     "to %lld; records are gone that were never read: restore the topic, or "
                     "remove the app's state and start anew",
                     source->topic_names[topic], task,
                     (long long)source->tasks[task]->inputs[topic].next, (long long)low,
                     (long long)high);
}

/* Fills the ring from the partition's queue. */
static enum status refill(struct source *source, int task, int topic, struct error *err)
{
    struct input *input = &source->tasks[task]->inputs[topic];
    rd_kafka_message_t *messages[RING_SIZE];
    ssize_t n = rd_kafka_consume_batch_queue(input->queue, 0, messages, RING_SIZE);

    for (ssize_t i = 0; i < n; i++) {
        rd_kafka_message_t *message = messages[i];

        if (!message->err) {
            input->ring[(input->ring_at + input->ring_n++) % RING_SIZE] = message;
            input->fetched_next = message->offset + 1;
            input->at_end = false;
            continue;
        }
        rd_kafka_resp_err_t code = message->err;
        int64_t offset = message->offset;

        if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            log_warn("kafka_partition", "topic=%s partition=%d code=%s reason=\"%s\"",
                     source->topic_names[topic], task, rd_kafka_err2name(code),
                     rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
        if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            input->at_end = true;
            input->end_offset = offset;
        } else if (code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
                   code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
            return out_of_range(source, task, topic, err);
        }
    }
    return OK;
}

/* The fetch that brought the last record also said where the end was. */
static bool ended_with_last_fetch(struct source *source, int task, int topic)
{
    struct input *input = &source->tasks[task]->inputs[topic];
    int64_t low, high;

    if (rd_kafka_get_watermark_offsets(source->consumer, source->topic_names[topic], task, &low,
                                       &high) ||
        high != input->fetched_next)
        return false;
    input->end_offset = high;
    return true;
}

static struct str text_of(const void *bytes, size_t len)
{
    return (struct str){bytes, bytes ? (uint32_t)len : 0};
}

/* Decodes the first of the ring. False: its schema is not known yet. */
static bool decode_head(struct source *source, int topic, struct input *input)
{
    const rd_kafka_message_t *message = input->ring[input->ring_at];
    struct frame frame = {
        .topic = (enum input_topic)topic,
        .key = text_of(message->key, message->key_len),
        .value = text_of(message->payload, message->len),
        .kafka_ms = rd_kafka_message_timestamp(message, NULL),
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

    if (!input->ring_n && refill(source, task, topic, err) != OK)
        return HEAD_FAILED;
    if (input->ring_n) {
        if (!input->head_ready && !decode_head(source, topic, input)) {
            t->waits_for_schema = true;
            return HEAD_UNKNOWN;
        }
        return HEAD_READY;
    }
    if (!input->at_end && !ended_with_last_fetch(source, task, topic))
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
            if (best < 0 || (best != INPUT_USERS && t->inputs[topic].head.time_ms <
                                                        t->inputs[best].head.time_ms))
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
    int64_t late_max_ms = source->options.settings->late_max_ms;

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
    if (message->key && partition_of(source->options.settings->partitioner,
                                     text_of(message->key, message->key_len),
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
    judge_time(source, t, topic, head, batch->kafka_ms[lane], head->detail, sizeof(head->detail));
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

bool source_confirm_idle(struct source *source, int32_t task)
{
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        struct input *input = &source->tasks[task]->inputs[topic];
        int64_t low, high;

        if (rd_kafka_query_watermark_offsets(source->consumer, source->topic_names[topic], task,
                                             &low, &high, CONFIRM_TIMEOUT_MS))
            return false;
        if (!input->at_end || input->ring_n || high > input->end_offset)
            return false;
    }
    return true;
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

rd_kafka_consumer_group_metadata_t *source_group_metadata(struct source *source)
{
    return rd_kafka_consumer_group_metadata(source->consumer);
}

bool source_lag(const struct source *source, int32_t task, enum input_topic topic,
                struct source_lag *out)
{
    const struct task *t = source->tasks[task];
    int64_t low;

    if (!t || !t->started)
        return false;
    const struct input *input = &t->inputs[topic];

    out->next = input->next;
    out->newest_kafka_ms = input->newest_kafka_ms;
    if (rd_kafka_get_watermark_offsets(source->consumer, source->topic_names[topic], task, &low,
                                       &out->end))
        out->end = -1;
    /* Control records at the end are nobody's lag. */
    if (input->at_end && !input->ring_n && input->end_offset >= out->end)
        out->end = out->next;
    return true;
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
