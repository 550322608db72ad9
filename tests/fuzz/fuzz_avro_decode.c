/*
 * Hostile schemas and hostile records together. The input is
 *
 *   writer's schema 0xff reader's schema 0xff bytes
 *
 * (0xff is in no JSON). Where the reader's schema is empty, one of our record types reads, and
 * where the writer's is empty too, it has also written. What can be decoded is encoded again,
 * which walks the whole value.
 */
#include "schemas/avro_private.h"

#include <stdlib.h>

enum {
    SEPARATOR = 0xff,
    ARENA_BYTES = 64 << 20,
    ENCODED_MAX = 1 << 20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct record_type *const types[] = {
    &click_event_type,   &order_event_type,        &catalog_item_type,   &user_record_type,
    &review_event_type,  &engagement_event_type,   &recommendation_type, &push_message_type,
    &email_message_type, &suppressed_message_type,
};

struct part {
    const char *text;
    size_t n;
};

static struct part cut(const uint8_t **data, size_t *size)
{
    const uint8_t *end = memchr(*data, SEPARATOR, *size);
    size_t n = end ? (size_t)(end - *data) : *size;
    struct part part = {(const char *)*data, n};

    *data += end ? n + 1 : n;
    *size -= end ? n + 1 : n;
    return part;
}

static void decode(const struct avro_plan *plan, const struct avro_encoder *encoder,
                   const uint8_t *data, size_t size)
{
    static uint8_t encoded[ENCODED_MAX];
    struct arena arena;
    void *value = malloc(plan->size + 1);

    ensure(value);
    arena_init(&arena, ARENA_BYTES);
    if (avro_decode(plan, data, size, &arena, value) == AVRO_OK)
        avro_encoder_run(encoder, value, encoded, sizeof(encoded));
    arena_deinit(&arena);
    free(value);
}

/* Our record as the reader. */
static void run_type(struct part writer, const uint8_t *data, size_t size)
{
    const struct record_type *type =
        types[size > 0 ? data[0] % (sizeof(types) / sizeof(*types)) : 0];
    const char *own = record_type_schema(type);
    struct avro_plan *plan = NULL;
    struct error err;

    if (writer.n == 0)
        writer = (struct part){own, strlen(own)};
    if (avro_plan_open(writer.text, writer.n, type, &plan, &err) != OK)
        return;
    decode(plan, record_codec_get(type)->encoder, data, size);
    avro_plan_close(plan);
}

static void run_pair(struct part writer_text, struct part reader_text, const uint8_t *data,
                     size_t size)
{
    struct schema writer = {0}, reader = {0};
    struct avro_plan *plan = NULL;
    struct avro_encoder *encoder = NULL;
    struct arena arena;
    struct error err;
    const struct slot *slot;

    arena_init(&arena, ARENA_BYTES);
    if (schema_init(&writer, writer_text.text, writer_text.n, &err) != OK ||
        schema_init(&reader, reader_text.text, reader_text.n, &err) != OK)
        goto done;
    slot = generic_slot(reader.root, &arena);
    if (slot && avro_plan_make(&writer, &reader, slot, &plan, &err) == OK &&
        avro_encoder_make(reader.root, slot, &encoder, &err) == OK)
        decode(plan, encoder, data, size);
done:
    avro_encoder_close(encoder);
    avro_plan_close(plan);
    schema_deinit(&writer);
    schema_deinit(&reader);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part writer = cut(&data, &size);
    struct part reader = cut(&data, &size);

    if (reader.n == 0)
        run_type(writer, data, size);
    else
        run_pair(writer, reader, data, size);
    return 0;
}
