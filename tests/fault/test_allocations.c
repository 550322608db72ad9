/*
 * Each allocation of an opening fails once: the call says so, hands out nothing, leaks nothing
 * (LeakSanitizer watches), and works when asked again.
 *
 * malloc, calloc and realloc of our own code are wrapped by the linker (see tests.cmake).
 */
#include "tests/support/test_support.h"

#include "core/base/hash.h"
#include "core/base/settings.h"
#include "features/state_db.h"
#include "features/timer_queue.h"
#include "features/user_cache.h"
#include "features/user_overlay.h"
#include "models/item_view.h"
#include "producers/campaign.h"

#include <stdlib.h>

enum { ALLOCATIONS_MAX = 20000 }; /* a scenario that never gets through would end here */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long until_failure; /* allocations that still succeed; -1: all */
static bool failed;

static bool fails(void)
{
    if (until_failure < 0)
        return false;
    if (until_failure-- > 0)
        return false;
    failed = true;
    until_failure = -1; /* once */
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

/* Runs the scenario with its first, second, … allocation failing, until none is left to fail.
 */
static void fail_each(enum status (*scenario)(void), bool may_hide)
{
    long n = 0;

    for (; n < ALLOCATIONS_MAX; n++) {
        failed = false;
        until_failure = n;
        enum status status = scenario();

        until_failure = -1;
        if (!failed) {
            assert_int_equal(status, OK);
            break;
        }
        if (!may_hide)
            assert_true(status == ERR_NOMEM || status == ERR_FULL);
    }
    assert_true(n > 0 && n < ALLOCATIONS_MAX);
}

static enum status open_overlay(void)
{
    struct user_overlay *overlay = NULL;
    enum status status = user_overlay_open(1 << 20, &overlay);

    assert_true((status == OK) == (overlay != NULL));
    user_overlay_close(overlay);
    return status;
}

static char *folder;
static struct state_db *db;

static enum status commit_into_cache(void)
{
    struct user_cache *cache = NULL;
    uint8_t *bytes = NULL;
    size_t len;
    enum status status = user_cache_open(1, db, 1 << 20, &cache);

    if (status != OK)
        return status;
    user_cache_lock(cache);
    status =
        user_cache_put(cache, NULL, str_of("u"), hash64(str_of("u")), (const uint8_t *)"v", 1);
    user_cache_unlock(cache, 1, (const uint8_t *)"p", 1);
    if (status == OK)
        status = user_cache_read(cache, str_of("u"), &bytes, &len);
    free(bytes);
    user_cache_close(cache);
    return status;
}

static enum status fill_timers(void)
{
    struct timer_queue *queue = NULL;
    enum status status = timer_queue_open(&queue);

    for (int i = 0; i < 100 && status == OK; i++)
        status = timer_queue_add(queue, i, str_of("u"));
    timer_queue_close(queue);
    return status;
}

static enum status open_fold(void)
{
    struct item_model_config config = item_model_defaults();
    struct item_fold *fold = NULL;

    config.items_max = 1000;
    config.catalog_partitions = 2;
    enum status status = item_fold_open(&config, &fold, NULL);

    assert_true((status == OK) == (fold != NULL));
    item_fold_close(fold);
    return status;
}

static enum status open_changes(void)
{
    struct item_model_config config = item_model_defaults();
    struct item_changes *changes = NULL;
    enum status status = item_changes_open(&config, &changes, NULL);

    item_changes_close(changes);
    return status;
}

static enum status load_campaigns(void)
{
    struct campaign_options options = {.campaigns_dir = "deploy/campaigns",
                                       .templates_dir = "deploy/templates",
                                       .default_locale = "en-GB",
                                       .default_time_zone = "Europe/London"};
    struct campaign_set *set = NULL;
    enum status status = campaign_set_load(&options, &set, NULL);

    assert_true((status == OK) == (set != NULL));
    campaign_set_close(set);
    return status;
}

static void an_overlay_that_cannot_be_had_says_so(void **state)
{
    (void)state;
    fail_each(open_overlay, false);
}

static void a_cache_without_memory_keeps_what_it_has(void **state)
{
    struct state_db_options options = {
        .app = "a", .cluster = "", .memtable_bytes = 1 << 20, .block_cache_bytes = 1 << 20};

    (void)state;
    folder = test_make_folder();
    options.dir = folder;
    assert_int_equal(state_db_open(&options, &db, NULL), OK);
    /* The copy of the position may fail unseen: the watermark stays where it was. */
    fail_each(commit_into_cache, true);
    state_db_close(db);
    test_remove_folder(folder);
}

static void timers_without_memory_say_so(void **state)
{
    (void)state;
    fail_each(fill_timers, false);
}

static void an_item_fold_without_memory_says_so(void **state)
{
    (void)state;
    fail_each(open_fold, false);
}

static void item_changes_without_memory_say_so(void **state)
{
    (void)state;
    fail_each(open_changes, false);
}

static void campaigns_without_memory_say_so(void **state)
{
    (void)state;
    fail_each(load_campaigns, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_overlay_that_cannot_be_had_says_so),
        cmocka_unit_test(a_cache_without_memory_keeps_what_it_has),
        cmocka_unit_test(timers_without_memory_say_so),
        cmocka_unit_test(an_item_fold_without_memory_says_so),
        cmocka_unit_test(item_changes_without_memory_say_so),
        cmocka_unit_test(campaigns_without_memory_say_so),
    };

    until_failure = -1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
