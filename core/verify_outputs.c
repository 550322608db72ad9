/*
 * What Kafka holds, as digests: 72 bytes a record, so that a day of lists fits into memory, and
 * read only as far as the comparison asks for. A record that has been matched is forgotten, so
 * the index holds no more than what is read ahead.
 *
 *   (topic, cause, key) ──hash──> bucket ──> entries: place, digest of key, value and headers
 *
 * An output's partition follows from its key, so the place to read on is known; only where
 * somebody has put a record elsewhere are the other partitions of the topic read too.
 */
#include "consumers/partitioner.h"
#include "core/verify_private.h"

#include <stdlib.h>

enum {
    READ_AT_ONCE = 64, /* records read on for a record that is not here */
    BUCKETS_MIN = 1 << 12,
    PARTITIONS_MAX = 4096, /* of all output topics together */
    NOBODY = 0,            /* index + 1 */
};

struct entry {
    uint64_t id; /* of topic, cause and key */
    struct hash128 digest;
    int64_t offset, timestamp_ms; /* -1: not Kafka's to keep */
    struct verify_cause cause;
    int32_t partition;
    uint32_t next; /* of the bucket or the free list; NOBODY: last */
    uint8_t topic;
    bool used;
};

struct unknown { /* refused as unknown_schema */
    int64_t offset;
    int32_t partition;
    int32_t topic;
};

struct topic_logs { /* partitions of one topic: log set indexes from first on */
    uint32_t first, n;
    uint32_t turn; /* where to read on when the key does not tell */
};

struct verify_outputs {
    const struct settings *settings;
    struct log_set *logs;
    uint32_t n_partitions;
    struct log_partition partitions[PARTITIONS_MAX];
    uint8_t topic_of[PARTITIONS_MAX]; /* enum sink_topic */
    struct topic_logs topics[N_SINK_TOPICS];
    struct entry *entries;
    uint32_t n_entries, capacity, free_list;
    uint32_t *buckets;
    uint32_t n_buckets, n_used;
    struct unknown *unknown;
    uint32_t n_unknown, unknown_capacity;
    struct verify_buffer headers; /* of the record at hand */
};

static const enum sink_topic compared[] = {
    SINK_RECOMMENDATIONS, SINK_CONTENT_PUSH,   SINK_CONTENT_EMAIL, SINK_CONTENT_SOCIAL,
    SINK_CONTENT_SEO,     SINK_CONTENT_ONSITE, SINK_SUPPRESSED,    SINK_DEAD_LETTER,
};
enum { N_COMPARED = sizeof(compared) / sizeof(compared[0]) };

const char *verify_output_topic(const struct settings *settings, enum sink_topic topic)
{
    switch (topic) {
    case SINK_RECOMMENDATIONS:
        return settings->topics.recommendations;
    case SINK_CONTENT_PUSH:
        return settings->topics.content_push;
    case SINK_CONTENT_EMAIL:
        return settings->topics.content_email;
    case SINK_CONTENT_SOCIAL:
        return settings->topics.content_social;
    case SINK_CONTENT_SEO:
        return settings->topics.content_seo;
    case SINK_CONTENT_ONSITE:
        return settings->topics.content_onsite;
    case SINK_SUPPRESSED:
        return settings->topics.suppressed;
    case SINK_DEAD_LETTER:
        return settings->topics.dead_letter;
    default:
        return NULL; /* internal, or not compared */
    }
}

/* ---- digests ---- */

static struct str flag_of(struct str text)
{
    return str_of(text.ptr ? "+" : "-"); /* null is not empty */
}

static struct hash128 digest_of(struct str key, struct str value, struct str headers)
{
    const struct str parts[] = {flag_of(key), key, flag_of(value), value, headers};

    return hash128_parts(parts, 5);
}

static uint64_t id_of(enum sink_topic topic, struct verify_cause cause, struct str key)
{
    struct {
        uint64_t topic, kind, partition, number, key;
    } all = {topic, cause.kind, (uint64_t)cause.partition, (uint64_t)cause.number, hash64(key)};

    return hash64((struct str){(const char *)&all, sizeof(all)});
}

/* ---- the index ---- */

static bool rehash(struct verify_outputs *outputs, uint32_t n_buckets)
{
    uint32_t *buckets = calloc(n_buckets, sizeof(*buckets));

    if (!buckets)
        return false;
    free(outputs->buckets);
    outputs->buckets = buckets;
    outputs->n_buckets = n_buckets;
    for (uint32_t i = 0; i < outputs->n_entries; i++) {
        struct entry *entry = &outputs->entries[i];
        uint32_t *bucket = &buckets[entry->id & (n_buckets - 1)];

        if (!entry->used)
            continue;
        entry->next = *bucket;
        *bucket = i + 1;
    }
    return true;
}

/* A place for one more entry; NULL: out of memory. */
static struct entry *new_entry(struct verify_outputs *outputs)
{
    if (outputs->free_list != NOBODY) {
        struct entry *entry = &outputs->entries[outputs->free_list - 1];

        outputs->free_list = entry->next;
        return entry;
    }
    if (outputs->n_entries == outputs->capacity) {
        uint32_t capacity = outputs->capacity ? outputs->capacity * 2 : BUCKETS_MIN;
        struct entry *grown = realloc(outputs->entries, (size_t)capacity * sizeof(*grown));

        if (!grown)
            return NULL;
        outputs->entries = grown;
        outputs->capacity = capacity;
    }
    return &outputs->entries[outputs->n_entries++];
}

static enum status add_entry(struct verify_outputs *outputs, const struct entry *from,
                             struct error *err)
{
    if (outputs->n_used >= outputs->n_buckets && !rehash(outputs, outputs->n_buckets * 2))
        return error_set(err, ERR_NOMEM, "outputs: out of memory");
    struct entry *entry = new_entry(outputs);
    uint32_t *bucket = &outputs->buckets[from->id & (outputs->n_buckets - 1)];

    if (!entry)
        return error_set(err, ERR_NOMEM, "outputs: out of memory");
    *entry = *from;
    entry->used = true;
    entry->next = *bucket;
    *bucket = (uint32_t)(entry - outputs->entries) + 1;
    outputs->n_used++;
    return OK;
}

static void remove_entry(struct verify_outputs *outputs, uint32_t *link)
{
    uint32_t at = *link;
    struct entry *entry = &outputs->entries[at - 1];

    *link = entry->next;
    entry->used = false;
    entry->next = outputs->free_list;
    outputs->free_list = at;
    outputs->n_used--;
}

/* ---- reading ---- */

static enum status note_unknown(struct verify_outputs *outputs, struct verify_cause cause,
                                struct error *err)
{
    if (outputs->n_unknown == outputs->unknown_capacity) {
        uint32_t capacity = outputs->unknown_capacity ? outputs->unknown_capacity * 2 : 64;
        struct unknown *grown = realloc(outputs->unknown, capacity * sizeof(*grown));

        if (!grown)
            return error_set(err, ERR_NOMEM, "outputs: out of memory");
        outputs->unknown = grown;
        outputs->unknown_capacity = capacity;
    }
    outputs->unknown[outputs->n_unknown++] =
        (struct unknown){cause.number, cause.partition, (int32_t)cause.kind};
    return OK;
}

static enum status index_message(struct verify_outputs *outputs, enum sink_topic topic,
                                 const rd_kafka_message_t *message, struct error *err)
{
    struct str key = {message->key, (uint32_t)message->key_len};
    struct str value = {message->payload, (uint32_t)message->len};
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);

    if (rd_kafka_message_headers(message, &headers))
        headers = NULL;
    outputs->headers.n = 0;
    if (!verify_headers_flatten(headers, &outputs->headers))
        return error_set(err, ERR_NOMEM, "outputs: out of memory");
    struct str flat = {outputs->headers.bytes, (uint32_t)outputs->headers.n};
    struct entry entry = {
        .digest = digest_of(key, value, flat),
        .offset = message->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_CREATE_TIME ? timestamp_ms : -1,
        .cause = verify_cause_of(outputs->settings, topic, headers),
        .partition = message->partition,
        .topic = (uint8_t)topic,
    };

    entry.id = id_of(topic, entry.cause, key);
    if (topic == SINK_DEAD_LETTER && entry.cause.kind < CAUSE_JOURNAL &&
        str_equal(verify_header(headers, "freshet.error.reason"),
                  str_of(event_fate_name(EVENT_UNKNOWN_SCHEMA))))
        TRY(note_unknown(outputs, entry.cause, err));
    return add_entry(outputs, &entry, err);
}

/* Reads on in one partition; *more false: it has been read to its end. */
static enum status read_partition(struct verify_outputs *outputs, uint32_t index, bool *more,
                                  struct error *err)
{
    const rd_kafka_message_t *message;

    for (int i = 0; i < READ_AT_ONCE; i++) {
        if (i && !log_set_is_at_hand(outputs->logs, index))
            break;
        TRY(log_set_peek(outputs->logs, index, &message, err));
        *more = message != NULL;
        if (!message)
            return OK;
        rd_kafka_message_t *taken = log_set_take(outputs->logs, index);
        enum status status =
            index_message(outputs, (enum sink_topic)outputs->topic_of[index], taken, err);

        rd_kafka_message_destroy(taken);
        TRY(status);
    }
    return OK;
}

/* Reads on in the topic, first where the key's records are. *more false: nothing is left. */
static enum status read_topic(struct verify_outputs *outputs, enum sink_topic topic,
                              struct str key, bool *more, struct error *err)
{
    struct topic_logs *logs = &outputs->topics[topic];

    *more = false;
    if (logs->n && key.len) {
        int32_t p = partition_of(outputs->settings->partitioner, key, (int32_t)logs->n);

        TRY(read_partition(outputs, logs->first + (uint32_t)p, more, err));
    }
    for (uint32_t i = 0; i < logs->n && !*more; i++) {
        TRY(read_partition(outputs, logs->first + logs->turn, more, err));
        logs->turn = (logs->turn + 1) % logs->n;
    }
    return OK;
}

/* ---- matching ---- */

/* The link to the best entry there is; NULL: none has this topic, cause and key. */
static uint32_t *find_best(struct verify_outputs *outputs, const struct verify_output *computed,
                           uint64_t id, struct hash128 digest, bool *equal)
{
    uint32_t *best = NULL;

    *equal = false;
    for (uint32_t *link = &outputs->buckets[id & (outputs->n_buckets - 1)]; *link != NOBODY;
         link = &outputs->entries[*link - 1].next) {
        const struct entry *entry = &outputs->entries[*link - 1];

        if (entry->id != id)
            continue;
        *equal = entry->digest.low == digest.low && entry->digest.high == digest.high &&
                 (entry->timestamp_ms < 0 || computed->timestamp_ms <= 0 ||
                  entry->timestamp_ms == computed->timestamp_ms);
        if (*equal)
            return link;
        if (!best || entry->offset < outputs->entries[*best - 1].offset)
            best = link;
    }
    return best;
}

enum status verify_outputs_match(struct verify_outputs *outputs,
                                 const struct verify_output *computed, enum verify_match *match,
                                 struct verify_place *out, struct error *err)
{
    uint64_t id = id_of(computed->topic, computed->cause, computed->key);
    struct hash128 digest = digest_of(computed->key, computed->value, computed->headers);
    bool equal, more = true;
    uint32_t *link = find_best(outputs, computed, id, digest, &equal);

    while (!equal && more) {
        TRY(read_topic(outputs, computed->topic, computed->key, &more, err));
        link = find_best(outputs, computed, id, digest, &equal);
    }
    *match = MATCH_NONE;
    if (!link)
        return OK;
    const struct entry *entry = &outputs->entries[*link - 1];

    *match = equal ? MATCH_EQUAL : MATCH_DIFFERS;
    *out =
        (struct verify_place){computed->topic, entry->partition, entry->offset, entry->cause};
    remove_entry(outputs, link);
    return OK;
}

enum status verify_outputs_rest(struct verify_outputs *outputs,
                                void (*each)(void *context, const struct verify_place *place),
                                void *context, struct error *err)
{
    for (int t = 0; t < N_COMPARED; t++) {
        bool more = true;

        while (more)
            TRY(read_topic(outputs, compared[t], (struct str){NULL, 0}, &more, err));
    }
    for (uint32_t i = 0; i < outputs->n_entries; i++) {
        const struct entry *entry = &outputs->entries[i];

        if (entry->used)
            each(context,
                 &(struct verify_place){(enum sink_topic)entry->topic, entry->partition,
                                        entry->offset, entry->cause});
    }
    return OK;
}

static int by_place(const void *a, const void *b)
{
    const struct unknown *x = a, *y = b;

    if (x->topic != y->topic)
        return x->topic < y->topic ? -1 : 1;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

bool verify_outputs_unknown_schema(const struct verify_outputs *outputs, enum input_topic topic,
                                   int32_t partition, int64_t offset)
{
    struct unknown wanted = {offset, partition, (int32_t)topic};

    return outputs->n_unknown && bsearch(&wanted, outputs->unknown, outputs->n_unknown,
                                         sizeof(wanted), by_place) != NULL;
}

/* ---- open and close ---- */

static int partitions_of(const struct rd_kafka_metadata *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, topic) == 0 && !metadata->topics[i].err)
            return metadata->topics[i].partition_cnt;
    }
    return 0;
}

static enum status add_topic(struct verify_outputs *outputs, enum sink_topic topic, int n,
                             struct error *err)
{
    const char *name = verify_output_topic(outputs->settings, topic);

    if (outputs->n_partitions + (uint32_t)n > PARTITIONS_MAX)
        return error_set(err, ERR_FULL, "the output topics have more than %d partitions",
                         PARTITIONS_MAX);
    outputs->topics[topic] = (struct topic_logs){outputs->n_partitions, (uint32_t)n, 0};
    for (int p = 0; p < n; p++) {
        outputs->topic_of[outputs->n_partitions] = (uint8_t)topic;
        outputs->partitions[outputs->n_partitions++] =
            (struct log_partition){.topic = name, .partition = p};
    }
    return OK;
}

static enum status add_topics(struct verify_outputs *outputs, struct error *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;
    rd_kafka_t *client;
    enum status status = OK;

    TRY(log_consumer_open(outputs->settings, false, &client, err));
    code = rd_kafka_metadata(client, 1, NULL, &metadata, VERIFY_TIMEOUT_MS);
    if (code) {
        rd_kafka_destroy(client);
        return error_set(err, ERR_TIMEOUT, "the broker does not answer: %s",
                         rd_kafka_err2str(code));
    }
    for (int t = 0; t < N_COMPARED && status == OK; t++)
        status = add_topic(
            outputs, compared[t],
            partitions_of(metadata, verify_output_topic(outputs->settings, compared[t])), err);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_destroy(client);
    return status;
}

/* Whole, as it says which records had no schema: the merge must know that beforehand. */
static enum status read_dead_letters(struct verify_outputs *outputs, struct error *err)
{
    bool more = true;

    while (more)
        TRY(read_topic(outputs, SINK_DEAD_LETTER, (struct str){NULL, 0}, &more, err));
    if (outputs->n_unknown)
        qsort(outputs->unknown, outputs->n_unknown, sizeof(*outputs->unknown), by_place);
    return OK;
}

enum status verify_outputs_open(const struct settings *settings, struct verify_outputs **out,
                                struct error *err)
{
    struct verify_outputs *outputs = calloc(1, sizeof(*outputs));
    enum status status = OK;

    if (!outputs || !rehash(outputs, BUCKETS_MIN)) {
        free(outputs);
        return error_set(err, ERR_NOMEM, "outputs: out of memory");
    }
    outputs->settings = settings;
    status = add_topics(outputs, err);
    if (status == OK)
        status = log_set_open(settings, outputs->partitions, outputs->n_partitions,
                              VERIFY_QUEUE_BYTES, VERIFY_TIMEOUT_MS, &outputs->logs, err);
    if (status == OK)
        status = read_dead_letters(outputs, err);
    if (status == OK)
        *out = outputs;
    else
        verify_outputs_close(outputs);
    return status;
}

void verify_outputs_close(struct verify_outputs *outputs)
{
    if (!outputs)
        return;
    log_set_close(outputs->logs);
    free(outputs->entries);
    free(outputs->buckets);
    free(outputs->unknown);
    free(outputs->headers.bytes);
    free(outputs);
}
