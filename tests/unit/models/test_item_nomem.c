/*
 * Every block of the fold fails once: open, apply, catalogue and publish say so, held views
 * stay readable, and closing frees what there is (the address sanitizer looks on).
 */
#include "core/base/fault.h"
#include "tests/unit/models/models_support.h"

struct log {
    struct {
        struct str key, value;
    } at[64];
    uint32_t n;
};

static bool keep_record(void *context, struct str key, struct str value)
{
    struct log *log = context;
    char *copy = malloc((size_t)key.len + value.len);

    assert_true(log->n < 64);
    memcpy(copy, key.ptr, key.len);
    memcpy(copy + key.len, value.ptr, value.len);
    log->at[log->n].key = (struct str){copy, key.len};
    log->at[log->n++].value = (struct str){copy + key.len, value.len};
    return true;
}

static struct log *some_records(void)
{
    struct log *log = calloc(1, sizeof(*log));
    struct world world;

    world_open(&world, NULL);
    world_session(&world, T0, SESSION("a", "b", "c", "d"));
    assert_int_equal(item_changes_emit(world.changes, keep_record, log), OK);
    world_commit(&world);
    world_session(&world, T0 + HOUR_MS, SESSION("a", "c", "e"));
    assert_int_equal(item_changes_emit(world.changes, keep_record, log), OK);
    world_close(&world);
    return log;
}

/* Folds the records with a view of the first half held; stops at the first failure. */
static enum status fold_all(struct item_fold *fold, const struct log *log)
{
    struct catalog_item item = {.title = str_of("a title"), .available = true};
    const struct item_view *held = NULL;
    enum status status = OK;
    uint64_t before = 0;

    for (uint32_t r = 0; r < log->n && status == OK; r++) {
        if (r == log->n / 2 && (status = item_fold_publish(fold)) == OK) {
            held = item_view_acquire(fold);
            before = item_view_checksum(held);
        }
        if (status == OK)
            status = item_fold_apply(fold, log->at[r].key, log->at[r].value, r + 1);
        if (status == OK)
            status = item_fold_catalog(fold, log->at[r].key, &item, 0, r + 1);
    }
    if (status == OK)
        status = item_fold_publish(fold);
    if (held) {
        assert_int_equal(item_view_checksum(held), before);
        item_view_release(fold, held);
    }
    return status;
}

static void each_block_fails_once(void **state)
{
    struct item_model_config config = item_model_defaults();
    struct log *log = some_records();
    long nth = 0;
    bool reached_end = false;

    (void)state;
    while (!reached_end) {
        struct item_fold *fold = NULL;
        enum status status;

        fault_arm("view_alloc", ++nth);
        status = item_fold_open(&config, &fold, NULL);
        assert_true((status == OK) == (fold != NULL));
        if (status == OK)
            status = fold_all(fold, log);
        assert_true(status == OK || status == ERR_NOMEM);
        reached_end = status == OK;
        item_fold_close(fold);
    }
    fault_arm("view_alloc", 0);
    assert_true(nth > 30); /* so many allocations there are, and each has failed */
    for (uint32_t r = 0; r < log->n; r++)
        free((void *)(uintptr_t)log->at[r].key.ptr);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_block_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
