/*
 * Records of `<app>-items` and of the catalogue into an item fold: what the follower does for
 * the workers, and verify for itself. One thread, the fold's.
 */
#ifndef FRESHET_CORE_ITEM_FEED_H
#define FRESHET_CORE_ITEM_FEED_H

#include "consumers/decoder.h"
#include "core/runtime.h"

#include <librdkafka/rdkafka.h>

struct item_feed {
    struct item_fold *fold; /* not the feed's */
    struct decoder *decoder;
    struct arena arena;
};

/** fold NULL: for decoding only. ERR_NOMEM; close accepts what there is. */
enum status item_feed_open(struct item_fold *fold, struct registry *registry,
                           struct item_feed *out);
void item_feed_close(struct item_feed *feed);

/** ERR_NOMEM only. */
enum status item_feed_items(struct item_feed *feed, const rd_kafka_message_t *message);

/**
 * Folds the record, or passes over it if it is refused: out->fate says which (EVENT_LIVE:
 * folded). Strings of *out point into the message. ERR_TIMEOUT: its schema is not known yet,
 * nothing has been done, ask again. schema_was_unknown: see struct frame.
 */
enum status item_feed_catalog(struct item_feed *feed, const rd_kafka_message_t *message,
                              bool schema_was_unknown, struct refusal *out);

/** Only the first half: is it refused, and why? *out_item (NULL: a tombstone) lives until the
 *  feed's next call. False: its schema is not known yet. */
bool item_feed_decode(struct item_feed *feed, const rd_kafka_message_t *message,
                      bool schema_was_unknown, struct refusal *out, const void **out_item);

#endif
