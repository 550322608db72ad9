/*
 * Replays session files through collect, emit, fold and rank, and counts hits (MODELS 1.1).
 *
 *   quality_sessions [options] TRAIN.tsv TEST.tsv
 *
 *     --drop-current     the current item is taken off the list (protocol P2)
 *     --frozen           nothing is learnt from TEST
 *     --transaction=N    events per transaction while training (default 100; 1 in the test)
 *     --weight=NAME=X    tries another weight of the blend, e.g. --weight=factors=0
 *
 * A file is TSV with a header, then SessionId, ItemId, Time in seconds. Events of all sessions
 * are merged by (time, session, position). From the second click of a test session on, every
 * position predicts the next click among all items seen so far; then it is learnt.
 */
#include "core/base/hash.h"
#include "models/rank_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { K = 20 };

struct click {
    uint64_t session;
    struct str item_id;
    uint64_t item;
    int64_t time_ms;
    uint32_t position; /* line of the file */
};

struct clicks {
    struct click *at;
    uint32_t n;
};

struct session {
    uint64_t key;
    bool used;
    uint8_t n;
    struct user_item items[SESSION_ITEMS_MAX]; /* newest first */
};

enum { SESSION_SLOTS = 1 << 18 };

struct replay {
    struct item_fold *fold;
    struct item_changes *changes;
    struct rank_scratch *scratch;
    struct session *sessions;
    int64_t offset;
    bool drop_current;
    uint32_t n, hits;
    double reciprocal_ranks;
};

static int by_time(const void *a, const void *b)
{
    const struct click *x = a, *y = b;

    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->session != y->session)
        return x->session < y->session ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static struct clicks clicks_read(const char *path)
{
    struct clicks clicks = {NULL, 0};
    FILE *file = fopen(path, "r");
    char line[256], item[128];
    uint32_t capacity = 0;

    if (!file || !fgets(line, sizeof(line), file)) {
        fprintf(stderr, "quality: cannot read '%s'\n", path);
        exit(EXIT_FAILURE);
    }
    while (fgets(line, sizeof(line), file)) {
        struct click click = {.position = clicks.n};
        double time_s;

        if (sscanf(line, "%lu\t%127s\t%lf", &click.session, item, &time_s) != 3)
            continue;
        click.item_id = str_of(strdup(item));
        click.item = hash64(click.item_id);
        click.time_ms = (int64_t)llround(time_s * 1000);
        if (clicks.n == capacity) {
            capacity = capacity * 2 + 1024;
            clicks.at = realloc(clicks.at, capacity * sizeof(*clicks.at));
        }
        clicks.at[clicks.n++] = click;
    }
    fclose(file);
    qsort(clicks.at, clicks.n, sizeof(*clicks.at), by_time);
    return clicks;
}

static struct session *session_of(struct replay *replay, uint64_t key)
{
    uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 46);

    for (;; at = (at + 1) & (SESSION_SLOTS - 1)) {
        struct session *session = &replay->sessions[at];

        if (!session->used)
            *session = (struct session){.key = key, .used = true};
        if (session->key == key)
            return session;
    }
}

static void session_add(struct session *session, const struct click *click)
{
    uint32_t at = 0;
    struct user_item item = {
        .item = click->item, .time_ms = click->time_ms, .action = ACTION_VIEW, .n = 1};

    while (at < session->n && session->items[at].item != click->item)
        at++;
    if (at < session->n)
        item.n = (uint8_t)(session->items[at].n + 1);
    else if (session->n < SESSION_ITEMS_MAX)
        session->n++;
    else
        at = session->n - 1;
    memmove(&session->items[1], &session->items[0], at * sizeof(session->items[0]));
    session->items[0] = item;
}

/* ---- learning: the same calls as a worker makes ---- */

static bool put(void *context, struct str key, struct str value)
{
    struct replay *replay = context;

    return item_fold_apply(replay->fold, key, value, ++replay->offset) == OK;
}

static void commit(struct replay *replay)
{
    if (item_changes_emit(replay->changes, put, replay) != OK ||
        item_fold_publish(replay->fold) != OK)
        exit(EXIT_FAILURE);
    item_changes_reset(replay->changes);
}

static void learn(struct replay *replay, const struct item_view *view,
                  const struct click *click)
{
    static struct event_batch batch;
    static struct feature_batch features;
    static struct lane_items lane;
    struct session *session = session_of(replay, click->session);
    struct event_line line = {click->item_id, click->item, 1, -1};

    batch.n = features.n = 1;
    batch.fate[0] = EVENT_LIVE;
    batch.action[0] = ACTION_VIEW;
    batch.time_ms[0] = click->time_ms;
    batch.lines[0] = &line;
    batch.n_lines[0] = 1;
    lane.n_before = session->n < 8 ? session->n : 8;
    memcpy(lane.before_items, session->items, lane.n_before * sizeof(lane.before_items[0]));
    features.items[0] = &lane;
    item_changes_collect(replay->changes, view, &batch, &features);
    session_add(session, click);
}

static void train(struct replay *replay, struct clicks clicks, uint32_t n_transaction)
{
    for (uint32_t i = 0; i < clicks.n;) {
        const struct item_view *view = item_view_acquire(replay->fold);

        for (uint32_t n = 0; n < n_transaction && i < clicks.n; n++)
            learn(replay, view, &clicks.at[i++]);
        commit(replay);
        item_view_release(replay->fold, view);
    }
}

/* ---- predicting ---- */

static void predict(struct replay *replay, const struct item_view *view,
                    const struct click *target)
{
    static struct ranking list;
    struct session *session = session_of(replay, target->session);
    struct rank_request request = {session->n, session->items, target->time_ms, 0};
    uint32_t number = item_view_find(view, target->item);
    uint32_t current = item_view_find(view, session->items[0].item);
    uint32_t rank = 0;

    rank_lists(view, replay->scratch, 1, &request, K + 1, &list);
    replay->n++;
    for (uint32_t r = 0; r < list.n && rank < K; r++) {
        if (replay->drop_current && list.at[r].item == current)
            continue;
        rank++;
        if (list.at[r].item == number) {
            replay->hits++;
            replay->reciprocal_ranks += 1.0 / rank;
            return;
        }
    }
}

static void test(struct replay *replay, struct clicks clicks, bool frozen)
{
    for (uint32_t i = 0; i < clicks.n; i++) {
        const struct item_view *view = item_view_acquire(replay->fold);
        struct session *session = session_of(replay, clicks.at[i].session);

        if (session->n > 0)
            predict(replay, view, &clicks.at[i]);
        if (frozen)
            session_add(session, &clicks.at[i]);
        else
            learn(replay, view, &clicks.at[i]);
        if (!frozen)
            commit(replay);
        item_view_release(replay->fold, view);
    }
}

/* ---- options ---- */

static void set_weight(struct blend_weights *weights, const char *text)
{
    struct {
        const char *name;
        float *weight;
    } table[] = {
        {"covisitation", &weights->source[SOURCE_COVISITATION].linear},
        {"covisitation_root", &weights->source[SOURCE_COVISITATION].root},
        {"rules", &weights->source[SOURCE_RULES].linear},
        {"rules_root", &weights->source[SOURCE_RULES].root},
        {"popularity", &weights->source[SOURCE_POPULARITY].linear},
        {"popularity_root", &weights->source[SOURCE_POPULARITY].root},
        {"factors", &weights->source[SOURCE_FACTORS].linear},
        {"factors_root", &weights->source[SOURCE_FACTORS].root},
        {"current", &weights->current},
        {"earlier", &weights->earlier},
        {"age", &weights->age},
    };
    const char *value = strchr(text, '=');

    for (uint32_t i = 0; value && i < sizeof(table) / sizeof(table[0]); i++) {
        size_t n = strlen(table[i].name);

        if ((size_t)(value - text) == n && memcmp(text, table[i].name, n) == 0) {
            *table[i].weight = strtof(value + 1, NULL);
            return;
        }
    }
    if (strcmp(text, "none") == 0) {
        memset(weights, 0, sizeof(*weights));
        return;
    }
    fprintf(stderr, "quality: no weight '%s'\n", text);
    exit(2);
}

int main(int argc, char **argv)
{
    struct item_model_config config = item_model_defaults();
    struct replay replay = {.offset = 0};
    const char *files[2] = {NULL, NULL};
    uint32_t n_files = 0, n_transaction = 100;
    bool frozen = false;

    replay.sessions = calloc(SESSION_SLOTS, sizeof(*replay.sessions));
    if (!replay.sessions || rank_scratch_open(&replay.scratch, NULL) != OK)
        return EXIT_FAILURE;
    for (int a = 1; a < argc; a++) {
        if (strcmp(argv[a], "--drop-current") == 0)
            replay.drop_current = true;
        else if (strcmp(argv[a], "--frozen") == 0)
            frozen = true;
        else if (strncmp(argv[a], "--transaction=", 14) == 0)
            n_transaction = (uint32_t)strtoul(argv[a] + 14, NULL, 10);
        else if (strncmp(argv[a], "--weight=", 9) == 0)
            set_weight(&replay.scratch->weights, argv[a] + 9);
        else if (n_files < 2)
            files[n_files++] = argv[a];
    }
    if (n_files != 2 || n_transaction == 0) {
        fprintf(stderr, "usage: quality_sessions [--drop-current] [--frozen] "
                        "[--transaction=N] [--weight=NAME=X] TRAIN.tsv TEST.tsv\n");
        return 2;
    }
    if (item_fold_open(&config, &replay.fold, NULL) != OK ||
        item_changes_open(&config, &replay.changes, NULL) != OK)
        return EXIT_FAILURE;
    train(&replay, clicks_read(files[0]), n_transaction);
    test(&replay, clicks_read(files[1]), frozen);
    printf("n %u HR@20 %.4f MRR@20 %.4f\n", replay.n, (double)replay.hits / replay.n,
           replay.reciprocal_ranks / replay.n);
    item_changes_close(replay.changes);
    rank_scratch_close(replay.scratch);
    item_fold_close(replay.fold);
    free(replay.sessions);
    return EXIT_SUCCESS;
}
