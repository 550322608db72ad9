/* The fold: numbers, names, hidden items, the catalogue, positions, bad records. */
#include "models/popularity.h"
#include "tests/unit/models/models_support.h"

static int open_world(void **state)
{
    *state = malloc(sizeof(struct world));
    world_open(*state, NULL);
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    free(*state);
    return 0;
}

static uint32_t number(struct world *world, const char *id)
{
    const struct item_view *view = item_view_acquire(world->fold);
    uint32_t n = item_view_find(view, key_of(id));

    item_view_release(world->fold, view);
    return n;
}

static enum status apply(struct world *world, const char *key, const void *value, uint32_t n)
{
    return item_fold_apply(world->fold, str_of(key), (struct str){value, n}, ++world->offset);
}

static void numbers_come_in_topic_order(void **state)
{
    const uint8_t empty[] = {RECORD_VERSION};

    assert_int_equal(apply(*state, "z", empty, 1), OK);
    assert_int_equal(apply(*state, "a", empty, 1), OK);
    assert_int_equal(apply(*state, "z", empty, 1), OK);
    assert_int_equal(item_fold_publish(((struct world *)*state)->fold), OK);
    assert_int_equal(number(*state, "z"), 0);
    assert_int_equal(number(*state, "a"), 1);
    assert_int_equal(number(*state, "b"), ITEM_NONE);
}

static void id_is_kept(void **state)
{
    struct world *world = *state;
    char key[] = "shoe \xc3\xa9";
    const uint8_t empty[] = {RECORD_VERSION};
    const struct item_view *view;

    assert_int_equal(apply(world, key, empty, 1), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
    key[0] = 'X'; /* the fold has its own copy */
    view = item_view_acquire(world->fold);
    assert_true(str_equal(item_view_id(view, 0), str_of("shoe \xc3\xa9")));
    item_view_release(world->fold, view);
}

/* "b" follows "a", but the record of "a" itself has not come: counted, never listed. */
static void item_met_as_a_neighbour_is_hidden_until_it_is_named(void **state)
{
    struct world *world = *state;
    uint8_t value[64];
    struct byte_writer out = byte_writer_of(value, sizeof(value));
    const struct item_view *view;
    struct ranking list;

    bytes_put_u8(&out, RECORD_VERSION);
    bytes_put_u8(&out, 2); /* co-visitation */
    bytes_put_varint(&out, 1 + 1 + 3 + 1 + 8 + 2);
    bytes_put_varint(&out, 1);
    bytes_put_u8(&out, 0);
    bytes_put_varint(&out, T0 / HOUR_MS);
    bytes_put_varint(&out, 1);
    bytes_put_u64(&out, key_of("a"));
    bytes_put_varint(&out, 256);
    assert_int_equal(apply(world, "b", value, (uint32_t)byte_writer_size(&out)), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
    assert_int_equal(world->fold->n_unreadable, 0);

    view = item_view_acquire(world->fold);
    assert_int_equal(item_view_n_items(view), 2);
    assert_null(item_view_id(view, item_view_find(view, key_of("a"))).ptr);
    item_view_release(world->fold, view);
    list = world_list(world, 20, SESSION("a"));
    assert_int_equal(list.n, 1); /* b alone, though a is the session */
    assert_int_equal(place_in(world, &list, "b"), 0);

    assert_int_equal(apply(world, "a", value, 1), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
    list = world_list(world, 20, SESSION("a"));
    assert_int_equal(list.n, 2);
}

static void unreadable_records_are_counted_and_leave_no_trace(void **state)
{
    struct world *world = *state;
    const uint8_t other_version[] = {RECORD_VERSION + 1};
    const uint8_t cut[] = {RECORD_VERSION, 1, 5, 0};
    const uint8_t out_of_order[] = {RECORD_VERSION, 200, 0, 199, 0};
    const uint8_t good_then_bad[] = {RECORD_VERSION, 1, 2, 0, 0, 2, 1, 9};
    const uint8_t empty[] = {RECORD_VERSION};
    char long_key[ID_MAX_BYTES + 2];

    memset(long_key, 'k', sizeof(long_key));
    long_key[ID_MAX_BYTES + 1] = '\0';
    assert_int_equal(apply(world, "a", other_version, 1), OK);
    assert_int_equal(apply(world, "a", cut, sizeof(cut)), OK);
    assert_int_equal(apply(world, "a", out_of_order, sizeof(out_of_order)), OK);
    assert_int_equal(apply(world, "a", good_then_bad, sizeof(good_then_bad)), OK);
    assert_int_equal(apply(world, "", empty, 1), OK);
    assert_int_equal(apply(world, long_key, empty, 1), OK);
    assert_int_equal(apply(world, "a", NULL, 0), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
    assert_int_equal(world->fold->n_unreadable, 7);
    assert_int_equal(number(world, "a"), ITEM_NONE);
    assert_int_equal(item_view_items_offset(world->fold->newest), 7);
}

static void block_of_a_newer_program_is_passed_over(void **state)
{
    struct world *world = *state;
    const uint8_t newer[] = {RECORD_VERSION, 200, 3, 9, 9, 9};

    assert_int_equal(apply(world, "a", newer, sizeof(newer)), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
    assert_int_equal(world->fold->n_unreadable, 0);
    assert_int_equal(number(world, "a"), 0);
}

static void items_beyond_the_bound_are_left_out(void **state)
{
    struct item_model_config config = item_model_defaults();
    struct world world;
    struct ranking list;

    (void)state;
    config.items_max = 3;
    world_open(&world, &config);
    world_session(&world, T0, SESSION("a", "b", "c", "d", "e"));
    world_commit(&world);
    assert_int_equal(item_view_n_items(world.fold->newest), 3);
    assert_true(world.fold->n_left_out >= 2);
    list = world_list(&world, 20, SESSION("e", "a"));
    assert_int_equal(list.n, 3);
    world_close(&world);
}

/* ---- positions ---- */

static void view_is_named_by_its_positions(void **state)
{
    struct item_model_config config = item_model_defaults();
    struct world world;
    const struct item_view *view;
    char name[64];

    (void)state;
    config.catalog_partitions = 3;
    world_open(&world, &config);
    item_fold_advance_items(world.fold, 17);
    item_fold_advance_catalog(world.fold, 0, 4);
    item_fold_advance_catalog(world.fold, 2, 12345678901);
    assert_int_equal(item_fold_publish(world.fold), OK);
    view = item_view_acquire(world.fold);
    assert_int_equal(item_view_items_offset(view), 17);
    assert_int_equal(item_view_catalog_offset(view, 2), 12345678901);
    assert_int_equal(item_view_name(view, name, sizeof(name)), 32);
    assert_string_equal(name, "items:17,catalog:4.0.12345678901");
    assert_int_equal(item_view_name(view, name, 10), 9); /* cut, and terminated */
    assert_string_equal(name, "items:17,");
    item_view_release(world.fold, view);
    world_close(&world);
}

static void nothing_new_publishes_no_new_view(void **state)
{
    struct world *world = *state;
    const struct item_view *before = world->fold->newest;

    assert_int_equal(item_fold_publish(world->fold), OK);
    assert_ptr_equal(world->fold->newest, before);
    item_fold_advance_items(world->fold, 1);
    assert_int_equal(item_fold_publish(world->fold), OK);
    assert_int_equal(item_view_items_offset(world->fold->newest), 1);
}

/* ---- the catalogue ---- */

static void facts_are_deep_copies(void **state)
{
    struct world *world = *state;
    char title[] = "Boots", value[] = "red", path[] = "Shoes";
    struct str category[] = {str_of(path)};
    struct map_entry attributes[] = {{str_of("colour"), str_of(value)}};
    struct catalog_item item = {
        .item_id = str_of("a"),
        .title = str_of(title),
        .category = {category, 1},
        .price_e4 = 199900,
        .available = true,
        .attributes = {attributes, 1},
    };
    const struct item_view *view;
    const struct item_facts *facts;

    assert_int_equal(item_fold_catalog(world->fold, str_of("a"), &item, 0, 5), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
    memset(title, 'x', 5);
    memset(value, 'x', 3);
    memset(path, 'x', 5);
    memset(category, 0, sizeof(category));
    memset(attributes, 0, sizeof(attributes));

    view = item_view_acquire(world->fold);
    facts = item_view_facts(view, key_of("a"));
    assert_non_null(facts);
    assert_true(facts->known && facts->available && !facts->delisted);
    assert_int_equal(facts->version, 4);
    assert_true(str_equal(facts->item.title, str_of("Boots")));
    assert_true(str_equal(facts->item.category.at[0], str_of("Shoes")));
    assert_true(str_equal(facts->item.attributes.at[0].key, str_of("colour")));
    assert_true(str_equal(facts->item.attributes.at[0].value, str_of("red")));
    assert_null(facts->item.brand.ptr);
    assert_int_equal(facts->item.price_e4, 199900);
    assert_null(item_view_facts(view, key_of("b")));
    assert_ptr_equal(item_view_lookup(view).find(view, key_of("a")), facts);
    item_view_release(world->fold, view);
}

static void held_view_keeps_the_old_facts(void **state)
{
    struct world *world = *state;
    const struct item_view *view;

    world_catalog(world, "a", true, 3, 1);
    view = item_view_acquire(world->fold);
    assert_int_equal(item_fold_catalog(world->fold, str_of("a"), NULL, 0, 2), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
    world_catalog(world, "b", true, 3, 3);
    assert_true(item_view_facts(view, key_of("a"))->available);
    assert_true(str_equal(item_view_facts(view, key_of("a"))->item.title, str_of("a title")));
    assert_null(item_view_facts(view, key_of("b")));
    item_view_release(world->fold, view);
    view = item_view_acquire(world->fold);
    assert_true(item_view_facts(view, key_of("a"))->delisted);
    assert_false(item_view_facts(view, key_of("a"))->available);
    item_view_release(world->fold, view);
}

static bool is_listed(struct world *world, const char *id)
{
    struct ranking list = world_list(world, 20, SESSION("a"));

    return place_in(world, &list, id) >= 0;
}

/* Delisted, out of stock, not available: gone; back again: listed again. */
static void unavailable_items_never_appear(void **state)
{
    struct world *world = *state;

    world_session(world, T0, SESSION("a", "b"));
    world_commit(world);
    assert_true(is_listed(world, "b")); /* the catalogue has not named it */
    world_catalog(world, "b", true, 5, 1);
    assert_true(is_listed(world, "b"));
    world_catalog(world, "b", true, 0, 2);
    assert_false(is_listed(world, "b"));
    world_catalog(world, "b", true, -1, 3); /* stock unknown */
    assert_true(is_listed(world, "b"));
    world_catalog(world, "b", false, 5, 4);
    assert_false(is_listed(world, "b"));
    world_catalog(world, "b", true, 5, 5);
    assert_int_equal(item_fold_catalog(world->fold, str_of("b"), NULL, 0, 6), OK);
    assert_int_equal(item_fold_publish(world->fold), OK);
    assert_false(is_listed(world, "b"));
    assert_true(is_listed(world, "a"));
}

/* The catalogue before the items, or behind them: the same numbers, the same list. */
static void order_of_the_two_topics_does_not_matter(void **state)
{
    struct world first, last;

    (void)state;
    world_open(&first, NULL);
    world_open(&last, NULL);
    world_catalog(&first, "b", true, 0, 1);
    world_session(&first, T0, SESSION("a", "b", "c"));
    world_commit(&first);
    world_session(&last, T0, SESSION("a", "b", "c"));
    world_commit(&last);
    world_catalog(&last, "b", true, 0, 1);
    assert_false(is_listed(&first, "b"));
    assert_false(is_listed(&last, "b"));
    assert_int_equal(number(&first, "b"), number(&last, "b"));
    assert_int_equal(world_checksum(&first), world_checksum(&last));
    world_close(&first);
    world_close(&last);
}

/* ---- the dump ---- */

static void dump_gives_a_line_per_item_in_key_order(void **state)
{
    struct world *world = *state;
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    const struct item_view *view;

    world_session(world, T0, SESSION("q\"uote", "b"));
    world_session(world, T0, SESSION("a"));
    world_commit(world);
    view = item_view_acquire(world->fold);
    assert_int_equal(item_view_dump(view, file), OK);
    fclose(file);
    assert_non_null(strstr(text, "{\"item\":\"a\",\"number\":0"));
    assert_ptr_equal(strstr(text, "{\"item\":\"a\""), text);
    assert_true(strstr(text, "{\"item\":\"b\"") < strstr(text, "{\"item\":\"q\\\"uote\""));
    assert_non_null(strstr(text, "\"counts\":{\"view\":1}"));
    assert_non_null(strstr(text, "\"neighbours\":[{\"item\":\"b\",\"weight\":1}]"));
    item_view_release(world->fold, view);
    free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(numbers_come_in_topic_order),
        T(id_is_kept),
        T(item_met_as_a_neighbour_is_hidden_until_it_is_named),
        T(unreadable_records_are_counted_and_leave_no_trace),
        T(block_of_a_newer_program_is_passed_over),
        cmocka_unit_test(items_beyond_the_bound_are_left_out),
        cmocka_unit_test(view_is_named_by_its_positions),
        T(nothing_new_publishes_no_new_view),
        T(facts_are_deep_copies),
        T(held_view_keeps_the_old_facts),
        T(unavailable_items_never_appear),
        cmocka_unit_test(order_of_the_two_topics_does_not_matter),
        T(dump_gives_a_line_per_item_in_key_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
