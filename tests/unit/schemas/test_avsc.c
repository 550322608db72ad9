/*
 * Promises about all schema files: each is Avro, documented, and can be read by a reader of
 * itself, of its next version and of its last one; enums match the C enums of records.h.
 */
#include "schemas/avsc.h"
#include "schemas/records.h"
#include "tests/unit/schemas/avro_pair.h"

#include <stdio.h>

static const char *const required[] = {
    "click_event",    "order_event",      "catalog_item",   "user",
    "review_event",   "recommendation",   "push_message",   "email_message",
    "social_message", "seo_message",      "onsite_message", "suppressed_message",
    "profile",        "engagement_event",
};

static json_t *parsed(const struct avsc *avsc)
{
    json_t *json = json_loads(avsc->json, 0, NULL);

    assert_non_null(json);
    return json;
}

static void every_record_has_its_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++) {
        const struct avsc *avsc = avsc_find(required[i]);

        assert_non_null(avsc);
        assert_int_equal(avsc->len, strlen(avsc->json));
    }
    assert_null(avsc_find("no_such_record"));
    assert_null(avsc_find("click_event.avsc"));
}

/* Calls check for every record and enum, wherever it stands. */
static void each_named(const json_t *json, void (*check)(const json_t *, void *), void *context)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    size_t i;
    json_t *part;

    json_array_foreach(json, i, part)
    {
        each_named(part, check, context);
    }
    if (type && (!strcmp(type, "record") || !strcmp(type, "enum")))
        check(json, context);
    json_array_foreach(json_object_get(json, "fields"), i, part)
    {
        each_named(json_object_get(part, "type"), check, context);
    }
    if (json_object_get(json, "items"))
        each_named(json_object_get(json, "items"), check, context);
}

static void is_documented(const json_t *named, void *context)
{
    size_t i;
    json_t *field;

    (void)context;
    assert_non_null(json_string_value(json_object_get(named, "doc")));
    json_array_foreach(json_object_get(named, "fields"), i, field)
    {
        const char *doc = json_string_value(json_object_get(field, "doc"));

        if (!doc || strlen(doc) < 5)
            fail_msg("field %s has no doc", json_string_value(json_object_get(field, "name")));
    }
}

static void every_field_has_a_doc(void **state)
{
    (void)state;
    for (unsigned i = 0; i < n_avsc_files; i++) {
        json_t *json = parsed(&avsc_files[i]);

        assert_string_equal(json_string_value(json_object_get(json, "namespace")), "freshet");
        each_named(json, is_documented, NULL);
        json_decref(json);
    }
}

static void is_open(const json_t *named, void *context)
{
    const json_t *symbols = json_object_get(named, "symbols");
    size_t i;
    json_t *field;

    (void)context;
    if (symbols) {
        assert_string_equal(json_string_value(json_array_get(symbols, 0)), "UNKNOWN");
        assert_string_equal(json_string_value(json_object_get(named, "default")), "UNKNOWN");
    }
    json_array_foreach(json_object_get(named, "fields"), i, field)
    {
        const json_t *type = json_object_get(field, "type");

        if (!json_is_array(type))
            continue;
        assert_int_equal(json_array_size(type), 2); /* [null, X], default null */
        assert_string_equal(json_string_value(json_array_get(type, 0)), "null");
        assert_true(json_is_null(json_object_get(field, "default")));
    }
}

static void enums_and_optionals_have_the_agreed_form(void **state)
{
    (void)state;
    for (unsigned i = 0; i < n_avsc_files; i++) {
        json_t *json = parsed(&avsc_files[i]);

        each_named(json, is_open, NULL);
        json_decref(json);
    }
}

static void is_as_before(const json_t *named, void *context)
{
    json_t *seen = context;
    const char *name = json_string_value(json_object_get(named, "name"));
    const json_t *before = json_object_get(seen, name);

    if (before && !json_equal(before, named))
        fail_msg("%s differs from file to file", name);
    json_object_set(seen, name, (json_t *)(uintptr_t)named);
}

static void type_of_one_name_is_the_same_in_every_file(void **state)
{
    json_t *seen = json_object();

    (void)state;
    for (unsigned i = 0; i < n_avsc_files; i++) {
        json_t *json = parsed(&avsc_files[i]);

        each_named(json, is_as_before, seen);
        json_decref(json);
    }
    assert_true(json_object_size(seen) > n_avsc_files);
    json_decref(seen);
}

struct enum_words {
    const char *file, *name;
    const char *words; /* the C constants in their order, without prefix */
    int last;          /* value of the last C constant */
};

static void find_enum(const json_t *named, void *context)
{
    const struct enum_words *wanted = context;
    const json_t *symbols = json_object_get(named, "symbols");
    char words[256] = "";

    if (strcmp(json_string_value(json_object_get(named, "name")), wanted->name) != 0)
        return;
    for (size_t i = 0; i < json_array_size(symbols); i++) {
        strcat(words, i ? " " : "");
        strcat(words, json_string_value(json_array_get(symbols, i)));
    }
    assert_string_equal(words, wanted->words);
    assert_int_equal(json_array_size(symbols), wanted->last + 1);
}

static void enums_are_those_of_records_h(void **state)
{
    static struct enum_words enums[] = {
        {"click_event", "EventType",
         "UNKNOWN VIEW SEARCH ADD_TO_CART REMOVE_FROM_CART CHECKOUT_START WISHLIST IMPRESSION "
         "CLICK DISLIKE",
         EVENT_DISLIKE},
        {"order_event", "OrderStatus",
         "UNKNOWN PLACED PAID SHIPPED DELIVERED CANCELLED RETURNED", ORDER_RETURNED},
        {"user", "Channel", "UNKNOWN PUSH EMAIL SOCIAL SEO ONSITE", CHANNEL_ONSITE},
        {"user", "Purpose", "UNKNOWN TRANSACTIONAL MARKETING PROFILING ADS", PURPOSE_ADS},
        {"engagement_event", "EngagementType",
         "UNKNOWN DELIVERED OPENED CLICKED BOUNCED COMPLAINED UNSUBSCRIBED FAILED",
         ENGAGEMENT_FAILED},
        {"recommendation", "Reason", "UNKNOWN COVISITATION FACTORS RECENT POPULAR",
         REASON_POPULAR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(enums) / sizeof(*enums); i++) {
        json_t *json = parsed(avsc_find(enums[i].file));

        each_named(json, find_enum, &enums[i]);
        json_decref(json);
    }
}

static enum status fits(const char *writer, const char *reader, struct error *err)
{
    struct schema w, r;
    struct arena arena;
    struct avro_plan *plan = NULL;

    assert_int_equal(schema_init(&w, writer, strlen(writer), err), OK);
    assert_int_equal(schema_init(&r, reader, strlen(reader), err), OK);
    arena_init(&arena, PAIR_ARENA_BYTES);
    enum status status = avro_plan_make(&w, &r, generic_slot(r.root, &arena), &plan, err);

    avro_plan_close(plan);
    arena_deinit(&arena);
    schema_deinit(&w);
    schema_deinit(&r);
    return status;
}

/* As people will change it: a field with a default more, in front of the others. */
static char *next_version(const struct avsc *avsc)
{
    json_t *json = parsed(avsc);
    json_t *field = json_pack("{s:s, s:[s,s], s:n, s:s}", "name", "added_later", "type", "null",
                              "string", "default", "doc", "A field of the next version.");
    char *text;

    assert_int_equal(json_array_insert_new(json_object_get(json, "fields"), 0, field), 0);
    text = json_dumps(json, 0);
    json_decref(json);
    return text;
}

static void every_schema_resolves_with_its_neighbours(void **state)
{
    (void)state;
    for (unsigned i = 0; i < n_avsc_files; i++) {
        const char *now = avsc_files[i].json;
        char *next = next_version(&avsc_files[i]);
        struct error err = {0};

        if (fits(now, now, &err) != OK || fits(now, next, &err) != OK ||
            fits(next, now, &err) != OK)
            fail_msg("%s: %s", avsc_files[i].name, err.text);
        free(next);
    }
}

static void every_record_type_fits_its_struct(void **state)
{
    static const struct record_type *const types[] = {
        &click_event_type,   &order_event_type,        &catalog_item_type,   &user_record_type,
        &review_event_type,  &engagement_event_type,   &recommendation_type, &push_message_type,
        &email_message_type, &suppressed_message_type,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        const struct record_codec *codec =
            record_codec_get(types[i]); /* stops if it does not */

        assert_non_null(codec->encoder);
        assert_string_equal(record_type_schema(types[i]),
                            avsc_find(record_type_name(types[i]))->json);
        /* no field of the schema is left without a member */
        assert_int_equal(codec->schema.root->n, types[i]->slot->n);
    }
    assert_int_equal(record_type_size(&click_event_type), sizeof(struct click_event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_has_its_file),
        cmocka_unit_test(every_field_has_a_doc),
        cmocka_unit_test(enums_and_optionals_have_the_agreed_form),
        cmocka_unit_test(type_of_one_name_is_the_same_in_every_file),
        cmocka_unit_test(enums_are_those_of_records_h),
        cmocka_unit_test(every_schema_resolves_with_its_neighbours),
        cmocka_unit_test(every_record_type_fits_its_struct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
