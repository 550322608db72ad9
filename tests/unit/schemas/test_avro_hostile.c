/*
 * Damaged records: every prefix, and a million mutations. Nothing is asked of the answer but
 * that it comes, in time, and that an accepted value can be walked to its end; the sanitizers
 * ask that no byte outside is touched. The seed is printed by a failing run.
 */
#include "schemas/avro_codec.h"
#include "schemas/records.h"
#include "tests/support/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    MUTATIONS = 1000000,
    RECORD_MAX = 2048,
    ARENA_BYTES = 16 << 20,
    SLOWEST_MS = 200, /* one record, sanitizers and a busy machine included */
};

static const struct record_type *const types[] = {
    &click_event_type,      &order_event_type,        &catalog_item_type,   &user_record_type,
    &engagement_event_type, &review_event_type,       &recommendation_type, &push_message_type,
    &email_message_type,    &suppressed_message_type,
};

enum { N_TYPES = sizeof(types) / sizeof(*types) };

struct specimen {
    const struct record_type *type;
    struct avro_plan *plan;
    uint8_t bytes[RECORD_MAX]; /* a valid record */
    size_t n;
    void *record;
};

struct fixture {
    struct specimen specimens[N_TYPES];
    struct arena arena;
    uint64_t random;
    uint64_t n_of[AVRO_NOMEM + 1]; /* answers */
};

static uint64_t next_random(struct fixture *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

/* Valid records: those of the golden test. */
static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    FILE *file = fopen("tests/golden/avro_golden.txt", "r");
    char name[64];
    static char hex[2 * RECORD_MAX + 1];

    if (!f || !file)
        return -1;
    arena_init(&f->arena, ARENA_BYTES);
    f->random = (uint64_t)time(NULL) * 2654435761u + 1;
    while (fscanf(file, "%63s %4096s", name, hex) == 2) {
        for (int t = 0; t < N_TYPES; t++) {
            struct specimen *s = &f->specimens[t];
            const char *schema = record_type_schema(types[t]);

            if (strcmp(name, record_type_name(types[t])) != 0)
                continue;
            s->type = types[t];
            s->record = malloc(record_type_size(types[t]));
            for (s->n = 0; hex[2 * s->n]; s->n++)
                s->bytes[s->n] =
                    (uint8_t)strtoul((char[]){hex[2 * s->n], hex[2 * s->n + 1], 0}, NULL, 16);
            if (avro_plan_open(schema, strlen(schema), types[t], &s->plan, NULL) != OK)
                return -1;
        }
    }
    fclose(file);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;

    for (int t = 0; t < N_TYPES; t++) {
        avro_plan_close(f->specimens[t].plan);
        free(f->specimens[t].record);
    }
    arena_deinit(&f->arena);
    free(f);
    return 0;
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Decodes from a block of exactly n bytes; what is accepted is encoded again, which walks it.
 */
static enum avro_result decode_exactly(struct fixture *f, const struct specimen *s,
                                       const uint8_t *bytes, size_t n)
{
    static uint8_t again[ARENA_BYTES];
    uint8_t *exact = malloc(n ? n : 1);

    memcpy(exact, bytes, n);
    arena_reset(&f->arena);
    enum avro_result result = avro_decode(s->plan, exact, n, &f->arena, s->record);

    assert_in_range(result, AVRO_OK, AVRO_NOMEM);
    f->n_of[result]++;
    if (result == AVRO_OK)
        assert_true(avro_encode(s->type, s->record, again, sizeof(again)) > 0);
    free(exact);
    return result;
}

static void no_prefix_of_a_record_is_a_record(void **state)
{
    struct fixture *f = *state;

    for (int t = 0; t < N_TYPES; t++) {
        const struct specimen *s = &f->specimens[t];

        assert_non_null(s->plan);
        for (size_t n = 0; n < s->n; n++)
            assert_int_equal(decode_exactly(f, s, s->bytes, n), AVRO_BAD);
        assert_int_equal(decode_exactly(f, s, s->bytes, s->n), AVRO_OK);
    }
}

/* One to four changes: a bit, a byte, a byte that means something, a piece moved, cut, doubled.
 */
static size_t mutate(struct fixture *f, uint8_t *bytes, size_t n)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff, 0xfe, 0x81};

    for (uint64_t changes = 1 + next_random(f) % 4; changes > 0 && n > 0; changes--) {
        size_t at = next_random(f) % n, to = next_random(f) % n;
        size_t size = 1 + next_random(f) % 8;

        switch (next_random(f) % 6) {
        case 0:
            bytes[at] ^= (uint8_t)(1 << next_random(f) % 8);
            break;
        case 1:
            bytes[at] = (uint8_t)next_random(f);
            break;
        case 2:
            bytes[at] = telling[next_random(f) % sizeof(telling)];
            break;
        case 3:
            n = at;
            break;
        case 4:
            size = size > n - (at > to ? at : to) ? 0 : size;
            memmove(bytes + to, bytes + at, size);
            break;
        default:
            if (n + size <= RECORD_MAX) {
                memmove(bytes + at + size, bytes + at, n - at);
                n += size;
            }
        }
    }
    return n;
}

static void no_mutation_of_a_record_does_harm(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = f->random;
    double slowest = 0;

    memset(f->n_of, 0, sizeof(f->n_of));
    for (int i = 0; i < MUTATIONS; i++) {
        const struct specimen *s = &f->specimens[i % N_TYPES];
        uint8_t bytes[RECORD_MAX];
        double begin = now_ms(), took;

        memcpy(bytes, s->bytes, s->n);
        decode_exactly(f, s, bytes, mutate(f, bytes, s->n));
        took = now_ms() - begin;
        slowest = took > slowest ? took : slowest;
    }
    print_message("seed %llu: %llu accepted, %llu bad, %llu trailing, %llu limit, %llu value; "
                  "slowest %.1f ms\n",
                  (unsigned long long)seed, (unsigned long long)f->n_of[AVRO_OK],
                  (unsigned long long)f->n_of[AVRO_BAD],
                  (unsigned long long)f->n_of[AVRO_TRAILING],
                  (unsigned long long)f->n_of[AVRO_LIMIT],
                  (unsigned long long)f->n_of[AVRO_VALUE], slowest);
    /* the mutations reach both sides of every gate */
    assert_true(f->n_of[AVRO_OK] > MUTATIONS / 100);
    assert_true(f->n_of[AVRO_BAD] > MUTATIONS / 100);
    assert_true(f->n_of[AVRO_VALUE] > 0);
    assert_true(f->n_of[AVRO_TRAILING] > 0);
    assert_true(slowest < SLOWEST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_prefix_of_a_record_is_a_record),
        cmocka_unit_test(no_mutation_of_a_record_does_harm),
    };

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
