#include "core/inspect_items.h"

#include "core/base/clock.h"
#include "core/item_feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { BROKER_TIMEOUT_MS = 10000, SILENCE_MAX_MS = 30000 };

enum status inspect_items_fields(struct json_text *json, const struct item_view *view)
{
    char name[1024];
    struct str view_name = {name, item_view_name(view, name, sizeof(name))};
    uint64_t catalog;

    TRY(item_view_catalog_digest(view, &catalog));
    json_field_str(json, "view", view_name);
    json_field_int(json, "items", item_view_items_offset(view));
    json_field_int(json, "known", item_view_n_items(view));
    json_text_key(json, "items_digest");
    json_text_hex64(json, item_view_digest(view));
    json_text_key(json, "catalog_digest");
    json_text_hex64(json, catalog);
    return OK;
}

static enum status print(struct item_fold *fold, const char *source, const char *file,
                         FILE *out, struct error *err)
{
    const struct item_view *view = item_view_acquire(fold);
    struct json_text json;
    enum status status;

    json_text_init(&json, 1024);
    json_text_open(&json, '{');
    json_field_str(&json, "source", str_of(source));
    if (file)
        json_field_str(&json, "file", str_of(file));
    status = inspect_items_fields(&json, view);
    json_text_close(&json, '}');
    json_text_newline(&json);
    item_view_release(fold, view);
    if (status != OK || json.failed)
        status = error_set(err, ERR_NOMEM, "inspect: out of memory");
    else if (fwrite(json.at, 1, json.n, out) != json.n)
        status = error_set(err, ERR_IO, "inspect: cannot write: %s", strerror(errno));
    json_text_deinit(&json);
    return status;
}

/* How many partitions the catalogue has is in the file, and must be in the configuration. */
static enum status load_any(struct runtime *runtime, const char *path, struct item_fold **out,
                            struct error *err)
{
    struct item_snapshot_id id = {runtime->settings->app, "", &runtime->model_config};
    struct item_snapshot_info info;

    TRY(item_snapshot_read_info(path, &id, &info, err));
    runtime->model_config.catalog_partitions = info.n_catalog;
    return item_snapshot_load(path, &id, true, out, err);
}

enum status inspect_items_snapshot(const struct settings *settings, FILE *out,
                                   struct error *err)
{
    struct item_snapshot_file files[ITEM_SNAPSHOTS_MAX];
    struct item_fold *fold = NULL;
    struct runtime *runtime;
    struct error reason;
    enum status status;

    if (item_snapshot_list(settings->state.dir, false, files) == 0)
        return error_set(err, ERR_NOT_FOUND, "'%s' has no snapshot of the items",
                         settings->state.dir);
    runtime = calloc(1, sizeof(*runtime));
    if (!runtime)
        return error_set(err, ERR_NOMEM, "inspect: out of memory");
    runtime_init(runtime, settings);
    runtime_model_config(runtime);
    status = load_any(runtime, files[0].path, &fold, &reason);
    status = status == OK ? print(fold, "snapshot", files[0].path, out, err)
                          : error_set(err, status, "'%s': %s", files[0].path, reason.text);
    item_fold_close(fold);
    runtime_deinit(runtime);
    free(runtime);
    return status;
}

/* ---- out of Kafka ---- */

static enum status fold_up_to(struct item_start *start, int64_t to, struct error *err)
{
    struct log_partition *items = &start->partitions[0];
    struct item_feed feed = {.fold = start->fold};
    int64_t heard_ns = clock_mono_ns();

    if (to < 0)
        to = items->high;
    if (items->next > to || to > items->high)
        return error_set(err, ERR_INVALID,
                         "offset %" PRId64 " lies before the beginning, %" PRId64
                         ", or behind the end of '%s', %" PRId64,
                         to, items->next, items->topic, items->high);
    while (items->next < to) {
        rd_kafka_message_t *message;
        uint32_t index;

        TRY(log_reader_next(start->reader, 100, &message, &index, err));
        if (message) {
            enum status status = message->offset < to ? item_feed_items(&feed, message) : OK;

            rd_kafka_message_destroy(message);
            heard_ns = clock_mono_ns();
            if (status != OK)
                return error_set(err, status, "items: out of memory");
        } else if (clock_mono_ns() - heard_ns > (int64_t)SILENCE_MAX_MS * 1000000) {
            return error_set(err, ERR_TIMEOUT, "topic '%s': nothing comes", items->topic);
        }
    }
    item_fold_advance_items(start->fold, to);
    return item_fold_publish(start->fold);
}

static enum status meet_broker(struct runtime *runtime, struct error *err)
{
    rd_kafka_t *client;
    enum status status;

    TRY(log_consumer_open(runtime->settings, false, &client, err));
    status = runtime_read_metadata(runtime, client, BROKER_TIMEOUT_MS, err);
    rd_kafka_destroy(client);
    return status;
}

static enum status fold_and_print(struct runtime *runtime, enum item_source from, int64_t to,
                                  FILE *out, struct error *err)
{
    struct item_start *start = calloc(1, sizeof(*start));
    enum status status;

    if (!start)
        return error_set(err, ERR_NOMEM, "inspect: out of memory");
    status = meet_broker(runtime, err);
    runtime->n_catalog_partitions = 0; /* not read */
    runtime_model_config(runtime);
    if (status == OK)
        status = item_start_open(runtime, from, false, start, err);
    if (status == OK)
        status = fold_up_to(start, to, err);
    if (status == OK)
        status = print(start->fold, item_source_name(start->source), NULL, out, err);
    log_reader_close(start->reader);
    item_fold_close(start->fold);
    free(start);
    return status;
}

enum status inspect_items_folded(const struct settings *settings, enum item_source from,
                                 int64_t to, FILE *out, struct error *err)
{
    struct runtime *runtime = calloc(1, sizeof(*runtime));
    enum status status;

    if (!runtime)
        return error_set(err, ERR_NOMEM, "inspect: out of memory");
    runtime_init(runtime, settings);
    status = fold_and_print(runtime, from, to, out, err);
    runtime_deinit(runtime);
    free(runtime);
    return status;
}
