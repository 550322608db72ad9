/*
 * One value: from text into its place in struct settings, and back.
 *
 * Both directions use the same unit tables, so what print shows can be read again: the unit
 * chosen is the largest that divides the value without remainder.
 */
#include "core/base/settings_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first. */
static const struct unit durations[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                        {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const struct unit sizes[] = {{"TiB", INT64_C(1) << 40},
                                    {"GiB", INT64_C(1) << 30},
                                    {"MiB", INT64_C(1) << 20},
                                    {"KiB", INT64_C(1) << 10},
                                    {"B", 1},
                                    {NULL, 0}};

static const struct unit *units_of(enum setting_type type)
{
    return type == SETTING_DURATION ? durations : type == SETTING_SIZE ? sizes : NULL;
}

/* Whole numbers only; a number with units needs one, except 0. */
static bool parse_number(const struct setting *setting, const char *text, int64_t *out)
{
    const struct unit *unit = units_of(setting->type);
    int64_t value;
    char *end;

    if (!isdigit((unsigned char)text[0]) && text[0] != '-')
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || end == text)
        return false;
    if (unit && !(value == 0 && *end == '\0')) {
        while (*end == ' ')
            end++;
        while (unit->name && strcmp(unit->name, end) != 0)
            unit++;
        if (!unit->name || __builtin_mul_overflow(value, unit->factor, &value))
            return false;
    } else if (*end != '\0') {
        return false;
    }
    *out = value;
    return value >= setting->min && value <= setting->max;
}

static bool parse_bool(const char *text, bool *out)
{
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0;
}

static int symbol_index(const struct setting *setting, const char *text, size_t n)
{
    for (int i = 0; n > 0 && setting->symbols[i]; i++) {
        if (strlen(setting->symbols[i]) == n && memcmp(setting->symbols[i], text, n) == 0)
            return i;
    }
    return -1;
}

/* "A,B", "A, B" or "[A, B]"; nothing at all is an empty list. */
static bool parse_choices(const struct setting *setting, const char *text, uint32_t *out)
{
    size_t n = strlen(text);
    const char *end = text + n;
    uint32_t mask = 0;

    if (n >= 2 && text[0] == '[' && end[-1] == ']') {
        text++;
        end--;
    }
    while (text < end) {
        size_t len = strcspn(text, ",");
        const char *word = text;

        if (word + len > end)
            len = (size_t)(end - word);
        text += len + 1;
        while (len > 0 && *word == ' ') {
            word++;
            len--;
        }
        while (len > 0 && word[len - 1] == ' ')
            len--;
        int i = symbol_index(setting, word, len);

        if (i < 0)
            return false;
        mask |= UINT32_C(1) << i;
    }
    *out = mask;
    return true;
}

static bool is_name(const char *text)
{
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr("._-", *text))
            return false;
    }
    return true;
}

/* host:port, the port in 0..65535; an IPv6 address stands in brackets. */
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    const char *close = strrchr(text, ']');
    char *end;
    long port;

    if (!colon || colon == text || !isdigit((unsigned char)colon[1]))
        return false;
    if (text[0] == '[' ? close != colon - 1 : strchr(text, ':') != colon)
        return false;
    port = strtol(colon + 1, &end, 10);
    return *end == '\0' && port >= 0 && port <= 65535;
}

/* No user or password inside: they would be printed. */
static bool is_url(const char *text)
{
    const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : NULL;

    return host && *host && *host != '/' && !memchr(host, '@', strcspn(host, "/"));
}

static bool parse_text(const struct setting *setting, const char *text, char *out)
{
    size_t n = strlen(text);

    if (n > (size_t)setting->max || n >= setting->size ||
        (n == 0 && setting->flags & SETTING_NOT_EMPTY))
        return false;
    if ((setting->flags & SETTING_NAME && !is_name(text)) ||
        (setting->flags & SETTING_URL && n > 0 && !is_url(text)) ||
        (setting->flags & SETTING_ADDRESS && n > 0 && !is_address(text)))
        return false;
    memcpy(out, text, n + 1);
    return true;
}

bool setting_assign(struct settings *settings, const struct setting *setting, const char *text)
{
    void *target = (char *)settings + setting->offset;
    int64_t number;
    uint32_t mask;
    bool flag;

    switch (setting->type) {
    case SETTING_TEXT:
        return parse_text(setting, text, target);
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
        if (!parse_number(setting, text, &number))
            return false;
        memcpy(target, &number, sizeof(number));
        return true;
    case SETTING_BOOL:
        if (!parse_bool(text, &flag))
            return false;
        memcpy(target, &flag, sizeof(flag));
        return true;
    case SETTING_CHOICE:
        return symbol_index(setting, text, strlen(text)) >= 0 &&
               parse_text(setting, text, target);
    case SETTING_CHOICES:
        if (!parse_choices(setting, text, &mask))
            return false;
        memcpy(target, &mask, sizeof(mask));
        return true;
    case SETTING_PROPERTIES:
        break;
    }
    return false;
}

void setting_show_number(enum setting_type type, int64_t value, char *out, size_t capacity)
{
    const struct unit *unit = units_of(type);

    if (!unit || value == 0) {
        snprintf(out, capacity, "%lld", (long long)value);
        return;
    }
    while (value % unit->factor != 0)
        unit++;
    snprintf(out, capacity, "%lld%s", (long long)(value / unit->factor), unit->name);
}

static void show_choices(const struct setting *setting, uint32_t mask, char *out,
                         size_t capacity)
{
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; setting->symbols[i] && n < capacity; i++) {
        if (mask & UINT32_C(1) << i)
            n += (size_t)snprintf(out + n, capacity - n, "%s%s", n ? "," : "",
                                  setting->symbols[i]);
    }
}

void setting_show(const struct settings *settings, const struct setting *setting, char *out,
                  size_t capacity)
{
    const void *source = (const char *)settings + setting->offset;

    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_CHOICE:
        snprintf(out, capacity, "%s",
                 setting->flags & SETTING_SECRET && *(const char *)source
                     ? "********"
                     : (const char *)source);
        break;
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
        setting_show_number(setting->type, *(const int64_t *)source, out, capacity);
        break;
    case SETTING_BOOL:
        snprintf(out, capacity, "%s", *(const bool *)source ? "true" : "false");
        break;
    case SETTING_CHOICES:
        show_choices(setting, *(const uint32_t *)source, out, capacity);
        break;
    case SETTING_PROPERTIES:
        snprintf(out, capacity, "%s", "");
        break;
    }
}

static void allowed_text(const struct setting *setting, char *out, size_t capacity)
{
    int max = (int)setting->max;
    const char *empty = setting->flags & SETTING_NOT_EMPTY ? "" : ", or nothing";

    if (setting->flags & SETTING_NAME)
        snprintf(out, capacity, "letters, digits, '.', '_' and '-', at most %d%s", max, empty);
    else if (setting->flags & SETTING_URL)
        snprintf(out, capacity,
                 "http://… or https://…, without user and password, at most %d bytes%s", max,
                 empty);
    else if (setting->flags & SETTING_ADDRESS)
        snprintf(out, capacity, "host:port, at most %d bytes%s", max, empty);
    else
        snprintf(out, capacity, "text of %s%d bytes",
                 setting->flags & SETTING_NOT_EMPTY ? "1 to " : "at most ", max);
}

void setting_allowed(const struct setting *setting, char *out, size_t capacity)
{
    char min[32], max[32];
    size_t n;

    setting_show_number(setting->type, setting->min, min, sizeof(min));
    setting_show_number(setting->type, setting->max, max, sizeof(max));
    switch (setting->type) {
    case SETTING_TEXT:
        allowed_text(setting, out, capacity);
        break;
    case SETTING_INT:
        snprintf(out, capacity, "a whole number from %s to %s", min, max);
        break;
    case SETTING_DURATION:
        snprintf(out, capacity, "a duration from %s to %s (units d, h, m, s, ms)", min, max);
        break;
    case SETTING_SIZE:
        snprintf(out, capacity, "a size from %s to %s (units B, KiB, MiB, GiB, TiB)", min, max);
        break;
    case SETTING_BOOL:
        snprintf(out, capacity, "true or false");
        break;
    case SETTING_CHOICE:
    case SETTING_CHOICES:
        n = (size_t)snprintf(out, capacity, "%s",
                             setting->type == SETTING_CHOICE ? "one of" : "a list of");
        for (int i = 0; setting->symbols[i] && n < capacity; i++) {
            if (setting->symbols[i][0])
                n += (size_t)snprintf(out + n, capacity - n, " %s", setting->symbols[i]);
        }
        break;
    case SETTING_PROPERTIES:
        snprintf(out, capacity, "a map of librdkafka properties");
        break;
    }
}
