/*
 * One campaign file: YAML to struct. Each mapping has a table of its keys; the reader takes a
 * key's value apart and says file, line and key when it cannot. An unknown key is refused
 * with the nearest known one: a misspelt `holdout` must not quietly hold nobody out.
 */
#include "core/base/edit_distance.h"
#include "core/base/hash.h"
#include "producers/campaign_private.h"
#include "producers/quiet_hours.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

struct reader {
    const char *file;
    yaml_document_t *document;
    struct error *err;
    struct campaign *campaign;
    const char *key; /* being read, for sentences */
};

struct key {
    const char *name;
    enum status (*read)(struct reader *reader, const yaml_node_t *value);
};

/* ---- sentences ---- */

static enum status refuse(struct reader *reader, const yaml_node_t *node, const char *sentence)
{
    return error_set(reader->err, ERR_INVALID, "%s:%zu: %s: %s", reader->file,
                     node->start_mark.line + 1, reader->key, sentence);
}

static enum status unknown_key(struct reader *reader, const yaml_node_t *node,
                               const struct key *keys, size_t n_keys)
{
    const char *name = (const char *)node->data.scalar.value, *nearest = keys[0].name;

    for (size_t i = 1; i < n_keys; i++) {
        if (edit_distance(name, keys[i].name) < edit_distance(name, nearest))
            nearest = keys[i].name;
    }
    return error_set(reader->err, ERR_INVALID,
                     "%s:%zu: unknown key '%.64s'; the nearest is '%s'", reader->file,
                     node->start_mark.line + 1, name, nearest);
}

/* ---- YAML ---- */

static const yaml_node_t *node_at(const struct reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

static enum status read_mapping(struct reader *reader, const yaml_node_t *node,
                                const struct key *keys, size_t n_keys)
{
    if (node->type != YAML_MAPPING_NODE)
        return refuse(reader, node, "wants keys and values");
    const yaml_node_pair_t *first = node->data.mapping.pairs.start;

    for (const yaml_node_pair_t *pair = first; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(reader, pair->key);
        size_t i = 0;

        if (key->type != YAML_SCALAR_NODE)
            return refuse(reader, key, "a key must be a word");
        const char *name = (const char *)key->data.scalar.value;

        while (i < n_keys && strcmp(keys[i].name, name) != 0)
            i++;
        if (i == n_keys)
            return unknown_key(reader, key, keys, n_keys);
        reader->key = keys[i].name;
        for (const yaml_node_pair_t *other = first; other < pair; other++) {
            if (strcmp((const char *)node_at(reader, other->key)->data.scalar.value, name) == 0)
                return refuse(reader, key, "stands here twice");
        }
        TRY(keys[i].read(reader, node_at(reader, pair->value)));
    }
    return OK;
}

static enum status scalar(struct reader *reader, const yaml_node_t *node, struct str *out)
{
    *out = (struct str){NULL, 0};
    if (node->type != YAML_SCALAR_NODE)
        return refuse(reader, node, "wants one value, not a list or a mapping");
    *out =
        (struct str){(const char *)node->data.scalar.value, (uint32_t)node->data.scalar.length};
    return OK;
}

static enum status copy_text(struct reader *reader, const yaml_node_t *node, char *out,
                             size_t capacity)
{
    struct str text;

    TRY(scalar(reader, node, &text));
    if (text.len == 0 || text.len >= capacity || memchr(text.ptr, 0, text.len))
        return refuse(reader, node, "is empty or too long");
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return OK;
}

/* Names become file names and metric labels, so they are plain. */
static enum status copy_name(struct reader *reader, const yaml_node_t *node, char *out)
{
    TRY(copy_text(reader, node, out, CAMPAIGN_NAME_MAX));
    for (const char *p = out; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("_-.", *p))
            return refuse(reader, node, "a name has only letters, digits, '_', '-' and '.'");
    }
    return out[0] == '.' ? refuse(reader, node, "a name does not begin with '.'") : OK;
}

/* Calls each() for every element; one value without brackets is a list of one. */
static enum status read_list(struct reader *reader, const yaml_node_t *node,
                             enum status (*each)(struct reader *, const yaml_node_t *))
{
    if (node->type != YAML_SEQUENCE_NODE)
        return each(reader, node);
    const yaml_node_item_t *item = node->data.sequence.items.start;

    for (; item < node->data.sequence.items.top; item++)
        TRY(each(reader, node_at(reader, *item)));
    return OK;
}

/* A decimal in units of 1/10^digits, exactly. */
static bool parse_decimal(struct str text, int digits, int64_t *out)
{
    int decimals = -1;

    *out = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '.' && decimals < 0 && i > 0) {
            decimals = 0;
            continue;
        }
        if (!isdigit((unsigned char)text.ptr[i]) || decimals == digits ||
            *out > INT64_MAX / 1000000)
            return false;
        *out = *out * 10 + (text.ptr[i] - '0');
        decimals += decimals >= 0;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < digits; i++)
        *out *= 10;
    return text.len > 0 && decimals != 0;
}

/* "45m", "24h", "3d", "30s" */
static enum status read_duration(struct reader *reader, const yaml_node_t *node, int64_t *out)
{
    enum { DURATION_DIGITS = 6 };
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', DAY_MS}};
    struct str text;
    int64_t number;

    TRY(scalar(reader, node, &text));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && text.len > 1; i++) {
        struct str digits = {text.ptr, text.len - 1};

        if (text.ptr[text.len - 1] == units[i].unit && digits.len <= DURATION_DIGITS &&
            parse_decimal(digits, 0, &number)) {
            *out = number * units[i].ms;
            return OK;
        }
    }
    return refuse(reader, node, "a duration is a number with s, m, h or d, like 45m");
}

static enum status read_minute(struct reader *reader, const yaml_node_t *node, int *out)
{
    struct str text;

    TRY(scalar(reader, node, &text));
    if (text.len == 5 && isdigit((unsigned char)text.ptr[0]) &&
        isdigit((unsigned char)text.ptr[1]) && text.ptr[2] == ':' &&
        isdigit((unsigned char)text.ptr[3]) && isdigit((unsigned char)text.ptr[4])) {
        int hour = (text.ptr[0] - '0') * 10 + text.ptr[1] - '0';
        int minute = (text.ptr[3] - '0') * 10 + text.ptr[4] - '0';

        *out = hour * 60 + minute;
        if (hour < 24 && minute < 60)
            return OK;
    }
    return refuse(reader, node, "a time of day is written \"21:00\", in quotes");
}

/* ---- trigger, audience, channels ---- */

static enum status read_trigger_type(struct reader *reader, const yaml_node_t *node)
{
    TRY(copy_name(reader, node, reader->campaign->trigger));
    if (strcmp(reader->campaign->trigger, "cart_abandonment") != 0)
        return refuse(reader, node, "the triggers known are: cart_abandonment");
    return OK;
}

static enum status read_quiet(struct reader *reader, const yaml_node_t *node)
{
    TRY(read_duration(reader, node, &reader->campaign->quiet_ms));
    return reader->campaign->quiet_ms > 0 ? OK : refuse(reader, node, "must be more than 0");
}

static enum status read_step(struct reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->campaign;

    if (campaign->n_steps == CAMPAIGN_STEPS_MAX)
        return refuse(reader, node, "more than 8 steps");
    TRY(read_duration(reader, node, &campaign->steps_ms[campaign->n_steps]));
    campaign->n_steps++;
    if (campaign->n_steps == 1 && campaign->steps_ms[0] != 0)
        return refuse(reader, node, "the first step is 0h: the wait before it is `quiet`");
    if (campaign->n_steps > 1 &&
        campaign->steps_ms[campaign->n_steps - 1] <= campaign->steps_ms[campaign->n_steps - 2])
        return refuse(reader, node, "each step must be later than the one before");
    return OK;
}

static enum status read_steps(struct reader *reader, const yaml_node_t *node)
{
    return read_list(reader, node, read_step);
}

static enum status read_min_value(struct reader *reader, const yaml_node_t *node)
{
    struct str text;

    TRY(scalar(reader, node, &text));
    if (!parse_decimal(text, 4, &reader->campaign->min_value_e4))
        return refuse(reader, node, "an amount is written 20.00, with at most 4 decimals");
    return OK;
}

static enum status read_trigger(struct reader *reader, const yaml_node_t *node)
{
    static const struct key keys[] = {{"type", read_trigger_type},
                                      {"quiet", read_quiet},
                                      {"steps", read_steps},
                                      {"min_value", read_min_value}};

    return read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static enum status read_audience_locale(struct reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->campaign;

    if (campaign->n_audience == CAMPAIGN_LOCALES_MAX)
        return refuse(reader, node, "too many locales");
    return copy_name(reader, node, campaign->audience[campaign->n_audience++]);
}

static enum status read_locales(struct reader *reader, const yaml_node_t *node)
{
    return read_list(reader, node, read_audience_locale);
}

static enum status read_segments(struct reader *reader, const yaml_node_t *node)
{
    return refuse(
        reader, node,
        "segments are not computed yet: who is in one cannot be told. Remove this line");
}

static enum status read_audience(struct reader *reader, const yaml_node_t *node)
{
    static const struct key keys[] = {
        {"locales", read_locales}, {"segments", read_segments}, {"not", read_segments}};

    return read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static enum status read_channel(struct reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->campaign;
    struct str word;

    TRY(scalar(reader, node, &word));
    int32_t channel = channel_from_word(word);

    if (channel != CHANNEL_PUSH && channel != CHANNEL_EMAIL)
        return refuse(reader, node, "the channels of a campaign are push and email");
    for (uint32_t i = 0; i < campaign->n_channels; i++) {
        if (campaign->channels[i] == channel)
            return refuse(reader, node, "a channel stands here twice");
    }
    campaign->channels[campaign->n_channels++] = channel;
    return OK;
}

static enum status read_channels(struct reader *reader, const yaml_node_t *node)
{
    return read_list(reader, node, read_channel);
}

static enum status read_push_template(struct reader *reader, const yaml_node_t *node)
{
    return copy_name(reader, node, reader->campaign->copies[CHANNEL_PUSH].template_name);
}

static enum status read_email_template(struct reader *reader, const yaml_node_t *node)
{
    return copy_name(reader, node, reader->campaign->copies[CHANNEL_EMAIL].template_name);
}

static enum status read_templates(struct reader *reader, const yaml_node_t *node)
{
    static const struct key keys[] = {{"push", read_push_template},
                                      {"email", read_email_template}};

    return read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

/* ---- experiment ---- */

static enum status read_layer(struct reader *reader, const yaml_node_t *node)
{
    return copy_name(reader, node, reader->campaign->layer);
}

static enum status read_salt(struct reader *reader, const yaml_node_t *node)
{
    return copy_name(reader, node, reader->campaign->salt);
}

static enum status read_metric(struct reader *reader, const yaml_node_t *node)
{
    char name[CAMPAIGN_NAME_MAX];

    return copy_name(reader, node, name); /* for the evaluation; nothing here depends on it */
}

static enum status read_holdout(struct reader *reader, const yaml_node_t *node)
{
    struct str text;
    int64_t percent_e2;

    TRY(scalar(reader, node, &text));
    if (!parse_decimal(text, 2, &percent_e2) || percent_e2 > BUCKETS)
        return refuse(reader, node, "a percentage from 0 to 100, with at most 2 decimals");
    reader->campaign->holdout = (uint32_t)percent_e2;
    return OK;
}

static enum status read_arms(struct reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->campaign;

    if (node->type != YAML_MAPPING_NODE)
        return refuse(reader, node, "wants {name: weight, …}");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

    for (; pair < node->data.mapping.pairs.top; pair++) {
        struct arm *arm = &campaign->arms[campaign->n_arms];
        const yaml_node_t *weight_node = node_at(reader, pair->value);
        struct str text;
        int64_t weight;

        if (campaign->n_arms == CAMPAIGN_ARMS_MAX)
            return refuse(reader, node, "more than 16 arms");
        TRY(copy_name(reader, node_at(reader, pair->key), arm->name));
        TRY(scalar(reader, weight_node, &text));
        if (!parse_decimal(text, 0, &weight) || weight > BUCKETS)
            return refuse(reader, weight_node, "a weight is a whole number from 0 to 10000");
        arm->weight = (uint32_t)weight;
        campaign->weights += arm->weight;
        campaign->n_arms++;
    }
    return campaign->weights ? OK : refuse(reader, node, "all weights are 0");
}

static enum status read_experiment(struct reader *reader, const yaml_node_t *node)
{
    static const struct key keys[] = {{"layer", read_layer},
                                      {"salt", read_salt},
                                      {"arms", read_arms},
                                      {"holdout", read_holdout},
                                      {"metric", read_metric}};

    return read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

/* ---- caps, quiet hours, the rest ---- */

static enum status add_cap(struct reader *reader, const yaml_node_t *node, struct cap cap)
{
    static const char *const windows[] = {"rolling_24h", "rolling_7d", "calendar_day"};
    struct campaign *campaign = reader->campaign;
    struct str text;
    char window[32];
    unsigned limit;
    int used = 0;

    TRY(scalar(reader, node, &text)); /* libyaml ends scalars with a zero byte */
    if (sscanf(text.ptr, "%4u per %31[a-z0-9_]%n", &limit, window, &used) != 2 ||
        (uint32_t)used != text.len)
        return refuse(reader, node, "a cap is written \"2 per calendar_day\"");
    for (int i = 0; i < 3; i++) {
        if (strcmp(window, windows[i]) == 0) {
            cap.window = (enum cap_window)i;
            used = -1;
        }
    }
    if (used >= 0)
        return refuse(reader, node, "the windows are rolling_24h, calendar_day, rolling_7d");
    if (limit < 1 || limit > USER_SENDS_MAX)
        return refuse(reader, node, "1 to 32: so many sends of a person are remembered");
    if (campaign->n_caps == CAMPAIGN_CAPS_MAX)
        return refuse(reader, node, "more than 16 caps");
    cap.limit = limit;
    campaign->caps[campaign->n_caps++] = cap;
    return OK;
}

static enum status read_push_cap(struct reader *reader, const yaml_node_t *node)
{
    return add_cap(reader, node, (struct cap){.scope = CAP_CHANNEL, .which = CHANNEL_PUSH});
}

static enum status read_email_cap(struct reader *reader, const yaml_node_t *node)
{
    return add_cap(reader, node, (struct cap){.scope = CAP_CHANNEL, .which = CHANNEL_EMAIL});
}

static enum status read_marketing_cap(struct reader *reader, const yaml_node_t *node)
{
    return add_cap(reader, node,
                   (struct cap){.scope = CAP_PURPOSE, .which = PURPOSE_MARKETING});
}

static enum status read_all_cap(struct reader *reader, const yaml_node_t *node)
{
    return add_cap(reader, node, (struct cap){.scope = CAP_ALL});
}

static enum status read_push_caps(struct reader *reader, const yaml_node_t *node)
{
    return read_list(reader, node, read_push_cap);
}

static enum status read_email_caps(struct reader *reader, const yaml_node_t *node)
{
    return read_list(reader, node, read_email_cap);
}

static enum status read_marketing_caps(struct reader *reader, const yaml_node_t *node)
{
    return read_list(reader, node, read_marketing_cap);
}

static enum status read_all_caps(struct reader *reader, const yaml_node_t *node)
{
    return read_list(reader, node, read_all_cap);
}

static enum status read_on_hit(struct reader *reader, const yaml_node_t *node)
{
    struct str word;

    TRY(scalar(reader, node, &word));
    reader->campaign->caps_defer = str_equal(word, str_of("defer"));
    if (reader->campaign->caps_defer || str_equal(word, str_of("skip")))
        return OK;
    return refuse(reader, node, "defer or skip");
}

static enum status read_caps(struct reader *reader, const yaml_node_t *node)
{
    static const struct key keys[] = {{"push", read_push_caps},
                                      {"email", read_email_caps},
                                      {"marketing", read_marketing_caps},
                                      {"all", read_all_caps},
                                      {"on_hit", read_on_hit}};

    return read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static enum status read_quiet_from(struct reader *reader, const yaml_node_t *node)
{
    return read_minute(reader, node, &reader->campaign->quiet_from_min);
}

static enum status read_quiet_to(struct reader *reader, const yaml_node_t *node)
{
    return read_minute(reader, node, &reader->campaign->quiet_to_min);
}

static enum status read_quiet_hours(struct reader *reader, const yaml_node_t *node)
{
    static const struct key keys[] = {{"from", read_quiet_from}, {"to", read_quiet_to}};

    return read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static enum status read_budget(struct reader *reader, const yaml_node_t *node)
{
    return refuse(reader, node,
                  "a budget over all tasks cannot be kept exactly by each of them alone, and "
                  "a replay would spend it otherwise: it is refused. Limit people by `caps`");
}

static enum status read_unsubscribe_url(struct reader *reader, const yaml_node_t *node)
{
    char *url = reader->campaign->unsubscribe_url;

    TRY(copy_text(reader, node, url, CAMPAIGN_TEXT_MAX));
    if (strncmp(url, "https://", 8) != 0 || strpbrk(url, " <>\"\r\n"))
        return refuse(reader, node,
                      "one-click unsubscribing (RFC 8058) wants an https address");
    return OK;
}

static enum status read_vars(struct reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->campaign;

    if (node->type != YAML_MAPPING_NODE)
        return refuse(reader, node, "wants {name: text, …}");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

    for (; pair < node->data.mapping.pairs.top; pair++) {
        struct campaign_var *var = &campaign->vars[campaign->n_vars];

        if (campaign->n_vars == CAMPAIGN_VARS_MAX)
            return refuse(reader, node, "more than 32 words");
        TRY(copy_name(reader, node_at(reader, pair->key), var->name));
        TRY(copy_text(reader, node_at(reader, pair->value), var->value, CAMPAIGN_TEXT_MAX));
        campaign->n_vars++;
    }
    return OK;
}

static enum status read_campaign_name(struct reader *reader, const yaml_node_t *node)
{
    TRY(copy_name(reader, node, reader->campaign->name));
    reader->campaign->id = hash64(str_of(reader->campaign->name));
    return OK;
}

static enum status read_purpose(struct reader *reader, const yaml_node_t *node)
{
    struct str word;

    TRY(scalar(reader, node, &word));
    reader->campaign->purpose = purpose_from_word(word);
    if (reader->campaign->purpose == PURPOSE_TRANSACTIONAL ||
        reader->campaign->purpose == PURPOSE_MARKETING)
        return OK;
    return refuse(reader, node, "marketing or transactional");
}

/* ---- the whole ---- */

static enum status lacks(struct reader *reader, const yaml_node_t *root, const char *key)
{
    reader->key = key;
    return refuse(reader, root, "is missing");
}

/* CONTENT 5: what holds where a file says nothing. */
static void default_caps(struct campaign *campaign)
{
    static const struct cap caps[] = {
        {CAP_CHANNEL, CHANNEL_PUSH, CAP_CALENDAR_DAY, 2},
        {CAP_CHANNEL, CHANNEL_PUSH, CAP_ROLLING_7D, 6},
        {CAP_CHANNEL, CHANNEL_EMAIL, CAP_CALENDAR_DAY, 1},
        {CAP_CHANNEL, CHANNEL_EMAIL, CAP_ROLLING_7D, 4},
        {CAP_PURPOSE, PURPOSE_MARKETING, CAP_CALENDAR_DAY, 3},
    };

    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        bool given = false;

        for (uint32_t c = 0; c < campaign->n_caps; c++)
            given |= campaign->caps[c].scope == caps[i].scope &&
                     campaign->caps[c].which == caps[i].which &&
                     campaign->caps[c].window != CAP_ROLLING_24H &&
                     campaign->caps[c].window == caps[i].window;
        if (!given && campaign->n_caps < CAMPAIGN_CAPS_MAX)
            campaign->caps[campaign->n_caps++] = caps[i];
    }
}

static enum status check_whole(struct reader *reader, const yaml_node_t *root)
{
    struct campaign *campaign = reader->campaign;

    if (!campaign->name[0])
        return lacks(reader, root, "campaign");
    if (!campaign->purpose)
        return lacks(reader, root, "purpose");
    if (!campaign->trigger[0])
        return lacks(reader, root, "trigger type");
    if (!campaign->quiet_ms)
        return lacks(reader, root, "trigger quiet");
    if (!campaign->n_steps)
        return lacks(reader, root, "trigger steps");
    if (!campaign->n_channels)
        return lacks(reader, root, "channels");
    for (uint32_t i = 0; i < campaign->n_channels; i++) {
        if (!campaign->copies[campaign->channels[i]].template_name[0])
            return lacks(reader, root, "a template for each of the channels");
        if (campaign->channels[i] == CHANNEL_EMAIL && !campaign->unsubscribe_url[0])
            return lacks(reader, root, "unsubscribe_url (e-mail needs it)");
    }
    if ((campaign->n_arms || campaign->holdout) && !campaign->salt[0])
        return lacks(reader, root, "experiment salt");
    return OK;
}

static enum status read_root(struct reader *reader)
{
    static const struct key keys[] = {
        {"campaign", read_campaign_name},
        {"purpose", read_purpose},
        {"trigger", read_trigger},
        {"audience", read_audience},
        {"channels", read_channels},
        {"templates", read_templates},
        {"experiment", read_experiment},
        {"caps", read_caps},
        {"quiet_hours", read_quiet_hours},
        {"budget", read_budget},
        {"unsubscribe_url", read_unsubscribe_url},
        {"vars", read_vars},
    };
    const yaml_node_t *root = yaml_document_get_root_node(reader->document);

    if (!root)
        return error_set(reader->err, ERR_INVALID, "%s:1: the file is empty", reader->file);
    TRY(read_mapping(reader, root, keys, sizeof(keys) / sizeof(keys[0])));
    default_caps(reader->campaign);
    return check_whole(reader, root);
}

enum status campaign_parse(const char *file, struct str text, struct campaign *out,
                           struct error *err)
{
    struct reader reader = {.file = file, .err = err, .campaign = out, .key = "file"};
    yaml_document_t document;
    yaml_parser_t parser;
    enum status status;

    memset(out, 0, sizeof(*out));
    out->quiet_from_min = 21 * 60;
    out->quiet_to_min = 8 * 60;
    out->caps_defer = true;
    if (!yaml_parser_initialize(&parser))
        return error_set(err, ERR_NOMEM, "%s: out of memory", file);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    if (!yaml_parser_load(&parser, &document)) {
        status = error_set(err, ERR_INVALID, "%s:%zu: no YAML: %s", file,
                           parser.problem_mark.line + 1,
                           parser.problem ? parser.problem : "unreadable");
    } else {
        reader.document = &document;
        status = read_root(&reader);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return status;
}
