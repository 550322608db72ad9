/*
 * Counters, gauges and histograms, and their Prometheus text.
 *
 * A metric is a static object, registered once before the threads start; changing a value is
 * one relaxed atomic. Labels are fixed at registration: few, and never an id of a person.
 */
#ifndef FRESHET_CORE_BASE_METRICS_H
#define FRESHET_CORE_BASE_METRICS_H

#include "core/base/status.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_BUCKETS = 18 }; /* seconds: .0005 doubling to 32, then +Inf */

struct metric {
    enum metric_kind kind;
    char name[64];    /* without the prefix "freshet_" */
    char labels[320]; /* topic="clickstream",partition="0" or empty; a topic name has up to 249
                       */
    const char *help;
    double scale; /* value shown = raw * scale (1e-9: raw is nanoseconds) */
    _Atomic int64_t value;
    _Atomic int64_t buckets[METRIC_BUCKETS];
    struct metric *next;
};

/**
 * A metric that lives for the program's life; asking again for the same name and labels gives
 * the same one. labels may be NULL, else printf-style text as Prometheus writes it. Any thread.
 */
struct metric *metric_counter(const char *name, const char *help, const char *labels, ...);
struct metric *metric_gauge(const char *name, const char *help, const char *labels, ...);
struct metric *metric_histogram(const char *name, const char *help, const char *labels, ...);

/** A counter or gauge whose raw value is nanoseconds and which is shown in seconds. */
struct metric *metric_seconds(enum metric_kind kind, const char *name, const char *help,
                              const char *labels, ...);

/** Sum over the metrics of that name whose labels contain the text (NULL: all). Any thread. */
int64_t metric_sum(const char *name, const char *labels_part);

/** The metric of that name with those labels ("" for none); NULL: not registered. Any thread.
 */
struct metric *metric_find(const char *name, const char *labels);

static inline void metric_add(struct metric *m, int64_t n)
{
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

static inline void metric_set(struct metric *m, int64_t value)
{
    atomic_store_explicit(&m->value, value, memory_order_relaxed);
}

static inline int64_t metric_get(const struct metric *m)
{
    return atomic_load_explicit(&((struct metric *)(uintptr_t)m)->value, memory_order_relaxed);
}

/** Histogram: one observation in nanoseconds. */
void metric_observe_ns(struct metric *m, int64_t ns);

/** All metrics, grouped by name with HELP and TYPE; openmetrics: that dialect with # EOF. */
void metrics_write(FILE *out, int openmetrics);

#endif
