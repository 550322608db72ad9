#include "tests/support/test_support.h"

#include "core/demo_map.h"

static void an_empty_map_has_nothing(void **state)
{
    const struct demo_map map = {0};
    uint64_t value;

    (void)state;
    assert_false(demo_map_get(&map, 0, &value));
    assert_false(demo_map_get(&map, 7, &value));
}

/* Keys with the same low bits share a place in the table, before and after it grows. */
static void every_key_keeps_its_value_while_the_map_grows(void **state)
{
    struct demo_map map = {0};
    uint64_t value;

    (void)state;
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(demo_map_put(&map, i << 40, i), OK);
    assert_int_equal(map.n, 5000);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_true(demo_map_get(&map, i << 40, &value));
        assert_int_equal(value, i);
    }
    assert_false(demo_map_get(&map, UINT64_C(5000) << 40, &value));
    demo_map_deinit(&map);
}

static void a_later_value_replaces_the_earlier(void **state)
{
    struct demo_map map = {0};
    uint64_t value;

    (void)state;
    assert_int_equal(demo_map_put(&map, 0, 1), OK); /* the key that marks a free place */
    assert_int_equal(demo_map_put(&map, 0, 2), OK);
    assert_int_equal(map.n, 1);
    assert_true(demo_map_get(&map, 0, &value));
    assert_int_equal(value, 2);
    demo_map_deinit(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(every_key_keeps_its_value_while_the_map_grows),
        cmocka_unit_test(a_later_value_replaces_the_earlier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
