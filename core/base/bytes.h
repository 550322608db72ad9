/*
 * Bytes for disk and wire, little-endian unless the name says "be". Readers never pass the
 * end: after the first failure a reader is `bad`, gives zeros, and stays bad, so a decoder
 * checks once at its end. Writers never pass their capacity, in the same way.
 */
#ifndef FRESHET_CORE_BASE_BYTES_H
#define FRESHET_CORE_BASE_BYTES_H

#include "core/base/str.h"

#include <endian.h>
#include <stddef.h>

struct byte_reader {
    const uint8_t *at, *end;
    bool bad;
};

struct byte_writer {
    uint8_t *begin, *at, *end;
    bool full;
};

static inline struct byte_reader byte_reader_of(const void *bytes, size_t n)
{
    const uint8_t *at = bytes;

    return (struct byte_reader){at, at + n, false};
}

static inline struct byte_writer byte_writer_of(void *bytes, size_t capacity)
{
    uint8_t *at = bytes;

    return (struct byte_writer){at, at, at + capacity, false};
}

static inline size_t byte_writer_size(const struct byte_writer *w)
{
    return (size_t)(w->at - w->begin);
}

/* The next n bytes, or NULL. */
static inline const uint8_t *bytes_take(struct byte_reader *r, size_t n)
{
    const uint8_t *at = r->at;

    if (r->bad || n > (size_t)(r->end - at)) {
        r->bad = true;
        return NULL;
    }
    r->at = at + n;
    return at;
}

/* Room for n bytes, or NULL. */
static inline uint8_t *bytes_room(struct byte_writer *w, size_t n)
{
    uint8_t *at = w->at;

    if (w->full || n > (size_t)(w->end - at)) {
        w->full = true;
        return NULL;
    }
    w->at = at + n;
    return at;
}

/* The conversion is the identity on little-endian machines; memcpy because of alignment. */
#define BYTES_FIXED(name, type, to_le, from_le)                                                \
    static inline type bytes_get_##name(struct byte_reader *r)                                 \
    {                                                                                          \
        const uint8_t *at = bytes_take(r, sizeof(type));                                       \
        type value = 0;                                                                        \
                                                                                               \
        if (at)                                                                                \
            memcpy(&value, at, sizeof(value));                                                 \
        return from_le(value);                                                                 \
    }                                                                                          \
    static inline void bytes_put_##name(struct byte_writer *w, type value)                     \
    {                                                                                          \
        uint8_t *at = bytes_room(w, sizeof(type));                                             \
                                                                                               \
        value = to_le(value);                                                                  \
        if (at)                                                                                \
            memcpy(at, &value, sizeof(value));                                                 \
    }
BYTES_FIXED(u8, uint8_t, , )
BYTES_FIXED(u16, uint16_t, htole16, le16toh)
BYTES_FIXED(u32, uint32_t, htole32, le32toh)
BYTES_FIXED(u64, uint64_t, htole64, le64toh)
#undef BYTES_FIXED

static inline float bytes_get_f32(struct byte_reader *r)
{
    uint32_t bits = bytes_get_u32(r);
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline void bytes_put_f32(struct byte_writer *w, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    bytes_put_u32(w, bits);
}

static inline double bytes_get_f64(struct byte_reader *r)
{
    uint64_t bits = bytes_get_u64(r);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline void bytes_put_f64(struct byte_writer *w, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    bytes_put_u64(w, bits);
}

/* Base-128, low group first, at most 10 bytes. */
static inline uint64_t bytes_get_varint(struct byte_reader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *at = bytes_take(r, 1);

        if (!at)
            return 0;
        if (shift == 63 && *at > 1)
            break;
        value |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at & 0x80))
            return value;
    }
    r->bad = true;
    return 0;
}

static inline void bytes_put_varint(struct byte_writer *w, uint64_t value)
{
    uint8_t group[10];
    size_t n = 0;

    do {
        group[n] = (uint8_t)(value & 0x7f);
        value >>= 7;
        group[n] |= value ? 0x80 : 0;
        n++;
    } while (value);
    uint8_t *at = bytes_room(w, n);

    if (at)
        memcpy(at, group, n);
}

static inline int64_t bytes_get_zigzag(struct byte_reader *r)
{
    uint64_t value = bytes_get_varint(r);

    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline void bytes_put_zigzag(struct byte_writer *w, int64_t value)
{
    bytes_put_varint(w, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

/* Varint length + 1, then the bytes; an absent str is length 0. */
static inline struct str bytes_get_str(struct byte_reader *r)
{
    uint64_t n = bytes_get_varint(r);
    const uint8_t *at;

    if (n == 0 || n - 1 > UINT32_MAX) {
        r->bad = r->bad || n != 0;
        return (struct str){NULL, 0};
    }
    at = bytes_take(r, (size_t)n - 1);
    return (struct str){(const char *)at, at ? (uint32_t)n - 1 : 0};
}

static inline void bytes_put_raw(struct byte_writer *w, const void *bytes, size_t n)
{
    uint8_t *at = bytes_room(w, n);

    if (at && n)
        memcpy(at, bytes, n);
}

static inline void bytes_put_str(struct byte_writer *w, struct str text)
{
    bytes_put_varint(w, text.ptr ? (uint64_t)text.len + 1 : 0);
    bytes_put_raw(w, text.ptr, text.ptr ? text.len : 0);
}

/* Big-endian, for keys whose byte order must be their number order. */
static inline void bytes_put_u16be(struct byte_writer *w, uint16_t value)
{
    bytes_put_u8(w, (uint8_t)(value >> 8));
    bytes_put_u8(w, (uint8_t)value);
}

static inline void bytes_put_u64be(struct byte_writer *w, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        bytes_put_u8(w, (uint8_t)(value >> shift));
}

static inline uint64_t bytes_get_u64be(struct byte_reader *r)
{
    const uint8_t *at = bytes_take(r, 8);
    uint64_t value = 0;

    for (int i = 0; at && i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

#endif
