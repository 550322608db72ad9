/*
 * The item model in Kafka: the compacted topic `<app>-items-table`, from which a machine
 * without a snapshot starts, also when `<app>-items` no longer reaches back to its beginning.
 *
 *   key "row/17/0"    item number 17, slot 0: version u8, round's items offset, the row's bytes
 *   key "slots/0"     version u8, round's items offset, a bit per item: where its row lies
 *   key "cover"       version u8, items offset, fingerprint of the models, stamp sum, number of
 *                     items, and what is no row
 *
 * The owner of task 0 writes in rounds, within its transactions: the rows touched since the
 * last cover, as one view has them, then slots and cover. A round takes many transactions, and
 * a reader may come in the middle: so a row goes into the slot that the last cover does *not*
 * use, and takes effect with the next cover, which turns its bit. What the last cover says is
 * in the topic whole at any time, whatever else is; a round that was given up is written over.
 *
 *   cover r      row 17 in slot 0, row 18 in slot 1
 *   round r+1    row 17 touched: into slot 1        <- a reader still takes 17 from slot 0
 *   cover r+1    row 17 in slot 1, row 18 in slot 1
 *
 * Everything a fold consists of is carried, in rows or in the cover, and nothing is computed
 * anew: so a fold made of it is byte for byte the fold at the cover's offset. Which rows were
 * touched is told by their stamps (item_save.h), to any owner alike; and that all rows read
 * belong together, by the sum of the stamps. Space: at most two versions of each row.
 */
#ifndef FRESHET_CORE_ITEM_TABLE_H
#define FRESHET_CORE_ITEM_TABLE_H

#include "core/runtime.h"
#include "models/item_save.h"

enum {
    ITEM_TABLE_VERSION = 1,
    ITEM_TABLE_CHUNK_BYTES = 256 << 10, /* of one transaction, but for a cover */
    ITEM_SLOTS_PER_RECORD = 1 << 22,    /* bits: 512 KB, half of the largest record */
};

/* ---- reading ---- */

struct item_cover {
    int64_t items_offset;
    uint64_t fingerprint, stamp_sum;
    uint32_t n_items;
    uint8_t *slots; /* bit per item; malloc'ed */
    uint8_t *rest;  /* malloc'ed */
    uint32_t rest_len;
};

void item_cover_deinit(struct item_cover *cover);

/** Slot of an item number < n_items in the topic. */
static inline unsigned item_slot(const uint8_t *slots, uint32_t number)
{
    return slots[number >> 3] >> (number & 7) & 1;
}

/**
 * The newest cover of `<app>-items-table`. ERR_NOT_FOUND: none yet; ERR_TIMEOUT: no answer, or
 * somebody's transaction is open: try again; ERR_STATE: the process is stopping; ERR_NOMEM.
 */
enum status item_table_find(const struct runtime *runtime, struct item_cover *out,
                            struct error *err);

/**
 * The fold that the cover describes, without catalogue. ERR_STATE: its rows do not belong
 * together (compacted away while they were read: find the newer cover); ERR_FULL, ERR_TIMEOUT,
 * ERR_NOMEM.
 */
enum status item_table_load(const struct runtime *runtime, const struct item_cover *cover,
                            struct item_fold **out, struct error *err);

/* ---- writing ---- */

struct item_table;

/** NULL: out of memory. */
struct item_table *item_table_open(struct runtime *runtime);
/** After the workers; NULL is a no-op. */
void item_table_close(struct item_table *table);

/** The keeper thread, often: prepares rows for the owner of task 0, if that is here. */
void item_table_tick(struct item_table *table);

/* For the worker that has task 0; home: its home. table NULL: nothing is ever waiting. */

/** Are there records to be written? */
bool item_table_waiting(struct item_table *table, const struct task_home *home);

/**
 * Gives the waiting records, if any, for the transaction being put together, which must touch
 * task 0 (else a zombie could write). put() returns false to stop; then false. Exactly one
 * settle() follows.
 */
bool item_table_put(struct item_table *table, const struct task_home *home,
                    bool (*put)(void *context, struct str key, struct str value),
                    void *context);

/** The transaction is committed, or void: then the records wait again. */
void item_table_settle(struct item_table *table, bool committed);

#endif
