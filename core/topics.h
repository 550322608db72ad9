/*
 * The topics: which there are, which schema their values have, how they must be set up, and
 * what of that is so on the broker.
 *
 * One list serves `topics create|check`, `schemas register|check` and the check at the start of
 * `run`. Facts are fetched apart from being judged, so the judging is plain and tested.
 */
#ifndef FRESHET_CORE_TOPICS_H
#define FRESHET_CORE_TOPICS_H

#include "core/base/settings.h"

#include <stddef.h>

enum {
    TOPICS_MAX = 32,
    TOPIC_NAME_MAX = 250,         /* Kafka's limit is 249 */
    TOPIC_EXTRA_BYTES = 64 << 10, /* dead letters and outputs may be this much larger */
};

enum topic_flags {
    TOPIC_INPUT = 1,
    TOPIC_OUTPUT = 2,
    TOPIC_INTERNAL = 4,
    TOPIC_TASK = 8,       /* partition p belongs to task p: all such topics count alike */
    TOPIC_COMPACTED = 16, /* newest value per key; others keep by time */
    TOPIC_SINGLE = 32,    /* exactly one partition */
};

struct topic {
    char name[TOPIC_NAME_MAX];
    const char *setting; /* "topics.orders"; NULL: made from app */
    const char *avsc;    /* name of the value's schema (schemas/avsc.h); NULL: none of ours */
    unsigned flags;
    int partitions_max; /* what the program can follow */
};

/** All topics of these settings; returns how many. */
uint32_t topics_list(const struct settings *settings, struct topic topics[TOPICS_MAX]);

struct topic_facts { /* what the broker says */
    bool exists;
    int partitions, replicas;
    bool compacts, deletes;  /* cleanup.policy may name both */
    int64_t retention_ms;    /* -1: for ever */
    int64_t retention_bytes; /* -1: no limit */
    int64_t delete_retention_ms, compaction_lag_ms, max_message_bytes;
};

enum topic_severity {
    TOPIC_NOTE,    /* costs something, and may be meant */
    TOPIC_DIFFERS, /* not as it should be; the program runs */
    TOPIC_WRONG,   /* results or state would be wrong: run refuses */
};

/** Called once per difference, with a sentence that names the topic and the remedy. */
typedef void topic_report(void *context, enum topic_severity severity, const char *sentence);

/** Judges facts (in the order of topics). Returns the worst severity met, -1 for none. */
int topics_compare(const struct settings *settings, const struct topic *topics,
                   const struct topic_facts *facts, uint32_t n, topic_report *report,
                   void *context);

/** Asks the broker. ERR_IO: not reachable or not allowed; the sentence says which. */
enum status topics_fetch(const struct settings *settings, const struct topic *topics,
                         uint32_t n, struct topic_facts *facts, struct error *err);

/** topics_list, topics_fetch, topics_compare: what `run` does at its start. */
enum status topics_check(const struct settings *settings, topic_report *report, void *context,
                         int *out_worst, struct error *err);

enum {
    KEY_PARTITIONERS = 3
}; /* murmur2, consistent, fnv1a: those of the setting partitioner */

struct key_sample {                         /* of one topic */
    uint32_t n;                             /* keys looked at */
    uint32_t n_misplaced[KEY_PARTITIONERS]; /* that this partitioner would put elsewhere */
    int32_t example[KEY_PARTITIONERS];      /* a partition with such a key */
};

/** Counts one key found in a partition. */
void key_sample_add(struct key_sample *sample, const void *key, size_t n, int32_t partition,
                    int32_t n_partitions);

/** Says what the samples (in the order of topics) mean; the worst severity, -1 for none. */
int topics_compare_keys(const struct settings *settings, const struct topic *topics,
                        const struct key_sample *samples, uint32_t n, topic_report *report,
                        void *context);

/**
 * Do the newest keys of the inputs keyed by user lie where the setting partitioner puts them?
 * Reads up to KEYS_PER_PARTITION records of each partition, at most KEYS_TIMEOUT_MS.
 */
enum { KEYS_PER_PARTITION = 200, KEYS_TIMEOUT_MS = 10000 };
enum status topics_check_keys(const struct settings *settings, topic_report *report,
                              void *context, int *out_worst, struct error *err);

/** What became of one topic: NULL error means made now; "exists" is no error. */
typedef void topic_made(void *context, const struct topic *topic, int partitions, bool existed,
                        const char *error);

/**
 * Makes the topics that are missing. A missing task topic gets as many partitions as those
 * there are, so that `create` never makes a set that `check` refuses. ERR_IO: the broker
 * cannot be reached; ERR_INVALID: at least one topic could not be made (made() has said which).
 */
enum status topics_create(const struct settings *settings, topic_made *made, void *context,
                          struct error *err);

#endif
