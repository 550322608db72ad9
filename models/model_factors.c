/*
 * Matrix factorisation: the person is solved for at each request, item vectors move in steps.
 *
 * The person who looked at items y_1..y_n (weights w_i) is the x that solves
 *
 *     A x = b,   A = α₀G + Σ w_i y_i y_iᵀ + λ(n + α₀|I|) I,   b = Σ w_i y_i,   G = YᵀY.
 *
 * Done as it stands, that is a Cholesky of 64 x 64: 6 to 9 µs. Two turns make it a few hundred
 * ns:
 *
 *   1. With W = α₀G + λ(n + α₀|I|) I, push-through gives x = W⁻¹Yᵀ (diag(1/w) + Y W⁻¹ Yᵀ)⁻¹ 1,
 *      a system of n <= 8 unknowns.
 *   2. In the coordinates of G's eigenvectors, u = Q y, W is diagonal for every n at once, so
 *      W⁻¹u costs 64 products instead of 4,096. Scores are the same in all coordinates.
 *
 * So two tables are kept: y, which is learnt, and u = Q y, which is read. Q and the
 * eigenvalues are those of G at the last refresh; a refresh comes after 64 + |I|/2 changes of
 * vectors, counted in folded records, so all processes refresh at the same record. Between
 * refreshes a change of y_i changes u_i at once, and G a little, which waits.
 *
 * G is kept by two rank-1 updates per change and computed anew from Y once 10,000 changes have
 * passed, because the error of pairs of + and - grows.
 *
 * Workers step on copies (factors_learn.c): per transaction the steps of an item are summed in
 * float, rounded to half precision once, and folded with a bound on their length.
 *
 * Block: steps (varint), 64 half floats.
 */
#include "models/factors.h"

#include "core/base/hash.h"
#include "models/rank_private.h"

#include <math.h>
#include <stdlib.h>

enum {
    GRAMIAN_CHANGES = 10000, /* then G is computed anew */
    REFRESH_MIN = 64,        /* changes before a refresh, plus half of the items */
};

/* MODELS 3.4, and the quality table of the folder's README. */
static const float ALPHA0 = .001f, LAMBDA = .003f;
static const float DELTA_MAX = .1f; /* length of one folded difference */

struct model_factors {
    struct model base;
    struct view_set *views;
    uint64_t seed;
    struct cow_table y, u, n_steps;
    uint32_t n_items;
    uint32_t changes_since_refresh, changes_since_gramian;
    struct factor_basis *basis;
    struct factors_part *part;
    bool changed;
    float gramian[FACTORS * FACTORS];
};

/* ---- open, grow, close ---- */

static void factors_close(struct model *model)
{
    struct model_factors *self = (struct model_factors *)model;

    if (!self)
        return;
    cow_table_deinit(&self->y);
    cow_table_deinit(&self->u);
    cow_table_deinit(&self->n_steps);
    view_set_retire(self->views, self->basis);
    view_set_retire(self->views, self->part);
    free(self);
}

/* A basis to begin with: the coordinates of y themselves, G not yet known. */
static struct factor_basis *first_basis(struct view_set *views)
{
    struct factor_basis *basis = view_set_alloc(views, sizeof(*basis));

    if (!basis)
        return NULL;
    memset(basis, 0, sizeof(*basis));
    for (uint32_t f = 0; f < FACTORS; f++)
        basis->q[f * FACTORS + f] = basis->q_t[f * FACTORS + f] = 1;
    basis->serial = 1;
    basis->lambda = LAMBDA;
    return basis;
}

static enum status factors_open(const struct item_model_config *config, struct view_set *views,
                                struct model **out, struct error *err)
{
    struct model_factors *self = calloc(1, sizeof(*self));

    if (!self)
        return error_set(err, ERR_NOMEM, "factors: out of memory");
    self->base.ops = &model_factors_ops;
    self->views = views;
    self->seed = config->seed;
    self->changed = true;
    cow_table_init(&self->y, views, sizeof(struct factor_vector));
    cow_table_init(&self->u, views, sizeof(struct factor_vector));
    cow_table_init(&self->n_steps, views, sizeof(uint32_t));
    self->basis = first_basis(views);
    if (!self->basis) {
        factors_close(&self->base);
        return error_set(err, ERR_NOMEM, "factors: out of memory");
    }
    *out = &self->base;
    return OK;
}

/* old: the vector until now, or NULL if it is the item's first. */
static enum status set_vector(struct model_factors *self, uint32_t number, const float *y,
                              const float *old)
{
    struct factor_vector *to_y = cow_table_write(&self->y, number);
    struct factor_vector *to_u = cow_table_write(&self->u, number);

    if (!to_y || !to_u)
        return ERR_NOMEM;
    mat_replace(self->gramian, y, old);
    memcpy(to_y->at, y, sizeof(to_y->at));
    mat_t_vec(self->basis->q_t, y, to_u->at);
    self->changes_since_refresh++;
    self->changes_since_gramian++;
    self->changed = true;
    return OK;
}

/* ---- the refresh of the coordinates ---- */

static void compute_gramian(const struct model_factors *self, float *out)
{
    memset(out, 0, FACTORS * FACTORS * sizeof(*out));
    for (uint32_t i = 0; i < self->n_items; i++) {
        const struct factor_vector *y = cow_table_get(&self->y, i);

        mat_replace(out, y->at, NULL);
    }
}

float factors_gramian_error(const struct model *model)
{
    const struct model_factors *self = (const struct model_factors *)model;
    float anew[FACTORS * FACTORS], trace = 0, most = 0;

    compute_gramian(self, anew);
    for (uint32_t r = 0; r < FACTORS; r++) {
        trace += anew[r * FACTORS + r];
        for (uint32_t c = r; c < FACTORS; c++)
            most = fmaxf(most, fabsf(anew[r * FACTORS + c] - self->gramian[r * FACTORS + c]));
    }
    return trace > 0 ? most / trace : most;
}

static enum status refresh(struct model_factors *self)
{
    struct factor_basis *basis;

    if (self->changes_since_gramian >= GRAMIAN_CHANGES) {
        compute_gramian(self, self->gramian);
        self->changes_since_gramian = 0;
    }
    basis = view_set_alloc(self->views, sizeof(*basis));
    if (!basis)
        return ERR_NOMEM;
    ensure(sym_eigen(self->gramian, basis->q, basis->values, FACTORS));
    for (uint32_t i = 0; i < FACTORS * FACTORS; i++)
        basis->q_t[i] = basis->q[i % FACTORS * FACTORS + i / FACTORS];
    for (uint32_t f = 0; f < FACTORS; f++)
        basis->values[f] = ALPHA0 * (basis->values[f] > 0 ? basis->values[f] : 0);
    basis->lambda = LAMBDA;
    basis->all_items = ALPHA0 * (float)self->n_items;
    basis->serial = self->basis->serial + 1;
    view_set_retire(self->views, self->basis);
    self->basis = basis;
    for (uint32_t i = 0; i < self->n_items; i++) {
        const struct factor_vector *y = cow_table_get(&self->y, i);
        struct factor_vector *u = cow_table_write(&self->u, i);

        if (!u)
            return ERR_NOMEM;
        mat_t_vec(basis->q_t, y->at, u->at);
    }
    self->changes_since_refresh = 0;
    return OK;
}

static enum status refresh_when_due(struct model_factors *self)
{
    if (self->changes_since_refresh < REFRESH_MIN + self->n_items / 2)
        return OK;
    return refresh(self);
}

static enum status factors_grow(struct model *model, uint32_t number, uint64_t item)
{
    struct model_factors *self = (struct model_factors *)model;
    float y[FACTORS];

    TRY(cow_table_extend(&self->y, number + 1));
    TRY(cow_table_extend(&self->u, number + 1));
    TRY(cow_table_extend(&self->n_steps, number + 1));
    self->n_items = number + 1;
    factors_initial(self->seed, item, y);
    TRY(set_vector(self, number, y, NULL));
    return refresh_when_due(self);
}

/* ---- the fold ---- */

static bool factors_readable(struct str block)
{
    struct byte_reader in = byte_reader_of(block.ptr, block.len);
    uint64_t n_steps = bytes_get_varint(&in);

    const uint8_t *at = bytes_take(&in, 2 * FACTORS);

    for (uint32_t f = 0; at && f < FACTORS; f++) {
        if ((at[2 * f + 1] & 0x7c) == 0x7c)
            return false; /* infinity or NaN */
    }
    return !in.bad && in.at == in.end && n_steps <= UINT32_MAX;
}

/* Shortens a difference to DELTA_MAX and slows it down for an item that has learnt much. */
static float delta_scale(const float *delta, uint32_t n_steps)
{
    float norm = sqrtf(vec_dot(delta, delta, FACTORS));
    float scale = 1 / sqrtf(1 + (float)n_steps / 100);

    return norm > DELTA_MAX ? scale * DELTA_MAX / norm : scale;
}

static enum status factors_fold(struct model *model, struct item_fold *fold, uint32_t number,
                                struct str block)
{
    struct model_factors *self = (struct model_factors *)model;
    struct byte_reader in = byte_reader_of(block.ptr, block.len);
    uint32_t n_steps = (uint32_t)bytes_get_varint(&in);
    uint32_t *total = cow_table_write(&self->n_steps, number);
    const struct factor_vector *old = cow_table_get(&self->y, number);
    uint16_t halves[FACTORS];
    const uint8_t *at;
    float delta[FACTORS], y[FACTORS], before[FACTORS];

    (void)fold;
    if (!total)
        return ERR_NOMEM;
    at = bytes_take(&in, 2 * FACTORS);
    for (uint32_t f = 0; f < FACTORS; f++)
        halves[f] = (uint16_t)(at[2 * f] | at[2 * f + 1] << 8);
    half_to_float(halves, delta, FACTORS);
    memcpy(y, old->at, sizeof(y));
    memcpy(before, y, sizeof(before));
    vec_axpy(delta_scale(delta, *total), delta, y, FACTORS);
    *total = *total > UINT32_MAX - n_steps ? UINT32_MAX : *total + n_steps;
    TRY(set_vector(self, number, y, before));
    return refresh_when_due(self);
}

static const void *factors_freeze(struct model *model)
{
    struct model_factors *self = (struct model_factors *)model;
    struct factors_part *part;

    if (!self->changed)
        return self->part;
    part = view_set_alloc(self->views, sizeof(*part));
    if (!part)
        return NULL;
    part->y = cow_table_freeze(&self->y);
    part->u = cow_table_freeze(&self->u);
    part->basis = self->basis;
    part->n_steps = cow_table_freeze(&self->n_steps);
    part->changes_since_refresh = self->changes_since_refresh;
    part->changes_since_gramian = self->changes_since_gramian;
    for (uint32_t r = 0, at = 0; r < FACTORS; at += FACTORS - r, r++)
        memcpy(&part->gramian[at], &self->gramian[r * FACTORS + r],
               (FACTORS - r) * sizeof(float));
    view_set_retire(self->views, self->part);
    self->part = part;
    self->changed = false;
    return part;
}

/* ---- as bytes ---- */

/*
 * The Gramian and the basis are carried, not computed again: their last bits depend on the way
 * they came about, and the coordinates of every vector on those. u is not carried, it is Q y.
 */
static void factors_save_rest(const struct item_view *view, struct byte_writer *out)
{
    const struct factors_part *part = factors_part_of(view);
    const struct factor_basis *basis = part->basis;

    bytes_put_varint(out, part->changes_since_refresh);
    bytes_put_varint(out, part->changes_since_gramian);
    bytes_put_varint(out, basis->serial);
    bytes_put_f32(out, basis->lambda);
    bytes_put_f32(out, basis->all_items);
    for (uint32_t i = 0; i < GRAMIAN_HALF; i++)
        bytes_put_f32(out, part->gramian[i]);
    for (uint32_t i = 0; i < FACTORS * FACTORS; i++)
        bytes_put_f32(out, basis->q[i]);
    for (uint32_t f = 0; f < FACTORS; f++)
        bytes_put_f32(out, basis->values[f]);
}

static void factors_save_row(const struct item_view *view, uint32_t number,
                             struct byte_writer *out)
{
    const struct factors_part *part = factors_part_of(view);
    const struct factor_vector *y = cow_root_get(&part->y, number);

    bytes_put_varint(out, *(const uint32_t *)cow_root_get(&part->n_steps, number));
    for (uint32_t f = 0; f < FACTORS; f++)
        bytes_put_f32(out, y->at[f]);
}

/* A NaN would end the program at the next refresh. */
static float get_finite(struct byte_reader *in)
{
    float value = bytes_get_f32(in);

    if (!isfinite(value))
        in->bad = true;
    return value;
}

static enum status factors_load_rest(struct model *model, uint32_t n_items,
                                     struct byte_reader *in)
{
    struct model_factors *self = (struct model_factors *)model;
    struct factor_basis *basis = view_set_alloc(self->views, sizeof(*basis));

    if (!basis)
        return ERR_NOMEM;
    self->changes_since_refresh = (uint32_t)bytes_get_varint(in);
    self->changes_since_gramian = (uint32_t)bytes_get_varint(in);
    view_set_retire(self->views, self->basis); /* the empty view sees it: not to be written */
    self->basis = basis;
    basis->serial = bytes_get_varint(in);
    basis->lambda = get_finite(in);
    basis->all_items = get_finite(in);
    for (uint32_t r = 0; r < FACTORS; r++) {
        for (uint32_t c = r; c < FACTORS; c++)
            self->gramian[r * FACTORS + c] = get_finite(in);
    }
    for (uint32_t i = 0; i < FACTORS * FACTORS; i++)
        basis->q[i] = get_finite(in);
    for (uint32_t i = 0; i < FACTORS * FACTORS; i++)
        basis->q_t[i] = basis->q[i % FACTORS * FACTORS + i / FACTORS];
    for (uint32_t f = 0; f < FACTORS; f++)
        basis->values[f] = get_finite(in);
    TRY(cow_table_extend(&self->y, n_items));
    TRY(cow_table_extend(&self->u, n_items));
    TRY(cow_table_extend(&self->n_steps, n_items));
    self->n_items = n_items;
    self->changed = true;
    return in->bad ? ERR_INVALID : OK;
}

static enum status factors_load_row(struct model *model, uint32_t number,
                                    struct byte_reader *in)
{
    struct model_factors *self = (struct model_factors *)model;
    uint32_t *n_steps = cow_table_write(&self->n_steps, number);
    struct factor_vector *y = cow_table_write(&self->y, number);
    struct factor_vector *u = cow_table_write(&self->u, number);

    if (!n_steps || !y || !u)
        return ERR_NOMEM;
    *n_steps = (uint32_t)bytes_get_varint(in);
    for (uint32_t f = 0; f < FACTORS; f++)
        y->at[f] = get_finite(in);
    mat_t_vec(self->basis->q_t, y->at, u->at);
    return in->bad ? ERR_INVALID : OK;
}

/* ---- ranking ---- */

static void prefetch_vector(const float *vector)
{
    for (uint32_t f = 0; f < FACTORS; f += 16)
        __builtin_prefetch(vector + f);
}

/* Proposes nobody, x is solved for in score; but the session's vectors can be on their way. */
static void factors_propose(const struct item_view *view, struct rank_scratch *scratch)
{
    const struct factors_part *part = factors_part_of(view);

    for (uint32_t q = 0; q < scratch->n_session && q < FOLD_IN_MAX; q++) {
        if (scratch->session[q] != ITEM_NONE)
            prefetch_vector(factors_vector(part, scratch->session[q]));
    }
}

static void factors_score(const struct item_view *view, struct rank_scratch *scratch)
{
    const struct factors_part *part = factors_part_of(view);
    const float *u[FOLD_IN_MAX];
    float weight[FOLD_IN_MAX], x[FACTORS];
    const float *rows[SHORT_MAX];
    uint32_t n = 0;
    float share = 1;

    for (uint32_t s = 0; s < scratch->n_short; s++) {
        rows[s] = factors_vector(part, scratch->item[scratch->short_at[s]]);
        prefetch_vector(rows[s]); /* they arrive while x is solved for */
    }
    for (uint32_t q = 0; q < scratch->n_session && n < FOLD_IN_MAX; q++, share *= 0.5f) {
        if (scratch->session[q] == ITEM_NONE)
            continue;
        u[n] = factors_vector(part, scratch->session[q]);
        weight[n++] = share;
    }
    if (n == 0)
        return;
    factors_fold_in(part->basis, n, u, weight, x);
    vec_dots(x, rows, scratch->n_short, scratch->short_rating[SOURCE_FACTORS]);
}

static uint64_t factors_checksum(const struct item_view *view, uint64_t seed)
{
    const struct factors_part *part = factors_part_of(view);

    for (uint32_t i = 0; i < view->n_items; i++) {
        seed = hash64_seeded((struct str){cow_root_get(&part->y, i), FACTORS * 4}, seed);
        seed = hash64_seeded((struct str){cow_root_get(&part->u, i), FACTORS * 4}, seed);
    }
    return hash64_seeded((struct str){(const char *)part->basis, sizeof(*part->basis)}, seed);
}

const struct model_ops model_factors_ops = {
    .name = "factors",
    .block = 3,
    .open = factors_open,
    .close = factors_close,
    .grow = factors_grow,
    .readable = factors_readable,
    .fold = factors_fold,
    .freeze = factors_freeze,
    .save_version = 1,
    .save_rest = factors_save_rest,
    .save_row = factors_save_row,
    .load_rest = factors_load_rest,
    .load_row = factors_load_row,
    .propose = factors_propose,
    .score = factors_score,
    .checksum = factors_checksum,
    .collect = factors_collect,
    .emit = factors_emit,
};
