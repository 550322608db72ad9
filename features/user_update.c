/*
 * One event, one person:
 *
 *   duplicate?  -> session (a gap of 30 min starts a new one) -> items -> counters -> cart
 *
 * Times may go back a little (late events): last_ms is the largest seen, and an item keeps the
 * time of its newest event, so a late event never makes a person look older than she is.
 */
#include "features/user_update.h"

#include "core/base/hash.h"
#include "features/feature_columns.h"
#include "features/user_codec.h"

static bool seen_before(struct user_state *user, struct str event_id)
{
    uint64_t id = hash64(event_id);
    int n = user->n_event_ids;

    for (int i = 0; i < n; i++) {
        if (user->event_ids[i] == id)
            return true;
    }
    if (n == USER_EVENT_IDS_MAX)
        n--;
    memmove(user->event_ids + 1, user->event_ids, (size_t)n * sizeof(user->event_ids[0]));
    user->event_ids[0] = id;
    user->n_event_ids = (uint8_t)(n + 1);
    return false;
}

/* Puts the item in front; what was behind it moves up by one place. */
static void touch_item(struct user_state *user, uint64_t item, enum action action,
                       int64_t time_ms)
{
    struct user_item entry = {.item = item, .time_ms = time_ms, .action = action, .n = 0};
    int at = 0;

    while (at < user->n_items && user->items[at].item != item)
        at++;
    bool in_session = at < user->n_session;

    if (at < user->n_items) {
        entry.n = user->items[at].n;
        if (user->items[at].time_ms > time_ms)
            entry.time_ms = user->items[at].time_ms;
        if (in_session && action_strength(user->items[at].action) >
                              action_strength((enum action)entry.action))
            entry.action = user->items[at].action;
    } else if (at == USER_ITEMS_MAX) {
        at--;
    } else {
        user->n_items++;
    }
    entry.n = entry.n < UINT8_MAX ? (uint8_t)(entry.n + 1) : entry.n;
    memmove(user->items + 1, user->items, (size_t)at * sizeof(user->items[0]));
    user->items[0] = entry;
    if (!in_session && user->n_session < SESSION_ITEMS_MAX)
        user->n_session++;
}

static void begin_session_if_due(struct user_state *user, int64_t time_ms)
{
    if (user->n_events == 0 || time_ms - user->last_ms > SESSION_GAP_MS) {
        user->n_session = 0;
        user->session_start_ms = time_ms;
    }
}

static int cart_find(const struct user_state *user, uint64_t item)
{
    int i = 0;

    while (i < user->n_cart && user->cart[i].item != item)
        i++;
    return i;
}

static void cart_remove_at(struct user_state *user, int at)
{
    user->n_cart--;
    memmove(user->cart + at, user->cart + at + 1,
            (size_t)(user->n_cart - at) * sizeof(user->cart[0]));
}

static void cart_add(struct user_state *user, const struct event_batch *events, uint32_t lane,
                     struct arena *arena)
{
    const struct event_line *line = &events->lines[lane][0];
    int at = cart_find(user, line->item);

    if (at == USER_CART_MAX) {
        cart_remove_at(user, 0);
        at--;
    }
    if (at == user->n_cart) {
        user->n_cart++;
        user->cart[at] = (struct cart_item){
            .item = line->item, .item_id = arena_copy(arena, line->item_id), .price_e4 = -1};
    }
    user->cart[at].quantity += line->quantity;
    user->cart[at].time_ms = events->time_ms[lane];
    if (line->price_e4 >= 0)
        user->cart[at].price_e4 = line->price_e4;
    if (events->currency[lane].len)
        user->cart_currency = arena_copy(arena, events->currency[lane]);
    user->cart_ms = events->time_ms[lane];
}

static void cart_take_out(struct user_state *user, const struct event_batch *events,
                          uint32_t lane, bool whole)
{
    for (uint32_t i = 0; i < events->n_lines[lane]; i++) {
        const struct event_line *line = &events->lines[lane][i];
        int at = cart_find(user, line->item);

        if (at == user->n_cart)
            continue;
        user->cart[at].quantity -= line->quantity;
        if (whole || user->cart[at].quantity <= 0)
            cart_remove_at(user, at);
        user->cart_ms = events->time_ms[lane];
    }
}

/* "21:00" -> 1260; -1 for anything else. */
static int16_t minutes_of(struct str text)
{
    if (text.len != 5 || text.ptr[2] != ':')
        return -1;
    for (int i = 0; i < 5; i++) {
        if (i != 2 && (text.ptr[i] < '0' || text.ptr[i] > '9'))
            return -1;
    }
    int hours = (text.ptr[0] - '0') * 10 + text.ptr[1] - '0';
    int minutes = (text.ptr[3] - '0') * 10 + text.ptr[4] - '0';

    return hours < 24 && minutes < 60 ? (int16_t)(hours * 60 + minutes) : -1;
}

/* What the person withdrew later than a record's grant (an unsubscription, a complaint) stays
 * withdrawn, though the record may come after it. */
static void keep_withdrawals(struct user_state *user, const struct user_consent *old, int n_old)
{
    for (int o = 0; o < n_old; o++) {
        for (int i = 0; i < user->n_consents; i++) {
            struct user_consent *consent = &user->consents[i];

            if (!old[o].granted && consent->channel == old[o].channel &&
                consent->purpose == old[o].purpose && consent->time_ms < old[o].time_ms)
                *consent = old[o];
        }
    }
}

/* A users record replaces all that an earlier one said. */
static void set_profile(struct user_state *user, const struct user_record *record,
                        struct arena *arena)
{
    user->profile_ms = record->updated_time;
    user->locale = arena_copy(arena, record->locale);
    user->time_zone = arena_copy(arena, record->time_zone);
    user->quiet_from_min = minutes_of(record->quiet_from);
    user->quiet_to_min = minutes_of(record->quiet_to);
    struct user_consent old[USER_CONSENTS_MAX];
    int n_old = user->n_consents;

    memcpy(old, user->consents, (size_t)n_old * sizeof(old[0]));
    user->n_consents = 0;
    for (uint32_t i = 0; i < record->consents.n && user->n_consents < USER_CONSENTS_MAX; i++) {
        const struct consent *consent = &record->consents.at[i];

        user->consents[user->n_consents++] = (struct user_consent){
            .channel = (uint8_t)consent->channel,
            .purpose = (uint8_t)consent->purpose,
            .granted = consent->granted,
            .time_ms = consent->time,
        };
    }
    keep_withdrawals(user, old, n_old);
}

static void touch_lines(struct user_state *user, const struct event_batch *events,
                        uint32_t lane, struct lane_items *snapshot)
{
    enum { BEFORE_MAX = sizeof(snapshot->before_items) / sizeof(snapshot->before_items[0]) };

    if (snapshot) {
        snapshot->n_before = user->n_session < BEFORE_MAX ? user->n_session : BEFORE_MAX;
        memcpy(snapshot->before_items, user->items,
               snapshot->n_before * sizeof(user->items[0]));
    }
    if (action_strength(events->action[lane]) > 0) {
        for (uint32_t i = 0; i < events->n_lines[lane]; i++)
            touch_item(user, events->lines[lane][i].item, events->action[lane],
                       events->time_ms[lane]);
    }
    if (snapshot) {
        snapshot->n = user->n_session;
        memcpy(snapshot->items, user->items, user->n_session * sizeof(user->items[0]));
    }
}

enum user_change user_update(struct user_state *user, const struct event_batch *events,
                             uint32_t lane, struct arena *arena,
                             struct lane_items *before_after)
{
    enum action action = events->action[lane];
    int64_t time_ms = events->time_ms[lane];

    if (action == ACTION_PROFILE) {
        if (!events->record[lane]) {
            user_state_init(user, user->user_id);
            return USER_ERASED;
        }
        set_profile(user, events->record[lane], arena);
        return USER_CHANGED;
    }
    if (seen_before(user, events->event_id[lane]))
        return USER_UNCHANGED;
    begin_session_if_due(user, time_ms);
    touch_lines(user, events, lane, before_after);
    feature_columns_add(user, action, time_ms);
    if (action == ACTION_ADD_TO_CART && events->n_lines[lane])
        cart_add(user, events, lane, arena);
    else if (action == ACTION_REMOVE_FROM_CART)
        cart_take_out(user, events, lane, false);
    else if (action == ACTION_ORDER)
        cart_take_out(user, events, lane, true);
    if (user->n_events == 0 || time_ms < user->first_ms)
        user->first_ms = time_ms;
    if (user->n_events == 0 || time_ms > user->last_ms)
        user->last_ms = time_ms;
    user->n_events++;
    return USER_CHANGED;
}
