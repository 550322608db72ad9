/*
 * The HTTP server: one port, a table of routes, bounded connections (libmicrohttpd).
 *
 * Handlers run on the server's threads. They read committed state and published views only
 * and never touch a worker; what they return is copied out before the connection is answered.
 */
#ifndef FRESHET_CORE_HTTP_H
#define FRESHET_CORE_HTTP_H

#include "core/base/settings.h"
#include "core/base/status.h"
#include "core/base/str.h"

#include <stddef.h>

enum { HTTP_PATH_PARTS_MAX = 8 };

struct http_request {
    struct str path; /* decoded */
    /* the parts of the path that stood where the route's pattern has {…}, percent-decoded */
    struct str part[HTTP_PATH_PARTS_MAX];
    const char *(*query)(const struct http_request *request,
                         const char *name); /* NULL: not given */
    const char *(*header)(const struct http_request *request, const char *name);
    void *connection;
};

struct http_response {
    int status;               /* 200 from the start */
    const char *content_type; /* "application/json" from the start */
    char *body;               /* malloc'ed; the server frees it; may be NULL */
    size_t len;
    char location[512]; /* for a redirect; empty: no header */
};

struct http_route {
    const char *method, *pattern; /* "GET", "/v1/users/{user}/recommendations" */
    const char *summary;          /* for /openapi.json */
    const char *query;            /* "k:integer item:string", for /openapi.json; NULL: none */
    bool open;                    /* no token asked (healthz, readyz) */
    void (*handle)(void *context, const struct http_request *request,
                   struct http_response *response);
};

struct http_server;

/**
 * Listens on settings->http.listen ("127.0.0.1:0" picks a port: see http_server_port).
 * routes must outlive the server. Serves /openapi.json itself, made from the routes.
 */
enum status http_server_open(const struct settings *settings, const struct http_route *routes,
                             uint32_t n_routes, void *context, struct http_server **out,
                             struct error *err);
int http_server_port(const struct http_server *server);
void http_server_close(struct http_server *server); /* waits for running handlers; NULL no-op */

/** Sets status and a JSON body {"error": "sentence"}. */
void http_error(struct http_response *response, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
