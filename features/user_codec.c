/*
 * Layout of version 1 (u = unsigned varint, z = zigzag varint, times as differences to
 * last_ms because they are close to it):
 *
 *   u8 version | u64 next_fire | u n_events | z last | z last-first
 *   items    u8 n, u8 n_session, z last-session_start, n x {u64 item, u64 time<<16|action<<8|n}
 *   counters u8 n, z last-counters_ms, n x f32 | u n_qualifying
 *   ids      u8 n, n x u64
 *   cart     u8 n, [z last-cart_ms, str currency], n x {str id, z quantity, z price, z
 * last-time} profile  u8 has, [z time, str locale, str zone, z from, z to, u8 n, n x {u8
 * channel<<4|purpose, u8 granted, z time}] timers   u8 n, n x {u64 campaign, u8 step, u8 done,
 * z opened, z fire, z due, str instance} sends    u8 n, n x {z last-time, u8
 * channel<<4|purpose}
 */
#include "features/user_codec.h"

#include "core/base/bytes.h"
#include "core/base/hash.h"

enum { USER_VERSION = 1, ITEM_BYTES = 16 };

_Static_assert(sizeof(struct user_item) == ITEM_BYTES, "copied as it is");

void user_state_init(struct user_state *user, struct str user_id)
{
    /* The arrays stay as they are: only their first n_… entries mean anything. */
    user->user_id = user_id;
    user->n_events = 0;
    user->first_ms = user->last_ms = 0;
    user->n_items = user->n_session = 0;
    user->session_start_ms = 0;
    user->n_counters = 0;
    user->counters_ms = 0;
    user->n_qualifying = 0;
    user->n_event_ids = 0;
    user->n_cart = 0;
    user->cart_ms = 0;
    user->cart_currency = (struct str){NULL, 0};
    user->profile_ms = 0;
    user->locale = user->time_zone = (struct str){NULL, 0};
    user->quiet_from_min = user->quiet_to_min = -1;
    user->n_consents = 0;
    user->n_timers = 0;
    user->n_sends = 0;
}

bool user_state_empty(const struct user_state *user)
{
    return user->n_events == 0 && user->profile_ms == 0;
}

static int64_t next_fire(const struct user_state *user)
{
    int64_t earliest = INT64_MAX;

    for (int i = 0; i < user->n_timers; i++) {
        if (user->timers[i].fire_ms < earliest)
            earliest = user->timers[i].fire_ms;
    }
    return earliest;
}

/* Two words, little-endian: the item, and time << 16 | action << 8 | n. Where that is how the
 * struct lies in memory, copying is all there is to do (and compilers see that it is). */
static void store_item(uint8_t *at, const struct user_item *item)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(at, item, ITEM_BYTES);
#else
    uint64_t words[2] = {htole64(item->item), htole64((uint64_t)item->time_ms << 16 |
                                                      (uint64_t)item->action << 8 | item->n)};

    memcpy(at, words, ITEM_BYTES);
#endif
}

static struct user_item load_item(const uint8_t *at)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    struct user_item item;

    memcpy(&item, at, ITEM_BYTES);
    return item;
#else
    uint64_t words[2];

    memcpy(words, at, ITEM_BYTES);
    words[1] = le64toh(words[1]);
    return (struct user_item){.item = le64toh(words[0]),
                              .time_ms = (int64_t)words[1] >> 16,
                              .action = (words[1] >> 8) & 255,
                              .n = words[1] & 255};
#endif
}

static void put_items(struct byte_writer *w, const struct user_state *user)
{
    bytes_put_u8(w, user->n_items);
    bytes_put_u8(w, user->n_session);
    bytes_put_zigzag(w, user->last_ms - user->session_start_ms);
    uint8_t *at = bytes_room(w, user->n_items * (size_t)ITEM_BYTES);

    for (int i = 0; at && i < user->n_items; i++)
        store_item(at + (size_t)i * ITEM_BYTES, &user->items[i]);
}

static void put_event_ids(struct byte_writer *w, const struct user_state *user)
{
    bytes_put_u8(w, user->n_event_ids);
    uint8_t *at = bytes_room(w, user->n_event_ids * sizeof(uint64_t));

    for (int i = 0; at && i < user->n_event_ids; i++) {
        uint64_t id = htole64(user->event_ids[i]);

        memcpy(at + (size_t)i * sizeof(id), &id, sizeof(id));
    }
}

static void put_cart(struct byte_writer *w, const struct user_state *user)
{
    bytes_put_u8(w, user->n_cart);
    if (!user->n_cart)
        return;
    bytes_put_zigzag(w, user->last_ms - user->cart_ms);
    bytes_put_str(w, user->cart_currency);
    for (int i = 0; i < user->n_cart; i++) {
        bytes_put_str(w, user->cart[i].item_id);
        bytes_put_zigzag(w, user->cart[i].quantity);
        bytes_put_zigzag(w, user->cart[i].price_e4);
        bytes_put_zigzag(w, user->last_ms - user->cart[i].time_ms);
    }
}

static void put_profile(struct byte_writer *w, const struct user_state *user)
{
    bytes_put_u8(w, user->profile_ms != 0);
    if (!user->profile_ms)
        return;
    bytes_put_zigzag(w, user->profile_ms);
    bytes_put_str(w, user->locale);
    bytes_put_str(w, user->time_zone);
    bytes_put_zigzag(w, user->quiet_from_min);
    bytes_put_zigzag(w, user->quiet_to_min);
    bytes_put_u8(w, user->n_consents);
    for (int i = 0; i < user->n_consents; i++) {
        const struct user_consent *consent = &user->consents[i];

        bytes_put_u8(w, (uint8_t)(consent->channel << 4 | consent->purpose));
        bytes_put_u8(w, consent->granted);
        bytes_put_zigzag(w, user->profile_ms - consent->time_ms);
    }
}

static void put_timers(struct byte_writer *w, const struct user_state *user)
{
    bytes_put_u8(w, user->n_timers);
    for (int i = 0; i < user->n_timers; i++) {
        const struct user_timer *timer = &user->timers[i];

        bytes_put_u64(w, timer->campaign);
        bytes_put_u8(w, timer->step);
        bytes_put_u8(w, timer->channel_done);
        bytes_put_zigzag(w, timer->opened_ms);
        bytes_put_zigzag(w, timer->fire_ms);
        bytes_put_zigzag(w, timer->due_ms);
        bytes_put_str(w, timer->instance);
    }
}

/* Entries at the largest their numbers can be (a varint has at most 10 bytes), plus texts. */
uint32_t user_encoded_bound(const struct user_state *user)
{
    enum { FIXED = 256, CART_LINE = 40, CONSENT = 12, TIMER = 50, SEND = 11 };
    uint32_t bound =
        FIXED + user->n_items * ITEM_BYTES + user->n_event_ids * 8u + user->n_counters * 4u +
        user->n_cart * CART_LINE + user->n_consents * CONSENT + user->n_timers * TIMER +
        user->n_sends * SEND + user->cart_currency.len + user->locale.len + user->time_zone.len;

    for (int i = 0; i < user->n_cart; i++)
        bound += user->cart[i].item_id.len;
    for (int i = 0; i < user->n_timers; i++)
        bound += user->timers[i].instance.len;
    return bound;
}

uint32_t user_encode(const struct user_state *user, uint8_t *out, uint32_t capacity)
{
    struct byte_writer w = byte_writer_of(out, capacity);

    bytes_put_u8(&w, USER_VERSION);
    bytes_put_u64(&w, (uint64_t)next_fire(user));
    bytes_put_varint(&w, user->n_events);
    bytes_put_zigzag(&w, user->last_ms);
    bytes_put_zigzag(&w, user->last_ms - user->first_ms);
    put_items(&w, user);
    bytes_put_u8(&w, user->n_counters);
    bytes_put_zigzag(&w, user->last_ms - user->counters_ms);
    for (int i = 0; i < user->n_counters; i++)
        bytes_put_f32(&w, user->counters[i]);
    bytes_put_varint(&w, user->n_qualifying);
    put_event_ids(&w, user);
    put_cart(&w, user);
    put_profile(&w, user);
    put_timers(&w, user);
    bytes_put_u8(&w, user->n_sends);
    for (int i = 0; i < user->n_sends; i++) {
        bytes_put_zigzag(&w, user->last_ms - user->sends[i].time_ms);
        bytes_put_u8(&w, (uint8_t)(user->sends[i].channel << 4 | user->sends[i].purpose));
    }
    return w.full ? 0 : (uint32_t)byte_writer_size(&w);
}

/* A count that must not pass its array; a larger one makes the reader bad. */
static uint8_t get_count(struct byte_reader *r, unsigned max)
{
    uint8_t n = bytes_get_u8(r);

    if (n > max) {
        r->bad = true;
        return 0;
    }
    return n;
}

static void get_items(struct byte_reader *r, struct user_state *user)
{
    user->n_items = get_count(r, USER_ITEMS_MAX);
    user->n_session = get_count(r, user->n_items);
    user->session_start_ms = user->last_ms - bytes_get_zigzag(r);
    const uint8_t *at = bytes_take(r, user->n_items * (size_t)ITEM_BYTES);

    for (int i = 0; at && i < user->n_items; i++)
        user->items[i] = load_item(at + (size_t)i * ITEM_BYTES);
}

static void get_event_ids(struct byte_reader *r, struct user_state *user)
{
    user->n_event_ids = get_count(r, USER_EVENT_IDS_MAX);
    const uint8_t *at = bytes_take(r, user->n_event_ids * sizeof(uint64_t));

    for (int i = 0; at && i < user->n_event_ids; i++) {
        uint64_t id;

        memcpy(&id, at + (size_t)i * sizeof(id), sizeof(id));
        user->event_ids[i] = le64toh(id);
    }
}

static void get_cart(struct byte_reader *r, struct user_state *user)
{
    user->n_cart = get_count(r, USER_CART_MAX);
    user->cart_ms = 0;
    user->cart_currency = (struct str){NULL, 0};
    if (!user->n_cart)
        return;
    user->cart_ms = user->last_ms - bytes_get_zigzag(r);
    user->cart_currency = bytes_get_str(r);
    for (int i = 0; i < user->n_cart; i++) {
        struct cart_item *item = &user->cart[i];

        item->item_id = bytes_get_str(r);
        item->item = hash64(item->item_id);
        item->quantity = (int32_t)bytes_get_zigzag(r);
        item->price_e4 = bytes_get_zigzag(r);
        item->time_ms = user->last_ms - bytes_get_zigzag(r);
    }
}

static void get_profile(struct byte_reader *r, struct user_state *user)
{
    user->profile_ms = 0;
    user->locale = user->time_zone = (struct str){NULL, 0};
    user->quiet_from_min = user->quiet_to_min = -1;
    user->n_consents = 0;
    if (!bytes_get_u8(r))
        return;
    user->profile_ms = bytes_get_zigzag(r);
    user->locale = bytes_get_str(r);
    user->time_zone = bytes_get_str(r);
    user->quiet_from_min = (int16_t)bytes_get_zigzag(r);
    user->quiet_to_min = (int16_t)bytes_get_zigzag(r);
    user->n_consents = get_count(r, USER_CONSENTS_MAX);
    for (int i = 0; i < user->n_consents; i++) {
        uint8_t what = bytes_get_u8(r);

        user->consents[i].channel = what >> 4;
        user->consents[i].purpose = what & 15;
        user->consents[i].granted = bytes_get_u8(r);
        user->consents[i].time_ms = user->profile_ms - bytes_get_zigzag(r);
    }
}

static void get_timers(struct byte_reader *r, struct user_state *user)
{
    user->n_timers = get_count(r, USER_TIMERS_MAX);
    for (int i = 0; i < user->n_timers; i++) {
        struct user_timer *timer = &user->timers[i];

        timer->campaign = bytes_get_u64(r);
        timer->step = bytes_get_u8(r);
        timer->channel_done = bytes_get_u8(r);
        timer->opened_ms = bytes_get_zigzag(r);
        timer->fire_ms = bytes_get_zigzag(r);
        timer->due_ms = bytes_get_zigzag(r);
        timer->instance = bytes_get_str(r);
    }
}

bool user_decode(const uint8_t *bytes, size_t n, struct str user_id, struct user_state *out)
{
    struct byte_reader r = byte_reader_of(bytes, n);

    if (bytes_get_u8(&r) != USER_VERSION)
        return false;
    bytes_get_u64(&r); /* next_fire: follows from the timers */
    out->user_id = user_id;
    out->n_events = (uint32_t)bytes_get_varint(&r);
    out->last_ms = bytes_get_zigzag(&r);
    out->first_ms = out->last_ms - bytes_get_zigzag(&r);
    get_items(&r, out);
    out->n_counters = get_count(&r, USER_COUNTERS_MAX);
    out->counters_ms = out->last_ms - bytes_get_zigzag(&r);
    for (int i = 0; i < out->n_counters; i++)
        out->counters[i] = bytes_get_f32(&r);
    out->n_qualifying = (uint32_t)bytes_get_varint(&r);
    get_event_ids(&r, out);
    get_cart(&r, out);
    get_profile(&r, out);
    get_timers(&r, out);
    out->n_sends = get_count(&r, USER_SENDS_MAX);
    for (int i = 0; i < out->n_sends; i++) {
        out->sends[i].time_ms = out->last_ms - bytes_get_zigzag(&r);
        uint8_t what = bytes_get_u8(&r);

        out->sends[i].channel = what >> 4;
        out->sends[i].purpose = what & 15;
    }
    return !r.bad && r.at == r.end;
}

int64_t user_bytes_next_fire(const uint8_t *bytes, size_t n)
{
    struct byte_reader r = byte_reader_of(bytes, n);

    if (bytes_get_u8(&r) != USER_VERSION)
        return INT64_MAX;
    int64_t fire_ms = (int64_t)bytes_get_u64(&r);

    return r.bad ? INT64_MAX : fire_ms;
}
