/*
 * What one record costs: decoding a click and encoding a list of 20 items, ours beside Avro-C
 * (avro_value_read and avro_value_write on a value that is used again and again).
 *
 *   bench_avro [records per round]
 *
 * Several different clicks take turns, so that the branch predictor does not learn one by
 * heart.
 */
#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif

#include "schemas/avro_codec.h"
#include "schemas/records.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ROUNDS = 15,
    CLICKS = 64,     /* different ones */
    LIST_ITEMS = 20, /* the default k */
    RECORD_MAX = 4096,
    ARENA_BYTES = 1 << 20,
};

struct sample {
    uint8_t bytes[RECORD_MAX];
    size_t size;
};

struct subject { /* what all variants work on */
    struct avro_plan *plan;
    struct arena arena;
    struct sample clicks[CLICKS];
    struct sample lists[CLICKS];
    struct recommendation list;
    avro_schema_t click_schema, list_schema;
    avro_value_t click_value, list_values[CLICKS];
    avro_reader_t reader;
    avro_writer_t writer;
    uint8_t out[RECORD_MAX];
    uint64_t sum; /* keeps the compiler from dropping the work */
};

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct str text_of(char *buffer, size_t n, const char *format, unsigned number)
{
    return (struct str){buffer, (uint32_t)snprintf(buffer, n, format, number)};
}

/* Ten of the sixteen fields filled; every third click is a search without an item. */
static void fill_click(unsigned i, struct sample *out)
{
    char event[40], user[32], session[32], item[32];
    struct click_event click = {
        .event_id = text_of(event, sizeof(event), "5f2c9a4e-77d1-4b0c-9d5e-%012u", i * 7919),
        .user_id = text_of(user, sizeof(user), "user-%u", 1000 + i * 131),
        .session_id = text_of(session, sizeof(session), "s%08u", i * 524287),
        .type = i % 3 ? EVENT_VIEW : EVENT_SEARCH,
        .item_id = text_of(item, sizeof(item), "sku-%u", 50000 + i * 17),
        .event_time = 1700000000000 + (int64_t)i * 1234567,
        .quantity = 1,
        .device = str_of(i % 2 ? "mobile" : "desktop"),
        .locale = str_of("de-DE"),
    };

    if (i % 3 == 0) {
        click.item_id = (struct str){NULL, 0};
        click.query = str_of("running shoes");
    } else if (i % 3 == 1) {
        click.price_e4 = (struct opt_i64){true, 199900 + i};
        click.currency = str_of("EUR");
    }
    out->size = avro_encode(&click_event_type, &click, out->bytes, sizeof(out->bytes));
}

static void fill_list(struct recommendation *list)
{
    static struct recommended_item items[LIST_ITEMS];
    static char ids[LIST_ITEMS][16];

    for (unsigned i = 0; i < LIST_ITEMS; i++)
        items[i] = (struct recommended_item){
            .item_id = text_of(ids[i], sizeof(ids[i]), "sku-%u", 50000 + i * 1237),
            .score = 1.0f / (float)(i + 1),
            .reason = REASON_COVISITATION + (int32_t)(i % 4),
            .propensity = 0.5f,
        };
    *list = (struct recommendation){
        .request_id = str_of("0123456789abcdef0123456789abcdef"),
        .user_id = str_of("user-1131"),
        .trigger_event_id = str_of("5f2c9a4e-77d1-4b0c-9d5e-000000007919"),
        .event_time = 1700000001234,
        .model = str_of("blend-1"),
        .items = {items, LIST_ITEMS},
    };
}

static int open_subject(struct subject *s)
{
    const char *click = record_type_schema(&click_event_type);
    const char *list = record_type_schema(&recommendation_type);
    avro_value_iface_t *click_class, *list_class;

    arena_init(&s->arena, ARENA_BYTES);
    if (avro_plan_open(click, strlen(click), &click_event_type, &s->plan, NULL) != OK)
        return -1;
    for (unsigned i = 0; i < CLICKS; i++)
        fill_click(i, &s->clicks[i]);
    fill_list(&s->list);

    if (avro_schema_from_json_length(click, strlen(click), &s->click_schema) ||
        avro_schema_from_json_length(list, strlen(list), &s->list_schema))
        return -1;
    click_class = avro_generic_class_from_schema(s->click_schema);
    list_class = avro_generic_class_from_schema(s->list_schema);
    s->reader = avro_reader_memory("", 0);
    s->writer = avro_writer_memory((char *)s->out, sizeof(s->out));
    if (avro_generic_value_new(click_class, &s->click_value) ||
        avro_generic_value_new(list_class, &s->list_values[0]))
        return -1;

    /* the same list in Avro-C's hands: what we wrote, read by it */
    size_t size = avro_encode(&recommendation_type, &s->list, s->out, sizeof(s->out));

    avro_reader_memory_set_source(s->reader, (char *)s->out, (int64_t)size);
    return size > 0 && avro_value_read(s->reader, &s->list_values[0]) == 0 ? 0 : -1;
}

static void close_subject(struct subject *s)
{
    avro_plan_close(s->plan);
    arena_deinit(&s->arena);
    avro_reader_free(s->reader);
    avro_writer_free(s->writer);
    avro_value_iface_decref(s->click_value.iface);
    avro_value_decref(&s->click_value);
    avro_value_iface_decref(s->list_values[0].iface);
    avro_value_decref(&s->list_values[0]);
    avro_schema_decref(s->click_schema);
    avro_schema_decref(s->list_schema);
}

/* ---- the variants ---- */

static void decode_ours(struct subject *s, uint64_t n)
{
    struct click_event click;

    for (uint64_t i = 0; i < n; i++) {
        const struct sample *sample = &s->clicks[i % CLICKS];

        if (avro_decode(s->plan, sample->bytes, sample->size, &s->arena, &click) != AVRO_OK)
            abort();
        s->sum += click.user_id.len + (uint64_t)click.event_time;
    }
    arena_reset(&s->arena);
}

static void decode_avro_c(struct subject *s, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        const struct sample *sample = &s->clicks[i % CLICKS];

        avro_value_reset(&s->click_value);
        avro_reader_memory_set_source(s->reader, (const char *)sample->bytes,
                                      (int64_t)sample->size);
        if (avro_value_read(s->reader, &s->click_value) != 0)
            abort();
    }
}

static void encode_ours(struct subject *s, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        s->list.event_time = 1700000001234 + (int64_t)i;
        s->sum += avro_encode(&recommendation_type, &s->list, s->out, sizeof(s->out));
    }
}

static void encode_avro_c(struct subject *s, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        avro_writer_reset(s->writer);
        if (avro_value_write(s->writer, &s->list_values[0]) != 0)
            abort();
        s->sum += (uint64_t)avro_writer_tell(s->writer);
    }
}

/* ---- the table ---- */

static const struct variant {
    const char *name;
    void (*run)(struct subject *s, uint64_t n);
    int base;   /* the variant that ratio 1.00 belongs to */
    int slower; /* by so much: fewer records in a round */
} variants[] = {
    {"decode click, ours", decode_ours, 0, 1},
    {"decode click, Avro-C", decode_avro_c, 0, 8},
    {"encode list of 20, ours", encode_ours, 2, 4},
    {"encode list of 20, Avro-C", encode_avro_c, 2, 32},
};

enum { N_VARIANTS = sizeof(variants) / sizeof(*variants) };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1 << 20;
    static double ns[N_VARIANTS][ROUNDS];
    static struct subject s;

    if (open_subject(&s) != 0) {
        fprintf(stderr, "bench_avro: cannot set up: %s\n", avro_strerror());
        return EXIT_FAILURE;
    }
    for (int round = -1; round < ROUNDS; round++) { /* one to warm up */
        for (int v = 0; v < N_VARIANTS; v++) {
            uint64_t records = n / (uint64_t)variants[v].slower + 1;
            double begin = now_ns();

            variants[v].run(&s, records);
            if (round >= 0)
                ns[v][round] = (now_ns() - begin) / (double)records;
        }
    }
    for (int v = 0; v < N_VARIANTS; v++)
        qsort(ns[v], ROUNDS, sizeof(ns[v][0]), by_value);

    printf("%-28s %14s %14s %8s\n", "", "ns/record min", "ns/record med", "ratio");
    for (int v = 0; v < N_VARIANTS; v++)
        printf("%-28s %14.1f %14.1f %8.2f\n", variants[v].name, ns[v][0], ns[v][ROUNDS / 2],
               ns[v][ROUNDS / 2] / ns[variants[v].base][ROUNDS / 2]);
    fprintf(stderr, "click %zu bytes, checksum %llu\n", s.clicks[1].size,
            (unsigned long long)s.sum);
    close_subject(&s);
    return EXIT_SUCCESS;
}
