/*
 * Time is counted in epochs: the n-th published view has epoch n. A block is born in the epoch
 * that is being built when it is allocated and dies in the one that replaces it; exactly the
 * views with born <= epoch < died can see it.
 *
 *     epoch      3      4      5      6 (being built)
 *     views      held   gone   newest
 *     block A    |------------------|          born 2, died 6: seen by 3 and 5, stays
 *     block B           |----|                 born 4, died 5: seen by 4 only, freed
 *
 * Taking a reference is the hard part: between reading "which view is newest" and counting
 * oneself on it, the writer may free it. So both are one word, slot << 48 | count, and
 * acquire adds 1 to it. When the writer replaces the word it learns how many references were
 * given out through it and adds them to n_owed of the slot, from which release has been
 * subtracting all along. A replaced slot is free when n_owed is 0. 48 bits last nine years at
 * a million references a second from one view.
 */
#include "models/view_set.h"

#include "core/base/fault.h"

#include <stdlib.h>
#include <string.h>

enum {
    COUNT_BITS = 48,
    HEADER_BYTES = 64, /* keeps what follows on a cache line of its own */
    SPARE_MAX = 1024,  /* 4 MB of pages kept for reuse */
};

struct view_block {
    struct view_block *next;
    uint64_t born, died;
    size_t bytes;
};
_Static_assert(sizeof(struct view_block) <= HEADER_BYTES, "the header fits before the block");
_Static_assert(VIEW_SET_SLOTS <= 1 << (64 - COUNT_BITS), "a slot number fits above the count");

static struct view_block *header_of(const void *block)
{
    return (struct view_block *)((uintptr_t)block - HEADER_BYTES);
}

void view_set_init(struct view_set *set)
{
    memset(set, 0, sizeof(*set));
    set->epoch = 1;
}

static void block_free(struct view_set *set, struct view_block *block)
{
    atomic_fetch_sub_explicit(&set->held_bytes, block->bytes, memory_order_relaxed);
    if (block->bytes == VIEW_PAGE_BYTES && set->n_spare < SPARE_MAX) {
        block->next = set->spare;
        set->spare = block;
        set->n_spare++;
        return;
    }
    free(block);
}

static void free_list(struct view_block *block)
{
    while (block) {
        struct view_block *next = block->next;

        free(block);
        block = next;
    }
}

void view_set_deinit(struct view_set *set)
{
    free_list(set->retired);
    free_list(set->spare);
    set->retired = set->spare = NULL;
}

void *view_set_alloc(struct view_set *set, size_t bytes)
{
    struct view_block *block = set->spare;

    if (fault_hit("view_alloc"))
        return NULL;
    if (bytes == VIEW_PAGE_BYTES && block) {
        set->spare = block->next;
        set->n_spare--;
    } else {
        block = aligned_alloc(64, (HEADER_BYTES + bytes + 63) & ~(size_t)63);
        if (!block)
            return NULL;
        block->bytes = bytes;
    }
    block->born = set->epoch;
    atomic_fetch_add_explicit(&set->held_bytes, bytes, memory_order_relaxed);
    return (char *)block + HEADER_BYTES;
}

bool view_set_is_shared(const struct view_set *set, const void *block)
{
    return header_of(block)->born < set->epoch;
}

void view_set_retire(struct view_set *set, void *memory)
{
    struct view_block *block;

    if (!memory)
        return;
    block = header_of(memory);
    block->died = set->epoch;
    if (block->born == block->died) { /* no view has ever seen it */
        block_free(set, block);
        return;
    }
    block->next = set->retired;
    set->retired = block;
}

/* Gives back the slots of replaced views without readers; returns the epochs still held. */
static uint32_t held_epochs(struct view_set *set, uint64_t *out)
{
    uint32_t newest =
        (uint32_t)(atomic_load_explicit(&set->current, memory_order_relaxed) >> COUNT_BITS);
    uint32_t n = 0;

    for (uint32_t s = 0; s < VIEW_SET_SLOTS; s++) {
        struct view_slot *slot = &set->slots[s];

        if (!slot->used)
            continue;
        if (s != newest && atomic_load_explicit(&slot->n_owed, memory_order_acquire) == 0)
            slot->used = false;
        else
            out[n++] = slot->epoch;
    }
    return n;
}

static bool is_seen(const struct view_block *block, const uint64_t *epochs, uint32_t n)
{
    for (uint32_t e = 0; e < n; e++) {
        if (epochs[e] >= block->born && epochs[e] < block->died)
            return true;
    }
    return false;
}

static void reclaim(struct view_set *set)
{
    uint64_t epochs[VIEW_SET_SLOTS];
    uint32_t n = held_epochs(set, epochs);
    struct view_block **at = &set->retired;

    while (*at) {
        struct view_block *block = *at;

        if (is_seen(block, epochs, n)) {
            at = &block->next;
            continue;
        }
        *at = block->next;
        block_free(set, block);
    }
}

static uint32_t free_slot(const struct view_set *set)
{
    uint32_t s = 0;

    while (s < VIEW_SET_SLOTS && set->slots[s].used)
        s++;
    return s;
}

bool view_set_has_room(struct view_set *set)
{
    reclaim(set);
    return free_slot(set) < VIEW_SET_SLOTS;
}

enum status view_set_publish(struct view_set *set, const void *view, uint32_t *out_slot)
{
    uint32_t s = free_slot(set);
    uint64_t old;
    struct view_slot *slot, *old_slot;

    if (s == VIEW_SET_SLOTS)
        return ERR_FULL;
    slot = &set->slots[s];
    slot->view = view;
    slot->epoch = set->epoch++;
    slot->used = true;
    atomic_store_explicit(&slot->n_owed, 0, memory_order_relaxed);
    *out_slot = s;

    old = atomic_exchange_explicit(&set->current, (uint64_t)s << COUNT_BITS,
                                   memory_order_acq_rel);
    old_slot = &set->slots[old >> COUNT_BITS];
    if (old_slot->used && old_slot != slot)
        atomic_fetch_add_explicit(&old_slot->n_owed,
                                  (int64_t)(old & (((uint64_t)1 << COUNT_BITS) - 1)),
                                  memory_order_acq_rel);
    reclaim(set);
    return OK;
}

const void *view_set_acquire(struct view_set *set)
{
    uint64_t word = atomic_fetch_add_explicit(&set->current, 1, memory_order_acquire);

    return set->slots[word >> COUNT_BITS].view;
}

void view_set_release(struct view_set *set, uint32_t slot)
{
    atomic_fetch_sub_explicit(&set->slots[slot].n_owed, 1, memory_order_release);
}

size_t view_set_bytes(const struct view_set *set)
{
    return atomic_load_explicit(&((struct view_set *)(uintptr_t)set)->held_bytes,
                                memory_order_relaxed);
}
