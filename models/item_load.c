/*
 * Bytes into a fold. The fold is an empty one whose tables get their size first, so that rows
 * may come in any order; what is derived (dictionary, who is hidden) comes last, when
 * everything it is derived from is there.
 *
 * Every number that will be an index is checked where it is read: bytes that passed their
 * checksum may still be of a program that was wrong.
 */
#include "core/base/arena.h"
#include "models/item_private.h"
#include "models/item_save.h"

#include <stdlib.h>

enum { FACTS_ARENA_BYTES = 64 << 20 };

struct item_load {
    struct item_fold *fold;
    struct arena arena; /* of the facts being read */
    uint32_t n_items, n_loaded;
    int64_t newest_stamp;
    bool has_rest;
};

enum status item_load_open(const struct item_model_config *config, uint32_t n_items,
                           struct item_load **out, struct error *err)
{
    struct item_load *load;
    enum status status;

    if (n_items > config->items_max)
        return error_set(err, ERR_FULL,
                         "it holds %u items, and state.memory leaves room for %u", n_items,
                         config->items_max);
    load = calloc(1, sizeof(*load));
    if (!load)
        return error_set(err, ERR_NOMEM, "items: out of memory");
    arena_init(&load->arena, FACTS_ARENA_BYTES);
    load->n_items = n_items;
    status = item_fold_open(config, &load->fold, err);
    if (status == OK) {
        *out = load;
        return OK;
    }
    item_load_close(load);
    return status;
}

void item_load_close(struct item_load *load)
{
    if (!load)
        return;
    item_fold_close(load->fold);
    arena_deinit(&load->arena);
    free(load);
}

/* ---- rest and rows ---- */

enum status item_load_rest(struct item_load *load, struct str bytes)
{
    struct byte_reader in = byte_reader_of(bytes.ptr, bytes.len);
    struct item_fold *fold = load->fold;

    if (load->has_rest)
        return ERR_INVALID;
    TRY(cow_table_extend(&fold->entries, load->n_items));
    TRY(cow_table_extend(&fold->stamps, load->n_items));
    TRY(cow_table_extend(&fold->hidden, (load->n_items + 63) >> 6));
    for (int m = 0; m < N_MODELS; m++)
        TRY(model_table[m]->load_rest(fold->models[m], load->n_items, &in));
    load->has_rest = true;
    return in.bad || in.at != in.end ? ERR_INVALID : OK;
}

/* A row given again may have got its name since; a name never changes. */
static enum status load_name(struct item_fold *fold, uint32_t number, uint64_t hash,
                             struct str id)
{
    struct item_entry *entry = cow_table_write(&fold->entries, number);
    struct str copy;

    if (!entry)
        return ERR_NOMEM;
    if (entry->id && !str_equal((struct str){entry->id, entry->id_len}, id))
        return ERR_INVALID;
    entry->hash = hash;
    if (!id.ptr || entry->id)
        return OK;
    copy = arena_copy(&fold->ids, id);
    if (!copy.ptr)
        return ERR_NOMEM;
    entry->id = copy.ptr;
    entry->id_len = copy.len;
    return OK;
}

enum status item_load_row(struct item_load *load, uint32_t number, struct str bytes)
{
    struct byte_reader in = byte_reader_of(bytes.ptr, bytes.len);
    struct item_fold *fold = load->fold;
    uint64_t hash = bytes_get_u64(&in);
    struct str id = bytes_get_str(&in);
    uint64_t stamp = bytes_get_varint(&in);
    int64_t *at;

    if (!load->has_rest || number >= load->n_items || in.bad || stamp == 0 ||
        stamp > INT64_MAX || (id.ptr && (id.len == 0 || id.len > ID_MAX_BYTES)))
        return ERR_INVALID;
    at = cow_table_write(&fold->stamps, number);
    if (!at)
        return ERR_NOMEM;
    load->n_loaded += *at == 0;
    if ((int64_t)stamp > load->newest_stamp)
        load->newest_stamp = (int64_t)stamp;
    *at = (int64_t)stamp;
    TRY(load_name(fold, number, hash, id));
    for (int m = 0; m < N_MODELS; m++)
        TRY(model_table[m]->load_row(fold->models[m], number, &in));
    return in.bad || in.at != in.end ? ERR_INVALID : OK;
}

/* ---- facts ---- */

/* How many elements of at least a byte each may follow. */
static uint32_t get_count(struct byte_reader *in)
{
    uint64_t n = bytes_get_varint(in);

    if (n > (uint64_t)(in->end - in->at)) {
        in->bad = true;
        return 0;
    }
    return (uint32_t)n;
}

static void get_strings(struct byte_reader *in, struct arena *arena, struct str_array *out)
{
    out->n = get_count(in);
    out->at = arena_alloc(arena, ((size_t)out->n + 1) * sizeof(*out->at));
    if (!out->at) {
        in->bad = true;
        out->n = 0;
    }
    for (uint32_t i = 0; i < out->n; i++)
        out->at[i] = bytes_get_str(in);
}

static void get_map(struct byte_reader *in, struct arena *arena, struct str_map *out)
{
    out->n = get_count(in);
    out->at = arena_alloc(arena, ((size_t)out->n + 1) * sizeof(*out->at));
    if (!out->at) {
        in->bad = true;
        out->n = 0;
    }
    for (uint32_t i = 0; i < out->n; i++) {
        out->at[i].key = bytes_get_str(in);
        out->at[i].value = bytes_get_str(in);
    }
}

static void get_item(struct byte_reader *in, struct arena *arena, struct catalog_item *item)
{
    item->item_id = bytes_get_str(in);
    item->title = bytes_get_str(in);
    item->description = bytes_get_str(in);
    item->brand = bytes_get_str(in);
    get_strings(in, arena, &item->category);
    item->price_e4 = bytes_get_zigzag(in);
    item->currency = bytes_get_str(in);
    item->stock.has = bytes_get_u8(in) == 1;
    item->stock.value = bytes_get_zigzag(in);
    item->available = bytes_get_u8(in) == 1;
    get_map(in, arena, &item->attributes);
    get_strings(in, arena, &item->media);
    item->url = bytes_get_str(in);
    item->locale = bytes_get_str(in);
    item->updated_time = bytes_get_zigzag(in);
}

enum status item_load_facts(struct item_load *load, struct str bytes)
{
    struct byte_reader in = byte_reader_of(bytes.ptr, bytes.len);
    struct item_facts facts = {.known = true};
    uint64_t hash = bytes_get_u64(&in);
    uint64_t partition = bytes_get_varint(&in);
    uint8_t flags;

    arena_reset(&load->arena);
    facts.version = bytes_get_zigzag(&in);
    flags = bytes_get_u8(&in);
    facts.delisted = flags & 1;
    facts.available = flags >> 1 & 1;
    facts.partition = (int32_t)partition;
    if (!facts.delisted)
        get_item(&in, &load->arena, &facts.item);
    if (in.bad || in.at != in.end || flags > 3 ||
        partition >= load->fold->config.catalog_partitions)
        return ERR_INVALID;
    return item_fold_put_facts(load->fold, hash, &facts);
}

/* ---- the end ---- */

static enum status derive(struct item_load *load)
{
    struct item_fold *fold = load->fold;

    for (uint32_t number = 0; number < load->n_items; number++) {
        const struct item_entry *entry = cow_table_get(&fold->entries, number);
        struct item_dict_root numbers = item_dict_freeze(&fold->numbers);

        if (item_dict_find(&numbers, entry->hash) != ITEM_NONE)
            return ERR_INVALID;
        TRY(item_dict_add(&fold->numbers, entry->hash));
        TRY(item_fold_set_hidden(fold, number));
    }
    return OK;
}

enum status item_load_finish(struct item_load *load, int64_t items_offset,
                             const int64_t *catalog_offsets, struct item_fold **out,
                             struct error *err)
{
    struct item_fold *fold = load->fold;
    enum status status;

    if (!load->has_rest || load->n_loaded != load->n_items)
        return error_set(err, ERR_INVALID, "%u of %u rows are there", load->n_loaded,
                         load->n_items);
    if (load->newest_stamp > items_offset)
        return error_set(err, ERR_INVALID, "a row is of offset %lld, the whole of %lld",
                         (long long)load->newest_stamp, (long long)items_offset);
    status = derive(load);
    if (status == ERR_INVALID)
        return error_set(err, status, "two rows name one item");
    item_fold_advance_items(fold, items_offset);
    for (uint32_t p = 0; catalog_offsets && p < fold->config.catalog_partitions; p++)
        item_fold_advance_catalog(fold, (int32_t)p, catalog_offsets[p]);
    if (status == OK)
        status = item_fold_publish(fold);
    if (status != OK)
        return error_set(err, status, "items: out of memory");
    *out = fold;
    load->fold = NULL;
    return OK;
}
