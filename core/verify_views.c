/*
 * A view is the fold at a position, and a fold only goes forward. One fold serves all
 * transactions of one process. Processes side by side publish views that lie neither before nor
 * behind each other (this one is ahead in the items, that one in the catalogue): each such line
 * gets a fold of its own, and when there are too many lines, the one unused longest begins
 * anew.
 */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/item_snapshot.h"
#include "core/verify_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REGISTRY_WAIT_US = 5000 };

static uint32_t n_logs(const struct verify_views *views)
{
    return 1 + views->runtime->n_catalog_partitions;
}

static int64_t wanted_at(const struct task_position *position, uint32_t index)
{
    return index == 0 ? position->items_offset : position->catalog_offset[index - 1];
}

void verify_views_init(struct verify_views *views, struct runtime *runtime,
                       const struct verify_outputs *outputs)
{
    memset(views, 0, sizeof(*views));
    views->runtime = runtime;
    views->outputs = outputs;
    snprintf(views->items_topic, sizeof(views->items_topic), "%s-items",
             runtime->settings->app);
}

/* ---- one fold ---- */

static void close_fold(struct verify_view_fold *fold)
{
    if (!fold)
        return;
    log_set_close(fold->logs);
    item_feed_close(&fold->feed);
    item_fold_close(fold->fold);
    free(fold);
}

/* What has been deleted of the catalogue is missing in every view, as it is for a process that
 * starts now. What has been deleted of the items was in the views. */
static enum status check_beginnings(const struct verify_views *views,
                                    const struct verify_view_fold *fold, struct error *err)
{
    const struct log_partition *items = &fold->partitions[0];

    if (items->next > fold->at[0])
        return error_set(err, ERR_IO,
                         "topic '%s' begins at offset %" PRId64
                         ": the views of this time began "
                         "earlier; start at a state backup that has a snapshot of the items",
                         items->topic, items->next);
    for (uint32_t i = 1; i < n_logs(views); i++) {
        if (fold->partitions[i].next > fold->at[i])
            log_warn("view", "topic=%s partition=%d begins_at=%" PRId64 " earlier=deleted",
                     fold->partitions[i].topic, fold->partitions[i].partition,
                     fold->partitions[i].next);
    }
    return OK;
}

/* The newest snapshot of the backup that is not beyond the position; ERR_NOT_FOUND. */
static enum status load_snapshot(const struct verify_views *views,
                                 struct verify_view_fold *fold,
                                 const struct task_position *position, struct error *err)
{
    const struct runtime *runtime = views->runtime;
    struct item_snapshot_id id = {runtime->settings->app, runtime->cluster_id,
                                  &runtime->model_config};
    struct item_snapshot_file files[ITEM_SNAPSHOTS_MAX];
    uint32_t n = views->backup ? item_snapshot_list(views->backup, false, files) : 0;

    for (uint32_t i = 0; i < n; i++) {
        struct item_snapshot_info info;

        if (item_snapshot_read_info(files[i].path, &id, &info, err) != OK ||
            !item_snapshot_is_not_beyond(&info, position->items_offset,
                                         position->catalog_offset, position->n_catalog))
            continue;
        fold->at[0] = info.items_offset;
        memcpy(&fold->at[1], info.catalog_offset, info.n_catalog * sizeof(fold->at[1]));
        return item_snapshot_load(files[i].path, &id, true, &fold->fold, err);
    }
    return ERR_NOT_FOUND;
}

static void name_logs(const struct verify_views *views, struct verify_view_fold *fold)
{
    const struct runtime *runtime = views->runtime;

    fold->partitions[0] =
        (struct log_partition){.topic = views->items_topic, .next = fold->at[0]};
    for (uint32_t p = 0; p < runtime->n_catalog_partitions; p++)
        fold->partitions[1 + p] =
            (struct log_partition){.topic = runtime->settings->topics.catalog,
                                   .partition = (int32_t)p,
                                   .next = fold->at[1 + p]};
}

static enum status open_fold(struct verify_views *views, const struct task_position *position,
                             struct verify_view_fold **out, struct error *err)
{
    struct runtime *runtime = views->runtime;
    struct verify_view_fold *fold = calloc(1, sizeof(*fold));
    enum status status;

    if (!fold)
        return error_set(err, ERR_NOMEM, "items: out of memory");
    status = load_snapshot(views, fold, position, err);
    if (status == ERR_NOT_FOUND)
        status = item_fold_open(&runtime->model_config, &fold->fold, err);
    name_logs(views, fold);
    if (status == OK && item_feed_open(fold->fold, runtime->registry, &fold->feed) != OK)
        status = error_set(err, ERR_NOMEM, "items: out of memory");
    if (status == OK)
        status = log_set_open(runtime->settings, fold->partitions, n_logs(views),
                              VERIFY_QUEUE_BYTES, VERIFY_TIMEOUT_MS, &fold->logs, err);
    if (status == OK)
        status = check_beginnings(views, fold, err);
    if (status == OK)
        *out = fold;
    else
        close_fold(fold);
    return status;
}

static enum status fold_catalog(const struct verify_views *views, struct verify_view_fold *fold,
                                const rd_kafka_message_t *message, struct error *err)
{
    bool unknown = verify_outputs_unknown_schema(views->outputs, INPUT_CATALOG,
                                                 message->partition, message->offset);
    int64_t deadline_ns = clock_mono_ns() + (int64_t)VERIFY_TIMEOUT_MS * 1000000;
    struct refusal refusal;
    enum status status;

    while ((status = item_feed_catalog(&fold->feed, message, unknown, &refusal)) ==
               ERR_TIMEOUT &&
           clock_mono_ns() < deadline_ns)
        usleep(REGISTRY_WAIT_US);
    if (status == ERR_TIMEOUT)
        return error_set(
            err, ERR_TIMEOUT,
            "the schema of '%s' partition %d offset %" PRId64 " cannot be asked for",
            views->runtime->settings->topics.catalog, message->partition, message->offset);
    return status;
}

static enum status advance_log(const struct verify_views *views, struct verify_view_fold *fold,
                               uint32_t index, int64_t wanted, struct error *err)
{
    const struct log_partition *log = &fold->partitions[index];
    const rd_kafka_message_t *peeked;

    if (wanted > log->high)
        return error_set(err, ERR_IO,
                         "topic '%s' partition %d ends at offset %" PRId64 ", but the journal "
                         "names %" PRId64 ": records are gone",
                         log->topic, log->partition, log->high, wanted);
    while (log->next < wanted) {
        TRY(log_set_peek(fold->logs, index, &peeked, err));
        if (!peeked || peeked->offset >= wanted)
            break;
        rd_kafka_message_t *message = log_set_take(fold->logs, index);
        enum status status = index == 0 ? item_feed_items(&fold->feed, message)
                                        : fold_catalog(views, fold, message, err);

        rd_kafka_message_destroy(message);
        if (status == ERR_NOMEM)
            return error_set(err, ERR_NOMEM, "items: out of memory");
        TRY(status);
    }
    fold->at[index] = wanted;
    return OK;
}

static enum status advance(const struct verify_views *views, struct verify_view_fold *fold,
                           const struct task_position *position, struct error *err)
{
    bool moves = false;

    for (uint32_t i = 0; i < n_logs(views); i++) {
        int64_t wanted = wanted_at(position, i);

        if (fold->at[i] == wanted)
            continue;
        moves = true;
        TRY(advance_log(views, fold, i, wanted, err));
        if (i == 0)
            item_fold_advance_items(fold->fold, wanted);
        else
            item_fold_advance_catalog(fold->fold, (int32_t)i - 1, wanted);
    }
    if (moves && item_fold_publish(fold->fold) != OK)
        return error_set(err, ERR_NOMEM, "items: out of memory");
    return OK;
}

/* ---- the pool ---- */

static bool reaches(const struct verify_views *views, const struct verify_view_fold *fold,
                    const struct task_position *position)
{
    for (uint32_t i = 0; i < n_logs(views); i++) {
        if (fold->at[i] > wanted_at(position, i))
            return false;
    }
    return true;
}

static int64_t sum_at(const struct verify_views *views, const struct verify_view_fold *fold)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < n_logs(views); i++)
        sum += fold->at[i];
    return sum;
}

/* The fold that has least to go; NULL: all are beyond. */
static struct verify_view_fold *nearest(const struct verify_views *views,
                                        const struct task_position *position)
{
    struct verify_view_fold *best = NULL;

    for (uint32_t i = 0; i < views->n; i++) {
        struct verify_view_fold *fold = views->at[i];

        if (reaches(views, fold, position) &&
            (!best || sum_at(views, fold) > sum_at(views, best)))
            best = fold;
    }
    return best;
}

/* A slot for a new fold, the one unused longest if need be. */
static uint32_t free_slot(struct verify_views *views)
{
    uint32_t oldest = 0;

    if (views->n < VERIFY_FOLDS_MAX)
        return views->n++;
    for (uint32_t i = 1; i < views->n; i++) {
        if (views->at[i]->last_used < views->at[oldest]->last_used)
            oldest = i;
    }
    close_fold(views->at[oldest]);
    views->at[oldest] = NULL;
    return oldest;
}

enum status verify_views_seek(struct verify_views *views, const struct task_position *position,
                              struct item_fold **out, struct error *err)
{
    struct verify_view_fold *fold;

    if (position->n_catalog != views->runtime->n_catalog_partitions)
        return error_set(err, ERR_STATE,
                         "the journal names %u partitions of '%s', which has %u now",
                         position->n_catalog, views->runtime->settings->topics.catalog,
                         views->runtime->n_catalog_partitions);
    fold = nearest(views, position);
    if (!fold) {
        TRY(open_fold(views, position, &fold, err));
        views->at[free_slot(views)] = fold;
    }
    fold->last_used = ++views->clock;
    TRY(advance(views, fold, position, err));
    *out = fold->fold;
    return OK;
}

void verify_views_deinit(struct verify_views *views)
{
    for (uint32_t i = 0; i < views->n; i++)
        close_fold(views->at[i]);
    views->n = 0;
}
