/*
 * Fault points: places where a test makes the program fail, stop or misbehave on purpose.
 *
 * A point is named in the code, `if (fault_hit("after_produce")) …`, and switched on by the
 * environment, FRESHET_FAULT="after_produce=3,kill_after_commit=10": the n-th pass hits;
 * with "state_write=3-5" the third to the fifth do.
 * A point whose name begins with "kill_" ends the process at once with SIGKILL, one that
 * begins with "stop_" stops it with SIGSTOP. Without the variable a point costs one load.
 *
 * A mutant is a deliberate bug, `if (mutant("mutant_list_twice")) …`, on for the whole life by
 * FRESHET_FAULT="mutant_list_twice=1". Mutants are compiled into test builds alone
 * (FRESHET_MUTANTS): tests/chaos shows that each of them is found.
 */
#ifndef FRESHET_CORE_BASE_FAULT_H
#define FRESHET_CORE_BASE_FAULT_H

#include <stdbool.h>

extern bool fault_enabled; /* set once, before the first thread */

/** Reads the environment; an unreadable text is reported on stderr and exits with 2. */
void fault_init(void);

/** Arms one point for its n-th pass from now (tests in the same process). n 0 disarms. */
void fault_arm(const char *name, long nth);

/** Counts a pass; true on the armed one and no other. Any thread. */
bool fault_pass(const char *name);

/** True if the point is armed at all, passes counted or not. Any thread. */
bool fault_is_armed(const char *name);

#define fault_hit(name) (__builtin_expect(fault_enabled, 0) && fault_pass(name))

#ifdef FRESHET_MUTANTS
#define mutant(name) (__builtin_expect(fault_enabled, 0) && fault_is_armed(name))
#else
#define mutant(name) false
#endif

#endif
