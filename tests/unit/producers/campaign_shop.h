/*
 * A shop told by hand, for the tests of campaigns and gates: a campaign file and templates in
 * a temporary folder, a catalogue of a few items, and a person whose events are applied as the
 * features do it. One program includes it once.
 *
 * Times: t0 is 2026-06-01 10:00 UTC, 12:00 in Berlin, where the shop and most people are.
 */
#ifndef FRESHET_TESTS_CAMPAIGN_SHOP_H
#define FRESHET_TESTS_CAMPAIGN_SHOP_H

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

static inline const struct item_facts *find_item(const void *context, uint64_t item)
{
    (void)context;
    for (int i = 0; i < N_FACTS; i++) {
        if (facts[i].known && hash64(facts[i].item.item_id) == item)
            return &facts[i];
    }
    return NULL;
}

static const struct item_lookup lookup = {find_item, NULL};

static inline void catalogue(int at, const char *id, const char *title, int64_t price_e4)
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

static inline void write_file(const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline void make_folder(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static const char usual[] = "quiet_hours: {from: \"21:00\", to: \"08:00\"}\n"
                            "caps: {push: [2 per rolling_24h], on_hit: defer}\n";

static inline void load_with(const char *channels, const char *more, int64_t max_age_ms)
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

static inline void body(const char *text)
{
    write_file("templates/p/body.en.liquid", text);
    load_with("push", usual, 0);
}

/* ---- the person ---- */

static inline void consent(int channel, bool granted)
{
    user.consents[user.n_consents++] = (struct user_consent){.channel = (uint8_t)channel,
                                                             .purpose = PURPOSE_MARKETING,
                                                             .granted = granted,
                                                             .time_ms = 1};
}

static inline void new_person(void)
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

static inline bool happens(enum action action, const char *event_id, int64_t time_ms,
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

static inline void cart_put(const char *item_id, int quantity, int64_t price_e4,
                            int64_t time_ms)
{
    user.cart[user.n_cart++] = (struct cart_item){.item = hash64(str_of(item_id)),
                                                  .item_id = str_of(item_id),
                                                  .quantity = quantity,
                                                  .price_e4 = price_e4,
                                                  .time_ms = time_ms};
    user.cart_ms = time_ms;
}

static inline bool adds(const char *event_id, const char *item_id, int64_t price_e4,
                        int64_t time_ms)
{
    cart_put(item_id, 1, price_e4, time_ms);
    return happens(ACTION_ADD_TO_CART, event_id, time_ms, &events);
}

static inline bool removes_last(const char *event_id, int64_t time_ms)
{
    user.n_cart--;
    user.cart_ms = time_ms;
    return happens(ACTION_REMOVE_FROM_CART, event_id, time_ms, &events);
}

static inline uint32_t fire_at(int64_t now_ms, int64_t wall_ms)
{
    memset(decisions, 0, sizeof(decisions));
    return campaign_fire(set, &user, now_ms, wall_ms, &lookup, &arena, decisions);
}

static inline uint32_t fire(int64_t now_ms)
{
    return fire_at(now_ms, now_ms);
}

static inline void assert_str(struct str got, const char *wanted)
{
    char text[4096];

    snprintf(text, sizeof(text), "%.*s", STR_ARG(got));
    assert_string_equal(text, wanted);
}

static inline void assert_sent(uint32_t n)
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
static inline void assert_suppressed(uint32_t n, const char *gate, const char *reason)
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

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    (void)state;
    campaign_set_close(set);
    arena_deinit(&arena);
    test_remove_folder(folder);
    return 0;
}

static inline int before(void **state)
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

#endif
