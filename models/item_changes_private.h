/*
 * The sums of an open transaction from within: for the models' collect and emit.
 */
#ifndef FRESHET_MODELS_ITEM_CHANGES_PRIVATE_H
#define FRESHET_MODELS_ITEM_CHANGES_PRIVATE_H

#include "models/factors.h"

enum {
    /* A worker ends its transaction at ITEM_CHANGES_MAX; what one more batch brings fits too.
     */
    CHANGE_ROWS_MAX = ITEM_CHANGES_MAX + 8 * EVENT_BATCH_MAX,
    CHANGE_CELLS_MAX = 8 * CHANGE_ROWS_MAX, /* at most 5 pairs and a count for most lessons */
    CELLS_PER_RECORD = 16384, /* 11 bytes each: a record stays far below Kafka's 1 MB */
    BLOCK_BYTES_MAX = CELLS_PER_RECORD * 24 + 64,
    NEGATIVES_POOL = 128,
    CELL_COUNT = 0x80, /* kind = CELL_COUNT | action, or a pair's class */
};

/* An integer sum: events by action and hour, or pairs by left item, class and hour. */
struct change_cell {
    uint64_t left; /* 0 for counts */
    uint32_t row, hour;
    uint32_t sum;
    uint32_t next; /* cell + 1 of the same row; 0: last */
    uint8_t kind;
};

struct change_row {
    uint64_t item;
    struct str id; /* copied */
    int64_t last_ms;
    uint32_t number;     /* in the view of its first lesson, or ITEM_NONE */
    uint32_t first_cell; /* + 1 */
    uint32_t n_steps;    /* steps of the factor model */
};

struct change_slot { /* live if stamp is that of its index */
    uint32_t stamp, at;
};

/* A hash table of places in rows or cells, emptied by an addition and grown in place. */
struct change_index {
    struct change_slot *slots; /* as many as it may ever need */
    uint32_t mask, mask_max, stamp;
};

struct item_changes {
    struct item_model_config config;
    uint32_t n_rows, n_cells, n_left_out;
    struct change_row *rows;
    struct change_cell *cells;
    struct change_index row_index, cell_index;
    struct arena ids;
    uint32_t *order; /* rows by id, for emit */
    struct change_cell
        *sorted; /* cells of the row being emitted, by kind, hour and left item */
    uint32_t n_sorted, sorted_at; /* those before sorted_at are in earlier records of the row */
    uint8_t *block, *record;

    /* factors: steps summed in the coordinates of basis (model_factors.c) */
    float (*steps)[FACTORS];
    struct factor_basis *basis;            /* serial 0: none yet */
    uint32_t pool[NEGATIVES_POOL], n_pool; /* rows; n_pool goes on counting */
    uint64_t random;
};

/** Adds to a sum of the row. */
void item_changes_add(struct item_changes *changes, uint32_t row, uint8_t kind, uint32_t hour,
                      uint64_t left, uint32_t amount);

/** The row of an item, made if need be; ITEM_NONE: no room (counted). */
uint32_t item_changes_row(struct item_changes *changes, const struct item_view *view,
                          uint64_t item, struct str id);

/** Hour of an event time, for sums. */
static inline uint32_t hour_of(int64_t time_ms)
{
    return time_ms <= 0 ? 0 : (uint32_t)(time_ms / HOUR_MS);
}

#endif
