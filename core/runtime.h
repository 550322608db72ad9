/*
 * What the threads of one process share, and who may touch what.
 *
 *   thread      one of            writes                                  reads
 *   worker      workers           its tasks' homes, sink, overlay         item view, database
 *   fold        one               item fold                               -
 *   keeper      one               item snapshots                          view, database
 *   restorer    one               database (tasks not yet at home)        -
 *   flusher     one               database (tasks at home)                caches
 *   http        few               -                                       caches, view,
 * database main        one               stop flag                               -
 */
#ifndef FRESHET_CORE_RUNTIME_H
#define FRESHET_CORE_RUNTIME_H

#include "consumers/registry.h"
#include "core/base/settings.h"
#include "features/state_db.h"
#include "features/timer_queue.h"
#include "features/user_cache.h"
#include "models/item_view.h"
#include "producers/campaign.h"
#include "schemas/task_position.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

enum { WORKERS_MAX = 64 };

/* How the memory of state.memory is divided; see memory_plan() for the shares. */
struct memory_plan {
    size_t input_queue_bytes;  /* per worker: librdkafka's prefetch */
    size_t output_queue_bytes; /* per worker: records waiting for the broker */
    size_t overlay_bytes;      /* per worker */
    size_t cache_bytes;        /* all tasks together */
    size_t memtable_bytes, block_cache_bytes;
    uint32_t items_max;
};
struct memory_plan memory_plan(const struct settings *settings);

/* A task at home here: restored, owned by one worker. */
struct task_home {
    uint16_t task;
    uint32_t worker;
    struct user_cache *cache;
    struct timer_queue *timers;    /* the worker's alone */
    struct task_position position; /* as of the last commit; the worker's alone */
    bool touched;                  /* by the open transaction */
    int64_t changelog_offset;      /* of the open transaction's position record */
    atomic_int refs;               /* table, flusher, http */
    pthread_mutex_t flush_lock;    /* held during a flush cycle, and to close */
    bool closed;                   /* under flush_lock: flush no more */
};

struct output_ids { /* schema ids of our outputs */
    int32_t recommendation, push, email, suppressed;
};

/* What /v1/status and the console show of a (task, topic); published by the worker. */
struct lag_cell {
    _Atomic int64_t next, end, behind_ms;
};

struct task_status {  /* by partition */
    atomic_int state; /* enum task_state */
    _Atomic int64_t restore_remaining;
    _Atomic int64_t clock_ms;
    struct lag_cell lag[N_USER_TOPICS];
};
enum task_state { TASK_ELSEWHERE, TASK_RESTORING, TASK_RUNNING };

struct record_type;
struct worker;
struct restorer;
struct follower;
struct flusher;
struct item_table;

/* A catalogue record the fold refused, kept until task 0's owner has reported it. */
struct refusal {
    struct refusal *next;
    uint8_t fate;
    int32_t partition;
    int64_t offset, kafka_ms;
    struct str key, value;       /* malloc'ed; ptr NULL: null */
    rd_kafka_headers_t *headers; /* a copy of the record's own; NULL: none */
    char detail[160];
};

enum { REFUSALS_MAX = 10000 }; /* beyond it the oldest unreported ones are counted, not kept */

struct runtime {
    const struct settings *settings;
    bool embedded; /* the demo: local registry, mock broker */
    struct memory_plan plan;
    char instance[128];
    char cluster_id[128];
    uint32_t n_partitions; /* of the user-keyed topics */
    uint32_t n_catalog_partitions;
    struct registry *registry;
    struct output_ids ids;
    struct state_db *db;
    struct item_model_config model_config;
    struct item_fold *fold; /* from items_ready on; the fold thread's until then */
    struct campaign_set *campaigns;
    struct restorer *restorer;
    struct item_table *item_table; /* rows for the owner of task 0 to write; NULL: none */

    pthread_rwlock_t homes_lock;
    struct task_home **homes;   /* by partition; NULL: not here */
    struct task_status *status; /* by partition */

    pthread_mutex_t refusals_lock;
    struct refusal *refusals, **refusals_end;
    uint32_t n_refusals;

    atomic_bool stopping;        /* the program is to end */
    atomic_bool keep_membership; /* and its place in the group is kept for a quick restart */
    atomic_bool items_ready;     /* fold has reached the end seen at start */
    atomic_bool broker_away;     /* as the fold's reader sees it */
    atomic_int n_assigned;       /* tasks of this process, restoring included */
    _Atomic int64_t fold_next;   /* items offset of the published view */
    atomic_bool failed;          /* a thread met what only a stop can settle */
    pthread_mutex_t failure_lock;
    struct error failure; /* the first one */
    char phase[160];      /* what the start is waiting for; for /readyz */

    struct { /* newest lists and messages, for demo and console */
        pthread_mutex_t lock;
        uint32_t n;
        struct {
            char text[240];
        } at[16];
    } news;

    uint32_t n_workers;
    struct worker *workers[WORKERS_MAX];
};

/* ---- building one (runtime_open.c) ---- */

/** Locks, settings, memory plan; the storage is zeroed. deinit closes what the others opened:
 *  fold, database, campaigns, registry, tables. */
void runtime_init(struct runtime *runtime, const struct settings *settings);
void runtime_deinit(struct runtime *runtime);

/** Cluster and partition counts. ERR_TIMEOUT: no answer; ERR_INVALID: a topic is missing. */
enum status runtime_read_metadata(struct runtime *runtime, rd_kafka_t *client, int timeout_ms,
                                  struct error *err);

/** The tables by partition, and what the item fold is to be like. After read_metadata. */
enum status runtime_open_tables(struct runtime *runtime, struct error *err);

/** What the item fold is to be like; part of open_tables. */
void runtime_model_config(struct runtime *runtime);

/** Campaigns and templates of the settings. */
enum status runtime_load_campaigns(struct runtime *runtime, struct error *err);

enum { OUTPUT_SCHEMAS_MAX = 8 };
struct output_schema {
    const char *topic;
    const struct record_type *type;
    int32_t *out_id; /* in runtime->ids */
};
/** The schemas of our outputs, whose ids must be known. Returns how many. */
uint32_t runtime_output_schemas(struct runtime *runtime,
                                struct output_schema out[OUTPUT_SCHEMAS_MAX]);

/* ---- using it ---- */

/** Notes the first failure and asks the program to end. Any thread. */
void runtime_fail(struct runtime *runtime, const struct error *err);

/** The home of a task with a reference, or NULL. Any thread. */
struct task_home *runtime_home(struct runtime *runtime, uint32_t task);
void task_home_release(struct task_home *home);

/** A home over the database as it is now: cache, timers; the position is the caller's to set.
 */
enum status task_home_open(struct runtime *runtime, uint16_t task, uint32_t worker,
                           struct task_home **out, struct error *err);

/** Enters a restored task; the table takes over the reference. Worker. */
void runtime_add_home(struct runtime *runtime, struct task_home *home);

/** Takes a task out; waits for a running flush cycle of it. flush: its dirty values first. */
void runtime_remove_home(struct runtime *runtime, uint32_t task, bool flush);

/** The fold refuses a catalogue record (copied). */
void runtime_refuse(struct runtime *runtime, const struct refusal *refusal);
/** True if refusals beyond the position's marks are waiting. */
bool refusals_waiting(struct runtime *runtime, const struct task_position *position);
/** Frees those before the position's marks. */
void refusals_drop(struct runtime *runtime, const struct task_position *position);

/** The partition of a user by settings.partitioner. */
uint32_t runtime_task_of(const struct runtime *runtime, struct str user_id);

/** Sentence for /readyz while starting. */
void runtime_phase(struct runtime *runtime, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** A line for the live view; the oldest gives way. */
void runtime_news(struct runtime *runtime, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
