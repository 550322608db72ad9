/*
 * Open addressing with linear steps, at most half full, so a look-up touches 1.5 entries on
 * average. The hash is XXH3's and needs no further mixing.
 */
#include "models/item_dict.h"

#include <string.h>

enum { FIRST_SIZE = 1024 };

static struct item_dict_entry *entries_alloc(struct view_set *views, uint32_t size)
{
    size_t bytes = (size_t)size * sizeof(struct item_dict_entry);
    struct item_dict_entry *entries = view_set_alloc(views, bytes);

    if (entries)
        memset(entries, 0, bytes);
    return entries;
}

enum status item_dict_init(struct item_dict *dict, struct view_set *views)
{
    *dict = (struct item_dict){.views = views, .mask = FIRST_SIZE - 1};
    dict->entries = entries_alloc(views, FIRST_SIZE);
    return dict->entries ? OK : ERR_NOMEM;
}

void item_dict_deinit(struct item_dict *dict)
{
    if (dict->entries)
        view_set_retire(dict->views, dict->entries);
    dict->entries = NULL;
}

static void insert(struct item_dict_entry *entries, uint32_t mask, uint64_t hash,
                   uint32_t number)
{
    uint32_t at = (uint32_t)hash & mask;

    while (atomic_load_explicit(&entries[at].number_plus_1, memory_order_relaxed) != 0)
        at = (at + 1) & mask;
    entries[at].hash = hash;
    atomic_store_explicit(&entries[at].number_plus_1, number + 1, memory_order_release);
}

static enum status grow(struct item_dict *dict)
{
    uint32_t size = (dict->mask + 1) * 2;
    struct item_dict_entry *entries = entries_alloc(dict->views, size);

    if (!entries)
        return ERR_NOMEM;
    for (uint32_t at = 0; at <= dict->mask; at++) {
        uint32_t number =
            atomic_load_explicit(&dict->entries[at].number_plus_1, memory_order_relaxed);

        if (number)
            insert(entries, size - 1, dict->entries[at].hash, number - 1);
    }
    view_set_retire(dict->views, dict->entries);
    dict->entries = entries;
    dict->mask = size - 1;
    return OK;
}

enum status item_dict_add(struct item_dict *dict, uint64_t hash)
{
    if (dict->n >= dict->mask / 2)
        TRY(grow(dict));
    insert(dict->entries, dict->mask, hash, dict->n);
    dict->n++;
    return OK;
}

struct item_dict_root item_dict_freeze(const struct item_dict *dict)
{
    return (struct item_dict_root){dict->entries, dict->mask, dict->n};
}
