/*
 * Dispatch and option parsing.
 *
 * getopt_long would know neither the table's help nor the nearest option, and argp exits by
 * itself; the rules kept are those of both: --name value, --name=value, -n value, -nvalue,
 * options and words in any order, "--" ends the options.
 */
#include "core/cli.h"

#include "core/base/edit_distance.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void cli_say(const char *format, ...)
{
    va_list args;

    fputs("freshet: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int cli_fail(const struct error *err)
{
    cli_say("%s", err->text);
    return CLI_FAILED;
}

struct settings *cli_load_settings(const struct cli_settings *from)
{
    struct settings *settings = malloc(sizeof(*settings));
    struct error err;

    if (!settings) {
        cli_say("out of memory");
        return NULL;
    }
    if (settings_load(settings, from->file, from->overrides.n, from->overrides.at, &err) !=
        OK) {
        cli_fail(&err);
        free(settings);
        return NULL;
    }
    return settings;
}

/* ---- help ---- */

static void print_option(const struct option_spec *option)
{
    char left[64];
    int n = 0;

    n = option->letter ? snprintf(left, sizeof(left), "  -%c, ", option->letter)
                       : snprintf(left, sizeof(left), "      ");
    snprintf(left + n, sizeof(left) - (size_t)n, "--%s%s%s", option->name,
             option->value ? " " : "", option->value ? option->value : "");
    printf("%-28s  %s%s\n", left, option->help, option->required ? " (required)" : "");
}

static void print_help(const struct command_spec *spec)
{
    printf("usage: freshet %s%s%s [options]\n\n%s\n\noptions:\n", spec->name,
           spec->words ? " " : "", spec->words ? spec->words : "", spec->about);
    for (const struct option_spec *option = spec->options; option && option->name; option++)
        print_option(option);
    print_option(
        &(struct option_spec){"help", 'h', OPTION_FLAG, NULL, "this text", NULL, false});
    printf("\nexample:\n  ");
    for (const char *at = spec->example; *at; at++) {
        putchar(*at);
        if (*at == '\n')
            fputs("  ", stdout);
    }
    putchar('\n');
}

/* ---- options ---- */

static bool misuse(const struct command_spec *spec, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool misuse(const struct command_spec *spec, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "freshet %s: ", spec->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; see freshet %s --help\n", spec->name);
    return false;
}

static const struct option_spec *find_option(const struct command_spec *spec, const char *name,
                                             size_t n)
{
    for (const struct option_spec *option = spec->options; option && option->name; option++) {
        if (strlen(option->name) == n && memcmp(option->name, name, n) == 0)
            return option;
    }
    return NULL;
}

static bool unknown_option(const struct command_spec *spec, const char *given)
{
    const char *nearest = "help";
    char name[EDIT_DISTANCE_MAX_LEN];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(given + 2, "="), given + 2);
    for (const struct option_spec *option = spec->options; option && option->name; option++) {
        if (edit_distance(option->name, name) < edit_distance(nearest, name))
            nearest = option->name;
    }
    return misuse(spec, "unknown option '--%s'; the nearest known is '--%s'", name, nearest);
}

static bool parse_decimal(const char *text, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && errno == 0 && *out >= 0 && *out <= 1e15;
}

static bool parse_whole(const char *text, int64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *out >= 0;
}

static bool take_value(const struct command_spec *spec, const struct option_spec *option,
                       const char *value)
{
    struct cli_list *list = option->target;

    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->target = true;
        break;
    case OPTION_TEXT:
        *(const char **)option->target = value;
        break;
    case OPTION_WHOLE:
        if (!parse_whole(value, option->target))
            return misuse(spec, "--%s takes a whole number, not '%s'", option->name, value);
        break;
    case OPTION_DECIMAL:
        if (!parse_decimal(value, option->target))
            return misuse(spec, "--%s takes a number, not '%s'", option->name, value);
        break;
    case OPTION_LIST:
        if (list->n == CLI_LIST_MAX)
            return misuse(spec, "--%s may be given %d times", option->name, CLI_LIST_MAX);
        list->at[list->n++] = value;
        break;
    }
    return true;
}

struct parse {
    const struct command_spec *spec;
    int argc, at;
    char **argv;
    uint64_t given; /* bit per row of the table */
};

/* The value of an option: behind "=", or the next argument. */
static bool take_option(struct parse *parse, const struct option_spec *option,
                        const char *attached)
{
    const char *value = attached;

    if (option->kind == OPTION_FLAG && attached)
        return misuse(parse->spec, "--%s takes no value", option->name);
    if (option->kind != OPTION_FLAG && !value) {
        if (parse->at + 1 >= parse->argc)
            return misuse(parse->spec, "--%s needs %s behind it", option->name, option->value);
        value = parse->argv[++parse->at];
    }
    parse->given |= UINT64_C(1) << (option - parse->spec->options);
    return take_value(parse->spec, option, value);
}

static bool take_long(struct parse *parse, const char *argument)
{
    size_t n = strcspn(argument + 2, "=");
    const struct option_spec *option = find_option(parse->spec, argument + 2, n);

    if (!option)
        return unknown_option(parse->spec, argument);
    return take_option(parse, option, argument[2 + n] == '=' ? argument + 3 + n : NULL);
}

static bool take_short(struct parse *parse, const char *argument)
{
    for (const struct option_spec *option = parse->spec->options; option && option->name;
         option++) {
        if (option->letter && option->letter == argument[1])
            return take_option(parse, option, argument[2] ? argument + 2 : NULL);
    }
    return misuse(parse->spec, "unknown option '%s'", argument);
}

static bool check_complete(const struct parse *parse, int n_words)
{
    const struct command_spec *spec = parse->spec;

    if (n_words != spec->n_words && spec->words)
        return misuse(spec, "write %s once", spec->words);
    if (n_words != spec->n_words)
        return misuse(spec, "it takes options only");
    for (const struct option_spec *option = spec->options; option && option->name; option++) {
        if (option->required && !(parse->given & UINT64_C(1) << (option - spec->options)))
            return misuse(spec, "--%s %s is missing", option->name, option->value);
    }
    return true;
}

bool cli_parse(const struct command_spec *spec, int argc, char **argv,
               const char *words[CLI_WORDS_MAX], int *exit_code)
{
    struct parse parse = {spec, argc, 1, argv, 0};
    bool options_over = false, good = true;
    int n_words = 0;

    for (; good && parse.at < argc; parse.at++) {
        const char *argument = argv[parse.at];

        if (options_over || argument[0] != '-' || !argument[1]) {
            good = n_words < CLI_WORDS_MAX || misuse(spec, "too many arguments");
            if (good)
                words[n_words++] = argument;
        } else if (strcmp(argument, "--") == 0) {
            options_over = true;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            print_help(spec);
            *exit_code = CLI_DONE;
            return false;
        } else {
            good =
                argument[1] == '-' ? take_long(&parse, argument) : take_short(&parse, argument);
        }
    }
    *exit_code = CLI_MISUSED;
    return good && check_complete(&parse, n_words);
}

bool cli_word_is_one_of(const struct command_spec *spec, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = spec->words; n > 0 && at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == n && memcmp(at, word, n) == 0)
            return true;
    }
    return misuse(spec, "'%s' is not one of %s", word, spec->words);
}

/* ---- subcommands ---- */

static const struct command {
    const char *name, *line;
    int (*run)(int argc, char **argv);
} commands[] = {
#define X(name, line) {#name, line, cmd_##name},
#include "core/command_list.h"
#undef X
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_commands(FILE *out)
{
    fputs("usage: freshet COMMAND [options]\n\n"
          "Learns from every click on Kafka and answers with lists and messages on Kafka.\n\n"
          "commands:\n",
          out);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].line);
    fputs("  help       this text, or `help COMMAND`\n\n"
          "example:\n"
          "  freshet demo\n"
          "  freshet run -c freshet.yaml\n",
          out);
}

static const struct command *find_command(const char *name)
{
    const struct command *nearest = &commands[0];

    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
        if (edit_distance(commands[i].name, name) < edit_distance(nearest->name, name))
            nearest = &commands[i];
    }
    fprintf(stderr,
            "freshet: unknown command '%s'; the nearest known is '%s'; see freshet --help\n",
            name, nearest->name);
    return NULL;
}

/* A full disk or a closed pipe behind stdout is a failure even if all else went well. */
static int finish(int exit_code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_say("cannot write to stdout: %s", strerror(errno));
        return exit_code == CLI_DONE ? CLI_FAILED : exit_code;
    }
    return exit_code;
}

static int run_command(const char *name, int argc, char **argv)
{
    const struct command *command = find_command(name);

    return command ? finish(command->run(argc, argv)) : CLI_MISUSED;
}

int cli_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    char *help[] = {argc > 2 ? argv[2] : NULL, "--help", NULL};

    if (argc < 2) {
        print_commands(stderr);
        return CLI_MISUSED;
    }
    if (strcmp(name, "help") == 0 && argc > 2)
        return run_command(help[0], 2, help);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_commands(stdout);
        return finish(CLI_DONE);
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    return run_command(name, argc - 1, argv + 1);
}
