/*
 * The state that is computed lives in a database of its own, as in production: caches in front,
 * so that memory is bounded whatever the number of persons.
 *
 * A backup is the database of one moment, and the moment may lie in the middle of a flush: some
 * persons are then ahead of the task's position. Where they stand is found in the changelog,
 * whose values are absolute:
 *
 *   watermark W          position P           first position at or behind C
 *      |--------------------|----------------------|------------------> changelog
 *                   persons in the backup < C
 *
 *   C   behind the last value, at or after W, that the backup holds byte for byte
 *
 * All values up to the first position at or behind C are applied, and the task stands there. If
 * the changelog has been compacted meanwhile, that position is a later one, and so is what is
 * left of each person: it is consistent all the same.
 */
#include "core/verify_private.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_BYTES = 1 << 20 };

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void verify_state_close(struct verify_state *state, struct runtime *runtime)
{
    state_db_close(runtime->db);
    runtime->db = NULL;
    if (state->dir[0])
        nftw(state->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    state->dir[0] = '\0';
}

static enum status make_dir(struct verify_state *state, const char *scratch, struct error *err)
{
    if (snprintf(state->dir, sizeof(state->dir), "%s/freshet-verify-XXXXXX", scratch) >=
            (int)sizeof(state->dir) ||
        !mkdtemp(state->dir)) {
        state->dir[0] = '\0';
        return error_set(err, ERR_IO, "cannot make a folder in '%s': %s (--scratch DIR)",
                         scratch, strerror(errno));
    }
    return OK;
}

static enum status copy_backup(const struct runtime *runtime, const char *backup,
                               const char *dir, struct error *err)
{
    char path[SETTING_TEXT_MAX + 16];
    struct state_db_options options = {
        .dir = path,
        .app = runtime->settings->app,
        .cluster = runtime->cluster_id,
        .memtable_bytes = runtime->plan.memtable_bytes,
        .block_cache_bytes = runtime->plan.block_cache_bytes,
        .read_only = true,
    };
    struct state_db *from;

    snprintf(path, sizeof(path), "%s/db", backup);
    TRY(state_db_open(&options, &from, err));
    enum status status = state_db_copy(from, dir, err);

    state_db_close(from);
    return status;
}

static enum status open_db(struct verify_state *state, struct runtime *runtime,
                           const char *backup, struct error *err)
{
    char dir[sizeof(state->dir) + 8];
    struct state_db_options options = {
        .dir = dir,
        .app = runtime->settings->app,
        .cluster = runtime->cluster_id,
        .memtable_bytes = runtime->plan.memtable_bytes,
        .block_cache_bytes = runtime->plan.block_cache_bytes,
    };

    snprintf(dir, sizeof(dir), "%s/db", state->dir);
    if (backup)
        TRY(copy_backup(runtime, backup, dir, err));
    return state_db_open(&options, &runtime->db, err);
}

/* ---- the beginning of everything ---- */

/* A task's first transaction began at the first offset of each topic (restorer.c). */
static enum status first_positions(const struct runtime *runtime,
                                   struct task_position *positions, struct error *err)
{
    const struct settings *settings = runtime->settings;
    const char *const topics[N_USER_TOPICS] = {
        [INPUT_USERS] = settings->topics.users,
        [INPUT_CLICKSTREAM] = settings->topics.clickstream,
        [INPUT_ENGAGEMENT] = settings->topics.engagement,
        [INPUT_ORDERS] = settings->topics.orders,
        [INPUT_REVIEWS] = settings->topics.reviews,
    };
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_t *client;
    int64_t high;

    TRY(log_consumer_open(settings, false, &client, err));
    for (uint32_t task = 0; task < runtime->n_partitions && !code; task++) {
        task_position_init(&positions[task]);
        for (int topic = 0; topic < N_USER_TOPICS && !code; topic++) {
            code = rd_kafka_query_watermark_offsets(client, topics[topic], (int32_t)task,
                                                    &positions[task].next[topic], &high,
                                                    VERIFY_TIMEOUT_MS);
            if (code)
                error_set(err, ERR_TIMEOUT, "topic '%s' partition %u: no answer: %s",
                          topics[topic], task, rd_kafka_err2str(code));
        }
    }
    rd_kafka_destroy(client);
    return code ? ERR_TIMEOUT : OK;
}

/* ---- a task of a backup ---- */

struct roll {
    struct runtime *runtime;
    uint16_t task;
    struct log_partition partition;
    int64_t from;  /* the watermark */
    int64_t ahead; /* C */
};

/* What the record says of a person is what the backup holds of her. */
static enum status is_held(const struct roll *roll, const rd_kafka_message_t *message,
                           bool *out, struct error *err)
{
    struct str user_id = {(const char *)message->key + 1, (uint32_t)message->key_len - 1};
    char *bytes = NULL;
    size_t len = 0;
    enum status status =
        state_db_get_user(roll->runtime->db, roll->task, user_id, &bytes, &len);

    if (status != OK && status != ERR_NOT_FOUND)
        return error_set(err, status, "backup: a person of task %u cannot be read", roll->task);
    *out = len == message->len && (len == 0 || memcmp(bytes, message->payload, len) == 0);
    free(bytes);
    return OK;
}

static bool has_kind(const rd_kafka_message_t *message, char kind)
{
    return message->key_len >= 1 && *(const char *)message->key == kind;
}

static enum status find_ahead(struct roll *roll, struct log_set *logs, struct error *err)
{
    const rd_kafka_message_t *peeked;

    roll->ahead = roll->from;
    for (;;) {
        bool held = false;

        TRY(log_set_peek(logs, 0, &peeked, err));
        if (!peeked)
            return OK;
        rd_kafka_message_t *message = log_set_take(logs, 0);
        enum status status =
            has_kind(message, CHANGELOG_USER) ? is_held(roll, message, &held, err) : OK;

        if (held)
            roll->ahead = message->offset + 1;
        rd_kafka_message_destroy(message);
        TRY(status);
    }
}

static enum status apply_until(struct roll *roll, struct log_set *logs,
                               struct state_write *write, struct task_position *out,
                               struct error *err)
{
    const rd_kafka_message_t *peeked;
    bool done = false;

    while (!done) {
        TRY(log_set_peek(logs, 0, &peeked, err));
        if (!peeked)
            return error_set(err, ERR_STATE,
                             "task %u: the changelog ends before a position that includes what "
                             "the backup holds",
                             roll->task);
        rd_kafka_message_t *message = log_set_take(logs, 0);

        if (has_kind(message, CHANGELOG_USER))
            state_write_user(
                write, roll->task,
                (struct str){(const char *)message->key + 1, (uint32_t)message->key_len - 1},
                message->payload, message->len);
        else if (has_kind(message, CHANGELOG_POSITION) && message->len)
            done = message->offset >= roll->ahead &&
                   task_position_decode(message->payload, message->len, out);
        rd_kafka_message_destroy(message);
        if (done || state_write_bytes(write) >= STEP_BYTES)
            TRY(state_db_commit(roll->runtime->db, write, err));
    }
    return OK;
}

static enum status read_changelog(struct roll *roll, struct task_position *out,
                                  struct error *err)
{
    const struct settings *settings = roll->runtime->settings;
    struct state_write *write = state_write_open();
    struct log_set *logs = NULL;
    enum status status = ERR_NOMEM;

    if (!write)
        return error_set(err, ERR_NOMEM, "backup: out of memory");
    roll->partition.next = roll->from;
    status = log_set_open(settings, &roll->partition, 1, 0, VERIFY_TIMEOUT_MS, &logs, err);
    if (status == OK)
        status = find_ahead(roll, logs, err);
    log_set_close(logs);
    logs = NULL;
    if (status == OK && roll->ahead > roll->from) {
        roll->partition.next = roll->from;
        status = log_set_open(settings, &roll->partition, 1, 0, VERIFY_TIMEOUT_MS, &logs, err);
        if (status == OK)
            status = apply_until(roll, logs, write, out, err);
        log_set_close(logs);
    }
    state_write_close(write);
    return status;
}

static enum status load_position(struct runtime *runtime, uint16_t task,
                                 struct task_position *out, struct error *err)
{
    char *bytes = NULL;
    size_t len;
    enum status status = state_db_get_position(runtime->db, task, &bytes, &len);

    if (status == ERR_NOT_FOUND)
        return OK; /* not flushed yet: as it was at the beginning */
    if (status == OK && !task_position_decode((const uint8_t *)bytes, len, out))
        status = ERR_IO;
    free(bytes);
    return status == OK ? OK
                        : error_set(err, ERR_IO,
                                    "backup: the position of task %u is damaged or of a newer "
                                    "version",
                                    task);
}

static enum status open_task(struct runtime *runtime, uint16_t task, struct task_position *out,
                             struct error *err)
{
    char topic[300];
    struct task_watermark watermark = {0};
    struct roll roll = {
        .runtime = runtime, .task = task, .partition = {.topic = topic, .partition = task}};

    snprintf(topic, sizeof(topic), "%s-changelog", runtime->settings->app);
    TRY(load_position(runtime, task, out, err));
    if (state_db_get_watermark(runtime->db, task, &watermark) == OK)
        roll.from = watermark.changelog_next;
    return read_changelog(&roll, out, err);
}

enum status verify_state_open(struct verify_state *state, struct runtime *runtime,
                              const char *scratch, const char *backup,
                              struct task_position *positions, struct error *err)
{
    TRY(make_dir(state, scratch, err));
    TRY(open_db(state, runtime, backup, err));
    TRY(first_positions(runtime, positions, err));
    for (uint32_t task = 0; backup && task < runtime->n_partitions; task++)
        TRY(open_task(runtime, (uint16_t)task, &positions[task], err));
    return OK;
}
