/*
 * One campaign file: YAML to struct. Each mapping has a table of its keys; the reader takes a
 * key's value apart and says file, line and key when it cannot. An unknown key is refused
 * with the nearest known one: a misspelt `holdout` must not quietly hold nobody out.
 */
#include "core/base/hash.h"
#include "producers/campaign_private.h"
#include "producers/campaign_yaml.h"

#include <stdio.h>

/* ---- trigger, audience, channels ---- */

static enum status read_trigger_type(struct yaml_reader *reader, const yaml_node_t *node)
{
    TRY(yaml_copy_name(reader, node, reader->target->trigger));
    if (strcmp(reader->target->trigger, "cart_abandonment") != 0)
        return yaml_refuse(reader, node, "the triggers known are: cart_abandonment");
    return OK;
}

static enum status read_quiet(struct yaml_reader *reader, const yaml_node_t *node)
{
    TRY(yaml_read_duration(reader, node, &reader->target->quiet_ms));
    return reader->target->quiet_ms > 0 ? OK : yaml_refuse(reader, node, "must be more than 0");
}

static enum status read_step(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->target;

    if (campaign->n_steps == CAMPAIGN_STEPS_MAX)
        return yaml_refuse(reader, node, "more than 8 steps");
    TRY(yaml_read_duration(reader, node, &campaign->steps_ms[campaign->n_steps]));
    campaign->n_steps++;
    if (campaign->n_steps == 1 && campaign->steps_ms[0] != 0)
        return yaml_refuse(reader, node, "the first step is 0h: the wait before it is `quiet`");
    if (campaign->n_steps > 1 &&
        campaign->steps_ms[campaign->n_steps - 1] <= campaign->steps_ms[campaign->n_steps - 2])
        return yaml_refuse(reader, node, "each step must be later than the one before");
    return OK;
}

static enum status read_steps(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_list(reader, node, read_step);
}

static enum status read_min_value(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct str text;

    TRY(yaml_scalar(reader, node, &text));
    if (!yaml_parse_decimal(text, 4, &reader->target->min_value_e4))
        return yaml_refuse(reader, node, "an amount is written 20.00, with at most 4 decimals");
    return OK;
}

static enum status read_trigger(struct yaml_reader *reader, const yaml_node_t *node)
{
    static const struct yaml_key keys[] = {{"type", read_trigger_type},
                                           {"quiet", read_quiet},
                                           {"steps", read_steps},
                                           {"min_value", read_min_value}};

    return yaml_read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static enum status read_audience_locale(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->target;

    if (campaign->n_audience == CAMPAIGN_LOCALES_MAX)
        return yaml_refuse(reader, node, "too many locales");
    return yaml_copy_name(reader, node, campaign->audience[campaign->n_audience++]);
}

static enum status read_locales(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_list(reader, node, read_audience_locale);
}

static enum status read_segments(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_refuse(
        reader, node,
        "segments are not computed yet: who is in one cannot be told. Remove this line");
}

static enum status read_audience(struct yaml_reader *reader, const yaml_node_t *node)
{
    static const struct yaml_key keys[] = {
        {"locales", read_locales}, {"segments", read_segments}, {"not", read_segments}};

    return yaml_read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static enum status read_channel(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->target;
    struct str word;

    TRY(yaml_scalar(reader, node, &word));
    int32_t channel = channel_from_word(word);

    if (channel != CHANNEL_PUSH && channel != CHANNEL_EMAIL)
        return yaml_refuse(reader, node, "the channels of a campaign are push and email");
    for (uint32_t i = 0; i < campaign->n_channels; i++) {
        if (campaign->channels[i] == channel)
            return yaml_refuse(reader, node, "a channel stands here twice");
    }
    campaign->channels[campaign->n_channels++] = channel;
    return OK;
}

static enum status read_channels(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_list(reader, node, read_channel);
}

static enum status read_push_template(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_copy_name(reader, node, reader->target->copies[CHANNEL_PUSH].template_name);
}

static enum status read_email_template(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_copy_name(reader, node, reader->target->copies[CHANNEL_EMAIL].template_name);
}

static enum status read_templates(struct yaml_reader *reader, const yaml_node_t *node)
{
    static const struct yaml_key keys[] = {{"push", read_push_template},
                                           {"email", read_email_template}};

    return yaml_read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

/* ---- experiment ---- */

static enum status read_layer(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_copy_name(reader, node, reader->target->layer);
}

static enum status read_salt(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_copy_name(reader, node, reader->target->salt);
}

static enum status read_metric(struct yaml_reader *reader, const yaml_node_t *node)
{
    char name[CAMPAIGN_NAME_MAX];

    return yaml_copy_name(reader, node,
                          name); /* for the evaluation; nothing here depends on it */
}

static enum status read_holdout(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct str text;
    int64_t percent_e2;

    TRY(yaml_scalar(reader, node, &text));
    if (!yaml_parse_decimal(text, 2, &percent_e2) || percent_e2 > BUCKETS)
        return yaml_refuse(reader, node, "a percentage from 0 to 100, with at most 2 decimals");
    reader->target->holdout = (uint32_t)percent_e2;
    return OK;
}

static enum status read_arms(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->target;

    if (node->type != YAML_MAPPING_NODE)
        return yaml_refuse(reader, node, "wants {name: weight, …}");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

    for (; pair < node->data.mapping.pairs.top; pair++) {
        struct arm *arm = &campaign->arms[campaign->n_arms];
        const yaml_node_t *weight_node = yaml_node_at(reader, pair->value);
        struct str text;
        int64_t weight;

        if (campaign->n_arms == CAMPAIGN_ARMS_MAX)
            return yaml_refuse(reader, node, "more than 16 arms");
        TRY(yaml_copy_name(reader, yaml_node_at(reader, pair->key), arm->name));
        TRY(yaml_scalar(reader, weight_node, &text));
        if (!yaml_parse_decimal(text, 0, &weight) || weight > BUCKETS)
            return yaml_refuse(reader, weight_node,
                               "a weight is a whole number from 0 to 10000");
        arm->weight = (uint32_t)weight;
        campaign->weights += arm->weight;
        campaign->n_arms++;
    }
    return campaign->weights ? OK : yaml_refuse(reader, node, "all weights are 0");
}

static enum status read_experiment(struct yaml_reader *reader, const yaml_node_t *node)
{
    static const struct yaml_key keys[] = {{"layer", read_layer},
                                           {"salt", read_salt},
                                           {"arms", read_arms},
                                           {"holdout", read_holdout},
                                           {"metric", read_metric}};

    return yaml_read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

/* ---- caps, quiet hours, the rest ---- */

static enum status add_cap(struct yaml_reader *reader, const yaml_node_t *node, struct cap cap)
{
    static const char *const windows[] = {"rolling_24h", "rolling_7d", "calendar_day"};
    struct campaign *campaign = reader->target;
    struct str text;
    char window[32];
    unsigned limit;
    int used = 0;

    TRY(yaml_scalar(reader, node, &text)); /* libyaml ends scalars with a zero byte */
    if (sscanf(text.ptr, "%4u per %31[a-z0-9_]%n", &limit, window, &used) != 2 ||
        (uint32_t)used != text.len)
        return yaml_refuse(reader, node, "a cap is written \"2 per calendar_day\"");
    for (int i = 0; i < 3; i++) {
        if (strcmp(window, windows[i]) == 0) {
            cap.window = (enum cap_window)i;
            used = -1;
        }
    }
    if (used >= 0)
        return yaml_refuse(reader, node,
                           "the windows are rolling_24h, calendar_day, rolling_7d");
    if (limit < 1 || limit > USER_SENDS_MAX)
        return yaml_refuse(reader, node, "1 to 32: so many sends of a person are remembered");
    if (campaign->n_caps == CAMPAIGN_CAPS_MAX)
        return yaml_refuse(reader, node, "more than 16 caps");
    cap.limit = limit;
    campaign->caps[campaign->n_caps++] = cap;
    return OK;
}

static enum status read_push_cap(struct yaml_reader *reader, const yaml_node_t *node)
{
    return add_cap(reader, node, (struct cap){.scope = CAP_CHANNEL, .which = CHANNEL_PUSH});
}

static enum status read_email_cap(struct yaml_reader *reader, const yaml_node_t *node)
{
    return add_cap(reader, node, (struct cap){.scope = CAP_CHANNEL, .which = CHANNEL_EMAIL});
}

static enum status read_marketing_cap(struct yaml_reader *reader, const yaml_node_t *node)
{
    return add_cap(reader, node,
                   (struct cap){.scope = CAP_PURPOSE, .which = PURPOSE_MARKETING});
}

static enum status read_all_cap(struct yaml_reader *reader, const yaml_node_t *node)
{
    return add_cap(reader, node, (struct cap){.scope = CAP_ALL});
}

static enum status read_push_caps(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_list(reader, node, read_push_cap);
}

static enum status read_email_caps(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_list(reader, node, read_email_cap);
}

static enum status read_marketing_caps(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_list(reader, node, read_marketing_cap);
}

static enum status read_all_caps(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_list(reader, node, read_all_cap);
}

static enum status read_on_hit(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct str word;

    TRY(yaml_scalar(reader, node, &word));
    reader->target->caps_defer = str_equal(word, str_of("defer"));
    if (reader->target->caps_defer || str_equal(word, str_of("skip")))
        return OK;
    return yaml_refuse(reader, node, "defer or skip");
}

static enum status read_caps(struct yaml_reader *reader, const yaml_node_t *node)
{
    static const struct yaml_key keys[] = {{"push", read_push_caps},
                                           {"email", read_email_caps},
                                           {"marketing", read_marketing_caps},
                                           {"all", read_all_caps},
                                           {"on_hit", read_on_hit}};

    return yaml_read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static enum status read_quiet_from(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_minute(reader, node, &reader->target->quiet_from_min);
}

static enum status read_quiet_to(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_read_minute(reader, node, &reader->target->quiet_to_min);
}

static enum status read_quiet_hours(struct yaml_reader *reader, const yaml_node_t *node)
{
    static const struct yaml_key keys[] = {{"from", read_quiet_from}, {"to", read_quiet_to}};

    return yaml_read_mapping(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static enum status read_budget(struct yaml_reader *reader, const yaml_node_t *node)
{
    return yaml_refuse(
        reader, node,
        "a budget over all tasks cannot be kept exactly by each of them alone, and "
        "a replay would spend it otherwise: it is refused. Limit people by `caps`");
}

static enum status read_unsubscribe_url(struct yaml_reader *reader, const yaml_node_t *node)
{
    char *url = reader->target->unsubscribe_url;

    TRY(yaml_copy_text(reader, node, url, CAMPAIGN_TEXT_MAX));
    if (strncmp(url, "https://", 8) != 0 || strpbrk(url, " <>\"\r\n"))
        return yaml_refuse(reader, node,
                           "one-click unsubscribing (RFC 8058) wants an https address");
    return OK;
}

static enum status read_vars(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct campaign *campaign = reader->target;

    if (node->type != YAML_MAPPING_NODE)
        return yaml_refuse(reader, node, "wants {name: text, …}");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

    for (; pair < node->data.mapping.pairs.top; pair++) {
        struct campaign_var *var = &campaign->vars[campaign->n_vars];

        if (campaign->n_vars == CAMPAIGN_VARS_MAX)
            return yaml_refuse(reader, node, "more than 32 words");
        TRY(yaml_copy_name(reader, yaml_node_at(reader, pair->key), var->name));
        TRY(yaml_copy_text(reader, yaml_node_at(reader, pair->value), var->value,
                           CAMPAIGN_TEXT_MAX));
        campaign->n_vars++;
    }
    return OK;
}

static enum status read_campaign_name(struct yaml_reader *reader, const yaml_node_t *node)
{
    TRY(yaml_copy_name(reader, node, reader->target->name));
    reader->target->id = hash64(str_of(reader->target->name));
    return OK;
}

static enum status read_purpose(struct yaml_reader *reader, const yaml_node_t *node)
{
    struct str word;

    TRY(yaml_scalar(reader, node, &word));
    reader->target->purpose = purpose_from_word(word);
    if (reader->target->purpose == PURPOSE_TRANSACTIONAL ||
        reader->target->purpose == PURPOSE_MARKETING)
        return OK;
    return yaml_refuse(reader, node, "marketing or transactional");
}

/* ---- the whole ---- */

static enum status lacks(struct yaml_reader *reader, const yaml_node_t *root, const char *key)
{
    reader->key = key;
    return yaml_refuse(reader, root, "is missing");
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

static enum status check_whole(struct yaml_reader *reader, const yaml_node_t *root)
{
    struct campaign *campaign = reader->target;

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

static enum status read_root(struct yaml_reader *reader)
{
    static const struct yaml_key keys[] = {
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
    TRY(yaml_read_mapping(reader, root, keys, sizeof(keys) / sizeof(keys[0])));
    default_caps(reader->target);
    return check_whole(reader, root);
}

enum status campaign_parse(const char *file, struct str text, struct campaign *out,
                           struct error *err)
{
    struct yaml_reader reader = {.file = file, .err = err, .target = out, .key = "file"};
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
