/* What a broker says to be missing is believed once it has said so for a while. */
#include "consumers/log_reader.h"
#include "tests/support/kafka_mock.h"

#include <pthread.h>
#include <unistd.h>

enum { TIMEOUT_MS = 8000, BACK_AFTER_US = 800000 };

struct shop {
    struct kafka_mock mock;
    struct settings settings;
};

static int open_shop(void **state)
{
    static struct shop shop;

    kafka_mock_open(&shop.mock, &shop.settings);
    kafka_mock_topic(&shop.mock, "items", 1);
    *state = &shop;
    return 0;
}

static int close_shop(void **state)
{
    kafka_mock_close(&((struct shop *)*state)->mock);
    return 0;
}

/* It has read its topics by now. */
static void *come_to_its_senses(void *context)
{
    struct shop *shop = context;

    usleep(BACK_AFTER_US);
    rd_kafka_mock_topic_set_error(shop->mock.cluster, "items", RD_KAFKA_RESP_ERR_NO_ERROR);
    return NULL;
}

static void a_topic_that_is_back_soon_was_not_missing(void **state)
{
    struct shop *shop = *state;
    struct error err = {0};
    int64_t low = -1, high = -1;
    pthread_t broker;

    rd_kafka_mock_topic_set_error(shop->mock.cluster, "items",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(pthread_create(&broker, NULL, come_to_its_senses, shop), 0);
    assert_int_equal(
        log_query_watermarks(&shop->settings, "items", 0, TIMEOUT_MS, &low, &high, &err), OK);
    assert_int_equal(low, 0);
    assert_int_equal(high, 0);
    pthread_join(broker, NULL);
}

static void one_that_stays_away_is_missing(void **state)
{
    struct shop *shop = *state;
    struct error err = {0};
    int64_t low, high;

    rd_kafka_mock_topic_set_error(shop->mock.cluster, "items",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(
        log_query_watermarks(&shop->settings, "items", 0, TIMEOUT_MS, &low, &high, &err),
        ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "topic 'items' has no partition 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_topic_that_is_back_soon_was_not_missing, open_shop,
                                        close_shop),
        cmocka_unit_test_setup_teardown(one_that_stays_away_is_missing, open_shop, close_shop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
