/*
 * Forward decay: instead of shrinking all old weights, new ones grow by 2^((t - t0)/H). So the
 * order of stored weights stays valid for ever and adding is all that ever happens. Before
 * the factors leave the range of floats, t0 moves on by 60 half-lives, and stored weights are
 * multiplied by 2^-60: exactly, it is a power of two.
 */
#ifndef FRESHET_MODELS_DECAY_H
#define FRESHET_MODELS_DECAY_H

#include "core/base/bytes.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { DECAY_SHIFT = 60 }; /* half-lives; 2^60 times 2^7 for sums stays within float */

struct decay {
    int64_t half_life_ms;
    int64_t t0_ms; /* of the first weight; then moved in steps of DECAY_SHIFT half-lives */
    bool started;
};

/** Moves t0 if time_ms is too far ahead; returns the power of 2 the weights must be scaled by.
 */
static inline int decay_advance(struct decay *decay, int64_t time_ms)
{
    int64_t step_ms = decay->half_life_ms * DECAY_SHIFT;
    int64_t n_steps;

    if (!decay->started) {
        decay->started = true;
        decay->t0_ms = time_ms;
    }
    n_steps = (time_ms - decay->t0_ms) / step_ms;
    if (n_steps <= 0)
        return 0;
    decay->t0_ms += n_steps * step_ms;
    return n_steps > 40 ? -40 * DECAY_SHIFT : -(int)n_steps * DECAY_SHIFT;
}

/** What one unit at time_ms weighs. */
static inline double decay_weight(const struct decay *decay, int64_t time_ms)
{
    return exp2((double)(time_ms - decay->t0_ms) / (double)decay->half_life_ms);
}

/* As bytes; the half-life is the reader's own. */
static inline void decay_save(const struct decay *decay, struct byte_writer *out)
{
    bytes_put_u8(out, decay->started);
    bytes_put_zigzag(out, decay->t0_ms);
}

static inline bool decay_load(struct decay *decay, struct byte_reader *in)
{
    uint8_t started = bytes_get_u8(in);

    decay->started = started == 1;
    decay->t0_ms = bytes_get_zigzag(in);
    return !in->bad && started <= 1;
}

#endif
