/*
 * Decayed co-visitation: what followed an item within a session (MODELS 3.1).
 *
 * An event with item b teaches a pair a -> b for each of the last 5 distinct items a of the
 * session, worth strength(b) / distance. A worker rounds that once, to 1/256, and sums
 * integers by (a, b, class, hour): the borders of batches and transactions cannot change a
 * total. The record is b's, because b's id is at hand in the event while a may have been
 * named in an earlier transaction; the fold adds b to the row of each a.
 *
 * The class (what happened to b) travels in the record but the rows are one set: view, cart
 * and order add up in it. Splitting them later changes the fold, not the wire.
 *
 * Block: groups, each: class u8, hour, n, n times (left item u64, sum in 1/256).
 */
#include "core/base/hash.h"
#include "models/covisitation.h"
#include "models/decay.h"
#include "models/item_changes_private.h"
#include "models/rank_private.h"

#include <stdlib.h>

enum { PAIR_UNIT = 256 };

static const int64_t pair_window_ms[N_COVISIT_CLASSES] = {
    [COVISIT_VIEW] = 12 * (int64_t)HOUR_MS,
    [COVISIT_CART] = 24 * (int64_t)HOUR_MS,
    [COVISIT_ORDER] = 24 * (int64_t)HOUR_MS,
};

struct model_covisitation {
    struct model base;
    struct view_set *views;
    struct cow_table rows;
    uint32_t n_items;
    struct decay decay;
    struct covisit_part *part; /* as last frozen */
    bool changed;
};

static void covisitation_close(struct model *model)
{
    struct model_covisitation *self = (struct model_covisitation *)model;

    if (!self)
        return;
    cow_table_deinit(&self->rows);
    view_set_retire(self->views, self->part);
    free(self);
}

static enum status covisitation_open(const struct item_model_config *config,
                                     struct view_set *views, struct model **out,
                                     struct error *err)
{
    struct model_covisitation *self;

    if (config->covisit_half_life_ms < HOUR_MS)
        return error_set(err, ERR_INVALID,
                         "covisitation: a half-life below an hour has no "
                         "meaning, pairs are summed by the hour");
    self = calloc(1, sizeof(*self));
    if (!self)
        return error_set(err, ERR_NOMEM, "covisitation: out of memory");
    self->base.ops = &model_covisitation_ops;
    self->views = views;
    self->changed = true;
    self->decay.half_life_ms = config->covisit_half_life_ms;
    cow_table_init(&self->rows, views, sizeof(struct covisit_row));
    *out = &self->base;
    return OK;
}

static enum status covisitation_grow(struct model *model, uint32_t number, uint64_t item)
{
    struct model_covisitation *self = (struct model_covisitation *)model;

    (void)item;
    TRY(cow_table_extend(&self->rows, number + 1));
    self->n_items = number + 1;
    self->changed = true;
    return OK;
}

static bool covisitation_readable(struct str block)
{
    struct byte_reader in = byte_reader_of(block.ptr, block.len);

    for (uint64_t n_groups = bytes_get_varint(&in); n_groups > 0 && !in.bad; n_groups--) {
        if (bytes_get_u8(&in) >= N_COVISIT_CLASSES || bytes_get_varint(&in) > HOUR_MAX)
            return false;
        for (uint64_t n = bytes_get_varint(&in); n > 0 && !in.bad; n--) {
            (void)bytes_get_u64(&in);
            if (bytes_get_varint(&in) > UINT32_MAX)
                return false;
        }
    }
    return !in.bad && in.at == in.end;
}

/* ---- rows ---- */

void covisit_row_add(struct covisit_row *row, uint32_t item, float weight)
{
    uint32_t at = COVISIT_ROW, smallest = 0;

    for (uint32_t e = 0; e < COVISIT_ROW; e++) /* no early end: eight compares at a time */
        at = row->item_plus_1[e] == item + 1 ? e : at;
    if (at < COVISIT_ROW) {
        row->weight[at] += weight;
        return;
    }
    /* A free entry weighs 0 and is the first smallest, as they are packed to the front. */
    for (uint32_t e = 1; e < COVISIT_ROW; e++)
        smallest = row->weight[e] < row->weight[smallest] ? e : smallest;
    row->item_plus_1[smallest] = item + 1;
    row->weight[smallest] = weight;
}

void covisit_row_add_ref(struct covisit_row *row, uint32_t item, float weight)
{
    uint32_t n = 0, smallest = 0;

    while (n < COVISIT_ROW && row->item_plus_1[n] != 0) {
        if (row->item_plus_1[n] == item + 1) {
            row->weight[n] += weight;
            return;
        }
        if (row->weight[n] < row->weight[smallest])
            smallest = n;
        n++;
    }
    if (n < COVISIT_ROW)
        smallest = n;
    row->item_plus_1[smallest] = item + 1;
    row->weight[smallest] = weight;
}

/* ---- the fold ---- */

static void scale_row(struct covisit_row *row, int power)
{
    uint32_t kept = 0;

    for (uint32_t e = 0; e < COVISIT_ROW; e++) {
        float weight = ldexpf(row->weight[e], power);
        uint32_t item_plus_1 = row->item_plus_1[e];

        row->item_plus_1[e] = 0;
        row->weight[e] = 0;
        if (weight > 0) { /* what has decayed to nothing leaves, the rest stays packed */
            row->item_plus_1[kept] = item_plus_1;
            row->weight[kept++] = weight;
        }
    }
}

static enum status scale_rows(struct model_covisitation *self, struct item_fold *fold,
                              int power)
{
    TRY(item_fold_touch_all(fold));
    for (uint32_t i = 0; i < self->n_items; i++) {
        struct covisit_row *row = cow_table_write(&self->rows, i);

        if (!row)
            return ERR_NOMEM;
        scale_row(row, power);
    }
    return OK;
}

static enum status fold_pair(struct model_covisitation *self, struct item_fold *fold,
                             uint64_t left, uint32_t right, float weight)
{
    uint32_t number;
    struct covisit_row *row;

    TRY(item_fold_number(fold, left, &number));
    if (number == ITEM_NONE || !(weight > 0))
        return OK;
    row = cow_table_write(&self->rows, number);
    if (!row)
        return ERR_NOMEM;
    covisit_row_add(row, right, weight);
    return item_fold_touch(fold, number);
}

static enum status covisitation_fold(struct model *model, struct item_fold *fold,
                                     uint32_t number, struct str block)
{
    struct model_covisitation *self = (struct model_covisitation *)model;
    struct byte_reader in = byte_reader_of(block.ptr, block.len);

    self->changed = true;
    for (uint64_t n_groups = bytes_get_varint(&in); n_groups > 0; n_groups--) {
        int64_t time_ms;
        float unit;
        int power;

        (void)bytes_get_u8(&in); /* class */
        time_ms = (int64_t)bytes_get_varint(&in) * HOUR_MS;
        power = decay_advance(&self->decay, time_ms);
        if (power != 0)
            TRY(scale_rows(self, fold, power));
        unit = (float)(decay_weight(&self->decay, time_ms) / PAIR_UNIT);
        for (uint64_t n = bytes_get_varint(&in); n > 0; n--) {
            uint64_t left = bytes_get_u64(&in);
            float sum = (float)bytes_get_varint(&in);

            TRY(fold_pair(self, fold, left, number, sum * unit));
        }
    }
    return OK;
}

static const void *covisitation_freeze(struct model *model)
{
    struct model_covisitation *self = (struct model_covisitation *)model;
    struct covisit_part *part;

    if (!self->changed)
        return self->part;
    part = view_set_alloc(self->views, sizeof(*part));
    if (!part)
        return NULL;
    part->decay = self->decay;
    part->rows = cow_table_freeze(&self->rows);
    view_set_retire(self->views, self->part);
    self->part = part;
    self->changed = false;
    return part;
}

/* ---- as bytes ---- */

static void covisitation_save_rest(const struct item_view *view, struct byte_writer *out)
{
    const struct covisit_part *part = view->parts[MODEL_covisitation];

    decay_save(&part->decay, out);
}

/* In the order of the row: it decides which of two equal weights makes room. */
static void covisitation_save_row(const struct item_view *view, uint32_t number,
                                  struct byte_writer *out)
{
    const struct covisit_row *row = covisit_row_of(view, number);
    uint32_t n = 0;

    while (n < COVISIT_ROW && row->item_plus_1[n] != 0)
        n++;
    bytes_put_varint(out, n);
    for (uint32_t e = 0; e < n; e++) {
        bytes_put_u32(out, row->item_plus_1[e] - 1);
        bytes_put_f32(out, row->weight[e]);
    }
}

static enum status covisitation_load_rest(struct model *model, uint32_t n_items,
                                          struct byte_reader *in)
{
    struct model_covisitation *self = (struct model_covisitation *)model;

    if (!decay_load(&self->decay, in))
        return ERR_INVALID;
    TRY(cow_table_extend(&self->rows, n_items));
    self->n_items = n_items;
    self->changed = true;
    return OK;
}

static enum status covisitation_load_row(struct model *model, uint32_t number,
                                         struct byte_reader *in)
{
    struct model_covisitation *self = (struct model_covisitation *)model;
    struct covisit_row *row = cow_table_write(&self->rows, number);
    uint64_t n = bytes_get_varint(in);

    if (!row)
        return ERR_NOMEM;
    if (n > COVISIT_ROW)
        return ERR_INVALID;
    memset(row, 0, sizeof(*row));
    for (uint32_t e = 0; e < n; e++) {
        uint32_t item = bytes_get_u32(in);

        if (item >= self->n_items)
            return ERR_INVALID;
        row->item_plus_1[e] = item + 1;
        row->weight[e] = bytes_get_f32(in);
    }
    return in->bad ? ERR_INVALID : OK;
}

/* ---- ranking ---- */

static void propose_row(const struct item_view *view, struct rank_scratch *scratch,
                        uint32_t number, float share, bool newest)
{
    const struct covisit_row *row = covisit_row_of(view, number);

    for (uint32_t e = 0; e < COVISIT_ROW && row->item_plus_1[e] != 0; e++) {
        uint32_t c = rank_candidate(view, scratch, row->item_plus_1[e] - 1);

        if (c == CANDIDATES_MAX)
            continue;
        scratch->rating[SOURCE_COVISITATION][c] += share * row->weight[e];
        if (newest)
            scratch->rating[SOURCE_RULES][c] = row->weight[e];
    }
}

static void covisitation_propose(const struct item_view *view, struct rank_scratch *scratch)
{
    uint32_t n = scratch->n_session;
    float share = 1;

    if (n > COVISIT_SESSION)
        n = COVISIT_SESSION;
    for (uint32_t q = 0; q < n; q++) {
        if (scratch->session[q] != ITEM_NONE) {
            const char *row = (const char *)covisit_row_of(view, scratch->session[q]);

            for (uint32_t line = 0; line < sizeof(struct covisit_row); line += 64)
                __builtin_prefetch(row + line);
        }
    }
    for (uint32_t q = 0; q < n; q++, share *= 0.5f) {
        if (scratch->session[q] != ITEM_NONE)
            propose_row(view, scratch, scratch->session[q], share, q == 0);
    }
}

static uint64_t covisitation_checksum(const struct item_view *view, uint64_t seed)
{
    for (uint32_t i = 0; i < view->n_items; i++)
        seed = hash64_seeded(
            (struct str){(const char *)covisit_row_of(view, i), sizeof(struct covisit_row)},
            seed);
    return seed;
}

/* ---- learning ---- */

static enum covisit_class class_of(uint8_t action)
{
    switch (action) {
    case ACTION_ORDER:
        return COVISIT_ORDER;
    case ACTION_ADD_TO_CART:
        return COVISIT_CART;
    default:
        return COVISIT_VIEW;
    }
}

static void covisitation_collect(struct item_changes *changes, const struct item_view *view,
                                 const struct lesson *lesson)
{
    const struct lane_items *session = lesson->session;
    enum covisit_class class = class_of(lesson->action);
    uint32_t n = session ? session->n_before : 0;

    (void)view;
    if (!(lesson->strength > 0))
        return;
    if (n > COVISIT_BEFORE)
        n = COVISIT_BEFORE;
    for (uint32_t d = 0; d < n; d++) {
        const struct user_item *before = &session->before_items[d];
        int64_t gap_ms = lesson->time_ms - before->time_ms;

        if (gap_ms > pair_window_ms[class] || gap_ms < -pair_window_ms[class])
            continue;
        if (before->item == lesson->item && class != COVISIT_VIEW)
            continue; /* seen again is a habit to learn; bought after seen is not a pair */
        item_changes_add(changes, lesson->row, (uint8_t) class, hour_of(lesson->time_ms),
                         before->item,
                         (uint32_t)(lesson->strength * PAIR_UNIT / (float)(d + 1) + 0.5f));
    }
}

static void covisitation_emit(struct item_changes *changes, uint32_t row,
                              struct byte_writer *out)
{
    const struct change_cell *cells = changes->sorted;
    uint32_t end = changes->sorted_at, n_groups = 0;

    (void)row;
    while (end < changes->n_sorted && !(cells[end].kind & CELL_COUNT)) {
        n_groups += end == changes->sorted_at || cells[end].kind != cells[end - 1].kind ||
                    cells[end].hour != cells[end - 1].hour;
        end++;
    }
    if (n_groups == 0)
        return;
    bytes_put_varint(out, n_groups);
    for (uint32_t first = changes->sorted_at; first < end;) {
        uint32_t last = first;

        while (last < end && cells[last].kind == cells[first].kind &&
               cells[last].hour == cells[first].hour)
            last++;
        bytes_put_u8(out, cells[first].kind);
        bytes_put_varint(out, cells[first].hour);
        bytes_put_varint(out, last - first);
        for (; first < last; first++) {
            bytes_put_u64(out, cells[first].left);
            bytes_put_varint(out, cells[first].sum);
        }
    }
}

const struct model_ops model_covisitation_ops = {
    .name = "covisitation",
    .block = 2,
    .open = covisitation_open,
    .close = covisitation_close,
    .grow = covisitation_grow,
    .readable = covisitation_readable,
    .fold = covisitation_fold,
    .freeze = covisitation_freeze,
    .save_version = 1,
    .save_rest = covisitation_save_rest,
    .save_row = covisitation_save_row,
    .load_rest = covisitation_load_rest,
    .load_row = covisitation_load_row,
    .propose = covisitation_propose,
    .score = NULL,
    .checksum = covisitation_checksum,
    .collect = covisitation_collect,
    .emit = covisitation_emit,
};
