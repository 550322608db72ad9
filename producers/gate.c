/*
 * The table of gates and the smaller ones. Each says its reason by the codes of CONTENT 4 and
 * a detail with the values that decided, so that "why not?" can be answered from the record.
 */
#include "producers/gate.h"

#include "core/base/hash.h"
#include "schemas/utf8.h"

#include <stdarg.h>
#include <stdio.h>

/* A step put off again and again says nothing any more after this. */
enum { DEFERRAL_MAX_DAYS = 7 };

enum verdict suppress(struct candidate *c, const char *reason, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    c->reason = reason;
    c->detail = arena_copy(c->arena, str_of(text));
    return VERDICT_SUPPRESS;
}

/* A deferral beyond the next step's time, or for more than a week in all, is none: that step
 * will speak, or nobody needs the word any more. */
enum verdict defer(struct candidate *c, const char *reason, int64_t until_ms,
                   const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    c->reason = reason;
    c->detail = arena_copy(c->arena, str_of(text));
    c->until_ms = until_ms;
    if (until_ms >= candidate_next_due_ms(c) ||
        until_ms - c->timer->due_ms > (int64_t)DEFERRAL_MAX_DAYS * DAY_MS)
        return VERDICT_SUPPRESS;
    return VERDICT_DEFER;
}

int64_t candidate_next_due_ms(const struct candidate *c)
{
    uint32_t step = c->timer->step;

    if (step + 1 >= c->campaign->n_steps)
        return INT64_MAX;
    return c->timer->due_ms + c->campaign->steps_ms[step + 1] - c->campaign->steps_ms[step];
}

void candidate_message_id(const struct candidate *c, char *out)
{
    char step[16];

    snprintf(step, sizeof(step), "%u", c->timer->step);
    struct str parts[] = {c->user->user_id, str_of(c->campaign->name), c->timer->instance,
                          str_of(step), str_of(channel_word(c->channel))};

    hash128_hex(hash128_parts(parts, sizeof(parts) / sizeof(parts[0])), out);
}

static bool transactional(const struct candidate *c)
{
    return c->campaign->purpose == PURPOSE_TRANSACTIONAL;
}

/* ---- 1 to 4: the person ---- */

/* What is left of a person after the tombstone has no id (the features delete the state). */
static enum verdict gate_erased(struct candidate *c)
{
    if (c->user->user_id.len == 0)
        return suppress(c, "erased", "the person has been erased");
    return VERDICT_PASS;
}

static const struct user_consent *find_consent(const struct user_state *user, int32_t channel,
                                               int32_t purpose)
{
    const struct user_consent *found = NULL;

    for (uint8_t i = 0; i < user->n_consents; i++) {
        const struct user_consent *consent = &user->consents[i];

        /* of two that speak of the same, the newer holds; at the same time, the refusal */
        if (consent->channel == channel && consent->purpose == purpose &&
            (!found || consent->time_ms > found->time_ms ||
             (consent->time_ms == found->time_ms && !consent->granted)))
            found = consent;
    }
    return found;
}

static enum verdict gate_consent(struct candidate *c)
{
    const struct user_consent *consent =
        find_consent(c->user, c->channel, c->campaign->purpose);

    if (!consent)
        return suppress(c, "no_consent", "none was given for (%s, %s)",
                        channel_word(c->channel), purpose_word(c->campaign->purpose));
    if (!consent->granted)
        return suppress(c, "no_consent", "withdrawn for (%s, %s) at %lld ms",
                        channel_word(c->channel), purpose_word(c->campaign->purpose),
                        (long long)consent->time_ms);
    return VERDICT_PASS;
}

/* A refused channel without a purpose is an address that does not work. */
static enum verdict gate_suppression(struct candidate *c)
{
    const struct user_consent *bounced = find_consent(c->user, c->channel, PURPOSE_UNKNOWN);

    if (bounced && !bounced->granted)
        return suppress(c, "bounced", "%s bounced at %lld ms", channel_word(c->channel),
                        (long long)bounced->time_ms);
    return VERDICT_PASS;
}

static enum verdict gate_holdout(struct candidate *c)
{
    uint32_t bucket;

    if (transactional(c))
        return VERDICT_PASS;
    bucket = campaign_bucket("global", c->user->user_id);
    if (bucket < c->set->holdout)
        return suppress(c, "holdout_global", "bucket %u of the first %u", bucket,
                        c->set->holdout);
    bucket = campaign_bucket(c->campaign->salt, c->user->user_id);
    if (bucket < c->campaign->holdout)
        return suppress(c, "holdout_campaign", "bucket %u of the first %u", bucket,
                        c->campaign->holdout);
    return VERDICT_PASS;
}

/* ---- 5 and 6: the occasion ---- */

static const struct item_facts *facts_of(const struct candidate *c,
                                         const struct cart_item *item)
{
    return c->lookup && c->lookup->find ? c->lookup->find(c->lookup->context, item->item)
                                        : NULL;
}

/* The catalogue's price, else the one the event gave, else 0. Saturates. */
static int64_t cart_value_e4(const struct candidate *c)
{
    int64_t sum = 0;

    for (uint8_t i = 0; i < c->user->n_cart; i++) {
        const struct cart_item *item = &c->user->cart[i];
        const struct item_facts *facts = facts_of(c, item);
        int64_t price = facts && facts->known && !facts->delisted ? facts->item.price_e4
                        : item->price_e4 > 0                      ? item->price_e4
                                                                  : 0;
        int64_t line;

        if (__builtin_mul_overflow(price, (int64_t)item->quantity, &line) ||
            __builtin_add_overflow(sum, line, &sum))
            return INT64_MAX;
    }
    return sum;
}

/* Late is counted from fire_ms: what a night or a cap has put off is due when that ends. */
static enum verdict gate_still_true(struct candidate *c)
{
    int64_t late_ms = c->wall_ms - c->timer->fire_ms, value;

    if (c->set->live_max_age_ms > 0 && late_ms > c->set->live_max_age_ms)
        return suppress(c, "expired", "decided %lld ms after it was due; at most %lld",
                        (long long)late_ms, (long long)c->set->live_max_age_ms);
    if (c->user->n_cart == 0)
        return suppress(c, "no_longer_true", "the cart is empty");
    value = cart_value_e4(c);
    if (value < c->campaign->min_value_e4)
        return suppress(c, "no_longer_true",
                        "the cart is worth %lld.%04lld, less than %lld.%04lld",
                        (long long)(value / 10000), (long long)(value % 10000),
                        (long long)(c->campaign->min_value_e4 / 10000),
                        (long long)(c->campaign->min_value_e4 % 10000));
    if (!campaign_audience_has(c->set, c->campaign, c->user))
        return suppress(c, "no_longer_true", "locale '%.*s' is not in the audience",
                        STR_ARG(campaign_locale_of(c->set, c->user)));
    return VERDICT_PASS;
}

/* Only what the catalogue names and sells may be spoken of. The newest of the cart first. */
static enum verdict gate_item(struct candidate *c)
{
    uint32_t gone = 0, sold_out = 0;

    c->n_items = 0;
    for (uint8_t i = c->user->n_cart; i > 0; i--) {
        const struct cart_item *item = &c->user->cart[i - 1];
        const struct item_facts *facts = facts_of(c, item);

        if (!facts || !facts->known || facts->delisted)
            gone++;
        else if (!facts->available)
            sold_out++;
        else
            c->items[c->n_items++] = (struct candidate_item){item, facts};
    }
    if (c->n_items)
        return VERDICT_PASS;
    return suppress(c, sold_out ? "no_stock" : "item_gone",
                    "%u sold out, %u not in the catalogue", sold_out, gone);
}

/* ---- 7, 9, 10: night, budget, arm (8, the caps, has a file of its own) ---- */

static enum verdict gate_quiet_hours(struct candidate *c)
{
    const struct user_state *user = c->user;
    int from = c->campaign->quiet_from_min, to = c->campaign->quiet_to_min;

    if (user->quiet_from_min >= 0 && user->quiet_to_min >= 0) { /* the person's own wish */
        from = user->quiet_from_min;
        to = user->quiet_to_min;
    }
    c->quiet = quiet_hours_at(c->zone, from, to, c->now_ms);
    if (c->quiet.quiet)
        return defer(c, "quiet_hours", c->quiet.until_ms, "%02d:%02d to %02d:%02d there",
                     from / 60, from % 60, to / 60, to % 60);
    return VERDICT_PASS;
}

/* A budget is refused when the file is read (campaign_file.c says why), so none is spent. */
static enum verdict gate_budget(struct candidate *c)
{
    (void)c;
    return VERDICT_PASS;
}

/* The layer is hashed into the salt: whom the holdout takes says nothing about the arm. */
static void choose_arm(struct candidate *c)
{
    const struct campaign *campaign = c->campaign;
    char salt[SALT_MAX];
    uint32_t at, sum = 0;

    if (campaign->n_arms == 0)
        return;
    snprintf(salt, sizeof(salt), "%s/%s/", campaign->salt, campaign->layer);
    at = (uint32_t)((uint64_t)campaign_bucket(salt, c->user->user_id) * campaign->weights /
                    BUCKETS);
    for (uint32_t i = 0; i < campaign->n_arms && !c->arm; i++) {
        sum += campaign->arms[i].weight;
        if (at < sum)
            c->arm = &campaign->arms[i];
    }
}

static enum verdict gate_arm(struct candidate *c)
{
    if (transactional(c))
        return VERDICT_PASS;
    choose_arm(c);
    if (c->arm && strcmp(c->arm->name, "none") == 0)
        return suppress(c, "arm_none", "the arm that sends nothing");
    if (c->arm && strcmp(c->arm->name, "shadow") == 0)
        return suppress(c, "shadow", "decided, not sent");
    return VERDICT_PASS;
}

/* ---- 13: the channel ---- */

static enum verdict gate_channel(struct candidate *c)
{
    for (int part = 0; part < N_PARTS; part++) {
        const struct part_kind *kind = &part_kinds[part];
        struct str text = c->parts[part].text;
        uint32_t characters = 0;

        if (!text.ptr)
            continue;
        if (!utf8_valid((const uint8_t *)text.ptr, text.len))
            return suppress(c, "bad_encoding", "%s is not UTF-8", kind->name);
        for (uint32_t i = 0; i < text.len; i++)
            characters += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
        if (characters > kind->max_characters || text.len > kind->max_bytes)
            return suppress(c, "too_long", "%s has %u characters, %u bytes; at most %u and %u",
                            kind->name, characters, text.len, kind->max_characters,
                            kind->max_bytes);
        if (kind->required && text.len == 0)
            return suppress(c, "copy_missing", "%s came out empty", kind->name);
    }
    return VERDICT_PASS;
}

const struct gate gates[N_GATES] = {
    {"erased", gate_erased},
    {"consent", gate_consent},
    {"suppression", gate_suppression},
    {"holdout", gate_holdout},
    {"still_true", gate_still_true},
    {"item_valid", gate_item},
    {"quiet_hours", gate_quiet_hours},
    {"caps", gate_caps},
    {"budget", gate_budget},
    {"arm", gate_arm},
    {"copy", gate_copy},
    {"facts", gate_facts},
    {"channel", gate_channel},
};

enum verdict gates_run(struct candidate *c)
{
    enum { CONSENT = 1 }; /* asked once more when the text stands */
    enum verdict verdict;

    for (int i = 0; i <= N_GATES; i++) {
        const struct gate *gate = &gates[i < N_GATES ? i : CONSENT];

        c->gate = gate->name;
        verdict = gate->check(c);
        if (verdict != VERDICT_PASS)
            return verdict;
    }
    return VERDICT_PASS;
}
