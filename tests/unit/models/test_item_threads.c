/*
 * The fold thread folds and publishes while other threads rank, look up and check that their
 * view does not move. Under the thread sanitizer this is the proof that nothing is shared
 * that is written.
 */
#include "tests/unit/models/models_support.h"

#include <pthread.h>

enum { READERS = 3, TRANSACTIONS = 60, ITEMS = 400 };

struct shared {
    struct world world;
    _Atomic bool done;
    _Atomic uint32_t n_wrong, n_lists;
};

static void check_list(struct shared *shared, const struct item_view *view,
                       struct rank_scratch *scratch, uint64_t *seed)
{
    struct user_item items[5];
    struct rank_request request = {5, items, T0, 0};
    struct ranking first, second;

    for (int i = 0; i < 5; i++) {
        char id[16];

        snprintf(id, sizeof(id), "i%u", (uint32_t)(random_next(seed) % ITEMS));
        items[i] = (struct user_item){
            .item = key_of(id), .time_ms = T0, .action = ACTION_VIEW, .n = 1};
    }
    rank_lists(view, scratch, 1, &request, 20, &first);
    rank_lists(view, scratch, 1, &request, 20, &second);
    if (first.n != second.n)
        atomic_fetch_add(&shared->n_wrong, 1);
    for (uint32_t r = 0; r < first.n; r++) {
        struct str id = item_view_id(view, first.at[r].item);
        const struct item_facts *facts = item_view_facts(view, hash64(id));

        if (first.at[r].item != second.at[r].item || first.at[r].score != second.at[r].score ||
            item_view_find(view, hash64(id)) != first.at[r].item ||
            (facts && !facts->available))
            atomic_fetch_add(&shared->n_wrong, 1);
    }
    atomic_fetch_add(&shared->n_lists, 1);
}

static void *rank_and_check(void *context)
{
    struct shared *shared = context;
    struct rank_scratch *scratch = NULL;
    uint64_t seed = (uint64_t)(uintptr_t)&scratch;
    uint32_t n_views = 0;

    if (rank_scratch_open(&scratch, NULL) != OK)
        return NULL;
    while (!atomic_load(&shared->done)) {
        const struct item_view *view = item_view_acquire(shared->world.fold);
        bool slow = n_views++ % 16 == 0;
        uint64_t sum = slow ? item_view_checksum(view) : 0;

        for (int n = 0; n < (slow ? 20 : 3); n++)
            check_list(shared, view, scratch, &seed);
        if (slow && item_view_checksum(view) != sum)
            atomic_fetch_add(&shared->n_wrong, 1);
        (void)item_fold_memory_bytes(shared->world.fold);
        item_view_release(shared->world.fold, view);
    }
    rank_scratch_close(scratch);
    return NULL;
}

static void fold_some(struct world *world, uint64_t *seed, int transaction)
{
    char names[4][16];
    struct catalog_item item = {.title = str_of("a title")};

    for (int s = 0; s < 30; s++) {
        uint32_t near = (uint32_t)(random_next(seed) % ITEMS);

        for (int i = 0; i < 4; i++)
            snprintf(names[i], sizeof(names[i]), "i%u",
                     (near + (uint32_t)(random_next(seed) % 8)) % ITEMS);
        world_session(world, T0 + transaction * 1000,
                      SESSION(names[0], names[1], names[2], names[3]));
    }
    item.available = transaction % 2 == 0;
    assert_int_equal(
        item_fold_catalog(world->fold, str_of(names[0]), &item, 0, transaction + 1), OK);
    world_commit(world);
}

static void views_stand_still_while_the_fold_goes_on(void **state)
{
    struct shared *shared = calloc(1, sizeof(*shared));
    pthread_t readers[READERS];
    uint64_t seed = 70;

    (void)state;
    world_open(&shared->world, NULL);
    for (int r = 0; r < READERS; r++)
        assert_int_equal(pthread_create(&readers[r], NULL, rank_and_check, shared), 0);
    for (int t = 0; t < TRANSACTIONS || atomic_load(&shared->n_lists) < 1000; t++)
        fold_some(&shared->world, &seed, t);
    atomic_store(&shared->done, true);
    for (int r = 0; r < READERS; r++)
        pthread_join(readers[r], NULL);
    assert_int_equal(atomic_load(&shared->n_wrong), 0);
    world_close(&shared->world);
    free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_stand_still_while_the_fold_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
