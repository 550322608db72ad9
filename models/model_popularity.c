/*
 * Popularity with a half-life, counts by action, and the list of the most popular items.
 *
 * Workers send counts by (action, hour): integers, so the borders of batches and transactions
 * cannot change a total. The fold weighs them by the action's strength and forward decay.
 *
 * The top list is kept and never recomputed: weights and last-event times only grow, so an
 * item outside the list can enter it only by its own record, and an item that was pushed out
 * is below all that are in. It is therefore a function of the folded records alone, wherever
 * views were published between them.
 *
 * Block: last event (zigzag ms), groups, each: hour, n, n times (action u8, count).
 */
#include "core/base/hash.h"
#include "models/decay.h"
#include "models/item_changes_private.h"
#include "models/popularity.h"
#include "models/rank_private.h"

#include <stdlib.h>

struct model_popularity {
    struct model base;
    struct view_set *views;
    struct cow_table items, counts;
    uint32_t n_items;
    struct decay decay;
    int64_t newest_ms; /* the newest hour folded */
    uint32_t n_top;
    uint32_t top[POPULAR_TOP];
    struct popularity_part *part; /* as last frozen */
    bool changed;
};

static void popularity_close(struct model *model)
{
    struct model_popularity *self = (struct model_popularity *)model;

    if (!self)
        return;
    cow_table_deinit(&self->items);
    cow_table_deinit(&self->counts);
    view_set_retire(self->views, self->part);
    free(self);
}

static enum status popularity_open(const struct item_model_config *config,
                                   struct view_set *views, struct model **out,
                                   struct error *err)
{
    struct model_popularity *self;

    if (config->popularity_half_life_ms < HOUR_MS)
        return error_set(err, ERR_INVALID,
                         "popularity: a half-life below an hour has no "
                         "meaning, events are summed by the hour");
    self = calloc(1, sizeof(*self));
    if (!self)
        return error_set(err, ERR_NOMEM, "popularity: out of memory");
    self->base.ops = &model_popularity_ops;
    self->views = views;
    self->changed = true;
    self->decay.half_life_ms = config->popularity_half_life_ms;
    cow_table_init(&self->items, views, sizeof(struct popularity_item));
    cow_table_init(&self->counts, views, sizeof(struct popularity_counts));
    *out = &self->base;
    return OK;
}

static enum status popularity_grow(struct model *model, uint32_t number, uint64_t item)
{
    struct model_popularity *self = (struct model_popularity *)model;

    (void)item;
    TRY(cow_table_extend(&self->items, number + 1));
    TRY(cow_table_extend(&self->counts, number + 1));
    self->n_items = number + 1;
    self->changed = true;
    return OK;
}

static bool popularity_readable(struct str block)
{
    struct byte_reader in = byte_reader_of(block.ptr, block.len);

    (void)bytes_get_zigzag(&in);
    for (uint64_t n_groups = bytes_get_varint(&in); n_groups > 0 && !in.bad; n_groups--) {
        if (bytes_get_varint(&in) > HOUR_MAX)
            return false;
        for (uint64_t n = bytes_get_varint(&in); n > 0 && !in.bad; n--) {
            if (bytes_get_u8(&in) >= N_ACTIONS || bytes_get_varint(&in) > UINT32_MAX)
                return false;
        }
    }
    return !in.bad && in.at == in.end;
}

/* ---- the top list ---- */

static bool is_before(const struct model_popularity *self, uint32_t a, uint32_t b)
{
    const struct popularity_item *x = cow_table_get(&self->items, a);
    const struct popularity_item *y = cow_table_get(&self->items, b);

    if (x->weight != y->weight)
        return x->weight > y->weight;
    if (x->last_ms != y->last_ms)
        return x->last_ms > y->last_ms;
    return a < b;
}

/* Puts an item whose weight or time has grown where it belongs. */
static void top_raise(struct model_popularity *self, uint32_t number)
{
    uint32_t at = 0;

    while (at < self->n_top && self->top[at] != number)
        at++;
    if (at == self->n_top) {
        if (self->n_top < POPULAR_TOP)
            self->n_top++;
        else if (is_before(self, number, self->top[POPULAR_TOP - 1]))
            at = POPULAR_TOP - 1;
        else
            return;
    }
    for (; at > 0 && is_before(self, number, self->top[at - 1]); at--)
        self->top[at] = self->top[at - 1];
    self->top[at] = number;
}

/* ---- the fold ---- */

static enum status scale_weights(struct model_popularity *self, struct item_fold *fold,
                                 int power)
{
    TRY(item_fold_touch_all(fold));
    for (uint32_t i = 0; i < self->n_items; i++) {
        struct popularity_item *item = cow_table_write(&self->items, i);

        if (!item)
            return ERR_NOMEM;
        item->weight = ldexp(item->weight, power);
    }
    return OK;
}

static enum status popularity_fold(struct model *model, struct item_fold *fold, uint32_t number,
                                   struct str block)
{
    struct model_popularity *self = (struct model_popularity *)model;
    struct byte_reader in = byte_reader_of(block.ptr, block.len);
    struct popularity_item *item = cow_table_write(&self->items, number);
    struct popularity_counts *counts = cow_table_write(&self->counts, number);
    int64_t last_ms = bytes_get_zigzag(&in);

    if (!item || !counts)
        return ERR_NOMEM;
    self->changed = true;
    if (last_ms > item->last_ms)
        item->last_ms = last_ms;
    for (uint64_t n_groups = bytes_get_varint(&in); n_groups > 0; n_groups--) {
        int64_t time_ms = (int64_t)bytes_get_varint(&in) * HOUR_MS;
        int power = decay_advance(&self->decay, time_ms);

        if (power != 0)
            TRY(scale_weights(self, fold, power));
        if (time_ms > self->newest_ms)
            self->newest_ms = time_ms;
        for (uint64_t n = bytes_get_varint(&in); n > 0; n--) {
            uint8_t action = bytes_get_u8(&in);
            uint32_t count = (uint32_t)bytes_get_varint(&in);

            counts->n[action] += count;
            item->weight +=
                action_strength(action) * count * decay_weight(&self->decay, time_ms);
        }
    }
    if (item->weight > 0)
        top_raise(self, number);
    return OK;
}

static const void *popularity_freeze(struct model *model)
{
    struct model_popularity *self = (struct model_popularity *)model;
    struct popularity_part *part;

    if (!self->changed)
        return self->part;
    part = view_set_alloc(self->views, sizeof(*part));
    if (!part)
        return NULL;
    memset(part, 0, sizeof(*part));
    part->items = cow_table_freeze(&self->items);
    part->counts = cow_table_freeze(&self->counts);
    part->unit = self->decay.started ? decay_weight(&self->decay, self->newest_ms) : 1;
    part->decay = self->decay;
    part->newest_ms = self->newest_ms;
    part->n_top = self->n_top;
    memcpy(part->top, self->top, self->n_top * sizeof(part->top[0]));
    view_set_retire(self->views, self->part);
    self->part = part;
    self->changed = false;
    return part;
}

/* ---- as bytes ---- */

static void popularity_save_rest(const struct item_view *view, struct byte_writer *out)
{
    const struct popularity_part *part = popularity_part_of(view);

    decay_save(&part->decay, out);
    bytes_put_zigzag(out, part->newest_ms);
    bytes_put_varint(out, part->n_top);
    for (uint32_t t = 0; t < part->n_top; t++)
        bytes_put_varint(out, part->top[t]);
}

static void popularity_save_row(const struct item_view *view, uint32_t number,
                                struct byte_writer *out)
{
    const struct popularity_item *item = popularity_of(view, number);
    const struct popularity_counts *counts = popularity_counts_of(view, number);

    bytes_put_f64(out, item->weight);
    bytes_put_zigzag(out, item->last_ms);
    for (int action = 0; action < N_ACTIONS; action++)
        bytes_put_varint(out, counts->n[action]);
}

static enum status popularity_load_rest(struct model *model, uint32_t n_items,
                                        struct byte_reader *in)
{
    struct model_popularity *self = (struct model_popularity *)model;
    bool good = decay_load(&self->decay, in);

    self->newest_ms = bytes_get_zigzag(in);
    uint64_t n_top = bytes_get_varint(in);

    if (!good || n_top > POPULAR_TOP)
        return ERR_INVALID;
    self->n_top = (uint32_t)n_top;
    for (uint32_t t = 0; t < self->n_top; t++) {
        uint64_t number = bytes_get_varint(in);

        if (in->bad || number >= n_items)
            return ERR_INVALID;
        self->top[t] = (uint32_t)number;
    }
    TRY(cow_table_extend(&self->items, n_items));
    TRY(cow_table_extend(&self->counts, n_items));
    self->n_items = n_items;
    self->changed = true;
    return OK;
}

static enum status popularity_load_row(struct model *model, uint32_t number,
                                       struct byte_reader *in)
{
    struct model_popularity *self = (struct model_popularity *)model;
    struct popularity_item *item = cow_table_write(&self->items, number);
    struct popularity_counts *counts = cow_table_write(&self->counts, number);

    if (!item || !counts)
        return ERR_NOMEM;
    item->weight = bytes_get_f64(in);
    item->last_ms = bytes_get_zigzag(in);
    for (int action = 0; action < N_ACTIONS; action++)
        counts->n[action] = (uint32_t)bytes_get_varint(in);
    return in->bad ? ERR_INVALID : OK;
}

/* ---- ranking ---- */

enum { POPULAR_PROPOSED = 20 }; /* beside the session's candidates; more only to fill a list */

static void popularity_propose(const struct item_view *view, struct rank_scratch *scratch)
{
    const struct popularity_part *part = popularity_part_of(view);
    uint32_t enough = scratch->n + POPULAR_PROPOSED;

    for (uint32_t t = 0; t < part->n_top; t++) {
        uint32_t c;

        if (scratch->n >= enough && scratch->n >= scratch->k)
            break;
        c = rank_candidate(view, scratch, part->top[t]);
        if (c < CANDIDATES_MAX)
            scratch->rating[SOURCE_POPULARITY][c] =
                (float)popularity_of(view, part->top[t])->weight;
    }
}

static uint64_t popularity_checksum(const struct item_view *view, uint64_t seed)
{
    const struct popularity_part *part = popularity_part_of(view);

    for (uint32_t i = 0; i < view->n_items; i++) {
        seed = hash64_seeded(
            (struct str){(const char *)popularity_of(view, i), sizeof(struct popularity_item)},
            seed);
        seed = hash64_seeded((struct str){(const char *)popularity_counts_of(view, i),
                                          sizeof(struct popularity_counts)},
                             seed);
    }
    return hash64_seeded(
        (struct str){(const char *)part->top, part->n_top * (uint32_t)sizeof(part->top[0])},
        seed);
}

/* ---- learning ---- */

static void popularity_collect(struct item_changes *changes, const struct item_view *view,
                               const struct lesson *lesson)
{
    struct change_row *row = &changes->rows[lesson->row];

    (void)view;
    if (lesson->time_ms > row->last_ms)
        row->last_ms = lesson->time_ms;
    item_changes_add(changes, lesson->row, CELL_COUNT | lesson->action,
                     hour_of(lesson->time_ms), 0, 1);
}

/* The sorted cells hold the counts last, by (kind, hour): regrouped by hour here. */
static void popularity_emit(struct item_changes *changes, uint32_t row, struct byte_writer *out)
{
    const struct change_cell *cells = changes->sorted;
    uint32_t end = changes->n_sorted, first = changes->sorted_at;
    uint32_t n = 0;

    while (first < end && !(cells[first].kind & CELL_COUNT))
        first++;
    if (first == end)
        return;
    n = end - first;
    bytes_put_zigzag(out, changes->rows[row].last_ms);
    bytes_put_varint(out, n);
    for (uint32_t c = first; c < end; c++) {
        bytes_put_varint(out, cells[c].hour);
        bytes_put_varint(out, 1);
        bytes_put_u8(out, cells[c].kind & (uint8_t)~CELL_COUNT);
        bytes_put_varint(out, cells[c].sum);
    }
}

const struct model_ops model_popularity_ops = {
    .name = "popularity",
    .block = 1,
    .open = popularity_open,
    .close = popularity_close,
    .grow = popularity_grow,
    .readable = popularity_readable,
    .fold = popularity_fold,
    .freeze = popularity_freeze,
    .save_version = 1,
    .save_rest = popularity_save_rest,
    .save_row = popularity_save_row,
    .load_rest = popularity_load_rest,
    .load_row = popularity_load_row,
    .propose = popularity_propose,
    .score = NULL,
    .checksum = popularity_checksum,
    .collect = popularity_collect,
    .emit = popularity_emit,
};
