/*
 * What every model of the list must do, before it has tests of its own: know nothing politely,
 * refuse bytes that are not its own, fold equal records to equal bytes, keep views as they
 * were, and teach only what lanes say.
 */
#include "tests/unit/models/models_support.h"

/* ---- a model that has learnt nothing ---- */

static void names_and_blocks_are_unique(void **state)
{
    (void)state;
    for (int a = 0; a < N_MODELS; a++) {
        assert_non_null(model_table[a]->name);
        assert_int_not_equal(model_table[a]->block, 0);
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(model_table[a]->name, model_table[b]->name);
            assert_int_not_equal(model_table[a]->block, model_table[b]->block);
        }
    }
}

static void half_made_model_can_be_closed(void **state)
{
    (void)state;
    for (int m = 0; m < N_MODELS; m++)
        model_table[m]->close(NULL);
}

static void empty_world_gives_an_empty_list(void **state)
{
    struct world world;
    struct ranking list;

    (void)state;
    world_open(&world, NULL);
    list = world_list(&world, 20, NULL);
    assert_int_equal(list.n, 0);
    list = world_list(&world, 20, SESSION("never seen"));
    assert_int_equal(list.n, 0);
    world_close(&world);
}

/* ---- bytes ---- */

struct kept { /* the blocks of each model in a transaction's records */
    uint32_t n[N_MODELS];
    char bytes[N_MODELS][8][1024];
    uint32_t len[N_MODELS][8];
};

static bool keep_blocks(void *context, struct str key, struct str value)
{
    struct kept *kept = context;
    struct byte_reader in = byte_reader_of(value.ptr, value.len);

    (void)key;
    assert_int_equal(bytes_get_u8(&in), RECORD_VERSION);
    while (in.at < in.end) {
        uint8_t tag = bytes_get_u8(&in);
        uint32_t len = (uint32_t)bytes_get_varint(&in);
        const uint8_t *bytes = bytes_take(&in, len);

        assert_non_null(bytes);
        for (int m = 0; m < N_MODELS; m++) {
            if (model_table[m]->block != tag || kept->n[m] == 8)
                continue;
            assert_true(len <= sizeof(kept->bytes[0][0]));
            memcpy(kept->bytes[m][kept->n[m]], bytes, len);
            kept->len[m][kept->n[m]++] = len;
        }
    }
    assert_false(in.bad);
    return true;
}

static struct kept *blocks_of_two_sessions(struct world *world)
{
    struct kept *kept = calloc(1, sizeof(*kept));

    world_session(world, T0, SESSION("a", "b", "c"));
    world_commit(world); /* now the view knows them, and factors can step */
    world_session(world, T0, SESSION("a", "b", "c", "a"));
    assert_int_equal(item_changes_emit(world->changes, keep_blocks, kept), OK);
    item_changes_reset(world->changes);
    return kept;
}

static void every_model_writes_blocks_it_can_read(void **state)
{
    struct world world;
    struct kept *kept;

    (void)state;
    world_open(&world, NULL);
    kept = blocks_of_two_sessions(&world);
    for (int m = 0; m < N_MODELS; m++) {
        assert_true(kept->n[m] > 0);
        for (uint32_t b = 0; b < kept->n[m]; b++)
            assert_true(
                model_table[m]->readable((struct str){kept->bytes[m][b], kept->len[m][b]}));
    }
    free(kept);
    world_close(&world);
}

static void every_prefix_and_any_byte_behind_is_refused(void **state)
{
    struct world world;
    struct kept *kept;

    (void)state;
    world_open(&world, NULL);
    kept = blocks_of_two_sessions(&world);
    for (int m = 0; m < N_MODELS; m++) {
        uint32_t len = kept->len[m][0];

        for (uint32_t n = 0; n < len; n++) {
            char *exact = malloc(n ? n : 1); /* so that reading past the end is seen */

            memcpy(exact, kept->bytes[m][0], n);
            assert_false(model_table[m]->readable((struct str){exact, n}));
            free(exact);
        }
        kept->bytes[m][0][len] = 0;
        assert_false(model_table[m]->readable((struct str){kept->bytes[m][0], len + 1}));
    }
    free(kept);
    world_close(&world);
}

/* 30,000 records with wrong bytes: each is refused, or folds without a fault. */
static void mutated_records_do_no_harm(void **state)
{
    struct world world;
    uint64_t seed = 20;

    (void)state;
    print_message("seed %d\n", 20);
    world_open(&world, NULL);
    for (int round = 0; round < 20; round++) {
        struct kept *kept = blocks_of_two_sessions(&world);

        for (int i = 0; i < 1500; i++) {
            uint32_t m = (uint32_t)(random_next(&seed) % N_MODELS);
            uint32_t b = (uint32_t)(random_next(&seed) % kept->n[m]);
            uint8_t value[1100] = {RECORD_VERSION, model_table[m]->block};
            struct byte_writer out = byte_writer_of(value, sizeof(value));
            uint32_t n = kept->len[m][b], cut = random_next(&seed) % 4 == 0;

            bytes_put_u16(&out, (uint16_t)(RECORD_VERSION | model_table[m]->block << 8));
            bytes_put_varint(&out, n);
            bytes_put_raw(&out, kept->bytes[m][b], n);
            for (uint64_t flips = random_next(&seed) % 4 + 1; flips > 0; flips--)
                value[random_next(&seed) % byte_writer_size(&out)] =
                    (uint8_t)random_next(&seed);
            assert_int_equal(
                item_fold_apply(
                    world.fold, str_of("a"),
                    (struct str){(const char *)value, (uint32_t)byte_writer_size(&out) - cut},
                    ++world.offset),
                OK);
        }
        assert_int_equal(item_fold_publish(world.fold), OK);
        (void)world_list(&world, 20, SESSION("a", "b"));
        free(kept);
    }
    assert_true(world.fold->n_unreadable > 0);
    world_close(&world);
}

/* ---- the fold ---- */

static void made_up_traffic(struct world *world, uint32_t n_sessions, uint64_t seed,
                            uint32_t commit_every)
{
    char names[8][16];
    const char *ids[9];

    for (uint32_t s = 0; s < n_sessions; s++) {
        uint32_t n = 2 + (uint32_t)(random_next(&seed) % 6);
        uint32_t near = (uint32_t)(random_next(&seed) % 50);

        for (uint32_t i = 0; i < n; i++) {
            snprintf(names[i], sizeof(names[i]), "item-%u",
                     near + (uint32_t)(random_next(&seed) % 5));
            ids[i] = names[i];
        }
        ids[n] = NULL;
        world_session(world, T0 + (int64_t)s * 60000, ids);
        if ((s + 1) % commit_every == 0)
            world_commit(world);
    }
    world_commit(world);
}

struct log {
    struct {
        struct str key, value;
    } at[20000];
    uint32_t n;
};

static bool keep_record(void *context, struct str key, struct str value)
{
    struct log *log = context;
    char *copy = malloc((size_t)key.len + value.len);

    memcpy(copy, key.ptr, key.len);
    memcpy(copy + key.len, value.ptr, value.len);
    log->at[log->n].key = (struct str){copy, key.len};
    log->at[log->n++].value = (struct str){copy + key.len, value.len};
    return true;
}

/* The same records, published after every one, after every 97, and once at the end. */
static void publishing_changes_nothing_that_is_folded(void **state)
{
    struct world world;
    struct log *log = calloc(1, sizeof(*log));
    uint64_t sums[3];
    const uint32_t every[3] = {1, 97, 1000000};

    (void)state;
    world_open(&world, NULL);
    for (int t = 0; t < 30; t++) {
        uint64_t seed = 100 + (uint64_t)t;
        char names[4][16];

        for (int s = 0; s < 20; s++) {
            for (int i = 0; i < 4; i++)
                snprintf(names[i], sizeof(names[i]), "item-%u",
                         (uint32_t)(random_next(&seed) % 300));
            world_session(&world, T0 + t * 600000,
                          SESSION(names[0], names[1], names[2], names[3]));
        }
        assert_int_equal(item_changes_emit(world.changes, keep_record, log), OK);
        world_commit(&world);
    }
    for (int variant = 0; variant < 3; variant++) {
        struct world other;

        world_open(&other, NULL);
        for (uint32_t r = 0; r < log->n; r++) {
            assert_int_equal(
                item_fold_apply(other.fold, log->at[r].key, log->at[r].value, r + 1), OK);
            if ((r + 1) % every[variant] == 0)
                assert_int_equal(item_fold_publish(other.fold), OK);
        }
        assert_int_equal(item_fold_publish(other.fold), OK);
        sums[variant] = world_checksum(&other);
        world_close(&other);
    }
    assert_int_equal(sums[0], sums[1]);
    assert_int_equal(sums[0], sums[2]);
    assert_int_equal(sums[0], world_checksum(&world));
    for (uint32_t r = 0; r < log->n; r++)
        free((void *)(uintptr_t)log->at[r].key.ptr);
    free(log);
    world_close(&world);
}

static void checksum_sees_one_event_more(void **state)
{
    struct world a, b;

    (void)state;
    world_open(&a, NULL);
    world_open(&b, NULL);
    made_up_traffic(&a, 50, 1, 10);
    made_up_traffic(&b, 50, 1, 10);
    assert_int_equal(world_checksum(&a), world_checksum(&b));
    world_session(&b, T0, SESSION("item-1"));
    world_commit(&b);
    assert_int_not_equal(world_checksum(&a), world_checksum(&b));
    world_close(&a);
    world_close(&b);
}

/* Each model's own checksum of a held view, before and after the fold has moved on. */
static void held_view_stays_as_it_was(void **state)
{
    struct world world;
    const struct item_view *view;
    uint64_t before[N_MODELS];

    (void)state;
    world_open(&world, NULL);
    made_up_traffic(&world, 100, 2, 10);
    view = item_view_acquire(world.fold);
    for (int m = 0; m < N_MODELS; m++)
        before[m] = model_table[m]->checksum(view, 1);
    made_up_traffic(&world, 400, 3, 10);
    for (int m = 0; m < N_MODELS; m++) {
        const struct item_view *newest = item_view_acquire(world.fold);

        assert_int_equal(model_table[m]->checksum(view, 1), before[m]);
        assert_int_not_equal(model_table[m]->checksum(newest, 1), before[m]);
        item_view_release(world.fold, newest);
    }
    item_view_release(world.fold, view);
    world_close(&world);
}

/* Without readers, memory follows the items and not the number of publications. */
static void memory_does_not_grow_with_views(void **state)
{
    struct world world;
    size_t bytes;

    (void)state;
    world_open(&world, NULL);
    made_up_traffic(&world, 500, 4, 5);
    bytes = item_fold_memory_bytes(world.fold);
    made_up_traffic(&world, 500, 4, 1);
    /* Retired pages wait for the next publication: at most one set of them. */
    assert_in_range(item_fold_memory_bytes(world.fold), 1, 2 * bytes);
    world_close(&world);
}

/* ---- lessons ---- */

static void lane_that_is_not_live_teaches_nothing(void **state)
{
    struct world world;
    struct event_batch *batch = calloc(1, sizeof(*batch));
    struct feature_batch *features = calloc(1, sizeof(*features));
    struct event_line line = {str_of("a"), key_of("a"), 1, -1};
    const struct item_view *view;

    (void)state;
    world_open(&world, NULL);
    view = item_view_acquire(world.fold);
    batch->n = features->n = N_EVENT_FATES;
    for (uint32_t lane = 1; lane < N_EVENT_FATES; lane++) {
        batch->fate[lane] = (uint8_t)lane;
        batch->action[lane] = ACTION_ORDER;
        batch->lines[lane] = &line;
        batch->n_lines[lane] = 1;
    }
    item_changes_collect(world.changes, view, batch, features); /* lane 0: live, no line */
    assert_int_equal(item_changes_count(world.changes), 0);
    item_view_release(world.fold, view);
    free(batch);
    free(features);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_blocks_are_unique),
        cmocka_unit_test(half_made_model_can_be_closed),
        cmocka_unit_test(empty_world_gives_an_empty_list),
        cmocka_unit_test(every_model_writes_blocks_it_can_read),
        cmocka_unit_test(every_prefix_and_any_byte_behind_is_refused),
        cmocka_unit_test(mutated_records_do_no_harm),
        cmocka_unit_test(publishing_changes_nothing_that_is_folded),
        cmocka_unit_test(checksum_sees_one_event_more),
        cmocka_unit_test(held_view_stays_as_it_was),
        cmocka_unit_test(memory_does_not_grow_with_views),
        cmocka_unit_test(lane_that_is_not_live_teaches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
