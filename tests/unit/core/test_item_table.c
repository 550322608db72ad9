/*
 * The items table, writer to reader, over librdkafka's mock cluster: what the last cover says
 * is whole at any moment, whatever round was given up, voided or taken over by another owner.
 */
#include "core/item_table.h"
#include "tests/support/kafka_mock.h"
#include "tests/unit/models/models_support.h"

enum { ITEMS = 3000, N_TASKS = 2, TESTS_MAX = 9 };

static struct kafka_mock mock;
static struct settings settings;
static struct runtime runtime;
static struct item_table *table;
static struct world world;
static char items_topic[160], table_topic[160]; /* of the test's own app */
static int64_t n_in_topic;                      /* records of items_topic */

static void apply(uint32_t from, uint32_t to, uint32_t step)
{
    for (uint32_t i = from; i < to; i += step) {
        uint8_t value[64];
        struct byte_writer out = byte_writer_of(value, sizeof(value));
        char id[24];

        snprintf(id, sizeof(id), "item-%u", i);
        bytes_put_u8(&out, RECORD_VERSION);
        bytes_put_u8(&out, 1); /* popularity: one view */
        bytes_put_varint(&out, 7);
        bytes_put_zigzag(&out, 3600000);
        bytes_put_varint(&out, 1);
        bytes_put_varint(&out, 1);
        bytes_put_varint(&out, 1);
        bytes_put_u8(&out, ACTION_VIEW);
        bytes_put_varint(&out, 1);
        value[2] = (uint8_t)(byte_writer_size(&out) - 3);
        assert_int_equal(
            item_fold_apply(world.fold, str_of(id),
                            (struct str){(const char *)value, (uint32_t)byte_writer_size(&out)},
                            ++world.offset),
            OK);
    }
    assert_int_equal(item_fold_publish(world.fold), OK);
    for (; n_in_topic < world.offset; n_in_topic++)
        kafka_mock_put(&mock, items_topic, 0, "k", "v", 1, 0);
    kafka_mock_flush(&mock);
}

/* Task 0 comes here, or comes here again. */
static struct task_home *gain(void)
{
    struct task_home *home = calloc(1, sizeof(*home));

    pthread_mutex_init(&home->flush_lock, NULL);
    atomic_store(&home->refs, 1);
    runtime_add_home(&runtime, home);
    return home;
}

static void lose(void)
{
    runtime_remove_home(&runtime, 0, false);
}

/* All topics at once: a client that meets a new one later needs a second for it. */
static int open_mock(void **state)
{
    (void)state;
    kafka_mock_open(&mock, &settings);
    settings.state.table_interval_ms = 0;
    settings.state.table_rate_bytes = INT64_C(1) << 40;
    for (int app = 1; app <= TESTS_MAX; app++) {
        char topic[32];

        snprintf(topic, sizeof(topic), "shop%d-items", app);
        kafka_mock_topic(&mock, topic, 1);
        snprintf(topic, sizeof(topic), "shop%d-items-table", app);
        kafka_mock_topic(&mock, topic, 1);
    }
    return 0;
}

static int close_mock(void **state)
{
    (void)state;
    kafka_mock_close(&mock);
    return 0;
}

static int open_all(void **state)
{
    static int n_opened;

    (void)state;
    snprintf(settings.app, sizeof(settings.app), "shop%d", ++n_opened);
    snprintf(items_topic, sizeof(items_topic), "%s-items", settings.app);
    snprintf(table_topic, sizeof(table_topic), "%s-items-table", settings.app);
    n_in_topic = 0;
    memset(&runtime, 0, sizeof(runtime));
    runtime_init(&runtime, &settings);
    runtime.n_partitions = N_TASKS;
    runtime.homes = calloc(N_TASKS, sizeof(struct task_home *));
    runtime.status = calloc(N_TASKS, sizeof(*runtime.status));
    runtime.model_config = item_model_defaults();
    world_open(&world, &runtime.model_config);
    runtime.fold = world.fold;
    table = item_table_open(&runtime);
    return table == NULL;
}

static int close_all(void **state)
{
    (void)state;
    if (runtime.homes[0])
        lose();
    item_table_close(table);
    runtime.fold = NULL; /* the world's */
    runtime_deinit(&runtime);
    world_close(&world);
    return 0;
}

/* ---- a worker ---- */

struct put {
    uint32_t n_rows, n_covers, n_left; /* n_left: records until put says no; 0: never */
    char first[32];
    bool send;
};

static bool put_record(void *context, struct str key, struct str value)
{
    struct put *put = context;
    char text[32];

    snprintf(text, sizeof(text), "%.*s", (int)key.len, key.ptr);
    if (!put->first[0])
        memcpy(put->first, text, sizeof(text));
    put->n_rows += memcmp(text, "row/", 4) == 0;
    put->n_covers += strcmp(text, "cover") == 0;
    if (put->send)
        kafka_mock_put(&mock, table_topic, 0, text, value.ptr, value.len, 0);
    return put->n_left == 0 || --put->n_left > 0;
}

static bool wait_for_chunk(const struct task_home *home)
{
    for (int tick = 0; tick < 10; tick++) {
        item_table_tick(table);
        if (item_table_waiting(table, home))
            return true;
    }
    return false;
}

/* One committed chunk; false: nothing is waiting. */
static bool commit_chunk(const struct task_home *home, struct put *put)
{
    if (!wait_for_chunk(home))
        return false;
    put->send = true;
    assert_true(item_table_put(table, home, put_record, put));
    kafka_mock_flush(&mock);
    item_table_settle(table, true);
    return true;
}

static struct put write_round(const struct task_home *home)
{
    struct put put = {0};

    while (put.n_covers == 0)
        assert_true(commit_chunk(home, &put));
    return put;
}

/* ---- a reader ---- */

/* What a new machine would begin with. */
static void assert_read_is(uint64_t digest, int64_t items_offset)
{
    struct item_cover cover = {0};
    struct item_fold *fold = NULL;
    struct error err = {0};

    if (item_table_find(&runtime, &cover, &err) != OK ||
        item_table_load(&runtime, &cover, &fold, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(cover.items_offset, items_offset);
    assert_int_equal(item_view_items_offset(fold->newest), items_offset);
    assert_int_equal(item_view_digest(fold->newest), digest);
    item_fold_close(fold);
    item_cover_deinit(&cover);
}

static uint64_t digest_now(void)
{
    return item_view_digest(world.fold->newest);
}

static void empty_table_is_not_found(void **state)
{
    struct item_cover cover = {0};
    struct error err;

    (void)state;
    assert_int_equal(item_table_find(&runtime, &cover, &err), ERR_NOT_FOUND);
}

static void what_is_written_is_read(void **state)
{
    struct task_home *home = gain();

    (void)state;
    apply(0, ITEMS, 1);
    assert_int_equal(write_round(home).n_rows, ITEMS);
    assert_read_is(digest_now(), world.offset);
    assert_false(wait_for_chunk(home)); /* nothing is touched, nothing is written */
    apply(5, ITEMS, 100);
    assert_int_equal(write_round(home).n_rows, 30); /* the touched ones */
    assert_read_is(digest_now(), world.offset);
    apply(ITEMS, ITEMS + 7, 1); /* and new ones */
    assert_int_equal(write_round(home).n_rows, 7);
    assert_read_is(digest_now(), world.offset);
}

static void nothing_waits_without_task_0(void **state)
{
    struct task_home *home, *other = calloc(1, sizeof(*other));

    (void)state;
    apply(0, 10, 1);
    assert_false(wait_for_chunk(NULL));
    home = gain();
    assert_true(wait_for_chunk(home));
    assert_false(item_table_waiting(table, other)); /* somebody else's home */
    assert_false(item_table_waiting(NULL, home));
    lose();
    free(other);
}

/* A reader in the middle of a round finds what the last cover says; a given-up round is no harm
 * to the next owner's, and none of it is used. */
static void unfinished_round_is_invisible(void **state)
{
    struct task_home *home = gain();
    struct put put = {0};
    uint64_t digest;
    int64_t offset;

    (void)state;
    apply(0, ITEMS, 1);
    write_round(home);
    digest = digest_now();
    offset = world.offset;
    for (int owner = 0; owner < 3; owner++) {
        apply(0, ITEMS, 1); /* more than one chunk */
        assert_true(commit_chunk(home, &put));
        assert_true(put.n_rows > 500 && put.n_covers == 0);
        assert_read_is(digest, offset);
        lose(); /* it dies, or the group takes the task away */
        home = gain();
    }
    assert_int_equal(write_round(home).n_rows, ITEMS);
    assert_read_is(digest_now(), world.offset);
}

/* The next owner of the task is another process, whose fold is a little behind. */
static void owner_with_an_older_view_writes_nothing_wrong(void **state)
{
    struct task_home *home = gain();
    struct item_table *other;
    struct world ahead = world;

    (void)state;
    apply(0, ITEMS, 1);
    write_round(home);
    world_open(&world, &runtime.model_config); /* its fold: half of the way */
    apply(0, ITEMS / 2, 1);
    runtime.fold = world.fold;
    other = table;
    table = item_table_open(&runtime);
    lose();
    item_table_tick(other); /* lets go of the home it had */
    home = gain();
    assert_false(wait_for_chunk(home)); /* the table is ahead of it */
    assert_read_is(item_view_digest(ahead.fold->newest), ITEMS);
    apply(ITEMS / 2, ITEMS, 1);
    apply(0, 50, 1);
    assert_int_equal(write_round(home).n_rows, 50);
    assert_read_is(digest_now(), world.offset);
    lose();
    runtime.fold = ahead.fold;
    item_table_close(other);
    runtime.fold = world.fold;
    world_close(&ahead);
}

static void void_transaction_leaves_the_chunk_waiting(void **state)
{
    struct task_home *home = gain();
    struct put first = {.n_left = 5}, second = {0};

    (void)state;
    apply(0, ITEMS, 1);
    assert_true(wait_for_chunk(home));
    assert_false(item_table_put(table, home, put_record, &first)); /* the producer refuses */
    assert_false(item_table_waiting(table, home));
    item_table_settle(table, false);
    assert_true(item_table_waiting(table, home));
    assert_true(item_table_put(table, home, put_record, &second));
    item_table_settle(table, false);
    assert_string_equal(first.first, second.first); /* the same records */
    assert_int_equal(write_round(home).n_rows, ITEMS);
    assert_read_is(digest_now(), world.offset);
}

/* A row that is gone, or of another time, is noticed by count or by stamps. */
static void rows_that_do_not_belong_together_are_refused(void **state)
{
    struct task_home *home = gain();
    struct item_cover cover = {0};
    struct item_fold *fold = NULL;
    struct error err;

    (void)state;
    apply(0, 100, 1);
    write_round(home);
    apply(0, 100, 3);
    write_round(home);
    assert_int_equal(item_table_find(&runtime, &cover, &err), OK);
    cover.slots[0] ^= 2; /* item 1, which has never been in the other slot */
    assert_int_equal(item_table_load(&runtime, &cover, &fold, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "99 of 100 rows"));
    cover.slots[0] ^= 2 | 1; /* item 0: its older version */
    assert_int_equal(item_table_load(&runtime, &cover, &fold, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "not those of its cover"));
    cover.slots[0] ^= 1;
    assert_int_equal(item_table_load(&runtime, &cover, &fold, &err), OK);
    item_fold_close(fold);
    item_cover_deinit(&cover);
}

/* A long round behind the cover: it is found by a second, larger look. */
static void cover_far_from_the_end_is_found(void **state)
{
    struct task_home *home = gain();

    (void)state;
    apply(0, 20, 1);
    write_round(home);
    for (int i = 0; i < 3000; i++)
        kafka_mock_put(&mock, table_topic, 0, "row/1/1", "", 1, 0);
    kafka_mock_flush(&mock);
    assert_read_is(digest_now(), 20);
}

/* The table of other models is written anew, beside the old rows. */
static void other_models_write_all_rows_again(void **state)
{
    struct task_home *home = gain();

    (void)state;
    apply(0, 50, 1);
    write_round(home);
    lose();
    runtime.model_config.covisit_half_life_ms *= 2;
    home = gain();
    assert_int_equal(write_round(home).n_rows, 50);
    assert_read_is(digest_now(), world.offset);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_table_is_not_found),
        TEST(what_is_written_is_read),
        TEST(nothing_waits_without_task_0),
        TEST(unfinished_round_is_invisible),
        TEST(owner_with_an_older_view_writes_nothing_wrong),
        TEST(void_transaction_leaves_the_chunk_waiting),
        TEST(rows_that_do_not_belong_together_are_refused),
        TEST(cover_far_from_the_end_is_found),
        TEST(other_models_write_all_rows_again),
    };

    _Static_assert(sizeof(tests) / sizeof(tests[0]) <= TESTS_MAX, "a topic for each");
    return cmocka_run_group_tests(tests, open_mock, close_mock);
}
