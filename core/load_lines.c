#include "core/load_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

struct line_reader {
    gzFile file; /* reads plain files as they are */
    char path[512];
    uint64_t number;
    size_t begin, end; /* what has been read and not given */
    bool at_end;
    char bytes[LINE_BYTES_MAX + 2]; /* a line, its "\r\n" */
};

enum status line_reader_open(const char *path, struct line_reader **out, struct error *err)
{
    struct line_reader *reader = malloc(sizeof(*reader));

    if (!reader)
        return error_set(err, ERR_NOMEM, "%s: out of memory", path);
    reader->file = gzopen(path, "rb");
    if (!reader->file) {
        free(reader);
        return error_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    }
    gzbuffer(reader->file, 1 << 18);
    snprintf(reader->path, sizeof(reader->path), "%s", path);
    reader->number = 0;
    reader->begin = reader->end = 0;
    reader->at_end = false;
    *out = reader;
    return OK;
}

void line_reader_close(struct line_reader *reader)
{
    if (!reader)
        return;
    gzclose(reader->file);
    free(reader);
}

uint64_t line_reader_number(const struct line_reader *reader)
{
    return reader->number;
}

/* Moves what is left to the front and reads behind it. */
static enum status read_more(struct line_reader *reader, struct error *err)
{
    int n, code;

    memmove(reader->bytes, reader->bytes + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    n = gzread(reader->file, reader->bytes + reader->end,
               (unsigned)(sizeof(reader->bytes) - reader->end));
    if (n < 0) {
        const char *text = gzerror(reader->file, &code);

        return error_set(err, ERR_IO, "cannot read %s: %s", reader->path,
                         code == Z_ERRNO ? strerror(errno) : text);
    }
    reader->at_end = n == 0;
    if (n == 0) {
        gzerror(reader->file, &code);
        if (code == Z_BUF_ERROR)
            return error_set(err, ERR_IO, "%s ends in the middle of its gzip data",
                             reader->path);
    }
    reader->end += (size_t)n;
    return OK;
}

/* Passes over the rest of a line that does not fit. */
static enum status skip_line(struct line_reader *reader, struct error *err)
{
    char *newline = NULL;

    while (!newline && !reader->at_end) {
        reader->begin = reader->end;
        TRY(read_more(reader, err));
        newline = memchr(reader->bytes, '\n', reader->end);
    }
    reader->begin = newline ? (size_t)(newline - reader->bytes) + 1 : reader->end;
    return error_set(err, ERR_FULL, "the line is longer than %d bytes", LINE_BYTES_MAX);
}

static struct str without_end(char *begin, char *end, uint64_t number)
{
    if (end > begin && end[-1] == '\r')
        end--;
    if (number == 1 && end - begin >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0)
        begin += 3; /* a byte order mark, as spreadsheets write it */
    return (struct str){begin, (uint32_t)(end - begin)};
}

enum status line_reader_next(struct line_reader *reader, struct str *out, struct error *err)
{
    size_t searched = 0; /* of the bytes from begin */
    char *newline;

    reader->number++;
    for (;;) {
        char *begin = reader->bytes + reader->begin;
        size_t n = reader->end - reader->begin;

        newline = memchr(begin + searched, '\n', n - searched);
        if (newline) {
            reader->begin = (size_t)(newline - reader->bytes) + 1;
            *out = without_end(begin, newline, reader->number);
            break;
        }
        if (reader->at_end) {
            reader->begin = reader->end;
            if (n == 0)
                return ERR_NOT_FOUND;
            *out = without_end(begin, begin + n, reader->number);
            break;
        }
        if (n == sizeof(reader->bytes))
            return skip_line(reader, err);
        searched = n;
        TRY(read_more(reader, err));
    }
    if (out->len > LINE_BYTES_MAX)
        return error_set(err, ERR_FULL, "the line is longer than %d bytes", LINE_BYTES_MAX);
    return OK;
}
