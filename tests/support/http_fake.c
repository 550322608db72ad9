#include "tests/support/http_fake.h"

#include "tests/support/test_support.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_fake {
    int listener, port;
    int stop[2]; /* a pipe: readable when it is over */
    http_fake_handler *handler;
    void *context;
    pthread_t thread;
};

/* Waits for fd to be readable (-1: only for time to pass); false: the test is over. */
static bool wait_for(const struct http_fake *fake, int fd, int timeout_ms)
{
    struct pollfd fds[2] = {{fake->stop[0], POLLIN, 0}, {fd, POLLIN, 0}};

    poll(fds, fd < 0 ? 1 : 2, timeout_ms);
    return !fds[0].revents;
}

/* Reads one request; the body as long as Content-Length says. */
static bool read_request(const struct http_fake *fake, int fd,
                         struct http_fake_request *request)
{
    char text[1 << 16] = "";
    size_t n = 0, length = 0;
    char *end = NULL;
    const char *at;

    while (!end || n < (size_t)(end - text) + length) {
        if (!wait_for(fake, fd, 5000))
            return false;
        ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);

        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
        end = strstr(text, "\r\n\r\n");
        end = end ? end + 4 : NULL;
        at = strcasestr(text, "\r\nContent-Length:");
        length = end && at && at < end ? strtoul(at + 17, NULL, 10) : 0;
        at = strcasestr(text, "\r\nExpect: 100-continue");
        if (end && at && at < end && n == (size_t)(end - text))
            dprintf(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    memset(request, 0, sizeof(*request));
    sscanf(text, "%7s %511s", request->method, request->path);
    at = strcasestr(text, "\r\nAuthorization: ");
    if (at && at < end)
        sscanf(at + 17, "%255[^\r]", request->authorization);
    memcpy(request->body, end, n - (size_t)(end - text));
    return true;
}

static void answer_one(struct http_fake *fake, int fd)
{
    struct http_fake_request *request = malloc(sizeof(*request));
    struct http_fake_answer answer;

    if (request && read_request(fake, fd, request)) {
        answer = fake->handler(fake->context, request);
        if (answer.status && (!answer.delay_ms || wait_for(fake, -1, answer.delay_ms)))
            dprintf(fd, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n%s",
                    answer.status, strlen(answer.body), answer.header ? answer.header : "",
                    answer.body);
    }
    free(request);
    close(fd);
}

static void *run(void *context)
{
    struct http_fake *fake = context;

    while (wait_for(fake, fake->listener, -1)) {
        int fd = accept(fake->listener, NULL, NULL);

        if (fd >= 0)
            answer_one(fake, fd);
    }
    return NULL;
}

struct http_fake *http_fake_open_at(int port, http_fake_handler *handler, void *context)
{
    struct http_fake *fake = calloc(1, sizeof(*fake));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);

    assert_non_null(fake);
    fake->handler = handler;
    fake->context = context;
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fake->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(fake->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fake->listener, 16), 0);
    getsockname(fake->listener, (struct sockaddr *)&address, &size);
    fake->port = ntohs(address.sin_port);
    assert_int_equal(pipe(fake->stop), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, run, fake), 0);
    return fake;
}

struct http_fake *http_fake_open(http_fake_handler *handler, void *context)
{
    return http_fake_open_at(0, handler, context);
}

int http_fake_port(const struct http_fake *fake)
{
    return fake->port;
}

void http_fake_close(struct http_fake *fake)
{
    if (!fake)
        return;
    close(fake->stop[1]); /* the end of the pipe is readable */
    pthread_join(fake->thread, NULL);
    close(fake->stop[0]);
    close(fake->listener);
    free(fake);
}
