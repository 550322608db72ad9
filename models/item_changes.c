/*
 * The sums of one worker's open transaction.
 *
 *   rows    one per touched item, found by its key through row_index
 *   cells   integer sums, found by (row, kind, hour, left) through cell_index, chained per row
 *
 * All memory is taken at open (untouched pages cost nothing), so collecting cannot fail: what
 * is beyond CHANGE_ROWS_MAX or CHANGE_CELLS_MAX is left out and counted, and a worker that
 * ends its transaction at ITEM_CHANGES_MAX never gets there. An index uses only as many of its
 * slots as the transaction needs, so that a small one stays in the cache: in 16 MB
 * every look-up would miss.
 *
 * Emitting sorts rows by id and a row's cells by (kind, hour, left): the bytes are a function
 * of the sums, not of the order in which they came about.
 */
#include "core/base/hash.h"
#include "models/item_changes_private.h"

#include <stdlib.h>

enum {
    ROW_SLOTS = 1 << 18,
    CELL_SLOTS = 1 << 21,
    RECORD_BYTES_MAX = N_MODELS * (BLOCK_BYTES_MAX + 8) + 8,
};
_Static_assert(ROW_SLOTS >= 2 * CHANGE_ROWS_MAX, "rows find a slot quickly");
_Static_assert(CELL_SLOTS >= 2 * CHANGE_CELLS_MAX, "cells find a slot quickly");

/* ---- the indexes ---- */

static void index_init(struct change_index *index, uint32_t n_slots)
{
    index->slots = calloc(n_slots, sizeof(*index->slots));
    index->mask_max = n_slots - 1;
}

static void index_clear(struct change_index *index)
{
    if (++index->stamp == 0) { /* once in four thousand million times */
        memset(index->slots, 0, ((size_t)index->mask_max + 1) * sizeof(*index->slots));
        index->stamp = 1;
    }
}

/* Empty, and sized for as many entries as there were before. */
static void index_reset(struct change_index *index, uint32_t n_before)
{
    index_clear(index);
    index->mask = 1023;
    while (index->mask / 4 < n_before && index->mask < index->mask_max)
        index->mask = index->mask * 2 + 1;
}

/* True if one more entry would make it more than half full: then all must be put in again. */
static bool index_grow(struct change_index *index, uint32_t n)
{
    if (n < index->mask / 2 || index->mask == index->mask_max)
        return false;
    index->mask = index->mask * 2 + 1;
    index_clear(index);
    return true;
}

static void index_put(struct change_index *index, uint32_t hash, uint32_t at)
{
    hash &= index->mask;
    while (index->slots[hash].stamp == index->stamp)
        hash = (hash + 1) & index->mask;
    index->slots[hash] = (struct change_slot){index->stamp, at};
}

/* ---- open, close, reset ---- */

void item_changes_close(struct item_changes *changes)
{
    if (!changes)
        return;
    arena_deinit(&changes->ids);
    free(changes->rows);
    free(changes->cells);
    free(changes->row_index.slots);
    free(changes->cell_index.slots);
    free(changes->order);
    free(changes->sorted);
    free(changes->block);
    free(changes->record);
    free(changes->steps);
    free(changes->basis);
    free(changes);
}

enum status item_changes_open(const struct item_model_config *config, struct item_changes **out,
                              struct error *err)
{
    struct item_changes *changes = calloc(1, sizeof(*changes));
    enum status status = ERR_NOMEM;

    if (!changes)
        goto done;
    changes->config = *config;
    arena_init(&changes->ids, (size_t)CHANGE_ROWS_MAX * (ID_MAX_BYTES + 16));
    changes->rows = malloc(CHANGE_ROWS_MAX * sizeof(*changes->rows));
    changes->cells = malloc(CHANGE_CELLS_MAX * sizeof(*changes->cells));
    index_init(&changes->row_index, ROW_SLOTS);
    index_init(&changes->cell_index, CELL_SLOTS);
    changes->order = malloc(CHANGE_ROWS_MAX * sizeof(*changes->order));
    changes->sorted = malloc(CHANGE_CELLS_MAX * sizeof(*changes->sorted));
    changes->block = malloc(BLOCK_BYTES_MAX);
    changes->record = malloc(RECORD_BYTES_MAX);
    changes->steps = malloc(CHANGE_ROWS_MAX * sizeof(*changes->steps));
    changes->basis = calloc(1, sizeof(*changes->basis));
    if (!changes->rows || !changes->cells || !changes->row_index.slots ||
        !changes->cell_index.slots || !changes->order || !changes->sorted || !changes->block ||
        !changes->record || !changes->steps || !changes->basis)
        goto done;
    item_changes_reset(changes);
    *out = changes;
    changes = NULL;
    status = OK;
done:
    item_changes_close(changes);
    return status == OK ? OK : error_set(err, status, "item changes: out of memory");
}

void item_changes_reset(struct item_changes *changes)
{
    index_reset(&changes->row_index, changes->n_rows);
    index_reset(&changes->cell_index, changes->n_cells);
    changes->n_rows = changes->n_cells = changes->n_left_out = 0;
    changes->n_pool = 0;
    changes->random = changes->config.seed;
    arena_reset(&changes->ids);
}

uint32_t item_changes_count(const struct item_changes *changes)
{
    uint32_t by_cells = changes->n_cells / (CHANGE_CELLS_MAX / CHANGE_ROWS_MAX);

    return changes->n_rows > by_cells ? changes->n_rows : by_cells;
}

/* ---- collecting ---- */

static uint32_t find_row(const struct item_changes *changes, uint64_t item)
{
    const struct change_index *index = &changes->row_index;

    for (uint32_t at = (uint32_t)item & index->mask;; at = (at + 1) & index->mask) {
        const struct change_slot *slot = &index->slots[at];

        if (slot->stamp != index->stamp)
            return ITEM_NONE;
        if (changes->rows[slot->at].item == item)
            return slot->at;
    }
}

uint32_t item_changes_row(struct item_changes *changes, const struct item_view *view,
                          uint64_t item, struct str id)
{
    uint32_t row = find_row(changes, item);
    struct str copy = {NULL, 0};

    if (row != ITEM_NONE)
        return row;
    if (changes->n_rows < CHANGE_ROWS_MAX)
        copy = arena_copy(&changes->ids, id);
    if (!copy.ptr) {
        changes->n_left_out++;
        return ITEM_NONE;
    }
    if (index_grow(&changes->row_index, changes->n_rows)) {
        for (row = 0; row < changes->n_rows; row++)
            index_put(&changes->row_index, (uint32_t)changes->rows[row].item, row);
    }
    row = changes->n_rows++;
    index_put(&changes->row_index, (uint32_t)item, row);
    changes->rows[row] = (struct change_row){
        .item = item, .id = copy, .number = item_dict_find(&view->numbers, item)};
    memset(changes->steps[row], 0, sizeof(changes->steps[0]));
    return row;
}

static uint32_t hash_cell(uint32_t row, uint8_t kind, uint32_t hour, uint64_t left)
{
    uint64_t mixed = left ^ ((uint64_t)row << 32 | hour) ^ (uint64_t)kind << 56;

    return (uint32_t)(mixed * 0x9e3779b97f4a7c15u >> 32);
}

static struct change_cell *find_cell(const struct item_changes *changes, uint32_t hash,
                                     uint32_t row, uint8_t kind, uint32_t hour, uint64_t left)
{
    const struct change_index *index = &changes->cell_index;

    for (uint32_t at = hash & index->mask;; at = (at + 1) & index->mask) {
        const struct change_slot *slot = &index->slots[at];
        struct change_cell *cell = &changes->cells[slot->at];

        if (slot->stamp != index->stamp)
            return NULL;
        if (cell->left == left && cell->row == row && cell->hour == hour && cell->kind == kind)
            return cell;
    }
}

static void index_cells_again(struct item_changes *changes)
{
    for (uint32_t c = 0; c < changes->n_cells; c++) {
        const struct change_cell *cell = &changes->cells[c];

        index_put(&changes->cell_index,
                  hash_cell(cell->row, cell->kind, cell->hour, cell->left), c);
    }
}

void item_changes_add(struct item_changes *changes, uint32_t row, uint8_t kind, uint32_t hour,
                      uint64_t left, uint32_t amount)
{
    uint32_t hash = hash_cell(row, kind, hour, left);
    struct change_cell *cell = find_cell(changes, hash, row, kind, hour, left);

    if (cell) {
        cell->sum += amount;
        return;
    }
    if (changes->n_cells == CHANGE_CELLS_MAX) {
        changes->n_left_out++;
        return;
    }
    if (index_grow(&changes->cell_index, changes->n_cells))
        index_cells_again(changes);
    index_put(&changes->cell_index, hash, changes->n_cells);
    changes->cells[changes->n_cells] =
        (struct change_cell){left, row, hour, amount, changes->rows[row].first_cell, kind};
    changes->rows[row].first_cell = ++changes->n_cells;
}

static void collect_line(struct item_changes *changes, const struct item_view *view,
                         const struct event_line *line, struct lesson *lesson)
{
    lesson->item = line->item;
    lesson->row = item_changes_row(changes, view, line->item, line->item_id);
    if (lesson->row == ITEM_NONE)
        return;
    lesson->number = changes->rows[lesson->row].number;
    for (int m = 0; m < N_MODELS; m++)
        model_table[m]->collect(changes, view, lesson);
}

void item_changes_collect(struct item_changes *changes, const struct item_view *view,
                          const struct event_batch *events,
                          const struct feature_batch *features)
{
    for (uint32_t lane = 0; lane < events->n; lane++) {
        struct lesson lesson;

        if (events->fate[lane] != EVENT_LIVE || events->n_lines[lane] == 0)
            continue;
        lesson = (struct lesson){
            .action = events->action[lane],
            .strength = action_strength((enum action)events->action[lane]),
            .time_ms = events->time_ms[lane],
            .session = features->items[lane],
        };
        for (uint32_t l = 0; l < events->n_lines[lane]; l++)
            collect_line(changes, view, &events->lines[lane][l], &lesson);
    }
}

/* ---- emitting ---- */

static int by_key(const void *a, const void *b, void *context)
{
    const struct item_changes *changes = context;

    return str_compare(changes->rows[*(const uint32_t *)a].id,
                       changes->rows[*(const uint32_t *)b].id);
}

static int by_kind_hour_left(const void *a, const void *b)
{
    const struct change_cell *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->hour != y->hour)
        return x->hour < y->hour ? -1 : 1;
    return (x->left > y->left) - (x->left < y->left);
}

/* Writes the blocks of the cells sorted_at..n_sorted; an empty record has none. */
static struct str write_record(struct item_changes *changes, uint32_t row)
{
    struct byte_writer out = byte_writer_of(changes->record, RECORD_BYTES_MAX);

    bytes_put_u8(&out, RECORD_VERSION);
    for (int m = 0; m < N_MODELS; m++) {
        struct byte_writer block = byte_writer_of(changes->block, BLOCK_BYTES_MAX);

        model_table[m]->emit(changes, row, &block);
        ensure(!block.full);
        if (byte_writer_size(&block) == 0)
            continue;
        bytes_put_u8(&out, model_table[m]->block);
        bytes_put_varint(&out, byte_writer_size(&block));
        bytes_put_raw(&out, changes->block, byte_writer_size(&block));
    }
    ensure(!out.full);
    return (struct str){(const char *)changes->record, (uint32_t)byte_writer_size(&out)};
}

/* A row of more than CELLS_PER_RECORD cells gives more records than one. */
static bool emit_row(struct item_changes *changes, uint32_t row,
                     bool (*put)(void *context, struct str key, struct str value),
                     void *context)
{
    uint32_t n = 0, from = 0;

    for (uint32_t c = changes->rows[row].first_cell; c != 0; c = changes->cells[c - 1].next)
        changes->sorted[n++] = changes->cells[c - 1];
    qsort(changes->sorted, n, sizeof(*changes->sorted), by_kind_hour_left);
    do {
        changes->sorted_at = from;
        from = n - from > CELLS_PER_RECORD ? from + CELLS_PER_RECORD : n;
        changes->n_sorted = from;
        if (!put(context, changes->rows[row].id, write_record(changes, row)))
            return false;
    } while (from < n);
    return true;
}

enum status item_changes_emit(struct item_changes *changes,
                              bool (*put)(void *context, struct str key, struct str value),
                              void *context)
{
    for (uint32_t row = 0; row < changes->n_rows; row++)
        changes->order[row] = row;
    qsort_r(changes->order, changes->n_rows, sizeof(*changes->order), by_key, changes);
    for (uint32_t i = 0; i < changes->n_rows; i++) {
        if (!emit_row(changes, changes->order[i], put, context))
            return ERR_IO;
    }
    return OK;
}
