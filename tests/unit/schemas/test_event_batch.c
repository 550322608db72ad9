/* The words of the event batch: they are in settings, metrics and dead-letter headers. */
#include "schemas/event_batch.h"
#include "tests/support/test_support.h"

static void topics_have_the_names_of_the_settings(void **state)
{
    (void)state;
    assert_string_equal(input_topic_name(INPUT_USERS), "users");
    assert_string_equal(input_topic_name(INPUT_CLICKSTREAM), "clickstream");
    assert_string_equal(input_topic_name(INPUT_ENGAGEMENT), "engagement");
    assert_string_equal(input_topic_name(INPUT_ORDERS), "orders");
    assert_string_equal(input_topic_name(INPUT_REVIEWS), "reviews");
    assert_string_equal(input_topic_name(INPUT_CATALOG), "catalog");
}

static void refusals_have_the_words_of_the_interface(void **state)
{
    static const char *const words[N_EVENT_FATES] = {
        "live",     "duplicate",      "bad_wire_format", "unknown_schema",
        "bad_avro", "trailing_bytes", "key_mismatch",    "bad_id",
        "bad_time", "too_late",       "too_large",       "bad_value",
    };

    (void)state;
    for (int fate = 0; fate < N_EVENT_FATES; fate++)
        assert_string_equal(event_fate_name((enum event_fate)fate), words[fate]);
}

static void every_action_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < N_ACTIONS; a++) {
        assert_true(strlen(action_name((enum action)a)) > 0);
        for (int b = 0; b < a; b++)
            assert_string_not_equal(action_name((enum action)a), action_name((enum action)b));
    }
    assert_string_equal(action_name(ACTION_ADD_TO_CART), "add_to_cart");
}

static void only_view_cart_and_order_say_something_about_liking(void **state)
{
    float sum = 0;

    (void)state;
    assert_close(action_strength(ACTION_VIEW), 1, 0);
    assert_close(action_strength(ACTION_ADD_TO_CART), 3, 0);
    assert_close(action_strength(ACTION_ORDER), 6, 0);
    for (int a = 0; a < N_ACTIONS; a++)
        sum += action_strength((enum action)a);
    assert_close(sum, 1 + 3 + 6, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_have_the_names_of_the_settings),
        cmocka_unit_test(refusals_have_the_words_of_the_interface),
        cmocka_unit_test(every_action_has_a_name_of_its_own),
        cmocka_unit_test(only_view_cart_and_order_say_something_about_liking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
