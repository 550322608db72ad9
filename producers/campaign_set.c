/*
 * Loading: every *.yaml of the folder in the order of names, then the templates each one
 * names. All that was read is kept as the rules' text; its hash is the version that stands in
 * every suppressed message and in the journal, so a decision can be made again later.
 */
#include "producers/campaign_private.h"

#include "core/base/hash.h"
#include "producers/quiet_hours.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RULES_BYTES_MAX = 64 * 1024 * 1024, /* all files of a set together */
    RULE_FILE_MAX = 1024 * 1024,        /* one file; the longest template allowed is 256 KiB */
    HOLDOUT_DEFAULT = 200,              /* 2 % (CONTENT 6) */
};

static enum status read_stream(FILE *stream, const char *path, struct arena *arena,
                               struct str *out, struct error *err)
{
    char *text;
    long size;

    if (fseek(stream, 0, SEEK_END) != 0 || (size = ftell(stream)) < 0)
        return error_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (size > RULE_FILE_MAX)
        return error_set(err, ERR_INVALID, "%s: more than %d bytes", path, RULE_FILE_MAX);
    rewind(stream);
    text = arena_alloc(arena, (size_t)size + 1);
    if (!text)
        return error_set(err, ERR_NOMEM, "%s: the rules take more than %d bytes", path,
                         RULES_BYTES_MAX);
    *out = (struct str){text, (uint32_t)fread(text, 1, (size_t)size, stream)};
    text[out->len] = '\0';
    if (ferror(stream))
        return error_set(err, ERR_IO, "%s: cannot be read", path);
    return OK;
}

static enum status note_source(struct campaign_set *set, const char *name_text, struct str text)
{
    if (set->n_sources + 2 > set->sources_capacity) {
        uint32_t capacity = set->sources_capacity ? 2 * set->sources_capacity : 64;
        struct str *grown = realloc(set->sources, capacity * sizeof(*grown));

        if (!grown)
            return ERR_NOMEM;
        set->sources = grown;
        set->sources_capacity = capacity;
    }
    struct str name = arena_copy(&set->texts, str_of(name_text));

    if (!name.ptr)
        return ERR_NOMEM;
    set->sources[set->n_sources++] = name;
    set->sources[set->n_sources++] = text;
    return OK;
}

enum status campaign_read_file(struct campaign_set *set, const char *folder, const char *name,
                               struct str *out, struct error *err)
{
    char path[PATH_BYTES_MAX];
    enum status status;
    FILE *stream;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return error_set(err, ERR_INVALID, "%s: the path is too long", name);
    stream = fopen(path, "rb");
    if (!stream)
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                         strerror(errno));
    status = read_stream(stream, path, &set->texts, out, err);
    fclose(stream);
    if (status == OK && note_source(set, name, *out) != OK)
        status = error_set(err, ERR_NOMEM, "%s: out of memory", path);
    return status;
}

static enum status check_new(const struct campaign_set *set, const struct campaign *campaign,
                             const char *path, struct error *err)
{
    if (set->n == CAMPAIGNS_MAX)
        return error_set(err, ERR_INVALID, "%s: more than %d campaigns", path, CAMPAIGNS_MAX);
    if (campaign_find(set, campaign->id))
        return error_set(err, ERR_INVALID, "%s: campaign: '%s' is the name of another file's",
                         path, campaign->name);
    return OK;
}

static enum status load_campaign(struct campaign_set *set,
                                 const struct campaign_options *options, const char *name,
                                 struct error *err)
{
    struct campaign *campaign = calloc(1, sizeof(*campaign));
    char path[PATH_BYTES_MAX];
    enum status status;
    struct str text;

    if (!campaign)
        return error_set(err, ERR_NOMEM, "%s: out of memory", name);
    snprintf(path, sizeof(path), "%s/%s", options->campaigns_dir, name);
    status = campaign_read_file(set, options->campaigns_dir, name, &text, err);
    if (status == OK)
        status = campaign_parse(path, text, campaign, err);
    if (status == OK)
        status = check_new(set, campaign, path, err);
    if (status != OK) {
        free(campaign);
        return status;
    }
    set->at[set->n++] = campaign; /* closed with the set from here on */
    for (uint32_t i = 0; i < campaign->n_channels; i++)
        TRY(campaign_load_copies(set, options->templates_dir, campaign, campaign->channels[i],
                                 err));
    return OK;
}

static int is_campaign_file(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort would ask the locale */
}

static enum status load_folder(struct campaign_set *set, const struct campaign_options *options,
                               struct error *err)
{
    struct dirent **entries = NULL;
    enum status status = OK;
    int n = scandir(options->campaigns_dir, &entries, is_campaign_file, by_name);

    if (n < 0)
        return error_set(err, ERR_INVALID, "campaigns.dir: '%s': %s", options->campaigns_dir,
                         strerror(errno));
    for (int i = 0; i < n; i++) {
        if (status == OK)
            status = load_campaign(set, options, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* "== name\ntext\n" for each source, in the order of reading; the settings come first. */
static enum status finish_text(struct campaign_set *set, struct error *err)
{
    size_t size = 0;
    char *text, *p;

    for (uint32_t i = 0; i < set->n_sources; i++)
        size += set->sources[i].len + 4;
    text = p = arena_alloc(&set->texts, size + 1);
    if (!text)
        return error_set(err, ERR_NOMEM, "the rules take too much memory");
    for (uint32_t i = 0; i < set->n_sources; i++) {
        p = stpcpy(p, i % 2 == 0 ? "== " : "");
        memcpy(p, set->sources[i].ptr, set->sources[i].len);
        p += set->sources[i].len;
        *p++ = '\n';
    }
    set->text = (struct str){text, (uint32_t)(p - text)};
    hash128_hex(hash128_parts(&set->text, 1), set->version);
    snprintf(set->approval, sizeof(set->approval), "rules:%s", set->version);
    return OK;
}

static enum status note_settings(struct campaign_set *set)
{
    struct str text =
        arena_printf(&set->texts, "locale %s, time zone %s, live.max_age %lld ms, holdout %u",
                     set->default_locale, set->default_time_zone,
                     (long long)set->live_max_age_ms, set->holdout);

    return text.ptr ? note_source(set, "settings", text) : ERR_NOMEM;
}

static enum status take_options(struct campaign_set *set,
                                const struct campaign_options *options, struct error *err)
{
    const char *locale =
        options->default_locale && options->default_locale[0] ? options->default_locale : "en";
    const char *zone = options->default_time_zone && options->default_time_zone[0]
                           ? options->default_time_zone
                           : "UTC";

    if (strlen(locale) >= sizeof(set->default_locale))
        return error_set(err, ERR_INVALID, "locale: '%.80s' is too long", locale);
    if (strlen(zone) >= sizeof(set->default_time_zone) || !zone_is_known(str_of(zone)))
        return error_set(err, ERR_INVALID,
                         "time_zone: '%.80s' is unknown; write it like \"Europe/Berlin\"",
                         zone);
    if (options->holdout_global > BUCKETS || options->holdout_global < -1)
        return error_set(err, ERR_INVALID, "the global holdout is -1, or 0 to %d of %d people",
                         BUCKETS, BUCKETS);
    strcpy(set->default_locale, locale);
    strcpy(set->default_time_zone, zone);
    set->live_max_age_ms = options->live_max_age_ms;
    set->holdout = options->holdout_global == 0    ? HOLDOUT_DEFAULT
                   : options->holdout_global == -1 ? 0
                                                   : (uint32_t)options->holdout_global;
    return note_settings(set) == OK ? OK
                                    : error_set(err, ERR_NOMEM, "campaigns: out of memory");
}

enum status campaign_set_load(const struct campaign_options *options, struct campaign_set **out,
                              struct error *err)
{
    struct campaign_set *set = calloc(1, sizeof(*set));
    enum status status;

    if (!set)
        return error_set(err, ERR_NOMEM, "campaigns: out of memory");
    arena_init(&set->texts, RULES_BYTES_MAX);
    status = take_options(set, options, err);
    if (status == OK && options->campaigns_dir && options->campaigns_dir[0] &&
        options->templates_dir && options->templates_dir[0])
        status = load_folder(set, options, err);
    if (status == OK)
        status = finish_text(set, err);
    if (status == OK) {
        *out = set;
        set = NULL;
    }
    campaign_set_close(set);
    return status;
}

void campaign_set_close(struct campaign_set *set)
{
    if (!set)
        return;
    for (uint32_t i = 0; i < set->n; i++) {
        for (int channel = 0; channel < N_CHANNELS; channel++)
            campaign_close_copies(&set->at[i]->copies[channel]);
        free(set->at[i]);
    }
    for (uint32_t i = 0; i < set->n_locales; i++)
        template_locale_close(set->locales[i]);
    arena_deinit(&set->texts);
    free(set->sources);
    free(set);
}

const char *campaign_set_version(const struct campaign_set *set)
{
    return set->version;
}

struct str campaign_set_text(const struct campaign_set *set)
{
    return set->text;
}

uint32_t campaign_set_count(const struct campaign_set *set)
{
    return set->n;
}

const struct campaign *campaign_find(const struct campaign_set *set, uint64_t id)
{
    for (uint32_t i = 0; i < set->n; i++) {
        if (set->at[i]->id == id)
            return set->at[i];
    }
    return NULL;
}
