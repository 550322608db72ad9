/* Every kernel equals its plain twin, on sizes that are no multiple of a vector. */
#include "models/linalg.h"
#include "tests/unit/models/models_support.h"

#include <math.h>

static const uint32_t sizes[] = {0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100};
enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]), SIZE_MAX_TESTED = 100 };

static void fill(float *out, uint32_t n, uint64_t seed)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = random_float(&seed);
}

static void dot_equals_its_twin(void **state)
{
    float a[SIZE_MAX_TESTED], b[SIZE_MAX_TESTED];

    (void)state;
    fill(a, SIZE_MAX_TESTED, 1);
    fill(b, SIZE_MAX_TESTED, 2);
    for (int s = 0; s < N_SIZES; s++)
        assert_close(vec_dot(a, b, sizes[s]), vec_dot_ref(a, b, sizes[s]), 1e-5);
}

static void dots_equal_their_twin(void **state)
{
    float x[FACTORS], rows[5][FACTORS], fast[5], plain[5];
    const float *pointers[5];

    (void)state;
    fill(x, FACTORS, 3);
    fill(&rows[0][0], 5 * FACTORS, 4);
    for (int r = 0; r < 5; r++)
        pointers[r] = rows[r];
    vec_dots(x, pointers, 5, fast);
    vec_dots_ref(x, pointers, 5, plain);
    for (int r = 0; r < 5; r++)
        assert_close(fast[r], plain[r], 1e-5);
}

static void max_is_the_largest_or_zero(void **state)
{
    float a[SIZE_MAX_TESTED];

    (void)state;
    fill(a, SIZE_MAX_TESTED, 5);
    for (int s = 0; s < N_SIZES; s++)
        assert_close(vec_max(a, sizes[s]), vec_max_ref(a, sizes[s]), 0);
    assert_close(vec_max((float[]){-2, -1}, 2), 0, 0);
    assert_close(vec_max((float[]){-2, 3, -5, 2}, 4), 3, 0);
}

static void blend_equals_its_twin(void **state)
{
    float share[SIZE_MAX_TESTED], sum[SIZE_MAX_TESTED];
    float share_ref[SIZE_MAX_TESTED], sum_ref[SIZE_MAX_TESTED];

    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        fill(share, SIZE_MAX_TESTED, 6);
        fill(sum, SIZE_MAX_TESTED, 7);
        memcpy(share_ref, share, sizeof(share));
        memcpy(sum_ref, sum, sizeof(sum));
        vec_blend(share, 2, 0.5f, 0.25f, sum, sizes[s]);
        vec_blend_ref(share_ref, 2, 0.5f, 0.25f, sum_ref, sizes[s]);
        for (int i = 0; i < SIZE_MAX_TESTED; i++) {
            assert_close(share[i], share_ref[i], 0);
            assert_close(sum[i], sum_ref[i], 1e-6);
        }
    }
}

/* share .25 of 1, linear 1, root 1: .25 + .5. A negative rating counts as 0. */
static void blend_adds_the_share_and_its_root(void **state)
{
    float share[] = {1, -4}, sum[] = {1, 1};

    (void)state;
    vec_blend(share, 0.25f, 1, 1, sum, 2);
    assert_close(sum[0], 1.75, 0);
    assert_close(sum[1], 1, 0);
    assert_close(share[1], 0, 0);
}

static void ranks_equal_their_twin(void **state)
{
    float a[SIZE_MAX_TESTED];
    uint16_t fast[SIZE_MAX_TESTED], plain[SIZE_MAX_TESTED];

    (void)state;
    fill(a, SIZE_MAX_TESTED, 16);
    for (int i = 0; i < SIZE_MAX_TESTED; i += 3)
        a[i] = a[i / 2]; /* ties */
    for (int s = 0; s < N_SIZES; s++) {
        vec_rank(a, sizes[s], fast);
        vec_rank_ref(a, sizes[s], plain);
        assert_memory_equal(fast, plain, sizes[s] * sizeof(fast[0]));
    }
    vec_rank((float[]){2, 3, 2, 1}, 4, fast);
    assert_memory_equal(fast, ((uint16_t[]){1, 0, 1, 3}), 4 * sizeof(fast[0]));
}

static void axpy_equals_its_twin(void **state)
{
    float x[SIZE_MAX_TESTED], y[SIZE_MAX_TESTED], ref[SIZE_MAX_TESTED];

    (void)state;
    fill(x, SIZE_MAX_TESTED, 8);
    for (int s = 0; s < N_SIZES; s++) {
        fill(y, SIZE_MAX_TESTED, 9);
        memcpy(ref, y, sizeof(y));
        vec_axpy(0.3f, x, y, sizes[s]);
        vec_axpy_ref(0.3f, x, ref, sizes[s]);
        for (int i = 0; i < SIZE_MAX_TESTED; i++)
            assert_close(y[i], ref[i], 1e-6);
    }
}

static void matrix_kernels_equal_their_twins(void **state)
{
    static float a[FACTORS * FACTORS], g[FACTORS * FACTORS], ref[FACTORS * FACTORS];
    float x[FACTORS], z[FACTORS], out[FACTORS], out_ref[FACTORS];

    (void)state;
    fill(a, FACTORS * FACTORS, 10);
    fill(x, FACTORS, 11);
    fill(z, FACTORS, 12);
    mat_t_vec(a, x, out);
    mat_t_vec_ref(a, x, out_ref, FACTORS);
    for (int i = 0; i < FACTORS; i++)
        assert_close(out[i], out_ref[i], 1e-5);

    memcpy(g, a, sizeof(g));
    memcpy(ref, a, sizeof(ref));
    mat_replace(g, x, z);
    mat_replace_ref(ref, x, z, FACTORS);
    mat_replace(g, z, NULL);
    mat_replace_ref(ref, z, NULL, FACTORS);
    for (int r = 0; r < FACTORS; r++) {
        for (int c = r; c < FACTORS; c++)
            assert_close(g[r * FACTORS + c], ref[r * FACTORS + c], 1e-5);
    }
}

/* A = B Bᵀ + I in rows of 8 floats, of every size a session can have. */
static void small_solve_equals_its_twin(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 8; n++) {
        float b[64], a[64], right[8], right_ref[8];

        fill(b, 64, 13 + n);
        fill(right, 8, 30 + n);
        memcpy(right_ref, right, sizeof(right));
        for (uint32_t r = 0; r < n; r++) {
            for (uint32_t c = 0; c < n; c++)
                a[r * 8 + c] = vec_dot_ref(b + r * 8, b + c * 8, 8) + (r == c);
        }
        assert_true(solve_small_ref(a, 8, right_ref, n));
        assert_true(solve_small(a, 8, right, n));
        for (uint32_t i = 0; i < n; i++)
            assert_close(right[i], right_ref[i], 1e-5);
    }
}

/* [4 2; 2 3] x = [2; 5] gives x = [-.5; 2]. */
static void small_solve_by_hand(void **state)
{
    float a[] = {4, 99, 2, 3}, b[] = {2, 5}; /* 99: the upper half is not read */

    (void)state;
    assert_true(solve_small(a, 2, b, 2));
    assert_close(b[0], -0.5, 1e-6);
    assert_close(b[1], 2, 1e-6);
}

static void matrix_that_is_not_positive_is_refused(void **state)
{
    float a[] = {1, 2, 2, 1}, b[] = {1, 1}, c[] = {1, 2, 2, 1}, nan_row[] = {NAN}, d[] = {1, 1};

    (void)state;
    assert_false(solve_small(a, 2, b, 2));
    assert_false(solve_small_ref(c, 2, d, 2));
    assert_false(solve_small(nan_row, 1, d, 1));
}

static void halves_equal_their_twins(void **state)
{
    const float special[] = {
        0,          -0.0f,      1,        -1,       65504,      65519,
        65520,      1e9f,       INFINITY, 0x1p-14f, 0x1p-24f,   0x1p-25f,
        0x1.8p-25f, 0x1.8p-24f, 6e-5f,    3.14159f, 1.0009765f, 1.00048828125f};
    float in[SIZE_MAX_TESTED], back[SIZE_MAX_TESTED], back_ref[SIZE_MAX_TESTED];
    uint16_t half[SIZE_MAX_TESTED], half_ref[SIZE_MAX_TESTED];

    (void)state;
    fill(in, SIZE_MAX_TESTED, 14);
    memcpy(in, special, sizeof(special));
    for (int s = 0; s < N_SIZES; s++) {
        half_from_float(in, half, sizes[s]);
        half_from_float_ref(in, half_ref, sizes[s]);
        assert_memory_equal(half, half_ref, sizes[s] * sizeof(half[0]));
        half_to_float(half, back, sizes[s]);
        half_to_float_ref(half, back_ref, sizes[s]);
        assert_memory_equal(back, back_ref, sizes[s] * sizeof(back[0]));
    }
}

/* Every half there is: to float and back gives the same bits. */
static void every_half_survives_the_way_to_float_and_back(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits += 8) {
        uint16_t half[8], again[8];
        float value[8];

        for (uint32_t i = 0; i < 8; i++)
            half[i] = (uint16_t)(bits + i);
        if ((bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0)
            continue; /* NaN */
        half_to_float_ref(half, value, 1);
        half_from_float_ref(value, again, 1);
        assert_int_equal(again[0], half[0]);
        half_to_float(half, value, 8);
        half_from_float(value, again, 8);
        assert_int_equal(again[0], half[0]);
    }
}

static void half_keeps_eleven_bits(void **state)
{
    uint64_t seed = 15;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        float in = random_float(&seed), out;
        uint16_t half;

        half_from_float_ref(&in, &half, 1);
        half_to_float_ref(&half, &out, 1);
        assert_close(out, in, fabsf(in) * 0x1p-11f + 0x1p-25f);
    }
}

static void sigmoid_by_hand(void **state)
{
    (void)state;
    assert_close(sigmoid(0), 0.5, 0);
    assert_close(sigmoid(1) + sigmoid(-1), 1, 1e-6);
    assert_close(sigmoid(100), 1, 0);
    assert_close(sigmoid(-200), 0, 0);
}

/* A = Qᵀ diag(values) Q, and the rows of Q are orthonormal. */
static void eigenvectors_rebuild_the_matrix(void **state)
{
    static float a[FACTORS * FACTORS], q[FACTORS * FACTORS];
    float values[FACTORS], y[FACTORS];

    (void)state;
    memset(a, 0, sizeof(a));
    for (uint64_t v = 0; v < 200; v++) {
        fill(y, FACTORS, 100 + v);
        mat_rank1_ref(a, 1, y, FACTORS);
    }
    assert_true(sym_eigen(a, q, values, FACTORS));
    for (uint32_t r = 0; r < FACTORS; r++) {
        for (uint32_t c = 0; c < FACTORS; c++) {
            float sum = 0;

            for (uint32_t f = 0; f < FACTORS; f++)
                sum += q[f * FACTORS + r] * values[f] * q[f * FACTORS + c];
            assert_close(sum, a[r * FACTORS + c], 1e-3);
            assert_close(vec_dot_ref(q + r * FACTORS, q + c * FACTORS, FACTORS), r == c, 1e-5);
        }
        assert_true(r == 0 || values[r] >= values[r - 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dot_equals_its_twin),
        cmocka_unit_test(dots_equal_their_twin),
        cmocka_unit_test(max_is_the_largest_or_zero),
        cmocka_unit_test(blend_equals_its_twin),
        cmocka_unit_test(blend_adds_the_share_and_its_root),
        cmocka_unit_test(ranks_equal_their_twin),
        cmocka_unit_test(axpy_equals_its_twin),
        cmocka_unit_test(matrix_kernels_equal_their_twins),
        cmocka_unit_test(small_solve_equals_its_twin),
        cmocka_unit_test(small_solve_by_hand),
        cmocka_unit_test(matrix_that_is_not_positive_is_refused),
        cmocka_unit_test(halves_equal_their_twins),
        cmocka_unit_test(every_half_survives_the_way_to_float_and_back),
        cmocka_unit_test(half_keeps_eleven_bits),
        cmocka_unit_test(sigmoid_by_hand),
        cmocka_unit_test(eigenvectors_rebuild_the_matrix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
