/*
 * A batch of requests for lists and the lists made for them.
 */
#ifndef FRESHET_SCHEMAS_RANKING_H
#define FRESHET_SCHEMAS_RANKING_H

#include "schemas/user_state.h"

enum { RANKING_K_MAX = 100 };

struct rank_request {
    uint32_t n_items; /* the running session, newest first, n_items <= SESSION_ITEMS_MAX */
    const struct user_item *items; /* may be empty: popular items then */
    int64_t now_ms;                /* task clock: ages and half-lives count from here */
    uint64_t page_item;            /* item of the page looked at; 0: none */
};

struct ranked_item {
    uint32_t item; /* item number of the view; item_view_id() gives the id */
    float score;
    uint8_t reason; /* enum reason */
};

struct ranking {
    uint32_t n; /* <= k asked for; best first, no item twice, none that may not be shown */
    struct ranked_item at[RANKING_K_MAX];
};

#endif
