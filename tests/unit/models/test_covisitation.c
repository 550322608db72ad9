/* Co-visitation: the values of the models page, the full row, decay. */
#include "models/covisitation.h"
#include "models/decay.h"
#include "tests/unit/models/models_support.h"

#include <math.h>

/* Weight of the pair left -> right, in units of one view at distance 1 at the newest hour. */
static double pair(struct world *world, const char *left, const char *right)
{
    const struct item_view *view = item_view_acquire(world->fold);
    uint32_t a = item_view_find(view, key_of(left)), b = item_view_find(view, key_of(right));
    double weight = 0;

    if (a != ITEM_NONE && b != ITEM_NONE) {
        const struct covisit_row *row = covisit_row_of(view, a);

        for (uint32_t e = 0; e < COVISIT_ROW; e++) {
            if (row->item_plus_1[e] == b + 1)
                weight = (double)row->weight[e];
        }
    }
    item_view_release(world->fold, view);
    return weight;
}

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

/* [1,2,3]: row(1) = {2: 1, 3: .5}, row(2) = {3: 1}. */
static void session_of_three_makes_three_pairs(void **state)
{
    world_session(*state, T0, SESSION("1", "2", "3"));
    world_commit(*state);
    assert_close(pair(*state, "1", "2"), 1, 1e-6);
    assert_close(pair(*state, "1", "3"), 0.5, 1e-6);
    assert_close(pair(*state, "2", "3"), 1, 1e-6);
    assert_close(pair(*state, "2", "1"), 0, 0);
    assert_close(pair(*state, "3", "1"), 0, 0);
}

/* Query [1,2], 2 the current: 3 gets 1 + .5 * .5 = 1.25, 2 gets .5 * 1. */
static void query_sums_rows_by_recency(void **state)
{
    struct world *world = *state;
    struct rank_scratch *scratch = world->scratch;
    struct ranking list;

    world_session(world, T0, SESSION("1", "2", "3"));
    world_commit(world);
    memset(&scratch->weights, 0, sizeof(scratch->weights));
    scratch->weights.source[SOURCE_COVISITATION].linear = 1.25f; /* the largest sum */
    list = world_list(world, 20, SESSION("2", "1"));
    assert_int_equal(place_in(world, &list, "3"), 0);
    assert_close(list.at[0].score, 1.25, 1e-6);
    assert_int_equal(place_in(world, &list, "2"), 1);
    assert_close(list.at[1].score, 0.5, 1e-6);
    assert_int_equal(list.at[0].reason, REASON_COVISITATION);
}

static void cart_counts_three_and_order_six(void **state)
{
    struct shopper shopper = {0};

    world_event(*state, &shopper, "1", ACTION_VIEW, T0);
    world_event(*state, &shopper, "2", ACTION_ADD_TO_CART, T0 + 1);
    world_event(*state, &shopper, "3", ACTION_ORDER, T0 + 2);
    world_event(*state, &shopper, "4", ACTION_REMOVE_FROM_CART, T0 + 3);
    world_commit(*state);
    assert_close(pair(*state, "1", "2"), 3, 1e-6);
    assert_close(pair(*state, "2", "3"), 6, 1e-6);
    assert_close(pair(*state, "1", "3"), 3, 1e-6); /* 6 at distance 2 */
    assert_close(pair(*state, "3", "4"), 0, 0);
}

/* Views pair within 12 hours, orders within 24. */
static void pairs_have_a_window(void **state)
{
    struct shopper shopper = {0};

    world_event(*state, &shopper, "1", ACTION_VIEW, T0);
    world_event(*state, &shopper, "2", ACTION_VIEW, T0 + 12 * HOUR_MS);
    world_event(*state, &shopper, "3", ACTION_VIEW, T0 + 24 * HOUR_MS + 1);
    world_event(*state, &shopper, "4", ACTION_ORDER, T0 + 24 * HOUR_MS + 2);
    world_commit(*state);
    assert_true(pair(*state, "1", "2") > 0);
    assert_close(pair(*state, "2", "3"), 0, 0); /* 12 hours and 1 ms */
    assert_true(pair(*state, "2", "4") > 0);
    assert_close(pair(*state, "1", "4"), 0, 0);
}

static void only_five_predecessors_make_pairs(void **state)
{
    world_session(*state, T0, SESSION("1", "2", "3", "4", "5", "6", "7"));
    world_commit(*state);
    assert_close(pair(*state, "2", "7"), 51.0 / 256, 1e-6); /* 1/5, rounded to 1/256 once */
    assert_close(pair(*state, "1", "7"), 0, 0);
}

/* One half-life later a pair weighs twice as much: the old one counts half beside it. */
static void older_pairs_count_half_after_a_half_life(void **state)
{
    struct world *world = *state;
    int64_t half_life_ms = world->config.covisit_half_life_ms;

    world_session(world, T0, SESSION("1", "2"));
    world_session(world, T0 + half_life_ms, SESSION("1", "3"));
    world_commit(world);
    assert_close(pair(world, "1", "3") / pair(world, "1", "2"), 2, 1e-6);
}

/* Sixty-one half-lives on, t0 has moved; ratios and lists are what they were. */
static void moving_t0_changes_no_list(void **state)
{
    struct world *world = *state;
    int64_t half_life_ms = world->config.covisit_half_life_ms;
    struct ranking before, after;
    double ratio;

    world_session(world, T0, SESSION("1", "2", "3", "4"));
    world_session(world, T0, SESSION("1", "3"));
    world_commit(world);
    before = world_list(world, 20, SESSION("1"));
    ratio = pair(world, "1", "3") / pair(world, "1", "2");

    world_session(world, T0 + 61 * half_life_ms, SESSION("8", "9"));
    world_commit(world);
    assert_close(pair(world, "8", "9"), 2, 1e-5);
    assert_close(pair(world, "1", "2"), ldexp(1, -60), 0); /* exactly */
    assert_close(pair(world, "1", "3") / pair(world, "1", "2"), ratio, 0);
    after = world_list(world, 4, SESSION("1"));
    for (uint32_t r = 0; r < 4; r++)
        assert_int_equal(after.at[r].item, before.at[r].item);
}

static void full_row_gives_up_its_smallest_entry(void **state)
{
    struct covisit_row row = {0};

    (void)state;
    for (uint32_t i = 0; i < COVISIT_ROW; i++)
        covisit_row_add(&row, 100 + i, i == 40 ? 0.5f : 2);
    covisit_row_add(&row, 7, 1);
    assert_int_equal(row.item_plus_1[40], 7 + 1);
    assert_close(row.weight[40], 1, 0);
    covisit_row_add(&row, 8, 9); /* now item 7 is the smallest */
    assert_int_equal(row.item_plus_1[40], 8 + 1);
    assert_close(row.weight[40], 9, 0);
}

static void row_equals_its_twin(void **state)
{
    struct covisit_row fast = {0}, plain = {0};
    uint64_t seed = 30;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint32_t item = (uint32_t)(random_next(&seed) % 90);
        float weight = (float)(random_next(&seed) % 7 + 1) / 256;

        covisit_row_add(&fast, item, weight);
        covisit_row_add_ref(&plain, item, weight);
    }
    assert_memory_equal(&fast, &plain, sizeof(fast));
}

/* An array of all pairs, summed in one go, against rows that came through the topic. */
static void rows_equal_a_plain_array_of_pairs(void **state)
{
    enum { ITEMS = 20, SESSIONS = 200, LENGTH = 6 };
    static double pairs[ITEMS][ITEMS];
    char names[ITEMS][16];
    uint64_t seed = 31;

    memset(pairs, 0, sizeof(pairs));
    for (int i = 0; i < ITEMS; i++)
        snprintf(names[i], sizeof(names[i]), "i%d", i);
    for (int s = 0; s < SESSIONS; s++) {
        struct shopper shopper = {0};
        int order[LENGTH], n = 0; /* distinct, newest first */

        for (int e = 0; e < LENGTH; e++) {
            int item = (int)(random_next(&seed) % ITEMS), at = 0;

            for (int d = 0; d < n && d < COVISIT_BEFORE; d++)
                pairs[order[d]][item] += round(256.0 / (d + 1)) / 256;
            while (at < n && order[at] != item)
                at++;
            n += at == n;
            memmove(&order[1], &order[0], (size_t)at * sizeof(order[0]));
            order[0] = item;
            world_event(*state, &shopper, names[item], ACTION_VIEW, T0 + s);
        }
        if (s % 7 == 0)
            world_commit(*state);
    }
    world_commit(*state);
    for (int a = 0; a < ITEMS; a++) {
        for (int b = 0; b < ITEMS; b++)
            assert_close(pair(*state, names[a], names[b]), pairs[a][b], 1e-3);
    }
}

static void half_life_below_an_hour_is_refused(void **state)
{
    struct item_model_config config = item_model_defaults();
    struct item_fold *fold = NULL;
    struct error err;

    (void)state;
    config.covisit_half_life_ms = HOUR_MS - 1;
    assert_int_equal(item_fold_open(&config, &fold, &err), ERR_INVALID);
    assert_null(fold);
    assert_non_null(strstr(err.text, "covisitation"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(session_of_three_makes_three_pairs),
        T(query_sums_rows_by_recency),
        T(cart_counts_three_and_order_six),
        T(pairs_have_a_window),
        T(only_five_predecessors_make_pairs),
        T(older_pairs_count_half_after_a_half_life),
        T(moving_t0_changes_no_list),
        cmocka_unit_test(full_row_gives_up_its_smallest_entry),
        cmocka_unit_test(row_equals_its_twin),
        T(rows_equal_a_plain_array_of_pairs),
        cmocka_unit_test(half_life_below_an_hour_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
