/*
 * Numbers of the Avro wire: zigzag varints, low group first, ten bytes at most.
 */
#ifndef FRESHET_SCHEMAS_AVRO_WIRE_H
#define FRESHET_SCHEMAS_AVRO_WIRE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VARINT_BYTES_MAX = 10 }; /* ceil(64 / 7) */

/** Reads byte by byte. NULL: cut off, longer than ten bytes, or more than 64 bits. */
static inline const uint8_t *varint_get_ref(const uint8_t *at, const uint8_t *end,
                                            uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint8_t byte = *at++;

        if (shift == 63 && byte > 1)
            return NULL;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return at;
        }
    }
    return NULL;
}

/*
 * Up to eight bytes at once: the first byte without its high bit ends the number; what is
 * behind it is masked off, and neighbouring groups of 7, 14 and 28 bits are pushed together.
 */
static inline const uint8_t *varint_get(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    uint64_t word, stop;

    if (at < end && *at < 0x80) {
        *out = *at;
        return at + 1;
    }
    if (end - at < 8)
        return varint_get_ref(at, end, out);
    memcpy(&word, at, 8);
    word = le64toh(word);
    stop = ~word & 0x8080808080808080u;
    if (!stop)
        return varint_get_ref(at, end, out);
    at += __builtin_ctzll(stop) / 8 + 1;
    word &= (stop ^ (stop - 1)) & 0x7f7f7f7f7f7f7f7fu;
    word = (word & 0x007f007f007f007fu) | (word & 0x7f007f007f007f00u) >> 1;
    word = (word & 0x00003fff00003fffu) | (word & 0x3fff00003fff0000u) >> 2;
    *out = (word & 0x000000000fffffffu) | (word & 0x0fffffff00000000u) >> 4;
    return at;
}

static inline int64_t zigzag_decode(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline uint64_t zigzag_encode(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

/** Writes a varint where VARINT_BYTES_MAX bytes are free; returns its end. */
static inline uint8_t *varint_put(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

#endif
