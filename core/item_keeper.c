/*
 * Which snapshots stay: the newest, for the next start; and the newest that is not beyond any
 * position the state directory holds, because whoever computes transactions again from a backup
 * of it needs a view that is no younger than the first of them. Usually that is the one before.
 * `state backup` and `restore` take them along, and `verify --backup` begins at them, so that
 * it does not need `<app>-items` from offset 0.
 */
#include "core/item_keeper.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/item_snapshot.h"
#include "core/item_table.h"

#include <stdlib.h>
#include <unistd.h>

enum { TICK_US = 20000 };

struct item_keeper {
    struct runtime *runtime;
    pthread_t thread;
    int64_t last_ns;
    char last_view[1024]; /* name of the view last written */
    struct metric *written, *failed, *bytes, *seconds;
};

/* ---- which stay ---- */

/* The least of the positions on disk, component by component; INT64_MAX: there are none. */
static void needed_position(struct runtime *runtime, int64_t *items,
                            int64_t catalog[CATALOG_PARTITIONS_MAX])
{
    struct task_position position;

    *items = INT64_MAX;
    for (uint32_t p = 0; p < CATALOG_PARTITIONS_MAX; p++)
        catalog[p] = INT64_MAX;
    for (uint32_t task = 0; task < runtime->n_partitions; task++) {
        char *bytes;
        size_t len;

        if (state_db_get_position(runtime->db, (uint16_t)task, &bytes, &len) != OK)
            continue;
        if (task_position_decode((const uint8_t *)bytes, len, &position)) {
            if (position.items_offset < *items)
                *items = position.items_offset;
            for (uint32_t p = 0; p < position.n_catalog; p++)
                if (position.catalog_offset[p] < catalog[p])
                    catalog[p] = position.catalog_offset[p];
        }
        free(bytes);
    }
}

static void remove_old(struct runtime *runtime, const struct item_snapshot_id *id)
{
    struct item_snapshot_file files[ITEM_SNAPSHOTS_MAX];
    uint32_t n = item_snapshot_list(runtime->settings->state.dir, false, files);
    int64_t items, catalog[CATALOG_PARTITIONS_MAX];
    struct item_snapshot_info info;
    uint32_t kept = 0; /* beside the newest */
    struct error err;

    needed_position(runtime, &items, catalog);
    if (state_db_flush(runtime->db, &err) != OK) { /* a backup sees what is in files */
        log_error("items_snapshot", "reason=\"%s\"", err.text);
        return;
    }
    while (kept < n &&
           (item_snapshot_read_info(files[kept].path, id, &info, NULL) != OK ||
            !item_snapshot_is_not_beyond(&info, items, catalog, runtime->n_catalog_partitions)))
        kept++;
    for (uint32_t i = 1; i < n; i++) {
        /* While none is old enough all stay, but for the room of one. */
        if (kept < n ? i != kept : i == ITEM_SNAPSHOTS_MAX - 1)
            unlink(files[i].path);
    }
}

/* ---- writing ---- */

/* What the catalogue's reader must see again: the oldest refusal nobody has reported. */
static void catalog_from(struct runtime *runtime, const struct item_view *view,
                         int64_t out[CATALOG_PARTITIONS_MAX])
{
    for (uint32_t p = 0; p < runtime->n_catalog_partitions; p++)
        out[p] = item_view_catalog_offset(view, (int32_t)p);
    pthread_mutex_lock(&runtime->refusals_lock);
    for (const struct refusal *r = runtime->refusals; r; r = r->next)
        if (r->offset < out[r->partition])
            out[r->partition] = r->offset;
    pthread_mutex_unlock(&runtime->refusals_lock);
}

static void write_view(struct item_keeper *keeper, const struct item_view *view)
{
    struct runtime *runtime = keeper->runtime;
    struct item_snapshot_id id = {runtime->settings->app, runtime->cluster_id,
                                  &runtime->model_config};
    int64_t from[CATALOG_PARTITIONS_MAX], bytes = 0, start_ns = clock_mono_ns();
    char path[ITEM_SNAPSHOT_PATH_MAX];
    struct error err;

    catalog_from(runtime, view, from);
    item_snapshot_path(runtime->settings->state.dir, item_view_items_offset(view), path);
    if (item_snapshot_write(path, &id, view, from, &bytes, &err) != OK) {
        metric_add(keeper->failed, 1);
        log_error("items_snapshot", "reason=\"%s\"", err.text);
        return;
    }
    item_view_name(view, keeper->last_view, sizeof(keeper->last_view));
    metric_add(keeper->written, 1);
    metric_set(keeper->bytes, bytes);
    metric_set(keeper->seconds, clock_mono_ns() - start_ns);
    log_info("items_snapshot", "view=%s items=%u bytes=%lld seconds=%.3f", keeper->last_view,
             item_view_n_items(view), (long long)bytes,
             (double)(clock_mono_ns() - start_ns) / 1e9);
    remove_old(runtime, &id);
}

/* If anything is new since the last one. */
static void write_snapshot(struct item_keeper *keeper)
{
    struct item_fold *fold = keeper->runtime->fold;
    const struct item_view *view = item_view_acquire(fold);
    char name[sizeof(keeper->last_view)];

    item_view_name(view, name, sizeof(name));
    if (strcmp(name, keeper->last_view) != 0)
        write_view(keeper, view);
    item_view_release(fold, view);
}

static void *run(void *context)
{
    struct item_keeper *keeper = context;
    struct runtime *runtime = keeper->runtime;

    while (!atomic_load(&runtime->stopping)) {
        int64_t interval_ns = runtime->settings->state.snapshot_interval_ms * 1000000;

        usleep(TICK_US);
        if (!atomic_load(&runtime->items_ready))
            continue;
        if (runtime->item_table)
            item_table_tick(runtime->item_table);
        if (clock_mono_ns() - keeper->last_ns < interval_ns)
            continue;
        write_snapshot(keeper);
        keeper->last_ns = clock_mono_ns();
    }
    return NULL;
}

enum status item_keeper_start(struct runtime *runtime, struct item_keeper **out,
                              struct error *err)
{
    struct item_keeper *keeper = calloc(1, sizeof(*keeper));
    const char *help = "Snapshots of the item model, by result.";

    if (!keeper)
        return error_set(err, ERR_NOMEM, "item keeper: out of memory");
    keeper->runtime = runtime;
    if (!runtime->embedded && !(runtime->item_table = item_table_open(runtime))) {
        free(keeper);
        return error_set(err, ERR_NOMEM, "item keeper: out of memory");
    }
    keeper->last_ns = clock_mono_ns();
    keeper->written = metric_counter("item_snapshots_total", help, "result=\"written\"");
    keeper->failed = metric_counter("item_snapshots_total", help, "result=\"failed\"");
    keeper->bytes =
        metric_gauge("item_snapshot_bytes", "Size of the newest snapshot of the items.", NULL);
    keeper->seconds =
        metric_seconds(METRIC_GAUGE, "item_snapshot_seconds", "Time it took to write.", NULL);
    if (pthread_create(&keeper->thread, NULL, run, keeper)) {
        item_table_close(runtime->item_table);
        runtime->item_table = NULL;
        free(keeper);
        return error_set(err, ERR_NOMEM, "item keeper: cannot start a thread");
    }
    *out = keeper;
    return OK;
}

void item_keeper_stop(struct item_keeper *keeper)
{
    if (!keeper)
        return;
    pthread_join(keeper->thread, NULL);
    if (atomic_load(&keeper->runtime->items_ready))
        write_snapshot(keeper);
    item_table_close(keeper->runtime->item_table);
    keeper->runtime->item_table = NULL;
    free(keeper);
}
