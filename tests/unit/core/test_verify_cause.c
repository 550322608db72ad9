/* Which record an output says it comes from; what anybody may write there is no cause of ours.
 */
#include "tests/support/test_support.h"

#include "core/verify_private.h"

#include <stdlib.h>

static struct settings settings;

static int set_up(void **state)
{
    (void)state;
    settings_init(&settings);
    strcpy(settings.topics.orders, "shop.orders");
    return 0;
}

static struct verify_cause cause_of_text(const char *source)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);

    rd_kafka_header_add(headers, "freshet.source", -1, source, -1);
    struct verify_cause cause = verify_cause_of(&settings, SINK_RECOMMENDATIONS, headers);

    rd_kafka_headers_destroy(headers);
    return cause;
}

static void assert_cause(const char *source, int kind, int32_t partition, int64_t number)
{
    struct verify_cause cause = cause_of_text(source);
    char text[300];

    assert_int_equal(cause.kind, kind);
    assert_int_equal(cause.partition, partition);
    assert_int_equal(cause.number, number);
    assert_string_equal(verify_cause_text(&settings, cause, text, sizeof(text)),
                        kind == CAUSE_NONE ? "" : source);
}

static void a_source_is_topic_partition_and_number(void **state)
{
    (void)state;
    assert_cause("clickstream/3/17", INPUT_CLICKSTREAM, 3, 17);
    assert_cause("users/0/0", INPUT_USERS, 0, 0);
    assert_cause("catalog/1/999999999999999999", INPUT_CATALOG, 1, 999999999999999999);
    assert_cause("journal/2/5", CAUSE_JOURNAL, 2, 5);
}

static void a_renamed_topic_is_known_by_its_name(void **state)
{
    (void)state;
    assert_cause("shop.orders/0/1", INPUT_ORDERS, 0, 1);
    assert_cause("orders/0/1", CAUSE_NONE, 0, 0);
}

static void anything_else_is_no_cause(void **state)
{
    static const char *const forged[] = {
        "",
        "clickstream",
        "clickstream/1",
        "/1/2",
        "clickstream//2",
        "clickstream/1/",
        "clickstream/-1/2",
        "clickstream/1/2x",
        "clickstream/4294967296/2",
        "clickstream/1/99999999999999999999",
        "clickstream/0/1/2",
        "elsewhere/0/1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
        assert_cause(forged[i], CAUSE_NONE, 0, 0);
    assert_int_equal(verify_cause_of(&settings, SINK_RECOMMENDATIONS, NULL).kind, CAUSE_NONE);
}

/* A dead letter that was fed in again holds the headers of its first death, and ours behind. */
static void a_dead_letters_own_headers_come_last(void **state)
{
    static const char *const lines[][2] = {
        {"freshet.source", "clickstream/0/1"},  {"freshet.error.topic", "users"},
        {"freshet.error.partition", "7"},       {"freshet.error.offset", "8"},
        {"freshet.error.topic", "clickstream"}, {"freshet.error.partition", "2"},
        {"freshet.error.offset", "30"},
    };
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        rd_kafka_header_add(headers, lines[i][0], -1, lines[i][1], -1);
    struct verify_cause cause = verify_cause_of(&settings, SINK_DEAD_LETTER, headers);

    assert_int_equal(cause.kind, INPUT_CLICKSTREAM);
    assert_int_equal(cause.partition, 2);
    assert_int_equal(cause.number, 30);
    rd_kafka_headers_destroy(headers);
}

static void headers_are_flattened_in_their_order(void **state)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(3);
    struct verify_buffer flat = {0};

    (void)state;
    rd_kafka_header_add(headers, "b", -1, "1\0002", 3);
    rd_kafka_header_add(headers, "a", -1, NULL, 0);
    rd_kafka_header_add(headers, "a", -1, "", 0);
    assert_true(verify_headers_flatten(headers, &flat));
    assert_int_equal(flat.n, 11);
    assert_memory_equal(flat.bytes, "b=1\0002\na\na=\n", 11);
    assert_true(verify_headers_flatten(NULL, &flat));
    assert_int_equal(flat.n, 11);
    free(flat.bytes);
    rd_kafka_headers_destroy(headers);
}

static enum status keep_one(void *context, const struct sink_record *record, struct error *err)
{
    struct verify_output *kept = context;

    (void)err;
    kept->topic = record->topic;
    kept->timestamp_ms = record->timestamp_ms;
    kept->cause = verify_cause_of(&settings, record->topic, record->headers);
    return OK;
}

/* The pipeline cannot tell it from Kafka: every call is answered, offsets grow. */
static void a_capturing_sink_shows_records_and_writes_nothing(void **state)
{
    struct verify_output kept = {0};
    struct sink *sink;
    int64_t first = -1, second = -1;
    struct sink_record record = {.topic = SINK_SUPPRESSED,
                                 .key = str_of("anna"),
                                 .timestamp_ms = 5,
                                 .headers = sink_headers(str_of("journal/1/9"), str_of("v")),
                                 .out_offset = &first};

    (void)state;
    assert_int_equal(sink_open_capture(&(struct sink_capture){keep_one, &kept}, &sink, NULL),
                     OK);
    assert_int_equal(sink_begin(sink, NULL), SINK_OK);
    assert_int_equal(sink_put(sink, &record, NULL), OK);
    assert_int_equal(kept.topic, SINK_SUPPRESSED);
    assert_int_equal(kept.timestamp_ms, 5);
    assert_int_equal(kept.cause.kind, CAUSE_JOURNAL);
    assert_int_equal(kept.cause.number, 9);
    record.headers = NULL;
    record.out_offset = &second;
    assert_int_equal(sink_put(sink, &record, NULL), OK);
    assert_int_equal(first, 0);
    assert_int_equal(second, 1);
    assert_int_equal(sink_send_offsets(sink, NULL, NULL, NULL), SINK_OK);
    assert_int_equal(sink_commit(sink, NULL), SINK_OK);
    assert_int_equal(sink_abort(sink, NULL), SINK_OK);
    sink_close(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_source_is_topic_partition_and_number, set_up),
        cmocka_unit_test_setup(a_renamed_topic_is_known_by_its_name, set_up),
        cmocka_unit_test_setup(anything_else_is_no_cause, set_up),
        cmocka_unit_test_setup(a_dead_letters_own_headers_come_last, set_up),
        cmocka_unit_test_setup(headers_are_flattened_in_their_order, set_up),
        cmocka_unit_test_setup(a_capturing_sink_shows_records_and_writes_nothing, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
