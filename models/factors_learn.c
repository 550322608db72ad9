/*
 * What an event teaches about vectors, at the worker: one ISGD and one BPR step, summed over
 * the transaction and sent as a difference that the fold adds (model_factors.c).
 */
#include "models/item_changes_private.h"

#include <string.h>

enum {
    NEGATIVES = 1,   /* BPR steps for one positive */
    LEARN_ITEMS = 4, /* newest items the person of a step is solved from */
};

static const float STEP = .1f, STEP_DECAY = .1f; /* the quality table of the folder's README */

/*
 * Steps are summed in the coordinates of the view's basis, where the fold-in is cheap, and
 * turned back once per row. The basis is copied: the view may be gone by then. A transaction
 * normally sees one view; if the basis changes in its middle, the sums are turned.
 */
static void use_basis(struct item_changes *changes, const struct factor_basis *basis)
{
    struct factor_basis *own = changes->basis;

    if (own->serial == basis->serial)
        return;
    for (uint32_t row = 0; row < changes->n_rows; row++) {
        float y[FACTORS];

        if (changes->rows[row].n_steps == 0)
            continue;
        mat_t_vec(own->q, changes->steps[row], y);
        mat_t_vec(basis->q_t, y, changes->steps[row]);
    }
    *own = *basis;
}

/* Where the item's vector stands after the steps of this transaction. */
static void vector_now(const struct item_changes *changes, const struct factors_part *part,
                       uint32_t row, float *out)
{
    const struct change_row *item = &changes->rows[row];

    if (item->number == ITEM_NONE) { /* new: it will begin there when it is folded */
        float y[FACTORS];

        factors_initial(changes->config.seed, item->item, y);
        mat_t_vec(part->basis->q_t, y, out);
    } else {
        memcpy(out, factors_vector(part, item->number), FACTORS * sizeof(*out));
    }
    if (item->n_steps > 0)
        vec_axpy(1, changes->steps[row], out, FACTORS);
}

static void step(struct item_changes *changes, uint32_t row, float gain, const float *x)
{
    vec_axpy(gain, x, changes->steps[row], FACTORS);
    changes->rows[row].n_steps++;
}

/* x of the person before this event; false: nothing of the session is in the view. */
static bool person_before(const struct item_view *view, const struct factors_part *part,
                          const struct lane_items *session, float *x)
{
    const float *u[FOLD_IN_MAX];
    float weight[FOLD_IN_MAX];
    uint32_t n = 0;
    float share = 1;

    for (uint32_t q = 0; q < session->n_before && n < LEARN_ITEMS; q++, share *= 0.5f) {
        uint32_t number = item_dict_find(&view->numbers, session->before_items[q].item);

        if (number == ITEM_NONE)
            continue;
        u[n] = factors_vector(part, number);
        weight[n++] = share;
    }
    if (n == 0)
        return false;
    factors_fold_in(part->basis, n, u, weight, x);
    return true;
}

static uint64_t next_random(struct item_changes *changes, uint64_t item)
{
    uint64_t z = (changes->random ^ item) + 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return changes->random = z ^ z >> 31;
}

/* Items this transaction has touched stand for "something else one could have looked at". */
static void step_against_pool(struct item_changes *changes, const struct factors_part *part,
                              const struct lesson *lesson, const float *x, const float *target)
{
    uint32_t n_pool = changes->n_pool < NEGATIVES_POOL ? changes->n_pool : NEGATIVES_POOL;
    uint64_t random = next_random(changes, lesson->item);

    for (int k = 0; k < NEGATIVES && n_pool > 0; k++, random >>= 16) {
        uint32_t other = changes->pool[(random & 0xffff) * n_pool >> 16];
        float vector[FACTORS], gain;

        if (other == lesson->row)
            continue;
        vector_now(changes, part, other, vector);
        gain = STEP * factors_bpr_gain(x, target, vector);
        step(changes, lesson->row, gain, x);
        step(changes, other, -gain, x);
    }
    changes->pool[changes->n_pool++ % NEGATIVES_POOL] = lesson->row;
}

void factors_collect(struct item_changes *changes, const struct item_view *view,
                     const struct lesson *lesson)
{
    const struct factors_part *part = factors_part_of(view);
    float x[FACTORS], target[FACTORS], miss;

    if (!(lesson->strength > 0) || !lesson->session)
        return;
    use_basis(changes, part->basis);
    if (!person_before(view, part, lesson->session, x))
        return;
    vector_now(changes, part, lesson->row, target);
    miss = 1 - vec_dot(x, target, FACTORS);
    step(changes, lesson->row, STEP * miss, x);
    vec_axpy(-STEP * STEP_DECAY, target, changes->steps[lesson->row], FACTORS);
    step_against_pool(changes, part, lesson, x, target);
}

void factors_emit(struct item_changes *changes, uint32_t row, struct byte_writer *out)
{
    const struct factor_basis *basis = changes->basis;
    float delta[FACTORS];
    uint16_t halves[FACTORS];
    uint8_t *at;

    if (changes->rows[row].n_steps == 0 || changes->sorted_at > 0)
        return;
    mat_t_vec(basis->q, changes->steps[row], delta);
    half_from_float(delta, halves, FACTORS);
    bytes_put_varint(out, changes->rows[row].n_steps);
    at = bytes_room(out, 2 * FACTORS);
    for (uint32_t f = 0; at && f < FACTORS; f++) {
        at[2 * f] = (uint8_t)halves[f];
        at[2 * f + 1] = (uint8_t)(halves[f] >> 8);
    }
}
