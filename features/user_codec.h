/*
 * A person's state as bytes: the value in changelog, cache and RocksDB.
 *
 * Versioned, little-endian, self-contained. Version 1 starts with one version byte and the time
 * of the earliest timer, so that stores can index timers without decoding the rest.
 */
#ifndef FRESHET_FEATURES_USER_CODEC_H
#define FRESHET_FEATURES_USER_CODEC_H

#include "schemas/user_state.h"

#include <stddef.h>

/* Bound of an encoded state: every array full, every string at its limit. */
enum { USER_BYTES_MAX = 64 * 1024 };

/** Nobody yet: empty arrays, no times; only user_id is set. */
void user_state_init(struct user_state *user, struct str user_id);

/** True if there is nothing to keep: such a person is written as a tombstone. */
bool user_state_empty(const struct user_state *user);

/** At least as large as what user_encode() will write. */
uint32_t user_encoded_bound(const struct user_state *user);

/** Returns the size; 0 only if capacity is too small, which USER_BYTES_MAX never is. */
uint32_t user_encode(const struct user_state *user, uint8_t *out, uint32_t capacity);

/**
 * Strings of *out point into bytes. False on bytes that are none of ours (damaged, or of a
 * newer version); *out is then undefined.
 */
bool user_decode(const uint8_t *bytes, size_t n, struct str user_id, struct user_state *out);

/** The earliest fire_ms without decoding the rest; INT64_MAX: no timer, or no such bytes. */
int64_t user_bytes_next_fire(const uint8_t *bytes, size_t n);

#endif
