/*
 * The whole path on a real Kafka, exactly once: events per second of CPU time of the process
 * (all its threads), with a list per event or per tenth event of a person.
 *
 *   bench_whole_path FRESHET N_EVENTS EVERY [SESSIONS.tsv]
 *
 * Broker and registry from BOOTSTRAP_SERVERS and REGISTRY_URL; the feed: tests/bench/shop.h.
 * Measured from one fifth of the events on to the last one; the broker's CPU is not in it.
 */
#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif

#include "core/base/clock.h"
#include "tests/bench/shop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_S = 600 };

static double done(int port)
{
    char prefix[96];

    snprintf(prefix, sizeof(prefix), "freshet_events_total{topic=\"%s.clickstream\"", shop_app);
    return shop_metric(port, prefix);
}

static void measure(pid_t pid, int port, long n, long every)
{
    double from_events = 0, from_cpu = 0, events, cpu;
    long half_rss = 0;
    int64_t from_ns = 0, begin_ns = clock_mono_ns();

    for (;;) {
        events = done(port);
        if (!from_ns && events >= n / 5.0) {
            from_events = events;
            from_cpu = shop_cpu_seconds(pid);
            from_ns = clock_mono_ns();
        }
        if (!half_rss && events >= n / 2.0)
            half_rss = shop_rss_mib(pid);
        if (events >= n || clock_mono_ns() - begin_ns > WAIT_S * 1000000000LL || events < 0)
            break;
        usleep(100000);
    }
    cpu = shop_cpu_seconds(pid) - from_cpu;
    printf(
        "whole_path every=%-3ld events=%.0f lists=%.0f ev/cpu-s=%.0f ev/s=%.0f cpu-us/ev=%.2f "
        "rss=%ld MiB (half way %ld) txns=%.0f\n",
        every, events, shop_metric(port, "freshet_stage_events_total{stage=\"rank\"}"),
        (events - from_events) / cpu,
        (events - from_events) / ((double)(clock_mono_ns() - from_ns) / 1e9),
        cpu / (events - from_events) * 1e6, shop_rss_mib(pid), half_rss,
        shop_metric(port, "freshet_transactions_total{result=\"committed\"}"));
    static const char *const stages[] = {"decode", "features", "learn",
                                         "rank",   "encode",   "commit"};

    for (int s = 0; s < 6; s++) {
        char seconds[80], lanes[80];

        snprintf(seconds, sizeof(seconds), "freshet_stage_seconds_total{stage=\"%s\"}",
                 stages[s]);
        snprintf(lanes, sizeof(lanes), "freshet_stage_events_total{stage=\"%s\"}", stages[s]);
        double stage_events = shop_metric(port, lanes);

        printf("  %-9s %6.2f us each (wall, %.0f)\n", stages[s],
               stage_events > 0 ? shop_metric(port, seconds) / stage_events * 1e6 : 0,
               stage_events);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    long n = argc > 2 ? atol(argv[2]) : 2000000, every = argc > 3 ? atol(argv[3]) : 1;
    int port = 0, status = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: bench_whole_path FRESHET [N_EVENTS [EVERY [SESSIONS.tsv]]]\n");
        return 2;
    }
    if (!shop_open(argv[1], argc > 4 ? argv[4] : NULL, every, ""))
        return EXIT_FAILURE;
    shop_fill(n);
    pid_t pid = shop_start(&port);

    if (port)
        measure(pid, port, n, every);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    shop_close();
    return !port || !WIFEXITED(status) || WEXITSTATUS(status);
}
