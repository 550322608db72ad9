/*
 * Topics on the broker, through librdkafka's admin interface: what is there, and making what
 * is missing.
 *
 * Two questions: metadata of all topics at once (naming one that is missing could make a broker
 * create it), then the configuration of those that exist. All waits are bounded, and the last
 * error of the client goes into the sentence, because "timed out" alone helps nobody.
 */
#include "core/topics.h"

#include "core/base/clock.h"
#include "core/kafka_conf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    REQUEST_TIMEOUT_MS = 15000,
    TEXT_MAX = 256,
    DEFAULT_MESSAGE_BYTES = 1048588, /* Kafka's max.message.bytes */
    SEEN_WITHIN_MS = 30000,          /* a topic made, until the brokers tell of it */
    SEEN_POLL_MS = 50,
};

#define DELETE_RETENTION_MS "604800000" /* 7 days */

struct admin {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    const char *brokers;
    pthread_mutex_t lock;
    char last_error[TEXT_MAX]; /* under the lock: librdkafka's threads write it */
};

static void note_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct admin *admin = opaque;

    (void)client;
    (void)code;
    pthread_mutex_lock(&admin->lock);
    snprintf(admin->last_error, sizeof(admin->last_error), "%s", reason);
    pthread_mutex_unlock(&admin->lock);
}

/* The error callback has the same text; the log would print it a second time. */
static void drop_log(const rd_kafka_t *client, int level, const char *facility,
                     const char *text)
{
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

static void admin_close(struct admin *admin)
{
    if (admin->queue)
        rd_kafka_queue_destroy(admin->queue);
    if (admin->client)
        rd_kafka_destroy(admin->client);
    pthread_mutex_destroy(&admin->lock);
}

static enum status admin_open(const struct settings *settings, struct admin *admin,
                              struct error *err)
{
    rd_kafka_conf_t *conf = NULL;
    char text[TEXT_MAX];

    memset(admin, 0, sizeof(*admin));
    pthread_mutex_init(&admin->lock, NULL);
    admin->brokers = kafka_property_find(&settings->kafka_producer, "bootstrap.servers");
    if (!admin->brokers)
        admin->brokers = kafka_property_find(&settings->kafka, "bootstrap.servers");
    TRY(kafka_conf_open(settings, KAFKA_PRODUCER, &conf, err));
    rd_kafka_conf_set(conf, "allow.auto.create.topics", "false", text, sizeof(text));
    rd_kafka_conf_set_opaque(conf, admin);
    rd_kafka_conf_set_error_cb(conf, note_error);
    rd_kafka_conf_set_log_cb(conf, drop_log);
    admin->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!admin->client) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERR_INVALID, "kafka: %s", text);
    }
    admin->queue = rd_kafka_queue_new(admin->client);
    return OK;
}

static enum status unreachable(struct admin *admin, const char *what, struct error *err)
{
    enum status status;

    rd_kafka_poll(admin->client, 0); /* lets the last error through */
    pthread_mutex_lock(&admin->lock);
    status = error_set(err, ERR_IO,
                       "kafka %s: %s%s%s; check that the broker runs and "
                       "kafka.bootstrap.servers names it",
                       admin->brokers ? admin->brokers : "", what,
                       admin->last_error[0] ? ": " : "", admin->last_error);
    pthread_mutex_unlock(&admin->lock);
    return status;
}

static enum status fetch_metadata(struct admin *admin, const struct topic *topics, uint32_t n,
                                  struct topic_facts *facts, struct error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(admin->client, 1, NULL, &metadata, REQUEST_TIMEOUT_MS);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return unreachable(admin, rd_kafka_err2str(code), err);
    for (uint32_t i = 0; i < n; i++) {
        for (int t = 0; t < metadata->topic_cnt; t++) {
            const struct rd_kafka_metadata_topic *at = &metadata->topics[t];

            if (strcmp(at->topic, topics[i].name) == 0 && at->partition_cnt > 0) {
                facts[i].exists = true;
                facts[i].partitions = at->partition_cnt;
                facts[i].replicas = at->partitions[0].replica_cnt;
            }
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return OK;
}

static void read_config(struct topic_facts *facts, const char *name, const char *value)
{
    const struct {
        const char *name;
        int64_t *target;
    } numbers[] = {
        {"retention.ms", &facts->retention_ms},
        {"retention.bytes", &facts->retention_bytes},
        {"delete.retention.ms", &facts->delete_retention_ms},
        {"min.compaction.lag.ms", &facts->compaction_lag_ms},
        {"max.message.bytes", &facts->max_message_bytes},
    };

    if (strcmp(name, "cleanup.policy") == 0) {
        facts->compacts = strstr(value, "compact") != NULL;
        facts->deletes = strstr(value, "delete") != NULL;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(name, numbers[i].name) == 0)
            *numbers[i].target = strtoll(value, NULL, 10);
    }
}

static enum status read_configs(const rd_kafka_ConfigResource_t *resource,
                                struct topic_facts *facts, struct error *err)
{
    size_t n;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &n);

    if (rd_kafka_ConfigResource_error(resource) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(err, ERR_IO, "kafka: cannot read the configuration of topic %s: %s",
                         rd_kafka_ConfigResource_name(resource),
                         rd_kafka_ConfigResource_error_string(resource));
    for (size_t i = 0; i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (value)
            read_config(facts, rd_kafka_ConfigEntry_name(entries[i]), value);
    }
    return OK;
}

/* Waits for one admin answer of this type; NULL with err set. To be destroyed. */
static rd_kafka_event_t *wait_for(struct admin *admin, rd_kafka_event_type_t type,
                                  const char *what, struct error *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, REQUEST_TIMEOUT_MS + 1000);

    if (event && rd_kafka_event_type(event) == type &&
        rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    if (event && rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        error_set(err, ERR_IO, "kafka %s: cannot %s: %s", admin->brokers ? admin->brokers : "",
                  what, rd_kafka_event_error_string(event));
    else
        unreachable(admin, "no answer in time", err);
    if (event)
        rd_kafka_event_destroy(event);
    return NULL;
}

static rd_kafka_AdminOptions_t *options_for(struct admin *admin, rd_kafka_admin_op_t operation)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->client, operation);
    char text[TEXT_MAX];

    rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_TIMEOUT_MS, text, sizeof(text));
    return options;
}

static enum status fetch_configs(struct admin *admin, const struct topic *topics, uint32_t n,
                                 struct topic_facts *facts, struct error *err)
{
    rd_kafka_ConfigResource_t *asked[TOPICS_MAX];
    uint32_t index[TOPICS_MAX], n_asked = 0;
    rd_kafka_AdminOptions_t *options;
    const rd_kafka_ConfigResource_t **answers;
    rd_kafka_event_t *event;
    enum status status = OK;
    size_t n_answers;

    for (uint32_t i = 0; i < n; i++) {
        if (facts[i].exists) {
            index[n_asked] = i;
            asked[n_asked++] =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i].name);
        }
    }
    if (n_asked == 0)
        return OK;
    options = options_for(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(admin->client, asked, n_asked, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(asked, n_asked);
    event = wait_for(admin, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT,
                     "read the topics' configuration", err);
    if (!event)
        return ERR_IO;
    answers = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &n_answers);
    for (size_t a = 0; a < n_answers && status == OK; a++) {
        for (uint32_t i = 0; i < n_asked && status == OK; i++) {
            if (strcmp(topics[index[i]].name, rd_kafka_ConfigResource_name(answers[a])) == 0)
                status = read_configs(answers[a], &facts[index[i]], err);
        }
    }
    rd_kafka_event_destroy(event);
    return status;
}

static enum status fetch(struct admin *admin, const struct topic *topics, uint32_t n,
                         struct topic_facts *facts, struct error *err)
{
    memset(facts, 0, n * sizeof(*facts));
    TRY(fetch_metadata(admin, topics, n, facts, err));
    return fetch_configs(admin, topics, n, facts, err);
}

enum status topics_fetch(const struct settings *settings, const struct topic *topics,
                         uint32_t n, struct topic_facts *facts, struct error *err)
{
    struct admin admin;
    enum status status = admin_open(settings, &admin, err);

    if (status == OK)
        status = fetch(&admin, topics, n, facts, err);
    admin_close(&admin);
    return status;
}

/* ---- making topics ---- */

static int partitions_for(const struct settings *settings, const struct topic *topics,
                          const struct topic_facts *facts, uint32_t n,
                          const struct topic *topic)
{
    int partitions = (int)settings->topics_partitions;

    if (topic->flags & TOPIC_SINGLE)
        return 1;
    for (uint32_t i = 0; i < n && topic->flags & TOPIC_TASK; i++) {
        if (topics[i].flags & TOPIC_TASK && facts[i].exists)
            partitions = facts[i].partitions;
    }
    return partitions < topic->partitions_max ? partitions : topic->partitions_max;
}

static int64_t largest_input(const struct topic *topics, const struct topic_facts *facts,
                             uint32_t n)
{
    int64_t largest = DEFAULT_MESSAGE_BYTES;

    for (uint32_t i = 0; i < n; i++) {
        if (topics[i].flags & TOPIC_INPUT && facts[i].exists &&
            facts[i].max_message_bytes > largest)
            largest = facts[i].max_message_bytes;
    }
    return largest;
}

static void configure(rd_kafka_NewTopic_t *made, const struct settings *settings,
                      const struct topic *topic, int64_t largest)
{
    char retention[32], bytes[32];

    snprintf(retention, sizeof(retention), "%lld", (long long)settings->topics_retention_ms);
    snprintf(bytes, sizeof(bytes), "%lld", (long long)(largest + TOPIC_EXTRA_BYTES));
    if (topic->flags & TOPIC_COMPACTED) {
        rd_kafka_NewTopic_set_config(made, "cleanup.policy", "compact");
        rd_kafka_NewTopic_set_config(made, "delete.retention.ms", DELETE_RETENTION_MS);
    } else {
        rd_kafka_NewTopic_set_config(made, "cleanup.policy", "delete");
        rd_kafka_NewTopic_set_config(made, "retention.ms", retention);
    }
    if (topic->flags & TOPIC_COMPACTED && topic->flags & TOPIC_INPUT)
        rd_kafka_NewTopic_set_config(made, "min.compaction.lag.ms", retention);
    if (topic->flags & (TOPIC_OUTPUT | TOPIC_INTERNAL))
        rd_kafka_NewTopic_set_config(made, "max.message.bytes", bytes);
}

struct creation {
    const struct topic *topics;
    uint32_t n;
    topic_made *made;
    void *context;
    int partitions[TOPICS_MAX];
};

static enum status report_created(const struct creation *creation, rd_kafka_event_t *event,
                                  struct error *err)
{
    size_t n_results;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event), &n_results);
    enum status status = OK;

    for (size_t r = 0; r < n_results; r++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[r]);
        bool raced =
            code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS; /* made by another just now */
        const char *name = rd_kafka_topic_result_name(results[r]);

        for (uint32_t i = 0; i < creation->n; i++) {
            if (strcmp(creation->topics[i].name, name) == 0)
                creation->made(
                    creation->context, &creation->topics[i], creation->partitions[i], raced,
                    code && !raced ? rd_kafka_topic_result_error_string(results[r]) : NULL);
        }
        if (code && !raced)
            status = error_set(err, ERR_INVALID, "topic %s cannot be made: %s", name,
                               rd_kafka_topic_result_error_string(results[r]));
    }
    return status;
}

static enum status create(struct admin *admin, const struct settings *settings,
                          struct creation *creation, const struct topic_facts *facts,
                          struct error *err)
{
    rd_kafka_NewTopic_t *asked[TOPICS_MAX];
    int64_t largest = largest_input(creation->topics, facts, creation->n);
    int replication = settings->topics_replication ? (int)settings->topics_replication : -1;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *event;
    uint32_t n_asked = 0;
    enum status status;
    char text[TEXT_MAX];

    for (uint32_t i = 0; i < creation->n; i++) {
        const struct topic *topic = &creation->topics[i];

        if (facts[i].exists) {
            creation->made(creation->context, topic, facts[i].partitions, true, NULL);
            continue;
        }
        creation->partitions[i] =
            partitions_for(settings, creation->topics, facts, creation->n, topic);
        asked[n_asked] = rd_kafka_NewTopic_new(topic->name, creation->partitions[i],
                                               replication, text, sizeof(text));
        if (!asked[n_asked]) {
            rd_kafka_NewTopic_destroy_array(asked, n_asked);
            return error_set(err, ERR_INVALID, "topic %s cannot be made: %s", topic->name,
                             text);
        }
        configure(asked[n_asked++], settings, topic, largest);
    }
    if (n_asked == 0)
        return OK;
    options = options_for(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(options, REQUEST_TIMEOUT_MS, text,
                                                sizeof(text));
    rd_kafka_CreateTopics(admin->client, asked, n_asked, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy_array(asked, n_asked);
    event = wait_for(admin, RD_KAFKA_EVENT_CREATETOPICS_RESULT, "make topics", err);
    if (!event)
        return ERR_IO;
    status = report_created(creation, event, err);
    rd_kafka_event_destroy(event);
    return status;
}

static uint32_t count_missing(const struct topic_facts *facts, uint32_t n)
{
    uint32_t missing = 0;

    for (uint32_t i = 0; i < n; i++)
        missing += !facts[i].exists;
    return missing;
}

/*
 * The controller answers when it has decided; brokers tell of the topics a little later.
 * Whoever starts the program right after this command must find them, so it ends when they are
 * seen.
 */
static enum status wait_until_seen(struct admin *admin, const struct topic *topics, uint32_t n,
                                   struct error *err)
{
    int64_t end_ns = clock_mono_ns() + (int64_t)SEEN_WITHIN_MS * 1000000;
    struct topic_facts facts[TOPICS_MAX];
    uint32_t missing = n;

    while (clock_mono_ns() < end_ns) {
        enum status status = fetch(admin, topics, n, facts, err);

        missing = count_missing(facts, n);
        if (status == OK && missing == 0)
            return OK;
        usleep(SEEN_POLL_MS * 1000);
    }
    return error_set(
        err, ERR_IO,
        "the topics are made, but after %d s the broker does not tell of %u of them; "
        "see the broker's log, then `freshet topics check`",
        SEEN_WITHIN_MS / 1000, missing);
}

enum status topics_create(const struct settings *settings, topic_made *made, void *context,
                          struct error *err)
{
    struct topic topics[TOPICS_MAX];
    struct topic_facts facts[TOPICS_MAX];
    struct creation creation = {.topics = topics, .made = made, .context = context};
    struct admin admin;
    enum status status = admin_open(settings, &admin, err);

    creation.n = topics_list(settings, topics);
    if (status == OK)
        status = fetch(&admin, topics, creation.n, facts, err);
    if (status == OK)
        status = create(&admin, settings, &creation, facts, err);
    if (status == OK)
        status = wait_until_seen(&admin, topics, creation.n, err);
    admin_close(&admin);
    return status;
}
