/*
 * One Kafka transaction, from begin to the moment its values are in the caches.
 *
 *   begin    view, wall time, group metadata
 *   commit   changelog values | item changes | per task: journal record and position key
 *            -> offsets -> commit -> caches, timers, positions
 *
 * Nothing outside the overlay and the producer changes before the commit is known to hold.
 */
#include "core/worker_private.h"

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/item_table.h"

#include <stdio.h>
#include <string.h>

enum status transaction_begin(struct worker *worker, struct error *err)
{
    struct transaction *txn = &worker->txn;

    if (txn->open)
        return OK;
    if (sink_begin(worker->sink, err) != SINK_OK)
        return ERR_STATE;
    txn->open = true;
    txn->refusals = false;
    txn->view = item_view_acquire(worker->runtime->fold);
    txn->view_text = (struct str){
        txn->view_name, item_view_name(txn->view, txn->view_name, sizeof(txn->view_name))};
    txn->wall_ms = clock_wall_ms();
    txn->begun_ns = clock_mono_ns();
    txn->oldest_kafka_ms = INT64_MAX;
    txn->n_events = 0;
    txn->metadata = mutant("mutant_no_fence")
                        ? rd_kafka_consumer_group_metadata_new(worker->runtime->settings->app)
                        : source_group_metadata(worker->source);
    return OK;
}

void transaction_touch(struct worker *worker, struct task_home *home)
{
    (void)worker;
    home->touched = true;
}

static void release_view(struct worker *worker)
{
    if (worker->txn.view)
        item_view_release(worker->runtime->fold, worker->txn.view);
    worker->txn.view = NULL;
    if (worker->txn.metadata)
        rd_kafka_consumer_group_metadata_destroy(worker->txn.metadata);
    worker->txn.metadata = NULL;
    worker->txn.open = false;
}

void transaction_discard(struct worker *worker, bool abort)
{
    struct runtime *runtime = worker->runtime;

    if (!worker->txn.open)
        return;
    if (abort)
        sink_abort(worker->sink, NULL);
    for (uint32_t task = 0; task < runtime->n_partitions; task++) {
        struct task_home *home = worker->homes[task];

        if (!home)
            continue;
        home->touched = false;
        timer_queue_rollback(home->timers);
    }
    if (!mutant("mutant_overlay_kept"))
        user_overlay_reset(worker->overlay);
    if (!mutant("mutant_item_changes_kept"))
        item_changes_reset(worker->changes);
    if (worker->homes[0])
        item_table_settle(worker->runtime->item_table, false);
    release_view(worker);
    tally_forget(&worker->txn.tally);
    metric_add(worker->metrics.aborted, 1);
}

/* ---- what goes in ---- */

static enum status put_bytes(struct worker *worker, enum sink_topic topic, int32_t partition,
                             struct str key, struct str value, int64_t *out_offset,
                             struct error *err)
{
    struct sink_record record = {.topic = topic,
                                 .partition = partition,
                                 .key = key,
                                 .value = value,
                                 .timestamp_ms = worker->txn.wall_ms,
                                 .out_offset = out_offset};

    return sink_put(worker->sink, &record, err);
}

struct put_context {
    struct worker *worker;
    struct error *err;
    enum status status;
};

static bool put_user(void *context, const struct overlay_value *value)
{
    struct put_context *put = context;
    char key[1 + ID_MAX_BYTES];

    if (mutant("mutant_changelog_forgotten") && value->hash % 16 == 0)
        return true;
    key[0] = CHANGELOG_USER;
    memcpy(key + 1, value->user_id.ptr, value->user_id.len);
    struct str bytes = {value->len ? (const char *)value->bytes : NULL, (uint32_t)value->len};

    put->status = put_bytes(put->worker, SINK_CHANGELOG, value->task,
                            (struct str){key, value->user_id.len + 1}, bytes, NULL, put->err);
    return put->status == OK;
}

static bool put_item(void *context, struct str key, struct str value)
{
    struct put_context *put = context;

    put->status = put_bytes(put->worker, SINK_ITEMS, 0, key, value, NULL, put->err);
    return put->status == OK;
}

static bool put_table(void *context, struct str key, struct str value)
{
    struct put_context *put = context;

    put->status = put_bytes(put->worker, SINK_ITEMS_TABLE, 0, key, value, NULL, put->err);
    return put->status == OK;
}

/* The journal record, and the same bytes as the task's key in the changelog. */
static enum status put_position(struct worker *worker, struct task_home *home,
                                struct task_position *position, struct error *err)
{
    static const char key[] = {CHANGELOG_POSITION};
    const struct transaction *txn = &worker->txn;

    *position = home->position;
    source_position(worker->source, home->task, position);
    if (mutant("mutant_offset_off_by_one"))
        position->next[INPUT_CLICKSTREAM]++;
    position->number++;
    position->items_offset = item_view_items_offset(txn->view);
    position->n_catalog = worker->runtime->n_catalog_partitions;
    for (uint32_t p = 0; p < position->n_catalog; p++)
        position->catalog_offset[p] = item_view_catalog_offset(txn->view, (int32_t)p);
    if (home->task == 0 && txn->refusals)
        memcpy(position->catalog_refused_next, txn->refused_next, sizeof(txn->refused_next));
    position->wall_ms = txn->wall_ms;
    snprintf(position->rules_version, sizeof(position->rules_version), "%s",
             campaign_set_version(worker->runtime->campaigns));
    snprintf(position->transactional_id, sizeof(position->transactional_id), "%s", worker->id);
    uint32_t len = task_position_encode(position, worker->value, VALUE_BYTES_MAX);

    ensure(len > 0);
    struct str bytes = {(const char *)worker->value, len};

    home->changelog_offset = -1;
    if (!mutant("mutant_journal_forgotten") || position->number % 5)
        TRY(put_bytes(worker, SINK_JOURNAL, home->task, (struct str){key, 1}, bytes, NULL,
                      err));
    if (mutant("mutant_position_forgotten") && position->number > 1) {
        home->changelog_offset = 0;
        return OK;
    }
    return put_bytes(worker, SINK_CHANGELOG, home->task, (struct str){key, 1}, bytes,
                     &home->changelog_offset, err);
}

static void add_offsets(struct worker *worker, const struct task_position *position,
                        uint16_t task, rd_kafka_topic_partition_list_t *offsets)
{
    for (int topic = 0; topic < N_USER_TOPICS; topic++)
        rd_kafka_topic_partition_list_add(
            offsets, topic_text(worker->runtime->settings, (enum input_topic)topic), task)
            ->offset = position->next[topic];
}

static enum status put_all(struct worker *worker, struct task_position *positions,
                           struct task_home **touched, uint32_t n_touched, struct error *err)
{
    struct put_context put = {worker, err, OK};

    TRY(user_overlay_scatter(worker->overlay));
    if (!user_overlay_each(worker->overlay, put_user, &put))
        return put.status;
    if (item_changes_emit(worker->changes, put_item, &put) != OK)
        return put.status == OK ? ERR_IO : put.status;
    if (worker->homes[0] && worker->homes[0]->touched && /* the fence of what is written */
        !item_table_put(worker->runtime->item_table, worker->homes[0], put_table, &put))
        return put.status;
    for (uint32_t i = 0; i < n_touched; i++)
        TRY(put_position(worker, touched[i], &positions[i], err));
    return OK;
}

/* ---- what follows a commit ---- */

static bool enter_cache(void *context, const struct overlay_value *value)
{
    (void)context;
    ensure(user_cache_put(value->cache, value->found, value->user_id, value->hash, value->bytes,
                          value->len) == OK);
    return true;
}

static void drop_hint(void *context, int64_t fire_ms, struct str user_id)
{
    user_cache_drop_hint(context, fire_ms, user_id);
}

static void apply_commit(struct worker *worker, const struct task_position *positions,
                         struct task_home **touched, uint32_t n_touched)
{
    struct runtime *runtime = worker->runtime;

    for (uint32_t i = 0; i < n_touched; i++)
        user_cache_lock(touched[i]->cache);
    user_overlay_each(worker->overlay, enter_cache, NULL);
    for (uint32_t i = 0; i < n_touched; i++) {
        struct task_home *home = touched[i];
        uint32_t len = task_position_encode(&positions[i], worker->value, VALUE_BYTES_MAX);

        ensure(home->changelog_offset >= 0);
        timer_queue_commit(home->timers, drop_hint, home->cache);
        user_cache_unlock(home->cache, home->changelog_offset + 1, worker->value, len);
        home->position = positions[i];
        if (home->task == 0)
            refusals_drop(runtime, &home->position);
        home->touched = false;
        source_begin_segments(worker->source, home->task);
        atomic_store_explicit(&runtime->status[home->task].clock_ms, positions[i].clock_ms,
                              memory_order_relaxed);
    }
}

static uint32_t collect_touched(struct worker *worker, struct task_home **out)
{
    struct runtime *runtime = worker->runtime;
    uint32_t n = 0;

    for (uint32_t task = 0; task < runtime->n_partitions; task++) {
        struct task_home *home = worker->homes[task];

        if (home && home->touched)
            out[n++] = home;
    }
    return n;
}

static enum sink_result send_and_commit(struct worker *worker,
                                        const struct task_position *positions,
                                        struct task_home **touched, uint32_t n_touched,
                                        struct error *err)
{
    rd_kafka_topic_partition_list_t *offsets =
        rd_kafka_topic_partition_list_new((int)(n_touched * N_USER_TOPICS));
    rd_kafka_consumer_group_metadata_t *metadata = worker->txn.metadata;
    enum sink_result result;

    worker->txn.metadata = NULL;
    if (mutant("mutant_no_timer_fence") && worker->txn.n_events == 0) {
        rd_kafka_consumer_group_metadata_destroy(metadata);
        rd_kafka_topic_partition_list_destroy(offsets);
        return sink_commit(worker->sink, err);
    }
    for (uint32_t i = 0; i < n_touched; i++)
        add_offsets(worker, &positions[i], touched[i]->task, offsets);
    result = sink_send_offsets(worker->sink, offsets, metadata, err);
    rd_kafka_topic_partition_list_destroy(offsets);
    return result == SINK_OK ? sink_commit(worker->sink, err) : result;
}

enum sink_result transaction_commit(struct worker *worker, struct error *err)
{
    struct task_position *positions = worker->positions;
    struct task_home **touched = worker->touched;
    struct transaction *txn = &worker->txn;
    int64_t start_ns = clock_mono_ns();
    enum sink_result result = SINK_ABORTED;

    if (!txn->open)
        return SINK_OK;
    uint32_t n_touched = collect_touched(worker, touched);

    if (fault_hit("kill_before_changelog") || fault_hit("stop_before_changelog") ||
        (txn->n_events == 0 && fault_hit("stop_before_changelog_of_timers")))
        log_warn("fault", "at=before_changelog");
    if (put_all(worker, positions, touched, n_touched, err) != OK) {
        result = sink_abort(worker->sink, err);
        return result == SINK_OK ? SINK_ABORTED : result;
    }
    bool early = mutant("mutant_cache_before_commit");

    for (uint32_t i = 0; early && i < n_touched; i++)
        touched[i]->changelog_offset = 0;
    if (early)
        apply_commit(worker, positions, touched, n_touched);
    result = send_and_commit(worker, positions, touched, n_touched, err);
    if (result != SINK_OK)
        return result;
    if (fault_hit("kill_before_cache") || fault_hit("stop_before_cache"))
        log_warn("fault", "at=before_cache");
    if (!early)
        apply_commit(worker, positions, touched, n_touched);
    if (worker->homes[0])
        item_table_settle(worker->runtime->item_table, true);
    user_overlay_reset(worker->overlay);
    item_changes_reset(worker->changes);

    int64_t spent_ns = clock_mono_ns() - start_ns;

    count_stage(worker, STAGE_COMMIT, spent_ns, txn->n_events);
    tally_commit(&txn->tally);
    metric_add(worker->metrics.committed, 1);
    metric_observe_ns(worker->metrics.commit_seconds, spent_ns);
    if (txn->oldest_kafka_ms != INT64_MAX)
        metric_observe_ns(worker->metrics.event_to_commit,
                          (clock_wall_ms() - txn->oldest_kafka_ms) * 1000000);
    release_view(worker);
    return SINK_OK;
}
