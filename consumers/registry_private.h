/* One exchange with the registry; shared by the cache thread and the blocking calls. */
#ifndef FRESHET_CONSUMERS_REGISTRY_PRIVATE_H
#define FRESHET_CONSUMERS_REGISTRY_PRIVATE_H

#include "consumers/registry.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

struct registry_server {
    char *url;                  /* without a slash at its end */
    char *user, *password, *ca; /* empty: none */
    long timeout_ms;
    atomic_bool stop; /* ends running exchanges with ERR_IO */
};

struct registry_reply {
    long code;      /* HTTP status */
    json_t *json;   /* the body; NULL if it is not JSON */
    int error_code; /* the registry's own, e.g. 40403; 0: none */
};

/** A handle that keeps its connection between exchanges; NULL without memory. */
CURL *registry_curl_open(const struct registry_server *server);

/**
 * GET, or POST where body is given. ERR_IO: no answer came, the sentence says why. On OK the
 * caller gives reply->json back with json_decref().
 */
enum status registry_exchange(const struct registry_server *server, CURL *curl,
                              const char *path, const json_t *body,
                              struct registry_reply *reply, struct error *err);

/** The sentence for an answer nobody expected, with the registry's own words; returns status.
 */
enum status registry_unexpected(const struct registry_server *server, const char *path,
                                const struct registry_reply *reply, enum status status,
                                struct error *err);

/** A 404 that a registry gives for "there is no such thing", and not a wrong base path. */
static inline bool registry_reply_is_unknown(const struct registry_reply *reply)
{
    return reply->code == 404 && reply->error_code / 100 == 404;
}

/** The server of a registry, and its note of how the last contact went (err NULL: well). */
const struct registry_server *registry_server_of(const struct registry *registry);
void registry_note_contact(struct registry *registry, const struct error *err);

#endif
