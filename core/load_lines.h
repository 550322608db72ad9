/*
 * The lines of a file, plain or gzip: one at a time, each with its number, none longer than
 * LINE_BYTES_MAX.
 */
#ifndef FRESHET_CORE_LOAD_LINES_H
#define FRESHET_CORE_LOAD_LINES_H

#include "core/base/status.h"
#include "core/base/str.h"

enum { LINE_BYTES_MAX = 1 << 20 }; /* Kafka's default limit of a record */

struct line_reader;

/** gzip is known by its first bytes, whatever the name. ERR_IO names the file. */
enum status line_reader_open(const char *path, struct line_reader **out, struct error *err);
void line_reader_close(struct line_reader *reader); /* NULL is a no-op */

/**
 * The next line without its end; valid until the next call. ERR_NOT_FOUND: the file is at its
 * end. ERR_FULL: this one is too long, it has been passed over. ERR_IO: the file is damaged
 * or cannot be read.
 */
enum status line_reader_next(struct line_reader *reader, struct str *out, struct error *err);

/** Number of the line given last, from 1. */
uint64_t line_reader_number(const struct line_reader *reader);

#endif
