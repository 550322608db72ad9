/*
 * Settings: defaults, then the file, then --set, then what one setting says about another.
 *
 * Every value, wherever it comes from, goes through setting_put(): it finds the row, has the
 * text parsed and writes down the origin. So a default is subject to the same rules as a line
 * of the file, and messages are alike.
 */
#include "core/base/edit_distance.h"
#include "core/base/settings_private.h"

#include <stdarg.h>
#include <string.h>

enum { PATH_MAX_LEN = 256 };

enum status setting_error(struct error *err, const struct setting_place *place,
                          const char *format, ...)
{
    char sentence[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (place->origin.from == FROM_FILE)
        return error_set(err, ERR_INVALID, "%s:%d: %s", place->file, place->origin.line,
                         sentence);
    return error_set(err, ERR_INVALID, "%s: %s",
                     place->origin.from == FROM_SET ? "--set" : "default", sentence);
}

const struct setting *setting_find(const char *key)
{
    for (unsigned i = 0; i < n_settings; i++) {
        if (strcmp(settings_table[i].key, key) == 0)
            return &settings_table[i];
    }
    return NULL;
}

const struct setting *setting_properties_of(const char *path)
{
    const struct setting *best = NULL;

    for (unsigned i = 0; i < n_settings; i++) {
        const struct setting *setting = &settings_table[i];
        size_t n = strlen(setting->key);

        if (setting->type == SETTING_PROPERTIES && strncmp(path, setting->key, n) == 0 &&
            path[n] == '.' && (!best || n > strlen(best->key)))
            best = setting;
    }
    return best;
}

bool setting_is_section(const char *path)
{
    size_t n = strlen(path);

    for (unsigned i = 0; i < n_settings; i++) {
        if (strncmp(settings_table[i].key, path, n) == 0 && settings_table[i].key[n] == '.')
            return true;
    }
    return false;
}

/* Keeps the first n bytes of text as the best guess if it is nearer than what was found. */
static void offer(const char *text, size_t n, unsigned distance, unsigned *least, char *out,
                  size_t capacity)
{
    if (distance < *least) {
        *least = distance;
        snprintf(out, capacity, "%.*s", (int)n, text);
    }
}

/*
 * Compared with whole keys and with sections ("recomend"); at one more, because it is a weaker
 * guess, with the last part of a key ("k" for recommend.k) and the first parts of both
 * ("kafak.linger.ms").
 */
const char *setting_nearest(const char *path, char *out, size_t capacity)
{
    unsigned least = UINT32_MAX;
    char part[PATH_MAX_LEN], head[PATH_MAX_LEN];

    snprintf(head, sizeof(head), "%.*s", (int)strcspn(path, "."), path);
    bool head_is_known = setting_find(head) || setting_is_section(head);

    for (unsigned i = 0; i < n_settings; i++) {
        const char *key = settings_table[i].key;
        const char *dot = strrchr(key, '.');
        size_t n = strlen(key), n_first = strcspn(key, ".");

        offer(key, n, edit_distance(key, path), &least, out, capacity);
        snprintf(part, sizeof(part), "%.*s", (int)n_first, key);
        if (!head_is_known)
            offer(part, n_first, edit_distance(part, head) + 1, &least, out, capacity);
        if (!dot)
            continue;
        offer(key, n, edit_distance(dot + 1, path) + 1, &least, out, capacity);
        snprintf(part, sizeof(part), "%.*s", (int)(dot - key), key);
        offer(part, strlen(part), edit_distance(part, path), &least, out, capacity);
    }
    return out;
}

/* Set by the program itself; where a shop's value would break exactly-once or be ignored. */
static const struct {
    const char *name, *because;
} reserved[] = {
    {"group.id", "it is the setting app"},
    {"group.instance.id", "it is made from app, instance and worker"},
    {"transactional.id", "it is made from app, instance and worker"},
    {"enable.auto.commit", "offsets go with the transaction"},
    {"enable.auto.offset.store", "offsets go with the transaction"},
    {"auto.offset.reset", "an offset out of range is an error, never a jump"},
    {"enable.idempotence", "the producer is transactional"},
    {"isolation.level", "it is always read_committed"},
    {"partition.assignment.strategy", "it is always cooperative-sticky"},
    {"partitioner", "it is the setting partitioner"},
};

static enum status put_property(struct settings *settings, const struct setting_place *place,
                                const struct setting *setting, const char *path,
                                const char *text, struct error *err)
{
    struct kafka_properties *properties = setting_properties(settings, setting);
    const char *name = path + strlen(setting->key) + 1;
    struct kafka_property *property;
    uint32_t i = 0;

    for (size_t r = 0; r < sizeof(reserved) / sizeof(reserved[0]); r++) {
        if (strcmp(reserved[r].name, name) == 0)
            return setting_error(err, place, "%s cannot be set: %s; remove it", path,
                                 reserved[r].because);
    }
    if (strlen(name) >= sizeof(property->name) || strlen(text) >= sizeof(property->value))
        return setting_error(err, place, "%s: name or value is longer than %d bytes", path,
                             SETTING_TEXT_MAX - 1);
    while (i < properties->n && strcmp(properties->at[i].name, name) != 0)
        i++;
    if (i == KAFKA_PROPERTIES_MAX)
        return setting_error(err, place, "%s: more than %d properties", path,
                             KAFKA_PROPERTIES_MAX);
    property = &properties->at[i];
    if (i < properties->n && property->origin.from == FROM_FILE &&
        place->origin.from == FROM_FILE)
        return setting_error(err, place, "%s was given already on line %d; keep one", path,
                             property->origin.line);
    properties->n += i == properties->n;
    strcpy(property->name, name);
    strcpy(property->value, text);
    property->origin = place->origin;
    return OK;
}

enum status setting_put(struct settings *settings, const struct setting_place *place,
                        const char *path, const char *text, struct error *err)
{
    const struct setting *setting = setting_find(path);
    const struct setting *map = setting_properties_of(path);
    char words[SETTING_SHOWN_MAX];
    struct setting_origin *origin;

    if (!setting && map)
        return put_property(settings, place, map, path, text, err);
    if ((!setting && setting_is_section(path)) ||
        (setting && setting->type == SETTING_PROPERTIES))
        return setting_error(
            err, place, "%s has settings beneath it; write them there (%s.…: …)", path, path);
    if (!setting)
        return setting_error(err, place, "unknown setting '%s'; the nearest known is '%s'",
                             path, setting_nearest(path, words, sizeof(words)));
    origin = &settings->origin[setting - settings_table];
    if (origin->from == FROM_FILE && place->origin.from == FROM_FILE)
        return setting_error(err, place, "%s was given already on line %d; keep one", path,
                             origin->line);
    if (!setting_assign(settings, setting, text)) {
        setting_allowed(setting, words, sizeof(words));
        return setting_error(err, place, "%s cannot be '%.120s'; allowed: %s", path,
                             setting->flags & SETTING_SECRET ? "********" : text, words);
    }
    *origin = place->origin;
    return OK;
}

void settings_init(struct settings *settings)
{
    const struct setting_place place = {"", {FROM_DEFAULT, 0}};

    memset(settings, 0, sizeof(*settings));
    for (unsigned i = 0; i < n_settings; i++) {
        const struct setting *setting = &settings_table[i];

        if (setting->type != SETTING_PROPERTIES)
            ensure(setting_put(settings, &place, setting->key, setting->initial, NULL) == OK);
    }
    ensure(setting_put(settings, &place, "kafka.bootstrap.servers", "127.0.0.1:9092", NULL) ==
           OK);
}

static enum status apply_override(struct settings *settings, const char *override,
                                  struct error *err)
{
    const struct setting_place place = {"", {FROM_SET, 0}};
    const char *equals = strchr(override, '=');
    char path[PATH_MAX_LEN];

    if (!equals || equals == override)
        return setting_error(err, &place, "'%s' is not KEY=VALUE", override);
    if (equals - override >= PATH_MAX_LEN)
        return setting_error(err, &place, "a key of more than %d bytes", PATH_MAX_LEN - 1);
    snprintf(path, sizeof(path), "%.*s", (int)(equals - override), override);
    return setting_put(settings, &place, path, equals + 1, err);
}

static struct setting_place place_of(const struct settings *settings, const char *key)
{
    return (struct setting_place){settings->file,
                                  settings->origin[setting_find(key) - settings_table]};
}

/* Two topics of one name would feed outputs to inputs, or mix two schemas under one subject. */
static enum status check_topics(const struct settings *settings, struct error *err)
{
    for (unsigned i = 0; i < n_settings; i++) {
        const struct setting *a = &settings_table[i];

        if (strncmp(a->key, "topics.", 7) != 0 || a->type != SETTING_TEXT)
            continue;
        for (unsigned j = 0; j < i; j++) {
            const struct setting *b = &settings_table[j];
            const struct setting_place place = place_of(settings, a->key);

            if (strncmp(b->key, "topics.", 7) == 0 && b->type == SETTING_TEXT &&
                strcmp((const char *)settings + a->offset,
                       (const char *)settings + b->offset) == 0)
                return setting_error(err, &place, "%s and %s are both '%s'; each needs its own",
                                     b->key, a->key, (const char *)settings + a->offset);
        }
    }
    return OK;
}

static enum status check_together(const struct settings *settings, struct error *err)
{
    struct setting_place place = place_of(settings, "http.tls_cert");

    if (!settings->http.tls_cert[0] != !settings->http.tls_key[0])
        return setting_error(
            err, &place, "http.tls_cert and http.tls_key go together; one of them is empty");
    place = place_of(settings, "registry.password");
    if (settings->registry.password[0] && !settings->registry.user[0])
        return setting_error(err, &place, "registry.password needs registry.user");
    return check_topics(settings, err);
}

enum status settings_load(struct settings *settings, const char *file, int n_overrides,
                          const char *const *overrides, struct error *err)
{
    settings_init(settings);
    if (file) {
        if (strlen(file) >= sizeof(settings->file))
            return error_set(err, ERR_INVALID, "the path of the settings file is too long");
        strcpy(settings->file, file);
        TRY(settings_read_yaml(settings, file, err));
    }
    for (int i = 0; i < n_overrides; i++)
        TRY(apply_override(settings, overrides[i], err));
    return check_together(settings, err);
}

const char *kafka_property_find(const struct kafka_properties *properties, const char *name)
{
    for (uint32_t i = 0; i < properties->n; i++) {
        if (strcmp(properties->at[i].name, name) == 0)
            return properties->at[i].value;
    }
    return NULL;
}

bool kafka_property_is_secret(const char *name)
{
    return strstr(name, "password") || strstr(name, "secret") || strstr(name, "key.pem") ||
           strstr(name, "oauthbearer.config");
}
