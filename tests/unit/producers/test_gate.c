/* Each gate with a person who passes it and one who does not. */
#include "tests/unit/producers/campaign_shop.h"

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
