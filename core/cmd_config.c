/*
 * freshet config check|print: the settings, read as every other command reads them.
 *
 * check goes further than the parser can: librdkafka's opinion of its properties, and the files
 * and folders that settings name. It asks nobody on the network.
 */
#include "core/cli.h"

#include "core/kafka_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A property that librdkafka refuses is a mistake of the file as much as an unknown key. */
static int check_kafka(const struct settings *settings)
{
    int n_bad = 0;

    for (int side = KAFKA_CONSUMER; side <= KAFKA_PRODUCER; side++) {
        rd_kafka_conf_t *conf = NULL;
        struct error err;

        if (kafka_conf_open(settings, (enum kafka_side)side, &conf, &err) == OK) {
            rd_kafka_conf_destroy(conf);
        } else {
            cli_say("%s", err.text);
            n_bad++;
        }
        if (n_bad)
            break; /* the other side would say the same of a shared property */
    }
    return n_bad;
}

static int check_path(const char *key, const char *path, bool folder)
{
    struct stat info;

    if (!path[0])
        return 0;
    if (stat(path, &info) != 0) {
        cli_say("%s: cannot read %s: %s", key, path, strerror(errno));
        return 1;
    }
    if (S_ISDIR(info.st_mode) != folder) {
        cli_say("%s: %s is %s", key, path, folder ? "not a folder" : "a folder, not a file");
        return 1;
    }
    if (access(path, folder ? R_OK | X_OK : R_OK) != 0) {
        cli_say("%s: %s may not be read by this user", key, path);
        return 1;
    }
    return 0;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0 ||
           strncmp(address, "localhost:", 10) == 0;
}

static int check(const struct settings *settings)
{
    int n_bad = check_kafka(settings);

    n_bad += check_path("http.token_file", settings->http.token_file, false);
    n_bad += check_path("http.tls_cert", settings->http.tls_cert, false);
    n_bad += check_path("http.tls_key", settings->http.tls_key, false);
    n_bad += check_path("registry.ca", settings->registry.ca, false);
    n_bad += check_path("campaigns.dir", settings->campaigns.dir, true);
    n_bad += check_path("campaigns.templates", settings->campaigns.templates, true);
    if (!is_loopback(settings->http.listen) && !settings->http.token_file[0])
        cli_say(
            "note: http.listen %s may be reached from elsewhere, and http.token_file is not "
            "set: anybody there can ask about anybody",
            settings->http.listen);
    if (n_bad == 0)
        cli_say("%s is good",
                settings->file[0] ? settings->file : "no file, all defaults: this");
    return n_bad ? CLI_FAILED : CLI_DONE;
}

int cmd_config(int argc, char **argv)
{
    struct cli_settings from = {0};
    bool json = false, markdown = false;
    const struct option_spec options[] = {
        CLI_SETTINGS_OPTIONS(from),
        {"json", 0, OPTION_FLAG, NULL, "print: one JSON object a line", &json, false},
        {"markdown", 0, OPTION_FLAG, NULL, "print: the table of all settings", &markdown,
         false},
        {0}};
    const struct command_spec spec = {
        "config",
        "check|print",
        1,
        "check reads the settings, asks librdkafka about its properties and looks whether the\n"
        "files and folders that are named can be read. print shows every setting with its\n"
        "value, where it came from, and what it does; passwords are masked.",
        "freshet config check -c freshet.yaml\n"
        "freshet config print -c freshet.yaml --set workers=2 --json",
        options};
    const char *words[CLI_WORDS_MAX];
    struct settings *settings;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    if (!cli_word_is_one_of(&spec, words[0]))
        return CLI_MISUSED;
    if (markdown) {
        settings_write_markdown(stdout);
        return CLI_DONE;
    }
    settings = cli_load_settings(&from);
    if (!settings)
        return CLI_FAILED;
    exit_code = CLI_DONE;
    if (strcmp(words[0], "check") == 0)
        exit_code = check(settings);
    else
        settings_print(settings, stdout, json);
    free(settings);
    return exit_code;
}
