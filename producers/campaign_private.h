/*
 * What a campaign set is made of. Everything here is immutable after load.
 */
#ifndef FRESHET_PRODUCERS_CAMPAIGN_PRIVATE_H
#define FRESHET_PRODUCERS_CAMPAIGN_PRIVATE_H

#include "producers/campaign.h"
#include "producers/template.h"

enum {
    CAMPAIGNS_MAX = 64,     /* as many instances a person may have: each may hold one */
    CAMPAIGN_NAME_MAX = 64, /* bytes of a name: campaign, template, arm, layer, salt */
    SALT_MAX = 2 * CAMPAIGN_NAME_MAX + 4, /* "salt/layer/" */
    CAMPAIGN_STEPS_MAX = 8,               /* reminders of one instance; three are usual */
    CAMPAIGN_ARMS_MAX = 16,               /* of one experiment */
    CAMPAIGN_CAPS_MAX = 16,               /* windows in one file */
    CAMPAIGN_LOCALES_MAX = 64,            /* in an audience, or of a template */
    CAMPAIGN_VARS_MAX = 32,               /* words an author hands to the templates */
    CAMPAIGN_TEXT_MAX = 512,              /* bytes of an address or of such a word */
    N_CHANNELS = CHANNEL_ONSITE + 1,
    BUCKETS = 10000, /* of people, for holdouts and arms (CONTENT 6) */
    DAY_MS = 24 * 60 * 60 * 1000,
    MESSAGE_LIFE_MS = DAY_MS, /* a reminder read a day late is worth nothing */
};

/* The texts of a message, by channel; a template folder holds one file for each. */
enum part {
    PART_TITLE,
    PART_BODY,
    PART_DEEP_LINK,
    PART_SUBJECT,
    PART_PREHEADER,
    PART_HTML,
    PART_TEXT,
    N_PARTS
};

struct part_kind {
    const char *name;
    enum channel channel;
    enum template_target target;
    bool required;
    uint32_t max_characters, max_bytes; /* CONTENT's gate 13 */
};

extern const struct part_kind part_kinds[N_PARTS];

/* A template in one locale: its parts. */
struct copy {
    char locale[CAMPAIGN_NAME_MAX]; /* "de", "zh-Hans" */
    const struct template_locale *rules;
    struct template *parts[N_PARTS]; /* NULL: this template has no such part */
    char content_id[33]; /* hash of the sources, includes left out: they count in the version */
};

struct copy_set { /* all locales of the template of one channel */
    char template_name[CAMPAIGN_NAME_MAX];
    uint32_t n;
    struct copy *at;
};

enum cap_window { CAP_ROLLING_24H, CAP_ROLLING_7D, CAP_CALENDAR_DAY };
enum cap_scope { CAP_CHANNEL, CAP_PURPOSE, CAP_ALL };

struct cap {
    enum cap_scope scope;
    int32_t which; /* channel or purpose */
    enum cap_window window;
    uint32_t limit; /* 1..USER_SENDS_MAX: the ring of sends is exact up to there */
};

struct arm {
    char name[CAMPAIGN_NAME_MAX]; /* "none" sends nothing, "shadow" decides and sends nothing */
    uint32_t weight;
};

struct campaign_var {
    char name[CAMPAIGN_NAME_MAX], value[CAMPAIGN_TEXT_MAX];
};

struct campaign {
    char name[CAMPAIGN_NAME_MAX];
    uint64_t id; /* hash64 of the name */
    char trigger[CAMPAIGN_NAME_MAX];
    int32_t purpose;
    int64_t quiet_ms; /* this long without a change of the cart, and step 0 is due */
    uint32_t n_steps;
    int64_t steps_ms[CAMPAIGN_STEPS_MAX]; /* after step 0's time; the first is 0 or more */
    int64_t min_value_e4;
    uint32_t n_audience;
    char audience[CAMPAIGN_LOCALES_MAX][CAMPAIGN_NAME_MAX]; /* locales; none: everybody */
    uint32_t n_channels;
    int32_t channels[N_CHANNELS];
    struct copy_set copies[N_CHANNELS]; /* by channel */
    char layer[CAMPAIGN_NAME_MAX], salt[CAMPAIGN_NAME_MAX];
    uint32_t n_arms, weights;
    struct arm arms[CAMPAIGN_ARMS_MAX];
    uint32_t holdout; /* of BUCKETS */
    bool caps_given, caps_defer;
    uint32_t n_caps;
    struct cap caps[CAMPAIGN_CAPS_MAX];
    int quiet_from_min, quiet_to_min;
    char unsubscribe_url[CAMPAIGN_TEXT_MAX];
    uint32_t n_vars;
    struct campaign_var vars[CAMPAIGN_VARS_MAX];
};

struct campaign_set {
    char default_locale[CAMPAIGN_NAME_MAX], default_time_zone[CAMPAIGN_NAME_MAX];
    int64_t live_max_age_ms;
    uint32_t holdout; /* global, of BUCKETS */
    uint32_t n;
    struct campaign *at[CAMPAIGNS_MAX]; /* by file name */
    uint32_t n_locales;
    struct template_locale *locales[CAMPAIGN_LOCALES_MAX];
    struct arena texts; /* all files as read */
    uint32_t n_sources, sources_capacity;
    struct str *sources; /* name, text, name, text, … */
    struct str text;     /* all of them as one */
    char version[33];
    char approval[40]; /* "rules:" and the version: who approved the texts */
};

/* ---- reading ---- */

/** Reads the campaign of one file; templates are left to load. text stays the caller's. */
enum status campaign_parse(const char *file, struct str text, struct campaign *out,
                           struct error *err);

enum { PATH_BYTES_MAX = 1024 };

/** folder/name's text, kept in the set; name and text count in its version, the folder does
 *  not, as it differs between machines. ERR_NOT_FOUND, ERR_IO. */
enum status campaign_read_file(struct campaign_set *set, const char *folder, const char *name,
                               struct str *out, struct error *err);

/** Compiles every locale of the template folder that a channel of the campaign names. */
enum status campaign_load_copies(struct campaign_set *set, const char *templates_dir,
                                 struct campaign *campaign, int32_t channel, struct error *err);
void campaign_close_copies(struct copy_set *copies);

/** "push", "email", …; NULL / CHANNEL_UNKNOWN for another. Likewise purposes. */
const char *channel_word(int32_t channel);
int32_t channel_from_word(struct str word);
const char *purpose_word(int32_t purpose);
int32_t purpose_from_word(struct str word);

/* ---- asking ---- */

const struct campaign *campaign_find(const struct campaign_set *set, uint64_t id);

/** The locale a message to this person must have: hers, the shop's only if she has none. */
struct str campaign_locale_of(const struct campaign_set *set, const struct user_state *user);

/** True if locale is wanted or below it: "de-AT" is below "de". Case and "_" do not matter. */
bool locale_is_within(struct str locale, struct str wanted);

bool campaign_audience_has(const struct campaign_set *set, const struct campaign *campaign,
                           const struct user_state *user);

/** Bucket of a person in a layer: xxh3_64(salt then user) mod BUCKETS. */
uint32_t campaign_bucket(const char *salt, struct str user_id);

/** printf into the arena; ptr NULL when it is at its limit. */
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
