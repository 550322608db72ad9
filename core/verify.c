/*
 * One worker without a thread computes the transactions that the journal names, one task and
 * one transaction at a time:
 *
 *   journal ──> view ──> segments ──> source_take -> pipeline_step ──┐
 *               wall time    └─ clock moves -> pipeline_fire_due ────┼─> transaction_commit
 *                                                                    v
 *                          outputs in Kafka <── compare <── capturing sink
 *
 * A live transaction may hold several tasks; what it computes of one does not depend on the
 * others, but for the sums of item changes, which are inputs here (`<app>-items`).
 *
 * The journal record that the commit writes is compared too: if order, clock or lateness were
 * found otherwise than in production, it says so even where no output does.
 */
#include "core/verify.h"

#include "consumers/source_replay.h"
#include "core/base/clock.h"
#include "core/verify_private.h"
#include "core/worker_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REGISTRY_WAIT_US = 5000 };

/* The part of a task's history whose outputs are compared: (begin, end]. */
struct span {
    struct task_position begin, end, newest;
};

struct verify {
    const struct verify_options *options;
    struct runtime runtime;
    struct verify_state state;
    struct verify_outputs *outputs;
    struct verify_journal *journal;
    struct verify_views views;
    struct verify_reporter reporter;
    struct worker *worker;
    struct span *spans;       /* by task */
    struct item_feed refused; /* the catalogue once more, for what was refused of it */
    struct log_set *refused_logs;
    struct log_partition refused_partitions[CATALOG_PARTITIONS_MAX];
    /* the transaction at hand */
    uint32_t task;
    const struct journal_record *record;
    bool compares;
    struct verify_buffer headers;
};

/* ---- what the sink is given ---- */

/* What was refused for it then is known beforehand: here the registry has lost one since. */
static enum status check_schema_is_known(const struct verify *verify,
                                         const struct sink_record *record, struct error *err)
{
    struct verify_cause cause =
        verify_cause_of(verify->runtime.settings, record->topic, record->headers);
    char text[300];

    if (!str_equal(verify_header(record->headers, "freshet.error.reason"),
                   str_of(event_fate_name(EVENT_UNKNOWN_SCHEMA))))
        return OK;
    return error_set(err, ERR_STATE,
                     "the schema of %s is not at the registry any more: it was when the record "
                     "was taken, and without it nothing can be computed again",
                     verify_cause_text(verify->runtime.settings, cause, text, sizeof(text)));
}

static enum status compare_output(struct verify *verify, const struct sink_record *record,
                                  struct error *err)
{
    struct verify_place place;
    enum verify_match match;

    verify->headers.n = 0;
    if (!verify_headers_flatten(record->headers, &verify->headers))
        return error_set(err, ERR_NOMEM, "verify: out of memory");
    struct verify_output computed = {
        .topic = record->topic,
        .key = record->key,
        .value = record->value,
        .headers = {verify->headers.bytes, (uint32_t)verify->headers.n},
        .timestamp_ms = record->timestamp_ms,
        .cause = verify_cause_of(verify->runtime.settings, record->topic, record->headers),
    };

    TRY(verify_outputs_match(verify->outputs, &computed, &match, &place, err));
    if (match == MATCH_NONE && record->topic == SINK_DEAD_LETTER)
        TRY(check_schema_is_known(verify, record, err));
    if (match == MATCH_EQUAL)
        verify->reporter.result->equal++;
    else
        verify_report(&verify->reporter, &computed, match == MATCH_NONE ? NULL : &place,
                      (int32_t)verify->task, verify->record->position.number);
    return OK;
}

static enum status on_put(void *context, const struct sink_record *record, struct error *err)
{
    struct verify *verify = context;
    const struct journal_record *wanted = verify->record;

    if (!verify->compares)
        return OK;
    if (record->topic == SINK_JOURNAL) {
        if (record->value.len != wanted->n_bytes ||
            memcmp(record->value.ptr, wanted->bytes, wanted->n_bytes) != 0)
            verify_report_journal(&verify->reporter, verify->task, wanted, record->value);
        return OK;
    }
    return verify_output_topic(verify->runtime.settings, record->topic)
               ? compare_output(verify, record, err)
               : OK; /* changelog and item changes */
}

/* ---- one transaction ---- */

/* Refused catalogue records are task 0's to report; the journal says how far it had come. */
static enum status read_refusals(struct verify *verify, int32_t partition, int64_t until,
                                 struct error *err)
{
    const struct log_partition *log = &verify->refused_partitions[partition];
    const rd_kafka_message_t *peeked;

    while (log->next < until) {
        struct refusal refusal;
        const void *item;

        TRY(log_set_peek(verify->refused_logs, (uint32_t)partition, &peeked, err));
        if (!peeked || peeked->offset >= until)
            return OK;
        rd_kafka_message_t *message = log_set_take(verify->refused_logs, (uint32_t)partition);
        bool unknown = verify_outputs_unknown_schema(verify->outputs, INPUT_CATALOG, partition,
                                                     message->offset);

        while (!item_feed_decode(&verify->refused, message, unknown, &refusal, &item))
            usleep(REGISTRY_WAIT_US); /* known to the views already: asked for, not waited */
        if (refusal.fate != EVENT_LIVE)
            runtime_refuse(&verify->runtime, &refusal);
        rd_kafka_message_destroy(message);
    }
    return OK;
}

static enum status replay_refusals(struct verify *verify, struct task_home *home,
                                   struct error *err)
{
    const struct task_position *position = &verify->record->position;
    bool any = false;

    for (uint32_t p = 0; home->task == 0 && p < position->n_catalog; p++) {
        if (position->catalog_refused_next[p] <= home->position.catalog_refused_next[p])
            continue;
        any = true;
        TRY(read_refusals(verify, (int32_t)p, position->catalog_refused_next[p], err));
    }
    return any ? output_refusals(verify->worker, home, err) : OK;
}

static enum status take_segment(struct verify *verify, struct error *err)
{
    struct worker *worker = verify->worker;
    int64_t deadline_ns = clock_mono_ns() + (int64_t)VERIFY_TIMEOUT_MS * 1000000;

    for (;;) {
        TRY(source_take(worker->source, &worker->batch, err));
        if (worker->batch.n) {
            enum status status = pipeline_step(worker, err);

            source_release(worker->source, &worker->batch);
            TRY(status);
            continue;
        }
        if (!source_waits_for_schema(worker->source))
            return OK;
        if (clock_mono_ns() > deadline_ns)
            return error_set(err, ERR_TIMEOUT,
                             "task %u, transaction %" PRIu64
                             ": the registry does not give the schema of a record",
                             verify->task, verify->record->position.number);
        usleep(REGISTRY_WAIT_US);
    }
}

static enum status replay_segment(struct verify *verify, struct task_home *home, uint32_t s,
                                  struct error *err)
{
    const struct task_position *position = &verify->record->position;
    const struct position_segment *segment = &position->segments[s];
    struct worker *worker = verify->worker;
    int32_t task = home->task;

    source_begin_segment(worker->source, task, segment);
    TRY(take_segment(verify, err));
    if (segment->clock_ms > source_clock(worker->source, task)) {
        source_move_clock(worker->source, task, segment->clock_ms);
        TRY(pipeline_fire_due(worker, home, segment->clock_ms, -1, err));
    }
    source_end_segment(worker->source, task, s + 1 == position->n_segments);
    return OK;
}

static enum status check_rules(struct verify *verify, struct error *err)
{
    const struct task_position *position = &verify->record->position;
    const char *ours = campaign_set_version(verify->runtime.campaigns);

    if (strcmp(position->rules_version, ours) == 0)
        return OK;
    return error_set(
        err, ERR_INVALID,
        "task %u, transaction %" PRIu64 " was made with rules %s, but the campaigns, "
        "templates and settings at hand are rules %s: verify with those it was made "
        "with",
        verify->task, position->number, position->rules_version, ours);
}

static enum status compute(struct verify *verify, struct task_home *home, struct error *err)
{
    const struct task_position *position = &verify->record->position;
    struct worker *worker = verify->worker;

    TRY(verify_views_seek(&verify->views, position, &verify->runtime.fold, err));
    clock_set_wall_ms(position->wall_ms);
    snprintf(worker->id, sizeof(worker->id), "%.299s", position->transactional_id);
    TRY(transaction_begin(worker, err));
    transaction_touch(worker, home);
    TRY(replay_refusals(verify, home, err));
    for (uint32_t s = 0; s < position->n_segments; s++)
        TRY(replay_segment(verify, home, s, err));
    if (transaction_commit(worker, err) != SINK_OK)
        return err->status;
    home->position = *position;
    return worker_relieve_caches(worker, err);
}

static enum status replay(struct verify *verify, struct error *err)
{
    const struct task_position *position = &verify->record->position;
    struct task_home *home = verify->worker->homes[verify->task];
    struct span *span = &verify->spans[verify->task];
    int64_t number = (int64_t)position->number;

    span->newest = *position;
    if (number > verify->options->to)
        return OK;
    TRY(check_rules(verify, err));
    verify->compares = number >= verify->options->from;
    enum status status = compute(verify, home, err);

    if (status != OK)
        transaction_discard(verify->worker, true);
    TRY(status);
    verify->reporter.result->journal_records++;
    if (!verify->compares)
        span->begin = *position;
    span->end = *position;
    return OK;
}

/* ---- what nothing has computed ---- */

struct leftovers {
    struct verify *verify;
    struct verify_place *at;
    uint32_t n, capacity;
    bool full; /* out of memory */
};

static void add_leftover(void *context, const struct verify_place *place)
{
    struct leftovers *left = context;

    if (left->n == left->capacity) {
        uint32_t capacity = left->capacity ? left->capacity * 2 : 64;
        struct verify_place *grown = realloc(left->at, capacity * sizeof(*grown));

        if (!grown) {
            left->full = true;
            return;
        }
        left->at = grown;
        left->capacity = capacity;
    }
    left->at[left->n++] = *place;
}

static int64_t reached(const struct task_position *position, struct verify_cause cause)
{
    if (cause.kind == CAUSE_JOURNAL)
        return (int64_t)position->number + 1;
    return (int)cause.kind == INPUT_CATALOG ? position->catalog_refused_next[cause.partition]
                                            : position->next[cause.kind];
}

/* Must its cause have been among what was computed? */
static enum status is_extra(struct verify *verify, const struct verify_place *place, bool *out,
                            struct error *err)
{
    struct verify_cause cause = place->cause;
    bool catalog = (int)cause.kind == INPUT_CATALOG;
    uint32_t n = catalog ? verify->runtime.n_catalog_partitions : verify->runtime.n_partitions;

    *out = true;
    if (cause.kind == CAUSE_NONE || (uint32_t)cause.partition >= n)
        return OK;
    struct span *span = &verify->spans[catalog ? 0 : cause.partition];

    if (cause.number < reached(&span->begin, cause))
        *out = false; /* before what is compared */
    else if (cause.number >= reached(&span->end, cause)) {
        uint32_t task = catalog ? 0 : (uint32_t)cause.partition;

        if (cause.number >= reached(&span->newest, cause)) /* a process may be running */
            TRY(verify_journal_newest(verify->runtime.settings, task,
                                      verify_journal_next_offset(verify->journal, task),
                                      &span->newest, err));
        *out = cause.number >= reached(&span->newest, cause);
    }
    return OK;
}

static int by_place(const void *a, const void *b)
{
    const struct verify_place *x = a, *y = b;

    if (x->topic != y->topic)
        return x->topic < y->topic ? -1 : 1;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static enum status count_extra(struct verify *verify, struct error *err)
{
    struct leftovers left = {.verify = verify};
    enum status status = verify_outputs_rest(verify->outputs, add_leftover, &left, err);

    if (status == OK && left.full)
        status = error_set(err, ERR_NOMEM, "verify: out of memory");
    if (status == OK && left.n)
        qsort(left.at, left.n, sizeof(*left.at), by_place);
    for (uint32_t i = 0; i < left.n && status == OK; i++) {
        bool extra;

        status = is_extra(verify, &left.at[i], &extra, err);
        if (status == OK && extra)
            verify_report(&verify->reporter, NULL, &left.at[i], -1, 0);
    }
    free(left.at);
    return status;
}

/* ---- birth ---- */

static bool schema_was_unknown(void *context, enum input_topic topic, int32_t partition,
                               int64_t offset)
{
    const struct verify *verify = context;

    return verify_outputs_unknown_schema(verify->outputs, topic, partition, offset);
}

static enum status open_worker(struct verify *verify, const struct task_position *positions,
                               struct error *err)
{
    struct runtime *runtime = &verify->runtime;
    const struct sink_capture capture = {on_put, verify};
    const struct source_replay_options source = {
        .settings = runtime->settings,
        .registry = runtime->registry,
        .n_partitions = runtime->n_partitions,
        .positions = positions,
        .queue_bytes = VERIFY_QUEUE_BYTES,
        .timeout_ms = VERIFY_TIMEOUT_MS,
        .schema_was_unknown = schema_was_unknown,
        .context = verify,
    };

    TRY(worker_open(runtime, 0, &verify->worker, err));
    TRY(sink_open_capture(&capture, &verify->worker->sink, err));
    TRY(source_open_replay(&source, &verify->worker->source, err));
    for (uint32_t task = 0; task < runtime->n_partitions; task++) {
        struct span *span = &verify->spans[task];
        struct task_home *home;

        TRY(task_home_open(runtime, (uint16_t)task, 0, &home, err));
        home->position = positions[task];
        verify->worker->homes[task] = home;
        span->begin = span->end = span->newest = positions[task];
    }
    return OK;
}

static enum status open_refused(struct verify *verify, const struct task_position *positions,
                                struct error *err)
{
    struct runtime *runtime = &verify->runtime;

    if (item_feed_open(NULL, runtime->registry, &verify->refused) != OK)
        return error_set(err, ERR_NOMEM, "verify: out of memory");
    for (uint32_t p = 0; p < runtime->n_catalog_partitions; p++)
        verify->refused_partitions[p] =
            (struct log_partition){.topic = runtime->settings->topics.catalog,
                                   .partition = (int32_t)p,
                                   .next = positions[0].catalog_refused_next[p]};
    return log_set_open(runtime->settings, verify->refused_partitions,
                        runtime->n_catalog_partitions, 0, VERIFY_TIMEOUT_MS,
                        &verify->refused_logs, err);
}

/* The journal's end comes first: what it names is in the other topics by then. */
static enum status open_all(struct verify *verify, struct error *err)
{
    const struct verify_options *options = verify->options;
    struct runtime *runtime = &verify->runtime;
    struct task_position *positions;
    enum status status;

    TRY(verify_runtime_open(runtime, err));
    positions = calloc(runtime->n_partitions, sizeof(*positions));
    verify->spans = calloc(runtime->n_partitions, sizeof(*verify->spans));
    if (!positions || !verify->spans) {
        free(positions);
        return error_set(err, ERR_NOMEM, "verify: out of memory");
    }
    verify->reporter =
        (struct verify_reporter){runtime->settings, runtime->registry, verify->reporter.result};
    status = verify_state_open(&verify->state, runtime, options->scratch, options->backup,
                               positions, err);
    if (status == OK)
        status = verify_journal_open(runtime->settings, runtime->n_partitions, positions,
                                     &verify->journal, err);
    if (status == OK)
        status = verify_outputs_open(runtime->settings, &verify->outputs, err);
    verify_views_init(&verify->views, runtime, verify->outputs);
    verify->views.backup = options->backup;
    if (status == OK)
        status = open_refused(verify, positions, err);
    if (status == OK)
        status = open_worker(verify, positions, err);
    free(positions);
    return status;
}

static void close_all(struct verify *verify)
{
    struct worker *worker = verify->worker;

    clock_set_wall_ms(-1);
    for (uint32_t task = 0; worker && task < verify->runtime.n_partitions; task++)
        task_home_release(worker->homes[task]);
    if (worker) {
        source_close(worker->source, false);
        sink_close(worker->sink);
        worker_close(worker);
    }
    verify->runtime.fold = NULL;
    verify_views_deinit(&verify->views);
    log_set_close(verify->refused_logs);
    item_feed_close(&verify->refused);
    verify_outputs_close(verify->outputs);
    verify_journal_close(verify->journal);
    verify_state_close(&verify->state, &verify->runtime);
    free(verify->headers.bytes);
    free(verify->spans);
    runtime_deinit(&verify->runtime);
    free(verify);
}

enum status verify_run(const struct verify_options *options, struct verify_result *result,
                       struct error *err)
{
    struct verify *verify = calloc(1, sizeof(*verify));
    enum status status;

    memset(result, 0, sizeof(*result));
    if (!verify)
        return error_set(err, ERR_NOMEM, "verify: out of memory");
    verify->options = options;
    verify->reporter.result = result;
    runtime_init(&verify->runtime, options->settings);
    status = open_all(verify, err);
    while (status == OK) {
        status = verify_journal_next(verify->journal, &verify->task, &verify->record, err);
        if (status != OK || !verify->record)
            break;
        status = replay(verify, err);
    }
    if (status == OK)
        status = count_extra(verify, err);
    close_all(verify);
    return status;
}
