/*
 * Opening, re-arming and cancelling.
 *
 *   cart changed, worth enough  -> an instance opens, or its step 0 moves on
 *   cart changed, below the min -> an instance that has said nothing yet goes
 *   cart empty, items ordered   -> the instance goes, whatever its step
 *
 * A person has at most one instance of a campaign. While nothing has been decided, a change
 * of the cart only moves the time; afterwards it is a new occasion, with a new id and new
 * messages, and the old one's later steps would speak of a cart that is no more.
 */
#include "producers/campaign_private.h"

static void remove_timer(struct user_state *user, uint8_t at)
{
    user->n_timers--;
    memmove(user->timers + at, user->timers + at + 1,
            (size_t)(user->n_timers - at) * sizeof(user->timers[0]));
}

static int find_timer(const struct user_state *user, uint64_t campaign)
{
    for (uint8_t i = 0; i < user->n_timers; i++) {
        if (user->timers[i].campaign == campaign)
            return i;
    }
    return -1;
}

/* A free place, if need be the oldest instance's. */
static struct user_timer *new_timer(struct user_state *user)
{
    uint8_t oldest = 0;

    if (user->n_timers == USER_TIMERS_MAX) {
        for (uint8_t i = 1; i < user->n_timers; i++) {
            if (user->timers[i].opened_ms < user->timers[oldest].opened_ms)
                oldest = i;
        }
        remove_timer(user, oldest);
    }
    return &user->timers[user->n_timers++];
}

/* Before anything is fired there is no catalogue at hand: the prices are those of the events.
 * An unknown one may be any, so it is enough; the gates look at it again. */
static bool worth_enough(const struct campaign *campaign, const struct user_state *user)
{
    int64_t sum = 0;

    for (uint8_t i = 0; i < user->n_cart; i++) {
        int64_t line;

        if (user->cart[i].price_e4 < 0)
            return true;
        if (__builtin_mul_overflow(user->cart[i].price_e4, (int64_t)user->cart[i].quantity,
                                   &line) ||
            __builtin_add_overflow(sum, line, &sum))
            return true;
    }
    return sum >= campaign->min_value_e4;
}

static bool cart_changed(const struct campaign_set *set, const struct campaign *campaign,
                         const struct event_batch *events, uint32_t lane,
                         struct user_state *user, struct arena *arena)
{
    int at = find_timer(user, campaign->id);
    struct user_timer *timer = at < 0 ? NULL : &user->timers[at];
    bool silent = timer && timer->step == 0 && timer->channel_done == 0;
    int64_t due_ms = events->time_ms[lane] + campaign->quiet_ms;

    if (user->cart_ms != events->time_ms[lane])
        return false; /* e.g. the removal of what was not there */
    if (user->n_cart == 0 || !worth_enough(campaign, user) ||
        !campaign_audience_has(set, campaign, user)) {
        if (timer && (silent || user->n_cart == 0)) {
            remove_timer(user, (uint8_t)at);
            return true;
        }
        return false;
    }
    if (silent) { /* a late event does not call an instance back to an earlier time */
        timer->due_ms = due_ms > timer->due_ms ? due_ms : timer->due_ms;
        timer->fire_ms = timer->due_ms;
        return true;
    }
    struct str instance = arena_copy(arena, events->event_id[lane]);

    if (!instance.ptr) /* an instance without an id would be a message without one */
        return false;
    if (!timer)
        timer = new_timer(user);
    *timer = (struct user_timer){
        .campaign = campaign->id,
        .opened_ms = events->time_ms[lane],
        .fire_ms = due_ms,
        .due_ms = due_ms,
        .instance = instance,
    };
    return true;
}

/* The order has been applied: what it bought has left the cart, which carries its time then. */
static bool order_touched_cart(const struct event_batch *events, uint32_t lane,
                               const struct user_state *user)
{
    if (user->cart_ms == events->time_ms[lane])
        return true;
    for (uint16_t line = 0; line < events->n_lines[lane]; line++) {
        for (uint8_t i = 0; i < user->n_cart; i++) {
            if (events->lines[lane][line].item == user->cart[i].item)
                return true;
        }
    }
    return user->n_cart == 0;
}

/* Until the next `users` record says otherwise, which states all consents anew. */
static void withdraw(struct user_state *user, int32_t channel, int32_t purpose, int64_t time_ms)
{
    uint8_t at = 0;

    while (at < user->n_consents &&
           (user->consents[at].channel != channel || user->consents[at].purpose != purpose))
        at++;
    if (at == USER_CONSENTS_MAX)
        return; /* 5 channels x 4 purposes: only unknown ones can fill it, and they grant
                   nothing */
    if (at == user->n_consents)
        user->n_consents++;
    user->consents[at] = (struct user_consent){
        .channel = (uint8_t)channel, .purpose = (uint8_t)purpose, .time_ms = time_ms};
}

/* A send that failed gives its place back: the newest of the channel, as sends bear no id. */
static void give_back(struct user_state *user, int32_t channel)
{
    for (uint8_t i = 0; i < user->n_sends; i++) {
        if (user->sends[i].channel == channel) {
            user->n_sends--;
            memmove(user->sends + i, user->sends + i + 1,
                    (size_t)(user->n_sends - i) * sizeof(user->sends[0]));
            return;
        }
    }
}

static void engagement(const struct engagement_event *event, struct user_state *user)
{
    if (!event || !channel_word(event->channel))
        return;
    switch (event->type) {
    case ENGAGEMENT_UNSUBSCRIBED:
    case ENGAGEMENT_COMPLAINED:
        withdraw(user, event->channel, PURPOSE_MARKETING, event->event_time);
        break;
    case ENGAGEMENT_BOUNCED: /* no purpose: the address itself does not work */
        withdraw(user, event->channel, PURPOSE_UNKNOWN, event->event_time);
        break;
    case ENGAGEMENT_FAILED:
        give_back(user, event->channel);
        break;
    default:
        break;
    }
}

static bool all_timers_go(struct user_state *user)
{
    bool any = user->n_timers > 0;

    user->n_timers = 0;
    return any;
}

static bool ordered(const struct campaign_set *set, struct user_state *user)
{
    bool any = false;

    for (uint8_t i = user->n_timers; i > 0; i--) {
        if (campaign_find(set, user->timers[i - 1].campaign)) {
            remove_timer(user, (uint8_t)(i - 1));
            any = true;
        }
    }
    return any;
}

bool campaign_observe(const struct campaign_set *set, const struct event_batch *events,
                      uint32_t lane, struct user_state *user, struct arena *arena)
{
    bool moved = false;

    switch (events->action[lane]) {
    case ACTION_ADD_TO_CART:
    case ACTION_REMOVE_FROM_CART:
        for (uint32_t i = 0; i < set->n; i++)
            moved |= cart_changed(set, set->at[i], events, lane, user, arena);
        return moved;
    case ACTION_ORDER:
        return order_touched_cart(events, lane, user) && ordered(set, user);
    case ACTION_PROFILE:
        return !events->record[lane] && all_timers_go(user);
    case ACTION_ENGAGEMENT:
        engagement(events->record[lane], user);
        return false;
    default:
        return false;
    }
}

int64_t campaign_next_fire(const struct user_state *user)
{
    int64_t next = INT64_MAX;

    for (uint8_t i = 0; i < user->n_timers; i++) {
        if (user->timers[i].fire_ms < next)
            next = user->timers[i].fire_ms;
    }
    return next;
}
