/*
 * A row as JSON: texts put together from cells, times turned into milliseconds, words looked
 * up. What a text means (a number? an amount?) is the schema's business, later.
 */
#include "core/load_mapping_private.h"
#include "producers/quiet_hours.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct row {
    const struct mapping *mapping;
    const struct str *cells;
    uint32_t n;
    uint64_t line;
    struct error *err;
};

static struct str cell_of(const struct row *row, uint32_t column)
{
    uint32_t index = row->mapping->columns[column].index;

    /* a row may end early: what is not there is empty */
    return index < row->n ? row->cells[index] : (struct str){"", 0};
}

static enum status refuse(const struct row *row, struct str name, const char *value,
                          const char *what)
{
    return error_set(row->err, ERR_INVALID, "%.*s: '%.60s' %s", STR_ARG(name), value, what);
}

/* ---- texts ---- */

/* Into mapping->text, terminated. */
static enum status put_together(const struct row *row, const struct text_pattern *pattern,
                                struct str name, struct str *out)
{
    char *text = row->mapping->text;
    size_t n = 0;

    for (uint32_t i = 0; i < pattern->n; i++) {
        const struct text_part *part = &pattern->parts[i];
        char number[24];
        struct str piece = part->literal;

        if (part->kind == PART_COLUMN)
            piece = cell_of(row, part->column);
        if (part->kind == PART_ROW) {
            snprintf(number, sizeof(number), "%llu", (unsigned long long)row->line);
            piece = str_of(number);
        }
        if (piece.len > MAPPING_TEXT_MAX - n)
            return refuse(row, name, "", "is too long");
        if (piece.len)
            memcpy(text + n, piece.ptr, piece.len);
        n += piece.len;
    }
    text[n] = '\0';
    *out = (struct str){text, (uint32_t)n};
    return OK;
}

/* ---- times ---- */

/* "1396321.25" seconds or milliseconds; digits beyond the millisecond are cut. */
static bool number_time(const char *text, int places, int64_t *out)
{
    bool negative = *text == '-';
    int64_t ms = 0;
    int digits = 0;

    for (text += negative; *text >= '0' && *text <= '9' && digits < 17; text++, digits++)
        ms = ms * 10 + (*text - '0');
    if (digits == 0 || digits == 17)
        return false;
    if (*text == '.')
        text++;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (places > 0)
            ms = ms * 10 + (*text - '0');
        places--;
    }
    for (; places > 0; places--)
        ms *= 10;
    *out = negative ? -ms : ms;
    return *text == '\0';
}

enum { QUARTER_MS = 15 * 60 * 1000 };

/* Local time to UTC: the offset is asked at a guess, then at the time the guess gives. */
static int64_t from_zone(struct zone_memory *memory, int64_t local_ms, const char *zone)
{
    int64_t quarter = local_ms / QUARTER_MS;

    if (memory->zone != zone || memory->quarter != quarter) {
        int64_t guess_ms = local_ms - zone_offset_ms(zone, local_ms);

        *memory = (struct zone_memory){zone, quarter, zone_offset_ms(zone, guess_ms)};
    }
    return local_ms - memory->offset_ms;
}

static bool format_time(const struct row *row, const struct value *value, const char *text,
                        int64_t *out)
{
    struct tm tm = {.tm_mday = 1};
    const char *end = strptime(text, value->format, &tm);
    bool has_offset = strstr(value->format, "%z") || strstr(value->format, "%s");
    long offset_s = tm.tm_gmtoff;

    if (!end || *end)
        return false;
    *out = (int64_t)timegm(&tm) * 1000;
    if (has_offset)
        *out -= offset_s * 1000;
    else if (value->zone)
        *out = from_zone(row->mapping->zone_memory, *out, value->zone);
    return true;
}

static enum status put_time(const struct row *row, const struct value *value, struct str name,
                            struct str text, json_t **out)
{
    int64_t ms = 0;
    bool ok;

    if (text.len == 0) {
        *out = json_string("");
        return OK;
    }
    if (value->time == TIME_FORMAT)
        ok = format_time(row, value, text.ptr, &ms);
    else
        ok = number_time(text.ptr, value->time == TIME_SECONDS ? 3 : 0, &ms);
    if (!ok)
        return refuse(row, name, text.ptr,
                      value->time == TIME_FORMAT ? "is no time of the format given"
                                                 : "is no number of (milli)seconds");
    *out = json_integer(ms);
    return OK;
}

/* ---- values ---- */

static enum status put_word(const struct row *row, const struct value *value, struct str name,
                            struct str text, json_t **out)
{
    for (uint32_t i = 0; i < value->n_words; i++) {
        if (str_equal(value->words[i], text)) {
            *out = json_stringn(value->replacements[i].ptr, value->replacements[i].len);
            return OK;
        }
    }
    return refuse(row, name, text.ptr, "is not in the map");
}

static enum status evaluate(const struct row *row, const struct value *value, struct str name,
                            json_t **out);

static enum status put_text(const struct row *row, const struct value *value, struct str name,
                            json_t **out)
{
    struct str text = {NULL, 0};

    TRY(put_together(row, &value->text, name, &text));
    if (value->time != TIME_NONE)
        return put_time(row, value, name, text, out);
    if (value->n_words)
        return put_word(row, value, name, text, out);
    *out = json_stringn(text.ptr, text.len);
    return *out ? OK : refuse(row, name, "", "the text is not UTF-8");
}

static enum status put_entries(const struct row *row, const struct value *value, json_t *into)
{
    for (uint32_t i = 0; i < value->n; i++) {
        bool is_list = value->kind == VALUE_LIST;
        struct str name = is_list ? str_of("entry") : value->names[i];
        json_t *entry = NULL;

        TRY(evaluate(row, &value->entries[i], name, &entry));
        if ((is_list ? json_array_append_new(into, entry)
                     : json_object_setn_new(into, name.ptr, name.len, entry)) != 0)
            return error_set(row->err, ERR_NOMEM, "out of memory");
    }
    return OK;
}

static enum status evaluate(const struct row *row, const struct value *value, struct str name,
                            json_t **out)
{
    enum status status;
    json_t *into;

    if (value->kind == VALUE_TEXT)
        return put_text(row, value, name, out);
    into = value->kind == VALUE_LIST ? json_array() : json_object();
    if (!into)
        return error_set(row->err, ERR_NOMEM, "out of memory");
    status = put_entries(row, value, into);
    if (status == OK)
        *out = into;
    else
        json_decref(into);
    return status;
}

static bool is_wanted(const struct row *row)
{
    const struct mapping *mapping = row->mapping;

    for (uint32_t i = 0; i < mapping->n_conditions; i++) {
        struct str cell = cell_of(row, mapping->conditions[i].column);

        if (fnmatch(mapping->conditions[i].pattern, cell.ptr, 0) != 0)
            return false;
    }
    return true;
}

enum status mapping_row(const struct mapping *mapping, const struct str *cells, uint32_t n,
                        uint64_t line, json_t **out, struct error *err)
{
    const struct row row = {mapping, cells, n, line, err};

    *out = NULL;
    return is_wanted(&row) ? evaluate(&row, &mapping->root, str_of("row"), out) : OK;
}
