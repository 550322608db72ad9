/*
 * From decisions to records: encoding, the Confluent frame, and the headers that say which
 * record caused it and which item view it was made with.
 */
#include "core/worker_private.h"

#include "core/base/fault.h"
#include "core/base/hash.h"
#include "schemas/avro_codec.h"

#include <stdio.h>
#include <string.h>

enum { FRAME_BYTES = 5 };

const char *topic_text(const struct settings *settings, enum input_topic topic)
{
    switch (topic) {
    case INPUT_USERS:
        return settings->topics.users;
    case INPUT_CLICKSTREAM:
        return settings->topics.clickstream;
    case INPUT_ENGAGEMENT:
        return settings->topics.engagement;
    case INPUT_ORDERS:
        return settings->topics.orders;
    case INPUT_REVIEWS:
        return settings->topics.reviews;
    default:
        return settings->topics.catalog;
    }
}

/* value >= 0 in decimal at out; returns the end. printf costs ten times as much. */
static char *put_decimal(char *out, int64_t value)
{
    char digits[20];
    int n = 0;

    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n)
        *out++ = digits[--n];
    return out;
}

uint32_t source_text(const struct worker *worker, uint32_t lane, char *out)
{
    const struct event_batch *events = &worker->batch;
    char *at = stpcpy(out, topic_text(worker->runtime->settings, events->topic[lane]));

    *at++ = '/';
    at = put_decimal(at, events->task[lane]);
    *at++ = '/';
    at = put_decimal(at, events->offset[lane]);
    return (uint32_t)(at - out);
}

/* The record framed into worker->value; an empty str if it does not fit. */
static struct str frame(struct worker *worker, int32_t schema_id,
                        const struct record_type *type, const void *record)
{
    uint8_t *out = worker->value;
    size_t n = avro_encode(type, record, out + FRAME_BYTES, VALUE_BYTES_MAX - FRAME_BYTES);

    out[0] = 0;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)((uint32_t)schema_id >> (24 - 8 * i));
    return (struct str){(const char *)out, n ? (uint32_t)(n + FRAME_BYTES) : 0};
}

enum status output_recommendation(struct worker *worker, uint32_t lane,
                                  const struct ranking *ranking, struct error *err)
{
    const struct runtime *runtime = worker->runtime;
    const struct event_batch *events = &worker->batch;
    struct recommended_item items[RANKING_K_MAX];
    char source[SOURCE_TEXT_MAX], request_id[33];
    struct str source_str = {source, source_text(worker, lane, source)};
    struct str parts[] = {str_of(runtime->settings->app), source_str};

    hash128_hex(hash128_parts(parts, 2), request_id);
    for (uint32_t i = 0; i < ranking->n; i++) {
        items[i] = (struct recommended_item){
            .item_id = item_view_id(worker->txn.view, ranking->at[i].item),
            .score = ranking->at[i].score,
            .reason = ranking->at[i].reason,
            .propensity = 1,
        };
    }
    struct recommendation list = {
        .request_id = {request_id, 32},
        .user_id = events->user_id[lane],
        .trigger_event_id = events->event_id[lane],
        .event_time = events->time_ms[lane],
        .model = str_of(item_view_model_version(worker->txn.view)),
        .items = {items, ranking->n},
    };
    struct sink_record record = {
        .topic = SINK_RECOMMENDATIONS,
        .partition = RD_KAFKA_PARTITION_UA,
        .key = events->user_id[lane],
        .value = frame(worker, runtime->ids.recommendation, &recommendation_type, &list),
        .timestamp_ms = events->kafka_ms[lane],
        .headers = sink_headers(source_str, worker->txn.view_text),
    };

    if (ranking->n)
        tally_add(&worker->txn.tally, worker->metrics.reasons[ranking->at[0].reason & 7], 1);
    if (mutant("mutant_list_twice") && events->offset[lane] % 64 == 0) {
        struct sink_record twin = record;

        twin.headers = sink_headers(source_str, worker->txn.view_text);
        TRY(sink_put(worker->sink, &twin, err));
    }
    return sink_put(worker->sink, &record, err);
}

static enum sink_topic content_topic(int32_t channel)
{
    switch (channel) {
    case CHANNEL_PUSH:
        return SINK_CONTENT_PUSH;
    case CHANNEL_EMAIL:
        return SINK_CONTENT_EMAIL;
    case CHANNEL_SOCIAL:
        return SINK_CONTENT_SOCIAL;
    case CHANNEL_SEO:
        return SINK_CONTENT_SEO;
    default:
        return SINK_CONTENT_ONSITE;
    }
}

static const char *channel_label(int32_t channel)
{
    static const char *const names[] = {"unknown", "push", "email", "social", "seo", "onsite"};

    return channel >= 0 && channel < 6 ? names[channel] : names[0];
}

static void count_message(struct worker *worker, const struct campaign_decision *decision)
{
    bool sent = decision->outcome == CAMPAIGN_SENT;
    int32_t channel = sent ? decision->message.channel : decision->suppressed.channel;
    struct str campaign = sent ? decision->message.campaign : decision->suppressed.campaign;
    struct str reason = sent ? str_of("sent") : decision->suppressed.reason;

    tally_add(&worker->txn.tally,
              metric_counter("messages_total", "Messages decided, by outcome and reason.",
                             "channel=\"%s\",campaign=\"%.*s\",outcome=\"%s\",reason=\"%.*s\"",
                             channel_label(channel), STR_ARG(campaign),
                             sent ? "sent" : "suppressed", STR_ARG(reason)),
              1);
}

enum status output_decision(struct worker *worker, const struct task_home *home, int cause,
                            const struct campaign_decision *decision, struct error *err)
{
    struct runtime *runtime = worker->runtime;
    char source[SOURCE_TEXT_MAX];
    bool sent = decision->outcome == CAMPAIGN_SENT;
    const struct message *message = &decision->message;
    struct sink_record record = {.partition = RD_KAFKA_PARTITION_UA,
                                 .timestamp_ms = worker->txn.wall_ms};
    struct str source_str = {source, 0};

    if (cause >= 0) {
        source_str.len = source_text(worker, (uint32_t)cause, source);
        record.timestamp_ms = worker->batch.kafka_ms[cause];
    } else {
        source_str.len =
            (uint32_t)snprintf(source, sizeof(source), "journal/%u/%llu", home->task,
                               (unsigned long long)home->position.number + 1);
    }
    if (sent) {
        record.topic = content_topic(message->channel);
        record.key = message->user_id.ptr ? message->user_id : message->item_id;
        record.value = frame(
            worker, message->channel == CHANNEL_PUSH ? runtime->ids.push : runtime->ids.email,
            message_record_type(message->channel), message);
        runtime_news(
            runtime, "%s  %.*s", channel_label(message->channel),
            STR_ARG(message->channel == CHANNEL_PUSH ? message->title : message->subject));
    } else {
        record.topic = SINK_SUPPRESSED;
        record.key = decision->suppressed.user_id;
        record.value = frame(worker, runtime->ids.suppressed, &suppressed_message_type,
                             &decision->suppressed);
    }
    record.headers = sink_headers(source_str, worker->txn.view_text);
    count_message(worker, decision);
    return sink_put(worker->sink, &record, err);
}

static void add_header(rd_kafka_headers_t *headers, const char *name, const char *value)
{
    rd_kafka_header_add(headers, name, -1, value, -1);
}

/* What a dead letter is made of, whoever refused it. */
struct dead_letter {
    enum event_fate fate;
    enum input_topic topic;
    int32_t partition;
    int64_t offset, kafka_ms;
    struct str key, value;
    const char *detail;
    rd_kafka_headers_t *headers; /* the record's own, copied; NULL: none */
};

static enum status put_dead_letter(struct worker *worker, const struct dead_letter *letter,
                                   struct error *err)
{
    rd_kafka_headers_t *headers =
        letter->headers ? rd_kafka_headers_copy(letter->headers) : rd_kafka_headers_new(8);
    size_t most = sink_value_max(worker->sink);
    struct str value = letter->value;
    char number[32];

    add_header(headers, "freshet.error.reason", event_fate_name(letter->fate));
    add_header(headers, "freshet.error.message", letter->detail);
    add_header(headers, "freshet.error.topic",
               topic_text(worker->runtime->settings, letter->topic));
    snprintf(number, sizeof(number), "%d", letter->partition);
    add_header(headers, "freshet.error.partition", number);
    snprintf(number, sizeof(number), "%lld", (long long)letter->offset);
    add_header(headers, "freshet.error.offset", number);
    snprintf(number, sizeof(number), "%lld", (long long)letter->kafka_ms);
    add_header(headers, "freshet.error.timestamp", number);
    if (value.len > most) {
        snprintf(number, sizeof(number), "%u", value.len);
        add_header(headers, "freshet.error.truncated", number);
        value.len = (uint32_t)most;
    }
    struct sink_record record = {.topic = SINK_DEAD_LETTER,
                                 .partition = RD_KAFKA_PARTITION_UA,
                                 .key = letter->key,
                                 .value = value,
                                 .timestamp_ms = letter->kafka_ms,
                                 .headers = headers};

    return sink_put(worker->sink, &record, err);
}

enum status output_dead_letter(struct worker *worker, uint32_t lane, struct error *err)
{
    const struct event_batch *events = &worker->batch;
    const struct raw_record *raw = source_raw(worker->source, lane);
    struct dead_letter letter = {
        .fate = events->fate[lane],
        .topic = events->topic[lane],
        .partition = events->task[lane],
        .offset = events->offset[lane],
        .kafka_ms = events->kafka_ms[lane],
        .key = raw->key,
        .value = raw->value,
        .detail = raw->detail,
        .headers = raw->headers,
    };

    return put_dead_letter(worker, &letter, err);
}

enum status output_refusals(struct worker *worker, struct task_home *home, struct error *err)
{
    struct runtime *runtime = worker->runtime;
    struct transaction *txn = &worker->txn;
    enum status status = OK;

    memcpy(txn->refused_next, home->position.catalog_refused_next, sizeof(txn->refused_next));
    txn->refusals = true;
    pthread_mutex_lock(&runtime->refusals_lock);
    for (const struct refusal *r = runtime->refusals; r && status == OK; r = r->next) {
        struct dead_letter letter = {
            .fate = r->fate,
            .topic = INPUT_CATALOG,
            .partition = r->partition,
            .offset = r->offset,
            .kafka_ms = r->kafka_ms,
            .key = r->key,
            .value = r->value,
            .detail = r->detail,
            .headers = r->headers,
        };

        if (r->offset < txn->refused_next[r->partition])
            continue;
        status = put_dead_letter(worker, &letter, err);
        txn->refused_next[r->partition] = r->offset + 1;
    }
    pthread_mutex_unlock(&runtime->refusals_lock);
    return status;
}
