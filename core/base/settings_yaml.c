/*
 * The settings file: YAML with line numbers, its keys nested or dotted, its scalars with
 * ${NAME} and ${NAME:-default} from the environment.
 *
 * libyaml composes the document into nodes that carry their lines; a walk joins the keys to a
 * dotted path and hands each scalar to setting_put(). The environment is looked at after
 * parsing, so a value from it is text and cannot add keys.
 */
#include "core/base/settings_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum {
    FILE_SIZE_MAX = 1 << 20, /* a settings file is a few KiB; a device or a log is neither */
    DEPTH_MAX = 8,           /* keys have three parts; aliases could nest for ever */
    PATH_MAX_LEN = 256,
};

struct walk {
    struct settings *settings;
    yaml_document_t *document;
    const char *file;
    struct error *err;
};

static struct setting_place place_at(const struct walk *walk, const yaml_node_t *node)
{
    return (struct setting_place){walk->file, {FROM_FILE, (int)node->start_mark.line + 1}};
}

static bool append(char *out, size_t *n, const char *text, size_t len)
{
    if (*n + len >= SETTING_TEXT_MAX)
        return false;
    memcpy(out + *n, text, len);
    *n += len;
    out[*n] = '\0';
    return true;
}

/* One ${NAME} or ${NAME:-default}; *at stands on its '$' and is moved behind its '}'. */
static enum status expand_one(const struct setting_place *place, const char **at, char *out,
                              size_t *n, struct error *err)
{
    const char *name = *at + 2;
    const char *end = strchr(name, '}');
    size_t len = 0;
    char text[128];
    const char *value;
    size_t value_len;

    while (isalnum((unsigned char)name[len]) || name[len] == '_')
        len++;
    if (!end || len == 0 || len >= sizeof(text) ||
        (name + len != end && strncmp(name + len, ":-", 2) != 0))
        return setting_error(err, place, "'%.60s' is not ${NAME} or ${NAME:-default}", *at);
    snprintf(text, sizeof(text), "%.*s", (int)len, name);
    value = getenv(text);
    if (value && (*value || name + len == end)) {
        value_len = strlen(value);
    } else if (name + len != end) {
        value = name + len + 2;
        value_len = (size_t)(end - value);
    } else {
        return setting_error(err, place,
                             "the environment has no %s; set it or write ${%s:-default}", text,
                             text);
    }
    if (!append(out, n, value, value_len))
        return setting_error(err, place, "the value is longer than %d bytes",
                             SETTING_TEXT_MAX - 1);
    *at = end + 1;
    return OK;
}

/* "$${" stands for a "${" that is meant as it is. */
static enum status expand(const struct setting_place *place, const char *text, char *out,
                          struct error *err)
{
    size_t n = 0;

    out[0] = '\0';
    while (*text) {
        if (strncmp(text, "${", 2) == 0) {
            TRY(expand_one(place, &text, out, &n, err));
            continue;
        }
        text += strncmp(text, "$${", 3) == 0;
        /* the brace of "$${" goes along, so that it is not looked at again */
        size_t len = strncmp(text, "${", 2) == 0 ? 2 : 1;

        if (!append(out, &n, text, len))
            return setting_error(err, place, "the value is longer than %d bytes",
                                 SETTING_TEXT_MAX - 1);
        text += len;
    }
    return OK;
}

/* "key:" with nothing behind it, "~" and "null" are no value. */
static bool is_null(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;

    return node->type == YAML_SCALAR_NODE &&
           node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (node->data.scalar.length == 0 || strcmp(text, "~") == 0 ||
            strcmp(text, "null") == 0);
}

static enum status put_scalar(struct walk *walk, const yaml_node_t *node, const char *path)
{
    const struct setting_place place = place_at(walk, node);
    const struct setting *setting = setting_find(path);
    char text[SETTING_TEXT_MAX] = "";

    if (node->data.scalar.length != strlen((const char *)node->data.scalar.value))
        return setting_error(walk->err, &place, "%s holds a zero byte", path);
    if (is_null(node) &&
        (setting ? setting->type == SETTING_PROPERTIES : setting_is_section(path)))
        return OK; /* an empty section */
    if (!is_null(node))
        TRY(expand(&place, (const char *)node->data.scalar.value, text, walk->err));
    return setting_put(walk->settings, &place, path, text, walk->err);
}

static enum status put_sequence(struct walk *walk, const yaml_node_t *node, const char *path)
{
    const struct setting_place place = place_at(walk, node);
    const struct setting *setting = setting_find(path);
    char joined[SETTING_TEXT_MAX] = "", item[SETTING_TEXT_MAX];
    size_t n = 0;

    if (!setting && !setting_properties_of(path))
        return setting_put(walk->settings, &place, path, "", walk->err); /* says what it is */
    if (!setting || setting->type != SETTING_CHOICES)
        return setting_error(walk->err, &place, "%s takes one value, not a list", path);
    for (const yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top; i++) {
        const yaml_node_t *child = yaml_document_get_node(walk->document, *i);
        const struct setting_place at = place_at(walk, child);

        if (child->type != YAML_SCALAR_NODE)
            return setting_error(walk->err, &at, "%s takes a list of words", path);
        TRY(expand(&at, (const char *)child->data.scalar.value, item, walk->err));
        if ((n > 0 && !append(joined, &n, ",", 1)) || !append(joined, &n, item, strlen(item)))
            return setting_error(walk->err, &at, "%s: the list is too long", path);
    }
    return setting_put(walk->settings, &place, path, joined, walk->err);
}

static enum status put_node(struct walk *walk, const yaml_node_t *node, const char *path,
                            int depth);

static enum status put_mapping(struct walk *walk, const yaml_node_t *node, const char *path,
                               int depth)
{
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(walk->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(walk->document, pair->value);
        const struct setting_place place = place_at(walk, key);
        char child[PATH_MAX_LEN], nearest[PATH_MAX_LEN];

        if (key->type != YAML_SCALAR_NODE ||
            snprintf(child, sizeof(child), "%s%s%s", path, *path ? "." : "",
                     (const char *)key->data.scalar.value) >= (int)sizeof(child))
            return setting_error(walk->err, &place, "a key must be a word of at most %d bytes",
                                 PATH_MAX_LEN - 1);
        if (!setting_find(child) && !setting_is_section(child) && !setting_properties_of(child))
            return setting_error(walk->err, &place,
                                 "unknown setting '%s'; the nearest known is '%s'", child,
                                 setting_nearest(child, nearest, sizeof(nearest)));
        TRY(put_node(walk, value, child, depth + 1));
    }
    return OK;
}

static enum status put_node(struct walk *walk, const yaml_node_t *node, const char *path,
                            int depth)
{
    const struct setting_place place = place_at(walk, node);
    const struct setting *setting = setting_find(path);

    if (depth > DEPTH_MAX)
        return setting_error(walk->err, &place, "%s: nested deeper than %d", path, DEPTH_MAX);
    if (node->type == YAML_SCALAR_NODE)
        return put_scalar(walk, node, path);
    if (node->type == YAML_SEQUENCE_NODE)
        return put_sequence(walk, node, path);
    if (setting && setting->type != SETTING_PROPERTIES)
        return setting_error(walk->err, &place, "%s takes a value, not a map", path);
    return put_mapping(walk, node, path, depth);
}

static enum status put_document(struct settings *settings, yaml_document_t *document,
                                const char *file, struct error *err)
{
    struct walk walk = {settings, document, file, err};
    const yaml_node_t *root = yaml_document_get_root_node(document);

    if (!root || is_null(root))
        return OK; /* empty, or nothing but comments */
    const struct setting_place place = place_at(&walk, root);

    if (root->type != YAML_MAPPING_NODE)
        return setting_error(err, &place, "settings are written as 'key: value'");
    return put_mapping(&walk, root, "", 0);
}

/* The common slip: {k: ${NAME}} ends the map at the inner brace. */
static const char *parse_hint(const yaml_parser_t *parser)
{
    bool in_braces = parser->context && strstr(parser->context, "flow");

    return in_braces ? "; inside { } a ${NAME} needs quotes" : "";
}

static enum status parse_error(const yaml_parser_t *parser, const char *file, struct error *err)
{
    return error_set(
        err, ERR_INVALID, "%s:%zu: not YAML: %s%s%s%s", file, parser->problem_mark.line + 1,
        parser->problem ? parser->problem : "unreadable", parser->context ? " " : "",
        parser->context ? parser->context : "", parse_hint(parser));
}

static enum status read_document(struct settings *settings, yaml_parser_t *parser,
                                 const char *file, struct error *err)
{
    yaml_document_t document;
    enum status status;

    if (!yaml_parser_load(parser, &document))
        return parse_error(parser, file, err);
    bool was_empty = !yaml_document_get_root_node(&document);

    status = put_document(settings, &document, file, err);
    yaml_document_delete(&document);
    if (status != OK || was_empty)
        return status;
    if (!yaml_parser_load(parser, &document))
        return parse_error(parser, file, err);
    if (yaml_document_get_root_node(&document))
        status = error_set(err, ERR_INVALID, "%s: more than one YAML document; keep one", file);
    yaml_document_delete(&document);
    return status;
}

enum status settings_read_yaml(struct settings *settings, const char *file, struct error *err)
{
    unsigned char *text = malloc(FILE_SIZE_MAX + 1);
    FILE *in = fopen(file, "rb");
    yaml_parser_t parser;
    enum status status;
    size_t n;

    if (!text) {
        status = error_set(err, ERR_NOMEM, "%s: out of memory", file);
        goto done;
    }
    if (!in) {
        status = error_set(err, ERR_INVALID, "cannot read the settings file %s: %s", file,
                           strerror(errno));
        goto done;
    }
    n = fread(text, 1, FILE_SIZE_MAX + 1, in);
    if (ferror(in) || n > FILE_SIZE_MAX) {
        status = error_set(err, ERR_INVALID, "cannot read the settings file %s: %s", file,
                           ferror(in) ? strerror(errno) : "larger than 1 MiB");
        goto done;
    }
    if (!yaml_parser_initialize(&parser)) {
        status = error_set(err, ERR_NOMEM, "%s: out of memory", file);
        goto done;
    }
    yaml_parser_set_input_string(&parser, text, n);
    status = read_document(settings, &parser, file, err);
    yaml_parser_delete(&parser);
done:
    if (in)
        fclose(in);
    free(text);
    return status;
}
