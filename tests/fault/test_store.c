/* Each call of the store fails once: nothing is lost, and the next try goes through. */
#include "tests/support/test_support.h"

#include "core/base/fault.h"
#include "core/base/hash.h"
#include "features/state_db.h"
#include "features/user_cache.h"
#include "features/user_overlay.h"

#include <stdio.h>
#include <stdlib.h>

enum { TASK = 2, USERS = 3000 };

static char *folder;
static struct state_db *db;
static struct user_cache *cache;

static int setup(void **state)
{
    struct state_db_options options = {
        .app = "a", .cluster = "", .memtable_bytes = 1 << 20, .block_cache_bytes = 1 << 20};

    (void)state;
    folder = test_make_folder();
    options.dir = folder;
    assert_int_equal(state_db_open(&options, &db, NULL), OK);
    assert_int_equal(user_cache_open(TASK, db, 64 << 20, &cache), OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    user_cache_close(cache);
    state_db_close(db);
    test_remove_folder(folder);
    return 0;
}

static void commit(int user, const char *value, int64_t changelog_next)
{
    char id[16];

    snprintf(id, sizeof(id), "u%d", user);
    user_cache_lock(cache);
    assert_int_equal(user_cache_put(cache, NULL, str_of(id), hash64(str_of(id)),
                                    (const uint8_t *)value, strlen(value)),
                     OK);
    user_cache_unlock(cache, changelog_next, (const uint8_t *)"pos", 3);
}

static bool on_disk(int user, const char *value)
{
    char id[16], *bytes = NULL;
    size_t len;

    snprintf(id, sizeof(id), "u%d", user);
    if (state_db_get_user(db, TASK, str_of(id), &bytes, &len) != OK)
        return false;
    bool same = len == strlen(value) && memcmp(bytes, value, len) == 0;

    free(bytes);
    return same;
}

/* A cycle of several steps fails at its n-th: earlier steps are on disk, the watermark is not,
 * and what was committed meanwhile is not overwritten by what was being flushed. */
static void every_step_of_a_flush_may_fail_once(void **state)
{
    char value[200];
    struct task_watermark watermark;
    struct error err = {0};
    int n_failed = 0;

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int step = 1; step < 100; step++) {
        for (int user = 0; user < USERS; user++)
            commit(user, value, (int64_t)step * 10000 + user);
        fault_arm("state_write", step);
        if (user_cache_flush(cache, &err) == OK) {
            fault_arm("state_write", 0);
            break;
        }
        n_failed++;
        assert_non_null(strstr(err.text, "state"));
        if (state_db_get_watermark(db, TASK, &watermark) == OK)
            assert_true(watermark.changelog_next < (int64_t)step * 10000);
        commit(7, "newer", (int64_t)step * 10000 + USERS);
        assert_int_equal(user_cache_flush(cache, &err), OK);
        assert_int_equal(state_db_get_watermark(db, TASK, &watermark), OK);
        assert_int_equal(watermark.changelog_next, (int64_t)step * 10000 + USERS);
        assert_true(on_disk(7, "newer"));
        assert_true(on_disk(USERS - 1, value));
    }
    assert_true(n_failed >= 3); /* the cycle did have several steps */
}

static void a_read_that_fails_stops_the_event_and_the_next_one_succeeds(void **state)
{
    struct user_overlay *overlay;
    struct user_state *user;
    struct error err = {0};

    (void)state;
    assert_int_equal(user_overlay_open(1 << 20, &overlay), OK);
    fault_arm("state_read", 1);
    assert_int_equal(user_overlay_get(overlay, cache, TASK, str_of("u"), &user, &err), ERR_IO);
    assert_int_equal(user_overlay_count(overlay), 0);
    assert_int_equal(user_overlay_get(overlay, cache, TASK, str_of("u"), &user, &err), OK);
    assert_int_equal(user->n_events, 0);
    user_overlay_close(overlay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_step_of_a_flush_may_fail_once, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_read_that_fails_stops_the_event_and_the_next_one_succeeds, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
