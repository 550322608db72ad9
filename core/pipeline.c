/*
 * The data path. A batch is computed into the overlay and the open transaction:
 *
 *   features   lane by lane: timers due by its time, then the event, then the snapshot
 *   learn      what the lanes teach about items
 *   rank       lists for the lanes that ask, in chunks
 *   output     lists, messages (from the timers), dead letters
 *
 * Nothing here can be seen by anybody before the transaction commits.
 */
#include "core/worker_private.h"

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "features/user_update.h"

static enum status get_user(struct worker *worker, struct task_home *home, struct str user_id,
                            struct user_state **out, struct error *err)
{
    if (user_overlay_slots_left(worker->overlay) == 0)
        TRY(user_overlay_scatter(worker->overlay));
    return user_overlay_get(worker->overlay, home->cache, home->task, user_id, out, err);
}

static enum status set_hint(struct task_home *home, const struct user_state *user)
{
    int64_t fire_ms = campaign_next_fire(user);

    return fire_ms == INT64_MAX ? OK : timer_queue_add(home->timers, fire_ms, user->user_id);
}

/* One hint: the person's earliest instance, if it is still due then. */
static enum status fire_one(struct worker *worker, struct task_home *home, int64_t clock_ms,
                            int cause, struct error *err)
{
    struct campaign_decision decisions[CAMPAIGN_DECISIONS_MAX];
    struct item_lookup items = item_view_lookup(worker->txn.view);
    struct user_state *user;
    int64_t fire_ms;
    struct str user_id;

    timer_queue_pop(home->timers, &fire_ms, &user_id);
    TRY(get_user(worker, home, user_id, &user, err));
    if (campaign_next_fire(user) != fire_ms)
        return OK; /* moved or cancelled since */
    uint32_t n = campaign_fire(worker->runtime->campaigns, user, clock_ms, worker->txn.wall_ms,
                               &items, user_overlay_arena(worker->overlay), decisions);

    user_overlay_changed(worker->overlay, user);
    transaction_touch(worker, home);
    TRY(set_hint(home, user));
    for (uint32_t i = 0; i < n; i++)
        TRY(output_decision(worker, home, cause, &decisions[i], err));
    return OK;
}

enum status pipeline_fire_due(struct worker *worker, struct task_home *home, int64_t clock_ms,
                              int cause, struct error *err)
{
    while (timer_queue_next(home->timers) <= clock_ms)
        TRY(fire_one(worker, home, clock_ms, cause, err));
    return OK;
}

/* recommend.on and recommend.every; the person's own count makes it a matter of state. */
static bool asks_for_list(const struct settings *settings, const struct event_batch *events,
                          uint32_t lane, struct user_state *user)
{
    const struct click_event *click = events->record[lane];

    if (events->topic[lane] != INPUT_CLICKSTREAM ||
        !(settings->recommend.on_mask & 1u << click->type))
        return false;
    return ++user->n_qualifying % (uint32_t)settings->recommend.every == 0;
}

static enum status apply_lane(struct worker *worker, uint32_t lane, struct error *err)
{
    struct event_batch *events = &worker->batch;
    struct task_home *home = worker->homes[events->task[lane]];
    struct lane_items *snapshot;
    struct user_state *user;

    transaction_touch(worker, home);
    TRY(pipeline_fire_due(worker, home, events->clock_ms[lane], (int)lane, err));
    if (events->fate[lane] != EVENT_LIVE)
        return OK;
    TRY(get_user(worker, home, events->user_id[lane], &user, err));
    snapshot = arena_alloc(&worker->arena, sizeof(*snapshot));
    if (!snapshot)
        return error_set(err, ERR_NOMEM, "batch: out of memory");
    snapshot->n = snapshot->n_before = 0;
    if (user_update(user, events, lane, user_overlay_arena(worker->overlay), snapshot) ==
        USER_UNCHANGED) {
        events->fate[lane] = EVENT_DUPLICATE;
        return OK;
    }
    worker->features.items[lane] = snapshot;
    worker->features.asks[lane] = asks_for_list(worker->runtime->settings, events, lane, user);
    if (campaign_observe(worker->runtime->campaigns, events, lane, user,
                         user_overlay_arena(worker->overlay)))
        TRY(set_hint(home, user));
    user_overlay_changed(worker->overlay, user);
    return OK;
}

/* The batch's persons wait for memory together and not one after the other. */
static void prefetch_users(const struct worker *worker)
{
    const struct event_batch *events = &worker->batch;
    uint64_t hashes[EVENT_BATCH_MAX];

    for (uint32_t lane = 0; lane < events->n; lane++) {
        hashes[lane] = hash64(events->user_id[lane]);
        user_cache_prefetch(worker->homes[events->task[lane]]->cache, hashes[lane], 0);
    }
    for (uint32_t lane = 0; lane < events->n; lane++)
        user_cache_prefetch(worker->homes[events->task[lane]]->cache, hashes[lane], 1);
}

static enum status features_stage(struct worker *worker, struct error *err)
{
    const struct event_batch *events = &worker->batch;

    prefetch_users(worker);

    worker->features.n = events->n;
    for (uint32_t lane = 0; lane < events->n; lane++) {
        worker->features.items[lane] = NULL;
        worker->features.asks[lane] = 0;
        TRY(apply_lane(worker, lane, err));
    }
    return user_overlay_scatter(worker->overlay);
}

static enum status rank_chunk(struct worker *worker, uint32_t n, int64_t *encode_ns,
                              struct error *err)
{
    rank_lists(worker->txn.view, worker->scratch, n, worker->requests,
               (uint32_t)worker->runtime->settings->recommend.k, worker->rankings);
    int64_t start_ns = clock_mono_ns();

    for (uint32_t i = 0; i < n; i++)
        TRY(output_recommendation(worker, worker->request_lanes[i], &worker->rankings[i], err));
    *encode_ns += clock_mono_ns() - start_ns;
    return OK;
}

static enum status rank_stage(struct worker *worker, int64_t *encode_ns, uint32_t *n_lists,
                              struct error *err)
{
    uint32_t n = 0;

    for (uint32_t lane = 0; lane < worker->batch.n; lane++) {
        if (!worker->features.asks[lane])
            continue;
        worker->request_lanes[n] = lane;
        worker->requests[n++] = (struct rank_request){
            .n_items = worker->features.items[lane]->n,
            .items = worker->features.items[lane]->items,
            .now_ms = worker->batch.clock_ms[lane],
        };
        (*n_lists)++;
        if (n == RANK_CHUNK) {
            TRY(rank_chunk(worker, n, encode_ns, err));
            n = 0;
        }
    }
    return rank_chunk(worker, n, encode_ns, err);
}

static void count_fates(struct worker *worker)
{
    const struct event_batch *events = &worker->batch;
    uint32_t n[N_USER_TOPICS][N_EVENT_FATES] = {0};

    for (uint32_t lane = 0; lane < events->n; lane++)
        n[events->topic[lane]][events->fate[lane]]++;
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        for (int fate = 0; fate < N_EVENT_FATES; fate++) {
            if (n[topic][fate])
                tally_add(&worker->txn.tally, worker->metrics.fates[topic][fate],
                          n[topic][fate]);
        }
    }
}

static enum status count_and_refuse(struct worker *worker, struct error *err)
{
    const struct event_batch *events = &worker->batch;

    count_fates(worker);

    for (uint32_t lane = 0; lane < events->n; lane++) {
        enum event_fate fate = events->fate[lane];

        if (fate > EVENT_DUPLICATE)
            TRY(output_dead_letter(worker, lane, err));
        if (events->kafka_ms[lane] > 0 && events->kafka_ms[lane] < worker->txn.oldest_kafka_ms)
            worker->txn.oldest_kafka_ms = events->kafka_ms[lane];
    }
    worker->txn.n_events += events->n;
    return OK;
}

enum status pipeline_step(struct worker *worker, struct error *err)
{
    int64_t t0 = clock_mono_ns(), t1, t2, t3, encode_ns = 0;
    uint32_t n_lists = 0;

    arena_reset(&worker->arena);
    TRY(features_stage(worker, err));
    t1 = clock_mono_ns();
    item_changes_collect(worker->changes, worker->txn.view, &worker->batch, &worker->features);
    t2 = clock_mono_ns();
    TRY(rank_stage(worker, &encode_ns, &n_lists, err));
    TRY(count_and_refuse(worker, err));
    t3 = clock_mono_ns();
    count_stage(worker, STAGE_FEATURES, t1 - t0, worker->batch.n);
    count_stage(worker, STAGE_LEARN, t2 - t1, worker->batch.n);
    count_stage(worker, STAGE_RANK, t3 - t2 - encode_ns, n_lists);
    count_stage(worker, STAGE_ENCODE, encode_ns, n_lists);
    return OK;
}
