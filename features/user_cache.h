/*
 * The hot set of one task: committed user bytes, in memory, above RocksDB, written behind.
 *
 * Only committed values enter (after the Kafka transaction, DESIGN 3). A value that RocksDB
 * does not have yet is dirty and cannot be evicted; the flusher takes the dirty ones away in
 * cycles. Threads: the owning worker reads without a lock and changes under it; HTTP threads
 * read copies, the flusher takes and clears marks, both under the lock.
 */
#ifndef FRESHET_FEATURES_USER_CACHE_H
#define FRESHET_FEATURES_USER_CACHE_H

#include "core/base/status.h"
#include "features/state_db.h"

struct user_cache;
struct user_cache_entry;

enum status user_cache_open(uint16_t task, struct state_db *db, size_t budget_bytes,
                            struct user_cache **out);
void user_cache_close(struct user_cache *cache); /* dirty values are forgotten */

/**
 * The worker: a person's committed bytes from memory; NULL: not here (ask the database).
 * The bytes stay valid until the worker's next user_cache_put. len 0: known to be absent.
 * The entry stays until the worker's next unlock: put() with it looks nothing up again.
 */
struct user_cache_entry *user_cache_find(struct user_cache *cache, struct str user_id,
                                         uint64_t hash, const uint8_t **out, size_t *out_len);

/**
 * The worker, ahead of find() for a batch: first for all hashes with step 0, then with step 1.
 * Two loads wait for memory in a find; asked for early, a batch's loads wait together.
 */
void user_cache_prefetch(const struct user_cache *cache, uint64_t hash, int step);

/** The worker, when find() says NULL: the database's bytes, malloc'ed. ERR_NOT_FOUND, ERR_IO.
 */
enum status user_cache_miss(struct user_cache *cache, struct str user_id, char **out,
                            size_t *out_len);

/* The worker, after a commit: lock, put every value, unlock with the new changelog end. */
void user_cache_lock(struct user_cache *cache);
/**
 * found: what find() gave for this person since the last unlock, and no put() replaced since;
 * NULL if it gave none. len 0: the person is gone (kept as a dirty mark until flushed).
 * ERR_NOMEM.
 */
enum status user_cache_put(struct user_cache *cache, struct user_cache_entry *found,
                           struct str user_id, uint64_t hash, const uint8_t *bytes, size_t len);
/** A timer hint that has been dealt with: its key goes with the next flush. */
void user_cache_drop_hint(struct user_cache *cache, int64_t fire_ms, struct str user_id);
/** changelog_next: every value put so far lies before it. position: the task's newest. */
void user_cache_unlock(struct user_cache *cache, int64_t changelog_next,
                       const uint8_t *position, size_t position_len);

/** Any thread: a committed value from memory or database, malloc'ed copy. ERR_NOT_FOUND. */
enum status user_cache_read(struct user_cache *cache, struct str user_id, uint8_t **out,
                            size_t *out_len);

/**
 * One flush cycle: what is dirty now goes to the database in sorted steps, the last one with
 * the watermark. The flusher thread. On ERR_IO the values stay dirty.
 */
enum status user_cache_flush(struct user_cache *cache, struct error *err);

size_t user_cache_bytes(const struct user_cache *cache);       /* any thread, approximate */
size_t user_cache_dirty_bytes(const struct user_cache *cache); /* any thread, approximate */

#endif
