/*
 * A YAML file as tables of keys: each key has a function that takes its value. What does not
 * fit is said with file, line and key; an unknown key with the nearest one known.
 */
#ifndef FRESHET_PRODUCERS_CAMPAIGN_YAML_H
#define FRESHET_PRODUCERS_CAMPAIGN_YAML_H

#include "core/base/status.h"
#include "core/base/str.h"

#include <stddef.h>
#include <yaml.h>

struct campaign;

enum { YAML_NAME_MAX = 64 }; /* bytes of a name with its zero */

struct yaml_reader {
    const char *file;
    yaml_document_t *document;
    struct error *err;
    const char *key; /* being read, for sentences */
    struct campaign *target;
};

struct yaml_key {
    const char *name;
    enum status (*read)(struct yaml_reader *reader, const yaml_node_t *value);
};

/** ERR_INVALID, "file:line: key: sentence". */
enum status yaml_refuse(struct yaml_reader *reader, const yaml_node_t *node,
                        const char *sentence);

/** Every key by its table; unknown ones and ones that stand twice are refused. */
enum status yaml_read_mapping(struct yaml_reader *reader, const yaml_node_t *node,
                              const struct yaml_key *keys, size_t n_keys);

/** Calls each() for every element; one value without brackets is a list of one. */
enum status yaml_read_list(struct yaml_reader *reader, const yaml_node_t *node,
                           enum status (*each)(struct yaml_reader *, const yaml_node_t *));

const yaml_node_t *yaml_node_at(const struct yaml_reader *reader, int index);

/** One value, terminated; it lives as long as the document. */
enum status yaml_scalar(struct yaml_reader *reader, const yaml_node_t *node, struct str *out);
enum status yaml_copy_text(struct yaml_reader *reader, const yaml_node_t *node, char *out,
                           size_t capacity);

/** YAML_NAME_MAX bytes; letters, digits, '_', '-', '.': names become file names and labels. */
enum status yaml_copy_name(struct yaml_reader *reader, const yaml_node_t *node, char *out);

/** A decimal without a sign in units of 1/10^digits, exactly; false if it is none. */
bool yaml_parse_decimal(struct str text, int digits, int64_t *out);

enum status yaml_read_duration(struct yaml_reader *reader, const yaml_node_t *node,
                               int64_t *out_ms);
enum status yaml_read_minute(struct yaml_reader *reader, const yaml_node_t *node,
                             int *out_minute);

#endif
