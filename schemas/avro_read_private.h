/*
 * The state of a run over one record, and the reading of single values. All of it is part of
 * avro_decode.c, where it is inlined into the loop.
 *
 * A reader gets `at`, the next byte, and returns the byte behind the value, or NULL after a
 * refusal; run->result then says which. Nothing is read at or beyond run->end.
 */
#ifndef FRESHET_SCHEMAS_AVRO_READ_PRIVATE_H
#define FRESHET_SCHEMAS_AVRO_READ_PRIVATE_H

#include "schemas/avro_ops.h"
#include "schemas/avro_private.h"
#include "schemas/avro_wire.h"
#include "schemas/utf8.h"

struct frame {
    const struct avro_op *op; /* the op that pushed it */
    uint8_t *out;             /* base outside */
    union {
        struct { /* items */
            struct sequence *sequence;
            uint32_t n_left; /* of this block */
            uint32_t capacity;
        };
        struct { /* default: where reading goes on */
            const uint8_t *saved_at, *saved_end;
        };
    };
};

struct run {
    const struct avro_op *ops;
    const uint8_t *end;
    struct arena *arena;
    enum avro_result result;
    uint32_t n_items_left;
    uint32_t n_frames;
    /* what a structure op hands back to the loop */
    const struct avro_op *op;
    uint8_t *out;
    struct frame frames[AVRO_DEPTH_MAX];
};

static inline const uint8_t *refuse(struct run *run, enum avro_result result)
{
    run->result = result;
    return NULL;
}

/* ---- numbers ---- */

static inline const uint8_t *read_long(struct run *run, const uint8_t *at, int64_t *out)
{
    uint64_t value;

    at = varint_get(at, run->end, &value);
    if (!at)
        return refuse(run, AVRO_BAD);
    *out = zigzag_decode(value);
    return at;
}

static inline const uint8_t *read_int(struct run *run, const uint8_t *at, int64_t *out)
{
    at = read_long(run, at, out);
    if (at && *out != (int32_t)*out)
        return refuse(run, AVRO_BAD);
    return at;
}

static inline const uint8_t *take(struct run *run, const uint8_t *at, uint64_t n)
{
    if (n > (uint64_t)(run->end - at))
        return refuse(run, AVRO_BAD);
    return at + n;
}

static inline const uint8_t *read_float(struct run *run, const uint8_t *at, float *out)
{
    const uint8_t *next = take(run, at, 4);
    uint32_t bits;

    if (next) {
        memcpy(&bits, at, 4);
        bits = le32toh(bits);
        memcpy(out, &bits, 4);
    }
    return next;
}

static inline const uint8_t *read_double(struct run *run, const uint8_t *at, double *out)
{
    const uint8_t *next = take(run, at, 8);
    uint64_t bits;

    if (next) {
        memcpy(&bits, at, 8);
        bits = le64toh(bits);
        memcpy(out, &bits, 8);
    }
    return next;
}

static inline const uint8_t *read_bool(struct run *run, const uint8_t *at, bool *out)
{
    if (at == run->end || *at > 1)
        return refuse(run, AVRO_BAD);
    *out = *at == 1;
    return at + 1;
}

static inline const uint8_t *read_time(struct run *run, const struct avro_op *op,
                                       const uint8_t *at, int64_t *out)
{
    int64_t theirs;

    at = read_long(run, at, &theirs);
    if (!at)
        return NULL;
    if (op->code == READ_TIME_BY)
        *out = theirs / op->number - (theirs % op->number < 0);
    else if (__builtin_mul_overflow(theirs, op->number, out))
        return refuse(run, AVRO_VALUE);
    return at;
}

static inline const uint8_t *read_symbol(struct run *run, const struct avro_op *op,
                                         const uint8_t *at, int32_t *out)
{
    const struct op_symbols *symbols = op->table;
    int64_t theirs;

    at = read_long(run, at, &theirs);
    if (!at)
        return NULL;
    if ((uint64_t)theirs >= symbols->n)
        return refuse(run, AVRO_BAD);
    *out = symbols->ours[theirs];
    return *out < 0 ? refuse(run, AVRO_VALUE) : at;
}

/* ---- texts ---- */

/* The length in front of a string or bytes. */
static inline const uint8_t *read_length(struct run *run, const uint8_t *at, uint32_t *out)
{
    int64_t n;

    at = read_long(run, at, &n);
    if (!at)
        return NULL;
    if ((uint64_t)n > (uint64_t)(run->end - at))
        return refuse(run, n > AVRO_STRING_MAX ? AVRO_LIMIT : AVRO_BAD);
    if (n > AVRO_STRING_MAX)
        return refuse(run, AVRO_LIMIT);
    *out = (uint32_t)n;
    return at;
}

static inline const uint8_t *read_bytes(struct run *run, const uint8_t *at, struct str *out)
{
    at = read_length(run, at, &out->len);
    if (!at)
        return NULL;
    out->ptr = (const char *)at;
    return at + out->len;
}

static inline const uint8_t *read_string(struct run *run, const uint8_t *at, struct str *out)
{
    at = read_bytes(run, at, out);
    if (at && !utf8_valid((const uint8_t *)out->ptr, out->len))
        return refuse(run, AVRO_VALUE);
    return at;
}

static inline const uint8_t *read_fixed(struct run *run, const uint8_t *at, uint32_t n,
                                        struct str *out)
{
    const uint8_t *next = take(run, at, n);

    *out = (struct str){(const char *)at, n};
    return next;
}

static inline const uint8_t *read_decimal(struct run *run, const struct op_decimal *decimal,
                                          const uint8_t *at, int64_t *out)
{
    struct str bytes;

    at = read_bytes(run, at, &bytes);
    if (!at)
        return NULL;
    if (!decimal_read(bytes, decimal->exponent, decimal->limit, out))
        return refuse(run, AVRO_VALUE);
    return at;
}

#endif
