/*
 * Snapshots of the item fold: one file in the state directory, from which a start goes on
 * instead of reading `<app>-items` and the catalogue from their beginnings.
 *
 *   magic "FRESHITM" | format u32 | blocks: length u32, payload, checksum u64
 *
 *   'h'  app, cluster, fingerprint of the models, wall time, items offset, counts, catalogue
 *        offsets
 *   'r'  what is no row             'i'  rows: first number, how many, each: length, bytes
 *   'c'  facts: how many, each      'e'  the end: how many rows and facts there were
 *
 * Little-endian. A checksum is XXH3 of length and payload, seeded with the one before, so it
 * covers everything up to its place: a cut, swapped or changed file does not read. Files are
 * written beside and renamed; a crash leaves the old one or the new one.
 */
#ifndef FRESHET_CORE_ITEM_SNAPSHOT_H
#define FRESHET_CORE_ITEM_SNAPSHOT_H

#include "core/base/settings.h"
#include "models/item_save.h"
#include "schemas/task_position.h"

enum {
    ITEM_SNAPSHOT_FORMAT = 1,
    ITEM_SNAPSHOT_BLOCK_MAX = 65 << 20, /* one catalogue record, however large, and a little */
};

/* Whose snapshot it is, and how it is to be read. */
struct item_snapshot_id {
    const char *app, *cluster; /* cluster "": not checked */
    const struct item_model_config *config;
};

struct item_snapshot_info {
    int64_t wall_ms; /* when it was written */
    int64_t items_offset;
    uint32_t n_items;
    uint32_t n_catalog; /* partitions */
    int64_t catalog_offset[CATALOG_PARTITIONS_MAX];
    /* Where the catalogue must be read again from for refusals nobody has reported yet. */
    int64_t catalog_from[CATALOG_PARTITIONS_MAX];
};

/**
 * Writes a held view to path. catalog_from: one per partition of the config. Any thread; the
 * fold goes on meanwhile. ERR_IO: the sentence names file and reason, and a file that was at
 * path is still there; ERR_NOMEM.
 */
enum status item_snapshot_write(const char *path, const struct item_snapshot_id *id,
                                const struct item_view *view, const int64_t *catalog_from,
                                int64_t *out_bytes, struct error *err);

/**
 * What the file says of itself. ERR_NOT_FOUND; ERR_INVALID: damaged, or no snapshot; ERR_STATE:
 * of another app or cluster, made by other models or in another format; ERR_IO.
 */
enum status item_snapshot_read_info(const char *path, const struct item_snapshot_id *id,
                                    struct item_snapshot_info *out, struct error *err);

/**
 * The fold. with_catalog false: only the item side; the catalogue is to be read from its
 * beginning. As read_info, and ERR_FULL: it holds more items than there is room for; ERR_NOMEM.
 */
enum status item_snapshot_load(const char *path, const struct item_snapshot_id *id,
                               bool with_catalog, struct item_fold **out, struct error *err);

/** True if neither the items nor a catalogue partition of it reach beyond these offsets; false
 *  for a catalogue of another number of partitions. */
bool item_snapshot_is_not_beyond(const struct item_snapshot_info *info, int64_t items_offset,
                                 const int64_t *catalog_offset, uint32_t n_catalog);

/* ---- the files of a state directory ---- */

enum { ITEM_SNAPSHOTS_MAX = 8, ITEM_SNAPSHOT_PATH_MAX = SETTING_TEXT_MAX + 64 };

struct item_snapshot_file {
    char path[ITEM_SNAPSHOT_PATH_MAX];
    int64_t items_offset; /* by its name */
};

/** Name of the file in dir that reaches to the offset. */
void item_snapshot_path(const char *dir, int64_t items_offset,
                        char out[ITEM_SNAPSHOT_PATH_MAX]);

/** The snapshots in dir, newest first; removes what an interrupted write has left if clean. */
uint32_t item_snapshot_list(const char *dir, bool clean,
                            struct item_snapshot_file out[ITEM_SNAPSHOTS_MAX]);

/**
 * All of them into another folder, by link or copy; also while their process runs. For a
 * backup: before the state is copied, so that one of them is not beyond it. ERR_IO.
 */
enum status item_snapshot_copy_all(const char *from, const char *to, struct error *err);

#endif
