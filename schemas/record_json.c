/*
 * One walk over schema, slot and JSON together: the schema says what a value means, the slot
 * where it lies in the struct. Nothing here knows a record type by name.
 */
#include "schemas/record_json.h"

#include "schemas/avro_private.h"
#include "schemas/records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PATH_TEXT_MAX = 160, DIGITS_MAX = 18 };

/* Where in the record we are, from the inside out: for the error's sentence. */
struct place {
    const struct place *up;
    struct str name; /* ptr NULL: an item of an array */
    size_t index;
};

struct filler {
    struct arena *arena;
    bool texts;
    struct error *err;
};

static enum status fill(const struct filler *f, const struct schema_node *node,
                        const struct slot *slot, const json_t *value, void *out,
                        const struct place *place);

static size_t write_path(const struct place *place, char *out, size_t capacity)
{
    size_t n = place->up ? write_path(place->up, out, capacity) : 0;
    int more;

    if (n >= capacity)
        return n;
    if (place->name.ptr)
        more = snprintf(out + n, capacity - n, "%s%.*s", n ? "." : "", STR_ARG(place->name));
    else
        more = snprintf(out + n, capacity - n, "[%zu]", place->index);
    return n + (more > 0 ? (size_t)more : 0);
}

static enum status refuse(const struct filler *f, const struct place *place, const char *what,
                          const char *value)
{
    char path[PATH_TEXT_MAX] = "";

    write_path(place, path, sizeof(path));
    return value ? error_set(f->err, ERR_INVALID, "%s: '%.60s' %s", path, value, what)
                 : error_set(f->err, ERR_INVALID, "%s: %s", path, what);
}

static enum status out_of_memory(const struct filler *f)
{
    return error_set(f->err, ERR_NOMEM, "the record is too large");
}

/* ---- numbers and times ---- */

/* A whole number as JSON or, where texts are allowed, as digits. */
static bool whole_of(const struct filler *f, const json_t *value, int64_t *out)
{
    const char *text = json_string_value(value);
    char *end;

    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (!f->texts || !text || !*text || *text == ' ')
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

/* "-12.5" as a count of 10^-scale. False: no decimal, too many places, or too large. */
static bool decimal_of(const char *text, int32_t scale, int64_t *out)
{
    bool negative = *text == '-';
    int32_t places = -1; /* behind the point; -1: before it */
    int digits = 0;
    int64_t number = 0;

    text += negative || *text == '+';
    for (; *text; text++) {
        if (*text == '.' && places < 0) {
            places = 0;
            continue;
        }
        if (*text < '0' || *text > '9')
            return false;
        digits++;
        if (places == scale) { /* a further place may only say nothing */
            if (*text != '0')
                return false;
            continue;
        }
        if (number >= power_of_ten(DIGITS_MAX - 1))
            return false;
        number = number * 10 + (*text - '0');
        places += places >= 0;
    }
    for (places = places < 0 ? 0 : places; places < scale; places++) {
        if (number >= power_of_ten(DIGITS_MAX - 1))
            return false;
        number *= 10;
    }
    *out = negative ? -number : number;
    return digits > 0;
}

/* The shortest decimal of a JSON number; false: fifteen digits are not all of it. */
static bool decimal_text(const json_t *value, char *out, size_t capacity)
{
    if (json_is_integer(value)) {
        snprintf(out, capacity, "%lld", (long long)json_integer_value(value));
        return true;
    }
    snprintf(out, capacity, "%.15g", json_real_value(value));
    return strtod(out, NULL) == json_real_value(value);
}

static enum status fill_decimal(const struct filler *f, const struct schema_node *node,
                                const json_t *value, int64_t *out, const struct place *place)
{
    const char *text = json_string_value(value);
    char number[40];

    if (json_is_number(value)) {
        if (!decimal_text(value, number, sizeof(number)))
            return refuse(f, place,
                          "has more digits than a JSON number holds exactly; write "
                          "the amount as a text",
                          NULL);
        text = number;
    }
    if (!text)
        return refuse(f, place, "must be an amount, as a text or a number", NULL);
    if (!decimal_of(text, node->scale, out))
        return refuse(f, place, "is no amount of at most four places", text);
    return OK;
}

static bool two_digits(const char *at, int *out)
{
    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return false;
    *out = (at[0] - '0') * 10 + at[1] - '0';
    return true;
}

/* "Z", "+02:00", "-0530" to the end of the text: minutes east of Greenwich. */
static bool zone_of(const char *at, int *out_minutes)
{
    int hours, minutes = 0, sign = *at == '-' ? -1 : 1;

    if (at[0] == 'Z' && !at[1]) {
        *out_minutes = 0;
        return true;
    }
    if ((*at != '+' && *at != '-') || !two_digits(at + 1, &hours))
        return false;
    at += 3;
    at += *at == ':';
    if (*at) {
        if (!two_digits(at, &minutes))
            return false;
        at += 2;
    }
    *out_minutes = sign * (hours * 60 + minutes);
    return !*at && hours < 24 && minutes < 60;
}

/* "2024-05-01T10:00:00.250+02:00" as milliseconds since 1970. */
static bool iso_time_of(const char *text, int64_t *out)
{
    struct tm tm = {0};
    int n = 0, zone_minutes;
    int64_t ms = 0, weight = 100;
    char between;

    if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &between, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 7 ||
        (between != 'T' && between != ' ') || tm.tm_mon < 1 || tm.tm_mon > 12 ||
        tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    text += n;
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++, weight /= 10)
            ms += (*text - '0') * weight;
    }
    if (!zone_of(text, &zone_minutes))
        return false;
    *out = ((int64_t)timegm(&tm) - zone_minutes * 60) * 1000 + ms;
    return true;
}

static bool is_time(const struct schema_node *node)
{
    return node->kind == SCHEMA_LONG && node->logical == LOGICAL_TIMESTAMP_MILLIS;
}

static enum status fill_i64(const struct filler *f, const struct schema_node *node,
                            const json_t *value, int64_t *out, const struct place *place)
{
    const char *text = json_string_value(value);

    if (whole_of(f, value, out))
        return OK;
    if (!is_time(node))
        return refuse(f, place, "must be a whole number", text);
    if (text && iso_time_of(text, out))
        return OK;
    return refuse(f, place, "must be a time: milliseconds since 1970, or ISO 8601 with a zone",
                  text);
}

static enum status fill_i32(const struct filler *f, const json_t *value, int32_t *out,
                            const struct place *place)
{
    int64_t number;

    if (!whole_of(f, value, &number) || number < INT32_MIN || number > INT32_MAX)
        return refuse(f, place, "must be a whole number of 32 bits", json_string_value(value));
    *out = (int32_t)number;
    return OK;
}

static enum status fill_real(const struct filler *f, const json_t *value, double *out,
                             const struct place *place)
{
    const char *text = json_string_value(value);
    char *end = NULL;

    if (json_is_number(value)) {
        *out = json_number_value(value);
        return OK;
    }
    if (f->texts && text && *text && *text != ' ')
        *out = strtod(text, &end);
    return end && !*end ? OK : refuse(f, place, "must be a number", text);
}

/* ---- words ---- */

static enum status fill_bool(const struct filler *f, const json_t *value, bool *out,
                             const struct place *place)
{
    const char *text = f->texts ? json_string_value(value) : NULL;
    bool yes = text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
    bool no = text && (strcmp(text, "false") == 0 || strcmp(text, "0") == 0);

    if (!json_is_boolean(value) && !yes && !no)
        return refuse(f, place, "must be true or false", text);
    *out = json_is_true(value) || yes;
    return OK;
}

static enum status fill_enum(const struct filler *f, const struct schema_node *node,
                             const json_t *value, int32_t *out, const struct place *place)
{
    const char *text = json_string_value(value);

    if (!text)
        return refuse(f, place, "must be a word of the schema", NULL);
    for (uint32_t i = 0; i < node->n; i++) {
        if (str_equal(node->symbols[i], str_of(text))) {
            *out = (int32_t)i;
            return OK;
        }
    }
    return refuse(f, place, "is no word of the schema", text);
}

static bool is_id(const struct place *place)
{
    struct str name = place->name;

    return name.len > 3 && memcmp(name.ptr + name.len - 3, "_id", 3) == 0;
}

static enum status fill_str(const struct filler *f, const json_t *value, struct str *out,
                            const struct place *place)
{
    size_t n = json_string_length(value);

    if (!json_is_string(value))
        return refuse(f, place, "must be a text", NULL);
    if (n > AVRO_STRING_MAX)
        return refuse(f, place, "is too long", NULL);
    if (is_id(place) && (n == 0 || n > ID_MAX_BYTES))
        return refuse(f, place, "an id has 1 to 256 bytes", NULL);
    *out = (struct str){json_string_value(value), (uint32_t)n};
    return OK;
}

/* ---- what holds others ---- */

/* A union's branch that is not null. */
static const struct schema_node *other_branch(const struct schema_node *node)
{
    for (uint32_t i = 0; node->kind == SCHEMA_UNION && i < node->n; i++) {
        if (node->branches[i]->kind != SCHEMA_NULL)
            return node->branches[i];
    }
    return node;
}

static bool is_null(const struct filler *f, const json_t *value)
{
    return json_is_null(value) ||
           (f->texts && json_is_string(value) && json_string_length(value) == 0);
}

static enum status fill_optional(const struct filler *f, const struct schema_node *node,
                                 const struct slot *slot, const json_t *value, void *out,
                                 const struct place *place)
{
    const struct schema_node *other = other_branch(node);

    if (is_null(f, value))
        return OK; /* zeroed: absent */
    if (slot->kind == SLOT_OPTIONAL_STR)
        return fill_str(f, value, out, place);
    TRY(fill(f, other, slot->item, value, (char *)out + slot->value_offset, place));
    *(bool *)out = true;
    return OK;
}

static enum status fill_array(const struct filler *f, const struct schema_node *node,
                              const struct slot *slot, const json_t *value,
                              struct sequence *out, const struct place *place)
{
    size_t n = json_array_size(value);
    char *items;

    if (!json_is_array(value))
        return refuse(f, place, "must be a list", NULL);
    if (n > AVRO_ARRAY_MAX)
        return refuse(f, place, "has too many entries", NULL);
    items = arena_zalloc(f->arena, n * slot->stride);
    if (n && !items)
        return out_of_memory(f);
    for (size_t i = 0; i < n; i++) {
        struct place here = {place, {NULL, 0}, i};

        TRY(fill(f, node->item, slot->item, json_array_get(value, i), items + i * slot->stride,
                 &here));
    }
    *out = (struct sequence){n ? items : NULL, (uint32_t)n};
    return OK;
}

static enum status fill_map(const struct filler *f, const struct schema_node *node,
                            const struct slot *slot, const json_t *value, struct sequence *out,
                            const struct place *place)
{
    size_t n = json_object_size(value);
    json_t *object = (json_t *)(uintptr_t)value; /* jansson's iteration knows no const */
    const char *key;
    json_t *entry;
    char *at;

    if (!json_is_object(value))
        return refuse(f, place, "must be an object", NULL);
    if (n > AVRO_ARRAY_MAX)
        return refuse(f, place, "has too many entries", NULL);
    at = arena_zalloc(f->arena, n * slot->stride);
    if (n && !at)
        return out_of_memory(f);
    *out = (struct sequence){n ? at : NULL, (uint32_t)n};
    json_object_foreach(object, key, entry)
    {
        struct place here = {place, str_of(key), 0};

        *(struct str *)(void *)at = str_of(key);
        TRY(fill(f, node->item, slot->item, entry, at + slot->value_offset, &here));
        at += slot->stride;
    }
    return OK;
}

static const struct schema_field *field_of(const struct schema_node *record, struct str name)
{
    for (uint32_t i = 0; i < record->n; i++) {
        if (str_equal(record->fields[i].name, name))
            return &record->fields[i];
    }
    return NULL;
}

static enum status refuse_unknown(const struct filler *f, const struct schema_node *node,
                                  const json_t *value, const struct place *place)
{
    json_t *object = (json_t *)(uintptr_t)value;
    const char *key;
    json_t *entry;

    json_object_foreach(object, key, entry)
    {
        struct place here = {place, str_of(key), 0};

        if (!field_of(node, str_of(key)))
            return refuse(f, &here, "the schema has no such field", NULL);
    }
    return OK;
}

static enum status fill_record(const struct filler *f, const struct schema_node *node,
                               const struct slot *slot, const json_t *value, void *out,
                               const struct place *place)
{
    const struct filler defaults = {f->arena, false, f->err};
    size_t n_met = 0;

    if (!json_is_object(value))
        return refuse(f, place, "must be an object", NULL);
    for (uint32_t i = 0; i < node->n; i++) {
        const struct schema_field *field = &node->fields[i];
        const struct slot_field *member = slot_field_of(slot, field->name);
        const json_t *given = json_object_getn(value, field->name.ptr, field->name.len);
        struct place here = {place, field->name, 0};

        n_met += given != NULL;
        if (!given && !field->default_value)
            return refuse(f, &here, "is missing", NULL);
        if (member)
            TRY(fill(given ? f : &defaults, field->type, member->slot,
                     given ? given : field->default_value, (char *)out + member->offset,
                     &here));
    }
    return n_met == json_object_size(value) ? OK : refuse_unknown(f, node, value, place);
}

static enum status fill(const struct filler *f, const struct schema_node *node,
                        const struct slot *slot, const json_t *value, void *out,
                        const struct place *place)
{
    double real;

    switch (slot->kind) {
    case SLOT_BOOL:
        return fill_bool(f, value, out, place);
    case SLOT_I32:
        return fill_i32(f, value, out, place);
    case SLOT_I64:
        return fill_i64(f, node, value, out, place);
    case SLOT_F32:
        TRY(fill_real(f, value, &real, place));
        *(float *)out = (float)real;
        return OK;
    case SLOT_F64:
        return fill_real(f, value, out, place);
    case SLOT_STR:
        return fill_str(f, value, out, place);
    case SLOT_ENUM:
        return fill_enum(f, node, value, out, place);
    case SLOT_DECIMAL:
        return fill_decimal(f, node, value, out, place);
    case SLOT_RECORD:
        return fill_record(f, node, slot, value, out, place);
    case SLOT_ARRAY:
        return fill_array(f, node, slot, value, out, place);
    case SLOT_MAP:
        return fill_map(f, node, slot, value, out, place);
    case SLOT_OPTIONAL:
    case SLOT_OPTIONAL_STR:
        return fill_optional(f, node, slot, value, out, place);
    default: /* NOTHING, POINTER, UNION: no struct of records.h has one */
        return refuse(f, place, "cannot be given as JSON", NULL);
    }
}

enum status record_from_json(const struct record_type *type, const json_t *object, bool texts,
                             struct arena *arena, void *out, struct error *err)
{
    const struct filler f = {arena, texts, err};
    const struct schema_node *root = record_codec_get(type)->schema.root;
    struct place top = {NULL, {"", 0}, 0};

    if (!json_is_object(object))
        return error_set(err, ERR_INVALID, "is no JSON object");
    memset(out, 0, type->slot->size);
    return fill_record(&f, root, type->slot, object, out, &top);
}

/* ---- shapes ---- */

struct record_place record_place_of(const struct record_type *type)
{
    return (struct record_place){record_codec_get(type)->schema.root};
}

enum record_field_kind record_place_kind(struct record_place place)
{
    const struct schema_node *node = place.schema;

    if (!node)
        return RECORD_FIELD_NONE;
    node = other_branch(node);
    switch (node->kind) {
    case SCHEMA_ARRAY:
        return RECORD_FIELD_ARRAY;
    case SCHEMA_MAP:
        return RECORD_FIELD_MAP;
    case SCHEMA_RECORD:
        return RECORD_FIELD_RECORD;
    default:
        return is_time(node) ? RECORD_FIELD_TIME : RECORD_FIELD_SCALAR;
    }
}

struct record_place record_place_inside(struct record_place place, struct str name)
{
    const struct schema_node *node = other_branch(place.schema);
    const struct schema_field *field;

    if (node->kind == SCHEMA_ARRAY || node->kind == SCHEMA_MAP)
        return (struct record_place){node->item};
    if (node->kind != SCHEMA_RECORD)
        return (struct record_place){NULL};
    field = field_of(node, name);
    return (struct record_place){field ? field->type : NULL};
}

struct str record_place_missing(struct record_place place, const struct str *names,
                                uint32_t n_names)
{
    const struct schema_node *node = place.schema;

    for (uint32_t i = 0; i < node->n; i++) {
        const struct schema_field *field = &node->fields[i];
        bool given = field->default_value != NULL;

        for (uint32_t n = 0; n < n_names && !given; n++)
            given = str_equal(names[n], field->name);
        if (!given)
            return field->name;
    }
    return (struct str){NULL, 0};
}
