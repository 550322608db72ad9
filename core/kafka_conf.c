#include "core/kafka_conf.h"

static enum status set_all(rd_kafka_conf_t *conf, const struct settings *settings,
                           const char *key, const struct kafka_properties *properties,
                           struct error *err)
{
    char text[256], origin[SETTING_TEXT_MAX + 16];

    for (uint32_t i = 0; i < properties->n; i++) {
        const struct kafka_property *property = &properties->at[i];

        if (rd_kafka_conf_set(conf, property->name, property->value, text, sizeof(text)) ==
            RD_KAFKA_CONF_OK)
            continue;
        settings_origin_text(settings, &property->origin, origin, sizeof(origin));
        return error_set(
            err, ERR_INVALID, "%s: %s.%s: librdkafka says: %s", origin, key, property->name,
            kafka_property_is_secret(property->name) ? "the value is not accepted" : text);
    }
    return OK;
}

enum status kafka_conf_open(const struct settings *settings, enum kafka_side side,
                            rd_kafka_conf_t **out, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool consumer = side == KAFKA_CONSUMER;
    enum status status = set_all(conf, settings, "kafka", &settings->kafka, err);

    if (status == OK)
        status = set_all(conf, settings, consumer ? "kafka.consumer" : "kafka.producer",
                         consumer ? &settings->kafka_consumer : &settings->kafka_producer, err);
    if (status != OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    *out = conf;
    return OK;
}
