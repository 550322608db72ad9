/*
 * libcsv is fed line by line, so that a row knows the line it begins on and a row that never
 * ends (a quote left open) is given up at ROW_BYTES_MAX and not at the end of the file.
 */
#include "core/load_table.h"

#include <csv.h>
#include <stdlib.h>

enum { ROW_BYTES_MAX = 1 << 20 }; /* of all cells, terminators included */

struct table_reader {
    struct line_reader *lines;
    bool csv;
    char delimiter;
    struct csv_parser parser;
    /* the row being read */
    bool open, complete, too_large;
    size_t used;
    uint32_t n;
    struct str cells[TABLE_COLUMNS_MAX];
    char bytes[ROW_BYTES_MAX];
};

static int no_space(unsigned char c)
{
    (void)c;
    return 0; /* RFC 4180: blanks are part of the field */
}

static void start_parser(struct table_reader *reader)
{
    csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_delim(&reader->parser, (unsigned char)reader->delimiter);
    csv_set_space_func(&reader->parser, no_space);
}

enum status table_reader_open(struct line_reader *lines, bool csv, char delimiter,
                              struct table_reader **out, struct error *err)
{
    struct table_reader *reader = malloc(sizeof(*reader));

    if (!reader)
        return error_set(err, ERR_NOMEM, "table: out of memory");
    reader->lines = lines;
    reader->csv = csv;
    reader->delimiter = delimiter;
    start_parser(reader);
    *out = reader;
    return OK;
}

void table_reader_close(struct table_reader *reader)
{
    if (!reader)
        return;
    csv_free(&reader->parser);
    free(reader);
}

static void add_cell(struct table_reader *reader, const char *text, size_t n)
{
    if (reader->n == TABLE_COLUMNS_MAX || n >= ROW_BYTES_MAX - reader->used) {
        reader->too_large = true;
        return;
    }
    char *at = reader->bytes + reader->used;

    if (n)
        memcpy(at, text, n);
    at[n] = '\0';
    reader->used += n + 1;
    reader->cells[reader->n++] = (struct str){at, (uint32_t)n};
}

static void on_cell(void *text, size_t n, void *context)
{
    add_cell(context, text, n);
}

static void on_row(int end, void *context)
{
    struct table_reader *reader = context;

    (void)end;
    reader->complete = true;
}

static void add_tsv(struct table_reader *reader, struct str line)
{
    const char *at = line.ptr, *end = line.ptr + line.len, *tab;

    while ((tab = memchr(at, reader->delimiter, (size_t)(end - at)))) {
        add_cell(reader, at, (size_t)(tab - at));
        at = tab + 1;
    }
    add_cell(reader, at, (size_t)(end - at));
    reader->complete = true;
}

/* The parser's own memory grows with a field: fed beyond the limit it is begun anew. */
static enum status give_up(struct table_reader *reader, const char *why, struct error *err)
{
    csv_free(&reader->parser);
    start_parser(reader);
    return error_set(err, ERR_INVALID, "%s", why);
}

static enum status add_csv(struct table_reader *reader, struct str line, size_t *fed,
                           struct error *err)
{
    size_t n = csv_parse(&reader->parser, line.ptr, line.len, on_cell, on_row, reader);

    *fed += line.len + 1;
    if (n == line.len)
        n += csv_parse(&reader->parser, "\n", 1, on_cell, on_row, reader);
    if (n != (size_t)line.len + 1)
        return give_up(reader, "a quote stands where none may (RFC 4180)", err);
    if (*fed > ROW_BYTES_MAX && !reader->complete)
        return give_up(reader, "a quoted field does not end", err);
    return OK;
}

static enum status end_of_file(struct table_reader *reader, struct error *err)
{
    if (!reader->open)
        return ERR_NOT_FOUND;
    reader->open = false;
    return give_up(reader, "a quoted field does not end", err);
}

enum status table_reader_next(struct table_reader *reader, struct table_row *out,
                              struct error *err)
{
    size_t fed = 0;

    reader->n = 0;
    reader->used = 0;
    reader->open = reader->complete = reader->too_large = false;
    while (!reader->complete) {
        struct str line;
        enum status status = line_reader_next(reader->lines, &line, err);

        if (!reader->open)
            out->line = line_reader_number(reader->lines);
        if (status == ERR_NOT_FOUND)
            return end_of_file(reader, err);
        TRY(status);
        if (!reader->open && line.len == 0)
            continue;
        reader->open = true;
        if (!reader->csv)
            add_tsv(reader, line);
        else
            TRY(add_csv(reader, line, &fed, err));
    }
    if (reader->too_large)
        return error_set(err, ERR_FULL, "the row has more than %d columns or %d bytes",
                         TABLE_COLUMNS_MAX, ROW_BYTES_MAX);
    out->n = reader->n;
    out->cells = reader->cells;
    return OK;
}
