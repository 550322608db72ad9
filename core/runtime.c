#include "core/runtime.h"

#include "consumers/partitioner.h"
#include "core/base/log.h"

#include <stdarg.h>
#include <stdlib.h>

/*
 * Shares of state.memory. The rest (an eighth) is what malloc, RocksDB's iterators and the
 * batches at hand need.
 *
 *   1/4 queues (input 2/3, output 1/3) | 3/8 cache | 1/8 memtables + block cache | 1/8 models
 */
struct memory_plan memory_plan(const struct settings *settings)
{
    size_t memory = (size_t)settings->state.memory_bytes;
    size_t workers = (size_t)settings->workers;
    struct memory_plan plan = {
        .input_queue_bytes = memory / 6 / workers,
        .output_queue_bytes = memory / 12 / workers,
        .overlay_bytes = memory / 16 / workers,
        .cache_bytes = memory / 8 * 3,
        .memtable_bytes = memory / 48,
        .block_cache_bytes = memory / 16,
        .items_max = (uint32_t)(memory / 8 / 1024),
    };

    if (plan.memtable_bytes > 64 << 20)
        plan.memtable_bytes = 64 << 20;
    return plan;
}

void runtime_fail(struct runtime *runtime, const struct error *err)
{
    pthread_mutex_lock(&runtime->failure_lock);
    if (!atomic_load(&runtime->failed)) {
        runtime->failure = *err;
        atomic_store(&runtime->failed, true);
    }
    pthread_mutex_unlock(&runtime->failure_lock);
    atomic_store(&runtime->stopping, true);
}

static void add_hint(void *context, int64_t fire_ms, struct str user_id)
{
    ensure(timer_queue_add(context, fire_ms, user_id) == OK);
}

enum status task_home_open(struct runtime *runtime, uint16_t task, uint32_t worker,
                           struct task_home **out, struct error *err)
{
    struct task_home *home = calloc(1, sizeof(*home));
    size_t cache_bytes = runtime->plan.cache_bytes / runtime->n_partitions;
    enum status status;

    if (!home)
        return error_set(err, ERR_NOMEM, "task: out of memory");
    home->task = task;
    home->worker = worker;
    task_position_init(&home->position);
    atomic_store(&home->refs, 1);
    pthread_mutex_init(&home->flush_lock, NULL);
    if (user_cache_open(task, runtime->db, cache_bytes, &home->cache) != OK ||
        timer_queue_open(&home->timers) != OK)
        status = error_set(err, ERR_NOMEM, "task: out of memory");
    else
        status = state_db_each_hint(runtime->db, task, add_hint, home->timers, err);
    if (status == OK)
        *out = home;
    else
        task_home_release(home);
    return status;
}

struct task_home *runtime_home(struct runtime *runtime, uint32_t task)
{
    struct task_home *home = NULL;

    pthread_rwlock_rdlock(&runtime->homes_lock);
    if (runtime->homes && task < runtime->n_partitions)
        home = runtime->homes[task];
    if (home)
        atomic_fetch_add(&home->refs, 1);
    pthread_rwlock_unlock(&runtime->homes_lock);
    return home;
}

void task_home_release(struct task_home *home)
{
    if (!home || atomic_fetch_sub(&home->refs, 1) > 1)
        return;
    user_cache_close(home->cache);
    timer_queue_close(home->timers);
    pthread_mutex_destroy(&home->flush_lock);
    free(home);
}

void runtime_add_home(struct runtime *runtime, struct task_home *home)
{
    pthread_rwlock_wrlock(&runtime->homes_lock);
    runtime->homes[home->task] = home;
    pthread_rwlock_unlock(&runtime->homes_lock);
    atomic_store(&runtime->status[home->task].state, TASK_RUNNING);
}

void runtime_remove_home(struct runtime *runtime, uint32_t task, bool flush)
{
    struct error err = {0};

    pthread_rwlock_wrlock(&runtime->homes_lock);
    struct task_home *home = runtime->homes[task];

    runtime->homes[task] = NULL;
    pthread_rwlock_unlock(&runtime->homes_lock);
    atomic_store(&runtime->status[task].state, TASK_ELSEWHERE);
    if (!home)
        return;
    pthread_mutex_lock(&home->flush_lock);
    if (flush && user_cache_flush(home->cache, &err) != OK)
        log_error("flush", "task=%u reason=\"%s\"", task, err.text);
    home->closed = true;
    pthread_mutex_unlock(&home->flush_lock);
    task_home_release(home);
}

static struct str copy_text(struct str text)
{
    char *copy = text.ptr ? malloc(text.len ? text.len : 1) : NULL;

    if (copy)
        memcpy(copy, text.ptr, text.len);
    return (struct str){copy, copy ? text.len : 0};
}

static void free_refusal(struct refusal *refusal)
{
    free((char *)(uintptr_t)refusal->key.ptr);
    free((char *)(uintptr_t)refusal->value.ptr);
    if (refusal->headers)
        rd_kafka_headers_destroy(refusal->headers);
    free(refusal);
}

void runtime_refuse(struct runtime *runtime, const struct refusal *refusal)
{
    struct refusal *copy = malloc(sizeof(*copy));

    if (!copy)
        return;
    *copy = *refusal;
    copy->next = NULL;
    copy->key = copy_text(refusal->key);
    copy->value = copy_text(refusal->value);
    copy->headers = refusal->headers ? rd_kafka_headers_copy(refusal->headers) : NULL;
    pthread_mutex_lock(&runtime->refusals_lock);
    if (!runtime->refusals)
        runtime->refusals_end = &runtime->refusals;
    *runtime->refusals_end = copy;
    runtime->refusals_end = &copy->next;
    if (++runtime->n_refusals > REFUSALS_MAX) {
        struct refusal *oldest = runtime->refusals;

        runtime->refusals = oldest->next;
        runtime->n_refusals--;
        log_warn("refusal_dropped", "partition=%d offset=%lld", oldest->partition,
                 (long long)oldest->offset);
        free_refusal(oldest);
    }
    pthread_mutex_unlock(&runtime->refusals_lock);
}

bool refusals_waiting(struct runtime *runtime, const struct task_position *position)
{
    bool waiting = false;

    pthread_mutex_lock(&runtime->refusals_lock);
    for (const struct refusal *r = runtime->refusals; r && !waiting; r = r->next)
        waiting = r->offset >= position->catalog_refused_next[r->partition];
    pthread_mutex_unlock(&runtime->refusals_lock);
    return waiting;
}

void refusals_drop(struct runtime *runtime, const struct task_position *position)
{
    pthread_mutex_lock(&runtime->refusals_lock);
    struct refusal **link = &runtime->refusals;

    while (*link) {
        struct refusal *refusal = *link;

        if (refusal->offset < position->catalog_refused_next[refusal->partition]) {
            *link = refusal->next;
            runtime->n_refusals--;
            free_refusal(refusal);
        } else {
            link = &refusal->next;
        }
    }
    runtime->refusals_end = link;
    pthread_mutex_unlock(&runtime->refusals_lock);
}

uint32_t runtime_task_of(const struct runtime *runtime, struct str user_id)
{
    return (uint32_t)partition_of(runtime->settings->partitioner, user_id,
                                  (int32_t)runtime->n_partitions);
}

void runtime_phase(struct runtime *runtime, const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&runtime->failure_lock);
    va_start(args, format);
    vsnprintf(runtime->phase, sizeof(runtime->phase), format, args);
    va_end(args);
    pthread_mutex_unlock(&runtime->failure_lock);
}

void runtime_news(struct runtime *runtime, const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&runtime->news.lock);
    va_start(args, format);
    vsnprintf(runtime->news.at[runtime->news.n++ % 16].text, sizeof(runtime->news.at[0].text),
              format, args);
    va_end(args);
    pthread_mutex_unlock(&runtime->news.lock);
}
