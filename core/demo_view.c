/*
 * Plain ANSI on the alternate screen: whole frames, written at once, each line cut to the
 * width and cleared behind, so nothing flickers and nothing is left over.
 */
#include "core/base/metrics.h"
#include "core/demo.h"
#include "core/worker_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BOLD "\x1b[1m"
#define DIM "\x1b[2m"
#define CYAN "\x1b[36m"
#define PLAIN "\x1b[0m"

enum { FRAME_BYTES = 32 << 10, WIDTH_MIN = 40, LINE_MAX = 2 * DEMO_LINE_BYTES };

void demo_count_processed(const struct settings *settings, uint64_t *out_processed,
                          uint64_t *out_refused)
{
    *out_processed = *out_refused = 0;
    for (int fate = 0; fate < N_EVENT_FATES; fate++) {
        for (int topic = 0; topic < N_INPUT_TOPICS; topic++) {
            const struct metric *metric;
            char labels[320];

            snprintf(labels, sizeof(labels), "topic=\"%s\",fate=\"%s\"",
                     topic_text(settings, (enum input_topic)topic),
                     event_fate_name((enum event_fate)fate));
            metric = metric_find("events_total", labels);
            if (!metric)
                continue;
            if (topic < N_USER_TOPICS)
                *out_processed += (uint64_t)metric_get(metric);
            if (fate > EVENT_DUPLICATE)
                *out_refused += (uint64_t)metric_get(metric);
        }
    }
}

void demo_view_open(void)
{
    fputs("\x1b[?1049h\x1b[?25l\x1b[2J", stdout); /* alternate screen, no cursor, empty */
    fflush(stdout);
}

void demo_view_close(void)
{
    fputs("\x1b[?25h\x1b[?1049l", stdout);
    fflush(stdout);
}

struct frame {
    char at[FRAME_BYTES];
    size_t n;
    int width, rows_left;
};

/* Bytes of text that fill at most `width` columns; colour codes take none. */
static size_t fit(const char *text, int width)
{
    size_t i = 0;

    while (text[i]) {
        if (text[i] == '\x1b') {
            while (text[i] && text[i] != 'm')
                i++;
            i += text[i] == 'm';
            continue;
        }
        if (width-- == 0)
            break;
        i++;
        while ((text[i] & 0xc0) == 0x80)
            i++;
    }
    return i;
}

__attribute__((format(printf, 2, 3))) static void line(struct frame *frame, const char *format,
                                                       ...)
{
    char text[LINE_MAX];
    va_list args;

    if (frame->rows_left-- <= 0)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text[fit(text, frame->width)] = '\0';
    frame->n += (size_t)snprintf(frame->at + frame->n, sizeof(frame->at) - frame->n,
                                 "%s" PLAIN "\x1b[K\r\n", text);
    if (frame->n >= sizeof(frame->at)) /* cut */
        frame->n = sizeof(frame->at) - 1;
}

static void begin_frame(struct frame *frame)
{
    struct winsize size = {0};

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    frame->width = size.ws_col >= WIDTH_MIN ? size.ws_col : 100;
    frame->rows_left = size.ws_row >= 10 ? size.ws_row - 1 : 40;
    frame->n = (size_t)snprintf(frame->at, sizeof(frame->at), "\x1b[H");
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void shop_time(int64_t time_ms, char *out, size_t capacity)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;

    if (time_ms <= 0 || !gmtime_r(&seconds, &tm) ||
        strftime(out, capacity, "%a %d %b %Y %H:%M", &tm) == 0)
        snprintf(out, capacity, "-");
}

static void put_numbers(struct frame *frame, const struct demo_state *state)
{
    const struct demo_seen *seen = &state->seen;
    char when[64];

    shop_time(state->fed.time_ms, when, sizeof(when));
    line(frame,
         "  events/s   " BOLD "%8.0f" PLAIN "     lag  " BOLD "%8lld" PLAIN
         "     the shop's clock  " BOLD "%s" PLAIN "%s",
         state->events_per_s, (long long)state->lag, when,
         state->fed.done ? DIM "  (all has been fed)" PLAIN : "");
    line(frame,
         "  events     %8llu     lists  %6llu     messages  push %llu, e-mail %llu, "
         "not sent %llu",
         (unsigned long long)state->n_processed, (unsigned long long)seen->n_lists,
         (unsigned long long)seen->n_push, (unsigned long long)seen->n_email,
         (unsigned long long)seen->n_suppressed);
    line(frame,
         "  hit rate   " BOLD "%7.1f%%" PLAIN
         "     the next item was in the list shown before: %llu of %llu",
         percent(seen->n_hits, seen->n_judged), (unsigned long long)seen->n_hits,
         (unsigned long long)seen->n_judged);
}

static void put_lines(struct frame *frame, const char *title, const struct demo_lines *lines)
{
    line(frame, "%s", "");
    line(frame, CYAN "%s" PLAIN, title);
    for (uint32_t i = 0; i < DEMO_LINES; i++)
        line(frame, "  %s", i < lines->n ? lines->at[i] : "");
}

void demo_view_paint(const struct demo_state *state)
{
    static struct frame frame; /* one painter */

    begin_frame(&frame);
    line(&frame, BOLD "Freshet" PLAIN "  http://127.0.0.1:%d/   " DIM "broker %s" PLAIN,
         state->http_port, state->bootstraps);
    line(&frame, "%s", "");
    put_numbers(&frame, state);
    put_lines(&frame,
              "newest lists: who saw what, and the first three others of the list after it",
              &state->seen.lists);
    put_lines(&frame, "newest messages", &state->seen.messages);
    line(&frame, "%s", "");
    line(&frame, DIM "  kcat -b %s -C -t recommendations -o end" PLAIN, state->bootstraps);
    line(&frame, DIM "  curl 'http://127.0.0.1:%d/v1/users/12347/recommendations?k=5'" PLAIN,
         state->http_port);
    line(&frame, DIM "  Ctrl-C ends" PLAIN);
    frame.n += (size_t)snprintf(frame.at + frame.n, sizeof(frame.at) - frame.n, "\x1b[J");
    fwrite(frame.at, 1, frame.n < sizeof(frame.at) ? frame.n : sizeof(frame.at) - 1, stdout);
    fflush(stdout);
}

void demo_view_line(const struct demo_state *state)
{
    const struct demo_seen *seen = &state->seen;

    printf("%5.1f s  events %llu (%.0f/s)  lag %lld  lists %llu  messages %llu  not sent %llu  "
           "refused %llu  hit rate %.1f%% of %llu\n",
           state->elapsed_s, (unsigned long long)state->n_processed, state->events_per_s,
           (long long)state->lag, (unsigned long long)seen->n_lists,
           (unsigned long long)(seen->n_push + seen->n_email),
           (unsigned long long)seen->n_suppressed, (unsigned long long)state->n_refused,
           percent(seen->n_hits, seen->n_judged), (unsigned long long)seen->n_judged);
    if (seen->lists.n)
        printf("         %s\n", seen->lists.at[0]);
    if (seen->messages.n)
        printf("         %s\n", seen->messages.at[0]);
    fflush(stdout);
}

void demo_view_summary(const struct demo_state *state)
{
    const struct demo_seen *seen = &state->seen;

    printf("\nIn %.0f s: %llu events taken, %llu refused, %llu lines of the data not fed.\n"
           "%llu lists (%llu empty: nothing had been learnt yet), %llu push messages, %llu "
           "e-mails, %llu not sent.\n"
           "The next item somebody looked at was in the list shown before %llu of %llu times "
           "(%.1f%%;\nclicks are derived from recorded orders, see deploy/demo/README.md).\n",
           state->elapsed_s, (unsigned long long)state->n_processed,
           (unsigned long long)state->n_refused, (unsigned long long)state->fed.n_bad,
           (unsigned long long)seen->n_lists, (unsigned long long)seen->n_empty,
           (unsigned long long)seen->n_push, (unsigned long long)seen->n_email,
           (unsigned long long)seen->n_suppressed, (unsigned long long)seen->n_hits,
           (unsigned long long)seen->n_judged, percent(seen->n_hits, seen->n_judged));
    fflush(stdout);
}
