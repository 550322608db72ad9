/*
 * Copy: the template in the person's language, rendered.
 *
 *   zh-Hans-CN -> zh-Hans -> zh -> hold
 *
 * Never a foreign language: the shop's locale stands in only for people who have none. A text
 * that cannot be rendered (a field is missing, a limit reached) is no copy either.
 */
#include "producers/gate.h"

static bool same_locale(struct str a, struct str b)
{
    return locale_is_within(a, b) && a.len == b.len;
}

static const struct copy *find_copy(const struct copy_set *copies, struct str locale)
{
    while (locale.len) {
        for (uint32_t i = 0; i < copies->n; i++) {
            if (same_locale(locale, str_of(copies->at[i].locale)))
                return &copies->at[i];
        }
        do
            locale.len--;
        while (locale.len && locale.ptr[locale.len] != '-' && locale.ptr[locale.len] != '_');
    }
    return NULL;
}

enum verdict gate_copy(struct candidate *c)
{
    struct str locale = campaign_locale_of(c->set, c->user);
    struct template_input input;
    struct error error;

    c->copy = find_copy(&c->campaign->copies[c->channel], locale);
    if (!c->copy)
        return suppress(c, "locale_missing", "template %s has nothing for '%.*s'",
                        c->campaign->copies[c->channel].template_name, STR_ARG(locale));
    if (candidate_variables(c, &input) != OK)
        return suppress(c, "copy_missing", "no memory for the variables");
    for (int part = 0; part < N_PARTS; part++) {
        c->parts[part] = (struct template_output){.text = {NULL, 0}};
        if (c->copy->parts[part] && template_render(c->copy->parts[part], &input, c->arena,
                                                    &c->parts[part], &error) != OK)
            return suppress(c, "copy_missing", "%s", error.text);
    }
    return VERDICT_PASS;
}
