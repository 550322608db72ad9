/*
 * Reads given partitions, each at its own pace: the caller says from which one the next record
 * is wanted, and what the others hold stays with the broker (but for a bounded prefetch). For
 * replays, which take records in another order than that of their arrival.
 *
 * Alone (no group), committed records only, up to the ends seen at open. One thread.
 */
#ifndef FRESHET_CONSUMERS_LOG_SET_H
#define FRESHET_CONSUMERS_LOG_SET_H

#include "consumers/log_reader.h"

struct log_set;

/**
 * Connects, asks for the ends and starts. `partitions` is kept and updated: next moves to the
 * topic's first offset if it lies below it, and over each record taken; high is the end, open
 * transactions included, so that whatever was committed before open is below it.
 * ERR_NOT_FOUND: no such partition; ERR_TIMEOUT: no broker answers within timeout_ms.
 * queue_bytes bounds the prefetch of all partitions together, roughly.
 */
enum status log_set_open(const struct settings *settings, struct log_partition *partitions,
                         uint32_t n, size_t queue_bytes, int timeout_ms, struct log_set **out,
                         struct error *err);
void log_set_close(struct log_set *set); /* NULL is a no-op */

/**
 * The next record of a partition, which stays the next one: *out lives until it is taken.
 * NULL: the end has been reached. Waits for the broker; ERR_TIMEOUT when it is silent for
 * longer than the timeout given at open, ERR_IO when the offset is gone.
 */
enum status log_set_peek(struct log_set *set, uint32_t index, const rd_kafka_message_t **out,
                         struct error *err);

/** Takes what peek has just given; the caller's to destroy. */
rd_kafka_message_t *log_set_take(struct log_set *set, uint32_t index);

/** True if peek would not wait. */
bool log_set_is_at_hand(const struct log_set *set, uint32_t index);

#endif
