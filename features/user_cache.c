/*
 * A chained hash table of entries:
 *
 *   buckets[h] -> entry {key, value, flags} -> entry -> …
 *   dirty[]       the entries RocksDB does not have yet
 *
 * A new value takes the place of the old one if it has room there and the flusher is not just
 * writing it (FLUSHING); else it is a new entry, and the old one leaves the table: freed, or
 * marked ORPHAN for the flusher to free. The
 * flusher needs the lock to take the dirty array and to clear marks, not while it writes.
 *
 * The watermark of a cycle is the changelog end known when the dirty array was taken: every
 * value before it was put before, so it is on disk or in the array. A value replaced while the
 * cycle runs lies behind that offset, and the tail of the changelog has it.
 *
 * Eviction is CLOCK over the buckets: a hand passes, clears the used mark, frees what is clean
 * and was not used since its last pass.
 */
#include "features/user_cache.h"

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/hash.h"
#include "core/base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    BUCKETS_MIN = 1024,
    FLUSH_STEP_BYTES = 128 * 1024, /* keeps a RocksDB write below a millisecond */
    ENTRY_OVERHEAD = 16,           /* malloc's own, for the budget */
    VALUE_ROUND = 64,              /* room for a person's next few events in the same place */
};

enum entry_flags { ENTRY_DIRTY = 1, ENTRY_FLUSHING = 2, ENTRY_ORPHAN = 4 };

struct user_cache_entry {
    struct user_cache_entry *next;
    uint64_t hash;
    uint32_t key_len, value_len;
    uint32_t value_capacity;
    uint32_t dirty_index; /* while DIRTY: its place in dirty[] */
    uint8_t flags;
    atomic_uchar used;
    char bytes[]; /* key, then value */
};

struct hint {
    int64_t fire_ms;
    struct str user_id; /* malloc'ed */
};

struct user_cache {
    pthread_mutex_t lock;
    struct state_db *db;
    uint16_t task;
    size_t budget_bytes;
    _Atomic size_t bytes, dirty_bytes;
    struct user_cache_entry **buckets;
    size_t n_buckets, n_entries, hand;
    struct user_cache_entry **dirty;
    uint32_t n_dirty, dirty_capacity;
    struct hint *hints;
    uint32_t n_hints, hints_capacity;
    int64_t changelog_next; /* -1: nothing committed since the task was gained */
    uint8_t *position;
    size_t position_len;
};

static size_t entry_bytes(const struct user_cache_entry *entry)
{
    return sizeof(*entry) + ENTRY_OVERHEAD + entry->key_len + entry->value_capacity;
}

static struct str entry_key(const struct user_cache_entry *entry)
{
    return (struct str){entry->bytes, entry->key_len};
}

enum status user_cache_open(uint16_t task, struct state_db *db, size_t budget_bytes,
                            struct user_cache **out)
{
    struct user_cache *cache = calloc(1, sizeof(*cache));

    if (!cache || !(cache->buckets = calloc(BUCKETS_MIN, sizeof(*cache->buckets)))) {
        free(cache);
        return ERR_NOMEM;
    }
    pthread_mutex_init(&cache->lock, NULL);
    cache->n_buckets = BUCKETS_MIN;
    cache->task = task;
    cache->db = db;
    cache->budget_bytes = budget_bytes;
    cache->changelog_next = -1;
    *out = cache;
    return OK;
}

void user_cache_close(struct user_cache *cache)
{
    if (!cache)
        return;
    for (size_t b = 0; b < cache->n_buckets; b++) {
        for (struct user_cache_entry *entry = cache->buckets[b], *next; entry; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    for (uint32_t i = 0; i < cache->n_hints; i++)
        free((char *)(uintptr_t)cache->hints[i].user_id.ptr);
    pthread_mutex_destroy(&cache->lock);
    free(cache->buckets);
    free(cache->dirty);
    free(cache->hints);
    free(cache->position);
    free(cache);
}

static struct user_cache_entry **find_link(const struct user_cache *cache, struct str user_id,
                                           uint64_t hash)
{
    struct user_cache_entry **link = &cache->buckets[hash & (cache->n_buckets - 1)];

    while (*link && ((*link)->hash != hash || !str_equal(entry_key(*link), user_id)))
        link = &(*link)->next;
    return link;
}

void user_cache_prefetch(const struct user_cache *cache, uint64_t hash, int step)
{
    struct user_cache_entry **bucket = &cache->buckets[hash & (cache->n_buckets - 1)];

    if (step == 0) {
        __builtin_prefetch(bucket);
    } else if (*bucket) { /* header and key, then the beginning of the value */
        __builtin_prefetch(*bucket);
        __builtin_prefetch((const char *)*bucket + 64);
        __builtin_prefetch((const char *)*bucket + 128);
        __builtin_prefetch((const char *)*bucket + 192);
    }
}

struct user_cache_entry *user_cache_find(struct user_cache *cache, struct str user_id,
                                         uint64_t hash, const uint8_t **out, size_t *out_len)
{
    struct user_cache_entry *entry = *find_link(cache, user_id, hash);

    if (!entry)
        return NULL;
    atomic_store_explicit(&entry->used, 1, memory_order_relaxed);
    *out = (const uint8_t *)entry->bytes + entry->key_len;
    *out_len = entry->value_len;
    return entry;
}

enum status user_cache_miss(struct user_cache *cache, struct str user_id, char **out,
                            size_t *out_len)
{
    return state_db_get_user(cache->db, cache->task, user_id, out, out_len);
}

void user_cache_lock(struct user_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
}

static void add_bytes(_Atomic size_t *counter, size_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Takes an entry that is no longer linked: out of the dirty array, and out of memory unless
 * the flusher is writing it. */
static void release_entry(struct user_cache *cache, struct user_cache_entry *entry)
{
    add_bytes(&cache->bytes, -entry_bytes(entry));
    cache->n_entries--;
    if (entry->flags & ENTRY_DIRTY) {
        struct user_cache_entry *last = cache->dirty[--cache->n_dirty];

        cache->dirty[entry->dirty_index] = last;
        last->dirty_index = entry->dirty_index;
        add_bytes(&cache->dirty_bytes, -entry_bytes(entry));
    }
    if (entry->flags & ENTRY_FLUSHING)
        entry->flags = ENTRY_FLUSHING | ENTRY_ORPHAN;
    else
        free(entry);
}

static void grow(struct user_cache *cache)
{
    size_t n = cache->n_buckets * 2;
    struct user_cache_entry **buckets = calloc(n, sizeof(*buckets));

    if (!buckets)
        return; /* longer chains, nothing worse */
    for (size_t b = 0; b < cache->n_buckets; b++) {
        for (struct user_cache_entry *entry = cache->buckets[b], *next; entry; entry = next) {
            next = entry->next;
            entry->next = buckets[entry->hash & (n - 1)];
            buckets[entry->hash & (n - 1)] = entry;
        }
    }
    free(cache->buckets);
    cache->buckets = buckets;
    cache->n_buckets = n;
    cache->hand = 0;
}

/* Passes the hand until there is room or it has been round twice. */
static void evict(struct user_cache *cache)
{
    for (size_t passed = 0; passed < cache->n_buckets * 2; passed++) {
        if (atomic_load_explicit(&cache->bytes, memory_order_relaxed) <= cache->budget_bytes)
            return;
        struct user_cache_entry **link = &cache->buckets[cache->hand];

        while (*link) {
            struct user_cache_entry *entry = *link;

            if (!entry->flags &&
                !atomic_exchange_explicit(&entry->used, 0, memory_order_relaxed)) {
                *link = entry->next;
                release_entry(cache, entry);
            } else {
                link = &entry->next;
            }
        }
        cache->hand = (cache->hand + 1) & (cache->n_buckets - 1);
    }
}

static bool reserve_dirty(struct user_cache *cache)
{
    if (cache->n_dirty < cache->dirty_capacity)
        return true;
    uint32_t capacity = cache->dirty_capacity ? cache->dirty_capacity * 2 : 1024;
    struct user_cache_entry **dirty = realloc(cache->dirty, capacity * sizeof(*dirty));

    if (!dirty)
        return false;
    cache->dirty = dirty;
    cache->dirty_capacity = capacity;
    return true;
}

static void mark_dirty(struct user_cache *cache, struct user_cache_entry *entry)
{
    entry->flags |= ENTRY_DIRTY;
    entry->dirty_index = cache->n_dirty;
    cache->dirty[cache->n_dirty++] = entry;
    add_bytes(&cache->dirty_bytes, entry_bytes(entry));
}

static struct user_cache_entry *new_entry(struct str user_id, uint64_t hash, size_t len)
{
    size_t capacity = (len + VALUE_ROUND - 1) & ~(size_t)(VALUE_ROUND - 1);
    struct user_cache_entry *entry = malloc(sizeof(*entry) + user_id.len + capacity);

    if (!entry)
        return NULL;
    *entry = (struct user_cache_entry){
        .hash = hash, .key_len = user_id.len, .value_capacity = (uint32_t)capacity};
    memcpy(entry->bytes, user_id.ptr, user_id.len);
    return entry;
}

static bool has_room(const struct user_cache_entry *entry, size_t len)
{
    return entry && !(entry->flags & ENTRY_FLUSHING) && entry->value_capacity >= len;
}

/* An entry with room for the value, in the place of the person's old one. NULL: no memory. */
static struct user_cache_entry *entry_for(struct user_cache *cache, struct str user_id,
                                          uint64_t hash, size_t len)
{
    struct user_cache_entry **link = find_link(cache, user_id, hash), *old = *link, *entry;

    if (has_room(old, len))
        return old;
    entry = new_entry(user_id, hash, len);
    if (!entry)
        return NULL;
    entry->next = old ? old->next : NULL;
    *link = entry;
    cache->n_entries++;
    add_bytes(&cache->bytes, entry_bytes(entry));
    if (old)
        release_entry(cache, old);
    return entry;
}

enum status user_cache_put(struct user_cache *cache, struct user_cache_entry *found,
                           struct str user_id, uint64_t hash, const uint8_t *bytes, size_t len)
{
    struct user_cache_entry *entry = found;

    if (!reserve_dirty(cache) ||
        (!has_room(entry, len) && !(entry = entry_for(cache, user_id, hash, len))))
        return ERR_NOMEM;
    if (len)
        memcpy(entry->bytes + entry->key_len, bytes, len);
    entry->value_len = (uint32_t)len;
    atomic_store_explicit(&entry->used, 1, memory_order_relaxed);
    if (!(entry->flags & ENTRY_DIRTY))
        mark_dirty(cache, entry);
    if (cache->n_entries > cache->n_buckets)
        grow(cache);
    return OK;
}

void user_cache_drop_hint(struct user_cache *cache, int64_t fire_ms, struct str user_id)
{
    if (cache->n_hints == cache->hints_capacity) {
        uint32_t capacity = cache->hints_capacity ? cache->hints_capacity * 2 : 256;
        struct hint *hints = realloc(cache->hints, capacity * sizeof(*hints));

        if (!hints)
            return; /* a hint left behind costs one look, no more */
        cache->hints = hints;
        cache->hints_capacity = capacity;
    }
    char *copy = malloc(user_id.len ? user_id.len : 1);

    if (!copy)
        return;
    memcpy(copy, user_id.ptr, user_id.len);
    cache->hints[cache->n_hints++] = (struct hint){fire_ms, {copy, user_id.len}};
}

void user_cache_unlock(struct user_cache *cache, int64_t changelog_next,
                       const uint8_t *position, size_t position_len)
{
    uint8_t *copy = realloc(cache->position, position_len);

    if (copy) {
        memcpy(copy, position, position_len);
        cache->position = copy;
        cache->position_len = position_len;
        cache->changelog_next = changelog_next;
    }
    evict(cache);
    pthread_mutex_unlock(&cache->lock);
}

enum status user_cache_read(struct user_cache *cache, struct str user_id, uint8_t **out,
                            size_t *out_len)
{
    uint64_t hash = hash64(user_id);
    enum status status = ERR_NOT_FOUND;
    const uint8_t *bytes;
    size_t len;

    pthread_mutex_lock(&cache->lock);
    bool here = NULL != user_cache_find(cache, user_id, hash, &bytes, &len);

    if (here && len) {
        *out = malloc(len);
        if (*out) {
            memcpy(*out, bytes, len);
            *out_len = len;
        }
        status = *out ? OK : ERR_NOMEM;
    }
    pthread_mutex_unlock(&cache->lock);
    return here ? status
                : state_db_get_user(cache->db, cache->task, user_id, (char **)out, out_len);
}

/* ---- the flusher ---- */

struct cycle {
    struct user_cache_entry **entries;
    uint32_t n;
    struct hint *hints;
    uint32_t n_hints;
    int64_t changelog_next;
    uint8_t *position;
    size_t position_len;
};

/* Takes what is dirty now. False: nothing has been committed since the last cycle. */
static bool begin_cycle(struct user_cache *cache, struct cycle *cycle)
{
    *cycle = (struct cycle){0};
    pthread_mutex_lock(&cache->lock);
    bool any = cache->changelog_next >= 0;

    if (any) {
        *cycle = (struct cycle){cache->dirty,       cache->n_dirty,        cache->hints,
                                cache->n_hints,     cache->changelog_next, cache->position,
                                cache->position_len};
        for (uint32_t i = 0; i < cycle->n; i++)
            cycle->entries[i]->flags = ENTRY_FLUSHING;
        cache->dirty = NULL;
        cache->n_dirty = cache->dirty_capacity = 0;
        cache->hints = NULL;
        cache->n_hints = cache->hints_capacity = 0;
        cache->position = NULL;
        cache->changelog_next = -1;
        atomic_store_explicit(&cache->dirty_bytes, 0, memory_order_relaxed);
    }
    pthread_mutex_unlock(&cache->lock);
    return any;
}

/* entries[from..to) are on disk (or given up on): they are clean, or gone if orphaned. */
static void end_entries(struct user_cache *cache, struct cycle *cycle, uint32_t from,
                        uint32_t to)
{
    pthread_mutex_lock(&cache->lock);
    for (uint32_t i = from; i < to; i++) {
        if (cycle->entries[i]->flags & ENTRY_ORPHAN)
            free(cycle->entries[i]);
        else
            cycle->entries[i]->flags = 0;
    }
    pthread_mutex_unlock(&cache->lock);
}

/* A failed cycle: what is left becomes dirty again, and so does the watermark's absence. */
static void return_entries(struct user_cache *cache, struct cycle *cycle, uint32_t from)
{
    pthread_mutex_lock(&cache->lock);
    for (uint32_t i = from; i < cycle->n; i++) {
        struct user_cache_entry *entry = cycle->entries[i];

        if (entry->flags & ENTRY_ORPHAN) {
            free(entry);
            continue;
        }
        ensure(reserve_dirty(cache));
        entry->flags = 0;
        mark_dirty(cache, entry);
    }
    if (cache->changelog_next < 0) {
        cache->changelog_next = cycle->changelog_next;
        cache->position = cycle->position;
        cache->position_len = cycle->position_len;
        cycle->position = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
}

static int by_key(const void *a, const void *b)
{
    const struct user_cache_entry *const *x = a, *const *y = b;

    return str_compare(entry_key(*x), entry_key(*y));
}

static enum status write_watermark(struct user_cache *cache, const struct cycle *cycle,
                                   struct state_write *write, struct error *err)
{
    if (fault_hit("kill_in_flush") || fault_hit("stop_in_flush"))
        log_warn("fault", "at=in_flush");
    state_write_position(write, cache->task, (const char *)cycle->position,
                         cycle->position_len);
    state_write_watermark(write, cache->task,
                          &(struct task_watermark){cycle->changelog_next, clock_wall_ms()});
    return state_db_commit(cache->db, write, err);
}

static enum status write_cycle(struct user_cache *cache, struct cycle *cycle,
                               struct state_write *write, uint32_t *done, struct error *err)
{
    if (mutant("mutant_watermark_first"))
        TRY(write_watermark(cache, cycle, write, err));
    for (uint32_t i = 0; i < cycle->n_hints; i++)
        state_write_remove_hint(write, cache->task, cycle->hints[i].fire_ms,
                                cycle->hints[i].user_id);
    for (uint32_t i = 0; i < cycle->n; i++) {
        const struct user_cache_entry *entry = cycle->entries[i];

        state_write_user(write, cache->task, entry_key(entry), entry->bytes + entry->key_len,
                         entry->value_len);
        if (state_write_bytes(write) >= FLUSH_STEP_BYTES) {
            TRY(state_db_commit(cache->db, write, err));
            end_entries(cache, cycle, *done, i + 1);
            *done = i + 1;
            if (fault_hit("kill_between_flush_steps"))
                log_warn("fault", "at=between_flush_steps");
        }
    }
    TRY(write_watermark(cache, cycle, write, err));
    end_entries(cache, cycle, *done, cycle->n);
    *done = cycle->n;
    return OK;
}

enum status user_cache_flush(struct user_cache *cache, struct error *err)
{
    struct cycle cycle;
    uint32_t done = 0;

    if (!begin_cycle(cache, &cycle))
        return OK;
    struct state_write *write = state_write_open();
    enum status status = ERR_NOMEM;

    if (cycle.n)
        qsort(cycle.entries, cycle.n, sizeof(*cycle.entries), by_key);
    if (write)
        status = write_cycle(cache, &cycle, write, &done, err);
    if (status != OK && mutant("mutant_flush_forgets"))
        end_entries(cache, &cycle, done, cycle.n);
    else if (status != OK)
        return_entries(cache, &cycle, done);
    for (uint32_t i = 0; i < cycle.n_hints; i++)
        free((char *)(uintptr_t)cycle.hints[i].user_id.ptr);
    free(cycle.entries);
    free(cycle.hints);
    free(cycle.position);
    state_write_close(write);
    return status;
}

size_t user_cache_bytes(const struct user_cache *cache)
{
    return atomic_load_explicit(&((struct user_cache *)(uintptr_t)cache)->bytes,
                                memory_order_relaxed);
}

size_t user_cache_dirty_bytes(const struct user_cache *cache)
{
    return atomic_load_explicit(&((struct user_cache *)(uintptr_t)cache)->dirty_bytes,
                                memory_order_relaxed);
}
