/*
 * Lists by HTTP: the newest view ranks for the person's last session, as a worker would for
 * the person's next event. Each server thread has a scratch of its own, freed with the thread.
 */
#include "core/api_private.h"

#include "core/base/hash.h"
#include "core/symbols.h"

#include <pthread.h>
#include <stdlib.h>

enum { LIST_BYTES = 4096 }; /* of a list of 20 with titles; more is made if needed */

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void free_scratch(void *scratch)
{
    rank_scratch_close(scratch);
}

static void make_key(void)
{
    ensure(pthread_key_create(&scratch_key, free_scratch) == 0);
}

static struct rank_scratch *thread_scratch(void)
{
    struct rank_scratch *scratch;

    pthread_once(&scratch_once, make_key);
    scratch = pthread_getspecific(scratch_key);
    if (!scratch && rank_scratch_open(&scratch, NULL) == OK)
        pthread_setspecific(scratch_key, scratch);
    return scratch;
}

/* Title from the catalogue, where it has named the item. */
static void put_item(struct json_text *json, const struct item_view *view,
                     const struct ranked_item *item)
{
    struct str item_id = item_view_id(view, item->item);
    const struct item_facts *facts = item_view_facts(view, hash64(item_id));

    json_text_open(json, '{');
    json_field_str(json, "item_id", item_id);
    if (facts && facts->item.title.ptr)
        json_field_str(json, "title", facts->item.title);
    json_field_number(json, "score", (double)item->score);
    json_field_str(json, "reason", reason_symbol(item->reason));
    json_text_close(json, '}');
}

static void put_list(struct json_text *json, const struct item_view *view,
                     const struct ranking *ranking)
{
    char name[1024];
    struct str view_name = {name, item_view_name(view, name, sizeof(name))};

    json_field_str(json, "model", str_of(item_view_model_version(view)));
    json_field_str(json, "view", view_name);
    json_text_key(json, "items");
    json_text_open(json, '[');
    for (uint32_t i = 0; i < ranking->n; i++)
        put_item(json, view, &ranking->at[i]);
    json_text_close(json, ']');
}

void api_recommendations(void *context, const struct http_request *request,
                         struct http_response *response)
{
    struct runtime *runtime = context;
    struct rank_scratch *scratch = thread_scratch();
    const char *page;
    struct user_state user;
    struct ranking ranking;
    struct json_text json;
    uint8_t *bytes;
    uint32_t k;

    if (!api_started(runtime, response) || !api_k(runtime, request, response, &k))
        return;
    if (!scratch) {
        http_error(response, 500, "out of memory");
        return;
    }
    enum user_found found = api_find_user(runtime, request->part[0], &user, &bytes, response);

    if (found == USER_ANSWERED)
        return;
    page = request->query(request, "item");
    struct rank_request wanted = {
        .n_items = found == USER_FOUND ? user.n_session : 0,
        .items = user.items,
        .now_ms = api_now_ms(runtime, request->part[0]),
        .page_item = page && *page ? hash64(str_of(page)) : 0,
    };
    const struct item_view *view = item_view_acquire(runtime->fold);

    rank_lists(view, scratch, 1, &wanted, k, &ranking);
    json_text_init(&json, LIST_BYTES);
    json_text_open(&json, '{');
    json_field_str(&json, "user_id", request->part[0]);
    json_field_bool(&json, "known", found == USER_FOUND);
    put_list(&json, view, &ranking);
    json_text_close(&json, '}');
    item_view_release(runtime->fold, view);
    free(bytes);
    api_answer(response, &json);
}

/* The item itself is no answer to "what goes with it". */
static void leave_out(struct ranking *ranking, uint32_t number, uint32_t k)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < ranking->n; i++) {
        if (ranking->at[i].item != number)
            ranking->at[n++] = ranking->at[i];
    }
    ranking->n = n < k ? n : k;
}

static int64_t newest_clock_ms(struct runtime *runtime)
{
    int64_t newest_ms = 0;

    for (uint32_t p = 0; p < runtime->n_partitions; p++) {
        int64_t clock_ms = atomic_load(&runtime->status[p].clock_ms);

        newest_ms = clock_ms > newest_ms ? clock_ms : newest_ms;
    }
    return newest_ms;
}

void api_related(void *context, const struct http_request *request,
                 struct http_response *response)
{
    struct runtime *runtime = context;
    struct rank_scratch *scratch = thread_scratch();
    uint64_t item = hash64(request->part[0]);
    struct ranking ranking;
    struct json_text json;
    uint32_t k;

    if (!api_started(runtime, response) || !api_k(runtime, request, response, &k))
        return;
    if (!scratch) {
        http_error(response, 500, "out of memory");
        return;
    }
    struct rank_request wanted = {.now_ms = newest_clock_ms(runtime), .page_item = item};
    const struct item_view *view = item_view_acquire(runtime->fold);
    uint32_t number = item_view_find(view, item);

    rank_lists(view, scratch, 1, &wanted, k < RANKING_K_MAX ? k + 1 : k, &ranking);
    leave_out(&ranking, number, k);
    json_text_init(&json, LIST_BYTES);
    json_text_open(&json, '{');
    json_field_str(&json, "item_id", request->part[0]);
    json_field_bool(&json, "known", number != UINT32_MAX);
    put_list(&json, view, &ranking);
    json_text_close(&json, '}');
    item_view_release(runtime->fold, view);
    api_answer(response, &json);
}
