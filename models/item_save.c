/*
 * A view as bytes, and the digests of them.
 *
 *   rest   each model's, in the order of the list
 *   row    hash u64 | id (varint length + 1, bytes; 0: not named yet) | stamp varint | each
 *          model's, in the order of the list
 *   facts  key hash u64 | partition | version | flags | the item's fields, if not delisted
 *
 * Which models, in which order and format, is in the fingerprint, so the bytes need no tags. An
 * item's number is not in its row: it is where the row stands, or the key it travels with.
 *
 * Not saved, because it follows from the rest: the dictionary (numbers by hash), the vectors in
 * the basis' coordinates, who is hidden (named or not, and what the catalogue says).
 */
#include "models/item_save.h"

#include "core/base/hash.h"
#include "models/item_private.h"

#include <stdlib.h>

enum {
    FORMAT = 1, /* of what this file writes; models have their own numbers */
    FACTS_FIRST_BYTES = 4096,
    FACTS_MAX_BYTES = 64 << 20, /* a catalogue record is 1 MB, so this is never reached */
};

uint64_t item_model_fingerprint(const struct item_model_config *config)
{
    uint8_t bytes[64 + 2 * N_MODELS];
    struct byte_writer out = byte_writer_of(bytes, sizeof(bytes));

    bytes_put_u8(&out, FORMAT);
    bytes_put_u64(&out, (uint64_t)config->covisit_half_life_ms);
    bytes_put_u64(&out, (uint64_t)config->popularity_half_life_ms);
    bytes_put_u64(&out, config->seed);
    for (int m = 0; m < N_MODELS; m++) {
        bytes_put_u8(&out, model_table[m]->block);
        bytes_put_u8(&out, model_table[m]->save_version);
    }
    ensure(!out.full);
    return hash64((struct str){(const char *)bytes, (uint32_t)byte_writer_size(&out)});
}

/* ---- rest and rows ---- */

uint32_t item_view_save_rest(const struct item_view *view, uint8_t *out)
{
    struct byte_writer w = byte_writer_of(out, SAVED_REST_MAX);

    for (int m = 0; m < N_MODELS; m++)
        model_table[m]->save_rest(view, &w);
    ensure(!w.full);
    return (uint32_t)byte_writer_size(&w);
}

uint32_t item_view_save_row(const struct item_view *view, uint32_t number, uint8_t *out)
{
    struct byte_writer w = byte_writer_of(out, SAVED_ROW_MAX);
    const struct item_entry *entry = item_view_entry(view, number);

    bytes_put_u64(&w, entry->hash);
    bytes_put_str(&w, (struct str){entry->id, entry->id_len});
    bytes_put_varint(&w, (uint64_t)item_view_stamp(view, number));
    for (int m = 0; m < N_MODELS; m++)
        model_table[m]->save_row(view, number, &w);
    ensure(!w.full);
    return (uint32_t)byte_writer_size(&w);
}

int64_t item_view_stamp(const struct item_view *view, uint32_t number)
{
    return *(const int64_t *)cow_root_get(&view->stamps, number);
}

uint64_t item_view_stamp_sum(const struct item_view *view)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < view->n_items; i++) {
        uint64_t z = ((uint64_t)item_view_stamp(view, i) ^ (uint64_t)i << 40) +
                     0x9e3779b97f4a7c15u; /* splitmix64: no two changes cancel out */

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        sum += z ^ z >> 31;
    }
    return sum;
}

uint64_t item_view_digest(const struct item_view *view)
{
    uint8_t bytes[SAVED_REST_MAX];
    uint64_t sum = hash64((struct str){(const char *)bytes, item_view_save_rest(view, bytes)});

    for (uint32_t i = 0; i < view->n_items; i++)
        sum = hash64_seeded(
            (struct str){(const char *)bytes, item_view_save_row(view, i, bytes)}, sum);
    return sum;
}

/* ---- facts ---- */

static void put_strings(struct byte_writer *out, const struct str_array *array)
{
    bytes_put_varint(out, array->n);
    for (uint32_t i = 0; i < array->n; i++)
        bytes_put_str(out, array->at[i]);
}

static void put_item(struct byte_writer *out, const struct catalog_item *item)
{
    bytes_put_str(out, item->item_id);
    bytes_put_str(out, item->title);
    bytes_put_str(out, item->description);
    bytes_put_str(out, item->brand);
    put_strings(out, &item->category);
    bytes_put_zigzag(out, item->price_e4);
    bytes_put_str(out, item->currency);
    bytes_put_u8(out, item->stock.has);
    bytes_put_zigzag(out, item->stock.value);
    bytes_put_u8(out, item->available);
    bytes_put_varint(out, item->attributes.n);
    for (uint32_t i = 0; i < item->attributes.n; i++) {
        bytes_put_str(out, item->attributes.at[i].key);
        bytes_put_str(out, item->attributes.at[i].value);
    }
    put_strings(out, &item->media);
    bytes_put_str(out, item->url);
    bytes_put_str(out, item->locale);
    bytes_put_zigzag(out, item->updated_time);
}

static void put_facts(struct byte_writer *out, uint64_t hash, const struct item_facts *facts)
{
    bytes_put_u64(out, hash);
    bytes_put_varint(out, (uint64_t)facts->partition);
    bytes_put_zigzag(out, facts->version);
    bytes_put_u8(out, (uint8_t)(facts->delisted | facts->available << 1));
    if (!facts->delisted)
        put_item(out, &facts->item);
}

struct facts_buffer {
    uint8_t *at;
    size_t capacity;
};

/* Grows the buffer until the facts fit. */
static enum status save_facts(struct facts_buffer *buffer, uint64_t hash,
                              const struct item_facts *facts, struct str *out)
{
    for (;;) {
        struct byte_writer w = byte_writer_of(buffer->at, buffer->capacity);

        put_facts(&w, hash, facts);
        if (!w.full) {
            *out = (struct str){(const char *)buffer->at, (uint32_t)byte_writer_size(&w)};
            return OK;
        }
        size_t capacity = buffer->capacity ? buffer->capacity * 4 : FACTS_FIRST_BYTES;
        uint8_t *more = capacity <= FACTS_MAX_BYTES ? realloc(buffer->at, capacity) : NULL;

        if (!more)
            return ERR_NOMEM;
        *buffer = (struct facts_buffer){more, capacity};
    }
}

/* By the dictionary, where the hashes are; entries of later views are passed over. */
enum status item_view_each_facts(const struct item_view *view,
                                 bool (*put)(void *context, struct str bytes), void *context)
{
    const struct item_dict_root *places = &view->places;
    struct facts_buffer buffer = {malloc(FACTS_FIRST_BYTES), FACTS_FIRST_BYTES};
    enum status status = buffer.at ? OK : ERR_NOMEM;
    struct str bytes;

    for (uint32_t e = 0; e <= places->mask && status == OK; e++) {
        struct item_dict_entry *entry = &places->entries[e];
        uint32_t place = atomic_load_explicit(&entry->number_plus_1, memory_order_acquire) - 1;

        if (place == ITEM_NONE || place >= places->n)
            continue;
        status =
            save_facts(&buffer, entry->hash,
                       *(struct item_facts *const *)cow_root_get(&view->facts, place), &bytes);
        if (status == OK && !put(context, bytes))
            status = ERR_IO;
    }
    free(buffer.at);
    return status;
}

static bool add_hash(void *context, struct str bytes)
{
    *(uint64_t *)context += hash64(bytes);
    return true;
}

enum status item_view_catalog_digest(const struct item_view *view, uint64_t *out)
{
    *out = 0; /* a sum: places differ between processes, their contents do not */
    return item_view_each_facts(view, add_hash, out);
}
