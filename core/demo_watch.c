/*
 * What any client could do: reads the outputs with read_committed, decodes them, and keeps
 * score. Nothing here asks the job for anything but titles.
 *
 * The score: a list is made after an event, for what comes next. When the next list of the
 * same person arrives, its trigger is that next event, and its item is compared with the list
 * before. An event with the same item as the one before it (put into the cart what was just
 * looked at) is no prediction and is left out.
 */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/demo.h"
#include "core/demo_map.h"
#include "core/kafka_conf.h"
#include "core/symbols.h"
#include "schemas/avro_codec.h"
#include "schemas/ranking.h"
#include "schemas/records.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SHOWN = 3,            /* items of a list that are written out */
    LIST_EVERY_MS = 400,  /* a newest list for the screen so often */
    NEWS_EVERY_MS = 1500, /* and for the console's news */
    DRAIN_MS = 300,       /* nothing for so long after stop: the end */
    ARENA_BYTES = 16 << 20,
    FRAME_BYTES = 5,
    WATCHED = 4,
};

struct person { /* the last list */
    uint64_t last_item;
    uint32_t n;
    uint64_t items[RANKING_K_MAX];
};

struct watched { /* a topic and what its records are */
    const char *topic;
    const struct record_type *type;
    void (*take)(struct demo_watch *watch, const void *record);
    struct avro_plan *plan;
};

struct demo_watch {
    struct runtime *runtime;
    struct demo_events *events;
    pthread_t thread;
    atomic_bool stop;
    rd_kafka_t *consumer;
    struct watched watched[WATCHED];
    struct arena arena;
    struct demo_map numbers; /* hash of a user id -> place in people */
    struct person *people;
    uint32_t n_people, people_capacity;
    int64_t listed_ns, news_ns;
    struct metric *hit_rate;
    pthread_mutex_t lock; /* of seen */
    struct demo_seen seen;
};

static void add_line(struct demo_lines *lines, const char *text)
{
    memmove(lines->at[1], lines->at[0], sizeof(lines->at) - sizeof(lines->at[0]));
    snprintf(lines->at[0], sizeof(lines->at[0]), "%s", text);
    lines->n += lines->n < DEMO_LINES;
}

/* ---- lists ---- */

/* An item's title, or its id where the catalogue does not name it. */
static struct str title_of(const struct item_view *view, struct str item_id)
{
    const struct item_facts *facts = item_view_facts(view, hash64(item_id));

    return facts && facts->item.title.len ? facts->item.title : item_id;
}

static void show_list(struct demo_watch *watch, const struct recommendation *list,
                      uint64_t item)
{
    int64_t now_ns = clock_mono_ns();
    const struct item_view *view;
    char text[DEMO_LINE_BYTES];
    uint32_t number, shown = 0;
    int n;

    if (now_ns - watch->listed_ns < (int64_t)LIST_EVERY_MS * 1000000 || list->items.n == 0)
        return;
    watch->listed_ns = now_ns;
    view = item_view_acquire(watch->runtime->fold);
    number = item_view_find(view, item);
    struct str seen =
        number == UINT32_MAX ? str_of("?") : title_of(view, item_view_id(view, number));

    n = snprintf(text, sizeof(text), "%.*s saw %.*s:", STR_ARG(list->user_id), STR_ARG(seen));
    for (uint32_t i = 0; i < list->items.n && shown < SHOWN && n < (int)sizeof(text); i++) {
        if (hash64(list->items.at[i].item_id) == item)
            continue; /* its own place in the list says little */
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %.*s", shown++ ? " |" : "",
                      STR_ARG(title_of(view, list->items.at[i].item_id)));
    }
    item_view_release(watch->runtime->fold, view);
    pthread_mutex_lock(&watch->lock);
    add_line(&watch->seen.lists, text);
    pthread_mutex_unlock(&watch->lock);
    if (now_ns - watch->news_ns > (int64_t)NEWS_EVERY_MS * 1000000) {
        watch->news_ns = now_ns;
        runtime_news(watch->runtime, "list  %s", text);
    }
}

static struct person *person_of(struct demo_watch *watch, struct str user_id)
{
    uint64_t key = hash64(user_id), place;

    if (demo_map_get(&watch->numbers, key, &place))
        return &watch->people[place];
    if (watch->n_people == watch->people_capacity) {
        uint32_t capacity = watch->people_capacity ? watch->people_capacity * 2 : 1024;
        struct person *larger = realloc(watch->people, capacity * sizeof(*larger));

        if (!larger)
            return NULL;
        watch->people = larger;
        watch->people_capacity = capacity;
    }
    if (demo_map_put(&watch->numbers, key, watch->n_people) != OK)
        return NULL;
    watch->people[watch->n_people] = (struct person){0};
    return &watch->people[watch->n_people++];
}

static bool has_item(const struct person *person, uint64_t item)
{
    for (uint32_t i = 0; i < person->n; i++) {
        if (person->items[i] == item)
            return true;
    }
    return false;
}

static void judge(struct demo_watch *watch, const struct person *person, uint64_t item)
{
    bool hit = has_item(person, item);

    pthread_mutex_lock(&watch->lock);
    watch->seen.n_judged++;
    watch->seen.n_hits += hit;
    metric_set(watch->hit_rate,
               (int64_t)((double)watch->seen.n_hits * 1e9 / (double)watch->seen.n_judged));
    pthread_mutex_unlock(&watch->lock);
}

static void take_list(struct demo_watch *watch, const void *record)
{
    const struct recommendation *list = record;
    uint64_t item = demo_events_item(watch->events, hash64(list->trigger_event_id));
    struct person *person = person_of(watch, list->user_id);

    if (person && item) {
        if (person->n && item != person->last_item)
            judge(watch, person, item);
        person->last_item = item;
        person->n = list->items.n < RANKING_K_MAX ? list->items.n : RANKING_K_MAX;
        for (uint32_t i = 0; i < person->n; i++)
            person->items[i] = hash64(list->items.at[i].item_id);
    }
    pthread_mutex_lock(&watch->lock);
    watch->seen.n_lists++;
    watch->seen.n_empty += list->items.n == 0;
    pthread_mutex_unlock(&watch->lock);
    show_list(watch, list, item);
}

/* ---- messages ---- */

static void take_message(struct demo_watch *watch, const void *record)
{
    const struct message *message = record;
    bool push = message->channel == CHANNEL_PUSH;
    char text[DEMO_LINE_BYTES];

    snprintf(text, sizeof(text), "%-5.*s to %.*s: %.*s",
             STR_ARG(channel_symbol(message->channel)), STR_ARG(message->user_id),
             STR_ARG(push ? message->title : message->subject));
    pthread_mutex_lock(&watch->lock);
    watch->seen.n_push += push;
    watch->seen.n_email += !push;
    add_line(&watch->seen.messages, text);
    pthread_mutex_unlock(&watch->lock);
}

static void take_suppressed(struct demo_watch *watch, const void *record)
{
    const struct suppressed_message *message = record;
    char text[DEMO_LINE_BYTES];

    snprintf(text, sizeof(text), "%-5.*s to %.*s not sent: %.*s",
             STR_ARG(channel_symbol(message->channel)), STR_ARG(message->user_id),
             STR_ARG(message->reason));
    pthread_mutex_lock(&watch->lock);
    watch->seen.n_suppressed++;
    add_line(&watch->seen.messages, text);
    pthread_mutex_unlock(&watch->lock);
}

/* ---- reading ---- */

static void take(struct demo_watch *watch, const rd_kafka_message_t *message)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    union {
        struct recommendation list;
        struct message message;
        struct suppressed_message suppressed;
    } record;

    for (int i = 0; i < WATCHED; i++) {
        const struct watched *watched = &watch->watched[i];

        if (strcmp(watched->topic, topic) != 0 || message->len < FRAME_BYTES)
            continue;
        arena_reset(&watch->arena);
        if (avro_decode(watched->plan, (const uint8_t *)message->payload + FRAME_BYTES,
                        message->len - FRAME_BYTES, &watch->arena, &record) == AVRO_OK)
            watched->take(watch, &record);
        else
            log_warn("demo_watch", "topic=%s offset=%lld reason=\"cannot be decoded\"", topic,
                     (long long)message->offset);
    }
}

static void *run(void *context)
{
    struct demo_watch *watch = context;
    int64_t last_ns = clock_mono_ns();

    while (!atomic_load(&watch->stop) ||
           clock_mono_ns() - last_ns < (int64_t)DRAIN_MS * 1000000) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(watch->consumer, 50);

        if (!message)
            continue;
        if (!message->err) {
            last_ns = clock_mono_ns();
            take(watch, message);
        }
        rd_kafka_message_destroy(message);
    }
    return NULL;
}

static enum status open_consumer(struct demo_watch *watch, const struct settings *settings,
                                 struct error *err)
{
    static const char *const properties[][2] = {
        {"group.id", "demo-watch"}, /* named only: partitions are assigned by hand */
        {"enable.auto.commit", "false"},
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "earliest"},
    };
    rd_kafka_conf_t *conf;
    char text[256];

    TRY(kafka_conf_open(settings, KAFKA_CONSUMER, &conf, err));
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], text, sizeof(text)) !=
            RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf);
            return error_set(err, ERR_INVALID, "kafka: %s", text);
        }
    }
    watch->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!watch->consumer) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERR_INVALID, "kafka: %s", text);
    }
    rd_kafka_poll_set_consumer(watch->consumer);
    return OK;
}

static enum status assign(struct demo_watch *watch, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    rd_kafka_resp_err_t code;

    for (int i = 0; i < WATCHED; i++) {
        for (int32_t p = 0; p < DEMO_PARTITIONS; p++)
            rd_kafka_topic_partition_list_add(list, watch->watched[i].topic, p)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
    }
    code = rd_kafka_assign(watch->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? error_set(err, ERR_IO, "demo: %s", rd_kafka_err2str(code)) : OK;
}

static enum status open_plans(struct demo_watch *watch, const struct settings *settings,
                              struct error *err)
{
    const struct watched watched[WATCHED] = {
        {settings->topics.recommendations, &recommendation_type, take_list, NULL},
        {settings->topics.content_push, &push_message_type, take_message, NULL},
        {settings->topics.content_email, &email_message_type, take_message, NULL},
        {settings->topics.suppressed, &suppressed_message_type, take_suppressed, NULL},
    };

    for (int i = 0; i < WATCHED; i++) {
        const char *schema = record_type_schema(watched[i].type);

        watch->watched[i] = watched[i];
        TRY(avro_plan_open(schema, strlen(schema), watched[i].type, &watch->watched[i].plan,
                           err));
    }
    return OK;
}

static void watch_close(struct demo_watch *watch)
{
    if (!watch)
        return;
    if (watch->consumer) {
        rd_kafka_consumer_close(watch->consumer);
        rd_kafka_destroy(watch->consumer);
    }
    for (int i = 0; i < WATCHED; i++)
        avro_plan_close(watch->watched[i].plan);
    demo_map_deinit(&watch->numbers);
    free(watch->people);
    arena_deinit(&watch->arena);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

enum status demo_watch_start(const struct settings *settings, struct runtime *runtime,
                             struct demo_events *events, struct demo_watch **out,
                             struct error *err)
{
    struct demo_watch *watch = calloc(1, sizeof(*watch));
    enum status status;

    if (!watch)
        return error_set(err, ERR_NOMEM, "demo: out of memory");
    watch->runtime = runtime;
    watch->events = events;
    pthread_mutex_init(&watch->lock, NULL);
    arena_init(&watch->arena, ARENA_BYTES);
    watch->hit_rate = metric_seconds(
        METRIC_GAUGE, "model_hit_rate",
        "Share of next items that the list shown before had (0 to 1).", "model=\"served\"");
    status = open_plans(watch, settings, err);
    if (status == OK)
        status = open_consumer(watch, settings, err);
    if (status == OK)
        status = assign(watch, err);
    if (status == OK && pthread_create(&watch->thread, NULL, run, watch))
        status = error_set(err, ERR_NOMEM, "demo: cannot start a thread");
    if (status != OK) {
        watch_close(watch);
        return status;
    }
    *out = watch;
    return OK;
}

void demo_watch_seen(struct demo_watch *watch, struct demo_seen *out)
{
    pthread_mutex_lock(&watch->lock);
    *out = watch->seen;
    pthread_mutex_unlock(&watch->lock);
}

void demo_watch_stop(struct demo_watch *watch)
{
    if (!watch)
        return;
    atomic_store(&watch->stop, true);
    pthread_join(watch->thread, NULL);
    watch_close(watch);
}
