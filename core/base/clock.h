/*
 * The only place that asks the machine what time it is. What is computed from events takes
 * time as an argument; wall time enters a result only through a journal record.
 */
#ifndef FRESHET_CORE_BASE_CLOCK_H
#define FRESHET_CORE_BASE_CLOCK_H

#include <stdint.h>

/** Milliseconds since 1970, from the wall clock (or the test's, see clock_set_wall_ms). */
int64_t clock_wall_ms(void);

/** Nanoseconds of a clock that never goes back; differences only. */
int64_t clock_mono_ns(void);

/** CPU nanoseconds of the whole process, all threads. */
int64_t clock_cpu_ns(void);

/** Tests: the wall clock stands at this value; a negative value gives it back. */
void clock_set_wall_ms(int64_t wall_ms);

#endif
