#include "core/inspect.h"

#include "core/user_json.h"
#include "features/user_codec.h"
#include "schemas/task_position.h"

#include <errno.h>
#include <stdlib.h>

struct printer {
    FILE *out;
    struct json_text json;
    struct user_state user;
    struct error *err;
    enum status status;
};

/* The text so far as one line; a full disk or a closed pipe is an error. */
static enum status print_line(struct printer *printer)
{
    struct json_text *json = &printer->json;

    json_text_newline(json);
    if (json->failed)
        return error_set(printer->err, ERR_NOMEM, "inspect: out of memory");
    if (fwrite(json->at, 1, json->n, printer->out) != json->n)
        return error_set(printer->err, ERR_IO, "inspect: cannot write: %s", strerror(errno));
    json_text_reset(json);
    return OK;
}

static enum status print_user(struct printer *printer, uint16_t task, struct str user_id,
                              const char *bytes, size_t n)
{
    struct json_text *json = &printer->json;

    if (!user_decode((const uint8_t *)bytes, n, user_id, &printer->user))
        return error_set(printer->err, ERR_STATE,
                         "the state of a person in partition %u is damaged or of a newer "
                         "version",
                         task);
    json_text_open(json, '{');
    json_field_int(json, "task", task);
    json_field_str(json, "user_id", user_id);
    user_json_fields(json, &printer->user, NULL);
    json_text_close(json, '}');
    return print_line(printer);
}

static bool on_user(void *context, uint16_t task, struct str user_id, const char *bytes,
                    size_t n)
{
    struct printer *printer = context;

    printer->status = print_user(printer, task, user_id, bytes, n);
    return printer->status == OK;
}

static struct printer *printer_open(FILE *out, struct error *err)
{
    struct printer *printer = calloc(1, sizeof(*printer));

    if (!printer) {
        error_set(err, ERR_NOMEM, "inspect: out of memory");
        return NULL;
    }
    printer->out = out;
    printer->err = err;
    json_text_init(&printer->json, 16 << 10);
    return printer;
}

static void printer_close(struct printer *printer)
{
    json_text_deinit(&printer->json);
    free(printer);
}

enum status inspect_users(struct state_db *db, FILE *out, struct error *err)
{
    struct printer *printer = printer_open(out, err);
    enum status status;

    if (!printer)
        return ERR_NOMEM;
    status = state_db_each_user(db, -1, on_user, printer, err);
    if (status == OK)
        status = printer->status;
    printer_close(printer);
    return status;
}

/* How many partitions there are is not written in the folder: each is asked. */
enum status inspect_user(struct state_db *db, struct str user_id, FILE *out, struct error *err)
{
    struct printer *printer = printer_open(out, err);
    enum status status = ERR_NOT_FOUND;

    if (!printer)
        return ERR_NOMEM;
    for (uint32_t task = 0; task < TASKS_MAX && status == ERR_NOT_FOUND; task++) {
        char *bytes;
        size_t n;

        status = state_db_get_user(db, (uint16_t)task, user_id, &bytes, &n);
        if (status == OK) {
            status = print_user(printer, (uint16_t)task, user_id, bytes, n);
            free(bytes);
        } else if (status != ERR_NOT_FOUND) {
            error_set(err, status, "the state directory cannot be read");
        }
    }
    printer_close(printer);
    return status == ERR_NOT_FOUND
               ? error_set(err, status, "the state directory holds nothing about this person")
               : status;
}

/* ---- positions ---- */

static void put_inputs(struct json_text *json, const char *name, const int64_t *values)
{
    json_text_key(json, name);
    json_text_open(json, '{');
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        json_text_key(json, input_topic_name((enum input_topic)topic));
        if (values[topic] < 0)
            json_text_null(json);
        else
            json_text_int(json, values[topic]);
    }
    json_text_close(json, '}');
}

static void put_position(struct json_text *json, const struct task_position *position)
{
    json_field_int(json, "number", (int64_t)position->number);
    put_inputs(json, "next", position->next);
    put_inputs(json, "newest_time", position->max_time_ms);
    json_text_key(json, "clock");
    if (position->clock_ms == INT64_MIN)
        json_text_null(json);
    else
        json_text_int(json, position->clock_ms);
    json_field_int(json, "items", position->items_offset);
    json_text_key(json, "catalog");
    json_text_open(json, '[');
    for (uint32_t p = 0; p < position->n_catalog; p++)
        json_text_int(json, position->catalog_offset[p]);
    json_text_close(json, ']');
    json_field_int(json, "committed", position->wall_ms);
    json_field_str(json, "rules", str_of(position->rules_version));
    json_field_str(json, "transactional_id", str_of(position->transactional_id));
}

/* A task that has had no transaction yet has a watermark and no position. */
static enum status read_position(struct printer *printer, struct state_db *db, uint16_t task,
                                 struct task_position *out)
{
    char *bytes;
    size_t n;
    enum status status = state_db_get_position(db, task, &bytes, &n);

    task_position_init(out);
    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK)
        return error_set(printer->err, ERR_IO, "partition %u: its position cannot be read",
                         task);
    bool readable = task_position_decode((const uint8_t *)bytes, n, out);

    free(bytes);
    return readable
               ? OK
               : error_set(printer->err, ERR_STATE,
                           "partition %u: its position is damaged or of a newer version", task);
}

static enum status print_task(struct printer *printer, struct state_db *db, uint16_t task)
{
    struct json_text *json = &printer->json;
    struct task_watermark watermark;
    struct task_position position;
    enum status status = state_db_get_watermark(db, task, &watermark);

    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK)
        return error_set(printer->err, ERR_IO, "partition %u: its watermark cannot be read",
                         task);
    TRY(read_position(printer, db, task, &position));
    json_text_open(json, '{');
    json_field_int(json, "task", task);
    put_position(json, &position);
    json_field_int(json, "changelog_next", watermark.changelog_next);
    json_field_int(json, "flushed", watermark.wall_ms);
    json_text_close(json, '}');
    return print_line(printer);
}

enum status inspect_offsets(struct state_db *db, FILE *out, struct error *err)
{
    struct printer *printer = printer_open(out, err);
    enum status status = OK;

    if (!printer)
        return ERR_NOMEM;
    for (uint32_t task = 0; task < TASKS_MAX && status == OK; task++)
        status = print_task(printer, db, (uint16_t)task);
    printer_close(printer);
    return status;
}
