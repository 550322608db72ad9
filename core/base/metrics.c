/*
 * Metrics are a linked list that only grows: registration takes the mutex and publishes the
 * new head with a release store, so readers walk it without a lock and changing a value is one
 * relaxed atomic add.
 *
 * Writing groups the metrics by name (the formats want HELP and TYPE once, and a family's lines
 * together) with a sorted array of pointers: scrapes are rare and the metrics some hundreds.
 */
#include "core/base/metrics.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKET_NS INT64_C(500000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *_Atomic first;
static unsigned n_metrics; /* under the lock */

static struct metric *find(const char *name, const char *labels)
{
    for (struct metric *m = first; m; m = m->next) {
        if (strcmp(m->name, name) == 0 && strcmp(m->labels, labels) == 0)
            return m;
    }
    return NULL;
}

__attribute__((format(printf, 5, 0))) static struct metric *
get(enum metric_kind kind, const char *name, const char *help, double scale, const char *format,
    va_list args)
{
    struct metric *m;
    char labels[sizeof(m->labels)] = "";
    int n = format ? vsnprintf(labels, sizeof(labels), format, args) : 0;

    ensure(n >= 0 && n < (int)sizeof(labels)); /* a cut label would break the whole page */
    ensure(strlen(name) < sizeof(m->name));
    pthread_mutex_lock(&lock);
    m = find(name, labels);
    if (!m) {
        m = calloc(1, sizeof(*m));
        ensure(m != NULL);
        m->kind = kind;
        strcpy(m->name, name);
        strcpy(m->labels, labels);
        m->help = help;
        m->scale = scale;
        m->next = first;
        atomic_store_explicit(&first, m, memory_order_release);
        n_metrics++;
    }
    ensure(m->kind == kind);
    pthread_mutex_unlock(&lock);
    return m;
}

#define METRIC_FUNCTION(function, kind, scale)                                                 \
    struct metric *function(const char *name, const char *help, const char *labels, ...)       \
    {                                                                                          \
        va_list args;                                                                          \
        struct metric *m;                                                                      \
                                                                                               \
        va_start(args, labels);                                                                \
        m = get(kind, name, help, scale, labels, args);                                        \
        va_end(args);                                                                          \
        return m;                                                                              \
    }
METRIC_FUNCTION(metric_counter, METRIC_COUNTER, 1.0)
METRIC_FUNCTION(metric_gauge, METRIC_GAUGE, 1.0)
METRIC_FUNCTION(metric_histogram, METRIC_HISTOGRAM, 1e-9)
#undef METRIC_FUNCTION

struct metric *metric_seconds(enum metric_kind kind, const char *name, const char *help,
                              const char *labels, ...)
{
    va_list args;
    struct metric *m;

    va_start(args, labels);
    m = get(kind, name, help, 1e-9, labels, args);
    va_end(args);
    return m;
}

/* The list only grows: readers need no lock. */
struct metric *metric_find(const char *name, const char *labels)
{
    return find(name, labels);
}

int64_t metric_sum(const char *name, const char *labels_part)
{
    int64_t sum = 0;

    for (struct metric *m = first; m; m = m->next) {
        if (strcmp(m->name, name) == 0 && (!labels_part || strstr(m->labels, labels_part)))
            sum += metric_get(m);
    }
    return sum;
}

/* Bucket i holds values <= .0005 s * 2^i; the last one everything above 32.768 s. */
static unsigned bucket_of(int64_t ns)
{
    uint64_t steps;

    if (ns <= FIRST_BUCKET_NS)
        return 0;
    steps = (uint64_t)(ns - 1) / FIRST_BUCKET_NS; /* >= 1 */
    unsigned i = 64 - (unsigned)__builtin_clzll(steps);

    return i < METRIC_BUCKETS - 1 ? i : METRIC_BUCKETS - 1;
}

void metric_observe_ns(struct metric *m, int64_t ns)
{
    if (ns < 0)
        ns = 0; /* two clocks of one machine may disagree by a hair */
    atomic_fetch_add_explicit(&m->value, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->buckets[bucket_of(ns)], 1, memory_order_relaxed);
}

static int by_name(const void *a, const void *b)
{
    const struct metric *const *x = a;
    const struct metric *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);

    return order ? order : strcmp((*x)->labels, (*y)->labels);
}

static void write_help(FILE *out, const struct metric *m, int openmetrics)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    int n = (int)strlen(m->name);

    /* OpenMetrics names the family of a counter without its "_total". */
    if (openmetrics && m->kind == METRIC_COUNTER && n > 6 &&
        strcmp(m->name + n - 6, "_total") == 0)
        n -= 6;
    fprintf(out, "# HELP freshet_%.*s ", n, m->name);
    for (const char *c = m->help; *c; c++) {
        if (*c == '\\' || *c == '\n' || (openmetrics && *c == '"'))
            fputc('\\', out);
        fputc(*c == '\n' ? 'n' : *c, out);
    }
    fprintf(out, "\n# TYPE freshet_%.*s %s\n", n, m->name, types[m->kind]);
}

/* Nanoseconds are written digit by digit: a double of seconds loses them after some days. */
static void write_number(FILE *out, const struct metric *m, int64_t value)
{
    if (m->scale == 1.0)
        fprintf(out, "%lld\n", (long long)value);
    else
        fprintf(out, "%s%lld.%09lld\n", value < 0 ? "-" : "", llabs(value / 1000000000),
                llabs(value % 1000000000));
}

static void write_value(FILE *out, const struct metric *m)
{
    const char *open = m->labels[0] ? "{" : "", *close = m->labels[0] ? "}" : "";

    fprintf(out, "freshet_%s%s%s%s ", m->name, open, m->labels, close);
    write_number(out, m, metric_get(m));
}

static void write_histogram(FILE *out, const struct metric *m)
{
    const char *comma = m->labels[0] ? "," : "";
    const char *open = m->labels[0] ? "{" : "", *close = m->labels[0] ? "}" : "";
    int64_t total = 0;

    for (unsigned i = 0; i < METRIC_BUCKETS; i++) {
        total += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
        fprintf(out, "freshet_%s_bucket{%s%sle=\"", m->name, m->labels, comma);
        if (i < METRIC_BUCKETS - 1)
            fprintf(out, "%.9g", (double)(FIRST_BUCKET_NS << i) * 1e-9);
        else
            fputs("+Inf", out);
        fprintf(out, "\"} %lld\n", (long long)total);
    }
    fprintf(out, "freshet_%s_sum%s%s%s ", m->name, open, m->labels, close);
    write_number(out, m, metric_get(m));
    fprintf(out, "freshet_%s_count%s%s%s %lld\n", m->name, open, m->labels, close,
            (long long)total);
}

void metrics_write(FILE *out, int openmetrics)
{
    struct metric **sorted;
    unsigned n = 0;

    pthread_mutex_lock(&lock);
    struct metric *head = first;
    unsigned n_max = n_metrics;

    pthread_mutex_unlock(&lock);
    sorted = malloc((n_max + 1) * sizeof(struct metric *));
    ensure(sorted != NULL);
    for (struct metric *m = head; m; m = m->next)
        sorted[n++] = m;
    qsort(sorted, n, sizeof(struct metric *), by_name);
    for (unsigned i = 0; i < n; i++) {
        if (i == 0 || strcmp(sorted[i]->name, sorted[i - 1]->name) != 0)
            write_help(out, sorted[i], openmetrics);
        if (sorted[i]->kind == METRIC_HISTOGRAM)
            write_histogram(out, sorted[i]);
        else
            write_value(out, sorted[i]);
    }
    if (openmetrics)
        fputs("# EOF\n", out);
    free(sorted);
}
