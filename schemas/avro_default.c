/*
 * Defaults. A schema gives them in JSON; here they become the bytes a writer would have
 * written, once per plan. Decoding a default is then ordinary decoding of other bytes, and
 * there is no second way for a value to come into a struct.
 */
#include "schemas/avro_private.h"

#include "core/base/bytes.h"

struct putter {
    struct byte_writer w;
    uint32_t n_left; /* values: records without bytes can be nested without end */
};

static bool put(struct putter *p, const struct schema_node *type, const json_t *value,
                unsigned depth);

static bool put_integer(struct putter *p, const json_t *value, bool wide)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || (!wide && (number < INT32_MIN || number > INT32_MAX)))
        return false;
    bytes_put_zigzag(&p->w, number);
    return true;
}

static bool put_real(struct putter *p, const json_t *value, bool wide)
{
    double number = json_number_value(value);
    uint64_t bits;

    if (!json_is_number(value))
        return false;
    memcpy(&bits, &number, sizeof(bits));
    if (wide)
        bytes_put_u64(&p->w, bits);
    else
        bytes_put_f32(&p->w, (float)number);
    return true;
}

static bool put_string(struct putter *p, const json_t *value)
{
    if (!json_is_string(value))
        return false;
    bytes_put_zigzag(&p->w, (int64_t)json_string_length(value));
    bytes_put_raw(&p->w, json_string_value(value), json_string_length(value));
    return true;
}

/* Bytes are a JSON string whose characters U+0000..U+00FF are the bytes. */
static bool put_bytes(struct putter *p, const json_t *value, int64_t size_wanted)
{
    const uint8_t *text = (const uint8_t *)json_string_value(value);
    size_t n = json_string_length(value);
    int64_t size = 0;

    if (!json_is_string(value))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] > 0xc3) /* two bytes of UTF-8, or U+0100 and above */
            return false;
        size += (text[i] & 0xc0) != 0x80;
    }
    if (size_wanted >= 0 && size != size_wanted)
        return false;
    if (size_wanted < 0)
        bytes_put_zigzag(&p->w, size);
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0x80) {
            bytes_put_u8(&p->w, text[i]);
        } else {
            bytes_put_u8(&p->w, (uint8_t)(text[i] << 6 | (text[i + 1] & 0x3f)));
            i++;
        }
    }
    return true;
}

static bool put_symbol(struct putter *p, const struct schema_node *type, const json_t *value)
{
    struct str symbol = {json_string_value(value), (uint32_t)json_string_length(value)};

    for (uint32_t i = 0; symbol.ptr && i < type->n; i++) {
        if (str_equal(type->symbols[i], symbol)) {
            bytes_put_zigzag(&p->w, i);
            return true;
        }
    }
    return false;
}

static bool put_record(struct putter *p, const struct schema_node *type, const json_t *value,
                       unsigned depth)
{
    if (!json_is_object(value))
        return false;
    for (uint32_t i = 0; i < type->n; i++) {
        const struct schema_field *field = &type->fields[i];
        const json_t *given = json_object_getn(value, field->name.ptr, field->name.len);

        given = given ? given : field->default_value;
        if (!given || !put(p, field->type, given, depth))
            return false;
    }
    return true;
}

static bool put_array(struct putter *p, const struct schema_node *type, const json_t *value,
                      unsigned depth)
{
    size_t n = json_array_size(value);

    if (!json_is_array(value))
        return false;
    if (n > 0)
        bytes_put_zigzag(&p->w, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        if (!put(p, type->item, json_array_get(value, i), depth))
            return false;
    }
    bytes_put_u8(&p->w, 0);
    return true;
}

static bool put_map(struct putter *p, const struct schema_node *type, json_t *value,
                    unsigned depth)
{
    if (!json_is_object(value))
        return false;
    if (json_object_size(value) > 0)
        bytes_put_zigzag(&p->w, (int64_t)json_object_size(value));
    for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        const char *key = json_object_iter_key(at);
        size_t n = json_object_iter_key_len(at);

        bytes_put_zigzag(&p->w, (int64_t)n);
        bytes_put_raw(&p->w, key, n);
        if (!put(p, type->item, json_object_iter_value(at), depth))
            return false;
    }
    bytes_put_u8(&p->w, 0);
    return true;
}

static bool put_union(struct putter *p, const struct schema_node *type, const json_t *value,
                      unsigned depth)
{
    struct byte_writer before = p->w;

    for (uint32_t i = 0; i < type->n; i++) {
        p->w = before;
        bytes_put_zigzag(&p->w, i);
        if (put(p, type->branches[i], value, depth))
            return true;
    }
    return false;
}

/* Depth also ends a record whose default contains its own default. */
static bool put(struct putter *p, const struct schema_node *type, const json_t *value,
                unsigned depth)
{
    if (depth == AVRO_SCHEMA_DEPTH_MAX || p->w.full || p->n_left == 0)
        return false;
    depth++;
    p->n_left--;
    switch (type->kind) {
    case SCHEMA_NULL:
        return json_is_null(value);
    case SCHEMA_BOOLEAN:
        bytes_put_u8(&p->w, json_is_true(value));
        return json_is_boolean(value);
    case SCHEMA_INT:
    case SCHEMA_LONG:
        return put_integer(p, value, type->kind == SCHEMA_LONG);
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        return put_real(p, value, type->kind == SCHEMA_DOUBLE);
    case SCHEMA_STRING:
        return put_string(p, value);
    case SCHEMA_BYTES:
        return put_bytes(p, value, -1);
    case SCHEMA_FIXED:
        return put_bytes(p, value, type->size);
    case SCHEMA_ENUM:
        return put_symbol(p, type, value);
    case SCHEMA_RECORD:
        return put_record(p, type, value, depth);
    case SCHEMA_ARRAY:
        return put_array(p, type, value, depth);
    case SCHEMA_MAP: /* jansson's iterators want it writable, and write nothing */
        return put_map(p, type, (json_t *)(uintptr_t)value, depth);
    case SCHEMA_UNION:
        return put_union(p, type, value, depth);
    }
    return false;
}

int64_t avro_encode_default(const struct schema_node *type, const json_t *value, uint8_t *out,
                            size_t capacity)
{
    struct putter p = {byte_writer_of(out, capacity), AVRO_DEFAULT_BYTES_MAX};

    if (!put(&p, type, value, 0) || p.w.full)
        return -1;
    return (int64_t)byte_writer_size(&p.w);
}
