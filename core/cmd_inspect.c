/* freshet inspect: the state directory as JSON lines. */
#include "core/cli.h"
#include "core/inspect.h"
#include "core/inspect_items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_CACHE_BYTES = 16 << 20 };

struct wanted {
    const char *user, *item;
    bool offsets, all, items_digest;
    const char *items_from;
    int64_t items_to;
};

static enum status print(struct state_db *db, const struct wanted *wanted, struct error *err)
{
    if (wanted->all)
        TRY(inspect_users(db, stdout, err));
    else if (wanted->user)
        TRY(inspect_user(db, str_of(wanted->user), stdout, err));
    if (wanted->offsets)
        TRY(inspect_offsets(db, stdout, err));
    if (fflush(stdout) != 0)
        return error_set(err, ERR_IO, "inspect: cannot write: %s", strerror(errno));
    return OK;
}

static bool has_source(const char *name, enum item_source *out)
{
    for (int source = ITEMS_FROM_SNAPSHOT; source <= ITEMS_FROM_BEGINNING; source++) {
        if (strcmp(name, item_source_name((enum item_source)source)) == 0) {
            *out = (enum item_source)source;
            return true;
        }
    }
    return false;
}

static int inspect_items(const struct settings *settings, const struct wanted *wanted)
{
    enum item_source from;
    struct error err;
    enum status status;

    if (!wanted->items_from) {
        status = inspect_items_snapshot(settings, stdout, &err);
    } else if (has_source(wanted->items_from, &from)) {
        status = inspect_items_folded(settings, from, wanted->items_to, stdout, &err);
    } else {
        cli_say("inspect: --items-from is snapshot, table or beginning, not '%s'",
                wanted->items_from);
        return CLI_MISUSED;
    }
    if (status == OK && fflush(stdout) != 0)
        status = error_set(&err, ERR_IO, "inspect: cannot write: %s", strerror(errno));
    return status == OK ? CLI_DONE : cli_fail(&err);
}

static int inspect(const struct settings *settings, const struct wanted *wanted)
{
    char dir[SETTING_TEXT_MAX + 16];
    const struct state_db_options options = {
        .dir = dir,
        .app = settings->app,
        .cluster = "",
        .block_cache_bytes = BLOCK_CACHE_BYTES,
        .read_only = true,
    };
    struct state_db *db;
    struct error err;
    enum status status;

    snprintf(dir, sizeof(dir), "%s/db", settings->state.dir);
    if (state_db_open(&options, &db, &err) != OK)
        return cli_fail(&err);
    status = print(db, wanted, &err);
    state_db_close(db);
    return status == OK ? CLI_DONE : cli_fail(&err);
}

int cmd_inspect(int argc, char **argv)
{
    struct cli_settings from = {0};
    struct wanted wanted = {.items_to = -1};
    const struct option_spec options[] = {
        CLI_SETTINGS_OPTIONS(from),
        {"user", 0, OPTION_TEXT, "U", "this person", &wanted.user, false},
        {"item", 0, OPTION_TEXT, "I", "this item: answered by the running process only",
         &wanted.item, false},
        {"offsets", 0, OPTION_FLAG, NULL, "where each partition stands", &wanted.offsets,
         false},
        {"all", 0, OPTION_FLAG, NULL, "every person", &wanted.all, false},
        {"items-digest", 0, OPTION_FLAG, NULL, "digest of the item model's newest snapshot",
         &wanted.items_digest, false},
        {"items-from", 0, OPTION_TEXT, "SOURCE",
         "with --items-digest: fold it out of Kafka, begun from snapshot, table or beginning",
         &wanted.items_from, false},
        {"items-to", 0, OPTION_WHOLE, "OFFSET", "with --items-from: only so far",
         &wanted.items_to, false},
        {0}};
    const struct command_spec spec = {
        "inspect",
        NULL,
        0,
        "What the state directory holds, one JSON object a line, in key order: the same state\n"
        "gives the same bytes. People with --all or --user; --offsets adds a line per\n"
        "partition. Works while `freshet run` does (it sees what has been flushed,\n"
        "state.flush_interval) and after a crash. Items are in it as hashes of their ids.\n"
        "--items-digest: the item model in one line; GET /v1/items/digest asks a process the\n"
        "same. Equal digests at one offset are equal models, byte for byte.",
        "freshet inspect -c freshet.yaml --user u42\n"
        "freshet inspect -c freshet.yaml --all --offsets\n"
        "freshet inspect -c freshet.yaml --items-digest --items-from beginning",
        options};
    const char *words[CLI_WORDS_MAX];
    struct settings *settings;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    if (!wanted.user && !wanted.item && !wanted.offsets && !wanted.all &&
        !wanted.items_digest) {
        cli_say("inspect: say what to show: --user U, --offsets, --all or --items-digest");
        return CLI_MISUSED;
    }
    settings = cli_load_settings(&from);
    if (!settings)
        return CLI_FAILED;
    if (wanted.item) {
        cli_say("inspect: what is known of an item is not in the state directory: a process "
                "folds it from the topic %s-items; ask one that runs: GET "
                "http://%s/v1/items/%s/related",
                settings->app, settings->http.listen, wanted.item);
        free(settings);
        return CLI_FAILED;
    }
    exit_code = wanted.items_digest ? inspect_items(settings, &wanted) : CLI_DONE;
    if (exit_code == CLI_DONE && (wanted.user || wanted.offsets || wanted.all))
        exit_code = inspect(settings, &wanted);
    free(settings);
    return exit_code;
}
