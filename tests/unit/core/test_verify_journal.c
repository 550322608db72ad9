/* The order of the transactions, and journals with which nothing can be proved. */
#include "tests/support/test_support.h"

#include "core/verify_private.h"
#include "tests/support/kafka_mock.h"

#include <stdlib.h>

enum { TASKS = 2 };

static struct kafka_mock mock;
static struct settings settings;
static struct task_position after[TASKS]; /* what the state includes */
static char given[512];

/* Each test has a journal of its own. */
static int begin(void **state)
{
    static int n_apps;
    char topic[300];

    (void)state;
    snprintf(settings.app, sizeof(settings.app), "shop%d", n_apps++);
    snprintf(topic, sizeof(topic), "%s-journal", settings.app);
    kafka_mock_topic(&mock, topic, TASKS);
    for (int task = 0; task < TASKS; task++)
        task_position_init(&after[task]);
    return 0;
}

static int open_all(void **state)
{
    (void)state;
    kafka_mock_open(&mock, &settings);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    kafka_mock_close(&mock);
    return 0;
}

static void put(int32_t task, uint64_t number, int64_t items, int64_t catalog)
{
    static struct task_position position;
    uint8_t bytes[1024];
    char topic[300];

    task_position_init(&position);
    position.number = number;
    position.items_offset = items;
    position.n_catalog = 1;
    position.catalog_offset[0] = catalog;
    snprintf(topic, sizeof(topic), "%s-journal", settings.app);
    kafka_mock_put(&mock, topic, task, "p", bytes,
                   task_position_encode(&position, bytes, sizeof(bytes)), 0);
}

/* Reads everything as "task:number …" into given. */
static enum status read_all(struct error *err)
{
    const struct journal_record *record;
    struct verify_journal *journal = NULL;
    char *out = given;
    uint32_t task;

    *out = '\0';
    kafka_mock_flush(&mock);
    TRY(verify_journal_open(&settings, TASKS, after, &journal, err));
    enum status status = verify_journal_next(journal, &task, &record, err);

    while (status == OK && record) {
        out += sprintf(out, "%u:%d ", task, (int)record->position.number);
        status = verify_journal_next(journal, &task, &record, err);
    }
    verify_journal_close(journal);
    return status;
}

static void the_transaction_that_needs_least_comes_first(void **state)
{
    (void)state;
    put(0, 1, 10, 0);
    put(0, 2, 30, 5);
    put(0, 3, 30, 5);
    put(1, 1, 20, 0);
    put(1, 2, 30, 4);
    put(1, 3, 40, 0);
    assert_int_equal(read_all(NULL), OK);
    assert_string_equal(given, "0:1 1:1 1:2 0:2 0:3 1:3 ");
}

/* A task that has moved to a process which was behind in the catalogue. */
static void within_a_task_the_numbers_rule(void **state)
{
    (void)state;
    put(0, 1, 10, 9);
    put(0, 2, 10, 3);
    put(1, 1, 10, 5);
    assert_int_equal(read_all(NULL), OK);
    assert_string_equal(given, "1:1 0:1 0:2 ");
}

static void what_the_state_includes_is_passed_over(void **state)
{
    (void)state;
    after[0].number = 2;
    put(0, 1, 1, 0);
    put(0, 2, 2, 0);
    put(0, 3, 3, 0);
    put(1, 1, 4, 0);
    assert_int_equal(read_all(NULL), OK);
    assert_string_equal(given, "0:3 1:1 ");
}

static void an_empty_journal_has_nothing_to_compute(void **state)
{
    (void)state;
    assert_int_equal(read_all(NULL), OK);
    assert_string_equal(given, "");
}

static void a_journal_without_its_beginning_asks_for_a_backup(void **state)
{
    struct error err = {0};

    (void)state;
    put(1, 7, 1, 0);
    assert_int_equal(read_all(&err), ERR_STATE);
    assert_non_null(strstr(err.text, "partition 1 begins with transaction 7"));
    assert_non_null(strstr(err.text, "--backup"));
}

static void a_missing_transaction_is_named(void **state)
{
    struct error err = {0};

    (void)state;
    put(0, 1, 1, 0);
    put(0, 3, 1, 0);
    assert_int_equal(read_all(&err), ERR_STATE);
    assert_string_equal(given, "0:1 ");
    assert_non_null(strstr(err.text, "partition 0: transaction 2 is missing, 3 comes next"));
}

/* Two processes would have had to commit it: the fence has failed. */
static void a_transaction_that_is_there_twice_is_named(void **state)
{
    struct error err = {0};

    (void)state;
    put(0, 1, 1, 0);
    put(0, 2, 2, 0);
    put(0, 2, 3, 0);
    assert_int_equal(read_all(&err), ERR_STATE);
    assert_string_equal(given, "0:1 0:2 ");
    assert_non_null(strstr(err.text, "transaction 2 a second time, at offset 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_transaction_that_needs_least_comes_first, begin),
        cmocka_unit_test_setup(within_a_task_the_numbers_rule, begin),
        cmocka_unit_test_setup(what_the_state_includes_is_passed_over, begin),
        cmocka_unit_test_setup(an_empty_journal_has_nothing_to_compute, begin),
        cmocka_unit_test_setup(a_journal_without_its_beginning_asks_for_a_backup, begin),
        cmocka_unit_test_setup(a_missing_transaction_is_named, begin),
        cmocka_unit_test_setup(a_transaction_that_is_there_twice_is_named, begin),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
