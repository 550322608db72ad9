/* A consumer can be closed at any time: a fenced one is, in the middle of its joining. */
#include "consumers/source.h"
#include "core/base/clock.h"
#include "tests/support/kafka_mock.h"

enum { SYNC_GROUP = 14, PARTITIONS = 2 }; /* Kafka's number of the request */

struct shop {
    struct kafka_mock mock;
    struct settings settings;
    uint32_t n_gained;
};

static void on_gained(void *context, const int32_t *tasks, uint32_t n)
{
    (void)tasks;
    ((struct shop *)context)->n_gained += n;
}

static void on_losing(void *context, const int32_t *tasks, uint32_t n, bool lost)
{
    (void)context;
    (void)tasks;
    (void)n;
    (void)lost;
}

static int open_shop(void **state)
{
    static struct shop shop;

    shop.n_gained = 0;
    kafka_mock_open(&shop.mock, &shop.settings);
    for (int topic = 0; topic < N_USER_TOPICS; topic++)
        kafka_mock_topic(&shop.mock, input_topic_name((enum input_topic)topic), PARTITIONS);
    *state = &shop;
    return 0;
}

static int close_shop(void **state)
{
    kafka_mock_close(&((struct shop *)*state)->mock);
    return 0;
}

static struct source *open_source_of(struct shop *shop)
{
    struct source_options options = {.settings = &shop->settings,
                                     .group_instance_id = "one",
                                     .queue_bytes = 1 << 20,
                                     .n_partitions = PARTITIONS,
                                     .gained = on_gained,
                                     .losing = on_losing,
                                     .context = shop};
    struct source *source = NULL;
    struct error err;

    assert_int_equal(source_open(&options, &source, &err), OK);
    return source;
}

/* Polls until it fails or has all tasks; the last answer. */
static enum status poll_until_known(struct source *source, const struct shop *shop)
{
    int64_t deadline_ns = clock_mono_ns() + (int64_t)KAFKA_MOCK_TIMEOUT_MS * 1000000;
    enum status status = OK;
    struct error err;

    while (status == OK && shop->n_gained < PARTITIONS && clock_mono_ns() < deadline_ns)
        status = source_poll(source, 20, &err);
    return status;
}

/* librdkafka's assertion would end the process here. */
static void fenced_before_its_first_assignment_it_can_be_closed(void **state)
{
    struct shop *shop = *state;
    struct source *source;

    rd_kafka_mock_push_request_errors(shop->mock.cluster, SYNC_GROUP, 1,
                                      RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
    source = open_source_of(shop);
    assert_int_equal(poll_until_known(source, shop), ERR_FENCED);
    assert_int_equal(shop->n_gained, 0);
    source_close(source, false);
}

static void the_next_one_gets_the_tasks(void **state)
{
    struct shop *shop = *state;
    struct source *source = open_source_of(shop);

    assert_int_equal(poll_until_known(source, shop), OK);
    assert_int_equal(shop->n_gained, PARTITIONS);
    source_close(source, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fenced_before_its_first_assignment_it_can_be_closed,
                                        open_shop, close_shop),
        cmocka_unit_test_setup_teardown(the_next_one_gets_the_tasks, open_shop, close_shop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
