/*
 * The fold and its views from within: for the files of this folder.
 */
#ifndef FRESHET_MODELS_ITEM_PRIVATE_H
#define FRESHET_MODELS_ITEM_PRIVATE_H

#include "core/base/arena.h"
#include "models/cow_table.h"
#include "models/item_dict.h"
#include "models/model.h"

enum {
    RECORD_VERSION = 1,
    HOUR_MS = 3600 * 1000,
    HOUR_MAX = INT32_MAX, /* beyond it a record is unreadable: the year 247,000 */
};

struct item_entry {
    uint64_t hash;
    const char *id; /* NULL: met only in somebody else's record so far */
    uint32_t id_len;
};

struct item_view {
    uint32_t slot; /* of the view set */
    uint32_t n_items;
    int64_t items_offset;
    struct item_dict_root numbers; /* hash64(id) -> item number */
    struct cow_root entries;       /* struct item_entry by item number */
    struct cow_root hidden;        /* bit per item number: not to be listed */
    struct cow_root stamps;        /* int64_t by item number: see item_fold_touch */
    const void *parts[N_MODELS];   /* what each model froze */
    struct item_dict_root places;  /* hash64(id) -> place in the catalogue */
    struct cow_root facts;         /* struct item_facts * by place */
    uint32_t n_partitions;
    int64_t catalog_offsets[];
};

struct item_fold {
    struct item_model_config config;
    struct view_set views;
    const struct item_view *newest; /* the view last published */
    bool changed;                   /* something differs from newest */

    int64_t items_offset;
    struct item_dict numbers;
    struct cow_table entries, hidden, stamps;
    struct arena ids; /* bytes of the item ids, kept for life */
    struct model *models[N_MODELS];
    uint64_t n_unreadable, n_left_out; /* records refused; items beyond items_max */

    struct item_dict places;
    struct cow_table facts;
    int64_t *catalog_offsets;
};

/**
 * The number of an item, given now if it has none. *out is ITEM_NONE when the table is at
 * items_max. Fold thread only. ERR_NOMEM.
 */
enum status item_fold_number(struct item_fold *fold, uint64_t item, uint32_t *out);

/**
 * Notes that the record being folded changes something of the item's row: whoever saves rows
 * one by one finds by the stamps which to save. Fold thread only. ERR_NOMEM.
 */
enum status item_fold_touch(struct item_fold *fold, uint32_t number);
/** And of all rows there are. */
enum status item_fold_touch_all(struct item_fold *fold);

/** Recomputes whether an item may be listed. Fold thread only. ERR_NOMEM. */
enum status item_fold_set_hidden(struct item_fold *fold, uint32_t number);

/** Facts as the writer sees them; NULL: the catalogue has never named the item. */
const struct item_facts *item_fold_facts(const struct item_fold *fold, uint64_t item);

/** Replaces the facts of an item key (deep copies). Fold thread only. ERR_NOMEM. */
enum status item_fold_put_facts(struct item_fold *fold, uint64_t item,
                                const struct item_facts *facts);

/** Retires all catalogue entries; for close. */
void item_fold_drop_facts(struct item_fold *fold);

/** True: not to be listed (unnamed, delisted, sold out or not available). */
static inline bool item_view_is_hidden(const struct item_view *view, uint32_t number)
{
    const uint64_t *word = cow_root_get(&view->hidden, number >> 6);

    return *word >> (number & 63) & 1;
}

static inline const struct item_entry *item_view_entry(const struct item_view *view,
                                                       uint32_t number)
{
    return cow_root_get(&view->entries, number);
}

#endif
