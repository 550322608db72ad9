/* Copy-on-write tables and the dictionary: a frozen version never changes. */
#include "models/cow_table.h"
#include "models/item_dict.h"
#include "tests/support/test_support.h"

#include <stdlib.h>
#include <string.h>

struct element {
    uint32_t value, pad[7];
};

struct frozen { /* a view with one table and one dictionary */
    uint32_t slot;
    struct cow_root root;
    struct item_dict_root dict;
};

struct fixture {
    struct view_set set;
    struct cow_table table;
    struct item_dict dict;
    struct frozen *newest;
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    view_set_init(&f->set);
    cow_table_init(&f->table, &f->set, sizeof(struct element));
    *state = f;
    return item_dict_init(&f->dict, &f->set) == OK ? 0 : -1;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;

    cow_table_deinit(&f->table);
    item_dict_deinit(&f->dict);
    view_set_retire(&f->set, f->newest);
    view_set_deinit(&f->set);
    free(f);
    return 0;
}

static void publish(struct fixture *f)
{
    struct frozen *view = view_set_alloc(&f->set, sizeof(*view));

    assert_non_null(view);
    view->root = cow_table_freeze(&f->table);
    view->dict = item_dict_freeze(&f->dict);
    view_set_retire(&f->set, f->newest);
    f->newest = view;
    assert_int_equal(view_set_publish(&f->set, view, &view->slot), OK);
}

static void set(struct fixture *f, uint32_t i, uint32_t value)
{
    struct element *element = cow_table_write(&f->table, i);

    assert_non_null(element);
    element->value = value;
}

static uint32_t get(const struct cow_root *root, uint32_t i)
{
    const struct element *element = cow_root_get(root, i);

    return element->value;
}

static void new_elements_are_zero(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cow_table_extend(&f->table, 1000), OK);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(((const struct element *)cow_table_get(&f->table, i))->value, 0);
}

static void frozen_version_keeps_its_values(void **state)
{
    struct fixture *f = *state;
    const struct frozen *old;

    assert_int_equal(cow_table_extend(&f->table, 300), OK);
    for (uint32_t i = 0; i < 300; i++)
        set(f, i, i);
    publish(f);
    old = view_set_acquire(&f->set);
    for (uint32_t round = 1; round < 5; round++) {
        for (uint32_t i = 0; i < 300; i++)
            set(f, i, i + 1000 * round);
        publish(f);
    }
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(get(&old->root, i), i);
        assert_int_equal(get(&f->newest->root, i), i + 4000);
    }
    view_set_release(&f->set, old->slot);
}

/* 128 elements of 32 bytes fill a page: writing one copies one page, and the root. */
static void publishing_costs_what_was_touched(void **state)
{
    struct fixture *f = *state;
    const struct frozen *old;
    size_t before;

    assert_int_equal(cow_table_extend(&f->table, 128 * 50), OK);
    publish(f);
    old = view_set_acquire(&f->set);
    before = view_set_bytes(&f->set);
    set(f, 0, 1);
    set(f, 127, 1);
    set(f, 128 * 49, 1);
    assert_int_equal(view_set_bytes(&f->set) - before,
                     2 * VIEW_PAGE_BYTES + f->table.capacity * sizeof(char *));
    view_set_release(&f->set, old->slot);
}

static void older_view_survives_growth_of_the_root(void **state)
{
    struct fixture *f = *state;
    const struct frozen *old;

    assert_int_equal(cow_table_extend(&f->table, 10), OK);
    set(f, 9, 99);
    publish(f);
    old = view_set_acquire(&f->set);
    assert_int_equal(cow_table_extend(&f->table, 100000), OK);
    set(f, 9, 1);
    set(f, 99999, 2);
    publish(f);
    assert_int_equal(get(&old->root, 9), 99);
    assert_int_equal(get(&f->newest->root, 9), 1);
    assert_int_equal(get(&f->newest->root, 99999), 2);
    view_set_release(&f->set, old->slot);
}

static void element_as_large_as_a_page_fits(void **state)
{
    struct fixture *f = *state;
    struct cow_table table;

    cow_table_init(&table, &f->set, VIEW_PAGE_BYTES);
    assert_int_equal(cow_table_extend(&table, 3), OK);
    memset(cow_table_write(&table, 2), 7, VIEW_PAGE_BYTES);
    assert_int_equal(((const char *)cow_table_get(&table, 1))[0], 0);
    cow_table_deinit(&table);
}

/* ---- the dictionary ---- */

static uint64_t hash_of(uint32_t i)
{
    return (i + 1) * 0x9e3779b97f4a7c15u;
}

static void numbers_are_given_in_order_and_found_after_growth(void **state)
{
    struct fixture *f = *state;
    struct item_dict_root root;

    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(item_dict_add(&f->dict, hash_of(i)), OK);
    root = item_dict_freeze(&f->dict);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(item_dict_find(&root, hash_of(i)), i);
    assert_int_equal(item_dict_find(&root, 12345), ITEM_NONE);
    assert_int_equal(item_dict_find(&root, 0), ITEM_NONE);
}

/* Entries of later views stand in the same table and must not be found. */
static void older_view_does_not_see_newer_numbers(void **state)
{
    struct fixture *f = *state;
    const struct frozen *old;

    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(item_dict_add(&f->dict, hash_of(i)), OK);
    publish(f);
    old = view_set_acquire(&f->set);
    for (uint32_t i = 10; i < 4000; i++) {
        assert_int_equal(item_dict_add(&f->dict, hash_of(i)), OK);
        assert_int_equal(item_dict_find(&old->dict, hash_of(i)), ITEM_NONE);
    }
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(item_dict_find(&old->dict, hash_of(i)), i);
    view_set_release(&f->set, old->slot);
}

/* Hashes that share their low bits, and one whose slot is the table's last. */
static void colliding_hashes_are_told_apart(void **state)
{
    struct fixture *f = *state;
    struct item_dict_root root;

    for (uint64_t i = 1; i <= 100; i++)
        assert_int_equal(item_dict_add(&f->dict, i << 40 | 1023), OK);
    root = item_dict_freeze(&f->dict);
    for (uint64_t i = 1; i <= 100; i++)
        assert_int_equal(item_dict_find(&root, i << 40 | 1023), i - 1);
    assert_int_equal(item_dict_find(&root, 1023), ITEM_NONE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(new_elements_are_zero),
        T(frozen_version_keeps_its_values),
        T(publishing_costs_what_was_touched),
        T(older_view_survives_growth_of_the_root),
        T(element_as_large_as_a_page_fits),
        T(numbers_are_given_in_order_and_found_after_growth),
        T(older_view_does_not_see_newer_numbers),
        T(colliding_hashes_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
