/*
 * freshet load: a file becomes events, as the shop's own systems would send them.
 *
 * A line that does not fit is named and counted, and the rest goes on; what the broker refuses
 * is another matter and makes the command fail.
 */
#include "core/base/clock.h"
#include "core/cli.h"
#include "core/load.h"
#include "core/load_producer.h"

#include "consumers/registry.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RECORD_BYTES_MAX = 1024, /* of any struct of records.h */
    ARENA_BYTES = 32 << 20,
    NAMED_MAX = 1000, /* bad lines that are named; beyond it they are counted only */
    BROKER_TIMEOUT_MS = 10000,
    PROGRESS_MS = 1000,
};

struct load_options {
    const char *topic, *from, *mapping;
    double speed;
    bool json;
};

struct load {
    const struct settings *settings;
    const struct load_options *options;
    struct load_target target;
    struct mapping *mapping;
    struct load_file *file;
    struct load_producer *producer;
    struct arena arena;
    uint64_t n_bad, n_left_out, n_sent;
    int64_t begun_ns, shown_ns, first_ms; /* first_ms: event time of the first record */
    _Alignas(16) char record[RECORD_BYTES_MAX];
};

static atomic_bool stop_asked;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop_asked, true);
}

/* ---- before the first record ---- */

static enum status know_schema(struct load *load, struct error *err)
{
    const struct settings *settings = load->settings;
    const struct registry_options options = {.url = settings->registry.url,
                                             .user = settings->registry.user,
                                             .password = settings->registry.password,
                                             .ca = settings->registry.ca};
    const char *json = record_type_schema(load->target.type);
    struct registry *registry;
    char subject[300];
    enum status status;

    snprintf(subject, sizeof(subject), "%s-value", load->target.topic);
    TRY(registry_open(&options, &registry, err));
    if (settings->registry.auto_register)
        status = registry_register(registry, subject, json, &load->target.schema_id, err);
    else
        status = registry_lookup(registry, subject, json, &load->target.schema_id, err);
    registry_close(registry);
    if (status == ERR_NOT_FOUND)
        return error_set(err, status,
                         "the registry does not have our schema under %s and "
                         "registry.auto_register is false; run `freshet schemas register`",
                         subject);
    return status;
}

/* All topics are asked for: to ask for one by name may make it, with wrong settings. */
static enum status check_topic(const struct load *load, struct error *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(load_producer_handle(load->producer), 1, NULL,
                                                 &metadata, BROKER_TIMEOUT_MS);
    bool found = false;

    if (code)
        return error_set(err, ERR_IO, "the broker does not answer: %s", rd_kafka_err2str(code));
    for (int i = 0; i < metadata->topic_cnt && !found; i++)
        found = strcmp(metadata->topics[i].topic, load->target.topic) == 0;
    rd_kafka_metadata_destroy(metadata);
    return found ? OK
                 : error_set(err, ERR_NOT_FOUND,
                             "topic '%s' does not exist; make it with `freshet topics create`",
                             load->target.topic);
}

static enum status open_all(struct load *load, struct error *err)
{
    const struct load_options *options = load->options;

    if (!load_target_find(load->settings, str_of(options->topic), &load->target))
        return error_set(err, ERR_INVALID, "--topic: '%s' is no input; there are %s",
                         options->topic, load_target_names());
    ensure(record_type_size(load->target.type) <= RECORD_BYTES_MAX);
    if (options->mapping)
        TRY(mapping_open(options->mapping, input_topic_name(load->target.input),
                         load->target.type, &load->mapping, err));
    TRY(load_file_open(options->from, load->mapping, &load->file, err));
    TRY(load_producer_open(load->settings, 0, &load->producer, err));
    TRY(check_topic(load, err));
    return know_schema(load, err);
}

static void close_all(struct load *load)
{
    load_producer_close(load->producer);
    load_file_close(load->file);
    mapping_close(load->mapping);
    arena_deinit(&load->arena);
}

/* ---- records ---- */

static void show_progress(struct load *load)
{
    static const char clear[] = "\r\x1b[K";
    int64_t now_ns = clock_mono_ns();
    double seconds = (double)(now_ns - load->begun_ns) * 1e-9;
    bool terminal = isatty(STDERR_FILENO);

    if (now_ns - load->shown_ns < (int64_t)PROGRESS_MS * 1000000 * (terminal ? 1 : 5))
        return;
    load->shown_ns = now_ns;
    fprintf(stderr, "%sfreshet: %llu sent, %.0f/s, %llu refused, %llu left out%s",
            terminal ? clear : "", (unsigned long long)load->n_sent,
            (double)load->n_sent / (seconds > 0 ? seconds : 1), (unsigned long long)load->n_bad,
            (unsigned long long)load->n_left_out, terminal ? "" : "\n");
    fflush(stderr);
}

static void name_bad(struct load *load, const char *reason)
{
    if (++load->n_bad <= NAMED_MAX)
        cli_say("%s:%llu: %s", load->options->from,
                (unsigned long long)load_file_line(load->file), reason);
    if (load->n_bad == NAMED_MAX)
        cli_say("further lines that do not fit are counted only");
}

/* --speed: an event waits until its distance from the first, divided by speed, has passed. */
static void wait_until_due(struct load *load, int64_t time_ms)
{
    if (load->n_sent == 0) {
        load->first_ms = time_ms;
        load->begun_ns = clock_mono_ns();
    }
    if (load->options->speed <= 0)
        return;
    while (!atomic_load(&stop_asked)) {
        double due_ms = (double)(time_ms - load->first_ms) / load->options->speed;
        double early_ms = due_ms - (double)(clock_mono_ns() - load->begun_ns) * 1e-6;

        if (early_ms < 1)
            return;
        rd_kafka_poll(load_producer_handle(load->producer), 0);
        usleep(early_ms < 50 ? (unsigned)(early_ms * 1000) : 50000);
        show_progress(load);
    }
}

static enum status publish(struct load *load, const json_t *object, struct error *err)
{
    arena_reset(&load->arena);
    TRY(record_from_json(load->target.type, object, load->mapping != NULL, &load->arena,
                         load->record, err));
    wait_until_due(load, load_record_time(&load->target, load->record));
    TRY(load_producer_put(load->producer, &load->target, load->record, &stop_asked, err));
    load->n_sent++;
    return OK;
}

static enum status publish_all(struct load *load, struct error *err)
{
    load->begun_ns = load->shown_ns = clock_mono_ns();
    while (!atomic_load(&stop_asked)) {
        json_t *object;
        enum status status = load_file_next(load->file, &object, err);

        if (status == ERR_NOT_FOUND)
            return OK;
        if (status == OK && !object)
            load->n_left_out++;
        if (status == OK && object)
            status = publish(load, object, err);
        json_decref(object);
        if (status == ERR_INVALID || status == ERR_FULL || status == ERR_NOMEM)
            name_bad(load, err->text);
        else if (status != OK && status != ERR_STATE)
            return status;
        show_progress(load);
    }
    return OK;
}

/* ---- after the last ---- */

static void wait_for_deliveries(struct load *load)
{
    while (load_producer_flush(load->producer, 500) == ERR_TIMEOUT) {
        show_progress(load);
        if (atomic_load(&stop_asked))
            return; /* the second signal, or the first while the broker is away */
    }
}

static void report(const struct load *load, const struct load_counts *counts)
{
    if (load->options->json)
        printf("{\"topic\":\"%s\",\"delivered\":%llu,\"failed\":%llu,\"refused\":%llu,"
               "\"left_out\":%llu}\n",
               load->target.topic, (unsigned long long)counts->delivered,
               (unsigned long long)counts->failed, (unsigned long long)load->n_bad,
               (unsigned long long)load->n_left_out);
    if (isatty(STDERR_FILENO))
        fputs("\r\x1b[K", stderr);
    cli_say("%llu records published to %s in %.1f s; %llu lines refused, %llu left out",
            (unsigned long long)counts->delivered, load->target.topic,
            (double)(clock_mono_ns() - load->begun_ns) * 1e-9, (unsigned long long)load->n_bad,
            (unsigned long long)load->n_left_out);
}

static int run(struct load *load)
{
    struct load_counts counts;
    struct error err = {0};
    enum status status = open_all(load, &err);

    if (status != OK)
        return cli_fail(&err);
    status = publish_all(load, &err);
    atomic_store(&stop_asked, false);
    wait_for_deliveries(load);
    load_producer_counts(load->producer, &counts);
    report(load, &counts);
    if (status != OK)
        return cli_fail(&err);
    if (counts.delivered < counts.sent) {
        cli_say("%llu records were not taken by the broker: %s",
                (unsigned long long)(counts.sent - counts.delivered),
                counts.first_failure[0] ? counts.first_failure : "stopped before it had");
        return CLI_FAILED;
    }
    if (counts.delivered == 0 && load->n_bad > 0) {
        cli_say("no line of %s fits; nothing was published", load->options->from);
        return CLI_FAILED;
    }
    return CLI_DONE;
}

int cmd_load(int argc, char **argv)
{
    struct cli_settings from = {0};
    struct load_options wanted = {0};
    const struct option_spec options[] = {
        CLI_SETTINGS_OPTIONS(from),
        {"topic", 0, OPTION_TEXT, "NAME", "the input: clickstream, orders, catalog, …",
         &wanted.topic, true},
        {"from", 0, OPTION_TEXT, "FILE",
         "JSON lines, or a table with --mapping; .gz is unpacked", &wanted.from, true},
        {"mapping", 0, OPTION_TEXT, "FILE", "how a row of a table becomes a record (YAML)",
         &wanted.mapping, false},
        {"speed", 0, OPTION_DECIMAL, "X",
         "1 real time by event time, 60 sixty times, 0 (the default) as fast as it goes",
         &wanted.speed, false},
        {"json", 0, OPTION_FLAG, NULL, "the counts as one JSON object", &wanted.json, false},
        {0}};
    const struct command_spec spec = {
        "load",
        NULL,
        0,
        "Publishes a file as events, in the wire format and with the schema of the topic.\n"
        "Kafka's timestamps are now, event times the file's. A line that does not fit is "
        "named\n"
        "with its number and its reason, and the rest goes on. deploy/mappings has mappings\n"
        "for common tables and says how to write one.",
        "freshet load -c freshet.yaml --topic catalog --from items.jsonl.gz\n"
        "freshet load -c freshet.yaml --topic clickstream --from log.tsv --mapping "
        "deploy/mappings/serenade.yaml",
        options};
    const struct sigaction action = {.sa_handler = on_signal};
    const char *words[CLI_WORDS_MAX];
    struct settings *settings;
    struct load *load;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    settings = cli_load_settings(&from);
    if (!settings)
        return CLI_FAILED;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    load = calloc(1, sizeof(*load));
    ensure(load);
    load->settings = settings;
    load->options = &wanted;
    arena_init(&load->arena, ARENA_BYTES);
    exit_code = run(load);
    close_all(load);
    free(load);
    free(settings);
    return exit_code;
}
