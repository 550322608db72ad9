/* A fold as bytes: saved and loaded it is the same fold, now and after whatever follows. */
#include "core/base/fault.h"
#include "models/item_save.h"
#include "tests/unit/models/models_support.h"

enum { LOG_MAX = 40000, SHOPPERS = 40, ITEMS = 300 };

struct log {
    struct {
        struct str key, value;
    } at[LOG_MAX];
    uint32_t n;
};

static bool keep_record(void *context, struct str key, struct str value)
{
    struct log *log = context;
    char *copy = malloc((size_t)key.len + value.len);

    assert_true(log->n < LOG_MAX);
    memcpy(copy, key.ptr, key.len);
    memcpy(copy + key.len, value.ptr, value.len);
    log->at[log->n].key = (struct str){copy, key.len};
    log->at[log->n++].value = (struct str){copy + key.len, value.len};
    return true;
}

static void log_close(struct log *log)
{
    for (uint32_t r = 0; r < log->n; r++)
        free((void *)(uintptr_t)log->at[r].key.ptr);
    free(log);
}

static void apply(struct world *world, const struct log *log, uint32_t from, uint32_t to)
{
    for (uint32_t r = from; r < to; r++)
        assert_int_equal(item_fold_apply(world->fold, log->at[r].key, log->at[r].value, r + 1),
                         OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
}

/* Views, carts and orders of some shoppers, a transaction per hundred events. step_ms: from an
 * event to the next; years of it move the decay's origin. */
static struct log *a_history(uint64_t seed, uint32_t n_events, int64_t step_ms)
{
    static const enum action actions[] = {ACTION_VIEW, ACTION_VIEW, ACTION_ADD_TO_CART,
                                          ACTION_ORDER};
    struct log *log = calloc(1, sizeof(*log));
    struct shopper *shoppers = calloc(SHOPPERS, sizeof(*shoppers));
    struct world world;
    uint32_t folded = 0;

    world_open(&world, NULL);
    for (uint32_t e = 0; e < n_events; e++) {
        uint64_t random = random_next(&seed);
        uint32_t item = (uint32_t)(random % ITEMS * (random >> 20 & 3) / 3);
        char id[16];

        snprintf(id, sizeof(id), "item-%u", item);
        world_event(&world, &shoppers[random >> 40 & 31], id, actions[random >> 50 & 3],
                    T0 + step_ms * e);
        if (e % 100 == 99) {
            assert_int_equal(item_changes_emit(world.changes, keep_record, log), OK);
            item_changes_reset(world.changes);
            apply(&world, log, folded, log->n);
            folded = log->n;
        }
    }
    free(shoppers);
    world_close(&world);
    return log;
}

static bool load_facts(void *context, struct str bytes)
{
    return item_load_facts(context, bytes) == OK;
}

/* Through bytes; backwards: rows in the other order. */
static struct item_fold *copy_of(const struct item_view *view,
                                 const struct item_model_config *config, bool backwards)
{
    uint8_t *bytes = malloc(SAVED_REST_MAX);
    int64_t catalog = item_view_catalog_offset(view, 0);
    struct item_fold *fold = NULL;
    struct item_load *load;
    uint32_t n = item_view_n_items(view);

    assert_int_equal(item_load_open(config, n, &load, NULL), OK);
    uint32_t len = item_view_save_rest(view, bytes);

    assert_int_equal(item_load_rest(load, (struct str){(const char *)bytes, len}), OK);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = backwards ? n - 1 - i : i;

        len = item_view_save_row(view, number, bytes);
        assert_int_equal(item_load_row(load, number, (struct str){(const char *)bytes, len}),
                         OK);
    }
    assert_int_equal(item_view_each_facts(view, load_facts, load), OK);
    assert_int_equal(
        item_load_finish(load, item_view_items_offset(view), &catalog, &fold, NULL), OK);
    item_load_close(load);
    free(bytes);
    return fold;
}

static char *dump_of(const struct item_view *view)
{
    char *text;
    size_t n;
    FILE *file = open_memstream(&text, &n);

    assert_int_equal(item_view_dump(view, file), OK);
    fclose(file);
    return text;
}

/* By everything that can be asked: the digests, the tables as ranking reads them, the dump. */
static void assert_same(struct item_fold *a, struct item_fold *b)
{
    const struct item_view *x = item_view_acquire(a), *y = item_view_acquire(b);
    char *dump_x = dump_of(x), *dump_y = dump_of(y);
    uint64_t catalog_x, catalog_y;
    char name_x[64], name_y[64];

    item_view_name(x, name_x, sizeof(name_x));
    item_view_name(y, name_y, sizeof(name_y));
    assert_string_equal(name_x, name_y);
    assert_int_equal(item_view_digest(x), item_view_digest(y));
    assert_int_equal(item_view_checksum(x), item_view_checksum(y));
    assert_int_equal(item_view_stamp_sum(x), item_view_stamp_sum(y));
    assert_int_equal(item_view_catalog_digest(x, &catalog_x), OK);
    assert_int_equal(item_view_catalog_digest(y, &catalog_y), OK);
    assert_int_equal(catalog_x, catalog_y);
    assert_string_equal(dump_x, dump_y);
    for (uint32_t i = 0; i < item_view_n_items(x); i++)
        assert_int_equal(item_view_is_hidden(x, i), item_view_is_hidden(y, i));
    free(dump_x);
    free(dump_y);
    item_view_release(a, x);
    item_view_release(b, y);
}

static void put_catalog(struct world *world, uint32_t from, uint32_t to)
{
    struct str words[] = {str_of("shoes"), str_of("trail")};
    struct map_entry attributes[] = {{str_of("colour"), str_of("red")},
                                     {str_of("size"), {NULL, 0}}};

    for (uint32_t i = from; i < to; i++) {
        struct catalog_item item = {
            .title = str_of("a title"),
            .category = {words, 2},
            .price_e4 = 199900 + i,
            .currency = str_of("EUR"),
            .stock = {i % 3 != 0, i % 5},
            .available = i % 7 != 0,
            .attributes = {attributes, 2},
            .media = {words, i % 3},
            .updated_time = T0,
        };
        char id[16];

        snprintf(id, sizeof(id), "item-%u", i * 2);
        item.item_id = str_of(id);
        assert_int_equal(
            item_fold_catalog(world->fold, str_of(id), i % 11 == 0 ? NULL : &item, 0, i + 1),
            OK);
    }
    assert_int_equal(item_fold_publish(world->fold), OK);
}

/* Loaded at several moments of a history, the copy goes on like the original: through refreshes
 * of the basis, new items, items that get their name late, and moves of the decay's origin. */
static void loaded_fold_goes_on_like_the_original(void **state)
{
    static const int64_t steps_ms[] = {1000, (int64_t)30 * 24 * HOUR_MS};

    (void)state;
    for (int s = 0; s < 2; s++) {
        struct log *log = a_history(7 + (uint64_t)s, 3000, steps_ms[s]);

        for (uint32_t cut = 0; cut < log->n; cut += 1 + log->n / 5) {
            struct world original, copy;
            struct item_fold *fold;

            world_open(&original, NULL);
            world_open(&copy, NULL);
            apply(&original, log, 0, cut);
            put_catalog(&original, 0, 60);
            fold = copy_of(original.fold->newest, &copy.config, cut & 1);
            item_fold_close(copy.fold);
            copy.fold = fold;
            assert_same(original.fold, copy.fold);
            apply(&original, log, cut, log->n);
            apply(&copy, log, cut, log->n);
            put_catalog(&original, 60, 100);
            put_catalog(&copy, 60, 100);
            assert_same(original.fold, copy.fold);
            world_close(&original);
            world_close(&copy);
        }
        log_close(log);
    }
}

/* The rows whose stamps are newer than an old view's offset, put over the old rows, make the
 * new fold: that is how the table in Kafka is kept. */
static void touched_rows_over_old_ones_make_the_new_fold(void **state)
{
    struct log *log =
        a_history(11, 3000, (int64_t)HOUR_MS * 6); /* in the second half the origin moves */
    uint8_t *bytes = malloc(SAVED_REST_MAX);
    uint32_t half = log->n / 2, n_touched = 0, n_old;
    struct item_load *load;
    struct item_fold *fold;
    struct world old, now;

    (void)state;
    for (uint32_t to = half + 1; to <= log->n; to += log->n / 7) {
        world_open(&old, NULL);
        world_open(&now, NULL);
        apply(&old, log, 0, half);
        apply(&now, log, 0, to);
        n_old = item_view_n_items(old.fold->newest);
        assert_int_equal(
            item_load_open(&now.config, item_view_n_items(now.fold->newest), &load, NULL), OK);
        uint32_t len = item_view_save_rest(now.fold->newest, bytes);

        assert_int_equal(item_load_rest(load, (struct str){(const char *)bytes, len}), OK);
        for (uint32_t i = 0; i < n_old; i++) {
            len = item_view_save_row(old.fold->newest, i, bytes);
            assert_int_equal(item_load_row(load, i, (struct str){(const char *)bytes, len}),
                             OK);
        }
        n_touched = 0;
        for (uint32_t i = 0; i < item_view_n_items(now.fold->newest); i++) {
            if (item_view_stamp(now.fold->newest, i) <= half)
                continue;
            n_touched++;
            len = item_view_save_row(now.fold->newest, i, bytes);
            assert_int_equal(item_load_row(load, i, (struct str){(const char *)bytes, len}),
                             OK);
        }
        assert_int_equal(item_load_finish(load, to, NULL, &fold, NULL), OK);
        assert_same(now.fold, fold);
        item_load_close(load);
        item_fold_close(fold);
        if (to == half + 1)
            assert_in_range(n_touched, 1, 8); /* one record's rows, not all */
        world_close(&old);
        world_close(&now);
    }
    free(bytes);
    log_close(log);
}

/* ---- refusals ---- */

struct piece {
    uint8_t bytes[SAVED_REST_MAX];
    uint32_t len;
};

static struct item_load *load_of(const struct item_view *view, struct piece *rest)
{
    struct item_model_config config = item_model_defaults();
    struct item_load *load;

    assert_int_equal(item_load_open(&config, item_view_n_items(view), &load, NULL), OK);
    if (rest)
        assert_int_equal(
            item_load_rest(load, (struct str){(const char *)rest->bytes, rest->len}), OK);
    return load;
}

static struct str prefix(const struct piece *piece, uint32_t len)
{
    char *copy =
        malloc(len ? len : 1); /* of its own size: the sanitizer sees one byte too far */

    memcpy(copy, piece->bytes, len);
    return (struct str){copy, len};
}

static void drop(struct str bytes)
{
    free((void *)(uintptr_t)bytes.ptr);
}

static void every_prefix_and_a_byte_more_are_refused(void **state)
{
    struct log *log = a_history(3, 500, 1000);
    struct piece *rest = malloc(sizeof(*rest)), *row = malloc(sizeof(*row));
    struct world world;

    (void)state;
    world_open(&world, NULL);
    apply(&world, log, 0, log->n);
    rest->len = item_view_save_rest(world.fold->newest, rest->bytes);
    row->len = item_view_save_row(world.fold->newest, 0, row->bytes);
    for (uint32_t len = 0; len <= rest->len;
         len += len < 200 || len > rest->len - 60 ? 1 : 50) {
        struct item_load *load = load_of(world.fold->newest, NULL);
        struct str cut = prefix(rest, len);

        assert_int_equal(item_load_rest(load, cut), len == rest->len ? OK : ERR_INVALID);
        drop(cut);
        item_load_close(load);
    }
    struct item_load *load = load_of(world.fold->newest, rest);

    row->bytes[row->len] = 0;
    for (uint32_t len = 0; len <= row->len + 1; len++) {
        struct str cut = prefix(row, len);

        assert_int_equal(item_load_row(load, 0, cut), len == row->len ? OK : ERR_INVALID);
        drop(cut);
    }
    assert_int_equal(item_load_row(load, item_view_n_items(world.fold->newest),
                                   (struct str){(const char *)row->bytes, row->len}),
                     ERR_INVALID);
    item_load_close(load);
    world_close(&world);
    log_close(log);
    free(rest);
    free(row);
}

static void missing_doubled_and_newer_rows_are_refused(void **state)
{
    struct log *log = a_history(3, 500, 1000);
    struct piece *rest = malloc(sizeof(*rest)), *row = malloc(sizeof(*row));
    struct item_fold *fold = NULL;
    struct error err;
    struct world world;

    (void)state;
    world_open(&world, NULL);
    apply(&world, log, 0, log->n);
    const struct item_view *view = world.fold->newest;
    uint32_t n = item_view_n_items(view);

    rest->len = item_view_save_rest(view, rest->bytes);
    for (int bad = 0; bad < 3; bad++) { /* 0: the last is missing, 1: is the first, 2: newer */
        struct item_load *load = load_of(view, rest);

        for (uint32_t i = 0; i < n - (bad == 0); i++) {
            row->len = item_view_save_row(view, bad == 1 && i == n - 1 ? 0 : i, row->bytes);
            assert_int_equal(
                item_load_row(load, i, (struct str){(const char *)row->bytes, row->len}), OK);
        }
        assert_int_equal(
            item_load_finish(load, (int64_t)log->n - (bad == 2), NULL, &fold, &err),
            ERR_INVALID);
        assert_null(fold);
        item_load_close(load);
    }
    world_close(&world);
    log_close(log);
    free(rest);
    free(row);
}

/* Whatever a byte becomes: refused or loaded, never read or written beyond. */
static void changed_bytes_do_no_harm(void **state)
{
    struct log *log = a_history(5, 500, 1000);
    struct piece *rest = malloc(sizeof(*rest)), *row = malloc(sizeof(*row));
    uint64_t random = 12;
    struct world world;

    (void)state;
    world_open(&world, NULL);
    apply(&world, log, 0, log->n);
    rest->len = item_view_save_rest(world.fold->newest, rest->bytes);
    struct item_load *load = load_of(world.fold->newest, rest);

    for (int round = 0; round < 20000; round++) {
        uint32_t n = item_view_n_items(world.fold->newest);
        uint32_t number = (uint32_t)(random_next(&random) % n);
        struct str bytes;

        row->len = item_view_save_row(world.fold->newest, number, row->bytes);
        row->bytes[random_next(&random) % row->len] ^=
            (uint8_t)(1 + random_next(&random) % 255);
        bytes = prefix(row, row->len);
        enum status status = item_load_row(load, number, bytes);

        assert_true(status == OK || status == ERR_INVALID);
        drop(bytes);
    }
    item_load_close(load);
    world_close(&world);
    log_close(log);
    free(rest);
    free(row);
}

static void more_items_than_there_is_room_for_are_refused(void **state)
{
    struct item_model_config config = item_model_defaults();
    struct item_load *load = NULL;
    struct error err;

    (void)state;
    config.items_max = 10;
    assert_int_equal(item_load_open(&config, 11, &load, &err), ERR_FULL);
    assert_null(load);
    assert_non_null(strstr(err.text, "11 items"));
    assert_int_equal(item_load_open(&config, 10, &load, &err), OK);
    item_load_close(load);
}

static void fingerprint_tells_models_apart(void **state)
{
    struct item_model_config config = item_model_defaults();
    uint64_t first = item_model_fingerprint(&config);

    (void)state;
    config.items_max++; /* a bound, not a meaning */
    assert_int_equal(item_model_fingerprint(&config), first);
    config.seed++;
    assert_int_not_equal(item_model_fingerprint(&config), first);
    config.seed--;
    config.covisit_half_life_ms++;
    assert_int_not_equal(item_model_fingerprint(&config), first);
}

/* Each block of memory of a load fails once: it says so, and closing frees what there is. */
static void each_block_of_a_load_fails_once(void **state)
{
    struct log *log = a_history(9, 200, 1000);
    struct piece *rest = malloc(sizeof(*rest)), *row = malloc(sizeof(*row));
    struct world world;
    enum status status;
    long nth = 0;

    (void)state;
    world_open(&world, NULL);
    apply(&world, log, 0, log->n);
    const struct item_view *view = world.fold->newest;

    rest->len = item_view_save_rest(view, rest->bytes);
    do {
        struct item_load *load = NULL;
        struct item_fold *fold = NULL;

        fault_arm("view_alloc", ++nth);
        status = item_load_open(&world.config, item_view_n_items(view), &load, NULL);
        if (status == OK)
            status = item_load_rest(load, (struct str){(const char *)rest->bytes, rest->len});
        for (uint32_t i = 0; status == OK && i < item_view_n_items(view); i++) {
            row->len = item_view_save_row(view, i, row->bytes);
            status = item_load_row(load, i, (struct str){(const char *)row->bytes, row->len});
        }
        if (status == OK)
            status = item_load_finish(load, log->n, NULL, &fold, NULL);
        assert_true(status == OK || status == ERR_NOMEM);
        assert_true((status == OK) == (fold != NULL));
        item_load_close(load);
        item_fold_close(fold);
    } while (status != OK);
    fault_arm("view_alloc", 0);
    assert_true(nth > 30);
    world_close(&world);
    log_close(log);
    free(rest);
    free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaded_fold_goes_on_like_the_original),
        cmocka_unit_test(touched_rows_over_old_ones_make_the_new_fold),
        cmocka_unit_test(every_prefix_and_a_byte_more_are_refused),
        cmocka_unit_test(missing_doubled_and_newer_rows_are_refused),
        cmocka_unit_test(changed_bytes_do_no_harm),
        cmocka_unit_test(more_items_than_there_is_room_for_are_refused),
        cmocka_unit_test(fingerprint_tells_models_apart),
        cmocka_unit_test(each_block_of_a_load_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
