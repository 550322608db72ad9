/*
 * The fold thread: follows `<app>-items` and the whole catalogue and publishes item views
 * (DESIGN 3 "Items"). One per process.
 */
#ifndef FRESHET_CORE_FOLLOWER_H
#define FRESHET_CORE_FOLLOWER_H

#include "core/runtime.h"

enum status follower_start(struct runtime *runtime, struct follower **out, struct error *err);
void follower_stop(struct follower *follower); /* waits; NULL is a no-op */

#endif
