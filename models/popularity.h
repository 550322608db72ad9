/* What popularity knows of an item in a view: for ranking (ties, top-up) and inspection. */
#ifndef FRESHET_MODELS_POPULARITY_H
#define FRESHET_MODELS_POPULARITY_H

#include "models/decay.h"
#include "models/item_private.h"

enum { POPULAR_TOP = 256 }; /* RANKING_K_MAX and room for as many that may not be shown */

struct popularity_item {
    double weight;   /* strengths, forward-decayed: compares within one view */
    int64_t last_ms; /* last event with the item; 0 none */
};

struct popularity_counts {
    uint32_t n[N_ACTIONS]; /* events ever, by action */
};

struct popularity_part {
    struct cow_root items;  /* struct popularity_item */
    struct cow_root counts; /* struct popularity_counts */
    double unit;            /* what one event of strength 1 weighs at the newest hour folded */
    struct decay decay;
    int64_t newest_ms; /* the newest hour folded */
    uint32_t n_top;
    uint32_t top[POPULAR_TOP]; /* item numbers, most popular first, by the tie rule */
};

static inline const struct popularity_part *popularity_part_of(const struct item_view *view)
{
    return view->parts[MODEL_popularity];
}

static inline const struct popularity_item *popularity_of(const struct item_view *view,
                                                          uint32_t number)
{
    return cow_root_get(&popularity_part_of(view)->items, number);
}

static inline const struct popularity_counts *popularity_counts_of(const struct item_view *view,
                                                                   uint32_t number)
{
    return cow_root_get(&popularity_part_of(view)->counts, number);
}

#endif
