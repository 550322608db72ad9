/*
 * The transaction's error classes (librdkafka's transactional API):
 *
 *   retriable             ask again, same call
 *   txn_requires_abort    abort, compute again                        SINK_ABORTED
 *   fenced                a newer producer has our id                 SINK_FENCED
 *   other, or an indefinite error (no KIP-890 in this librdkafka)     SINK_RENEW
 *
 * A commit that times out is resumed, not failed: its outcome is asked for until it is known.
 */
#include "producers/sink.h"

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CALL_TIMEOUT_MS = 2000,              /* of one try; the call is made again */
    STOP_PATIENCE_MS = 8000,             /* of a stop, with a broker that does not answer */
    MESSAGE_MAX_BYTES = 1000000 + 65536, /* inputs' default limit and 64 KiB (INTERFACES 3) */
    RECORD_OVERHEAD_BYTES = 2048,        /* key, headers and framing beside a value */
};

struct sink {
    rd_kafka_t *producer; /* NULL: a capturing sink */
    rd_kafka_topic_t *topics[N_SINK_TOPICS];
    bool in_transaction;
    const atomic_bool *stopping; /* NULL: never */
    int64_t stop_seen_ns;        /* when a call first failed during a stop; 0: not yet */
    struct sink_capture capture;
    int64_t n_captured; /* their "offsets" */
};

static enum status set(rd_kafka_conf_t *conf, const char *name, const char *value,
                       struct error *err)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return error_set(err, ERR_INVALID, "kafka property '%s': %s", name, text);
    return OK;
}

/* Only records that asked for their offset carry an opaque. */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context)
{
    (void)producer;
    (void)context;
    if (message->_private && !message->err)
        *(int64_t *)message->_private = message->offset;
}

static void on_error(rd_kafka_t *producer, int code, const char *reason, void *context)
{
    (void)producer;
    (void)context;
    log_warn("kafka_producer", "code=%s reason=\"%s\"",
             rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

static enum status configure(rd_kafka_conf_t *conf, const struct settings *settings,
                             const char *transactional_id, size_t queue_bytes,
                             struct error *err)
{
    const struct kafka_properties *const sides[] = {&settings->kafka,
                                                    &settings->kafka_producer};
    char number[32];

    TRY(set(conf, "linger.ms", "5", err));
    TRY(set(conf, "batch.size", "1000000", err));
    TRY(set(conf, "compression.type", "lz4", err));
    TRY(set(conf, "queue.buffering.max.messages", "1000000", err));
    snprintf(number, sizeof(number), "%zu", queue_bytes / 1024 + 2048);
    TRY(set(conf, "queue.buffering.max.kbytes", number, err));
    snprintf(number, sizeof(number), "%d", MESSAGE_MAX_BYTES);
    TRY(set(conf, "message.max.bytes", number, err));
    TRY(set(conf, "socket.nagle.disable", "true", err));
    TRY(set(conf, "log_level", "4", err));
    /* While the broker still writes the markers of the last transaction, the next one is
     * refused and asked for again after this time. The default of 100 would be the latency of
     * every list; at 1 the client's main thread spins all the while (measured: 9 % of the
     * process). */
    TRY(set(conf, "retry.backoff.ms", "3", err));
    TRY(set(conf, "transaction.timeout.ms", "10000", err));
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < sides[side]->n; i++)
            TRY(set(conf, sides[side]->at[i].name, sides[side]->at[i].value, err));
    }
    TRY(set(conf, "partitioner", settings->partitioner, err));
    TRY(set(conf, "transactional.id", transactional_id, err));
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, log_kafka);
    return OK;
}

static void open_topics(struct sink *sink, const struct settings *settings)
{
    const char *app = settings->app;
    char changelog[300], journal[300], items[300], table[300];
    const char *const names[N_SINK_TOPICS] = {
        [SINK_RECOMMENDATIONS] = settings->topics.recommendations,
        [SINK_CONTENT_PUSH] = settings->topics.content_push,
        [SINK_CONTENT_EMAIL] = settings->topics.content_email,
        [SINK_CONTENT_SOCIAL] = settings->topics.content_social,
        [SINK_CONTENT_SEO] = settings->topics.content_seo,
        [SINK_CONTENT_ONSITE] = settings->topics.content_onsite,
        [SINK_SUPPRESSED] = settings->topics.suppressed,
        [SINK_PROFILES] = settings->topics.profiles,
        [SINK_DEAD_LETTER] = settings->topics.dead_letter,
        [SINK_CHANGELOG] = changelog,
        [SINK_JOURNAL] = journal,
        [SINK_ITEMS] = items,
        [SINK_ITEMS_TABLE] = table,
    };

    snprintf(changelog, sizeof(changelog), "%s-changelog", app);
    snprintf(journal, sizeof(journal), "%s-journal", app);
    snprintf(items, sizeof(items), "%s-items", app);
    snprintf(table, sizeof(table), "%s-items-table", app);
    for (int topic = 0; topic < N_SINK_TOPICS; topic++)
        sink->topics[topic] = rd_kafka_topic_new(sink->producer, names[topic], NULL);
}

enum status sink_open(const struct settings *settings, const char *transactional_id,
                      size_t queue_bytes, struct sink **out, struct error *err)
{
    struct sink *sink = calloc(1, sizeof(*sink));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum status status;
    char text[256];

    if (!sink) {
        status = error_set(err, ERR_NOMEM, "sink: out of memory");
        goto done;
    }
    if ((status = configure(conf, settings, transactional_id, queue_bytes, err)) != OK)
        goto done;
    sink->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!sink->producer) {
        status = error_set(err, ERR_INVALID, "kafka producer: %s", text);
        goto done;
    }
    conf = NULL;
    open_topics(sink, settings);
    *out = sink;
    sink = NULL;
done:
    if (conf)
        rd_kafka_conf_destroy(conf);
    sink_close(sink);
    return status;
}

enum status sink_open_capture(const struct sink_capture *capture, struct sink **out,
                              struct error *err)
{
    struct sink *sink = calloc(1, sizeof(*sink));

    if (!sink)
        return error_set(err, ERR_NOMEM, "sink: out of memory");
    sink->capture = *capture;
    *out = sink;
    return OK;
}

/* Shows it, and plays the broker. */
static enum status capture(struct sink *sink, const struct sink_record *record,
                           struct error *err)
{
    enum status status = sink->capture.put(sink->capture.context, record, err);

    if (record->headers)
        rd_kafka_headers_destroy(record->headers);
    if (record->out_offset)
        *record->out_offset = sink->n_captured;
    sink->n_captured++;
    return status;
}

void sink_close(struct sink *sink)
{
    if (!sink)
        return;
    if (sink->producer) {
        if (sink->in_transaction)
            sink_abort(sink, NULL);
        rd_kafka_purge(sink->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(sink->producer, 0);
        for (int topic = 0; topic < N_SINK_TOPICS; topic++) {
            if (sink->topics[topic])
                rd_kafka_topic_destroy(sink->topics[topic]);
        }
        rd_kafka_destroy(sink->producer);
    }
    free(sink);
}

void sink_watch_stop(struct sink *sink, const atomic_bool *stopping)
{
    sink->stopping = stopping;
}

/* After a try that found no broker: is it not worth another one? */
static bool gives_up(struct sink *sink)
{
    if (!sink->stopping || !atomic_load(sink->stopping))
        return false;
    if (!sink->stop_seen_ns)
        sink->stop_seen_ns = clock_mono_ns();
    return clock_mono_ns() - sink->stop_seen_ns > (int64_t)STOP_PATIENCE_MS * 1000000;
}

static enum sink_result give_up(const char *call, rd_kafka_error_t *error, struct error *err)
{
    error_set(err, ERR_TIMEOUT, "%s: %s", call, rd_kafka_error_string(error));
    log_warn("transaction", "call=%s state=given_up reason=\"%s\"", call,
             rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return SINK_RENEW;
}

enum status sink_init(struct sink *sink, int timeout_ms, struct error *err)
{
    int64_t deadline_ns = clock_mono_ns() + (int64_t)timeout_ms * 1000000;
    enum status status = ERR_TIMEOUT;

    while (status == ERR_TIMEOUT) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(sink->producer, 1000);

        if (!error)
            return OK;
        bool again = rd_kafka_error_is_retriable(error) && clock_mono_ns() < deadline_ns &&
                     !gives_up(sink);

        if (!again)
            status = error_set(err, rd_kafka_error_is_retriable(error) ? ERR_TIMEOUT : ERR_IO,
                               "kafka producer: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        if (!again)
            return status;
    }
    return status;
}

/* What a transactional call's error means; the error is destroyed. */
static enum sink_result judge(struct sink *sink, rd_kafka_error_t *error, const char *call,
                              struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool fatal = rd_kafka_error_is_fatal(error);
    bool abort_needed = rd_kafka_error_txn_requires_abort(error);
    enum sink_result result = SINK_RENEW;

    error_set(err, ERR_IO, "%s: %s", call, rd_kafka_error_string(error));
    log_warn("transaction", "call=%s code=%s fatal=%d abort=%d reason=\"%s\"", call,
             rd_kafka_err2name(code), fatal, abort_needed, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    if (fatal) {
        sink->in_transaction = false;
        if (code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
            code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH)
            result = SINK_FENCED;
    } else if (abort_needed) {
        result = sink_abort(sink, err);
        if (result == SINK_OK)
            result = SINK_ABORTED;
    }
    return result;
}

enum sink_result sink_begin(struct sink *sink, struct error *err)
{
    rd_kafka_error_t *error =
        sink->producer ? rd_kafka_begin_transaction(sink->producer) : NULL;

    if (error)
        return judge(sink, error, "begin_transaction", err);
    sink->in_transaction = true;
    return SINK_OK;
}

rd_kafka_headers_t *sink_headers(struct str source, struct str view)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);

    rd_kafka_header_add(headers, "freshet.source", 14, source.ptr, (ssize_t)source.len);
    if (view.ptr)
        rd_kafka_header_add(headers, "freshet.view", 12, view.ptr, (ssize_t)view.len);
    return headers;
}

size_t sink_value_max(const struct sink *sink)
{
    (void)sink;
    return MESSAGE_MAX_BYTES - RECORD_OVERHEAD_BYTES;
}

enum status sink_put(struct sink *sink, const struct sink_record *record, struct error *err)
{
    rd_kafka_vu_t fields[9];
    size_t n = 0;
    rd_kafka_error_t *error;

    if (!sink->producer)
        return capture(sink, record, err);
    fields[n++] =
        (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = sink->topics[record->topic]};
    fields[n++] =
        (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition};
    fields[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY};
    fields[n++] =
        (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_KEY,
                        .u.mem = {(void *)(uintptr_t)record->key.ptr, record->key.len}};
    fields[n++] =
        (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_VALUE,
                        .u.mem = {(void *)(uintptr_t)record->value.ptr, record->value.len}};
    fields[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = record->out_offset};
    if (record->timestamp_ms > 0)
        fields[n++] =
            (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp_ms};
    if (record->headers)
        fields[n++] =
            (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = record->headers};
    while ((error = rd_kafka_produceva(sink->producer, fields, n))) {
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);

        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || gives_up(sink)) {
            bool too_large = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;

            error_set(err, too_large ? ERR_INVALID : ERR_IO, "topic '%s': %s",
                      rd_kafka_topic_name(sink->topics[record->topic]),
                      rd_kafka_error_string(error));
            rd_kafka_error_destroy(error);
            if (record->headers)
                rd_kafka_headers_destroy(record->headers);
            return too_large ? ERR_INVALID : ERR_IO;
        }
        rd_kafka_error_destroy(error);
        rd_kafka_poll(sink->producer, 5);
    }
    return OK;
}

enum sink_result sink_send_offsets(struct sink *sink,
                                   const rd_kafka_topic_partition_list_t *offsets,
                                   rd_kafka_consumer_group_metadata_t *metadata,
                                   struct error *err)
{
    rd_kafka_error_t *error;

    if (!sink->producer)
        return SINK_OK;
    if (fault_hit("kill_after_produce") || fault_hit("stop_after_produce"))
        log_warn("fault", "at=after_produce");
    for (;;) {
        error = rd_kafka_send_offsets_to_transaction(sink->producer, offsets, metadata,
                                                     CALL_TIMEOUT_MS);
        if (!error || !rd_kafka_error_is_retriable(error) || gives_up(sink))
            break;
        rd_kafka_error_destroy(error);
    }
    rd_kafka_consumer_group_metadata_destroy(metadata);
    if (!error)
        return SINK_OK;
    return rd_kafka_error_is_retriable(error)
               ? give_up("send_offsets_to_transaction", error, err)
               : judge(sink, error, "send_offsets_to_transaction", err);
}

enum sink_result sink_commit(struct sink *sink, struct error *err)
{
    if (fault_hit("kill_before_commit") || fault_hit("stop_before_commit"))
        log_warn("fault", "at=before_commit");
    if (fault_hit("abort_before_commit")) { /* as if the broker had asked for it */
        enum sink_result result = sink_abort(sink, err);

        return result == SINK_OK ? SINK_ABORTED : result;
    }
    while (sink->producer) {
        /* "in_commit" is the time between the request and its answer, which is not awaited. */
        bool hasty = fault_hit("hasty_commit");
        rd_kafka_error_t *error =
            rd_kafka_commit_transaction(sink->producer, hasty ? 1 : CALL_TIMEOUT_MS);

        if (!error) {
            sink->in_transaction = false;
            if (fault_hit("kill_after_commit") || fault_hit("stop_after_commit"))
                log_warn("fault", "at=after_commit");
            return SINK_OK;
        }
        if (!rd_kafka_error_is_retriable(error))
            return judge(sink, error, "commit_transaction", err);
        if (gives_up(sink))
            return give_up("commit_transaction", error, err);
        if (hasty && (fault_hit("kill_in_commit") || fault_hit("stop_in_commit")))
            log_warn("fault", "at=in_commit");
        log_warn("transaction", "call=commit_transaction state=retry reason=\"%s\"",
                 rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    return SINK_OK;
}

enum sink_result sink_abort(struct sink *sink, struct error *err)
{
    while (sink->producer) {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(sink->producer, CALL_TIMEOUT_MS);

        if (!error) {
            sink->in_transaction = false;
            return SINK_OK;
        }
        if (rd_kafka_error_is_retriable(error)) {
            if (gives_up(sink))
                return give_up("abort_transaction", error, err);
            rd_kafka_error_destroy(error);
            continue;
        }
        bool fatal = rd_kafka_error_is_fatal(error);
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);

        error_set(err, ERR_IO, "abort_transaction: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        sink->in_transaction = false;
        return fatal && (code == RD_KAFKA_RESP_ERR__FENCED) ? SINK_FENCED : SINK_RENEW;
    }
    return SINK_OK;
}

void sink_poll(struct sink *sink)
{
    if (sink->producer)
        rd_kafka_poll(sink->producer, 0);
}
