/*
 * Caps: at most N sends in a window, from the ring of the person's last sends (newest first).
 *
 *   rolling   a send counts while now - its time < the window: at the very millisecond when
 *             the window has passed it counts no more
 *   calendar  a send counts while it lies on the same day in the person's own zone
 *
 * The ring holds as many sends as the largest cap allows, so what it forgot cannot matter.
 */
#include "producers/gate.h"

struct window {
    int64_t from_ms; /* sends at or after it count */
    int64_t length_ms;
};

static bool counts(const struct cap *cap, const struct user_send *send)
{
    switch (cap->scope) {
    case CAP_CHANNEL:
        return send->channel == cap->which;
    case CAP_PURPOSE:
        return send->purpose == cap->which;
    default:
        return true;
    }
}

static bool applies(const struct cap *cap, const struct candidate *c)
{
    struct user_send this_one = {.channel = (uint8_t)c->channel,
                                 .purpose = (uint8_t)c->campaign->purpose};

    return counts(cap, &this_one);
}

/* Sends that count in the window; *out_ms: the time of the limit-th newest of them. */
static uint32_t count_sends(const struct cap *cap, const struct user_state *user,
                            int64_t from_ms, int64_t *out_ms)
{
    uint32_t n = 0;

    for (uint8_t i = 0; i < user->n_sends; i++) {
        if (user->sends[i].time_ms < from_ms || !counts(cap, &user->sends[i]))
            continue;
        n++;
        if (n == cap->limit)
            *out_ms = user->sends[i].time_ms;
    }
    return n;
}

/* When the window has room again; 0 if it has room now. */
static int64_t full_until(const struct cap *cap, const struct candidate *c, uint32_t *n)
{
    int64_t length_ms = cap->window == CAP_ROLLING_7D ? 7 * (int64_t)DAY_MS : DAY_MS;
    int64_t last_ms = 0;
    int64_t from_ms = cap->window == CAP_CALENDAR_DAY ? zone_day_start_ms(c->zone, c->now_ms, 0)
                                                      : c->now_ms - length_ms + 1;

    *n = count_sends(cap, c->user, from_ms, &last_ms);
    if (*n < cap->limit)
        return 0;
    if (cap->window == CAP_CALENDAR_DAY)
        return zone_day_start_ms(c->zone, c->now_ms, 1);
    return last_ms + length_ms;
}

static const char *reason_of(const struct cap *cap)
{
    static const char *const reasons[] = {
        [CAP_CHANNEL] = "cap_channel", [CAP_PURPOSE] = "cap_purpose", [CAP_ALL] = "cap_all"};

    return reasons[cap->scope];
}

enum verdict gate_caps(struct candidate *c)
{
    static const char *const windows[] = {[CAP_ROLLING_24H] = "24 hours",
                                          [CAP_ROLLING_7D] = "7 days",
                                          [CAP_CALENDAR_DAY] = "calendar day"};
    const struct cap *hit = NULL;
    int64_t until_ms = 0;
    uint32_t n_hit = 0;

    if (c->campaign->purpose == PURPOSE_TRANSACTIONAL)
        return VERDICT_PASS;
    for (uint32_t i = 0; i < c->campaign->n_caps; i++) { /* the one that lasts longest */
        const struct cap *cap = &c->campaign->caps[i];
        uint32_t n = 0;
        int64_t full = applies(cap, c) ? full_until(cap, c, &n) : 0;

        if (full > until_ms) {
            until_ms = full;
            hit = cap;
            n_hit = n;
        }
    }
    if (!hit)
        return VERDICT_PASS;
    if (!c->campaign->caps_defer)
        return suppress(c, reason_of(hit), "%u of %u per %s", n_hit, hit->limit,
                        windows[hit->window]);
    return defer(c, reason_of(hit), until_ms, "%u of %u per %s", n_hit, hit->limit,
                 windows[hit->window]);
}
