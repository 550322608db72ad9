/*
 * The rows of a CSV or TSV file as cells.
 *
 * CSV is RFC 4180 by libcsv: quotes, "" inside them, line ends inside them. TSV has no quotes.
 */
#ifndef FRESHET_CORE_LOAD_TABLE_H
#define FRESHET_CORE_LOAD_TABLE_H

#include "core/load_lines.h"

enum { TABLE_COLUMNS_MAX = 1024 };

struct table_reader;

struct table_row {
    uint64_t line; /* where it begins, from 1 */
    uint32_t n;
    const struct str *cells; /* each terminated; valid until the next call */
};

/** The lines stay the caller's and outlive the reader. csv false: TSV. */
enum status table_reader_open(struct line_reader *lines, bool csv, char delimiter,
                              struct table_reader **out, struct error *err);
void table_reader_close(struct table_reader *reader); /* NULL is a no-op */

/**
 * The next row; blank lines are passed over. ERR_NOT_FOUND: the end. ERR_INVALID, ERR_FULL:
 * this row cannot be read (out->line says which), the next one may be. ERR_IO: the file.
 */
enum status table_reader_next(struct table_reader *reader, struct table_row *out,
                              struct error *err);

#endif
