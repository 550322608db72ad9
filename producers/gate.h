/*
 * The gates: what a message passes before it leaves, in the order of CONTENT section 4.
 *
 * A gate looks at a candidate (one due step of one instance on one channel) and says pass,
 * suppress or defer; the first that does not pass decides. Gates are pure: the same person,
 * rules, catalogue view and times give the same answer, on any thread.
 */
#ifndef FRESHET_PRODUCERS_GATE_H
#define FRESHET_PRODUCERS_GATE_H

#include "producers/campaign_private.h"
#include "producers/quiet_hours.h"

enum verdict { VERDICT_PASS, VERDICT_SUPPRESS, VERDICT_DEFER };

struct candidate_item {
    const struct cart_item *cart;
    const struct item_facts *facts;
};

struct candidate {
    /* given */
    const struct campaign_set *set;
    const struct campaign *campaign;
    const struct user_state *user;
    const struct user_timer *timer;
    const struct item_lookup *lookup;
    struct arena *arena;
    int32_t channel;
    int64_t now_ms, wall_ms;
    struct zone *zone; /* the recipient's */

    /* found on the way */
    uint32_t n_items;
    struct candidate_item items[USER_CART_MAX]; /* newest first; those that may be shown */
    const struct arm *arm;                      /* NULL: no experiment */
    struct quiet_answer quiet;
    const struct copy *copy;
    struct template_output parts[N_PARTS]; /* text.ptr NULL: no such part */

    /* the answer of the gate that did not let it pass */
    const char *gate, *reason;
    struct str detail;
    int64_t until_ms; /* when deferred: later than now */
};

struct gate {
    const char *name;
    enum verdict (*check)(struct candidate *candidate);
};

enum { N_GATES = 13 };
extern const struct gate gates[N_GATES];

/** Runs the gates; on anything but pass, gate, reason and detail are filled in. */
enum verdict gates_run(struct candidate *candidate);

/** "0123…": the id a message about this candidate has; 32 digits and a terminator. */
void candidate_message_id(const struct candidate *candidate, char *out);

/** The due time of the step after this one; INT64_MAX after the last. */
int64_t candidate_next_due_ms(const struct candidate *candidate);

/* Where the bigger gates live. */
enum verdict gate_caps(struct candidate *candidate);
enum verdict gate_copy(struct candidate *candidate);
enum verdict gate_facts(struct candidate *candidate);

/** The address a click on "unsubscribe" in this message goes to; ptr NULL without one. */
struct str candidate_unsubscribe_url(const struct candidate *candidate);

/** The variables of the templates, built in the arena; ERR_NOMEM. */
enum status candidate_variables(const struct candidate *candidate, struct template_input *out);

enum verdict suppress(struct candidate *candidate, const char *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum verdict defer(struct candidate *candidate, const char *reason, int64_t until_ms,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
