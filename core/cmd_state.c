/*
 * freshet state backup|restore|check: the state directory as a thing to keep.
 *
 *   backup   the database of one moment, also of a running process, and positions.json: for
 *            each task the transaction number and the next offset of every input it includes;
 *            and the snapshots of the items
 *   restore  a backup becomes the state directory of a process that is not running; what has
 *            happened since comes from the changelog at the next start
 *   check    reads every key and says what cannot be read
 */
#include "core/cli.h"
#include "core/item_snapshot.h"
#include "features/state_db.h"
#include "features/user_codec.h"
#include "schemas/task_position.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct state_paths {
    char db[SETTING_TEXT_MAX + 16], backup[SETTING_TEXT_MAX + 16];
};

static enum status open_db(const struct settings *settings, const char *dir,
                           struct state_db **out, struct error *err)
{
    struct state_db_options options = {.dir = dir,
                                       .app = settings->app,
                                       .cluster = "",
                                       .memtable_bytes = 16 << 20,
                                       .block_cache_bytes = 8 << 20,
                                       .read_only = true};

    return state_db_open(&options, out, err);
}

/* ---- check ---- */

struct tally {
    uint64_t users, bytes, damaged;
};

static bool check_user(void *context, uint16_t task, struct str user_id, const char *bytes,
                       size_t len)
{
    static struct user_state user;
    struct tally *tally = context;

    tally->users++;
    tally->bytes += len;
    if (!user_decode((const uint8_t *)bytes, len, user_id, &user)) {
        tally->damaged++;
        cli_say("task %u: a person's %zu bytes cannot be read", task, len);
    }
    return true;
}

/* The position of a task; false: the task is not in this folder, or its position is damaged. */
static bool read_position(struct state_db *db, uint16_t task, struct task_position *out,
                          bool *damaged)
{
    char *bytes;
    size_t len;

    *damaged = false;
    if (state_db_get_position(db, task, &bytes, &len) != OK)
        return false;
    bool good = task_position_decode((const uint8_t *)bytes, len, out);

    free(bytes);
    *damaged = !good;
    return good;
}

static int check(struct state_db *db)
{
    static struct task_position position;
    struct tally tally = {0};
    struct error err = {0};
    uint32_t n_tasks = 0;

    if (state_db_each_user(db, -1, check_user, &tally, &err) != OK)
        return cli_fail(&err);
    for (uint32_t task = 0; task < TASKS_MAX; task++) {
        bool damaged;

        n_tasks += read_position(db, (uint16_t)task, &position, &damaged);
        if (damaged) {
            tally.damaged++;
            cli_say("task %u: its position cannot be read", task);
        }
    }
    printf("{\"tasks\":%u,\"users\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"damaged\":%" PRIu64
           "}\n",
           n_tasks, tally.users, tally.bytes, tally.damaged);
    return tally.damaged ? CLI_FAILED : CLI_DONE;
}

/* ---- backup and restore ---- */

static void print_positions(struct state_db *db, FILE *out)
{
    static struct task_position position;
    bool damaged, first = true;

    fputs("[", out);
    for (uint32_t task = 0; task < TASKS_MAX; task++) {
        if (!read_position(db, (uint16_t)task, &position, &damaged))
            continue;
        fprintf(out, "%s\n{\"task\":%u,\"number\":%" PRIu64 ",\"items\":%" PRId64 ",\"next\":{",
                first ? "" : ",", task, position.number, position.items_offset);
        for (int topic = 0; topic < N_USER_TOPICS; topic++)
            fprintf(out, "%s\"%s\":%" PRId64, topic ? "," : "",
                    input_topic_name((enum input_topic)topic), position.next[topic]);
        fputs("}}", out);
        first = false;
    }
    fputs("\n]\n", out);
}

static int backup(const struct settings *settings, struct state_db *db, const char *dir)
{
    char path[SETTING_TEXT_MAX + 32];
    struct error err = {0};

    if (mkdir(dir, 0777) && errno != EEXIST) {
        cli_say("cannot make '%s': %s", dir, strerror(errno));
        return CLI_FAILED;
    }
    snprintf(path, sizeof(path), "%s/db", dir);
    if (item_snapshot_copy_all(settings->state.dir, dir, &err) != OK ||
        state_db_copy(db, path, &err) != OK)
        return cli_fail(&err);
    snprintf(path, sizeof(path), "%s/positions.json", dir);
    FILE *file = fopen(path, "w");

    if (file)
        print_positions(db, file);
    if (!file || fclose(file)) {
        cli_say("cannot write '%s': %s", path, strerror(errno));
        return CLI_FAILED;
    }
    print_positions(db, stdout);
    return CLI_DONE;
}

static int restore(const struct settings *settings, const struct state_paths *paths,
                   const char *dir)
{
    struct state_db *from = NULL;
    struct error err = {0};
    enum status status = open_db(settings, paths->backup, &from, &err);

    if (status == OK && mkdir(settings->state.dir, 0777) && errno != EEXIST)
        status = error_set(&err, ERR_IO, "cannot make '%s': %s", settings->state.dir,
                           strerror(errno));
    if (status == OK)
        status = state_db_copy(from, paths->db, &err);
    if (status == OK)
        status = item_snapshot_copy_all(dir, settings->state.dir, &err);
    state_db_close(from);
    return status == OK ? CLI_DONE : cli_fail(&err);
}

static int run(const struct settings *settings, const char *word, const char *dir)
{
    struct state_paths paths;
    struct state_db *db = NULL;
    struct error err = {0};
    int exit_code;

    snprintf(paths.db, sizeof(paths.db), "%s/db", settings->state.dir);
    snprintf(paths.backup, sizeof(paths.backup), "%s/db", dir ? dir : "");
    if (strcmp(word, "restore") == 0)
        return restore(settings, &paths, dir);
    if (open_db(settings, paths.db, &db, &err) != OK)
        return cli_fail(&err);
    exit_code = strcmp(word, "backup") == 0 ? backup(settings, db, dir) : check(db);
    state_db_close(db);
    return exit_code;
}

int cmd_state(int argc, char **argv)
{
    struct cli_settings from = {0};
    const char *dir = NULL;
    const struct option_spec options[] = {
        CLI_SETTINGS_OPTIONS(from),
        {"backup", 0, OPTION_TEXT, "DIR", "the backup's folder (backup, restore)", &dir, false},
        {0}};
    const struct command_spec spec = {
        "state",
        "backup|restore|check",
        1,
        "backup copies the state of one moment into DIR, also while a process runs, and names\n"
        "the journal positions it includes. restore makes the state directory from a backup; "
        "it\n"
        "must hold no database yet, and the next start reads what has happened since. check\n"
        "reads everything and says what is damaged.",
        "freshet state backup -c freshet.yaml --backup /var/backups/shop-1\n"
        "freshet state restore -c freshet.yaml --backup /var/backups/shop-1",
        options};
    const char *words[CLI_WORDS_MAX];
    struct settings *settings;
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    if (!cli_word_is_one_of(&spec, words[0]))
        return CLI_MISUSED;
    if (!dir && strcmp(words[0], "check") != 0) {
        cli_say("'state %s' needs --backup DIR", words[0]);
        return CLI_MISUSED;
    }
    settings = cli_load_settings(&from);
    if (!settings)
        return CLI_FAILED;
    exit_code = run(settings, words[0], dir);
    free(settings);
    return exit_code;
}
