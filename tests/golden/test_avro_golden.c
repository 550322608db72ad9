/*
 * The wire bytes of every record type, as fastavro writes them (make_avro_golden.py): our
 * encoder writes the same ones, and what we decode encodes to them again. In every record each
 * value differs from the others, so that two members taken for each other would show.
 */
#include "schemas/avro_codec.h"
#include "schemas/records.h"
#include "tests/support/test_support.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORD_MAX = 4096 };

#define S(text)                                                                                \
    {                                                                                          \
        text, sizeof(text) - 1                                                                 \
    }

static const struct map_entry click_attributes[] = {{S("größe"), S("15")}, {S("k-16"), S("")}};
static const struct click_event click = {
    .event_id = S("e-1"),
    .user_id = S("u-2"),
    .session_id = S("s-3"),
    .type = EVENT_ADD_TO_CART,
    .item_id = S("i-4"),
    .event_time = 1700000000005,
    .query = S("q-6"),
    .quantity = 7,
    .price_e4 = {true, 80900},
    .currency = S("EUR"),
    .request_id = S("r-10"),
    .message_id = S("m-11"),
    .position = {true, -12},
    .device = S("d-13"),
    .locale = S("l-14"),
    .attributes = {(struct map_entry *)(uintptr_t)click_attributes, 2},
};

static const struct order_line order_lines[] = {
    {S("i-6"), 7, 999999999999999999},
    {S("i-8"), 9, -999999999999999999},
};
static const struct order_event order = {
    .event_id = S("e-1"),
    .order_id = S("o-2"),
    .user_id = S("u-3"),
    .status = ORDER_RETURNED,
    .event_time = 4,
    .currency = S("c-5"),
    .lines = {(struct order_line *)(uintptr_t)order_lines, 2},
    .message_id = S("m-10"),
};

static const struct str categories[] = {S("c-4"), S("c-5")};
static const struct str media[] = {S("m-9")};
static const struct map_entry item_attributes[] = {{S("k-7"), S("v-8")}};
static const struct catalog_item item = {
    .item_id = S("i-1"),
    .title = S("t-2"),
    .description = S("d-3"),
    .category = {(struct str *)(uintptr_t)categories, 2},
    .price_e4 = 0,
    .currency = S("c-6"),
    .stock = {true, 5000000000},
    .available = true,
    .attributes = {(struct map_entry *)(uintptr_t)item_attributes, 1},
    .media = {(struct str *)(uintptr_t)media, 1},
    .url = S("u-10"),
    .locale = S("l-11"),
    .updated_time = 12,
};

static const struct consent consents[] = {
    {CHANNEL_PUSH, PURPOSE_ADS, true, 4, S("m-5"), {NULL, 0}},
    {CHANNEL_ONSITE, PURPOSE_PROFILING, false, -6, {NULL, 0}, S("v-7")},
};
static const struct user_record user = {
    .user_id = S("u-1"),
    .locale = S("l-2"),
    .time_zone = S("t-3"),
    .consents = {(struct consent *)(uintptr_t)consents, 2},
    .quiet_from = S("21:00"),
    .quiet_to = S("08:00"),
    .updated_time = 8,
};

static const struct engagement_event engagement = {
    .event_id = S("e-1"),
    .user_id = S("u-2"),
    .message_id = S("m-3"),
    .channel = CHANNEL_SEO,
    .type = ENGAGEMENT_UNSUBSCRIBED,
    .event_time = 4,
};

static const struct review_event review = {
    .review_id = S("r-1"),
    .user_id = S("u-2"),
    .item_id = S("i-3"),
    .rating = 4,
    .text = S("鞋子 👍"),
    .locale = S("l-5"),
    .order_id = S("o-6"),
    .event_time = 7,
};

static const struct recommended_item recommended[] = {
    {S("i-6"), 0.5f, REASON_RECENT, 0.125f},
    {S("i-7"), -1.5f, REASON_UNKNOWN, 1.0f},
};
static const struct recommendation recommendation = {
    .request_id = S("r-1"),
    .user_id = S("u-2"),
    .trigger_event_id = S("e-3"),
    .event_time = 4,
    .model = S("m-5"),
    .items = {(struct recommended_item *)(uintptr_t)recommended, 2},
};

static const struct message_item message_items[] = {
    {S("i-13"), REASON_FACTORS, 141500, S("c-16"), 17},
    {S("i-18"), REASON_POPULAR, -19, S("c-20"), 21},
};
static const struct message_fact message_facts[] = {{S("s-22"), S("f-23"), S("v-24"), 25}};
static const struct map_entry headers[] = {{S("List-Unsubscribe"), S("u-44")}};
static const struct message message = {
    .message_id = S("m-1"),
    .user_id = S("u-2"),
    .item_id = S("i-3"),
    .channel = CHANNEL_EMAIL,
    .purpose = PURPOSE_MARKETING,
    .campaign = S("c-4"),
    .step = 5,
    .trigger = {S("t-6"), S("e-7"), 1008},
    .event_time = 1009,
    .not_before = 1010,
    .expires_at = 1011,
    .locale = S("l-12"),
    .title = S("t-37"),
    .body = S("b-38"),
    .deep_link = S("d-39"),
    .subject = S("s-40"),
    .preheader = S("p-41"),
    .html = S("h-42"),
    .text = S("t-43"),
    .headers = {(struct map_entry *)(uintptr_t)headers, 1},
    .items = {(struct message_item *)(uintptr_t)message_items, 2},
    .facts = {(struct message_fact *)(uintptr_t)message_facts, 1},
    .generated = {S("t-26"), S("m-27"), S("t-28"), S("v-29"), S("c-30"), S("a-31")},
    .choice = {S("l-32"), S("a-33"), 0.25f, S("v-34")},
    .consent = {35, S("b-36")},
};

static const struct suppressed_message suppressed = {
    .message_id = S("m-1"),
    .user_id = S("u-2"),
    .channel = CHANNEL_SOCIAL,
    .purpose = PURPOSE_TRANSACTIONAL,
    .campaign = S("c-3"),
    .step = 4,
    .gate = S("g-5"),
    .reason = S("r-6"),
    .detail = S("d-7"),
    .rule_version = S("v-8"),
    .event_time = 9,
};

static const struct golden {
    const struct record_type *type;
    const void *record;
} goldens[] = {
    {&click_event_type, &click},
    {&order_event_type, &order},
    {&catalog_item_type, &item},
    {&user_record_type, &user},
    {&engagement_event_type, &engagement},
    {&review_event_type, &review},
    {&recommendation_type, &recommendation},
    {&push_message_type, &message},
    {&email_message_type, &message},
    {&suppressed_message_type, &suppressed},
};

enum { N_GOLDENS = sizeof(goldens) / sizeof(*goldens) };

/* The bytes of line `name` of the file; their number. */
static size_t golden_bytes(const char *name, uint8_t *out)
{
    static char line[3 * RECORD_MAX];
    size_t n = 0, skip = strlen(name) + 1;
    FILE *file = fopen("tests/golden/avro_golden.txt", "r");

    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, name, skip - 1) != 0 || line[skip - 1] != ' ')
            continue;
        for (const char *hex = line + skip; hex[0] > ' '; hex += 2)
            out[n++] = (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
    }
    fclose(file);
    assert_true(n > 0);
    return n;
}

static void encoder_writes_what_fastavro_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        uint8_t golden[RECORD_MAX], ours[RECORD_MAX];
        size_t n = golden_bytes(record_type_name(goldens[i].type), golden);

        assert_int_equal(avro_encode(goldens[i].type, goldens[i].record, ours, RECORD_MAX), n);
        assert_memory_equal(ours, golden, n);
    }
}

static void decoded_record_encodes_to_the_same_bytes(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const struct record_type *type = goldens[i].type;
        uint8_t golden[RECORD_MAX], again[RECORD_MAX];
        size_t n = golden_bytes(record_type_name(type), golden);
        const char *schema = record_type_schema(type);
        void *record = malloc(record_type_size(type));
        struct avro_plan *plan = NULL;

        assert_int_equal(avro_plan_open(schema, strlen(schema), type, &plan, NULL), OK);
        assert_int_equal(avro_decode(plan, golden, n, &arena, record), AVRO_OK);
        assert_int_equal(avro_encode(type, record, again, RECORD_MAX), n);
        assert_memory_equal(again, golden, n);
        avro_plan_close(plan);
        free(record);
    }
    arena_deinit(&arena);
}

static void encoder_needs_exactly_the_room_it_fills(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        uint8_t ours[RECORD_MAX];
        size_t n = avro_encode(goldens[i].type, goldens[i].record, ours, RECORD_MAX);

        for (size_t capacity = 0; capacity < n; capacity++) {
            uint8_t *exact = malloc(capacity + 1); /* a sanitizer sees a byte too far */

            assert_int_equal(avro_encode(goldens[i].type, goldens[i].record, exact, capacity),
                             0);
            free(exact);
        }
        uint8_t *exact = malloc(n);

        assert_int_equal(avro_encode(goldens[i].type, goldens[i].record, exact, n), n);
        assert_memory_equal(exact, ours, n);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoder_writes_what_fastavro_writes),
        cmocka_unit_test(decoded_record_encodes_to_the_same_bytes),
        cmocka_unit_test(encoder_needs_exactly_the_room_it_fills),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
