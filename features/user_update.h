/*
 * Applies one lane of a batch to its person: session, items, counters, cart, profile.
 * Arithmetic on memory; no I/O; cannot fail.
 */
#ifndef FRESHET_FEATURES_USER_UPDATE_H
#define FRESHET_FEATURES_USER_UPDATE_H

#include "core/base/arena.h"
#include "schemas/event_batch.h"
#include "schemas/feature_batch.h"

enum user_change {
    USER_UNCHANGED, /* a duplicate: the caller sets the lane's fate */
    USER_CHANGED,
    USER_ERASED, /* tombstone in users: nothing of the person may stay */
};

/**
 * user is as the lanes before left it. If `before_after` is not NULL, it is filled
 * with the session's items before and after (not for a duplicate or a profile). Strings kept in
 * the state are copied into the arena. An arena at its limit loses the string, not the event.
 */
enum user_change user_update(struct user_state *user, const struct event_batch *events,
                             uint32_t lane, struct arena *arena,
                             struct lane_items *before_after);

#endif
