/*
 * librdkafka's mock cluster for unit tests: one broker in this process, real sockets and the
 * real protocol, nothing on disk. Include it in programs that link librdkafka.
 */
#ifndef FRESHET_TESTS_KAFKA_MOCK_H
#define FRESHET_TESTS_KAFKA_MOCK_H

#include "tests/support/test_support.h"

#include "core/base/settings.h"

#include <librdkafka/rdkafka_mock.h>
#include <string.h>

enum { KAFKA_MOCK_TIMEOUT_MS = 10000 };

struct kafka_mock {
    rd_kafka_t *host, *producer;
    rd_kafka_mock_cluster_t *cluster;
};

/** Starts it; settings get their defaults and its address. */
static inline void kafka_mock_open(struct kafka_mock *mock, struct settings *settings)
{
    rd_kafka_conf_t *conf[2] = {rd_kafka_conf_new(), rd_kafka_conf_new()};
    char text[256];

    rd_kafka_conf_set(conf[0], "log_level", "0", text, sizeof(text)); /* it has no broker */
    mock->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf[0], text, sizeof(text));
    mock->cluster = rd_kafka_mock_cluster_new(mock->host, 1);
    settings_init(settings);
    settings->kafka.n = 1;
    strcpy(settings->kafka.at[0].name, "bootstrap.servers");
    strcpy(settings->kafka.at[0].value, rd_kafka_mock_cluster_bootstraps(mock->cluster));
    rd_kafka_conf_set(conf[1], "bootstrap.servers", settings->kafka.at[0].value, text,
                      sizeof(text));
    mock->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf[1], text, sizeof(text));
}

static inline void kafka_mock_close(struct kafka_mock *mock)
{
    rd_kafka_destroy(mock->producer);
    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->host);
}

/** To be made before anything is put into it: else the producer finds it after a second. */
static inline void kafka_mock_topic(struct kafka_mock *mock, const char *topic,
                                    int n_partitions)
{
    rd_kafka_mock_topic_create(mock->cluster, topic, n_partitions, 1);
}

/** value NULL: a tombstone; timestamp_ms 0: now. Delivered at the next flush. */
static inline void kafka_mock_put(struct kafka_mock *mock, const char *topic, int32_t partition,
                                  const char *key, const void *value, size_t n,
                                  int64_t timestamp_ms)
{
    assert_int_equal(rd_kafka_producev(mock->producer, RD_KAFKA_V_TOPIC(topic),
                                       RD_KAFKA_V_PARTITION(partition),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_KEY(key, strlen(key)),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)value, n),
                                       RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_END),
                     0);
}

static inline void kafka_mock_flush(struct kafka_mock *mock)
{
    assert_int_equal(rd_kafka_flush(mock->producer, KAFKA_MOCK_TIMEOUT_MS), 0);
}

#endif
