/* Item vectors in a view, and the fold-in of a session: for ranking, learning and inspection.
 */
#ifndef FRESHET_MODELS_FACTORS_H
#define FRESHET_MODELS_FACTORS_H

#include "models/item_private.h"
#include "models/linalg.h"

enum { FOLD_IN_MAX = 8 }; /* newest items of a session; .5^8 of the weight lies beyond */

enum { GRAMIAN_HALF = FACTORS * (FACTORS + 1) / 2 };

struct factor_vector {
    float at[FACTORS];
};

/*
 * A coordinate system in which the Gramian is diagonal: u = Q y. See model_factors.c for why.
 */
struct factor_basis {
    float q[FACTORS * FACTORS]; /* row f: eigenvector f of G = YᵀY, as of the last refresh */
    float q_t[FACTORS * FACTORS]; /* transposed: u = Q y is mat_t_vec(q_t, y) */
    float values[FACTORS];        /* α₀ times its eigenvalue, not negative */
    float lambda;
    float all_items; /* α₀ |I| */
    uint64_t serial; /* of the refresh, from 1 */
};

struct factors_part {
    struct cow_root y; /* struct factor_vector by item number: what is learnt */
    struct cow_root u; /* the same vectors in the coordinates of basis: what is read */
    const struct factor_basis *basis;

    /* What only the fold needs, for whoever saves it. */
    struct cow_root n_steps; /* uint32_t by item number */
    uint32_t changes_since_refresh, changes_since_gramian;
    float gramian[GRAMIAN_HALF]; /* rows of the upper half */
};

static inline const struct factors_part *factors_part_of(const struct item_view *view)
{
    return view->parts[MODEL_factors];
}

/** The item's vector in the coordinates of the basis. */
static inline const float *factors_vector(const struct factors_part *part, uint32_t number)
{
    const struct factor_vector *u = cow_root_get(&part->u, number);

    return u->at;
}

/* The model's collect and emit (models/model.h), from factors_learn.c. */
void factors_collect(struct item_changes *changes, const struct item_view *view,
                     const struct lesson *lesson);
void factors_emit(struct item_changes *changes, uint32_t row, struct byte_writer *out);

/**
 * The vector x of a person who looked at n <= FOLD_IN_MAX items, in the coordinates of the
 * basis: u[i] are the items' vectors there, weight[i] > 0 what each counts. Minimises
 * Σ w (1 - x·u)² + α₀ Σ_all (x·u)² + λ (n + α₀|I|) |x|². n 0 gives 0.
 */
void factors_fold_in(const struct factor_basis *basis, uint32_t n, const float *const *u,
                     const float *weight, float *x);

/** The same by its definition, in the coordinates of y: A x = b with g (k, k) = α₀ YᵀY. */
bool factors_fold_in_ref(const float *g, float lambda, float all_items, uint32_t k, uint32_t n,
                         const float *const *y, const float *weight, float *x);

/** The vector an item begins with: from the seed and its key alone. */
void factors_initial(uint64_t seed, uint64_t item, float *y);

/** Gradient of -ln σ(x·(a - b)) by a, negated; by b it is the opposite. Returns the g of g x.
 */
float factors_bpr_gain(const float *x, const float *a, const float *b);

/** Self-check: the largest difference of the kept Gramian from YᵀY, relative to its trace. */
float factors_gramian_error(const struct model *model);

#endif
