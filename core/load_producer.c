#include "core/load_producer.h"

#include "core/kafka_conf.h"
#include "schemas/records.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FRAME_BYTES = 5,
    VALUE_BYTES_MAX = 2 << 20, /* above what a broker takes by default: it says no, not we */
    QUEUE_WAIT_MS = 50,
};

struct load_producer {
    rd_kafka_t *handle;
    struct load_counts counts;
    uint8_t value[VALUE_BYTES_MAX];
};

/* ---- the input topics ---- */

struct input_row {
    enum input_topic input;
    const struct record_type *type;
    size_t name_offset; /* in struct settings */
    size_t key_offset, time_offset;
};

#define ROW(input, type, topic, record, key, time)                                             \
    {                                                                                          \
        input, type, offsetof(struct settings, topics.topic), offsetof(struct record, key),    \
            offsetof(struct record, time)                                                      \
    }

static const struct input_row rows[] = {
    ROW(INPUT_CLICKSTREAM, &click_event_type, clickstream, click_event, user_id, event_time),
    ROW(INPUT_ORDERS, &order_event_type, orders, order_event, user_id, event_time),
    ROW(INPUT_CATALOG, &catalog_item_type, catalog, catalog_item, item_id, updated_time),
    ROW(INPUT_USERS, &user_record_type, users, user_record, user_id, updated_time),
    ROW(INPUT_ENGAGEMENT, &engagement_event_type, engagement, engagement_event, user_id,
        event_time),
    ROW(INPUT_REVIEWS, &review_event_type, reviews, review_event, user_id, event_time),
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };
_Static_assert((int)N_ROWS == (int)N_INPUT_TOPICS, "an input topic has no row");

bool load_target_find(const struct settings *settings, struct str name, struct load_target *out)
{
    for (int by_own_name = 0; by_own_name < 2; by_own_name++) {
        for (int i = 0; i < N_ROWS; i++) {
            const char *topic = (const char *)settings + rows[i].name_offset;

            if (!str_equal(name, str_of(by_own_name ? input_topic_name(rows[i].input) : topic)))
                continue;
            *out = (struct load_target){.input = rows[i].input,
                                        .topic = topic,
                                        .type = rows[i].type,
                                        .key_offset = rows[i].key_offset,
                                        .time_offset = rows[i].time_offset};
            return true;
        }
    }
    return false;
}

const char *load_target_names(void)
{
    return "clickstream, orders, catalog, users, engagement, reviews";
}

int64_t load_record_time(const struct load_target *target, const void *record)
{
    int64_t time_ms;

    memcpy(&time_ms, (const char *)record + target->time_offset, sizeof(time_ms));
    return time_ms;
}

static struct str record_key(const struct load_target *target, const void *record)
{
    struct str key;

    memcpy(&key, (const char *)record + target->key_offset, sizeof(key));
    return key;
}

/* ---- the producer ---- */

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *context)
{
    struct load_producer *producer = context;
    struct load_counts *counts = &producer->counts;

    (void)handle;
    if (!message->err) {
        counts->delivered++;
        return;
    }
    if (counts->failed++ == 0)
        snprintf(counts->first_failure, sizeof(counts->first_failure), "%s",
                 rd_kafka_err2str(message->err));
}

static enum status set(rd_kafka_conf_t *conf, const char *name, const char *value,
                       struct error *err)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return error_set(err, ERR_INVALID, "kafka: %s", text);
    return OK;
}

static bool is_given(const struct settings *settings, const char *name)
{
    return kafka_property_find(&settings->kafka, name) ||
           kafka_property_find(&settings->kafka_producer, name);
}

static enum status configure(rd_kafka_conf_t *conf, const struct settings *settings,
                             int mock_brokers, struct error *err)
{
    char number[16];

    TRY(set(conf, "partitioner", settings->partitioner, err));
    if (!is_given(settings, "linger.ms") && !is_given(settings, "queue.buffering.max.ms"))
        TRY(set(conf, "linger.ms", "10", err));
    if (mock_brokers == 0) {
        /* A retry must not bring the events of a person out of order, or twice. */
        if (!is_given(settings, "acks") && !is_given(settings, "request.required.acks"))
            TRY(set(conf, "enable.idempotence", "true", err));
        return OK;
    }
    snprintf(number, sizeof(number), "%d", mock_brokers);
    TRY(set(conf, "log_level", "3", err)); /* not its notice that there is a mock cluster */
    return set(conf, "test.mock.num.brokers", number, err);
}

enum status load_producer_open(const struct settings *settings, int mock_brokers,
                               struct load_producer **out, struct error *err)
{
    rd_kafka_conf_t *conf = NULL;
    struct load_producer *producer = malloc(sizeof(*producer));
    enum status status;
    char text[256];

    if (!producer)
        return error_set(err, ERR_NOMEM, "producer: out of memory");
    producer->handle = NULL;
    producer->counts = (struct load_counts){0};
    status = kafka_conf_open(settings, KAFKA_PRODUCER, &conf, err);
    if (status == OK)
        status = configure(conf, settings, mock_brokers, err);
    if (status != OK)
        goto done;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, producer);
    producer->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!producer->handle) {
        status = error_set(err, ERR_INVALID, "kafka: %s", text);
        goto done;
    }
    conf = NULL; /* the handle's now */
    *out = producer;
    producer = NULL;
done:
    if (conf)
        rd_kafka_conf_destroy(conf);
    load_producer_close(producer);
    return status;
}

void load_producer_close(struct load_producer *producer)
{
    if (!producer)
        return;
    if (producer->handle) {
        rd_kafka_purge(producer->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(producer->handle, 0);
        rd_kafka_destroy(producer->handle);
    }
    free(producer);
}

rd_kafka_t *load_producer_handle(struct load_producer *producer)
{
    return producer->handle;
}

static enum status produce(struct load_producer *producer, const struct load_target *target,
                           struct str key, size_t n, const atomic_bool *stop, struct error *err)
{
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            producer->handle, RD_KAFKA_V_TOPIC(target->topic), RD_KAFKA_V_KEY(key.ptr, key.len),
            RD_KAFKA_V_VALUE(producer->value, n), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_END);

        rd_kafka_poll(producer->handle,
                      code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? QUEUE_WAIT_MS : 0);
        if (!code) {
            producer->counts.sent++;
            return OK;
        }
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            return error_set(err, ERR_INVALID, "%zu bytes are more than message.max.bytes", n);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return error_set(err, ERR_IO, "cannot publish to %s: %s", target->topic,
                             rd_kafka_err2str(code));
        if (stop && atomic_load(stop))
            return error_set(err, ERR_STATE, "stopped");
    }
}

enum status load_producer_put(struct load_producer *producer, const struct load_target *target,
                              const void *record, const atomic_bool *stop, struct error *err)
{
    uint8_t *out = producer->value;
    size_t n =
        avro_encode(target->type, record, out + FRAME_BYTES, VALUE_BYTES_MAX - FRAME_BYTES);

    if (n == 0)
        return error_set(err, ERR_INVALID, "the record is larger than %d bytes",
                         VALUE_BYTES_MAX);
    out[0] = 0;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)((uint32_t)target->schema_id >> (24 - 8 * i));
    return produce(producer, target, record_key(target, record), n + FRAME_BYTES, stop, err);
}

enum status load_producer_flush(struct load_producer *producer, int timeout_ms)
{
    return rd_kafka_flush(producer->handle, timeout_ms) ? ERR_TIMEOUT : OK;
}

void load_producer_counts(struct load_producer *producer, struct load_counts *out)
{
    rd_kafka_poll(producer->handle, 0);
    *out = producer->counts;
}
