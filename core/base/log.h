/*
 * Logs are logfmt on stderr, one fact a line: time, level, event, then key=value pairs.
 * Never a raw user id, never a payload. Any thread; lines are not mixed.
 */
#ifndef FRESHET_CORE_BASE_LOG_H
#define FRESHET_CORE_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/** Lines below this level are dropped. Default LOG_INFO. */
void log_set_level(enum log_level level);

/**
 * log_line(LOG_INFO, "task_gained", "partition=%d records=%ld", p, n);
 * The event is a fixed word; values with spaces are quoted by the caller (\"%s\").
 */
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** librdkafka's log callback (rd_kafka_conf_set_log_cb): its lines in our form. */
struct rd_kafka_s;
void log_kafka(const struct rd_kafka_s *client, int level, const char *facility,
               const char *text);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
