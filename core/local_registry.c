/*
 * Ids are the places of the schema files in avsc_files, from 1: the same in every process of
 * one build, and nothing is stored. A subject is `<topic>-value` with exactly one version.
 */
#include "core/local_registry.h"

#include "core/api_private.h"
#include "core/topics.h"
#include "schemas/avsc.h"

#include <stdio.h>
#include <stdlib.h>

int32_t local_registry_id(const char *avsc_name)
{
    for (unsigned i = 0; i < n_avsc_files; i++) {
        if (strcmp(avsc_files[i].name, avsc_name) == 0)
            return (int32_t)i + 1;
    }
    return 0;
}

/* The error bodies of the REST interface, which clients look into. */
static void answer_error(struct http_response *response, int status, int code,
                         const char *sentence)
{
    struct json_text json;

    json_text_init(&json, 128);
    json_text_open(&json, '{');
    json_field_int(&json, "error_code", code);
    json_field_str(&json, "message", str_of(sentence));
    json_text_close(&json, '}');
    response->status = status;
    api_answer(response, &json);
}

/* Only the demo is a registry; elsewhere the shop has one. */
static bool is_here(const struct runtime *runtime, struct http_response *response)
{
    if (runtime->embedded)
        return true;
    http_error(response, 404, "schemas are served by the demo only; here they are at %s",
               runtime->settings->registry.url);
    return false;
}

/* The schema file behind a subject; NULL: no such subject. */
static const struct avsc *find_subject(const struct runtime *runtime, struct str subject)
{
    struct topic topics[TOPICS_MAX];
    uint32_t n = topics_list(runtime->settings, topics);

    for (uint32_t i = 0; i < n; i++) {
        size_t len = strlen(topics[i].name);

        if (topics[i].avsc && subject.len == len + 6 &&
            memcmp(subject.ptr, topics[i].name, len) == 0 &&
            memcmp(subject.ptr + len, "-value", 6) == 0)
            return avsc_find(topics[i].avsc);
    }
    return NULL;
}

static bool is_text(struct str part, const char *text)
{
    return str_equal(part, str_of(text));
}

static struct str text_of(const struct avsc *avsc)
{
    return (struct str){avsc->json, (uint32_t)avsc->len};
}

void local_registry_subjects(void *context, const struct http_request *request,
                             struct http_response *response)
{
    const struct runtime *runtime = context;
    struct topic topics[TOPICS_MAX];
    uint32_t n = topics_list(runtime->settings, topics);
    struct json_text json;

    (void)request;
    if (!is_here(runtime, response))
        return;
    json_text_init(&json, 1024);
    json_text_open(&json, '[');
    for (uint32_t i = 0; i < n; i++) {
        char subject[TOPIC_NAME_MAX + 8];

        snprintf(subject, sizeof(subject), "%.249s-value", topics[i].name);
        if (topics[i].avsc && avsc_find(topics[i].avsc))
            json_text_str(&json, str_of(subject));
    }
    json_text_close(&json, ']');
    api_answer(response, &json);
}

void local_registry_versions(void *context, const struct http_request *request,
                             struct http_response *response)
{
    struct json_text json;

    if (!is_here(context, response))
        return;
    if (!find_subject(context, request->part[0])) {
        answer_error(response, 404, 40401, "Subject not found.");
        return;
    }
    json_text_init(&json, 16);
    json_text_open(&json, '[');
    json_text_int(&json, 1);
    json_text_close(&json, ']');
    api_answer(response, &json);
}

void local_registry_version(void *context, const struct http_request *request,
                            struct http_response *response)
{
    const struct avsc *avsc;
    struct json_text json;

    if (!is_here(context, response))
        return;
    avsc = find_subject(context, request->part[0]);
    if (!avsc) {
        answer_error(response, 404, 40401, "Subject not found.");
        return;
    }
    if (!is_text(request->part[1], "1") && !is_text(request->part[1], "latest")) {
        answer_error(response, 404, 40402, "Version not found.");
        return;
    }
    json_text_init(&json, avsc->len * 2 + 256);
    json_text_open(&json, '{');
    json_field_str(&json, "subject", request->part[0]);
    json_field_int(&json, "version", 1);
    json_field_int(&json, "id", local_registry_id(avsc->name));
    json_field_str(&json, "schemaType", str_of("AVRO"));
    json_field_str(&json, "schema", text_of(avsc));
    json_text_close(&json, '}');
    api_answer(response, &json);
}

void local_registry_schema(void *context, const struct http_request *request,
                           struct http_response *response)
{
    struct str part = request->part[0];
    unsigned id = 0;
    struct json_text json;

    if (!is_here(context, response))
        return;
    for (uint32_t i = 0; i < part.len; i++) {
        bool digit = part.ptr[i] >= '0' && part.ptr[i] <= '9' && id <= n_avsc_files;

        id = digit ? id * 10 + (unsigned)(part.ptr[i] - '0') : n_avsc_files + 1;
    }
    if (id < 1 || id > n_avsc_files) {
        answer_error(response, 404, 40403, "Schema not found");
        return;
    }
    json_text_init(&json, avsc_files[id - 1].len * 2);
    json_text_open(&json, '{');
    json_field_str(&json, "schema", text_of(&avsc_files[id - 1]));
    json_text_close(&json, '}');
    api_answer(response, &json);
}
