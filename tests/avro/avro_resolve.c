/*
 * The codec as a filter, for the oracle: it compiles, decodes and encodes with schemas that
 * come in on stdin, one case a line, parts separated by tabs.
 *
 *   pair   READER WRITER HEX,HEX,…   any two schemas, and records of the writer's
 *   type   NAME WRITER HEX,HEX,…     one of our record types
 *
 * One line comes back for each: "plan SENTENCE" when the schemas do not fit, else for each
 * record "error WORD" or "value JSON HEX", separated by tabs: what was decoded (`pair` only)
 * and what the encoder makes of it again.
 *
 * JSON of a value: bytes {"b": hex}, float and double {"f": the bits of the double, in hex},
 * decimal {"d": unscaled}, record and map {"o": [[name, value], …]}; a union is just its value.
 */
#include "schemas/avro_private.h"
#include "schemas/avsc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ENCODED_MAX = 4 << 20,
    ARENA_MAX = 64 << 20,
};

struct filter {
    struct arena arena; /* slot and values of one line */
    uint8_t *encoded;   /* ENCODED_MAX */
};

struct pair { /* how the records of a line are read and written again */
    const struct avro_plan *plan;
    const struct avro_encoder *encoder;
    const struct schema_node *reader;
    const struct slot *slot; /* NULL: do not print the value */
};

static void print_value(const struct schema_node *schema, const struct slot *slot,
                        const uint8_t *value);

/* ---- JSON ---- */

static void print_text(struct str text)
{
    putchar('"');
    for (uint32_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_hex(const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", ((const uint8_t *)bytes)[i]);
}

static void print_bytes(struct str bytes)
{
    printf("{\"b\":\"");
    print_hex(bytes.ptr, bytes.len);
    printf("\"}");
}

static void print_real(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    printf("{\"f\":\"%016" PRIx64 "\"}", bits);
}

static void print_record(const struct schema_node *schema, const struct slot *slot,
                         const uint8_t *value)
{
    printf("{\"o\":[");
    for (uint32_t i = 0; i < schema->n; i++) {
        printf("%s[", i ? "," : "");
        print_text(schema->fields[i].name);
        putchar(',');
        print_value(schema->fields[i].type, slot->fields[i].slot,
                    value + slot->fields[i].offset);
        putchar(']');
    }
    printf("]}");
}

static void print_items(const struct schema_node *schema, const struct slot *slot,
                        const struct sequence *items)
{
    bool is_map = slot->kind == SLOT_MAP;

    printf(is_map ? "{\"o\":[" : "[");
    for (uint32_t i = 0; i < items->n; i++) {
        const uint8_t *at = (const uint8_t *)items->at + (size_t)i * slot->stride;

        printf(i ? "," : "");
        if (is_map) {
            putchar('[');
            print_text(*(const struct str *)(const void *)at);
            putchar(',');
        }
        print_value(schema->item, slot->item, at + slot->value_offset);
        printf(is_map ? "]" : "");
    }
    printf(is_map ? "]}" : "]");
}

static void print_optional(const struct schema_node *schema, const struct slot *slot,
                           const uint8_t *value)
{
    static const struct slot text = {.kind = SLOT_STR, .size = sizeof(struct str)};
    int other = schema->branches[0]->kind == SCHEMA_NULL;
    bool present = slot->kind == SLOT_OPTIONAL
                       ? *(const bool *)value
                       : ((const struct str *)(const void *)value)->ptr != NULL;

    if (!present)
        printf("null");
    else if (slot->kind == SLOT_OPTIONAL)
        print_value(schema->branches[other], slot->item, value + slot->value_offset);
    else
        print_value(schema->branches[other], &text, value);
}

static void print_value(const struct schema_node *schema, const struct slot *slot,
                        const uint8_t *value)
{
    const void *at = value;

    switch (slot->kind) {
    case SLOT_NOTHING:
        printf("null");
        break;
    case SLOT_BOOL:
        printf(*(const bool *)at ? "true" : "false");
        break;
    case SLOT_I32:
        printf("%" PRId32, *(const int32_t *)at);
        break;
    case SLOT_I64:
        printf("%" PRId64, *(const int64_t *)at);
        break;
    case SLOT_F32:
        print_real((double)*(const float *)at);
        break;
    case SLOT_F64:
        print_real(*(const double *)at);
        break;
    case SLOT_STR:
        if (schema->kind == SCHEMA_STRING)
            print_text(*(const struct str *)at);
        else
            print_bytes(*(const struct str *)at);
        break;
    case SLOT_ENUM:
        print_text(schema->symbols[*(const int32_t *)at]);
        break;
    case SLOT_DECIMAL:
        printf("{\"d\":%" PRId64 "}", *(const int64_t *)at);
        break;
    case SLOT_RECORD:
        print_record(schema, slot, at);
        break;
    case SLOT_POINTER:
        print_record(schema, slot->item, *(const uint8_t *const *)at);
        break;
    case SLOT_ARRAY:
    case SLOT_MAP:
        print_items(schema, slot, at);
        break;
    case SLOT_OPTIONAL:
    case SLOT_OPTIONAL_STR:
        print_optional(schema, slot, at);
        break;
    case SLOT_UNION:
        print_value(schema->branches[*(const int32_t *)at],
                    slot->branches[*(const int32_t *)at], value + slot->value_offset);
        break;
    }
}

/* ---- records of a line ---- */

/* Bytes of a hex text in a block of their own, so that a sanitizer sees any step beyond. */
static uint8_t *from_hex(const char *hex, size_t *out_n)
{
    size_t n = strlen(hex) / 2;
    uint8_t *bytes = malloc(n ? n : 1);

    ensure(bytes);
    for (size_t i = 0; i < n; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};

        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    *out_n = n;
    return bytes;
}

static const char *result_word(enum avro_result result)
{
    static const char *const words[] = {"ok", "bad", "trailing", "limit", "value", "nomem"};

    return words[result];
}

static void run_record(struct filter *f, const struct pair *pair, const char *hex)
{
    size_t n;
    uint8_t *bytes = from_hex(hex, &n);
    void *value = arena_alloc(&f->arena, pair->plan->size);

    ensure(value);
    enum avro_result result = avro_decode(pair->plan, bytes, n, &f->arena, value);

    if (result != AVRO_OK) {
        printf("error %s", result_word(result));
    } else {
        printf("value ");
        if (pair->slot)
            print_value(pair->reader, pair->slot, value);
        putchar(' ');
        print_hex(f->encoded, avro_encoder_run(pair->encoder, value, f->encoded, ENCODED_MAX));
    }
    free(bytes);
}

static void run_records(struct filter *f, const struct pair *pair, char *list)
{
    for (const char *separator = ""; list; separator = "\t") {
        char *hex = strsep(&list, ",");

        fputs(separator, stdout);
        run_record(f, pair, hex);
    }
    putchar('\n');
}

/* ---- cases ---- */

static void run_pair(struct filter *f, const char *reader_text, const char *writer_text,
                     char *list)
{
    struct schema reader = {0}, writer = {0};
    struct avro_plan *plan = NULL;
    struct avro_encoder *encoder = NULL;
    const struct slot *slot;
    struct error err = {0};

    if (schema_init(&reader, reader_text, strlen(reader_text), &err) != OK ||
        schema_init(&writer, writer_text, strlen(writer_text), &err) != OK) {
        printf("schema %s\n", err.text);
        goto done;
    }
    slot = generic_slot(reader.root, &f->arena);
    ensure(slot);
    if (avro_plan_make(&writer, &reader, slot, &plan, &err) != OK) {
        printf("plan %s\n", err.text);
        goto done;
    }
    if (avro_encoder_make(reader.root, slot, &encoder, &err) != OK) {
        printf("encoder %s\n", err.text);
        goto done;
    }
    run_records(f, &(struct pair){plan, encoder, reader.root, slot}, list);
done:
    avro_encoder_close(encoder);
    avro_plan_close(plan);
    schema_deinit(&reader);
    schema_deinit(&writer);
}

static const struct record_type *type_by_name(const char *name)
{
    static const struct record_type *const types[] = {
        &click_event_type,   &order_event_type,        &catalog_item_type,   &user_record_type,
        &review_event_type,  &engagement_event_type,   &recommendation_type, &push_message_type,
        &email_message_type, &suppressed_message_type,
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (strcmp(record_type_name(types[i]), name) == 0)
            return types[i];
    }
    return NULL;
}

static void run_type(struct filter *f, const char *name, const char *writer, char *list)
{
    const struct record_type *type = type_by_name(name);
    struct avro_plan *plan = NULL;
    struct error err = {0};

    ensure(type);
    if (avro_plan_open(writer, strlen(writer), type, &plan, &err) != OK)
        printf("plan %s\n", err.text);
    else
        run_records(f, &(struct pair){plan, record_codec_get(type)->encoder, NULL, NULL}, list);
    avro_plan_close(plan);
}

int main(void)
{
    struct filter f = {.encoded = malloc(ENCODED_MAX)};
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;

    ensure(f.encoded);
    arena_init(&f.arena, ARENA_MAX);
    while ((n = getline(&line, &capacity, stdin)) > 0) {
        char *rest = line;

        line[n - 1] = line[n - 1] == '\n' ? 0 : line[n - 1];
        const char *kind = strsep(&rest, "\t");
        const char *reader = strsep(&rest, "\t");
        const char *writer = strsep(&rest, "\t");

        if (!rest) {
            fprintf(stderr, "avro_resolve: a line has four parts\n");
            return 2;
        }
        arena_reset(&f.arena);
        if (strcmp(kind, "type") == 0)
            run_type(&f, reader, writer, rest);
        else
            run_pair(&f, reader, writer, rest);
    }
    arena_deinit(&f.arena);
    free(f.encoded);
    free(line);
    return 0;
}
