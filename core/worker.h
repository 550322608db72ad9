/*
 * A worker: one thread, one consumer, one transactional producer, its tasks (DESIGN 3).
 */
#ifndef FRESHET_CORE_WORKER_H
#define FRESHET_CORE_WORKER_H

#include "core/runtime.h"

/** Starts the thread; it joins the group once the items have been read. */
enum status worker_start(struct runtime *runtime, uint32_t number, struct worker **out,
                         struct error *err);

/**
 * Waits for the end of the thread: the worker has committed, or aborted on failure. False if it
 * has not ended by deadline_ns (of clock_mono_ns()): it waits for a broker inside librdkafka.
 */
bool worker_join(struct worker *worker, int64_t deadline_ns);

/** Frees a joined worker, once nobody posts to it any more. NULL is a no-op. */
void worker_close(struct worker *worker);

/** The restorer: a task asked for is ready (home), or cannot be had (NULL and err). */
void worker_post_restored(struct worker *worker, int32_t task, struct task_home *home,
                          const struct error *err);

#endif
