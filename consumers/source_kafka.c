/*
 * The live source. Each (task, topic) has librdkafka's own partition queue, taken out of the
 * common one, so the merge can ask exactly the topic whose head it lacks and a full queue of
 * one topic never hides the records of another. All queues signal one eventfd; the worker
 * sleeps on it.
 *
 * Rebalances: librdkafka is told "nothing assigned" at once, and each task's partitions are
 * added with numeric offsets once the task has been restored.
 */
#include "consumers/source_private.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CONFIRM_TIMEOUT_MS = 1000,
    LEAVE_TIMEOUT_MS = 2000, /* for the revocation of what we have */
    LEAVE_NOTHING_MS = 50,   /* with nothing to revoke there is no answer to wait for */
};

struct source_kafka {
    struct source base;
    struct source_options options;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *group_queue;
    int event_fd;
    bool assigned; /* the group has given us something once, be it nothing */
    bool revoked;  /* since leave_group() began to wait for it */
    enum status failure;
    struct error failure_error;
};

static struct source_kafka *live_of(const struct source *source)
{
    return (struct source_kafka *)(uintptr_t)source;
}

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

/* The consumer is of no more use; why, is the source's failure. */
static void take_fatal_error(struct source_kafka *live)
{
    char text[256];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(live->consumer, text, sizeof(text));

    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        live->failure =
            error_set(&live->failure_error, ERR_FENCED,
                      "another process runs as '%s'; give each instance a name and a "
                      "state.dir of its own",
                      live->options.group_instance_id);
    else
        live->failure = error_set(&live->failure_error, ERR_IO, "kafka consumer '%s': %s",
                                  live->options.group_instance_id, text);
}

static void on_error(rd_kafka_t *consumer, int code, const char *reason, void *context)
{
    (void)consumer;
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        take_fatal_error(context);
    else
        log_warn("kafka_consumer", "code=%s reason=\"%s\"",
                 rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

static enum status configure(struct source_kafka *live, rd_kafka_conf_t *conf,
                             struct error *err)
{
    const struct settings *settings = live->options.settings;
    char kbytes[32];

    snprintf(kbytes, sizeof(kbytes), "%zu",
             live->options.queue_bytes / 1024 / (2 * (size_t)live->base.n_partitions) + 256);
    TRY(set(conf, "fetch.wait.max.ms", "20", err));
    TRY(set(conf, "fetch.message.max.bytes", "4194304", err));
    TRY(set(conf, "queued.min.messages", "100000", err));
    TRY(set(conf, "queued.max.messages.kbytes", kbytes, err));
    TRY(set(conf, "socket.nagle.disable", "true", err));
    TRY(set(conf, "socket.timeout.ms", "10000", err)); /* what a lost answer may block */
    TRY(set(conf, "session.timeout.ms", "6000", err));
    TRY(set(conf, "heartbeat.interval.ms", "1500", err));
    TRY(set(conf, "log_level", "4", err));
    TRY(set_all(conf, &settings->kafka, err));
    TRY(set_all(conf, &settings->kafka_consumer, err));
    TRY(set(conf, "group.id", settings->app, err));
    TRY(set(conf, "group.instance.id", live->options.group_instance_id, err));
    TRY(set(conf, "partition.assignment.strategy", "cooperative-sticky", err));
    TRY(set(conf, "isolation.level", "read_committed", err));
    TRY(set(conf, "enable.auto.commit", "false", err));
    TRY(set(conf, "enable.auto.offset.store", "false", err));
    TRY(set(conf, "enable.partition.eof", "true", err));
    TRY(set(conf, "auto.offset.reset", "error", err));
    rd_kafka_conf_set_opaque(conf, live);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, log_kafka);
    return OK;
}

static enum status subscribe(struct source_kafka *live, struct error *err)
{
    const char *lead = live->base.topic_names[INPUT_CLICKSTREAM];
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(topics, lead, RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(live->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code)
        return error_set(err, ERR_IO, "cannot subscribe to '%s': %s", lead,
                         rd_kafka_err2str(code));
    return OK;
}

/* ---- tasks ---- */

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
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(live_of(source)->consumer, list);

    if (error) { /* after a lost assignment there is nothing to give back */
        log_debug("unassign", "task=%d reason=\"%s\"", task, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        source_drop_ring(&t->inputs[topic]);
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
    if (live_of(source)->options.gained)
        live_of(source)->options.gained(live_of(source)->options.context, tasks, n);
}

static void on_losing(struct source *source, const int32_t *tasks, uint32_t n, bool lost)
{
    if (live_of(source)->options.losing)
        live_of(source)->options.losing(live_of(source)->options.context, tasks, n, lost);
    for (uint32_t i = 0; i < n; i++)
        forget_task(source, tasks[i]);
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *context)
{
    struct source *source = context; /* first member of what was given */
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
        live_of(source)->assigned = true;
        error = rd_kafka_incremental_assign(consumer, none);
        on_gained(source, tasks, n);
    } else {
        on_losing(source, tasks, n, rd_kafka_assignment_lost(consumer));
        error = rd_kafka_incremental_unassign(consumer, none);
        live_of(source)->revoked = true;
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
    source_place_task(t, position);
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        struct input *input = &t->inputs[topic];

        input->queue = rd_kafka_queue_get_partition(live_of(source)->consumer,
                                                    source->topic_names[topic], task);
        rd_kafka_queue_forward(input->queue, NULL);
        rd_kafka_queue_io_event_enable(input->queue, live_of(source)->event_fd, &(uint64_t){1},
                                       sizeof(uint64_t));
    }
    list = partitions_of(source, task);
    error = rd_kafka_incremental_assign(live_of(source)->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        error_set(err, ERR_IO, "cannot assign the partitions of task %d: %s", task,
                  rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        return ERR_IO;
    }
    return OK;
}

/* A static member leaves only if the revocation is served between unsubscribe and close: close
 * takes the wish to leave back, and the others would wait for the session's end. */
static void leave_group(struct source_kafka *live, bool has_tasks)
{
    int64_t wait_ms = has_tasks ? LEAVE_TIMEOUT_MS : LEAVE_NOTHING_MS;
    int64_t deadline_ns = clock_mono_ns() + wait_ms * 1000000;

    live->revoked = false;
    rd_kafka_unsubscribe(live->consumer);
    while (!live->revoked && clock_mono_ns() < deadline_ns) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(live->consumer, 10);

        if (message)
            rd_kafka_message_destroy(message);
    }
}

/* librdkafka 2.0.2 ends the process (an assertion of its sticky assignor) if a consumer is
 * destroyed after the group has answered its joining and before its first assignment: so are
 * those that a restarting broker takes for fenced. Such a one is closed and left lying; it
 * keeps a few threads and a connection until the process ends. */
static bool can_be_destroyed(const struct source_kafka *live)
{
    const char *protocol =
        live->assigned ? "NONE" : rd_kafka_rebalance_protocol(live->consumer);

    return protocol && strcmp(protocol, "NONE") == 0; /* NONE: not even answered */
}

static void close_consumer(struct source_kafka *live)
{
    bool destroy = can_be_destroyed(live);

    rd_kafka_consumer_close(live->consumer);
    if (destroy)
        rd_kafka_destroy(live->consumer);
    else
        log_warn("consumer_left_lying", "reason=\"closed between join and assignment\"");
}

static void close_live(struct source *source, bool leave)
{
    struct source_kafka *live = live_of(source);
    bool has_tasks = false;

    for (uint32_t task = 0; source->tasks && task < source->n_partitions; task++) {
        has_tasks |= source->tasks[task] != NULL;
        if (source->tasks[task])
            forget_task(source, (int32_t)task);
    }
    if (live->group_queue) {
        rd_kafka_queue_io_event_enable(live->group_queue, -1, NULL, 0);
        rd_kafka_queue_destroy(live->group_queue);
    }
    if (live->consumer) {
        if (leave)
            leave_group(live, has_tasks);
        close_consumer(live);
    }
    if (live->event_fd >= 0)
        close(live->event_fd);
    source_deinit(source);
    free(live);
}

/* ---- records ---- */

enum status source_poll(struct source *source, int timeout_ms, struct error *err)
{
    struct pollfd wait = {.fd = live_of(source)->event_fd, .events = POLLIN};
    uint64_t signals;
    rd_kafka_message_t *message;

    if (timeout_ms > 0 && poll(&wait, 1, timeout_ms) < 0 && errno != EINTR)
        return error_set(err, ERR_IO, "poll: %s", strerror(errno));
    (void)!read(live_of(source)->event_fd, &signals, sizeof(signals));
    /* Rebalances, errors and, rarely, a record fetched before its queue was taken out. */
    while ((message = rd_kafka_consumer_poll(live_of(source)->consumer, 0))) {
        if (message->err == RD_KAFKA_RESP_ERR__FATAL)
            take_fatal_error(live_of(source));
        else if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            log_warn("kafka_consumer", "code=%s reason=\"%s\"", rd_kafka_err2name(message->err),
                     rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    if (live_of(source)->failure != OK) {
        if (err)
            *err = live_of(source)->failure_error;
        return live_of(source)->failure;
    }
    return OK;
}

static enum status out_of_range(struct source *source, int task, int topic, struct error *err)
{
    int64_t low = -1, high = -1;

    rd_kafka_query_watermark_offsets(live_of(source)->consumer, source->topic_names[topic],
                                     task, &low, &high, CONFIRM_TIMEOUT_MS);
    return error_set(
        err, ERR_IO,
        "topic '%s' partition %d: offset %lld is needed next, the topic holds %lld "
        "to %lld; records are gone that were never read: restore the topic, or "
        "remove the app's state and start anew",
        source->topic_names[topic], task, (long long)source->tasks[task]->inputs[topic].next,
        (long long)low, (long long)high);
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

    if (rd_kafka_get_watermark_offsets(live_of(source)->consumer, source->topic_names[topic],
                                       task, &low, &high) ||
        high != input->fetched_next)
        return false;
    input->end_offset = high;
    return true;
}

/* librdkafka 2.0.2 keeps the timeout of metadata, but not that of the watermarks' question:
 * with the broker away that one blocks until the socket's timeout. */
static bool broker_answers(rd_kafka_t *consumer)
{
    const struct rd_kafka_metadata *metadata;

    if (rd_kafka_metadata(consumer, 0, NULL, &metadata, CONFIRM_TIMEOUT_MS))
        return false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

bool source_confirm_idle(struct source *source, int32_t task)
{
    rd_kafka_t *consumer = live_of(source)->consumer;

    if (!broker_answers(consumer))
        return false;
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        struct input *input = &source->tasks[task]->inputs[topic];
        int64_t low, high;

        if (rd_kafka_query_watermark_offsets(consumer, source->topic_names[topic], task, &low,
                                             &high, CONFIRM_TIMEOUT_MS))
            return false;
        if (!input->at_end || input->ring_n || high > input->end_offset)
            return false;
    }
    return true;
}

static rd_kafka_consumer_group_metadata_t *group_metadata(struct source *source)
{
    return rd_kafka_consumer_group_metadata(live_of(source)->consumer);
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
    if (rd_kafka_get_watermark_offsets(live_of(source)->consumer, source->topic_names[topic],
                                       task, &low, &out->end))
        out->end = -1;
    /* Control records at the end are nobody's lag. */
    if (input->at_end && !input->ring_n && input->end_offset >= out->end)
        out->end = out->next;
    return true;
}

/* ---- birth ---- */

static const struct source_ops live_ops = {
    .refill = refill,
    .ended = ended_with_last_fetch,
    .group_metadata = group_metadata,
    .close = close_live,
};

static enum status open_consumer(struct source_kafka *live, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum status status = configure(live, conf, err);
    char text[256];

    if (status == OK) {
        live->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
        if (!live->consumer)
            status = error_set(err, ERR_INVALID, "kafka consumer: %s", text);
    }
    if (status != OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    rd_kafka_poll_set_consumer(live->consumer);
    live->group_queue = rd_kafka_queue_get_consumer(live->consumer);
    rd_kafka_queue_io_event_enable(live->group_queue, live->event_fd, &(uint64_t){1},
                                   sizeof(uint64_t));
    return subscribe(live, err);
}

enum status source_open(const struct source_options *options, struct source **out,
                        struct error *err)
{
    struct source_kafka *live = calloc(1, sizeof(*live));

    if (!live)
        return error_set(err, ERR_NOMEM, "source: out of memory");
    live->options = *options;
    live->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum status status = source_init(&live->base, &live_ops, options->settings,
                                     options->registry, options->n_partitions, err);

    if (status == OK && live->event_fd < 0)
        status = error_set(err, ERR_NOMEM, "source: %s", strerror(errno));
    if (status == OK)
        status = open_consumer(live, err);
    if (status == OK)
        *out = &live->base;
    else
        source_close(&live->base, true);
    return status;
}
