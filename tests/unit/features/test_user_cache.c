/* Committed values: in memory at once, on disk after a flush, never lost between the two. */
#include "tests/support/test_support.h"

#include "core/base/hash.h"
#include "features/state_db.h"
#include "features/timer_queue.h"
#include "features/user_cache.h"
#include "features/user_codec.h"
#include "features/user_overlay.h"

#include <stdio.h>
#include <stdlib.h>

enum { TASK = 3, BUDGET = 64 * 1024 };

struct fixture {
    char *folder;
    struct state_db *db;
    struct user_cache *cache;
};

static struct state_db_options options(const char *folder)
{
    return (struct state_db_options){.dir = folder,
                                     .app = "test",
                                     .cluster = "c1",
                                     .memtable_bytes = 1 << 20,
                                     .block_cache_bytes = 1 << 20};
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->folder = test_make_folder();
    struct state_db_options opts = options(f->folder);

    assert_int_equal(state_db_open(&opts, &f->db, NULL), OK);
    assert_int_equal(user_cache_open(TASK, f->db, BUDGET, &f->cache), OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    user_cache_close(f->cache);
    state_db_close(f->db);
    test_remove_folder(f->folder);
    free(f);
    return 0;
}

static void commit(struct user_cache *cache, const char *user, const void *bytes, size_t len,
                   int64_t changelog_next)
{
    user_cache_lock(cache);
    assert_int_equal(
        user_cache_put(cache, NULL, str_of(user), hash64(str_of(user)), bytes, len), OK);
    user_cache_unlock(cache, changelog_next, (const uint8_t *)"pos", 3);
}

static char *read_text(struct user_cache *cache, const char *user)
{
    static char text[64];
    uint8_t *bytes;
    size_t len;

    if (user_cache_read(cache, str_of(user), &bytes, &len) != OK)
        return NULL;
    snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)bytes);
    free(bytes);
    return text;
}

static void a_committed_value_is_read_before_and_after_its_flush(void **state)
{
    struct fixture *f = *state;
    struct task_watermark watermark;

    commit(f->cache, "u1", "one", 3, 10);
    assert_string_equal(read_text(f->cache, "u1"), "one");
    assert_int_equal(state_db_get_watermark(f->db, TASK, &watermark), ERR_NOT_FOUND);
    assert_int_equal(user_cache_flush(f->cache, NULL), OK);
    assert_int_equal(state_db_get_watermark(f->db, TASK, &watermark), OK);
    assert_int_equal(watermark.changelog_next, 10);
    assert_int_equal(user_cache_dirty_bytes(f->cache), 0);
    assert_string_equal(read_text(f->cache, "u1"), "one");
}

static void the_newest_value_wins_and_a_gone_person_is_gone(void **state)
{
    struct fixture *f = *state;

    commit(f->cache, "u1", "one", 3, 1);
    assert_int_equal(user_cache_flush(f->cache, NULL), OK);
    commit(f->cache, "u1", "two", 3, 2);
    commit(f->cache, "u2", "x", 1, 3);
    assert_string_equal(read_text(f->cache, "u1"), "two");
    commit(f->cache, "u1", NULL, 0, 4);
    assert_null(read_text(f->cache, "u1"));
    assert_int_equal(user_cache_flush(f->cache, NULL), OK);
    user_cache_close(f->cache);
    assert_int_equal(user_cache_open(TASK, f->db, BUDGET, &f->cache), OK);
    assert_null(read_text(f->cache, "u1")); /* not on disk either */
    assert_string_equal(read_text(f->cache, "u2"), "x");
}

static void the_budget_holds_once_values_are_on_disk_and_nothing_is_lost(void **state)
{
    struct fixture *f = *state;
    char user[16], value[400];

    memset(value, 'v', sizeof(value));
    for (int i = 0; i < 2000; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        commit(f->cache, user, value, sizeof(value), i + 1);
        if (i % 100 == 99)
            assert_int_equal(user_cache_flush(f->cache, NULL), OK);
    }
    commit(f->cache, "last", "x", 1, 2001); /* eviction happens at a commit */
    assert_true(user_cache_bytes(f->cache) <= BUDGET + 1024);
    for (int i = 0; i < 2000; i += 97) {
        snprintf(user, sizeof(user), "u%d", i);
        assert_non_null(read_text(f->cache, user));
    }
}

static void a_failed_flush_leaves_every_value_dirty(void **state)
{
    struct fixture *f = *state;
    struct state_db_options opts = options(f->folder);
    struct state_db *read_only;
    struct user_cache *cache;
    struct error err = {0};

    state_db_flush(f->db, NULL);
    opts.read_only = true; /* a database that takes no writes */
    assert_int_equal(state_db_open(&opts, &read_only, &err), OK);
    assert_int_equal(user_cache_open(TASK, read_only, BUDGET, &cache), OK);
    commit(cache, "u1", "one", 3, 10);
    assert_int_equal(user_cache_flush(cache, &err), ERR_IO);
    assert_true(user_cache_dirty_bytes(cache) > 0);
    assert_string_equal(read_text(cache, "u1"), "one");
    user_cache_close(cache);
    state_db_close(read_only);
}

static void a_folder_of_another_app_or_in_use_is_refused_with_a_sentence(void **state)
{
    struct fixture *f = *state;
    struct state_db_options opts = options(f->folder);
    struct state_db *other = NULL;
    struct error err = {0};

    assert_int_equal(state_db_open(&opts, &other, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "in use"));
    user_cache_close(f->cache);
    f->cache = NULL;
    state_db_close(f->db);
    f->db = NULL;
    opts.app = "other";
    assert_int_equal(state_db_open(&opts, &other, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "belongs to app 'test'"));
    opts.app = "test";
    opts.cluster = "c2";
    assert_int_equal(state_db_open(&opts, &other, &err), ERR_STATE);
    assert_null(other);
}

static uint32_t n_hints;
static int64_t hint_ms[8];

static void note_hint(void *context, int64_t fire_ms, struct str user_id)
{
    (void)context;
    (void)user_id;
    hint_ms[n_hints++] = fire_ms;
}

static void timers_are_found_on_disk_earliest_first_until_dealt_with(void **state)
{
    struct fixture *f = *state;
    static struct user_state user;
    static uint8_t bytes[USER_BYTES_MAX];

    for (int i = 0; i < 3; i++) {
        char id[16];

        snprintf(id, sizeof(id), "u%d", i);
        user_state_init(&user, str_of(id));
        user.n_events = 1;
        user.n_timers = 1;
        user.timers[0] =
            (struct user_timer){.fire_ms = 3000 - i * 1000 - 500, .instance = str_of("e")};
        commit(f->cache, id, bytes, user_encode(&user, bytes, sizeof(bytes)), i + 1);
    }
    assert_int_equal(user_cache_flush(f->cache, NULL), OK);
    n_hints = 0;
    assert_int_equal(state_db_each_hint(f->db, TASK, note_hint, NULL, NULL), OK);
    assert_int_equal(n_hints, 3);
    assert_int_equal(hint_ms[0], 500);
    assert_int_equal(hint_ms[2], 2500);

    user_cache_lock(f->cache);
    user_cache_drop_hint(f->cache, 500, str_of("u2"));
    user_cache_unlock(f->cache, 4, (const uint8_t *)"pos", 3);
    assert_int_equal(user_cache_flush(f->cache, NULL), OK);
    n_hints = 0;
    assert_int_equal(state_db_each_hint(f->db, TASK, note_hint, NULL, NULL), OK);
    assert_int_equal(n_hints, 2);
}

static void an_aborted_transaction_brings_its_timers_back(void **state)
{
    struct timer_queue *queue;
    int64_t fire_ms;
    struct str user;

    (void)state;
    assert_int_equal(timer_queue_open(&queue), OK);
    for (int i = 0; i < 50; i++)
        assert_int_equal(timer_queue_add(queue, (i * 37) % 50, str_of("u")), OK);
    for (int i = 0; i < 20; i++) {
        timer_queue_pop(queue, &fire_ms, &user);
        assert_int_equal(fire_ms, i);
    }
    timer_queue_rollback(queue);
    for (int i = 0; i < 50; i++) {
        timer_queue_pop(queue, &fire_ms, &user);
        assert_int_equal(fire_ms, i);
    }
    n_hints = 0;
    assert_int_equal(timer_queue_next(queue), INT64_MAX);
    timer_queue_close(queue);
}

static void timers_of_one_moment_come_in_the_order_of_users(void **state)
{
    struct timer_queue *queue;
    int64_t fire_ms;
    struct str user;

    (void)state;
    assert_int_equal(timer_queue_open(&queue), OK);
    timer_queue_add(queue, 5, str_of("b"));
    timer_queue_add(queue, 5, str_of("ab"));
    timer_queue_add(queue, 5, str_of("a"));
    timer_queue_pop(queue, &fire_ms, &user);
    assert_true(str_equal(user, str_of("a")));
    timer_queue_pop(queue, &fire_ms, &user);
    assert_true(str_equal(user, str_of("ab")));
    timer_queue_close(queue);
}

static bool count_value(void *context, const struct overlay_value *value)
{
    *(uint32_t *)context += (uint32_t)(value->len > 0);
    return true;
}

static void an_overlay_forgotten_leaves_the_cache_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct user_overlay *overlay;
    struct user_state *user;
    uint32_t n = 0;

    assert_int_equal(user_overlay_open(64 << 20, &overlay), OK);
    assert_int_equal(user_overlay_get(overlay, f->cache, TASK, str_of("u1"), &user, NULL), OK);
    assert_int_equal(user->n_events, 0);
    user->n_events = 7;
    user_overlay_changed(overlay, user);
    assert_int_equal(user_overlay_scatter(overlay), OK);
    assert_int_equal(user_overlay_get(overlay, f->cache, TASK, str_of("u1"), &user, NULL), OK);
    assert_int_equal(user->n_events, 7); /* seen again within the transaction */
    user_overlay_each(overlay, count_value, &n);
    assert_int_equal(n, 1);
    user_overlay_reset(overlay);
    assert_int_equal(user_overlay_get(overlay, f->cache, TASK, str_of("u1"), &user, NULL), OK);
    assert_int_equal(user->n_events, 0);
    assert_null(read_text(f->cache, "u1"));
    user_overlay_close(overlay);
}

static void an_overlay_grows_past_its_first_size(void **state)
{
    struct fixture *f = *state;
    struct user_overlay *overlay;
    struct user_state *user;
    char id[16];

    assert_int_equal(user_overlay_open(256 << 20, &overlay), OK);
    for (int i = 0; i < 100000; i++) {
        if (!user_overlay_slots_left(overlay))
            assert_int_equal(user_overlay_scatter(overlay), OK);
        snprintf(id, sizeof(id), "u%d", i);
        assert_int_equal(user_overlay_get(overlay, f->cache, TASK, str_of(id), &user, NULL),
                         OK);
        user->n_events = (uint32_t)i + 1;
        user_overlay_changed(overlay, user);
    }
    assert_int_equal(user_overlay_count(overlay), 100000);
    assert_int_equal(user_overlay_scatter(overlay), OK);
    assert_int_equal(user_overlay_get(overlay, f->cache, TASK, str_of("u54321"), &user, NULL),
                     OK);
    assert_int_equal(user->n_events, 54322);
    user_overlay_close(overlay);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_committed_value_is_read_before_and_after_its_flush),
        TEST(the_newest_value_wins_and_a_gone_person_is_gone),
        TEST(the_budget_holds_once_values_are_on_disk_and_nothing_is_lost),
        TEST(a_failed_flush_leaves_every_value_dirty),
        TEST(a_folder_of_another_app_or_in_use_is_refused_with_a_sentence),
        TEST(timers_are_found_on_disk_earliest_first_until_dealt_with),
        cmocka_unit_test(an_aborted_transaction_brings_its_timers_back),
        cmocka_unit_test(timers_of_one_moment_come_in_the_order_of_users),
        TEST(an_overlay_forgotten_leaves_the_cache_as_it_was),
        TEST(an_overlay_grows_past_its_first_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
