/* freshet topics create|check. */
#include "core/cli.h"

#include "core/topics.h"

#include <stdlib.h>
#include <string.h>

struct output {
    bool json;
    int n_failed;
};

static void print_made(void *context, const struct topic *topic, int partitions, bool existed,
                       const char *error)
{
    struct output *output = context;
    const char *result = error ? "failed" : existed ? "exists" : "created";

    if (output->json)
        printf("{\"topic\":\"%s\",\"partitions\":%d,\"result\":\"%s\"}\n", topic->name,
               partitions, result);
    else
        printf("%-8s %s, partitions %d\n", result, topic->name, partitions);
    if (error) {
        cli_say("topic %s cannot be made: %s", topic->name, error);
        output->n_failed++;
    }
}

static int create(const struct settings *settings, bool json)
{
    struct output output = {json, 0};
    struct error err;

    if (topics_create(settings, print_made, &output, &err) != OK)
        return output.n_failed ? CLI_FAILED : cli_fail(&err);
    return CLI_DONE;
}

static void print_difference(void *context, enum topic_severity severity, const char *sentence)
{
    static const char *const words[] = {"note", "differs", "wrong"};
    const struct output *output = context;

    if (output->json) /* words, topic names and numbers: nothing to escape */
        printf("{\"severity\":\"%s\",\"sentence\":\"%s\"}\n", words[severity], sentence);
    else
        printf("%s: %s\n", words[severity], sentence);
}

static int check(const struct settings *settings, bool json)
{
    struct output output = {json, 0};
    struct error err;
    int worst, worst_keys = -1;

    if (topics_check(settings, print_difference, &output, &worst, &err) != OK)
        return cli_fail(&err);
    if (worst < TOPIC_WRONG &&
        topics_check_keys(settings, print_difference, &output, &worst_keys, &err) != OK)
        return cli_fail(&err);
    if (worst < TOPIC_DIFFERS && worst_keys < TOPIC_DIFFERS) {
        cli_say("the topics of %s are as they should be", settings->app);
        return CLI_DONE;
    }
    return CLI_FAILED;
}

int cmd_topics(int argc, char **argv)
{
    struct cli_settings from = {0};
    bool json = false;
    const struct option_spec options[] = {
        CLI_SETTINGS_OPTIONS(from),
        {"json", 0, OPTION_FLAG, NULL, "one JSON object a line", &json, false},
        {0}};
    const struct command_spec spec = {
        "topics",
        "create|check",
        1,
        "create makes the topics that are missing, with partitions, compaction and retention\n"
        "from the settings (topics.partitions, topics.replication, topics.retention).\n"
        "check says what is not as it should be, one sentence each with the remedy, and then\n"
        "exits with 1. Lines that begin with \"wrong\" also keep `freshet run` from starting;\n"
        "\"note\" may be meant and is no failure. The newest keys are looked at as well: do\n"
        "they lie where the setting partitioner would put them?",
        "freshet topics create -c freshet.yaml --set topics.partitions=8\n"
        "freshet topics check -c freshet.yaml",
        options};
    const char *words[CLI_WORDS_MAX];
    struct settings *settings;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    if (!cli_word_is_one_of(&spec, words[0]))
        return CLI_MISUSED;
    settings = cli_load_settings(&from);
    if (!settings)
        return CLI_FAILED;
    exit_code =
        strcmp(words[0], "create") == 0 ? create(settings, json) : check(settings, json);
    free(settings);
    return exit_code;
}
