/*
 * Everything item-side that is learnt or told: the fold over `<app>-items` and the catalogue,
 * and the read-only views of it (DESIGN 3 "Items", MODELS 2, 4 and 5).
 *
 *   fold thread:  item_fold_apply / item_fold_catalog ...  -> item_fold_publish
 *   any thread:   item_view_acquire -> rank_lists, item_view_facts, ... -> item_view_release
 *   workers:      item_changes_collect ... -> item_changes_emit -> records of <app>-items
 *
 * One fold thread per process writes. A view is immutable from its publication to its last
 * release; a slow reader delays nothing but the freeing of replaced pages. The same records in
 * the same order give the same bytes in every process.
 */
#ifndef FRESHET_MODELS_ITEM_VIEW_H
#define FRESHET_MODELS_ITEM_VIEW_H

#include "core/base/status.h"
#include "schemas/event_batch.h"
#include "schemas/feature_batch.h"
#include "schemas/item_facts.h"
#include "schemas/ranking.h"

struct item_fold;
struct item_view;

struct item_model_config {
    uint32_t
        items_max; /* bound of the item table; a new item beyond it is counted and left out */
    uint32_t catalog_partitions;
    int64_t covisit_half_life_ms;    /* 14 d */
    int64_t popularity_half_life_ms; /* 7 d */
    uint64_t seed;                   /* of initial item vectors */
};

/** The defaults of MODELS. */
struct item_model_config item_model_defaults(void);

/** On OK, *out is the caller's, to be given to item_fold_close(). ERR_INVALID, ERR_NOMEM. */
enum status item_fold_open(const struct item_model_config *config, struct item_fold **out,
                           struct error *err);
void item_fold_close(struct item_fold *fold); /* NULL is a no-op; no view may be held */

/**
 * Folds one record of <app>-items; next_offset = its offset + 1. An unreadable record is
 * counted and left out (all processes see the same bytes, so all leave it out). Fold thread
 * only. ERR_NOMEM only.
 */
enum status item_fold_apply(struct item_fold *fold, struct str key, struct str value,
                            int64_t next_offset);

/** Folds one catalogue record; item NULL: tombstone for key. Deep copies. Fold thread only. */
enum status item_fold_catalog(struct item_fold *fold, struct str key,
                              const struct catalog_item *item, int32_t partition,
                              int64_t next_offset);

/** Moves the positions without a change (transaction markers, refused records). */
void item_fold_advance_items(struct item_fold *fold, int64_t next_offset);
void item_fold_advance_catalog(struct item_fold *fold, int32_t partition, int64_t next_offset);

/**
 * Makes all that was folded visible as a new view, if anything changed. Fold thread only.
 * ERR_NOMEM; ERR_FULL: 256 views are held, the newest stays and a later call may succeed.
 */
enum status item_fold_publish(struct item_fold *fold);

/** The newest view; never NULL after open. Any thread. Pair with release. */
const struct item_view *item_view_acquire(struct item_fold *fold);
void item_view_release(struct item_fold *fold, const struct item_view *view);

/** Next offsets this view includes. */
int64_t item_view_items_offset(const struct item_view *view);
int64_t item_view_catalog_offset(const struct item_view *view, int32_t partition);

/** "items:N,catalog:M0.M1…" of INTERFACES 3; terminated, cut at capacity. Returns the length.
 */
uint32_t item_view_name(const struct item_view *view, char *out, uint32_t capacity);

uint32_t item_view_n_items(const struct item_view *view);

/** Number of an item; UINT32_MAX if the fold has not met it. */
uint32_t item_view_find(const struct item_view *view, uint64_t item);

/** Id of an item number < n_items. */
struct str item_view_id(const struct item_view *view, uint32_t number);

/** Catalogue facts by item key; NULL if the catalogue has never named it. */
const struct item_facts *item_view_facts(const struct item_view *view, uint64_t item);

/** The same as producers' interface; valid while the view is held. */
struct item_lookup item_view_lookup(const struct item_view *view);

/** Text of the model version for the records, e.g. "spine-1". */
const char *item_view_model_version(const struct item_view *view);

/* ---- ranking ---- */

/**
 * Fills rankings[0..n) with lists of at most k items for requests[0..n). Cannot fail: what has
 * learnt nothing gives n == 0. Delisted and sold-out items never appear; the current item may
 * (MODELS 7.1). Ties: higher score, more recent last event, lower item number. Any thread;
 * the scratch is the caller's, one per thread.
 */
struct rank_scratch;
enum status rank_scratch_open(struct rank_scratch **out, struct error *err);
void rank_scratch_close(struct rank_scratch *scratch);
void rank_lists(const struct item_view *view, struct rank_scratch *scratch, uint32_t n,
                const struct rank_request *requests, uint32_t k, struct ranking *rankings);

/* ---- what a transaction teaches about items ---- */

/* Sums of one worker's open transaction; one record per touched row when it ends. */
struct item_changes;
enum status item_changes_open(const struct item_model_config *config, struct item_changes **out,
                              struct error *err);
void item_changes_close(struct item_changes *changes);

/** Adds what the live lanes teach, in lane order, judged with the transaction's view. */
void item_changes_collect(struct item_changes *changes, const struct item_view *view,
                          const struct event_batch *events,
                          const struct feature_batch *features);

/**
 * Gives every touched row as one record, in key order (so the same sums give the same bytes).
 * put() returns false to stop; then emit returns ERR_IO. The bytes live until the next call.
 */
enum status item_changes_emit(struct item_changes *changes,
                              bool (*put)(void *context, struct str key, struct str value),
                              void *context);

/** Rows touched so far: a worker ends its transaction before this reaches ITEM_CHANGES_MAX. */
enum { ITEM_CHANGES_MAX = 65536 };
uint32_t item_changes_count(const struct item_changes *changes);

void item_changes_reset(struct item_changes *changes); /* empty, memory kept */

/* ---- for inspect, tests and the metrics ---- */

/** Bytes held by the fold and its views. Any thread. */
size_t item_fold_memory_bytes(const struct item_fold *fold);

/** Writes one JSON line per item in key order: counts, neighbours, vector norm. */
enum status item_view_dump(const struct item_view *view, void *file /* FILE* */);

/** A checksum over everything folded (not over catalogue): equal folds, equal sums. */
uint64_t item_view_checksum(const struct item_view *view);

#endif
