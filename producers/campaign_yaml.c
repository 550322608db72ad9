/* Reading YAML nodes with sentences: file, line, key, and what is wanted instead. */
#include "producers/campaign_yaml.h"

#include "core/base/edit_distance.h"

#include <ctype.h>
#include <string.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* ---- sentences ---- */

enum status yaml_refuse(struct yaml_reader *reader, const yaml_node_t *node,
                        const char *sentence)
{
    return error_set(reader->err, ERR_INVALID, "%s:%zu: %s: %s", reader->file,
                     node->start_mark.line + 1, reader->key, sentence);
}

static enum status unknown_key(struct yaml_reader *reader, const yaml_node_t *node,
                               const struct yaml_key *keys, size_t n_keys)
{
    const char *name = (const char *)node->data.scalar.value, *nearest = keys[0].name;

    for (size_t i = 1; i < n_keys; i++) {
        if (edit_distance(name, keys[i].name) < edit_distance(name, nearest))
            nearest = keys[i].name;
    }
    return error_set(reader->err, ERR_INVALID,
                     "%s:%zu: unknown key '%.64s'; the nearest is '%s'", reader->file,
                     node->start_mark.line + 1, name, nearest);
}

/* ---- YAML ---- */

const yaml_node_t *yaml_node_at(const struct yaml_reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

enum status yaml_read_mapping(struct yaml_reader *reader, const yaml_node_t *node,
                              const struct yaml_key *keys, size_t n_keys)
{
    if (node->type != YAML_MAPPING_NODE)
        return yaml_refuse(reader, node, "wants keys and values");
    const yaml_node_pair_t *first = node->data.mapping.pairs.start;

    for (const yaml_node_pair_t *pair = first; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_node_at(reader, pair->key);
        size_t i = 0;

        if (key->type != YAML_SCALAR_NODE)
            return yaml_refuse(reader, key, "a key must be a word");
        const char *name = (const char *)key->data.scalar.value;

        while (i < n_keys && strcmp(keys[i].name, name) != 0)
            i++;
        if (i == n_keys)
            return unknown_key(reader, key, keys, n_keys);
        reader->key = keys[i].name;
        for (const yaml_node_pair_t *other = first; other < pair; other++) {
            if (strcmp((const char *)yaml_node_at(reader, other->key)->data.scalar.value,
                       name) == 0)
                return yaml_refuse(reader, key, "stands here twice");
        }
        TRY(keys[i].read(reader, yaml_node_at(reader, pair->value)));
    }
    return OK;
}

enum status yaml_scalar(struct yaml_reader *reader, const yaml_node_t *node, struct str *out)
{
    *out = (struct str){NULL, 0};
    if (node->type != YAML_SCALAR_NODE)
        return yaml_refuse(reader, node, "wants one value, not a list or a mapping");
    *out =
        (struct str){(const char *)node->data.scalar.value, (uint32_t)node->data.scalar.length};
    return OK;
}

enum status yaml_copy_text(struct yaml_reader *reader, const yaml_node_t *node, char *out,
                           size_t capacity)
{
    struct str text;

    TRY(yaml_scalar(reader, node, &text));
    if (text.len == 0 || text.len >= capacity || memchr(text.ptr, 0, text.len))
        return yaml_refuse(reader, node, "is empty or too long");
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return OK;
}

/* Names become file names and metric labels, so they are plain. */
enum status yaml_copy_name(struct yaml_reader *reader, const yaml_node_t *node, char *out)
{
    TRY(yaml_copy_text(reader, node, out, YAML_NAME_MAX));
    for (const char *p = out; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("_-.", *p))
            return yaml_refuse(reader, node,
                               "a name has only letters, digits, '_', '-' and '.'");
    }
    return out[0] == '.' ? yaml_refuse(reader, node, "a name does not begin with '.'") : OK;
}

/* Calls each() for every element; one value without brackets is a list of one. */
enum status yaml_read_list(struct yaml_reader *reader, const yaml_node_t *node,
                           enum status (*each)(struct yaml_reader *, const yaml_node_t *))
{
    if (node->type != YAML_SEQUENCE_NODE)
        return each(reader, node);
    const yaml_node_item_t *item = node->data.sequence.items.start;

    for (; item < node->data.sequence.items.top; item++)
        TRY(each(reader, yaml_node_at(reader, *item)));
    return OK;
}

/* A decimal in units of 1/10^digits, exactly. */
bool yaml_parse_decimal(struct str text, int digits, int64_t *out)
{
    int decimals = -1;

    *out = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '.' && decimals < 0 && i > 0) {
            decimals = 0;
            continue;
        }
        if (!isdigit((unsigned char)text.ptr[i]) || decimals == digits ||
            *out > INT64_MAX / 1000000)
            return false;
        *out = *out * 10 + (text.ptr[i] - '0');
        decimals += decimals >= 0;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < digits; i++)
        *out *= 10;
    return text.len > 0 && decimals != 0;
}

/* "45m", "24h", "3d", "30s" */
enum status yaml_read_duration(struct yaml_reader *reader, const yaml_node_t *node,
                               int64_t *out)
{
    enum { DURATION_DIGITS = 6 };
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', DAY_MS}};
    struct str text;
    int64_t number;

    TRY(yaml_scalar(reader, node, &text));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && text.len > 1; i++) {
        struct str digits = {text.ptr, text.len - 1};

        if (text.ptr[text.len - 1] == units[i].unit && digits.len <= DURATION_DIGITS &&
            yaml_parse_decimal(digits, 0, &number)) {
            *out = number * units[i].ms;
            return OK;
        }
    }
    return yaml_refuse(reader, node, "a duration is a number with s, m, h or d, like 45m");
}

enum status yaml_read_minute(struct yaml_reader *reader, const yaml_node_t *node, int *out)
{
    struct str text;

    TRY(yaml_scalar(reader, node, &text));
    if (text.len == 5 && isdigit((unsigned char)text.ptr[0]) &&
        isdigit((unsigned char)text.ptr[1]) && text.ptr[2] == ':' &&
        isdigit((unsigned char)text.ptr[3]) && isdigit((unsigned char)text.ptr[4])) {
        int hour = (text.ptr[0] - '0') * 10 + text.ptr[1] - '0';
        int minute = (text.ptr[3] - '0') * 10 + text.ptr[4] - '0';

        *out = hour * 60 + minute;
        if (hour < 24 && minute < 60)
            return OK;
    }
    return yaml_refuse(reader, node, "a time of day is written \"21:00\", in quotes");
}
