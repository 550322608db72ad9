/*
 * The few dense kernels of the factor model, for vectors of FACTORS floats: loops the compiler
 * turns into 32-byte vectors. Each has a plain _ref twin; tests compare the two on odd sizes.
 *
 * n counts floats. Pointers need no alignment. No function allocates or fails, except where it
 * says so. Sums run in a fixed order: the same input gives the same bits on every machine of
 * the same -march.
 */
#ifndef FRESHET_MODELS_LINALG_H
#define FRESHET_MODELS_LINALG_H

#include <stdbool.h>
#include <stdint.h>

enum { FACTORS = 64 }; /* k of every vector */

/** Σ a[i] b[i]. */
float vec_dot(const float *a, const float *b, uint32_t n);
float vec_dot_ref(const float *a, const float *b, uint32_t n);

/** out[r] = x·rows[r] for vectors of FACTORS floats. */
void vec_dots(const float *x, const float *const *rows, uint32_t n_rows, float *out);
void vec_dots_ref(const float *x, const float *const *rows, uint32_t n_rows, float *out);

/** The largest of n floats and 0; no NaN among them. */
float vec_max(const float *a, uint32_t n);
float vec_max_ref(const float *a, uint32_t n);

/** out[i] = how many of a[0..n) are larger than a[i]; n <= 65535, no NaN. */
void vec_rank(const float *restrict a, uint32_t n, uint16_t *restrict out);
void vec_rank_ref(const float *a, uint32_t n, uint16_t *out);

/** share = max(share, 0) * scale; sum += linear * share + root * √share. */
void vec_blend(float *restrict share, float scale, float linear, float root,
               float *restrict sum, uint32_t n);
void vec_blend_ref(float *share, float scale, float linear, float root, float *sum, uint32_t n);

/** y += alpha x. */
void vec_axpy(float alpha, const float *restrict x, float *restrict y, uint32_t n);
void vec_axpy_ref(float alpha, const float *x, float *y, uint32_t n);

/** out = Aᵀx for A (FACTORS, FACTORS): Σ x[r] · row r. */
void mat_t_vec(const float *restrict a, const float *restrict x, float *restrict out);
void mat_t_vec_ref(const float *a, const float *x, float *out, uint32_t n);

/**
 * G += y yᵀ - z zᵀ for G (FACTORS, FACTORS), the upper half: of row r the columns from r on,
 * and up to seven before it, which stay undefined. z NULL: only the first term.
 */
void mat_replace(float *restrict g, const float *restrict y, const float *restrict z);
void mat_replace_ref(float *g, const float *y, const float *z, uint32_t n);

/** A += scale x xᵀ, A (n, n) symmetric, both halves kept. */
void mat_rank1_ref(float *a, float scale, const float *x, uint32_t n);

/**
 * Solves A x = b in place for a small symmetric positive definite A (n, n), row-major with
 * rows of stride floats; only the lower half is read, and it is overwritten. n <= 32. False if
 * A is not positive definite; then b is undefined.
 */
bool solve_small(float *a, uint32_t stride, float *b, uint32_t n);
bool solve_small_ref(const float *a, uint32_t stride, float *b, uint32_t n);

/** IEEE half precision, nearest even; too large becomes infinity. */
void half_from_float(const float *in, uint16_t *out, uint32_t n);
void half_from_float_ref(const float *in, uint16_t *out, uint32_t n);
void half_to_float(const uint16_t *in, float *out, uint32_t n);
void half_to_float_ref(const uint16_t *in, float *out, uint32_t n);

/** 1 / (1 + e^-x) by its definition in float. */
float sigmoid(float x);

/**
 * Eigenvectors and values of a symmetric A (n, n), of which the upper half is read: A = Qᵀ
 * diag(values) Q, vectors in the rows of q, values ascending. By LAPACK. False if it does not
 * converge (a NaN in A). n <= 64.
 */
bool sym_eigen(const float *a, float *q, float *values, uint32_t n);

/** Solves A x = b by LAPACK's Cholesky, A and b overwritten; for the _ref of the fold-in. */
bool solve_cholesky_ref(float *a, float *b, uint32_t n);

#endif
