/*
 * From YAML to a mapping, checked against the schema on the way: every value meets the place
 * it is for, so an unknown field or a list where a text belongs is named with its line before
 * anything is published.
 */
#include "core/load_mapping_private.h"
#include "producers/quiet_hours.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yaml.h>

struct parser {
    struct mapping *mapping;
    yaml_document_t *document;
    struct error *err;
};

static int line_of(const yaml_node_t *node)
{
    return (int)node->start_mark.line + 1;
}

__attribute__((format(printf, 3, 4))) static enum status
refuse(const struct parser *p, int line, const char *format, ...)
{
    char sentence[400];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    return error_set(p->err, ERR_INVALID, "%s:%d: %s", p->mapping->path, line, sentence);
}

static enum status no_memory(const struct parser *p)
{
    return error_set(p->err, ERR_NOMEM, "%s: the mapping is too large", p->mapping->path);
}

/* A scalar's text, terminated and kept in the arena; NULL: no scalar, or no memory. */
static const char *scalar(const struct parser *p, const yaml_node_t *node)
{
    size_t n = node->type == YAML_SCALAR_NODE ? node->data.scalar.length : 0;
    char *text = node->type == YAML_SCALAR_NODE ? arena_alloc(&p->mapping->arena, n + 1) : NULL;

    if (text) {
        memcpy(text, node->data.scalar.value, n);
        text[n] = '\0';
    }
    return text;
}

static yaml_node_t *node_of(const struct parser *p, int id)
{
    return yaml_document_get_node(p->document, id);
}

static uint32_t n_pairs(const yaml_node_t *node)
{
    return (uint32_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
}

/* Pair i of a mapping: its key's text and the value's node. */
static enum status pair_of(const struct parser *p, const yaml_node_t *node, uint32_t i,
                           const char **out_key, yaml_node_t **out_value)
{
    const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
    const yaml_node_t *key = node_of(p, pair->key);

    *out_key = scalar(p, key);
    *out_value = node_of(p, pair->value);
    return *out_key ? OK : refuse(p, line_of(key), "a key must be a text");
}

/* ---- columns ---- */

static enum status use_column(const struct parser *p, struct str name, int line, uint32_t *out)
{
    struct mapping *mapping = p->mapping;

    for (*out = 0; *out < mapping->n_columns; (*out)++) {
        if (str_equal(mapping->columns[*out].name, name))
            return OK;
    }
    if (mapping->n_columns == TABLE_COLUMNS_MAX)
        return refuse(p, line, "uses more than %d columns", TABLE_COLUMNS_MAX);
    mapping->columns[mapping->n_columns++] = (struct column_use){name, line, UINT32_MAX};
    return OK;
}

enum status mapping_bind(struct mapping *mapping, const struct str *names, uint32_t n,
                         struct error *err)
{
    for (uint32_t c = 0; c < mapping->n_columns; c++) {
        struct column_use *use = &mapping->columns[c];

        use->index = UINT32_MAX;
        for (uint32_t i = 0; i < n && use->index == UINT32_MAX; i++) {
            if (str_equal(names[i], use->name))
                use->index = i;
        }
        if (use->index == UINT32_MAX)
            return error_set(err, ERR_INVALID, "%s:%d: the table has no column '%.*s'",
                             mapping->path, use->line, STR_ARG(use->name));
    }
    return OK;
}

/* ---- texts ---- */

static enum status add_part(const struct parser *p, struct text_pattern *pattern,
                            struct text_part part)
{
    struct text_part *parts =
        arena_alloc(&p->mapping->arena, (pattern->n + 1) * sizeof(*pattern->parts));

    if (!parts)
        return no_memory(p);
    if (pattern->n)
        memcpy(parts, pattern->parts, pattern->n * sizeof(*parts));
    parts[pattern->n++] = part;
    pattern->parts = parts;
    return OK;
}

/* {NAME}, {#}, {{, }} and literals between them. */
static enum status parse_pattern(const struct parser *p, const char *at, int line,
                                 struct text_pattern *out)
{
    while (*at) {
        struct text_part part = {.kind = PART_LITERAL};
        size_t n = strcspn(at, "{}");

        if (n == 0 && at[0] == at[1]) { /* a doubled brace is one */
            part.literal = (struct str){at, 1};
            at += 2;
        } else if (n == 0 && *at == '}') {
            return refuse(p, line, "a '}' without its '{'; write }} for a brace");
        } else if (n == 0) {
            size_t name = strcspn(at + 1, "{}");

            if (at[1 + name] != '}' || name == 0)
                return refuse(p, line, "a '{' without a column and '}'; write {{ for a brace");
            part.kind = name == 1 && at[1] == '#' ? PART_ROW : PART_COLUMN;
            if (part.kind == PART_COLUMN)
                TRY(use_column(p, (struct str){at + 1, (uint32_t)name}, line, &part.column));
            at += name + 2;
        } else {
            part.literal = (struct str){at, (uint32_t)n};
            at += n;
        }
        TRY(add_part(p, out, part));
    }
    return OK;
}

static enum status parse_text(const struct parser *p, const yaml_node_t *node,
                              struct value *out)
{
    const char *text = scalar(p, node);

    out->kind = VALUE_TEXT;
    return text ? parse_pattern(p, text, line_of(node), &out->text)
                : refuse(p, line_of(node), "must be a text");
}

/* A format is good if what strftime writes with it, strptime reads. */
static bool is_format(const char *format)
{
    struct tm tm = {.tm_year = 111, .tm_mon = 9, .tm_mday = 3, .tm_hour = 14, .tm_min = 5};
    char text[256];
    const char *end;

    if (!strchr(format, '%') || strftime(text, sizeof(text), format, &tm) == 0)
        return false;
    end = strptime(text, format, &tm);
    return end && !*end;
}

static enum status parse_time(const struct parser *p, const yaml_node_t *node,
                              struct value *out)
{
    const char *text = scalar(p, node);

    if (text && strcmp(text, "seconds") == 0) {
        out->time = TIME_SECONDS;
    } else if (text && strcmp(text, "milliseconds") == 0) {
        out->time = TIME_MILLISECONDS;
    } else if (text && is_format(text)) {
        out->time = TIME_FORMAT;
        out->format = text;
    } else {
        return refuse(p, line_of(node),
                      "time: '%s' is neither seconds nor milliseconds nor a strptime format",
                      text ? text : "");
    }
    return OK;
}

static enum status parse_words(const struct parser *p, const yaml_node_t *node,
                               struct value *out)
{
    if (node->type != YAML_MAPPING_NODE || n_pairs(node) == 0)
        return refuse(p, line_of(node), "map must be {word: replacement, …}");
    out->n_words = n_pairs(node);
    out->words = arena_alloc(&p->mapping->arena, out->n_words * sizeof(struct str));
    out->replacements = arena_alloc(&p->mapping->arena, out->n_words * sizeof(struct str));
    if (!out->words || !out->replacements)
        return no_memory(p);
    for (uint32_t i = 0; i < out->n_words; i++) {
        const char *word, *replacement;
        yaml_node_t *value;

        TRY(pair_of(p, node, i, &word, &value));
        replacement = scalar(p, value);
        if (!replacement)
            return refuse(p, line_of(value), "a replacement must be a text");
        out->words[i] = str_of(word);
        out->replacements[i] = str_of(replacement);
    }
    return OK;
}

/* {text: …, time: …, zone: …} or {text: …, map: …} */
static enum status parse_converted(const struct parser *p, const yaml_node_t *node,
                                   struct value *out)
{
    bool has_text = false;

    for (uint32_t i = 0; i < n_pairs(node); i++) {
        const char *key;
        yaml_node_t *value;

        TRY(pair_of(p, node, i, &key, &value));
        if (strcmp(key, "text") == 0) {
            has_text = true;
            TRY(parse_text(p, value, out));
        } else if (strcmp(key, "time") == 0) {
            TRY(parse_time(p, value, out));
        } else if (strcmp(key, "map") == 0) {
            TRY(parse_words(p, value, out));
        } else if (strcmp(key, "zone") == 0) {
            out->zone = scalar(p, value);
            if (!out->zone || !zone_is_known(str_of(out->zone)))
                return refuse(p, line_of(value), "zone: '%s' is no IANA time zone",
                              out->zone ? out->zone : "");
        } else {
            return refuse(p, line_of(value),
                          "unknown key '%s'; a value has text, time, zone, map", key);
        }
    }
    if (!has_text)
        return refuse(p, line_of(node), "text is missing");
    if (out->zone && out->time != TIME_FORMAT)
        return refuse(p, line_of(node), "zone is for a time with a format");
    if (out->time != TIME_NONE && out->n_words)
        return refuse(p, line_of(node), "a value has either time or map");
    return OK;
}

/* ---- values ---- */

static enum status parse_value(const struct parser *p, const yaml_node_t *node,
                               struct record_place place, int depth, struct value *out);

static enum status room_for(const struct parser *p, uint32_t n, struct value *out)
{
    out->n = n;
    out->names = arena_zalloc(&p->mapping->arena, (n + 1) * sizeof(*out->names));
    out->entries = arena_zalloc(&p->mapping->arena, (n + 1) * sizeof(*out->entries));
    return out->names && out->entries ? OK : no_memory(p);
}

static enum status parse_list(const struct parser *p, const yaml_node_t *node,
                              struct record_place place, int depth, struct value *out)
{
    const yaml_node_item_t *items = node->data.sequence.items.start;
    struct record_place inside = record_place_inside(place, (struct str){NULL, 0});

    if (node->type != YAML_SEQUENCE_NODE)
        return refuse(p, line_of(node), "this field is a list: write [ … ]");
    out->kind = VALUE_LIST;
    TRY(room_for(p, (uint32_t)(node->data.sequence.items.top - items), out));
    for (uint32_t i = 0; i < out->n; i++)
        TRY(parse_value(p, node_of(p, items[i]), inside, depth + 1, &out->entries[i]));
    return OK;
}

static enum status parse_object(const struct parser *p, const yaml_node_t *node,
                                struct record_place place, int depth, struct value *out)
{
    struct str missing;

    if (node->type != YAML_MAPPING_NODE)
        return refuse(p, line_of(node), "this field has fields of its own: write {name: …}");
    out->kind = VALUE_OBJECT;
    TRY(room_for(p, n_pairs(node), out));
    for (uint32_t i = 0; i < out->n; i++) {
        const char *key;
        yaml_node_t *value;
        struct record_place inside;

        TRY(pair_of(p, node, i, &key, &value));
        inside = record_place_inside(place, str_of(key));
        if (record_place_kind(inside) == RECORD_FIELD_NONE)
            return refuse(p, line_of(value), "the schema has no field '%s' here", key);
        out->names[i] = str_of(key);
        TRY(parse_value(p, value, inside, depth + 1, &out->entries[i]));
    }
    if (record_place_kind(place) != RECORD_FIELD_RECORD)
        return OK;
    missing = record_place_missing(place, out->names, out->n);
    return missing.ptr
               ? refuse(p, line_of(node), "the field '%.*s' has no default and must be named",
                        STR_ARG(missing))
               : OK;
}

static enum status parse_value(const struct parser *p, const yaml_node_t *node,
                               struct record_place place, int depth, struct value *out)
{
    if (depth > MAPPING_DEPTH_MAX)
        return refuse(p, line_of(node), "values are nested too deeply");
    switch (record_place_kind(place)) {
    case RECORD_FIELD_ARRAY:
        return parse_list(p, node, place, depth, out);
    case RECORD_FIELD_RECORD:
    case RECORD_FIELD_MAP:
        return parse_object(p, node, place, depth, out);
    default:
        return node->type == YAML_MAPPING_NODE ? parse_converted(p, node, out)
                                               : parse_text(p, node, out);
    }
}

/* ---- the file ---- */

static enum status parse_conditions(const struct parser *p, const yaml_node_t *node)
{
    struct mapping *mapping = p->mapping;

    if (node->type != YAML_MAPPING_NODE)
        return refuse(p, line_of(node), "when must be {column: pattern, …}");
    mapping->conditions =
        arena_zalloc(&mapping->arena, (n_pairs(node) + 1) * sizeof(*mapping->conditions));
    if (!mapping->conditions)
        return no_memory(p);
    for (uint32_t i = 0; i < n_pairs(node); i++) {
        struct condition *condition = &mapping->conditions[mapping->n_conditions++];
        const char *column;
        yaml_node_t *value;

        TRY(pair_of(p, node, i, &column, &value));
        condition->pattern = scalar(p, value);
        if (!condition->pattern)
            return refuse(p, line_of(value), "a pattern must be a text");
        TRY(use_column(p, str_of(column), line_of(value), &condition->column));
    }
    return OK;
}

static enum status parse_delimiter(const struct parser *p, const yaml_node_t *node)
{
    const char *text = scalar(p, node);

    if (!text || strlen(text) != 1 || strchr("\"\r\n", *text))
        return refuse(p, line_of(node), "delimiter must be one character");
    p->mapping->delimiter = *text;
    return OK;
}

static enum status parse_format(const struct parser *p, const yaml_node_t *node)
{
    const char *text = scalar(p, node);

    p->mapping->csv = text && strcmp(text, "csv") == 0;
    if (!text || (!p->mapping->csv && strcmp(text, "tsv") != 0))
        return refuse(p, line_of(node), "format must be csv or tsv");
    return OK;
}

static enum status bind_columns(const struct parser *p, const yaml_node_t *node)
{
    struct str names[TABLE_COLUMNS_MAX];
    const yaml_node_item_t *items = node->data.sequence.items.start;
    uint32_t n = 0;

    if (node->type != YAML_SEQUENCE_NODE)
        return refuse(p, line_of(node), "columns must be a list of names");
    for (; items < node->data.sequence.items.top; items++) {
        const char *name = scalar(p, node_of(p, *items));

        if (!name || n == TABLE_COLUMNS_MAX)
            return refuse(p, line_of(node), "columns must be a list of at most %d names",
                          TABLE_COLUMNS_MAX);
        names[n++] = str_of(name);
    }
    p->mapping->names_columns = true;
    return mapping_bind(p->mapping, names, n, p->err);
}

struct sections {
    const yaml_node_t *topic, *format, *delimiter, *columns, *when, *fields;
};

static enum status find_sections(const struct parser *p, const yaml_node_t *root,
                                 struct sections *out)
{
    const struct {
        const char *key;
        const yaml_node_t **target;
    } known[] = {{"topic", &out->topic},         {"format", &out->format},
                 {"delimiter", &out->delimiter}, {"columns", &out->columns},
                 {"when", &out->when},           {"fields", &out->fields}};
    enum { N_KNOWN = sizeof(known) / sizeof(known[0]) };

    for (uint32_t i = 0; i < n_pairs(root); i++) {
        const char *key;
        yaml_node_t *value;
        int k = 0;

        TRY(pair_of(p, root, i, &key, &value));
        while (k < N_KNOWN && strcmp(known[k].key, key) != 0)
            k++;
        if (k == N_KNOWN)
            return refuse(p, line_of(value),
                          "unknown key '%s'; there are topic, format, delimiter, columns, when "
                          "and fields",
                          key);
        *known[k].target = value;
    }
    if (!out->topic || !out->format || !out->fields)
        return refuse(p, line_of(root), "topic, format and fields must be given");
    return OK;
}

static enum status parse_root(const struct parser *p, const char *topic,
                              const struct record_type *type)
{
    const yaml_node_t *root = yaml_document_get_root_node(p->document);
    struct sections sections = {0};
    const char *own_topic;

    if (!root || root->type != YAML_MAPPING_NODE)
        return error_set(p->err, ERR_INVALID, "%s: is no mapping", p->mapping->path);
    TRY(find_sections(p, root, &sections));
    own_topic = scalar(p, sections.topic);
    if (!own_topic || strcmp(own_topic, topic) != 0)
        return refuse(p, line_of(sections.topic), "topic is '%s', but --topic says '%s'",
                      own_topic ? own_topic : "", topic);
    TRY(parse_format(p, sections.format));
    p->mapping->delimiter = p->mapping->csv ? ',' : '\t';
    if (sections.delimiter)
        TRY(parse_delimiter(p, sections.delimiter));
    if (sections.when)
        TRY(parse_conditions(p, sections.when));
    TRY(parse_value(p, sections.fields, record_place_of(type), 0, &p->mapping->root));
    return sections.columns ? bind_columns(p, sections.columns) : OK;
}

static enum status parse_file(struct mapping *mapping, const char *topic,
                              const struct record_type *type, struct error *err)
{
    struct parser p = {.mapping = mapping, .err = err};
    FILE *file = fopen(mapping->path, "rb");
    yaml_document_t document;
    yaml_parser_t yaml;
    enum status status;

    if (!file)
        return error_set(err, ERR_IO, "cannot read %s: %s", mapping->path, strerror(errno));
    ensure(yaml_parser_initialize(&yaml));
    yaml_parser_set_input_file(&yaml, file);
    if (!yaml_parser_load(&yaml, &document)) {
        status = error_set(err, ERR_INVALID, "%s:%zu: %s", mapping->path,
                           yaml.problem_mark.line + 1, yaml.problem ? yaml.problem : "no YAML");
    } else {
        p.document = &document;
        status = parse_root(&p, topic, type);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&yaml);
    fclose(file);
    return status;
}

enum status mapping_open(const char *path, const char *topic, const struct record_type *type,
                         struct mapping **out, struct error *err)
{
    struct mapping *mapping = calloc(1, sizeof(*mapping));
    enum status status;

    if (!mapping)
        return error_set(err, ERR_NOMEM, "%s: out of memory", path);
    arena_init(&mapping->arena, MAPPING_BYTES_MAX);
    snprintf(mapping->path, sizeof(mapping->path), "%s", path);
    mapping->text = malloc(MAPPING_TEXT_MAX + 1);
    mapping->zone_memory = calloc(1, sizeof(*mapping->zone_memory));
    status = mapping->text && mapping->zone_memory
                 ? parse_file(mapping, topic, type, err)
                 : error_set(err, ERR_NOMEM, "%s: out of memory", path);
    if (status == OK) {
        *out = mapping;
        mapping = NULL;
    }
    mapping_close(mapping);
    return status;
}

void mapping_close(struct mapping *mapping)
{
    if (!mapping)
        return;
    arena_deinit(&mapping->arena);
    free(mapping->text);
    free(mapping->zone_memory);
    free(mapping);
}

bool mapping_is_csv(const struct mapping *mapping)
{
    return mapping->csv;
}

char mapping_delimiter(const struct mapping *mapping)
{
    return mapping->delimiter;
}

bool mapping_names_columns(const struct mapping *mapping)
{
    return mapping->names_columns;
}
