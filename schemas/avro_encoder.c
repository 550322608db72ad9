/*
 * The compiler of encoders: (our schema, slot) -> ops, in the order of the schema.
 *
 * A field of the schema that the struct does not have is written as its default, whose bytes
 * stand in the program. Records that may contain themselves are called, and their ops stand
 * behind WRITE_END, as in a plan.
 */
#include "schemas/avro_ops.h"
#include "schemas/avro_private.h"

#include <stdlib.h>

struct writer_callee {
    const struct schema_node *schema;
    const struct slot *slot;
    uint32_t place;
};

struct encoder_compiler {
    struct op_list list;
    struct writer_callee callees[AVRO_NAMES_MAX];
    uint32_t n_callees;
    unsigned depth;
    struct avro_op nowhere; /* written to after a failure, read by nobody */
    struct error *err;
};

static enum status compile(struct encoder_compiler *c, const struct schema_node *schema,
                           const struct slot *slot, uint32_t offset);

static struct avro_op *emit(struct encoder_compiler *c, uint8_t code, uint32_t offset)
{
    uint32_t place = op_emit(&c->list, code, offset);

    return c->list.failed ? &c->nowhere : &c->list.ops[place];
}

static enum status compile_default(struct encoder_compiler *c, const struct schema_field *field)
{
    struct op_bytes *table = op_table(&c->list, sizeof(*table));
    uint8_t *bytes = op_table(&c->list, AVRO_DEFAULT_BYTES_MAX);
    int64_t n = -1;

    if (!bytes)
        return OK; /* out of memory: said at the end */
    if (field->default_value)
        n = avro_encode_default(field->type, field->default_value, bytes,
                                AVRO_DEFAULT_BYTES_MAX);
    if (n < 0)
        return error_set(c->err, ERR_INVALID,
                         "Avro: field '%.*s' is not in the struct and has no default",
                         STR_ARG(field->name));
    *table = (struct op_bytes){(uint32_t)n, false, bytes};
    emit(c, WRITE_RAW, 0)->table = table;
    return OK;
}

static enum status compile_fields(struct encoder_compiler *c, const struct schema_node *schema,
                                  const struct slot *slot, uint32_t offset)
{
    for (uint32_t i = 0; i < schema->n; i++) {
        const struct schema_field *field = &schema->fields[i];
        const struct slot_field *place = slot_field_of(slot, field->name);

        if (place)
            TRY(compile(c, field->type, place->slot, offset + place->offset));
        else
            TRY(compile_default(c, field));
    }
    return OK;
}

static enum status compile_call(struct encoder_compiler *c, const struct schema_node *schema,
                                const struct slot *slot, uint32_t offset)
{
    struct op_call *table = op_table(&c->list, sizeof(*table));
    uint32_t i = 0;

    while (i < c->n_callees && (c->callees[i].schema != schema || c->callees[i].slot != slot))
        i++;
    if (i == AVRO_NAMES_MAX)
        return error_set(c->err, ERR_INVALID, "Avro: too many recursive records");
    if (i == c->n_callees)
        c->callees[c->n_callees++] = (struct writer_callee){schema, slot, 0};
    emit(c, WRITE_CALL, offset)->table = table;
    if (table)
        table->place = i;
    return OK;
}

static enum status compile_items(struct encoder_compiler *c, const struct schema_node *schema,
                                 const struct slot *slot, uint32_t offset)
{
    struct op_items *items = op_table(&c->list, sizeof(*items));
    uint32_t place = c->list.n;

    emit(c, WRITE_ITEMS, offset)->table = items;
    if (schema->kind == SCHEMA_MAP)
        emit(c, WRITE_STRING, 0);
    TRY(compile(c, schema->item, slot->item, slot->value_offset));
    emit(c, WRITE_NEXT, 0);
    if (items && !c->list.failed) {
        items->stride = slot->stride;
        items->n_ops = c->list.n - place - 1;
    }
    return OK;
}

static enum status compile_optional(struct encoder_compiler *c,
                                    const struct schema_node *schema, const struct slot *slot,
                                    uint32_t offset)
{
    uint8_t null_index = schema->branches[0]->kind == SCHEMA_NULL ? 0 : 1;
    const struct schema_node *other = schema->branches[1 - null_index];
    bool is_str = slot->kind == SLOT_OPTIONAL_STR;
    uint32_t place = c->list.n;
    struct avro_op *op = emit(c, is_str ? WRITE_OPTIONAL_STRING : WRITE_OPTIONAL, offset);

    op->null_index = (uint8_t)(2 * null_index); /* zigzag of the branch: one byte */
    op->other_index = (uint8_t)(2 * (1 - null_index));
    if (is_str)
        return OK;
    TRY(compile(c, other, slot->item, offset + slot->value_offset));
    op_land(&c->list, place);
    return OK;
}

static enum status compile_union(struct encoder_compiler *c, const struct schema_node *schema,
                                 const struct slot *slot, uint32_t offset)
{
    struct op_branches *table =
        op_table(&c->list, sizeof(*table) + schema->n * sizeof(table->target[0]));
    uint32_t *jumps = op_table(&c->list, schema->n * sizeof(*jumps));
    uint32_t place = c->list.n;

    if (!table || !jumps)
        return OK;
    table->n = schema->n;
    emit(c, WRITE_UNION, offset)->table = table;
    for (uint32_t i = 0; i < schema->n; i++) {
        table->target[i] = c->list.n - place - 1;
        TRY(compile(c, schema->branches[i], slot->branches[i], offset + slot->value_offset));
        jumps[i] = c->list.n;
        emit(c, WRITE_JUMP, 0);
    }
    for (uint32_t i = 0; i < schema->n; i++)
        op_land(&c->list, jumps[i]);
    return OK;
}

static enum status compile_scalar(struct encoder_compiler *c, const struct schema_node *schema,
                                  const struct slot *slot, uint32_t offset)
{
    static const uint8_t codes[] = {
        [SLOT_BOOL] = WRITE_BOOL, [SLOT_I32] = WRITE_INT,         [SLOT_I64] = WRITE_LONG,
        [SLOT_F32] = WRITE_FLOAT, [SLOT_F64] = WRITE_DOUBLE,      [SLOT_STR] = WRITE_STRING,
        [SLOT_ENUM] = WRITE_ENUM, [SLOT_DECIMAL] = WRITE_DECIMAL,
    };
    bool fixed = schema->kind == SCHEMA_FIXED;
    struct avro_op *op = emit(c, fixed ? WRITE_FIXED : codes[slot->kind], offset);

    if (fixed)
        op->n = schema->size;
    else if (slot->kind == SLOT_ENUM)
        op->number = schema->n;
    else if (slot->kind == SLOT_DECIMAL)
        op->number = power_of_ten(schema->precision);
    return OK;
}

static enum status compile(struct encoder_compiler *c, const struct schema_node *schema,
                           const struct slot *slot, uint32_t offset)
{
    enum status status = OK;

    if (c->list.failed || c->depth == 2 * AVRO_SCHEMA_DEPTH_MAX)
        return error_set(c->err, ERR_INVALID,
                         "Avro: the schema is too large or nested too deep");
    c->depth++;
    switch (slot->kind) {
    case SLOT_NOTHING:
        break;
    case SLOT_RECORD:
        status = compile_fields(c, schema, slot, offset);
        break;
    case SLOT_POINTER:
        status = compile_call(c, schema, slot->item, offset);
        break;
    case SLOT_ARRAY:
    case SLOT_MAP:
        status = compile_items(c, schema, slot, offset);
        break;
    case SLOT_OPTIONAL_STR:
    case SLOT_OPTIONAL:
        status = compile_optional(c, schema, slot, offset);
        break;
    case SLOT_UNION:
        status = compile_union(c, schema, slot, offset);
        break;
    default:
        status = compile_scalar(c, schema, slot, offset);
    }
    c->depth--;
    return status;
}

static enum status compile_all(struct encoder_compiler *c, const struct schema_node *schema,
                               const struct slot *slot)
{
    TRY(compile(c, schema, slot, 0));
    emit(c, WRITE_END, 0);
    for (uint32_t i = 0; i < c->n_callees; i++) {
        c->callees[i].place = c->list.n;
        TRY(compile_fields(c, c->callees[i].schema, c->callees[i].slot, 0));
        emit(c, WRITE_RETURN, 0);
    }
    if (c->list.failed)
        return error_set(c->err, ERR_INVALID, "Avro: the schema needs too many operations");
    for (uint32_t i = 0; i < c->list.n; i++) {
        if (c->list.ops[i].code == WRITE_CALL) {
            struct op_call *table = (struct op_call *)(uintptr_t)c->list.ops[i].table;

            table->place = c->callees[table->place].place;
        }
    }
    return OK;
}

enum status avro_encoder_make(const struct schema_node *schema, const struct slot *slot,
                              struct avro_encoder **out, struct error *err)
{
    struct encoder_compiler *c = calloc(1, sizeof(*c));
    struct avro_encoder *encoder = calloc(1, sizeof(*encoder));
    enum status status = ERR_NOMEM;

    if (!c || !encoder) {
        error_set(err, ERR_NOMEM, "Avro encoder: out of memory");
        goto done;
    }
    arena_init(&encoder->arena, AVRO_PLAN_BYTES_MAX);
    c->list.arena = &encoder->arena;
    c->err = err;
    status = compile_all(c, schema, slot);
    if (status != OK)
        goto done;
    encoder->ops = c->list.ops;
    encoder->n_ops = c->list.n;
    c->list.ops = NULL;
    *out = encoder;
    encoder = NULL;
done:
    if (c)
        free(c->list.ops);
    free(c);
    avro_encoder_close(encoder);
    return status;
}

void avro_encoder_close(struct avro_encoder *encoder)
{
    if (!encoder)
        return;
    free((void *)(uintptr_t)encoder->ops);
    arena_deinit(&encoder->arena);
    free(encoder);
}
