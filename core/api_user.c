/*
 * A person by HTTP: committed bytes are copied out of the cache (or read from disk) under the
 * cache's own lock and decoded on the server's thread; the worker notices nothing.
 */
#include "core/api_private.h"

#include "core/base/clock.h"
#include "core/user_json.h"
#include "features/user_codec.h"

#include <stdlib.h>

int64_t api_now_ms(struct runtime *runtime, struct str user_id)
{
    uint32_t task = runtime_task_of(runtime, user_id);
    int64_t clock_ms = atomic_load(&runtime->status[task].clock_ms);

    return clock_ms > 0 ? clock_ms : clock_wall_ms();
}

static void answer_elsewhere(struct runtime *runtime, uint32_t task,
                             struct http_response *response)
{
    if (atomic_load(&runtime->status[task].state) == TASK_RESTORING)
        http_error(response, 503, "the state of this person is being restored (partition %u)",
                   task);
    else
        http_error(response, 421,
                   "this person's events are in partition %u, which another process has; ask "
                   "that one",
                   task);
}

enum user_found api_find_user(struct runtime *runtime, struct str user_id,
                              struct user_state *out, uint8_t **out_bytes,
                              struct http_response *response)
{
    uint32_t task = runtime_task_of(runtime, user_id);
    struct task_home *home = runtime_home(runtime, task);
    enum status status;
    size_t n = 0;

    *out_bytes = NULL;
    if (!home) {
        answer_elsewhere(runtime, task, response);
        return USER_ANSWERED;
    }
    status = user_cache_read(home->cache, user_id, out_bytes, &n);
    task_home_release(home);
    if (status == ERR_NOT_FOUND || (status == OK && n == 0)) {
        free(*out_bytes);
        *out_bytes = NULL;
        return USER_UNKNOWN;
    }
    if (status == OK && user_decode(*out_bytes, n, user_id, out))
        return USER_FOUND;
    if (status == OK)
        free(*out_bytes);
    *out_bytes = NULL;
    http_error(response, 500, "the state of this person cannot be read: %s",
               status == OK ? "its bytes are damaged" : status_name(status));
    return USER_ANSWERED;
}

/* The two views of a person share everything but what they write. */
static void answer_user(struct runtime *runtime, const struct http_request *request,
                        struct http_response *response,
                        void (*put)(struct json_text *, const struct user_state *,
                                    const struct item_view *))
{
    const struct item_view *view;
    struct user_state user;
    struct json_text json;
    enum user_found found;
    uint8_t *bytes;

    if (!api_started(runtime, response))
        return;
    found = api_find_user(runtime, request->part[0], &user, &bytes, response);
    if (found == USER_UNKNOWN)
        http_error(response, 404, "nothing is known about this person");
    if (found != USER_FOUND)
        return;
    json_text_init(&json, 8192);
    json_text_open(&json, '{');
    json_field_str(&json, "user_id", request->part[0]);
    json_field_int(&json, "partition", runtime_task_of(runtime, request->part[0]));
    view = item_view_acquire(runtime->fold);
    put(&json, &user, view);
    item_view_release(runtime->fold, view);
    json_text_close(&json, '}');
    free(bytes);
    api_answer(response, &json);
}

void api_features(void *context, const struct http_request *request,
                  struct http_response *response)
{
    answer_user(context, request, response, user_json_fields);
}

static void put_messages(struct json_text *json, const struct user_state *user,
                         const struct item_view *view)
{
    (void)view;
    user_json_sends(json, user);
    user_json_timers(json, user);
}

void api_messages(void *context, const struct http_request *request,
                  struct http_response *response)
{
    answer_user(context, request, response, put_messages);
}
