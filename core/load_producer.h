/*
 * Records of the input topics onto Kafka, as the shop's own systems would send them: keyed,
 * placed by the setting `partitioner`, in the Confluent wire format. For `load` and the demo.
 */
#ifndef FRESHET_CORE_LOAD_PRODUCER_H
#define FRESHET_CORE_LOAD_PRODUCER_H

#include "core/base/settings.h"
#include "schemas/avro_codec.h"
#include "schemas/event_batch.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

/* An input topic: what its records are and where their key and time stand. */
struct load_target {
    enum input_topic input;
    const char *topic; /* as it is called in these settings */
    const struct record_type *type;
    size_t key_offset, time_offset; /* in the type's struct */
    int32_t schema_id;              /* to be set by the caller */
};

/** The input topic of that name (in the settings, or "clickstream", "orders", …). */
bool load_target_find(const struct settings *settings, struct str name,
                      struct load_target *out);

/** Names of all inputs for a message: "clickstream, orders, …". */
const char *load_target_names(void);

/** The record's event time (or that of its last change), milliseconds. */
int64_t load_record_time(const struct load_target *target, const void *record);

struct load_producer;

struct load_counts {
    uint64_t sent, delivered, failed;
    char first_failure[256]; /* the broker's words; empty: none */
};

/**
 * mock_brokers: 0, or so many embedded ones in this process (the demo). ERR_INVALID: the
 * sentence names the property that librdkafka does not accept.
 */
enum status load_producer_open(const struct settings *settings, int mock_brokers,
                               struct load_producer **out, struct error *err);
/** Forgets what has not been sent. NULL is a no-op. */
void load_producer_close(struct load_producer *producer);
rd_kafka_t *load_producer_handle(struct load_producer *producer);

/**
 * Queues a record; waits while the queue is full, unless stop (may be NULL) becomes true, then
 * ERR_STATE. ERR_INVALID: this one cannot be sent (too large); ERR_IO: nothing can be.
 */
enum status load_producer_put(struct load_producer *producer, const struct load_target *target,
                              const void *record, const atomic_bool *stop, struct error *err);

/** Waits until everything is delivered or has failed. ERR_TIMEOUT. */
enum status load_producer_flush(struct load_producer *producer, int timeout_ms);

/** The thread that puts. */
void load_producer_counts(struct load_producer *producer, struct load_counts *out);

#endif
