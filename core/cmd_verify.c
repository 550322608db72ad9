/* freshet verify: see verify.h. Prints the first difference and a line that sums up. */
#include "core/cli.h"
#include "core/json_text.h"
#include "core/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_BYTES_MAX = 2048 }; /* of a value that is no Avro record of ours */

static const char *const kinds[] = {[VERIFY_SAME] = "same",
                                    [VERIFY_DIFFERS] = "differs",
                                    [VERIFY_MISSING] = "missing",
                                    [VERIFY_EXTRA] = "extra"};

/* ---- for people ---- */

static void print_value(const char *label, const struct verify_record *record)
{
    printf("  %s ", label);
    if (record->text)
        printf("%s\n", record->text);
    else if (!record->value)
        printf("null\n");
    else {
        for (uint32_t i = 0; i < record->value_len && i < HEX_BYTES_MAX; i++)
            printf("%02x", (unsigned char)record->value[i]);
        printf("%s\n", record->value_len > HEX_BYTES_MAX ? "…" : "");
    }
}

static bool same_bytes(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
    return !a == !b && a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static uint32_t first_byte(const struct verify_record *a, const struct verify_record *b)
{
    uint32_t at = 0;

    while (at < a->value_len && at < b->value_len && a->value[at] == b->value[at])
        at++;
    return at;
}

/* What of the record is another. */
static void print_parts(const struct verify_record *a, const struct verify_record *b)
{
    if (!same_bytes(a->key, a->key_len, b->key, b->key_len))
        printf("  the key differs\n");
    if (!same_bytes(a->value, a->value_len, b->value, b->value_len))
        printf("  the value differs from byte %u on (%u bytes in Kafka, %u computed)\n",
               first_byte(a, b), a->value_len, b->value_len);
    if (!same_bytes(a->headers, a->headers_len, b->headers, b->headers_len))
        printf("  headers in Kafka:\n%.*s  headers computed:\n%.*s", (int)a->headers_len,
               a->headers ? a->headers : "", (int)b->headers_len, b->headers ? b->headers : "");
    if (a->timestamp_ms > 0 && b->timestamp_ms > 0 && a->timestamp_ms != b->timestamp_ms)
        printf("  the timestamp is %" PRId64 " in Kafka, %" PRId64 " computed\n",
               a->timestamp_ms, b->timestamp_ms);
}

static void print_first(const struct verify_difference *first)
{
    if (first->kind == VERIFY_SAME)
        return;
    printf("first difference: %s", first->topic);
    if (first->partition >= 0)
        printf(" partition %d offset %" PRId64, first->partition, first->offset);
    printf(" %s", first->kind == VERIFY_DIFFERS   ? "differs from what is computed"
                  : first->kind == VERIFY_MISSING ? "lacks a record"
                                                  : "holds a record that nothing computes");
    if (first->cause[0])
        printf("; its source is %s", first->cause);
    if (first->task >= 0)
        printf(" (task %d, transaction %" PRIu64 ")", first->task, first->number);
    printf("\n");
    if (first->kind == VERIFY_DIFFERS)
        print_parts(&first->in_kafka, &first->computed);
    if (first->kind != VERIFY_MISSING)
        print_value("in Kafka:", &first->in_kafka);
    if (first->kind != VERIFY_EXTRA)
        print_value("computed:", &first->computed);
}

static void print_text(const struct verify_result *result)
{
    print_first(&result->first);
    printf("%" PRIu64 " journal records; outputs: %" PRIu64 " equal, %" PRIu64
           " missing, %" PRIu64 " extra, %" PRIu64 " differing\n",
           result->journal_records, result->equal, result->missing, result->extra,
           result->differing);
}

/* ---- for programs ---- */

static void put_record(struct json_text *json, const char *name,
                       const struct verify_record *record)
{
    char *hex = malloc((size_t)record->value_len * 2 + 1);

    json_text_key(json, name);
    json_text_open(json, '{');
    json_field_str(json, "key", (struct str){record->key, record->key_len});
    json_field_str(json, "headers", (struct str){record->headers, record->headers_len});
    for (uint32_t i = 0; hex && i < record->value_len; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", (unsigned char)record->value[i]);
    json_field_str(json, "value_hex",
                   (struct str){record->value ? hex : NULL, record->value_len * 2});
    json_field_str(json, "value", str_of(record->text));
    json_text_close(json, '}');
    free(hex);
}

static void put_first(struct json_text *json, const struct verify_difference *first)
{
    json_text_key(json, "first");
    if (first->kind == VERIFY_SAME) {
        json_text_null(json);
        return;
    }
    json_text_open(json, '{');
    json_field_str(json, "kind", str_of(kinds[first->kind]));
    json_field_str(json, "topic", str_of(first->topic));
    json_field_int(json, "partition", first->partition);
    json_field_int(json, "offset", first->offset);
    json_field_str(json, "source", str_of(first->cause));
    json_field_int(json, "task", first->task);
    json_field_int(json, "number", (int64_t)first->number);
    if (first->kind != VERIFY_MISSING)
        put_record(json, "in_kafka", &first->in_kafka);
    if (first->kind != VERIFY_EXTRA)
        put_record(json, "computed", &first->computed);
    json_text_close(json, '}');
}

static void print_json(const struct verify_result *result)
{
    struct json_text json;

    json_text_init(&json, 4096);
    json_text_open(&json, '{');
    json_field_int(&json, "journal_records", (int64_t)result->journal_records);
    json_field_int(&json, "equal", (int64_t)result->equal);
    json_field_int(&json, "missing", (int64_t)result->missing);
    json_field_int(&json, "extra", (int64_t)result->extra);
    json_field_int(&json, "differing", (int64_t)result->differing);
    put_first(&json, &result->first);
    json_text_close(&json, '}');
    if (json.failed)
        cli_say("out of memory");
    else
        printf("%.*s\n", (int)json.n, json.at);
    json_text_deinit(&json);
}

/* ---- the command ---- */

static int verify(const struct verify_options *options, bool json)
{
    struct verify_result result;
    struct error err = {0};
    enum status status = verify_run(options, &result, &err);
    bool equal = result.missing + result.extra + result.differing == 0;

    if (status == OK || !equal) { /* a difference met before the end is worth knowing */
        if (json)
            print_json(&result);
        else
            print_text(&result);
    }
    verify_result_deinit(&result);
    if (status != OK)
        return cli_fail(&err);
    return equal ? CLI_DONE : CLI_FAILED;
}

int cmd_verify(int argc, char **argv)
{
    struct cli_settings from = {0};
    const char *temporary = getenv("TMPDIR");
    struct verify_options wanted = {
        .from = 1, .to = INT64_MAX, .scratch = temporary && *temporary ? temporary : "/tmp"};
    bool json = false;
    const struct option_spec options[] = {
        CLI_SETTINGS_OPTIONS(from),
        {"backup", 0, OPTION_TEXT, "DIR", "start at this state backup, not at the beginning",
         &wanted.backup, false},
        {"from", 0, OPTION_WHOLE, "NUMBER", "compare from this transaction of each task on",
         &wanted.from, false},
        {"to", 0, OPTION_WHOLE, "NUMBER", "compute and compare up to this one", &wanted.to,
         false},
        {"scratch", 0, OPTION_TEXT, "DIR",
         "where the computed state is kept meanwhile (default: $TMPDIR or /tmp)",
         &wanted.scratch, false},
        {"json", 0, OPTION_FLAG, NULL, "the result as one JSON object", &json, false},
        {0}};
    const struct command_spec spec = {
        "verify",
        NULL,
        0,
        "Computes the outputs again from inputs, journal and items, and compares them with "
        "what\n"
        "Kafka holds, byte for byte: lists, messages, suppressed ones and dead letters. Says "
        "the\n"
        "first difference, then the counts; exit 0 only if everything is equal. Kafka is only\n"
        "read. Settings, campaigns and templates must be those that the outputs were made "
        "with.",
        "freshet verify -c freshet.yaml\n"
        "freshet verify -c freshet.yaml --backup /var/backups/shop-1 --json",
        options};
    const char *words[CLI_WORDS_MAX];
    struct settings *settings;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    settings = cli_load_settings(&from);
    if (!settings)
        return CLI_FAILED;
    wanted.settings = settings;
    exit_code = verify(&wanted, json);
    free(settings);
    return exit_code;
}
