/*
 * The only file that sees <avro.h>: its names (AVRO_STRING, …) and ours must not meet.
 */
#include "schemas/schema_private.h"

#include <avro.h>

enum status schema_check_avro_c(const char *text, size_t len, struct error *err)
{
    avro_schema_t schema;

    if (avro_schema_from_json_length(text, len, &schema) != 0)
        return error_set(err, ERR_INVALID, "Avro-C refuses the schema: %s", avro_strerror());
    avro_schema_decref(schema);
    return OK;
}
