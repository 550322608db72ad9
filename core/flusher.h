/*
 * The flusher thread: takes each task's dirty values to the database, cycle after cycle.
 */
#ifndef FRESHET_CORE_FLUSHER_H
#define FRESHET_CORE_FLUSHER_H

#include "core/runtime.h"

enum status flusher_start(struct runtime *runtime, struct flusher **out, struct error *err);
void flusher_stop(struct flusher *flusher); /* waits; NULL is a no-op */

#endif
