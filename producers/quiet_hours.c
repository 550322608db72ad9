/*
 * Spans around now: those that begin on the day before, today and on the next two days cover
 * every case, because a span lasts less than a day and days are 23 to 25 hours long.
 *
 *        day-1          day 0          day+1
 *   ──[from────to]───[from────to]───[from────to]──
 *                          ^ now
 */
#include "producers/quiet_hours.h"

#include <unicode/ucal.h>
#include <unicode/ustring.h>

struct zone; /* is a UCalendar: ICU's own type, so that nothing more need be allocated */

static UCalendar *calendar_of(struct zone *zone)
{
    return (UCalendar *)zone;
}

/* ICU takes any name and silently means UTC by an unknown one. */
static bool known_name(struct str name, UChar *out)
{
    UErrorCode code = U_ZERO_ERROR;
    UChar canonical[ZONE_NAME_MAX + 1];
    UBool system;

    if (!name.ptr || name.len == 0 || name.len > ZONE_NAME_MAX)
        return false;
    for (uint32_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] >= 0x80)
            return false;
    }
    u_charsToUChars(name.ptr, out, (int32_t)name.len);
    out[name.len] = 0;
    ucal_getCanonicalTimeZoneID(out, (int32_t)name.len, canonical, ZONE_NAME_MAX, &system,
                                &code);
    return U_SUCCESS(code) && system && !str_equal(name, str_of("Etc/Unknown"));
}

bool zone_is_known(struct str name)
{
    UChar text[ZONE_NAME_MAX + 1];

    return known_name(name, text);
}

struct zone *zone_open(struct str name, const char *fallback)
{
    UErrorCode code = U_ZERO_ERROR;
    UChar text[ZONE_NAME_MAX + 1];
    UCalendar *calendar;

    if (!known_name(name, text) && !known_name(str_of(fallback), text))
        u_strcpy(text, u"Etc/UTC");
    calendar = ucal_open(text, -1, "en", UCAL_GREGORIAN, &code);
    if (U_FAILURE(code))
        return NULL;
    ucal_setAttribute(calendar, UCAL_SKIPPED_WALL_TIME, UCAL_WALLTIME_NEXT_VALID);
    return (struct zone *)calendar;
}

void zone_close(struct zone *zone)
{
    if (zone)
        ucal_close(calendar_of(zone));
}

/* A moment of the day that lies `add` days after now's; `last`: of two such moments the later.
 */
static int64_t moment(struct zone *zone, int64_t now_ms, int add, int minute, bool last)
{
    UCalendar *calendar = calendar_of(zone);
    UErrorCode code = U_ZERO_ERROR;

    ucal_setMillis(calendar, (UDate)now_ms, &code);
    int32_t year = ucal_get(calendar, UCAL_YEAR, &code);
    int32_t month = ucal_get(calendar, UCAL_MONTH, &code);
    int32_t day = ucal_get(calendar, UCAL_DATE, &code);

    ucal_setAttribute(calendar, UCAL_REPEATED_WALL_TIME,
                      last ? UCAL_WALLTIME_LAST : UCAL_WALLTIME_FIRST);
    ucal_clear(calendar);
    ucal_setDateTime(calendar, year, month, day + add, minute / 60, minute % 60, 0, &code);
    UDate ms = ucal_getMillis(calendar, &code);

    return U_SUCCESS(code) ? (int64_t)ms : now_ms;
}

struct quiet_answer quiet_hours_at(struct zone *zone, int from_min, int to_min, int64_t now_ms)
{
    struct quiet_answer answer = {.next_ms = INT64_MAX};
    int overnight = to_min < from_min;

    if (from_min == to_min)
        return answer;
    for (int day = -1; day <= 2; day++) {
        int64_t start = moment(zone, now_ms, day, from_min, false);
        int64_t end = moment(zone, now_ms, day + overnight, to_min, true);

        if (start <= now_ms && now_ms < end) {
            answer.quiet = true;
            answer.until_ms = end;
        }
        if (start > now_ms && start < answer.next_ms)
            answer.next_ms = start;
    }
    return answer;
}

int64_t zone_day_start_ms(struct zone *zone, int64_t now_ms, int add)
{
    return moment(zone, now_ms, add, 0, false);
}

int64_t zone_offset_ms(const char *name, int64_t utc_ms)
{
    struct zone *zone = zone_open(str_of(name), NULL);
    UErrorCode code = U_ZERO_ERROR;
    int64_t offset = 0;

    if (!zone)
        return 0;
    ucal_setMillis(calendar_of(zone), (UDate)utc_ms, &code);
    offset = ucal_get(calendar_of(zone), UCAL_ZONE_OFFSET, &code);
    offset += ucal_get(calendar_of(zone), UCAL_DST_OFFSET, &code);
    zone_close(zone);
    return U_SUCCESS(code) ? offset : 0;
}
