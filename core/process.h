/*
 * One running Freshet: from settings to threads and back, for `run` and `demo`.
 */
#ifndef FRESHET_CORE_PROCESS_H
#define FRESHET_CORE_PROCESS_H

#include "core/runtime.h"

struct process;

struct process_options {
    const struct settings *settings; /* outlives the process */
    /* The demo: the broker is the embedded one, schemas are our own (core/local_registry.h):
     * topics are not checked, schemas are not registered elsewhere. */
    bool embedded;
};

/**
 * Opens HTTP at once (so that /readyz can say what is missing), then waits for broker and
 * registry with backoff for as long as it takes or until process_ask_stop(), then starts the
 * threads. ERR_INVALID, ERR_STATE, ERR_IO: the sentence says what to mend; nothing is left
 * running.
 */
enum status process_start(const struct process_options *options, struct process **out,
                          struct error *err);

/** Any thread, also while process_start() waits: ends it. Async-signal-safe. */
void process_ask_stop(void);
bool process_stop_asked(void);

/** True while it runs; false once stopping or failed. */
bool process_running(const struct process *process);

/**
 * Drains, commits, flushes, leaves the group (unless keep_membership), closes. OK, or the first
 * failure that ended it. ERR_TIMEOUT: a worker still waits for a broker that is away, nothing
 * has been freed, and the caller can but _exit(): as safe as kill -9. *err then holds the
 * failure, if there was one.
 */
enum status process_stop(struct process *process, bool keep_membership, struct error *err);

struct runtime *process_runtime(struct process *process);
int process_http_port(const struct process *process);

#endif
