/*
 * Ranking from within: what models read and write while a list is made.
 */
#ifndef FRESHET_MODELS_RANK_PRIVATE_H
#define FRESHET_MODELS_RANK_PRIVATE_H

#include "models/item_private.h"

enum source {                      /* of ratings; models fill them, rank.c weighs them */
              SOURCE_COVISITATION, /* Σ δ^q row(a_q) */
              SOURCE_RULES,        /* the row of the newest item alone */
              SOURCE_POPULARITY,
              N_PROPOSED, /* those before are rated for all candidates, the others for the short
                             list */
              SOURCE_FACTORS = N_PROPOSED,
              N_SOURCES,
};

enum {
    CANDIDATES_MAX = 768, /* 5 rows of 64, the session, and popular items to fill the list */
    CANDIDATE_SLOTS = 2048,
    SHORT_MAX = 128, /* >= RANKING_K_MAX; the best of the proposals, rated by every source */
    REQUEST_ITEMS_MAX = SESSION_ITEMS_MAX + 1, /* the page's item in front */
};
_Static_assert((CANDIDATE_SLOTS & (CANDIDATE_SLOTS - 1)) == 0, "slots are masked");
_Static_assert((int)SHORT_MAX >= (int)RANKING_K_MAX, "a list fits into the short list");

struct candidate_slot {
    uint32_t item;
    uint16_t stamp, at;
};

struct source_weight {
    float linear, root; /* of a rating divided by the best one, and of its square root */
};

struct blend_weights {
    struct source_weight source[N_SOURCES];
    float current, earlier; /* the newest item; another item of the session */
    float age;              /* times 1 / place in the session */
};

extern const struct blend_weights blend_defaults;

struct rank_scratch {
    struct blend_weights weights; /* blend_defaults; the quality program tries others */

    /* the request: items of the session, newest first, by number; ITEM_NONE: not in the view */
    uint32_t n_session;
    uint32_t session[REQUEST_ITEMS_MAX];
    const struct user_item *session_items[REQUEST_ITEMS_MAX]; /* NULL for the page's item */
    uint32_t k;                                               /* length asked for */

    /* candidates: items that may be shown, each once */
    uint32_t n, n_met; /* n_met counts hidden ones too, and bounds the table below */
    uint32_t item[CANDIDATES_MAX];
    float rating[N_PROPOSED][CANDIDATES_MAX];
    float sum[CANDIDATES_MAX];     /* the blend so far */
    uint8_t place[CANDIDATES_MAX]; /* in the session, from 1; 0: not in it */

    /* the short list: candidates by index */
    uint32_t n_short;
    uint16_t short_at[SHORT_MAX + 1]; /* one is written beyond the last */
    float short_rating[N_SOURCES][SHORT_MAX];
    float short_sum[SHORT_MAX];
    int64_t short_last_ms[SHORT_MAX];

    /* item number -> candidate, live if stamp is the request's: no clearing per request */
    uint16_t stamp;
    struct candidate_slot slots[CANDIDATE_SLOTS];
};

/** The candidate of an item, made if need be; CANDIDATES_MAX: hidden, or no room. */
static inline uint32_t rank_candidate(const struct item_view *view,
                                      struct rank_scratch *scratch, uint32_t number)
{
    uint32_t at = (number * 2654435769u) >> 21; /* top 11 bits of Knuth's product */

    for (;; at = (at + 1) & (CANDIDATE_SLOTS - 1)) {
        struct candidate_slot *slot = &scratch->slots[at];

        if (slot->stamp != scratch->stamp) {
            uint32_t c = scratch->n;

            if (scratch->n_met == CANDIDATES_MAX)
                return CANDIDATES_MAX;
            scratch->n_met++;
            slot->item = number;
            slot->stamp = scratch->stamp;
            if (item_view_is_hidden(view, number)) {
                slot->at = CANDIDATES_MAX;
                return CANDIDATES_MAX;
            }
            slot->at = (uint16_t)c;
            scratch->n++;
            scratch->item[c] = number;
            scratch->place[c] = 0;
            for (int s = 0; s < N_PROPOSED; s++)
                scratch->rating[s][c] = 0;
            return c;
        }
        if (slot->item == number)
            return slot->at;
    }
}

#endif
