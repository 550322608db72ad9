/* Campaign files: what is read, and the sentence for each way to get one wrong. */
#include "producers/campaign_private.h"
#include "tests/support/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char whole[] =
    "campaign: cart_v3\n"
    "purpose: marketing\n"
    "trigger: {type: cart_abandonment, quiet: 45m, steps: [0h, 24h, 3d], min_value: 20.5}\n"
    "audience: {locales: [de-DE, zh-Hans-CN]}\n"
    "channels: [push, email]\n"
    "templates: {push: cart_push, email: cart_mail}\n"
    "experiment: {layer: copy, salt: cart-2026-11, arms: {a: 50, b: 25, none: 25}, holdout: "
    "10, metric: order_7d}\n"
    "caps: {push: [2 per calendar_day, 5 per rolling_7d], all: 9 per rolling_24h, on_hit: "
    "skip}\n"
    "quiet_hours: {from: \"22:30\", to: \"07:15\"}\n"
    "unsubscribe_url: https://shop.example/u\n"
    "vars: {shop_name: Shop}\n";

static struct campaign campaign;
static struct error error;

static void every_key_of_a_file_is_read(void **state)
{
    (void)state;
    assert_int_equal(campaign_parse("c.yaml", str_of(whole), &campaign, &error), OK);
    assert_string_equal(campaign.name, "cart_v3");
    assert_int_equal(campaign.purpose, PURPOSE_MARKETING);
    assert_int_equal(campaign.quiet_ms, 45 * 60 * 1000);
    assert_int_equal(campaign.n_steps, 3);
    assert_int_equal(campaign.steps_ms[2], 3 * (int64_t)DAY_MS);
    assert_int_equal(campaign.min_value_e4, 205000);
    assert_int_equal(campaign.n_audience, 2);
    assert_int_equal(campaign.n_channels, 2);
    assert_int_equal(campaign.channels[1], CHANNEL_EMAIL);
    assert_string_equal(campaign.copies[CHANNEL_EMAIL].template_name, "cart_mail");
    assert_int_equal(campaign.n_arms, 3);
    assert_int_equal(campaign.weights, 100);
    assert_int_equal(campaign.holdout, 1000);
    assert_false(campaign.caps_defer);
    assert_int_equal(campaign.quiet_from_min, 22 * 60 + 30);
    assert_int_equal(campaign.quiet_to_min, 7 * 60 + 15);
    assert_string_equal(campaign.vars[0].value, "Shop");
}

/* The file names two of push's windows; those of e-mail and marketing stay as they are. */
static void caps_that_a_file_does_not_name_keep_their_defaults(void **state)
{
    uint32_t push = 0, email = 0;

    (void)state;
    assert_int_equal(campaign_parse("c.yaml", str_of(whole), &campaign, &error), OK);
    for (uint32_t i = 0; i < campaign.n_caps; i++) {
        push += campaign.caps[i].scope == CAP_CHANNEL && campaign.caps[i].which == CHANNEL_PUSH;
        email +=
            campaign.caps[i].scope == CAP_CHANNEL && campaign.caps[i].which == CHANNEL_EMAIL;
        if (campaign.caps[i].window == CAP_ROLLING_7D && campaign.caps[i].which == CHANNEL_PUSH)
            assert_int_equal(campaign.caps[i].limit, 5);
    }
    assert_int_equal(push, 2);
    assert_int_equal(email, 2);
}

/* `whole` with one line replaced, or one added. */
static void assert_sentence(const char *line_start, const char *replacement,
                            const char *sentence)
{
    char text[2048] = "";
    bool replaced = false;

    for (const char *p = whole; *p;) {
        const char *end = strchr(p, '\n') + 1;

        if (line_start[0] && strncmp(p, line_start, strlen(line_start)) == 0) {
            strcat(text, replacement);
            replaced = true;
        } else {
            strncat(text, p, (size_t)(end - p));
        }
        p = end;
    }
    if (!replaced)
        strcat(text, replacement);
    assert_int_equal(campaign_parse("c.yaml", str_of(text), &campaign, &error), ERR_INVALID);
    assert_string_equal(error.text, sentence);
}

static void a_mistake_is_said_with_file_line_and_key(void **state)
{
    (void)state;
    assert_sentence("", "cahnnels: [push]\n",
                    "c.yaml:12: unknown key 'cahnnels'; the nearest is 'channels'");
    assert_sentence("experiment", "experiment: {holdut: 10}\n",
                    "c.yaml:7: unknown key 'holdut'; the nearest is 'holdout'");
    assert_sentence("", "purpose: marketing\n", "c.yaml:12: purpose: stands here twice");
    assert_sentence("purpose", "purpose: ads\n",
                    "c.yaml:2: purpose: marketing or transactional");
    assert_sentence("trigger", "trigger: {type: full_moon, quiet: 45m, steps: [0h]}\n",
                    "c.yaml:3: type: the triggers known are: cart_abandonment");
    assert_sentence("trigger", "trigger: {type: cart_abandonment, quiet: 45, steps: [0h]}\n",
                    "c.yaml:3: quiet: a duration is a number with s, m, h or d, like 45m");
    assert_sentence("trigger",
                    "trigger: {type: cart_abandonment, quiet: 45m, steps: [0h, 0h]}\n",
                    "c.yaml:3: steps: each step must be later than the one before");
    assert_sentence("trigger", "trigger: {type: cart_abandonment, quiet: 45m, steps: [1h]}\n",
                    "c.yaml:3: steps: the first step is 0h: the wait before it is `quiet`");
    assert_sentence("trigger", "trigger: {type: cart_abandonment, steps: [0h]}\n",
                    "c.yaml:1: trigger quiet: is missing");
    assert_sentence(
        "trigger",
        "trigger: {type: cart_abandonment, quiet: 1m, steps: [0h], min_value: 1.23456}\n",
        "c.yaml:3: min_value: an amount is written 20.00, with at most 4 decimals");
    assert_sentence("channels", "channels: [push, fax]\n",
                    "c.yaml:5: channels: the channels of a campaign are push and email");
    assert_sentence("channels", "channels: [push, push]\n",
                    "c.yaml:5: channels: a channel stands here twice");
    assert_sentence("templates", "templates: {push: cart_push}\n",
                    "c.yaml:1: a template for each of the channels: is missing");
    assert_sentence("templates", "templates: {push: ../secret, email: x}\n",
                    "c.yaml:6: push: a name has only letters, digits, '_', '-' and '.'");
    assert_sentence("caps", "caps: {push: [33 per calendar_day]}\n",
                    "c.yaml:8: push: 1 to 32: so many sends of a person are remembered");
    assert_sentence("caps", "caps: {push: [2 per week]}\n",
                    "c.yaml:8: push: the windows are rolling_24h, calendar_day, rolling_7d");
    assert_sentence("caps", "caps: {push: two}\n",
                    "c.yaml:8: push: a cap is written \"2 per calendar_day\"");
    assert_sentence("quiet_hours", "quiet_hours: {from: \"25:00\", to: \"07:00\"}\n",
                    "c.yaml:9: from: a time of day is written \"21:00\", in quotes");
    assert_sentence("unsubscribe_url", "unsubscribe_url: http://shop.example\n",
                    "c.yaml:10: unsubscribe_url: one-click unsubscribing (RFC 8058) wants an "
                    "https address");
    assert_sentence("unsubscribe_url", "\n",
                    "c.yaml:1: unsubscribe_url (e-mail needs it): is missing");
    assert_sentence(
        "audience", "audience: {segments: [active]}\n",
        "c.yaml:4: segments: segments are not computed yet: who is in one cannot be "
        "told. Remove this line");
    assert_sentence(
        "", "budget: {per_day: 20000}\n",
        "c.yaml:12: budget: a budget over all tasks cannot be kept exactly by each of "
        "them alone, and a replay would spend it otherwise: it is refused. Limit "
        "people by `caps`");
    assert_sentence("experiment", "experiment: {holdout: 101, salt: s}\n",
                    "c.yaml:7: holdout: a percentage from 0 to 100, with at most 2 decimals");
    assert_sentence("experiment", "experiment: {holdout: 5}\n",
                    "c.yaml:1: experiment salt: is missing");
    assert_sentence("vars", "vars: [a]\n", "c.yaml:11: vars: wants {name: text, …}");
}

static void what_is_no_yaml_is_said_with_its_line(void **state)
{
    (void)state;
    assert_int_equal(campaign_parse("c.yaml", str_of("a: [1\nb: 2\n"), &campaign, &error),
                     ERR_INVALID);
    assert_non_null(strstr(error.text, "c.yaml:2: no YAML: "));
    assert_int_equal(campaign_parse("c.yaml", str_of(""), &campaign, &error), ERR_INVALID);
    assert_string_equal(error.text, "c.yaml:1: the file is empty");
    assert_int_equal(campaign_parse("c.yaml", str_of("[1]"), &campaign, &error), ERR_INVALID);
    assert_string_equal(error.text, "c.yaml:1: file: wants keys and values");
}

/* ---- whole folders ---- */

static char *folder;

static void write_file(const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static enum status load(struct campaign_set **out)
{
    char campaigns[512], templates[512];

    snprintf(campaigns, sizeof(campaigns), "%s/campaigns", folder);
    snprintf(templates, sizeof(templates), "%s/templates", folder);
    return campaign_set_load(&(struct campaign_options){.campaigns_dir = campaigns,
                                                        .templates_dir = templates,
                                                        .default_locale = "en",
                                                        .default_time_zone = "Europe/Berlin"},
                             out, &error);
}

static int make_set(void **state)
{
    (void)state;
    folder = test_make_folder();
    make_folder("campaigns");
    make_folder("templates");
    make_folder("templates/p");
    make_folder("templates/include");
    write_file("campaigns/a.yaml", "campaign: one\npurpose: marketing\n"
                                   "trigger: {type: cart_abandonment, quiet: 1m, steps: [0h]}\n"
                                   "channels: push\ntemplates: {push: p}\n");
    write_file("templates/p/title.en.liquid", "Hello\n");
    write_file("templates/p/body.en.liquid", "{{ item.title }}\n");
    return 0;
}

static int remove_set(void **state)
{
    (void)state;
    test_remove_folder(folder);
    return 0;
}

static void a_changed_rule_changes_the_version_and_nothing_else_does(void **state)
{
    struct campaign_set *set = NULL;
    char first[33], second[33];

    (void)state;
    assert_int_equal(load(&set), OK);
    assert_int_equal(campaign_set_count(set), 1);
    strcpy(first, campaign_set_version(set));
    assert_non_null(
        memmem(campaign_set_text(set).ptr, campaign_set_text(set).len, "{{ item.title }}", 16));
    campaign_set_close(set);
    assert_int_equal(load(&set), OK);
    strcpy(second, campaign_set_version(set));
    campaign_set_close(set);
    assert_string_equal(first, second);
    write_file("templates/p/body.en.liquid", "{{ item.title }}!\n");
    assert_int_equal(load(&set), OK);
    assert_string_not_equal(first, campaign_set_version(set));
    campaign_set_close(set);
}

static void the_version_does_not_know_where_the_folder_lies(void **state)
{
    struct campaign_set *set = NULL;
    char first[33];

    (void)state;
    assert_int_equal(load(&set), OK);
    strcpy(first, campaign_set_version(set));
    campaign_set_close(set);
    remove_set(NULL);
    make_set(NULL);
    assert_int_equal(load(&set), OK);
    assert_string_equal(first, campaign_set_version(set));
    campaign_set_close(set);
}

static void a_locale_with_half_its_parts_is_refused(void **state)
{
    struct campaign_set *set = NULL;

    (void)state;
    write_file("templates/p/title.de.liquid", "Hallo\n");
    assert_int_equal(load(&set), ERR_INVALID);
    assert_non_null(strstr(error.text, "p/body.de.liquid is missing"));
    assert_null(set);
}

static void a_broken_template_is_named_with_its_line(void **state)
{
    struct campaign_set *set = NULL;

    (void)state;
    write_file("templates/p/body.en.liquid", "a\n{% if %}\n");
    assert_int_equal(load(&set), ERR_INVALID);
    assert_string_equal(error.text, "p/body.en.liquid:2: a value is missing");
}

static void an_include_is_found_by_locale_and_its_mistakes_are_its_own(void **state)
{
    struct campaign_set *set = NULL;

    (void)state;
    write_file("templates/p/body.en.liquid", "{% include 'end' %}\n");
    write_file("templates/include/end.en.liquid", "\n\n{{ x | y }}\n");
    assert_int_equal(load(&set), ERR_INVALID);
    assert_string_equal(error.text, "end:3: no filter is called 'y'");
    write_file("templates/p/body.en.liquid", "{% include '../secret' %}\n");
    assert_int_equal(load(&set), ERR_INVALID);
    assert_string_equal(error.text,
                        "include '../secret': a name has letters, digits, '_' and '-'");
}

static void two_files_of_one_name_are_refused(void **state)
{
    struct campaign_set *set = NULL;

    (void)state;
    write_file("campaigns/b.yaml", "campaign: one\npurpose: marketing\n"
                                   "trigger: {type: cart_abandonment, quiet: 1m, steps: [0h]}\n"
                                   "channels: push\ntemplates: {push: p}\n");
    assert_int_equal(load(&set), ERR_INVALID);
    assert_non_null(
        strstr(error.text, "campaigns/b.yaml: campaign: 'one' is the name of another file's"));
}

static void an_empty_setting_is_a_set_without_campaigns(void **state)
{
    struct campaign_set *set = NULL;

    (void)state;
    assert_int_equal(
        campaign_set_load(&(struct campaign_options){.campaigns_dir = "", .templates_dir = ""},
                          &set, &error),
        OK);
    assert_int_equal(campaign_set_count(set), 0);
    campaign_set_close(set);
    set = NULL;
    assert_int_equal(campaign_set_load(&(struct campaign_options){.campaigns_dir = "/nowhere",
                                                                  .templates_dir = "x"},
                                       &set, &error),
                     ERR_INVALID);
    assert_string_equal(error.text, "campaigns.dir: '/nowhere': No such file or directory");
    assert_int_equal(
        campaign_set_load(&(struct campaign_options){.default_time_zone = "Mars/Olympus"}, &set,
                          &error),
        ERR_INVALID);
    assert_string_equal(
        error.text, "time_zone: 'Mars/Olympus' is unknown; write it like \"Europe/Berlin\"");
    assert_null(set);
}

static void what_is_shipped_loads(void **state)
{
    struct campaign_set *set = NULL;

    (void)state;
    if (campaign_set_load(&(struct campaign_options){.campaigns_dir = "deploy/campaigns",
                                                     .templates_dir = "deploy/templates"},
                          &set, &error) != OK)
        fail_msg("%s", error.text);
    assert_int_equal(campaign_set_count(set), 1);
    campaign_set_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_a_file_is_read),
        cmocka_unit_test(caps_that_a_file_does_not_name_keep_their_defaults),
        cmocka_unit_test(a_mistake_is_said_with_file_line_and_key),
        cmocka_unit_test(what_is_no_yaml_is_said_with_its_line),
        cmocka_unit_test_setup_teardown(
            a_changed_rule_changes_the_version_and_nothing_else_does, make_set, remove_set),
        cmocka_unit_test_setup_teardown(the_version_does_not_know_where_the_folder_lies,
                                        make_set, remove_set),
        cmocka_unit_test_setup_teardown(a_locale_with_half_its_parts_is_refused, make_set,
                                        remove_set),
        cmocka_unit_test_setup_teardown(a_broken_template_is_named_with_its_line, make_set,
                                        remove_set),
        cmocka_unit_test_setup_teardown(
            an_include_is_found_by_locale_and_its_mistakes_are_its_own, make_set, remove_set),
        cmocka_unit_test_setup_teardown(two_files_of_one_name_are_refused, make_set,
                                        remove_set),
        cmocka_unit_test(an_empty_setting_is_a_set_without_campaigns),
        cmocka_unit_test(what_is_shipped_loads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
