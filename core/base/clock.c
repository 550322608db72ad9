#include "core/base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t fixed_wall_ms = -1;

static int64_t read_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    int64_t fixed = atomic_load_explicit(&fixed_wall_ms, memory_order_relaxed);

    return fixed >= 0 ? fixed : read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_cpu_ns(void)
{
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_set_wall_ms(int64_t wall_ms)
{
    atomic_store(&fixed_wall_ms, wall_ms);
}
