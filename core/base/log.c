#include "core/base/log.h"

#include "core/base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { LOG_LINE_MAX = 2048 }; /* one write, so lines of threads do not mix */

static _Atomic int threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char line[LOG_LINE_MAX];
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    va_list args;
    int n;

    if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    gmtime_r(&seconds, &tm);
    n = (int)strftime(line, sizeof(line), "time=%Y-%m-%dT%H:%M:%S", &tm);
    n += snprintf(line + n, sizeof(line) - (size_t)n, ".%03dZ level=%s event=%s ",
                  (int)(now_ms % 1000), names[level], event);
    va_start(args, format);
    n += vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
    va_end(args);
    if (n > LOG_LINE_MAX - 2)
        n = LOG_LINE_MAX - 2;
    line[n] = '\n';
    fwrite(line, 1, (size_t)n + 1, stderr);
}

void log_kafka(const struct rd_kafka_s *client, int level, const char *facility,
               const char *text)
{
    enum { SYSLOG_ERROR = 3, SYSLOG_WARNING = 4, SYSLOG_INFO = 6 };
    enum log_level ours = level <= SYSLOG_ERROR     ? LOG_ERROR
                          : level <= SYSLOG_WARNING ? LOG_WARN
                          : level <= SYSLOG_INFO    ? LOG_INFO
                                                    : LOG_DEBUG;

    (void)client;
    log_line(ours, "librdkafka", "facility=%s text=\"%s\"", facility, text);
}
