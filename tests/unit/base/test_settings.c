#include "tests/support/test_support.h"

#include "core/base/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct settings settings;
static struct error err;
static char *folder;
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    folder = test_make_folder();
    snprintf(path, sizeof(path), "%s/shop.yaml", folder);
    setenv("FRESHET_TEST_HOST", "kafka.example:9093", 1);
    setenv("FRESHET_TEST_EMPTY", "", 1);
    unsetenv("FRESHET_TEST_ABSENT");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_remove_folder(folder);
    return 0;
}

static enum status load_bytes(const void *text, size_t n)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fwrite(text, 1, n, out);
    fclose(out);
    err.text[0] = '\0';
    return settings_load(&settings, path, 0, NULL, &err);
}

static enum status load(const char *text)
{
    return load_bytes(text, strlen(text));
}

/* The sentence begins with the file's path; what follows is compared as a whole. */
static void assert_refused(const char *yaml, const char *sentence)
{
    assert_int_equal(load(yaml), ERR_INVALID);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    assert_string_equal(err.text + strlen(path), sentence);
}

static char *printed(bool json)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    settings_print(&settings, out, json);
    fclose(out);
    return text;
}

static void without_a_file_the_defaults_hold(void **state)
{
    (void)state;
    assert_int_equal(settings_load(&settings, NULL, 0, NULL, &err), OK);
    assert_string_equal(settings.app, "shop");
    assert_string_equal(kafka_property_find(&settings.kafka, "bootstrap.servers"),
                        "127.0.0.1:9092");
    assert_string_equal(settings.registry.url, "http://127.0.0.1:8081");
    assert_string_equal(settings.state.dir, "/var/lib/freshet");
    assert_int_equal(settings.state.memory_bytes, INT64_C(2) << 30);
    assert_int_equal(settings.commit_interval_ms, 100);
    assert_int_equal(settings.late_max_ms, INT64_C(7) * 86400000);
    assert_int_equal(settings.live_max_age_ms, 6 * 3600000);
    assert_int_equal(settings.idle_after_ms, 30000);
    assert_int_equal(settings.recommend.k, 20);
    assert_int_equal(settings.recommend.every, 1);
    assert_int_equal(settings.recommend.on_mask, 1 << 1 | 1 << 3); /* VIEW, ADD_TO_CART */
    assert_int_equal(settings.topics_partitions, 4);
    assert_int_equal(settings.topics_retention_ms, INT64_C(30) * 86400000);
    assert_string_equal(settings.topics.dead_letter, "dead-letter");
    assert_string_equal(settings.partitioner, "murmur2");
}

static void an_empty_file_is_the_defaults(void **state)
{
    (void)state;
    assert_int_equal(load(""), OK);
    assert_int_equal(load("# nothing but a comment\n"), OK);
    assert_int_equal(load("kafka:\nregistry:\n"), OK);
    assert_string_equal(settings.app, "shop");
}

static void keys_may_be_nested_or_dotted(void **state)
{
    (void)state;
    assert_int_equal(load("app: toys\n"
                          "kafka: {bootstrap.servers: 'a:1', consumer: {fetch.min.bytes: 5}}\n"
                          "kafka.producer:\n  linger.ms: 1\n"
                          "kafka.ssl: {ca: {location: /ca.pem}}\n"
                          "topics: {content: {push: p}, content.email: e}\n"
                          "recommend.k: 7\n"
                          "state: {memory: 512 MiB, ttl: 36h}\n"),
                     OK);
    assert_string_equal(settings.app, "toys");
    assert_string_equal(kafka_property_find(&settings.kafka, "bootstrap.servers"), "a:1");
    assert_string_equal(kafka_property_find(&settings.kafka, "ssl.ca.location"), "/ca.pem");
    assert_string_equal(kafka_property_find(&settings.kafka_consumer, "fetch.min.bytes"), "5");
    assert_string_equal(kafka_property_find(&settings.kafka_producer, "linger.ms"), "1");
    assert_null(kafka_property_find(&settings.kafka, "linger.ms"));
    assert_int_equal(settings.kafka.n, 2);
    assert_string_equal(settings.topics.content_push, "p");
    assert_string_equal(settings.topics.content_email, "e");
    assert_int_equal(settings.recommend.k, 7);
    assert_int_equal(settings.state.memory_bytes, INT64_C(512) << 20);
    assert_int_equal(settings.state.ttl_ms, 36 * 3600000);
}

static void lists_are_written_in_three_ways(void **state)
{
    const char *set[] = {"recommend.on=CLICK, VIEW"};

    (void)state;
    assert_int_equal(load("recommend: {on: [CLICK, DISLIKE]}"), OK);
    assert_int_equal(settings.recommend.on_mask, 1 << 8 | 1 << 9);
    assert_int_equal(load("recommend:\n  on:\n    - SEARCH\n"), OK);
    assert_int_equal(settings.recommend.on_mask, 1 << 2);
    assert_int_equal(load("recommend: {on: []}"), OK);
    assert_int_equal(settings.recommend.on_mask, 0);
    assert_int_equal(settings_load(&settings, NULL, 1, set, &err), OK);
    assert_int_equal(settings.recommend.on_mask, 1 << 8 | 1 << 1);
}

static void the_environment_is_put_in(void **state)
{
    (void)state;
    assert_int_equal(load("kafka: {bootstrap.servers: \"${FRESHET_TEST_HOST},b:1\"}\n"
                          "app: ${FRESHET_TEST_ABSENT:-toys}\n"
                          "locale: ${FRESHET_TEST_EMPTY:-de}\n"
                          "instance: '${FRESHET_TEST_EMPTY}'\n"
                          "registry: {user: u, password: 'a$${b}$c'}\n"),
                     OK);
    assert_string_equal(kafka_property_find(&settings.kafka, "bootstrap.servers"),
                        "kafka.example:9093,b:1");
    assert_string_equal(settings.app, "toys");
    assert_string_equal(settings.locale, "de");
    assert_string_equal(settings.instance, "");
    assert_string_equal(settings.registry.password, "a${b}$c");
    assert_refused("app: toys\ninstance: ${FRESHET_TEST_ABSENT}\n",
                   ":2: the environment has no FRESHET_TEST_ABSENT; set it or write "
                   "${FRESHET_TEST_ABSENT:-default}");
    assert_refused("app: ${FRESHET TEST}\n",
                   ":1: '${FRESHET TEST}' is not ${NAME} or ${NAME:-default}");
    assert_refused("app: ${UNCLOSED\n", ":1: '${UNCLOSED' is not ${NAME} or ${NAME:-default}");
}

/* A value from outside is text: it can neither add keys nor refer to further variables. */
static void the_environment_is_not_read_as_yaml(void **state)
{
    (void)state;
    setenv("FRESHET_TEST_HOST", "x\nworkers: 9 ${FRESHET_TEST_ABSENT}", 1);
    assert_int_equal(load("registry: {user: \"${FRESHET_TEST_HOST}\"}"), OK);
    assert_string_equal(settings.registry.user, "x\nworkers: 9 ${FRESHET_TEST_ABSENT}");
    assert_int_equal(settings.workers, 1);
    setenv("FRESHET_TEST_HOST", "kafka.example:9093", 1);
}

static void set_beats_the_file_and_the_last_one_wins(void **state)
{
    const char *set[] = {"recommend.k=30", "kafka.bootstrap.servers=b:2",
                         "kafka.sasl.jaas.config=a=b", "recommend.k=31"};

    (void)state;
    load("recommend: {k: 10, every: 2}\nkafka: {bootstrap.servers: 'a:1'}\n");
    assert_int_equal(settings_load(&settings, path, 4, set, &err), OK);
    assert_int_equal(settings.recommend.k, 31);
    assert_int_equal(settings.recommend.every, 2);
    assert_string_equal(kafka_property_find(&settings.kafka, "bootstrap.servers"), "b:2");
    assert_string_equal(kafka_property_find(&settings.kafka, "sasl.jaas.config"), "a=b");
}

static void a_bad_set_is_named(void **state)
{
    const char *no_equals[] = {"recommend.k"}, *unknown[] = {"recomend.k=1"},
               *value[] = {"workers=many"};

    (void)state;
    assert_int_equal(settings_load(&settings, NULL, 1, no_equals, &err), ERR_INVALID);
    assert_string_equal(err.text, "--set: 'recommend.k' is not KEY=VALUE");
    assert_int_equal(settings_load(&settings, NULL, 1, unknown, &err), ERR_INVALID);
    assert_string_equal(err.text, "--set: unknown setting 'recomend.k'; the nearest known is "
                                  "'recommend.k'");
    assert_int_equal(settings_load(&settings, NULL, 1, value, &err), ERR_INVALID);
    assert_string_equal(
        err.text, "--set: workers cannot be 'many'; allowed: a whole number from 1 to 64");
}

static void an_unknown_key_is_named_with_its_line_and_the_nearest(void **state)
{
    (void)state;
    assert_refused("app: toys\nrecomend: {k: 5}\n",
                   ":2: unknown setting 'recomend'; the nearest known is 'recommend'");
    assert_refused("recommend:\n  k: 5\n  evry: 5\n",
                   ":3: unknown setting 'recommend.evry'; the nearest known is "
                   "'recommend.every'");
    assert_refused("k: 5\n", ":1: unknown setting 'k'; the nearest known is 'recommend.k'");
    assert_refused("kafak.linger.ms: 5\n",
                   ":1: unknown setting 'kafak.linger.ms'; the nearest known is 'kafka'");
}

static void a_value_that_does_not_fit_says_what_does(void **state)
{
    (void)state;
    assert_refused("\nrecommend: {k: 101}\n",
                   ":2: recommend.k cannot be '101'; allowed: a whole number from 1 to 100");
    assert_refused("recommend: {k: 1.5}\n",
                   ":1: recommend.k cannot be '1.5'; allowed: a whole number from 1 to 100");
    assert_refused("recommend: {k: }\n",
                   ":1: recommend.k cannot be ''; allowed: a whole number from 1 to 100");
    assert_refused("late: {max: 7}\n", ":1: late.max cannot be '7'; allowed: a duration from 0 "
                                       "to 3650d (units d, h, m, s, ms)");
    assert_refused("late: {max: 99999999999999999d}\n",
                   ":1: late.max cannot be '99999999999999999d'; allowed: a duration from 0 to "
                   "3650d (units d, h, m, s, ms)");
    assert_refused("state: {memory: 1MiB}\n",
                   ":1: state.memory cannot be '1MiB'; allowed: a size from 64MiB to 16TiB "
                   "(units B, KiB, MiB, GiB, TiB)");
    assert_refused("registry: {auto_register: yes}\n",
                   ":1: registry.auto_register cannot be 'yes'; allowed: true or false");
    assert_refused("partitioner: crc\n", ":1: partitioner cannot be 'crc'; allowed: one of "
                                         "murmur2 consistent fnv1a");
    assert_refused("recommend: {on: [VIEW, BUY]}\n",
                   ":1: recommend.on cannot be 'VIEW,BUY'; allowed: a list of VIEW SEARCH "
                   "ADD_TO_CART REMOVE_FROM_CART CHECKOUT_START WISHLIST IMPRESSION CLICK "
                   "DISLIKE");
    assert_refused("app: my shop\n", ":1: app cannot be 'my shop'; allowed: letters, digits, "
                                     "'.', '_' and '-', at most 100");
    assert_refused("http: {listen: 8080}\n",
                   ":1: http.listen cannot be '8080'; allowed: host:port, at most 127 bytes");
    assert_refused("registry: {url: 'http://u:p@h'}\n",
                   ":1: registry.url cannot be 'http://u:p@h'; allowed: http://… or https://…, "
                   "without user and password, at most 511 bytes");
}

static void addresses_have_a_host_and_a_port(void **state)
{
    (void)state;
    assert_int_equal(load("http: {listen: '[::1]:8080'}"), OK);
    assert_int_equal(load("http: {listen: 'localhost:0'}"), OK);
    assert_int_equal(load("http: {listen: '::1:8080'}"), ERR_INVALID);
    assert_int_equal(load("http: {listen: 'h:65536'}"), ERR_INVALID);
    assert_int_equal(load("http: {listen: ':80'}"), ERR_INVALID);
    assert_int_equal(load("http: {listen: 'h:80x'}"), ERR_INVALID);
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    assert_refused("- app\n", ":1: settings are written as 'key: value'");
    assert_refused("app: {name: shop}\n", ":1: app takes a value, not a map");
    assert_refused("recommend: 5\n", ":1: recommend has settings beneath it; write them there "
                                     "(recommend.…: …)");
    assert_refused("app: [a, b]\n", ":1: app takes one value, not a list");
    assert_refused("kafka:\n  a: [1]\n", ":2: kafka.a takes one value, not a list");
    assert_refused("app: a\nworkers: 1\napp: b\n",
                   ":3: app was given already on line 1; keep one");
    assert_refused("kafka: {a: 1}\nkafka.a: 2\n",
                   ":2: kafka.a was given already on line 1; keep one");
    assert_refused("app: a\n---\napp: b\n", ": more than one YAML document; keep one");
    assert_refused("app: \"a\nb: [\n", ":3: not YAML: found unexpected end of stream while "
                                       "scanning a quoted scalar");
    assert_refused("recommend: {k: ${K}}\n",
                   ":1: not YAML: did not find expected ',' or '}' while parsing a flow "
                   "mapping; inside { } a ${NAME} needs quotes");
}

/* An anchor may hold itself: the walk has a bottom. */
static void endless_nesting_ends(void **state)
{
    (void)state;
    assert_refused("kafka: &x\n  a: *x\n", ":1: kafka.a.a.a.a.a.a.a.a: nested deeper than 8");
}

static void zero_bytes_and_long_values_are_refused(void **state)
{
    static char text[1024] = "app: shop\ninstance: ";
    static const char zero[] = "registry: {user: \"a\\0b\"}";

    (void)state;
    assert_int_equal(load_bytes(zero, sizeof(zero) - 1), ERR_INVALID);
    assert_string_equal(err.text + strlen(path), ":1: registry.user holds a zero byte");
    memset(text + 20, 'x', 600);
    assert_refused(text, ":2: the value is longer than 511 bytes");
}

static void what_the_program_sets_itself_is_refused(void **state)
{
    (void)state;
    assert_refused("kafka: {group.id: x}\n",
                   ":1: kafka.group.id cannot be set: it is the setting app; remove it");
    assert_refused("kafka.consumer: {enable.auto.commit: true}\n",
                   ":1: kafka.consumer.enable.auto.commit cannot be set: offsets go with the "
                   "transaction; remove it");
}

static void the_number_of_properties_is_bounded(void **state)
{
    char text[4096] = "kafka:\n";
    size_t n = strlen(text);

    (void)state;
    for (int i = 1; i < KAFKA_PROPERTIES_MAX; i++)
        n += (size_t)sprintf(text + n, "  p%d: 1\n", i);
    assert_int_equal(load(text), OK); /* bootstrap.servers is there by default */
    assert_int_equal(settings.kafka.n, KAFKA_PROPERTIES_MAX);
    sprintf(text + n, "  one_more: 1\n");
    assert_refused(text, ":65: kafka.one_more: more than 64 properties");
}

static void settings_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    assert_refused("http: {tls_cert: c.pem}\n",
                   ":1: http.tls_cert and http.tls_key go together; one of them is empty");
    assert_refused("registry: {password: x}\n", ":1: registry.password needs registry.user");
    assert_refused(
        "topics: {orders: clickstream}\n",
        ":1: topics.clickstream and topics.orders are both 'clickstream'; each needs "
        "its own");
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    assert_int_equal(settings_load(&settings, "/nowhere/shop.yaml", 0, NULL, &err),
                     ERR_INVALID);
    assert_string_equal(err.text, "cannot read the settings file /nowhere/shop.yaml: No such "
                                  "file or directory");
}

static void print_shows_value_origin_and_no_password(void **state)
{
    const char *set[] = {"workers=3"};
    char *text;

    (void)state;
    load("registry:\n  user: bob\n  password: geheim\n"
         "kafka: {sasl.password: geheim, ssl.key.password: geheim}\n"
         "late: {max: 48h}\n");
    assert_int_equal(settings_load(&settings, path, 1, set, &err), OK);
    text = printed(false);
    assert_null(strstr(text, "geheim"));
    assert_non_null(strstr(text, "registry.password = ********  ("));
    assert_non_null(strstr(text, "kafka.sasl.password = ********  ("));
    assert_non_null(strstr(text, "shop.yaml:2)\n    User for basic"));
    assert_non_null(strstr(text, "late.max = 2d  ("));
    assert_non_null(strstr(text, "workers = 3 threads  (--set)\n"));
    assert_non_null(strstr(text, "recommend.k = 20 items  (default)\n"));
    free(text);
    text = printed(true);
    assert_null(strstr(text, "geheim"));
    assert_non_null(strstr(text, "{\"key\":\"workers\",\"value\":3,\"unit\":\"threads\","
                                 "\"origin\":\"--set\",\"sentence\":\"Worker threads; "));
    free(text);
}

static void a_secret_stays_out_of_the_message(void **state)
{
    char text[600] = "registry.password=";
    const char *set[] = {text};

    (void)state;
    memset(text + strlen(text), 'g', 512);
    assert_int_equal(settings_load(&settings, NULL, 1, set, &err), ERR_INVALID);
    assert_string_equal(err.text, "--set: registry.password cannot be '********'; allowed: "
                                  "text of at most 511 bytes");
}

/* What print shows is what the file may say: read back, nothing changes. */
static void every_value_printed_can_be_read_again(void **state)
{
    struct settings *first = malloc(sizeof(*first));
    char *text, yaml[8192] = "";
    size_t n = 0;

    (void)state;
    load("late: {max: 90m}\nstate: {memory: 1536MiB, ttl: 25h}\nrecommend: {on: [CLICK]}\n");
    *first = settings;
    text = printed(false);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char key[64], value[256];

        if (sscanf(line, "%63[a-z._-] = %255s", key, value) == 2)
            n += (size_t)sprintf(yaml + n, "%s: '%s'\n", key,
                                 strcmp(value, "\"\"") == 0 ? "" : value);
    }
    free(text);
    assert_int_equal(load(yaml), OK);
    assert_int_equal(settings.late_max_ms, first->late_max_ms);
    assert_int_equal(settings.state.memory_bytes, first->state.memory_bytes);
    assert_int_equal(settings.state.ttl_ms, first->state.ttl_ms);
    assert_int_equal(settings.recommend.on_mask, 1 << 8);
    assert_memory_equal(&settings.topics, &first->topics, sizeof(settings.topics));
    assert_memory_equal(&settings.http, &first->http, sizeof(settings.http));
    free(first);
}

/* The rules text changes with what decides results and with nothing else. */
static char *rules(const char *yaml)
{
    char *text = NULL;
    size_t n;
    FILE *out;

    assert_int_equal(load(yaml), OK);
    out = open_memstream(&text, &n);
    settings_write_rules(&settings, out);
    fclose(out);
    return text;
}

static void rules_follow_results_only(void **state)
{
    char *plain = rules(""), *faster = rules("workers: 2\nstate: {memory: 1GiB}"),
         *longer = rules("recommend: {k: 21}");

    (void)state;
    assert_string_equal(plain, faster);
    assert_string_not_equal(plain, longer);
    assert_non_null(strstr(longer, "\nrecommend.k=21\n"));
    free(plain);
    free(faster);
    free(longer);
}

static void configuration_md_is_what_the_table_says(void **state)
{
    char *made = NULL, *kept = calloc(1, 1 << 16);
    size_t n;
    FILE *out = open_memstream(&made, &n), *in = fopen("deploy/CONFIGURATION.md", "r");

    (void)state;
    settings_write_markdown(out);
    fclose(out);
    assert_non_null(in);
    assert_true(fread(kept, 1, (1 << 16) - 1, in) > 0);
    fclose(in);
    assert_string_equal(kept, made);
    free(made);
    free(kept);
}

/* The shipped example is read, and says what would hold without it. */
static void the_example_equals_the_defaults(void **state)
{
    struct settings *defaults = calloc(1, sizeof(*defaults));

    (void)state;
    assert_non_null(defaults);
    settings_init(defaults);
    assert_int_equal(settings_load(&settings, "deploy/freshet.yaml", 0, NULL, &err), OK);
    assert_memory_equal(&settings.registry, &defaults->registry, sizeof(settings.registry));
    assert_memory_equal(&settings.topics, &defaults->topics, sizeof(settings.topics));
    assert_memory_equal(&settings.state, &defaults->state, sizeof(settings.state));
    assert_memory_equal(&settings.recommend, &defaults->recommend, sizeof(settings.recommend));
    assert_memory_equal(&settings.http, &defaults->http, sizeof(settings.http));
    assert_memory_equal(&settings.campaigns, &defaults->campaigns, sizeof(settings.campaigns));
    assert_string_equal(settings.app, defaults->app);
    assert_int_equal(settings.late_max_ms, defaults->late_max_ms);
    assert_int_equal(settings.live_max_age_ms, defaults->live_max_age_ms);
    assert_int_equal(settings.kafka.n, 1);
    assert_string_equal(settings.kafka.at[0].value, defaults->kafka.at[0].value);
    free(defaults);
}

/* Whatever a file holds, it is read or refused with a sentence. */
static void a_damaged_file_never_hurts(void **state)
{
    static const char spice[] = "{}[]:,#&*!|>'\"%\n\t -$\377x0"; /* and its zero byte */
    char good[8192], bad[8192];
    FILE *in = fopen("deploy/freshet.yaml", "r");
    unsigned seed = 20261, refused = 0;
    size_t n;

    (void)state;
    assert_non_null(in);
    n = fread(good, 1, sizeof(good), in);
    fclose(in);
    print_message("seed %u\n", seed);
    for (int round = 0; round < 1500; round++) {
        size_t cut = round % 3 ? n : (size_t)rand_r(&seed) % n;

        memcpy(bad, good, n);
        for (int i = 0; i < 1 + round % 4; i++)
            bad[(size_t)rand_r(&seed) % n] = spice[(size_t)rand_r(&seed) % sizeof(spice)];
        if (load_bytes(bad, cut) != OK) {
            assert_true(err.text[0] != '\0');
            refused++;
        }
    }
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_the_defaults_hold),
        cmocka_unit_test(an_empty_file_is_the_defaults),
        cmocka_unit_test(keys_may_be_nested_or_dotted),
        cmocka_unit_test(lists_are_written_in_three_ways),
        cmocka_unit_test(the_environment_is_put_in),
        cmocka_unit_test(the_environment_is_not_read_as_yaml),
        cmocka_unit_test(set_beats_the_file_and_the_last_one_wins),
        cmocka_unit_test(a_bad_set_is_named),
        cmocka_unit_test(an_unknown_key_is_named_with_its_line_and_the_nearest),
        cmocka_unit_test(a_value_that_does_not_fit_says_what_does),
        cmocka_unit_test(addresses_have_a_host_and_a_port),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(endless_nesting_ends),
        cmocka_unit_test(zero_bytes_and_long_values_are_refused),
        cmocka_unit_test(what_the_program_sets_itself_is_refused),
        cmocka_unit_test(the_number_of_properties_is_bounded),
        cmocka_unit_test(settings_that_contradict_each_other_are_refused),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(print_shows_value_origin_and_no_password),
        cmocka_unit_test(a_secret_stays_out_of_the_message),
        cmocka_unit_test(every_value_printed_can_be_read_again),
        cmocka_unit_test(rules_follow_results_only),
        cmocka_unit_test(configuration_md_is_what_the_table_says),
        cmocka_unit_test(the_example_equals_the_defaults),
        cmocka_unit_test(a_damaged_file_never_hurts),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
