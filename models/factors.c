/*
 * The arithmetic of the factor model, without tables: where a vector begins, what a session
 * says of a person, and how far a step goes. model_factors.c says why it is done this way.
 */
#include "models/factors.h"

#include <math.h>
#include <string.h>

static const float INITIAL_NORM = .4f; /* of a new item's vector; see the folder's README */

void factors_initial(uint64_t seed, uint64_t item, float *y)
{
    uint64_t state = seed ^ item;
    float scale;

    for (uint32_t f = 0; f < FACTORS; f++) { /* splitmix64 */
        uint64_t z = state += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        y[f] = (float)(int32_t)(z >> 32) * 0x1p-31f;
    }
    scale = INITIAL_NORM / sqrtf(vec_dot(y, y, FACTORS));
    for (uint32_t f = 0; f < FACTORS; f++)
        y[f] *= scale;
}

void factors_fold_in(const struct factor_basis *basis, uint32_t n, const float *const *u,
                     const float *weight, float *x)
{
    float z[FOLD_IN_MAX][FACTORS]; /* W⁻¹u_i */
    float m[FOLD_IN_MAX][FOLD_IN_MAX];
    float a[FOLD_IN_MAX];
    float inverse[FACTORS];
    float diagonal = basis->lambda * ((float)n + basis->all_items);

    memset(x, 0, FACTORS * sizeof(*x));
    for (uint32_t f = 0; f < FACTORS; f++)
        inverse[f] = 1 / (basis->values[f] + diagonal);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t f = 0; f < FACTORS; f++)
            z[i][f] = inverse[f] * u[i][f];
        for (uint32_t j = 0; j <= i; j++)
            m[i][j] = vec_dot(z[i], u[j], FACTORS);
        m[i][i] += 1 / weight[i];
        a[i] = 1;
    }
    if (!solve_small(&m[0][0], FOLD_IN_MAX, a, n))
        return; /* only NaN or infinity in the vectors can do that */
    for (uint32_t i = 0; i < n; i++)
        vec_axpy(a[i], z[i], x, FACTORS);
}

bool factors_fold_in_ref(const float *g, float lambda, float all_items, uint32_t k, uint32_t n,
                         const float *const *y, const float *weight, float *x)
{
    float a[FACTORS * FACTORS];

    memcpy(a, g, (size_t)k * k * sizeof(*a));
    memset(x, 0, k * sizeof(*x));
    for (uint32_t i = 0; i < n; i++) {
        mat_rank1_ref(a, weight[i], y[i], k);
        vec_axpy_ref(weight[i], y[i], x, k);
    }
    for (uint32_t f = 0; f < k; f++)
        a[f * k + f] += lambda * ((float)n + all_items);
    return solve_cholesky_ref(a, x, k);
}

float factors_bpr_gain(const float *x, const float *a, const float *b)
{
    return sigmoid(vec_dot(x, b, FACTORS) - vec_dot(x, a, FACTORS));
}
