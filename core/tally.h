/*
 * Counts of the open transaction: they enter the metrics when it commits and are forgotten when
 * it does not, so that a batch computed twice is counted once. One worker.
 */
#ifndef FRESHET_CORE_TALLY_H
#define FRESHET_CORE_TALLY_H

#include "core/base/metrics.h"

enum { TALLY_MAX = 256 }; /* distinct metrics of one transaction; a full one is entered early */

struct tally {
    uint32_t n;
    struct {
        struct metric *metric;
        int64_t n;
    } at[TALLY_MAX];
};

void tally_add(struct tally *tally, struct metric *metric, int64_t n);
void tally_commit(struct tally *tally);
void tally_forget(struct tally *tally);

#endif
