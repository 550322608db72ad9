/*
 * Each partition has librdkafka's own queue, taken out of the common one; a ring of messages
 * per partition between queue and caller, so that the queue is asked once per RING_SIZE.
 */
#include "consumers/log_set.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    RING_SIZE = 64,
    WAIT_MS = 100,                 /* for a queue; then the common queue is served */
    QUEUE_BYTES_MIN = 1024 * 1024, /* per partition: less, and each fetch is a round trip */
};

struct ring {
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *at[RING_SIZE];
    uint32_t first, n;
    int64_t ended_at; /* the newest "end of partition" that the queue told; -1: none */
};

struct log_set {
    rd_kafka_t *consumer;
    struct log_partition *partitions;
    struct ring *rings;
    uint32_t n;
    int timeout_ms;
};

static enum status set_text(rd_kafka_conf_t *conf, const char *name, const char *value,
                            struct error *err)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return error_set(err, ERR_INVALID, "kafka property '%s': %s", name, text);
    return OK;
}

static enum status configure(rd_kafka_conf_t *conf, const struct settings *settings,
                             const char *isolation, size_t queue_bytes, struct error *err)
{
    const struct kafka_properties *const sides[] = {&settings->kafka,
                                                    &settings->kafka_consumer};
    char kbytes[32];

    snprintf(kbytes, sizeof(kbytes), "%zu", queue_bytes / 1024);
    TRY(set_text(conf, "fetch.wait.max.ms", "20", err));
    TRY(set_text(conf, "fetch.message.max.bytes", "1048576", err));
    TRY(set_text(conf, "queued.min.messages", "100000", err));
    TRY(set_text(conf, "queued.max.messages.kbytes", kbytes, err));
    TRY(set_text(conf, "socket.nagle.disable", "true", err));
    TRY(set_text(conf, "log_level", "4", err));
    rd_kafka_conf_set_log_cb(conf, log_kafka);
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < sides[side]->n; i++)
            TRY(set_text(conf, sides[side]->at[i].name, sides[side]->at[i].value, err));
    }
    TRY(set_text(conf, "group.id", "freshet-log-set", err));
    TRY(set_text(conf, "isolation.level", isolation, err));
    TRY(set_text(conf, "enable.auto.commit", "false", err));
    TRY(set_text(conf, "enable.auto.offset.store", "false", err));
    TRY(set_text(conf, "enable.partition.eof", "true", err));
    return set_text(conf, "auto.offset.reset", "error", err);
}

static enum status open_consumer(const struct settings *settings, const char *isolation,
                                 size_t queue_bytes, rd_kafka_t **out, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum status status = configure(conf, settings, isolation, queue_bytes, err);
    char text[256];

    if (status == OK) {
        *out = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
        if (!*out)
            status = error_set(err, ERR_INVALID, "kafka consumer: %s", text);
    }
    if (status != OK)
        rd_kafka_conf_destroy(conf);
    return status;
}

/* ---- ends ---- */

static enum status query(rd_kafka_t *client, struct log_partition *partition, int timeout_ms,
                         struct error *err)
{
    int64_t deadline_ns = clock_mono_ns() + (int64_t)timeout_ms * 1000000;
    rd_kafka_resp_err_t code;
    int64_t low;

    do {
        code = rd_kafka_query_watermark_offsets(client, partition->topic, partition->partition,
                                                &low, &partition->high,
                                                timeout_ms < 5000 ? timeout_ms : 5000);
        if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
            code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
            code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return error_set(err, ERR_NOT_FOUND, "topic '%s' has no partition %d",
                             partition->topic, partition->partition);
    } while (code && clock_mono_ns() < deadline_ns);
    if (code)
        return error_set(err, ERR_TIMEOUT, "topic '%s' partition %d: no answer from Kafka: %s",
                         partition->topic, partition->partition, rd_kafka_err2str(code));
    if (partition->next < low)
        partition->next = low;
    return OK;
}

/* Asked by a client that sees open transactions too: a read_committed one is told where the
 * first of them begins, and what others have committed behind it would be left out. */
static enum status ask_ends(const struct settings *settings, struct log_partition *partitions,
                            uint32_t n, int timeout_ms, struct error *err)
{
    enum status status;
    rd_kafka_t *client;

    TRY(open_consumer(settings, "read_uncommitted", QUEUE_BYTES_MIN, &client, err));
    status = OK;
    for (uint32_t i = 0; i < n && status == OK; i++)
        status = query(client, &partitions[i], timeout_ms, err);
    rd_kafka_destroy(client);
    return status;
}

/* ---- open and close ---- */

static enum status assign(struct log_set *set, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)set->n);
    rd_kafka_resp_err_t code;

    for (uint32_t i = 0; i < set->n; i++) {
        struct log_partition *p = &set->partitions[i];

        set->rings[i].ended_at = -1;
        set->rings[i].queue =
            rd_kafka_queue_get_partition(set->consumer, p->topic, p->partition);
        rd_kafka_queue_forward(set->rings[i].queue, NULL);
        rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset = p->next;
    }
    code = rd_kafka_assign(set->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? error_set(err, ERR_IO, "cannot read '%s': %s", set->partitions[0].topic,
                            rd_kafka_err2str(code))
                : OK;
}

enum status log_set_open(const struct settings *settings, struct log_partition *partitions,
                         uint32_t n, size_t queue_bytes, int timeout_ms, struct log_set **out,
                         struct error *err)
{
    struct log_set *set = calloc(1, sizeof(*set));
    size_t share = queue_bytes / (n ? n : 1);
    enum status status;

    if (!set || !(set->rings = calloc(n ? n : 1, sizeof(*set->rings)))) {
        free(set);
        return error_set(err, ERR_NOMEM, "log set: out of memory");
    }
    set->partitions = partitions;
    set->n = n;
    set->timeout_ms = timeout_ms;
    status = ask_ends(settings, partitions, n, timeout_ms, err);
    if (status == OK)
        status = open_consumer(settings, "read_committed",
                               share > QUEUE_BYTES_MIN ? share : QUEUE_BYTES_MIN,
                               &set->consumer, err);
    if (status == OK) {
        rd_kafka_poll_set_consumer(set->consumer);
        status = assign(set, err);
    }
    if (status == OK)
        *out = set;
    else
        log_set_close(set);
    return status;
}

void log_set_close(struct log_set *set)
{
    if (!set)
        return;
    for (uint32_t i = 0; i < set->n; i++) {
        struct ring *ring = &set->rings[i];

        while (ring->n) {
            rd_kafka_message_destroy(ring->at[ring->first++]);
            ring->n--;
        }
        if (ring->queue)
            rd_kafka_queue_destroy(ring->queue);
    }
    if (set->consumer) {
        rd_kafka_consumer_close(set->consumer);
        rd_kafka_destroy(set->consumer);
    }
    free(set->rings);
    free(set);
}

/* ---- records ---- */

/* An event of the partition's queue that is no record. */
static enum status note_event(struct log_set *set, uint32_t index,
                              const rd_kafka_message_t *message, struct error *err)
{
    const struct log_partition *p = &set->partitions[index];

    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        set->rings[index].ended_at = message->offset;
        return OK;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__FATAL:
        return error_set(err, ERR_IO, "topic '%s' partition %d: offset %lld cannot be read: %s",
                         p->topic, p->partition, (long long)p->next,
                         rd_kafka_message_errstr(message));
    default: /* librdkafka goes on by itself */
        log_warn("kafka_partition", "topic=%s partition=%d code=%s reason=\"%s\"", p->topic,
                 p->partition, rd_kafka_err2name(message->err),
                 rd_kafka_message_errstr(message));
        return OK;
    }
}

/* Waits for a first message only: librdkafka's batch call would wait for a full batch. */
static ssize_t fetch(struct ring *ring)
{
    ssize_t n = rd_kafka_consume_batch_queue(ring->queue, 0, ring->at, RING_SIZE);

    if (n > 0)
        return n;
    ring->at[0] = rd_kafka_consume_queue(ring->queue, WAIT_MS);
    return ring->at[0] ? 1 : 0;
}

/* Fills the empty ring; nothing may have come. */
static enum status fill(struct log_set *set, uint32_t index, struct error *err)
{
    struct ring *ring = &set->rings[index];
    ssize_t n = fetch(ring);
    enum status status = OK;

    ring->first = 0;
    for (ssize_t i = 0; i < n; i++) {
        rd_kafka_message_t *message = ring->at[i];

        if (!message->err) {
            ring->at[ring->n++] = message;
            continue;
        }
        if (status == OK)
            status = note_event(set, index, message, err);
        rd_kafka_message_destroy(message);
    }
    return status;
}

/* Errors of the whole client arrive in the common queue; nothing else does. */
static void serve(struct log_set *set)
{
    rd_kafka_message_t *message;

    while ((message = rd_kafka_consumer_poll(set->consumer, 0))) {
        if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            log_warn("kafka_consumer", "code=%s reason=\"%s\"", rd_kafka_err2name(message->err),
                     rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
}

static bool is_at_end(const struct log_set *set, uint32_t index)
{
    const struct log_partition *p = &set->partitions[index];

    return p->next >= p->high || set->rings[index].ended_at >= p->high;
}

bool log_set_is_at_hand(const struct log_set *set, uint32_t index)
{
    return set->rings[index].n > 0 || is_at_end(set, index);
}

enum status log_set_peek(struct log_set *set, uint32_t index, const rd_kafka_message_t **out,
                         struct error *err)
{
    struct ring *ring = &set->rings[index];
    const struct log_partition *p = &set->partitions[index];
    int64_t deadline_ns = 0;

    while (!ring->n && !is_at_end(set, index)) {
        TRY(fill(set, index, err));
        if (ring->n)
            break;
        serve(set);
        if (deadline_ns == 0)
            deadline_ns = clock_mono_ns() + (int64_t)set->timeout_ms * 1000000;
        if (clock_mono_ns() > deadline_ns && !is_at_end(set, index))
            return error_set(
                err, ERR_TIMEOUT,
                "topic '%s' partition %d: nothing comes between offset %lld and its "
                "end, %lld; is a transaction open, or the broker away?",
                p->topic, p->partition, (long long)p->next, (long long)p->high);
    }
    *out = ring->n && ring->at[ring->first]->offset < p->high ? ring->at[ring->first] : NULL;
    return OK;
}

rd_kafka_message_t *log_set_take(struct log_set *set, uint32_t index)
{
    struct ring *ring = &set->rings[index];

    ensure(ring->n > 0);
    rd_kafka_message_t *message = ring->at[ring->first++];

    ring->n--;
    set->partitions[index].next = message->offset + 1;
    return message;
}
