#include "core/flusher.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    FAILURES_MAX = 3, /* cycles in a row that may fail before the program gives up */
    TICK_US = 20000,
};

struct flusher {
    struct runtime *runtime;
    pthread_t thread;
    uint32_t n_failures;
    struct metric *cache_bytes, *dirty_bytes, *db_memory, *db_disk, *item_bytes;
};

static void flush_task(struct flusher *flusher, struct task_home *home)
{
    struct error err = {0};
    enum status status = OK;

    pthread_mutex_lock(&home->flush_lock);
    if (!home->closed)
        status = user_cache_flush(home->cache, &err);
    pthread_mutex_unlock(&home->flush_lock);
    if (status == OK) {
        flusher->n_failures = 0;
        return;
    }
    log_error("flush", "task=%u failures=%u reason=\"%s\"", home->task, flusher->n_failures + 1,
              err.text);
    if (++flusher->n_failures >= FAILURES_MAX)
        runtime_fail(flusher->runtime, &err);
}

static void publish_sizes(struct flusher *flusher, size_t cache, size_t dirty)
{
    size_t memory, disk;

    state_db_size(flusher->runtime->db, &memory, &disk);
    metric_set(flusher->cache_bytes, (int64_t)cache);
    metric_set(flusher->dirty_bytes, (int64_t)dirty);
    metric_set(flusher->db_memory, (int64_t)memory);
    metric_set(flusher->db_disk, (int64_t)disk);
    if (atomic_load(&flusher->runtime->items_ready)) /* the fold is the start's until then */
        metric_set(flusher->item_bytes,
                   (int64_t)item_fold_memory_bytes(flusher->runtime->fold));
}

static void cycle(struct flusher *flusher)
{
    size_t cache = 0, dirty = 0;

    for (uint32_t task = 0; task < flusher->runtime->n_partitions; task++) {
        struct task_home *home = runtime_home(flusher->runtime, task);

        if (!home)
            continue;
        dirty += user_cache_dirty_bytes(home->cache);
        flush_task(flusher, home);
        cache += user_cache_bytes(home->cache);
        task_home_release(home);
    }
    publish_sizes(flusher, cache, dirty);
}

static void *run(void *context)
{
    struct flusher *flusher = context;
    struct runtime *runtime = flusher->runtime;
    int64_t last_ns = clock_mono_ns();

    while (!atomic_load(&runtime->stopping)) {
        usleep(TICK_US);
        if (clock_mono_ns() - last_ns < runtime->settings->state.flush_interval_ms * 1000000)
            continue;
        cycle(flusher);
        last_ns = clock_mono_ns();
    }
    return NULL;
}

enum status flusher_start(struct runtime *runtime, struct flusher **out, struct error *err)
{
    struct flusher *flusher = calloc(1, sizeof(*flusher));
    const char *help = "Bytes of state, by where they are.";

    if (!flusher)
        return error_set(err, ERR_NOMEM, "flusher: out of memory");
    flusher->runtime = runtime;
    flusher->cache_bytes = metric_gauge("state_bytes", help, "kind=\"cache\"");
    flusher->dirty_bytes = metric_gauge("state_bytes", help, "kind=\"cache_dirty\"");
    flusher->db_memory = metric_gauge("state_bytes", help, "kind=\"rocksdb_memory\"");
    flusher->db_disk = metric_gauge("state_bytes", help, "kind=\"rocksdb_disk\"");
    flusher->item_bytes = metric_gauge("state_bytes", help, "kind=\"items\"");
    if (pthread_create(&flusher->thread, NULL, run, flusher)) {
        free(flusher);
        return error_set(err, ERR_NOMEM, "flusher: cannot start a thread");
    }
    *out = flusher;
    return OK;
}

void flusher_stop(struct flusher *flusher)
{
    if (!flusher)
        return;
    pthread_join(flusher->thread, NULL);
    free(flusher);
}
