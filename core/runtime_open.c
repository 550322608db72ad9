/* The parts of a runtime that run and verify build alike; see runtime.h. */
#include "core/runtime.h"

#include "schemas/avro_codec.h"

#include <stdio.h>
#include <stdlib.h>

void runtime_init(struct runtime *runtime, const struct settings *settings)
{
    runtime->settings = settings;
    runtime->plan = memory_plan(settings);
    pthread_rwlock_init(&runtime->homes_lock, NULL);
    pthread_mutex_init(&runtime->failure_lock, NULL);
    pthread_mutex_init(&runtime->refusals_lock, NULL);
    pthread_mutex_init(&runtime->news.lock, NULL);
    runtime->refusals_end = &runtime->refusals;
}

/* Partitions of a topic in the broker's answer; 0: no such topic. */
static uint32_t count_partitions(const struct rd_kafka_metadata *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, topic) == 0 && !metadata->topics[i].err)
            return (uint32_t)metadata->topics[i].partition_cnt;
    }
    return 0;
}

enum status runtime_read_metadata(struct runtime *runtime, rd_kafka_t *client, int timeout_ms,
                                  struct error *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, timeout_ms);

    if (code)
        return error_set(err, ERR_TIMEOUT, "the broker does not answer: %s",
                         rd_kafka_err2str(code));
    char *cluster = rd_kafka_clusterid(client, timeout_ms);

    snprintf(runtime->cluster_id, sizeof(runtime->cluster_id), "%s", cluster ? cluster : "");
    rd_kafka_mem_free(client, cluster);
    runtime->n_partitions = count_partitions(metadata, runtime->settings->topics.clickstream);
    runtime->n_catalog_partitions =
        count_partitions(metadata, runtime->settings->topics.catalog);
    rd_kafka_metadata_destroy(metadata);
    if (!runtime->n_partitions || !runtime->n_catalog_partitions)
        return error_set(err, ERR_INVALID,
                         "topic '%s' does not exist; run 'freshet topics create -c FILE'",
                         runtime->n_partitions ? runtime->settings->topics.catalog
                                               : runtime->settings->topics.clickstream);
    if (runtime->n_partitions > TASKS_MAX ||
        runtime->n_catalog_partitions > CATALOG_PARTITIONS_MAX)
        return error_set(err, ERR_INVALID,
                         "'%s' may have at most %d partitions and '%s' at most %d",
                         runtime->settings->topics.clickstream, TASKS_MAX,
                         runtime->settings->topics.catalog, CATALOG_PARTITIONS_MAX);
    return OK;
}

uint32_t runtime_output_schemas(struct runtime *runtime,
                                struct output_schema out[OUTPUT_SCHEMAS_MAX])
{
    const struct settings *settings = runtime->settings;
    const struct output_schema schemas[] = {
        {settings->topics.recommendations, &recommendation_type, &runtime->ids.recommendation},
        {settings->topics.content_push, &push_message_type, &runtime->ids.push},
        {settings->topics.content_email, &email_message_type, &runtime->ids.email},
        {settings->topics.suppressed, &suppressed_message_type, &runtime->ids.suppressed},
    };
    _Static_assert(sizeof(schemas) / sizeof(schemas[0]) <= OUTPUT_SCHEMAS_MAX, "room for all");

    memcpy(out, schemas, sizeof(schemas));
    return sizeof(schemas) / sizeof(schemas[0]);
}

void runtime_model_config(struct runtime *runtime)
{
    runtime->model_config = item_model_defaults();
    runtime->model_config.items_max = runtime->plan.items_max;
    runtime->model_config.catalog_partitions = runtime->n_catalog_partitions;
}

enum status runtime_open_tables(struct runtime *runtime, struct error *err)
{
    runtime->homes = calloc(runtime->n_partitions, sizeof(struct task_home *));
    runtime->status = calloc(runtime->n_partitions, sizeof(*runtime->status));
    if (!runtime->homes || !runtime->status)
        return error_set(err, ERR_NOMEM, "out of memory");
    runtime_model_config(runtime);
    return OK;
}

enum status runtime_load_campaigns(struct runtime *runtime, struct error *err)
{
    const struct settings *settings = runtime->settings;
    struct campaign_options options = {
        .campaigns_dir = settings->campaigns.dir,
        .templates_dir = settings->campaigns.templates,
        .live_max_age_ms = settings->live_max_age_ms,
        .default_locale = settings->locale,
        .default_time_zone = settings->time_zone,
    };

    return campaign_set_load(&options, &runtime->campaigns, err);
}

void runtime_deinit(struct runtime *runtime)
{
    struct task_position all;

    item_fold_close(runtime->fold);
    state_db_close(runtime->db);
    campaign_set_close(runtime->campaigns);
    registry_close(runtime->registry);
    task_position_init(&all);
    for (int p = 0; p < CATALOG_PARTITIONS_MAX; p++)
        all.catalog_refused_next[p] = INT64_MAX;
    refusals_drop(runtime, &all);
    free(runtime->homes);
    free(runtime->status);
    pthread_rwlock_destroy(&runtime->homes_lock);
    pthread_mutex_destroy(&runtime->failure_lock);
    pthread_mutex_destroy(&runtime->refusals_lock);
    pthread_mutex_destroy(&runtime->news.lock);
}
