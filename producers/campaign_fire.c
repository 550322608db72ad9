/*
 * A due instance: each of its channels, in the order the campaign names them, is decided by
 * itself; a push that is held back does not hold back the mail, and both may be sent.
 *
 *   every channel decided -> the next step, or the instance is over
 *   some put off          -> fire_ms is the earliest of their times; the decided ones are
 *                            marked and not asked again
 *
 * What was put off enters the gates again at the top: consent may be gone by then.
 */
#include "producers/gate.h"

#include "core/base/hash.h"

#include <stdio.h>

static bool is_before(const struct user_timer *a, const struct user_timer *b)
{
    if (a->fire_ms != b->fire_ms)
        return a->fire_ms < b->fire_ms;
    if (a->campaign != b->campaign)
        return a->campaign < b->campaign;
    return str_compare(a->instance, b->instance) < 0;
}

static int find_due(const struct user_state *user, int64_t now_ms)
{
    int found = -1;

    for (uint8_t i = 0; i < user->n_timers; i++) {
        if (user->timers[i].fire_ms <= now_ms &&
            (found < 0 || is_before(&user->timers[i], &user->timers[found])))
            found = i;
    }
    return found;
}

static void remove_timer(struct user_state *user, int at)
{
    user->n_timers--;
    memmove(user->timers + at, user->timers + at + 1,
            (size_t)(user->n_timers - at) * sizeof(user->timers[0]));
}

static void note_send(struct user_state *user, const struct candidate *c)
{
    uint32_t kept = user->n_sends < USER_SENDS_MAX ? user->n_sends : USER_SENDS_MAX - 1;

    memmove(user->sends + 1, user->sends, kept * sizeof(user->sends[0]));
    user->sends[0] = (struct user_send){.time_ms = c->now_ms,
                                        .channel = (uint8_t)c->channel,
                                        .purpose = (uint8_t)c->campaign->purpose};
    user->n_sends = (uint8_t)(kept + 1);
}

/* ---- the record of a message ---- */

static struct str arena_id(const struct candidate *c)
{
    char id[33];

    candidate_message_id(c, id);
    return arena_copy(c->arena, str_of(id));
}

static struct message_item_array message_items(const struct candidate *c)
{
    struct message_item *items = arena_zalloc(c->arena, (c->n_items + 1) * sizeof(*items));

    for (uint32_t i = 0; items && i < c->n_items; i++) {
        const struct item_facts *facts = c->items[i].facts;

        items[i] = (struct message_item){
            .item_id = facts->item.item_id,
            .reason = REASON_RECENT, /* the person put it into the cart */
            .price_e4 = facts->item.price_e4,
            .currency = facts->item.currency,
            .price_version = facts->version,
        };
    }
    return (struct message_item_array){items, items ? c->n_items : 0};
}

static bool is_fact(const struct template_span *span)
{
    return span->record &&
           (span->record->source == SOURCE_CATALOG || span->record->source == SOURCE_PERSON);
}

/* key/field */
static struct str fact_field(const struct candidate *c, const struct template_span *span)
{
    uint32_t n_key = span->record->key.len, n_field = (uint32_t)strlen(span->field);
    char *text = arena_alloc(c->arena, (size_t)n_key + 1 + n_field);

    if (!text)
        return (struct str){NULL, 0};
    memcpy(text, span->record->key.ptr, n_key);
    text[n_key] = '/';
    memcpy(text + n_key + 1, span->field, n_field);
    return (struct str){text, n_key + 1 + n_field};
}

static char *put_number(char *out, uint32_t number)
{
    char digits[10];
    int n = 0;

    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (n > 0)
        *out++ = digits[--n];
    return out;
}

/* part:first-last. A mail has dozens of facts: printf would be half of the decision's cost. */
static struct str fact_place(const struct candidate *c, int part, uint32_t first, uint32_t last)
{
    enum { PLACE_MAX = 40 };
    char *text = arena_alloc(c->arena, PLACE_MAX), *p = text;

    if (!text)
        return (struct str){NULL, 0};
    p = stpcpy(p, part_kinds[part].name);
    *p++ = ':';
    p = put_number(p, first);
    *p++ = '-';
    p = put_number(p, last);
    return (struct str){text, (uint32_t)(p - text)};
}

static struct message_fact fact_of(const struct candidate *c, int part,
                                   const struct template_span *span)
{
    return (struct message_fact){
        .span = fact_place(c, part, span->offset, span->offset + span->length - 1),
        .field = fact_field(c, span),
        .value = {c->parts[part].text.ptr + span->offset, span->length},
        .version = span->record->version,
    };
}

static struct message_fact_array message_facts(const struct candidate *c)
{
    struct message_fact *facts;
    uint32_t n = 0, capacity = 0;

    for (int part = 0; part < N_PARTS; part++)
        capacity += c->parts[part].n_spans;
    facts = arena_zalloc(c->arena, (capacity + 1) * sizeof(*facts));
    for (int part = 0; facts && part < N_PARTS; part++) {
        for (uint32_t i = 0; i < c->parts[part].n_spans; i++) {
            if (is_fact(&c->parts[part].spans[i]))
                facts[n++] = fact_of(c, part, &c->parts[part].spans[i]);
        }
    }
    return (struct message_fact_array){facts, n};
}

/* RFC 8058: both headers, so that one click is enough. */
static struct str_map message_headers(const struct candidate *c)
{
    struct str url = candidate_unsubscribe_url(c);
    struct map_entry *entries;

    if (c->channel != CHANNEL_EMAIL || !url.ptr)
        return (struct str_map){0};
    entries = arena_alloc(c->arena, 2 * sizeof(*entries));
    if (!entries)
        return (struct str_map){0};
    entries[0] = (struct map_entry){str_of("List-Unsubscribe"),
                                    arena_printf(c->arena, "<%.*s>", STR_ARG(url))};
    entries[1] = (struct map_entry){str_of("List-Unsubscribe-Post"),
                                    str_of("List-Unsubscribe=One-Click")};
    return (struct str_map){entries, 2};
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Not into the night, not beside the next reminder, not when it has grown stale. */
static int64_t expiry(const struct candidate *c)
{
    int64_t at = earliest(c->now_ms + MESSAGE_LIFE_MS, c->quiet.next_ms);
    int64_t next_step = candidate_next_due_ms(c);

    return next_step > c->now_ms ? earliest(at, next_step) : at;
}

static void fill_choice(const struct candidate *c, struct message_choice *choice)
{
    *choice = (struct message_choice){
        .layer = str_of(c->campaign->layer),
        .arm = str_of(c->arm ? c->arm->name : ""),
        .propensity = c->arm ? (float)c->arm->weight / (float)c->campaign->weights : 1,
        .model_version = str_of("hash"),
    };
}

static void fill_texts(const struct candidate *c, struct message *message)
{
    message->title = c->parts[PART_TITLE].text;
    message->body = c->parts[PART_BODY].text;
    message->deep_link = c->parts[PART_DEEP_LINK].text;
    message->subject = c->parts[PART_SUBJECT].text;
    message->preheader = c->parts[PART_PREHEADER].text;
    message->html = c->parts[PART_HTML].text;
    message->text = c->parts[PART_TEXT].text;
    message->headers = message_headers(c);
}

static void fill_message(const struct candidate *c, struct message *message)
{
    const struct copy_set *copies = &c->campaign->copies[c->channel];

    *message = (struct message){
        .message_id = arena_id(c),
        .user_id = c->user->user_id,
        .channel = c->channel,
        .purpose = c->campaign->purpose,
        .campaign = str_of(c->campaign->name),
        .step = c->timer->step,
        .trigger = {str_of(c->campaign->trigger), c->timer->instance, c->timer->opened_ms},
        .event_time = c->now_ms,
        .not_before = c->now_ms,
        .expires_at = expiry(c),
        .locale = str_of(c->copy->locale),
        .items = message_items(c),
        .facts = message_facts(c),
        .generated = {.tier = str_of("template"),
                      .model = str_of(""),
                      .template_name = str_of(copies->template_name),
                      .variant = str_of(c->copy->locale),
                      .content_id = str_of(c->copy->content_id),
                      .approved_by = str_of(c->set->approval)},
        .consent = {c->user->profile_ms, str_of("opt_in")},
    };
    fill_texts(c, message);
    fill_choice(c, &message->choice);
}

static void fill_suppressed(const struct candidate *c, struct suppressed_message *message)
{
    *message = (struct suppressed_message){
        .message_id = arena_id(c),
        .user_id = c->user->user_id,
        .channel = c->channel,
        .purpose = c->campaign->purpose,
        .campaign = str_of(c->campaign->name),
        .step = c->timer->step,
        .gate = str_of(c->gate),
        .reason = str_of(c->reason),
        .detail = c->detail,
        .rule_version = str_of(c->set->version),
        .event_time = c->now_ms,
    };
}

/* ---- deciding ---- */

/* One channel; true if something is to be published. */
static bool decide(struct candidate *c, struct user_state *user, struct campaign_decision *out)
{
    enum verdict verdict = gates_run(c);

    if (verdict == VERDICT_DEFER)
        return false;
    memset(out, 0, sizeof(*out));
    out->outcome = verdict == VERDICT_PASS ? CAMPAIGN_SENT : CAMPAIGN_SUPPRESSED;
    if (verdict == VERDICT_PASS) {
        fill_message(c, &out->message);
        note_send(user, c);
    } else {
        fill_suppressed(c, &out->suppressed);
    }
    return true;
}

/* All channels are decided: on to the next step, or the instance is over. */
static void advance(const struct campaign *campaign, struct user_state *user, int at)
{
    struct user_timer *timer = &user->timers[at];

    if (timer->step + 1u >= campaign->n_steps) {
        remove_timer(user, at);
        return;
    }
    timer->due_ms += campaign->steps_ms[timer->step + 1] - campaign->steps_ms[timer->step];
    timer->fire_ms = timer->due_ms;
    timer->step++;
    timer->channel_done = 0;
}

uint32_t campaign_fire(const struct campaign_set *set, struct user_state *user, int64_t now_ms,
                       int64_t wall_ms, const struct item_lookup *items, struct arena *arena,
                       struct campaign_decision *out)
{
    int at = find_due(user, now_ms);
    const struct campaign *campaign =
        at < 0 ? NULL : campaign_find(set, user->timers[at].campaign);
    int64_t put_off_ms = INT64_MAX;
    uint32_t n = 0;

    if (at >= 0 && (!campaign || user->timers[at].step >= campaign->n_steps)) {
        remove_timer(user, at); /* the rules have changed since: nobody is waiting for it */
        return 0;
    }
    if (!campaign)
        return 0;
    struct user_timer *timer = &user->timers[at];
    struct zone *zone = zone_open(user->time_zone, set->default_time_zone);

    ensure(zone); /* ICU without memory: nothing can be decided, and nothing half */
    for (uint32_t i = 0; i < campaign->n_channels; i++) {
        struct candidate c = {.set = set,
                              .campaign = campaign,
                              .user = user,
                              .timer = timer,
                              .lookup = items,
                              .arena = arena,
                              .channel = campaign->channels[i],
                              .now_ms = now_ms,
                              .wall_ms = wall_ms,
                              .zone = zone};

        if (timer->channel_done & 1u << c.channel)
            continue;
        if (decide(&c, user, &out[n])) {
            timer->channel_done |= (uint8_t)(1u << c.channel);
            n++;
        } else {
            put_off_ms = earliest(put_off_ms, c.until_ms);
        }
    }
    zone_close(zone);
    if (put_off_ms == INT64_MAX)
        advance(campaign, user, at);
    else
        timer->fire_ms = put_off_ms;
    return n;
}
