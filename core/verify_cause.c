#include "core/verify_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *input_name(const struct settings *settings, int topic)
{
    const char *const names[N_INPUT_TOPICS] = {
        [INPUT_USERS] = settings->topics.users,
        [INPUT_CLICKSTREAM] = settings->topics.clickstream,
        [INPUT_ENGAGEMENT] = settings->topics.engagement,
        [INPUT_ORDERS] = settings->topics.orders,
        [INPUT_REVIEWS] = settings->topics.reviews,
        [INPUT_CATALOG] = settings->topics.catalog,
    };

    return names[topic];
}

static enum cause_kind kind_of(const struct settings *settings, struct str name)
{
    for (int topic = 0; topic < N_INPUT_TOPICS; topic++) {
        if (str_equal(name, str_of(input_name(settings, topic))))
            return (enum cause_kind)topic;
    }
    return str_equal(name, str_of("journal")) ? CAUSE_JOURNAL : CAUSE_NONE;
}

/* Digits only, at least one; false: no number that we would have written. */
static bool read_number(struct str text, int64_t *out)
{
    int64_t number = 0;

    if (text.len == 0 || text.len > 18)
        return false;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        number = number * 10 + (text.ptr[i] - '0');
    }
    *out = number;
    return true;
}

static struct verify_cause cause_from(const struct settings *settings, struct str name,
                                      struct str partition, struct str number)
{
    struct verify_cause cause = {.kind = kind_of(settings, name)};
    int64_t p = 0;

    if (!read_number(partition, &p) || p >= INT32_MAX || !read_number(number, &cause.number))
        cause.kind = CAUSE_NONE;
    if (cause.kind == CAUSE_NONE)
        return (struct verify_cause){.kind = CAUSE_NONE};
    cause.partition = (int32_t)p;
    return cause;
}

/* Cuts what stands behind the last '/' off; ptr NULL: there is none. */
static struct str cut_last(struct str *text)
{
    for (uint32_t i = text->len; i > 0; i--) {
        if (text->ptr[i - 1] == '/') {
            struct str last = {text->ptr + i, text->len - i};

            text->len = i - 1;
            return last;
        }
    }
    return (struct str){NULL, 0};
}

struct str verify_header(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value;
    size_t size;

    if (!headers || rd_kafka_header_get_last(headers, name, &value, &size))
        return (struct str){NULL, 0};
    return (struct str){value, (uint32_t)size};
}

struct verify_cause verify_cause_of(const struct settings *settings, enum sink_topic topic,
                                    const rd_kafka_headers_t *headers)
{
    if (topic == SINK_DEAD_LETTER)
        return cause_from(settings, verify_header(headers, "freshet.error.topic"),
                          verify_header(headers, "freshet.error.partition"),
                          verify_header(headers, "freshet.error.offset"));
    struct str text = verify_header(headers, "freshet.source");
    struct str number = cut_last(&text);
    struct str partition = cut_last(&text);

    return cause_from(settings, text, partition, number);
}

const char *verify_cause_text(const struct settings *settings, struct verify_cause cause,
                              char *out, size_t capacity)
{
    if (cause.kind == CAUSE_NONE)
        snprintf(out, capacity, "%s", "");
    else
        snprintf(out, capacity, "%s/%d/%" PRId64,
                 cause.kind == CAUSE_JOURNAL ? "journal"
                                             : input_name(settings, (int)cause.kind),
                 cause.partition, cause.number);
    return out;
}

static bool append(struct verify_buffer *out, const void *bytes, size_t n)
{
    if (out->n + n > out->capacity) {
        size_t capacity = (out->n + n) * 2 + 256;
        char *grown = realloc(out->bytes, capacity);

        if (!grown)
            return false;
        out->bytes = grown;
        out->capacity = capacity;
    }
    if (n)
        memcpy(out->bytes + out->n, bytes, n);
    out->n += n;
    return true;
}

bool verify_headers_flatten(const rd_kafka_headers_t *headers, struct verify_buffer *out)
{
    const char *name;
    const void *value;
    size_t size;

    for (size_t i = 0; headers && !rd_kafka_header_get_all(headers, i, &name, &value, &size);
         i++) {
        if (!append(out, name, strlen(name)) || !append(out, value ? "=" : "", value ? 1 : 0) ||
            !append(out, value, value ? size : 0) || !append(out, "\n", 1))
            return false;
    }
    return true;
}
