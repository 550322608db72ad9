/*
 * The keeper thread: keeps the item fold of this process on disk, as snapshots
 * (item_snapshot.h), every state.snapshot_interval and at a clean stop; and prepares the rows
 * of
 * `<app>-items-table` (item_table.h).
 *
 * It works from held views: the fold thread goes on meanwhile and waits for nothing.
 */
#ifndef FRESHET_CORE_ITEM_KEEPER_H
#define FRESHET_CORE_ITEM_KEEPER_H

#include "core/runtime.h"

struct item_keeper;

enum status item_keeper_start(struct runtime *runtime, struct item_keeper **out,
                              struct error *err);

/** Waits for the thread; then a last snapshot. After the fold thread; NULL is a no-op. */
void item_keeper_stop(struct item_keeper *keeper);

#endif
