#include "tests/support/test_support.h"

#include "core/base/fault.h"

#include <stdlib.h>

static void only_the_nth_pass_hits(void **state)
{
    (void)state;
    fault_arm("once", 2);
    assert_false(fault_hit("once"));
    assert_true(fault_hit("once"));
    assert_false(fault_hit("once"));
    assert_false(fault_hit("never_armed"));
}

static void a_range_hits_from_its_first_to_its_last_pass(void **state)
{
    (void)state;
    setenv("FRESHET_FAULT", "range=2-4,single=1", 1);
    fault_init();
    assert_true(fault_hit("single"));
    assert_false(fault_hit("single"));
    assert_false(fault_hit("range"));
    for (int pass = 2; pass <= 4; pass++)
        assert_true(fault_hit("range"));
    assert_false(fault_hit("range"));
}

/* Mutants stay on: passes are not counted. */
static void an_armed_point_stays_armed(void **state)
{
    (void)state;
    fault_arm("mutant_of_test", 1);
    assert_true(fault_is_armed("mutant_of_test"));
    assert_true(fault_is_armed("mutant_of_test"));
    assert_false(fault_is_armed("mutant_of_nobody"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_nth_pass_hits),
        cmocka_unit_test(a_range_hits_from_its_first_to_its_last_pass),
        cmocka_unit_test(an_armed_point_stays_armed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
