/*
 * The texts of a campaign: templates_dir/NAME/PART.LOCALE.liquid, or PART.liquid where a part
 * has no words (a link). Every locale that a file names must have all the parts its channel
 * needs: half a translation is found at load, not at night.
 */
#include "producers/campaign_private.h"

#include "core/base/hash.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Push services show 30 to 65 characters of a title and cut bodies at about 240; a payload
 * has 4 KiB in all. A subject beyond 150 is never read; a header line ends at 998 bytes. */
const struct part_kind part_kinds[N_PARTS] = {
    [PART_TITLE] = {"title", CHANNEL_PUSH, TARGET_LINE, true, 65, 260},
    [PART_BODY] = {"body", CHANNEL_PUSH, TARGET_PLAIN, true, 240, 960},
    [PART_DEEP_LINK] = {"deep_link", CHANNEL_PUSH, TARGET_URL, false, 2000, 2000},
    [PART_SUBJECT] = {"subject", CHANNEL_EMAIL, TARGET_LINE, true, 150, 600},
    [PART_PREHEADER] = {"preheader", CHANNEL_EMAIL, TARGET_LINE, false, 200, 800},
    [PART_HTML] = {"html", CHANNEL_EMAIL, TARGET_HTML, false, 65536, 65536},
    [PART_TEXT] = {"text", CHANNEL_EMAIL, TARGET_PLAIN, true, 65536, 65536},
};

struct include_context {
    struct campaign_set *set;
    const char *templates_dir, *locale;
};

/* A last line break belongs to the file, not to the text. */
static struct str without_last_break(struct str text)
{
    text.len -= text.len > 0 && text.ptr[text.len - 1] == '\n';
    return text;
}

/* NAME.LOCALE.liquid in the folder, else NAME.liquid. */
static enum status read_localised(struct campaign_set *set, const char *templates_dir,
                                  const char *name, const char *locale, char *file,
                                  struct str *out, struct error *err)
{
    enum status status;

    snprintf(file, PATH_BYTES_MAX, "%s.%s.liquid", name, locale);
    status = campaign_read_file(set, templates_dir, file, out, err);
    if (status == ERR_NOT_FOUND) {
        snprintf(file, PATH_BYTES_MAX, "%s.liquid", name);
        status = campaign_read_file(set, templates_dir, file, out, err);
    }
    *out = without_last_break(*out);
    return status;
}

static enum status read_include(const void *context, struct str name, struct str *out,
                                struct error *err)
{
    const struct include_context *include = context;
    char path[CAMPAIGN_NAME_MAX + 16], file[PATH_BYTES_MAX];

    *out = (struct str){"", 0};
    if (name.len == 0 || name.len >= CAMPAIGN_NAME_MAX)
        return error_set(err, ERR_INVALID, "include: the name is empty or too long");
    for (uint32_t i = 0; i < name.len; i++) {
        if (!isalnum((unsigned char)name.ptr[i]) && name.ptr[i] != '_' && name.ptr[i] != '-')
            return error_set(err, ERR_INVALID,
                             "include '%.*s': a name has letters, digits, '_' and '-'",
                             STR_ARG(name));
    }
    snprintf(path, sizeof(path), "include/%.*s", STR_ARG(name));
    return read_localised(include->set, include->templates_dir, path, include->locale, file,
                          out, err);
}

static enum status locale_rules(struct campaign_set *set, const char *name,
                                const struct template_locale **out, struct error *err)
{
    for (uint32_t i = 0; i < set->n_locales; i++) {
        if (strcmp(template_locale_name(set->locales[i]), name) == 0) {
            *out = set->locales[i];
            return OK;
        }
    }
    if (set->n_locales == CAMPAIGN_LOCALES_MAX)
        return error_set(err, ERR_INVALID, "templates: more than %d locales",
                         CAMPAIGN_LOCALES_MAX);
    TRY(template_locale_open(name, &set->locales[set->n_locales], err));
    *out = set->locales[set->n_locales++];
    return OK;
}

static enum status load_part(struct campaign_set *set, const char *templates_dir,
                             const char *template_name, struct copy *copy, int part,
                             struct str *source, struct error *err)
{
    const struct part_kind *kind = &part_kinds[part];
    struct include_context context = {set, templates_dir, copy->locale};
    struct template_includes includes = {read_include, &context};
    char name[2 * CAMPAIGN_NAME_MAX], file[PATH_BYTES_MAX];
    enum status status;

    snprintf(name, sizeof(name), "%s/%s", template_name, kind->name);
    status = read_localised(set, templates_dir, name, copy->locale, file, source, err);
    if (status == ERR_NOT_FOUND && kind->required)
        return error_set(err, ERR_INVALID, "%s: %s.%s.liquid is missing", templates_dir, name,
                         copy->locale);
    if (status == ERR_NOT_FOUND) {
        *source = (struct str){"", 0};
        return OK;
    }
    TRY(status);
    return template_compile(file, *source, kind->target, &includes, &copy->parts[part], err);
}

static enum status load_copy(struct campaign_set *set, const char *templates_dir,
                             const char *template_name, int32_t channel, struct copy *copy,
                             struct error *err)
{
    struct str sources[N_PARTS];

    TRY(locale_rules(set, copy->locale, &copy->rules, err));
    for (int part = 0; part < N_PARTS; part++) {
        sources[part] = (struct str){"", 0};
        if (part_kinds[part].channel == (enum channel)channel)
            TRY(load_part(set, templates_dir, template_name, copy, part, &sources[part], err));
    }
    hash128_hex(hash128_parts(sources, N_PARTS), copy->content_id);
    return OK;
}

/* "html.de.liquid" -> "de"; false for a file without a locale. */
static bool locale_of_file(const char *file, char *out)
{
    const char *first = strchr(file, '.');
    const char *last = first ? strchr(first + 1, '.') : NULL;

    if (!last || strcmp(last, ".liquid") != 0 || file[0] == '.')
        return false;
    size_t n = (size_t)(last - first) - 1;

    if (n == 0 || n >= CAMPAIGN_NAME_MAX)
        return false;
    memcpy(out, first + 1, n);
    out[n] = '\0';
    return true;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum status add_locale(struct copy_set *copies, const char *locale, struct error *err)
{
    for (uint32_t i = 0; i < copies->n; i++) {
        if (strcmp(copies->at[i].locale, locale) == 0)
            return OK;
    }
    if (copies->n == CAMPAIGN_LOCALES_MAX)
        return error_set(err, ERR_INVALID, "template '%s': more than %d locales",
                         copies->template_name, CAMPAIGN_LOCALES_MAX);
    strcpy(copies->at[copies->n++].locale, locale);
    return OK;
}

/* The locales that the folder's files name. */
static enum status find_locales(const char *folder, struct copy_set *copies, struct error *err)
{
    char locale[CAMPAIGN_NAME_MAX];
    struct dirent **entries = NULL;
    enum status status = OK;
    int n = scandir(folder, &entries, NULL, by_name);

    if (n < 0)
        return error_set(err, ERR_INVALID, "template '%s': '%s': %s", copies->template_name,
                         folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (status == OK && locale_of_file(entries[i]->d_name, locale))
            status = add_locale(copies, locale, err);
        free(entries[i]);
    }
    free(entries);
    if (status == OK && copies->n == 0)
        status = error_set(err, ERR_INVALID, "template '%s': no PART.LOCALE.liquid in '%s'",
                           copies->template_name, folder);
    return status;
}

enum status campaign_load_copies(struct campaign_set *set, const char *templates_dir,
                                 struct campaign *campaign, int32_t channel, struct error *err)
{
    struct copy_set *copies = &campaign->copies[channel];
    char folder[PATH_BYTES_MAX];

    if (snprintf(folder, sizeof(folder), "%s/%s", templates_dir, copies->template_name) >=
        (int)sizeof(folder))
        return error_set(err, ERR_INVALID, "campaigns.templates: the path is too long");
    copies->at = calloc(CAMPAIGN_LOCALES_MAX, sizeof(*copies->at));
    if (!copies->at)
        return error_set(err, ERR_NOMEM, "template '%s': out of memory", copies->template_name);
    TRY(find_locales(folder, copies, err));
    for (uint32_t i = 0; i < copies->n; i++)
        TRY(load_copy(set, templates_dir, copies->template_name, channel, &copies->at[i], err));
    return OK;
}

void campaign_close_copies(struct copy_set *copies)
{
    for (uint32_t i = 0; i < copies->n; i++) {
        for (int part = 0; part < N_PARTS; part++)
            template_close(copies->at[i].parts[part]);
    }
    free(copies->at);
}
