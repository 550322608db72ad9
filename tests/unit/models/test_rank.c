/* Lists: order, ties, filters, length, reasons, and the page's item. */
#include "models/popularity.h"
#include "tests/unit/models/models_support.h"

#include <math.h>

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

/* n sessions over items i0..i{items-1}, near ones following each other. */
static void traffic(struct world *world, uint32_t n, uint32_t items, uint64_t seed)
{
    for (uint32_t s = 0; s < n; s++) {
        uint32_t near = (uint32_t)(random_next(&seed) % items);
        char names[4][16];

        for (int i = 0; i < 4; i++)
            snprintf(names[i], sizeof(names[i]), "i%u",
                     (near + (uint32_t)(random_next(&seed) % 12)) % items);
        world_session(world, T0 + s * 1000, SESSION(names[0], names[1], names[2], names[3]));
        if (s % 50 == 49)
            world_commit(world);
    }
    world_commit(world);
}

static void assert_is_a_list(struct world *world, const struct ranking *list, uint32_t k)
{
    assert_true(list->n <= k);
    for (uint32_t r = 0; r < list->n; r++) {
        assert_true(isfinite(list->at[r].score));
        assert_true(r == 0 || list->at[r].score <= list->at[r - 1].score);
        assert_in_range(list->at[r].reason, REASON_COVISITATION, REASON_POPULAR);
        assert_non_null(item_view_id(world->fold->newest, list->at[r].item).ptr);
        for (uint32_t other = 0; other < r; other++)
            assert_int_not_equal(list->at[r].item, list->at[other].item);
    }
}

static void lists_are_sorted_and_hold_no_item_twice(void **state)
{
    struct world *world = *state;
    uint64_t seed = 60;

    traffic(world, 1000, 300, 61);
    for (int n = 0; n < 300; n++) {
        uint32_t k = (uint32_t)(random_next(&seed) % (RANKING_K_MAX + 1));
        char names[3][16];
        struct ranking list;

        for (int i = 0; i < 3; i++)
            snprintf(names[i], sizeof(names[i]), "i%u", (uint32_t)(random_next(&seed) % 310));
        list = world_list(world, k, SESSION(names[0], names[1], names[2]));
        assert_is_a_list(world, &list, k);
        assert_int_equal(list.n, k); /* 300 items: filled up from the popular ones */
    }
}

static void list_is_no_longer_than_there_are_items(void **state)
{
    struct ranking list;

    world_session(*state, T0, SESSION("a", "b", "c"));
    world_commit(*state);
    list = world_list(*state, RANKING_K_MAX, SESSION("a"));
    assert_int_equal(list.n, 3);
    list = world_list(*state, 2, NULL);
    assert_int_equal(list.n, 2);
    list = world_list(*state, 0, SESSION("a"));
    assert_int_equal(list.n, 0);
}

static void unknown_session_gets_popular_items(void **state)
{
    struct ranking list;

    world_session(*state, T0, SESSION("a", "b"));
    world_session(*state, T0, SESSION("b", "c"));
    world_commit(*state);
    list = world_list(*state, 20, SESSION("nobody has seen this"));
    assert_int_equal(list.n, 3);
    assert_int_equal(place_in(*state, &list, "b"), 0);
    assert_int_equal(list.at[0].reason, REASON_POPULAR);
}

/* The same request against a full sort of all candidates: the short list loses none of k. */
static void top_of_the_list_equals_a_full_sort(void **state)
{
    struct world *world = *state;
    struct rank_scratch *scratch = world->scratch;
    struct ranking list;

    traffic(world, 3000, 200, 62);
    scratch->weights.source[SOURCE_FACTORS] = (struct source_weight){0, 0};
    list = world_list(world, 20, SESSION("i5", "i60", "i100", "i150", "i190"));
    assert_int_equal(list.n, 20);
    assert_true(scratch->n > scratch->n_short + 10); /* so that shortening had to choose */
    for (uint32_t c = 0; c < scratch->n; c++) {
        bool listed = false;

        for (uint32_t r = 0; r < list.n; r++)
            listed = listed || list.at[r].item == scratch->item[c];
        assert_true(listed || scratch->sum[c] <= list.at[list.n - 1].score);
    }
}

/* b and c follow a equally: the one with the more recent event is first. */
static void tie_goes_to_the_more_recent_event(void **state)
{
    struct world *world = *state;
    struct ranking list;

    memset(&world->scratch->weights, 0, sizeof(world->scratch->weights));
    world->scratch->weights.source[SOURCE_COVISITATION].linear = 1;
    world_session(world, T0, SESSION("a", "b"));
    world_session(world, T0 + 60000, SESSION("a", "c"));
    world_commit(world);
    list = world_list(world, 20, SESSION("a"));
    assert_true(list.at[0].score == list.at[1].score);
    assert_int_equal(place_in(world, &list, "c"), 0);
    assert_int_equal(place_in(world, &list, "b"), 1);
}

/* Equal in time too: the lower number, which is the one folded first. */
static void tie_in_time_goes_to_the_lower_number(void **state)
{
    struct world *world = *state;
    struct ranking list;

    memset(&world->scratch->weights, 0, sizeof(world->scratch->weights));
    world->scratch->weights.source[SOURCE_COVISITATION].linear = 1;
    world_session(world, T0, SESSION("a", "z"));
    world_commit(world);
    world_session(world, T0, SESSION("a", "b"));
    world_commit(world);
    list = world_list(world, 1, SESSION("a")); /* the tie stands at the list's end */
    assert_int_equal(place_in(world, &list, "z"), 0);
}

/* MODELS 7.1: the current item may be recommended, with the session as the reason. */
static void current_item_can_be_listed(void **state)
{
    struct ranking list;
    int place;

    world_session(*state, T0, SESSION("a", "b"));
    world_commit(*state);
    list = world_list(*state, 20, SESSION("b"));
    place = place_in(*state, &list, "b");
    assert_true(place >= 0);
    assert_int_equal(list.at[place].reason, REASON_RECENT);
}

static void page_item_acts_as_the_newest(void **state)
{
    struct world *world = *state;
    const struct item_view *view;
    struct user_item items[2] = {
        {.item = key_of("c"), .time_ms = T0, .action = ACTION_VIEW, .n = 1},
        {.item = key_of("a"), .time_ms = T0, .action = ACTION_VIEW, .n = 1}};
    struct rank_request on_page = {2, items, T0, key_of("a")};
    struct ranking page, same;

    world_session(world, T0, SESSION("a", "b"));
    world_session(world, T0, SESSION("c", "d"));
    world_commit(world);
    view = item_view_acquire(world->fold);
    rank_lists(view, world->scratch, 1, &on_page, 20, &page);
    item_view_release(world->fold, view);
    same = world_list(world, 20, SESSION("a", "c"));
    assert_int_equal(page.n, same.n);
    for (uint32_t r = 0; r < page.n; r++) {
        assert_int_equal(page.at[r].item, same.at[r].item);
        assert_close(page.at[r].score, same.at[r].score, 0);
    }
    assert_true(place_in(world, &page, "b") < place_in(world, &page, "d"));
}

/* A session at its longest, and the page's item in front of it. */
static void longest_session_fits(void **state)
{
    struct world *world = *state;
    struct user_item items[SESSION_ITEMS_MAX];
    struct rank_request request = {SESSION_ITEMS_MAX, items, T0, key_of("i40")};
    struct ranking list;

    traffic(world, 500, 50, 63);
    for (uint32_t i = 0; i < SESSION_ITEMS_MAX; i++) {
        char id[16];

        snprintf(id, sizeof(id), "i%u", i);
        items[i] = (struct user_item){
            .item = key_of(id), .time_ms = T0, .action = ACTION_VIEW, .n = 1};
    }
    rank_lists(world->fold->newest, world->scratch, 1, &request, 50, &list);
    assert_is_a_list(world, &list, 50);
    assert_int_equal(world->scratch->n_session, REQUEST_ITEMS_MAX);
}

/* All of a's neighbours but one are sold out: that one is listed, none of the others. */
static void filter_works_inside_the_ranking(void **state)
{
    struct world *world = *state;
    struct ranking list;
    char id[16];

    for (uint32_t i = 0; i < 60; i++) {
        snprintf(id, sizeof(id), "n%u", i);
        world_session(world, T0 + i, SESSION("a", id));
        if (i != 59)
            world_session(world, T0 + i, SESSION("a", id));
    }
    world_commit(world);
    for (uint32_t i = 0; i < 59; i++) {
        snprintf(id, sizeof(id), "n%u", i);
        world_catalog(world, id, true, 0, i + 1);
    }
    list = world_list(world, 20, SESSION("a"));
    assert_int_equal(list.n, 2); /* a itself and n59: the others were better, and are gone */
    assert_true(place_in(world, &list, "n59") >= 0);
}

static void nothing_available_gives_an_empty_list(void **state)
{
    struct world *world = *state;
    struct ranking list;

    world_session(world, T0, SESSION("a", "b"));
    world_commit(world);
    world_catalog(world, "a", false, 1, 1);
    world_catalog(world, "b", false, 1, 2);
    list = world_list(world, 20, SESSION("a"));
    assert_int_equal(list.n, 0);
}

/* A batch of requests gives what each gives alone; the scratch keeps nothing. */
static void lists_do_not_depend_on_their_neighbours(void **state)
{
    enum { N = 70000 }; /* the stamp of the scratch wraps once */
    struct world *world = *state;
    struct user_item one = {.item = key_of("i7"), .time_ms = T0, .action = ACTION_VIEW, .n = 1};
    struct user_item other = {
        .item = key_of("i90"), .time_ms = T0, .action = ACTION_VIEW, .n = 1};
    struct rank_request requests[2] = {{1, &one, T0, 0}, {1, &other, T0, 0}};
    struct ranking alone, lists[2];

    traffic(world, 500, 100, 64);
    alone = world_list(world, 20, SESSION("i7"));
    for (int n = 0; n < N / 2; n++)
        rank_lists(world->fold->newest, world->scratch, 2, requests, 3, lists);
    rank_lists(world->fold->newest, world->scratch, 2, requests, 20, lists);
    assert_int_equal(lists[0].n, alone.n);
    for (uint32_t r = 0; r < alone.n; r++) {
        assert_int_equal(lists[0].at[r].item, alone.at[r].item);
        assert_close(lists[0].at[r].score, alone.at[r].score, 0);
        assert_int_equal(lists[0].at[r].reason, alone.at[r].reason);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lists_are_sorted_and_hold_no_item_twice),
        T(list_is_no_longer_than_there_are_items),
        T(unknown_session_gets_popular_items),
        T(top_of_the_list_equals_a_full_sort),
        T(tie_goes_to_the_more_recent_event),
        T(tie_in_time_goes_to_the_lower_number),
        T(current_item_can_be_listed),
        T(page_item_acts_as_the_newest),
        T(longest_session_fits),
        T(filter_works_inside_the_ranking),
        T(nothing_available_gives_an_empty_list),
        T(lists_do_not_depend_on_their_neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
