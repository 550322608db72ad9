/*
 * Read-only views of something one thread keeps changing.
 *
 * The writer builds a view out of blocks, publishes it and goes on; blocks that a published
 * view can see are never written again but replaced, and the replaced one is retired. Readers
 * take the newest view with one atomic addition and give it back with another; they never
 * wait, and the writer never waits for them. A block is freed once no view that can see it is
 * held, so a slow reader delays only that, and only for the blocks of its own view.
 *
 * Writer: one thread. acquire and release: any thread.
 */
#ifndef FRESHET_MODELS_VIEW_SET_H
#define FRESHET_MODELS_VIEW_SET_H

#include "core/base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Views held at once, the newest included. A worker holds one or two, an HTTP thread one. */
enum { VIEW_SET_SLOTS = 256 };

struct view_block;

struct view_slot {
    const void *view;
    uint64_t epoch;
    bool used;              /* writer only */
    _Atomic int64_t n_owed; /* references given out and not returned; see view_set.c */
};

struct view_set {
    uint64_t epoch;             /* of the view being built; the writer's */
    _Atomic uint64_t current;   /* newest view's slot << 48 | times it was acquired */
    struct view_block *retired; /* waiting for their readers */
    struct view_block *spare;   /* freed blocks of VIEW_PAGE_BYTES, kept for reuse */
    uint32_t n_spare;
    _Atomic size_t held_bytes;
    struct view_slot slots[VIEW_SET_SLOTS];
};

/* The block size that is recycled: what cow_table asks for. */
enum { VIEW_PAGE_BYTES = 4096 };

void view_set_init(struct view_set *set);

/** Frees retired blocks; nobody may hold a view. Blocks in use are their owners' to retire. */
void view_set_deinit(struct view_set *set);

/** A block of the view being built, aligned to 64, not initialised; NULL: no memory. */
void *view_set_alloc(struct view_set *set, size_t bytes);

/** True if a published view may see the block: then it must be replaced, not written. */
bool view_set_is_shared(const struct view_set *set, const void *block);

/** The view being built, and later ones, no longer use the block. NULL is a no-op. */
void view_set_retire(struct view_set *set, void *block);

/**
 * Makes view the newest and frees what nobody can see any more. ERR_FULL: VIEW_SET_SLOTS views
 * are held; the old one stays the newest, and the next call may succeed.
 */
enum status view_set_publish(struct view_set *set, const void *view, uint32_t *out_slot);

/** True if publish would find a slot (and frees what can be freed). */
bool view_set_has_room(struct view_set *set);

/** The newest view; after the first publish never NULL. */
const void *view_set_acquire(struct view_set *set);

/** slot: what publish gave for this view. */
void view_set_release(struct view_set *set, uint32_t slot);

/** Bytes in blocks, retired ones included. Any thread. */
size_t view_set_bytes(const struct view_set *set);

#endif
