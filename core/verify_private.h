/*
 * What the files of verify share.
 *
 *   verify_cause.c     which record or transaction an output says it comes from
 *   verify_outputs.c   what Kafka holds, by that cause
 *   verify_journal.c   the transactions, in an order in which they can be computed again
 *   verify_views.c     item views at exactly the positions that the journal names
 *   verify_runtime.c   what run builds too: campaigns, registry, partitions, schemas
 *   verify_state.c     the state at the beginning: empty, or a backup
 *   verify_report.c    the first difference, kept for the reader
 *   verify.c           one transaction after the other, and the comparison
 */
#ifndef FRESHET_CORE_VERIFY_PRIVATE_H
#define FRESHET_CORE_VERIFY_PRIVATE_H

#include "consumers/log_set.h"
#include "core/base/hash.h"
#include "core/item_feed.h"
#include "core/runtime.h"
#include "core/verify.h"
#include "producers/sink.h"
#include "schemas/task_position.h"

enum {
    VERIFY_QUEUE_BYTES = 64 << 20, /* prefetch of one log set */
    VERIFY_TIMEOUT_MS = 30000,     /* a broker or registry silent for so long ends it */
};

/* ---- causes and headers ---- */

enum cause_kind { /* below: enum input_topic, INPUT_CATALOG included */
                  CAUSE_JOURNAL = N_INPUT_TOPICS,
                  CAUSE_NONE, /* no header that says so, or not one of ours */
};

struct verify_cause {
    enum cause_kind kind;
    int32_t partition;
    int64_t number; /* offset, or number of the transaction */
};

/**
 * The cause of a record with these headers (NULL: none): freshet.source, or of a dead letter
 * freshet.error.topic, .partition and .offset. The last of equal names counts, as a dead
 * letter's own come behind those of the record it holds.
 */
struct verify_cause verify_cause_of(const struct settings *settings, enum sink_topic topic,
                                    const rd_kafka_headers_t *headers);

/** The cause as "topic/partition/number"; empty for CAUSE_NONE. Returns out. */
const char *verify_cause_text(const struct settings *settings, struct verify_cause cause,
                              char *out, size_t capacity);

/** Appends "name=value" lines of the headers to out, byte for byte; false: out of memory. */
struct verify_buffer {
    char *bytes;
    size_t n, capacity;
};
bool verify_headers_flatten(const rd_kafka_headers_t *headers, struct verify_buffer *out);

/** The last header of that name; ptr NULL: there is none. */
struct str verify_header(const rd_kafka_headers_t *headers, const char *name);

/* ---- outputs ---- */

/* An output as it is compared. The strings are borrowed. */
struct verify_output {
    enum sink_topic topic;
    struct str key, value, headers;
    int64_t timestamp_ms; /* <= 0: not known, not compared */
    struct verify_cause cause;
};

/* Where a record of Kafka stands. */
struct verify_place {
    enum sink_topic topic;
    int32_t partition;
    int64_t offset;
    struct verify_cause cause;
};

struct verify_outputs;

/** Opens all output topics that exist, and reads dead-letter whole. */
enum status verify_outputs_open(const struct settings *settings, struct verify_outputs **out,
                                struct error *err);
void verify_outputs_close(struct verify_outputs *outputs);

enum verify_match { MATCH_EQUAL, MATCH_DIFFERS, MATCH_NONE };

/**
 * Takes the record that belongs to a computed output out of the index, reading on as far as
 * needed: an equal one if there is one, else the first of the same topic, cause and key.
 */
enum status verify_outputs_match(struct verify_outputs *outputs,
                                 const struct verify_output *computed, enum verify_match *match,
                                 struct verify_place *out, struct error *err);

/** Reads everything and gives what no computed output has taken, in no order. */
enum status verify_outputs_rest(struct verify_outputs *outputs,
                                void (*each)(void *context, const struct verify_place *place),
                                void *context, struct error *err);

/** A record refused as unknown_schema, as dead-letter tells: see struct frame. */
bool verify_outputs_unknown_schema(const struct verify_outputs *outputs, enum input_topic topic,
                                   int32_t partition, int64_t offset);

const char *verify_output_topic(const struct settings *settings, enum sink_topic topic);

/* ---- journal ---- */

struct journal_record {
    struct task_position position;
    int64_t offset;
    uint32_t n_bytes;
    uint8_t bytes[POSITION_BYTES_MAX]; /* as they are in Kafka */
};

struct verify_journal;

/** after: by task, the last transaction that the state at the beginning includes. */
enum status verify_journal_open(const struct settings *settings, uint32_t n_tasks,
                                const struct task_position *after, struct verify_journal **out,
                                struct error *err);
void verify_journal_close(struct verify_journal *journal);

/**
 * The next transaction to be computed; *out NULL: all have been given. It lives until the next
 * call. ERR_STATE: a transaction is missing, or there twice.
 */
enum status verify_journal_next(struct verify_journal *journal, uint32_t *out_task,
                                const struct journal_record **out, struct error *err);

/** Where a task stands by now, read beyond the end seen at open; *out is as it was if its
 *  journal has not grown. */
enum status verify_journal_newest(const struct settings *settings, uint32_t task,
                                  int64_t from_offset, struct task_position *out,
                                  struct error *err);

/** The offset behind the last record read of a task's journal. */
int64_t verify_journal_next_offset(const struct verify_journal *journal, uint32_t task);

/* ---- views ---- */

enum { VERIFY_FOLDS_MAX = 4 }; /* each as large as a process's own */

struct verify_view_fold {
    struct item_fold *fold;
    struct item_feed feed;
    struct log_set *logs;
    struct log_partition partitions[1 + CATALOG_PARTITIONS_MAX]; /* items first */
    int64_t at[1 + CATALOG_PARTITIONS_MAX]; /* what the published view includes */
    uint64_t last_used;
};

struct verify_views {
    struct runtime *runtime;
    const struct verify_outputs *outputs;
    const char *backup; /* folder whose item snapshots a fold may begin at; NULL: none */
    char items_topic[300];
    uint32_t n;
    uint64_t clock;
    struct verify_view_fold *at[VERIFY_FOLDS_MAX];
};

void verify_views_init(struct verify_views *views, struct runtime *runtime,
                       const struct verify_outputs *outputs);
void verify_views_deinit(struct verify_views *views);

/** A fold whose newest view is the one the position names. ERR_IO: records are gone. */
enum status verify_views_seek(struct verify_views *views, const struct task_position *position,
                              struct item_fold **out, struct error *err);

/* ---- runtime ---- */

/** Opens, in an initialised runtime, all but the database and a fold; nothing is registered.
 *  To be given to runtime_deinit() whatever comes of it. */
enum status verify_runtime_open(struct runtime *runtime, struct error *err);

/* ---- state ---- */

struct verify_state {
    char dir[600]; /* empty: none */
};

/**
 * Makes runtime->db in a new folder under scratch, empty or from the backup, and gives where
 * each task stands (by task). Tasks of a backup are brought on to the end of a transaction.
 */
enum status verify_state_open(struct verify_state *state, struct runtime *runtime,
                              const char *scratch, const char *backup,
                              struct task_position *positions, struct error *err);
/** Closes runtime->db and removes the folder. */
void verify_state_close(struct verify_state *state, struct runtime *runtime);

/* ---- report ---- */

struct verify_reporter {
    const struct settings *settings;
    struct registry *registry;
    struct verify_result *result;
};

/** Counts, and keeps the first difference. computed NULL: extra; place NULL: missing. */
void verify_report(struct verify_reporter *reporter, const struct verify_output *computed,
                   const struct verify_place *place, int32_t task, uint64_t number);

/** The journal record itself is another. */
void verify_report_journal(struct verify_reporter *reporter, uint32_t task,
                           const struct journal_record *record, struct str computed);

#endif
