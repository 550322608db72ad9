/* The factor model: the fold-in against its definition, the Gramian, the steps. */
#include "models/factors.h"
#include "tests/unit/models/models_support.h"

#include <math.h>

/* MODELS 3.4: k = 1, Y = (1, 2), α₀ = .1, item 2 seen once, diagonal .5: A = 5, x = .4. */
static void one_factor_by_hand(void **state)
{
    const float g[] = {0.1f * (1 * 1 + 2 * 2)}, two[] = {2}, *y[] = {two}, weight[] = {1};
    float x[1];

    (void)state;
    /* lambda (n + all_items) = .5 with n = 1 */
    assert_true(factors_fold_in_ref(g, 0.25f, 1, 1, 1, y, weight, x));
    assert_close(x[0], 0.4, 1e-6);
}

/* ---- a made-up factor space ---- */

enum { ITEMS = 300 };

struct space {
    float y[ITEMS][FACTORS], u[ITEMS][FACTORS];
    float g[FACTORS * FACTORS]; /* α₀ YᵀY */
    struct factor_basis basis;
};

static struct space *space_new(float scale)
{
    struct space *space = calloc(1, sizeof(*space));
    uint64_t seed = 50;

    for (int i = 0; i < ITEMS; i++) {
        for (int f = 0; f < FACTORS; f++)
            space->y[i][f] = scale * random_float(&seed) * (f < 8 ? 1 : 0.2f);
        mat_rank1_ref(space->g, 1, space->y[i], FACTORS);
    }
    assert_true(sym_eigen(space->g, space->basis.q, space->basis.values, FACTORS));
    for (int i = 0; i < FACTORS * FACTORS; i++)
        space->g[i] *= 0.001f;
    for (int f = 0; f < FACTORS; f++) {
        space->basis.values[f] *= 0.001f;
        for (int c = 0; c < FACTORS; c++)
            space->basis.q_t[c * FACTORS + f] = space->basis.q[f * FACTORS + c];
    }
    space->basis.lambda = 0.01f;
    space->basis.all_items = 0.001f * ITEMS;
    for (int i = 0; i < ITEMS; i++)
        mat_t_vec(space->basis.q_t, space->y[i], space->u[i]);
    return space;
}

/* Every length of session, weights .5^q: x equals the Cholesky solution to 1e-5. */
static void fold_in_equals_a_dense_solve(void **state)
{
    struct space *space = space_new(0.5f);
    uint64_t seed = 51;

    (void)state;
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t n = 1; n <= FOLD_IN_MAX; n++) {
            const float *y[FOLD_IN_MAX], *u[FOLD_IN_MAX];
            float weight[FOLD_IN_MAX], x[FACTORS], ref[FACTORS], back[FACTORS], share = 1;

            for (uint32_t i = 0; i < n; i++, share *= 0.5f) {
                uint32_t item = (uint32_t)(random_next(&seed) % ITEMS);

                y[i] = space->y[item];
                u[i] = space->u[item];
                weight[i] = share;
            }
            factors_fold_in(&space->basis, n, u, weight, x);
            assert_true(factors_fold_in_ref(space->g, 0.01f, 0.001f * ITEMS, FACTORS, n, y,
                                            weight, ref));
            mat_t_vec(space->basis.q, x, back);
            for (uint32_t f = 0; f < FACTORS; f++)
                assert_close(back[f], ref[f], 1e-5);
        }
    }
    free(space);
}

static void nobody_folds_in_to_zero(void **state)
{
    struct space *space = space_new(0.5f);
    float x[FACTORS];

    (void)state;
    factors_fold_in(&space->basis, 0, NULL, NULL, x);
    assert_close(vec_dot(x, x, FACTORS), 0, 0);
    free(space);
}

/* ---- the fold ---- */

/* A record that moves an item's vector by delta, as a worker would send it. */
static void fold_delta(struct world *world, const char *id, const float *delta, uint32_t n)
{
    uint8_t value[256];
    uint16_t halves[FACTORS];
    struct byte_writer out = byte_writer_of(value, sizeof(value));

    half_from_float(delta, halves, FACTORS);
    bytes_put_u8(&out, RECORD_VERSION);
    bytes_put_u8(&out, model_factors_ops.block);
    bytes_put_varint(&out, (n < 128 ? 1 : 2) + 2 * FACTORS);
    bytes_put_varint(&out, n);
    for (int f = 0; f < FACTORS; f++)
        bytes_put_u16(&out, halves[f]);
    assert_false(out.full);
    assert_int_equal(
        item_fold_apply(world->fold, str_of(id),
                        (struct str){(const char *)value, (uint32_t)byte_writer_size(&out)},
                        ++world->offset),
        OK);
}

static void vector(struct world *world, const char *id, float *out)
{
    const struct item_view *view = item_view_acquire(world->fold);
    const struct factor_vector *y =
        cow_root_get(&factors_part_of(view)->y, item_view_find(view, key_of(id)));

    memcpy(out, y->at, sizeof(y->at));
    item_view_release(world->fold, view);
}

static void item_begins_where_seed_and_key_say(void **state)
{
    struct world world;
    float y[FACTORS], expected[FACTORS], delta[FACTORS] = {0};

    (void)state;
    world_open(&world, NULL);
    fold_delta(&world, "a", delta, 0);
    assert_int_equal(item_fold_publish(world.fold), OK);
    vector(&world, "a", y);
    factors_initial(world.config.seed, key_of("a"), expected);
    assert_memory_equal(y, expected, sizeof(y));
    factors_initial(world.config.seed + 1, key_of("a"), expected);
    assert_memory_not_equal(y, expected, sizeof(y));
    world_close(&world);
}

/* Length 2 is cut to .1; after 300 steps the same moves half as far: 1/√(1 + 300/100). */
static void difference_is_clipped_and_slows_down(void **state)
{
    struct world world;
    float before[FACTORS], after[FACTORS], delta[FACTORS] = {[3] = 2};

    (void)state;
    world_open(&world, NULL);
    factors_initial(world.config.seed, key_of("a"), before);
    fold_delta(&world, "a", delta, 300);
    assert_int_equal(item_fold_publish(world.fold), OK);
    vector(&world, "a", after);
    assert_close(after[3] - before[3], 0.1, 1e-6);
    assert_close(after[4] - before[4], 0, 0);

    fold_delta(&world, "a", delta, 1);
    assert_int_equal(item_fold_publish(world.fold), OK);
    vector(&world, "a", before);
    assert_close(before[3] - after[3], 0.05, 1e-6);

    delta[3] = 0.0625f; /* short enough to stay whole */
    fold_delta(&world, "b", delta, 1);
    assert_int_equal(item_fold_publish(world.fold), OK);
    factors_initial(world.config.seed, key_of("b"), before);
    vector(&world, "b", after);
    assert_close(after[3] - before[3], 0.0625, 1e-6);
    world_close(&world);
}

/* After 25,000 changes of 400 items: eigenvalues, coordinates and Gramian fit the vectors. */
static void kept_gramian_equals_the_product_of_the_vectors(void **state)
{
    struct world world;
    const struct item_view *view;
    const struct factors_part *part;
    static float g[FACTORS * FACTORS];
    uint64_t seed = 52;

    (void)state;
    world_open(&world, NULL);
    for (int change = 0; change < 25000; change++) {
        float delta[FACTORS];
        char id[16];

        for (int f = 0; f < FACTORS; f++)
            delta[f] = 0.01f * random_float(&seed);
        snprintf(id, sizeof(id), "i%u", (uint32_t)(random_next(&seed) % 400));
        fold_delta(&world, id, delta, 1);
    }
    assert_int_equal(item_fold_publish(world.fold), OK);
    view = item_view_acquire(world.fold);
    part = factors_part_of(view);
    memset(g, 0, sizeof(g));
    for (uint32_t i = 0; i < view->n_items; i++) {
        const struct factor_vector *y = cow_root_get(&part->y, i);
        const struct factor_vector *u = cow_root_get(&part->u, i);
        float expected[FACTORS];

        mat_rank1_ref(g, 1, y->at, FACTORS);
        mat_t_vec_ref(part->basis->q_t, y->at, expected, FACTORS);
        for (int f = 0; f < FACTORS; f++)
            assert_close(u->at[f], expected[f], 1e-5);
    }
    /* The trace of G is that of its eigenvalues, but for the changes since the refresh. */
    {
        double trace = 0, values = 0;

        for (int f = 0; f < FACTORS; f++) {
            trace += (double)g[f * FACTORS + f];
            values += (double)part->basis->values[f] / 0.001;
        }
        assert_close(values / trace, 1, 0.02);
    }
    assert_true(factors_gramian_error(world.fold->models[MODEL_factors]) < 1e-4f);
    item_view_release(world.fold, view);
    world_close(&world);
}

/* ---- steps ---- */

static double bpr_loss(const float *x, const float *a, const float *b)
{
    double s = 0;

    for (int f = 0; f < FACTORS; f++)
        s += (double)x[f] * ((double)a[f] - b[f]);
    return log1p(exp(-s));
}

/* The step by a is gain * x: minus the gradient of -ln σ(x·(a - b)), by finite differences. */
static void bpr_gradient_equals_finite_differences(void **state)
{
    float x[FACTORS], a[FACTORS], b[FACTORS], gain;
    uint64_t seed = 53;

    (void)state;
    for (int f = 0; f < FACTORS; f++) {
        x[f] = random_float(&seed);
        a[f] = random_float(&seed);
        b[f] = random_float(&seed);
    }
    gain = factors_bpr_gain(x, a, b);
    for (int f = 0; f < FACTORS; f++) {
        const float h = 1e-2f;
        float up[FACTORS], down[FACTORS];

        memcpy(up, a, sizeof(up));
        memcpy(down, a, sizeof(down));
        up[f] += h;
        down[f] -= h;
        assert_close((bpr_loss(x, down, b) - bpr_loss(x, up, b)) /
                         ((double)up[f] - (double)down[f]),
                     gain * x[f], 1e-4);
    }
}

/* People who look at a then look at b: after enough of them a's x prefers b to the others. */
static void what_follows_an_item_comes_to_score_high(void **state)
{
    struct world world;
    const struct item_view *view;
    const struct factors_part *part;
    const float *u[1], weight[1] = {1};
    float x[FACTORS], score[4];
    const char *others[] = {"b", "c", "d", "e"};

    (void)state;
    world_open(&world, NULL);
    for (int t = 0; t < 150; t++) {
        world_session(&world, T0 + t * 1000, SESSION("a", "b"));
        world_session(&world, T0 + t * 1000, SESSION("c", "d", "e"));
        world_commit(&world);
    }
    view = item_view_acquire(world.fold);
    part = factors_part_of(view);
    u[0] = cow_root_get(&part->u, item_view_find(view, key_of("a")));
    factors_fold_in(part->basis, 1, u, weight, x);
    for (int i = 0; i < 4; i++) {
        const float *other = cow_root_get(&part->u, item_view_find(view, key_of(others[i])));

        score[i] = vec_dot(x, other, FACTORS);
    }
    assert_true(score[0] > 2 * fabsf(score[1]));
    assert_true(score[0] > 2 * fabsf(score[2]));
    assert_true(score[0] > 2 * fabsf(score[3]));
    item_view_release(world.fold, view);
    world_close(&world);
}

/* One transaction judged with two views: the sums survive the change of coordinates. */
static void change_of_basis_turns_the_sums(void **state)
{
    struct world world;
    struct factor_basis old;
    float before[FACTORS], after[FACTORS];
    uint32_t row;

    (void)state;
    world_open(&world, NULL);
    for (int t = 0; t < 20; t++) {
        world_session(&world, T0, SESSION("a", "b", "c"));
        world_commit(&world);
    }
    world_session(&world, T0, SESSION("a", "b"));
    row = 1; /* of b */
    assert_true(world.changes->rows[row].n_steps > 0);
    old = *world.changes->basis;
    mat_t_vec(old.q, world.changes->steps[row], before);
    for (int n = 0; n < 300; n++) { /* enough changes for a refresh */
        char id[16];

        snprintf(id, sizeof(id), "new %d", n);
        fold_delta(&world, id, (float[FACTORS]){0.5f}, 1);
    }
    assert_int_equal(item_fold_publish(world.fold), OK);
    world_session(&world, T0, SESSION("c")); /* no predecessor: no step, but another basis */
    assert_int_not_equal(world.changes->basis->serial, old.serial);
    mat_t_vec(world.changes->basis->q, world.changes->steps[row], after);
    for (int f = 0; f < FACTORS; f++)
        assert_close(after[f], before[f], 1e-6);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_factor_by_hand),
        cmocka_unit_test(fold_in_equals_a_dense_solve),
        cmocka_unit_test(nobody_folds_in_to_zero),
        cmocka_unit_test(item_begins_where_seed_and_key_say),
        cmocka_unit_test(difference_is_clipped_and_slows_down),
        cmocka_unit_test(kept_gramian_equals_the_product_of_the_vectors),
        cmocka_unit_test(bpr_gradient_equals_finite_differences),
        cmocka_unit_test(what_follows_an_item_comes_to_score_high),
        cmocka_unit_test(change_of_basis_turns_the_sums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
