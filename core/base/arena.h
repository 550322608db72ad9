/*
 * Memory that is given back all at once: the strings and records of a batch.
 *
 * Blocks are kept across reset(), so a worker stops asking malloc after its first batches.
 * One thread at a time. Allocation fails (NULL) beyond the limit given at init.
 */
#ifndef FRESHET_CORE_BASE_ARENA_H
#define FRESHET_CORE_BASE_ARENA_H

#include "core/base/str.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first; /* all blocks, in order of use */
    struct arena_block *current;
    size_t used_in_current;
    size_t reserved_bytes; /* sum of the blocks */
    size_t used_bytes;     /* handed out since the last reset */
    size_t limit_bytes;
};

/** Empty; takes no memory yet. limit_bytes bounds the sum of the blocks. */
void arena_init(struct arena *arena, size_t limit_bytes);

/** size bytes aligned to 16, uninitialised, valid until reset; NULL at the limit. */
void *arena_alloc(struct arena *arena, size_t size);

/** As arena_alloc, zeroed. */
void *arena_zalloc(struct arena *arena, size_t size);

/** Gives back the end of the newest allocation: memory keeps its first size bytes. */
void arena_trim(struct arena *arena, const void *memory, size_t size);

/** A copy of text; ptr NULL on an absent text or at the limit. */
struct str arena_copy(struct arena *arena, struct str text);

/** Everything handed out is invalid from here on; the blocks stay for reuse. */
void arena_reset(struct arena *arena);

/** Frees the blocks; init again before further use. */
void arena_deinit(struct arena *arena);

#endif
