/*
 * The machine that runs a plan over one record's bytes.
 *
 *   at ──> the next byte          op ──> the next op          out ──> the current base
 *
 * These three stay in registers. A value is read by a function that returns the new `at`, or
 * NULL after a refusal (run->result says which). Arrays, maps and called records push a frame
 * instead of calling the machine again, so depth is bounded by the frames and not by the stack:
 *
 *   READ_ITEMS ─> body … READ_NEXT ─> body … READ_NEXT ─> op behind it
 *     push         out = item 0         out = item 1        pop
 *
 * Every loop of foreign length pays for its turns: an item takes at least min_bytes of what is
 * left of the record, or counts against AVRO_ITEMS_MAX.
 */
#include "schemas/avro_read_private.h"

/* ---- arrays and maps ---- */

static struct frame *push(struct run *run, const struct avro_op *op, uint8_t *out)
{
    if (run->n_frames == AVRO_DEPTH_MAX) {
        run->result = AVRO_LIMIT;
        return NULL;
    }
    struct frame *frame = &run->frames[run->n_frames++];

    frame->op = op;
    frame->out = out;
    return frame;
}

static struct frame *top(struct run *run)
{
    return &run->frames[run->n_frames - 1];
}

/*
 * The head of a block: how many items (0: the end of the array), and how many bytes if the
 * writer has said so (-1: not).
 */
static const uint8_t *read_block(struct run *run, const struct op_items *items,
                                 const uint8_t *at, uint64_t *out_n, int64_t *out_bytes)
{
    int64_t n;

    *out_bytes = -1;
    at = read_long(run, at, &n);
    if (!at)
        return NULL;
    if (n < 0) {
        if (n == INT64_MIN)
            return refuse(run, AVRO_BAD);
        n = -n;
        at = read_long(run, at, out_bytes);
        if (!at || *out_bytes < 0 || *out_bytes > run->end - at)
            return refuse(run, AVRO_BAD);
    }
    if (items->min_bytes > 0 && (uint64_t)n > (uint64_t)(run->end - at) / items->min_bytes)
        return refuse(run, AVRO_BAD);
    *out_n = (uint64_t)n;
    return at;
}

/* Makes room for n more items; they come zeroed. The old ones move when there is no room. */
static uint8_t *grow(struct run *run, struct frame *frame, uint32_t stride, uint32_t n)
{
    struct sequence *sequence = frame->sequence;
    uint32_t before = sequence->n, capacity = before + n;

    if (capacity > frame->capacity) {
        capacity = capacity < 2 * before ? 2 * before : capacity;
        uint8_t *room = arena_alloc(run->arena, (size_t)capacity * stride);

        if (!room) {
            run->result = AVRO_NOMEM;
            return NULL;
        }
        if (before > 0)
            memcpy(room, sequence->at, (size_t)before * stride);
        sequence->at = room;
        frame->capacity = capacity;
    }
    uint8_t *first = (uint8_t *)sequence->at + (size_t)before * stride;

    memset(first, 0, (size_t)n * stride);
    sequence->n = before + n;
    return first;
}

/* The next block of the array whose frame is on top; run->op and run->out say where to go on.
 */
static const uint8_t *next_block(struct run *run, const uint8_t *at)
{
    struct frame *frame = top(run);
    const struct op_items *items = frame->op->table;
    uint64_t n;
    int64_t bytes;

    at = read_block(run, items, at, &n, &bytes);
    if (!at)
        return NULL;
    if (n == 0) {
        run->op = frame->op + items->n_ops;
        run->out = frame->out;
        run->n_frames--;
        return at;
    }
    if (n > AVRO_ARRAY_MAX - frame->sequence->n || n > run->n_items_left)
        return refuse(run, AVRO_LIMIT);
    run->n_items_left -= (uint32_t)n;
    frame->n_left = (uint32_t)n;
    run->op = frame->op;
    run->out = grow(run, frame, items->stride, (uint32_t)n);
    return run->out ? at : NULL;
}

static const uint8_t *begin_items(struct run *run, const struct avro_op *op, const uint8_t *at,
                                  uint8_t *out)
{
    const struct op_items *items = op->table;

    if (at < run->end && *at == 0) { /* most arrays and maps are empty */
        run->op = op + items->n_ops;
        run->out = out;
        return at + 1;
    }
    struct frame *frame = push(run, op, out);

    if (!frame)
        return NULL;
    frame->sequence = (struct sequence *)(void *)(out + op->offset);
    frame->capacity = 0;
    return next_block(run, at);
}

/* As next_block, but a block that says its size is passed over whole. */
static const uint8_t *next_skipped_block(struct run *run, const uint8_t *at)
{
    struct frame *frame = top(run);
    const struct op_items *items = frame->op->table;
    uint64_t n;
    int64_t bytes;

    do {
        at = read_block(run, items, at, &n, &bytes);
        if (!at)
            return NULL;
        at += bytes > 0 ? bytes : 0;
    } while (n > 0 && (bytes >= 0 || items->min_bytes == 0));
    if (n > UINT32_MAX)
        return refuse(run, AVRO_LIMIT);
    frame->n_left = (uint32_t)n;
    run->op = frame->op;
    if (n == 0) {
        run->op += items->n_ops;
        run->n_frames--;
    }
    return at;
}

/* ---- calls and defaults ---- */

static const uint8_t *call(struct run *run, const struct avro_op *op, const uint8_t *at,
                           uint8_t *out)
{
    const struct op_call *table = op->table;

    if (!push(run, op, out))
        return NULL;
    run->op = run->ops + table->place - 1;
    run->out = out;
    if (table->size == 0)
        return at;
    run->out = arena_zalloc(run->arena, table->size);
    if (!run->out)
        return refuse(run, AVRO_NOMEM);
    *(void **)(void *)(out + op->offset) = run->out;
    return at;
}

static const uint8_t *begin_default(struct run *run, const struct avro_op *op,
                                    const uint8_t *at, uint8_t *out)
{
    const struct op_bytes *bytes = op->table;
    const uint8_t *from = bytes->at;
    struct frame *frame = push(run, op, out);

    if (!frame)
        return NULL;
    if (bytes->copy) { /* strings may outlive the plan, not the arena */
        uint8_t *copy = arena_alloc(run->arena, bytes->n);

        if (!copy)
            return refuse(run, AVRO_NOMEM);
        memcpy(copy, from, bytes->n);
        from = copy;
    }
    frame->saved_at = at;
    frame->saved_end = run->end;
    run->end = from + bytes->n;
    return from;
}

static const uint8_t *end_default(struct run *run)
{
    struct frame *frame = top(run);

    run->n_frames--;
    run->end = frame->saved_end;
    return frame->saved_at;
}

/* ---- the machine ---- */

/* Ops that are rare in our topics: promotions, and what we do not keep. */
static const uint8_t *rare(struct run *run, const struct avro_op *op, const uint8_t *at,
                           void *to)
{
    int64_t number = 0;
    uint32_t n;
    float real;

    switch (op->code) {
    case READ_INT_AS_LONG:
        return read_int(run, at, to);
    case READ_INT_AS_FLOAT:
    case READ_INT_AS_DOUBLE:
        at = read_int(run, at, &number);
        break;
    case READ_LONG_AS_FLOAT:
    case READ_LONG_AS_DOUBLE:
        at = read_long(run, at, &number);
        break;
    case READ_FLOAT_AS_DOUBLE:
        at = read_float(run, at, &real);
        if (at)
            *(double *)to = (double)real;
        return at;
    case READ_DOUBLE:
        return read_double(run, at, to);
    case READ_BYTES:
        return read_bytes(run, at, to);
    case READ_FIXED:
        return read_fixed(run, at, op->n, to);
    case READ_TIME_TIMES:
    case READ_TIME_BY:
        return read_time(run, op, at, to);
    case SKIP_LONG:
        return read_long(run, at, &number);
    case SKIP_STRING:
        at = read_length(run, at, &n);
        return at ? at + n : NULL;
    case SKIP_FIXED:
        return take(run, at, op->n);
    default:
        return refuse(run, AVRO_VALUE); /* REFUSE */
    }
    if (op->code == READ_INT_AS_FLOAT || op->code == READ_LONG_AS_FLOAT)
        *(float *)to = (float)number;
    else
        *(double *)to = (double)number;
    return at;
}

/* READ_NEXT: one item further in the same block, or on to the next block. */
static inline const uint8_t *next_item(struct run *run, const uint8_t *at, uint8_t *out)
{
    struct frame *frame = top(run);

    if (--frame->n_left == 0)
        return next_block(run, at);
    run->op = frame->op;
    run->out = out + ((const struct op_items *)frame->op->table)->stride;
    return at;
}

static inline const uint8_t *next_skipped_item(struct run *run, const struct avro_op *op,
                                               const uint8_t *at)
{
    struct frame *frame;

    if (op->code == SKIP_ITEMS) {
        if (!push(run, op, NULL))
            return NULL;
        return next_skipped_block(run, at);
    }
    frame = top(run);
    if (--frame->n_left == 0)
        return next_skipped_block(run, at);
    run->op = frame->op;
    return at;
}

/* Which branch of the writer's union; the number of ops to jump over. */
static const uint8_t *read_union(struct run *run, const struct avro_op *op, const uint8_t *at)
{
    const struct op_branches *branches = op->table;
    int64_t i;

    at = read_long(run, at, &i);
    if (!at)
        return NULL;
    if ((uint64_t)i >= branches->n)
        return refuse(run, AVRO_BAD);
    run->op = op + branches->target[i];
    return at;
}

/* Is there a value? The branch is 0 or 1, zigzag 0 or 2, nearly always in one byte. */
static inline const uint8_t *read_presence(struct run *run, const struct avro_op *op,
                                           const uint8_t *at, bool *out)
{
    int64_t i;

    if (at < run->end && (*at & ~2) == 0) {
        *out = *at != op->null_index;
        return at + 1;
    }
    at = read_long(run, at, &i);
    if (!at)
        return NULL;
    if (i != 0 && i != 1)
        return refuse(run, AVRO_BAD);
    *out = 2 * i != op->null_index;
    return at;
}

/* Sixty lines and more, because a switch is a table: one row per op, nothing else in it. */
static enum avro_result run_plan(struct run *run, const uint8_t *at, uint8_t *out)
{
    int64_t number = 0;
    bool present = false;

    for (const struct avro_op *op = run->ops;; op++) {
        void *to = out + op->offset;

        switch (op->code) {
        case READ_STRING:
            at = read_string(run, at, to);
            break;
        case READ_OPTIONAL_STRING:
            at = read_presence(run, op, at, &present);
            if (at && present)
                at = read_string(run, at, to);
            break;
        case READ_BOOL:
            at = read_bool(run, at, to);
            break;
        case READ_INT:
            at = read_int(run, at, &number);
            *(int32_t *)to = (int32_t)number;
            break;
        case READ_LONG:
            at = read_long(run, at, to);
            break;
        case READ_FLOAT:
            at = read_float(run, at, to);
            break;
        case READ_ENUM:
            at = read_symbol(run, op, at, to);
            break;
        case READ_DECIMAL:
            at = read_decimal(run, op->table, at, to);
            break;
        case READ_OPTIONAL:
            at = read_presence(run, op, at, &present);
            op += present ? 0 : op->n;
            break;
        case READ_UNION:
            at = read_union(run, op, at);
            op = run->op;
            break;
        case READ_ITEMS:
            at = begin_items(run, op, at, out);
            op = run->op, out = run->out;
            break;
        case READ_NEXT:
            at = next_item(run, at, out);
            op = run->op, out = run->out;
            break;
        case SKIP_ITEMS:
        case SKIP_NEXT:
            at = next_skipped_item(run, op, at);
            op = run->op;
            break;
        case SET_PRESENT:
            *(bool *)to = true;
            break;
        case SET_BRANCH:
            *(int32_t *)to = (int32_t)op->number;
            break;
        case JUMP:
            op += op->n;
            break;
        case CALL:
            at = call(run, op, at, out);
            op = run->op, out = run->out;
            break;
        case RETURN:
            op = top(run)->op, out = top(run)->out;
            run->n_frames--;
            break;
        case DEFAULT:
            at = begin_default(run, op, at, out);
            break;
        case DEFAULT_END:
            at = end_default(run);
            break;
        case END:
            return at == run->end ? AVRO_OK : AVRO_TRAILING;
        default:
            at = rare(run, op, at, to);
        }
        if (!at)
            return run->result;
    }
}

enum avro_result avro_decode(const struct avro_plan *plan, const uint8_t *bytes, size_t n,
                             struct arena *arena, void *out)
{
    static const uint8_t nothing;
    struct run run;

    if (n == 0)
        bytes = &nothing; /* NULL means a refusal inside */
    /* not zeroed as a whole: the frames are 2 KiB, and each is filled when it is pushed */
    run.ops = plan->ops;
    run.end = bytes + n;
    run.arena = arena;
    run.result = AVRO_BAD;
    run.n_items_left = AVRO_ITEMS_MAX;
    run.n_frames = 0;
    run.op = NULL;
    run.out = NULL;
    memset(out, 0, plan->size);
    return run_plan(&run, bytes, out);
}
