/*
 * The list of topics, and the judgement of what the broker has.
 *
 * What is judged, and how hard:
 *   missing; task topics with different counts; more than one partition of items; a changelog
 *   that drops records by time                        -> wrong: results or state would be
 *   compaction, retention, sizes not as asked         -> differs: runs, with a loss some day
 *   tables compacted before inputs leave              -> a note: old runs cannot be verified
 */
#include "core/topics.h"

#include "schemas/task_position.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { PARTITIONS_ANY = 100000 }; /* of a topic that is only written to */

/* Local state is trusted for half of this (core/README): restarts after a long week-end. */
#define DELETE_RETENTION_MIN_MS (INT64_C(7) * 86400000)

struct row {
    const char *setting, *avsc;
    unsigned flags;
    int partitions_max;
    size_t offset; /* of the name in struct settings */
};

#define ROW(key, member, avsc, flags, max)                                                     \
    {                                                                                          \
        "topics." key, avsc, flags, max, offsetof(struct settings, topics.member)              \
    }

static const struct row rows[] = {
    ROW("users", users, "user", TOPIC_INPUT | TOPIC_TASK | TOPIC_COMPACTED, TASKS_MAX),
    ROW("clickstream", clickstream, "click_event", TOPIC_INPUT | TOPIC_TASK, TASKS_MAX),
    ROW("engagement", engagement, "engagement_event", TOPIC_INPUT | TOPIC_TASK, TASKS_MAX),
    ROW("orders", orders, "order_event", TOPIC_INPUT | TOPIC_TASK, TASKS_MAX),
    ROW("reviews", reviews, "review_event", TOPIC_INPUT | TOPIC_TASK, TASKS_MAX),
    ROW("catalog", catalog, "catalog_item", TOPIC_INPUT | TOPIC_COMPACTED,
        CATALOG_PARTITIONS_MAX),
    ROW("recommendations", recommendations, "recommendation", TOPIC_OUTPUT, PARTITIONS_ANY),
    ROW("content.push", content_push, "push_message", TOPIC_OUTPUT, PARTITIONS_ANY),
    ROW("content.email", content_email, "email_message", TOPIC_OUTPUT, PARTITIONS_ANY),
    ROW("content.social", content_social, "social_message", TOPIC_OUTPUT, PARTITIONS_ANY),
    ROW("content.seo", content_seo, "seo_message", TOPIC_OUTPUT, PARTITIONS_ANY),
    ROW("content.onsite", content_onsite, "onsite_message", TOPIC_OUTPUT, PARTITIONS_ANY),
    ROW("suppressed", suppressed, "suppressed_message", TOPIC_OUTPUT, PARTITIONS_ANY),
    ROW("profiles", profiles, "profile", TOPIC_OUTPUT | TOPIC_COMPACTED, PARTITIONS_ANY),
    ROW("dead-letter", dead_letter, NULL, TOPIC_OUTPUT, PARTITIONS_ANY),
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct {
    const char *suffix;
    unsigned flags;
    int partitions_max;
} internals[] = {
    {"changelog", TOPIC_INTERNAL | TOPIC_TASK | TOPIC_COMPACTED, TASKS_MAX},
    {"journal", TOPIC_INTERNAL | TOPIC_TASK, TASKS_MAX},
    {"items", TOPIC_INTERNAL | TOPIC_SINGLE, 1},
    {"items-table", TOPIC_INTERNAL | TOPIC_SINGLE | TOPIC_COMPACTED, 1},
};
enum { N_INTERNALS = sizeof(internals) / sizeof(internals[0]) };

_Static_assert(N_ROWS + N_INTERNALS <= TOPICS_MAX, "raise TOPICS_MAX");

uint32_t topics_list(const struct settings *settings, struct topic topics[TOPICS_MAX])
{
    uint32_t n = 0;

    for (int i = 0; i < N_ROWS; i++) {
        struct topic *topic = &topics[n++];

        *topic = (struct topic){.setting = rows[i].setting,
                                .avsc = rows[i].avsc,
                                .flags = rows[i].flags,
                                .partitions_max = rows[i].partitions_max};
        snprintf(topic->name, sizeof(topic->name), "%s",
                 (const char *)settings + rows[i].offset);
    }
    for (int i = 0; i < N_INTERNALS; i++) {
        struct topic *topic = &topics[n++];

        *topic = (struct topic){.flags = internals[i].flags,
                                .partitions_max = internals[i].partitions_max};
        snprintf(topic->name, sizeof(topic->name), "%s-%s", settings->app, internals[i].suffix);
    }
    return n;
}

struct judge {
    const struct settings *settings;
    topic_report *report;
    void *context;
    int worst;
};

static void say(struct judge *judge, enum topic_severity severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct judge *judge, enum topic_severity severity, const char *format, ...)
{
    char sentence[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if ((int)severity > judge->worst)
        judge->worst = (int)severity;
    judge->report(judge->context, severity, sentence);
}

static void judge_existence(struct judge *judge, const struct topic *topic)
{
    say(judge, TOPIC_WRONG, "topic %s is missing; make it with `freshet topics create`%s%s",
        topic->name, topic->setting ? ", or name the one you have in " : "",
        topic->setting ? topic->setting : "");
}

/* Partition p of all task topics is one task: other counts would part a user from its state. */
static void judge_partitions(struct judge *judge, const struct topic *topic,
                             const struct topic_facts *facts, const struct topic *lead,
                             const struct topic_facts *lead_facts)
{
    if (topic->flags & TOPIC_SINGLE && facts->partitions != 1)
        say(judge, TOPIC_WRONG,
            "topic %s has %d partitions and must have one: delete it and run `freshet topics "
            "create`, or choose another app",
            topic->name, facts->partitions);
    else if (facts->partitions > topic->partitions_max)
        say(judge, TOPIC_WRONG, "topic %s has %d partitions; at most %d can be followed",
            topic->name, facts->partitions, topic->partitions_max);
    else if (topic->flags & TOPIC_TASK && lead_facts &&
             facts->partitions != lead_facts->partitions)
        say(judge, TOPIC_WRONG,
            "topic %s has %d partitions and %s has %d; topics keyed by user need the same "
            "number: %s",
            topic->name, facts->partitions, lead->name, lead_facts->partitions,
            facts->partitions < lead_facts->partitions && !(topic->flags & TOPIC_INTERNAL)
                ? "make a new one with as many and copy the records over, so that keys stay "
                  "together"
                : "delete it and run `freshet topics create`, or choose another app");
}

static void judge_compacted(struct judge *judge, const struct topic *topic,
                            const struct topic_facts *facts)
{
    const struct settings *settings = judge->settings;
    bool state = topic->flags & TOPIC_INTERNAL;
    char retention[32];

    snprintf(retention, sizeof(retention), "%lld", (long long)settings->topics_retention_ms);
    if (!facts->compacts || facts->deletes)
        say(judge, state && facts->deletes ? TOPIC_WRONG : TOPIC_DIFFERS,
            "topic %s has cleanup.policy=%s and %s; set cleanup.policy=compact", topic->name,
            facts->compacts ? "compact,delete" : "delete",
            state ? "would lose state by time" : "would forget what has not changed for long");
    if (facts->delete_retention_ms < DELETE_RETENTION_MIN_MS)
        say(judge, TOPIC_DIFFERS,
            "topic %s has delete.retention.ms=%lld: a reader away for longer misses deletions; "
            "set it to %lld (7 days) or more",
            topic->name, (long long)facts->delete_retention_ms,
            (long long)DELETE_RETENTION_MIN_MS);
    if (topic->flags & TOPIC_INPUT && facts->compaction_lag_ms < settings->topics_retention_ms)
        say(judge, TOPIC_NOTE,
            "topic %s may be compacted after %lld ms: runs older than that cannot be computed "
            "again; set min.compaction.lag.ms=%s to keep them for topics.retention",
            topic->name, (long long)facts->compaction_lag_ms, retention);
}

static void judge_kept(struct judge *judge, const struct topic *topic,
                       const struct topic_facts *facts)
{
    int64_t wanted = judge->settings->topics_retention_ms;
    bool counts = topic->flags & (TOPIC_INPUT | TOPIC_INTERNAL);

    if (facts->compacts)
        say(judge, counts ? TOPIC_WRONG : TOPIC_DIFFERS,
            "topic %s has cleanup.policy=%s and would lose all but the newest record of a key; "
            "set cleanup.policy=delete",
            topic->name, facts->deletes ? "compact,delete" : "compact");
    if (counts && facts->retention_ms >= 0 && facts->retention_ms < wanted)
        say(judge, TOPIC_DIFFERS,
            "topic %s has retention.ms=%lld, less than topics.retention: set it to %lld, or "
            "lower "
            "topics.retention",
            topic->name, (long long)facts->retention_ms, (long long)wanted);
    if (counts && facts->retention_bytes >= 0)
        say(judge, TOPIC_NOTE,
            "topic %s has retention.bytes=%lld and may lose records before topics.retention is "
            "over; set it to -1",
            topic->name, (long long)facts->retention_bytes);
}

/* A record that just fitted an input must fit into dead-letter with its headers. */
static void judge_size(struct judge *judge, const struct topic *topic,
                       const struct topic_facts *facts, int64_t largest_input)
{
    int64_t wanted = largest_input + TOPIC_EXTRA_BYTES;

    if (topic->flags & (TOPIC_OUTPUT | TOPIC_INTERNAL) && facts->max_message_bytes < wanted)
        say(judge, TOPIC_DIFFERS,
            "topic %s has max.message.bytes=%lld: records as large as the inputs' would not "
            "fit "
            "with their headers; set it to %lld or more",
            topic->name, (long long)facts->max_message_bytes, (long long)wanted);
}

static uint32_t find_setting(const struct topic *topics, uint32_t n, const char *setting)
{
    uint32_t i = 0;

    while (i < n && !(topics[i].setting && strcmp(topics[i].setting, setting) == 0))
        i++;
    return i;
}

int topics_compare(const struct settings *settings, const struct topic *topics,
                   const struct topic_facts *facts, uint32_t n, topic_report *report,
                   void *context)
{
    struct judge judge = {settings, report, context, -1};
    uint32_t lead = find_setting(topics, n, "topics.clickstream");
    const struct topic_facts *lead_facts = lead < n && facts[lead].exists ? &facts[lead] : NULL;
    int64_t largest = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (topics[i].flags & TOPIC_INPUT && facts[i].exists &&
            facts[i].max_message_bytes > largest)
            largest = facts[i].max_message_bytes;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!facts[i].exists) {
            judge_existence(&judge, &topics[i]);
            continue;
        }
        judge_partitions(&judge, &topics[i], &facts[i], &topics[lead < n ? lead : 0],
                         lead_facts);
        if (topics[i].flags & TOPIC_COMPACTED)
            judge_compacted(&judge, &topics[i], &facts[i]);
        else
            judge_kept(&judge, &topics[i], &facts[i]);
        judge_size(&judge, &topics[i], &facts[i], largest);
    }
    return judge.worst;
}

enum status topics_check(const struct settings *settings, topic_report *report, void *context,
                         int *out_worst, struct error *err)
{
    struct topic topics[TOPICS_MAX];
    struct topic_facts facts[TOPICS_MAX];
    uint32_t n = topics_list(settings, topics);

    TRY(topics_fetch(settings, topics, n, facts, err));
    *out_worst = topics_compare(settings, topics, facts, n, report, context);
    return OK;
}
