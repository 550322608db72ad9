/*
 * Local time: quiet hours, calendar days and offsets of a time zone, from ICU's tables.
 *
 * A daily span is a pair of instants, not a test on the clock's hands: it runs from the first
 * moment the clock shows `from` to the last moment it shows `to`. Where the clock is put
 * forward over one of them, the next moment that exists counts; where an hour comes twice, all
 * of it belongs to the span. Nothing here reads the clock or the environment.
 */
#ifndef FRESHET_PRODUCERS_QUIET_HOURS_H
#define FRESHET_PRODUCERS_QUIET_HOURS_H

#include "core/base/str.h"

#include <stddef.h>

enum { ZONE_NAME_MAX = 64 }; /* longest in tzdata: 32 */

struct zone; /* one thread at a time; opening takes about 2 microseconds */

/** True if tzdata knows the name ("Europe/Berlin"). */
bool zone_is_known(struct str name);

/** The zone of that name, or of fallback (terminated) where the name is absent or unknown;
 *  UTC if neither is known. NULL: out of memory. */
struct zone *zone_open(struct str name, const char *fallback);
void zone_close(struct zone *zone); /* NULL is a no-op */

/** The name that was taken of the two, terminated; lives as long as the zone. */
const char *zone_name(const struct zone *zone);

struct quiet_answer {
    bool quiet;       /* now lies in the span */
    int64_t until_ms; /* if quiet: the first moment after it */
    int64_t next_ms;  /* the start of the next span, later than now */
};

/** from == to: there is no span; next_ms is INT64_MAX then. Minutes of the day, 0..1439. */
struct quiet_answer quiet_hours_at(struct zone *zone, int from_min, int to_min, int64_t now_ms);

/** The first moment of now's day (add 0) or of a day after it (add 1). */
int64_t zone_day_start_ms(struct zone *zone, int64_t now_ms, int add);

/** Local minus UTC at this moment; 0 for an unknown zone. */
int64_t zone_offset_ms(const char *name, int64_t utc_ms);

struct local_time {
    int year, month, day; /* month 1..12 */
    int weekday;          /* 0 is Sunday */
    int day_of_year;      /* from 1 */
    int hour, minute, second;
};

/** The calendar's reading of a moment that has been moved to local time. */
struct local_time local_time_of(int64_t local_ms);

#endif
