/*
 * The one table of settings. A new setting is a member of struct settings and a row here; the
 * parser, the messages, `config print` and CONFIGURATION.md follow by themselves.
 *
 * Order is the order of print: what every shop sets first, then by topic.
 */
#include "core/base/settings_private.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define MIB (INT64_C(1) << 20)
#define TIB (INT64_C(1) << 40)

#define TARGET(member) offsetof(struct settings, member), sizeof(((struct settings *)0)->member)

#define TEXT_OF(key, member, initial, max, flags, sentence)                                    \
    {                                                                                          \
        key, SETTING_TEXT, flags, initial, 0, max, "", NULL, sentence, TARGET(member)          \
    }
#define TEXT(key, member, initial, flags, sentence)                                            \
    TEXT_OF(key, member, initial, sizeof(((struct settings *)0)->member) - 1, flags, sentence)
#define INT(key, member, initial, min, max, unit, flags, sentence)                             \
    {                                                                                          \
        key, SETTING_INT, flags, initial, min, max, unit, NULL, sentence, TARGET(member)       \
    }
#define BOOL(key, member, initial, flags, sentence)                                            \
    {                                                                                          \
        key, SETTING_BOOL, flags, initial, 0, 1, "", NULL, sentence, TARGET(member)            \
    }
#define DURATION(key, member, initial, min, max, flags, sentence)                              \
    {                                                                                          \
        key, SETTING_DURATION, flags, initial, min, max, "", NULL, sentence, TARGET(member)    \
    }
#define SIZE(key, member, initial, min, max, flags, sentence)                                  \
    {                                                                                          \
        key, SETTING_SIZE, flags, initial, min, max, "", NULL, sentence, TARGET(member)        \
    }
#define CHOICE(key, member, initial, symbols, flags, sentence)                                 \
    {                                                                                          \
        key, SETTING_CHOICE, flags, initial, 0, sizeof(((struct settings *)0)->member) - 1,    \
            "", symbols, sentence, TARGET(member)                                              \
    }
#define CHOICES(key, member, initial, symbols, flags, sentence)                                \
    {                                                                                          \
        key, SETTING_CHOICES, flags, initial, 0, 0, "", symbols, sentence, TARGET(member)      \
    }
#define PROPERTIES(key, member, initial, sentence)                                             \
    {                                                                                          \
        key, SETTING_PROPERTIES, 0, initial, 0, 0, "", NULL, sentence, TARGET(member)          \
    }
#define TOPIC(name, member, sentence)                                                          \
    TEXT("topics." name, topics.member, name, SETTING_NAME | SETTING_NOT_EMPTY, sentence)

/* Same hash, librdkafka's names for it; keys are never empty, so *_random says nothing more. */
static const char *const partitioners[] = {"murmur2", "consistent", "fnv1a", NULL};

/* Index = enum event_type of schemas/records.h (a unit test of core compares them). */
static const char *const event_types[] = {"",
                                          "VIEW",
                                          "SEARCH",
                                          "ADD_TO_CART",
                                          "REMOVE_FROM_CART",
                                          "CHECKOUT_START",
                                          "WISHLIST",
                                          "IMPRESSION",
                                          "CLICK",
                                          "DISLIKE",
                                          NULL};

const struct setting settings_table[] = {
    TEXT_OF(
        "app", app, "shop", 100, SETTING_NAME | SETTING_NOT_EMPTY | SETTING_RULE,
        "Name of this application: consumer group, changelog, journal, transactional ids and "
        "metrics carry it, so it never changes while its state is of worth."),
    TEXT("instance", instance, "", SETTING_NAME,
         "Unique and stable name of this process; empty: made at the first start and kept in "
         "state.dir."),
    INT("workers", workers, "1", 1, 64, "threads", 0,
        "Worker threads; each has its own consumer, transactional producer and tasks."),
    PROPERTIES("kafka", kafka, "bootstrap.servers=127.0.0.1:9092",
               "Any librdkafka property, for consumers and producers alike."),
    PROPERTIES("kafka.consumer", kafka_consumer, "",
               "Any librdkafka property, for consumers only; beats kafka."),
    PROPERTIES("kafka.producer", kafka_producer, "",
               "Any librdkafka property, for producers only; beats kafka."),

    TEXT("registry.url", registry.url, "http://127.0.0.1:8081", SETTING_URL | SETTING_NOT_EMPTY,
         "Confluent-compatible schema registry; may have a path."),
    TEXT("registry.user", registry.user, "", 0, "User for basic authentication; empty: none."),
    TEXT("registry.password", registry.password, "", SETTING_SECRET,
         "Password for basic authentication; best written as ${NAME}."),
    TEXT("registry.ca", registry.ca, "", 0,
         "PEM file with the authorities that may sign the registry's certificate; empty: the "
         "system's."),
    BOOL("registry.auto_register", registry.auto_register, "true", 0,
         "Register the schemas of our outputs at start; false: they must be there already "
         "(freshet schemas register)."),

    TOPIC("clickstream", clickstream, "Input: what shoppers do, keyed by user."),
    TOPIC("orders", orders, "Input: orders and what became of them, keyed by user."),
    TOPIC("catalog", catalog, "Input, compacted: the items, keyed by item."),
    TOPIC("reviews", reviews, "Input: reviews, keyed by user."),
    TOPIC("users", users, "Input, compacted: people and their consents, keyed by user."),
    TOPIC("engagement", engagement,
          "Input: what the systems that send messages report, keyed by user."),
    TOPIC("recommendations", recommendations, "Output: lists of items, keyed by user."),
    TOPIC("content.push", content_push, "Output: push messages."),
    TOPIC("content.email", content_email, "Output: e-mails."),
    TOPIC("content.social", content_social, "Output: social posts and audiences."),
    TOPIC("content.seo", content_seo, "Output: texts of pages, keyed by item."),
    TOPIC("content.onsite", content_onsite, "Output: messages shown in the shop."),
    TOPIC("profiles", profiles, "Output, compacted: affinities, segments, propensities."),
    TOPIC("suppressed", suppressed, "Output: messages that were not sent, with the rule."),
    TOPIC("dead-letter", dead_letter, "Output: records refused, exactly as they came."),
    INT("topics.partitions", topics_partitions, "4", 1, 1024, "partitions", 0,
        "Partitions that `topics create` gives to every topic keyed by user: the most workers "
        "that can share the work."),
    INT("topics.replication", topics_replication, "0", 0, 32, "copies", 0,
        "Replication factor for `topics create`; 0: the broker's default."),
    DURATION("topics.retention", topics_retention_ms, "30d", HOUR_MS, 3650 * DAY_MS, 0,
             "Retention that `topics create` gives to inputs, journal, items and outputs: how "
             "far back a run can be verified and a list explained."),

    TEXT("state.dir", state.dir, "/var/lib/freshet", SETTING_NOT_EMPTY,
         "Folder of the state; one process, one folder."),
    SIZE("state.memory", state.memory_bytes, "2GiB", 64 * MIB, 16 * TIB, 0,
         "Memory budget of the process: prefetch queues, caches, memtables and models "
         "together."),
    INT("state.standby_replicas", state.standby_replicas, "0", 0, 0, "copies", 0,
        "Further processes that keep a warm copy of each task's state. This version has none: "
        "only 0."),
    DURATION("state.ttl", state.ttl_ms, "400d", DAY_MS, 3650 * DAY_MS, SETTING_RULE,
             "Users and items without an event for this long may leave the state; this version "
             "keeps them."),
    DURATION("state.flush_interval", state.flush_interval_ms, "5s", 10, 10 * MINUTE_MS, 0,
             "Time in which committed values reach the disk; a restart replays what did not."),
    DURATION("state.snapshot_interval", state.snapshot_interval_ms, "5m", 100, DAY_MS, 0,
             "Time between snapshots of the item model; a start reads the newest and what "
             "<app>-items holds beyond it. A clean stop writes one too."),
    DURATION("state.table_interval", state.table_interval_ms, "30s", 100, DAY_MS, 0,
             "Time between rounds in which the owner of task 0 writes the item rows touched "
             "since to <app>-items-table, from which a new machine starts."),
    SIZE("state.table_rate", state.table_rate_bytes, "2MiB", 64 * 1024, TIB, 0,
         "Bytes a second of such a round at most."),

    INT("commit.interval_ms", commit_interval_ms, "100", 1, 5000, "ms", 0,
        "Longest time a transaction stays open; an idle worker commits at once."),
    DURATION("late.max", late_max_ms, "7d", 0, 3650 * DAY_MS, SETTING_RULE,
             "An event this far behind the newest of its topic partition goes to dead-letter."),
    DURATION(
        "live.max_age", live_max_age_ms, "6h", 0, 3650 * DAY_MS, SETTING_RULE,
        "A message decided later than this after it was due is suppressed as expired; 0: no "
        "limit (replay, demo)."),
    DURATION("idle_after", idle_after_ms, "30s", 10, HOUR_MS, SETTING_RULE,
             "A task whose topics have been at their end this long moves its clock with the "
             "wall clock."),
    CHOICE("partitioner", partitioner, "murmur2", partitioners, 0,
           "How keys are placed, by us and by the shop's producers: murmur2 (Java clients), "
           "consistent (CRC32, librdkafka's default), fnv1a (Sarama)."),

    INT("recommend.k", recommend.k, "20", 1, 100, "items", SETTING_RULE,
        "Most items in a list."),
    INT("recommend.every", recommend.every, "1", 1, 1000000, "events", SETTING_RULE,
        "A list per this many qualifying events of a user."),
    CHOICES("recommend.on", recommend.on_mask, "VIEW,ADD_TO_CART", event_types, SETTING_RULE,
            "Event types that qualify for a list."),

    TEXT("http.listen", http.listen, "127.0.0.1:8080", SETTING_ADDRESS | SETTING_NOT_EMPTY,
         "Address and port of the HTTP server; port 0 picks a free one."),
    TEXT("http.token_file", http.token_file, "", 0,
         "File whose first line is the bearer token that requests must carry; empty: none "
         "asked. "
         "/healthz and /readyz are always open."),
    TEXT("http.tls_cert", http.tls_cert, "", 0,
         "PEM file with the certificate; empty: no TLS."),
    TEXT("http.tls_key", http.tls_key, "", 0, "PEM file with the key of http.tls_cert."),
    INT("ready.max_lag", ready_max_lag, "10000", 0, INT64_C(1) << 40, "records", 0,
        "/readyz says no while a partition is further behind than this."),

    TEXT("campaigns.dir", campaigns.dir, "deploy/campaigns", 0,
         "Folder of the campaign files."),
    TEXT("campaigns.templates", campaigns.templates, "deploy/templates", 0,
         "Folder of the templates."),
    TEXT("locale", locale, "en", SETTING_NOT_EMPTY | SETTING_RULE,
         "The shop's language, for people whose own is not known."),
    TEXT("time_zone", time_zone, "UTC", SETTING_NOT_EMPTY | SETTING_RULE,
         "The shop's time zone (Area/City), for people whose own is not known."),
};
const unsigned n_settings = sizeof(settings_table) / sizeof(settings_table[0]);

_Static_assert(sizeof(settings_table) / sizeof(settings_table[0]) <= SETTINGS_MAX,
               "raise SETTINGS_MAX");
