/*
 * The registry's REST interface: one exchange, and the blocking calls made of it.
 *
 * Answers are foreign bytes: their size is bounded, unknown fields are ignored, and what is not
 * the expected JSON is an error with the registry's own words in it. A 404 counts as "no such
 * thing" only with one of the registry's error codes: behind a wrong base path every id would
 * look unknown, and good records would be refused.
 */
#include "consumers/registry_private.h"

#include <stdlib.h>
#include <string.h>

enum {
    REPLY_MAX_BYTES = 4 << 20, /* the largest schemas known are some 100 KiB */
    CONNECT_TIMEOUT_MS = 2000,
};

struct body {
    char *bytes;
    size_t n;
};

static size_t take_bytes(char *bytes, size_t size, size_t n, void *context)
{
    struct body *body = context;
    char *grown;

    n *= size;
    if (n > REPLY_MAX_BYTES - body->n)
        return 0; /* curl ends the transfer */
    grown = realloc(body->bytes, body->n + n + 1);
    if (!grown)
        return 0;
    body->bytes = grown;
    memcpy(body->bytes + body->n, bytes, n);
    body->n += n;
    return n;
}

static int stop_asked(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct registry_server *server = context;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(&server->stop);
}

CURL *registry_curl_open(const struct registry_server *server)
{
    CURL *curl = curl_easy_init();

    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "freshet");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, server->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_asked);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, server);
    if (server->user[0]) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, server->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, server->password);
    }
    if (server->ca[0])
        curl_easy_setopt(curl, CURLOPT_CAINFO, server->ca);
    return curl;
}

static void read_reply(CURL *curl, const struct body *body, struct registry_reply *reply)
{
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->code);
    reply->json = body->bytes ? json_loadb(body->bytes, body->n, 0, NULL) : NULL;
    reply->error_code =
        (int)json_integer_value(json_object_get(reply->json, "error_code")); /* NULL gives 0 */
}

enum status registry_exchange(const struct registry_server *server, CURL *curl,
                              const char *path, const json_t *body,
                              struct registry_reply *reply, struct error *err)
{
    char *url = NULL, *text = NULL;
    struct curl_slist *headers = NULL, *longer;
    struct body answer = {NULL, 0};
    enum status status = OK;
    CURLcode code;

    headers = curl_slist_append(NULL, "Accept: application/vnd.schemaregistry.v1+json, "
                                      "application/json");
    longer = headers ? curl_slist_append(headers,
                                         "Content-Type: application/vnd.schemaregistry.v1+json")
                     : NULL;
    text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!longer || (body && !text) || asprintf(&url, "%s%s", server->url, path) < 0) {
        url = NULL;
        status = error_set(err, ERR_NOMEM, "schema registry: out of memory");
        goto done;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (text)
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, text);
    else
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        status = error_set(err, ERR_IO, "schema registry %s cannot be reached: %s", server->url,
                           code == CURLE_WRITE_ERROR ? "its answer is too large"
                                                     : curl_easy_strerror(code));
        goto done;
    }
    read_reply(curl, &answer, reply);
done:
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    free(answer.bytes);
    free(text);
    free(url);
    return status;
}

enum status registry_unexpected(const struct registry_server *server, const char *path,
                                const struct registry_reply *reply, enum status status,
                                struct error *err)
{
    const char *message = json_string_value(json_object_get(reply->json, "message"));
    const char *hint = "";

    if (reply->code == 401 || reply->code == 403)
        hint = "; check registry.user and registry.password";
    else if (reply->code == 404)
        hint = "; check the path in registry.url";
    return error_set(err, status, "schema registry %s answered %ld to %s%s%.200s%s",
                     server->url, reply->code, path, message ? ": " : "",
                     message ? message : "", hint);
}

/* One POST of a schema to before + subject + after, on a handle of its own. */
static enum status post_schema(struct registry *registry, const char *before,
                               const char *subject, const char *after, const char *schema,
                               struct registry_reply *reply, char *path, size_t capacity,
                               struct error *err)
{
    const struct registry_server *server = registry_server_of(registry);
    CURL *curl = registry_curl_open(server);
    char *escaped = curl ? curl_easy_escape(curl, subject, 0) : NULL;
    json_t *body = json_pack("{s:s}", "schema", schema);
    enum status status;

    if (!escaped || !body) {
        status =
            error_set(err, body ? ERR_NOMEM : ERR_INVALID,
                      "schema registry: the schema of %s is not UTF-8, or no memory", subject);
        goto done;
    }
    snprintf(path, capacity, "%s%s%s", before, escaped, after);
    status = registry_exchange(server, curl, path, body, reply, err);
    registry_note_contact(registry, status == OK ? NULL : err);
done:
    json_decref(body);
    curl_free(escaped);
    if (curl)
        curl_easy_cleanup(curl);
    return status;
}

/* {"id": N} of an answer; false if it says nothing of the kind. */
static bool reply_id(const struct registry_reply *reply, int32_t *out_id)
{
    const json_t *id = json_object_get(reply->json, "id");

    if (reply->code != 200 || !json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) > INT32_MAX)
        return false;
    *out_id = (int32_t)json_integer_value(id);
    return true;
}

static const char *reply_message(const struct registry_reply *reply)
{
    const char *message = json_string_value(json_object_get(reply->json, "message"));

    return message ? message : "no reason given";
}

/* What all three calls make of the answers that are neither success nor "not there". */
static enum status refused(struct registry *registry, const char *subject, const char *path,
                           const struct registry_reply *reply, struct error *err)
{
    if (reply->code == 409)
        return error_set(
            err, ERR_INVALID,
            "subject %s: the schema is not compatible with the one registered: %.300s", subject,
            reply_message(reply));
    if (reply->code == 422)
        return error_set(err, ERR_INVALID,
                         "subject %s: the registry refuses the schema: %.300s", subject,
                         reply_message(reply));
    return registry_unexpected(registry_server_of(registry), path, reply, ERR_IO, err);
}

enum status registry_register(struct registry *registry, const char *subject, const char *json,
                              int32_t *out_id, struct error *err)
{
    struct registry_reply reply = {0};
    char path[1024];
    enum status status;

    TRY(post_schema(registry, "/subjects/", subject, "/versions", json, &reply, path,
                    sizeof(path), err));
    status = reply_id(&reply, out_id) ? OK : refused(registry, subject, path, &reply, err);
    json_decref(reply.json);
    return status;
}

enum status registry_lookup(struct registry *registry, const char *subject, const char *json,
                            int32_t *out_id, struct error *err)
{
    struct registry_reply reply = {0};
    char path[1024];
    enum status status;

    TRY(post_schema(registry, "/subjects/", subject, "", json, &reply, path, sizeof(path),
                    err));
    if (reply_id(&reply, out_id))
        status = OK;
    else if (registry_reply_is_unknown(&reply))
        status = error_set(err, ERR_NOT_FOUND, "subject %s does not have this schema", subject);
    else
        status = refused(registry, subject, path, &reply, err);
    json_decref(reply.json);
    return status;
}

enum status registry_compatible(struct registry *registry, const char *subject,
                                const char *json, struct error *err)
{
    struct registry_reply reply = {0};
    const json_t *verdict, *reason;
    char path[1024];
    enum status status;

    TRY(post_schema(registry, "/compatibility/subjects/", subject,
                    "/versions/latest?verbose=true", json, &reply, path, sizeof(path), err));
    verdict = json_object_get(reply.json, "is_compatible");
    reason = json_array_get(json_object_get(reply.json, "messages"), 0);
    if ((reply.code == 200 && json_is_true(verdict)) || registry_reply_is_unknown(&reply))
        status = OK;
    else if (reply.code == 200 && json_is_false(verdict))
        status = error_set(
            err, ERR_INVALID,
            "subject %s: the schema is not compatible with the one registered: %.300s", subject,
            json_is_string(reason) ? json_string_value(reason) : "no reason given");
    else
        status = refused(registry, subject, path, &reply, err);
    json_decref(reply.json);
    return status;
}
