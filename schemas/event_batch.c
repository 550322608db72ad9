/*
 * The words of the event batch: one table per enum, indexed by its value.
 */
#include "schemas/event_batch.h"

#include <assert.h>

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

const char *input_topic_name(enum input_topic topic)
{
    static const char *const names[] = {
        [INPUT_USERS] = "users",     [INPUT_CLICKSTREAM] = "clickstream",
        [INPUT_ORDERS] = "orders",   [INPUT_ENGAGEMENT] = "engagement",
        [INPUT_REVIEWS] = "reviews", [INPUT_CATALOG] = "catalog",
    };

    _Static_assert(COUNT(names) == N_INPUT_TOPICS, "a topic has no name");
    assert((unsigned)topic < COUNT(names));
    return names[topic];
}

const char *event_fate_name(enum event_fate fate)
{
    static const char *const names[] = {
        [EVENT_LIVE] = "live",
        [EVENT_DUPLICATE] = "duplicate",
        [EVENT_BAD_WIRE_FORMAT] = "bad_wire_format",
        [EVENT_UNKNOWN_SCHEMA] = "unknown_schema",
        [EVENT_BAD_AVRO] = "bad_avro",
        [EVENT_TRAILING_BYTES] = "trailing_bytes",
        [EVENT_KEY_MISMATCH] = "key_mismatch",
        [EVENT_BAD_ID] = "bad_id",
        [EVENT_BAD_TIME] = "bad_time",
        [EVENT_TOO_LATE] = "too_late",
        [EVENT_TOO_LARGE] = "too_large",
        [EVENT_BAD_VALUE] = "bad_value",
    };

    _Static_assert(COUNT(names) == N_EVENT_FATES, "a fate has no word");
    assert((unsigned)fate < COUNT(names));
    return names[fate];
}

const char *action_name(enum action action)
{
    static const char *const names[] = {
        [ACTION_NONE] = "none",
        [ACTION_VIEW] = "view",
        [ACTION_SEARCH] = "search",
        [ACTION_ADD_TO_CART] = "add_to_cart",
        [ACTION_REMOVE_FROM_CART] = "remove_from_cart",
        [ACTION_CHECKOUT_START] = "checkout_start",
        [ACTION_WISHLIST] = "wishlist",
        [ACTION_IMPRESSION] = "impression",
        [ACTION_CLICK] = "click",
        [ACTION_DISLIKE] = "dislike",
        [ACTION_ORDER] = "order",
        [ACTION_CANCEL] = "cancel",
        [ACTION_ORDER_STEP] = "order_step",
        [ACTION_REVIEW] = "review",
        [ACTION_ENGAGEMENT] = "engagement",
        [ACTION_PROFILE] = "profile",
    };

    _Static_assert(COUNT(names) == N_ACTIONS, "an action has no name");
    assert((unsigned)action < COUNT(names));
    return names[action];
}

/* MODELS section 2: an order says six times as much as a look. */
float action_strength(enum action action)
{
    switch (action) {
    case ACTION_VIEW:
        return 1;
    case ACTION_ADD_TO_CART:
        return 3;
    case ACTION_ORDER:
        return 6;
    default:
        return 0;
    }
}
