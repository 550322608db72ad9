/*
 * A small world for the tests of models: one worker's changes, one fold, shoppers with a
 * session, and time as an argument.
 */
#ifndef FRESHET_TESTS_MODELS_SUPPORT_H
#define FRESHET_TESTS_MODELS_SUPPORT_H

#include "core/base/hash.h"
#include "models/item_changes_private.h"
#include "models/rank_private.h"
#include "tests/support/test_support.h"

#include <stdio.h>
#include <stdlib.h>

#define T0 1600000000000 /* not on the hour */

struct world {
    struct item_model_config config;
    struct item_fold *fold;
    struct item_changes *changes;
    struct rank_scratch *scratch;
    int64_t offset;
};

struct shopper {
    uint8_t n;
    struct user_item items[SESSION_ITEMS_MAX]; /* newest first */
};

static inline uint64_t key_of(const char *id)
{
    return hash64(str_of(id));
}

static inline void world_open(struct world *world, const struct item_model_config *config)
{
    *world = (struct world){.config = config ? *config : item_model_defaults()};
    assert_int_equal(item_fold_open(&world->config, &world->fold, NULL), OK);
    assert_int_equal(item_changes_open(&world->config, &world->changes, NULL), OK);
    assert_int_equal(rank_scratch_open(&world->scratch, NULL), OK);
}

static inline void world_close(struct world *world)
{
    item_changes_close(world->changes);
    rank_scratch_close(world->scratch);
    item_fold_close(world->fold);
}

static inline bool world_put(void *context, struct str key, struct str value)
{
    struct world *world = context;

    return item_fold_apply(world->fold, key, value, ++world->offset) == OK;
}

/* What a worker does at the end of a transaction, and the fold thread after it. */
static inline void world_commit(struct world *world)
{
    assert_int_equal(item_changes_emit(world->changes, world_put, world), OK);
    item_changes_reset(world->changes);
    assert_int_equal(item_fold_publish(world->fold), OK);
}

static inline void shopper_add(struct shopper *shopper, uint64_t item, int64_t time_ms)
{
    uint32_t at = 0;

    while (at < shopper->n && shopper->items[at].item != item)
        at++;
    if (at == shopper->n && shopper->n < SESSION_ITEMS_MAX)
        shopper->n++;
    else if (at == shopper->n)
        at--;
    memmove(&shopper->items[1], &shopper->items[0], at * sizeof(shopper->items[0]));
    shopper->items[0] =
        (struct user_item){.item = item, .time_ms = time_ms, .action = ACTION_VIEW, .n = 1};
}

/* One live lane: the shopper does something with an item, and the worker learns from it. */
static inline void world_event(struct world *world, struct shopper *shopper, const char *id,
                               enum action action, int64_t time_ms)
{
    struct event_batch *batch = calloc(1, sizeof(*batch));
    struct feature_batch *features = calloc(1, sizeof(*features));
    struct lane_items lane = {0};
    struct event_line line = {str_of(id), key_of(id), 1, -1};
    const struct item_view *view = item_view_acquire(world->fold);

    batch->n = features->n = 1;
    batch->fate[0] = EVENT_LIVE;
    batch->action[0] = (uint8_t)action;
    batch->time_ms[0] = time_ms;
    batch->lines[0] = &line;
    batch->n_lines[0] = 1;
    lane.n_before = shopper->n < 8 ? shopper->n : 8;
    memcpy(lane.before_items, shopper->items, lane.n_before * sizeof(lane.before_items[0]));
    features->items[0] = &lane;
    item_changes_collect(world->changes, view, batch, features);
    item_view_release(world->fold, view);
    shopper_add(shopper, line.item, time_ms);
    free(batch);
    free(features);
}

/* A session of views, a second apart; ids end with NULL. */
static inline void world_session(struct world *world, int64_t time_ms, const char *const *ids)
{
    struct shopper shopper = {0};

    for (uint32_t i = 0; ids[i]; i++)
        world_event(world, &shopper, ids[i], ACTION_VIEW, time_ms + 1000 * i);
}
#define SESSION(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A list for somebody who looked at the ids, newest first, NULL at the end. */
static inline struct ranking world_list(struct world *world, uint32_t k,
                                        const char *const *newest_first)
{
    const struct item_view *view = item_view_acquire(world->fold);
    struct user_item items[SESSION_ITEMS_MAX];
    struct rank_request request = {0, items, T0, 0};
    struct ranking ranking;

    for (; newest_first && newest_first[request.n_items]; request.n_items++)
        items[request.n_items] =
            (struct user_item){.item = key_of(newest_first[request.n_items]),
                               .time_ms = T0,
                               .action = ACTION_VIEW,
                               .n = 1};
    rank_lists(view, world->scratch, 1, &request, k, &ranking);
    item_view_release(world->fold, view);
    return ranking;
}

/* Place of an item in a list, from 0; -1: not in it. */
static inline int place_in(struct world *world, const struct ranking *ranking, const char *id)
{
    const struct item_view *view = item_view_acquire(world->fold);
    uint32_t number = item_view_find(view, key_of(id));
    int place = -1;

    for (uint32_t r = 0; r < ranking->n; r++) {
        if (ranking->at[r].item == number)
            place = (int)r;
    }
    item_view_release(world->fold, view);
    return place;
}

static inline uint64_t world_checksum(struct world *world)
{
    const struct item_view *view = item_view_acquire(world->fold);
    uint64_t sum = item_view_checksum(view);

    item_view_release(world->fold, view);
    return sum;
}

/* A catalogue record with stock (negative: unknown). */
static inline void world_catalog(struct world *world, const char *id, bool available,
                                 int64_t stock, int64_t next_offset)
{
    struct catalog_item item = {
        .item_id = str_of(id),
        .title = str_of("a title"),
        .available = available,
        .stock = {stock >= 0, stock},
    };

    assert_int_equal(item_fold_catalog(world->fold, str_of(id), &item, 0, next_offset), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
}

static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline float random_float(uint64_t *state) /* -1 to 1 */
{
    return (float)(int32_t)(random_next(state) >> 32) * 0x1p-31f;
}

#endif
