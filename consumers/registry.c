/*
 * The schema cache in front of the registry, and the thread that fills it.
 *
 *   registry_schema()          the thread
 *   ----------------           ----------
 *   known    -> its text       takes the pending entry whose time has come:
 *   unknown  -> UNKNOWN           file in cache_dir -> known
 *   neither  -> pending  ---->    GET /schemas/ids/N -> known (and written to the file)
 *               PENDING                               -> unknown for 60 s (404)
 *                                                     -> pending, later (anything else)
 *
 * Backoff has two levels, .2 s doubling to 5 s: no answer at all holds everything up, because
 * the next id would fare the same; a bad answer holds up only its id.
 *
 * Ids are foreign bytes: a poisoned topic may name two thousand million of them. Entries that
 * are not known are bounded, and the oldest unknown one makes room. A pending one never does:
 * the thread holds on to it without the lock.
 *
 * A file's name carries a hash of the registry's URL (another registry gives other meanings to
 * the same ids) and its first line a hash of the text, so damage is noticed and asked again.
 */
#include "consumers/registry_private.h"

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BUCKETS = 4096,
    KNOWN_MAX = 16384,    /* schemas of one organisation; some KiB each */
    NOT_KNOWN_MAX = 4096, /* pending and unknown ids together */
    FILE_MAX = 4 << 20,   /* as an answer's */
    BACKOFF_MIN_MS = 200,
    BACKOFF_MAX_MS = 5000,
    UNKNOWN_MS = 60000,
    TIMEOUT_MS = 5000,
};

#define MS_NS INT64_C(1000000)

struct entry {
    int32_t id;
    enum registry_answer answer;
    char *json;       /* known */
    int64_t until_ns; /* unknown: valid until; pending: not asked before */
    int failures;
    struct entry *next; /* of the bucket */
};

struct registry {
    struct registry_server server;
    char *cache_dir; /* NULL: none */
    uint64_t url_hash;
    int64_t unknown_ns;
    struct metric *asked_ok, *asked_unknown, *asked_failed;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    struct entry *buckets[BUCKETS];
    uint32_t n_known, n_not_known;
    bool down;
    char down_text[ERROR_TEXT_MAX];
    int unreachable; /* exchanges without an answer, in a row */
    int64_t unreachable_until_ns;

    pthread_t thread;
    bool thread_runs;
};

const struct registry_server *registry_server_of(const struct registry *registry)
{
    return &registry->server;
}

void registry_note_contact(struct registry *registry, const struct error *err)
{
    pthread_mutex_lock(&registry->lock);
    registry->down = err != NULL;
    snprintf(registry->down_text, sizeof(registry->down_text), "%s", err ? err->text : "");
    pthread_mutex_unlock(&registry->lock);
}

static int64_t backoff_ns(int failures)
{
    int64_t ms = failures < 6 ? (int64_t)BACKOFF_MIN_MS << failures : BACKOFF_MAX_MS;

    return (ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS) * MS_NS;
}

/* ---- the table, under the lock ---- */

static struct entry **bucket_of(struct registry *registry, int32_t id)
{
    return &registry->buckets[((uint32_t)id * UINT32_C(2654435761)) >> 20];
}
_Static_assert(BUCKETS == 1 << (32 - 20), "the hash takes the top 12 bits");

static struct entry *find(struct registry *registry, int32_t id)
{
    struct entry *entry = *bucket_of(registry, id);

    while (entry && entry->id != id)
        entry = entry->next;
    return entry;
}

/* Removes the unknown entry that would expire first; false: all are pending. */
static bool make_room(struct registry *registry)
{
    struct entry **oldest = NULL;

    for (int b = 0; b < BUCKETS; b++) {
        for (struct entry **at = &registry->buckets[b]; *at; at = &(*at)->next) {
            if ((*at)->answer == REGISTRY_UNKNOWN &&
                (!oldest || (*at)->until_ns < (*oldest)->until_ns))
                oldest = at;
        }
    }
    if (!oldest)
        return false;
    struct entry *gone = *oldest;

    *oldest = gone->next;
    free(gone);
    registry->n_not_known--;
    return true;
}

static void add_pending(struct registry *registry, int32_t id)
{
    struct entry *entry;

    if (registry->n_not_known >= NOT_KNOWN_MAX && !make_room(registry))
        return; /* asked again by the caller's next try */
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return;
    entry->id = id;
    entry->answer = REGISTRY_PENDING;
    entry->next = *bucket_of(registry, id);
    *bucket_of(registry, id) = entry;
    registry->n_not_known++;
    pthread_cond_signal(&registry->changed);
}

/* The pending entry to be asked first, and when; NULL: none. */
static struct entry *next_pending(struct registry *registry, int64_t *out_ns)
{
    struct entry *first = NULL;

    for (int b = 0; b < BUCKETS; b++) {
        for (struct entry *entry = registry->buckets[b]; entry; entry = entry->next) {
            if (entry->answer == REGISTRY_PENDING &&
                (!first || entry->until_ns < first->until_ns))
                first = entry;
        }
    }
    if (first)
        *out_ns = first->until_ns > registry->unreachable_until_ns
                      ? first->until_ns
                      : registry->unreachable_until_ns;
    return first;
}

enum registry_answer registry_schema(struct registry *registry, int32_t id,
                                     const char **out_json)
{
    enum registry_answer answer = REGISTRY_PENDING;
    struct entry *entry;

    if (id < 0)
        return REGISTRY_UNKNOWN; /* registries give no such ids */
    pthread_mutex_lock(&registry->lock);
    entry = find(registry, id);
    if (!entry) {
        add_pending(registry, id);
    } else if (entry->answer == REGISTRY_UNKNOWN && clock_mono_ns() >= entry->until_ns) {
        entry->answer = REGISTRY_PENDING;
        entry->until_ns = 0;
        pthread_cond_signal(&registry->changed);
    } else {
        answer = entry->answer;
        if (answer == REGISTRY_KNOWN)
            *out_json = entry->json;
    }
    pthread_mutex_unlock(&registry->lock);
    return answer;
}

int registry_is_down(struct registry *registry, char *text, uint32_t capacity)
{
    int down;

    pthread_mutex_lock(&registry->lock);
    down = registry->down;
    snprintf(text, capacity, "%s", registry->down_text);
    pthread_mutex_unlock(&registry->lock);
    return down;
}

/* ---- the files; all failures mean "ask the registry" ---- */

static bool file_path(const struct registry *registry, int32_t id, const char *suffix,
                      char *out, size_t capacity)
{
    return registry->cache_dir &&
           snprintf(out, capacity, "%s/%016llx-%d.avsc%s", registry->cache_dir,
                    (unsigned long long)registry->url_hash, id, suffix) < (int)capacity;
}

static char *file_read(const struct registry *registry, int32_t id)
{
    char path[4096], *text = NULL;
    unsigned long long hash;
    struct stat info;
    FILE *in = file_path(registry, id, "", path, sizeof(path)) ? fopen(path, "r") : NULL;
    int used = 0;

    if (!in || fstat(fileno(in), &info) != 0 || info.st_size > FILE_MAX)
        goto done;
    if (fscanf(in, "%16llx%n", &hash, &used) != 1 || used != 16 || fgetc(in) != '\n')
        goto done;
    size_t n = (size_t)info.st_size - 17;

    text = malloc(n + 1);
    if (!text)
        goto done;
    if (fread(text, 1, n, in) != n || hash64((struct str){text, (uint32_t)n}) != hash) {
        free(text);
        text = NULL;
        goto done;
    }
    text[n] = '\0';
done:
    if (in)
        fclose(in);
    return text;
}

/* Written beside and renamed: a reader finds a whole file or none. */
static void file_write(const struct registry *registry, int32_t id, const char *json)
{
    char path[4096], beside[4096];
    FILE *out;
    bool good;

    if (!file_path(registry, id, "", path, sizeof(path)) ||
        !file_path(registry, id, ".new", beside, sizeof(beside)))
        return;
    out = fopen(beside, "w");
    if (!out)
        return;
    good = fprintf(out, "%016llx\n%s", (unsigned long long)hash64(str_of(json)), json) > 0;
    good = fclose(out) == 0 && good;
    if (!good || rename(beside, path) != 0)
        remove(beside);
}

/* ---- the thread ---- */

struct finding {
    enum registry_answer answer;
    char *json;      /* known; to be owned by the entry */
    bool no_contact; /* pending because nothing came back at all */
};

static struct finding ask_registry(struct registry *registry, CURL *curl, int32_t id)
{
    struct finding finding = {REGISTRY_PENDING, NULL, false};
    struct registry_reply reply = {0};
    struct error err = {OK, ""};
    const char *schema;
    char path[64];

    snprintf(path, sizeof(path), "/schemas/ids/%d", id);
    if (registry_exchange(&registry->server, curl, path, NULL, &reply, &err) != OK) {
        finding.no_contact = true;
    } else if (registry_reply_is_unknown(&reply)) {
        finding.answer = REGISTRY_UNKNOWN;
    } else {
        schema = json_string_value(json_object_get(reply.json, "schema"));
        finding.json = reply.code == 200 && schema ? strdup(schema) : NULL;
        if (finding.json)
            finding.answer = REGISTRY_KNOWN;
        else
            registry_unexpected(&registry->server, path, &reply, ERR_IO, &err);
    }
    json_decref(reply.json);
    registry_note_contact(registry, err.status == OK ? NULL : &err);
    metric_add(finding.answer == REGISTRY_KNOWN     ? registry->asked_ok
               : finding.answer == REGISTRY_UNKNOWN ? registry->asked_unknown
                                                    : registry->asked_failed,
               1);
    return finding;
}

static struct finding look_up(struct registry *registry, CURL *curl, int32_t id)
{
    struct finding finding = {REGISTRY_PENDING, file_read(registry, id), false};

    if (finding.json) {
        finding.answer = REGISTRY_KNOWN;
        return finding;
    }
    finding = ask_registry(registry, curl, id);
    if (finding.answer == REGISTRY_KNOWN)
        file_write(registry, id, finding.json);
    return finding;
}

static void settle(struct registry *registry, struct entry *entry, struct finding *finding)
{
    int64_t now_ns = clock_mono_ns();

    if (finding->answer == REGISTRY_KNOWN && registry->n_known >= KNOWN_MAX) {
        free(finding->json); /* waiting is safe, refusing its records would not be */
        finding->answer = REGISTRY_PENDING;
        registry->down = true;
        snprintf(registry->down_text, sizeof(registry->down_text),
                 "more than %d schemas in use", KNOWN_MAX);
    }
    entry->answer = finding->answer;
    if (finding->answer == REGISTRY_PENDING) {
        entry->until_ns = now_ns + backoff_ns(entry->failures++);
    } else if (finding->answer == REGISTRY_UNKNOWN) {
        entry->until_ns = now_ns + registry->unknown_ns;
        entry->failures = 0;
    } else {
        entry->json = finding->json;
        registry->n_known++;
        registry->n_not_known--;
    }
    if (finding->no_contact) {
        entry->until_ns = now_ns; /* all wait together */
        registry->unreachable_until_ns = now_ns + backoff_ns(registry->unreachable++);
    } else if (finding->answer != REGISTRY_PENDING) {
        registry->unreachable = 0;
        registry->unreachable_until_ns = 0;
    }
}

static void wait_until(struct registry *registry, int64_t ns)
{
    struct timespec at = {ns / 1000000000, ns % 1000000000};

    pthread_cond_timedwait(&registry->changed, &registry->lock, &at);
}

static void *run(void *context)
{
    struct registry *registry = context;
    CURL *curl = registry_curl_open(&registry->server);
    struct finding finding;
    int64_t ns;

    ensure(curl != NULL);
    pthread_mutex_lock(&registry->lock);
    while (!atomic_load(&registry->server.stop)) {
        struct entry *entry = next_pending(registry, &ns);

        if (!entry) {
            pthread_cond_wait(&registry->changed, &registry->lock);
            continue;
        }
        if (ns > clock_mono_ns()) {
            wait_until(registry, ns);
            continue;
        }
        pthread_mutex_unlock(&registry->lock);
        finding = look_up(registry, curl, entry->id);
        pthread_mutex_lock(&registry->lock);
        settle(registry, entry, &finding);
    }
    pthread_mutex_unlock(&registry->lock);
    curl_easy_cleanup(curl);
    return NULL;
}

/* ---- birth and death ---- */

static void init_curl(void)
{
    ensure(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

static enum status init_parts(struct registry *registry, const struct registry_options *options,
                              struct error *err)
{
    static const char help[] = "Questions to the schema registry, by result.";
    struct registry_server *server = &registry->server;

    server->url = copy(options->url);
    server->user = copy(options->user);
    server->password = copy(options->password);
    server->ca = copy(options->ca);
    registry->cache_dir = options->cache_dir ? strdup(options->cache_dir) : NULL;
    if (!server->url || !server->user || !server->password || !server->ca ||
        (options->cache_dir && !registry->cache_dir))
        return error_set(err, ERR_NOMEM, "schema registry: out of memory");
    for (size_t n = strlen(server->url); n > 0 && server->url[n - 1] == '/'; n--)
        server->url[n - 1] = '\0';
    if (!server->url[0])
        return error_set(err, ERR_INVALID, "registry.url is empty");
    if (registry->cache_dir && mkdir(registry->cache_dir, 0755) != 0 && errno != EEXIST)
        return error_set(err, ERR_IO, "cannot make the folder %s for schemas: %s",
                         registry->cache_dir, strerror(errno));
    server->timeout_ms = options->timeout_ms ? (long)options->timeout_ms : TIMEOUT_MS;
    registry->unknown_ns = (options->unknown_ms ? options->unknown_ms : UNKNOWN_MS) * MS_NS;
    registry->url_hash = hash64(str_of(server->url));
    registry->asked_ok = metric_counter("registry_requests_total", help, "result=\"ok\"");
    registry->asked_unknown =
        metric_counter("registry_requests_total", help, "result=\"unknown\"");
    registry->asked_failed =
        metric_counter("registry_requests_total", help, "result=\"failed\"");
    return OK;
}

enum status registry_open(const struct registry_options *options, struct registry **out,
                          struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct registry *registry = calloc(1, sizeof(*registry));
    pthread_condattr_t attributes;
    enum status status;

    if (!registry)
        return error_set(err, ERR_NOMEM, "schema registry: out of memory");
    pthread_once(&once, init_curl);
    pthread_mutex_init(&registry->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&registry->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    status = init_parts(registry, options, err);
    if (status != OK)
        goto done;
    if (pthread_create(&registry->thread, NULL, run, registry) != 0) {
        status = error_set(err, ERR_NOMEM, "schema registry: cannot start its thread");
        goto done;
    }
    registry->thread_runs = true;
    *out = registry;
    registry = NULL;
done:
    registry_close(registry);
    return status;
}

void registry_close(struct registry *registry)
{
    if (!registry)
        return;
    pthread_mutex_lock(&registry->lock);
    atomic_store(&registry->server.stop, true);
    pthread_cond_signal(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
    if (registry->thread_runs)
        pthread_join(registry->thread, NULL);
    for (int b = 0; b < BUCKETS; b++) {
        while (registry->buckets[b]) {
            struct entry *entry = registry->buckets[b];

            registry->buckets[b] = entry->next;
            free(entry->json);
            free(entry);
        }
    }
    pthread_cond_destroy(&registry->changed);
    pthread_mutex_destroy(&registry->lock);
    free(registry->server.url);
    free(registry->server.user);
    free(registry->server.password);
    free(registry->server.ca);
    free(registry->cache_dir);
    free(registry);
}
