#include "core/item_start.h"

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/item_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    BROKER_TIMEOUT_MS = 5000,
    TABLE_TRIES = 3, /* a newer cover each time */
    /* Half of 7 d, the least delete.retention.ms: an older catalogue may miss tombstones. */
    CATALOG_AGE_MAX_MS = 84 * 3600 * 1000,
};

const char *item_source_name(enum item_source source)
{
    static const char *const names[] = {"snapshot", "table", "beginning"};

    return names[source];
}

static struct item_snapshot_id id_of(const struct runtime *runtime)
{
    return (struct item_snapshot_id){runtime->settings->app, runtime->cluster_id,
                                     &runtime->model_config};
}

static uint32_t n_logs(const struct runtime *runtime)
{
    return 1 + runtime->n_catalog_partitions;
}

/* A reader at items_next, and in the catalogue at `from` (NULL: its beginning). Asks the broker
 * for the first and last offsets. */
static enum status open_reader(const struct runtime *runtime, struct item_start *start,
                               int64_t items_next, const int64_t *from, struct error *err)
{
    log_reader_close(start->reader);
    start->reader = NULL;
    start->partitions[0] =
        (struct log_partition){.topic = start->items_topic, .next = items_next};
    for (uint32_t p = 0; p < runtime->n_catalog_partitions; p++)
        start->partitions[1 + p] =
            (struct log_partition){.topic = runtime->settings->topics.catalog,
                                   .partition = (int32_t)p,
                                   .next = from ? from[p] : 0};
    return log_reader_open(runtime->settings, start->partitions, n_logs(runtime),
                           BROKER_TIMEOUT_MS, &start->reader, err);
}

/* ---- a snapshot ---- */

/* Do its facts hold, with what the catalogue still has? */
static bool catalog_fits(const struct runtime *runtime, const struct item_start *start,
                         const struct item_snapshot_info *info)
{
    if (info->n_catalog != runtime->n_catalog_partitions ||
        clock_wall_ms() - info->wall_ms > CATALOG_AGE_MAX_MS)
        return false;
    for (uint32_t p = 0; p < info->n_catalog; p++) {
        const struct log_partition *log = &start->partitions[1 + p];

        if (info->catalog_offset[p] > log->high ||
            (info->catalog_from[p] < log->low && log->low > 0))
            return false;
    }
    return true;
}

static enum status items_fit(const struct item_start *start,
                             const struct item_snapshot_info *info, struct error *err)
{
    const struct log_partition *log = &start->partitions[0];

    if (info->items_offset > log->high)
        return error_set(err, ERR_STATE,
                         "it reaches to offset %" PRId64 ", topic '%s' only to %" PRId64,
                         info->items_offset, log->topic, log->high);
    if (info->items_offset < log->low)
        return error_set(err, ERR_STATE,
                         "it reaches to offset %" PRId64 ", topic '%s' begins at %" PRId64
                         " by now",
                         info->items_offset, log->topic, log->low);
    return OK;
}

static enum status load_snapshot(const struct runtime *runtime, struct item_start *start,
                                 const char *path, struct error *err)
{
    struct item_snapshot_id id = id_of(runtime);
    struct item_snapshot_info info;
    bool with_catalog;

    TRY(item_snapshot_read_info(path, &id, &info, err));
    TRY(open_reader(runtime, start, info.items_offset,
                    info.n_catalog == runtime->n_catalog_partitions ? info.catalog_from : NULL,
                    err));
    TRY(items_fit(start, &info, err));
    with_catalog = catalog_fits(runtime, start, &info);
    if (!with_catalog)
        TRY(open_reader(runtime, start, info.items_offset, NULL, err));
    TRY(item_snapshot_load(path, &id, with_catalog, &start->fold, err));
    if (with_catalog)
        memcpy(start->catalog_offset, info.catalog_offset, sizeof(info.catalog_offset));
    if (mutant("mutant_snapshot_offset")) /* what came after the snapshot is forgotten */
        return open_reader(runtime, start, start->partitions[0].high,
                           with_catalog ? info.catalog_from : NULL, err);
    return OK;
}

/* ERR_NOT_FOUND: none can be used; those that never will be are gone. */
static enum status try_snapshots(const struct runtime *runtime, bool clean,
                                 struct item_start *start, struct error *err)
{
    struct item_snapshot_file files[ITEM_SNAPSHOTS_MAX];
    uint32_t n = item_snapshot_list(runtime->settings->state.dir, clean, files);

    for (uint32_t i = 0; i < n; i++) {
        enum status status = load_snapshot(runtime, start, files[i].path, err);

        if (status == OK || status == ERR_TIMEOUT || status == ERR_NOMEM || status == ERR_FULL)
            return status;
        log_warn("items_snapshot_refused", "file=\"%s\" reason=\"%s\" action=%s", files[i].path,
                 err->text, clean ? "removed" : "none");
        if (clean)
            unlink(files[i].path);
    }
    return ERR_NOT_FOUND;
}

/* ---- the table ---- */

static enum status load_table(const struct runtime *runtime, struct item_start *start,
                              struct item_cover *cover, struct error *err)
{
    struct item_snapshot_info info;

    TRY(item_table_find(runtime, cover, err));
    info.items_offset = cover->items_offset;
    if (cover->fingerprint != item_model_fingerprint(&runtime->model_config))
        return error_set(err, ERR_INVALID, "it was made by other models or settings");
    TRY(open_reader(runtime, start, cover->items_offset, NULL, err));
    if (items_fit(start, &info, err) != OK)
        return ERR_INVALID;
    return item_table_load(runtime, cover, &start->fold, err);
}

/* ERR_NOT_FOUND: it cannot be used. */
static enum status try_table(const struct runtime *runtime, struct item_start *start,
                             struct error *err)
{
    enum status status = ERR_STATE;

    for (int try = 0; status == ERR_STATE && try < TABLE_TRIES; try++) {
        struct item_cover cover = {0};

        status = load_table(runtime, start, &cover, err);
        item_cover_deinit(&cover);
        if (status == ERR_STATE && atomic_load(&runtime->stopping))
            return status;
    }
    if (status != ERR_STATE && status != ERR_INVALID)
        return status;
    log_warn("items_table_refused", "topic=\"%s-table\" reason=\"%s\"", start->items_topic,
             err->text);
    return ERR_NOT_FOUND;
}

/* ---- the beginning ---- */

static enum status try_beginning(const struct runtime *runtime, struct item_start *start,
                                 struct error *err)
{
    const struct log_partition *items = &start->partitions[0];

    TRY(open_reader(runtime, start, 0, NULL, err));
    if (items->low > 0)
        return error_set(err, ERR_STATE,
                         "topic '%s' begins at offset %" PRId64 ": records 0 to %" PRId64
                         " have expired, '%s' has no usable snapshot "
                         "and topic '%s-table' no rows that reach so far; copy a file "
                         "items-*.snapshot of another process into '%s'",
                         items->topic, items->low, items->low - 1, runtime->settings->state.dir,
                         items->topic, runtime->settings->state.dir);
    return item_fold_open(&runtime->model_config, &start->fold, err);
}

enum status item_start_open(const struct runtime *runtime, enum item_source from, bool clean,
                            struct item_start *out, struct error *err)
{
    enum status status = ERR_NOT_FOUND;

    memset(out, 0, sizeof(*out));
    snprintf(out->items_topic, sizeof(out->items_topic), "%s-items", runtime->settings->app);
    if (from == ITEMS_FROM_SNAPSHOT) {
        out->source = ITEMS_FROM_SNAPSHOT;
        status = try_snapshots(runtime, clean, out, err);
    }
    if (status == ERR_NOT_FOUND && from <= ITEMS_FROM_TABLE && !runtime->embedded) {
        out->source = ITEMS_FROM_TABLE;
        status = try_table(runtime, out, err);
    }
    if (status == ERR_NOT_FOUND) {
        out->source = ITEMS_FROM_BEGINNING;
        status = try_beginning(runtime, out, err);
    }
    if (status != OK) {
        log_reader_close(out->reader);
        item_fold_close(out->fold);
        out->reader = NULL;
        out->fold = NULL;
    }
    return status;
}
