/* A row of co-visitation in a view: for ranking and inspection. */
#ifndef FRESHET_MODELS_COVISITATION_H
#define FRESHET_MODELS_COVISITATION_H

#include "models/decay.h"
#include "models/item_private.h"

enum {
    COVISIT_ROW = 64,   /* entries; measured: 32 .6719, 64 .6761, unbounded .6765 HR (MODELS) */
    COVISIT_BEFORE = 5, /* predecessors of an event that make a pair: D */
    COVISIT_SESSION = 5, /* newest items of the session that are asked: L */
};

enum covisit_class { COVISIT_VIEW, COVISIT_CART, COVISIT_ORDER, N_COVISIT_CLASSES };

/* 512 bytes: what followed an item. Entries are packed to the front. */
struct covisit_row {
    uint32_t item_plus_1[COVISIT_ROW]; /* 0: free */
    float weight[COVISIT_ROW];         /* forward-decayed */
};

struct covisit_part {
    struct decay decay;
    struct cow_root rows; /* struct covisit_row by item number */
};

static inline const struct covisit_row *covisit_row_of(const struct item_view *view,
                                                       uint32_t number)
{
    const struct covisit_part *part = view->parts[MODEL_covisitation];

    return cow_root_get(&part->rows, number);
}

/** Adds weight to an entry of the row; in a full row the smallest entry makes room. */
void covisit_row_add(struct covisit_row *row, uint32_t item, float weight);
void covisit_row_add_ref(struct covisit_row *row, uint32_t item, float weight);

#endif
