/*
 * The journals of all tasks, merged by the views they name: a fold only goes forward, so the
 * transaction that needs the least of items and catalogue comes first. Within a task the order
 * is that of the numbers, whatever its views say; a task that moved to another process may go
 * back a little in the catalogue, and then needs a fold of its own (verify_views.c).
 */
#include "core/verify_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct head { /* the next transaction of a task */
    bool ready, ended;
    uint64_t last; /* number of the last one given, or included in the state */
    struct journal_record record;
};

struct verify_journal {
    char topic[300];
    uint32_t n_tasks;
    struct log_set *logs;
    struct log_partition *partitions;
    struct head *heads;
    uint32_t given; /* task + 1 whose head was given; 0: none */
};

static enum status out_of_order(const struct verify_journal *journal, uint32_t task,
                                const struct head *head, struct error *err)
{
    uint64_t number = head->record.position.number;

    if (number <= head->last)
        return error_set(err, ERR_STATE,
                         "'%s' partition %u holds transaction %" PRIu64 " a second time, at "
                         "offset %" PRId64,
                         journal->topic, task, number, head->record.offset);
    if (head->last == 0)
        return error_set(err, ERR_STATE,
                         "'%s' partition %u begins with transaction %" PRIu64 ": earlier ones "
                         "have been deleted; start at a state backup (--backup DIR)",
                         journal->topic, task, number);
    return error_set(err, ERR_STATE,
                     "'%s' partition %u: transaction %" PRIu64 " is missing, %" PRIu64
                     " comes next",
                     journal->topic, task, head->last + 1, number);
}

/* Decodes a message into the head; *out false: it is no position, or one the state includes. */
static enum status take_position(const struct verify_journal *journal, uint32_t task,
                                 struct head *head, const rd_kafka_message_t *message,
                                 bool *out, struct error *err)
{
    struct journal_record *record = &head->record;

    *out = false;
    if (message->key_len != 1 || *(const char *)message->key != CHANGELOG_POSITION)
        return OK;
    if (message->len > sizeof(record->bytes) ||
        !task_position_decode(message->payload, message->len, &record->position))
        return error_set(err, ERR_STATE,
                         "'%s' partition %u offset %" PRId64
                         " cannot be read: damaged, or of a "
                         "newer version",
                         journal->topic, task, message->offset);
    memcpy(record->bytes, message->payload, message->len);
    record->n_bytes = (uint32_t)message->len;
    record->offset = message->offset;
    *out = true;
    return OK;
}

static enum status read_head(struct verify_journal *journal, uint32_t task, struct error *err)
{
    struct head *head = &journal->heads[task];
    const rd_kafka_message_t *peeked;

    while (!head->ready && !head->ended) {
        TRY(log_set_peek(journal->logs, task, &peeked, err));
        if (!peeked) {
            head->ended = true;
            break;
        }
        rd_kafka_message_t *message = log_set_take(journal->logs, task);
        enum status status = take_position(journal, task, head, message, &head->ready, err);

        rd_kafka_message_destroy(message);
        TRY(status);
    }
    return OK;
}

static int compare_views(const struct task_position *a, const struct task_position *b)
{
    uint32_t n = a->n_catalog < b->n_catalog ? a->n_catalog : b->n_catalog;

    if (a->items_offset != b->items_offset)
        return a->items_offset < b->items_offset ? -1 : 1;
    for (uint32_t p = 0; p < n; p++) {
        if (a->catalog_offset[p] != b->catalog_offset[p])
            return a->catalog_offset[p] < b->catalog_offset[p] ? -1 : 1;
    }
    return 0;
}

/* Passes over what the state at the beginning includes; then the numbers must be in a row. */
static enum status fill_head(struct verify_journal *journal, uint32_t task, uint64_t included,
                             struct error *err)
{
    struct head *head = &journal->heads[task];

    TRY(read_head(journal, task, err));
    while (head->ready && head->record.position.number <= included) {
        head->ready = false;
        TRY(read_head(journal, task, err));
    }
    if (head->ready && head->record.position.number != head->last + 1)
        return out_of_order(journal, task, head, err);
    return OK;
}

enum status verify_journal_next(struct verify_journal *journal, uint32_t *out_task,
                                const struct journal_record **out, struct error *err)
{
    const struct head *best = NULL;

    *out = NULL;
    if (journal->given) {
        struct head *head = &journal->heads[journal->given - 1];

        head->last = head->record.position.number;
        head->ready = false;
        TRY(fill_head(journal, journal->given - 1, 0, err));
        journal->given = 0;
    }
    for (uint32_t task = 0; task < journal->n_tasks; task++) {
        const struct head *head = &journal->heads[task];

        if (!head->ready ||
            (best && compare_views(&head->record.position, &best->record.position) >= 0))
            continue;
        best = head;
        *out_task = task;
    }
    if (!best)
        return OK;
    journal->given = *out_task + 1;
    *out = &best->record;
    return OK;
}

int64_t verify_journal_next_offset(const struct verify_journal *journal, uint32_t task)
{
    return journal->partitions[task].next;
}

/* ---- open and close ---- */

static enum status open_logs(struct verify_journal *journal, const struct settings *settings,
                             struct error *err)
{
    for (uint32_t task = 0; task < journal->n_tasks; task++)
        journal->partitions[task] =
            (struct log_partition){.topic = journal->topic, .partition = (int32_t)task};
    return log_set_open(settings, journal->partitions, journal->n_tasks, VERIFY_QUEUE_BYTES,
                        VERIFY_TIMEOUT_MS, &journal->logs, err);
}

enum status verify_journal_open(const struct settings *settings, uint32_t n_tasks,
                                const struct task_position *after, struct verify_journal **out,
                                struct error *err)
{
    struct verify_journal *journal = calloc(1, sizeof(*journal));
    enum status status = ERR_NOMEM;

    if (!journal)
        return error_set(err, ERR_NOMEM, "journal: out of memory");
    snprintf(journal->topic, sizeof(journal->topic), "%s-journal", settings->app);
    journal->n_tasks = n_tasks;
    journal->partitions = calloc(n_tasks, sizeof(*journal->partitions));
    journal->heads = calloc(n_tasks, sizeof(*journal->heads));
    if (journal->partitions && journal->heads)
        status = open_logs(journal, settings, err);
    else
        error_set(err, ERR_NOMEM, "journal: out of memory");
    for (uint32_t task = 0; task < n_tasks && status == OK; task++) {
        journal->heads[task].last = after[task].number;
        status = fill_head(journal, task, after[task].number, err);
    }
    if (status == OK)
        *out = journal;
    else
        verify_journal_close(journal);
    return status;
}

void verify_journal_close(struct verify_journal *journal)
{
    if (!journal)
        return;
    log_set_close(journal->logs);
    free(journal->partitions);
    free(journal->heads);
    free(journal);
}

enum status verify_journal_newest(const struct settings *settings, uint32_t task,
                                  int64_t from_offset, struct task_position *out,
                                  struct error *err)
{
    char topic[300];
    struct log_partition partition = {
        .topic = topic, .partition = (int32_t)task, .next = from_offset};
    const rd_kafka_message_t *peeked;
    struct log_set *logs = NULL;

    snprintf(topic, sizeof(topic), "%s-journal", settings->app);
    TRY(log_set_open(settings, &partition, 1, 0, VERIFY_TIMEOUT_MS, &logs, err));
    enum status status = log_set_peek(logs, 0, &peeked, err);

    while (status == OK && peeked) {
        rd_kafka_message_t *message = log_set_take(logs, 0);
        struct task_position position;

        if (message->key_len == 1 && *(const char *)message->key == CHANGELOG_POSITION &&
            task_position_decode(message->payload, message->len, &position))
            *out = position;
        rd_kafka_message_destroy(message);
        status = log_set_peek(logs, 0, &peeked, err);
    }
    log_set_close(logs);
    return status;
}
