#include "tests/support/test_support.h"

#include "core/topics.h"
#include "schemas/avsc.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

static struct settings settings;
static struct topic topics[TOPICS_MAX];
static struct topic_facts facts[TOPICS_MAX];
static uint32_t n;

static char said[8192];
static int n_said;

static void hear(void *context, enum topic_severity severity, const char *sentence)
{
    (void)context;
    n_said++;
    strcat(said, severity == TOPIC_WRONG  ? "wrong: "
                 : severity == TOPIC_NOTE ? "note: "
                                          : "differs: ");
    strcat(said, sentence);
    strcat(said, "\n");
}

/* A broker on which all is as `topics create` makes it. */
static int set_up(void **state)
{
    (void)state;
    settings_init(&settings);
    n = topics_list(&settings, topics);
    for (uint32_t i = 0; i < n; i++) {
        bool compacted = topics[i].flags & TOPIC_COMPACTED;

        facts[i] = (struct topic_facts){
            .exists = true,
            .partitions = topics[i].flags & TOPIC_SINGLE ? 1 : 4,
            .compacts = compacted,
            .deletes = !compacted,
            .retention_ms = 30 * DAY_MS,
            .retention_bytes = -1,
            .delete_retention_ms = 7 * DAY_MS,
            .compaction_lag_ms = 30 * DAY_MS,
            .max_message_bytes = topics[i].flags & TOPIC_INPUT ? 1000000 : 1000000 + 65536,
        };
    }
    said[0] = '\0';
    n_said = 0;
    return 0;
}

static struct topic_facts *of(const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(topics[i].name, name) == 0)
            return &facts[i];
    }
    fail_msg("no topic %s", name);
    return NULL;
}

static int compare(void)
{
    return topics_compare(&settings, topics, facts, n, hear, NULL);
}

static void what_create_makes_is_good(void **state)
{
    (void)state;
    assert_int_equal(compare(), -1);
    assert_int_equal(n_said, 0);
}

static void a_missing_topic_is_named_with_both_remedies(void **state)
{
    (void)state;
    of("orders")->exists = false;
    of("shop-journal")->exists = false;
    assert_int_equal(compare(), TOPIC_WRONG);
    assert_string_equal(
        said,
        "wrong: topic orders is missing; make it with `freshet topics create`, or name the one "
        "you have in topics.orders\n"
        "wrong: topic shop-journal is missing; make it with `freshet topics create`\n");
}

static void topics_of_tasks_count_alike(void **state)
{
    (void)state;
    of("orders")->partitions = 3;
    of("shop-changelog")->partitions = 8;
    of("recommendations")->partitions = 9; /* an output may have any number */
    of("catalog")->partitions = 2;         /* and so may the catalogue */
    assert_int_equal(compare(), TOPIC_WRONG);
    assert_int_equal(n_said, 2);
    assert_non_null(strstr(said, "wrong: topic orders has 3 partitions and clickstream has 4; "
                                 "topics keyed by user need the same number: make a new one"));
    assert_non_null(strstr(said, "wrong: topic shop-changelog has 8 partitions and clickstream "
                                 "has 4"));
}

static void what_cannot_be_followed_is_wrong(void **state)
{
    (void)state;
    of("shop-items")->partitions = 2;
    of("catalog")->partitions = 65;
    assert_int_equal(compare(), TOPIC_WRONG);
    assert_int_equal(n_said, 2);
    assert_non_null(strstr(said, "topic shop-items has 2 partitions and must have one"));
    assert_non_null(
        strstr(said, "topic catalog has 65 partitions; at most 64 can be followed"));
}

/* A changelog that drops by time loses state; a table of the shop's that does is its choice. */
static void compaction_is_judged_by_what_it_would_lose(void **state)
{
    (void)state;
    of("shop-changelog")->deletes = true;
    assert_int_equal(compare(), TOPIC_WRONG);
    assert_string_equal(said,
                        "wrong: topic shop-changelog has cleanup.policy=compact,delete and "
                        "would lose state by time; set cleanup.policy=compact\n");
    set_up(state);
    of("users")->compacts = false;
    of("users")->deletes = true;
    assert_int_equal(compare(), TOPIC_DIFFERS);
    assert_string_equal(said, "differs: topic users has cleanup.policy=delete and would forget "
                              "what has not changed for long; set cleanup.policy=compact\n");
    set_up(state);
    of("clickstream")->compacts = true;
    assert_int_equal(compare(), TOPIC_WRONG);
    assert_string_equal(said, "wrong: topic clickstream has cleanup.policy=compact,delete and "
                              "would lose all but the newest record of a key; set "
                              "cleanup.policy=delete\n");
}

static void times_too_short_are_named_in_milliseconds(void **state)
{
    (void)state;
    of("shop-changelog")->delete_retention_ms = DAY_MS;
    of("orders")->retention_ms = 7 * DAY_MS;
    of("reviews")->retention_ms = -1;             /* for ever is long enough */
    of("recommendations")->retention_ms = DAY_MS; /* an output is the shop's own affair */
    assert_int_equal(compare(), TOPIC_DIFFERS);
    assert_int_equal(n_said, 2);
    assert_non_null(strstr(said,
                           "topic shop-changelog has delete.retention.ms=86400000: a reader "
                           "away for longer misses deletions; set it to 604800000 (7 days) "
                           "or more"));
    assert_non_null(strstr(said, "topic orders has retention.ms=604800000, less than "
                                 "topics.retention: set it to 2592000000, or lower "
                                 "topics.retention"));
}

static void what_may_be_meant_is_a_note(void **state)
{
    (void)state;
    of("users")->compaction_lag_ms = 0;
    of("orders")->retention_bytes = 1000;
    assert_int_equal(compare(), TOPIC_NOTE);
    assert_int_equal(n_said, 2);
}

/* The largest record of any input must fit into every output with its headers. */
static void outputs_hold_what_inputs_hold(void **state)
{
    (void)state;
    of("reviews")->max_message_bytes = 2000000;
    of("dead-letter")->max_message_bytes = 2065535; /* one byte short */
    assert_int_equal(compare(), TOPIC_DIFFERS);
    assert_non_null(strstr(said,
                           "topic dead-letter has max.message.bytes=2065535: records as "
                           "large as the inputs' would not fit with their headers; set it "
                           "to 2065536 or more"));
    assert_int_equal(n_said, 13); /* nine outputs and four internal topics */
}

/* The partitions of Kafka's own test vectors for murmur2 (Utils.murmur2 of "21" is -973932308,
 * of "foobar" -790332482): toPositive(hash) modulo the number of partitions. */
static void keys_are_placed_as_kafka_places_them(void **state)
{
    struct key_sample sample = {0};

    (void)state;
    key_sample_add(&sample, "21", 2, (-973932308 & 0x7fffffff) % 1000, 1000);
    key_sample_add(&sample, "foobar", 6, (-790332482 & 0x7fffffff) % 1000, 1000);
    assert_int_equal(sample.n, 2);
    assert_int_equal(sample.n_misplaced[0], 0);
    assert_int_equal(sample.n_misplaced[1], 2);
    key_sample_add(&sample, "foobar", 6, 3, 1000);
    assert_int_equal(sample.n_misplaced[0], 1);
    assert_int_equal(sample.example[0], 3);
}

static void misplaced_keys_name_the_partitioner_that_fits(void **state)
{
    struct key_sample samples[TOPICS_MAX] = {0};

    (void)state;
    assert_int_equal(topics_compare_keys(&settings, topics, samples, n, hear, NULL), -1);
    samples[1] = (struct key_sample){800, {610, 0, 600}, {2, 0, 1}};
    assert_int_equal(topics_compare_keys(&settings, topics, samples, n, hear, NULL),
                     TOPIC_DIFFERS);
    assert_string_equal(said, "differs: topic clickstream: 610 of the newest 800 keys are not "
                              "where murmur2 puts them (partition 2 has one): all fit the "
                              "setting partitioner: consistent\n");
    set_up(state);
    samples[3] = (struct key_sample){10, {0, 7, 8}, {0, 3, 3}}; /* orders: as ours */
    topics_compare_keys(&settings, topics, samples, n, hear, NULL);
    assert_int_equal(n_said, 1);
    assert_non_null(strstr(said, "let its producers use this partitioner and write its records "
                                 "anew"));
}

static void the_list_follows_app_and_names(void **state)
{
    const char *set[] = {"app=toys", "topics.orders=sales"};
    struct error err;
    uint32_t n_tasks = 0, n_inputs = 0, n_outputs = 0, n_schemas = 0;

    (void)state;
    assert_int_equal(settings_load(&settings, NULL, 2, set, &err), OK);
    n = topics_list(&settings, topics);
    assert_int_equal(n, 19);
    for (uint32_t i = 0; i < n; i++) {
        n_tasks += (topics[i].flags & TOPIC_TASK) != 0;
        n_inputs += (topics[i].flags & TOPIC_INPUT) != 0;
        n_outputs += (topics[i].flags & TOPIC_OUTPUT) != 0;
        n_schemas += topics[i].avsc != NULL;
    }
    assert_int_equal(n_tasks, 7); /* five inputs, changelog, journal */
    assert_int_equal(n_inputs, 6);
    assert_int_equal(n_outputs, 9);
    assert_int_equal(n_schemas, 14);
    assert_non_null(of("toys-changelog"));
    assert_non_null(of("toys-items-table"));
    assert_non_null(of("sales"));
}

/* Every schema a topic names is in the binary, and every schema belongs to a topic. */
static void topics_and_schema_files_fit_together(void **state)
{
    uint32_t n_named = 0;

    (void)state;
    for (uint32_t i = 0; i < n; i++) {
        if (topics[i].avsc) {
            assert_non_null(avsc_find(topics[i].avsc));
            n_named++;
        }
    }
    assert_int_equal(n_named, n_avsc_files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_create_makes_is_good, set_up),
        cmocka_unit_test_setup(a_missing_topic_is_named_with_both_remedies, set_up),
        cmocka_unit_test_setup(topics_of_tasks_count_alike, set_up),
        cmocka_unit_test_setup(what_cannot_be_followed_is_wrong, set_up),
        cmocka_unit_test_setup(compaction_is_judged_by_what_it_would_lose, set_up),
        cmocka_unit_test_setup(times_too_short_are_named_in_milliseconds, set_up),
        cmocka_unit_test_setup(what_may_be_meant_is_a_note, set_up),
        cmocka_unit_test_setup(outputs_hold_what_inputs_hold, set_up),
        cmocka_unit_test_setup(keys_are_placed_as_kafka_places_them, set_up),
        cmocka_unit_test_setup(misplaced_keys_name_the_partitioner_that_fits, set_up),
        cmocka_unit_test_setup(the_list_follows_app_and_names, set_up),
        cmocka_unit_test_setup(topics_and_schema_files_fit_together, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
