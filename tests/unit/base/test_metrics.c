#include "tests/support/test_support.h"

#include "core/base/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static char *page(int openmetrics)
{
    static char *text; /* static: compilers take a stream's buffer for a dangling pointer */
    size_t n;
    FILE *out = open_memstream(&text, &n);

    metrics_write(out, openmetrics);
    fclose(out);
    return text;
}

/* The lines of one family, from its HELP to the next family's. */
static char *family(const char *name, int openmetrics)
{
    char *text = page(openmetrics), start[128], *begin, *end;

    snprintf(start, sizeof(start), "# HELP freshet_%s ", name);
    begin = strstr(text, start);
    assert_non_null(begin);
    end = strstr(begin + 1, "# HELP ");
    if (!end)
        end = strstr(begin, "# EOF");
    begin = strndup(begin, end ? (size_t)(end - begin) : strlen(begin));
    free(text);
    return begin;
}

static void assert_family(const char *name, int openmetrics, const char *expected)
{
    char *text = family(name, openmetrics);

    assert_string_equal(text, expected);
    free(text);
}

static void the_same_name_and_labels_are_the_same_metric(void **state)
{
    struct metric *a = metric_counter("same_total", "h", "t=\"%s\"", "x");

    (void)state;
    assert_ptr_equal(a, metric_counter("same_total", "h", "t=\"%s\"", "x"));
    assert_ptr_not_equal(a, metric_counter("same_total", "h", "t=\"%s\"", "y"));
    metric_add(a, 2);
    metric_add(a, 3);
    assert_int_equal(metric_get(a), 5);
}

static void a_family_is_written_together_with_one_head(void **state)
{
    (void)state;
    metric_add(metric_counter("b_total", "Things\nwith a \\ inside.", "t=\"2\""), 7);
    metric_set(metric_gauge("c", "Another.", NULL), -4);
    metric_add(metric_counter("b_total", "Things\nwith a \\ inside.", "t=\"1\""), 9);
    assert_family("b_total", 0,
                  "# HELP freshet_b_total Things\\nwith a \\\\ inside.\n"
                  "# TYPE freshet_b_total counter\n"
                  "freshet_b_total{t=\"1\"} 9\n"
                  "freshet_b_total{t=\"2\"} 7\n");
    assert_family("c", 0, "# HELP freshet_c Another.\n# TYPE freshet_c gauge\nfreshet_c -4\n");
}

static void openmetrics_names_a_counter_family_without_total(void **state)
{
    char *text;

    (void)state;
    metric_add(metric_counter("o_total", "Say \"it\".", NULL), 1);
    assert_family("o", 1,
                  "# HELP freshet_o Say \\\"it\\\".\n# TYPE freshet_o counter\n"
                  "freshet_o_total 1\n");
    text = page(1);
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    free(text);
    text = page(0);
    assert_null(strstr(text, "# EOF"));
    free(text);
}

/* Two weeks of nanoseconds keep their last digit. */
static void seconds_are_exact(void **state)
{
    struct metric *m =
        metric_seconds(METRIC_COUNTER, "s_seconds_total", "S.", "stage=\"%d\"", 1);

    (void)state;
    metric_add(m, INT64_C(1209600000000001));
    metric_set(metric_seconds(METRIC_GAUGE, "g_seconds", "G.", NULL), -INT64_C(500000000));
    assert_family("s_seconds_total", 0,
                  "# HELP freshet_s_seconds_total S.\n# TYPE freshet_s_seconds_total counter\n"
                  "freshet_s_seconds_total{stage=\"1\"} 1209600.000000001\n");
    assert_family("g_seconds", 0,
                  "# HELP freshet_g_seconds G.\n# TYPE freshet_g_seconds gauge\n"
                  "freshet_g_seconds -0.500000000\n");
}

static void a_histogram_counts_upwards(void **state)
{
    struct metric *m = metric_histogram("h_seconds", "H.", "q=\"1\"");

    (void)state;
    metric_observe_ns(m, 500000);               /* on the edge: le means less or equal */
    metric_observe_ns(m, 500001);               /* just above it */
    metric_observe_ns(m, INT64_C(40000000000)); /* above all of them */
    metric_observe_ns(m, -5);                   /* a clock that went back counts as nothing */
    assert_family("h_seconds", 0,
                  "# HELP freshet_h_seconds H.\n# TYPE freshet_h_seconds histogram\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.0005\"} 2\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.001\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.002\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.004\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.008\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.016\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.032\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.064\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.128\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.256\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"0.512\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"1.024\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"2.048\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"4.096\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"8.192\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"16.384\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"32.768\"} 3\n"
                  "freshet_h_seconds_bucket{q=\"1\",le=\"+Inf\"} 4\n"
                  "freshet_h_seconds_sum{q=\"1\"} 40.001000001\n"
                  "freshet_h_seconds_count{q=\"1\"} 4\n");
}

/* Every edge: the value itself falls in, one more does not. */
static void each_bucket_ends_where_it_says(void **state)
{
    char name[32];

    (void)state;
    for (int i = 0; i < METRIC_BUCKETS - 1; i++) {
        struct metric *m;

        sprintf(name, "edge%d_seconds", i);
        m = metric_histogram(name, "E.", NULL);
        metric_observe_ns(m, INT64_C(500000) << i);
        metric_observe_ns(m, (INT64_C(500000) << i) + 1);
        assert_int_equal(m->buckets[i], 1);
        assert_int_equal(m->buckets[i + 1], 1);
    }
}

static void *count(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        metric_add(metric_counter("race_total", "R.", "n=\"%d\"", i % 10), 1);
        metric_observe_ns(metric_histogram("race_seconds", "R.", NULL), 1);
    }
    return NULL;
}

static void threads_may_register_and_count_at_once(void **state)
{
    pthread_t threads[4];
    int64_t total = 0;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    free(page(0)); /* a scrape in between */
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 10; i++)
        total += metric_get(metric_counter("race_total", "R.", "n=\"%d\"", i));
    assert_int_equal(total, 4000);
    assert_int_equal(metric_get(metric_histogram("race_seconds", "R.", NULL)), 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_and_labels_are_the_same_metric),
        cmocka_unit_test(a_family_is_written_together_with_one_head),
        cmocka_unit_test(openmetrics_names_a_counter_family_without_total),
        cmocka_unit_test(seconds_are_exact),
        cmocka_unit_test(a_histogram_counts_upwards),
        cmocka_unit_test(each_bucket_ends_where_it_says),
        cmocka_unit_test(threads_may_register_and_count_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
