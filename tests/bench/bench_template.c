/*
 * What a text costs: the shipped push and e-mail templates rendered for a cart of three items,
 * and a whole decision (gates, both texts, the records of push and mail). A "push text" is a
 * title, a body and a link. The variants take turns within each round; quote the median and
 * the ratio of one run.
 */
#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "producers/campaign.h"
#include "producers/gate.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 15, N_ITEMS = 3 };

static struct item_facts facts[N_ITEMS];
static struct user_state user;
static struct campaign_set *set;
static struct arena arena;
static struct zone *zone;

static const struct item_facts *find_item(const void *context, uint64_t item)
{
    (void)context;
    for (int i = 0; i < N_ITEMS; i++) {
        if (user.cart[i].item == item)
            return &facts[i];
    }
    return NULL;
}

static const struct item_lookup lookup = {find_item, NULL};

static void make_shop(void)
{
    static const char *const ids[] = {"shoe", "hat", "sock"};

    for (int i = 0; i < N_ITEMS; i++) {
        facts[i] = (struct item_facts){
            .known = true,
            .available = true,
            .version = i,
            .item = {.item_id = str_of(ids[i]),
                     .title = str_of("White hanging heart T-light holder"),
                     .price_e4 = 254900,
                     .currency = str_of("EUR"),
                     .url = str_of("https://shop.example/i/85123A")},
        };
        user.cart[i] = (struct cart_item){.item = hash64(str_of(ids[i])),
                                          .item_id = str_of(ids[i]),
                                          .quantity = 1,
                                          .price_e4 = 254900};
    }
    user.n_cart = N_ITEMS;
    user.user_id = str_of("u2");
    user.locale = str_of("en-GB");
    user.time_zone = str_of("Europe/London");
    user.quiet_from_min = user.quiet_to_min = -1;
    for (int channel = CHANNEL_PUSH; channel <= CHANNEL_EMAIL; channel++)
        user.consents[user.n_consents++] =
            (struct user_consent){(uint8_t)channel, PURPOSE_MARKETING, true, 1};
}

static struct user_timer timer = {.instance = {"e1", 2}};

static struct candidate candidate_for(int32_t channel)
{
    struct candidate c = {.set = set,
                          .campaign = set->at[0],
                          .user = &user,
                          .timer = &timer,
                          .arena = &arena,
                          .lookup = &lookup,
                          .channel = channel,
                          .now_ms = 1780308000000,
                          .zone = zone};

    for (int i = 0; i < N_ITEMS; i++)
        c.items[c.n_items++] = (struct candidate_item){&user.cart[i], &facts[i]};
    return c;
}

static double run_texts(int32_t channel, uint64_t n)
{
    struct candidate c = candidate_for(channel);
    int64_t start = clock_mono_ns();

    for (uint64_t i = 0; i < n; i++) {
        arena_reset(&arena);
        if (gate_copy(&c) != VERDICT_PASS) {
            fprintf(stderr, "%.*s\n", STR_ARG(c.detail));
            exit(EXIT_FAILURE);
        }
    }
    return (double)(clock_mono_ns() - start) / (double)n;
}

/* The renderer alone: the variables are made once. */
static double run_render(uint64_t n)
{
    struct candidate c = candidate_for(CHANNEL_PUSH);
    struct template_input input;
    struct template_output output;
    struct arena texts;

    arena_reset(&arena);
    arena_init(&texts, 1 << 20);
    if (gate_copy(&c) != VERDICT_PASS || candidate_variables(&c, &input) != OK)
        exit(EXIT_FAILURE);
    int64_t start = clock_mono_ns();

    for (uint64_t i = 0; i < n; i++) {
        arena_reset(&texts);
        for (int part = PART_TITLE; part <= PART_DEEP_LINK; part++) {
            if (template_render(c.copy->parts[part], &input, &texts, &output, NULL) != OK)
                exit(EXIT_FAILURE);
        }
    }
    double ns = (double)(clock_mono_ns() - start) / (double)n;

    arena_deinit(&texts);
    return ns;
}

static double run_decisions(uint64_t n)
{
    struct campaign_decision decisions[CAMPAIGN_DECISIONS_MAX];
    int64_t start = clock_mono_ns();

    for (uint64_t i = 0; i < n; i++) {
        arena_reset(&arena);
        user.n_timers = 1;
        user.n_sends = 0;
        user.timers[0] = (struct user_timer){.campaign = set->at[0]->id,
                                             .fire_ms = 1780308000000,
                                             .due_ms = 1780308000000,
                                             .instance = str_of("e1")};
        if (campaign_fire(set, &user, 1780308000000, 1780308000000, &lookup, &arena,
                          decisions) != 2 ||
            decisions[0].outcome != CAMPAIGN_SENT || decisions[1].outcome != CAMPAIGN_SENT)
            exit(EXIT_FAILURE);
    }
    return (double)(clock_mono_ns() - start) / (double)n / 2; /* two decisions a call */
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"push text, rendering", "push text, with variables",
                                        "e-mail, with variables", "decision, all gates"};
    enum { N_VARIANTS = 4 };
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
    double ns[N_VARIANTS][ROUNDS];
    struct error error = {.text = ""};

    arena_init(&arena, 16 << 20);
    if (campaign_set_load(&(struct campaign_options){.campaigns_dir = "deploy/campaigns",
                                                     .templates_dir = "deploy/templates",
                                                     .holdout_global = -1},
                          &set, &error) != OK) {
        fprintf(stderr, "%s (run it from the source root)\n", error.text);
        return EXIT_FAILURE;
    }
    make_shop();
    zone = zone_open(user.time_zone, "UTC");
    for (int round = 0; round < ROUNDS; round++) {
        ns[0][round] = run_render(n);
        ns[1][round] = run_texts(CHANNEL_PUSH, n);
        ns[2][round] = run_texts(CHANNEL_EMAIL, n);
        ns[3][round] = run_decisions(n);
    }
    printf("%-26s %10s %10s %12s %8s\n", "", "ns min", "ns med", "per second", "ratio");
    for (int i = 0; i < N_VARIANTS; i++) {
        qsort(ns[i], ROUNDS, sizeof(ns[i][0]), by_value);
        printf("%-26s %10.0f %10.0f %12.0f %8.2f\n", names[i], ns[i][0], ns[i][ROUNDS / 2],
               1e9 / ns[i][ROUNDS / 2], ns[i][ROUNDS / 2] / ns[0][ROUNDS / 2]);
    }
    zone_close(zone);
    campaign_set_close(set);
    arena_deinit(&arena);
    return EXIT_SUCCESS;
}
