/* The file: what was written is what is read, and nothing else is taken for it. */
#include "core/base/fault.h"
#include "core/item_snapshot.h"
#include "tests/unit/models/models_support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FLIPS = 10000 };

struct shelf { /* a folder, a fold, and the snapshot of it */
    char dir[64], path[ITEM_SNAPSHOT_PATH_MAX];
    struct world world;
    struct item_snapshot_id id;
    uint8_t *bytes;
    size_t n;
};

static void write_file(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static void read_file(struct shelf *shelf)
{
    struct stat stat;
    int fd = open(shelf->path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &stat), 0);
    shelf->n = (size_t)stat.st_size;
    shelf->bytes = malloc(shelf->n);
    assert_int_equal(read(fd, shelf->bytes, shelf->n), shelf->n);
    close(fd);
}

static enum status save(struct shelf *shelf, const char *path, struct error *err)
{
    int64_t from[] = {3, 0}, bytes;

    return item_snapshot_write(path, &shelf->id, shelf->world.fold->newest, from, &bytes, err);
}

static int open_shelf(void **state)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    struct item_model_config config = item_model_defaults();

    config.catalog_partitions = 2;
    config.items_max = 100; /* a load of hundreds of prefixes takes no large tables */
    snprintf(shelf->dir, sizeof(shelf->dir), "/tmp/freshet-snapshot-XXXXXX");
    assert_non_null(mkdtemp(shelf->dir));
    world_open(&shelf->world, &config);
    world_session(&shelf->world, T0, SESSION("a", "b", "c"));
    world_commit(&shelf->world);
    for (int i = 0; i < 4; i++)
        world_catalog(&shelf->world, i & 1 ? "b" : "z", true, i, i + 1);
    shelf->id = (struct item_snapshot_id){"shop", "cluster-1", &shelf->world.config};
    item_snapshot_path(shelf->dir, shelf->world.offset, shelf->path);
    assert_int_equal(save(shelf, shelf->path, NULL), OK);
    read_file(shelf);
    *state = shelf;
    return 0;
}

static int close_shelf(void **state)
{
    struct shelf *shelf = *state;
    struct item_snapshot_file files[ITEM_SNAPSHOTS_MAX];
    uint32_t n = item_snapshot_list(shelf->dir, true, files);

    for (uint32_t i = 0; i < n; i++)
        unlink(files[i].path);
    assert_int_equal(rmdir(shelf->dir), 0); /* and nothing else was left there */
    world_close(&shelf->world);
    free(shelf->bytes);
    free(shelf);
    return 0;
}

static enum status load(struct shelf *shelf, struct item_fold **out, struct error *err)
{
    return item_snapshot_load(shelf->path, &shelf->id, true, out, err);
}

static void assert_same_fold(struct item_fold *a, struct item_fold *b)
{
    uint64_t catalog_a, catalog_b;
    char name_a[64], name_b[64];

    item_view_name(a->newest, name_a, sizeof(name_a));
    item_view_name(b->newest, name_b, sizeof(name_b));
    assert_string_equal(name_a, name_b);
    assert_int_equal(item_view_digest(a->newest), item_view_digest(b->newest));
    assert_int_equal(item_view_checksum(a->newest), item_view_checksum(b->newest));
    assert_int_equal(item_view_catalog_digest(a->newest, &catalog_a), OK);
    assert_int_equal(item_view_catalog_digest(b->newest, &catalog_b), OK);
    assert_int_equal(catalog_a, catalog_b);
}

static void written_is_read(void **state)
{
    struct shelf *shelf = *state;
    struct item_snapshot_info info;
    struct item_fold *fold = NULL;
    struct error err;

    assert_int_equal(load(shelf, &fold, &err), OK);
    assert_same_fold(shelf->world.fold, fold);
    item_fold_close(fold);
    assert_int_equal(item_snapshot_read_info(shelf->path, &shelf->id, &info, &err), OK);
    assert_int_equal(info.items_offset, shelf->world.offset);
    assert_int_equal(info.n_items, 3);
    assert_int_equal(info.n_catalog, 2);
    assert_int_equal(info.catalog_offset[0], 4);
    assert_int_equal(info.catalog_from[0], 3);
    assert_int_equal(info.catalog_offset[1], 0);
}

static void without_the_catalogue_only_the_item_side_is_there(void **state)
{
    struct shelf *shelf = *state;
    struct item_fold *fold = NULL;

    assert_int_equal(item_snapshot_load(shelf->path, &shelf->id, false, &fold, NULL), OK);
    assert_int_equal(item_view_digest(fold->newest),
                     item_view_digest(shelf->world.fold->newest));
    assert_int_equal(item_view_catalog_offset(fold->newest, 0), 0);
    assert_null(item_view_facts(fold->newest, key_of("b")));
    item_fold_close(fold);
}

/* Thousands of items and more than one block of each kind. */
static void many_blocks_are_read_too(void **state)
{
    struct shelf *shelf = *state;
    struct item_model_config config = item_model_defaults();
    const uint8_t empty[] = {RECORD_VERSION};
    struct world world;
    struct item_fold *fold = NULL;
    char path[ITEM_SNAPSHOT_PATH_MAX], id[32], *long_text = malloc(400000);
    int64_t from[] = {0}, bytes;

    memset(long_text, 'x', 400000);
    world_open(&world, &config);
    for (int i = 0; i < 6000; i++) {
        struct catalog_item item = {.title = {long_text, i % 1000 == 0 ? 400000 : 10},
                                    .available = true};

        snprintf(id, sizeof(id), "item-%d", i);
        assert_int_equal(item_fold_apply(world.fold, str_of(id),
                                         (struct str){(const char *)empty, 1}, i + 1),
                         OK);
        assert_int_equal(item_fold_catalog(world.fold, str_of(id), &item, 0, i + 1), OK);
    }
    assert_int_equal(item_fold_publish(world.fold), OK);
    struct item_snapshot_id whose = {"shop", "cluster-1", &config};

    item_snapshot_path(shelf->dir, 6000, path);
    assert_int_equal(item_snapshot_write(path, &whose, world.fold->newest, from, &bytes, NULL),
                     OK);
    assert_in_range(bytes, 4 << 20, 16 << 20);
    assert_int_equal(item_snapshot_load(path, &whose, true, &fold, NULL), OK);
    assert_same_fold(world.fold, fold);
    item_fold_close(fold);
    world_close(&world);
    free(long_text);
}

static void every_prefix_is_refused(void **state)
{
    struct shelf *shelf = *state;
    struct item_fold *fold = NULL;
    struct error err;

    for (size_t n = shelf->n; n-- > 0;) {
        assert_int_equal(truncate(shelf->path, (off_t)n), 0);
        assert_int_equal(load(shelf, &fold, &err), ERR_INVALID);
        assert_null(fold);
    }
    assert_non_null(strstr(err.text, "ends too early"));
}

static void a_byte_more_is_refused(void **state)
{
    struct shelf *shelf = *state;
    struct item_fold *fold = NULL;
    uint8_t *longer = calloc(1, shelf->n + 1);

    memcpy(longer, shelf->bytes, shelf->n);
    write_file(shelf->path, longer, shelf->n + 1);
    assert_int_equal(load(shelf, &fold, NULL), ERR_INVALID);
    free(longer);
}

static void every_changed_byte_is_refused(void **state)
{
    struct shelf *shelf = *state;
    struct item_fold *fold = NULL;
    uint64_t random = 5;
    int fd = open(shelf->path, O_WRONLY);

    assert_true(fd >= 0);
    for (int flip = 0; flip < FLIPS; flip++) {
        off_t at = (off_t)(random_next(&random) % shelf->n);
        uint8_t bad = shelf->bytes[at] ^ (uint8_t)(1 + random_next(&random) % 255);

        assert_int_equal(pwrite(fd, &bad, 1, at), 1);
        enum status status = load(shelf, &fold, NULL);

        assert_true(status == ERR_INVALID || status == ERR_STATE);
        assert_int_equal(pwrite(fd, &shelf->bytes[at], 1, at), 1);
    }
    close(fd);
    assert_int_equal(load(shelf, &fold, NULL), OK); /* as it was, it is good */
    item_fold_close(fold);
}

static void others_snapshots_are_refused_with_the_reason(void **state)
{
    struct shelf *shelf = *state;
    struct item_snapshot_id id = shelf->id;
    struct item_model_config config = shelf->world.config;
    struct item_fold *fold = NULL;
    struct error err;

    id.app = "other";
    assert_int_equal(item_snapshot_load(shelf->path, &id, true, &fold, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "of app 'shop', not of 'other'"));
    id = shelf->id;
    id.cluster = "cluster-2";
    assert_int_equal(item_snapshot_load(shelf->path, &id, true, &fold, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "cluster-1"));
    id.cluster = ""; /* not known: not checked */
    assert_int_equal(item_snapshot_load(shelf->path, &id, true, &fold, &err), OK);
    item_fold_close(fold);
    fold = NULL;
    id.config = &config;
    config.covisit_half_life_ms *= 2;
    assert_int_equal(item_snapshot_load(shelf->path, &id, true, &fold, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "other models"));
    config = shelf->world.config;
    config.items_max = 2;
    assert_int_equal(item_snapshot_load(shelf->path, &id, true, &fold, &err), ERR_FULL);
    config = shelf->world.config;
    config.catalog_partitions = 1;
    assert_int_equal(item_snapshot_load(shelf->path, &id, true, &fold, &err), ERR_STATE);
    assert_int_equal(item_snapshot_load(shelf->path, &id, false, &fold, &err), OK);
    item_fold_close(fold);
    unlink(shelf->path);
    assert_int_equal(load(shelf, &fold, &err), ERR_NOT_FOUND);
}

static void another_format_is_refused(void **state)
{
    struct shelf *shelf = *state;
    struct item_fold *fold = NULL;
    struct error err;

    shelf->bytes[8] = 0;
    write_file(shelf->path, shelf->bytes, shelf->n);
    assert_int_equal(load(shelf, &fold, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "format 0"));
}

/* ---- writing that fails ---- */

static void each_write_fails_once_and_the_old_file_stays(void **state)
{
    struct shelf *shelf = *state;
    struct item_fold *fold = NULL;
    struct error err;
    enum status status;
    long nth = 0;

    do {
        fault_arm("snapshot_write", ++nth);
        status = save(shelf, shelf->path, &err);
        if (status != OK) {
            assert_int_equal(status, ERR_IO);
            assert_non_null(strstr(err.text, "No space left"));
        }
        assert_int_equal(load(shelf, &fold, NULL), OK);
        item_fold_close(fold);
    } while (status != OK);
    fault_arm("snapshot_write", 0);
    assert_int_equal(nth, 7); /* magic, header, rest, rows, facts, end; then none fails */
}

/* A real limit: the kernel refuses the write that would go beyond. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    struct shelf *shelf = *state;
    struct rlimit before, small = {20000, 20000};
    struct item_fold *fold = NULL;
    struct error err;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = save(shelf, shelf->path, &err);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, ERR_IO);
    assert_non_null(strstr(err.text, shelf->dir));
    assert_int_equal(load(shelf, &fold, NULL), OK);
    item_fold_close(fold);
}

static void death_before_the_rename_leaves_the_old_file(void **state)
{
    struct shelf *shelf = *state;
    char beside[ITEM_SNAPSHOT_PATH_MAX + 8];
    struct item_snapshot_file files[ITEM_SNAPSHOTS_MAX];
    struct item_fold *fold = NULL;
    int status;
    pid_t child = fork();

    if (child == 0) {
        fault_arm("kill_snapshot_rename", 1);
        save(shelf, shelf->path, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    snprintf(beside, sizeof(beside), "%s.tmp", shelf->path);
    assert_int_equal(access(beside, F_OK), 0);
    assert_int_equal(load(shelf, &fold, NULL), OK);
    item_fold_close(fold);
    assert_int_equal(item_snapshot_list(shelf->dir, false, files), 1);
    assert_int_equal(access(beside, F_OK), 0); /* only its owner cleans */
    assert_int_equal(item_snapshot_list(shelf->dir, true, files), 1);
    assert_int_not_equal(access(beside, F_OK), 0);
}

static void list_is_newest_first_and_knows_its_own(void **state)
{
    struct shelf *shelf = *state;
    static const int64_t offsets[] = {7, 1234567890123, 40};
    struct item_snapshot_file files[ITEM_SNAPSHOTS_MAX];
    char path[ITEM_SNAPSHOT_PATH_MAX];

    unlink(shelf->path);
    for (int i = 0; i < 3; i++) {
        item_snapshot_path(shelf->dir, offsets[i], path);
        write_file(path, "x", 1);
    }
    snprintf(path, sizeof(path), "%s/items-5.snapshot.bak", shelf->dir);
    write_file(path, "x", 1);
    assert_int_equal(item_snapshot_list(shelf->dir, true, files), 3);
    assert_int_equal(files[0].items_offset, 1234567890123);
    assert_int_equal(files[1].items_offset, 40);
    assert_int_equal(files[2].items_offset, 7);
    assert_int_equal(unlink(path), 0); /* it was left alone */
}

/* A backup often goes to another disk: /dev/shm is a file system of another kind than /tmp. */
static void copies_are_the_same_bytes_also_on_another_file_system(void **state)
{
    struct shelf *shelf = *state;
    struct shelf copy = {.n = 0};
    char dirs[2][64] = {"/tmp/freshet-copy-XXXXXX", "/dev/shm/freshet-copy-XXXXXX"};
    struct error err;

    for (int d = 0; d < 2; d++) {
        assert_non_null(mkdtemp(dirs[d]));
        assert_int_equal(item_snapshot_copy_all(shelf->dir, dirs[d], &err), OK);
        item_snapshot_path(dirs[d], shelf->world.offset, copy.path);
        read_file(&copy);
        assert_int_equal(copy.n, shelf->n);
        assert_memory_equal(copy.bytes, shelf->bytes, shelf->n);
        free(copy.bytes);
        unlink(copy.path);
        assert_int_equal(rmdir(dirs[d]), 0);
    }
}

static void beyond_in_one_partition_is_beyond(void **state)
{
    const struct item_snapshot_info info = {
        .items_offset = 10, .n_catalog = 2, .catalog_offset = {5, 7}};

    (void)state;
    assert_true(item_snapshot_is_not_beyond(&info, 10, (const int64_t[]){5, 7}, 2));
    assert_false(item_snapshot_is_not_beyond(&info, 9, (const int64_t[]){5, 7}, 2));
    assert_false(item_snapshot_is_not_beyond(&info, 10, (const int64_t[]){5, 6}, 2));
    assert_false(item_snapshot_is_not_beyond(&info, 10, (const int64_t[]){5, 7, 9}, 3));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_shelf, close_shelf)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copies_are_the_same_bytes_also_on_another_file_system),
        TEST(beyond_in_one_partition_is_beyond),
        TEST(written_is_read),
        TEST(without_the_catalogue_only_the_item_side_is_there),
        TEST(many_blocks_are_read_too),
        TEST(every_prefix_is_refused),
        TEST(a_byte_more_is_refused),
        TEST(every_changed_byte_is_refused),
        TEST(others_snapshots_are_refused_with_the_reason),
        TEST(another_format_is_refused),
        TEST(each_write_fails_once_and_the_old_file_stays),
        TEST(a_full_disk_leaves_the_old_file),
        TEST(death_before_the_rename_leaves_the_old_file),
        TEST(list_is_newest_first_and_knows_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
