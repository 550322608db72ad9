/*
 * One reader over `<app>-items` partition 0 and every partition of the catalogue, from where
 * item_start.h found a beginning. Records are folded as they come; a view is published when
 * nothing more is waiting, or after PUBLISH_MS or PUBLISH_RECORDS, so that a busy topic does
 * not hide behind itself.
 */
#include "core/follower.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/item_feed.h"
#include "core/item_start.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PUBLISH_MS = 20,
    PUBLISH_RECORDS = 20000,
};

struct follower {
    struct runtime *runtime;
    pthread_t thread;
    struct item_start start; /* reader and positions; the fold is the runtime's */
    struct item_feed feed;
    uint32_t n_pending; /* folded since the last view */
    int64_t published_ns;
    struct metric *events[N_EVENT_FATES], *records, *views;
};

static enum status fold_catalog(struct follower *follower, const rd_kafka_message_t *message)
{
    struct runtime *runtime = follower->runtime;
    struct refusal refusal;
    enum status status;

    while ((status = item_feed_catalog(&follower->feed, message, false, &refusal)) ==
           ERR_TIMEOUT) {
        if (atomic_load(&runtime->stopping))
            return OK;
        runtime_phase(runtime, "waits for the schema registry (catalogue)");
        usleep(20000);
    }
    if (status != OK)
        return status;
    metric_add(follower->events[refusal.fate], 1);
    if (refusal.fate != EVENT_LIVE)
        runtime_refuse(runtime, &refusal);
    return OK;
}

/* What the snapshot's fold includes already is read for its refusals: those that task 0 has not
 * reported before the process ended. */
static enum status refuse_again(struct follower *follower, const rd_kafka_message_t *message)
{
    struct runtime *runtime = follower->runtime;
    struct refusal refusal;
    const void *item;

    while (!item_feed_decode(&follower->feed, message, false, &refusal, &item)) {
        if (atomic_load(&runtime->stopping))
            return OK;
        usleep(20000);
    }
    if (refusal.fate != EVENT_LIVE)
        runtime_refuse(runtime, &refusal);
    return OK;
}

static enum status fold(struct follower *follower, const rd_kafka_message_t *message,
                        uint32_t index)
{
    follower->n_pending++;
    metric_add(follower->records, 1);
    if (index == 0)
        return item_feed_items(&follower->feed, message);
    return message->offset < follower->start.catalog_offset[index - 1]
               ? refuse_again(follower, message)
               : fold_catalog(follower, message);
}

static enum status publish(struct follower *follower)
{
    struct runtime *runtime = follower->runtime;

    /* Positions also pass control records, so that "reached" means reached. */
    item_fold_advance_items(runtime->fold, follower->start.partitions[0].next);
    for (uint32_t p = 0; p < runtime->n_catalog_partitions; p++) {
        int64_t next = follower->start.partitions[1 + p].next;

        if (next > follower->start.catalog_offset[p])
            item_fold_advance_catalog(runtime->fold, (int32_t)p, next);
    }
    enum status status = item_fold_publish(runtime->fold);

    if (status == ERR_FULL)
        return OK; /* too many old views are held just now: the next turn tries again */
    TRY(status);
    atomic_store(&runtime->fold_next, follower->start.partitions[0].next);
    follower->n_pending = 0;
    follower->published_ns = clock_mono_ns();
    metric_add(follower->views, 1);
    return OK;
}

/* The end also moves over control records, without a record that is pending: a task that saw
 * this end elsewhere waits for a view that has it. */
static bool wants_view(const struct follower *follower, bool more, bool ready)
{
    bool due = follower->n_pending >= PUBLISH_RECORDS ||
               clock_mono_ns() - follower->published_ns > (int64_t)PUBLISH_MS * 1000000;
    bool moved =
        follower->start.partitions[0].next > atomic_load(&follower->runtime->fold_next);

    if (!ready)
        return !more;
    return (follower->n_pending && (!more || due)) || (moved && !more && due);
}

static void watch_broker(struct follower *follower)
{
    bool away = !log_reader_broker_answers(follower->start.reader);

    if (atomic_exchange(&follower->runtime->broker_away, away) == away)
        return;
    if (away)
        log_warn("broker_away", "call=fetch");
    else
        log_info("broker_back", "call=fetch");
}

static enum status follow(struct follower *follower, struct error *err)
{
    struct runtime *runtime = follower->runtime;
    bool ready = false;

    while (!atomic_load(&runtime->stopping)) {
        rd_kafka_message_t *message;
        uint32_t index;

        TRY(log_reader_next(follower->start.reader, follower->n_pending ? 0 : 20, &message,
                            &index, err));
        if (message) {
            enum status status = fold(follower, message, index);

            rd_kafka_message_destroy(message);
            if (status != OK)
                return error_set(err, status, "item fold: out of memory at offset %lld of '%s'",
                                 (long long)follower->start.partitions[index].next - 1,
                                 follower->start.partitions[index].topic);
        }
        watch_broker(follower);
        if (wants_view(follower, message != NULL, ready))
            TRY(publish(follower));
        if (!ready && log_reader_reached_high(follower->start.reader)) {
            TRY(publish(follower));
            ready = true;
            atomic_store(&runtime->items_ready, true);
            log_info("items_ready", "items=%lld records=%lld",
                     (long long)follower->start.partitions[0].next,
                     (long long)metric_get(follower->records));
        }
    }
    return OK;
}

static enum status begin(struct follower *follower, struct error *err)
{
    struct runtime *runtime = follower->runtime;
    struct item_start *start = &follower->start;
    int64_t begun_ns = clock_mono_ns();
    enum status status;

    do {
        runtime_phase(runtime, "reads items and catalogue");
        status = item_start_open(runtime, ITEMS_FROM_SNAPSHOT, true, start, err);
        if (status == ERR_TIMEOUT)
            log_warn("broker_away", "call=read_items reason=\"%s\"", err->text);
    } while (status == ERR_TIMEOUT && !atomic_load(&runtime->stopping));
    TRY(status);
    runtime->fold = start->fold;
    log_info("items_begin", "from=%s offset=%lld seconds=%.3f", item_source_name(start->source),
             (long long)start->partitions[0].next, (double)(clock_mono_ns() - begun_ns) / 1e9);
    if (item_feed_open(runtime->fold, runtime->registry, &follower->feed) != OK)
        return error_set(err, ERR_NOMEM, "item fold: out of memory");
    return OK;
}

static void *run(void *context)
{
    struct follower *follower = context;
    struct error err = {0};
    enum status status = begin(follower, &err);

    if (status == OK)
        status = follow(follower, &err);
    if (status != OK && !atomic_load(&follower->runtime->stopping))
        runtime_fail(follower->runtime, &err);
    return NULL;
}

enum status follower_start(struct runtime *runtime, struct follower **out, struct error *err)
{
    struct follower *follower = calloc(1, sizeof(*follower));

    if (!follower)
        return error_set(err, ERR_NOMEM, "follower: out of memory");
    follower->runtime = runtime;
    for (int fate = 0; fate < N_EVENT_FATES; fate++)
        follower->events[fate] = metric_counter(
            "events_total", "Records read, by what became of them.", "topic=\"%s\",fate=\"%s\"",
            runtime->settings->topics.catalog, event_fate_name((enum event_fate)fate));
    follower->records =
        metric_counter("fold_records_total", "Item and catalogue records folded.", NULL);
    follower->views = metric_counter("item_views_total", "Item views published.", NULL);
    if (pthread_create(&follower->thread, NULL, run, follower)) {
        free(follower);
        return error_set(err, ERR_NOMEM, "follower: cannot start a thread");
    }
    *out = follower;
    return OK;
}

void follower_stop(struct follower *follower)
{
    if (!follower)
        return;
    pthread_join(follower->thread, NULL);
    log_reader_close(follower->start.reader);
    item_feed_close(&follower->feed);
    free(follower);
}
