/*
 * A fold as bytes: what a snapshot file and the topic `<app>-items-table` are made of.
 *
 *   save   a held view -> "rest" (what is no row) + one row per item + facts of the catalogue
 *   load   the same pieces, rows in any order -> a fold that goes on as if it had read all
 *
 * The bytes are canonical: equal folds give equal bytes, and a fold made from them folds the
 * records that follow into the same bytes as the one they came from. Where a piece travels
 * (file, topic) and what guards it (checksum) is the caller's business; pieces may be damaged
 * or hostile all the same, and then they are refused. Little-endian.
 */
#ifndef FRESHET_MODELS_ITEM_SAVE_H
#define FRESHET_MODELS_ITEM_SAVE_H

#include "models/item_view.h"

enum {
    SAVED_ROW_MAX = 2048,       /* bytes of a row: 512 neighbours, 256 vector, 256 id, counts */
    SAVED_REST_MAX = 48 * 1024, /* 16 KB basis, 8 KB Gramian, 1 KB list, room for more */
};

/**
 * What the bytes mean: equal for programs that save alike and fold alike (models, their order
 * and formats, half-lives, seed). Not the bound items_max: see item_load_open().
 */
uint64_t item_model_fingerprint(const struct item_model_config *config);

/* ---- save: any thread, with a held view ---- */

/** The bytes live in out, of at least SAVED_REST_MAX or SAVED_ROW_MAX. Return their length. */
uint32_t item_view_save_rest(const struct item_view *view, uint8_t *out);
uint32_t item_view_save_row(const struct item_view *view, uint32_t number, uint8_t *out);

/**
 * The row's stamp: the items offset just after the last record that changed anything of it. A
 * row saved from one view is still good in another if the stamps agree.
 */
int64_t item_view_stamp(const struct item_view *view, uint32_t number);

/** A sum over all stamps: rows gathered one by one belong together if their sum agrees. */
uint64_t item_view_stamp_sum(const struct item_view *view);

/**
 * Gives the facts of every item the catalogue has named, in no order; put() returns false to
 * stop. The bytes live until the next call. ERR_IO: stopped; ERR_NOMEM.
 */
enum status item_view_each_facts(const struct item_view *view,
                                 bool (*put)(void *context, struct str bytes), void *context);

/**
 * Digests: over rest and rows, and over the facts. Equal folds at one position have equal
 * digests in every process, however they came by the fold. About 1 ns a byte.
 */
uint64_t item_view_digest(const struct item_view *view);
enum status item_view_catalog_digest(const struct item_view *view, uint64_t *out);

/* ---- load: one thread ---- */

struct item_load;

/**
 * Begins a fold of n_items rows. ERR_FULL: more than config->items_max allows. On OK *out is
 * the caller's, to be given to item_load_close().
 */
enum status item_load_open(const struct item_model_config *config, uint32_t n_items,
                           struct item_load **out, struct error *err);

/** First, and once. ERR_INVALID: the bytes make no sense; ERR_NOMEM. */
enum status item_load_rest(struct item_load *load, struct str bytes);

/** In any order; a number given again takes the later bytes. ERR_INVALID, ERR_NOMEM. */
enum status item_load_row(struct item_load *load, uint32_t number, struct str bytes);

enum status item_load_facts(struct item_load *load, struct str bytes);

/**
 * The fold at its positions (catalog_offsets: one per partition; NULL: the catalogue will be
 * read from its beginning), with a published view; *out is the caller's. ERR_INVALID: rows are
 * missing, or two name one item.
 */
enum status item_load_finish(struct item_load *load, int64_t items_offset,
                             const int64_t *catalog_offsets, struct item_fold **out,
                             struct error *err);

void item_load_close(struct item_load *load); /* NULL is a no-op */

#endif
