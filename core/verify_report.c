/*
 * The first difference, with both records whole: what was computed is at hand, what Kafka holds
 * is read again by its place, since the index keeps digests only.
 */
#include "core/verify_private.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FRAME_BYTES = 5,
    SCHEMA_WAIT_US = 5000, /* for the registry's answer, 5 s in all: without it there is hex */
    SCHEMA_WAITS_MAX = 1000,
};

/* ---- a value as JSON, by the schema it was written with ---- */

static char *json_of(const char *schema_text, const char *bytes, size_t n)
{
    avro_schema_t schema = NULL;
    avro_value_iface_t *type = NULL;
    avro_reader_t reader = NULL;
    avro_value_t value = {0};
    char *json = NULL;

    if (avro_schema_from_json_length(schema_text, strlen(schema_text), &schema))
        return NULL;
    type = avro_generic_class_from_schema(schema);
    if (type && avro_generic_value_new(type, &value) == 0) {
        reader = avro_reader_memory(bytes, (int64_t)n);
        if (!reader || avro_value_read(reader, &value) || avro_value_to_json(&value, 1, &json))
            json = NULL;
        avro_value_decref(&value);
    }
    if (reader)
        avro_reader_free(reader);
    if (type)
        avro_value_iface_decref(type);
    avro_schema_decref(schema);
    return json;
}

static char *text_of(const struct verify_reporter *reporter, struct str value)
{
    const uint8_t *b = (const uint8_t *)value.ptr;
    const char *schema;

    if (!b || value.len < FRAME_BYTES || b[0] != 0)
        return NULL;
    int32_t id =
        (int32_t)((uint32_t)b[1] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 8 | b[4]);

    for (int waited = 0; waited < SCHEMA_WAITS_MAX; waited++) {
        switch (registry_schema(reporter->registry, id, &schema)) {
        case REGISTRY_KNOWN:
            return json_of(schema, value.ptr + FRAME_BYTES, value.len - FRAME_BYTES);
        case REGISTRY_UNKNOWN:
            return NULL;
        case REGISTRY_PENDING:
            usleep(SCHEMA_WAIT_US);
        }
    }
    return NULL;
}

/* ---- records ---- */

static char *copy_of(struct str text, uint32_t *out_len)
{
    char *copy = text.ptr ? malloc((size_t)text.len + 1) : NULL;

    *out_len = copy ? text.len : 0;
    if (copy) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

static void keep(const struct verify_reporter *reporter, struct str key, struct str value,
                 struct str headers, int64_t timestamp_ms, struct verify_record *out)
{
    out->key = copy_of(key, &out->key_len);
    out->value = copy_of(value, &out->value_len);
    out->headers = copy_of(headers, &out->headers_len);
    out->timestamp_ms = timestamp_ms;
    out->text = text_of(reporter, value);
}

static void keep_message(const struct verify_reporter *reporter,
                         const rd_kafka_message_t *message, struct verify_record *out)
{
    struct verify_buffer flat = {0};
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);

    if (rd_kafka_message_headers(message, &headers))
        headers = NULL;
    verify_headers_flatten(headers, &flat);
    keep(reporter, (struct str){message->key, (uint32_t)message->key_len},
         (struct str){message->payload, (uint32_t)message->len},
         (struct str){flat.bytes, (uint32_t)flat.n},
         type == RD_KAFKA_TIMESTAMP_CREATE_TIME ? timestamp_ms : -1, out);
    free(flat.bytes);
}

/* Reads the record again; what cannot be read stays empty, its place says enough. */
static void fetch(const struct verify_reporter *reporter, const struct verify_place *place,
                  struct verify_record *out)
{
    struct log_partition partition = {.topic =
                                          verify_output_topic(reporter->settings, place->topic),
                                      .partition = place->partition,
                                      .next = place->offset};
    const rd_kafka_message_t *message;
    struct log_set *logs;

    if (log_set_open(reporter->settings, &partition, 1, 0, VERIFY_TIMEOUT_MS, &logs, NULL) !=
        OK)
        return;
    if (log_set_peek(logs, 0, &message, NULL) == OK && message &&
        message->offset == place->offset)
        keep_message(reporter, message, out);
    log_set_close(logs);
}

/* ---- the first difference ---- */

static void keep_first(struct verify_reporter *reporter, const struct verify_output *computed,
                       const struct verify_place *place, int32_t task, uint64_t number)
{
    struct verify_difference *first = &reporter->result->first;
    enum sink_topic topic = computed ? computed->topic : place->topic;

    memset(first, 0, sizeof(*first));
    first->kind = !place ? VERIFY_MISSING : computed ? VERIFY_DIFFERS : VERIFY_EXTRA;
    snprintf(first->topic, sizeof(first->topic), "%s",
             verify_output_topic(reporter->settings, topic));
    first->partition = place ? place->partition : -1;
    first->offset = place ? place->offset : -1;
    verify_cause_text(reporter->settings, computed ? computed->cause : place->cause,
                      first->cause, sizeof(first->cause));
    first->task = task;
    first->number = number;
    first->in_kafka.timestamp_ms = first->computed.timestamp_ms = -1;
    if (computed)
        keep(reporter, computed->key, computed->value, computed->headers,
             computed->timestamp_ms, &first->computed);
    if (place)
        fetch(reporter, place, &first->in_kafka);
}

void verify_report(struct verify_reporter *reporter, const struct verify_output *computed,
                   const struct verify_place *place, int32_t task, uint64_t number)
{
    struct verify_result *result = reporter->result;

    if (result->first.kind == VERIFY_SAME)
        keep_first(reporter, computed, place, task, number);
    if (!place)
        result->missing++;
    else if (computed)
        result->differing++;
    else
        result->extra++;
}

void verify_report_journal(struct verify_reporter *reporter, uint32_t task,
                           const struct journal_record *record, struct str computed)
{
    struct verify_difference *first = &reporter->result->first;
    struct str none = {NULL, 0};

    reporter->result->differing++;
    if (first->kind != VERIFY_SAME)
        return;
    memset(first, 0, sizeof(*first));
    first->kind = VERIFY_DIFFERS;
    snprintf(first->topic, sizeof(first->topic), "%s-journal", reporter->settings->app);
    first->partition = (int32_t)task;
    first->offset = record->offset;
    first->task = (int32_t)task;
    first->number = record->position.number;
    keep(reporter, none, (struct str){(const char *)record->bytes, record->n_bytes}, none, -1,
         &first->in_kafka);
    keep(reporter, none, computed, none, -1, &first->computed);
}

static void free_record(struct verify_record *record)
{
    free(record->key);
    free(record->value);
    free(record->headers);
    free(record->text);
}

void verify_result_deinit(struct verify_result *result)
{
    free_record(&result->first.in_kafka);
    free_record(&result->first.computed);
    memset(&result->first, 0, sizeof(result->first));
}
