/* Words, locales and buckets: what campaign files, gates and texts share. */
#include "core/base/hash.h"
#include "producers/campaign_private.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const channel_words[] = {NULL, "push", "email", "social", "seo", "onsite"};
static const char *const purpose_words[] = {NULL, "transactional", "marketing", "profiling",
                                            "ads"};

_Static_assert(sizeof(channel_words) / sizeof(channel_words[0]) == N_CHANNELS,
               "one word per channel");
_Static_assert(sizeof(purpose_words) / sizeof(purpose_words[0]) == PURPOSE_ADS + 1,
               "one word per purpose");

const char *channel_word(int32_t channel)
{
    return channel > 0 && channel < N_CHANNELS ? channel_words[channel] : NULL;
}

const char *purpose_word(int32_t purpose)
{
    return purpose > 0 && purpose <= PURPOSE_ADS ? purpose_words[purpose] : NULL;
}

static int32_t find_word(const char *const *words, int32_t n, struct str word)
{
    for (int32_t i = 1; i < n; i++) {
        if (str_equal(word, str_of(words[i])))
            return i;
    }
    return 0;
}

int32_t channel_from_word(struct str word)
{
    return find_word(channel_words, N_CHANNELS, word);
}

int32_t purpose_from_word(struct str word)
{
    return find_word(purpose_words, PURPOSE_ADS + 1, word);
}

static char folded(char c)
{
    return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

bool locale_is_within(struct str locale, struct str wanted)
{
    if (locale.len < wanted.len)
        return false;
    for (uint32_t i = 0; i < wanted.len; i++) {
        if (folded(locale.ptr[i]) != folded(wanted.ptr[i]))
            return false;
    }
    return locale.len == wanted.len || folded(locale.ptr[wanted.len]) == '-';
}

struct str campaign_locale_of(const struct campaign_set *set, const struct user_state *user)
{
    return user->locale.len ? user->locale : str_of(set->default_locale);
}

bool campaign_audience_has(const struct campaign_set *set, const struct campaign *campaign,
                           const struct user_state *user)
{
    struct str locale = campaign_locale_of(set, user);
    bool has = campaign->n_audience == 0;

    for (uint32_t i = 0; i < campaign->n_audience && !has; i++)
        has = locale_is_within(locale, str_of(campaign->audience[i]));
    return has;
}

uint32_t campaign_bucket(const char *salt, struct str user_id)
{
    char joined[SALT_MAX + ID_MAX_BYTES];
    size_t n_salt = strnlen(salt, SALT_MAX);
    size_t n_user = user_id.len < ID_MAX_BYTES ? user_id.len : ID_MAX_BYTES;

    memcpy(joined, salt, n_salt);
    if (n_user)
        memcpy(joined + n_salt, user_id.ptr, n_user);
    return (uint32_t)(hash64((struct str){joined, (uint32_t)(n_salt + n_user)}) % BUCKETS);
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n >= (int)sizeof(text))
        n = sizeof(text) - 1;
    return arena_copy(arena, (struct str){text, n > 0 ? (uint32_t)n : 0});
}
