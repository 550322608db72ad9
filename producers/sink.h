/*
 * One worker's output: a transactional producer and the topics it writes.
 *
 * begin -> put ... -> send_offsets -> commit. Nothing is visible to read_committed readers
 * before commit says SINK_COMMITTED. One thread.
 */
#ifndef FRESHET_PRODUCERS_SINK_H
#define FRESHET_PRODUCERS_SINK_H

#include "core/base/settings.h"
#include "core/base/status.h"
#include "core/base/str.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

enum sink_topic {
    SINK_RECOMMENDATIONS,
    SINK_CONTENT_PUSH,
    SINK_CONTENT_EMAIL,
    SINK_CONTENT_SOCIAL,
    SINK_CONTENT_SEO,
    SINK_CONTENT_ONSITE,
    SINK_SUPPRESSED,
    SINK_PROFILES,
    SINK_DEAD_LETTER,
    SINK_CHANGELOG,
    SINK_JOURNAL,
    SINK_ITEMS,
    SINK_ITEMS_TABLE,
    N_SINK_TOPICS,
};

struct sink;

/* queue_bytes bounds what waits for the broker. */
enum status sink_open(const struct settings *settings, const char *transactional_id,
                      size_t queue_bytes, struct sink **out, struct error *err);

struct sink_record;

/* A sink that writes nowhere: each record is shown to put(), which copies what it keeps (the
 * headers are the sink's). Everything else is done at once, and says SINK_OK. */
struct sink_capture {
    enum status (*put)(void *context, const struct sink_record *record, struct error *err);
    void *context;
};
enum status sink_open_capture(const struct sink_capture *capture, struct sink **out,
                              struct error *err);

/** Aborts what is open. NULL is a no-op. */
void sink_close(struct sink *sink);

enum sink_result {
    SINK_OK,      /* done; for commit: visible */
    SINK_ABORTED, /* the transaction is void and has been aborted: compute it again */
    SINK_RENEW,   /* outcome settled as void, this producer is spent: close, open, init */
    SINK_FENCED,  /* another producer has this transactional id */
};

/**
 * From the moment *stopping is true, calls that find no broker give up after some seconds
 * instead of asking on: commit and abort say SINK_RENEW (the broker voids the transaction when
 * its time is over), put says ERR_IO, init ERR_TIMEOUT.
 */
void sink_watch_stop(struct sink *sink, const atomic_bool *stopping);

/** Fences older producers of the id and settles their transactions. Tries until timeout_ms. */
enum status sink_init(struct sink *sink, int timeout_ms, struct error *err);

enum sink_result sink_begin(struct sink *sink, struct error *err);

struct sink_record {
    enum sink_topic topic;
    int32_t partition;           /* RD_KAFKA_PARTITION_UA: by the key */
    struct str key, value;       /* value ptr NULL: tombstone; both are copied */
    int64_t timestamp_ms;        /* 0: now */
    rd_kafka_headers_t *headers; /* the sink's if put says OK; NULL: none */
    int64_t
        *out_offset; /* NULL, or where the committed offset is written before commit returns */
};

/**
 * Adds a record to the open transaction; waits while the queue is full. ERR_INVALID: the record
 * can never be sent (too large); ERR_IO: the transaction is broken, commit will say how.
 */
enum status sink_put(struct sink *sink, const struct sink_record *record, struct error *err);

/** `source` and `view` as freshet.source and freshet.view; NULL view: left out. */
rd_kafka_headers_t *sink_headers(struct str source, struct str view);

/** Offsets into the transaction; metadata is destroyed. */
enum sink_result sink_send_offsets(struct sink *sink,
                                   const rd_kafka_topic_partition_list_t *offsets,
                                   rd_kafka_consumer_group_metadata_t *metadata,
                                   struct error *err);

/** Commits; asks until the outcome is known, however long the broker is away. */
enum sink_result sink_commit(struct sink *sink, struct error *err);

enum sink_result sink_abort(struct sink *sink, struct error *err);

/** Largest value put() accepts. */
size_t sink_value_max(const struct sink *sink);

/** To be called while nothing else is done with the sink. */
void sink_poll(struct sink *sink);

#endif
