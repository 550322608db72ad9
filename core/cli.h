/*
 * The command line: subcommands, their options and their help.
 *
 * A subcommand is core/cmd_<name>.c with int cmd_<name>(int argc, char **argv) and a line in
 * command_list.h. It declares its options as a table whose rows point at its own variables,
 * and calls cli_parse(); --help with the table and the example, --option=value, unknown options
 * and the nearest known one come with that. Data goes to stdout, words to stderr; the exit code
 * is CLI_DONE, CLI_FAILED or CLI_MISUSED.
 */
#ifndef FRESHET_CORE_CLI_H
#define FRESHET_CORE_CLI_H

#include "core/base/settings.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_MISUSED = 2 };

enum {
    CLI_LIST_MAX = 64,  /* times an option of kind LIST may be given */
    CLI_WORDS_MAX = 16, /* arguments that are no options */
};

enum option_kind {
    OPTION_FLAG,    /* bool */
    OPTION_TEXT,    /* const char *; a later one beats an earlier one */
    OPTION_WHOLE,   /* int64_t >= 0 */
    OPTION_DECIMAL, /* double >= 0 */
    OPTION_LIST,    /* struct cli_list: every one counts */
};

struct cli_list {
    int n;
    const char *at[CLI_LIST_MAX];
};

struct option_spec {
    const char *name; /* without "--"; NULL ends a table */
    char letter;      /* of the short form; 0: none */
    enum option_kind kind;
    const char *value; /* how help calls the value, "FILE"; NULL for a flag */
    const char *help;  /* one line */
    void *target;      /* keeps what it holds if the option is not given */
    bool required;
};

struct command_spec {
    const char *name;    /* "topics" */
    const char *words;   /* "create|check": arguments that are no options; NULL: none */
    int n_words;         /* how many there must be */
    const char *about;   /* what it does, sentences for --help */
    const char *example; /* whole lines, each begins with "freshet " */
    const struct option_spec *options;
};

/** The options that most commands share: -c FILE and --set KEY=VALUE. */
struct cli_settings {
    const char *file; /* NULL: defaults */
    struct cli_list overrides;
};

#define CLI_SETTINGS_OPTIONS(cli_settings_)                                                    \
    {"config", 'c', OPTION_TEXT, "FILE", "the settings (YAML)", &(cli_settings_).file, false}, \
    {                                                                                          \
        "set", 0, OPTION_LIST, "KEY=VALUE", "beats the file; may be given often",              \
            &(cli_settings_).overrides, false                                                  \
    }

/**
 * Reads argv[1…]. True: go on, words holds the arguments that are no options. False: return
 * *exit_code (help was printed, or the misuse was named).
 */
bool cli_parse(const struct command_spec *spec, int argc, char **argv,
               const char *words[CLI_WORDS_MAX], int *exit_code);

/** Is word one of the alternatives "create|check"? Says so on stderr if not. */
bool cli_word_is_one_of(const struct command_spec *spec, const char *word);

/** Loads the settings; on failure NULL, and the sentence has been said. To be freed. */
struct settings *cli_load_settings(const struct cli_settings *from);

/** "freshet: sentence" on stderr. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Says the error's sentence and gives CLI_FAILED, to be returned. */
int cli_fail(const struct error *err);

/** Dispatches over command_list.h; what main() returns. */
int cli_main(int argc, char **argv);

#define X(name, line) int cmd_##name(int argc, char **argv);
#include "core/command_list.h"
#undef X

#endif
