/* The public face: plans for our record types, what a struct holds after them, and encoding. */
#include "schemas/avsc.h"
#include "schemas/records.h"
#include "tests/unit/schemas/avro_pair.h"

#include <pthread.h>

enum { RECORD_MAX = 1024, ARENA_BYTES = 1 << 20 };

#define S(text) ((struct str){text, sizeof(text) - 1})

static struct avro_plan *plan_of(const char *json, const struct record_type *type)
{
    struct avro_plan *plan = NULL;
    struct error err = {0};

    if (avro_plan_open(json, strlen(json), type, &plan, &err) != OK)
        fail_msg("%s", err.text);
    return plan;
}

/* A plan from our own schema. */
static struct avro_plan *own_plan(const struct record_type *type)
{
    return plan_of(record_type_schema(type), type);
}

static void click_of_the_first_schema_gets_todays_defaults(void **state)
{
    static const char first[] = "{'type':'record','name':'ClickEvent','namespace':'freshet',"
                                "'fields':[{'name':'event_id','type':'string'},"
                                "{'name':'user_id','type':'string'},"
                                "{'name':'type','type':{'type':'enum','name':'EventType',"
                                "'symbols':['VIEW','DANCE']}},"
                                "{'name':'event_time','type':'long'}]}";
    char *json = quoted(first);
    struct avro_plan *plan = plan_of(json, &click_event_type);
    struct click_event click;
    struct arena arena;

    (void)state;
    free(json);
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(
        avro_decode(plan, (const uint8_t *)"\x02\x65\x02u\x00\x06", 6, &arena, &click),
        AVRO_OK);
    assert_true(str_equal(click.event_id, S("e")));
    assert_true(str_equal(click.user_id, S("u")));
    assert_int_equal(click.type, EVENT_VIEW);
    assert_int_equal(click.event_time, 3);
    assert_int_equal(click.quantity, 1);
    assert_null(click.session_id.ptr);
    assert_false(click.price_e4.has);
    assert_false(click.position.has);
    assert_int_equal(click.attributes.n, 0);
    /* a symbol that we do not know yet */
    assert_int_equal(
        avro_decode(plan, (const uint8_t *)"\x02\x65\x02u\x02\x06", 6, &arena, &click),
        AVRO_OK);
    assert_int_equal(click.type, EVENT_UNKNOWN);
    avro_plan_close(plan);
    arena_deinit(&arena);
}

static void strings_point_into_the_bytes(void **state)
{
    struct avro_plan *plan = own_plan(&engagement_event_type);
    static const uint8_t bytes[] = "\x02\x65\x02u\x02m\x04\x02\x06";
    struct engagement_event event;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0); /* nothing is taken from it */
    assert_int_equal(avro_decode(plan, bytes, sizeof(bytes) - 1, &arena, &event), AVRO_OK);
    assert_ptr_equal(event.event_id.ptr, bytes + 1);
    assert_ptr_equal(event.message_id.ptr, bytes + 5);
    assert_int_equal(event.channel, CHANNEL_EMAIL);
    assert_int_equal(event.type, ENGAGEMENT_DELIVERED);
    avro_plan_close(plan);
    arena_deinit(&arena);
}

static void bytes_behind_the_record_are_trailing(void **state)
{
    struct avro_plan *plan = own_plan(&engagement_event_type);
    static const uint8_t bytes[] = "\x02\x65\x02u\x02m\x04\x02\x06";
    struct engagement_event event;
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(avro_decode(plan, bytes, sizeof(bytes), &arena, &event), AVRO_TRAILING);
    assert_int_equal(avro_decode(plan, bytes, sizeof(bytes) - 2, &arena, &event), AVRO_BAD);
    assert_int_equal(avro_decode(plan, NULL, 0, &arena, &event), AVRO_BAD);
    avro_plan_close(plan);
    arena_deinit(&arena);
}

static void id_that_is_no_utf8_is_a_bad_value(void **state)
{
    struct avro_plan *plan = own_plan(&engagement_event_type);
    struct engagement_event event;
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(
        avro_decode(plan, (const uint8_t *)"\x02\xff\x02u\x02m\x04\x02\x06", 9, &arena, &event),
        AVRO_VALUE);
    avro_plan_close(plan);
    arena_deinit(&arena);
}

static void schema_that_does_not_fit_is_told_with_its_field(void **state)
{
    struct avro_plan *plan = NULL;
    struct error err = {0};
    char *json = quoted("{'type':'record','name':'EngagementEvent','fields':["
                        "{'name':'event_id','type':'long'}]}");

    (void)state;
    assert_int_equal(avro_plan_open(json, strlen(json), &engagement_event_type, &plan, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "'event_id'"));
    assert_null(plan);
    assert_int_equal(avro_plan_open("{", 1, &engagement_event_type, &plan, &err), ERR_INVALID);
    assert_null(plan);
    assert_int_equal(avro_plan_open("{", 1, &engagement_event_type, &plan, NULL), ERR_INVALID);
    avro_plan_close(NULL);
    free(json);
}

static void absent_required_text_is_written_empty(void **state)
{
    struct engagement_event event = {
        .user_id = S("u"), .channel = CHANNEL_SEO, .event_time = 1};
    uint8_t out[RECORD_MAX];

    (void)state;
    assert_int_equal(avro_encode(&engagement_event_type, &event, out, sizeof(out)), 7);
    assert_memory_equal(out, "\x00\x02u\x00\x08\x00\x02", 7);
}

static void value_that_cannot_be_written_gives_nothing(void **state)
{
    struct engagement_event event = {.channel = CHANNEL_ONSITE + 1};
    struct catalog_item item = {.price_e4 = 1000000000000000000}; /* 10^18 */
    uint8_t out[RECORD_MAX];

    (void)state;
    assert_int_equal(avro_encode(&engagement_event_type, &event, out, sizeof(out)), 0);
    event.channel = -1;
    assert_int_equal(avro_encode(&engagement_event_type, &event, out, sizeof(out)), 0);
    assert_int_equal(avro_encode(&catalog_item_type, &item, out, sizeof(out)), 0);
    item.price_e4--;
    assert_true(avro_encode(&catalog_item_type, &item, out, sizeof(out)) > 0);
}

static void decimals_take_the_fewest_bytes(void **state)
{
    static const struct {
        int64_t value;
        size_t size;
        const char *bytes;
    } cases[] = {
        {0, 1, "\x00"},    {127, 1, "\x7f"},       {128, 2, "\x00\x80"},
        {-128, 1, "\x80"}, {-129, 2, "\xff\x7f"},  {255, 2, "\x00\xff"},
        {-1, 1, "\xff"},   {32767, 2, "\x7f\xff"}, {32768, 3, "\x00\x80\x00"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct order_line line = {.unit_price_e4 = cases[i].value};
        struct order_event order = {.lines = {&line, 1}};
        uint8_t out[RECORD_MAX];
        size_t n = avro_encode(&order_event_type, &order, out, sizeof(out));
        /* …, one line: "", 0, length, the decimal; the end, two nulls */
        const uint8_t *length = out + n - 3 - cases[i].size - 1;

        assert_int_equal(*length, 2 * cases[i].size);
        assert_memory_equal(length + 1, cases[i].bytes, cases[i].size);
    }
}

static void channels_have_their_message_types(void **state)
{
    (void)state;
    assert_ptr_equal(message_record_type(CHANNEL_PUSH), &push_message_type);
    assert_ptr_equal(message_record_type(CHANNEL_EMAIL), &email_message_type);
    assert_null(message_record_type(CHANNEL_UNKNOWN));
    assert_null(message_record_type(CHANNEL_ONSITE));
    assert_null(message_record_type(-1));
}

static void *encode_often(void *unused)
{
    struct review_event review = {.rating = 5};
    uint8_t out[RECORD_MAX];
    size_t sum = 0;

    (void)unused;
    for (int i = 0; i < 1000; i++)
        sum += avro_encode(&review_event_type, &review, out, sizeof(out));
    return (void *)(uintptr_t)sum;
}

/* The type is made by whoever comes first; nobody sees it half made. */
static void threads_may_use_a_type_for_the_first_time_at_once(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *sum;

        assert_int_equal(pthread_join(threads[i], &sum), 0);
        assert_int_equal((uintptr_t)sum, 8 * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_may_use_a_type_for_the_first_time_at_once),
        cmocka_unit_test(click_of_the_first_schema_gets_todays_defaults),
        cmocka_unit_test(strings_point_into_the_bytes),
        cmocka_unit_test(bytes_behind_the_record_are_trailing),
        cmocka_unit_test(id_that_is_no_utf8_is_a_bad_value),
        cmocka_unit_test(schema_that_does_not_fit_is_told_with_its_field),
        cmocka_unit_test(absent_required_text_is_written_empty),
        cmocka_unit_test(value_that_cannot_be_written_gives_nothing),
        cmocka_unit_test(decimals_take_the_fewest_bytes),
        cmocka_unit_test(channels_have_their_message_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
