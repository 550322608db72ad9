/* A person's state survives its bytes, whatever is in it; other bytes are told apart. */
#include "tests/support/test_support.h"

#include "core/base/hash.h"
#include "features/user_codec.h"

#include <stdlib.h>

static struct user_state full, back;
static uint8_t bytes[USER_BYTES_MAX];

/* Every array at its limit, every string at its longest. */
static void fill(struct user_state *user, struct str id)
{
    static char longest[ID_MAX_BYTES];

    memset(longest, 'x', sizeof(longest));
    struct str text = {longest, sizeof(longest)};

    user_state_init(user, id);
    user->n_events = 4000000000u;
    user->first_ms = 1700000000000;
    user->last_ms = 1800000000000;
    user->session_start_ms = user->last_ms - 1000;
    user->n_items = USER_ITEMS_MAX;
    user->n_session = SESSION_ITEMS_MAX;
    for (int i = 0; i < USER_ITEMS_MAX; i++)
        user->items[i] = (struct user_item){.item = hash64(text) + (uint64_t)i,
                                            .time_ms = user->last_ms - i * 7,
                                            .action = ACTION_ORDER,
                                            .n = 255};
    user->n_counters = USER_COUNTERS_MAX;
    user->counters_ms = user->last_ms - 5;
    for (int i = 0; i < USER_COUNTERS_MAX; i++)
        user->counters[i] = 0.1f * (float)i;
    user->n_qualifying = 17;
    user->n_event_ids = USER_EVENT_IDS_MAX;
    for (int i = 0; i < USER_EVENT_IDS_MAX; i++)
        user->event_ids[i] = ~(uint64_t)i;
    user->n_cart = USER_CART_MAX;
    user->cart_ms = user->last_ms - 2;
    user->cart_currency = str_of("EUR");
    for (int i = 0; i < USER_CART_MAX; i++)
        user->cart[i] = (struct cart_item){hash64(text), text, i + 1, -1, user->last_ms};
    user->profile_ms = 1750000000000;
    user->locale = str_of("de-DE");
    user->time_zone = str_of("Europe/Berlin");
    user->quiet_from_min = 1260;
    user->quiet_to_min = 480;
    user->n_consents = USER_CONSENTS_MAX;
    for (int i = 0; i < USER_CONSENTS_MAX; i++)
        user->consents[i] =
            (struct user_consent){(uint8_t)(i / 4 + 1), (uint8_t)(i % 4 + 1), i & 1, 1};
    user->n_timers = USER_TIMERS_MAX;
    for (int i = 0; i < USER_TIMERS_MAX; i++)
        user->timers[i] = (struct user_timer){.campaign = (uint64_t)i << 32,
                                              .step = 2,
                                              .channel_done = 3,
                                              .opened_ms = user->last_ms,
                                              .fire_ms = user->last_ms + 1000 - i,
                                              .due_ms = user->last_ms + 900,
                                              .instance = text};
    user->n_sends = USER_SENDS_MAX;
    for (int i = 0; i < USER_SENDS_MAX; i++)
        user->sends[i] =
            (struct user_send){user->last_ms - i, CHANNEL_EMAIL, PURPOSE_MARKETING};
}

static void fullest_state_comes_back_and_its_bytes_are_the_same_again(void **state)
{
    static uint8_t again[USER_BYTES_MAX];

    (void)state;
    fill(&full, str_of("u1"));
    uint32_t n = user_encode(&full, bytes, sizeof(bytes));

    assert_true(n > 0);
    assert_true(user_decode(bytes, n, str_of("u1"), &back));
    assert_int_equal(back.n_events, 4000000000u);
    assert_int_equal(back.items[63].time_ms, full.items[63].time_ms);
    assert_int_equal(back.timers[63].fire_ms, full.timers[63].fire_ms);
    assert_int_equal(back.cart[31].quantity, 32);
    assert_int_equal(back.cart[31].price_e4, -1);
    assert_true(back.consents[1].granted);
    assert_false(back.consents[2].granted);
    assert_int_equal(user_encode(&back, again, sizeof(again)), n);
    assert_memory_equal(bytes, again, n);
}

/* The overlay gives the encoder just this room, so the bound has to hold for any numbers. */
static void bound_holds_for_the_widest_numbers(void **state)
{
    (void)state;
    fill(&full, str_of("u1"));
    full.first_ms = full.counters_ms = full.cart_ms = full.profile_ms = INT64_MIN / 2;
    full.last_ms = INT64_MAX / 2;
    full.session_start_ms = INT64_MIN / 2;
    full.n_qualifying = UINT32_MAX;
    for (int i = 0; i < USER_CART_MAX; i++) {
        full.cart[i].quantity = INT32_MIN;
        full.cart[i].price_e4 = INT64_MIN;
        full.cart[i].time_ms = INT64_MIN / 2;
    }
    for (int i = 0; i < USER_CONSENTS_MAX; i++)
        full.consents[i].time_ms = INT64_MAX / 2;
    for (int i = 0; i < USER_TIMERS_MAX; i++)
        full.timers[i].opened_ms = full.timers[i].fire_ms = full.timers[i].due_ms = INT64_MIN;
    for (int i = 0; i < USER_SENDS_MAX; i++)
        full.sends[i].time_ms = INT64_MIN / 2;
    uint32_t bound = user_encoded_bound(&full);
    uint8_t *exact = malloc(bound);
    uint32_t n = user_encode(&full, exact, bound);

    assert_true(n > 0);
    assert_true(bound < n + n / 4); /* and is no waste either */
    free(exact);

    user_state_init(&full, str_of("u"));
    full.profile_ms = INT64_MIN / 2;
    bound = user_encoded_bound(&full);
    assert_true(user_encode(&full, bytes, bound) > 0);
}

static void earliest_timer_is_read_without_the_rest(void **state)
{
    (void)state;
    fill(&full, str_of("u1"));
    uint32_t n = user_encode(&full, bytes, sizeof(bytes));

    assert_int_equal(user_bytes_next_fire(bytes, n), full.last_ms + 1000 - 63);
    full.n_timers = 0;
    n = user_encode(&full, bytes, sizeof(bytes));
    assert_int_equal(user_bytes_next_fire(bytes, n), INT64_MAX);
}

static void nobody_is_empty_and_a_profile_alone_is_somebody(void **state)
{
    (void)state;
    user_state_init(&full, str_of("u"));
    assert_true(user_state_empty(&full));
    full.profile_ms = 1;
    assert_false(user_state_empty(&full));
}

static void every_prefix_and_a_longer_text_are_refused(void **state)
{
    (void)state;
    fill(&full, str_of("u1"));
    uint32_t n = user_encode(&full, bytes, sizeof(bytes) - 1);

    for (uint32_t cut = 0; cut < n; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1); /* so that a read behind the end is seen */

        memcpy(exact, bytes, cut);
        assert_false(user_decode(exact, cut, str_of("u1"), &back));
        free(exact);
    }
    bytes[n] = 0;
    assert_false(user_decode(bytes, n + 1, str_of("u1"), &back));
}

static void damaged_bytes_never_pass_an_array(void **state)
{
    uint32_t seed = 12345;

    (void)state;
    fill(&full, str_of("u1"));
    uint32_t n = user_encode(&full, bytes, sizeof(bytes));

    for (int round = 0; round < 20000; round++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t at = seed % n;
        uint8_t kept = bytes[at];

        bytes[at] = (uint8_t)(seed >> 16);
        if (user_decode(bytes, n, str_of("u1"), &back)) {
            assert_true(back.n_items <= USER_ITEMS_MAX && back.n_session <= back.n_items);
            assert_true(back.n_cart <= USER_CART_MAX && back.n_timers <= USER_TIMERS_MAX);
        }
        bytes[at] = kept;
    }
}

static void newer_version_is_told_apart(void **state)
{
    (void)state;
    user_state_init(&full, str_of("u1"));
    full.n_events = 1;
    uint32_t n = user_encode(&full, bytes, sizeof(bytes));

    bytes[0] = 2;
    assert_false(user_decode(bytes, n, str_of("u1"), &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fullest_state_comes_back_and_its_bytes_are_the_same_again),
        cmocka_unit_test(bound_holds_for_the_widest_numbers),
        cmocka_unit_test(earliest_timer_is_read_without_the_rest),
        cmocka_unit_test(nobody_is_empty_and_a_profile_alone_is_somebody),
        cmocka_unit_test(every_prefix_and_a_longer_text_are_refused),
        cmocka_unit_test(damaged_bytes_never_pass_an_array),
        cmocka_unit_test(newer_version_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
