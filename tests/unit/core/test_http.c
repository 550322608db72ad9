#include "tests/support/test_support.h"

#include "core/base/metrics.h"
#include "core/http_private.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Made for this test, valid until 2120, known to everybody. */
static const char test_cert[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBaDCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv\n"
    "c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM\n"
    "CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPF1mqitfsbmw9V9\n"
    "Jb6fw9idTZ+GxaRiMS1IjlFU9uT65PDnyiQdCHRFJOrbusQumIUHiYHjfKFZR91n\n"
    "YBtgYeWjTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0\n"
    "hwR/AAABMB0GA1UdDgQWBBSZ9AqKU6FysDv1kGcdgoxsQBvSUDAKBggqhkjOPQQD\n"
    "AgNJADBGAiEAw2PrRRv7/LQ5k37M2oiwvzOFCyDpudJtUg8IgGghCtwCIQDCx02f\n"
    "BETP0wmothIm409k5alxDG6hxqAJSbiK71FKKA==\n"
    "-----END CERTIFICATE-----\n";
static const char test_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/vylLDMtQKrgsPnK\n"
    "jjyHonGs5TNvpQx3zzLUMcHxG7ehRANCAATxdZqorX7G5sPVfSW+n8PYnU2fhsWk\n"
    "YjEtSI5RVPbk+uTw58okHQh0RSTq27rELpiFB4mB43yhWUfdZ2AbYGHl\n"
    "-----END PRIVATE KEY-----\n";

/* ---- routes and decoding, without a server ---- */

static bool fits(const char *pattern, const char *path, struct str *parts)
{
    static char scratch[HTTP_URL_MAX];

    return http_route_match(pattern, path, parts, scratch);
}

static void patterns_fit_segment_by_segment(void **state)
{
    struct str parts[HTTP_PATH_PARTS_MAX];

    (void)state;
    assert_true(fits("/", "/", parts));
    assert_true(fits("/a/b", "/a/b", parts));
    assert_false(fits("/a/b", "/a/b/", parts));
    assert_false(fits("/a/b", "/a", parts));
    assert_false(fits("/a", "/a/b", parts));
    assert_false(fits("/a", "/A", parts));
    assert_false(fits("/ab", "/a", parts));
    assert_true(fits("/v1/users/{user}/explain", "/v1/users/u%201/explain", parts));
    assert_int_equal(parts[0].len, 3);
    assert_memory_equal(parts[0].ptr, "u 1", 3);
    assert_false(fits("/v1/users/{user}/explain", "/v1/users//explain", parts));
    assert_false(fits("/v1/users/{user}", "/v1/users/a/b", parts));
    assert_true(fits("/{a}/x/{b}", "/1/x/2", parts));
    assert_memory_equal(parts[0].ptr, "1", 1);
    assert_memory_equal(parts[1].ptr, "2", 1);
    assert_int_equal(parts[0].len + parts[1].len, 2);
}

/* An id may hold a slash; only an encoded one stays inside its segment. */
static void an_encoded_slash_belongs_to_the_part(void **state)
{
    struct str parts[HTTP_PATH_PARTS_MAX];

    (void)state;
    assert_true(fits("/items/{item}/related", "/items/a%2Fb/related", parts));
    assert_int_equal(parts[0].len, 3);
    assert_memory_equal(parts[0].ptr, "a/b", 3);
}

static void decoding_refuses_what_is_no_encoding(void **state)
{
    char out[16];

    (void)state;
    assert_int_equal(http_percent_decode("%41%e2%82%aC", 12, out), 4);
    assert_memory_equal(out, "A\xe2\x82\xac", 4);
    assert_int_equal(http_percent_decode("a+b", 3, out), 3);
    assert_memory_equal(out, "a+b", 3);
    assert_int_equal(http_percent_decode("%4", 2, out), -1);
    assert_int_equal(http_percent_decode("%41", 2, out), -1); /* n ends before the 1 */
    assert_int_equal(http_percent_decode("%", 1, out), -1);
    assert_int_equal(http_percent_decode("%g1", 3, out), -1);
    assert_int_equal(http_percent_decode("%00", 3, out), -1);
}

/* ---- a server and a client ---- */

static void handle_hello(void *context, const struct http_request *request,
                         struct http_response *response)
{
    const char *k = request->query(request, "k"), *x = request->header(request, "X-Test");

    response->content_type = "text/plain";
    response->len = (size_t)asprintf(&response->body, "%s %.*s k=%s x=%s %.*s", (char *)context,
                                     STR_ARG(request->part[0]), k ? k : "none", x ? x : "none",
                                     STR_ARG(request->path));
}

static void handle_away(void *context, const struct http_request *request,
                        struct http_response *response)
{
    (void)context;
    (void)request;
    response->status = 307;
    snprintf(response->location, sizeof(response->location), "http://elsewhere/x");
}

static void handle_error(void *context, const struct http_request *request,
                         struct http_response *response)
{
    (void)context;
    (void)request;
    http_error(response, 503, "not yet: %d \"tasks\"\n", 3);
}

static const struct http_route routes[] = {
    {"GET", "/healthz", "Alive.", NULL, true, handle_hello},
    {"GET", "/hello/{who}", "Says hello.", "k:integer item", false, handle_hello},
    {"GET", "/away", "Sends away.", NULL, false, handle_away},
    {"GET", "/error", "Fails.", NULL, false, handle_error},
    {"POST", "/error", "Fails too.", NULL, false, handle_error},
};
enum { N_ROUTES = sizeof(routes) / sizeof(routes[0]) };

struct reply {
    long status, n_connects;
    char body[8192], head[4096], error[CURL_ERROR_SIZE];
};

static size_t take_body(char *bytes, size_t size, size_t n, void *context)
{
    struct reply *reply = context;

    strncat(reply->body, bytes, size * n);
    return size * n;
}

static size_t take_head(char *bytes, size_t size, size_t n, void *context)
{
    struct reply *reply = context;

    strncat(reply->head, bytes, size * n);
    return size * n;
}

struct ask {
    const char *method, *path, *header, *scheme, *ca, *body;
};

static struct reply fetch_with(CURL *curl, const struct http_server *server, struct ask ask)
{
    struct curl_slist *headers = ask.header ? curl_slist_append(NULL, ask.header) : NULL;
    struct reply reply = {0};
    char url[8192];

    snprintf(url, sizeof(url), "%s://127.0.0.1:%d%s", ask.scheme ? ask.scheme : "http",
             http_server_port(server), ask.path);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reply.error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply);
    if (ask.body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ask.body);
    if (ask.ca)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ask.ca);
    if (strcmp(ask.method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (strcmp(ask.method, "GET") != 0)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask.method);
    curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &reply.n_connects);
    curl_slist_free_all(headers);
    return reply;
}

static struct reply fetch(const struct http_server *server, const char *method,
                          const char *path, const char *header)
{
    CURL *curl = curl_easy_init();
    struct reply reply =
        fetch_with(curl, server, (struct ask){method, path, header, NULL, NULL, NULL});

    curl_easy_cleanup(curl);
    return reply;
}

static struct settings settings;
static char *folder;

static struct http_server *serve(void)
{
    struct http_server *server = NULL;
    struct error err;

    if (http_server_open(&settings, routes, N_ROUTES, "hello", &server, &err) != OK)
        fail_msg("%s", err.text);
    return server;
}

static const char *write_file(const char *name, const char *text)
{
    static char paths[4][256];
    static int turn;
    char *path = paths[turn++ % 4];
    FILE *out;

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    settings_init(&settings);
    strcpy(settings.http.listen, "127.0.0.1:0");
    folder = test_make_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_remove_folder(folder);
    return 0;
}

static void a_route_gets_its_parts_query_and_headers(void **state)
{
    struct http_server *server = serve();
    struct reply reply = fetch(server, "GET", "/hello/b%C3%A4r%2F1?k=2%260&j=1", "X-Test: yes");

    (void)state;
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "hello bär/1 k=2&0 x=yes /hello/bär/1");
    assert_non_null(strcasestr(reply.head, "\r\nContent-Type: text/plain\r\n"));
    reply = fetch(server, "GET", "/hello/x?k=%zz", NULL);
    assert_string_equal(reply.body, "hello x k=%zz x=none /hello/x");
    reply = fetch(server, "GET", "/hello/x?k", NULL);
    assert_string_equal(reply.body, "hello x k=none x=none /hello/x");
    http_server_close(server);
}

static void head_is_get_without_the_body(void **state)
{
    struct http_server *server = serve();
    struct reply get = fetch(server, "GET", "/hello/you", NULL),
                 head = fetch(server, "HEAD", "/hello/you", NULL);
    char length[64];

    (void)state;
    assert_int_equal(head.status, 200);
    assert_string_equal(head.body, "");
    snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", strlen(get.body));
    assert_non_null(strcasestr(head.head, length));
    http_server_close(server);
}

static void errors_are_json_sentences(void **state)
{
    struct http_server *server = serve();
    struct reply reply = fetch(server, "GET", "/nowhere", NULL);

    (void)state;
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.body, "{\"error\":\"there is no such path (/nowhere); "
                                    "/openapi.json lists those there are\"}");
    assert_non_null(strcasestr(reply.head, "\r\nContent-Type: application/json\r\n"));
    reply = fetch(server, "DELETE", "/hello/x", NULL);
    assert_int_equal(reply.status, 405);
    assert_string_equal(reply.body,
                        "{\"error\":\"this path does not know the method DELETE\"}");
    assert_non_null(strcasestr(reply.head, "\r\nAllow: GET, HEAD\r\n"));
    reply = fetch(server, "GET", "/error", NULL);
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply.body, "{\"error\":\"not yet: 3 \\\"tasks\\\"\\n\"}");
    reply = fetch(server, "GET", "/hello/%f", NULL);
    assert_int_equal(reply.status, 400);
    reply = fetch(server, "GET", "/hello/%00", NULL);
    assert_int_equal(reply.status, 400);
    http_server_close(server);
}

static void a_redirect_has_its_location(void **state)
{
    struct http_server *server = serve();
    struct reply reply = fetch(server, "GET", "/away", NULL);

    (void)state;
    assert_int_equal(reply.status, 307);
    assert_non_null(strcasestr(reply.head, "\r\nLocation: http://elsewhere/x\r\n"));
    assert_string_equal(reply.body, "");
    http_server_close(server);
}

/* A body is dropped, and the connection stays good for the next request. */
static void a_body_is_read_and_dropped(void **state)
{
    struct http_server *server = serve();
    CURL *curl = curl_easy_init();
    char *body = malloc(200001);
    struct reply reply;

    (void)state;
    memset(body, 'x', 200000);
    body[200000] = '\0';
    reply = fetch_with(curl, server, (struct ask){"POST", "/error", NULL, NULL, NULL, body});
    assert_int_equal(reply.status, 503);
    reply = fetch_with(curl, server, (struct ask){"GET", "/hello/x", NULL, NULL, NULL, NULL});
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.n_connects, 0);
    free(body);
    curl_easy_cleanup(curl);
    http_server_close(server);
}

static void connections_are_kept(void **state)
{
    struct http_server *server = serve();
    CURL *curl = curl_easy_init();
    long n_connects = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct reply reply =
            fetch_with(curl, server, (struct ask){"GET", "/hello/x", NULL, NULL, NULL, NULL});

        assert_int_equal(reply.status, 200);
        n_connects += reply.n_connects;
    }
    assert_int_equal(n_connects, 1);
    curl_easy_cleanup(curl);
    http_server_close(server);
}

static void a_long_path_is_refused(void **state)
{
    struct http_server *server = serve();
    char path[6000];
    struct reply reply;

    (void)state;
    snprintf(path, sizeof(path), "/hello/%04000d", 1); /* the longest that fits is 4095 */
    reply = fetch(server, "GET", path, NULL);
    assert_int_equal(reply.status, 200);
    snprintf(path, sizeof(path), "/hello/%04089d", 1);
    reply = fetch(server, "GET", path, NULL);
    assert_int_equal(reply.status, 414);
    http_server_close(server);
}

static void the_token_is_asked_except_on_open_routes(void **state)
{
    struct http_server *server;

    (void)state;
    strcpy(settings.http.token_file, write_file("token", "s3cret\nsecond line\n"));
    server = serve();
    assert_int_equal(fetch(server, "GET", "/hello/x", NULL).status, 401);
    assert_non_null(strcasestr(fetch(server, "GET", "/hello/x", NULL).head,
                               "\r\nWWW-Authenticate: Bearer\r\n"));
    assert_int_equal(fetch(server, "GET", "/hello/x", "Authorization: Bearer s3cres").status,
                     401);
    assert_int_equal(fetch(server, "GET", "/hello/x", "Authorization: Bearer s3cre").status,
                     401);
    assert_int_equal(fetch(server, "GET", "/hello/x", "Authorization: Bearer s3cret2").status,
                     401);
    assert_int_equal(fetch(server, "GET", "/hello/x", "Authorization: Basic s3cret").status,
                     401);
    assert_int_equal(fetch(server, "GET", "/hello/x", "Authorization: Bearer s3cret").status,
                     200);
    assert_int_equal(fetch(server, "GET", "/hello/x", "Authorization: bearer s3cret").status,
                     200);
    assert_int_equal(fetch(server, "GET", "/healthz", NULL).status, 200);
    assert_int_equal(fetch(server, "GET", "/openapi.json", NULL).status, 200);
    assert_int_equal(fetch(server, "GET", "/nowhere", NULL).status, 404);
    http_server_close(server);
}

static void openapi_describes_every_route(void **state)
{
    struct http_server *server = serve();
    struct reply reply = fetch(server, "GET", "/openapi.json", NULL);
    json_t *root = json_loads(reply.body, 0, NULL), *paths, *get, *parameters;

    (void)state;
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "openapi")), "3.0.3");
    paths = json_object_get(root, "paths");
    assert_int_equal(json_object_size(paths), 4);
    assert_int_equal(json_object_size(json_object_get(paths, "/error")), 2);
    get = json_object_get(json_object_get(paths, "/hello/{who}"), "get");
    assert_string_equal(json_string_value(json_object_get(get, "summary")), "Says hello.");
    parameters = json_object_get(get, "parameters");
    assert_int_equal(json_array_size(parameters), 3);
    json_t *expected = json_loads(
        "[{\"name\":\"who\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}"
        ","
        "{\"name\":\"k\",\"in\":\"query\",\"required\":false,\"schema\":{\"type\":\"integer\"}}"
        ","
        "{\"name\":\"item\",\"in\":\"query\",\"required\":false,\"schema\":{\"type\":"
        "\"string\"}}]",
        0, NULL);

    assert_true(json_equal(parameters, expected));
    json_decref(expected);
    json_decref(root);
    http_server_close(server);
}

static void tls_is_spoken_with_cert_and_key(void **state)
{
    CURL *curl = curl_easy_init();
    struct http_server *server;
    struct reply reply;

    (void)state;
    strcpy(settings.http.tls_cert, write_file("cert.pem", test_cert));
    strcpy(settings.http.tls_key, write_file("key.pem", test_key));
    server = serve();
    reply = fetch_with(
        curl, server,
        (struct ask){"GET", "/hello/tls", NULL, "https", settings.http.tls_cert, NULL});
    assert_string_equal(reply.error, "");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "hello tls k=none x=none /hello/tls");
    curl_easy_cleanup(curl);
    http_server_close(server);
}

static enum status open_fails(struct error *err)
{
    struct http_server *server = NULL;
    enum status status = http_server_open(&settings, routes, N_ROUTES, "", &server, err);

    assert_null(server);
    return status;
}

static void a_busy_port_gets_a_sentence(void **state)
{
    struct http_server *server = serve();
    struct error err;
    char expected[256];

    (void)state;
    snprintf(settings.http.listen, sizeof(settings.http.listen), "127.0.0.1:%d",
             http_server_port(server));
    snprintf(
        expected, sizeof(expected),
        "http.listen: cannot listen on %s: Address already in use; another process has the "
        "port, choose another with http.listen",
        settings.http.listen);
    assert_int_equal(open_fails(&err), ERR_IO);
    assert_string_equal(err.text, expected);
    http_server_close(server);
}

static void files_that_do_not_serve_are_named(void **state)
{
    struct error err;

    (void)state;
    strcpy(settings.http.token_file, "/nowhere/token");
    assert_int_equal(open_fails(&err), ERR_INVALID);
    assert_string_equal(err.text,
                        "http.token_file: cannot read /nowhere/token: No such file or "
                        "directory");
    strcpy(settings.http.token_file, write_file("token", "\nlater\n"));
    assert_int_equal(open_fails(&err), ERR_INVALID);
    assert_non_null(strstr(err.text, "must hold 1 to 511 bytes"));
    settings.http.token_file[0] = '\0';
    strcpy(settings.http.tls_cert, write_file("cert.pem", test_cert));
    strcpy(settings.http.tls_key, write_file("key.pem", "no key"));
    assert_int_equal(open_fails(&err), ERR_INVALID);
    assert_string_equal(err.text, "http: the server does not start; do http.tls_cert and "
                                  "http.tls_key fit together?");
}

static void an_address_of_another_machine_is_refused(void **state)
{
    struct error err;

    (void)state;
    strcpy(settings.http.listen, "192.0.2.1:0"); /* TEST-NET-1: nobody's */
    assert_int_equal(open_fails(&err), ERR_IO);
    assert_string_equal(err.text, "http.listen: cannot listen on 192.0.2.1:0: Cannot assign "
                                  "requested address");
}

static void ipv6_stands_in_brackets(void **state)
{
    struct http_server *server = NULL;
    struct error err = {OK, ""};

    (void)state;
    strcpy(settings.http.listen, "[::1]:0");
    if (http_server_open(&settings, routes, N_ROUTES, "", &server, &err) == OK)
        assert_true(http_server_port(server) > 0);
    else /* a machine without IPv6 says so about the address, not about its brackets */
        assert_non_null(strstr(err.text, "[::1]:0: "));
    http_server_close(server);
}

/* What a client sends that is no HTTP ends its connection and nothing else. */
static void garbage_does_not_hurt_the_others(void **state)
{
    static const char *const bad[] = {
        "\x16\x03\x01\x02", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "POST /error HTTP/1.1\r\nContent-Length: -5\r\n\r\n", "GET /hello/x HTTP/1.1\r\n"};
    struct http_server *server = serve();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(server)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(write(fd, bad[i], strlen(bad[i])), strlen(bad[i]));
        close(fd);
        assert_int_equal(fetch(server, "GET", "/hello/x", NULL).status, 200);
    }
    http_server_close(server);
}

static void *fetch_often(void *server)
{
    CURL *curl = curl_easy_init();
    long good = 0;

    for (int i = 0; i < 200; i++)
        good += fetch_with(curl, server,
                           (struct ask){"GET", "/hello/x?k=%31", NULL, NULL, NULL, NULL})
                    .status == 200;
    curl_easy_cleanup(curl);
    return (void *)good;
}

static void many_clients_are_answered_and_counted(void **state)
{
    struct http_server *server = serve();
    struct metric *answered = metric_counter("http_responses_total", "", "status=\"2xx\"");
    int64_t before = metric_get(answered);
    pthread_t threads[8];
    long total = 0;

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fetch_often, server), 0);
    for (int i = 0; i < 8; i++) {
        void *good;

        pthread_join(threads[i], &good);
        total += (long)good;
    }
    assert_int_equal(total, 1600);
    assert_int_equal(metric_get(answered) - before, 1600);
    http_server_close(server);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_fit_segment_by_segment),
        cmocka_unit_test(an_encoded_slash_belongs_to_the_part),
        cmocka_unit_test(decoding_refuses_what_is_no_encoding),
        SERVED(a_route_gets_its_parts_query_and_headers),
        SERVED(head_is_get_without_the_body),
        SERVED(errors_are_json_sentences),
        SERVED(a_redirect_has_its_location),
        SERVED(a_body_is_read_and_dropped),
        SERVED(connections_are_kept),
        SERVED(a_long_path_is_refused),
        SERVED(the_token_is_asked_except_on_open_routes),
        SERVED(openapi_describes_every_route),
        SERVED(tls_is_spoken_with_cert_and_key),
        SERVED(a_busy_port_gets_a_sentence),
        SERVED(files_that_do_not_serve_are_named),
        SERVED(an_address_of_another_machine_is_refused),
        SERVED(ipv6_stands_in_brackets),
        SERVED(garbage_does_not_hurt_the_others),
        SERVED(many_clients_are_answered_and_counted),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
