/* A librdkafka configuration with the shop's properties, for the program's own clients. */
#ifndef FRESHET_CORE_KAFKA_CONF_H
#define FRESHET_CORE_KAFKA_CONF_H

#include "core/base/settings.h"

#include <librdkafka/rdkafka.h>

enum kafka_side { KAFKA_CONSUMER, KAFKA_PRODUCER };

/**
 * The properties of kafka, then those of kafka.consumer or kafka.producer. ERR_INVALID: the
 * sentence names the property and where it was given. *out is the caller's, to be given to
 * rd_kafka_new() or rd_kafka_conf_destroy().
 */
enum status kafka_conf_open(const struct settings *settings, enum kafka_side side,
                            rd_kafka_conf_t **out, struct error *err);

#endif
