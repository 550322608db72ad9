/*
 * What one open transaction has changed, above cache and database.
 *
 *   slots     decoded persons of the batch at hand, worked on as structs
 *   overlay   encoded bytes of every person the transaction has touched
 *
 * get() decodes into a slot, scatter() encodes changed slots back; at the end of the
 * transaction each() gives every changed value once. reset() forgets all of it: an aborted
 * transaction leaves no trace. One worker thread.
 */
#ifndef FRESHET_FEATURES_USER_OVERLAY_H
#define FRESHET_FEATURES_USER_OVERLAY_H

#include "core/base/arena.h"
#include "features/user_cache.h"
#include "schemas/user_state.h"

enum {
    OVERLAY_USERS_MAX = 1 << 20,    /* persons of one transaction: a storm of due timers fits */
    OVERLAY_USERS_ENOUGH = 1 << 14, /* a worker ends its transaction here */
};

struct user_overlay;

enum status user_overlay_open(size_t arena_limit_bytes, struct user_overlay **out);
void user_overlay_close(struct user_overlay *overlay);

/**
 * The person as the transaction has her so far; valid until scatter(). Somebody never met is
 * an empty state. ERR_FULL: end the transaction; ERR_IO: the store failed or holds damaged
 * bytes. task's cache must outlive the transaction.
 */
enum status user_overlay_get(struct user_overlay *overlay, struct user_cache *cache,
                             uint16_t task, struct str user_id, struct user_state **out,
                             struct error *err);

/** Marks a person given by get() since the last scatter as changed. */
void user_overlay_changed(struct user_overlay *overlay, const struct user_state *user);

/** Slots left before get() needs a scatter(); get() for a person in a slot needs none. */
uint32_t user_overlay_slots_left(const struct user_overlay *overlay);

/** Encodes changed slots; every struct given by get() is invalid from here on. ERR_FULL. */
enum status user_overlay_scatter(struct user_overlay *overlay);

/** Memory for strings that changed persons keep; lives until reset(). */
struct arena *user_overlay_arena(struct user_overlay *overlay);

struct overlay_value {
    uint16_t task;
    struct str user_id;
    uint64_t hash;        /* hash64(user_id) */
    const uint8_t *bytes; /* len 0: the person goes */
    size_t len;
    struct user_cache *cache;
    struct user_cache_entry *found; /* in the cache, for user_cache_put() */
};

/** After scatter: every changed value, in order of first touch; false from each() stops. */
bool user_overlay_each(const struct user_overlay *overlay,
                       bool (*each)(void *context, const struct overlay_value *value),
                       void *context);

uint32_t user_overlay_count(const struct user_overlay *overlay);

void user_overlay_reset(struct user_overlay *overlay);

#endif
