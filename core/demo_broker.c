/*
 * librdkafka's mock cluster: real sockets and the real protocol, in memory, 5 MiB per
 * partition. It has no admin interface, so topics are made by its own function.
 */
#include "core/demo.h"
#include "core/topics.h"

#include <librdkafka/rdkafka_mock.h>

enum status demo_topics_create(rd_kafka_t *handle, const struct settings *settings,
                               struct error *err)
{
    rd_kafka_mock_cluster_t *cluster = rd_kafka_handle_mock_cluster(handle);
    struct topic topics[TOPICS_MAX];
    uint32_t n = topics_list(settings, topics);

    if (!cluster)
        return error_set(err, ERR_STATE, "this librdkafka has no embedded broker");
    for (uint32_t i = 0; i < n; i++) {
        bool single =
            topics[i].flags & TOPIC_SINGLE || !(topics[i].flags & (TOPIC_TASK | TOPIC_OUTPUT));
        rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(cluster, topics[i].name,
                                                              single ? 1 : DEMO_PARTITIONS, 1);

        if (code)
            return error_set(err, ERR_IO, "embedded broker: cannot make topic %s: %s",
                             topics[i].name, rd_kafka_err2str(code));
    }
    return OK;
}

const char *demo_bootstraps(rd_kafka_t *handle)
{
    return rd_kafka_mock_cluster_bootstraps(rd_kafka_handle_mock_cluster(handle));
}
