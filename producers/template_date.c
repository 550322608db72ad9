/*
 * The `date` filter: seconds since 1970 or ISO 8601 text, written by a strftime pattern in the
 * rendering's time zone with the language's names. "now" is refused: a text may depend on
 * what was decided, never on when it happens to be rendered.
 */
#include "producers/quiet_hours.h"
#include "producers/template_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { DATE_TEXT_MAX = 512 }; /* bytes of a written date; a longer pattern is refused */

/* A day number to year, month, day (Howard Hinnant's civil_from_days, proleptic Gregorian). */
static void civil_from_days(int64_t days, struct local_time *out)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    out->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    out->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    out->year = (int)(yoe + era * 400 + (out->month <= 2));
}

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

struct local_time local_time_of(int64_t local_ms)
{
    struct local_time t;
    int64_t seconds = local_ms / 1000 - (local_ms % 1000 < 0);
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    int64_t rest = seconds - days * 86400;

    civil_from_days(days, &t);
    t.weekday = (int)(((days % 7) + 11) % 7); /* day 0 was a Thursday */
    t.day_of_year = (int)(days - days_from_civil(t.year, 1, 1)) + 1;
    t.hour = (int)(rest / 3600);
    t.minute = (int)(rest / 60 % 60);
    t.second = (int)(rest % 60);
    return t;
}

static bool take_digits(const char **p, const char *end, int n, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (*p == end || !isdigit((unsigned char)**p))
            return false;
        *out = *out * 10 + (**p - '0');
    }
    return true;
}

static bool take(const char **p, const char *end, char c)
{
    if (*p == end || **p != c)
        return false;
    (*p)++;
    return true;
}

/* Z, +hh:mm or nothing (which is UTC). */
static bool take_offset(const char **p, const char *end, int64_t *out_ms)
{
    int64_t hours, minutes;
    bool minus;

    *out_ms = 0;
    if (*p == end || take(p, end, 'Z'))
        return *p == end;
    minus = **p == '-';
    if (!take(p, end, '+') && !take(p, end, '-'))
        return false;
    if (!take_digits(p, end, 2, &hours))
        return false;
    take(p, end, ':');
    if (!take_digits(p, end, 2, &minutes) || *p != end)
        return false;
    *out_ms = (hours * 60 + minutes) * (minus ? -60000 : 60000);
    return true;
}

/* 2026-03-29, 2026-03-29T02:30, 2026-03-29T02:30:00.000+01:00 */
static bool parse_iso(struct str text, int64_t *out_ms)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    int64_t year, month, day, hour = 0, minute = 0, second = 0, offset = 0, ignored;

    if (!take_digits(&p, end, 4, &year) || !take(&p, end, '-') ||
        !take_digits(&p, end, 2, &month) || !take(&p, end, '-') ||
        !take_digits(&p, end, 2, &day) || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    if (take(&p, end, 'T') || take(&p, end, ' ')) {
        if (!take_digits(&p, end, 2, &hour) || !take(&p, end, ':') ||
            !take_digits(&p, end, 2, &minute) || hour > 23 || minute > 59)
            return false;
        if (take(&p, end, ':') && !take_digits(&p, end, 2, &second))
            return false;
        if (take(&p, end, '.')) {
            while (take_digits(&p, end, 1, &ignored))
                ;
            p -= p < end && isdigit((unsigned char)*p);
        }
    }
    if (!take_offset(&p, end, &offset))
        return false;
    *out_ms = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60000 +
              second * 1000 - offset;
    return true;
}

static bool date_value(const struct template_value *value, int64_t *out_ms)
{
    double seconds;

    if (value->kind == VALUE_TEXT && parse_iso((struct str){value->text, value->n}, out_ms))
        return true;
    if (value->kind == VALUE_MONEY || !value_to_number(value, &seconds))
        return false;
    if (!(seconds > -62e9 && seconds < 253e9)) /* years 1 to 9999 */
        return false;
    *out_ms = (int64_t)(seconds * 1000);
    return true;
}

static uint32_t put_number(char *out, int value, int width, char pad)
{
    return (uint32_t)sprintf(out, pad == '0' ? "%0*d" : "%*d", pad ? width : 1, value);
}

/* One conversion; 0 for an unknown one. pad '\0': none. */
static uint32_t put_field(const struct template_locale *locale, const struct local_time *t,
                          char conversion, char pad, char *out)
{
    struct str name = {NULL, 0};

    switch (conversion) {
    case 'Y':
        return put_number(out, t->year, 1, '0');
    case 'y':
        return put_number(out, t->year % 100, 2, pad);
    case 'm':
        return put_number(out, t->month, 2, pad);
    case 'd':
        return put_number(out, t->day, 2, pad);
    case 'e':
        return put_number(out, t->day, 2, pad == '0' ? ' ' : pad);
    case 'j':
        return put_number(out, t->day_of_year, 3, pad);
    case 'H':
        return put_number(out, t->hour, 2, pad);
    case 'I':
        return put_number(out, (t->hour + 11) % 12 + 1, 2, pad);
    case 'l':
        return put_number(out, (t->hour + 11) % 12 + 1, 2, pad == '0' ? ' ' : pad);
    case 'M':
        return put_number(out, t->minute, 2, pad);
    case 'S':
        return put_number(out, t->second, 2, pad);
    case 'p':
        return (uint32_t)sprintf(out, t->hour < 12 ? "AM" : "PM");
    case '%':
        return (uint32_t)sprintf(out, "%%");
    case 'B':
    case 'b':
        name = template_locale_month(locale, t->month - 1, conversion == 'b');
        break;
    case 'A':
    case 'a':
        name = template_locale_weekday(locale, t->weekday, conversion == 'a');
        break;
    default:
        return 0;
    }
    memcpy(out, name.ptr, name.len);
    return name.len;
}

static bool write_date(const struct template_locale *locale, const struct local_time *t,
                       struct str format, char *out, uint32_t *n)
{
    enum { FIELD_MAX = 64 };

    *n = 0;
    for (uint32_t i = 0; i < format.len; i++) {
        char pad = '0';
        uint32_t size;

        if (*n > DATE_TEXT_MAX - FIELD_MAX)
            return false;
        if (format.ptr[i] != '%' || i + 1 == format.len) {
            out[(*n)++] = format.ptr[i];
            continue;
        }
        if (format.ptr[i + 1] == '-' && i + 2 < format.len) {
            pad = '\0';
            i++;
        }
        size = put_field(locale, t, format.ptr[++i], pad, out + *n);
        if (size == 0)
            return false;
        *n += size;
    }
    return true;
}

enum status date_format(struct renderer *r, const struct template_value *value,
                        struct str format, struct str *out)
{
    int64_t ms;
    char *text;

    if (!date_value(value, &ms))
        return render_error(r, ERR_INVALID,
                            "date wants seconds since 1970 or 2026-03-29T02:30Z");
    if (r->input->time_zone)
        ms += zone_offset_ms(r->input->time_zone, ms);
    struct local_time t = local_time_of(ms);

    TRY(render_text(r, DATE_TEXT_MAX, &text));
    out->ptr = text;
    if (!write_date(r->input->locale, &t, format, text, &out->len))
        return render_error(r, ERR_INVALID,
                            "date pattern '%.*s': too long, or not of "
                            "Y y m d e j H I l M S p B b A a %%",
                            (int)(format.len < 60 ? format.len : 60), format.ptr);
    return OK;
}
