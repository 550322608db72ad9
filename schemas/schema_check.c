/*
 * Avro-C's opinion. The only file that sees <avro.h>: its names (AVRO_STRING, …) and ours must
 * not meet.
 */
#include "schemas/schema_private.h"

#include <avro.h>
#include <stdlib.h>

/* Avro-C has no use for these and refuses some that are right (a NUL in a default). */
static void strip(json_t *json)
{
    size_t i;
    const char *key;
    json_t *child;

    json_object_del(json, "default");
    json_object_del(json, "doc");
    json_object_del(json, "aliases");
    json_object_foreach(json, key, child)
    {
        strip(child);
    }
    json_array_foreach(json, i, child)
    {
        strip(child);
    }
}

static enum status check(const char *text, struct error *err)
{
    avro_schema_t schema;

    if (avro_schema_from_json_length(text, strlen(text), &schema) != 0)
        return error_set(err, ERR_INVALID, "Avro-C refuses the schema: %s", avro_strerror());
    avro_schema_decref(schema);
    return OK;
}

enum status schema_check_avro_c(const json_t *json, struct error *err)
{
    json_t *bare = json_deep_copy(json);
    char *text = NULL;
    enum status status;

    if (bare) {
        strip(bare);
        text = json_dumps(bare, JSON_ENCODE_ANY | JSON_COMPACT);
    }
    status = text ? check(text, err) : error_set(err, ERR_NOMEM, "Avro schema: out of memory");
    free(text);
    json_decref(bare);
    return status;
}
