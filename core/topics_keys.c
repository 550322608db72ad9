/*
 * Are keys where they should be? A shop whose producers hash differently has one user's clicks
 * in one task and their orders in another, and nothing fails: lists are merely poor. So the
 * newest keys of every input are looked at.
 *
 * Each key is put to all partitioners at once: if another one fits every key, the sentence can
 * say which setting is meant.
 */
#include "core/topics.h"

#include "core/kafka_conf.h"

#include "core/base/clock.h"

#include <string.h>

static const struct {
    const char *name;
    int32_t (*place)(const rd_kafka_topic_t *topic, const void *key, size_t n,
                     int32_t n_partitions, void *topic_opaque, void *message_opaque);
} partitioners[KEY_PARTITIONERS] = {
    {"murmur2", rd_kafka_msg_partitioner_murmur2},
    {"consistent", rd_kafka_msg_partitioner_consistent},
    {"fnv1a", rd_kafka_msg_partitioner_fnv1a},
};

void key_sample_add(struct key_sample *sample, const void *key, size_t n, int32_t partition,
                    int32_t n_partitions)
{
    sample->n++;
    for (int p = 0; p < KEY_PARTITIONERS; p++) {
        if (partitioners[p].place(NULL, key, n, n_partitions, NULL, NULL) != partition) {
            sample->n_misplaced[p]++;
            sample->example[p] = partition;
        }
    }
}

static int setting_index(const struct settings *settings)
{
    int p = 0;

    while (strcmp(partitioners[p].name, settings->partitioner) != 0)
        ensure(++p < KEY_PARTITIONERS); /* the setting allows no others */
    return p;
}

/* A partitioner that fits all keys of all topics, other than ours; NULL. */
static const char *better_partitioner(const struct key_sample *samples, uint32_t n)
{
    for (int p = 0; p < KEY_PARTITIONERS; p++) {
        uint32_t n_misplaced = 0;

        for (uint32_t i = 0; i < n; i++)
            n_misplaced += samples[i].n_misplaced[p];
        if (n_misplaced == 0)
            return partitioners[p].name;
    }
    return NULL;
}

int topics_compare_keys(const struct settings *settings, const struct topic *topics,
                        const struct key_sample *samples, uint32_t n, topic_report *report,
                        void *context)
{
    int ours = setting_index(settings), worst = -1;
    const char *better = better_partitioner(samples, n);
    char sentence[ERROR_TEXT_MAX];

    for (uint32_t i = 0; i < n; i++) {
        if (samples[i].n_misplaced[ours] == 0)
            continue;
        snprintf(sentence, sizeof(sentence),
                 "topic %s: %u of the newest %u keys are not where %s puts them (partition %d "
                 "has one): %s%s",
                 topics[i].name, samples[i].n_misplaced[ours], samples[i].n,
                 settings->partitioner, samples[i].example[ours],
                 better ? "all fit the setting partitioner: "
                        : "let its producers use this partitioner and write its records anew",
                 better ? better : "");
        report(context, TOPIC_DIFFERS, sentence);
        worst = TOPIC_DIFFERS;
    }
    return worst;
}

/* ---- reading the newest keys ---- */

static void drop_log(const rd_kafka_t *client, int level, const char *facility,
                     const char *text)
{
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

static enum status open_consumer(const struct settings *settings, rd_kafka_t **out,
                                 struct error *err)
{
    static const char *const ours[][2] = {
        {"enable.auto.commit", "false"},       {"enable.partition.eof", "true"},
        {"auto.offset.reset", "latest"},       {"isolation.level", "read_uncommitted"},
        {"allow.auto.create.topics", "false"}, {"queued.min.messages", "1"},
    };
    rd_kafka_conf_t *conf = NULL;
    char text[256];

    TRY(kafka_conf_open(settings, KAFKA_CONSUMER, &conf, err));
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        rd_kafka_conf_set(conf, ours[i][0], ours[i][1], text, sizeof(text));
    rd_kafka_conf_set(conf, "group.id", settings->app, text, sizeof(text)); /* never joined */
    rd_kafka_conf_set_log_cb(conf, drop_log);
    *out = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!*out) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERR_INVALID, "kafka: %s", text);
    }
    rd_kafka_poll_set_consumer(*out);
    return OK;
}

static int find_topic(const struct topic *topics, uint32_t n, const char *name)
{
    uint32_t i = 0;

    while (i < n && strcmp(topics[i].name, name) != 0)
        i++;
    return i < n ? (int)i : -1;
}

/* Until every partition has reported its end or enough was seen; how many ends are missing when
 * time is up (a busy topic may have none, a broker that went away gives none). */
static int read_keys(rd_kafka_t *consumer, const struct topic *topics,
                     const struct topic_facts *facts, uint32_t n, int n_partitions,
                     struct key_sample *samples)
{
    int64_t deadline_ns = clock_mono_ns() + KEYS_TIMEOUT_MS * INT64_C(1000000);
    int64_t most = (int64_t)n_partitions * KEYS_PER_PARTITION;

    while (n_partitions > 0 && most > 0 && clock_mono_ns() < deadline_ns) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        int i = message && message->rkt
                    ? find_topic(topics, n, rd_kafka_topic_name(message->rkt))
                    : -1;

        if (message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            n_partitions--;
        if (message && !message->err && i >= 0) {
            most--;
            if (message->key)
                key_sample_add(&samples[i], message->key, message->key_len, message->partition,
                               facts[i].partitions);
        }
        if (message)
            rd_kafka_message_destroy(message);
    }
    return most > 0 ? n_partitions : 0;
}

enum status topics_check_keys(const struct settings *settings, topic_report *report,
                              void *context, int *out_worst, struct error *err)
{
    struct topic topics[TOPICS_MAX];
    struct topic_facts facts[TOPICS_MAX];
    struct key_sample samples[TOPICS_MAX] = {0};
    uint32_t n = topics_list(settings, topics);
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_t *consumer = NULL;
    uint32_t n_keys = 0;
    int n_unread;

    TRY(topics_fetch(settings, topics, n, facts, err));
    TRY(open_consumer(settings, &consumer, err));
    list = rd_kafka_topic_partition_list_new(64);
    for (uint32_t i = 0; i < n; i++) {
        if ((topics[i].flags & (TOPIC_TASK | TOPIC_INPUT)) != (TOPIC_TASK | TOPIC_INPUT))
            continue;
        for (int32_t p = 0; p < facts[i].partitions; p++)
            rd_kafka_topic_partition_list_add(list, topics[i].name, p)->offset =
                RD_KAFKA_OFFSET_TAIL(KEYS_PER_PARTITION);
    }
    rd_kafka_assign(consumer, list);
    n_unread = read_keys(consumer, topics, facts, n, list->cnt, samples);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    for (uint32_t i = 0; i < n; i++)
        n_keys += samples[i].n;
    if (n_unread > 0 && n_keys == 0)
        return error_set(err, ERR_TIMEOUT,
                         "the newest keys of %d partitions could not be read within %d s",
                         n_unread, KEYS_TIMEOUT_MS / 1000);
    *out_worst = topics_compare_keys(settings, topics, samples, n, report, context);
    return OK;
}
