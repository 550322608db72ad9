/*
 * What it costs to keep and to take up the item model: writing a snapshot, loading it, against
 * folding all records again; and what the fold thread feels of a snapshot being written.
 *
 * Made folds of 100,000 and 1,000,000 items (argument: only so many), each item touched by
 * RECORDS_PER_ITEM records with 8 pairs, counts and a vector's step. Times without Kafka:
 * reading the records from a broker comes on top of "from the records".
 */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/item_snapshot.h"
#include "models/item_private.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif

enum { RECORDS_PER_ITEM = 2, PAIRS = 8, BATCH = 200, BATCHES = 400 };

static uint64_t state = 1;

static uint64_t next_random(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t make_id(uint32_t item, char id[24])
{
    return (uint32_t)snprintf(id, 24, "sku-%08u", item);
}

static void put_pairs(struct byte_writer *out, uint32_t n_items, uint32_t hour)
{
    bytes_put_varint(out, 1);
    bytes_put_u8(out, 0);
    bytes_put_varint(out, hour);
    bytes_put_varint(out, PAIRS);
    for (int p = 0; p < PAIRS; p++) {
        char id[24];
        uint32_t left = (uint32_t)(next_random() % n_items);

        bytes_put_u64(out, hash64((struct str){id, make_id(left, id)}));
        bytes_put_varint(out, 64 + next_random() % 200);
    }
}

static void put_step(struct byte_writer *out)
{
    bytes_put_varint(out, 3);
    for (int f = 0; f < 64; f++) {
        bytes_put_u8(out, (uint8_t)next_random());
        bytes_put_u8(out, (uint8_t)(0x10 | (next_random() & 0x83))); /* small halves */
    }
}

static void put_block(struct byte_writer *out, uint8_t tag, const struct byte_writer *block)
{
    bytes_put_u8(out, tag);
    bytes_put_varint(out, byte_writer_size(block));
    bytes_put_raw(out, block->begin, byte_writer_size(block));
}

static void apply_one(struct item_fold *fold, uint32_t n_items, int64_t offset)
{
    uint8_t value[1024], bytes[512];
    struct byte_writer out = byte_writer_of(value, sizeof(value));
    struct byte_writer block = byte_writer_of(bytes, sizeof(bytes));
    uint32_t hour = 450000 + (uint32_t)(offset >> 14);
    char id[24];
    struct str key = {id, make_id((uint32_t)(next_random() % n_items), id)};

    bytes_put_u8(&out, RECORD_VERSION);
    bytes_put_zigzag(&block, (int64_t)hour * HOUR_MS);
    bytes_put_varint(&block, 1);
    bytes_put_varint(&block, hour);
    bytes_put_varint(&block, 1);
    bytes_put_u8(&block, ACTION_VIEW);
    bytes_put_varint(&block, 2);
    put_block(&out, 1, &block);
    block = byte_writer_of(bytes, sizeof(bytes));
    put_pairs(&block, n_items, hour);
    put_block(&out, 2, &block);
    block = byte_writer_of(bytes, sizeof(bytes));
    put_step(&block);
    put_block(&out, 3, &block);
    ensure(item_fold_apply(fold, key,
                           (struct str){(const char *)value, (uint32_t)byte_writer_size(&out)},
                           offset) == OK);
}

static double seconds_since(int64_t ns)
{
    return (double)(clock_mono_ns() - ns) / 1e9;
}

/* ---- what the fold feels ---- */

struct writing {
    struct item_fold *fold;
    struct item_snapshot_id id;
    const char *path;
    atomic_bool done;
    int64_t bytes;
    double seconds;
};

static void *write_snapshot(void *context)
{
    struct writing *writing = context;
    const struct item_view *view = item_view_acquire(writing->fold);
    int64_t from[] = {0}, ns = clock_mono_ns();
    struct error err;

    if (item_snapshot_write(writing->path, &writing->id, view, from, &writing->bytes, &err))
        fprintf(stderr, "%s\n", err.text);
    item_view_release(writing->fold, view);
    writing->seconds = seconds_since(ns);
    atomic_store(&writing->done, true);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Batches as the follower folds and publishes them; while: until the writer is done. */
static void fold_batches(struct item_fold *fold, uint32_t n_items, int64_t *offset,
                         struct writing *writing)
{
    static double us[100000];
    uint32_t n = 0;

    while (n < 100000 && (writing ? !atomic_load(&writing->done) : n < BATCHES)) {
        int64_t ns = clock_mono_ns();

        for (int r = 0; r < BATCH; r++)
            apply_one(fold, n_items, ++*offset);
        ensure(item_fold_publish(fold) == OK);
        us[n++] = (double)(clock_mono_ns() - ns) / 1e3;
    }
    qsort(us, n, sizeof(us[0]), by_value);
    if (n)
        printf("  fold of %d records and publish, %-24s n=%-6u p50=%.0f p99=%.0f max=%.0f us\n",
               BATCH, writing ? "a snapshot being written" : "nothing beside", n, us[n / 2],
               us[n * 99 / 100], us[n - 1]);
}

static void run(uint32_t n_items, const char *dir)
{
    struct item_model_config config = item_model_defaults();
    struct writing writing = {.id = {"bench", "cluster", &config}};
    struct item_fold *fold, *loaded = NULL;
    char path[ITEM_SNAPSHOT_PATH_MAX];
    int64_t offset = 0, ns = clock_mono_ns();
    pthread_t thread;
    struct error err;

    config.items_max = n_items * 2;
    ensure(item_fold_open(&config, &fold, NULL) == OK);
    for (uint32_t r = 0; r < n_items * RECORDS_PER_ITEM; r++) {
        apply_one(fold, n_items, ++offset);
        if (r % 20000 == 0)
            ensure(item_fold_publish(fold) == OK);
    }
    ensure(item_fold_publish(fold) == OK);
    double from_records = seconds_since(ns);
    uint32_t known = item_view_n_items(fold->newest);

    item_snapshot_path(dir, offset, path);
    writing.fold = fold;
    writing.path = path;
    write_snapshot(&writing); /* nothing beside */
    double mb = (double)writing.bytes / 1e6, alone = writing.seconds;

    ns = clock_mono_ns();
    ensure(item_snapshot_load(path, &writing.id, true, &loaded, &err) == OK);
    double load = seconds_since(ns);

    ns = clock_mono_ns();
    bool same = item_view_digest(loaded->newest) == item_view_digest(fold->newest);
    double digest = seconds_since(ns) / 2;

    item_fold_close(loaded);
    printf("%u items, %.0f MB, %u records\n", known, mb, (unsigned)offset);
    printf("  write    %7.2f s  %7.0f MB/s  %9.0f items/s\n", alone, mb / alone, known / alone);
    printf("  load     %7.2f s  %7.0f MB/s  %9.0f items/s%s\n", load, mb / load, known / load,
           same ? "" : "  NOT THE SAME FOLD");
    printf("  digest   %7.2f s  %7.0f MB/s\n", digest, mb / digest);
    printf("  from the records %.2f s: %.1f times the load\n", from_records,
           from_records / load);
    fold_batches(fold, n_items, &offset, NULL);
    atomic_store(&writing.done, false);
    ensure(pthread_create(&thread, NULL, write_snapshot, &writing) == 0);
    fold_batches(fold, n_items, &offset, &writing);
    pthread_join(thread, NULL);
    printf("  write with the fold at work %.2f s\n", writing.seconds);
    unlink(path);
    item_fold_close(fold);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/freshet-bench-items-XXXXXX";

    if (!mkdtemp(dir))
        return EXIT_FAILURE;
    if (argc > 1) {
        run((uint32_t)strtoul(argv[1], NULL, 10), dir);
    } else {
        run(100000, dir);
        run(1000000, dir);
    }
    return rmdir(dir) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
