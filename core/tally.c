#include "core/tally.h"

void tally_add(struct tally *tally, struct metric *metric, int64_t n)
{
    for (uint32_t i = 0; i < tally->n; i++) {
        if (tally->at[i].metric == metric) {
            tally->at[i].n += n;
            return;
        }
    }
    if (tally->n == TALLY_MAX)
        tally_commit(tally);
    tally->at[tally->n].metric = metric;
    tally->at[tally->n++].n = n;
}

void tally_commit(struct tally *tally)
{
    for (uint32_t i = 0; i < tally->n; i++)
        metric_add(tally->at[i].metric, tally->at[i].n);
    tally->n = 0;
}

void tally_forget(struct tally *tally)
{
    tally->n = 0;
}
