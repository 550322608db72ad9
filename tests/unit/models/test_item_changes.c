/* The sums of a transaction: one record per touched row, in key order, a function of the sums.
 */
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

struct emitted {
    uint32_t n, stop_after;
    bool in_order;
    char last[ID_MAX_BYTES];
    uint32_t last_len;
    uint64_t sum;
    size_t bytes_max;
};

static bool note(void *context, struct str key, struct str value)
{
    struct emitted *emitted = context;

    if (emitted->n > 0 && str_compare((struct str){emitted->last, emitted->last_len}, key) > 0)
        emitted->in_order = false;
    memcpy(emitted->last, key.ptr, key.len);
    emitted->last_len = key.len;
    emitted->sum = hash64_seeded(key, emitted->sum);
    emitted->sum = hash64_seeded(value, emitted->sum);
    if (value.len > emitted->bytes_max)
        emitted->bytes_max = value.len;
    return ++emitted->n != emitted->stop_after;
}

static struct emitted emit(struct world *world)
{
    struct emitted emitted = {.in_order = true};

    assert_int_equal(item_changes_emit(world->changes, note, &emitted), OK);
    return emitted;
}

static void one_record_per_touched_row_in_key_order(void **state)
{
    world_session(*state, T0, SESSION("c", "a", "b", "c", "ab", "a"));
    assert_int_equal(item_changes_count(((struct world *)*state)->changes), 4);
    assert_int_equal(emit(*state).n, 4);
    assert_true(emit(*state).in_order);
}

static void nothing_learnt_gives_no_record(void **state)
{
    struct world *world = *state;

    assert_int_equal(emit(world).n, 0);
    world_session(world, T0, SESSION("a"));
    item_changes_reset(world->changes);
    assert_int_equal(item_changes_count(world->changes), 0);
    assert_int_equal(emit(world).n, 0);
}

/* The same lessons in another transaction later: not a byte differs (nothing is carried over).
 */
static void same_lessons_give_the_same_bytes(void **state)
{
    struct world *world = *state;
    uint64_t first, second;

    world_session(world, T0, SESSION("a", "b", "c"));
    world_commit(world);
    world_session(world, T0, SESSION("a", "b", "c"));
    world_session(world, T0, SESSION("c", "b"));
    first = emit(world).sum;
    item_changes_reset(world->changes);
    world_session(world, T0, SESSION("x", "y"));
    item_changes_reset(world->changes);
    world_session(world, T0, SESSION("a", "b", "c"));
    world_session(world, T0, SESSION("c", "b"));
    second = emit(world).sum;
    assert_int_equal(first, second);
}

/* Integer sums are sums: without steps of vectors, the order of sessions changes no byte. */
static void order_of_lessons_changes_no_integer(void **state)
{
    struct world *world = *state;
    uint64_t first;

    world_session(world, T0, SESSION("a", "b", "c")); /* nothing is in the view: no steps */
    world_session(world, T0, SESSION("c", "b"));
    world_session(world, T0 + 2 * HOUR_MS, SESSION("a", "c"));
    first = emit(world).sum;
    item_changes_reset(world->changes);
    world_session(world, T0 + 2 * HOUR_MS, SESSION("a", "c"));
    world_session(world, T0, SESSION("c", "b"));
    world_session(world, T0, SESSION("a", "b", "c"));
    assert_int_equal(emit(world).sum, first);
}

static void put_can_stop_and_emit_can_be_called_again(void **state)
{
    struct world *world = *state;
    struct emitted emitted = {.stop_after = 2, .in_order = true};
    uint64_t whole;

    world_session(world, T0, SESSION("a", "b", "c"));
    whole = emit(world).sum;
    assert_int_equal(item_changes_emit(world->changes, note, &emitted), ERR_IO);
    assert_int_equal(emitted.n, 2);
    assert_int_equal(emit(world).sum, whole);
}

static void order_line_teaches_each_of_its_items(void **state)
{
    struct world *world = *state;
    struct event_batch *batch = calloc(1, sizeof(*batch));
    struct feature_batch *features = calloc(1, sizeof(*features));
    const struct event_line lines[3] = {{str_of("a"), key_of("a"), 1, -1},
                                        {str_of("b"), key_of("b"), 2, -1},
                                        {str_of("a"), key_of("a"), 1, -1}};
    const struct item_view *view = item_view_acquire(world->fold);

    batch->n = features->n = 1;
    batch->action[0] = ACTION_ORDER;
    batch->time_ms[0] = T0;
    batch->lines[0] = lines;
    batch->n_lines[0] = 3;
    item_changes_collect(world->changes, view, batch, features); /* items[0] is NULL */
    assert_int_equal(item_changes_count(world->changes), 2);
    item_view_release(world->fold, view);
    free(batch);
    free(features);
}

/* 40,000 items before one item: more than a record holds, so several, all of a bearable size.
 */
static void row_with_very_many_pairs_is_split(void **state)
{
    struct world *world = *state;
    struct emitted emitted;

    for (uint32_t i = 0; i < 40000; i++) {
        struct shopper shopper = {.n = 1};

        shopper.items[0] = (struct user_item){
            .item = i * 0x9e3779b97f4a7c15u + 1, .time_ms = T0, .action = ACTION_VIEW, .n = 1};
        world_event(world, &shopper, "hot", ACTION_VIEW, T0);
    }
    emitted = emit(world);
    assert_int_equal(emitted.n, 3);
    assert_true(emitted.bytes_max < 256 * 1024);
    world_commit(world);
    assert_int_equal(world->fold->n_unreadable, 0);
    assert_int_equal(item_view_n_items(world->fold->newest), 40001);
}

/* The bound is reached: what is beyond it is left out and counted, nothing breaks. */
static void rows_beyond_the_bound_are_left_out(void **state)
{
    struct world *world = *state;
    struct emitted emitted;
    const struct item_view *view = item_view_acquire(world->fold);
    char id[32];

    for (uint32_t i = 0; i < CHANGE_ROWS_MAX + 10; i++) {
        snprintf(id, sizeof(id), "i%u", i);
        assert_int_equal(item_changes_row(world->changes, view, key_of(id), str_of(id)) ==
                             ITEM_NONE,
                         i >= CHANGE_ROWS_MAX);
    }
    item_view_release(world->fold, view);
    assert_int_equal(item_changes_count(world->changes), CHANGE_ROWS_MAX);
    assert_int_equal(world->changes->n_left_out, 10);
    emitted = emit(world);
    assert_int_equal(emitted.n, CHANGE_ROWS_MAX);
    assert_true(emitted.in_order);
}

static void cells_beyond_the_bound_are_left_out(void **state)
{
    struct world *world = *state;
    const struct item_view *view = item_view_acquire(world->fold);
    uint32_t row = item_changes_row(world->changes, view, key_of("a"), str_of("a"));

    for (uint32_t i = 0; i < CHANGE_CELLS_MAX + 10; i++)
        item_changes_add(world->changes, row, 0, 400000, i + 1, 256);
    assert_int_equal(world->changes->n_left_out, 10);
    assert_true(item_changes_count(world->changes) >= ITEM_CHANGES_MAX);
    item_view_release(world->fold, view);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_record_per_touched_row_in_key_order),   T(nothing_learnt_gives_no_record),
        T(same_lessons_give_the_same_bytes),          T(order_of_lessons_changes_no_integer),
        T(put_can_stop_and_emit_can_be_called_again), T(order_line_teaches_each_of_its_items),
        T(row_with_very_many_pairs_is_split),         T(rows_beyond_the_bound_are_left_out),
        T(cells_beyond_the_bound_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
