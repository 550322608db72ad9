/*
 * The decayed counters of a person, as a table of columns: what is counted and how fast it
 * fades. The update pass walks the table; no feature's name stands in code.
 */
#ifndef FRESHET_FEATURES_FEATURE_COLUMNS_H
#define FRESHET_FEATURES_FEATURE_COLUMNS_H

#include "schemas/user_state.h"

struct feature_column {
    const char *name;     /* as in inspect and /features */
    uint32_t action_mask; /* bit per enum action that counts */
    int64_t half_life_ms;
};

extern const struct feature_column feature_columns[];
extern const uint8_t n_feature_columns; /* <= USER_COUNTERS_MAX */

/**
 * Adds one event: every counter first fades from counters_ms to the event's time. An event
 * older than counters_ms adds what would be left of it.
 */
void feature_columns_add(struct user_state *user, enum action action, int64_t time_ms);

#endif
