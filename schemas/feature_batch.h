/*
 * What features know about the lanes of an event batch, for the models: each lane's person as
 * the event left them. A snapshot, because the same person may stand in several lanes.
 */
#ifndef FRESHET_SCHEMAS_FEATURE_BATCH_H
#define FRESHET_SCHEMAS_FEATURE_BATCH_H

#include "schemas/user_state.h"

enum { LANE_ITEMS_MAX = SESSION_ITEMS_MAX };

struct lane_items {
    uint8_t n_before; /* the first n_before of `before`: session items before this event */
    uint8_t n;        /* items of the running session after it (its own item first) */
    struct user_item before_items[8];       /* newest first; co-visitation needs 5 */
    struct user_item items[LANE_ITEMS_MAX]; /* newest first */
};

struct feature_batch {
    uint32_t n;                                /* as the event batch */
    uint8_t asks[EVENT_BATCH_MAX];             /* 1: this lane asks for a list */
    struct lane_items *items[EVENT_BATCH_MAX]; /* NULL: lane not live or no item involved */
};

#endif
