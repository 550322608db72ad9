#include "core/load.h"

#include "core/load_table.h"

#include <stdlib.h>

struct load_file {
    struct line_reader *lines;
    struct table_reader *table; /* NULL: JSON lines */
    struct mapping *mapping;
    uint64_t line;
};

static enum status read_header(struct load_file *file, const char *path, struct error *err)
{
    struct table_row row;
    enum status status;

    if (mapping_names_columns(file->mapping))
        return OK;
    status = table_reader_next(file->table, &row, err);
    if (status == ERR_NOT_FOUND)
        return error_set(err, ERR_INVALID, "%s is empty: a header line was expected", path);
    TRY(status);
    return mapping_bind(file->mapping, row.cells, row.n, err);
}

static enum status open_parts(struct load_file *file, const char *path, struct error *err)
{
    TRY(line_reader_open(path, &file->lines, err));
    if (!file->mapping)
        return OK;
    TRY(table_reader_open(file->lines, mapping_is_csv(file->mapping),
                          mapping_delimiter(file->mapping), &file->table, err));
    return read_header(file, path, err);
}

enum status load_file_open(const char *path, struct mapping *mapping, struct load_file **out,
                           struct error *err)
{
    struct load_file *file = calloc(1, sizeof(*file));
    enum status status;

    if (!file)
        return error_set(err, ERR_NOMEM, "%s: out of memory", path);
    file->mapping = mapping;
    status = open_parts(file, path, err);
    if (status != OK) {
        load_file_close(file);
        return status;
    }
    *out = file;
    return OK;
}

void load_file_close(struct load_file *file)
{
    if (!file)
        return;
    table_reader_close(file->table);
    line_reader_close(file->lines);
    free(file);
}

uint64_t load_file_line(const struct load_file *file)
{
    return file->line;
}

static enum status next_row(struct load_file *file, json_t **out, struct error *err)
{
    struct table_row row = {0};
    enum status status = table_reader_next(file->table, &row, err);

    file->line = row.line;
    TRY(status);
    return mapping_row(file->mapping, row.cells, row.n, row.line, out, err);
}

static enum status next_line(struct load_file *file, json_t **out, struct error *err)
{
    json_error_t problem;
    struct str line;

    do {
        enum status status = line_reader_next(file->lines, &line, err);

        file->line = line_reader_number(file->lines);
        TRY(status);
    } while (line.len == 0);
    *out = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &problem);
    if (!*out)
        return error_set(err, ERR_INVALID, "is no JSON: %s (column %d)", problem.text,
                         problem.column);
    return OK;
}

enum status load_file_next(struct load_file *file, json_t **out, struct error *err)
{
    *out = NULL;
    return file->table ? next_row(file, out, err) : next_line(file, out, err);
}
