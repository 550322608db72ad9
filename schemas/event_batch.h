/*
 * A batch of events as columns. Lane i is the same event in each of them, from decoding to the
 * stored offset. A bad event keeps its lane and gets a fate.
 *
 * Owner: the worker. The pointers live until the batch's arena is reset.
 */
#ifndef FRESHET_SCHEMAS_EVENT_BATCH_H
#define FRESHET_SCHEMAS_EVENT_BATCH_H

#include "schemas/records.h"

enum { EVENT_BATCH_MAX = 512 }; /* all columns of a batch stay within the L2 cache */

enum input_topic { /* in the order of DESIGN's merge: users first, then by name */
                   INPUT_USERS,
                   INPUT_CLICKSTREAM,
                   INPUT_ENGAGEMENT,
                   INPUT_ORDERS,
                   INPUT_REVIEWS,
                   N_USER_TOPICS,
                   INPUT_CATALOG = N_USER_TOPICS,
                   N_INPUT_TOPICS,
};

/** "clickstream", …: the name in the settings; a topic may be renamed there. */
const char *input_topic_name(enum input_topic topic);

enum event_fate {
    EVENT_LIVE,
    EVENT_DUPLICATE, /* counted, no effect */
    /* refused into dead-letter, with these words */
    EVENT_BAD_WIRE_FORMAT,
    EVENT_UNKNOWN_SCHEMA,
    EVENT_BAD_AVRO,
    EVENT_TRAILING_BYTES,
    EVENT_KEY_MISMATCH,
    EVENT_BAD_ID,
    EVENT_BAD_TIME,
    EVENT_TOO_LATE,
    EVENT_TOO_LARGE,
    EVENT_BAD_VALUE,
    N_EVENT_FATES,
};

/** The fixed word of a fate, e.g. "bad_avro"; as in metrics and dead-letter headers. */
const char *event_fate_name(enum event_fate fate);

/* What an event did, across topics: the index of type columns and strengths. */
enum action {
    ACTION_NONE,
    ACTION_VIEW,
    ACTION_SEARCH,
    ACTION_ADD_TO_CART,
    ACTION_REMOVE_FROM_CART,
    ACTION_CHECKOUT_START,
    ACTION_WISHLIST,
    ACTION_IMPRESSION,
    ACTION_CLICK,
    ACTION_DISLIKE,
    ACTION_ORDER,      /* an order was placed */
    ACTION_CANCEL,     /* cancelled or returned */
    ACTION_ORDER_STEP, /* paid, shipped, delivered */
    ACTION_REVIEW,
    ACTION_ENGAGEMENT,
    ACTION_PROFILE, /* a users record, tombstones included */
    N_ACTIONS,
};

/** "view", "add_to_cart", …: as in metrics and inspect. */
const char *action_name(enum action action);

/** How much an action says about liking (MODELS 2): view 1, cart 3, order 6, else 0. */
float action_strength(enum action action);

struct event_line { /* an item touched by the event: 0..1 of a click, any number of an order */
    struct str item_id;
    uint64_t item; /* hash64(item_id) */
    int32_t quantity;
    int64_t price_e4; /* of one unit; -1 unknown */
};

struct event_batch {
    uint32_t n;
    uint16_t task[EVENT_BATCH_MAX];  /* partition */
    uint8_t topic[EVENT_BATCH_MAX];  /* enum input_topic */
    uint8_t fate[EVENT_BATCH_MAX];   /* enum event_fate */
    uint8_t action[EVENT_BATCH_MAX]; /* enum action */
    int64_t offset[EVENT_BATCH_MAX];
    int64_t kafka_ms[EVENT_BATCH_MAX]; /* the record's Kafka timestamp */
    int64_t time_ms[EVENT_BATCH_MAX];  /* event time */
    int64_t clock_ms[EVENT_BATCH_MAX]; /* the task's clock once this event has been applied */
    struct str user_id[EVENT_BATCH_MAX];
    struct str event_id[EVENT_BATCH_MAX];
    struct str currency[EVENT_BATCH_MAX];
    const struct event_line *lines[EVENT_BATCH_MAX];
    uint16_t n_lines[EVENT_BATCH_MAX];
    const void *record[EVENT_BATCH_MAX]; /* the decoded struct; NULL for a tombstone */
};

#endif
