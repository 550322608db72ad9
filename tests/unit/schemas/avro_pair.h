/* Two schemas and a plan between them, for tests; quotes in schemas are written as '. */
#ifndef FRESHET_TESTS_AVRO_PAIR_H
#define FRESHET_TESTS_AVRO_PAIR_H

#include "schemas/avro_private.h"
#include "tests/support/test_support.h"

#include <stdlib.h>

enum { PAIR_ARENA_BYTES = 64 << 20 };

struct pair {
    struct schema reader, writer;
    const struct slot *slot;
    struct avro_plan *plan;
    struct arena arena; /* slot and values */
    struct error err;
    uint8_t *bytes; /* of the last decoding */
    void *value;    /* decoded from them */
};

/* The text with ' turned into "; the caller frees it. */
static inline char *quoted(const char *text)
{
    char *copy = strdup(text);

    assert_non_null(copy);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

static inline enum status schema_of(struct schema *schema, const char *text, struct error *err)
{
    char *json = quoted(text);
    enum status status = schema_init(schema, json, strlen(json), err);

    free(json);
    return status;
}

/* A plan from writer to reader; pair->plan stays NULL when they do not fit. */
static inline enum status pair_init(struct pair *pair, const char *writer, const char *reader)
{
    memset(pair, 0, sizeof(*pair));
    arena_init(&pair->arena, PAIR_ARENA_BYTES);
    assert_int_equal(schema_of(&pair->writer, writer, &pair->err), OK);
    assert_int_equal(schema_of(&pair->reader, reader, &pair->err), OK);
    pair->slot = generic_slot(pair->reader.root, &pair->arena);
    assert_non_null(pair->slot);
    return avro_plan_make(&pair->writer, &pair->reader, pair->slot, &pair->plan, &pair->err);
}

static inline void pair_deinit(struct pair *pair)
{
    free(pair->bytes);
    avro_plan_close(pair->plan);
    schema_deinit(&pair->reader);
    schema_deinit(&pair->writer);
    arena_deinit(&pair->arena);
}

/* Decodes from a block of exactly n bytes, so that a sanitizer sees a step too far. */
static inline enum avro_result pair_decode(struct pair *pair, const void *bytes, size_t n)
{
    free(pair->bytes);
    pair->bytes = malloc(n ? n : 1);
    assert_non_null(pair->bytes);
    memcpy(pair->bytes, bytes, n);
    pair->value = arena_alloc(&pair->arena, pair->plan->size + 1);
    assert_non_null(pair->value);
    return avro_decode(pair->plan, pair->bytes, n, &pair->arena, pair->value);
}

/* For a literal, without its terminator. */
#define PAIR_DECODE(pair, literal) pair_decode(pair, literal, sizeof(literal) - 1)

#endif
