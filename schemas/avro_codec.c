/*
 * The public face: record types, and plans for them.
 *
 * A type's own schema and encoder are made when it is first used and kept for the life of the
 * program. Two threads may make the same one at once; the second finds the place taken and
 * throws its own away.
 */
#include "schemas/avro_private.h"
#include "schemas/avsc.h"

#include <stdatomic.h>
#include <stdlib.h>

const char *record_type_name(const struct record_type *type)
{
    return type->name;
}

size_t record_type_size(const struct record_type *type)
{
    return type->slot->size;
}

const char *record_type_schema(const struct record_type *type)
{
    const struct avsc *avsc = avsc_find(type->name);

    ensure(avsc);
    return avsc->json;
}

/* ---- our side of a type ---- */

static void record_codec_close(struct record_codec *codec)
{
    if (!codec)
        return;
    avro_encoder_close(codec->encoder);
    schema_deinit(&codec->schema);
    free(codec);
}

/* Our own schema file not parsing is a broken program, not an error of somebody's. */
static struct record_codec *record_codec_make(const struct record_type *type)
{
    struct record_codec *codec = calloc(1, sizeof(*codec));
    const char *text = record_type_schema(type);
    struct error err = {0};

    ensure(codec);
    ensure(schema_init(&codec->schema, text, strlen(text), &err) == OK);
    ensure(slot_holds(type->slot, codec->schema.root));
    ensure(avro_encoder_make(codec->schema.root, type->slot, &codec->encoder, &err) == OK);
    return codec;
}

const struct record_codec *record_codec_get(const struct record_type *type)
{
    struct record_codec *codec = atomic_load_explicit(type->codec, memory_order_acquire);

    if (codec)
        return codec;
    struct record_codec *made = record_codec_make(type);

    if (atomic_compare_exchange_strong(type->codec, &codec, made))
        return made;
    record_codec_close(made);
    return codec;
}

/* ---- plans and encoding ---- */

enum status avro_plan_open(const char *writer_json, size_t len, const struct record_type *type,
                           struct avro_plan **out, struct error *err)
{
    const struct record_codec *codec = record_codec_get(type);
    struct schema writer;
    enum status status;

    TRY(schema_init(&writer, writer_json, len, err));
    status = avro_plan_make(&writer, &codec->schema, type->slot, out, err);
    schema_deinit(&writer);
    return status;
}

size_t avro_encode(const struct record_type *type, const void *record, uint8_t *out,
                   size_t capacity)
{
    return avro_encoder_run(record_codec_get(type)->encoder, record, out, capacity);
}
