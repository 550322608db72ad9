/*
 * The machine that runs an encoder over a struct. As in avro_decode.c, `at`, `op` and `in` stay
 * in registers, and arrays and called records push a frame. Every op checks the room for what
 * it is about to write, once; there is no second pass and no growing buffer: the caller tries
 * again with a larger one. NULL as the new `at` is a refusal.
 */
#include "schemas/avro_ops.h"
#include "schemas/avro_private.h"
#include "schemas/avro_wire.h"

struct write_frame {
    const struct avro_op *op; /* that pushed it */
    const uint8_t *in;        /* base outside */
    uint32_t n_left;          /* items */
};

struct write_run {
    const struct avro_op *ops;
    uint8_t *end;
    uint32_t n_frames;
    /* what a structure op hands back to the loop */
    const struct avro_op *op;
    const uint8_t *in;
    struct write_frame frames[AVRO_DEPTH_MAX];
};

static inline bool has_room(const struct write_run *run, const uint8_t *at, size_t n)
{
    return n <= (size_t)(run->end - at);
}

/* ---- values ---- */

static inline uint8_t *write_long(struct write_run *run, uint8_t *at, int64_t value)
{
    uint64_t bits = zigzag_encode(value);
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t n;

    if (has_room(run, at, VARINT_BYTES_MAX))
        return varint_put(at, bits);
    n = (size_t)(varint_put(bytes, bits) - bytes);
    if (!has_room(run, at, n))
        return NULL;
    memcpy(at, bytes, n);
    return at + n;
}

/*
 * Most strings of a record are short, and a call of memcpy costs more than they do: two moves
 * that overlap in the middle do for 4..32 bytes.
 */
static inline void copy_short(uint8_t *to, const char *from, size_t n)
{
    if (n > 32) {
        memcpy(to, from, n);
    } else if (n >= 16) {
        char head[16], tail[16];

        memcpy(head, from, 16);
        memcpy(tail, from + n - 16, 16);
        memcpy(to, head, 16);
        memcpy(to + n - 16, tail, 16);
    } else if (n >= 8) {
        char head[8], tail[8];

        memcpy(head, from, 8);
        memcpy(tail, from + n - 8, 8);
        memcpy(to, head, 8);
        memcpy(to + n - 8, tail, 8);
    } else if (n >= 4) {
        char head[4], tail[4];

        memcpy(head, from, 4);
        memcpy(tail, from + n - 4, 4);
        memcpy(to, head, 4);
        memcpy(to + n - 4, tail, 4);
    } else {
        for (size_t i = 0; i < n; i++)
            to[i] = (uint8_t)from[i];
    }
}

static inline uint8_t *write_bytes(struct write_run *run, uint8_t *at, const void *bytes,
                                   size_t n)
{
    if (!has_room(run, at, n))
        return NULL;
    copy_short(at, bytes, n);
    return at + n;
}

/* An absent string has length 0: a required field gets the empty one. */
static inline uint8_t *write_string(struct write_run *run, uint8_t *at, const struct str *text)
{
    if (text->len > AVRO_STRING_MAX)
        return NULL;
    at = write_long(run, at, text->len);
    return at ? write_bytes(run, at, text->ptr, text->len) : NULL;
}

static inline uint8_t *write_byte(struct write_run *run, uint8_t *at, uint8_t byte)
{
    if (at == run->end)
        return NULL;
    *at = byte;
    return at + 1;
}

static inline uint8_t *write_float(struct write_run *run, uint8_t *at, const float *value)
{
    uint32_t bits;

    if (!has_room(run, at, 4))
        return NULL;
    memcpy(&bits, value, 4);
    bits = htole32(bits);
    memcpy(at, &bits, 4);
    return at + 4;
}

static uint8_t *write_double(struct write_run *run, uint8_t *at, const double *value)
{
    uint64_t bits;

    if (!has_room(run, at, 8))
        return NULL;
    memcpy(&bits, value, 8);
    bits = htole64(bits);
    memcpy(at, &bits, 8);
    return at + 8;
}

static inline uint8_t *write_symbol(struct write_run *run, uint8_t *at, int32_t symbol,
                                    int64_t n)
{
    if (symbol < 0 || symbol >= n)
        return NULL;
    return write_long(run, at, symbol);
}

static uint8_t *write_decimal(struct write_run *run, uint8_t *at, int64_t value, int64_t limit)
{
    uint8_t bytes[DECIMAL_BYTES_MAX];

    if (value <= -limit || value >= limit)
        return NULL;
    size_t n = decimal_write(value, bytes);

    if (!has_room(run, at, 1 + n))
        return NULL;
    *at = (uint8_t)(2 * n); /* zigzag of the length */
    memcpy(at + 1, bytes, n);
    return at + 1 + n;
}

static uint8_t *write_fixed(struct write_run *run, uint8_t *at, const struct str *bytes,
                            uint32_t n)
{
    return bytes->len == n ? write_bytes(run, at, bytes->ptr, n) : NULL;
}

/* ---- structure ---- */

static struct write_frame *push(struct write_run *run, const struct avro_op *op,
                                const uint8_t *in)
{
    if (run->n_frames == AVRO_DEPTH_MAX)
        return NULL;
    struct write_frame *frame = &run->frames[run->n_frames++];

    frame->op = op;
    frame->in = in;
    return frame;
}

/* One block with all items, then the 0 that ends the array. */
static inline uint8_t *begin_items(struct write_run *run, const struct avro_op *op, uint8_t *at,
                                   const uint8_t *in)
{
    const struct sequence *sequence = (const void *)(in + op->offset);

    if (sequence->n == 0) {
        run->op = op + ((const struct op_items *)op->table)->n_ops;
        run->in = in;
        return write_byte(run, at, 0);
    }
    struct write_frame *frame = push(run, op, in);

    if (!frame || sequence->n > AVRO_ARRAY_MAX)
        return NULL;
    frame->n_left = sequence->n;
    run->op = op;
    run->in = sequence->at;
    return write_long(run, at, sequence->n);
}

static inline uint8_t *next_item(struct write_run *run, uint8_t *at, const uint8_t *in)
{
    struct write_frame *frame = &run->frames[run->n_frames - 1];
    const struct op_items *items = frame->op->table;

    if (--frame->n_left > 0) {
        run->op = frame->op;
        run->in = in + items->stride;
        return at;
    }
    run->n_frames--;
    run->op = frame->op + items->n_ops;
    run->in = frame->in;
    return write_byte(run, at, 0);
}

static uint8_t *write_branch(struct write_run *run, const struct avro_op *op, uint8_t *at,
                             int32_t branch)
{
    const struct op_branches *branches = op->table;

    if (branch < 0 || (uint32_t)branch >= branches->n)
        return NULL;
    run->op = op + branches->target[branch];
    return write_long(run, at, branch);
}

static uint8_t *call(struct write_run *run, const struct avro_op *op, uint8_t *at,
                     const uint8_t *in)
{
    const uint8_t *record = *(const uint8_t *const *)(const void *)(in + op->offset);

    if (!record || !push(run, op, in))
        return NULL;
    run->op = run->ops + ((const struct op_call *)op->table)->place - 1;
    run->in = record;
    return at;
}

/* One row per op, as in avro_decode.c. */
static uint8_t *run_encoder(struct write_run *run, uint8_t *at, const uint8_t *in)
{
    for (const struct avro_op *op = run->ops;; op++) {
        const void *from = in + op->offset;

        switch (op->code) {
        case WRITE_BOOL:
            at = write_byte(run, at, *(const bool *)from);
            break;
        case WRITE_INT:
            at = write_long(run, at, *(const int32_t *)from);
            break;
        case WRITE_LONG:
            at = write_long(run, at, *(const int64_t *)from);
            break;
        case WRITE_FLOAT:
            at = write_float(run, at, from);
            break;
        case WRITE_DOUBLE:
            at = write_double(run, at, from);
            break;
        case WRITE_STRING:
            at = write_string(run, at, from);
            break;
        case WRITE_OPTIONAL_STRING:
            if (!((const struct str *)from)->ptr) {
                at = write_byte(run, at, op->null_index);
                break;
            }
            at = write_byte(run, at, op->other_index);
            at = at ? write_string(run, at, from) : NULL;
            break;
        case WRITE_FIXED:
            at = write_fixed(run, at, from, op->n);
            break;
        case WRITE_ENUM:
            at = write_symbol(run, at, *(const int32_t *)from, op->number);
            break;
        case WRITE_DECIMAL:
            at = write_decimal(run, at, *(const int64_t *)from, op->number);
            break;
        case WRITE_OPTIONAL:
            at = write_byte(run, at, *(const bool *)from ? op->other_index : op->null_index);
            op += *(const bool *)from ? 0 : op->n;
            break;
        case WRITE_UNION:
            at = write_branch(run, op, at, *(const int32_t *)from);
            op = run->op;
            break;
        case WRITE_ITEMS:
            at = begin_items(run, op, at, in);
            op = run->op, in = run->in;
            break;
        case WRITE_NEXT:
            at = next_item(run, at, in);
            op = run->op, in = run->in;
            break;
        case WRITE_JUMP:
            op += op->n;
            break;
        case WRITE_CALL:
            at = call(run, op, at, in);
            op = run->op, in = run->in;
            break;
        case WRITE_RETURN:
            run->n_frames--;
            op = run->frames[run->n_frames].op, in = run->frames[run->n_frames].in;
            break;
        case WRITE_RAW:
            at = write_bytes(run, at, ((const struct op_bytes *)op->table)->at,
                             ((const struct op_bytes *)op->table)->n);
            break;
        default: /* WRITE_END */
            return at;
        }
        if (!at)
            return NULL;
    }
}

size_t avro_encoder_run(const struct avro_encoder *encoder, const void *value, uint8_t *out,
                        size_t capacity)
{
    struct write_run run;

    run.ops = encoder->ops;
    run.end = out + capacity;
    run.n_frames = 0;
    run.op = NULL;
    run.in = NULL;
    uint8_t *end = run_encoder(&run, out, value);

    return end ? (size_t)(end - out) : 0;
}
