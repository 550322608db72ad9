/*
 * From a session to a list.
 *
 *   propose   every model adds candidates with ratings: rows of the 5 newest items, the
 *             session itself, popular items; items that may not be shown never get in
 *   blend     Σ weight · rating / best rating + Σ weight · √(…) + what is known of the session
 *   shorten   the best SHORT_WANTED by that sum (or as many as the list needs)
 *   score     models rate the short list: factors, 64 products each
 *   sort      by (sum, newer last event, lower number), the first k are the list
 *
 * Nothing is cleared per request but a stamp. The weights are fixed and were chosen on
 * training data only (models/README.md has the table).
 */
#include "models/linalg.h"
#include "models/popularity.h"
#include "models/rank_private.h"

#include <math.h>
#include <stdlib.h>

enum {
    SHORT_WANTED = 64,
    BINS = 256,
    NOBODY = UINT16_MAX,
};

const struct blend_weights blend_defaults = {
    .source =
        {
            [SOURCE_COVISITATION] = {1.0f, 0.3f},
            [SOURCE_RULES] = {0.65f, 0.2f},
            [SOURCE_POPULARITY] = {0.07f, 0.0f},
            [SOURCE_FACTORS] = {0.2f, 0.05f},
        },
    .current = 0.6f,
    .earlier = 0.1f,
    .age = 0.9f,
};

static const enum reason reasons[N_SOURCES] = {
    [SOURCE_COVISITATION] = REASON_COVISITATION,
    [SOURCE_RULES] = REASON_COVISITATION,
    [SOURCE_POPULARITY] = REASON_POPULAR,
    [SOURCE_FACTORS] = REASON_FACTORS,
};

enum status rank_scratch_open(struct rank_scratch **out, struct error *err)
{
    struct rank_scratch *scratch = calloc(1, sizeof(*scratch));

    if (!scratch)
        return error_set(err, ERR_NOMEM, "ranking: out of memory");
    scratch->weights = blend_defaults;
    *out = scratch;
    return OK;
}

void rank_scratch_close(struct rank_scratch *scratch)
{
    free(scratch);
}

/* ---- propose ---- */

static void next_stamp(struct rank_scratch *scratch)
{
    if (++scratch->stamp == 0) {
        memset(scratch->slots, 0, sizeof(scratch->slots));
        scratch->stamp = 1;
    }
    scratch->n = scratch->n_met = 0;
}

static void read_session(const struct item_view *view, struct rank_scratch *scratch,
                         const struct rank_request *request)
{
    uint32_t n = 0;

    for (uint32_t q = 0; q < request->n_items; q++)
        item_dict_prefetch(&view->numbers, request->items[q].item);
    if (request->page_item != 0) {
        scratch->session[n] = item_dict_find(&view->numbers, request->page_item);
        scratch->session_items[n++] = NULL;
    }
    for (uint32_t q = 0; q < request->n_items && n < REQUEST_ITEMS_MAX; q++) {
        if (request->items[q].item == request->page_item)
            continue;
        scratch->session[n] = item_dict_find(&view->numbers, request->items[q].item);
        scratch->session_items[n++] = &request->items[q];
    }
    scratch->n_session = n;
}

static void propose(const struct item_view *view, struct rank_scratch *scratch)
{
    for (uint32_t q = 0; q < scratch->n_session; q++) {
        uint32_t c;

        if (scratch->session[q] == ITEM_NONE)
            continue;
        c = rank_candidate(view, scratch, scratch->session[q]);
        if (c < CANDIDATES_MAX && scratch->place[c] == 0)
            scratch->place[c] = (uint8_t)(q + 1);
    }
    for (int m = N_MODELS - 1; m >= 0; m--) /* popularity last: it fills up */
        model_table[m]->propose(view, scratch);
}

/* ---- blend ---- */

static float weigh(const struct source_weight *weight, float share)
{
    return weight->linear * share + weight->root * sqrtf(share);
}

static float session_weight(const struct blend_weights *weights, uint8_t place)
{
    if (place == 0)
        return 0;
    return (place == 1 ? weights->current : weights->earlier) + weights->age / (float)place;
}

static void blend(struct rank_scratch *scratch)
{
    uint32_t n = scratch->n;

    for (uint32_t c = 0; c < n; c++)
        scratch->sum[c] = session_weight(&scratch->weights, scratch->place[c]);
    for (int s = 0; s < N_PROPOSED; s++) {
        const struct source_weight *weight = &scratch->weights.source[s];
        float max = vec_max(scratch->rating[s], n);

        if (max > 0)
            vec_blend(scratch->rating[s], 1 / max, weight->linear, weight->root, scratch->sum,
                      n);
    }
}

/* ---- shorten ---- */

/*
 * A sum's bin: 16 an octave, the best sum in bin 255, good to 4 % without sorting. Sums are
 * not negative, so their bits are in their order.
 */
static inline uint8_t bin_of(float sum, int32_t best_bits)
{
    int32_t bits, bin;

    memcpy(&bits, &sum, sizeof(bits));
    bin = BINS - 1 - ((best_bits >> 19) - (bits >> 19));
    return (uint8_t)(bin > 0 ? bin : 0);
}

/* The lowest bin such that it and those above it hold at most `wanted`; *above: how many. */
static uint32_t threshold_of(const uint8_t *bin, uint32_t n, uint32_t wanted, uint32_t *above)
{
    uint16_t bins[BINS] = {0};
    uint32_t threshold = BINS;

    for (uint32_t c = 0; c < n; c++)
        bins[bin[c]]++;
    *above = 0;
    while (threshold > 0 && *above + bins[threshold - 1] <= wanted)
        *above += bins[--threshold];
    return threshold;
}

/* Candidates from the threshold up all go in, of the bin below it the first that find room. */
static void shorten(struct rank_scratch *scratch)
{
    uint8_t bin[CANDIDATES_MAX];
    uint32_t wanted = scratch->k > SHORT_WANTED ? scratch->k : SHORT_WANTED;
    uint32_t threshold, above, room, n_short = 0;
    float best = vec_max(scratch->sum, scratch->n);
    int32_t best_bits;

    memcpy(&best_bits, &best, sizeof(best_bits));
    for (uint32_t c = 0; c < scratch->n; c++)
        bin[c] = bin_of(scratch->sum[c], best_bits);
    threshold = threshold_of(bin, scratch->n, wanted, &above);
    room = wanted - above;
    for (uint32_t c = 0; c < scratch->n; c++) { /* no branches: which get in is a coin toss */
        uint32_t edge = (bin[c] + 1u == threshold) & (room > 0);

        scratch->short_at[n_short] = (uint16_t)c;
        n_short += (bin[c] >= threshold) | edge;
        room -= edge;
    }
    scratch->n_short = n_short;
}

/* ---- score and sort ---- */

static void score(const struct item_view *view, struct rank_scratch *scratch)
{
    uint32_t n = scratch->n_short;

    for (uint32_t i = 0; i < n; i++)
        scratch->short_last_ms[i] =
            popularity_of(view, scratch->item[scratch->short_at[i]])->last_ms;
    for (int s = N_PROPOSED; s < N_SOURCES; s++)
        memset(scratch->short_rating[s], 0, n * sizeof(float));
    for (int m = 0; m < N_MODELS; m++) {
        if (model_table[m]->score)
            model_table[m]->score(view, scratch);
    }
    for (uint32_t i = 0; i < n; i++)
        scratch->short_sum[i] = scratch->sum[scratch->short_at[i]];
    for (int s = N_PROPOSED; s < N_SOURCES; s++) {
        const struct source_weight *weight = &scratch->weights.source[s];
        float max = vec_max(scratch->short_rating[s], n);

        if (max > 0)
            vec_blend(scratch->short_rating[s], 1 / max, weight->linear, weight->root,
                      scratch->short_sum, n);
    }
}

/* The rule for equal sums: the more recent last event, then the lower number. */
static bool wins_tie(const struct rank_scratch *scratch, uint32_t a, uint32_t b)
{
    if (scratch->short_last_ms[a] != scratch->short_last_ms[b])
        return scratch->short_last_ms[a] > scratch->short_last_ms[b];
    return scratch->item[scratch->short_at[a]] < scratch->item[scratch->short_at[b]];
}

/* The source that gave the item most of its sum. */
static enum reason reason_of(const struct rank_scratch *scratch, uint32_t i)
{
    uint32_t c = scratch->short_at[i];
    enum reason reason = REASON_POPULAR;
    float most = 0, part;

    for (int s = 0; s < N_SOURCES; s++) {
        part = weigh(&scratch->weights.source[s],
                     s < N_PROPOSED ? scratch->rating[s][c] : scratch->short_rating[s][i]);
        if (part > most) {
            most = part;
            reason = reasons[s];
        }
    }
    return session_weight(&scratch->weights, scratch->place[c]) > most ? REASON_RECENT : reason;
}

/*
 * Puts short list entry i at its rank, or behind those of equal sum that win the tie. Equal
 * sums have equal ranks, so they fill the places from there on, and nobody else does.
 */
static void place(const struct rank_scratch *scratch, uint32_t i, uint32_t rank, uint32_t k,
                  uint16_t *order)
{
    for (; rank < k; rank++) {
        uint16_t other = order[rank];

        if (other == NOBODY) {
            order[rank] = (uint16_t)i;
            return;
        }
        if (wins_tie(scratch, i, other)) {
            order[rank] = (uint16_t)i;
            i = other;
        }
    }
}

static void sort(const struct rank_scratch *scratch, uint32_t k, struct ranking *ranking)
{
    uint16_t ranks[SHORT_MAX], order[RANKING_K_MAX];

    if (k > scratch->n_short)
        k = scratch->n_short;
    memset(order, 0xff, k * sizeof(order[0])); /* NOBODY */
    vec_rank(scratch->short_sum, scratch->n_short, ranks);
    for (uint32_t i = 0; i < scratch->n_short; i++)
        place(scratch, i, ranks[i], k, order);
    ranking->n = k;
    for (uint32_t r = 0; r < k; r++)
        ranking->at[r] = (struct ranked_item){
            .item = scratch->item[scratch->short_at[order[r]]],
            .score = scratch->short_sum[order[r]],
            .reason = (uint8_t)reason_of(scratch, order[r]),
        };
}

void rank_lists(const struct item_view *view, struct rank_scratch *scratch, uint32_t n,
                const struct rank_request *requests, uint32_t k, struct ranking *rankings)
{
    if (k > RANKING_K_MAX)
        k = RANKING_K_MAX;
    scratch->k = k;
    for (uint32_t r = 0; r < n; r++) {
        rankings[r].n = 0;
        if (view->n_items == 0 || k == 0)
            continue;
        next_stamp(scratch);
        read_session(view, scratch, &requests[r]);
        propose(view, scratch);
        blend(scratch);
        shorten(scratch);
        score(view, scratch);
        sort(scratch, k, &rankings[r]);
    }
}
