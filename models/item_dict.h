/*
 * hash64 -> number, insert-only. The writer inserts while readers look up: a reader of an
 * older view may meet entries made since, and ignores numbers >= its own count. Growth makes a
 * new table and retires the old one with the views that use it.
 */
#ifndef FRESHET_MODELS_ITEM_DICT_H
#define FRESHET_MODELS_ITEM_DICT_H

#include "models/view_set.h"

enum { ITEM_NONE = UINT32_MAX }; /* "no such item", also beyond any items_max */

struct item_dict_entry {
    uint64_t hash;                  /* valid once number_plus_1 is not 0 */
    _Atomic uint32_t number_plus_1; /* 0: free */
};

struct item_dict {
    struct view_set *views;
    struct item_dict_entry *entries; /* a block of views; readers use the frozen pointer */
    uint32_t mask;
    uint32_t n;
};

struct item_dict_root {
    struct item_dict_entry *entries;
    uint32_t mask;
    uint32_t n; /* numbers >= n are of later views */
};

/** ERR_NOMEM. */
enum status item_dict_init(struct item_dict *dict, struct view_set *views);
void item_dict_deinit(struct item_dict *dict);

/** Gives hash, which is not there yet, the number dict->n. Writer only. ERR_NOMEM. */
enum status item_dict_add(struct item_dict *dict, uint64_t hash);

struct item_dict_root item_dict_freeze(const struct item_dict *dict);

/** The number, or ITEM_NONE. Any thread. */
static inline uint32_t item_dict_find(const struct item_dict_root *root, uint64_t hash)
{
    for (uint32_t at = (uint32_t)hash & root->mask;; at = (at + 1) & root->mask) {
        struct item_dict_entry *entry = &root->entries[at];
        uint32_t number = atomic_load_explicit(&entry->number_plus_1, memory_order_acquire) - 1;

        if (number == ITEM_NONE)
            return ITEM_NONE;
        if (entry->hash == hash)
            return number < root->n ? number : ITEM_NONE;
    }
}

static inline void item_dict_prefetch(const struct item_dict_root *root, uint64_t hash)
{
    __builtin_prefetch(&root->entries[(uint32_t)hash & root->mask]);
}

#endif
