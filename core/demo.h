/*
 * The parts of `freshet demo`: an embedded broker, somebody who feeds it the shipped data, and
 * somebody who reads the outputs as any client would. The job between them is the real one.
 *
 *   demo_feed   files of deploy/demo ──> catalog, users, clickstream, orders   (own thread)
 *   process     core/process.h, on the embedded broker
 *   demo_watch  recommendations, content.*, suppressed ──> lists, messages, hit rate  (own
 * thread) demo_view   all that on the terminal
 */
#ifndef FRESHET_CORE_DEMO_H
#define FRESHET_CORE_DEMO_H

#include "core/load_producer.h"
#include "core/process.h"

/* ---- broker ---- */

enum { DEMO_PARTITIONS = 4 };

/** Makes every topic of the settings on the mock cluster of the producer's handle. */
enum status demo_topics_create(rd_kafka_t *handle, const struct settings *settings,
                               struct error *err);
/** "127.0.0.1:41234" of the mock cluster. */
const char *demo_bootstraps(rd_kafka_t *handle);

/* ---- which item an event was about: told by the feed, asked by the watch ---- */

struct demo_events;

struct demo_events *demo_events_open(void); /* NULL: out of memory */
void demo_events_close(struct demo_events *events);
void demo_events_put(struct demo_events *events, uint64_t event, uint64_t item);
/** 0: no such event, or one without an item. */
uint64_t demo_events_item(struct demo_events *events, uint64_t event);

/* ---- feed ---- */

struct demo_feed;

struct demo_feed_options {
    const char *dir;                /* holds catalog, users and events .jsonl.gz */
    struct load_producer *producer; /* the feed's alone from now on */
    const struct settings *settings;
    struct runtime *runtime; /* events begin when its tasks run */
    struct demo_events *events;
    double speed; /* times real time; 0: as fast as the job follows; < 0: DEMO_RATE evenly */
};

enum { DEMO_RATE = 2000 }; /* events per second: seen moving, and two minutes of them */

enum status demo_feed_start(const struct demo_feed_options *options, struct demo_feed **out,
                            struct error *err);
/** Asks it to end and waits. False: it had failed; the sentence is in err. NULL: true. */
bool demo_feed_stop(struct demo_feed *feed, struct error *err);

struct demo_progress {
    uint64_t n_events, n_bad; /* fed; lines that were refused */
    int64_t time_ms;          /* event time of the newest */
    bool done, failed;
};
void demo_feed_progress(const struct demo_feed *feed, struct demo_progress *out);

/* ---- watch ---- */

struct demo_watch;

enum status demo_watch_start(const struct settings *settings, struct runtime *runtime,
                             struct demo_events *events, struct demo_watch **out,
                             struct error *err);
/** Reads what is still there, then ends. NULL is a no-op. */
void demo_watch_stop(struct demo_watch *watch);

enum { DEMO_LINES = 6, DEMO_LINE_BYTES = 400 };

struct demo_lines { /* newest first */
    uint32_t n;
    char at[DEMO_LINES][DEMO_LINE_BYTES];
};

struct demo_seen {
    uint64_t n_lists, n_empty, n_push, n_email, n_suppressed;
    /* next items of a person that have been compared with the list before; those it had */
    uint64_t n_judged, n_hits;
    struct demo_lines lists, messages;
};
void demo_watch_seen(struct demo_watch *watch, struct demo_seen *out);

/* ---- view ---- */

struct demo_state { /* what is shown */
    const char *bootstraps;
    int http_port;
    double elapsed_s, events_per_s;
    uint64_t n_processed, n_refused;
    int64_t lag;
    struct demo_progress fed;
    struct demo_seen seen;
};

/** On a terminal: takes the screen, and gives it back. */
void demo_view_open(void);
void demo_view_close(void);
void demo_view_paint(const struct demo_state *state);
/** Without one. */
void demo_view_line(const struct demo_state *state);
void demo_view_summary(const struct demo_state *state);

/** Records of the user-keyed topics the workers have taken; those refused. Any thread. */
void demo_count_processed(const struct settings *settings, uint64_t *out_processed,
                          uint64_t *out_refused);

#endif
