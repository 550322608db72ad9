#include "core/symbols.h"

#include "schemas/records.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define WORD(text)                                                                             \
    {                                                                                          \
        text, sizeof(text) - 1                                                                 \
    }

static struct str word(const struct str *words, size_t n, int32_t value)
{
    return words[value > 0 && (size_t)value < n ? value : 0];
}

struct str channel_symbol(int32_t channel)
{
    static const struct str words[] = {
        [CHANNEL_UNKNOWN] = WORD("UNKNOWN"), [CHANNEL_PUSH] = WORD("PUSH"),
        [CHANNEL_EMAIL] = WORD("EMAIL"),     [CHANNEL_SOCIAL] = WORD("SOCIAL"),
        [CHANNEL_SEO] = WORD("SEO"),         [CHANNEL_ONSITE] = WORD("ONSITE"),
    };

    return word(words, COUNT(words), channel);
}

struct str purpose_symbol(int32_t purpose)
{
    static const struct str words[] = {
        [PURPOSE_UNKNOWN] = WORD("UNKNOWN"),
        [PURPOSE_TRANSACTIONAL] = WORD("TRANSACTIONAL"),
        [PURPOSE_MARKETING] = WORD("MARKETING"),
        [PURPOSE_PROFILING] = WORD("PROFILING"),
        [PURPOSE_ADS] = WORD("ADS"),
    };

    return word(words, COUNT(words), purpose);
}

struct str reason_symbol(int32_t reason)
{
    static const struct str words[] = {
        [REASON_UNKNOWN] = WORD("UNKNOWN"), [REASON_COVISITATION] = WORD("COVISITATION"),
        [REASON_FACTORS] = WORD("FACTORS"), [REASON_RECENT] = WORD("RECENT"),
        [REASON_POPULAR] = WORD("POPULAR"),
    };

    return word(words, COUNT(words), reason);
}
