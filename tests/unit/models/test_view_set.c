/* Views: what a held view sees stays as it was; what nobody sees is given back. */
#include "models/view_set.h"
#include "tests/support/test_support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct numbers { /* a view that can be checked: all its values are equal */
    uint32_t slot;
    uint32_t values[100];
};

static struct numbers *numbers_of(struct view_set *set, uint32_t value)
{
    struct numbers *numbers = view_set_alloc(set, sizeof(*numbers));

    assert_non_null(numbers);
    for (int i = 0; i < 100; i++)
        numbers->values[i] = value;
    return numbers;
}

static void publish(struct view_set *set, struct numbers **newest, uint32_t value)
{
    struct numbers *next = numbers_of(set, value);

    view_set_retire(set, *newest);
    *newest = next;
    assert_int_equal(view_set_publish(set, next, &next->slot), OK);
}

static int open_set(void **state)
{
    struct view_set *set = malloc(sizeof(*set));

    view_set_init(set);
    *state = set;
    return 0;
}

static int close_set(void **state)
{
    free(*state);
    return 0;
}

static void acquired_view_is_the_newest(void **state)
{
    struct view_set *set = *state;
    struct numbers *newest = NULL;
    const struct numbers *view;

    publish(set, &newest, 1);
    publish(set, &newest, 2);
    view = view_set_acquire(set);
    assert_int_equal(view->values[0], 2);
    view_set_release(set, view->slot);
    view_set_retire(set, newest);
    view_set_deinit(set);
}

/* A reader of view 1 keeps view 1, and nothing of views 2 and 3. */
static void slow_reader_keeps_only_its_own_view(void **state)
{
    struct view_set *set = *state;
    struct numbers *newest = NULL;
    const struct numbers *old;

    publish(set, &newest, 1);
    old = view_set_acquire(set);
    for (uint32_t value = 2; value <= 10; value++)
        publish(set, &newest, value);
    assert_int_equal(view_set_bytes(set), 2 * sizeof(struct numbers));
    assert_int_equal(old->values[99], 1);

    view_set_release(set, old->slot);
    publish(set, &newest, 11);
    assert_int_equal(view_set_bytes(set), sizeof(struct numbers));
    view_set_retire(set, newest);
    view_set_deinit(set);
}

static void several_old_views_live_at_once(void **state)
{
    struct view_set *set = *state;
    struct numbers *newest = NULL;
    const struct numbers *held[5];

    for (uint32_t v = 0; v < 5; v++) {
        publish(set, &newest, v);
        held[v] = view_set_acquire(set);
    }
    view_set_release(set, held[2]->slot); /* from the middle */
    publish(set, &newest, 5);
    assert_int_equal(view_set_bytes(set), 5 * sizeof(struct numbers));
    for (uint32_t v = 0; v < 5; v++) {
        if (v == 2)
            continue;
        assert_int_equal(held[v]->values[50], v);
        view_set_release(set, held[v]->slot);
    }
    publish(set, &newest, 6);
    assert_int_equal(view_set_bytes(set), sizeof(struct numbers));
    view_set_retire(set, newest);
    view_set_deinit(set);
}

static void too_many_held_views_put_off_the_next(void **state)
{
    struct view_set *set = *state;
    struct numbers *newest = NULL, *extra;
    const struct numbers *held[VIEW_SET_SLOTS];

    for (uint32_t v = 0; v < VIEW_SET_SLOTS; v++) {
        publish(set, &newest, v);
        held[v] = view_set_acquire(set);
    }
    assert_false(view_set_has_room(set));
    extra = numbers_of(set, 1000);
    assert_int_equal(view_set_publish(set, extra, &extra->slot), ERR_FULL);
    assert_int_equal(((const struct numbers *)view_set_acquire(set))->values[0],
                     VIEW_SET_SLOTS - 1);
    view_set_release(set, newest->slot);

    view_set_release(set, held[0]->slot);
    assert_true(view_set_has_room(set));
    view_set_retire(set, newest);
    assert_int_equal(view_set_publish(set, extra, &extra->slot), OK);
    for (uint32_t v = 1; v < VIEW_SET_SLOTS; v++)
        view_set_release(set, held[v]->slot);
    view_set_retire(set, extra);
    view_set_deinit(set);
}

static void block_no_view_has_seen_is_freed_at_once(void **state)
{
    struct view_set *set = *state;
    void *block = view_set_alloc(set, 1000);

    assert_false(view_set_is_shared(set, block));
    assert_int_equal(view_set_bytes(set), 1000);
    view_set_retire(set, block);
    assert_int_equal(view_set_bytes(set), 0);
    view_set_deinit(set);
}

/* ---- threads ---- */

enum { READERS = 3, VIEWS = 3000 };

struct shared {
    struct view_set set;
    _Atomic bool done;
    _Atomic uint32_t n_wrong, n_read;
};

static void *read_views(void *context)
{
    struct shared *shared = context;
    uint32_t last = 0;

    while (!atomic_load(&shared->done)) {
        const struct numbers *view = view_set_acquire(&shared->set);
        uint32_t value = view->values[0];

        for (int i = 1; i < 100; i++) {
            if (view->values[i] != value)
                atomic_fetch_add(&shared->n_wrong, 1);
        }
        if (value < last) /* views never go back */
            atomic_fetch_add(&shared->n_wrong, 1);
        last = value;
        atomic_fetch_add(&shared->n_read, 1);
        view_set_release(&shared->set, view->slot);
    }
    return NULL;
}

static void readers_see_whole_views_while_they_change(void **state)
{
    struct shared *shared = calloc(1, sizeof(*shared));
    struct numbers *newest = NULL;
    pthread_t readers[READERS];

    (void)state;
    view_set_init(&shared->set);
    publish(&shared->set, &newest, 0);
    for (int r = 0; r < READERS; r++)
        assert_int_equal(pthread_create(&readers[r], NULL, read_views, shared), 0);
    for (uint32_t value = 1; value < VIEWS || atomic_load(&shared->n_read) < VIEWS; value++)
        publish(&shared->set, &newest, value);
    atomic_store(&shared->done, true);
    for (int r = 0; r < READERS; r++)
        pthread_join(readers[r], NULL);
    assert_int_equal(atomic_load(&shared->n_wrong), 0);

    publish(&shared->set, &newest, UINT32_MAX);
    assert_int_equal(view_set_bytes(&shared->set), sizeof(struct numbers));
    view_set_retire(&shared->set, newest);
    view_set_deinit(&shared->set);
    free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acquired_view_is_the_newest, open_set, close_set),
        cmocka_unit_test_setup_teardown(slow_reader_keeps_only_its_own_view, open_set,
                                        close_set),
        cmocka_unit_test_setup_teardown(several_old_views_live_at_once, open_set, close_set),
        cmocka_unit_test_setup_teardown(too_many_held_views_put_off_the_next, open_set,
                                        close_set),
        cmocka_unit_test_setup_teardown(block_no_view_has_seen_is_freed_at_once, open_set,
                                        close_set),
        cmocka_unit_test(readers_see_whole_views_while_they_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
