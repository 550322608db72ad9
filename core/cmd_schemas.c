/* freshet schemas register|check: the files of schemas/ under <topic>-value. */
#include "core/cli.h"

#include "consumers/registry.h"
#include "core/topics.h"
#include "schemas/avsc.h"

#include <stdlib.h>
#include <string.h>

static void print_result(const char *subject, const char *result, int32_t id, bool json)
{
    if (json && id >= 0)
        printf("{\"subject\":\"%s\",\"result\":\"%s\",\"id\":%d}\n", subject, result, id);
    else if (json)
        printf("{\"subject\":\"%s\",\"result\":\"%s\"}\n", subject, result);
    else if (id >= 0)
        printf("%-12s %s, id %d\n", result, subject, id);
    else
        printf("%-12s %s\n", result, subject);
}

static enum status register_one(struct registry *registry, const char *subject,
                                const char *schema, bool json, struct error *err)
{
    int32_t id;
    enum status status = registry_register(registry, subject, schema, &id, err);

    if (status == OK)
        print_result(subject, "registered", id, json);
    else if (status == ERR_INVALID)
        print_result(subject, "refused", -1, json);
    return status;
}

/* There already, or could it be registered? */
static enum status check_one(struct registry *registry, const char *subject, const char *schema,
                             bool json, struct error *err)
{
    int32_t id;
    enum status status = registry_lookup(registry, subject, schema, &id, err);

    if (status == OK) {
        print_result(subject, "registered", id, json);
        return OK;
    }
    if (status != ERR_NOT_FOUND)
        return status;
    status = registry_compatible(registry, subject, schema, err);
    if (status == OK)
        print_result(subject, "compatible", -1, json);
    else if (status == ERR_INVALID)
        print_result(subject, "incompatible", -1, json);
    return status;
}

static int for_all(struct registry *registry, const struct settings *settings, bool check,
                   bool json)
{
    struct topic topics[TOPICS_MAX];
    uint32_t n = topics_list(settings, topics);
    struct error err;
    int n_failed = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct avsc *avsc = topics[i].avsc ? avsc_find(topics[i].avsc) : NULL;
        char subject[TOPIC_NAME_MAX + 8];
        enum status status;

        if (!topics[i].avsc)
            continue;
        ensure(avsc != NULL);
        snprintf(subject, sizeof(subject), "%.249s-value", topics[i].name);
        status = check ? check_one(registry, subject, avsc->json, json, &err)
                       : register_one(registry, subject, avsc->json, json, &err);
        if (status == ERR_INVALID) { /* says so, and goes on with the others */
            cli_fail(&err);
            n_failed++;
        } else if (status != OK) {
            return cli_fail(&err);
        }
    }
    return n_failed ? CLI_FAILED : CLI_DONE;
}

int cmd_schemas(int argc, char **argv)
{
    struct cli_settings from = {0};
    bool json = false;
    const struct option_spec options[] = {
        CLI_SETTINGS_OPTIONS(from),
        {"json", 0, OPTION_FLAG, NULL, "one JSON object a line", &json, false},
        {0}};
    const struct command_spec spec = {
        "schemas",
        "register|check",
        1,
        "register puts the Avro schemas of all inputs and outputs into the registry, under\n"
        "<topic>-value; what is there already keeps its id. check registers nothing: it says\n"
        "whether each is there, or could be registered beside what is there.",
        "freshet schemas check -c freshet.yaml\n"
        "freshet schemas register -c freshet.yaml --set registry.url=http://127.0.0.1:8081",
        options};
    const char *words[CLI_WORDS_MAX];
    struct registry *registry = NULL;
    struct settings *settings;
    struct error err;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    if (!cli_word_is_one_of(&spec, words[0]))
        return CLI_MISUSED;
    settings = cli_load_settings(&from);
    if (!settings)
        return CLI_FAILED;
    if (registry_open(&(struct registry_options){.url = settings->registry.url,
                                                 .user = settings->registry.user,
                                                 .password = settings->registry.password,
                                                 .ca = settings->registry.ca,
                                                 .cache_dir = NULL},
                      &registry, &err) == OK)
        exit_code = for_all(registry, settings, strcmp(words[0], "check") == 0, json);
    else
        exit_code = cli_fail(&err);
    registry_close(registry);
    free(settings);
    return exit_code;
}
