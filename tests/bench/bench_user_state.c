/*
 * One event's read-modify-write of a person, from user id to encoded new value in the cache:
 *
 *   hot    the person's bytes are in the write-back cache, and among 2,000 (1 MB) often met;
 *          6 to 14 events each
 *   full   the same, with every array of the person at its limit (1.4 KB)
 *   warm   in the cache, among 100,000 (60 MB): beyond the processor's caches
 *   cold   they come from RocksDB (every person is met once, the cache starts empty)
 *   raw    what the same change costs in RocksDB alone: get, decode, apply, encode, put
 *
 * The variants take turns inside each round. Figures: nanoseconds of CPU per event; ratio to
 * hot.
 */
#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif

#include "core/base/hash.h"
#include "features/state_db.h"
#include "features/user_codec.h"
#include "features/user_overlay.h"
#include "features/user_update.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 7, USERS = 100000, HOT_USERS = 2000, BATCH = 512, TASK = 0 };
enum variant { HOT, FULL, WARM, COLD, RAW, N_VARIANTS };

static struct event_batch batch;
static struct event_line lines[BATCH];
static char ids[USERS][16], event_ids[BATCH][24];
static uint8_t bytes[USER_BYTES_MAX];
static struct arena arena;
static uint64_t n_events_made;

/* CPU time of this thread: the machine is shared. */
static int64_t thread_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_user_state: %s\n", what);
    exit(EXIT_FAILURE);
}

static void make_batch(uint32_t first_user, uint32_t step, uint32_t n_users)
{
    batch.n = BATCH;
    for (uint32_t lane = 0; lane < BATCH; lane++) {
        uint32_t user = (first_user + lane * step) % n_users;

        n_events_made++;
        snprintf(event_ids[lane], sizeof(event_ids[lane]), "e%llu",
                 (unsigned long long)n_events_made);
        batch.user_id[lane] = str_of(ids[user]);
        batch.event_id[lane] = str_of(event_ids[lane]);
        batch.action[lane] = ACTION_VIEW;
        batch.time_ms[lane] = 1700000000000 + (int64_t)n_events_made * 20;
        lines[lane] = (struct event_line){
            .item = n_events_made * 0x9E3779B97F4A7C15ULL, .quantity = 1, .price_e4 = -1};
        batch.lines[lane] = &lines[lane];
        batch.n_lines[lane] = 1;
    }
}

static bool enter_cache(void *context, const struct overlay_value *value)
{
    (void)context;
    return user_cache_put(value->cache, value->found, value->user_id, value->hash, value->bytes,
                          value->len) == OK;
}

/* The way of the worker: overlay, snapshot, scatter, commit into the cache. */
static void through_overlay(struct user_overlay *overlay, struct user_cache *cache)
{
    static struct lane_items snapshot;
    struct user_state *user;

    uint64_t hashes[BATCH];

    for (uint32_t lane = 0; lane < BATCH; lane++) {
        hashes[lane] = hash64(batch.user_id[lane]);
        user_cache_prefetch(cache, hashes[lane], 0);
    }
    for (uint32_t lane = 0; lane < BATCH; lane++)
        user_cache_prefetch(cache, hashes[lane], 1);
    for (uint32_t lane = 0; lane < BATCH; lane++) {
        if (user_overlay_slots_left(overlay) == 0 && user_overlay_scatter(overlay) != OK)
            die("scatter");
        if (user_overlay_get(overlay, cache, TASK, batch.user_id[lane], &user, NULL) != OK)
            die("get");
        user_update(user, &batch, lane, &arena, &snapshot);
        user_overlay_changed(overlay, user);
    }
    if (user_overlay_scatter(overlay) != OK)
        die("scatter");
    user_cache_lock(cache);
    user_overlay_each(overlay, enter_cache, NULL);
    user_cache_unlock(cache, (int64_t)n_events_made, (const uint8_t *)"p", 1);
    user_overlay_reset(overlay);
}

static void through_database(struct state_db *db)
{
    static struct user_state user;
    static struct lane_items snapshot;
    struct state_write *write = state_write_open();

    for (uint32_t lane = 0; lane < BATCH; lane++) {
        char *value = NULL;
        size_t len;

        user_state_init(&user, batch.user_id[lane]);
        if (state_db_get_user(db, TASK, batch.user_id[lane], &value, &len) == OK)
            user_decode((const uint8_t *)value, len, batch.user_id[lane], &user);
        user_update(&user, &batch, lane, &arena, &snapshot);
        len = user_encode(&user, bytes, sizeof(bytes));
        state_write_user(write, TASK, batch.user_id[lane], (const char *)bytes, len);
        state_db_commit(db, write, NULL);
        free(value);
    }
    state_write_close(write);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static const char *const names[N_VARIANTS] = {"hot", "hot, full", "warm", "cold",
                                                  "raw rocksdb"};
    char folder[] = "/tmp/freshet-bench-XXXXXX", command[64];
    double ns[N_VARIANTS][ROUNDS];
    struct state_db *db;
    struct user_overlay *overlay;
    struct user_cache *caches[N_VARIANTS] = {NULL};

    if (!mkdtemp(folder))
        die("mkdtemp");
    struct state_db_options options = {.dir = folder,
                                       .app = "bench",
                                       .cluster = "",
                                       .memtable_bytes = 32 << 20,
                                       .block_cache_bytes = 64 << 20};

    arena_init(&arena, 64 << 20);
    if (state_db_open(&options, &db, NULL) != OK ||
        user_overlay_open(256 << 20, &overlay) != OK ||
        user_cache_open(TASK, db, (size_t)1 << 30, &caches[WARM]) != OK ||
        user_cache_open(TASK, db, (size_t)1 << 30, &caches[FULL]) != OK)
        die("open");
    for (uint32_t u = 0; u < USERS; u++)
        snprintf(ids[u], sizeof(ids[u]), "user-%u", u);
    for (int pass = 0; pass < 5; pass++) { /* states of five events, on disk */
        for (uint32_t first = 0; first < USERS; first += BATCH) {
            make_batch(first, 1, USERS);
            through_overlay(overlay, caches[WARM]);
        }
    }
    user_cache_flush(caches[WARM], NULL);
    state_db_flush(db, NULL);
    for (uint32_t first = 0; first < HOT_USERS * 80; first += BATCH) { /* 80 events each */
        make_batch(first, 1, HOT_USERS);
        through_overlay(overlay, caches[FULL]);
    }

    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t n_batches = 30;
        uint32_t first = (uint32_t)round * 7919;

        if (user_cache_open(TASK, db, (size_t)1 << 30, &caches[COLD]) != OK ||
            user_cache_open(TASK, db, (size_t)1 << 30, &caches[HOT]) != OK)
            die("open");
        for (uint32_t b = 0; b < HOT_USERS; b += BATCH) { /* met once before they are timed */
            make_batch(b, 1, HOT_USERS);
            through_overlay(overlay, caches[HOT]);
        }
        for (int v = 0; v < N_VARIANTS; v++) {
            int64_t spent_ns = 0;

            if (argc > 1 && v != atoi(argv[1])) { /* one variant alone, for a profile */
                ns[v][round] = 0;
                continue;
            }

            for (uint32_t b = 0; b < n_batches; b++) {
                make_batch(first + b * BATCH * 3, 3, v <= FULL ? HOT_USERS : USERS);
                int64_t start_ns = thread_cpu_ns();

                if (v == RAW)
                    through_database(db);
                else
                    through_overlay(overlay, caches[v]);
                spent_ns += thread_cpu_ns() - start_ns;
                arena_reset(&arena);
            }
            ns[v][round] = (double)spent_ns / (n_batches * BATCH);
        }
        user_cache_close(caches[COLD]);
        user_cache_close(caches[HOT]);
    }

    printf("%-12s %14s %14s %8s\n", "user state", "ns/event min", "ns/event med", "ratio");
    for (int v = 0; v < N_VARIANTS; v++)
        qsort(ns[v], ROUNDS, sizeof(ns[v][0]), by_value);
    for (int v = 0; v < N_VARIANTS; v++)
        printf("%-12s %14.1f %14.1f %8.2f\n", names[v], ns[v][0], ns[v][ROUNDS / 2],
               ns[v][ROUNDS / 2] / ns[HOT][ROUNDS / 2]);
    user_overlay_close(overlay);
    user_cache_close(caches[WARM]);
    user_cache_close(caches[FULL]);
    state_db_close(db);
    arena_deinit(&arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command) ? EXIT_FAILURE : EXIT_SUCCESS;
}
