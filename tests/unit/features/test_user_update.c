/* What one event does to one person. */
#include "tests/support/test_support.h"

#include "core/base/hash.h"
#include "features/feature_columns.h"
#include "features/user_codec.h"
#include "features/user_update.h"

#include <stdio.h>

enum { MINUTE_MS = 60 * 1000 };
static const int64_t NOON_MS = 1700000000000;

static struct user_state user;
static struct event_batch batch;
static struct event_line lines[4];
static struct lane_items snapshot;
static struct arena arena;
static int n_events;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    user_state_init(&user, str_of("u"));
    n_events = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

static enum user_change apply(enum action action, const char *event_id, const char *item,
                              int32_t quantity, int64_t time_ms)
{
    lines[0] =
        (struct event_line){str_of(item), item ? hash64(str_of(item)) : 0, quantity, 25000};
    batch.n = 1;
    batch.action[0] = (uint8_t)action;
    batch.time_ms[0] = time_ms;
    batch.event_id[0] = str_of(event_id);
    batch.currency[0] = str_of("EUR");
    batch.lines[0] = lines;
    batch.n_lines[0] = item ? 1 : 0;
    return user_update(&user, &batch, 0, &arena, &snapshot);
}

static void second_event_of_the_same_id_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(apply(ACTION_VIEW, "e1", "a", 1, NOON_MS), USER_CHANGED);
    assert_int_equal(apply(ACTION_VIEW, "e1", "b", 1, NOON_MS + 1), USER_UNCHANGED);
    assert_int_equal(user.n_events, 1);
    assert_int_equal(user.n_items, 1);
}

static void an_id_is_remembered_for_32_events_and_no_longer(void **state)
{
    char id[16];

    (void)state;
    for (int i = 0; i < 33; i++) {
        snprintf(id, sizeof(id), "e%d", i);
        assert_int_equal(apply(ACTION_VIEW, id, "a", 1, NOON_MS + i), USER_CHANGED);
    }
    assert_int_equal(apply(ACTION_VIEW, "e1", "a", 1, NOON_MS + 40), USER_UNCHANGED);
    assert_int_equal(apply(ACTION_VIEW, "e0", "a", 1, NOON_MS + 41), USER_CHANGED);
}

static void items_stand_newest_first_and_each_once(void **state)
{
    (void)state;
    apply(ACTION_VIEW, "1", "a", 1, NOON_MS);
    apply(ACTION_VIEW, "2", "b", 1, NOON_MS + 1);
    apply(ACTION_VIEW, "3", "a", 1, NOON_MS + 2);
    assert_int_equal(user.n_items, 2);
    assert_int_equal(user.items[0].item, hash64(str_of("a")));
    assert_int_equal(user.items[0].n, 2);
    assert_int_equal(user.items[1].item, hash64(str_of("b")));
}

static void a_gap_of_half_an_hour_starts_a_session(void **state)
{
    (void)state;
    apply(ACTION_VIEW, "1", "a", 1, NOON_MS);
    apply(ACTION_VIEW, "2", "b", 1, NOON_MS + 30 * MINUTE_MS);
    assert_int_equal(user.n_session, 2); /* exactly 30 minutes is still the same */
    apply(ACTION_VIEW, "3", "c", 1, NOON_MS + 60 * MINUTE_MS + 1);
    assert_int_equal(user.n_session, 1);
    assert_int_equal(user.n_items, 3);
    assert_int_equal(user.session_start_ms, NOON_MS + 60 * MINUTE_MS + 1);
}

static void snapshot_shows_the_session_before_and_after(void **state)
{
    (void)state;
    apply(ACTION_VIEW, "1", "a", 1, NOON_MS);
    apply(ACTION_VIEW, "2", "b", 1, NOON_MS + 1);
    assert_int_equal(snapshot.n_before, 1);
    assert_int_equal(snapshot.before_items[0].item, hash64(str_of("a")));
    assert_int_equal(snapshot.n, 2);
    assert_int_equal(snapshot.items[0].item, hash64(str_of("b")));
}

static void arrays_at_their_limit_let_the_oldest_go(void **state)
{
    char id[16], item[16];

    (void)state;
    for (int i = 0; i < USER_ITEMS_MAX + 5; i++) {
        snprintf(id, sizeof(id), "e%d", i);
        snprintf(item, sizeof(item), "i%d", i);
        apply(ACTION_ADD_TO_CART, id, item, 1, NOON_MS + i);
    }
    assert_int_equal(user.n_items, USER_ITEMS_MAX);
    assert_int_equal(user.n_session, SESSION_ITEMS_MAX);
    assert_int_equal(user.n_cart, USER_CART_MAX);
    assert_int_equal(user.items[0].item, hash64(str_of("i68")));
    assert_int_equal(user.cart[0].item, hash64(str_of("i37")));
}

static void cart_follows_adding_removing_and_ordering(void **state)
{
    (void)state;
    apply(ACTION_ADD_TO_CART, "1", "a", 2, NOON_MS);
    apply(ACTION_ADD_TO_CART, "2", "b", 1, NOON_MS + 1);
    apply(ACTION_REMOVE_FROM_CART, "3", "a", 1, NOON_MS + 2);
    assert_int_equal(user.n_cart, 2);
    assert_int_equal(user.cart[0].quantity, 1);
    assert_int_equal(user.cart[0].price_e4, 25000);
    apply(ACTION_REMOVE_FROM_CART, "4", "a", 1, NOON_MS + 3);
    assert_int_equal(user.n_cart, 1);
    apply(ACTION_ORDER, "5", "b", 1, NOON_MS + 4);
    assert_int_equal(user.n_cart, 0);
}

static void removing_what_is_not_there_changes_no_cart(void **state)
{
    (void)state;
    apply(ACTION_ADD_TO_CART, "1", "a", 1, NOON_MS);
    apply(ACTION_REMOVE_FROM_CART, "2", "zzz", 5, NOON_MS + 1);
    assert_int_equal(user.n_cart, 1);
    assert_int_equal(user.cart_ms, NOON_MS);
}

/* Two views one half-life apart: the older one counts half by then. */
static void counters_fade_by_half_in_their_half_life(void **state)
{
    (void)state;
    int64_t half_life_ms = feature_columns[0].half_life_ms;

    apply(ACTION_VIEW, "1", "a", 1, NOON_MS);
    apply(ACTION_VIEW, "2", "a", 1, NOON_MS + half_life_ms);
    assert_close(user.counters[0], 1.5, 1e-6);
    apply(ACTION_VIEW, "3", "a", 1, NOON_MS); /* late: it counts what is left of it */
    assert_close(user.counters[0], 2.0, 1e-6);
    assert_int_equal(user.counters_ms, NOON_MS + half_life_ms);
}

static void a_late_event_never_makes_a_person_older(void **state)
{
    (void)state;
    apply(ACTION_VIEW, "1", "a", 1, NOON_MS);
    apply(ACTION_VIEW, "2", "a", 1, NOON_MS - 1000);
    assert_int_equal(user.last_ms, NOON_MS);
    assert_int_equal(user.first_ms, NOON_MS - 1000);
    assert_int_equal(user.items[0].time_ms, NOON_MS);
}

static void profile_replaces_consents_and_a_tombstone_leaves_nobody(void **state)
{
    struct consent consent = {CHANNEL_EMAIL, PURPOSE_MARKETING, true, NOON_MS, {0}, {0}};
    struct user_record record = {.user_id = str_of("u"),
                                 .locale = str_of("de-DE"),
                                 .consents = {&consent, 1},
                                 .quiet_from = str_of("21:00"),
                                 .quiet_to = str_of("24:00"),
                                 .updated_time = NOON_MS};

    (void)state;
    batch.record[0] = &record;
    assert_int_equal(apply(ACTION_PROFILE, "u", NULL, 1, NOON_MS), USER_CHANGED);
    assert_int_equal(user.n_consents, 1);
    assert_int_equal(user.quiet_from_min, 21 * 60);
    assert_int_equal(user.quiet_to_min, -1); /* no such time of day */
    record.consents.n = 0;
    apply(ACTION_PROFILE, "u", NULL, 1, NOON_MS);
    assert_int_equal(user.n_consents, 0);
    apply(ACTION_VIEW, "1", "a", 1, NOON_MS);
    batch.record[0] = NULL;
    assert_int_equal(apply(ACTION_PROFILE, "u", NULL, 1, NOON_MS), USER_ERASED);
    assert_true(user_state_empty(&user));
    assert_int_equal(user.n_items, 0);
}

/* Unsubscribed at noon; a record written later still carries the grant of the day before. */
static void a_withdrawal_outlives_an_older_grant_and_yields_to_a_newer_one(void **state)
{
    struct consent consent = {CHANNEL_EMAIL, PURPOSE_MARKETING, true, NOON_MS - 1000, {0}, {0}};
    struct user_record record = {
        .user_id = str_of("u"), .consents = {&consent, 1}, .updated_time = NOON_MS + 1};

    (void)state;
    batch.record[0] = &record;
    apply(ACTION_PROFILE, "u", NULL, 1, NOON_MS);
    assert_true(user.consents[0].granted);
    user.consents[0].granted = false;
    user.consents[0].time_ms = NOON_MS;
    apply(ACTION_PROFILE, "u", NULL, 1, NOON_MS + 1);
    assert_false(user.consents[0].granted);
    consent.time = NOON_MS + 5;
    apply(ACTION_PROFILE, "u", NULL, 1, NOON_MS + 5);
    assert_true(user.consents[0].granted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(second_event_of_the_same_id_changes_nothing),
        TEST(an_id_is_remembered_for_32_events_and_no_longer),
        TEST(items_stand_newest_first_and_each_once),
        TEST(a_gap_of_half_an_hour_starts_a_session),
        TEST(snapshot_shows_the_session_before_and_after),
        TEST(arrays_at_their_limit_let_the_oldest_go),
        TEST(cart_follows_adding_removing_and_ordering),
        TEST(removing_what_is_not_there_changes_no_cart),
        TEST(counters_fade_by_half_in_their_half_life),
        TEST(a_late_event_never_makes_a_person_older),
        TEST(a_withdrawal_outlives_an_older_grant_and_yields_to_a_newer_one),
        TEST(profile_replaces_consents_and_a_tombstone_leaves_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
