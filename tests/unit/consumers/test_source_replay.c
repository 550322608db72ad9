/*
 * The merge over librdkafka's mock cluster: real sockets, the real protocol, five topics of one
 * partition, and positions as a journal would name them.
 */
#include "tests/support/test_support.h"

#include "consumers/log_set.h"
#include "consumers/source_replay.h"
#include "schemas/avro_codec.h"
#include "tests/support/http_fake.h"
#include "tests/support/kafka_mock.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define T0 1700000000000 /* a time of day of ours; what matters is what is added to it */

enum { CLICK_SCHEMA = 1, ORDER_SCHEMA = 2, LATE_MAX_MS = 1000 };

static struct kafka_mock mock;
static struct http_fake *fake;
static struct registry *registry;
static struct settings settings;
static struct event_batch batch;
static struct task_position start;

/* ---- cluster, registry, records ---- */

static struct http_fake_answer answer_schema(void *context,
                                             const struct http_fake_request *request)
{
    static char *body;
    bool click = strstr(request->path, "/1") != NULL;
    json_t *answer = json_pack(
        "{s:s}", "schema", record_type_schema(click ? &click_event_type : &order_event_type));

    (void)context;
    free(body);
    body = json_dumps(answer, 0);
    json_decref(answer);
    return (struct http_fake_answer){.status = 200, .body = body};
}

/* What a test finds in the topics is not its own: it begins at their ends. */
static int begin_at_ends(void **state)
{
    const char *const topics[N_USER_TOPICS] = {
        [INPUT_USERS] = settings.topics.users,
        [INPUT_CLICKSTREAM] = settings.topics.clickstream,
        [INPUT_ENGAGEMENT] = settings.topics.engagement,
        [INPUT_ORDERS] = settings.topics.orders,
        [INPUT_REVIEWS] = settings.topics.reviews,
    };
    int64_t low;

    (void)state;
    task_position_init(&start);
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        if (rd_kafka_query_watermark_offsets(mock.producer, topics[topic], 0, &low,
                                             &start.next[topic], KAFKA_MOCK_TIMEOUT_MS))
            return 1;
    }
    return 0;
}

static int open_all(void **state)
{
    char url[64];

    (void)state;
    kafka_mock_open(&mock, &settings);
    settings.late_max_ms = LATE_MAX_MS;
    kafka_mock_topic(&mock, settings.topics.users, 1);
    kafka_mock_topic(&mock, settings.topics.clickstream, 1);
    kafka_mock_topic(&mock, settings.topics.engagement, 1);
    kafka_mock_topic(&mock, settings.topics.orders, 1);
    kafka_mock_topic(&mock, settings.topics.reviews, 1);
    fake = http_fake_open(answer_schema, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", http_fake_port(fake));
    return registry_open(&(struct registry_options){.url = url}, &registry, NULL) == OK ? 0 : 1;
}

static int close_all(void **state)
{
    (void)state;
    registry_close(registry);
    http_fake_close(fake);
    kafka_mock_close(&mock);
    return 0;
}

static void put(const char *topic, const char *key, const void *value, size_t n,
                int64_t time_ms)
{
    kafka_mock_put(&mock, topic, 0, key, value, n, time_ms);
    kafka_mock_flush(&mock);
}

static void put_record(const char *topic, int id, const struct record_type *type,
                       const void *record, int64_t time_ms)
{
    uint8_t bytes[1024] = {0, 0, 0, 0, (uint8_t)id};
    size_t n = avro_encode(type, record, bytes + 5, sizeof(bytes) - 5);

    assert_true(n > 0);
    put(topic, "anna", bytes, n + 5, time_ms);
}

static void put_click(int64_t after_ms)
{
    char id[32];

    snprintf(id, sizeof(id), "c%lld", (long long)after_ms);
    struct click_event click = {.event_id = str_of(id),
                                .user_id = str_of("anna"),
                                .type = EVENT_VIEW,
                                .item_id = str_of("teapot"),
                                .event_time = T0 + after_ms,
                                .quantity = 1};

    put_record(settings.topics.clickstream, CLICK_SCHEMA, &click_event_type, &click,
               T0 + after_ms);
}

static void put_order(int64_t after_ms)
{
    char id[32];

    snprintf(id, sizeof(id), "o%lld", (long long)after_ms);
    struct order_event order = {.event_id = str_of(id),
                                .order_id = str_of(id),
                                .user_id = str_of("anna"),
                                .status = ORDER_PLACED,
                                .event_time = T0 + after_ms,
                                .currency = str_of("GBP")};

    put_record(settings.topics.orders, ORDER_SCHEMA, &order_event_type, &order, T0 + after_ms);
}

static void put_user_tombstone(int64_t after_ms)
{
    put(settings.topics.users, "anna", NULL, 0, T0 + after_ms);
}

/* ---- taking ---- */

static struct source *open_source(bool (*unknown)(void *, enum input_topic, int32_t, int64_t))
{
    struct source *source = NULL;
    struct error err = {0};

    if (source_open_replay(&(struct source_replay_options){.settings = &settings,
                                                           .registry = registry,
                                                           .n_partitions = 1,
                                                           .positions = &start,
                                                           .timeout_ms = KAFKA_MOCK_TIMEOUT_MS,
                                                           .schema_was_unknown = unknown},
                           &source, &err) != OK)
        fail_msg("%s", err.text);
    return source;
}

/* Takes the segment and writes it as "topic+time …" with the first letter of the topic and the
 * time after T0, or the fate of what was refused. */
static enum status take(struct source *source, const struct position_segment *segment,
                        bool last, char *out, struct error *err)
{
    source_begin_segment(source, 0, segment);
    for (;;) {
        TRY(source_take(source, &batch, err));
        if (batch.n == 0 && !source_waits_for_schema(source))
            break;
        if (batch.n == 0)
            usleep(1000);
        for (uint32_t lane = 0; lane < batch.n; lane++) {
            char letter = input_topic_name((enum input_topic)batch.topic[lane])[0];

            if (batch.fate[lane] == EVENT_LIVE)
                out += sprintf(out, "%c%lld ", letter, (long long)(batch.time_ms[lane] - T0));
            else
                out += sprintf(out, "%c:%s ", letter,
                               event_fate_name((enum event_fate)batch.fate[lane]));
        }
        source_release(source, &batch);
    }
    source_end_segment(source, 0, last);
    *out = '\0';
    return OK;
}

/* So many records of each topic beyond where the test begins. */
static struct position_segment until(int64_t users, int64_t clicks, int64_t orders)
{
    struct position_segment segment = {.clock_ms = INT64_MIN};

    memcpy(segment.next, start.next, sizeof(segment.next));
    segment.next[INPUT_USERS] += users;
    segment.next[INPUT_CLICKSTREAM] += clicks;
    segment.next[INPUT_ORDERS] += orders;
    return segment;
}

/* ---- tests ---- */

static void users_come_first_then_the_smaller_time(void **state)
{
    struct position_segment all = until(1, 2, 1);
    char text[512];

    (void)state;
    put_click(100);
    put_click(300);
    put_order(200);
    put_user_tombstone(900);
    struct source *source = open_source(NULL);

    assert_int_equal(take(source, &all, true, text, NULL), OK);
    assert_string_equal(text, "u900 c100 o200 c300 ");
    source_close(source, false);
}

/* Live, the order had not come yet when the clicks were taken: the journal says so. */
static void what_came_later_is_taken_later(void **state)
{
    struct task_position stand;
    struct position_segment first = until(0, 2, 0), second = until(0, 2, 1);
    char text[512];

    (void)state;
    put_click(100);
    put_click(300);
    put_order(50);
    struct source *source = open_source(NULL);

    assert_int_equal(take(source, &first, false, text, NULL), OK);
    assert_string_equal(text, "c100 c300 ");
    assert_int_equal(take(source, &second, true, text, NULL), OK);
    assert_string_equal(text, "o50 ");

    task_position_init(&stand);
    source_position(source, 0, &stand);
    assert_int_equal(stand.n_segments, 2);
    assert_memory_equal(stand.segments[0].next, first.next, sizeof(first.next));
    assert_memory_equal(stand.segments[1].next, second.next, sizeof(second.next));
    assert_int_equal(stand.clock_ms, T0 + 300);
    source_close(source, false);
}

/* A head beyond the segment's end was there live, and lost against those before it. */
static void nothing_beyond_the_segment_is_taken(void **state)
{
    struct position_segment first = until(0, 1, 0), second = until(0, 3, 1);
    char text[512];

    (void)state;
    put_click(100);
    put_click(200);
    put_click(400);
    put_order(300);
    struct source *source = open_source(NULL);

    assert_int_equal(take(source, &first, true, text, NULL), OK);
    source_begin_segments(source, 0);
    assert_string_equal(text, "c100 ");
    assert_int_equal(take(source, &second, true, text, NULL), OK);
    assert_string_equal(text, "c200 o300 c400 ");
    source_close(source, false);
}

static void lateness_is_judged_from_the_position_on(void **state)
{
    struct position_segment all = until(0, 3, 0);
    char text[512];

    (void)state;
    start.next[INPUT_CLICKSTREAM]++;
    start.max_time_ms[INPUT_CLICKSTREAM] = T0 + LATE_MAX_MS + 200;
    put_click(0); /* before the position: not taken */
    put_click(199);
    put_click(200);
    struct source *source = open_source(NULL);

    assert_int_equal(take(source, &all, true, text, NULL), OK);
    assert_string_equal(text, "c:too_late c200 ");
    source_close(source, false);
}

static bool second_click_was_unknown(void *context, enum input_topic topic, int32_t partition,
                                     int64_t offset)
{
    (void)context;
    return topic == INPUT_CLICKSTREAM && partition == 0 &&
           offset == start.next[INPUT_CLICKSTREAM] + 1;
}

static void an_unknown_schema_stays_unknown(void **state)
{
    struct position_segment all = until(0, 3, 0);
    char text[512];

    (void)state;
    put_click(100);
    put_click(200);
    put_click(300);
    struct source *source = open_source(second_click_was_unknown);

    assert_int_equal(take(source, &all, true, text, NULL), OK);
    assert_string_equal(text, "c100 c:unknown_schema c300 ");
    source_close(source, false);
}

static void a_topic_that_ends_too_early_is_named(void **state)
{
    struct position_segment beyond = until(0, 2, 0);
    struct error err = {0};
    char text[512], wanted[80];

    (void)state;
    put_click(100);
    snprintf(wanted, sizeof(wanted), "ends at offset %lld, but the journal names %lld",
             (long long)start.next[INPUT_CLICKSTREAM] + 1,
             (long long)start.next[INPUT_CLICKSTREAM] + 2);
    struct source *source = open_source(NULL);

    assert_int_equal(take(source, &beyond, true, text, &err), ERR_IO);
    assert_non_null(strstr(err.text, settings.topics.clickstream));
    assert_non_null(strstr(err.text, wanted));
    source_close(source, false);
}

/* ---- the log set beneath ---- */

static void partitions_are_read_each_at_its_own_pace(void **state)
{
    int64_t clicks = start.next[INPUT_CLICKSTREAM], orders = start.next[INPUT_ORDERS];
    struct log_partition partitions[] = {{.topic = settings.topics.clickstream, .next = clicks},
                                         {.topic = settings.topics.orders, .next = orders + 1}};
    const rd_kafka_message_t *peeked, *again;
    struct log_set *set;

    (void)state;
    put_click(1);
    put_click(2);
    put_order(1);
    put_order(2);
    assert_int_equal(
        log_set_open(&settings, partitions, 2, 0, KAFKA_MOCK_TIMEOUT_MS, &set, NULL), OK);
    put_click(3); /* behind the end seen at open */
    assert_int_equal(log_set_peek(set, 1, &peeked, NULL), OK);
    assert_int_equal(peeked->offset, orders + 1);
    assert_int_equal(log_set_peek(set, 1, &again, NULL), OK);
    assert_ptr_equal(again, peeked);
    assert_int_equal(partitions[1].next, orders + 1);
    rd_kafka_message_destroy(log_set_take(set, 1));
    assert_int_equal(partitions[1].next, orders + 2);
    assert_true(log_set_is_at_hand(set, 1));
    assert_int_equal(log_set_peek(set, 1, &peeked, NULL), OK);
    assert_null(peeked);

    for (int64_t offset = 0; offset < 2; offset++) {
        assert_int_equal(log_set_peek(set, 0, &peeked, NULL), OK);
        assert_int_equal(peeked->offset, clicks + offset);
        rd_kafka_message_destroy(log_set_take(set, 0));
    }
    assert_int_equal(log_set_peek(set, 0, &peeked, NULL), OK);
    assert_null(peeked);
    log_set_close(set);
}

static void a_partition_that_is_not_there_is_named(void **state)
{
    struct log_partition partition = {.topic = settings.topics.clickstream, .partition = 7};
    struct log_set *set = NULL;
    struct error err = {0};

    (void)state;
    put_click(1);
    assert_int_equal(
        log_set_open(&settings, &partition, 1, 0, KAFKA_MOCK_TIMEOUT_MS, &set, &err),
        ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "has no partition 7"));
    assert_null(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(users_come_first_then_the_smaller_time, begin_at_ends),
        cmocka_unit_test_setup(what_came_later_is_taken_later, begin_at_ends),
        cmocka_unit_test_setup(nothing_beyond_the_segment_is_taken, begin_at_ends),
        cmocka_unit_test_setup(lateness_is_judged_from_the_position_on, begin_at_ends),
        cmocka_unit_test_setup(an_unknown_schema_stays_unknown, begin_at_ends),
        cmocka_unit_test_setup(a_topic_that_ends_too_early_is_named, begin_at_ends),
        cmocka_unit_test_setup(partitions_are_read_each_at_its_own_pace, begin_at_ends),
        cmocka_unit_test_setup(a_partition_that_is_not_there_is_named, begin_at_ends),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
