/*
 * From an event's production to its recommendation in a read_committed reader's hand, beside a
 * bare transactional consume -> produce loop on the same broker, tuned alike, taking turns.
 *
 *   bench_latency FRESHET [RATE [SECONDS [ROUNDS]]]
 *
 * The bare loop is what anybody who uses this client library can have at best: no decode, no
 * state, no model; it copies its input. Both are fed at a fixed rate (open loop: an event is
 * due whether or not the last one has come out), and timed from the moment the event was due.
 */
#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif

#include "core/base/clock.h"
#include "core/base/str.h"
#include "tests/bench/shop.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS_MAX = 1 << 20, WARM_S = 2, ROUNDS_MAX = 16 };

struct lane { /* one of the two contestants */
    const char *name, *in, *out;
    double p50[ROUNDS_MAX], p99[ROUNDS_MAX];
};

static int64_t due_ns[EVENTS_MAX]; /* by event number */
static double latency_ms[EVENTS_MAX];
static _Atomic long n_received;
static atomic_bool stop_sink, stop_loop, loop_ready;
static long next_event; /* numbers are never used twice: a person's event ids are remembered */

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", text);
        exit(EXIT_FAILURE);
    }
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char text[256];

    set(conf, "bootstrap.servers", shop_bootstrap());
    set(conf, "socket.nagle.disable", "true");
    rd_kafka_t *handle = rd_kafka_new(type, conf, text, sizeof(text));

    if (!handle) {
        fprintf(stderr, "%s\n", text);
        exit(EXIT_FAILURE);
    }
    return handle;
}

static rd_kafka_t *reader(const char *topic, const char *group, bool from_start)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(SHOP_PARTITIONS);

    set(conf, "group.id", group);
    set(conf, "isolation.level", "read_committed");
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.wait.max.ms", "20");
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf);

    rd_kafka_poll_set_consumer(consumer);
    for (int p = 0; p < SHOP_PARTITIONS; p++)
        rd_kafka_topic_partition_list_add(list, topic, p)->offset =
            from_start ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return consumer;
}

/* The event's number stands in its id, "<16 hex>-<12 hex>-web-click", in both records. */
static long number_of(const char *bytes, size_t n)
{
    static const char mark[] = "-web-click";

    for (size_t i = 12; i + sizeof(mark) - 1 <= n; i++) {
        if (memcmp(bytes + i, mark, sizeof(mark) - 1) == 0)
            return strtol((char[]){bytes[i - 12], bytes[i - 11], bytes[i - 10], bytes[i - 9],
                                   bytes[i - 8], bytes[i - 7], bytes[i - 6], bytes[i - 5],
                                   bytes[i - 4], bytes[i - 3], bytes[i - 2], bytes[i - 1], 0},
                          NULL, 16);
    }
    return -1;
}

static void *sink(void *context)
{
    rd_kafka_t *consumer = reader(context, "bench-sink", false);

    while (!atomic_load(&stop_sink)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 50);
        int64_t now_ns = clock_mono_ns();

        if (!message)
            continue;
        long k = message->err ? -1 : number_of(message->payload, message->len);

        if (k >= 0 && k < EVENTS_MAX && due_ns[k])
            latency_ms[atomic_fetch_add(&n_received, 1)] = (double)(now_ns - due_ns[k]) / 1e6;
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return NULL;
}

/* ---- the bare loop ---- */

static void commit(rd_kafka_t *producer, rd_kafka_t *consumer, const char *topic,
                   const int64_t *next)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(SHOP_PARTITIONS);
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(consumer);
    rd_kafka_error_t *error;

    for (int p = 0; p < SHOP_PARTITIONS; p++) {
        if (next[p] >= 0)
            rd_kafka_topic_partition_list_add(list, topic, p)->offset = next[p];
    }
    error = rd_kafka_send_offsets_to_transaction(producer, list, metadata, 10000);
    if (!error)
        error = rd_kafka_commit_transaction(producer, 10000);
    if (error) {
        fprintf(stderr, "bare loop: %s\n", rd_kafka_error_string(error));
        exit(EXIT_FAILURE);
    }
    rd_kafka_consumer_group_metadata_destroy(metadata);
    rd_kafka_topic_partition_list_destroy(list);
}

static void *bare_loop(void *context)
{
    const struct lane *lane = context;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int64_t next[SHOP_PARTITIONS] = {-1, -1, -1, -1};

    set(conf, "transactional.id", lane->out);
    set(conf, "linger.ms", "0");
    set(conf, "retry.backoff.ms", "1");
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
    rd_kafka_t *consumer = reader(lane->in, lane->out, true);
    rd_kafka_error_t *error = rd_kafka_init_transactions(producer, 30000);

    if (error)
        exit(EXIT_FAILURE);
    atomic_store(&loop_ready, true);
    while (!atomic_load(&stop_loop)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 10);

        if (!message)
            continue;
        rd_kafka_begin_transaction(producer);
        while (message) {
            if (!message->err) {
                rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(lane->out),
                                  RD_KAFKA_V_KEY(message->key, message->key_len),
                                  RD_KAFKA_V_VALUE(message->payload, message->len),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
                next[message->partition] = message->offset + 1;
            }
            rd_kafka_message_destroy(message);
            message = rd_kafka_consumer_poll(consumer, 0);
        }
        commit(producer, consumer, lane->in, next);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(producer);
    return NULL;
}

/* ---- the load ---- */

static void feed(const char *topic, long rate, long seconds)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    uint8_t value[1024];
    char user[40];

    set(conf, "linger.ms", "0");
    set(conf, "partitioner", "murmur2");
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
    int64_t start_ns = clock_mono_ns();

    for (long sent = 0; sent < rate * seconds;) {
        long due = (long)((double)(clock_mono_ns() - start_ns) / 1e9 * (double)rate);

        for (; sent < due && sent < rate * seconds; sent++) {
            long k = next_event++;
            size_t len = shop_event(k, value, sizeof(value), user);

            if (sent >= rate * WARM_S)
                due_ns[k] = start_ns + sent * 1000000000 / rate;
            rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic),
                              RD_KAFKA_V_KEY(user, strlen(user)), RD_KAFKA_V_VALUE(value, len),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        }
        rd_kafka_poll(producer, 0);
        usleep(200);
    }
    rd_kafka_flush(producer, 10000);
    rd_kafka_destroy(producer);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void round_of(struct lane *lane, int round, long rate, long seconds)
{
    pthread_t sink_thread;

    n_received = 0;
    memset(due_ns, 0, sizeof(due_ns));
    atomic_store(&stop_sink, false);
    pthread_create(&sink_thread, NULL, sink, (void *)(uintptr_t)lane->out);
    sleep(1); /* the reader stands at the end before the first event */
    feed(lane->in, rate, seconds + WARM_S);
    for (int tries = 0; tries < 100 && n_received < rate * seconds; tries++)
        usleep(50000);
    atomic_store(&stop_sink, true);
    pthread_join(sink_thread, NULL);
    long n = n_received;

    qsort(latency_ms, (size_t)n, sizeof(latency_ms[0]), by_value);
    lane->p50[round] = n ? latency_ms[n / 2] : -1;
    lane->p99[round] = n ? latency_ms[n * 99 / 100] : -1;
    printf(
        "latency %-8s rate=%ld round=%d n=%ld of %ld p50=%.2f p90=%.2f p99=%.2f max=%.2f ms\n",
        lane->name, rate, round, n, rate * seconds, lane->p50[round],
        n ? latency_ms[n * 9 / 10] : -1, lane->p99[round], n ? latency_ms[n - 1] : -1);
    fflush(stdout);
}

static bool create_topics(const char *const *names, int n)
{
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, rd_kafka_conf_new());
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer);
    rd_kafka_NewTopic_t *topics[4];
    char text[256];

    for (int i = 0; i < n; i++)
        topics[i] = rd_kafka_NewTopic_new(names[i], SHOP_PARTITIONS, 1, text, sizeof(text));
    rd_kafka_CreateTopics(producer, topics, (size_t)n, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);
    bool made = event && !rd_kafka_event_error(event);

    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy_array(topics, (size_t)n);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(producer);
    return made;
}

int main(int argc, char **argv)
{
    long rate = argc > 2 ? atol(argv[2]) : 1000, seconds = argc > 3 ? atol(argv[3]) : 10;
    int rounds = argc > 4 ? atoi(argv[4]) : 3, port = 0, status = 0;
    char bare_in[64], bare_out[64], in[64], out[64];
    pthread_t loop;

    if (argc < 2) {
        fprintf(stderr, "usage: bench_latency FRESHET [RATE [SECONDS [ROUNDS]]]\n");
        return 2;
    }
    if (rounds > ROUNDS_MAX || !shop_open(argv[1], NULL, 1, ""))
        return EXIT_FAILURE;
    snprintf(bare_in, sizeof(bare_in), "%s.bare-in", shop_app);
    snprintf(bare_out, sizeof(bare_out), "%s.bare-out", shop_app);
    snprintf(in, sizeof(in), "%s.clickstream", shop_app);
    snprintf(out, sizeof(out), "%s.recommendations", shop_app);
    struct lane bare = {.name = "bare", .in = bare_in, .out = bare_out};
    struct lane ours = {.name = "freshet", .in = in, .out = out};

    if (!create_topics((const char *const[]){bare_in, bare_out}, 2))
        return EXIT_FAILURE;
    pthread_create(&loop, NULL, bare_loop, &bare);
    pid_t pid = shop_start(&port);

    for (int tries = 0; tries < 200 && !atomic_load(&loop_ready); tries++)
        usleep(50000);
    sleep(3);
    for (int round = 0; port && round < rounds; round++) {
        round_of(&bare, round, rate, seconds);
        round_of(&ours, round, rate, seconds);
    }
    atomic_store(&stop_loop, true);
    pthread_join(loop, NULL);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    qsort(bare.p99, (size_t)rounds, sizeof(double), by_value);
    qsort(ours.p99, (size_t)rounds, sizeof(double), by_value);
    qsort(bare.p50, (size_t)rounds, sizeof(double), by_value);
    qsort(ours.p50, (size_t)rounds, sizeof(double), by_value);
    printf("%-10s %10s %10s\n", "", "p50 ms", "p99 ms");
    printf("%-10s %10.2f %10.2f\n", "bare", bare.p50[rounds / 2], bare.p99[rounds / 2]);
    printf("%-10s %10.2f %10.2f\n", "freshet", ours.p50[rounds / 2], ours.p99[rounds / 2]);
    printf("%-10s %10.2f %10.2f\n", "ratio", ours.p50[rounds / 2] / bare.p50[rounds / 2],
           ours.p99[rounds / 2] / bare.p99[rounds / 2]);
    shop_close();
    return !port || !WIFEXITED(status) || WEXITSTATUS(status);
}
