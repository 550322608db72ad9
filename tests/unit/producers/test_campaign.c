/*
 * From the cart to the decision: opening, re-arming, cancelling, and each gate with a person
 * who passes it and one who does not. Everything is told by hand: a campaign file, templates,
 * a catalogue of a few items, and a person whose events are applied as the features do it.
 *
 * Times: t0 is 2026-06-01 10:00 UTC, 12:00 in Berlin, where the shop and most people are.
 */
#include "core/base/hash.h"
#include "producers/campaign.h"
#include "tests/support/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, N_FACTS = 4 };
static const int64_t DAY = 24 * (int64_t)HOUR;
static const int64_t t0 = 1780308000000; /* 2026-06-01T10:00:00Z */

static char *folder;
static struct campaign_set *set;
static struct arena arena;
static struct user_state user;
static struct event_batch events;
static struct campaign_decision decisions[CAMPAIGN_DECISIONS_MAX];
static struct item_facts facts[N_FACTS];

/* ---- the shop ---- */

static const struct item_facts *find_item(const void *context, uint64_t item)
{
    (void)context;
    for (int i = 0; i < N_FACTS; i++) {
        if (facts[i].known && hash64(facts[i].item.item_id) == item)
            return &facts[i];
    }
    return NULL;
}

static const struct item_lookup lookup = {find_item, NULL};

static void catalogue(int at, const char *id, const char *title, int64_t price_e4)
{
    facts[at] = (struct item_facts){
        .known = true,
        .available = true,
        .version = 100 + at,
        .item = {.item_id = str_of(id),
                 .title = str_of(title),
                 .price_e4 = price_e4,
                 .currency = str_of("EUR"),
                 .url = str_of("https://shop.example/i")},
    };
}

static void write_file(const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static const char usual[] = "quiet_hours: {from: \"21:00\", to: \"08:00\"}\n"
                            "caps: {push: [2 per rolling_24h], on_hit: defer}\n";

static void load_with(const char *channels, const char *more, int64_t max_age_ms)
{
    char text[2048], campaigns[512], templates[512];
    struct error error = {.text = ""};

    campaign_set_close(set);
    set = NULL;
    snprintf(
        text, sizeof(text),
        "campaign: cart\npurpose: marketing\n"
        "trigger: {type: cart_abandonment, quiet: 45m, steps: [0h, 24h, 72h], min_value: 20}\n"
        "channels: [%s]\ntemplates: {push: p, email: m}\n"
        "unsubscribe_url: https://shop.example/u\nvars: {shop: Shop}\n%s",
        channels, more);
    write_file("campaigns/cart.yaml", text);
    snprintf(campaigns, sizeof(campaigns), "%s/campaigns", folder);
    snprintf(templates, sizeof(templates), "%s/templates", folder);
    if (campaign_set_load(&(struct campaign_options){.campaigns_dir = campaigns,
                                                     .templates_dir = templates,
                                                     .live_max_age_ms = max_age_ms,
                                                     .default_locale = "en",
                                                     .default_time_zone = "Europe/Berlin",
                                                     .holdout_global = -1},
                          &set, &error) != OK)
        fail_msg("%s", error.text);
}

static void body(const char *text)
{
    write_file("templates/p/body.en.liquid", text);
    load_with("push", usual, 0);
}

/* ---- the person ---- */

static void consent(int channel, bool granted)
{
    user.consents[user.n_consents++] = (struct user_consent){.channel = (uint8_t)channel,
                                                             .purpose = PURPOSE_MARKETING,
                                                             .granted = granted,
                                                             .time_ms = 1};
}

static void new_person(void)
{
    memset(&user, 0, sizeof(user));
    user.user_id = str_of("ada");
    user.locale = str_of("en");
    user.time_zone = str_of("Europe/Berlin");
    user.quiet_from_min = user.quiet_to_min = -1;
    user.profile_ms = 77;
    consent(CHANNEL_PUSH, true);
    consent(CHANNEL_EMAIL, true);
}

static bool happens(enum action action, const char *event_id, int64_t time_ms,
                    const void *record)
{
    events.n = 1;
    events.action[0] = (uint8_t)action;
    events.event_id[0] = str_of(event_id);
    events.user_id[0] = user.user_id;
    events.time_ms[0] = time_ms;
    events.record[0] = record;
    return campaign_observe(set, &events, 0, &user, &arena);
}

static void cart_put(const char *item_id, int quantity, int64_t price_e4, int64_t time_ms)
{
    user.cart[user.n_cart++] = (struct cart_item){.item = hash64(str_of(item_id)),
                                                  .item_id = str_of(item_id),
                                                  .quantity = quantity,
                                                  .price_e4 = price_e4,
                                                  .time_ms = time_ms};
    user.cart_ms = time_ms;
}

static bool adds(const char *event_id, const char *item_id, int64_t price_e4, int64_t time_ms)
{
    cart_put(item_id, 1, price_e4, time_ms);
    return happens(ACTION_ADD_TO_CART, event_id, time_ms, &events);
}

static bool removes_last(const char *event_id, int64_t time_ms)
{
    user.n_cart--;
    user.cart_ms = time_ms;
    return happens(ACTION_REMOVE_FROM_CART, event_id, time_ms, &events);
}

static uint32_t fire_at(int64_t now_ms, int64_t wall_ms)
{
    memset(decisions, 0, sizeof(decisions));
    return campaign_fire(set, &user, now_ms, wall_ms, &lookup, &arena, decisions);
}

static uint32_t fire(int64_t now_ms)
{
    return fire_at(now_ms, now_ms);
}

static void assert_str(struct str got, const char *wanted)
{
    char text[4096];

    snprintf(text, sizeof(text), "%.*s", STR_ARG(got));
    assert_string_equal(text, wanted);
}

static void assert_sent(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (decisions[i].outcome != CAMPAIGN_SENT)
            fail_msg("suppressed by %.*s: %.*s (%.*s)", STR_ARG(decisions[i].suppressed.gate),
                     STR_ARG(decisions[i].suppressed.reason),
                     STR_ARG(decisions[i].suppressed.detail));
    }
    assert_true(n > 0);
}

/* The one decision there is was to be silent, for this reason. */
static void assert_suppressed(uint32_t n, const char *gate, const char *reason)
{
    assert_int_equal(n, 1);
    assert_int_equal(decisions[0].outcome, CAMPAIGN_SUPPRESSED);
    assert_str(decisions[0].suppressed.gate, gate);
    assert_str(decisions[0].suppressed.reason, reason);
    assert_true(decisions[0].suppressed.detail.len > 0);
    assert_str(decisions[0].suppressed.rule_version, campaign_set_version(set));
    assert_int_equal(decisions[0].suppressed.message_id.len, 32);
    assert_int_equal(decisions[0].message.message_id.len, 0);
}

static int setup(void **state)
{
    (void)state;
    folder = test_make_folder();
    arena_init(&arena, 64 * 1024 * 1024);
    make_folder("campaigns");
    make_folder("templates");
    make_folder("templates/p");
    make_folder("templates/m");
    write_file("templates/p/title.en.liquid", "Your cart\n");
    write_file("templates/p/title.de.liquid", "Ihr Warenkorb\n");
    write_file("templates/p/body.en.liquid", "{{ item.title }} for {{ item.price | money }}\n");
    write_file("templates/p/body.de.liquid", "{{ item.title }} für {{ item.price | money }}\n");
    write_file("templates/p/deep_link.liquid", "{{ item.url }}\n");
    write_file("templates/m/subject.en.liquid", "{{ item.title }}\n");
    write_file("templates/m/text.en.liquid", "{% for i in items %}{{ i.title }}: {{ i.price | "
                                             "money }}\n{% endfor %}{{ unsubscribe_url }}\n");
    write_file(
        "templates/m/html.en.liquid",
        "<p style=\"width: 600px\">{{ item.title }}, <b>{{ cart.total | money }}</b></p>\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    campaign_set_close(set);
    arena_deinit(&arena);
    test_remove_folder(folder);
    return 0;
}

static int before(void **state)
{
    (void)state;
    catalogue(0, "shoe", "Red shoe", 499900);
    catalogue(1, "hat", "Hat 58", 100000);
    catalogue(2, "sock", "Sock", 50000);
    facts[3] = (struct item_facts){0};
    arena_reset(&arena);
    load_with("push", usual, 0);
    new_person();
    return 0;
}

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

/* ---- gates 1 to 4 ---- */

static void what_is_left_of_an_erased_person_gets_nothing(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    user.user_id = (struct str){NULL, 0};
    assert_suppressed(fire(t0 + HOUR), "erased", "erased");
}

static void without_consent_for_channel_and_purpose_nothing_leaves(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    user.n_consents = 0;
    consent(CHANNEL_EMAIL, true); /* another channel */
    user.consents[user.n_consents++] = (struct user_consent){
        .channel = CHANNEL_PUSH, .purpose = PURPOSE_TRANSACTIONAL, .granted = true};
    assert_suppressed(fire(t0 + HOUR), "consent", "no_consent");
    assert_str(decisions[0].suppressed.detail, "none was given for (push, marketing)");
    assert_int_equal(user.n_sends, 0);
    assert_int_equal(user.timers[0].step, 1);
}

static void of_two_consents_the_newer_holds_and_at_a_tie_the_refusal(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    consent(CHANNEL_PUSH, false); /* both at time 1 */
    assert_suppressed(fire(t0 + HOUR), "consent", "no_consent");
    user.consents[0].time_ms = 2;
    assert_sent(fire(t0 + HOUR + DAY));
}

static void an_unsubscription_silences_the_channel_and_no_other(void **state)
{
    const struct engagement_event event = {
        .channel = CHANNEL_PUSH, .type = ENGAGEMENT_UNSUBSCRIBED, .event_time = t0 + 1};

    (void)state;
    load_with("push, email", usual, 0);
    adds("e1", "shoe", 499900, t0);
    assert_false(happens(ACTION_ENGAGEMENT, "g1", t0 + 1, &event));
    assert_int_equal(fire(t0 + HOUR), 2);
    assert_str(decisions[0].suppressed.reason, "no_consent");
    assert_int_equal(decisions[1].outcome, CAMPAIGN_SENT);
}

static void a_bounced_address_is_not_tried_again(void **state)
{
    const struct engagement_event event = {
        .channel = CHANNEL_PUSH, .type = ENGAGEMENT_BOUNCED, .event_time = t0 + 1};

    (void)state;
    adds("e1", "shoe", 499900, t0);
    happens(ACTION_ENGAGEMENT, "g1", t0 + 1, &event);
    assert_suppressed(fire(t0 + HOUR), "suppression", "bounced");
}

/* Shares of people, not their names: 1 % of 20,000 is within 4 standard deviations. */
static void the_holdouts_take_their_share_and_always_the_same_people(void **state)
{
    enum { PEOPLE = 20000 };
    uint32_t held = 0, again = 0;
    char id[32];

    (void)state;
    load_with("push", "experiment: {layer: copy, salt: s1, holdout: 10}\n", 0);
    for (int i = 0; i < PEOPLE; i++) {
        arena_reset(&arena);
        new_person();
        snprintf(id, sizeof(id), "u%d", i);
        user.user_id = str_of(id);
        adds("e1", "shoe", 499900, t0);
        struct user_state copy = user;

        fire(t0 + HOUR);
        bool first = decisions[0].outcome == CAMPAIGN_SUPPRESSED;

        if (first)
            assert_str(decisions[0].suppressed.reason, "holdout_campaign");
        user = copy;
        fire(t0 + HOUR);
        held += first;
        again += first && decisions[0].outcome == CAMPAIGN_SUPPRESSED;
    }
    assert_int_equal(held, again);
    assert_true(held > 1830 && held < 2170); /* 2,000 +- 4 sd of 42 */
}

/* ---- gates 5 and 6 ---- */

static void a_message_too_late_is_expired_and_one_just_in_time_is_not(void **state)
{
    int64_t due = t0 + 45 * MINUTE;

    (void)state;
    load_with("push", usual, 6 * HOUR);
    adds("e1", "shoe", 499900, t0);
    struct user_state copy = user;

    assert_sent(fire_at(due, due + 6 * HOUR));
    user = copy;
    assert_suppressed(fire_at(due, due + 6 * HOUR + 1), "still_true", "expired");
}

/* The default night is 11 hours long, the default age 6: the night does not count. */
static void what_the_night_put_off_is_not_expired_in_the_morning(void **state)
{
    int64_t morning = t0 + 20 * HOUR; /* 08:00 in Berlin */

    (void)state;
    load_with("push", usual, 6 * HOUR);
    adds("e1", "shoe", 499900, t0 + 9 * HOUR);
    assert_int_equal(fire(t0 + 10 * HOUR), 0);
    assert_true(campaign_next_fire(&user) == morning);
    assert_sent(fire_at(morning, morning + HOUR));
}

static void a_cart_that_lost_its_worth_says_nothing(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    facts[0].item.price_e4 = 199999;
    assert_suppressed(fire(t0 + HOUR), "still_true", "no_longer_true");
    assert_int_equal(user.timers[0].step, 1);
}

static void people_outside_the_audience_get_no_instance(void **state)
{
    (void)state;
    load_with("push", "audience: {locales: [de]}\n", 0);
    assert_false(adds("e1", "shoe", 499900, t0));
    user.n_cart = 0;
    user.locale = str_of("de-AT");
    assert_true(adds("e2", "shoe", 499900, t0));
    user.locale = str_of("en"); /* moved meanwhile */
    assert_suppressed(fire(t0 + HOUR), "still_true", "no_longer_true");
}

static void what_is_gone_or_sold_out_is_left_out_and_the_rest_is_sent(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    adds("e2", "hat", 100000, t0 + 1);
    facts[1].available = false;
    assert_sent(fire(t0 + HOUR));
    assert_int_equal(decisions[0].message.items.n, 1);
    assert_str(decisions[0].message.items.at[0].item_id, "shoe");
}

static void with_no_item_left_there_is_nothing_to_say(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    struct user_state copy = user;

    facts[0].available = false;
    assert_suppressed(fire(t0 + HOUR), "item_valid", "no_stock");
    user = copy;
    facts[0].delisted = true;
    assert_suppressed(fire(t0 + HOUR), "item_valid", "item_gone");
    user = copy;
    facts[0].known = false;
    assert_suppressed(fire(t0 + HOUR), "item_valid", "item_gone");
}

/* ---- 7: quiet hours ---- */

static void at_night_it_waits_for_the_morning_of_the_persons_zone(void **state)
{
    (void)state;
    user.time_zone = str_of("America/New_York");
    adds("e1", "shoe", 499900, t0 - 2 * HOUR); /* due at 08:45 UTC, 04:45 there */
    assert_int_equal(fire(t0 - HOUR), 0);
    assert_int_equal(user.n_timers, 1);
    assert_int_equal(user.n_sends, 0);
    assert_true(campaign_next_fire(&user) == t0 + 2 * HOUR); /* 12:00 UTC is 08:00 there */
    assert_true(user.timers[0].due_ms == t0 - 2 * HOUR + 45 * MINUTE);
    assert_sent(fire(t0 + 2 * HOUR));
    assert_str(decisions[0].message.trigger.instance, "e1");
}

static void the_persons_own_hours_go_before_the_campaigns(void **state)
{
    (void)state;
    user.quiet_from_min = 12 * 60;
    user.quiet_to_min = 14 * 60;
    adds("e1", "shoe", 499900, t0 - HOUR);
    assert_int_equal(fire(t0), 0);
    assert_true(campaign_next_fire(&user) == t0 + 2 * HOUR); /* 14:00 in Berlin */
    assert_sent(fire(t0 + 2 * HOUR));
    /* quiet again at 12:00 of the next day, but the next reminder comes a quarter before */
    assert_true(decisions[0].message.expires_at == t0 + DAY - 15 * MINUTE);
}

static void a_message_expires_when_the_night_begins(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + HOUR));
    assert_true(decisions[0].message.expires_at == t0 + 9 * HOUR); /* 21:00 in Berlin */
}

static void consent_withdrawn_at_night_is_respected_in_the_morning(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0 + 10 * HOUR);
    assert_int_equal(fire(t0 + 11 * HOUR), 0);
    user.consents[0].granted = false;
    assert_suppressed(fire(t0 + 20 * HOUR), "consent", "no_consent");
}

static void a_cart_changed_at_night_is_still_the_same_instance(void **state)
{
    (void)state;
    adds("e1", "shoe", 499900, t0 + 10 * HOUR);
    assert_int_equal(fire(t0 + 11 * HOUR), 0);
    adds("e2", "hat", 100000, t0 + 12 * HOUR);
    assert_int_equal(fire(t0 + 13 * HOUR), 0);
    assert_sent(fire(t0 + 20 * HOUR));
    assert_str(decisions[0].message.trigger.instance, "e1");
}

/* ---- 8: caps ---- */

static void sent_before(int64_t time_ms, int channel, int purpose)
{
    user.sends[user.n_sends++] =
        (struct user_send){time_ms, (uint8_t)channel, (uint8_t)purpose};
}

static void a_rolling_day_ends_at_its_millisecond(void **state)
{
    int64_t now = t0 + HOUR;

    (void)state;
    load_with("push", "caps: {push: [1 per rolling_24h], on_hit: skip}\n", 0);
    adds("e1", "shoe", 499900, t0);
    struct user_state copy = user;

    sent_before(now - DAY + 1, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    assert_suppressed(fire(now), "caps", "cap_channel");
    assert_str(decisions[0].suppressed.detail, "1 of 1 per 24 hours");
    user = copy;
    sent_before(now - DAY, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    assert_sent(fire(now));
}

static void a_rolling_week_ends_at_its_millisecond(void **state)
{
    int64_t now = t0 + HOUR;

    (void)state;
    load_with("push", "caps: {all: [1 per rolling_7d], on_hit: skip}\n", 0);
    adds("e1", "shoe", 499900, t0);
    struct user_state copy = user;

    sent_before(now - 7 * DAY + 1, CHANNEL_EMAIL, PURPOSE_TRANSACTIONAL);
    assert_suppressed(fire(now), "caps", "cap_all");
    user = copy;
    sent_before(now - 7 * DAY, CHANNEL_EMAIL, PURPOSE_TRANSACTIONAL);
    assert_sent(fire(now));
}

static void a_calendar_day_begins_at_the_persons_midnight(void **state)
{
    int64_t midnight = t0 - 12 * HOUR; /* 2026-06-01 00:00 in Berlin */

    (void)state;
    load_with("push", "caps: {push: [1 per calendar_day], on_hit: skip}\n", 0);
    adds("e1", "shoe", 499900, t0);
    struct user_state copy = user;

    sent_before(midnight, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    assert_suppressed(fire(t0 + HOUR), "caps", "cap_channel");
    user = copy;
    sent_before(midnight - 1, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    assert_sent(fire(t0 + HOUR));
    user = copy; /* the same moment is the day before in New York, whose day began 6 h later */
    user.time_zone = str_of("America/New_York");
    sent_before(midnight, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    assert_sent(fire(t0 + 3 * HOUR));
}

static void a_hit_cap_defers_until_there_is_room(void **state)
{
    int64_t now = t0 + HOUR;

    (void)state;
    adds("e1", "shoe", 499900, t0);
    sent_before(now - HOUR, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    sent_before(now - 23 * HOUR, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    assert_int_equal(fire(now), 0);
    assert_true(campaign_next_fire(&user) ==
                now + HOUR); /* the older of two leaves the window */
    assert_sent(fire(now + HOUR));
}

/* Marketing: 3 a day by default; the third e-mail of the day counts for pushes too. */
static void purposes_are_counted_over_all_channels(void **state)
{
    (void)state;
    load_with("push", "caps: {on_hit: skip}\n", 0);
    adds("e1", "shoe", 499900, t0);
    for (int i = 0; i < 3; i++)
        sent_before(t0 - i, CHANNEL_EMAIL, PURPOSE_MARKETING);
    assert_suppressed(fire(t0 + HOUR), "caps", "cap_purpose");
}

static void a_deferral_beyond_the_next_step_is_none(void **state)
{
    (void)state;
    load_with("push", "caps: {push: [1 per rolling_7d], on_hit: defer}\n", 0);
    adds("e1", "shoe", 499900, t0);
    sent_before(t0, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    assert_suppressed(fire(t0 + HOUR), "caps", "cap_channel");
    assert_int_equal(user.timers[0].step, 1);
}

static void a_failed_send_gives_its_place_back(void **state)
{
    const struct engagement_event event = {.channel = CHANNEL_PUSH, .type = ENGAGEMENT_FAILED};

    (void)state;
    load_with("push", "caps: {push: [1 per rolling_24h], on_hit: skip}\n", 0);
    adds("e1", "shoe", 499900, t0);
    sent_before(t0, CHANNEL_PUSH, PURPOSE_TRANSACTIONAL);
    happens(ACTION_ENGAGEMENT, "g", t0 + 1, &event);
    assert_sent(fire(t0 + HOUR));
}

static void the_ring_of_sends_keeps_the_newest_32(void **state)
{
    (void)state;
    for (int i = 0; i < USER_SENDS_MAX; i++)
        sent_before(t0 - 30 * DAY - i, CHANNEL_EMAIL, PURPOSE_TRANSACTIONAL);
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + HOUR));
    assert_int_equal(user.n_sends, USER_SENDS_MAX);
    assert_true(user.sends[0].time_ms == t0 + HOUR);
    assert_true(user.sends[USER_SENDS_MAX - 1].time_ms == t0 - 30 * DAY - (USER_SENDS_MAX - 2));
}

/* ---- 10: arms ---- */

static void arms_are_drawn_by_weight_and_none_and_shadow_send_nothing(void **state)
{
    enum { PEOPLE = 4000 };
    uint32_t a = 0, none = 0, shadow = 0;
    char id[32];

    (void)state;
    load_with("push",
              "experiment: {layer: copy, salt: s, arms: {a: 50, none: 25, shadow: 25}}\n", 0);
    for (int i = 0; i < PEOPLE; i++) {
        arena_reset(&arena);
        new_person();
        snprintf(id, sizeof(id), "u%d", i);
        user.user_id = str_of(id);
        adds("e1", "shoe", 499900, t0);
        fire(t0 + HOUR);
        if (decisions[0].outcome == CAMPAIGN_SENT) {
            a++;
            assert_str(decisions[0].message.choice.arm, "a");
            assert_str(decisions[0].message.choice.layer, "copy");
            assert_close(decisions[0].message.choice.propensity, 0.5, 1e-6);
        } else {
            none += str_equal(decisions[0].suppressed.reason, str_of("arm_none"));
            shadow += str_equal(decisions[0].suppressed.reason, str_of("shadow"));
        }
    }
    assert_int_equal(a + none + shadow, PEOPLE);
    assert_true(a > 1873 && a < 2127);      /* 2,000 +- 4 sd of 31.6 */
    assert_true(none > 890 && none < 1110); /* 1,000 +- 4 sd of 27.4 */
    assert_true(shadow > 890 && shadow < 1110);
}

/* ---- 11: copy ---- */

static void a_region_falls_back_to_its_language_and_never_to_a_foreign_one(void **state)
{
    static const struct {
        const char *locale, *used; /* used NULL: held */
    } cases[] = {{"de", "de"},    {"de-AT", "de"},      {"DE_at", "de"},
                 {"en-GB", "en"}, {"fr", NULL},         {"fr-FR", NULL},
                 {"den", NULL},   {"zh-Hans-CN", NULL}, {"", "en"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        new_person();
        user.locale = str_of(cases[i].locale);
        adds("e1", "shoe", 499900, t0);
        uint32_t n = fire(t0 + HOUR);

        if (cases[i].used) {
            assert_sent(n);
            assert_str(decisions[0].message.locale, cases[i].used);
        } else {
            assert_suppressed(n, "copy", "locale_missing");
        }
    }
}

static void german_people_read_german_prices(void **state)
{
    (void)state;
    user.locale = str_of("de-AT");
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + HOUR));
    assert_str(decisions[0].message.body, "Red shoe für 49,99\u00a0€");
}

static void a_field_the_catalogue_does_not_have_is_no_copy(void **state)
{
    (void)state;
    body("By {{ item.brand }}\n");
    adds("e1", "shoe", 499900, t0);
    assert_suppressed(fire(t0 + HOUR), "copy", "copy_missing");
    assert_str(decisions[0].suppressed.detail, "p/body.en.liquid:1: 'item.brand' is missing");
    assert_int_equal(user.n_sends, 0);
}

/* ---- 12: facts ---- */

static void assert_body_verdict(const char *text, const char *reason)
{
    new_person();
    arena_reset(&arena);
    body(text);
    adds("e1", "shoe", 499900, t0);
    adds("e2", "hat", 100000, t0);
    uint32_t n = fire(t0 + HOUR);

    if (!reason)
        assert_sent(n);
    else
        assert_suppressed(n, "facts", reason);
}

static void every_number_must_come_from_a_field(void **state)
{
    (void)state;
    assert_body_verdict("{{ item.title }} {{ item.price | money }}", NULL); /* "Hat 58" */
    assert_body_verdict("{{ cart.count }} items, together {{ cart.total | money }}", NULL);
    assert_body_verdict("Only 3 left", "fact_mismatch");
    assert_str(decisions[0].suppressed.detail, "body:5-6 '3' has no field");
    assert_body_verdict("-20\u00a0% on {{ item.title }}", "fact_mismatch");
    assert_body_verdict("{{ item.price | plus: 1 }}", "fact_mismatch");
    assert_body_verdict("{{ item.price | round }}", "fact_mismatch");
    assert_body_verdict("{{ step }}", "fact_mismatch");
    assert_body_verdict("\uff13 left", "fact_mismatch");      /* full-width 3 */
    assert_body_verdict("\u0663 left", "fact_mismatch");      /* Arabic-Indic 3 */
    assert_body_verdict("\u00bd the price", "fact_mismatch"); /* one half */
    assert_body_verdict("{{ item.price | number }} €", "fact_mismatch");
    assert_body_verdict("{{ cart.count }}%", "fact_mismatch");
    assert_body_verdict("{{ cart.count }}{{ cart.count }}", "fact_mismatch");
    assert_body_verdict("{{ cart.count }}.{{ cart.count }}", "fact_mismatch");
    assert_body_verdict("{{ cart.count }} of {{ cart.count }}", NULL);
    assert_body_verdict("1{{ cart.count }}", "fact_mismatch");
    assert_body_verdict("see https://shop.example/?a=1", NULL); /* an address claims nothing */
}

static void of_html_only_what_is_read_counts(void **state)
{
    static const struct {
        const char *html;
        bool sound;
    } cases[] = {
        {"<p style=\"width: 600px\" width=600>{{ item.title }}</p>", true},
        {"<style>p { margin: 3px }</style><!-- 50% --><p>x</p>", true},
        {"<script>var a = 1;</script>x", true},
        {"<p>3 left</p>", false},
        {"<p>&#8364; saved</p>", false},
        {"<p>&#x20AC; saved</p>", false},
        {"<p>&euro; saved</p>", false},
        {"<p>&frac12; price</p>", false},
        {"<p>&nbsp;&middot; saved &#8212; x</p>", true},
        {"<img alt=\"3 left\" src=\"https://a.example/3\">", false},
        {"<img alt=\"{{ item.title }}\" src='https://a.example/3'>x", true},
        {"<a title='50%'>x</a>", false},
        {"<p>it&#39;s {{ item.price | money }}</p>", true},
        {"<p>{{ \"it's\" }}</p>", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        new_person();
        arena_reset(&arena);
        write_file("templates/m/html.en.liquid", cases[i].html);
        load_with("email", usual, 0);
        adds("e1", "hat", 200000, t0);
        adds("e2", "shoe", 200000, t0);
        fire(t0 + HOUR);
        if ((decisions[0].outcome == CAMPAIGN_SENT) != cases[i].sound)
            fail_msg("%s: %.*s", cases[i].html, STR_ARG(decisions[0].suppressed.detail));
    }
    write_file("templates/m/html.en.liquid", "<p>{{ item.title }}</p>\n");
}

static void words_of_the_campaign_file_are_no_facts(void **state)
{
    (void)state;
    write_file("templates/p/body.en.liquid", "{{ vars.shop }} {{ vars.offer }}\n");
    load_with("push", "quiet_hours: {from: \"00:00\", to: \"00:00\"}\n", 0);
    adds("e1", "shoe", 499900, t0);
    assert_suppressed(fire(t0 + HOUR), "copy", "copy_missing"); /* no such word: missing */
    write_file("templates/p/body.en.liquid", "{{ vars.shop | append: ' 24' }}\n");
    load_with("push", usual, 0);
    new_person();
    user.n_cart = 0;
    adds("e1", "shoe", 499900, t0);
    assert_suppressed(fire(t0 + HOUR), "facts", "fact_mismatch");
    write_file("templates/p/body.en.liquid", "{{ item.title }} for {{ item.price | money }}\n");
}

/* ---- 13: channel ---- */

static void texts_longer_than_the_channel_shows_are_held(void **state)
{
    char text[512];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[240] = '\0';
    new_person();
    body(text);
    adds("e1", "shoe", 499900, t0);
    assert_sent(fire(t0 + HOUR));
    text[240] = 'x';
    text[241] = '\0';
    new_person();
    body(text);
    adds("e1", "shoe", 499900, t0);
    assert_suppressed(fire(t0 + HOUR), "channel", "too_long");
    assert_str(decisions[0].suppressed.detail,
               "body has 241 characters, 241 bytes; at most 240 and 960");
    body("{{ item.title }} for {{ item.price | money }}\n");
}

static void what_is_no_utf8_does_not_leave(void **state)
{
    (void)state;
    facts[0].item.title = str_of("bad \xff byte");
    adds("e1", "shoe", 499900, t0);
    assert_suppressed(fire(t0 + HOUR), "channel", "bad_encoding");
}

static void an_empty_text_is_no_copy(void **state)
{
    (void)state;
    body("{% if false %}x{% endif %}");
    adds("e1", "shoe", 499900, t0);
    assert_suppressed(fire(t0 + HOUR), "channel", "copy_missing");
    body("{{ item.title }} for {{ item.price | money }}\n");
}

/* ---- the campaign that is shipped ---- */

static void the_shipped_campaign_speaks_in_both_languages_and_passes_all_gates(void **state)
{
    struct error error = {.text = ""};
    uint32_t sent = 0;
    char id[32];

    (void)state;
    campaign_set_close(set);
    set = NULL;
    assert_int_equal(
        campaign_set_load(&(struct campaign_options){.campaigns_dir = "deploy/campaigns",
                                                     .templates_dir = "deploy/templates",
                                                     .holdout_global = -1},
                          &set, &error),
        OK);
    facts[1].item.media =
        (struct str_array){(struct str[]){{"https://shop.example/h.jpg", 26}}, 1};
    for (int i = 0; i < 60; i++) {
        new_person();
        arena_reset(&arena);
        snprintf(id, sizeof(id), "u%d", i);
        user.user_id = str_of(id);
        user.locale = str_of(i % 2 ? "de-AT" : "en-GB");
        adds("e1", "shoe", 499900, t0);
        if (i % 3)
            adds("e2", "hat", 100000, t0);
        for (int step = 0; step < 3; step++) {
            uint32_t n = fire(campaign_next_fire(&user));

            for (uint32_t d = 0; d < n; d++) {
                if (decisions[d].outcome == CAMPAIGN_SENT)
                    sent++;
                else
                    assert_str(decisions[d].suppressed.reason, "holdout_campaign");
            }
            assert_int_equal(n, 2);
        }
    }
    assert_true(sent > 240); /* 360 decisions, 10 % of the people held out */
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
        sentence(what_is_left_of_an_erased_person_gets_nothing),
        sentence(without_consent_for_channel_and_purpose_nothing_leaves),
        sentence(of_two_consents_the_newer_holds_and_at_a_tie_the_refusal),
        sentence(an_unsubscription_silences_the_channel_and_no_other),
        sentence(a_bounced_address_is_not_tried_again),
        sentence(the_holdouts_take_their_share_and_always_the_same_people),
        sentence(a_message_too_late_is_expired_and_one_just_in_time_is_not),
        sentence(what_the_night_put_off_is_not_expired_in_the_morning),
        sentence(a_cart_that_lost_its_worth_says_nothing),
        sentence(people_outside_the_audience_get_no_instance),
        sentence(what_is_gone_or_sold_out_is_left_out_and_the_rest_is_sent),
        sentence(with_no_item_left_there_is_nothing_to_say),
        sentence(at_night_it_waits_for_the_morning_of_the_persons_zone),
        sentence(the_persons_own_hours_go_before_the_campaigns),
        sentence(a_message_expires_when_the_night_begins),
        sentence(consent_withdrawn_at_night_is_respected_in_the_morning),
        sentence(a_cart_changed_at_night_is_still_the_same_instance),
        sentence(a_rolling_day_ends_at_its_millisecond),
        sentence(a_rolling_week_ends_at_its_millisecond),
        sentence(a_calendar_day_begins_at_the_persons_midnight),
        sentence(a_hit_cap_defers_until_there_is_room),
        sentence(purposes_are_counted_over_all_channels),
        sentence(a_deferral_beyond_the_next_step_is_none),
        sentence(a_failed_send_gives_its_place_back),
        sentence(the_ring_of_sends_keeps_the_newest_32),
        sentence(arms_are_drawn_by_weight_and_none_and_shadow_send_nothing),
        sentence(a_region_falls_back_to_its_language_and_never_to_a_foreign_one),
        sentence(german_people_read_german_prices),
        sentence(a_field_the_catalogue_does_not_have_is_no_copy),
        sentence(every_number_must_come_from_a_field),
        sentence(of_html_only_what_is_read_counts),
        sentence(words_of_the_campaign_file_are_no_facts),
        sentence(texts_longer_than_the_channel_shows_are_held),
        sentence(what_is_no_utf8_does_not_leave),
        sentence(an_empty_text_is_no_copy),
        sentence(the_shipped_campaign_speaks_in_both_languages_and_passes_all_gates),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
