#include "tests/support/test_support.h"

#include "core/cli.h"
#include "core/kafka_conf.h"
#include "schemas/records.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what a call says on stdout and stderr ---- */

static char out[1 << 16], words_said[1 << 16];
static char *folder;

static int redirect(int fd, const char *name)
{
    char path[256];
    int saved = dup(fd), file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && file >= 0);
    dup2(file, fd);
    close(file);
    return saved;
}

static void restore(int fd, int saved, char *text, size_t capacity)
{
    ssize_t got = pread(fd, text, capacity - 1, 0);

    text[got > 0 ? got : 0] = '\0';
    dup2(saved, fd);
    close(saved);
}

/* Runs the program with these arguments; the last one is NULL. */
static int run(const char *const *arguments)
{
    char *argv[16] = {"freshet"};
    int argc = 1, exit_code;

    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    fflush(stdout);
    int saved_out = redirect(STDOUT_FILENO, "out"), saved_err = redirect(STDERR_FILENO, "err");

    exit_code = cli_main(argc, argv);
    fflush(stdout);
    restore(STDOUT_FILENO, saved_out, out, sizeof(out));
    restore(STDERR_FILENO, saved_err, words_said, sizeof(words_said));
    return exit_code;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static int make_folder(void **state)
{
    (void)state;
    folder = test_make_folder();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_remove_folder(folder);
    return 0;
}

/* ---- a command of our own, to look at the parser ---- */

static struct {
    bool flag;
    const char *text;
    int64_t whole;
    double decimal;
    struct cli_list list;
} given;

static const struct option_spec options[] = {
    {"flag", 'f', OPTION_FLAG, NULL, "a flag", &given.flag, false},
    {"text", 't', OPTION_TEXT, "TEXT", "a text", &given.text, false},
    {"whole", 0, OPTION_WHOLE, "N", "a number", &given.whole, false},
    {"decimal", 'd', OPTION_DECIMAL, "X", "a number with a point", &given.decimal, false},
    {"list", 0, OPTION_LIST, "ITEM", "some items", &given.list, false},
    {0}};
static const struct command_spec no_words = {"try", NULL, 0, "Tries.", "freshet try", options};
static const struct command_spec one_word = {"try",    "on|off",         1,
                                             "Tries.", "freshet try on", options};

static int parse(const struct command_spec *spec, const char *const *arguments)
{
    const char *words[CLI_WORDS_MAX];
    char *argv[80] = {"try"};
    int argc = 1, exit_code = -1;

    memset(&given, 0, sizeof(given));
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    fflush(stdout);
    int saved_out = redirect(STDOUT_FILENO, "out"), saved_err = redirect(STDERR_FILENO, "err");
    bool good = cli_parse(spec, argc, argv, words, &exit_code);

    if (good && spec->words)
        good = cli_word_is_one_of(spec, words[0]);
    fflush(stdout);
    restore(STDOUT_FILENO, saved_out, out, sizeof(out));
    restore(STDERR_FILENO, saved_err, words_said, sizeof(words_said));
    return good ? -1 : exit_code;
}

#define PARSE(spec, ...) parse(spec, (const char *const[]){__VA_ARGS__, NULL})

static void options_are_written_in_many_ways(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&no_words, "--text", "a", "-f", "--whole=12", "-d1.5"), -1);
    assert_string_equal(given.text, "a");
    assert_true(given.flag);
    assert_int_equal(given.whole, 12);
    assert_close(given.decimal, 1.5, 0);
    assert_int_equal(PARSE(&no_words, "-t", "--odd", "--text=a=b"), -1);
    assert_string_equal(given.text, "a=b"); /* the later one counts */
    assert_int_equal(PARSE(&no_words, "--text="), -1);
    assert_string_equal(given.text, "");
    assert_int_equal(PARSE(&no_words, "--list", "a", "--list=b"), -1);
    assert_int_equal(given.list.n, 2);
    assert_string_equal(given.list.at[1], "b");
    assert_int_equal(PARSE(&one_word, "on", "-f"), -1);
    assert_true(given.flag);
    assert_int_equal(PARSE(&one_word, "-f", "--", "off"), -1);
}

static void misuse_is_named_and_exits_with_two(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&no_words, "--txt", "a"), CLI_MISUSED);
    assert_string_equal(words_said, "freshet try: unknown option '--txt'; the nearest known is "
                                    "'--text'; see freshet try --help\n");
    assert_int_equal(PARSE(&no_words, "--hlp"), CLI_MISUSED);
    assert_non_null(strstr(words_said, "nearest known is '--help'"));
    assert_int_equal(PARSE(&no_words, "-x"), CLI_MISUSED);
    assert_string_equal(words_said,
                        "freshet try: unknown option '-x'; see freshet try --help\n");
    assert_int_equal(PARSE(&no_words, "--text"), CLI_MISUSED);
    assert_string_equal(words_said,
                        "freshet try: --text needs TEXT behind it; see freshet try --help\n");
    assert_int_equal(PARSE(&no_words, "--flag=1"), CLI_MISUSED);
    assert_int_equal(PARSE(&no_words, "--whole", "1.5"), CLI_MISUSED);
    assert_string_equal(words_said, "freshet try: --whole takes a whole number, not '1.5'; see "
                                    "freshet try --help\n");
    assert_int_equal(PARSE(&no_words, "--whole", "-1"), CLI_MISUSED);
    assert_int_equal(PARSE(&no_words, "--whole", "99999999999999999999"), CLI_MISUSED);
    assert_int_equal(PARSE(&no_words, "--decimal", "nan"), CLI_MISUSED);
    assert_int_equal(PARSE(&no_words, "--decimal", "1x"), CLI_MISUSED);
    assert_int_equal(PARSE(&no_words, "word"), CLI_MISUSED);
    assert_int_equal(PARSE(&one_word, "-f"), CLI_MISUSED);
    assert_string_equal(words_said, "freshet try: write on|off once; see freshet try --help\n");
    assert_int_equal(PARSE(&one_word, "on", "off"), CLI_MISUSED);
    assert_int_equal(PARSE(&one_word, "o"), CLI_MISUSED);
    assert_string_equal(words_said,
                        "freshet try: 'o' is not one of on|off; see freshet try --help\n");
    assert_string_equal(out, "");
}

static void a_required_option_is_missed(void **state)
{
    static const struct option_spec required[] = {
        {"from", 0, OPTION_TEXT, "FILE", "the file", &given.text, true}, {0}};
    static const struct command_spec spec = {"try", NULL, 0, "Tries.", "freshet try", required};

    (void)state;
    assert_int_equal(PARSE(&spec, "--"), CLI_MISUSED);
    assert_string_equal(words_said,
                        "freshet try: --from FILE is missing; see freshet try --help\n");
    assert_int_equal(PARSE(&spec, "--from", "x"), -1);
}

static void lists_and_words_are_bounded(void **state)
{
    const char *many[CLI_LIST_MAX + 2] = {NULL};

    (void)state;
    for (int i = 0; i <= CLI_LIST_MAX; i++)
        many[i] = "--list=x";
    many[CLI_LIST_MAX] = NULL;
    assert_int_equal(parse(&no_words, many), -1);
    assert_int_equal(given.list.n, CLI_LIST_MAX);
    many[CLI_LIST_MAX] = "--list=x";
    assert_int_equal(parse(&no_words, many), CLI_MISUSED);
    for (int i = 0; i <= CLI_WORDS_MAX; i++)
        many[i] = "x";
    many[CLI_WORDS_MAX + 1] = NULL;
    assert_int_equal(parse(&no_words, many), CLI_MISUSED);
    assert_non_null(strstr(words_said, "too many arguments"));
}

static void help_shows_options_and_the_example(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&one_word, "--nonsense-before-help", "--help"), CLI_MISUSED);
    assert_int_equal(PARSE(&one_word, "--help"), CLI_DONE);
    assert_string_equal(out, "usage: freshet try on|off [options]\n\n"
                             "Tries.\n\n"
                             "options:\n"
                             "  -f, --flag                  a flag\n"
                             "  -t, --text TEXT             a text\n"
                             "      --whole N               a number\n"
                             "  -d, --decimal X             a number with a point\n"
                             "      --list ITEM             some items\n"
                             "  -h, --help                  this text\n\n"
                             "example:\n"
                             "  freshet try on\n");
    assert_string_equal(words_said, "");
}

/* ---- the program ---- */

static void without_a_command_the_usage_is_said(void **state)
{
    const char *nothing[] = {NULL};

    (void)state;
    assert_int_equal(run(nothing), CLI_MISUSED);
    assert_string_equal(out, "");
    assert_non_null(strstr(words_said, "usage: freshet COMMAND"));
    assert_int_equal(RUN("--help"), CLI_DONE);
    assert_non_null(strstr(out, "usage: freshet COMMAND"));
    assert_string_equal(words_said, "");
}

static void an_unknown_command_gets_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(RUN("topcs"), CLI_MISUSED);
    assert_string_equal(words_said, "freshet: unknown command 'topcs'; the nearest known is "
                                    "'topics'; see freshet --help\n");
}

/* Every subcommand of the list explains itself, with an example that begins with its name. */
static void every_command_has_help_with_an_example(void **state)
{
    static const char *const names[] = {
#define X(name, line) #name,
#include "core/command_list.h"
#undef X
    };
    char usage[64], example[64];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(usage, sizeof(usage), "usage: freshet %s", names[i]);
        snprintf(example, sizeof(example), "\nexample:\n  freshet %s", names[i]);
        assert_int_equal(RUN(names[i], "--help"), CLI_DONE);
        assert_int_equal(strncmp(out, usage, strlen(usage)), 0);
        assert_non_null(strstr(out, example));
        assert_string_equal(words_said, "");
        assert_int_equal(RUN("help", names[i]), CLI_DONE);
        assert_non_null(strstr(out, example));
        assert_int_equal(RUN(names[i], "--no-such-option"), CLI_MISUSED);
    }
}

static void a_broken_stdout_is_a_failure(void **state)
{
    int full = open("/dev/full", O_WRONLY), saved;
    char *argv[] = {"freshet", "version", NULL};
    int exit_code;

    (void)state;
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    dup2(full, STDOUT_FILENO);
    int saved_err = redirect(STDERR_FILENO, "err");

    exit_code = cli_main(2, argv);
    restore(STDERR_FILENO, saved_err, words_said, sizeof(words_said));
    dup2(saved, STDOUT_FILENO);
    clearerr(stdout);
    close(saved);
    close(full);
    assert_int_equal(exit_code, CLI_FAILED);
    assert_string_equal(words_said,
                        "freshet: cannot write to stdout: No space left on device\n");
}

static void config_print_shows_and_refuses(void **state)
{
    (void)state;
    assert_int_equal(RUN("config", "print", "-c", "deploy/freshet.yaml", "--set", "workers=2"),
                     CLI_DONE);
    assert_non_null(strstr(out, "workers = 2 threads  (--set)\n"));
    assert_non_null(strstr(out, "app = shop  (deploy/freshet.yaml:"));
    assert_int_equal(RUN("config", "print", "--json"), CLI_DONE);
    assert_int_equal(strncmp(out, "{\"key\":\"app\",\"value\":\"shop\"", 26), 0);
    assert_int_equal(RUN("config", "print", "-c", "/nowhere.yaml"), CLI_FAILED);
    assert_string_equal(words_said, "freshet: cannot read the settings file /nowhere.yaml: No "
                                    "such file or directory\n");
    assert_string_equal(out, "");
}

static void config_check_asks_librdkafka_and_looks_at_files(void **state)
{
    (void)state;
    assert_int_equal(RUN("config", "check", "-c", "deploy/freshet.yaml", "--set",
                         "campaigns.dir=deploy", "--set", "campaigns.templates=deploy"),
                     CLI_DONE);
    assert_string_equal(words_said, "freshet: deploy/freshet.yaml is good\n");
    assert_int_equal(RUN("config", "check", "--set", "kafka.linger.mss=1", "--set",
                         "http.token_file=/nowhere", "--set", "campaigns.dir=README.md"),
                     CLI_FAILED);
    assert_non_null(strstr(words_said, "freshet: --set: kafka.linger.mss: librdkafka says: No "
                                       "such configuration property: \"linger.mss\"\n"));
    assert_non_null(strstr(words_said,
                           "freshet: http.token_file: cannot read /nowhere: No such "
                           "file or directory\n"));
}

static void version_names_the_libraries(void **state)
{
    static const char *const names[] = {"freshet ",       "librdkafka ", "avro-c ",
                                        "rocksdb ",       "openblas ",   "libcurl ",
                                        "libmicrohttpd ", "jansson "};

    (void)state;
    assert_int_equal(RUN("version"), CLI_DONE);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(strstr(out, names[i]));
    assert_int_equal(RUN("--version"), CLI_DONE);
    assert_int_equal(RUN("version", "--json"), CLI_DONE);
    assert_int_equal(strncmp(out, "{\"freshet\":\"", 12), 0);
}

/* Nothing listens there: the sentence comes from the client, within the time it takes. */
static void a_broker_or_registry_that_is_away_is_named(void **state)
{
    (void)state;
    assert_int_equal(RUN("topics", "check", "--set", "kafka.bootstrap.servers=127.0.0.1:9",
                         "--set", "topics.partitions=2"),
                     CLI_FAILED);
    assert_non_null(strstr(words_said, "freshet: kafka 127.0.0.1:9: "));
    assert_non_null(strstr(words_said, "Connection refused"));
    assert_non_null(strstr(words_said, "check that the broker runs and kafka.bootstrap.servers "
                                       "names it\n"));
    assert_int_equal(RUN("schemas", "check", "--set", "registry.url=http://127.0.0.1:9"),
                     CLI_FAILED);
    assert_string_equal(words_said, "freshet: schema registry http://127.0.0.1:9 cannot be "
                                    "reached: Couldn't connect to server\n");
}

/* The settings' event types and the schema's are written down twice: base may not look. */
static void event_types_of_settings_are_the_schemas(void **state)
{
    static const struct {
        const char *set;
        int type;
    } types[] = {
        {"recommend.on=VIEW", EVENT_VIEW},
        {"recommend.on=SEARCH", EVENT_SEARCH},
        {"recommend.on=ADD_TO_CART", EVENT_ADD_TO_CART},
        {"recommend.on=REMOVE_FROM_CART", EVENT_REMOVE_FROM_CART},
        {"recommend.on=CHECKOUT_START", EVENT_CHECKOUT_START},
        {"recommend.on=WISHLIST", EVENT_WISHLIST},
        {"recommend.on=IMPRESSION", EVENT_IMPRESSION},
        {"recommend.on=CLICK", EVENT_CLICK},
        {"recommend.on=DISLIKE", EVENT_DISLIKE},
    };
    struct settings *settings = malloc(sizeof(*settings));

    (void)state;
    assert_non_null(settings);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(settings_load(settings, NULL, 1, &types[i].set, NULL), OK);
        assert_int_equal(settings->recommend.on_mask, UINT32_C(1) << types[i].type);
    }
    free(settings);
}

static void properties_of_one_side_beat_the_common_ones(void **state)
{
    static const char *const set[] = {"kafka.client.id=both",
                                      "kafka.consumer.client.id=reader"};
    struct settings *settings = malloc(sizeof(*settings));
    rd_kafka_conf_t *conf = NULL;
    char value[64];
    size_t n = sizeof(value);

    (void)state;
    assert_non_null(settings);
    assert_int_equal(settings_load(settings, NULL, 2, set, NULL), OK);
    assert_int_equal(kafka_conf_open(settings, KAFKA_CONSUMER, &conf, NULL), OK);
    rd_kafka_conf_get(conf, "client.id", value, &n);
    assert_string_equal(value, "reader");
    rd_kafka_conf_destroy(conf);
    assert_int_equal(kafka_conf_open(settings, KAFKA_PRODUCER, &conf, NULL), OK);
    n = sizeof(value);
    rd_kafka_conf_get(conf, "client.id", value, &n);
    assert_string_equal(value, "both");
    rd_kafka_conf_destroy(conf);
    free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_written_in_many_ways),
        cmocka_unit_test(misuse_is_named_and_exits_with_two),
        cmocka_unit_test(a_required_option_is_missed),
        cmocka_unit_test(lists_and_words_are_bounded),
        cmocka_unit_test(help_shows_options_and_the_example),
        cmocka_unit_test(without_a_command_the_usage_is_said),
        cmocka_unit_test(an_unknown_command_gets_the_nearest),
        cmocka_unit_test(every_command_has_help_with_an_example),
        cmocka_unit_test(a_broken_stdout_is_a_failure),
        cmocka_unit_test(config_print_shows_and_refuses),
        cmocka_unit_test(config_check_asks_librdkafka_and_looks_at_files),
        cmocka_unit_test(version_names_the_libraries),
        cmocka_unit_test(a_broker_or_registry_that_is_away_is_named),
        cmocka_unit_test(event_types_of_settings_are_the_schemas),
        cmocka_unit_test(properties_of_one_side_beat_the_common_ones),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
