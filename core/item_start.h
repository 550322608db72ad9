/*
 * Where the item fold of a starting process begins:
 *
 *   a snapshot in the state directory   + the tail of `<app>-items` and of the catalogue
 *   else the rows of `<app>-items-table` + the tail of `<app>-items`, the whole catalogue
 *   else everything from offset 0
 *
 * All three give the same fold at the same offset. A snapshot that is damaged, of another app,
 * cluster, format or other models, beyond the topic's end or before its beginning is named in
 * the log with its reason and removed, and the next older one is tried; a table of no use is
 * named. Where nothing reaches (`<app>-items` has expired), the start ends with a sentence.
 *
 * The facts in a snapshot are used for 84 h: an older catalogue may miss tombstones that are
 * compacted away by now. The catalogue is read again from the oldest refusal that nobody has
 * reported to dead-letter when the snapshot was written.
 */
#ifndef FRESHET_CORE_ITEM_START_H
#define FRESHET_CORE_ITEM_START_H

#include "consumers/log_reader.h"
#include "core/item_snapshot.h"
#include "core/runtime.h"

enum item_source { ITEMS_FROM_SNAPSHOT, ITEMS_FROM_TABLE, ITEMS_FROM_BEGINNING };

const char *item_source_name(enum item_source source);

struct item_start {
    struct log_partition partitions[1 + CATALOG_PARTITIONS_MAX]; /* items first */
    struct log_reader *reader; /* over them, at the offsets to go on from; the caller's */
    struct item_fold *fold;    /* the caller's */
    int64_t catalog_offset[CATALOG_PARTITIONS_MAX]; /* before it: refusals only, not folded */
    enum item_source source;
    char items_topic[300];
};

/**
 * Finds the beginning and opens the reader. from: the best source to consider (the order
 * above). clean: the state directory is this process': snapshots of no use are removed. Blocks
 * for as long as loading takes. ERR_TIMEOUT: no broker answers, try again; ERR_STATE: records
 * are gone that nothing replaces; ERR_FULL: more items than state.memory has room for;
 * ERR_NOMEM, ERR_IO. The struct is kept at its address: the reader points into it.
 */
enum status item_start_open(const struct runtime *runtime, enum item_source from, bool clean,
                            struct item_start *out, struct error *err);

#endif
