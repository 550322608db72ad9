/*
 * The catalogue's side of the fold: facts by item, deep copies, replaced and never changed.
 *
 * It has numbers of its own ("places"), because item numbers are given in the order of
 * <app>-items and must not depend on when the catalogue was read. Whether an item may be
 * listed is computed anew whenever either side changes, so it depends on the two positions
 * only.
 *
 * A copy is one block: the facts, then arrays and strings behind them.
 */
#include "core/base/hash.h"
#include "models/item_private.h"

#include <stdalign.h>
#include <string.h>

/* ---- one block out of many pieces: first their sizes, then the pieces ---- */

struct pack {
    char *at; /* NULL while sizes are counted */
    size_t size_bytes;
};

static void *pack_bytes(struct pack *pack, const void *from, size_t bytes, size_t align)
{
    size_t offset = (pack->size_bytes + align - 1) & ~(align - 1);

    pack->size_bytes = offset + bytes;
    if (!pack->at)
        return NULL;
    if (bytes)
        memcpy(pack->at + offset, from, bytes);
    return pack->at + offset;
}

static void pack_str(struct pack *pack, struct str *text)
{
    const char *copy;

    if (!text->ptr)
        return;
    copy = pack_bytes(pack, text->ptr, text->len, 1);
    if (copy)
        text->ptr = copy;
}

static void pack_array(struct pack *pack, struct str_array *array)
{
    struct str *copy =
        pack_bytes(pack, array->at, array->n * sizeof(*array->at), alignof(struct str));

    for (uint32_t i = 0; i < array->n; i++) {
        struct str text = array->at[i];

        pack_str(pack, &text);
        if (copy)
            copy[i] = text;
    }
    if (copy)
        array->at = copy;
}

static void pack_map(struct pack *pack, struct str_map *map)
{
    struct map_entry *copy =
        pack_bytes(pack, map->at, map->n * sizeof(*map->at), alignof(struct map_entry));

    for (uint32_t i = 0; i < map->n; i++) {
        struct map_entry entry = map->at[i];

        pack_str(pack, &entry.key);
        pack_str(pack, &entry.value);
        if (copy)
            copy[i] = entry;
    }
    if (copy)
        map->at = copy;
}

static void pack_item(struct pack *pack, struct catalog_item *item)
{
    pack_str(pack, &item->item_id);
    pack_str(pack, &item->title);
    pack_str(pack, &item->description);
    pack_str(pack, &item->brand);
    pack_array(pack, &item->category);
    pack_str(pack, &item->currency);
    pack_map(pack, &item->attributes);
    pack_array(pack, &item->media);
    pack_str(pack, &item->url);
    pack_str(pack, &item->locale);
}

static struct item_facts *facts_copy(struct view_set *views, const struct item_facts *facts)
{
    struct item_facts shallow = *facts;
    struct pack pack = {NULL, sizeof(shallow)};
    struct item_facts *copy;

    pack_item(&pack, &shallow.item);
    copy = view_set_alloc(views, pack.size_bytes);
    if (!copy)
        return NULL;
    *copy = *facts;
    pack = (struct pack){(char *)copy, sizeof(*copy)};
    pack_item(&pack, &copy->item);
    return copy;
}

/* ---- the fold ---- */

static struct item_facts **facts_at(const struct item_fold *fold, uint32_t place)
{
    return (struct item_facts **)(uintptr_t)cow_table_get(&fold->facts, place);
}

const struct item_facts *item_fold_facts(const struct item_fold *fold, uint64_t item)
{
    struct item_dict_root places = item_dict_freeze(&fold->places);
    uint32_t place = item_dict_find(&places, item);

    return place == ITEM_NONE ? NULL : *facts_at(fold, place);
}

static enum status put_facts(struct item_fold *fold, uint64_t item, struct item_facts *facts)
{
    struct item_dict_root places = item_dict_freeze(&fold->places);
    uint32_t place = item_dict_find(&places, item);
    struct item_facts **at;

    if (place == ITEM_NONE) {
        TRY(cow_table_extend(&fold->facts, places.n + 1));
        TRY(item_dict_add(&fold->places, item));
        place = places.n;
    }
    at = cow_table_write(&fold->facts, place);
    if (!at)
        return ERR_NOMEM;
    view_set_retire(&fold->views, *at);
    *at = facts;
    return OK;
}

enum status item_fold_put_facts(struct item_fold *fold, uint64_t item,
                                const struct item_facts *facts)
{
    struct item_facts *copy = facts_copy(&fold->views, facts);

    if (!copy)
        return ERR_NOMEM;
    if (put_facts(fold, item, copy) != OK) {
        view_set_retire(&fold->views, copy);
        return ERR_NOMEM;
    }
    return OK;
}

static bool is_available(const struct catalog_item *item)
{
    return item->available && !(item->stock.has && item->stock.value <= 0);
}

enum status item_fold_catalog(struct item_fold *fold, struct str key,
                              const struct catalog_item *item, int32_t partition,
                              int64_t next_offset)
{
    struct item_facts facts = {
        .known = true,
        .delisted = !item,
        .available = item && is_available(item),
        .version = next_offset - 1,
        .partition = partition,
    };
    struct item_dict_root numbers = item_dict_freeze(&fold->numbers);
    uint64_t hash = hash64(key);
    uint32_t number = item_dict_find(&numbers, hash);

    item_fold_advance_catalog(fold, partition, next_offset);
    if (item)
        facts.item = *item;
    TRY(item_fold_put_facts(fold, hash, &facts));
    return number == ITEM_NONE ? OK : item_fold_set_hidden(fold, number);
}

void item_fold_advance_catalog(struct item_fold *fold, int32_t partition, int64_t next_offset)
{
    ensure(partition >= 0 && (uint32_t)partition < fold->config.catalog_partitions);
    ensure(next_offset >= fold->catalog_offsets[partition]);
    fold->catalog_offsets[partition] = next_offset;
    fold->changed = true;
}

void item_fold_drop_facts(struct item_fold *fold)
{
    for (uint32_t place = 0; place < fold->places.n; place++)
        view_set_retire(&fold->views, *facts_at(fold, place));
}
