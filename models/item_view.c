/*
 * What a held view says: positions, names, facts, and the dump and checksum for inspection.
 * Everything here reads immutable memory; nothing locks.
 */
#include "core/base/hash.h"
#include "models/covisitation.h"
#include "models/factors.h"
#include "models/popularity.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int64_t item_view_items_offset(const struct item_view *view)
{
    return view->items_offset;
}

int64_t item_view_catalog_offset(const struct item_view *view, int32_t partition)
{
    ensure(partition >= 0 && (uint32_t)partition < view->n_partitions);
    return view->catalog_offsets[partition];
}

uint32_t item_view_name(const struct item_view *view, char *out, uint32_t capacity)
{
    int n = snprintf(out, capacity, "items:%" PRId64 ",catalog:", view->items_offset);
    uint32_t len = (uint32_t)n;

    for (uint32_t p = 0; p < view->n_partitions && len < capacity; p++)
        len += (uint32_t)snprintf(out + len, capacity - len, "%s%" PRId64, p ? "." : "",
                                  view->catalog_offsets[p]);
    return len < capacity ? len : capacity - 1;
}

uint32_t item_view_n_items(const struct item_view *view)
{
    return view->n_items;
}

uint32_t item_view_find(const struct item_view *view, uint64_t item)
{
    return item_dict_find(&view->numbers, item);
}

struct str item_view_id(const struct item_view *view, uint32_t number)
{
    const struct item_entry *entry = item_view_entry(view, number);

    return (struct str){entry->id, entry->id_len};
}

const struct item_facts *item_view_facts(const struct item_view *view, uint64_t item)
{
    uint32_t place = item_dict_find(&view->places, item);

    if (place == ITEM_NONE)
        return NULL;
    return *(struct item_facts *const *)cow_root_get(&view->facts, place);
}

static const struct item_facts *lookup_find(const void *context, uint64_t item)
{
    return item_view_facts(context, item);
}

struct item_lookup item_view_lookup(const struct item_view *view)
{
    return (struct item_lookup){lookup_find, view};
}

const char *item_view_model_version(const struct item_view *view)
{
    (void)view;
    return "spine-1";
}

/* ---- inspection ---- */

uint64_t item_view_checksum(const struct item_view *view)
{
    uint64_t sum = view->n_items;

    for (uint32_t i = 0; i < view->n_items; i++) {
        const struct item_entry *entry = item_view_entry(view, i);

        sum = hash64_seeded((struct str){(const char *)&entry->hash, sizeof(entry->hash)}, sum);
        sum = hash64_seeded((struct str){entry->id ? entry->id : "", entry->id_len}, sum);
    }
    for (int m = 0; m < N_MODELS; m++)
        sum = model_table[m]->checksum(view, sum);
    return sum;
}

static int by_id(const void *a, const void *b, void *view)
{
    return str_compare(item_view_id(view, *(const uint32_t *)a),
                       item_view_id(view, *(const uint32_t *)b));
}

/* An id as a JSON string: it is UTF-8 already, so only what JSON forbids is escaped. */
static void print_id(FILE *file, struct str id)
{
    fputc('"', file);
    for (uint32_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];

        if (c == '"' || c == '\\')
            fprintf(file, "\\%c", c);
        else if (c < 0x20)
            fprintf(file, "\\u%04x", c);
        else
            fputc(c, file);
    }
    fputc('"', file);
}

struct neighbour {
    float weight;
    uint32_t item;
};

static int by_weight(const void *a, const void *b)
{
    const struct neighbour *x = a, *y = b;

    if (x->weight != y->weight)
        return x->weight < y->weight ? 1 : -1;
    return (x->item > y->item) - (x->item < y->item);
}

static void print_neighbours(FILE *file, const struct item_view *view, uint32_t number)
{
    const struct covisit_row *row = covisit_row_of(view, number);
    struct neighbour sorted[COVISIT_ROW];
    uint32_t n = 0;

    for (; n < COVISIT_ROW && row->item_plus_1[n] != 0; n++)
        sorted[n] = (struct neighbour){row->weight[n], row->item_plus_1[n] - 1};
    qsort(sorted, n, sizeof(sorted[0]), by_weight);
    fputs(",\"neighbours\":[", file);
    for (uint32_t e = 0; e < n; e++) {
        struct str id = item_view_id(view, sorted[e].item);

        fputs(e ? ",{\"item\":" : "{\"item\":", file);
        if (id.ptr)
            print_id(file, id);
        else
            fputs("null", file);
        fprintf(file, ",\"weight\":%.9g}", (double)sorted[e].weight);
    }
    fputc(']', file);
}

static void print_item(FILE *file, const struct item_view *view, uint32_t number)
{
    const struct popularity_item *popularity = popularity_of(view, number);
    const struct popularity_counts *counts = popularity_counts_of(view, number);
    const struct factor_vector *y = cow_root_get(&factors_part_of(view)->y, number);
    bool first = true;

    fputs("{\"item\":", file);
    print_id(file, item_view_id(view, number));
    fprintf(file, ",\"number\":%u,\"last_ms\":%" PRId64 ",\"popularity\":%.17g,\"counts\":{",
            number, popularity->last_ms, popularity->weight);
    for (int a = 0; a < N_ACTIONS; a++) {
        if (counts->n[a] == 0)
            continue;
        fprintf(file, "%s\"%s\":%u", first ? "" : ",", action_name((enum action)a),
                counts->n[a]);
        first = false;
    }
    fputc('}', file);
    print_neighbours(file, view, number);
    fprintf(file, ",\"norm\":%.9g}\n", (double)sqrtf(vec_dot(y->at, y->at, FACTORS)));
}

enum status item_view_dump(const struct item_view *view, void *stream)
{
    FILE *file = stream;
    uint32_t *order = malloc(((size_t)view->n_items + 1) * sizeof(*order));
    uint32_t n = 0;

    if (!order)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < view->n_items; i++) {
        if (item_view_entry(view, i)->id)
            order[n++] = i;
    }
    qsort_r(order, n, sizeof(*order), by_id, (void *)(uintptr_t)view);
    for (uint32_t i = 0; i < n; i++)
        print_item(file, view, order[i]);
    free(order);
    return fflush(file) == 0 && !ferror(file) ? OK : ERR_IO;
}
