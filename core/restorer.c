#include "core/restorer.h"

#include "consumers/log_reader.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/worker.h"
#include "core/worker_private.h"
#include "features/user_codec.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    STABLE_TIMEOUT_MS = 30000, /* an earlier owner's transaction ends after at most 10 s */
    BROKER_TIMEOUT_MS = 10000,
    STEP_BYTES = 1 << 20,                /* of one write into the database */
    LOCAL_AGE_MAX_MS = 84 * 3600 * 1000, /* half of 7 d, the least delete.retention.ms */
};

struct request {
    struct request *next;
    struct worker *worker;
    uint32_t worker_number;
    int32_t task;
};

struct restorer {
    struct runtime *runtime;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct request *first, **last;
    bool stop;
};

/* ---- 1: committed offsets, stable ---- */

static enum status wait_until_stable(struct runtime *runtime, int32_t task,
                                     int64_t committed[N_USER_TOPICS], struct error *err)
{
    const struct settings *settings = runtime->settings;
    int64_t deadline_ns = clock_mono_ns() + (int64_t)STABLE_TIMEOUT_MS * 1000000;
    rd_kafka_t *consumer;
    rd_kafka_resp_err_t code;

    TRY(log_consumer_open(settings, true, &consumer, err));
    do {
        rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new(N_USER_TOPICS);

        for (int topic = 0; topic < N_USER_TOPICS; topic++)
            rd_kafka_topic_partition_list_add(
                list, topic_text(settings, (enum input_topic)topic), task);
        code = rd_kafka_committed(consumer, list, 2000);
        for (int i = 0; !code && i < list->cnt; i++) {
            code = list->elems[i].err;
            committed[i] = list->elems[i].offset;
        }
        rd_kafka_topic_partition_list_destroy(list);
        if (!code)
            break;
        log_info("task_waits", "task=%d for=stable_offsets code=%s", task,
                 rd_kafka_err2name(code));
    } while (clock_mono_ns() < deadline_ns && !atomic_load(&runtime->stopping));
    rd_kafka_destroy(consumer);
    return code ? error_set(err, ERR_TIMEOUT,
                            "task %d: the offsets of group '%s' do not become stable: %s", task,
                            settings->app, rd_kafka_err2str(code))
                : OK;
}

/* ---- 2 and 3: the changelog's tail ---- */

struct restore {
    struct runtime *runtime;
    uint16_t task;
    struct state_write *write;
    char *position;
    size_t position_len;
    int64_t n_records, n_bytes;
};

static bool apply_record(struct restore *restore, const rd_kafka_message_t *message)
{
    const char *key = message->key;

    if (!key || message->key_len < 1)
        return false;
    if (key[0] == CHANGELOG_USER) {
        struct str user_id = {key + 1, (uint32_t)message->key_len - 1};

        state_write_user(restore->write, restore->task, user_id, message->payload,
                         message->len);
    } else if (key[0] == CHANGELOG_POSITION && message->len) {
        char *copy = realloc(restore->position, message->len);

        if (!copy)
            return false;
        memcpy(copy, message->payload, message->len);
        restore->position = copy;
        restore->position_len = message->len;
    }
    restore->n_records++;
    restore->n_bytes += (int64_t)(message->key_len + message->len);
    return true;
}

/* Everything read so far, with the offset it reaches to. */
static enum status write_step(struct restore *restore, int64_t next, struct error *err)
{
    struct task_watermark watermark = {next, clock_wall_ms()};

    if (restore->position)
        state_write_position(restore->write, restore->task, restore->position,
                             restore->position_len);
    state_write_watermark(restore->write, restore->task, &watermark);
    return state_db_commit(restore->runtime->db, restore->write, err);
}

static enum status read_tail(struct restore *restore, struct log_reader *reader,
                             struct log_partition *partition, struct error *err)
{
    struct task_status *status = &restore->runtime->status[restore->task];
    rd_kafka_message_t *message;
    uint32_t index;

    while (!log_reader_reached_high(reader)) {
        if (atomic_load(&restore->runtime->stopping))
            return error_set(err, ERR_STATE, "stopped while task %u was restored",
                             restore->task);
        TRY(log_reader_next(reader, 100, &message, &index, err));
        if (!message)
            continue;
        if (!apply_record(restore, message))
            log_warn("changelog", "task=%u offset=%lld unreadable=1", restore->task,
                     (long long)message->offset);
        rd_kafka_message_destroy(message);
        atomic_store_explicit(&status->restore_remaining, partition->high - partition->next,
                              memory_order_relaxed);
        if (state_write_bytes(restore->write) >= STEP_BYTES)
            TRY(write_step(restore, partition->next, err));
    }
    atomic_store(&status->restore_remaining, 0);
    return write_step(restore, partition->next, err);
}

/* Where to read from: the local watermark if it can be trusted, else 0 with the task dropped.
 */
static enum status local_start(struct runtime *runtime, uint16_t task, int64_t low,
                               int64_t high, int64_t *out_next, struct error *err)
{
    struct task_watermark watermark;

    *out_next = low;
    if (state_db_get_watermark(runtime->db, task, &watermark) == ERR_NOT_FOUND)
        return OK;
    bool young = clock_wall_ms() - watermark.wall_ms < LOCAL_AGE_MAX_MS;

    if (watermark.changelog_next <= high && (watermark.changelog_next >= low || low == 0) &&
        young) {
        *out_next = watermark.changelog_next;
        return OK;
    }
    log_warn("local_state_dropped", "task=%u watermark=%lld low=%lld high=%lld young=%d", task,
             (long long)watermark.changelog_next, (long long)low, (long long)high, young);
    return state_db_drop_task(runtime->db, task, err);
}

static enum status restore_changelog(struct runtime *runtime, uint16_t task, struct error *err)
{
    char topic[300];
    struct log_partition partition = {.topic = topic, .partition = task};
    struct restore restore = {.runtime = runtime, .task = task};
    struct log_reader *reader = NULL;
    int64_t low, started_ns = clock_mono_ns();
    enum status status;

    snprintf(topic, sizeof(topic), "%s-changelog", runtime->settings->app);
    TRY(log_query_watermarks(runtime->settings, topic, task, BROKER_TIMEOUT_MS, &low,
                             &partition.high, err));
    TRY(local_start(runtime, task, low, partition.high, &partition.next, err));
    restore.write = state_write_open();
    if (!restore.write)
        return error_set(err, ERR_NOMEM, "restore: out of memory");
    if ((status = log_reader_open(runtime->settings, &partition, 1, BROKER_TIMEOUT_MS, &reader,
                                  err)) == OK)
        status = read_tail(&restore, reader, &partition, err);
    if (status == OK)
        log_info("task_restored", "task=%u records=%lld bytes=%lld seconds=%.2f", task,
                 (long long)restore.n_records, (long long)restore.n_bytes,
                 (double)(clock_mono_ns() - started_ns) / 1e9);
    log_reader_close(reader);
    state_write_close(restore.write);
    free(restore.position);
    return status;
}

/* ---- the home ---- */

/* A task that has never run starts at the first offset of each topic, as a number: every
 * transaction sends the lead topic's offset, and only a number is a fence. */
static enum status first_position(struct runtime *runtime, uint16_t task,
                                  struct task_position *position, struct error *err)
{
    int64_t high;

    for (int topic = 0; topic < N_USER_TOPICS; topic++)
        TRY(log_query_watermarks(runtime->settings,
                                 topic_text(runtime->settings, (enum input_topic)topic), task,
                                 BROKER_TIMEOUT_MS, &position->next[topic], &high, err));
    return OK;
}

static enum status load_position(struct runtime *runtime, struct task_home *home,
                                 struct error *err)
{
    char *bytes = NULL;
    size_t len;
    enum status status = state_db_get_position(runtime->db, home->task, &bytes, &len);

    task_position_init(&home->position);
    if (status == ERR_NOT_FOUND)
        return first_position(runtime, home->task, &home->position, err);
    if (status == OK && !task_position_decode((const uint8_t *)bytes, len, &home->position))
        status = ERR_IO;
    free(bytes);
    return status == OK ? OK
                        : error_set(err, ERR_IO,
                                    "task %u: its position is damaged or of a newer version",
                                    home->task);
}

static enum status open_home(struct runtime *runtime, const struct request *request,
                             struct task_home **out, struct error *err)
{
    struct task_home *home;
    enum status status;

    TRY(task_home_open(runtime, (uint16_t)request->task, request->worker_number, &home, err));
    status = load_position(runtime, home, err);
    if (status == OK)
        *out = home;
    else
        task_home_release(home);
    return status;
}

/*
 * Group offsets are a check: the changelog's position decides, and theirs may have expired.
 * A group that is ahead of the state means that part of the changelog is missing, or that
 * somebody moved the group; going on would send what has been sent.
 */
static enum status compare_offsets(const struct runtime *runtime, const struct task_home *home,
                                   const int64_t committed[N_USER_TOPICS], struct error *err)
{
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        const char *name = topic_text(runtime->settings, (enum input_topic)topic);
        int64_t position = home->position.next[topic];

        if (committed[topic] > position)
            return error_set(err, ERR_STATE,
                             "group '%s' has committed offset %lld of '%s' partition %u, but "
                             "'%s-changelog' knows the task up to %lld: going on would send "
                             "lists twice. Bring the changelog back, or set the group's offset "
                             "to %lld if sending again is wanted",
                             runtime->settings->app, (long long)committed[topic], name,
                             home->task, runtime->settings->app, (long long)position,
                             (long long)position);
        if (committed[topic] >= 0 && committed[topic] != position)
            log_warn("group_offset_differs",
                     "topic=%s partition=%u committed=%lld position=%lld used=position", name,
                     home->task, (long long)committed[topic], (long long)position);
    }
    return OK;
}

static void serve(struct restorer *restorer, const struct request *request)
{
    struct runtime *runtime = restorer->runtime;
    struct task_home *home = NULL;
    struct error err = {0};
    int64_t committed[N_USER_TOPICS];
    enum status status;

    atomic_store(&runtime->status[request->task].state, TASK_RESTORING);
    do { /* a broker that is away comes back; what cannot be settled by waiting ends it */
        status = wait_until_stable(runtime, request->task, committed, &err);
        if (status == OK)
            status = restore_changelog(runtime, (uint16_t)request->task, &err);
        if (status == OK)
            status = open_home(runtime, request, &home, &err);
        if (status == ERR_TIMEOUT)
            log_warn("task_waits", "task=%d reason=\"%s\"", request->task, err.text);
    } while (status == ERR_TIMEOUT && !atomic_load(&runtime->stopping));
    if (status == OK && (status = compare_offsets(runtime, home, committed, &err)) != OK) {
        task_home_release(home);
        home = NULL;
    }
    worker_post_restored(request->worker, request->task, home, status == OK ? NULL : &err);
}

static void *run(void *context)
{
    struct restorer *restorer = context;

    pthread_mutex_lock(&restorer->lock);
    while (!restorer->stop) {
        struct request *request = restorer->first;

        if (!request) {
            pthread_cond_wait(&restorer->wake, &restorer->lock);
            continue;
        }
        restorer->first = request->next;
        if (!restorer->first)
            restorer->last = &restorer->first;
        pthread_mutex_unlock(&restorer->lock);
        serve(restorer, request);
        free(request);
        pthread_mutex_lock(&restorer->lock);
    }
    pthread_mutex_unlock(&restorer->lock);
    return NULL;
}

enum status restorer_start(struct runtime *runtime, struct restorer **out, struct error *err)
{
    struct restorer *restorer = calloc(1, sizeof(*restorer));

    if (!restorer)
        return error_set(err, ERR_NOMEM, "restorer: out of memory");
    restorer->runtime = runtime;
    restorer->last = &restorer->first;
    pthread_mutex_init(&restorer->lock, NULL);
    pthread_cond_init(&restorer->wake, NULL);
    if (pthread_create(&restorer->thread, NULL, run, restorer)) {
        free(restorer);
        return error_set(err, ERR_NOMEM, "restorer: cannot start a thread");
    }
    *out = restorer;
    return OK;
}

void restorer_stop(struct restorer *restorer)
{
    if (!restorer)
        return;
    pthread_mutex_lock(&restorer->lock);
    restorer->stop = true;
    pthread_cond_signal(&restorer->wake);
    pthread_mutex_unlock(&restorer->lock);
    pthread_join(restorer->thread, NULL);
    while (restorer->first) {
        struct request *next = restorer->first->next;

        free(restorer->first);
        restorer->first = next;
    }
    pthread_mutex_destroy(&restorer->lock);
    pthread_cond_destroy(&restorer->wake);
    free(restorer);
}

void restorer_ask(struct restorer *restorer, struct worker *worker, uint32_t worker_number,
                  int32_t task)
{
    struct request *request = malloc(sizeof(*request));

    ensure(request);
    *request = (struct request){.worker = worker, .worker_number = worker_number, .task = task};
    pthread_mutex_lock(&restorer->lock);
    *restorer->last = request;
    restorer->last = &request->next;
    pthread_cond_signal(&restorer->wake);
    pthread_mutex_unlock(&restorer->lock);
}
