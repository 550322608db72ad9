/* The hashes of the house. XXH3 of libxxhash; stable across machines and versions. */
#ifndef FRESHET_CORE_BASE_HASH_H
#define FRESHET_CORE_BASE_HASH_H

#include "core/base/str.h"

struct hash128 {
    uint64_t low, high;
};

/** XXH3_64bits. An item's key in state, rows and rings is hash64 of its id. */
uint64_t hash64(struct str text);

/** XXH3_64bits_withSeed. */
uint64_t hash64_seeded(struct str text, uint64_t seed);

/** XXH3_128bits over the parts, each followed by a zero byte. */
struct hash128 hash128_parts(const struct str *parts, uint32_t n_parts);

/** 32 lower-case hex digits and a terminator into out (33 bytes), high half first. */
void hash128_hex(struct hash128 hash, char *out);

#endif
