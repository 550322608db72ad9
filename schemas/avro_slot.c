/*
 * Slots: does one fit a schema, and one for any schema.
 *
 * In a generic slot a record lies in place; where it is met again inside itself, and only
 * there, a pointer stands for it, so that every slot has a finite size.
 */
#include "schemas/avro_private.h"

#include <stdalign.h>
#include <stddef.h>

/* ---- does it fit? ---- */

static bool holds_record(const struct slot *slot, const struct schema_node *schema,
                         unsigned depth);

static bool holds_optional(const struct slot *slot, const struct schema_node *schema,
                           unsigned depth);

static bool holds(const struct slot *slot, const struct schema_node *schema, unsigned depth)
{
    static const uint8_t plain[] = {
        [SCHEMA_NULL] = SLOT_NOTHING,  [SCHEMA_BOOLEAN] = SLOT_BOOL,
        [SCHEMA_INT] = SLOT_I32,       [SCHEMA_LONG] = SLOT_I64,
        [SCHEMA_FLOAT] = SLOT_F32,     [SCHEMA_DOUBLE] = SLOT_F64,
        [SCHEMA_BYTES] = SLOT_STR,     [SCHEMA_STRING] = SLOT_STR,
        [SCHEMA_RECORD] = SLOT_RECORD, [SCHEMA_ENUM] = SLOT_ENUM,
        [SCHEMA_FIXED] = SLOT_STR,     [SCHEMA_ARRAY] = SLOT_ARRAY,
        [SCHEMA_MAP] = SLOT_MAP,       [SCHEMA_UNION] = SLOT_UNION,
    };

    if (depth == AVRO_SCHEMA_DEPTH_MAX)
        return false;
    switch (slot->kind) {
    case SLOT_DECIMAL:
        return schema->logical == LOGICAL_DECIMAL && schema->precision <= DECIMAL_DIGITS_MAX;
    case SLOT_OPTIONAL:
    case SLOT_OPTIONAL_STR:
        return holds_optional(slot, schema, depth + 1);
    case SLOT_RECORD:
        return holds_record(slot, schema, depth + 1);
    case SLOT_ARRAY:
    case SLOT_MAP:
        return plain[schema->kind] == slot->kind && holds(slot->item, schema->item, depth + 1);
    case SLOT_POINTER:
    case SLOT_UNION:
        return false; /* only generic slots have them, and those fit by construction */
    default:
        return plain[schema->kind] == slot->kind;
    }
}

static bool holds_optional(const struct slot *slot, const struct schema_node *schema,
                           unsigned depth)
{
    static const struct slot text = {.kind = SLOT_STR, .size = sizeof(struct str)};
    uint32_t null_index;

    if (schema->kind != SCHEMA_UNION || schema->n != 2)
        return false;
    null_index = schema->branches[0]->kind == SCHEMA_NULL ? 0 : 1;
    return schema->branches[null_index]->kind == SCHEMA_NULL &&
           holds(slot->kind == SLOT_OPTIONAL ? slot->item : &text,
                 schema->branches[1 - null_index], depth);
}

/* Every member has a field, and where both exist they fit. */
static bool holds_record(const struct slot *slot, const struct schema_node *schema,
                         unsigned depth)
{
    uint32_t n_both = 0;

    if (schema->kind != SCHEMA_RECORD)
        return false;
    for (uint32_t i = 0; i < schema->n; i++) {
        const struct slot_field *place = slot_field_of(slot, schema->fields[i].name);

        if (place && !holds(place->slot, schema->fields[i].type, depth))
            return false;
        n_both += place != NULL;
    }
    return n_both == slot->n;
}

bool slot_holds(const struct slot *slot, const struct schema_node *schema)
{
    return holds(slot, schema, 0);
}

/* ---- a slot for any schema ---- */

struct built { /* a record that has its slot, or is getting it */
    const struct schema_node *schema;
    struct slot *slot;
    bool open;
};

struct builder {
    struct arena *arena;
    struct built built[AVRO_NAMES_MAX];
    uint32_t n_built;
};

enum { SLOT_ALIGN = alignof(struct str) }; /* of everything but scalars; none needs more */

static const struct slot *build(struct builder *b, const struct schema_node *schema);

static struct slot *new_slot(struct builder *b, enum slot_kind kind, uint32_t size)
{
    struct slot *slot = arena_zalloc(b->arena, sizeof(*slot));

    if (slot) {
        slot->kind = kind;
        slot->size = size;
    }
    return slot;
}

static uint32_t round_up(uint32_t size)
{
    return (size + SLOT_ALIGN - 1) / SLOT_ALIGN * SLOT_ALIGN;
}

static const struct slot *build_scalar(struct builder *b, const struct schema_node *schema)
{
    static const struct {
        uint8_t kind, size;
    } plain[] = {
        [SCHEMA_NULL] = {SLOT_NOTHING, 0},
        [SCHEMA_BOOLEAN] = {SLOT_BOOL, sizeof(bool)},
        [SCHEMA_INT] = {SLOT_I32, sizeof(int32_t)},
        [SCHEMA_LONG] = {SLOT_I64, sizeof(int64_t)},
        [SCHEMA_FLOAT] = {SLOT_F32, sizeof(float)},
        [SCHEMA_DOUBLE] = {SLOT_F64, sizeof(double)},
        [SCHEMA_BYTES] = {SLOT_STR, sizeof(struct str)},
        [SCHEMA_STRING] = {SLOT_STR, sizeof(struct str)},
        [SCHEMA_ENUM] = {SLOT_ENUM, sizeof(int32_t)},
        [SCHEMA_FIXED] = {SLOT_STR, sizeof(struct str)},
    };

    if (schema->logical == LOGICAL_DECIMAL && schema->precision <= DECIMAL_DIGITS_MAX)
        return new_slot(b, SLOT_DECIMAL, sizeof(int64_t));
    return new_slot(b, plain[schema->kind].kind, plain[schema->kind].size);
}

static bool build_fields(struct builder *b, const struct schema_node *schema, struct slot *slot)
{
    struct slot_field *fields = arena_zalloc(b->arena, (schema->n + 1) * sizeof(*fields));
    uint32_t size = 0;

    for (uint32_t i = 0; fields && i < schema->n; i++) {
        struct str name = schema->fields[i].name; /* terminated: JSON strings are */

        fields[i].name = name.ptr;
        fields[i].offset = size;
        fields[i].slot = build(b, schema->fields[i].type);
        if (!fields[i].slot)
            return false;
        size += round_up(fields[i].slot->size);
        if (size > AVRO_SLOT_BYTES_MAX)
            return false;
    }
    slot->fields = fields;
    slot->n = schema->n;
    slot->size = size;
    return fields != NULL;
}

static const struct slot *build_record(struct builder *b, const struct schema_node *schema)
{
    struct slot *slot;
    uint32_t i = 0;

    while (i < b->n_built && b->built[i].schema != schema)
        i++;
    if (i < b->n_built && b->built[i].open) {
        slot = new_slot(b, SLOT_POINTER, sizeof(void *));
        if (slot)
            slot->item = b->built[i].slot;
        return slot;
    }
    if (i < b->n_built)
        return b->built[i].slot;
    slot = new_slot(b, SLOT_RECORD, 0);
    if (!slot || i == AVRO_NAMES_MAX)
        return NULL;
    b->built[b->n_built++] = (struct built){schema, slot, true};
    bool ok = build_fields(b, schema, slot);

    b->built[i].open = false;
    return ok ? slot : NULL;
}

static const struct slot *build_items(struct builder *b, const struct schema_node *schema)
{
    bool is_map = schema->kind == SCHEMA_MAP;
    struct slot *slot = new_slot(b, is_map ? SLOT_MAP : SLOT_ARRAY, sizeof(struct sequence));

    if (!slot)
        return NULL;
    slot->item = build(b, schema->item);
    if (!slot->item)
        return NULL;
    slot->value_offset = is_map ? sizeof(struct str) : 0;
    slot->stride = round_up(slot->value_offset + slot->item->size);
    if (slot->stride == 0)
        slot->stride = SLOT_ALIGN; /* nulls, too, have a place each */
    return slot;
}

static const struct slot *build_optional(struct builder *b, const struct schema_node *other)
{
    struct slot *slot;

    if ((other->kind == SCHEMA_BYTES && other->logical == LOGICAL_NONE) ||
        other->kind == SCHEMA_STRING)
        return new_slot(b, SLOT_OPTIONAL_STR, sizeof(struct str));
    slot = new_slot(b, SLOT_OPTIONAL, 2 * SLOT_ALIGN);
    if (!slot)
        return NULL;
    slot->item = build_scalar(b, other);
    slot->value_offset = SLOT_ALIGN;
    return slot->item ? slot : NULL;
}

static const struct slot *build_union(struct builder *b, const struct schema_node *schema)
{
    struct slot *slot = new_slot(b, SLOT_UNION, 0);
    const struct slot **branches = arena_alloc(b->arena, schema->n * sizeof(*branches));
    uint32_t largest = 0;

    if (!slot || !branches)
        return NULL;
    for (uint32_t i = 0; i < schema->n; i++) {
        branches[i] = build(b, schema->branches[i]);
        if (!branches[i])
            return NULL;
        largest = branches[i]->size > largest ? branches[i]->size : largest;
    }
    slot->branches = branches;
    slot->value_offset = SLOT_ALIGN;
    slot->size = SLOT_ALIGN + round_up(largest);
    return slot;
}

/* [null, X] or [X, null] with an X that records.h holds as an optional; NULL: not so. */
static const struct schema_node *optional_of(const struct schema_node *schema)
{
    for (uint32_t i = 0; schema->n == 2 && i < 2; i++) {
        const struct schema_node *other = schema->branches[1 - i];

        if (schema->branches[i]->kind != SCHEMA_NULL)
            continue;
        if (other->kind == SCHEMA_INT || other->kind == SCHEMA_LONG ||
            other->kind == SCHEMA_STRING ||
            (other->kind == SCHEMA_BYTES &&
             (other->logical == LOGICAL_NONE || other->precision <= DECIMAL_DIGITS_MAX)))
            return other;
    }
    return NULL;
}

static const struct slot *build(struct builder *b, const struct schema_node *schema)
{
    const struct schema_node *other;

    switch (schema->kind) {
    case SCHEMA_RECORD:
        return build_record(b, schema);
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        return build_items(b, schema);
    case SCHEMA_UNION:
        other = optional_of(schema);
        return other ? build_optional(b, other) : build_union(b, schema);
    default:
        return build_scalar(b, schema);
    }
}

const struct slot *generic_slot(const struct schema_node *schema, struct arena *arena)
{
    struct builder *b = arena_zalloc(arena, sizeof(*b));

    if (!b)
        return NULL;
    b->arena = arena;
    return build(b, schema);
}
