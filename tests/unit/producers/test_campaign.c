/* Instances: opened, re-armed, cancelled, their steps, their messages, their channels. */
#include "tests/unit/producers/campaign_shop.h"

/* ---- opening, re-arming, cancelling ---- */

static void a_filled_cart_is_due_after_the_quiet_time(void **state)
{
    (void)state;
    assert_true(adds("e1", "shoe", 499900, t0));
    assert_int_equal(user.n_timers, 1);
    assert_true(campaign_next_fire(&user) == t0 + 45 * MINUTE);
    assert_int_equal(fire(t0 + 45 * MINUTE - 1), 0);
    assert_sent(fire(t0 + 45 * MINUTE));
    assert_str(decisions[0].message.trigger.instance, "e1");
}

static void a_change_moves_the_time_and_keeps_the_instance(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_true(adds("e2", "hat", 100000, t0 + 30 * MINUTE));
    assert_int_equal(user.n_timers, 1);
    assert_int_equal(fire(t0 + 45 * MINUTE), 0);
    assert_sent(fire(t0 + 75 * MINUTE));
    assert_str(decisions[0].message.trigger.instance, "e1");
    assert_true(decisions[0].message.trigger.time == t0);
}

static void a_late_change_does_not_call_it_back(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    adds("e2", "hat", 100000, t0 - HOUR);
    assert_true(campaign_next_fire(&user) == t0 + 45 * MINUTE);
}

static void a_change_after_the_first_reminder_opens_a_new_instance(void **state)
{
    struct str first;

    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + HOUR));
    first = decisions[0].message.message_id;
    adds("e2", "hat", 100000, t0 + 2 * HOUR);
    assert_int_equal(user.n_timers, 1);
    assert_sent(fire(t0 + 3 * HOUR));
    assert_str(decisions[0].message.trigger.instance, "e2");
    assert_int_equal(decisions[0].message.step, 0);
    assert_false(str_equal(decisions[0].message.message_id, first));
}

static void an_emptied_cart_cancels(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_true(removes_last("e2", t0 + MINUTE));
    assert_int_equal(user.n_timers, 0);
    assert_true(campaign_next_fire(&user) == INT64_MAX);
}

static void an_emptied_cart_cancels_later_steps_too(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + HOUR));
    removes_last("e2", t0 + 2 * HOUR);
    assert_int_equal(user.n_timers, 0);
}

static void removing_what_was_not_there_moves_nothing(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_false(happens(ACTION_REMOVE_FROM_CART, "e2", t0 + MINUTE, &events));
    assert_true(campaign_next_fire(&user) == t0 + 45 * MINUTE);
}

/* The features have taken the bought items out, at the order's time. */
static void an_order_with_a_cart_item_cancels(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    adds("e2", "hat", 100000, t0 + 1);
    user.n_cart--;
    user.cart_ms = t0 + MINUTE;
    assert_true(happens(ACTION_ORDER, "o1", t0 + MINUTE, &events));
    assert_int_equal(user.n_timers, 0);
}

static void an_order_of_other_things_does_not(void **state)
{
    static const struct event_line line = {.item = 4711, .quantity = 1};

    (void)state;
    adds("e1", "shoe", 499900, t0);
    events.lines[0] = &line;
    events.n_lines[0] = 1;
    assert_false(happens(ACTION_ORDER, "o1", t0 + MINUTE, &events));
    events.n_lines[0] = 0;
    assert_int_equal(user.n_timers, 1);
}

static void a_cart_below_the_minimum_opens_nothing(void **state)
{
    (void)state;
    assert_false(adds("e1", "sock", 199999, t0));
    assert_int_equal(user.n_timers, 0);
    assert_true(adds("e2", "sock", 1, t0 + 1)); /* 20.0000 in all */
    assert_true(removes_last("e3", t0 + 2));
    assert_int_equal(user.n_timers, 0);
}

static void an_unknown_price_may_be_enough_and_is_asked_again_when_due(void **state)
{
    (void)state;
    assert_true(adds("e1", "sock", -1, t0)); /* the catalogue says 5.00 */
    assert_suppressed(fire(t0 + HOUR), "still_true", "no_longer_true");
    assert_str(decisions[0].suppressed.detail, "the cart is worth 5.0000, less than 20.0000");
}

static void a_tombstone_takes_all_timers(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_false(happens(ACTION_PROFILE, "", t0 + 1, &events)); /* a new profile does not */
    assert_int_equal(user.n_timers, 1);
    assert_true(happens(ACTION_PROFILE, "", t0 + 2, NULL));
    assert_int_equal(user.n_timers, 0);
}

static void views_and_searches_change_nothing(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    for (int action = 0; action < N_ACTIONS; action++) {
        if (action != ACTION_ADD_TO_CART && action != ACTION_REMOVE_FROM_CART &&
            action != ACTION_ORDER && action != ACTION_PROFILE && action != ACTION_ENGAGEMENT)
            assert_false(happens((enum action)action, "v", t0 + 1, &events));
    }
    assert_true(campaign_next_fire(&user) == t0 + 45 * MINUTE);
}

static void a_full_table_gives_up_its_oldest_instance(void **state)
{
    (void)state;
    for (int i = 0; i < USER_TIMERS_MAX; i++)
        user.timers[user.n_timers++] = (struct user_timer){.campaign = 1000 + (uint64_t)i,
                                                           .opened_ms = i == 7 ? 1 : t0,
                                                           .fire_ms = t0 + DAY,
                                                           .instance = str_of("x")};
    assert_true(adds("e1", "shoe", 499900, t0));
    assert_int_equal(user.n_timers, USER_TIMERS_MAX);
    for (int i = 0; i < USER_TIMERS_MAX; i++)
        assert_true(user.timers[i].campaign != 1007);
}

static void a_timer_of_a_campaign_that_is_gone_is_dropped(void **state)
{
    (void)state;
    user.timers[user.n_timers++] = (struct user_timer){
        .campaign = 4711, .fire_ms = t0, .due_ms = t0, .instance = str_of("x")};
    assert_int_equal(fire(t0), 0);
    assert_int_equal(user.n_timers, 0);
}

static void the_earliest_of_two_fires_first(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    user.timers[user.n_timers++] = (struct user_timer){
        .campaign = 4711, .fire_ms = t0, .due_ms = t0, .instance = str_of("x")};
    assert_int_equal(fire(t0 + HOUR), 0); /* the other one, dropped */
    assert_int_equal(user.n_timers, 1);
    assert_sent(fire(t0 + HOUR));
}

/* ---- steps and ids ---- */

static void three_steps_are_sent_a_day_and_three_after_the_first(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + 45 * MINUTE));
    assert_true(campaign_next_fire(&user) == t0 + 45 * MINUTE + DAY);
    assert_sent(fire(t0 + 45 * MINUTE + DAY));
    assert_int_equal(decisions[0].message.step, 1);
    assert_true(campaign_next_fire(&user) == t0 + 45 * MINUTE + 3 * DAY);
    assert_sent(fire(t0 + 45 * MINUTE + 3 * DAY));
    assert_int_equal(decisions[0].message.step, 2);
    assert_int_equal(user.n_timers, 0);
    assert_int_equal(user.n_sends, 3);
}

static void the_same_state_gives_the_same_message_and_other_steps_other_ids(void **state)
{
    struct user_state copy;
    char first[33], second[33];

    (void)state;
    adds("e1", "shoe", 499900, t0);
    copy = user;
    assert_sent(fire(t0 + HOUR));
    snprintf(first, sizeof(first), "%.*s", STR_ARG(decisions[0].message.message_id));
    user = copy;
    assert_sent(fire(t0 + HOUR));
    snprintf(second, sizeof(second), "%.*s", STR_ARG(decisions[0].message.message_id));
    assert_string_equal(first, second);
    assert_sent(fire(t0 + HOUR + DAY));
    snprintf(second, sizeof(second), "%.*s", STR_ARG(decisions[0].message.message_id));
    assert_string_not_equal(first, second);
}

static void a_message_says_where_everything_comes_from(void **state)
{
    const struct message *m = &decisions[0].message;

    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + HOUR));
    assert_str(m->user_id, "ada");
    assert_str(m->campaign, "cart");
    assert_str(m->title, "Your cart");
    assert_str(m->body, "Red shoe for €49.99");
    assert_str(m->deep_link, "https://shop.example/i");
    assert_str(m->locale, "en");
    assert_str(m->trigger.type, "cart_abandonment");
    assert_int_equal(m->channel, CHANNEL_PUSH);
    assert_int_equal(m->purpose, PURPOSE_MARKETING);
    assert_true(m->event_time == t0 + HOUR && m->not_before == t0 + HOUR);
    assert_int_equal(m->items.n, 1);
    assert_int_equal(m->items.at[0].price_e4, 499900);
    assert_int_equal(m->items.at[0].price_version, 100);
    assert_int_equal(m->facts.n, 3);
    assert_str(m->facts.at[0].span, "body:0-7");
    assert_str(m->facts.at[0].field, "shoe/title");
    assert_str(m->facts.at[1].value, "€49.99");
    assert_str(m->facts.at[1].field, "shoe/price");
    assert_int_equal(m->facts.at[1].version, 100);
    assert_str(m->generated.tier, "template");
    assert_str(m->generated.template_name, "p");
    assert_int_equal(m->generated.content_id.len, 32);
    assert_int_equal(m->consent.revision, 77);
    assert_str(m->consent.basis, "opt_in");
    assert_int_equal(m->headers.n, 0);
}

static void a_mail_can_be_unsubscribed_with_one_click(void **state)
{
    const struct message *m = &decisions[0].message;
    char wanted[256];

    (void)state;
    load_with("email", usual, 0);
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + HOUR));
    assert_int_equal(m->headers.n, 2);
    snprintf(wanted, sizeof(wanted), "<https://shop.example/u?message=%.*s&channel=email>",
             STR_ARG(m->message_id));
    assert_str(m->headers.at[0].key, "List-Unsubscribe");
    assert_str(m->headers.at[0].value, wanted);
    assert_str(m->headers.at[1].key, "List-Unsubscribe-Post");
    assert_str(m->headers.at[1].value, "List-Unsubscribe=One-Click");
    assert_str(m->subject, "Red shoe");
    assert_str(m->html, "<p style=\"width: 600px\">Red shoe, <b>€49.99</b></p>");
    assert_true(m->text.len > 0 && m->title.len == 0);
}

/* ---- two channels ---- */

static void each_channel_is_decided_by_itself_in_the_declared_order(void **state)
{
    (void)state;
    load_with("email, push", usual, 0);
    adds("e1", "shoe", 499900, t0);
    assert_int_equal(fire(t0 + HOUR), 2);
    assert_sent(2);
    assert_int_equal(decisions[0].message.channel, CHANNEL_EMAIL);
    assert_int_equal(decisions[1].message.channel, CHANNEL_PUSH);
    assert_false(str_equal(decisions[0].message.message_id, decisions[1].message.message_id));
}

static void a_channel_put_off_waits_alone(void **state)
{
    (void)state;
    load_with("push, email", usual, 0);
    adds("e1", "shoe", 499900, t0);
    for (int i = 0; i < 2; i++)
        user.sends[user.n_sends++] =
            (struct user_send){t0 - i, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL};
    assert_int_equal(fire(t0 + HOUR), 1);
    assert_int_equal(decisions[0].message.channel, CHANNEL_EMAIL);
    assert_int_equal(user.timers[0].step, 0);
    assert_true(campaign_next_fire(&user) == t0 - 1 + DAY);
    assert_int_equal(fire(t0 - 1 + DAY), 1); /* the push now, the mail not again */
    assert_int_equal(decisions[0].message.channel, CHANNEL_PUSH);
    assert_int_equal(user.timers[0].step, 1);
}

int main(void)
{
#define sentence(f) cmocka_unit_test_setup(f, before)
    const struct CMUnitTest tests[] = {
        sentence(a_filled_cart_is_due_after_the_quiet_time),
        sentence(a_change_moves_the_time_and_keeps_the_instance),
        sentence(a_late_change_does_not_call_it_back),
        sentence(a_change_after_the_first_reminder_opens_a_new_instance),
        sentence(an_emptied_cart_cancels),
        sentence(an_emptied_cart_cancels_later_steps_too),
        sentence(removing_what_was_not_there_moves_nothing),
        sentence(an_order_with_a_cart_item_cancels),
        sentence(an_order_of_other_things_does_not),
        sentence(a_cart_below_the_minimum_opens_nothing),
        sentence(an_unknown_price_may_be_enough_and_is_asked_again_when_due),
        sentence(a_tombstone_takes_all_timers),
        sentence(views_and_searches_change_nothing),
        sentence(a_full_table_gives_up_its_oldest_instance),
        sentence(a_timer_of_a_campaign_that_is_gone_is_dropped),
        sentence(the_earliest_of_two_fires_first),
        sentence(three_steps_are_sent_a_day_and_three_after_the_first),
        sentence(the_same_state_gives_the_same_message_and_other_steps_other_ids),
        sentence(a_message_says_where_everything_comes_from),
        sentence(a_mail_can_be_unsubscribed_with_one_click),
        sentence(each_channel_is_decided_by_itself_in_the_declared_order),
        sentence(a_channel_put_off_waits_alone),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
