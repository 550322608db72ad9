/* Popularity: counts that batch borders cannot change, half-lives, the kept top list. */
#include "models/popularity.h"
#include "tests/unit/models/models_support.h"

static int open_world(void **state)
{
    *state = malloc(sizeof(struct world));
    world_open(*state, NULL);
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    free(*state);
    return 0;
}

static struct popularity_item popularity(struct world *world, const char *id)
{
    const struct item_view *view = item_view_acquire(world->fold);
    uint32_t number = item_view_find(view, key_of(id));
    struct popularity_item item = {0, 0};

    if (number != ITEM_NONE)
        item = *popularity_of(view, number);
    item_view_release(world->fold, view);
    return item;
}

static uint32_t count(struct world *world, const char *id, enum action action)
{
    const struct item_view *view = item_view_acquire(world->fold);
    uint32_t number = item_view_find(view, key_of(id));
    uint32_t n = number == ITEM_NONE ? 0 : popularity_counts_of(view, number)->n[action];

    item_view_release(world->fold, view);
    return n;
}

static void actions_are_counted_apart(void **state)
{
    struct shopper shopper = {0};

    world_event(*state, &shopper, "a", ACTION_VIEW, T0);
    world_event(*state, &shopper, "a", ACTION_VIEW, T0 + 1);
    world_event(*state, &shopper, "a", ACTION_ORDER, T0 + 2);
    world_event(*state, &shopper, "b", ACTION_IMPRESSION, T0 + 3);
    world_commit(*state);
    assert_int_equal(count(*state, "a", ACTION_VIEW), 2);
    assert_int_equal(count(*state, "a", ACTION_ORDER), 1);
    assert_int_equal(count(*state, "b", ACTION_IMPRESSION), 1);
    assert_close(popularity(*state, "a").weight, 2 + 6, 1e-9);
    assert_close(popularity(*state, "b").weight, 0, 0); /* shown is not liked */
    assert_int_equal(popularity(*state, "a").last_ms, T0 + 2);
}

/* An event one half-life later weighs twice as much. */
static void older_event_counts_half_after_a_half_life(void **state)
{
    struct world *world = *state;
    struct shopper shopper = {0};

    world_event(world, &shopper, "a", ACTION_VIEW, T0);
    world_event(world, &shopper, "b", ACTION_VIEW, T0 + world->config.popularity_half_life_ms);
    world_commit(world);
    assert_close(popularity(world, "b").weight / popularity(world, "a").weight, 2, 1e-9);
}

/* Events in one transaction, in three, and in reverse order: the same totals to the bit. */
static void borders_and_order_change_no_total(void **state)
{
    struct world worlds[3];
    uint64_t seed = 40;
    struct {
        char id[16];
        enum action action;
        int64_t time_ms;
    } events[300];

    (void)state;
    for (int e = 0; e < 300; e++) {
        snprintf(events[e].id, sizeof(events[e].id), "i%u",
                 (uint32_t)(random_next(&seed) % 40));
        events[e].action = random_next(&seed) % 5 ? ACTION_VIEW : ACTION_ADD_TO_CART;
        events[e].time_ms = T0 - T0 % HOUR_MS + (int64_t)(random_next(&seed) % HOUR_MS);
    }
    for (int w = 0; w < 3; w++) {
        world_open(&worlds[w], NULL);
        for (int e = 0; e < 300; e++) {
            int at = w == 2 ? 299 - e : e;
            struct shopper nobody = {0};

            world_event(&worlds[w], &nobody, events[at].id, events[at].action,
                        events[at].time_ms);
            if (w == 1 && e % 100 == 99)
                world_commit(&worlds[w]);
        }
        world_commit(&worlds[w]);
    }
    for (int i = 0; i < 40; i++) {
        char id[16];

        snprintf(id, sizeof(id), "i%d", i);
        for (int w = 1; w < 3; w++) {
            assert_int_equal(count(&worlds[w], id, ACTION_VIEW),
                             count(&worlds[0], id, ACTION_VIEW));
            assert_close(popularity(&worlds[w], id).weight, popularity(&worlds[0], id).weight,
                         0);
        }
    }
    for (int w = 0; w < 3; w++)
        world_close(&worlds[w]);
}

struct ranked {
    uint32_t number;
    struct popularity_item item;
};

static int by_rule(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->item.weight != y->item.weight)
        return x->item.weight > y->item.weight ? -1 : 1;
    if (x->item.last_ms != y->item.last_ms)
        return x->item.last_ms > y->item.last_ms ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* The list that is kept event by event against one sort of everything. */
static void kept_top_list_equals_a_sort(void **state)
{
    static struct ranked all[1000];
    const struct item_view *view;
    uint64_t seed = 41;

    for (int e = 0; e < 4000; e++) {
        struct shopper nobody = {0};
        char id[16];

        snprintf(id, sizeof(id), "i%u",
                 (uint32_t)(random_next(&seed) % (1 + random_next(&seed) % 1000)));
        world_event(*state, &nobody, id, ACTION_VIEW,
                    T0 + (int64_t)(random_next(&seed) % 50) * 8 * HOUR_MS);
        if (e % 50 == 49)
            world_commit(*state);
    }
    world_commit(*state);
    view = item_view_acquire(((struct world *)*state)->fold);
    assert_true(view->n_items > POPULAR_TOP && view->n_items <= 1000);
    for (uint32_t i = 0; i < view->n_items; i++)
        all[i] = (struct ranked){i, *popularity_of(view, i)};
    qsort(all, view->n_items, sizeof(all[0]), by_rule);
    assert_int_equal(popularity_part_of(view)->n_top, POPULAR_TOP);
    for (uint32_t t = 0; t < POPULAR_TOP; t++)
        assert_int_equal(popularity_part_of(view)->top[t], all[t].number);
    item_view_release(((struct world *)*state)->fold, view);
}

/* 7 days times 60 half-lives: more than a year later the order is what it was. */
static void moving_t0_keeps_the_order(void **state)
{
    struct world *world = *state;
    struct shopper nobody = {0};
    struct ranking list;

    for (int n = 0; n < 3; n++)
        world_event(world, &nobody, "three", ACTION_VIEW, T0);
    for (int n = 0; n < 2; n++)
        world_event(world, &nobody, "two", ACTION_VIEW, T0);
    world_event(world, &nobody, "new", ACTION_VIEW,
                T0 + 61 * world->config.popularity_half_life_ms);
    world_commit(world);
    list = world_list(world, 20, NULL);
    assert_int_equal(list.n, 3);
    assert_int_equal(place_in(world, &list, "new"), 0);
    assert_int_equal(place_in(world, &list, "three"), 1);
    assert_int_equal(place_in(world, &list, "two"), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(actions_are_counted_apart),
        T(older_event_counts_half_after_a_half_life),
        cmocka_unit_test(borders_and_order_change_no_total),
        T(kept_top_list_equals_a_sort),
        T(moving_t0_keeps_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
