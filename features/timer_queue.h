/*
 * When whose timers are due: the hints of one task in order of (fire time, user id).
 *
 * A hint says "look at this person at this time"; what is due stands in her state. A person's
 * earliest fire time always has a hint; hints that no longer match are passed over. What a
 * transaction pops comes back if it is aborted. One worker thread.
 */
#ifndef FRESHET_FEATURES_TIMER_QUEUE_H
#define FRESHET_FEATURES_TIMER_QUEUE_H

#include "core/base/status.h"
#include "core/base/str.h"

struct timer_queue;

enum status timer_queue_open(struct timer_queue **out);
void timer_queue_close(struct timer_queue *queue);

/** Copies user_id. ERR_NOMEM. */
enum status timer_queue_add(struct timer_queue *queue, int64_t fire_ms, struct str user_id);

/** The earliest fire time; INT64_MAX when empty. */
int64_t timer_queue_next(const struct timer_queue *queue);

/** Pops the earliest hint; *out_user stays valid until commit or rollback. */
void timer_queue_pop(struct timer_queue *queue, int64_t *out_fire_ms, struct str *out_user);

/** The transaction holds: each popped hint is given once, then forgotten. */
void timer_queue_commit(struct timer_queue *queue,
                        void (*each)(void *context, int64_t fire_ms, struct str user_id),
                        void *context);

/** The transaction is void: what was popped is in the queue again. */
void timer_queue_rollback(struct timer_queue *queue);

uint32_t timer_queue_count(const struct timer_queue *queue);

#endif
