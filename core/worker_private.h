/* What worker.c, pipeline.c, transaction.c and outputs.c share: one worker's things. */
#ifndef FRESHET_CORE_WORKER_PRIVATE_H
#define FRESHET_CORE_WORKER_PRIVATE_H

#include "consumers/source.h"
#include "core/base/metrics.h"
#include "core/runtime.h"
#include "core/tally.h"
#include "core/worker.h"
#include "features/user_overlay.h"
#include "producers/sink.h"
#include "schemas/feature_batch.h"

enum { VALUE_BYTES_MAX = 1100000, RANK_CHUNK = 64 };

enum stage {
    STAGE_DECODE,
    STAGE_FEATURES,
    STAGE_LEARN,
    STAGE_RANK,
    STAGE_ENCODE,
    STAGE_COMMIT,
    N_STAGES,
};

struct worker_metrics {
    struct metric *stage_ns[N_STAGES], *stage_events[N_STAGES], *stage_calls[N_STAGES];
    struct metric *fates[N_USER_TOPICS][N_EVENT_FATES];
    struct metric *reasons[8];
    struct metric *lag[N_USER_TOPICS][TASKS_MAX], *lag_seconds[N_USER_TOPICS][TASKS_MAX];
    struct metric *committed, *aborted;
    struct metric *event_to_commit, *commit_seconds;
    struct metric *cache_hits, *misplaced;
};

/* The open transaction: one item view, one wall time, the tasks it touches. */
struct transaction {
    bool open;
    bool refusals; /* refused_next goes into task 0's position */
    int64_t refused_next[CATALOG_PARTITIONS_MAX];
    const struct item_view *view;
    char view_name[1024];
    struct str view_text;
    int64_t wall_ms;
    int64_t begun_ns;
    int64_t oldest_kafka_ms; /* of its events, for event-to-commit */
    uint32_t n_events;
    rd_kafka_consumer_group_metadata_t *metadata;
    struct tally tally;
};

struct ownership { /* of a partition, as the group said last */
    bool owned;
    bool asked; /* a restore is under way */
    bool stale; /* and what it brings is not to be used */
};

struct restored {
    struct restored *next;
    int32_t task;
    struct task_home *home;
    struct error err;
};

struct worker {
    struct runtime *runtime;
    uint32_t number;
    char id[304]; /* group.instance.id and transactional.id */
    pthread_t thread;
    struct ownership *ownership;     /* by partition */
    struct task_position *positions; /* of a commit: one for each task it touches */
    struct task_home **touched;      /* and those tasks */
    struct task_home **homes;        /* its own tasks, by partition; NULL: not here */
    struct source *source;
    struct sink *sink;
    struct user_overlay *overlay;
    struct item_changes *changes;
    struct rank_scratch *scratch;
    struct arena arena; /* of the batch: snapshots, decisions, rendered texts */
    struct transaction txn;
    struct event_batch batch;
    struct feature_batch features;
    struct rank_request requests[RANK_CHUNK];
    uint32_t request_lanes[RANK_CHUNK];
    struct ranking rankings[RANK_CHUNK];
    uint8_t *value; /* VALUE_BYTES_MAX, for encoding */
    uint32_t n_restoring;
    int64_t fenced_ns; /* when the group last gave our name to another; 0: never */
    bool more; /* records were waiting when the last transaction ended: do not sleep on them */
    int64_t last_status_ns;
    struct worker_metrics metrics;
    pthread_mutex_t mailbox_lock;
    struct restored *mailbox;
};

/* worker.c */

/** A worker without thread, source and sink, to be given to worker_close(): what verify
 *  computes with. */
enum status worker_open(struct runtime *runtime, uint32_t number, struct worker **out,
                        struct error *err);
/** Dirty values cannot be evicted: where they take most of a cache, they are written now. */
enum status worker_relieve_caches(struct worker *worker, struct error *err);

/* transaction.c */

/** Opens one if none is open. */
enum status transaction_begin(struct worker *worker, struct error *err);
/** Commits; on SINK_OK the overlay has entered the caches. Other results: nothing happened. */
enum sink_result transaction_commit(struct worker *worker, struct error *err);
/** Forgets what was computed; the sink has aborted or is told to. */
void transaction_discard(struct worker *worker, bool abort);
/** A task takes part: its position is written at commit even without records. */
void transaction_touch(struct worker *worker, struct task_home *home);

/** One call of a stage: counted when the transaction commits. */
static inline void count_stage(struct worker *worker, enum stage stage, int64_t ns, uint32_t n)
{
    tally_add(&worker->txn.tally, worker->metrics.stage_ns[stage], ns);
    tally_add(&worker->txn.tally, worker->metrics.stage_events[stage], n);
    tally_add(&worker->txn.tally, worker->metrics.stage_calls[stage], 1);
}

/* pipeline.c */

/** Takes the batch through all stations up to the open transaction. */
enum status pipeline_step(struct worker *worker, struct error *err);
/** Fires what is due at the task's clock. cause: lane, or -1 for a clock move. */
enum status pipeline_fire_due(struct worker *worker, struct task_home *home, int64_t clock_ms,
                              int cause, struct error *err);

/* outputs.c */

enum status output_recommendation(struct worker *worker, uint32_t lane,
                                  const struct ranking *ranking, struct error *err);
enum status output_decision(struct worker *worker, const struct task_home *home, int cause,
                            const struct campaign_decision *decision, struct error *err);
/** Refused catalogue records that task 0 has not reported yet. */
enum status output_refusals(struct worker *worker, struct task_home *home, struct error *err);
enum status output_dead_letter(struct worker *worker, uint32_t lane, struct error *err);

/* A topic's name has at most 249 bytes, then two numbers. */
enum { SOURCE_TEXT_MAX = 320 };
/** "topic/partition/offset" of a lane into out (SOURCE_TEXT_MAX); returns the length. */
uint32_t source_text(const struct worker *worker, uint32_t lane, char *out);
const char *topic_text(const struct settings *settings, enum input_topic topic);

#endif
