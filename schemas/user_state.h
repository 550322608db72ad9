/*
 * What is known about one person, as plain memory. features/user_state.h turns it into bytes
 * and back; models and producers read it and know nothing of stores.
 *
 * Strings point into memory that lives as long as the struct (the overlay's arena).
 * An item is its hash64(item_id); the item view has the names.
 */
#ifndef FRESHET_SCHEMAS_USER_STATE_H
#define FRESHET_SCHEMAS_USER_STATE_H

#include "schemas/event_batch.h"

enum {
    USER_ITEMS_MAX = 64,     /* distinct items remembered, newest first (fold-in, candidates) */
    SESSION_ITEMS_MAX = 30,  /* of them, at most so many belong to the running session */
    USER_EVENT_IDS_MAX = 32, /* for duplicates: INTERFACES 3 */
    USER_CART_MAX = 32,
    USER_CONSENTS_MAX = 20, /* 5 channels x 4 purposes */
    USER_TIMERS_MAX = 64,   /* open trigger instances; the oldest gives way (CONTENT 3) */
    USER_SENDS_MAX = 32,    /* last sends, for frequency caps (CONTENT 5) */
    USER_COUNTERS_MAX = 16, /* decayed counters, one per declared feature column */
    SESSION_GAP_MS = 30 * 60 * 1000,
};

/* 16 bytes, on a little-endian machine the bytes of features/user_codec.c as they are. */
struct user_item {
    uint64_t item;
    uint64_t n : 8;       /* events with it, saturating */
    uint64_t action : 8;  /* strongest in this session or since it entered: enum action */
    int64_t time_ms : 48; /* of the last event with it; until the year 6429 */
};

struct cart_item {
    uint64_t item;
    struct str item_id;
    int32_t quantity;
    int64_t price_e4; /* as the event said it; -1 unknown */
    int64_t time_ms;
};

struct user_consent {
    uint8_t channel, purpose;
    bool granted;
    int64_t time_ms;
};

struct user_timer {    /* an open instance of a trigger (CONTENT 1, 3) */
    uint64_t campaign; /* hash64 of the campaign's name */
    uint8_t step;
    uint8_t channel_done; /* bit per enum channel already decided in this step */
    int64_t opened_ms;    /* event time of the event that opened it */
    int64_t fire_ms;      /* task clock at which it is due */
    int64_t
        due_ms; /* when the step was due first; later than fire_ms never, a deferral keeps it */
    struct str instance; /* event_id of the event that opened it */
};

struct user_send {
    int64_t time_ms;
    uint8_t channel, purpose;
};

struct user_state {
    struct str user_id;
    uint32_t n_events;
    int64_t first_ms, last_ms; /* event times; 0 before the first event */

    /* items, newest first, each once; the first n_session belong to the running session */
    uint8_t n_items, n_session;
    int64_t session_start_ms;
    struct user_item items[USER_ITEMS_MAX];

    /* decayed counters as of counters_ms; columns are declared in features/feature_columns.h */
    uint8_t n_counters;
    int64_t counters_ms;
    float counters[USER_COUNTERS_MAX];

    uint32_t n_qualifying; /* events that could ask for a list: `recommend.every` */

    uint8_t n_event_ids; /* ring, newest first */
    uint64_t event_ids[USER_EVENT_IDS_MAX];

    uint8_t n_cart;
    int64_t cart_ms; /* last change of the cart */
    struct str cart_currency;
    struct cart_item cart[USER_CART_MAX]; /* in the order of adding */

    /* from `users`; profile_ms 0: never named there */
    int64_t profile_ms;
    struct str locale, time_zone;
    int16_t quiet_from_min, quiet_to_min; /* minutes of the day; -1 not given */
    uint8_t n_consents;
    struct user_consent consents[USER_CONSENTS_MAX];

    uint8_t n_timers;
    struct user_timer timers[USER_TIMERS_MAX];

    uint8_t n_sends; /* newest first */
    struct user_send sends[USER_SENDS_MAX];
};

#endif
