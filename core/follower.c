/*
 * One reader over `<app>-items` partition 0 and every partition of the catalogue. Records are
 * folded as they come; a view is published when nothing more is waiting, or after
 * PUBLISH_MS or PUBLISH_RECORDS, so that a busy topic does not hide behind itself.
 */
#include "core/follower.h"

#include "consumers/log_reader.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/item_feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PUBLISH_MS = 20,
    PUBLISH_RECORDS = 20000,
    BROKER_TIMEOUT_MS = 5000,
};

struct follower {
    struct runtime *runtime;
    pthread_t thread;
    struct log_reader *reader;
    struct item_feed feed;
    char items_topic[300];
    struct log_partition partitions[1 + CATALOG_PARTITIONS_MAX]; /* items first */
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

static enum status fold(struct follower *follower, const rd_kafka_message_t *message,
                        uint32_t index)
{
    follower->n_pending++;
    metric_add(follower->records, 1);
    return index > 0 ? fold_catalog(follower, message)
                     : item_feed_items(&follower->feed, message);
}

static enum status publish(struct follower *follower)
{
    struct runtime *runtime = follower->runtime;

    /* Positions also pass control records, so that "reached" means reached. */
    item_fold_advance_items(runtime->fold, follower->partitions[0].next);
    for (uint32_t p = 0; p < runtime->n_catalog_partitions; p++)
        item_fold_advance_catalog(runtime->fold, (int32_t)p, follower->partitions[1 + p].next);
    enum status status = item_fold_publish(runtime->fold);

    if (status == ERR_FULL)
        return OK; /* too many old views are held just now: the next turn tries again */
    TRY(status);
    atomic_store(&runtime->fold_next, follower->partitions[0].next);
    follower->n_pending = 0;
    follower->published_ns = clock_mono_ns();
    metric_add(follower->views, 1);
    return OK;
}

static enum status open_reader(struct follower *follower, struct error *err)
{
    struct runtime *runtime = follower->runtime;

    follower->partitions[0] = (struct log_partition){.topic = follower->items_topic};
    for (uint32_t p = 0; p < runtime->n_catalog_partitions; p++)
        follower->partitions[1 + p] = (struct log_partition){
            .topic = runtime->settings->topics.catalog, .partition = (int32_t)p};
    return log_reader_open(runtime->settings, follower->partitions,
                           1 + runtime->n_catalog_partitions, BROKER_TIMEOUT_MS,
                           &follower->reader, err);
}

/* The end also moves over control records, without a record that is pending: a task that saw
 * this end elsewhere waits for a view that has it. */
static bool wants_view(const struct follower *follower, bool more, bool ready)
{
    bool due = follower->n_pending >= PUBLISH_RECORDS ||
               clock_mono_ns() - follower->published_ns > (int64_t)PUBLISH_MS * 1000000;
    bool moved = follower->partitions[0].next > atomic_load(&follower->runtime->fold_next);

    if (!ready)
        return !more;
    return (follower->n_pending && (!more || due)) || (moved && !more && due);
}

static void watch_broker(struct follower *follower)
{
    bool away = !log_reader_broker_answers(follower->reader);

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

        TRY(log_reader_next(follower->reader, follower->n_pending ? 0 : 20, &message, &index,
                            err));
        if (message) {
            enum status status = fold(follower, message, index);

            rd_kafka_message_destroy(message);
            if (status != OK)
                return error_set(err, status, "item fold: out of memory at offset %lld of '%s'",
                                 (long long)follower->partitions[index].next - 1,
                                 follower->partitions[index].topic);
        }
        watch_broker(follower);
        if (wants_view(follower, message != NULL, ready))
            TRY(publish(follower));
        if (!ready && log_reader_reached_high(follower->reader)) {
            TRY(publish(follower));
            ready = true;
            atomic_store(&runtime->items_ready, true);
            log_info("items_ready", "items=%lld records=%lld",
                     (long long)follower->partitions[0].next,
                     (long long)metric_get(follower->records));
        }
    }
    return OK;
}

static void *run(void *context)
{
    struct follower *follower = context;
    struct runtime *runtime = follower->runtime;
    struct error err = {0};
    enum status status;

    do {
        runtime_phase(runtime, "reads items and catalogue");
        status = open_reader(follower, &err);
        if (status == ERR_TIMEOUT)
            log_warn("broker_away", "call=read_items reason=\"%s\"", err.text);
    } while (status == ERR_TIMEOUT && !atomic_load(&runtime->stopping));
    if (status == OK)
        status = follow(follower, &err);
    if (status != OK && !atomic_load(&runtime->stopping))
        runtime_fail(runtime, &err);
    return NULL;
}

enum status follower_start(struct runtime *runtime, struct follower **out, struct error *err)
{
    struct follower *follower = calloc(1, sizeof(*follower));

    if (!follower || item_feed_open(runtime->fold, runtime->registry, &follower->feed) != OK) {
        free(follower);
        return error_set(err, ERR_NOMEM, "follower: out of memory");
    }
    follower->runtime = runtime;
    snprintf(follower->items_topic, sizeof(follower->items_topic), "%s-items",
             runtime->settings->app);
    for (int fate = 0; fate < N_EVENT_FATES; fate++)
        follower->events[fate] = metric_counter(
            "events_total", "Records read, by what became of them.", "topic=\"%s\",fate=\"%s\"",
            runtime->settings->topics.catalog, event_fate_name((enum event_fate)fate));
    follower->records =
        metric_counter("fold_records_total", "Item and catalogue records folded.", NULL);
    follower->views = metric_counter("item_views_total", "Item views published.", NULL);
    if (pthread_create(&follower->thread, NULL, run, follower)) {
        item_feed_close(&follower->feed);
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
    log_reader_close(follower->reader);
    item_feed_close(&follower->feed);
    free(follower);
}
