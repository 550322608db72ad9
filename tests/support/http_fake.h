/*
 * An HTTP server of a few lines for tests of clients: one thread, one connection at a time, a
 * function that answers. It can be slow, send garbage, or hang up, which a real one would not.
 */
#ifndef FRESHET_TESTS_HTTP_FAKE_H
#define FRESHET_TESTS_HTTP_FAKE_H

#include <stdbool.h>

struct http_fake_request {
    char method[8], path[512], authorization[256];
    char body[1 << 16];
};

struct http_fake_answer {
    int status;       /* 0: hang up without a byte */
    const char *body; /* alive until the next call */
    int delay_ms;
    const char *header; /* "Name: value\r\n"; NULL: none */
};

typedef struct http_fake_answer http_fake_handler(void *context,
                                                  const struct http_fake_request *request);

struct http_fake;

/** Listens on 127.0.0.1, a free port. */
struct http_fake *http_fake_open(http_fake_handler *handler, void *context);
/** As above on this port, for a server that comes back. */
struct http_fake *http_fake_open_at(int port, http_fake_handler *handler, void *context);
int http_fake_port(const struct http_fake *fake);
void http_fake_close(struct http_fake *fake);

#endif
