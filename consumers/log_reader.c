#include "consumers/log_reader.h"

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/log.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    PROBE_EVERY_MS = 500,
    PROBE_TIMEOUT_MS = 200,
    MISSING_BELIEVED_MS = 3000, /* how long a broker has to say that a topic is missing */
    ASK_AGAIN_US = 100000,
};

struct log_reader {
    rd_kafka_t *consumer;
    struct log_partition *partitions;
    uint32_t n;
    bool suspect; /* a connection was lost, and no probe has been answered since */
    bool down;    /* the last probe was not answered */
    int64_t probed_ns;
};

static enum status set(rd_kafka_conf_t *conf, const char *name, const char *value,
                       struct error *err)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return error_set(err, ERR_INVALID, "kafka property '%s': %s", name, text);
    return OK;
}

/*
 * RECORDS reads committed records. GROUP_OFFSETS asks for committed offsets, and waits for
 * transactions that are open over them (librdkafka does for read_committed alone). ENDS asks
 * for the ends of topics and must not be read_committed: a broker then answers with the last
 * stable offset, which lies before records of transactions that are being committed, and who
 * stops reading there misses them.
 */
enum purpose { RECORDS, GROUP_OFFSETS, ENDS };

static enum status configure(rd_kafka_conf_t *conf, const struct settings *settings,
                             enum purpose purpose, struct error *err)
{
    const struct kafka_properties *const sides[] = {&settings->kafka,
                                                    &settings->kafka_consumer};

    TRY(set(conf, "fetch.wait.max.ms", "20", err));
    TRY(set(conf, "fetch.message.max.bytes", "4194304", err));
    TRY(set(conf, "queued.min.messages", "100000", err));
    TRY(set(conf, "queued.max.messages.kbytes", "32768", err));
    TRY(set(conf, "socket.nagle.disable", "true", err));
    TRY(set(conf, "socket.timeout.ms", "10000", err));
    TRY(set(conf, "log_level", "4", err));
    rd_kafka_conf_set_log_cb(conf, log_kafka);
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < sides[side]->n; i++)
            TRY(set(conf, sides[side]->at[i].name, sides[side]->at[i].value, err));
    }
    TRY(set(conf, "group.id", purpose == GROUP_OFFSETS ? settings->app : "freshet-log-reader",
            err));
    bool committed = purpose != ENDS;

    if (mutant("mutant_end_is_stable_offset") && purpose != RECORDS)
        committed = !committed;
    TRY(set(conf, "isolation.level", committed ? "read_committed" : "read_uncommitted", err));
    TRY(set(conf, "enable.auto.commit", "false", err));
    TRY(set(conf, "enable.auto.offset.store", "false", err));
    TRY(set(conf, "enable.partition.eof", "true", err));
    return set(conf, "auto.offset.reset", "error", err);
}

static void on_error(rd_kafka_t *consumer, int code, const char *reason, void *context)
{
    struct log_reader *reader = context;

    (void)consumer;
    log_debug("log_reader", "code=%s reason=\"%s\"",
              rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
    if (reader)
        reader->suspect = true;
}

/* reader: who is told of errors; NULL: nobody. */
static enum status open_consumer(const struct settings *settings, enum purpose purpose,
                                 struct log_reader *reader, rd_kafka_t **out, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];

    if (configure(conf, settings, purpose, err) != OK) {
        rd_kafka_conf_destroy(conf);
        return ERR_INVALID;
    }
    rd_kafka_conf_set_opaque(conf, reader);
    rd_kafka_conf_set_error_cb(conf, on_error);
    *out = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!*out) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERR_INVALID, "kafka consumer: %s", text);
    }
    rd_kafka_poll_set_consumer(*out);
    return OK;
}

enum status log_consumer_open(const struct settings *settings, bool with_group,
                              rd_kafka_t **out, struct error *err)
{
    return open_consumer(settings, with_group ? GROUP_OFFSETS : RECORDS, NULL, out, err);
}

/* The question about watermarks has a timeout that librdkafka 2.0.2 does not keep: with the
 * broker away it blocks until the socket's timeout. Metadata keeps it, so it is asked for
 * first. */
static rd_kafka_resp_err_t wait_for_broker(rd_kafka_t *consumer, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(consumer, 0, NULL, &metadata, timeout_ms);

    if (!code)
        rd_kafka_metadata_destroy(metadata);
    return code;
}

/* A broker that stops or has just started knows less than it will: what it says to be missing
 * is missing once it has said so for a while. */
static bool says_missing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

/* Asks until answered or the time is over: a broker that is away may come back. */
static enum status query(rd_kafka_t *consumer, const char *topic, int32_t partition,
                         int timeout_ms, int64_t *low, int64_t *high, struct error *err)
{
    int64_t deadline_ns = clock_mono_ns() + (int64_t)timeout_ms * 1000000;
    int64_t missing_since_ns = 0;
    rd_kafka_resp_err_t code;

    do {
        int once_ms = timeout_ms < 5000 ? timeout_ms : 5000;

        code = wait_for_broker(consumer, once_ms);
        if (!code)
            code = rd_kafka_query_watermark_offsets(consumer, topic, partition, low, high,
                                                    once_ms);
        if (!code)
            return OK;
        int64_t now_ns = clock_mono_ns();

        if (!says_missing(code))
            missing_since_ns = 0;
        else if (!missing_since_ns)
            missing_since_ns = now_ns;
        else if (now_ns - missing_since_ns > (int64_t)MISSING_BELIEVED_MS * 1000000)
            break;
        usleep(ASK_AGAIN_US);
    } while (clock_mono_ns() < deadline_ns);
    if (missing_since_ns)
        return error_set(err, ERR_NOT_FOUND,
                         "topic '%s' has no partition %d; run 'freshet topics create'", topic,
                         partition);
    return error_set(err, ERR_TIMEOUT, "topic '%s' partition %d: no answer from the broker: %s",
                     topic, partition, rd_kafka_err2str(code));
}

enum status log_query_watermarks(const struct settings *settings, const char *topic,
                                 int32_t partition, int timeout_ms, int64_t *out_low,
                                 int64_t *out_high, struct error *err)
{
    rd_kafka_t *consumer;

    TRY(open_consumer(settings, ENDS, NULL, &consumer, err));
    enum status status = query(consumer, topic, partition, timeout_ms, out_low, out_high, err);

    rd_kafka_destroy(consumer);
    return status;
}

enum status log_reader_open(const struct settings *settings, struct log_partition *partitions,
                            uint32_t n, int timeout_ms, struct log_reader **out,
                            struct error *err)
{
    struct log_reader *reader = calloc(1, sizeof(*reader));
    rd_kafka_t *ends = NULL;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    enum status status = ERR_NOMEM;
    rd_kafka_resp_err_t code;

    if (!reader)
        goto done;
    reader->partitions = partitions;
    reader->n = n;
    if ((status = open_consumer(settings, RECORDS, reader, &reader->consumer, err)) != OK ||
        (status = open_consumer(settings, ENDS, NULL, &ends, err)) != OK)
        goto done;
    for (uint32_t i = 0; i < n; i++) {
        struct log_partition *p = &partitions[i];

        status = query(ends, p->topic, p->partition, timeout_ms, &p->low, &p->high, err);
        if (status != OK)
            goto done;
        if (p->next < p->low)
            p->next = p->low;
        rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset = p->next;
    }
    code = rd_kafka_assign(reader->consumer, list);
    if (code) {
        status = error_set(err, ERR_IO, "cannot read '%s': %s", partitions[0].topic,
                           rd_kafka_err2str(code));
        goto done;
    }
    *out = reader;
    reader = NULL;
    status = OK;
done:
    if (ends)
        rd_kafka_destroy(ends);
    rd_kafka_topic_partition_list_destroy(list);
    log_reader_close(reader);
    return status;
}

void log_reader_close(struct log_reader *reader)
{
    if (!reader)
        return;
    if (reader->consumer) {
        rd_kafka_consumer_close(reader->consumer);
        rd_kafka_destroy(reader->consumer);
    }
    free(reader);
}

static struct log_partition *find(struct log_reader *reader, const rd_kafka_message_t *message,
                                  uint32_t *out_index)
{
    const char *topic = rd_kafka_topic_name(message->rkt);

    for (uint32_t i = 0; i < reader->n; i++) {
        if (reader->partitions[i].partition == message->partition &&
            strcmp(reader->partitions[i].topic, topic) == 0) {
            *out_index = i;
            return &reader->partitions[i];
        }
    }
    return NULL;
}

enum status log_reader_next(struct log_reader *reader, int timeout_ms, rd_kafka_message_t **out,
                            uint32_t *out_index, struct error *err)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->consumer, timeout_ms);
    enum status status = OK;

    *out = NULL;
    if (!message)
        return OK;
    struct log_partition *p = message->rkt ? find(reader, message, out_index) : NULL;

    if (!message->err && p) {
        p->next = message->offset + 1;
        *out = message;
        return OK;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && p)
        p->next = message->offset;
    else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
             message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
             message->err == RD_KAFKA_RESP_ERR__FATAL)
        status = error_set(err, ERR_IO, "topic '%s' partition %d: %s", p ? p->topic : "?",
                           p ? p->partition : -1, rd_kafka_message_errstr(message));
    rd_kafka_message_destroy(message);
    return status;
}

bool log_reader_broker_answers(struct log_reader *reader)
{
    int64_t now_ns = clock_mono_ns();

    if (!reader->suspect || now_ns - reader->probed_ns < (int64_t)PROBE_EVERY_MS * 1000000)
        return !reader->down;
    reader->probed_ns = now_ns;
    reader->down = wait_for_broker(reader->consumer, PROBE_TIMEOUT_MS) != 0;
    reader->suspect = reader->down;
    return !reader->down;
}

bool log_reader_reached_high(const struct log_reader *reader)
{
    for (uint32_t i = 0; i < reader->n; i++) {
        if (reader->partitions[i].next < reader->partitions[i].high)
            return false;
    }
    return true;
}
