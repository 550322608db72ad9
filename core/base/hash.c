#include "core/base/hash.h"

#define XXH_STATIC_LINKING_ONLY /* the state on the stack */
#include <xxhash.h>

uint64_t hash64(struct str text)
{
    return XXH3_64bits(text.ptr, text.len);
}

uint64_t hash64_seeded(struct str text, uint64_t seed)
{
    return XXH3_64bits_withSeed(text.ptr, text.len, seed);
}

struct hash128 hash128_parts(const struct str *parts, uint32_t n_parts)
{
    XXH3_state_t state;
    XXH128_hash_t hash;

    XXH3_128bits_reset(&state);
    for (uint32_t i = 0; i < n_parts; i++) {
        if (parts[i].len)
            XXH3_128bits_update(&state, parts[i].ptr, parts[i].len);
        XXH3_128bits_update(&state, "", 1);
    }
    hash = XXH3_128bits_digest(&state);
    return (struct hash128){hash.low64, hash.high64};
}

static char *put_hex(char *out, uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[value >> shift & 15];
    return out;
}

void hash128_hex(struct hash128 hash, char *out)
{
    *put_hex(put_hex(out, hash.high), hash.low) = '\0';
}
