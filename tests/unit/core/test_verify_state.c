/*
 * Where a backup stands, whatever moment it was taken in. The changelog of the one task, over
 * librdkafka's mock cluster:
 *
 *   offset  0       1           2       3       4           5       6
 *           anna 1  position 1  anna 2  bert 1  position 2  bert 2  position 3
 */
#include "tests/support/test_support.h"

#include "core/verify_private.h"
#include "features/user_codec.h"
#include "tests/support/kafka_mock.h"

#include <stdlib.h>
#include <unistd.h>

static struct kafka_mock mock;
static struct settings settings;
static struct runtime runtime;
static struct verify_state state_under_test;
static char *folder;
static uint8_t bytes[POSITION_BYTES_MAX];

/* A person with so many events, into bytes. */
static uint32_t person(const char *name, uint32_t n_events)
{
    static struct user_state user;

    user_state_init(&user, str_of(name));
    user.n_events = n_events;
    user.first_ms = user.last_ms = 1700000000000;
    return user_encode(&user, bytes, sizeof(bytes));
}

static void put_person(const char *key, uint32_t n_events)
{
    kafka_mock_put(&mock, "shop-changelog", 0, key, bytes, person(key + 1, n_events), 0);
}

static uint32_t position(uint64_t number)
{
    static struct task_position at;

    task_position_init(&at);
    at.number = number;
    return task_position_encode(&at, bytes, sizeof(bytes));
}

static void put_position(uint64_t number)
{
    kafka_mock_put(&mock, "shop-changelog", 0, "p", bytes, position(number), 0);
}

static int open_all(void **state)
{
    const char *const topics[] = {"users",  "clickstream", "engagement",
                                  "orders", "reviews",     "shop-changelog"};

    (void)state;
    kafka_mock_open(&mock, &settings);
    strcpy(settings.app, "shop");
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        kafka_mock_topic(&mock, topics[i], 1);
    put_person("uanna", 1);
    put_position(1);
    put_person("uanna", 2);
    put_person("ubert", 1);
    put_position(2);
    put_person("ubert", 2);
    put_position(3);
    kafka_mock_flush(&mock);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    kafka_mock_close(&mock);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    folder = test_make_folder();
    memset(&runtime, 0, sizeof(runtime));
    runtime_init(&runtime, &settings);
    runtime.n_partitions = 1;
    return 0;
}

static int end(void **state)
{
    (void)state;
    verify_state_close(&state_under_test, &runtime);
    runtime_deinit(&runtime);
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
    free(folder);
    return 0;
}

/* What a backup holds of anna and bert (events; 0: nothing), and of the task. */
struct held {
    uint32_t anna, bert;
    uint64_t number;        /* 0: no position yet */
    int64_t changelog_next; /* -1: no watermark yet */
};

static void write_held(struct state_write *write, const struct held *held)
{
    if (held->anna)
        state_write_user(write, 0, str_of("anna"), (char *)bytes, person("anna", held->anna));
    if (held->bert)
        state_write_user(write, 0, str_of("bert"), (char *)bytes, person("bert", held->bert));
    if (held->number)
        state_write_position(write, 0, (char *)bytes, position(held->number));
    if (held->changelog_next >= 0)
        state_write_watermark(write, 0, &(struct task_watermark){held->changelog_next, 1});
}

/* Starts at such a backup; the status, and where the task stands then. */
static enum status start_at(const struct held *held, struct task_position *out,
                            struct error *err)
{
    char *backup = test_make_folder(), path[512];
    struct state_write *write = state_write_open();
    struct state_db *db;

    snprintf(path, sizeof(path), "%s/db", backup);
    assert_int_equal(state_db_open(&(struct state_db_options){.dir = path,
                                                              .app = "shop",
                                                              .cluster = "",
                                                              .memtable_bytes = 1 << 20,
                                                              .block_cache_bytes = 1 << 20},
                                   &db, NULL),
                     OK);
    write_held(write, held);
    assert_int_equal(state_db_commit(db, write, NULL), OK);
    state_write_close(write);
    state_db_close(db);

    enum status status =
        verify_state_open(&state_under_test, &runtime, folder, backup, out, err);

    test_remove_folder(backup);
    return status;
}

static void assert_person(const char *name, uint32_t n_events)
{
    static struct user_state user;
    char *value;
    size_t n;
    enum status status = state_db_get_user(runtime.db, 0, str_of(name), &value, &n);

    assert_int_equal(status, n_events ? OK : ERR_NOT_FOUND);
    if (!n_events)
        return;
    assert_true(user_decode((uint8_t *)value, n, str_of(name), &user));
    assert_int_equal(user.n_events, n_events);
    free(value);
}

/* ---- tests ---- */

static void without_a_backup_all_is_empty(void **state)
{
    struct task_position stands;

    (void)state;
    assert_int_equal(
        verify_state_open(&state_under_test, &runtime, folder, NULL, &stands, NULL), OK);
    assert_int_equal(stands.number, 0);
    assert_int_equal(stands.next[INPUT_CLICKSTREAM], 0);
    assert_person("anna", 0);
}

static void a_backup_between_flushes_stands_where_it_says(void **state)
{
    struct task_position stands;

    (void)state;
    assert_int_equal(start_at(&(struct held){1, 0, 1, 2}, &stands, NULL), OK);
    assert_int_equal(stands.number, 1);
    assert_person("anna", 1);
    assert_person("bert", 0);
}

/* Anna is of transaction 2 already, bert is not. */
static void a_backup_within_a_flush_is_brought_to_a_transactions_end(void **state)
{
    struct task_position stands;

    (void)state;
    assert_int_equal(start_at(&(struct held){2, 0, 1, 2}, &stands, NULL), OK);
    assert_int_equal(stands.number, 2);
    assert_person("anna", 2);
    assert_person("bert", 1);
}

/* The one that is ahead most decides for all. */
static void and_to_the_latest_that_anybody_needs(void **state)
{
    struct task_position stands;

    (void)state;
    assert_int_equal(start_at(&(struct held){1, 2, 1, 2}, &stands, NULL), OK);
    assert_int_equal(stands.number, 3);
    assert_person("anna", 2);
    assert_person("bert", 2);
}

static void a_first_flush_that_was_cut_off_has_no_position_yet(void **state)
{
    struct task_position stands;

    (void)state;
    assert_int_equal(start_at(&(struct held){1, 0, 0, -1}, &stands, NULL), OK);
    assert_int_equal(stands.number, 1);
    assert_person("anna", 1);
    assert_person("bert", 0);
}

static void another_apps_backup_is_refused(void **state)
{
    struct task_position stands;
    struct error err = {0};

    (void)state;
    strcpy(settings.app, "market");
    assert_int_equal(start_at(&(struct held){1, 0, 1, 2}, &stands, &err), ERR_STATE);
    strcpy(settings.app, "shop");
    assert_non_null(strstr(err.text, "shop"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_backup_all_is_empty, begin, end),
        cmocka_unit_test_setup_teardown(a_backup_between_flushes_stands_where_it_says, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            a_backup_within_a_flush_is_brought_to_a_transactions_end, begin, end),
        cmocka_unit_test_setup_teardown(and_to_the_latest_that_anybody_needs, begin, end),
        cmocka_unit_test_setup_teardown(a_first_flush_that_was_cut_off_has_no_position_yet,
                                        begin, end),
        cmocka_unit_test_setup_teardown(another_apps_backup_is_refused, begin, end),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
