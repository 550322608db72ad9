/*
 * Brings a gained task's state here, on a thread of its own, while the workers go on
 * (DESIGN 3 "Gaining a task"):
 *
 *   1. committed offsets of its topics until they are stable
 *   2. high watermark of its changelog
 *   3. read_committed from the local watermark to there, into the database
 *
 * Local state is used if its watermark lies within the topic and is younger than half of
 * delete.retention.ms; else the task is dropped and restored in full.
 */
#ifndef FRESHET_CORE_RESTORER_H
#define FRESHET_CORE_RESTORER_H

#include "core/runtime.h"

struct restorer;

enum status restorer_start(struct runtime *runtime, struct restorer **out, struct error *err);
void restorer_stop(struct restorer *restorer); /* waits; NULL is a no-op */

/** Asks for a task on behalf of a worker, who gets worker_post_restored(). Any thread. */
void restorer_ask(struct restorer *restorer, struct worker *worker, uint32_t worker_number,
                  int32_t task);

#endif
