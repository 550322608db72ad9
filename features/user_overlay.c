#include "features/user_overlay.h"

#include "core/base/hash.h"
#include "features/user_codec.h"

#include <stdlib.h>

enum {
    CAPACITY_MIN = 2 * OVERLAY_USERS_ENOUGH, /* entries; grows by doubling, shrinks at reset */
    /* Decoded persons at a time, so that they stay in the nearest cache. Somebody met again
     * after more than so many others is decoded once more, which is rare. */
    SLOTS = 32,
    NO_SLOT = UINT16_MAX,
};

struct entry {
    struct overlay_value value;
    uint32_t place;    /* in the table */
    uint16_t slot;     /* NO_SLOT: only bytes */
    bool changed;      /* in this transaction */
    bool slot_changed; /* since the last scatter */
};

struct user_overlay {
    struct arena arena;
    uint32_t n;
    uint32_t n_slots;
    struct user_state *slots;
    uint32_t *entry_of_slot;
    uint32_t capacity; /* of entries; the table has twice as many places */
    struct entry *entries;
    uint32_t *table; /* index + 1 into entries; 0: free */
};

static uint64_t home_place(uint64_t hash, uint16_t task)
{
    return hash ^ (uint64_t)task * 0x9E3779B97F4A7C15ULL;
}

/* Makes room for capacity entries (a power of two) and enters the ones there are. */
static bool resize(struct user_overlay *overlay, uint32_t capacity)
{
    struct entry *entries = realloc(overlay->entries, capacity * sizeof(*entries));
    uint32_t *table = calloc((size_t)capacity * 2, sizeof(*table));

    if (entries)
        overlay->entries = entries;
    if (!entries || !table) {
        free(table);
        return false;
    }
    free(overlay->table);
    overlay->table = table;
    overlay->capacity = capacity;
    for (uint32_t i = 0; i < overlay->n; i++) {
        uint64_t at = home_place(entries[i].value.hash, entries[i].value.task);

        while (table[at & (2 * capacity - 1)])
            at++;
        entries[i].place = (uint32_t)(at & (2 * capacity - 1));
        table[entries[i].place] = i + 1;
    }
    return true;
}

enum status user_overlay_open(size_t arena_limit_bytes, struct user_overlay **out)
{
    struct user_overlay *overlay = calloc(1, sizeof(*overlay));

    if (!overlay)
        return ERR_NOMEM;
    arena_init(&overlay->arena, arena_limit_bytes);
    overlay->slots = malloc(SLOTS * sizeof(*overlay->slots));
    overlay->entry_of_slot = malloc(SLOTS * sizeof(*overlay->entry_of_slot));
    if (!overlay->slots || !overlay->entry_of_slot || !resize(overlay, CAPACITY_MIN)) {
        user_overlay_close(overlay);
        return ERR_NOMEM;
    }
    *out = overlay;
    return OK;
}

void user_overlay_close(struct user_overlay *overlay)
{
    if (!overlay)
        return;
    arena_deinit(&overlay->arena);
    free(overlay->slots);
    free(overlay->entry_of_slot);
    free(overlay->entries);
    free(overlay->table);
    free(overlay);
}

struct arena *user_overlay_arena(struct user_overlay *overlay)
{
    return &overlay->arena;
}

uint32_t user_overlay_count(const struct user_overlay *overlay)
{
    return overlay->n;
}

uint32_t user_overlay_slots_left(const struct user_overlay *overlay)
{
    return SLOTS - overlay->n_slots;
}

/* The place of (task, user) in the table: an index + 1, or 0 where it would go. */
static uint32_t *find_place(struct user_overlay *overlay, uint16_t task, struct str user_id,
                            uint64_t hash)
{
    for (uint64_t at = home_place(hash, task);; at++) {
        uint32_t *place = &overlay->table[at & (2 * overlay->capacity - 1)];
        const struct overlay_value *value;

        if (*place == 0)
            return place;
        value = &overlay->entries[*place - 1].value;
        if (value->hash == hash && value->task == task && str_equal(value->user_id, user_id))
            return place;
    }
}

/* Bytes of a person met for the first time in this transaction. */
static enum status load(struct user_overlay *overlay, struct overlay_value *value,
                        struct error *err)
{
    char *from_db = NULL;
    enum status status;

    value->found =
        user_cache_find(value->cache, value->user_id, value->hash, &value->bytes, &value->len);
    if (value->found)
        return OK;
    status = user_cache_miss(value->cache, value->user_id, &from_db, &value->len);
    if (status == ERR_NOT_FOUND) {
        value->len = 0;
        return OK;
    }
    if (status != OK)
        return error_set(err, status, "state: reading a person failed");
    struct str copy = arena_copy(&overlay->arena, (struct str){from_db, (uint32_t)value->len});

    free(from_db);
    value->bytes = (const uint8_t *)copy.ptr;
    return copy.ptr ? OK : error_set(err, ERR_FULL, "overlay full");
}

static enum status add_entry(struct user_overlay *overlay, struct user_cache *cache,
                             uint16_t task, struct str user_id, uint64_t hash, uint32_t *place,
                             struct error *err)
{
    struct entry *entry = &overlay->entries[overlay->n];

    ensure(overlay->n < overlay->capacity);
    *entry = (struct entry){.slot = NO_SLOT};
    entry->value = (struct overlay_value){.task = task,
                                          .user_id = arena_copy(&overlay->arena, user_id),
                                          .hash = hash,
                                          .cache = cache};
    if (!entry->value.user_id.ptr)
        return error_set(err, ERR_FULL, "overlay full");
    TRY(load(overlay, &entry->value, err));
    entry->place = (uint32_t)(place - overlay->table);
    *place = ++overlay->n;
    return OK;
}

enum status user_overlay_get(struct user_overlay *overlay, struct user_cache *cache,
                             uint16_t task, struct str user_id, struct user_state **out,
                             struct error *err)
{
    uint64_t hash = hash64(user_id);

    if (overlay->n == overlay->capacity &&
        (overlay->n >= OVERLAY_USERS_MAX || !resize(overlay, overlay->capacity * 2)))
        return error_set(err, ERR_FULL, "overlay full");
    uint32_t *place = find_place(overlay, task, user_id, hash);

    if (*place == 0)
        TRY(add_entry(overlay, cache, task, user_id, hash, place, err));
    struct entry *entry = &overlay->entries[*place - 1];

    if (entry->slot == NO_SLOT) {
        if (overlay->n_slots == SLOTS)
            return error_set(err, ERR_FULL, "overlay slots full");
        struct user_state *user = &overlay->slots[overlay->n_slots];

        if (entry->value.len == 0)
            user_state_init(user, entry->value.user_id);
        else if (!user_decode(entry->value.bytes, entry->value.len, entry->value.user_id, user))
            return error_set(err, ERR_IO,
                             "state: a person's bytes are damaged or of a newer version");
        overlay->entry_of_slot[overlay->n_slots] = *place - 1;
        entry->slot = (uint16_t)overlay->n_slots++;
        entry->slot_changed = false;
    }
    *out = &overlay->slots[entry->slot];
    return OK;
}

void user_overlay_changed(struct user_overlay *overlay, const struct user_state *user)
{
    struct entry *entry = &overlay->entries[overlay->entry_of_slot[user - overlay->slots]];

    entry->changed = entry->slot_changed = true;
}

enum status user_overlay_scatter(struct user_overlay *overlay)
{
    for (uint32_t s = 0; s < overlay->n_slots; s++) {
        struct entry *entry = &overlay->entries[overlay->entry_of_slot[s]];
        const struct user_state *user = &overlay->slots[s];

        entry->slot = NO_SLOT;
        if (!entry->slot_changed)
            continue;
        uint32_t bound = user_state_empty(user) ? 0 : user_encoded_bound(user), len = 0;
        uint8_t *bytes = arena_alloc(&overlay->arena, bound);

        if (!bytes)
            return ERR_FULL;
        if (bound) {
            len = user_encode(user, bytes, bound);
            ensure(len > 0);
            arena_trim(&overlay->arena, bytes, len);
        }
        entry->value.bytes = bytes;
        entry->value.len = len;
    }
    overlay->n_slots = 0;
    return OK;
}

bool user_overlay_each(const struct user_overlay *overlay,
                       bool (*each)(void *context, const struct overlay_value *value),
                       void *context)
{
    for (uint32_t i = 0; i < overlay->n; i++) {
        if (overlay->entries[i].changed && !each(context, &overlay->entries[i].value))
            return false;
    }
    return true;
}

void user_overlay_reset(struct user_overlay *overlay)
{
    uint32_t n = overlay->n;

    overlay->n = 0;
    overlay->n_slots = 0;
    arena_reset(&overlay->arena);
    if (overlay->capacity > CAPACITY_MIN && resize(overlay, CAPACITY_MIN))
        return;
    for (uint32_t i = 0; i < n; i++) /* a small transaction pays for its own places alone */
        overlay->table[overlay->entries[i].place] = 0;
}
