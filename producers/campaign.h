/*
 * Campaigns: who gets which message, when, and what it says (CONTENT.md's counterpart here is
 * producers/README.md). Pure: no I/O, no clock, no randomness; state is the person's.
 *
 *   load      campaign files + templates -> an immutable set, shared by all workers
 *   observe   after an event was applied to a person: open, re-arm or cancel instances
 *   fire      a due instance: the gates in their order -> sent, deferred or suppressed
 */
#ifndef FRESHET_PRODUCERS_CAMPAIGN_H
#define FRESHET_PRODUCERS_CAMPAIGN_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "schemas/item_facts.h"
#include "schemas/user_state.h"

struct campaign_set;

struct campaign_options {
    const char *campaigns_dir, *templates_dir; /* either empty: a set without campaigns */
    int64_t live_max_age_ms; /* a message decided later than this after its due time is
                                `expired`; 0: no limit */
    const char *default_locale, *default_time_zone; /* the shop's: "en-GB", "Europe/London" */
    int32_t holdout_global; /* of 10,000 people no marketing reaches; 0: the default 200, -1:
                               none */
};

/**
 * Reads every *.yaml of the folder and compiles the templates it names. On OK, *out is the
 * caller's. ERR_INVALID names file, line and key.
 */
enum status campaign_set_load(const struct campaign_options *options, struct campaign_set **out,
                              struct error *err);
void campaign_set_close(struct campaign_set *set);

/** Text of all rules (file names and contents) and its version: hash in hex. */
const char *campaign_set_version(const struct campaign_set *set);
struct str campaign_set_text(const struct campaign_set *set);
uint32_t campaign_set_count(const struct campaign_set *set);

/**
 * Lane `lane` of events has just been applied to user. Opens, re-arms or cancels instances in
 * user->timers (fire_ms absolute on the task's clock). Returns true if a timer was set or
 * moved: the caller then asks campaign_next_fire(). Strings stored point into arena.
 */
bool campaign_observe(const struct campaign_set *set, const struct event_batch *events,
                      uint32_t lane, struct user_state *user, struct arena *arena);

/** The earliest fire_ms of the person's timers; INT64_MAX without one. */
int64_t campaign_next_fire(const struct user_state *user);

enum campaign_outcome { CAMPAIGN_SENT, CAMPAIGN_SUPPRESSED };

/* One decision to be published. Strings live in the arena. */
struct campaign_decision {
    enum campaign_outcome outcome;
    struct message message;               /* when sent */
    struct suppressed_message suppressed; /* when not */
};

enum { CAMPAIGN_DECISIONS_MAX = 8 }; /* per call: one per channel of the due instance */

/**
 * Decides the earliest due instance (fire_ms <= now_ms; ties by campaign, instance) of user:
 * moves it to its next step, defers it (fire_ms grows, nothing is published) or removes it,
 * and notes sends. Returns the number of decisions written to out (0 for a deferral).
 *
 * now_ms: the task's clock; wall_ms: wall time of the transaction (for live_max_age only).
 */
uint32_t campaign_fire(const struct campaign_set *set, struct user_state *user, int64_t now_ms,
                       int64_t wall_ms, const struct item_lookup *items, struct arena *arena,
                       struct campaign_decision *out);

#endif
