/*
 * freshet run: the worker process.
 *
 * SIGTERM and SIGINT are taken by one thread; the others never see them. A second signal does
 * not hurry the drain: what is being committed is committed.
 */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cli.h"
#include "core/process.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void *take_signals(void *context)
{
    const sigset_t *signals = context;
    int number;

    for (;;) {
        if (sigwait(signals, &number) == 0) {
            log_info("signal", "number=%d", number);
            process_ask_stop();
        }
    }
    return NULL;
}

static void start_signal_thread(sigset_t *signals)
{
    pthread_t thread;

    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_create(&thread, NULL, take_signals, signals) == 0)
        pthread_detach(thread);
}

static int run(const struct settings *settings, bool keep_membership)
{
    struct process_options options = {.settings = settings};
    struct process *process;
    struct error err = {0};
    int64_t asked_ns;

    if (process_start(&options, &process, &err) != OK)
        return process_stop_asked() ? CLI_DONE : cli_fail(&err);
    while (process_running(process) && !process_stop_asked())
        usleep(20000);
    asked_ns = clock_mono_ns();
    err = (struct error){0}; /* what did not matter at the start may have left words in it */
    enum status status = process_stop(process, keep_membership, &err);

    if (status == ERR_TIMEOUT) {
        log_warn("stopped", "reason=\"the broker does not answer; what was not committed is "
                            "computed again at the next start\"");
        _exit(err.status == OK ? CLI_DONE : cli_fail(&err));
    }
    if (status != OK)
        return cli_fail(&err);
    log_info("stopped", "seconds=%.2f", (double)(clock_mono_ns() - asked_ns) / 1e9);
    return CLI_DONE;
}

int cmd_run(int argc, char **argv)
{
    static sigset_t signals;
    struct cli_settings from = {0};
    bool keep_membership = false;
    const struct option_spec options[] = {
        CLI_SETTINGS_OPTIONS(from),
        {"keep-membership", 0, OPTION_FLAG, NULL,
         "stay in the group at the end: for a quick restart under the same instance name",
         &keep_membership, false},
        {0}};
    const struct command_spec spec = {
        "run",
        NULL,
        0,
        "The worker process: reads events, learns, publishes, until SIGTERM or SIGINT. Then "
        "it\n"
        "drains, commits and leaves the group; a second start continues where it stopped.\n"
        "While broker or registry are away it keeps trying; /readyz says so.",
        "freshet run -c freshet.yaml --set workers=2",
        options};
    const char *words[CLI_WORDS_MAX];
    struct settings *settings;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    settings = cli_load_settings(&from);
    if (!settings)
        return CLI_FAILED;
    start_signal_thread(&signals);
    exit_code = run(settings, keep_membership);
    free(settings);
    return exit_code;
}
