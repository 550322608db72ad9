/*
 * Resolution: (writer's schema, our schema, slot) -> ops, by the chapter "Schema Resolution" of
 * the Avro specification, 1.12.
 *
 * The ops follow the writer's order, because the bytes do. Each function below emits the ops
 * for one pair of types, or says why the pair does not fit. Whether a pair fits is found by
 * trying: a branch of a union that does not is taken back (compiler_mark, compiler_rewind), and
 * becomes REFUSE if all the writer's other branches may still be read.
 *
 * Where the specification leaves a choice:
 *   - a writer's type goes into the first branch of our union that it resolves to, promotions
 *     included (the specification to the letter), but a record, enum or fixed of the same full
 *     name comes first, and between two equal schemas each branch is read as itself;
 *   - names match if their last parts are equal, or one of our aliases is theirs;
 *   - decimals of other scales are converted where that is exact, timestamps of other units
 *     rounded down; text is not read as a decimal, though its bytes could be.
 */
#include "schemas/avro_compile_private.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- plain types ---- */

static enum status kind_misfit(struct compiler *c, const struct schema_node *w,
                               const struct schema_node *r)
{
    char what[64];

    snprintf(what, sizeof(what), "%s cannot be read as %s", schema_kind_name(w->kind),
             schema_kind_name(r->kind));
    return misfit(c, what, r->name.ptr ? r->name : (struct str){"", 0});
}

static const uint8_t NONE = END; /* in the table: cannot be read so */

/* Row: the writer's type, column: ours; both without a name. */
static uint8_t scalar_code(enum schema_kind w, enum schema_kind r)
{
    static const struct {
        uint8_t w, r, code;
    } codes[] = {
        {SCHEMA_BOOLEAN, SCHEMA_BOOLEAN, READ_BOOL},
        {SCHEMA_INT, SCHEMA_INT, READ_INT},
        {SCHEMA_INT, SCHEMA_LONG, READ_INT_AS_LONG},
        {SCHEMA_INT, SCHEMA_FLOAT, READ_INT_AS_FLOAT},
        {SCHEMA_INT, SCHEMA_DOUBLE, READ_INT_AS_DOUBLE},
        {SCHEMA_LONG, SCHEMA_LONG, READ_LONG},
        {SCHEMA_LONG, SCHEMA_FLOAT, READ_LONG_AS_FLOAT},
        {SCHEMA_LONG, SCHEMA_DOUBLE, READ_LONG_AS_DOUBLE},
        {SCHEMA_FLOAT, SCHEMA_FLOAT, READ_FLOAT},
        {SCHEMA_FLOAT, SCHEMA_DOUBLE, READ_FLOAT_AS_DOUBLE},
        {SCHEMA_DOUBLE, SCHEMA_DOUBLE, READ_DOUBLE},
        {SCHEMA_BYTES, SCHEMA_BYTES, READ_BYTES},
        {SCHEMA_STRING, SCHEMA_BYTES, READ_BYTES},
        {SCHEMA_STRING, SCHEMA_STRING, READ_STRING},
        {SCHEMA_BYTES, SCHEMA_STRING, READ_STRING},
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        if (codes[i].w == w && codes[i].r == r)
            return codes[i].code;
    }
    return NONE;
}

/* Bytes that were not declared a decimal are read with our scale. */
static enum status resolve_decimal(struct compiler *c, const struct schema_node *w,
                                   const struct schema_node *r, uint32_t offset)
{
    int32_t scale = w->logical == LOGICAL_DECIMAL ? w->scale : r->scale;
    struct op_decimal *decimal = op_table(&c->list, sizeof(*decimal));

    if (w->kind != SCHEMA_BYTES)
        return misfit(c, "a decimal is wanted, and given as ",
                      str_of(schema_kind_name(w->kind)));
    emit_table(c, READ_DECIMAL, offset, decimal);
    if (decimal) {
        decimal->exponent = r->scale - scale;
        decimal->limit = power_of_ten(r->precision);
    }
    return OK;
}

static int64_t units_per_second(enum schema_logical logical)
{
    switch (logical) {
    case LOGICAL_TIMESTAMP_MILLIS:
        return 1000;
    case LOGICAL_TIMESTAMP_MICROS:
        return 1000 * 1000;
    case LOGICAL_TIMESTAMP_NANOS:
        return 1000 * 1000 * 1000;
    default:
        return 0;
    }
}

static enum status resolve_scalar(struct compiler *c, const struct schema_node *w,
                                  const struct schema_node *r, const struct slot *slot,
                                  uint32_t offset)
{
    uint8_t code = scalar_code(w->kind, r->kind);
    int64_t theirs = units_per_second(w->logical), ours = units_per_second(r->logical);

    if (code == NONE)
        return kind_misfit(c, w, r);
    if (slot->kind == SLOT_DECIMAL)
        return resolve_decimal(c, w, r, offset);
    if (theirs && ours && theirs < ours)
        emit_number(c, READ_TIME_TIMES, offset, ours / theirs);
    else if (theirs && ours && theirs > ours)
        emit_number(c, READ_TIME_BY, offset, theirs / ours);
    else
        op_emit(&c->list, code, offset);
    return OK;
}

/* ---- named types ---- */

static bool names_match(const struct schema_node *w, const struct schema_node *r)
{
    struct str theirs = schema_short_name(w->name);

    if (str_equal(theirs, schema_short_name(r->name)))
        return true;
    for (uint32_t i = 0; i < r->n_aliases; i++) {
        if (str_equal(theirs, schema_short_name(r->aliases[i])))
            return true;
    }
    return false;
}

static int32_t find_symbol(const struct schema_node *type, struct str symbol)
{
    for (uint32_t i = 0; i < type->n; i++) {
        if (str_equal(type->symbols[i], symbol))
            return (int32_t)i;
    }
    return type->default_symbol;
}

static enum status resolve_enum(struct compiler *c, const struct schema_node *w,
                                const struct schema_node *r, uint32_t offset)
{
    struct op_symbols *symbols =
        op_table(&c->list, sizeof(*symbols) + w->n * sizeof(symbols->ours[0]));

    if (symbols) {
        symbols->n = w->n;
        for (uint32_t i = 0; i < w->n; i++)
            symbols->ours[i] = find_symbol(r, w->symbols[i]);
    }
    emit_table(c, READ_ENUM, offset, symbols);
    return OK;
}

/* The reader's field that takes the writer's, by name or else by alias; -1: none. */
static int64_t field_for(const struct schema_node *w, uint32_t i, const struct schema_node *r)
{
    struct str name = w->fields[i].name;

    for (uint32_t f = 0; f < r->n; f++) {
        if (str_equal(r->fields[f].name, name))
            return f;
    }
    for (uint32_t f = 0; f < r->n; f++) {
        for (uint32_t a = 0; a < r->fields[f].n_aliases; a++) {
            if (str_equal(r->fields[f].aliases[a], name))
                return f;
        }
    }
    return -1;
}

static bool has_field(const struct schema_node *record, struct str name)
{
    for (uint32_t i = 0; i < record->n; i++) {
        if (str_equal(record->fields[i].name, name))
            return true;
    }
    return false;
}

const struct slot_field *slot_field_of(const struct slot *slot, struct str name)
{
    for (uint32_t i = 0; i < slot->n; i++) {
        if (str_equal(str_of(slot->fields[i].name), name))
            return &slot->fields[i];
    }
    return NULL;
}

/* Does anything emitted since `from` point into the bytes it reads? */
static bool keeps_bytes(const struct compiler *c, uint32_t from)
{
    for (uint32_t i = from; i < c->list.n; i++) {
        uint8_t code = c->list.ops[i].code;

        if ((code >= READ_STRING && code <= READ_FIXED) || code == CALL)
            return true;
    }
    return false;
}

/* A zeroed struct holds null and the empty array and map already. */
static bool is_zero_already(const struct slot *slot, const uint8_t *bytes, int64_t n,
                            const json_t *value)
{
    switch (slot->kind) {
    case SLOT_OPTIONAL:
    case SLOT_OPTIONAL_STR:
        return json_is_null(value);
    case SLOT_ARRAY:
    case SLOT_MAP:
        return n == 1 && bytes[0] == 0;
    default:
        return false;
    }
}

static enum status resolve_default(struct compiler *c, const struct schema_field *field,
                                   const struct slot *slot, uint32_t offset)
{
    struct op_bytes *table = op_table(&c->list, sizeof(*table));
    uint8_t *bytes = malloc(AVRO_DEFAULT_BYTES_MAX);
    enum status status = OK;
    int64_t n = -1;

    if (bytes)
        n = avro_encode_default(field->type, field->default_value, bytes,
                                AVRO_DEFAULT_BYTES_MAX);
    if (n < 0) {
        status = misfit(c, "our default is no value of its type", (struct str){NULL, 0});
        goto done;
    }
    if (is_zero_already(slot, bytes, n, field->default_value))
        goto done;
    uint32_t from = emit_table(c, DEFAULT, 0, table);
    uint8_t *kept = op_table(&c->list, (size_t)n + 1);

    status = compile_read(c, field->type, field->type, slot, offset);
    op_emit(&c->list, DEFAULT_END, 0);
    if (kept && !c->list.failed) {
        memcpy(kept, bytes, (size_t)n);
        *table = (struct op_bytes){(uint32_t)n, keeps_bytes(c, from), kept};
    }
done:
    free(bytes);
    return status;
}

/* The writer's field i goes into our field f, into nothing, or into a struct without it. */
static enum status resolve_field(struct compiler *c, const struct schema_field *theirs,
                                 const struct schema_field *ours, const struct slot *slot,
                                 uint32_t offset)
{
    const struct slot_field *place = ours ? slot_field_of(slot, ours->name) : NULL;

    if (!place)
        return compile_skip(c, theirs->type);
    if (c->n_path == AVRO_SCHEMA_DEPTH_MAX)
        return misfit(c, "nested too deep", (struct str){NULL, 0});
    c->path[c->n_path++] = ours->name;
    TRY(compile_read(c, theirs->type, ours->type, place->slot, offset + place->offset));
    c->n_path--;
    return OK;
}

static enum status resolve_missing(struct compiler *c, const struct schema_field *ours,
                                   const struct slot *slot, uint32_t offset)
{
    const struct slot_field *place = slot_field_of(slot, ours->name);

    if (!ours->default_value)
        return misfit(c, "the writer lacks, and ours has no default for, field ", ours->name);
    if (!place)
        return OK;
    if (c->n_path == AVRO_SCHEMA_DEPTH_MAX)
        return misfit(c, "nested too deep", (struct str){NULL, 0});
    c->path[c->n_path++] = ours->name;
    TRY(resolve_default(c, ours, place->slot, offset + place->offset));
    c->n_path--;
    return OK;
}

enum status compile_read_fields(struct compiler *c, const struct schema_node *w,
                                const struct schema_node *r, const struct slot *slot,
                                uint32_t offset)
{
    bool filled[AVRO_NAMES_MAX] = {false};

    for (uint32_t i = 0; i < w->n; i++) {
        int64_t f = field_for(w, i, r);

        /* an alias steps back where the writer has the name itself, or another alias did */
        if (f >= 0 && !str_equal(r->fields[f].name, w->fields[i].name) &&
            (filled[f] || has_field(w, r->fields[f].name)))
            f = -1;
        if (f >= 0)
            filled[f] = true;
        TRY(resolve_field(c, &w->fields[i], f < 0 ? NULL : &r->fields[f], slot, offset));
    }
    for (uint32_t f = 0; f < r->n; f++) {
        if (!filled[f])
            TRY(resolve_missing(c, &r->fields[f], slot, offset));
    }
    return OK;
}

static enum status resolve_named(struct compiler *c, const struct schema_node *w,
                                 const struct schema_node *r, const struct slot *slot,
                                 uint32_t offset)
{
    if (!names_match(w, r))
        return misfit(c, "another type is wanted than ", w->name);
    if (r->kind == SCHEMA_ENUM)
        return resolve_enum(c, w, r, offset);
    if (r->kind == SCHEMA_RECORD && slot->kind == SLOT_POINTER)
        return emit_call(c, w, r, slot->item, offset);
    if (r->kind == SCHEMA_RECORD)
        return compile_read_fields(c, w, r, slot, offset);
    if (w->size != r->size)
        return misfit(c, "another size is wanted of ", w->name);
    emit_n(c, READ_FIXED, offset, w->size);
    return OK;
}

static enum status resolve_items(struct compiler *c, const struct schema_node *w,
                                 const struct schema_node *r, const struct slot *slot,
                                 uint32_t offset)
{
    uint32_t place = begin_items(c, READ_ITEMS, offset, w, slot->stride);

    if (w->kind == SCHEMA_MAP)
        op_emit(&c->list, READ_STRING, 0);
    TRY(compile_read(c, w->item, r->item, slot->item, slot->value_offset));
    end_items(c, READ_NEXT, place);
    return OK;
}

/* ---- unions ---- */

/* Into the given branch of our union. */
static enum status resolve_branch(struct compiler *c, const struct schema_node *w,
                                  const struct schema_node *r, uint32_t i,
                                  const struct slot *slot, uint32_t offset)
{
    const struct schema_node *branch = r->branches[i];
    const struct slot *inner = slot;

    if (slot->kind == SLOT_UNION) {
        emit_number(c, SET_BRANCH, offset, i);
        inner = slot->branches[i];
        offset += slot->value_offset;
    } else if (branch->kind == SCHEMA_NULL) {
        return w->kind == SCHEMA_NULL ? OK : kind_misfit(c, w, branch);
    } else if (slot->kind == SLOT_OPTIONAL) {
        op_emit(&c->list, SET_PRESENT, offset);
        inner = slot->item;
        offset += slot->value_offset;
    }
    return compile_read(c, w, branch, inner, offset);
}

/* The first branch of our union that takes the writer's type. */
static enum status resolve_reader_union(struct compiler *c, const struct schema_node *w,
                                        const struct schema_node *r, const struct slot *slot,
                                        uint32_t offset)
{
    struct mark before = compiler_mark(c);

    for (int round = w->name.ptr ? 0 : 1; round < 2; round++) {
        for (uint32_t i = 0; i < r->n; i++) {
            bool same = w->name.ptr && str_equal(w->name, r->branches[i]->name);

            if (round == 0 && !same)
                continue;
            if (resolve_branch(c, w, r, i, slot, offset) == OK)
                return OK;
            compiler_rewind(c, before);
        }
    }
    return misfit(c, "no branch of ours takes ", str_of(schema_kind_name(w->kind)));
}

/*
 * [null, X] of the writer into an optional of ours: null leaves the zeroes, so that one op
 * decides, and for strings the same op reads. Most of a click is made of these.
 */
static enum status resolve_optional(struct compiler *c, const struct schema_node *w,
                                    uint32_t null_index, const struct schema_node *r,
                                    const struct slot *slot, uint32_t offset)
{
    uint32_t place = op_emit(&c->list, READ_OPTIONAL, offset);
    struct mark before = compiler_mark(c);
    struct avro_op *op;

    if (compile_read(c, w->branches[1 - null_index], r, slot, offset) != OK) {
        compiler_rewind(c, before);
        op_emit(&c->list, REFUSE, 0);
    }
    if (c->list.failed)
        return OK;
    op = &c->list.ops[place];
    if (c->list.n == place + 2 && c->list.ops[place + 1].code == READ_STRING) {
        op->code = READ_OPTIONAL_STRING;
        c->list.n--;
    }
    op->null_index = (uint8_t)(2 * null_index);
    op_land(&c->list, place);
    return OK;
}

static enum status resolve_writer_union(struct compiler *c, const struct schema_node *w,
                                        const struct schema_node *r, const struct slot *slot,
                                        uint32_t offset)
{
    bool is_optional = slot->kind == SLOT_OPTIONAL || slot->kind == SLOT_OPTIONAL_STR;
    struct branch_list branches;
    bool identical = (c->identical || w == r) && r->kind == SCHEMA_UNION && r->n == w->n;
    uint32_t n_fit = 0;

    for (uint32_t i = 0; w->n == 2 && r->kind == SCHEMA_UNION && is_optional && i < 2; i++) {
        if (w->branches[i]->kind == SCHEMA_NULL)
            return resolve_optional(c, w, i, r, slot, offset);
    }
    if (!begin_branches(c, w->n, &branches))
        return OK;
    for (uint32_t i = 0; i < w->n; i++) {
        struct mark before = compiler_mark(c);

        begin_branch(c, &branches, i);
        if ((identical ? resolve_branch(c, w->branches[i], r, i, slot, offset)
                       : compile_read(c, w->branches[i], r, slot, offset)) == OK)
            n_fit++;
        else {
            compiler_rewind(c, before);
            op_emit(&c->list, REFUSE, 0);
        }
        end_branch(c, &branches, i);
    }
    end_branches(c, &branches);
    return n_fit > 0 ? OK : ERR_INVALID; /* the sentence is the last branch's */
}

enum status compile_read(struct compiler *c, const struct schema_node *w,
                         const struct schema_node *r, const struct slot *slot, uint32_t offset)
{
    enum status status;

    TRY(compiler_enter(c));
    if (w->kind == SCHEMA_UNION)
        status = resolve_writer_union(c, w, r, slot, offset);
    else if (r->kind == SCHEMA_UNION)
        status = resolve_reader_union(c, w, r, slot, offset);
    else if (w->kind == SCHEMA_NULL && r->kind == SCHEMA_NULL)
        status = OK;
    else if (w->kind <= SCHEMA_STRING || w->kind != r->kind)
        status = resolve_scalar(c, w, r, slot, offset);
    else if (w->kind <= SCHEMA_FIXED)
        status = resolve_named(c, w, r, slot, offset);
    else
        status = resolve_items(c, w, r, slot, offset);
    c->depth--;
    return status;
}
