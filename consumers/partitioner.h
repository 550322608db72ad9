/*
 * Which partition the shop's producers put a key into (the setting `partitioner`).
 */
#ifndef FRESHET_CONSUMERS_PARTITIONER_H
#define FRESHET_CONSUMERS_PARTITIONER_H

#include "core/base/str.h"

#include <librdkafka/rdkafka.h>

/** librdkafka's own partitioners by their property's name, the _random ones included (they
 *  differ for empty keys only, and ours are never empty). Unknown names: murmur2. */
static inline int32_t partition_of(const char *partitioner, struct str key, int32_t n)
{
    if (strncmp(partitioner, "consistent", 10) == 0)
        return rd_kafka_msg_partitioner_consistent(NULL, key.ptr, key.len, n, NULL, NULL);
    if (strncmp(partitioner, "fnv1a", 5) == 0)
        return rd_kafka_msg_partitioner_fnv1a(NULL, key.ptr, key.len, n, NULL, NULL);
    return rd_kafka_msg_partitioner_murmur2(NULL, key.ptr, key.len, n, NULL, NULL);
}

#endif
