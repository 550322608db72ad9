#include "core/verify_private.h"
#include "schemas/avro_codec.h"

#include <stdio.h>

/* Looked up, not registered: what was written has its schemas. */
static enum status know_schemas(struct runtime *runtime, struct error *err)
{
    struct output_schema schemas[OUTPUT_SCHEMAS_MAX];
    uint32_t n = runtime_output_schemas(runtime, schemas);

    for (uint32_t i = 0; i < n; i++) {
        char subject[300];

        snprintf(subject, sizeof(subject), "%s-value", schemas[i].topic);
        TRY(registry_lookup(runtime->registry, subject, record_type_schema(schemas[i].type),
                            schemas[i].out_id, err));
    }
    return OK;
}

static enum status meet_broker(struct runtime *runtime, struct error *err)
{
    rd_kafka_t *client;

    TRY(log_consumer_open(runtime->settings, false, &client, err));
    enum status status = runtime_read_metadata(runtime, client, VERIFY_TIMEOUT_MS, err);

    rd_kafka_destroy(client);
    return status;
}

enum status verify_runtime_open(struct runtime *runtime, struct error *err)
{
    const struct settings *settings = runtime->settings;
    const struct registry_options registry = {
        .url = settings->registry.url,
        .user = settings->registry.user,
        .password = settings->registry.password,
        .ca = settings->registry.ca,
    };

    TRY(runtime_load_campaigns(runtime, err));
    TRY(registry_open(&registry, &runtime->registry, err));
    TRY(meet_broker(runtime, err));
    TRY(know_schemas(runtime, err));
    return runtime_open_tables(runtime, err);
}
