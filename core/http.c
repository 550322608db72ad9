/*
 * The HTTP server on libmicrohttpd: two threads with an epoll each, connections kept alive.
 *
 * The listening socket is ours (so that a busy port gives a sentence), the rest is the
 * library's. Its handler is called twice for a request: first with the head, and answering
 * there would end the connection; then, for a request without a body, to be answered. Bodies
 * are read and dropped: no route takes one.
 *
 * There is no line of log per request; requests are counted by class of status.
 */
#include "core/http_private.h"

#include "core/base/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum {
    THREADS = 2,
    CONNECTIONS_MAX = 1024,       /* 16 KiB each: 16 MiB */
    CONNECTION_MEMORY = 16 << 10, /* head and answer's head of one request */
    IDLE_SECONDS = 60,            /* longer than load balancers wait between two requests */
    TOKEN_MAX = 512,
    PEM_MAX_BYTES = 1 << 20,
    STATUS_CLASSES = 6,
};

struct http_server {
    struct MHD_Daemon *daemon;
    int listener; /* the daemon's once it runs */
    int port;
    const struct http_route *routes;
    uint32_t n_routes;
    void *context;
    char token[TOKEN_MAX]; /* empty: none asked */
    char *cert, *key;      /* PEM; NULL: no TLS */
    char *openapi;
    struct metric *answered[STATUS_CLASSES]; /* by status / 100 */
};

struct call { /* what query() needs behind http_request.connection */
    struct MHD_Connection *mhd;
    char *scratch, *scratch_end;
};

/* ---- what handlers call ---- */

void http_error(struct http_response *response, int status, const char *format, ...)
{
    char sentence[1024];
    va_list args;
    json_t *body;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    free(response->body);
    body = json_pack("{s:s}", "error", sentence); /* NULL: not UTF-8 */
    response->body = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!response->body)
        response->body = strdup("{\"error\":\"the request is not UTF-8\"}");
    response->len = response->body ? strlen(response->body) : 0;
    response->status = status;
    response->content_type = "application/json";
}

/* The library leaves values as they came except '+'; most have nothing to decode. */
static const char *get_query(const struct http_request *request, const char *name)
{
    struct call *call = request->connection;
    const char *raw = MHD_lookup_connection_value(call->mhd, MHD_GET_ARGUMENT_KIND, name);
    size_t n = raw ? strlen(raw) : 0;
    int decoded;

    if (!raw || !strchr(raw, '%') || n >= (size_t)(call->scratch_end - call->scratch))
        return raw;
    decoded = http_percent_decode(raw, n, call->scratch);
    if (decoded < 0)
        return raw; /* not an encoding: taken as it is */
    raw = call->scratch;
    call->scratch[decoded] = '\0';
    call->scratch += decoded + 1;
    return raw;
}

static const char *get_header(const struct http_request *request, const char *name)
{
    const struct call *call = request->connection;

    return MHD_lookup_connection_value(call->mhd, MHD_HEADER_KIND, name);
}

/* ---- one request ---- */

/* Takes as long for a wrong first byte as for a wrong last one. */
static bool token_fits(const struct http_server *server, const char *authorization)
{
    size_t n = strlen(server->token);
    unsigned char differs = 0;

    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0 ||
        strlen(authorization + 7) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(server->token[i] ^ authorization[7 + i]);
    return differs == 0;
}

static void answer_openapi(const struct http_server *server, struct http_response *response)
{
    response->body = strdup(server->openapi);
    response->len = response->body ? strlen(response->body) : 0;
}

/* The route of method and path; else NULL, and *out_path_known says if another method fits. */
static const struct http_route *find_route(const struct http_server *server, const char *method,
                                           const char *path, struct str *parts, char *scratch,
                                           bool *out_path_known)
{
    *out_path_known = false;
    for (uint32_t i = 0; i < server->n_routes; i++) {
        const struct http_route *route = &server->routes[i];

        if (!http_route_match(route->pattern, path, parts, scratch))
            continue;
        if (strcmp(route->method, method) == 0)
            return route;
        *out_path_known = true;
    }
    return NULL;
}

static void dispatch(struct http_server *server, struct MHD_Connection *mhd, const char *path,
                     const char *method, struct http_response *response)
{
    char scratch[HTTP_URL_MAX], query_scratch[CONNECTION_MEMORY], decoded[HTTP_URL_MAX];
    struct call call = {mhd, query_scratch, query_scratch + sizeof(query_scratch)};
    struct http_request request = {
        .query = get_query, .header = get_header, .connection = &call};
    const struct http_route *route;
    size_t n = strlen(path);
    bool path_known;
    int n_decoded;

    if (n >= HTTP_URL_MAX) {
        http_error(response, 414, "the path is longer than %d bytes", HTTP_URL_MAX - 1);
        return;
    }
    n_decoded = http_percent_decode(path, n, decoded);
    if (n_decoded < 0) {
        http_error(response, 400, "the path is not percent-encoded");
        return;
    }
    request.path = (struct str){decoded, (uint32_t)n_decoded};
    if (strcmp(method, "HEAD") == 0)
        method = "GET"; /* the library leaves the body out */
    if (strcmp(path, "/openapi.json") == 0 && strcmp(method, "GET") == 0) {
        answer_openapi(server, response);
        return;
    }
    route = find_route(server, method, path, request.part, scratch, &path_known);
    if (!route) {
        http_error(response, path_known ? 405 : 404,
                   path_known
                       ? "this path does not know the method %s"
                       : "there is no such path (%s); /openapi.json lists those there are",
                   path_known ? method : path);
        return;
    }
    if (server->token[0] && !route->open &&
        !token_fits(server, get_header(&request, "Authorization"))) {
        http_error(response, 401, "send the header Authorization: Bearer TOKEN");
        return;
    }
    route->handle(server->context, &request, response);
}

static enum MHD_Result send_response(struct http_server *server, struct MHD_Connection *mhd,
                                     struct http_response *response)
{
    struct MHD_Response *out = MHD_create_response_from_buffer(
        response->body ? response->len : 0, response->body ? response->body : (void *)"",
        response->body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result;
    int class = response->status / 100;

    if (!out) {
        free(response->body);
        return MHD_NO;
    }
    MHD_add_response_header(out, "Content-Type", response->content_type);
    MHD_add_response_header(out, "X-Content-Type-Options", "nosniff");
    if (response->location[0])
        MHD_add_response_header(out, "Location", response->location);
    if (response->status == 401)
        MHD_add_response_header(out, "WWW-Authenticate", "Bearer");
    if (response->status == 405)
        MHD_add_response_header(out, "Allow", "GET, HEAD");
    result = MHD_queue_response(mhd, (unsigned)response->status, out);
    MHD_destroy_response(out);
    if (class > 0 && class < STATUS_CLASSES)
        metric_add(server->answered[class], 1);
    return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request_state)
{
    struct http_server *server = context;
    struct http_response response = {.status = 200, .content_type = "application/json"};

    (void)version;
    (void)upload;
    if (!*request_state) {
        *request_state = server; /* only "seen before" */
        return MHD_YES;
    }
    if (*upload_size) {
        *upload_size = 0;
        return MHD_YES;
    }
    dispatch(server, mhd, path, method, &response);
    return send_response(server, mhd, &response);
}

/* Paths and queries are decoded by us, after they have been cut. */
static size_t leave_encoded(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    (void)mhd;
    return strlen(text);
}

/* ---- opening ---- */

/* host:port as settings checked it; "[::1]:80" loses its brackets. */
static enum status listen_on(const char *address, int *out_fd, int *out_port, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    enum status status = OK;
    char host[128];
    const char *port = strrchr(address, ':');
    int fd = -1, code, problem = 0;

    if (!port || port == address)
        return error_set(err, ERR_INVALID, "http.listen: '%s' is not host:port", address);
    snprintf(host, sizeof(host), "%.*s", (int)(port - address) - 2 * (address[0] == '['),
             address + (address[0] == '['));
    code = getaddrinfo(host, port + 1, &hints, &found);
    if (code != 0)
        return error_set(err, ERR_INVALID, "http.listen: cannot find the address '%s': %s",
                         host, gai_strerror(code));
    for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 &&
            (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
             bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0)) {
            problem = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0) {
        status = error_set(err, ERR_IO, "http.listen: cannot listen on %s: %s%s", address,
                           strerror(problem),
                           problem == EADDRINUSE ? "; another process has the port, choose "
                                                   "another with http.listen"
                                                 : "");
        return status;
    }
    getsockname(fd, (struct sockaddr *)&bound, &size);
    *out_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    *out_fd = fd;
    return OK;
}

static enum status read_file(const char *setting, const char *path, char **out,
                             struct error *err)
{
    FILE *in = fopen(path, "r");
    char *text = calloc(1, PEM_MAX_BYTES + 1);
    size_t n = in && text ? fread(text, 1, PEM_MAX_BYTES + 1, in) : 0;
    int problem = errno;

    if (in)
        fclose(in);
    if (n == 0 || n > PEM_MAX_BYTES) {
        free(text);
        return error_set(err, ERR_INVALID, "%s: cannot read %s: %s", setting, path,
                         !in     ? strerror(problem)
                         : n > 0 ? "larger than 1 MiB"
                                 : "it is empty");
    }
    text[n] = '\0';
    *out = text;
    return OK;
}

static enum status read_token(struct http_server *server, const char *path, struct error *err)
{
    char *text = NULL;
    size_t n;

    if (!path[0])
        return OK;
    TRY(read_file("http.token_file", path, &text, err));
    n = strcspn(text, "\r\n");
    if (n > 0 && n < TOKEN_MAX)
        memcpy(server->token, text, n); /* the rest is zero */
    free(text);
    if (!server->token[0])
        return error_set(err, ERR_INVALID,
                         "http.token_file: the first line of %s must hold 1 to %d bytes", path,
                         TOKEN_MAX - 1);
    return OK;
}

static enum status read_files(struct http_server *server, const struct settings *settings,
                              struct error *err)
{
    TRY(read_token(server, settings->http.token_file, err));
    if (!settings->http.tls_cert[0])
        return OK;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return error_set(err, ERR_INVALID, "http.tls_cert: this libmicrohttpd is without TLS");
    TRY(read_file("http.tls_cert", settings->http.tls_cert, &server->cert, err));
    return read_file("http.tls_key", settings->http.tls_key, &server->key, err);
}

static enum status start(struct http_server *server, struct error *err)
{
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | (server->cert ? MHD_USE_TLS : 0);

    if (!server->cert)
        tls[0].option = MHD_OPTION_END;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, server->listener,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
    if (!server->daemon)
        return error_set(err, ERR_INVALID, "http: the server does not start%s",
                         server->cert ? "; do http.tls_cert and http.tls_key fit together?"
                                      : ": out of threads or memory");
    server->listener = -1; /* closed by the daemon */
    return OK;
}

enum status http_server_open(const struct settings *settings, const struct http_route *routes,
                             uint32_t n_routes, void *context, struct http_server **out,
                             struct error *err)
{
    struct http_server *server = calloc(1, sizeof(*server));
    enum status status;

    if (!server)
        return error_set(err, ERR_NOMEM, "http: out of memory");
    signal(SIGPIPE, SIG_IGN); /* a client that went away is no reason to end */
    server->listener = -1;
    server->routes = routes;
    server->n_routes = n_routes;
    server->context = context;
    for (int i = 1; i < STATUS_CLASSES; i++)
        server->answered[i] = metric_counter(
            "http_responses_total", "HTTP answers by class of status.", "status=\"%dxx\"", i);
    server->openapi = http_openapi(routes, n_routes);
    if (!server->openapi) {
        status = error_set(err, ERR_NOMEM, "http: out of memory");
        goto done;
    }
    status = read_files(server, settings, err);
    if (status == OK)
        status = listen_on(settings->http.listen, &server->listener, &server->port, err);
    if (status == OK)
        status = start(server, err);
    if (status == OK) {
        *out = server;
        server = NULL;
    }
done:
    http_server_close(server);
    return status;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_close(struct http_server *server)
{
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    if (server->listener >= 0)
        close(server->listener);
    free(server->openapi);
    free(server->cert);
    free(server->key);
    free(server);
}
