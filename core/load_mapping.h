/*
 * A mapping file: how a row of a table becomes a record (deploy/mappings/README.md is the
 * manual for those who write one).
 */
#ifndef FRESHET_CORE_LOAD_MAPPING_H
#define FRESHET_CORE_LOAD_MAPPING_H

#include "schemas/record_json.h"

struct mapping;

/**
 * Reads and checks a mapping for records of `type`; topic: what its `topic` must say. On OK,
 * *out is the caller's. ERR_INVALID: the sentence names the file and the line; ERR_IO.
 */
enum status mapping_open(const char *path, const char *topic, const struct record_type *type,
                         struct mapping **out, struct error *err);
void mapping_close(struct mapping *mapping); /* NULL is a no-op */

bool mapping_is_csv(const struct mapping *mapping); /* else TSV */
char mapping_delimiter(const struct mapping *mapping);
/** The mapping names the columns: the file has no header line. */
bool mapping_names_columns(const struct mapping *mapping);

/**
 * Finds the columns that the mapping uses in the file's header. ERR_INVALID: the sentence
 * names the mapping's line and the column. Not called where the mapping names the columns.
 */
enum status mapping_bind(struct mapping *mapping, const struct str *names, uint32_t n,
                         struct error *err);

/**
 * The row as an object for record_from_json(…, texts), a reference of the caller's; NULL: a
 * row that `when` leaves out. cells: terminated. ERR_INVALID: the sentence says what does not
 * fit.
 */
enum status mapping_row(const struct mapping *mapping, const struct str *cells, uint32_t n,
                        uint64_t line, json_t **out, struct error *err);

#endif
