/*
 * JSON text -> tree. One walk over the JSON; a named type enters the table of names before its
 * fields are read, so that they can refer to it.
 *
 * The walk calls itself once per level of types, at most AVRO_SCHEMA_DEPTH_MAX deep. A record
 * that contains itself with nothing in between (no union, array or map) has no finite value and
 * is refused; so a type whose min_bytes is 0 never takes any bytes, and skipping a million of
 * them is free.
 */
#include "schemas/schema_private.h"

#include "schemas/avro_limits.h"

#include <assert.h>

struct named {
    struct schema_node *node;
    unsigned open; /* place among the records being read, from 1; 0: complete */
};

struct parser {
    struct arena *arena;
    struct error *err;
    struct named *named; /* AVRO_NAMES_MAX */
    uint32_t n_named;
    unsigned depth;
    unsigned n_open; /* records being read, one inside the other */
    unsigned direct; /* of them, those up to here are behind a union, array or map */
};

static const char *const kind_names[] = {
    [SCHEMA_NULL] = "null",   [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT] = "int",
    [SCHEMA_LONG] = "long",   [SCHEMA_FLOAT] = "float",     [SCHEMA_DOUBLE] = "double",
    [SCHEMA_BYTES] = "bytes", [SCHEMA_STRING] = "string",   [SCHEMA_RECORD] = "record",
    [SCHEMA_ENUM] = "enum",   [SCHEMA_FIXED] = "fixed",     [SCHEMA_ARRAY] = "array",
    [SCHEMA_MAP] = "map",     [SCHEMA_UNION] = "union",
};

static const struct schema_node *parse(struct parser *p, const json_t *json, struct str space);

const char *schema_kind_name(enum schema_kind kind)
{
    return kind_names[kind];
}

struct str schema_short_name(struct str full)
{
    for (uint32_t i = full.len; i > 0; i--) {
        if (full.ptr[i - 1] == '.')
            return (struct str){full.ptr + i, full.len - i};
    }
    return full;
}

static void *refuse(struct parser *p, const char *what, struct str name)
{
    error_set(p->err, ERR_INVALID, "Avro schema: %s '%.*s'", what, STR_ARG(name));
    return NULL;
}

static struct str json_str(const json_t *json)
{
    return (struct str){json_string_value(json), (uint32_t)json_string_length(json)};
}

static bool is_name(struct str text)
{
    for (uint32_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return text.len > 0;
}

/* Names with dots between them. */
static bool is_full_name(struct str text)
{
    uint32_t begin = 0;

    for (uint32_t i = 0; i <= text.len; i++) {
        if (i == text.len || text.ptr[i] == '.') {
            if (!is_name((struct str){text.ptr + begin, i - begin}))
                return false;
            begin = i + 1;
        }
    }
    return true;
}

static struct str space_of(struct str full)
{
    struct str name = schema_short_name(full);

    if (name.len == full.len)
        return (struct str){NULL, 0};
    return (struct str){full.ptr, full.len - name.len - 1};
}

/* name in its namespace; ptr NULL when there is no memory. */
static struct str full_name(struct parser *p, struct str name, struct str space)
{
    if (space.len == 0 || memchr(name.ptr, '.', name.len))
        return name;
    char *full = arena_alloc(p->arena, (size_t)space.len + 1 + name.len);

    if (!full)
        return (struct str){NULL, 0};
    memcpy(full, space.ptr, space.len);
    full[space.len] = '.';
    memcpy(full + space.len + 1, name.ptr, name.len);
    return (struct str){full, space.len + 1 + name.len};
}

static struct named *find_named(struct parser *p, struct str full)
{
    for (uint32_t i = 0; i < p->n_named; i++) {
        if (str_equal(p->named[i].node->name, full))
            return &p->named[i];
    }
    return NULL;
}

static struct schema_node *new_node(struct parser *p, enum schema_kind kind, uint32_t min_bytes)
{
    struct schema_node *node = arena_zalloc(p->arena, sizeof(*node));

    if (!node)
        return refuse(p, "is too large, at a", str_of(kind_names[kind]));
    node->kind = kind;
    node->min_bytes = min_bytes;
    node->default_symbol = -1;
    return node;
}

static int primitive_kind(struct str name)
{
    for (int kind = SCHEMA_NULL; kind <= SCHEMA_STRING; kind++) {
        if (str_equal(str_of(kind_names[kind]), name))
            return kind;
    }
    return -1;
}

static struct schema_node *parse_primitive(struct parser *p, enum schema_kind kind)
{
    static const uint8_t min_bytes[] = {
        [SCHEMA_NULL] = 0,  [SCHEMA_BOOLEAN] = 1, [SCHEMA_INT] = 1,   [SCHEMA_LONG] = 1,
        [SCHEMA_FLOAT] = 4, [SCHEMA_DOUBLE] = 8,  [SCHEMA_BYTES] = 1, [SCHEMA_STRING] = 1,
    };

    return new_node(p, kind, min_bytes[kind]);
}

/* A type given by its name. */
static const struct schema_node *parse_reference(struct parser *p, struct str name,
                                                 struct str space)
{
    int kind = primitive_kind(name);

    if (kind >= 0)
        return parse_primitive(p, (enum schema_kind)kind);
    if (!is_full_name(name))
        return refuse(p, "no type can be called", name);
    struct str full = full_name(p, name, space);
    struct named *named = full.ptr ? find_named(p, full) : NULL;

    if (!named)
        return refuse(p, "unknown type", name);
    if (named->open > p->direct)
        return refuse(p, "without end: a record contains itself,", name);
    return named->node;
}

/* ---- logical types ---- */

static void parse_decimal(struct schema_node *node, const json_t *json)
{
    const json_t *precision = json_object_get(json, "precision");
    const json_t *scale = json_object_get(json, "scale");
    json_int_t digits = json_integer_value(precision);
    json_int_t behind = scale ? json_integer_value(scale) : 0;

    if (!json_is_integer(precision) || (scale && !json_is_integer(scale)))
        return;
    if (digits <= 0 || digits > INT32_MAX || behind < 0 || behind > digits)
        return;
    node->logical = LOGICAL_DECIMAL;
    node->precision = (int32_t)digits;
    node->scale = (int32_t)behind;
}

/* An unknown or ill-formed logical type is ignored: the specification wants it so. */
static void parse_logical(struct schema_node *node, const json_t *json)
{
    static const struct {
        const char *name;
        enum schema_logical logical;
    } times[] = {
        {"timestamp-millis", LOGICAL_TIMESTAMP_MILLIS},
        {"timestamp-micros", LOGICAL_TIMESTAMP_MICROS},
        {"timestamp-nanos", LOGICAL_TIMESTAMP_NANOS},
    };
    struct str name = json_str(json_object_get(json, "logicalType"));

    if (!name.ptr)
        return;
    if (node->kind == SCHEMA_BYTES && str_equal(name, str_of("decimal")))
        parse_decimal(node, json);
    for (size_t i = 0; node->kind == SCHEMA_LONG && i < sizeof(times) / sizeof(*times); i++) {
        if (str_equal(name, str_of(times[i].name)))
            node->logical = times[i].logical;
    }
}

/* ---- named types ---- */

/* The strings of a JSON array, each a name; NULL with a sentence if they are not. */
static struct str *parse_names(struct parser *p, const json_t *json, struct str owner,
                               bool full, uint32_t *out_n)
{
    size_t n = json_array_size(json);
    struct str *names = arena_alloc(p->arena, (n + 1) * sizeof(*names));

    if (!json_is_array(json) || n > AVRO_NAMES_MAX || !names)
        return refuse(p, "no list of names, or too many, in", owner);
    for (size_t i = 0; i < n; i++) {
        names[i] = json_str(json_array_get(json, i));
        if (!names[i].ptr || !(full ? is_full_name(names[i]) : is_name(names[i])))
            return refuse(p, "bad symbol or alias in", owner);
    }
    *out_n = (uint32_t)n;
    return names;
}

static bool parse_aliases(struct parser *p, struct schema_node *node, const json_t *json)
{
    const json_t *aliases = json_object_get(json, "aliases");

    if (!aliases || json_is_null(aliases))
        return true;
    node->aliases = parse_names(p, aliases, node->name, true, &node->n_aliases);
    for (uint32_t i = 0; node->aliases && i < node->n_aliases; i++) {
        node->aliases[i] = full_name(p, node->aliases[i], space_of(node->name));
        if (!node->aliases[i].ptr)
            return refuse(p, "is too large, at", node->name);
    }
    return node->aliases != NULL;
}

/* Enters a record, enum or fixed into the table, by its full name. */
static struct named *parse_named(struct parser *p, enum schema_kind kind, const json_t *json,
                                 struct str space)
{
    struct str name = json_str(json_object_get(json, "name"));
    const json_t *own_space = json_object_get(json, "namespace");

    if (!name.ptr || !is_full_name(name))
        return refuse(p, "bad name", name);
    if (own_space && !json_is_null(own_space)) {
        space = json_str(own_space);
        if (!space.ptr || (space.len > 0 && !is_full_name(space)))
            return refuse(p, "bad namespace of", name);
    }
    struct str full = full_name(p, name, space);
    struct schema_node *node = new_node(p, kind, 0);

    if (!full.ptr || !node)
        return refuse(p, "is too large, at", name);
    if (primitive_kind(full) >= 0 || find_named(p, full))
        return refuse(p, "the name is taken:", full);
    if (p->n_named == AVRO_NAMES_MAX)
        return refuse(p, "too many named types, at", full);
    node->name = full;
    if (!parse_aliases(p, node, json))
        return NULL;
    p->named[p->n_named] = (struct named){node, 0};
    return &p->named[p->n_named++];
}

static bool parse_field(struct parser *p, const struct schema_node *record,
                        struct schema_field *field, const json_t *json)
{
    const json_t *aliases = json_object_get(json, "aliases");
    const json_t *type = json_object_get(json, "type");

    field->name = json_str(json_object_get(json, "name"));
    if (!field->name.ptr || !is_name(field->name))
        return refuse(p, "bad field name in", record->name);
    if (!type)
        return refuse(p, "no type given for field", field->name);
    if (aliases && !json_is_null(aliases)) {
        field->aliases = parse_names(p, aliases, field->name, false, &field->n_aliases);
        if (!field->aliases)
            return false;
    }
    field->default_value = json_object_get(json, "default");
    field->type = parse(p, type, space_of(record->name));
    return field->type != NULL;
}

static bool has_field(const struct schema_field *fields, uint32_t n, struct str name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (str_equal(fields[i].name, name))
            return true;
    }
    return false;
}

static bool parse_fields(struct parser *p, struct schema_node *node, const json_t *json)
{
    const json_t *list = json_object_get(json, "fields");
    size_t n = json_array_size(list);
    struct schema_field *fields = arena_zalloc(p->arena, (n + 1) * sizeof(*fields));

    if (!json_is_array(list) || n > AVRO_NAMES_MAX || !fields)
        return refuse(p, "no list of fields, or too many, in", node->name);
    node->fields = fields;
    for (uint32_t i = 0; i < n; i++) {
        if (!parse_field(p, node, &fields[i], json_array_get(list, i)))
            return false;
        if (has_field(fields, i, fields[i].name))
            return refuse(p, "two fields of one name,", fields[i].name);
        node->n = i + 1;
        node->min_bytes += fields[i].type->min_bytes;
        if (node->min_bytes > AVRO_STRING_MAX) /* the sum must not wrap round */
            node->min_bytes = AVRO_STRING_MAX;
    }
    return true;
}

static const struct schema_node *parse_record(struct parser *p, const json_t *json,
                                              struct str space)
{
    struct named *named = parse_named(p, SCHEMA_RECORD, json, space);

    if (!named)
        return NULL;
    named->open = ++p->n_open;
    bool ok = parse_fields(p, named->node, json);

    p->n_open--;
    named->open = 0;
    return ok ? named->node : NULL;
}

static const struct schema_node *parse_enum(struct parser *p, const json_t *json,
                                            struct str space)
{
    struct named *named = parse_named(p, SCHEMA_ENUM, json, space);
    struct schema_node *node = named ? named->node : NULL;
    const json_t *default_symbol = json_object_get(json, "default");
    struct str chosen = json_str(default_symbol);

    if (!node)
        return NULL;
    node->symbols =
        parse_names(p, json_object_get(json, "symbols"), node->name, false, &node->n);
    if (!node->symbols)
        return NULL;
    for (uint32_t i = 0; i < node->n; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (str_equal(node->symbols[i], node->symbols[j]))
                return refuse(p, "two equal symbols in enum", node->name);
        }
        if (chosen.ptr && str_equal(node->symbols[i], chosen))
            node->default_symbol = (int32_t)i;
    }
    if (node->n == 0)
        return refuse(p, "no symbols in enum", node->name);
    if (default_symbol && !json_is_null(default_symbol) && node->default_symbol < 0)
        return refuse(p, "the default is no symbol of enum", node->name);
    node->min_bytes = 1;
    return node;
}

static const struct schema_node *parse_fixed(struct parser *p, const json_t *json,
                                             struct str space)
{
    struct named *named = parse_named(p, SCHEMA_FIXED, json, space);
    const json_t *size = json_object_get(json, "size");
    json_int_t bytes = json_integer_value(size);

    if (!named)
        return NULL;
    if (!json_is_integer(size) || bytes < 0 || bytes > AVRO_STRING_MAX)
        return refuse(p, "bad size of fixed", named->node->name);
    named->node->size = named->node->min_bytes = (uint32_t)bytes;
    return named->node;
}

/* ---- types around types ---- */

static const struct schema_node *parse_item(struct parser *p, enum schema_kind kind,
                                            const json_t *json, struct str space)
{
    struct schema_node *node = new_node(p, kind, 1);
    const json_t *item = json_object_get(json, kind == SCHEMA_ARRAY ? "items" : "values");
    unsigned direct = p->direct;

    if (!node)
        return NULL;
    if (!item)
        return refuse(p, "nothing said of the items of a", str_of(kind_names[kind]));
    p->direct = p->n_open;
    node->item = parse(p, item, space);
    p->direct = direct;
    return node->item ? node : NULL;
}

/* At most one of each kind without a name, at most one of each name, no union in it. */
static bool branch_fits(const struct schema_node *branch, const struct schema_node **before,
                        uint32_t n)
{
    bool named = branch->kind >= SCHEMA_RECORD && branch->kind <= SCHEMA_FIXED;

    for (uint32_t i = 0; i < n; i++) {
        if (named ? str_equal(before[i]->name, branch->name) : before[i]->kind == branch->kind)
            return false;
    }
    return branch->kind != SCHEMA_UNION;
}

static const struct schema_node *parse_union(struct parser *p, const json_t *json,
                                             struct str space)
{
    struct schema_node *node = new_node(p, SCHEMA_UNION, 0);
    size_t n = json_array_size(json);
    const struct schema_node **branches = arena_alloc(p->arena, (n + 1) * sizeof(*branches));
    unsigned direct = p->direct;
    uint32_t least = UINT32_MAX;

    if (!node || !branches || n == 0 || n > AVRO_NAMES_MAX)
        return refuse(p, "no branches, or too many, in a", str_of("union"));
    node->branches = branches;
    p->direct = p->n_open;
    for (size_t i = 0; i < n; i++) {
        branches[i] = parse(p, json_array_get(json, i), space);
        if (!branches[i])
            return NULL;
        if (!branch_fits(branches[i], branches, (uint32_t)i))
            return refuse(p, "a union holds twice, or holds a union:",
                          str_of(kind_names[branches[i]->kind]));
        least = branches[i]->min_bytes < least ? branches[i]->min_bytes : least;
    }
    p->direct = direct;
    node->n = (uint32_t)n;
    node->min_bytes = 1 + least;
    return node;
}

static const struct schema_node *parse_object(struct parser *p, const json_t *json,
                                              struct str space)
{
    const json_t *type = json_object_get(json, "type");
    struct str name = json_str(type);
    int kind = primitive_kind(name);

    if (kind >= 0) {
        struct schema_node *node = parse_primitive(p, (enum schema_kind)kind);

        if (node)
            parse_logical(node, json);
        return node;
    }
    if (str_equal(name, str_of("record")))
        return parse_record(p, json, space);
    if (str_equal(name, str_of("enum")))
        return parse_enum(p, json, space);
    if (str_equal(name, str_of("fixed")))
        return parse_fixed(p, json, space);
    if (str_equal(name, str_of("array")))
        return parse_item(p, SCHEMA_ARRAY, json, space);
    if (str_equal(name, str_of("map")))
        return parse_item(p, SCHEMA_MAP, json, space);
    if (!name.ptr)
        return refuse(p, "a type is missing, in namespace", space);
    return parse_reference(p, name, space);
}

static const struct schema_node *parse(struct parser *p, const json_t *json, struct str space)
{
    const struct schema_node *node;

    if (p->depth == AVRO_SCHEMA_DEPTH_MAX)
        return refuse(p, "nested too deep, in namespace", space);
    p->depth++;
    if (json_is_string(json))
        node = parse_reference(p, json_str(json), space);
    else if (json_is_array(json))
        node = parse_union(p, json, space);
    else if (json_is_object(json))
        node = parse_object(p, json, space);
    else
        node = refuse(p, "a type is missing, in namespace", space);
    p->depth--;
    return node;
}

/* ---- the whole ---- */

enum status schema_init(struct schema *schema, const char *text, size_t len, struct error *err)
{
    struct parser p = {.arena = &schema->arena, .err = err};
    json_error_t where;
    enum status status = ERR_INVALID;

    *schema = (struct schema){0};
    arena_init(&schema->arena, AVRO_SCHEMA_BYTES_MAX);
    if (len > AVRO_SCHEMA_TEXT_MAX) {
        error_set(err, ERR_INVALID, "Avro schema: longer than %d bytes", AVRO_SCHEMA_TEXT_MAX);
        goto done;
    }
    schema->json = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    if (!schema->json) {
        error_set(err, ERR_INVALID, "Avro schema: no JSON: line %d: %s", where.line,
                  where.text);
        goto done;
    }
    p.named = arena_alloc(&schema->arena, AVRO_NAMES_MAX * sizeof(*p.named));
    if (p.named)
        schema->root = parse(&p, schema->json, (struct str){NULL, 0});
    if (schema->root)
        status = schema_check_avro_c(schema->json, err);
done:
    if (status != OK)
        schema_deinit(schema);
    return status;
}

void schema_deinit(struct schema *schema)
{
    json_decref(schema->json);
    arena_deinit(&schema->arena);
    *schema = (struct schema){0};
}
