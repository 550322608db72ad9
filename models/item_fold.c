/*
 * The fold over <app>-items: numbers for items, and one block after the other to the models.
 *
 * Record: key = the item's id; value = version u8, then blocks, each: tag u8, length varint,
 * bytes. Tags ascend. A block with an unknown tag is of a newer program and is passed over.
 * A record is read through once before anything of it is applied, so an unreadable one leaves
 * no trace but a count, in every process alike.
 *
 * An item has its number from the first record that speaks of it, as its row or as somebody's
 * neighbour. Until its own record brings the id it is hidden: it can be counted, not listed.
 *
 * Running out of memory may leave a record half applied. Then this fold is no longer what the
 * others have: views published before stay right, but nothing more may be folded into it.
 */
#include "core/base/hash.h"
#include "models/item_private.h"

#include <stdlib.h>

#define MODEL_TABLE(name) [MODEL_##name] = &model_##name##_ops,
const struct model_ops *const model_table[N_MODELS] = {MODEL_LIST(MODEL_TABLE)};
#undef MODEL_TABLE

void openblas_set_num_threads(int n); /* a serial build ignores it */

struct item_model_config item_model_defaults(void)
{
    return (struct item_model_config){
        .items_max =
            1000000, /* 1.3 GB at most: 512 row, 2 x 256 vectors, 150 the rest, twice in part */
        .catalog_partitions = 1,
        .covisit_half_life_ms = (int64_t)14 * 24 * HOUR_MS,
        .popularity_half_life_ms = (int64_t)7 * 24 * HOUR_MS,
        .seed = 1,
    };
}

/* ---- open and close ---- */

static enum status open_tables(struct item_fold *fold, struct error *err)
{
    const struct item_model_config *config = &fold->config;

    view_set_init(&fold->views);
    arena_init(&fold->ids, (size_t)config->items_max * ID_MAX_BYTES + (1 << 20));
    cow_table_init(&fold->entries, &fold->views, sizeof(struct item_entry));
    cow_table_init(&fold->hidden, &fold->views, sizeof(uint64_t));
    cow_table_init(&fold->stamps, &fold->views, sizeof(int64_t));
    cow_table_init(&fold->facts, &fold->views, sizeof(struct item_facts *));
    fold->catalog_offsets =
        calloc(config->catalog_partitions ? config->catalog_partitions : 1, sizeof(int64_t));
    if (!fold->catalog_offsets || item_dict_init(&fold->numbers, &fold->views) != OK ||
        item_dict_init(&fold->places, &fold->views) != OK)
        return error_set(err, ERR_NOMEM, "item fold: out of memory");
    for (int m = 0; m < N_MODELS; m++)
        TRY(model_table[m]->open(config, &fold->views, &fold->models[m], err));
    fold->changed = true;
    if (item_fold_publish(fold) != OK)
        return error_set(err, ERR_NOMEM, "item fold: out of memory");
    return OK;
}

enum status item_fold_open(const struct item_model_config *config, struct item_fold **out,
                           struct error *err)
{
    struct item_fold *fold;
    enum status status;

    if (config->items_max == 0 || config->items_max >= ITEM_NONE)
        return error_set(err, ERR_INVALID, "item fold: items_max must be 1 to %u",
                         ITEM_NONE - 1);
    openblas_set_num_threads(1);
    fold = calloc(1, sizeof(*fold));
    if (!fold)
        return error_set(err, ERR_NOMEM, "item fold: out of memory");
    fold->config = *config;
    status = open_tables(fold, err);
    if (status == OK) {
        *out = fold;
        fold = NULL;
    }
    item_fold_close(fold);
    return status;
}

void item_fold_close(struct item_fold *fold)
{
    if (!fold)
        return;
    for (int m = 0; m < N_MODELS; m++)
        model_table[m]->close(fold->models[m]);
    item_fold_drop_facts(fold);
    cow_table_deinit(&fold->entries);
    cow_table_deinit(&fold->hidden);
    cow_table_deinit(&fold->stamps);
    cow_table_deinit(&fold->facts);
    item_dict_deinit(&fold->numbers);
    item_dict_deinit(&fold->places);
    view_set_retire(&fold->views, (void *)(uintptr_t)fold->newest);
    view_set_deinit(&fold->views);
    arena_deinit(&fold->ids);
    free(fold->catalog_offsets);
    free(fold);
}

/* ---- numbers and names ---- */

static enum status new_number(struct item_fold *fold, uint64_t item, uint32_t number)
{
    struct item_entry *entry;

    TRY(cow_table_extend(&fold->entries, number + 1));
    TRY(cow_table_extend(&fold->hidden, (number >> 6) + 1));
    TRY(cow_table_extend(&fold->stamps, number + 1));
    TRY(item_fold_touch(fold, number));
    entry = cow_table_write(&fold->entries, number);
    if (!entry)
        return ERR_NOMEM;
    entry->hash = item;
    TRY(item_fold_set_hidden(fold, number));
    for (int m = 0; m < N_MODELS; m++)
        TRY(model_table[m]->grow(fold->models[m], number, item));
    return item_dict_add(&fold->numbers, item);
}

enum status item_fold_number(struct item_fold *fold, uint64_t item, uint32_t *out)
{
    struct item_dict_root numbers = item_dict_freeze(&fold->numbers);

    *out = item_dict_find(&numbers, item);
    if (*out != ITEM_NONE)
        return OK;
    if (numbers.n == fold->config.items_max) {
        fold->n_left_out++;
        return OK;
    }
    TRY(new_number(fold, item, numbers.n));
    *out = numbers.n;
    return OK;
}

enum status item_fold_touch(struct item_fold *fold, uint32_t number)
{
    int64_t *stamp;

    if (*(const int64_t *)cow_table_get(&fold->stamps, number) == fold->items_offset)
        return OK;
    stamp = cow_table_write(&fold->stamps, number);
    if (!stamp)
        return ERR_NOMEM;
    *stamp = fold->items_offset;
    return OK;
}

enum status item_fold_touch_all(struct item_fold *fold)
{
    for (uint32_t number = 0; number < fold->numbers.n; number++)
        TRY(item_fold_touch(fold, number));
    return OK;
}

enum status item_fold_set_hidden(struct item_fold *fold, uint32_t number)
{
    const struct item_entry *entry = cow_table_get(&fold->entries, number);
    const struct item_facts *facts = item_fold_facts(fold, entry->hash);
    const uint64_t *now = cow_table_get(&fold->hidden, number >> 6);
    uint64_t bit = (uint64_t)1 << (number & 63);
    bool hidden = !entry->id || (facts && !facts->available);
    uint64_t *word;

    if (hidden == !!(*now & bit))
        return OK;
    word = cow_table_write(&fold->hidden, number >> 6);
    if (!word)
        return ERR_NOMEM;
    *word ^= bit;
    return OK;
}

static enum status set_name(struct item_fold *fold, uint32_t number, struct str id)
{
    const struct item_entry *old = cow_table_get(&fold->entries, number);
    struct item_entry *entry;
    struct str copy;

    if (old->id)
        return OK;
    copy = arena_copy(&fold->ids, id);
    entry = cow_table_write(&fold->entries, number);
    if (!entry || !copy.ptr)
        return ERR_NOMEM;
    entry->id = copy.ptr;
    entry->id_len = copy.len;
    return item_fold_set_hidden(fold, number);
}

/* ---- records ---- */

/* The next block; false at the end or when the bytes make no sense (in->bad). */
static bool next_block(struct byte_reader *in, uint8_t *last_tag, struct str *block)
{
    uint8_t tag;
    uint64_t n;

    if (in->bad || in->at == in->end)
        return false;
    tag = bytes_get_u8(in);
    n = bytes_get_varint(in);
    if (tag <= *last_tag || n > UINT32_MAX) {
        in->bad = true;
        return false;
    }
    *last_tag = tag;
    *block = (struct str){(const char *)bytes_take(in, (size_t)n), (uint32_t)n};
    return !in->bad;
}

static int model_of_tag(uint8_t tag)
{
    for (int m = 0; m < N_MODELS; m++) {
        if (model_table[m]->block == tag)
            return m;
    }
    return N_MODELS;
}

static bool is_readable(struct str key, struct str value)
{
    struct byte_reader in = byte_reader_of(value.ptr, value.len);
    uint8_t tag = 0;
    struct str block;

    if (!key.ptr || key.len == 0 || key.len > ID_MAX_BYTES || !value.ptr ||
        bytes_get_u8(&in) != RECORD_VERSION)
        return false;
    while (next_block(&in, &tag, &block)) {
        int m = model_of_tag(tag);

        if (m < N_MODELS && !model_table[m]->readable(block))
            return false;
    }
    return !in.bad;
}

enum status item_fold_apply(struct item_fold *fold, struct str key, struct str value,
                            int64_t next_offset)
{
    struct byte_reader in = byte_reader_of(value.ptr, value.len);
    uint8_t tag = 0;
    uint32_t number;
    struct str block;

    item_fold_advance_items(fold, next_offset);
    if (!is_readable(key, value)) {
        fold->n_unreadable++;
        return OK;
    }
    TRY(item_fold_number(fold, hash64(key), &number));
    if (number == ITEM_NONE)
        return OK;
    TRY(item_fold_touch(fold, number));
    TRY(set_name(fold, number, key));
    (void)bytes_get_u8(&in);
    while (next_block(&in, &tag, &block)) {
        int m = model_of_tag(tag);

        if (m < N_MODELS)
            TRY(model_table[m]->fold(fold->models[m], fold, number, block));
    }
    return OK;
}

void item_fold_advance_items(struct item_fold *fold, int64_t next_offset)
{
    ensure(next_offset >= fold->items_offset);
    fold->items_offset = next_offset;
    fold->changed = true;
}

/* ---- views ---- */

static enum status fill_view(struct item_fold *fold, struct item_view *view)
{
    view->items_offset = fold->items_offset;
    view->n_items = fold->numbers.n;
    view->numbers = item_dict_freeze(&fold->numbers);
    view->entries = cow_table_freeze(&fold->entries);
    view->hidden = cow_table_freeze(&fold->hidden);
    view->stamps = cow_table_freeze(&fold->stamps);
    view->places = item_dict_freeze(&fold->places);
    view->facts = cow_table_freeze(&fold->facts);
    view->n_partitions = fold->config.catalog_partitions;
    memcpy(view->catalog_offsets, fold->catalog_offsets, view->n_partitions * sizeof(int64_t));
    for (int m = 0; m < N_MODELS; m++) {
        view->parts[m] = model_table[m]->freeze(fold->models[m]);
        if (!view->parts[m])
            return ERR_NOMEM;
    }
    return OK;
}

enum status item_fold_publish(struct item_fold *fold)
{
    struct item_view *view;

    if (!fold->changed)
        return OK;
    if (!view_set_has_room(&fold->views))
        return ERR_FULL;
    view = view_set_alloc(&fold->views,
                          sizeof(*view) + fold->config.catalog_partitions * sizeof(int64_t));
    if (!view)
        return ERR_NOMEM;
    if (fill_view(fold, view) != OK) {
        view_set_retire(&fold->views, view);
        return ERR_NOMEM;
    }
    view_set_retire(&fold->views, (void *)(uintptr_t)fold->newest);
    fold->newest = view;
    fold->changed = false;
    ensure(view_set_publish(&fold->views, view, &view->slot) == OK);
    return OK;
}

const struct item_view *item_view_acquire(struct item_fold *fold)
{
    return view_set_acquire(&fold->views);
}

void item_view_release(struct item_fold *fold, const struct item_view *view)
{
    if (view)
        view_set_release(&fold->views, view->slot);
}

size_t item_fold_memory_bytes(const struct item_fold *fold)
{
    return view_set_bytes(&fold->views);
}
