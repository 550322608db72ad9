/*
 * Reads given partitions from given offsets, alone (no group), committed records only: how the
 * fold follows `<app>-items` and the catalogue, how a restore reads the changelog.
 *
 * One thread.
 */
#ifndef FRESHET_CONSUMERS_LOG_READER_H
#define FRESHET_CONSUMERS_LOG_READER_H

#include "core/base/settings.h"
#include "core/base/status.h"
#include "core/base/str.h"

#include <librdkafka/rdkafka.h>

struct log_reader;

struct log_partition {
    const char *topic;
    int32_t partition;
    int64_t next; /* the first offset to read; below the topic's first: starts at its first */
    int64_t low;  /* out: the topic's first offset then */
    int64_t
        high; /* out: high watermark when the reader was opened, open transactions included */
};

/**
 * Connects, asks for the high watermarks (blocks up to timeout_ms, ERR_TIMEOUT when no broker
 * answers), and starts. `partitions` is kept and updated: next after each record given.
 */
enum status log_reader_open(const struct settings *settings, struct log_partition *partitions,
                            uint32_t n, int timeout_ms, struct log_reader **out,
                            struct error *err);
void log_reader_close(struct log_reader *reader);

/**
 * The next record, or NULL when none came within timeout_ms. *out_index: its partition in the
 * array given at open. The caller destroys the message. Moves next also over control records
 * (then NULL may come early). ERR_IO: fatal or out of range.
 */
enum status log_reader_next(struct log_reader *reader, int timeout_ms, rd_kafka_message_t **out,
                            uint32_t *out_index, struct error *err);

/**
 * False while the broker is away. After an error it is asked a question, twice a second until
 * it answers (that blocks for up to 200 ms).
 */
bool log_reader_broker_answers(struct log_reader *reader);

/** True once every partition has been read up to its `high`. */
bool log_reader_reached_high(const struct log_reader *reader);

/** Low and high of one partition, asked of the broker; for a reader that is not needed. */
enum status log_query_watermarks(const struct settings *settings, const char *topic,
                                 int32_t partition, int timeout_ms, int64_t *out_low,
                                 int64_t *out_high, struct error *err);

/** A plain consumer handle without a group (or with the app's group for committed()). */
enum status log_consumer_open(const struct settings *settings, bool with_group,
                              rd_kafka_t **out, struct error *err);

#endif
