/*
 * The settings as people and programs read them: `config print`, its --json, the rules text of
 * the journal, and CONFIGURATION.md. All walk the table, so none can forget a row.
 */
#include "core/base/settings_private.h"

#include <string.h>

void settings_origin_text(const struct settings *settings, const struct setting_origin *origin,
                          char *out, size_t capacity)
{
    if (origin->from == FROM_FILE)
        snprintf(out, capacity, "%s:%d", settings->file, origin->line);
    else
        snprintf(out, capacity, "%s", origin->from == FROM_SET ? "--set" : "default");
}

static void write_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

struct line {
    const char *key, *value, *unit, *origin, *sentence;
    bool bare; /* a number or true/false: no quotes in JSON */
};

static void print_line(FILE *out, const struct line *line, bool json)
{
    if (!json) {
        fprintf(out, "%s = %s%s%s  (%s)\n    %s\n", line->key,
                line->value[0] ? line->value : "\"\"", line->unit[0] ? " " : "", line->unit,
                line->origin, line->sentence);
        return;
    }
    fputs("{\"key\":", out);
    write_json_text(out, line->key);
    fputs(",\"value\":", out);
    if (line->bare)
        fputs(line->value, out);
    else
        write_json_text(out, line->value);
    fputs(",\"unit\":", out);
    write_json_text(out, line->unit);
    fputs(",\"origin\":", out);
    write_json_text(out, line->origin);
    fputs(",\"sentence\":", out);
    write_json_text(out, line->sentence);
    fputs("}\n", out);
}

static void print_properties(const struct settings *settings, const struct setting *setting,
                             FILE *out, bool json)
{
    const struct kafka_properties *properties =
        (const struct kafka_properties *)((const char *)settings + setting->offset);

    for (uint32_t i = 0; i < properties->n; i++) {
        const struct kafka_property *property = &properties->at[i];
        char key[160], origin[SETTING_TEXT_MAX + 16];

        snprintf(key, sizeof(key), "%s.%s", setting->key, property->name);
        settings_origin_text(settings, &property->origin, origin, sizeof(origin));
        print_line(out,
                   &(struct line){key,
                                  kafka_property_is_secret(property->name) ? "********"
                                                                           : property->value,
                                  "", origin, setting->sentence, false},
                   json);
    }
}

void settings_print(const struct settings *settings, FILE *out, bool json)
{
    for (unsigned i = 0; i < n_settings; i++) {
        const struct setting *setting = &settings_table[i];
        char value[SETTING_SHOWN_MAX], origin[SETTING_TEXT_MAX + 16];

        if (setting->type == SETTING_PROPERTIES) {
            print_properties(settings, setting, out, json);
            continue;
        }
        setting_show(settings, setting, value, sizeof(value));
        settings_origin_text(settings, &settings->origin[i], origin, sizeof(origin));
        print_line(
            out,
            &(struct line){setting->key, value, setting->unit, origin, setting->sentence,
                           setting->type == SETTING_INT || setting->type == SETTING_BOOL},
            json);
    }
}

void settings_write_rules(const struct settings *settings, FILE *out)
{
    for (unsigned i = 0; i < n_settings; i++) {
        char value[SETTING_SHOWN_MAX];

        if (!(settings_table[i].flags & SETTING_RULE))
            continue;
        setting_show(settings, &settings_table[i], value, sizeof(value));
        fprintf(out, "%s=%s\n", settings_table[i].key, value);
    }
}

static const char markdown_head[] =
    "# Settings\n"
    "\n"
    "Made by `freshet config print --markdown` from the table in "
    "`core/base/settings_table.c`;\n"
    "a test compares the two. `deploy/freshet.yaml` is a commented example.\n"
    "\n"
    "- A file is YAML; keys may be nested or dotted: `recommend: {k: 20}` is `recommend.k: "
    "20`.\n"
    "- `${NAME}` takes an environment variable and `${NAME:-text}` gives a default for it; an\n"
    "  unset one without a default is an error. `$${` stands for a plain `${`.\n"
    "- `--set KEY=VALUE` beats the file. Values of `--set` are taken as they are.\n"
    "- An unknown key, a wrong type or a value out of range is an error that names file and "
    "line.\n"
    "- Durations have a unit (`7d`, `6h`, `30m`, `10s`, `100ms`), sizes too (`2GiB`, "
    "`512MiB`).\n"
    "- Relative paths start at the folder in which the program was started.\n"
    "- Under `kafka` stands any property of librdkafka; these are set by the program and "
    "refused:\n"
    "  `group.id`, `group.instance.id`, `transactional.id`, `enable.auto.commit`,\n"
    "  `enable.auto.offset.store`, `auto.offset.reset`, `enable.idempotence`, "
    "`isolation.level`,\n"
    "  `partition.assignment.strategy`, `partitioner`.\n"
    "\n"
    "| key | default | allowed | what it does |\n"
    "|---|---|---|---|\n";

static void write_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

void settings_write_markdown(FILE *out)
{
    fputs(markdown_head, out);
    for (unsigned i = 0; i < n_settings; i++) {
        const struct setting *setting = &settings_table[i];
        char allowed[SETTING_SHOWN_MAX];

        setting_allowed(setting, allowed, sizeof(allowed));
        fprintf(out, "| `%s` | %s%s%s | ", setting->key, setting->initial[0] ? "`" : "",
                setting->initial, setting->initial[0] ? "`" : "");
        write_cell(out, allowed);
        fprintf(out, "%s%s | ", setting->unit[0] ? ", " : "", setting->unit);
        write_cell(out, setting->sentence);
        fputs(" |\n", out);
    }
}
