/*
 * Sums over 64 floats are kept in four accumulators of eight, so that an addition does not
 * wait for the one before (4 cycles of latency, 2 a cycle). GCC's vectors of 32 bytes are
 * used where a loop would not be re-associated without -ffast-math; 64-byte vectors would be
 * twenty times slower on x86-64-v3.
 */
#include "models/linalg.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#if defined(__AVX__)
#include <immintrin.h>
#endif

/* Fortran symbols of LAPACK; the C interface is not packaged with OpenBLAS on Debian. */
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info);
void spotrs_(const char *uplo, const int *n, const int *nrhs, const float *a, const int *lda,
             float *b, const int *ldb, int *info);
void ssyev_(const char *jobz, const char *uplo, const int *n, float *a, const int *lda,
            float *w, float *work, const int *lwork, int *info);

typedef float v8 __attribute__((vector_size(32), aligned(4))); /* loads need no alignment */
typedef int32_t v8i __attribute__((vector_size(32)));

static inline v8 load(const float *at)
{
    return *(const v8 *)at;
}

static inline float sum8(v8 v)
{
    return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

float vec_dot(const float *a, const float *b, uint32_t n)
{
    v8 s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    uint32_t i = 0;
    float tail = 0;

    for (; i + 32 <= n; i += 32) {
        s0 += load(a + i) * load(b + i);
        s1 += load(a + i + 8) * load(b + i + 8);
        s2 += load(a + i + 16) * load(b + i + 16);
        s3 += load(a + i + 24) * load(b + i + 24);
    }
    for (; i < n; i++)
        tail += a[i] * b[i];
    return sum8((s0 + s1) + (s2 + s3)) + tail;
}

float vec_dot_ref(const float *a, const float *b, uint32_t n)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return (float)sum;
}

void vec_dots(const float *x, const float *const *rows, uint32_t n_rows, float *out)
{
    _Static_assert(FACTORS == 64, "eight loads of eight");

    for (uint32_t r = 0; r < n_rows; r++) {
        const float *a = rows[r];
        v8 s0 = load(a) * load(x) + load(a + 32) * load(x + 32);
        v8 s1 = load(a + 8) * load(x + 8) + load(a + 40) * load(x + 40);
        v8 s2 = load(a + 16) * load(x + 16) + load(a + 48) * load(x + 48);
        v8 s3 = load(a + 24) * load(x + 24) + load(a + 56) * load(x + 56);

        out[r] = sum8((s0 + s1) + (s2 + s3));
    }
}

void vec_dots_ref(const float *x, const float *const *rows, uint32_t n_rows, float *out)
{
    for (uint32_t r = 0; r < n_rows; r++)
        out[r] = vec_dot_ref(x, rows[r], FACTORS);
}

/* Floats above 0 are in the order of their bits, and integers vectorise without -ffast-math. */
float vec_max(const float *a, uint32_t n)
{
    int32_t max = 0;
    float out;

    for (uint32_t i = 0; i < n; i++) {
        int32_t bits;

        memcpy(&bits, &a[i], sizeof(bits));
        max = bits > max ? bits : max;
    }
    memcpy(&out, &max, sizeof(out));
    return out;
}

float vec_max_ref(const float *a, uint32_t n)
{
    float max = 0;

    for (uint32_t i = 0; i < n; i++)
        max = a[i] > max ? a[i] : max;
    return max;
}

/* n * n / 8 compares and no branch: below 150 faster than a sort, whose branches are guesses.
 */
void vec_rank(const float *restrict a, uint32_t n, uint16_t *restrict out)
{
    for (uint32_t i = 0; i < n; i++) {
        float at = a[i];
        v8i count = {0};
        int32_t larger = 0;
        uint32_t j = 0;

        for (; j + 8 <= n; j += 8)
            count -= load(a + j) > at; /* a true lane is -1 */
        for (; j < n; j++)
            larger += a[j] > at;
        for (uint32_t lane = 0; lane < 8; lane++)
            larger += count[lane];
        out[i] = (uint16_t)larger;
    }
}

void vec_rank_ref(const float *a, uint32_t n, uint16_t *out)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = 0;
        for (uint32_t j = 0; j < n; j++)
            out[i] = (uint16_t)(out[i] + (a[j] > a[i]));
    }
}

void vec_blend(float *restrict share, float scale, float linear, float root,
               float *restrict sum, uint32_t n)
{
    uint32_t i = 0;

#if defined(__AVX__)
    for (; i + 8 <= n; i += 8) {
        __m256 value = _mm256_max_ps(_mm256_loadu_ps(share + i), _mm256_setzero_ps()) * scale;

        _mm256_storeu_ps(share + i, value);
        *(v8 *)(sum + i) += value * linear + root * _mm256_sqrt_ps(value);
    }
#endif
    vec_blend_ref(share + i, scale, linear, root, sum + i, n - i);
}

void vec_blend_ref(float *share, float scale, float linear, float root, float *sum, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        share[i] = (share[i] > 0 ? share[i] : 0) * scale;
        sum[i] += linear * share[i] + root * sqrtf(share[i]);
    }
}

void vec_axpy(float alpha, const float *restrict x, float *restrict y, uint32_t n)
{
    uint32_t i = 0;

    for (; i + 8 <= n; i += 8)
        *(v8 *)(y + i) += alpha * load(x + i);
    for (; i < n; i++)
        y[i] += alpha * x[i];
}

void vec_axpy_ref(float alpha, const float *x, float *y, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        y[i] = (float)(y[i] + (double)alpha * x[i]);
}

/* The sums stay in eight registers; a row is read once, 32 bytes at a time. */
void mat_t_vec(const float *restrict a, const float *restrict x, float *restrict out)
{
    v8 sum[FACTORS / 8] = {{0}};

    for (uint32_t r = 0; r < FACTORS; r++) {
#pragma GCC unroll 8
        for (uint32_t c = 0; c < FACTORS / 8; c++)
            sum[c] += x[r] * load(a + (size_t)r * FACTORS + c * 8);
    }
    for (uint32_t c = 0; c < FACTORS / 8; c++)
        *(v8 *)(out + c * 8) = sum[c];
}

void mat_t_vec_ref(const float *a, const float *x, float *out, uint32_t n)
{
    for (uint32_t c = 0; c < n; c++) {
        double sum = 0;

        for (uint32_t r = 0; r < n; r++)
            sum += (double)a[(size_t)r * n + c] * x[r];
        out[c] = (float)sum;
    }
}

void mat_replace(float *restrict g, const float *restrict y, const float *restrict z)
{
    static const float nothing[FACTORS];

    if (!z)
        z = nothing;
    for (uint32_t r = 0; r < FACTORS; r++) {
        for (uint32_t c = r & ~7u; c < FACTORS; c += 8)
            *(v8 *)(g + (size_t)r * FACTORS + c) += y[r] * load(y + c) - z[r] * load(z + c);
    }
}

void mat_replace_ref(float *g, const float *y, const float *z, uint32_t n)
{
    for (uint32_t r = 0; r < n; r++) {
        for (uint32_t c = r; c < n; c++)
            g[(size_t)r * n + c] += y[r] * y[c] - (z ? z[r] * z[c] : 0);
    }
}

void mat_rank1_ref(float *a, float scale, const float *x, uint32_t n)
{
    for (uint32_t r = 0; r < n; r++) {
        for (uint32_t c = 0; c < n; c++)
            a[(size_t)r * n + c] += scale * x[r] * x[c];
    }
}

/* Cholesky, A = L Lᵀ with 1/diagonal kept apart: one division a row. */
bool solve_small(float *a, uint32_t stride, float *b, uint32_t n)
{
    float inverse[32];

    assert(n <= 32);
    for (uint32_t r = 0; r < n; r++) {
        float *row = a + (size_t)r * stride;
        float diagonal = row[r];
        float rest = b[r];

        for (uint32_t c = 0; c < r; c++) {
            const float *other = a + (size_t)c * stride;
            float sum = row[c];

            for (uint32_t i = 0; i < c; i++)
                sum -= row[i] * other[i];
            sum *= inverse[c];
            row[c] = sum;
            diagonal -= sum * sum;
            rest -= sum * b[c];
        }
        if (!(diagonal > 0))
            return false;
        inverse[r] = 1.0f / sqrtf(diagonal);
        b[r] = rest * inverse[r];
    }
    for (uint32_t r = n; r-- > 0;) {
        b[r] *= inverse[r];
        for (uint32_t c = 0; c < r; c++)
            b[c] -= a[(size_t)r * stride + c] * b[r];
    }
    return true;
}

/* Gaussian elimination in double, on a copy. */
bool solve_small_ref(const float *a, uint32_t stride, float *b, uint32_t n)
{
    double m[32][33];

    assert(n <= 32);
    for (uint32_t r = 0; r < n; r++) {
        for (uint32_t c = 0; c < n; c++)
            m[r][c] = c <= r ? a[(size_t)r * stride + c] : a[(size_t)c * stride + r];
        m[r][n] = b[r];
    }
    for (uint32_t p = 0; p < n; p++) {
        if (!(m[p][p] > 0))
            return false;
        for (uint32_t r = p + 1; r < n; r++) {
            double factor = m[r][p] / m[p][p];

            for (uint32_t c = p; c <= n; c++)
                m[r][c] -= factor * m[p][c];
        }
    }
    for (uint32_t r = n; r-- > 0;) {
        for (uint32_t c = r + 1; c < n; c++)
            m[r][n] -= m[r][c] * b[c];
        b[r] = (float)(m[r][n] / m[r][r]);
    }
    return true;
}

void half_from_float_ref(const float *in, uint16_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits, sign, magnitude;
        uint32_t half;

        memcpy(&bits, &in[i], sizeof(bits));
        sign = bits >> 16 & 0x8000;
        magnitude = bits & 0x7fffffff;
        if (magnitude > 0x7f800000) { /* NaN: keep it one */
            half = 0x7e00 | (magnitude >> 13 & 0x3ff);
        } else if (magnitude >= 0x477ff000) { /* rounds above 65,504 */
            half = 0x7c00;
        } else if (magnitude < 0x38800000) { /* below 2^-14: a multiple of 2^-24 */
            float value;

            memcpy(&value, &magnitude, sizeof(value));
            half = (uint32_t)nearbyintf(value * 0x1p24f);
        } else {
            half = (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13;
        }
        out[i] = (uint16_t)(sign | half);
    }
}

void half_to_float_ref(const uint16_t *in, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t exponent = in[i] >> 10 & 0x1f, fraction = in[i] & 0x3ff;
        float value;

        if (exponent == 0x1f)
            value = fraction ? NAN : INFINITY;
        else if (exponent == 0)
            value = ldexpf((float)fraction, -24);
        else
            value = ldexpf((float)(fraction | 0x400), (int)exponent - 25);
        out[i] = in[i] & 0x8000 ? -value : value;
    }
}

#if defined(__F16C__)
void half_from_float(const float *in, uint16_t *out, uint32_t n)
{
    uint32_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(out + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
    half_from_float_ref(in + i, out + i, n - i);
}

void half_to_float(const uint16_t *in, float *out, uint32_t n)
{
    uint32_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(
            out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(in + i))));
    half_to_float_ref(in + i, out + i, n - i);
}
#else /* another processor: the twin is the kernel */
void half_from_float(const float *in, uint16_t *out, uint32_t n)
{
    half_from_float_ref(in, out, n);
}

void half_to_float(const uint16_t *in, float *out, uint32_t n)
{
    half_to_float_ref(in, out, n);
}
#endif

float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

bool sym_eigen(const float *a, float *q, float *values, uint32_t n)
{
    float work[64 * 66]; /* (2 + block) n with LAPACK's usual block of 64 */
    int size = (int)n, work_size = (int)(sizeof(work) / sizeof(work[0])), info = 0;

    assert(n <= 64);
    memcpy(q, a, (size_t)n * n * sizeof(*q));
    /* Fortran counts by columns: its lower half is our upper, its columns are our rows. */
    ssyev_("V", "L", &size, q, &size, values, work, &work_size, &info);
    return info == 0;
}

bool solve_cholesky_ref(float *a, float *b, uint32_t n)
{
    int size = (int)n, one = 1, info = 0;

    spotrf_("L", &size, a, &size, &info);
    if (info == 0)
        spotrs_("L", &size, &one, a, &size, b, &size, &info);
    return info == 0;
}
