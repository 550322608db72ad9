/*
 * A file as a stream of objects: JSON lines, or the rows of a table through a mapping.
 */
#ifndef FRESHET_CORE_LOAD_H
#define FRESHET_CORE_LOAD_H

#include "core/load_mapping.h"

struct load_file;

/** The mapping (NULL: JSON lines) stays the caller's and gets bound to the file's columns. */
enum status load_file_open(const char *path, struct mapping *mapping, struct load_file **out,
                           struct error *err);
void load_file_close(struct load_file *file); /* NULL is a no-op */

/**
 * The next object, a reference of the caller's; NULL with OK: a row that the mapping leaves
 * out. ERR_NOT_FOUND: the end. ERR_INVALID, ERR_FULL: this line does not fit, the next may.
 * ERR_IO: the file cannot be read on.
 */
enum status load_file_next(struct load_file *file, json_t **out, struct error *err);

/** The line that the last object began on, from 1. */
uint64_t load_file_line(const struct load_file *file);

#endif
