/* Quiet hours on days that have 23, 24 and 25 hours. Moments were computed by hand from UTC. */
#include "producers/quiet_hours.h"
#include "tests/support/test_support.h"

#include <time.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

static struct zone *berlin;

static int64_t utc(int year, int month, int day, int hour, int minute)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute};

    return (int64_t)timegm(&tm) * 1000;
}

static struct quiet_answer at(int from, int to, int64_t ms)
{
    return quiet_hours_at(berlin, from, to, ms);
}

static void a_night_runs_from_the_first_to_before_the_last_minute(void **state)
{
    int64_t start = utc(2026, 6, 1, 19, 0),
            end = utc(2026, 6, 2, 6, 0); /* CEST: 21:00, 08:00 */

    (void)state;
    assert_false(at(21 * 60, 8 * 60, start - 1).quiet);
    assert_true(at(21 * 60, 8 * 60, start - 1).next_ms == start);
    assert_true(at(21 * 60, 8 * 60, start).quiet);
    assert_true(at(21 * 60, 8 * 60, start).until_ms == end);
    assert_true(at(21 * 60, 8 * 60, end - 1).quiet);
    assert_false(at(21 * 60, 8 * 60, end).quiet);
    assert_true(at(21 * 60, 8 * 60, end).next_ms == start + 24 * HOUR_MS);
}

static void a_span_within_a_day_is_one_too(void **state)
{
    (void)state;
    assert_true(at(12 * 60, 13 * 60, utc(2026, 6, 1, 10, 30)).quiet);
    assert_false(at(12 * 60, 13 * 60, utc(2026, 6, 1, 11, 0)).quiet);
    assert_true(at(12 * 60, 13 * 60, utc(2026, 6, 1, 11, 0)).next_ms == utc(2026, 6, 2, 10, 0));
}

static void equal_ends_mean_no_quiet_hours(void **state)
{
    (void)state;
    assert_false(at(0, 0, utc(2026, 6, 1, 0, 0)).quiet);
    assert_true(at(0, 0, utc(2026, 6, 1, 0, 0)).next_ms == INT64_MAX);
}

/* 2026-03-29: 02:00 CET becomes 03:00 CEST, 02:30 does not exist. */
static void a_time_that_does_not_exist_ends_at_the_next_that_does(void **state)
{
    int64_t jump = utc(2026, 3, 29, 1, 0);

    (void)state;
    assert_true(at(21 * 60, 2 * 60 + 30, jump - 1).quiet);
    assert_true(at(21 * 60, 2 * 60 + 30, jump - 1).until_ms == jump);
    assert_false(at(21 * 60, 2 * 60 + 30, jump).quiet);
    /* and a span that begins in the gap begins there */
    assert_true(at(2 * 60 + 30, 8 * 60, jump - 1).next_ms == jump);
    assert_true(at(2 * 60 + 30, 8 * 60, jump).quiet);
    assert_true(at(2 * 60 + 30, 8 * 60, jump).until_ms == utc(2026, 3, 29, 6, 0));
}

/* 2026-10-25: 03:00 CEST becomes 02:00 CET, 02:30 comes twice: 00:30 and 01:30 UTC. */
static void a_time_that_comes_twice_belongs_to_the_span_both_times(void **state)
{
    int64_t first = utc(2026, 10, 25, 0, 30), second = utc(2026, 10, 25, 1, 30);

    (void)state;
    assert_true(at(21 * 60, 2 * 60 + 30, first).quiet);
    assert_true(at(21 * 60, 2 * 60 + 30, first).until_ms == second);
    assert_true(at(21 * 60, 2 * 60 + 30, second - 1).quiet);
    assert_false(at(21 * 60, 2 * 60 + 30, second).quiet);
    assert_true(at(2 * 60 + 30, 8 * 60, first - 1).next_ms == first);
    assert_true(at(2 * 60 + 30, 8 * 60, first).quiet);
    assert_true(at(2 * 60 + 30, 8 * 60, second).quiet);
    assert_true(at(2 * 60 + 30, 8 * 60, second).until_ms == utc(2026, 10, 25, 7, 0));
}

static void the_nights_of_the_change_are_ten_and_twelve_hours_long(void **state)
{
    struct quiet_answer spring = at(21 * 60, 8 * 60, utc(2026, 3, 28, 20, 0));
    struct quiet_answer autumn = at(21 * 60, 8 * 60, utc(2026, 10, 24, 19, 0));

    (void)state;
    assert_true(spring.quiet && spring.until_ms == utc(2026, 3, 28, 20, 0) + 10 * HOUR_MS);
    assert_true(autumn.quiet && autumn.until_ms == utc(2026, 10, 24, 19, 0) + 12 * HOUR_MS);
}

/* For every minute of two changing days: quiet exactly when the plain rule on instants says. */
static void no_minute_of_the_changing_days_is_forgotten(void **state)
{
    (void)state;
    for (int spring = 0; spring < 2; spring++) {
        int64_t begin = spring ? utc(2026, 3, 28, 0, 0) : utc(2026, 10, 24, 0, 0);
        struct quiet_answer before = at(21 * 60, 8 * 60, begin);

        for (int64_t ms = begin + MINUTE_MS; ms < begin + 72 * HOUR_MS; ms += MINUTE_MS) {
            struct quiet_answer now = at(21 * 60, 8 * 60, ms);

            assert_true(now.next_ms > ms);
            if (before.quiet && !now.quiet)
                assert_true(before.until_ms == ms);
            if (!before.quiet && now.quiet)
                assert_true(before.next_ms == ms);
            if (now.quiet)
                assert_true(now.until_ms > ms);
            before = now;
        }
    }
}

static void days_begin_at_local_midnight(void **state)
{
    int64_t noon = utc(2026, 10, 25, 11, 0);

    (void)state;
    assert_true(zone_day_start_ms(berlin, noon, 0) == utc(2026, 10, 24, 22, 0));
    assert_true(zone_day_start_ms(berlin, noon, 1) == utc(2026, 10, 25, 23, 0)); /* 25 hours */
    assert_true(zone_day_start_ms(berlin, utc(2026, 10, 24, 22, 0), 0) ==
                utc(2026, 10, 24, 22, 0));
    assert_true(zone_day_start_ms(berlin, utc(2026, 10, 24, 22, 0) - 1, 0) ==
                utc(2026, 10, 23, 22, 0));
}

static void an_unknown_zone_falls_back_and_is_never_taken_for_utc(void **state)
{
    struct zone *zone = zone_open(str_of("Mars/Olympus"), "Europe/Berlin");

    (void)state;
    assert_false(zone_is_known(str_of("Mars/Olympus")));
    assert_false(zone_is_known(str_of("")));
    assert_false(zone_is_known((struct str){NULL, 0}));
    assert_true(zone_is_known(str_of("America/Argentina/ComodRivadavia")));
    assert_true(zone_day_start_ms(zone, utc(2026, 6, 1, 12, 0), 0) == utc(2026, 5, 31, 22, 0));
    zone_close(zone);
    assert_int_equal(zone_offset_ms("Europe/Berlin", utc(2026, 6, 1, 0, 0)), 2 * HOUR_MS);
    assert_int_equal(zone_offset_ms("Asia/Kolkata", utc(2026, 6, 1, 0, 0)), 330 * MINUTE_MS);
    assert_int_equal(zone_offset_ms("Mars/Olympus", utc(2026, 6, 1, 0, 0)), 0);
}

static int setup(void **state)
{
    (void)state;
    berlin = zone_open(str_of("Europe/Berlin"), NULL);
    return berlin ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    zone_close(berlin);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_night_runs_from_the_first_to_before_the_last_minute),
        cmocka_unit_test(a_span_within_a_day_is_one_too),
        cmocka_unit_test(equal_ends_mean_no_quiet_hours),
        cmocka_unit_test(a_time_that_does_not_exist_ends_at_the_next_that_does),
        cmocka_unit_test(a_time_that_comes_twice_belongs_to_the_span_both_times),
        cmocka_unit_test(the_nights_of_the_change_are_ten_and_twelve_hours_long),
        cmocka_unit_test(no_minute_of_the_changing_days_is_forgotten),
        cmocka_unit_test(days_begin_at_local_midnight),
        cmocka_unit_test(an_unknown_zone_falls_back_and_is_never_taken_for_utc),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
