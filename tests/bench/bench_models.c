/*
 * What the models cost: a lesson, a record, a list, a fold-in.
 *
 * Made-up traffic: 3,000 items, popular ones by 1/rank, sessions that wander near their first
 * item. All of it fits into the L2 cache, as the benchmark's sizes do in a small shop.
 */
#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "models/factors.h"
#include "models/rank_private.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ITEMS = 3000,
    LIVE_SESSIONS = 1000,
    TRANSACTION = 1000, /* events */
    TRANSACTIONS = 100,
    ROUNDS = 9,
    K = 20,
};

struct traffic {
    char names[ITEMS][16];
    struct str id[ITEMS];
    uint64_t key[ITEMS];
    struct lane_items sessions[LIVE_SESSIONS];
    uint64_t random;
    int64_t time_ms;
};

struct records {
    struct item_fold *fold;
    int64_t offset;
    uint32_t n;
    size_t n_bytes;
    uint8_t *bytes; /* key and value of each record, each behind its length */
    size_t capacity;
    uint32_t n_records;
};

static uint32_t draw(struct traffic *traffic, uint32_t n)
{
    traffic->random = traffic->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((traffic->random >> 33) * n >> 31);
}

/* Rank r with probability about 1/r: equal shares for each power of two. */
static uint32_t draw_popular(struct traffic *traffic)
{
    return draw(traffic, 1u << draw(traffic, 12)) % ITEMS;
}

static struct traffic *traffic_new(void)
{
    struct traffic *traffic = calloc(1, sizeof(*traffic));

    traffic->random = 7;
    traffic->time_ms = 1600000000000;
    for (uint32_t i = 0; i < ITEMS; i++) {
        snprintf(traffic->names[i], sizeof(traffic->names[i]), "item-%u", i);
        traffic->id[i] = str_of(traffic->names[i]);
        traffic->key[i] = hash64(traffic->id[i]);
    }
    return traffic;
}

static void session_push(struct lane_items *session, uint64_t item, int64_t time_ms)
{
    uint32_t n = session->n < 8 ? session->n : 8;

    session->n_before = (uint8_t)n;
    memcpy(session->before_items, session->items, n * sizeof(session->items[0]));
    memmove(&session->items[1], &session->items[0], 15 * sizeof(session->items[0]));
    session->items[0] = (struct user_item){item, time_ms, ACTION_VIEW, 1};
    session->n = (uint8_t)(session->n < 16 ? session->n + 1 : 16);
}

/* A batch of views; each lane with its session before it, as features would give them. */
static void fill_batch(struct traffic *traffic, struct event_batch *batch,
                       struct feature_batch *features, struct lane_items *lanes,
                       struct event_line *lines)
{
    batch->n = features->n = 500;
    for (uint32_t lane = 0; lane < batch->n; lane++) {
        struct lane_items *session = &traffic->sessions[draw(traffic, LIVE_SESSIONS)];
        uint32_t item = draw_popular(traffic);

        if (draw(traffic, 6) == 0)
            session->n = 0;      /* somebody new */
        else if (session->n > 0) /* near the last item */
            item = (uint32_t)((session->items[0].item + draw(traffic, 40)) % ITEMS);
        traffic->time_ms += 10;
        session_push(session, traffic->key[item], traffic->time_ms);
        lanes[lane] = *session;
        lines[lane] = (struct event_line){traffic->id[item], traffic->key[item], 1, -1};
        batch->fate[lane] = EVENT_LIVE;
        batch->action[lane] = ACTION_VIEW;
        batch->time_ms[lane] = traffic->time_ms;
        batch->lines[lane] = &lines[lane];
        batch->n_lines[lane] = 1;
        features->items[lane] = &lanes[lane];
    }
}

static bool keep(void *context, struct str key, struct str value)
{
    struct records *records = context;
    size_t bytes = key.len + value.len + 8;
    uint8_t *at;

    if (records->n_bytes + bytes > records->capacity) {
        records->capacity = records->capacity * 2 + bytes + 65536;
        records->bytes = realloc(records->bytes, records->capacity);
    }
    at = records->bytes + records->n_bytes;
    memcpy(at, &key.len, 4);
    memcpy(at + 4, &value.len, 4);
    memcpy(at + 8, key.ptr, key.len);
    memcpy(at + 8 + key.len, value.ptr, value.len);
    records->n_bytes += bytes;
    records->n_records++;
    return true;
}

static void fold_kept(struct records *records)
{
    for (size_t at = 0; at < records->n_bytes;) {
        struct str key, value;

        memcpy(&key.len, records->bytes + at, 4);
        memcpy(&value.len, records->bytes + at + 4, 4);
        key.ptr = (const char *)records->bytes + at + 8;
        value.ptr = key.ptr + key.len;
        if (item_fold_apply(records->fold, key, value, ++records->offset) != OK)
            exit(EXIT_FAILURE);
        at += key.len + value.len + 8;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const char *what, double *ns, uint32_t n)
{
    qsort(ns, n, sizeof(*ns), by_value);
    printf("%-34s %10.1f %10.1f\n", what, ns[0], ns[n / 2]);
}

struct costs {
    double collect[TRANSACTIONS], emit[TRANSACTIONS], fold[TRANSACTIONS], publish[TRANSACTIONS];
};

static void learn(struct traffic *traffic, struct item_fold *fold, struct costs *costs)
{
    static struct event_batch batch;
    static struct feature_batch features;
    static struct lane_items lanes[EVENT_BATCH_MAX];
    static struct event_line lines[EVENT_BATCH_MAX];
    struct records records = {.fold = fold};
    struct item_model_config config = item_model_defaults();
    struct item_changes *changes;

    if (item_changes_open(&config, &changes, NULL) != OK)
        exit(EXIT_FAILURE);
    for (int t = 0; t < TRANSACTIONS; t++) {
        const struct item_view *view = item_view_acquire(fold);
        int64_t ns, collect_ns = 0;

        for (int n = 0; n < TRANSACTION; n += 500) {
            fill_batch(traffic, &batch, &features, lanes, lines);
            ns = clock_mono_ns();
            item_changes_collect(changes, view, &batch, &features);
            collect_ns += clock_mono_ns() - ns;
        }
        costs->collect[t] = (double)collect_ns / TRANSACTION;
        records.n_bytes = records.n_records = 0;
        ns = clock_mono_ns();
        if (item_changes_emit(changes, keep, &records) != OK)
            exit(EXIT_FAILURE);
        costs->emit[t] = (double)(clock_mono_ns() - ns) / records.n_records;
        item_changes_reset(changes);
        item_view_release(fold, view);
        ns = clock_mono_ns();
        fold_kept(&records);
        costs->fold[t] = (double)(clock_mono_ns() - ns) / records.n_records;
        ns = clock_mono_ns();
        if (item_fold_publish(fold) != OK)
            exit(EXIT_FAILURE);
        costs->publish[t] = (double)(clock_mono_ns() - ns) / 1000;
    }
    printf("records of the last transaction: %u, %.0f bytes each\n\n", records.n_records,
           (double)records.n_bytes / records.n_records - 8);
    free(records.bytes);
    item_changes_close(changes);
}

/* Lists for sessions cut to 0, 1, 5 and all their items; the variants take turns. */
static void rank(const struct traffic *traffic, struct item_fold *fold)
{
    enum { VARIANTS = 4 };
    static const uint32_t longest[VARIANTS] = {0, 1, 5, 16};
    static struct ranking rankings[LIVE_SESSIONS];
    static struct rank_request requests[LIVE_SESSIONS];
    const struct item_view *view = item_view_acquire(fold);
    struct rank_scratch *scratch;
    double ns[VARIANTS][ROUNDS];

    if (rank_scratch_open(&scratch, NULL) != OK)
        exit(EXIT_FAILURE);
    for (int round = 0; round < ROUNDS; round++) {
        for (int v = 0; v < VARIANTS; v++) {
            int64_t start_ns;

            for (uint32_t s = 0; s < LIVE_SESSIONS; s++) {
                uint32_t n = traffic->sessions[s].n;

                requests[s] =
                    (struct rank_request){n < longest[v] ? n : longest[v],
                                          traffic->sessions[s].items, traffic->time_ms, 0};
            }
            start_ns = clock_mono_ns();
            rank_lists(view, scratch, LIVE_SESSIONS, requests, K, rankings);
            ns[v][round] = (double)(clock_mono_ns() - start_ns) / LIVE_SESSIONS;
        }
    }
    for (int v = 0; v < VARIANTS; v++) {
        char what[64];

        snprintf(what, sizeof(what), "list of 20, session <= %u, ns", longest[v]);
        report(what, ns[v], ROUNDS);
    }
    rank_scratch_close(scratch);
    item_view_release(fold, view);
}

static void fold_in(struct item_fold *fold, uint32_t n)
{
    const struct item_view *view = item_view_acquire(fold);
    const struct factors_part *part = factors_part_of(view);
    static float g[FACTORS * FACTORS];
    const float *u[FOLD_IN_MAX];
    float weight[FOLD_IN_MAX], x[FACTORS];
    double fast[ROUNDS], ref[ROUNDS];
    char what[64];

    for (uint32_t f = 0; f < FACTORS; f++)
        g[f * FACTORS + f] = part->basis->values[f];
    for (int round = 0; round < ROUNDS; round++) {
        int64_t ns = clock_mono_ns();

        for (uint32_t r = 0; r < 2000; r++) {
            for (uint32_t i = 0; i < n; i++) {
                u[i] = cow_root_get(&part->u, (r * 7 + i) % view->n_items);
                weight[i] = 1 / (float)(1u << i);
            }
            factors_fold_in(part->basis, n, u, weight, x);
        }
        fast[round] = (double)(clock_mono_ns() - ns) / 2000;
        ns = clock_mono_ns();
        for (uint32_t r = 0; r < 200; r++)
            factors_fold_in_ref(g, part->basis->lambda, part->basis->all_items, FACTORS, n, u,
                                weight, x);
        ref[round] = (double)(clock_mono_ns() - ns) / 200;
    }
    snprintf(what, sizeof(what), "fold-in of %u items, ns", n);
    report(what, fast, ROUNDS);
    report("  the same by Cholesky of 64 x 64", ref, ROUNDS);
    printf("  ratio %.1f\n", ref[ROUNDS / 2] / fast[ROUNDS / 2]);
    item_view_release(fold, view);
}

int main(void)
{
    struct item_model_config config = item_model_defaults();
    struct traffic *traffic = traffic_new();
    static struct costs costs;
    struct item_fold *fold;

    if (item_fold_open(&config, &fold, NULL) != OK)
        return EXIT_FAILURE;
    learn(traffic, fold, &costs);
    printf("%-34s %10s %10s\n", "", "min", "median");
    report("collect, ns per event", costs.collect, TRANSACTIONS);
    report("emit, ns per record", costs.emit, TRANSACTIONS);
    report("fold, ns per record", costs.fold, TRANSACTIONS);
    report("publish, us", costs.publish, TRANSACTIONS);
    rank(traffic, fold);
    fold_in(fold, 3);
    fold_in(fold, 8);
    printf("%zu bytes for %d items\n", item_fold_memory_bytes(fold), ITEMS);
    item_fold_close(fold);
    free(traffic);
    return EXIT_SUCCESS;
}
