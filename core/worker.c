/*
 * The worker's loop: mailbox, poll, batches into the open transaction, commit.
 *
 * A transaction ends as soon as nothing more is waiting (so a quiet shop sees its list at once)
 * and at the latest after commit.interval_ms, or when the overlay, the item changes or a task's
 * segments have had enough.
 *
 * Trouble has one way out, whatever its class: forget the overlay, settle the transaction, and
 * start the tasks again from what is committed. After an abort that is known from memory; after
 * an unknown outcome it is read from the changelog, by the same restore as a gained task.
 */
#include "core/worker.h"

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/item_table.h"
#include "core/restorer.h"
#include "core/worker_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    POLL_MS = 50, /* longest sleep: stop, mailbox and idle clocks are looked at then */
    STATUS_EVERY_MS = 200,
    INIT_TIMEOUT_MS = 60000,
    JOIN_TICK_US = 2000,
    FENCED_AGAIN_MS = 60000, /* two processes of one name fence each other within seconds */
    BATCH_ARENA_BYTES = 512 << 20,
    /* Where the overlay of one transaction breaks the program rather than the machine. Normally
     * a transaction ends at half of its share of state.memory, checked after each batch. */
    OVERLAY_ARENA_BYTES = 1 << 30,
};

/* ---- tasks come and go ---- */

/* One restore of a task is under way at a time. If the task left and came back meanwhile, what
 * it brings may be old: it is thrown away and asked for again. */
static void ask_restore(struct worker *worker, int32_t task)
{
    struct ownership *own = &worker->ownership[task];

    if (own->asked) {
        own->stale = true;
        return;
    }
    own->asked = true;
    own->stale = false;
    worker->n_restoring++;
    restorer_ask(worker->runtime->restorer, worker, worker->number, task);
}

static void on_gained(void *context, const int32_t *tasks, uint32_t n)
{
    struct worker *worker = context;

    for (uint32_t i = 0; i < n; i++) {
        if (worker->ownership[tasks[i]].owned)
            continue;
        log_info("task_gained", "task=%d worker=%u", tasks[i], worker->number);
        atomic_fetch_add(&worker->runtime->n_assigned, 1);
        worker->ownership[tasks[i]].owned = true;
        if (mutant("mutant_task_kept") && worker->homes[tasks[i]]) {
            source_start_task(worker->source, tasks[i], &worker->homes[tasks[i]]->position,
                              NULL);
            continue;
        }
        ask_restore(worker, tasks[i]);
    }
}

static enum status recover(struct worker *worker, enum sink_result result, struct error *err);
static enum status restart_tasks(struct worker *worker, struct error *err);

static void on_losing(void *context, const int32_t *tasks, uint32_t n, bool lost)
{
    struct worker *worker = context;
    struct error err = {0};

    if (lost) {
        transaction_discard(worker, true);
    } else {
        enum sink_result result = transaction_commit(worker, &err);

        if (result != SINK_OK && recover(worker, result, &err) != OK)
            runtime_fail(worker->runtime, &err);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct ownership *own = &worker->ownership[tasks[i]];

        if (!own->owned)
            continue;
        log_info("task_lost", "task=%d worker=%u clean=%d", tasks[i], worker->number, !lost);
        atomic_fetch_sub(&worker->runtime->n_assigned, 1);
        own->owned = false;
        own->stale = true;
        if (mutant("mutant_task_kept"))
            continue;
        if (worker->homes[tasks[i]])
            runtime_remove_home(worker->runtime, (uint32_t)tasks[i], !lost);
        worker->homes[tasks[i]] = NULL;
    }
    if (lost && restart_tasks(worker, &err) != OK)
        runtime_fail(worker->runtime, &err);
}

void worker_post_restored(struct worker *worker, int32_t task, struct task_home *home,
                          const struct error *err)
{
    struct restored *note = calloc(1, sizeof(*note));

    ensure(note);
    note->task = task;
    note->home = home;
    if (err)
        note->err = *err;
    pthread_mutex_lock(&worker->mailbox_lock);
    note->next = worker->mailbox;
    worker->mailbox = note;
    pthread_mutex_unlock(&worker->mailbox_lock);
}

static enum status start_task(struct worker *worker, struct task_home *home, struct error *err)
{
    struct error gone = {0};
    enum status status = source_start_task(worker->source, home->task, &home->position, &gone);

    if (status == ERR_STATE) { /* lost again while it was restored */
        task_home_release(home);
        return OK;
    }
    if (status != OK) {
        task_home_release(home);
        *err = gone;
        return status;
    }
    worker->homes[home->task] = home;
    runtime_add_home(worker->runtime, home);
    log_info("task_started", "task=%u number=%llu timers=%u", home->task,
             (unsigned long long)home->position.number, timer_queue_count(home->timers));
    return OK;
}

/* A restored task waits in the mailbox until the fold has what its last transaction saw. */
static bool fold_has(const struct worker *worker, const struct task_home *home)
{
    return atomic_load(&worker->runtime->fold_next) >= home->position.items_offset;
}

static enum status read_mailbox(struct worker *worker, struct error *err)
{
    struct restored *notes, *later = NULL;
    enum status status = OK;

    pthread_mutex_lock(&worker->mailbox_lock);
    notes = worker->mailbox;
    worker->mailbox = NULL;
    pthread_mutex_unlock(&worker->mailbox_lock);
    while (notes) {
        struct restored *note = notes;

        notes = note->next;
        if (note->home && !fold_has(worker, note->home)) {
            note->next = later;
            later = note;
            continue;
        }
        struct ownership *own = &worker->ownership[note->task];

        worker->n_restoring--;
        own->asked = false;
        if (own->stale) {
            task_home_release(note->home);
            if (own->owned)
                ask_restore(worker, note->task);
        } else if (!note->home && !atomic_load(&worker->runtime->stopping)) {
            *err = note->err;
            status = note->err.status;
        } else if (note->home && status == OK) {
            status = start_task(worker, note->home, err);
        } else if (note->home) {
            task_home_release(note->home);
        }
        free(note);
    }
    while (later) {
        struct restored *note = later;

        later = note->next;
        pthread_mutex_lock(&worker->mailbox_lock);
        note->next = worker->mailbox;
        worker->mailbox = note;
        pthread_mutex_unlock(&worker->mailbox_lock);
    }
    return status;
}

/* ---- producer ---- */

static enum status open_sink(struct worker *worker, struct error *err)
{
    struct runtime *runtime = worker->runtime;
    enum status status;

    TRY(sink_open(runtime->settings, worker->id, runtime->plan.output_queue_bytes,
                  &worker->sink, err));
    sink_watch_stop(worker->sink, &runtime->stopping);
    do {
        status = sink_init(worker->sink, INIT_TIMEOUT_MS, err);
        if (status == ERR_TIMEOUT)
            log_warn("broker_away", "call=init_transactions reason=\"%s\"", err->text);
    } while (status == ERR_TIMEOUT && !atomic_load(&runtime->stopping));
    return status;
}

/* Starts every task again from its committed position, which memory knows. */
static enum status restart_tasks(struct worker *worker, struct error *err)
{
    for (uint32_t task = 0; task < worker->runtime->n_partitions; task++) {
        if (worker->homes[task])
            TRY(source_start_task(worker->source, (int32_t)task, &worker->homes[task]->position,
                                  err));
    }
    return OK;
}

/* The outcome is not known here: the new producer settles it, the changelog tells it. */
static enum status reread_tasks(struct worker *worker, struct error *err)
{
    sink_close(worker->sink);
    worker->sink = NULL;
    TRY(open_sink(worker, err));
    for (uint32_t task = 0; task < worker->runtime->n_partitions; task++) {
        if (!worker->homes[task])
            continue;
        source_stop_task(worker->source, (int32_t)task);
        runtime_remove_home(worker->runtime, task, false);
        worker->homes[task] = NULL;
        ask_restore(worker, (int32_t)task);
    }
    return OK;
}

static enum status recover(struct worker *worker, enum sink_result result, struct error *err)
{
    log_warn("recover", "worker=%u result=%d reason=\"%s\"", worker->number, (int)result,
             err->text);
    transaction_discard(worker, false);
    /* A transaction that slept through its timeout is fenced like one whose id another process
     * took. Only the group knows which it was: a name that was taken ends the consumer. */
    if (result == SINK_ABORTED)
        return restart_tasks(worker, err);
    if (atomic_load(&worker->runtime->stopping)) /* the next start reads what became of it */
        return error_set(err, ERR_STATE, "stopped without an answer from the broker");
    return reread_tasks(worker, err);
}

/* What a step's failure means for the open transaction; OK if that has been dealt with. */
static enum status settle(struct worker *worker, enum status status, struct error *err)
{
    if (status == ERR_STATE)
        return recover(worker, SINK_RENEW, err);
    if (status != ERR_IO || !worker->txn.open)
        return status;
    enum sink_result aborted = sink_abort(worker->sink, err);

    return recover(worker, aborted == SINK_OK ? SINK_ABORTED : aborted, err);
}

/* ---- the loop ---- */

static bool transaction_is_due(const struct worker *worker, bool more)
{
    const struct transaction *txn = &worker->txn;

    if (!txn->open)
        return false;
    return !more || atomic_load(&worker->runtime->stopping) ||
           user_overlay_count(worker->overlay) >= OVERLAY_USERS_ENOUGH ||
           user_overlay_arena(worker->overlay)->used_bytes >=
               worker->runtime->plan.overlay_bytes / 2 ||
           item_changes_count(worker->changes) >= ITEM_CHANGES_MAX / 2 ||
           source_segments_full(worker->source) ||
           clock_mono_ns() - txn->begun_ns >=
               worker->runtime->settings->commit_interval_ms * 1000000;
}

static enum status commit(struct worker *worker, struct error *err)
{
    enum sink_result result = transaction_commit(worker, err);

    return result == SINK_OK ? OK : recover(worker, result, err);
}

/* Takes what is there, batch by batch, until the transaction is due. */
static enum status work(struct worker *worker, struct error *err)
{
    bool more = true;

    worker->more = false;
    while (more) {
        int64_t start_ns = clock_mono_ns();

        TRY(source_take(worker->source, &worker->batch, err));
        uint32_t n = worker->batch.n;

        if (n) {
            int64_t decode_ns = clock_mono_ns() - start_ns;
            enum status status = transaction_begin(worker, err);

            count_stage(worker, STAGE_DECODE, decode_ns, n);
            if (status == OK)
                status = pipeline_step(worker, err);
            source_release(worker->source, &worker->batch);
            if (status != OK)
                return settle(worker, status, err);
        }
        more = n > 0;
        if (transaction_is_due(worker, more)) {
            worker->more = more;
            TRY(commit(worker, err));
            break;
        }
    }
    return OK;
}

/* Task 0 answers for the catalogue: what the fold refused goes to dead-letter once. */
static enum status report_refused(struct worker *worker, struct error *err)
{
    struct task_home *home = worker->homes[0];

    if (!home || !refusals_waiting(worker->runtime, &home->position))
        return OK;
    enum status status = transaction_begin(worker, err);

    if (status == OK) {
        transaction_touch(worker, home);
        status = output_refusals(worker, home, err);
    }
    return status == OK ? commit(worker, err) : settle(worker, status, err);
}

/* Item rows for the table go with the next transaction of task 0, and now if there is none. */
static enum status write_items_table(struct worker *worker, struct error *err)
{
    struct task_home *home = worker->homes[0];

    if (!item_table_waiting(worker->runtime->item_table, home))
        return OK;
    TRY(transaction_begin(worker, err));
    transaction_touch(worker, home);
    return commit(worker, err);
}

/* Dirty values cannot be evicted: when they take most of the cache, they are written now. */
enum status worker_relieve_caches(struct worker *worker, struct error *err)
{
    size_t share = worker->runtime->plan.cache_bytes / worker->runtime->n_partitions;

    for (uint32_t task = 0; task < worker->runtime->n_partitions; task++) {
        struct task_home *home = worker->homes[task];

        if (!home || user_cache_dirty_bytes(home->cache) < share / 4 * 3)
            continue;
        pthread_mutex_lock(&home->flush_lock);
        enum status status = user_cache_flush(home->cache, err);

        pthread_mutex_unlock(&home->flush_lock);
        TRY(status);
    }
    return OK;
}

/* A task at its ends for a while: its clock goes on with the wall's if a timer waits for it. */
static enum status move_idle_clock(struct worker *worker, struct task_home *home,
                                   struct error *err)
{
    int64_t clock_ms =
        source_idle_clock(worker->source, home->task, worker->runtime->settings->idle_after_ms);

    if (timer_queue_next(home->timers) > clock_ms ||
        !source_confirm_idle(worker->source, home->task))
        return OK;
    enum status status = transaction_begin(worker, err);

    if (status == OK) {
        source_move_clock(worker->source, home->task, clock_ms);
        transaction_touch(worker, home);
        status = pipeline_fire_due(worker, home, clock_ms, -1, err);
    }
    return status == OK ? commit(worker, err) : settle(worker, status, err);
}

static enum status move_idle_clocks(struct worker *worker, struct error *err)
{
    for (uint32_t task = 0; task < worker->runtime->n_partitions; task++) {
        if (worker->homes[task])
            TRY(move_idle_clock(worker, worker->homes[task], err));
    }
    return OK;
}

static void publish_lag(struct worker *worker, uint32_t task, int topic)
{
    struct lag_cell *cell = &worker->runtime->status[task].lag[topic];
    struct source_lag lag;

    if (!source_lag(worker->source, (int32_t)task, (enum input_topic)topic, &lag))
        return;
    int64_t records = lag.end > lag.next ? lag.end - lag.next : 0;
    int64_t behind_ms =
        records && lag.newest_kafka_ms > 0 ? clock_wall_ms() - lag.newest_kafka_ms : 0;

    atomic_store_explicit(&cell->next, lag.next, memory_order_relaxed);
    atomic_store_explicit(&cell->end, lag.end, memory_order_relaxed);
    atomic_store_explicit(&cell->behind_ms, behind_ms, memory_order_relaxed);
    if (!worker->metrics.lag[topic][task]) {
        const char *name = topic_text(worker->runtime->settings, (enum input_topic)topic);

        worker->metrics.lag[topic][task] =
            metric_gauge("consumer_lag", "Records behind the end of the partition.",
                         "topic=\"%s\",partition=\"%u\"", name, task);
        worker->metrics.lag_seconds[topic][task] = metric_seconds(
            METRIC_GAUGE, "consumer_lag_seconds", "Age of the last record taken while behind.",
            "topic=\"%s\",partition=\"%u\"", name, task);
    }
    metric_set(worker->metrics.lag[topic][task], records);
    metric_set(worker->metrics.lag_seconds[topic][task], behind_ms * 1000000);
}

static void publish_status(struct worker *worker)
{
    int64_t now_ns = clock_mono_ns();

    if (now_ns - worker->last_status_ns < (int64_t)STATUS_EVERY_MS * 1000000)
        return;
    worker->last_status_ns = now_ns;
    for (uint32_t task = 0; task < worker->runtime->n_partitions; task++) {
        for (int topic = 0; worker->homes[task] && topic < N_USER_TOPICS; topic++)
            publish_lag(worker, task, topic);
    }
    metric_set(worker->metrics.misplaced, (int64_t)source_misplaced(worker->source));
}

static enum status open_source(struct worker *worker, struct error *err)
{
    struct runtime *runtime = worker->runtime;
    struct source_options options = {
        .settings = runtime->settings,
        .registry = runtime->registry,
        .group_instance_id = worker->id,
        .queue_bytes = runtime->plan.input_queue_bytes,
        .n_partitions = runtime->n_partitions,
        .gained = on_gained,
        .losing = on_losing,
        .context = worker,
    };

    return source_open(&options, &worker->source, err);
}

/*
 * The group says that our name is another's. That happens without any other process: the broker
 * went away with its answer to our joining, and we came back as who we were before it. So once
 * is no matter, we join anew; soon again means that somebody does run under our name, and one
 * of the two has to end.
 */
static enum status rejoin(struct worker *worker, struct error *err)
{
    int64_t now_ns = clock_mono_ns();
    int32_t tasks[TASKS_MAX];
    uint32_t n = 0;

    if (worker->fenced_ns && now_ns - worker->fenced_ns < (int64_t)FENCED_AGAIN_MS * 1000000)
        return ERR_FENCED;
    worker->fenced_ns = now_ns;
    log_warn("rejoin", "worker=%u reason=\"%s\"", worker->number, err->text);
    for (uint32_t task = 0; task < worker->runtime->n_partitions; task++) {
        if (worker->ownership[task].owned)
            tasks[n++] = (int32_t)task;
    }
    on_losing(worker, tasks, n, true);
    source_close(worker->source, false);
    worker->source = NULL;
    return open_source(worker, err);
}

static enum status turn(struct worker *worker, struct error *err)
{
    int wait_ms = worker->more                                                     ? 0
                  : worker->n_restoring || source_waits_for_schema(worker->source) ? 5
                                                                                   : POLL_MS;

    TRY(read_mailbox(worker, err));
    enum status status = source_poll(worker->source, wait_ms, err);

    if (status == ERR_FENCED)
        status = rejoin(worker, err);
    TRY(status);
    TRY(work(worker, err));
    TRY(report_refused(worker, err));
    TRY(write_items_table(worker, err));
    TRY(move_idle_clocks(worker, err));
    TRY(worker_relieve_caches(worker, err));
    sink_poll(worker->sink);
    publish_status(worker);
    return OK;
}

static enum status wait_for_items(struct worker *worker, struct error *err)
{
    while (!atomic_load(&worker->runtime->items_ready)) {
        if (atomic_load(&worker->runtime->stopping))
            return error_set(err, ERR_STATE, "stopped");
        usleep(5000);
    }
    return OK;
}

static void finish(struct worker *worker, enum status status)
{
    struct runtime *runtime = worker->runtime;
    struct error err = {0};

    if (status == OK && worker->txn.open)
        status = commit(worker, &err);
    else
        transaction_discard(worker, worker->sink != NULL);
    for (uint32_t task = 0; task < runtime->n_partitions; task++) {
        if (worker->homes[task])
            runtime_remove_home(runtime, task, true);
        worker->homes[task] = NULL;
    }
    source_close(worker->source, !atomic_load(&runtime->keep_membership));
    worker->source = NULL;
    sink_close(worker->sink);
    worker->sink = NULL;
}

static void *run(void *context)
{
    struct worker *worker = context;
    struct runtime *runtime = worker->runtime;
    struct error err = {0};
    /* The producer first: it settles what an earlier life has left open, and the items' end
     * cannot be reached before. */
    enum status status = open_sink(worker, &err);

    if (status == OK && (status = wait_for_items(worker, &err)) == OK)
        status = open_source(worker, &err);
    while (status == OK && !atomic_load(&runtime->stopping))
        status = turn(worker, &err);
    if (status != OK && !atomic_load(&runtime->stopping))
        runtime_fail(runtime, &err);
    finish(worker, status);
    return NULL;
}

/* ---- birth and death ---- */

static void open_metrics(struct worker_metrics *m, const struct settings *settings)
{
    static const char *const stages[N_STAGES] = {"decode", "features", "learn",
                                                 "rank",   "encode",   "commit"};
    static const char *const reasons[] = {"unknown", "covisitation", "factors", "recent",
                                          "popular"};

    for (int s = 0; s < N_STAGES; s++) {
        m->stage_ns[s] =
            metric_seconds(METRIC_COUNTER, "stage_seconds_total", "Wall time spent in a stage.",
                           "stage=\"%s\"", stages[s]);
        m->stage_events[s] = metric_counter("stage_events_total", "Lanes through a stage.",
                                            "stage=\"%s\"", stages[s]);
        m->stage_calls[s] =
            metric_counter("stage_calls_total", "Calls of a stage.", "stage=\"%s\"", stages[s]);
    }
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        for (int fate = 0; fate < N_EVENT_FATES; fate++)
            m->fates[topic][fate] = metric_counter(
                "events_total", "Records read, by what became of them.",
                "topic=\"%s\",fate=\"%s\"", topic_text(settings, (enum input_topic)topic),
                event_fate_name((enum event_fate)fate));
    }
    for (int r = 0; r < 8; r++)
        m->reasons[r] = metric_counter("recommendations_total",
                                       "Lists made, by the reason of their first item.",
                                       "reason=\"%s\"", reasons[r < 5 ? r : 0]);
    m->committed = metric_counter("transactions_total", "Kafka transactions by result.",
                                  "result=\"committed\"");
    m->aborted = metric_counter("transactions_total", "Kafka transactions by result.",
                                "result=\"aborted\"");
    m->event_to_commit =
        metric_histogram("event_to_commit_seconds",
                         "From a record's Kafka timestamp to the commit of its effects.", NULL);
    m->commit_seconds = metric_histogram("commit_seconds", "Time of a commit.", NULL);
    m->misplaced = metric_gauge("misplaced_keys",
                                "Records in another partition than the "
                                "partitioner would choose.",
                                NULL);
}

static void free_worker(struct worker *worker)
{
    user_overlay_close(worker->overlay);
    item_changes_close(worker->changes);
    rank_scratch_close(worker->scratch);
    arena_deinit(&worker->arena);
    pthread_mutex_destroy(&worker->mailbox_lock);
    free(worker->positions);
    free(worker->touched);
    free(worker->homes);
    free(worker->ownership);
    free(worker->value);
    free(worker);
}

enum status worker_open(struct runtime *runtime, uint32_t number, struct worker **out,
                        struct error *err)
{
    struct worker *worker = calloc(1, sizeof(*worker));

    if (!worker)
        return error_set(err, ERR_NOMEM, "worker: out of memory");
    worker->runtime = runtime;
    worker->number = number;
    pthread_mutex_init(&worker->mailbox_lock, NULL);
    snprintf(worker->id, sizeof(worker->id), "%s-%s-%u", runtime->settings->app,
             runtime->instance, number);
    arena_init(&worker->arena, BATCH_ARENA_BYTES);
    worker->value = malloc(VALUE_BYTES_MAX);
    worker->positions = calloc(runtime->n_partitions, sizeof(*worker->positions));
    worker->touched = calloc(runtime->n_partitions, sizeof(*worker->touched));
    worker->homes = calloc(runtime->n_partitions, sizeof(*worker->homes));
    worker->ownership = calloc(runtime->n_partitions, sizeof(*worker->ownership));
    open_metrics(&worker->metrics, runtime->settings);
    if (!worker->value || !worker->positions || !worker->touched || !worker->homes ||
        !worker->ownership || user_overlay_open(OVERLAY_ARENA_BYTES, &worker->overlay) != OK ||
        item_changes_open(&runtime->model_config, &worker->changes, err) != OK ||
        rank_scratch_open(&worker->scratch, err) != OK) {
        free_worker(worker);
        return error_set(err, ERR_NOMEM, "worker %u: out of memory", number);
    }
    *out = worker;
    return OK;
}

enum status worker_start(struct runtime *runtime, uint32_t number, struct worker **out,
                         struct error *err)
{
    struct worker *worker;

    TRY(worker_open(runtime, number, &worker, err));
    if (pthread_create(&worker->thread, NULL, run, worker)) {
        free_worker(worker);
        return error_set(err, ERR_NOMEM, "worker %u: cannot start a thread", number);
    }
    *out = worker;
    return OK;
}

bool worker_join(struct worker *worker, int64_t deadline_ns)
{
    while (pthread_tryjoin_np(worker->thread, NULL) == EBUSY) {
        if (clock_mono_ns() > deadline_ns)
            return false;
        usleep(JOIN_TICK_US);
    }
    return true;
}

void worker_close(struct worker *worker)
{
    if (!worker)
        return;
    while (worker->mailbox) {
        struct restored *note = worker->mailbox;

        worker->mailbox = note->next;
        task_home_release(note->home);
        free(note);
    }
    free_worker(worker);
}
