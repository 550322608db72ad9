/*
 * Catalogue and people first, then two months of a shop in the order of their time. Event
 * times are the recorded ones; Kafka's timestamps are now.
 *
 * The embedded broker keeps 5 MiB per partition and drops the oldest, so the feed never runs
 * further ahead of the job than AHEAD_MAX records: a tenth of what fits.
 */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/demo.h"
#include "core/demo_map.h"
#include "core/load_lines.h"
#include "core/local_registry.h"
#include "schemas/record_json.h"
#include "schemas/records.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    AHEAD_MAX = 10000,
    RECORD_BYTES_MAX = 1024, /* of any struct of records.h */
    ARENA_BYTES = 4 << 20,
    LOOK_EVERY = 64, /* lines between two looks at the job's progress */
    FLUSH_MS = 30000,
};

struct demo_feed {
    struct demo_feed_options options; /* its dir is not looked at again */
    char dir[512];
    pthread_t thread;
    atomic_bool stop, done, failed;
    _Atomic uint64_t n_events, n_bad;
    _Atomic int64_t time_ms;
    struct arena arena;
    struct error err;
    uint64_t n_keyed;           /* sent to topics keyed by user */
    int64_t start_ns, first_ms; /* of the pace */
    _Alignas(16) char record[RECORD_BYTES_MAX];
};

/* ---- the table of events ---- */

struct demo_events {
    pthread_mutex_t lock;
    struct demo_map items;
};

struct demo_events *demo_events_open(void)
{
    struct demo_events *events = calloc(1, sizeof(*events));

    if (events)
        pthread_mutex_init(&events->lock, NULL);
    return events;
}

void demo_events_close(struct demo_events *events)
{
    if (!events)
        return;
    demo_map_deinit(&events->items);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

void demo_events_put(struct demo_events *events, uint64_t event, uint64_t item)
{
    pthread_mutex_lock(&events->lock);
    if (demo_map_put(&events->items, event, item) != OK)
        log_warn("demo", "reason=\"out of memory: this event will not be judged\"");
    pthread_mutex_unlock(&events->lock);
}

uint64_t demo_events_item(struct demo_events *events, uint64_t event)
{
    uint64_t item = 0;

    pthread_mutex_lock(&events->lock);
    if (!demo_map_get(&events->items, event, &item))
        item = 0;
    pthread_mutex_unlock(&events->lock);
    return item;
}

/* ---- one line ---- */

static enum status publish(struct demo_feed *feed, const struct load_target *target,
                           const json_t *object, struct error *err)
{
    const struct click_event *click = (const void *)feed->record;

    arena_reset(&feed->arena);
    ensure(record_type_size(target->type) <= RECORD_BYTES_MAX);
    TRY(record_from_json(target->type, object, false, &feed->arena, feed->record, err));
    if (target->input == INPUT_CLICKSTREAM && click->item_id.ptr)
        demo_events_put(feed->options.events, hash64(click->event_id), hash64(click->item_id));
    TRY(load_producer_put(feed->options.producer, target, feed->record, &feed->stop, err));
    atomic_store(&feed->time_ms, load_record_time(target, feed->record));
    return OK;
}

/* Sleeps until this event is due. */
static void wait_until_due(struct demo_feed *feed, int64_t time_ms)
{
    uint64_t n = atomic_load(&feed->n_events);
    double speed = feed->options.speed, due_ns;

    if (n == 0) {
        feed->start_ns = clock_mono_ns();
        feed->first_ms = time_ms;
    }
    if (speed == 0)
        return;
    due_ns = speed < 0 ? (double)n * 1e9 / DEMO_RATE
                       : (double)(time_ms - feed->first_ms) * 1e6 / speed;
    while (!atomic_load(&feed->stop)) {
        double early_us = (due_ns - (double)(clock_mono_ns() - feed->start_ns)) / 1e3;

        if (early_us < 1000)
            return;
        rd_kafka_poll(load_producer_handle(feed->options.producer), 0);
        usleep(early_us < 20000 ? (unsigned)early_us : 20000);
    }
}

static void wait_for_the_job(const struct demo_feed *feed)
{
    uint64_t processed, refused;

    while (!atomic_load(&feed->stop)) {
        demo_count_processed(feed->options.settings, &processed, &refused);
        if (feed->n_keyed < processed + AHEAD_MAX)
            return;
        rd_kafka_poll(load_producer_handle(feed->options.producer), 5);
    }
}

/* A line of catalog or users is the record; one of events says its topic too. */
static enum status feed_line(struct demo_feed *feed, const char *file, struct str line,
                             struct error *err)
{
    json_error_t problem;
    json_t *object = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &problem);
    bool is_event = strcmp(file, "events") == 0;
    const json_t *record = is_event ? json_object_get(object, "record") : object;
    const char *topic = is_event ? json_string_value(json_object_get(object, "topic")) : file;
    struct load_target target;
    enum status status = OK;

    if (!object)
        return error_set(err, ERR_INVALID, "no JSON: %s", problem.text);
    if (!topic || !load_target_find(feed->options.settings, str_of(topic), &target))
        status = error_set(err, ERR_INVALID, "names no topic of ours");
    if (status == OK) {
        target.schema_id = local_registry_id(record_type_name(target.type));
        if (is_event)
            wait_until_due(feed, json_integer_value(json_object_get(record, "event_time")));
        status = publish(feed, &target, record, err);
    }
    if (status == OK) {
        feed->n_keyed += target.input != INPUT_CATALOG;
        atomic_fetch_add(&feed->n_events, is_event);
    }
    json_decref(object);
    return status;
}

static enum status feed_file(struct demo_feed *feed, const char *name, struct error *err)
{
    struct line_reader *lines;
    char path[600];
    enum status status = OK;

    snprintf(path, sizeof(path), "%s/%s.jsonl.gz", feed->dir, name);
    TRY(line_reader_open(path, &lines, err));
    while (!atomic_load(&feed->stop)) {
        struct str line;

        status = line_reader_next(lines, &line, err);
        if (status == OK)
            status = feed_line(feed, name, line, err);
        if (status == ERR_INVALID || status == ERR_FULL) {
            if (atomic_fetch_add(&feed->n_bad, 1) == 0)
                log_warn("demo_line", "file=%s line=%llu reason=\"%s\"", name,
                         (unsigned long long)line_reader_number(lines), err->text);
        } else if (status != OK) {
            break;
        }
        if (line_reader_number(lines) % LOOK_EVERY == 0)
            wait_for_the_job(feed);
    }
    line_reader_close(lines);
    return status == ERR_NOT_FOUND || atomic_load(&feed->stop) ? OK : status;
}

/* The catalogue is read before the first list is made; then the lists have titles. */
static enum status feed_tables(struct demo_feed *feed, struct error *err)
{
    TRY(feed_file(feed, "catalog", err));
    TRY(feed_file(feed, "users", err));
    return load_producer_flush(feed->options.producer, FLUSH_MS) == OK
               ? OK
               : error_set(err, ERR_TIMEOUT, "the embedded broker does not take the catalogue");
}

/* The mock broker lets a group wait for 3 s before it shares out the partitions. Events that
 * came before would be worked off in one go, with nothing learnt in between. */
static void wait_for_the_tasks(const struct demo_feed *feed)
{
    struct runtime *runtime = feed->options.runtime;
    uint32_t n_running = 0;

    while (!atomic_load(&feed->stop) && n_running < DEMO_PARTITIONS) {
        rd_kafka_poll(load_producer_handle(feed->options.producer), 20);
        n_running = 0;
        for (uint32_t p = 0; atomic_load(&runtime->items_ready) && p < DEMO_PARTITIONS; p++)
            n_running += atomic_load(&runtime->status[p].state) == TASK_RUNNING;
    }
}

static void *run(void *context)
{
    struct demo_feed *feed = context;
    enum status status = feed_tables(feed, &feed->err);

    if (status == OK)
        wait_for_the_tasks(feed);
    if (status == OK)
        status = feed_file(feed, "events", &feed->err);
    if (status == OK && !atomic_load(&feed->stop))
        load_producer_flush(feed->options.producer, FLUSH_MS);
    atomic_store(&feed->failed, status != OK);
    atomic_store(&feed->done, true);
    /* delivery reports are still to be taken while others use the same broker */
    while (!atomic_load(&feed->stop))
        rd_kafka_poll(load_producer_handle(feed->options.producer), 100);
    return NULL;
}

/* ---- birth, death, questions ---- */

enum status demo_feed_start(const struct demo_feed_options *options, struct demo_feed **out,
                            struct error *err)
{
    struct demo_feed *feed = calloc(1, sizeof(*feed));

    if (!feed)
        return error_set(err, ERR_NOMEM, "feed: out of memory");
    feed->options = *options;
    snprintf(feed->dir, sizeof(feed->dir), "%s", options->dir);
    arena_init(&feed->arena, ARENA_BYTES);
    if (pthread_create(&feed->thread, NULL, run, feed)) {
        free(feed);
        return error_set(err, ERR_NOMEM, "feed: cannot start a thread");
    }
    *out = feed;
    return OK;
}

bool demo_feed_stop(struct demo_feed *feed, struct error *err)
{
    bool ok;

    if (!feed)
        return true;
    atomic_store(&feed->stop, true);
    pthread_join(feed->thread, NULL);
    ok = !atomic_load(&feed->failed);
    if (!ok)
        *err = feed->err;
    arena_deinit(&feed->arena);
    free(feed);
    return ok;
}

void demo_feed_progress(const struct demo_feed *feed, struct demo_progress *out)
{
    struct demo_feed *f = (struct demo_feed *)(uintptr_t)feed; /* atomics know no const */

    *out = (struct demo_progress){atomic_load(&f->n_events), atomic_load(&f->n_bad),
                                  atomic_load(&f->time_ms), atomic_load(&f->done),
                                  atomic_load(&f->failed)};
}
