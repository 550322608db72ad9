#include "tests/support/test_support.h"

#include "core/base/edit_distance.h"

#include <string.h>

static void small_cases_by_hand(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("", ""), 0);
    assert_int_equal(edit_distance("", "abc"), 3);
    assert_int_equal(edit_distance("abc", ""), 3);
    assert_int_equal(edit_distance("same", "same"), 0);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    assert_int_equal(edit_distance("evry", "every"), 1);
    assert_int_equal(edit_distance("ab", "ba"), 2);
}

/* Beyond the bound only the beginnings count; no byte past them is read or written. */
static void long_words_are_compared_by_their_beginning(void **state)
{
    static char a[2000], b[2000];

    (void)state;
    memset(a, 'x', sizeof(a) - 1);
    memset(b, 'x', sizeof(b) - 1);
    b[EDIT_DISTANCE_MAX_LEN] = 'y';
    assert_int_equal(edit_distance(a, b), 0);
    b[0] = 'y';
    assert_int_equal(edit_distance(a, b), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cases_by_hand),
        cmocka_unit_test(long_words_are_compared_by_their_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
