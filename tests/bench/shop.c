#ifndef NDEBUG
#error "benchmarks are built with -DNDEBUG: use the release preset"
#endif

#include "tests/bench/shop.h"

#include "consumers/registry.h"
#include "schemas/avro_codec.h"
#include "schemas/records.h"

#include <curl/curl.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLICKS_MAX = 400000 };

struct click {
    uint32_t session, item;
};

char shop_app[32];
static const char *freshet_path;
static int32_t schema_id;

static struct click clicks[CLICKS_MAX];
static uint32_t n_clicks;

static uint64_t seed = 42;

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

/* Sessions of 2 to ~12 clicks around a Zipf-distributed item. */
static void make_clicks(void)
{
    uint32_t session = 0;

    while (n_clicks < 80000) {
        uint32_t base = (uint32_t)(3000 * pow(uniform(), 3));

        session++;
        do {
            clicks[n_clicks++] =
                (struct click){session, (base + (uint32_t)(20 * uniform() * uniform())) % 3000};
        } while (uniform() < .76 && n_clicks < 80000);
    }
}

static bool read_clicks(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    long session, item;

    if (!file || !fgets(line, sizeof(line), file))
        return false;
    while (n_clicks < CLICKS_MAX && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%ld\t%ld", &session, &item) == 2)
            clicks[n_clicks++] = (struct click){(uint32_t)session, (uint32_t)item};
    }
    fclose(file);
    return n_clicks > 0;
}

/* ---- a shop of its own ---- */

static char folder[] = "/tmp/freshet-bench-XXXXXX", config[64];
static const char *bootstrap, *registry_url;

static void write_config(long every, const char *more)
{
    FILE *file = fopen(config, "w");
    const char *app = shop_app;

    fprintf(
        file,
        "app: %s\nkafka: {bootstrap.servers: \"%s\"}\nregistry: {url: \"%s\"}\n"
        "topics: {clickstream: %s.clickstream, orders: %s.orders, catalog: %s.catalog, "
        "reviews: %s.reviews, users: %s.users, engagement: %s.engagement, "
        "recommendations: %s.recommendations, content.push: %s.push, content.email: %s.email, "
        "content.social: %s.social, content.seo: %s.seo, content.onsite: %s.onsite, "
        "profiles: %s.profiles, suppressed: %s.suppressed, dead-letter: %s.dead}\n"
        "state: {dir: \"%s/state\", memory: 2GiB}\nrecommend: {every: %ld}\n"
        "http: {listen: \"127.0.0.1:0\"}\ncampaigns: {dir: \"\", templates: \"\"}\n%s",
        app, bootstrap, registry_url, app, app, app, app, app, app, app, app, app, app, app,
        app, app, app, app, folder, every, more);
    fclose(file);
}

static int run_tool(const char *freshet, const char *a, const char *b)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execl(freshet, freshet, a, b, "-c", config, NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int32_t click_schema_id(void)
{
    struct registry_options options = {
        .url = registry_url, .user = "", .password = "", .ca = ""};
    struct registry *registry;
    struct error err = {0};
    char subject[64];
    int32_t id = -1;

    snprintf(subject, sizeof(subject), "%s.clickstream-value", shop_app);
    if (registry_open(&options, &registry, &err) != OK ||
        registry_register(registry, subject, record_type_schema(&click_event_type), &id,
                          &err) != OK) {
        fprintf(stderr, "registry: %s\n", err.text);
        exit(EXIT_FAILURE);
    }
    registry_close(registry);
    return id;
}

size_t shop_event(long k, uint8_t *out, size_t capacity, char *user)
{
    long copy = k % SHOP_SPREAD;
    const struct click *click =
        &clicks[((uint64_t)(k / SHOP_SPREAD) + (uint64_t)copy * n_clicks / SHOP_SPREAD) %
                n_clicks];
    char event_id[40], item[16], session[16];
    uint64_t h = (uint64_t)(k + 1) * 0x9E3779B97F4A7C15ULL;

    h ^= h >> 29;
    snprintf(user, 40, "%u-%ld", click->session,
             copy + SHOP_SPREAD * (k / SHOP_SPREAD / n_clicks));
    snprintf(event_id, sizeof(event_id), "%016llx-%012lx-web-click", (unsigned long long)h, k);
    snprintf(item, sizeof(item), "%u", click->item);
    snprintf(session, sizeof(session), "%u", click->session);
    struct click_event event = {
        .event_id = str_of(event_id),
        .user_id = str_of(user),
        .session_id = str_of(session),
        .type = h % 50 < 4 ? EVENT_ADD_TO_CART : EVENT_VIEW,
        .item_id = str_of(item),
        .event_time = 1700000000000 + k * 200,
        .quantity = 1,
        .device = str_of("web"),
    };

    out[0] = 0;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)((uint32_t)schema_id >> (24 - 8 * i));
    return avro_encode(&click_event_type, &event, out + 5, capacity - 5) + 5;
}

void shop_fill(long n)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256], topic[64], user[40];
    uint8_t value[1024];

    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, text, sizeof(text));
    rd_kafka_conf_set(conf, "compression.type", "lz4", text, sizeof(text));
    rd_kafka_conf_set(conf, "linger.ms", "50", text, sizeof(text));
    rd_kafka_conf_set(conf, "queue.buffering.max.messages", "500000", text, sizeof(text));
    rd_kafka_conf_set(conf, "partitioner", "murmur2", text, sizeof(text));
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

    snprintf(topic, sizeof(topic), "%s.clickstream", shop_app);
    for (long k = 0; k < n; k++) {
        size_t len = shop_event(k, value, sizeof(value), user);

        while (rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic),
                                 RD_KAFKA_V_KEY(user, strlen(user)),
                                 RD_KAFKA_V_VALUE(value, len),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END))
            rd_kafka_poll(producer, 10);
        if (k % 1000 == 0)
            rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 60000);
    rd_kafka_destroy(producer);
}

/* ---- the process under test ---- */

double shop_cpu_seconds(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (fgets(text, sizeof(text), file))
        sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
               &user, &system);
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

long shop_rss_mib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        sscanf(line, "VmRSS: %ld", &kib);
    if (file)
        fclose(file);
    return kib / 1024;
}

static size_t append(char *data, size_t size, size_t n, void *context)
{
    FILE *file = context;

    return fwrite(data, size, n, file);
}

double shop_metric(int port, const char *prefix)
{
    char url[64], *text = NULL, *line, *rest;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    CURL *curl = curl_easy_init();
    double sum = 0;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", port);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, file);
    if (curl_easy_perform(curl) != CURLE_OK)
        sum = -1;
    curl_easy_cleanup(curl);
    fclose(file);
    for (line = strtok_r(text, "\n", &rest); line && sum >= 0;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            sum += atof(strrchr(line, ' '));
    }
    free(text);
    return sum;
}

/* Starts freshet run and reads its port from the log line event=started. */
pid_t shop_start(int *out_port)
{
    char log[128], line[1024];
    pid_t pid;

    *out_port = 0;
    snprintf(log, sizeof(log), "%s/log", folder);
    pid = fork();
    if (pid == 0) {
        if (!freopen(log, "w", stderr))
            _exit(126);
        execl(freshet_path, freshet_path, "run", "-c", config, NULL);
        _exit(127);
    }
    for (int tries = 0; tries < 600 && !*out_port; tries++) {
        FILE *file = fopen(log, "r");

        while (file && fgets(line, sizeof(line), file)) {
            char *at = strstr(line, "http_port=");

            if (at)
                *out_port = atoi(at + 10);
        }
        if (file)
            fclose(file);
        usleep(50000);
    }
    return pid;
}

bool shop_open(const char *freshet, const char *sessions, long every, const char *more_settings)
{
    bootstrap = getenv("BOOTSTRAP_SERVERS");
    registry_url = getenv("REGISTRY_URL");
    if (!bootstrap || !registry_url || !mkdtemp(folder)) {
        fprintf(stderr, "set BOOTSTRAP_SERVERS and REGISTRY_URL (make kafka-up)\n");
        return false;
    }
    freshet_path = freshet;
    snprintf(shop_app, sizeof(shop_app), "b%d", (int)getpid());
    snprintf(config, sizeof(config), "%s/freshet.yaml", folder);
    if (!sessions)
        make_clicks();
    else if (!read_clicks(sessions))
        return false;
    write_config(every, more_settings);
    if (run_tool(freshet, "topics", "create") || run_tool(freshet, "schemas", "register"))
        return false;
    schema_id = click_schema_id();
    return true;
}

void shop_close(void)
{
    char cleanup[128];

    snprintf(cleanup, sizeof(cleanup), "rm -rf '%s'", folder);
    if (system(cleanup))
        fprintf(stderr, "%s is left behind\n", folder);
}

const char *shop_bootstrap(void)
{
    return bootstrap;
}

const char *shop_registry(void)
{
    return registry_url;
}
