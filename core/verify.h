/*
 * Computes outputs again from inputs, journal and items, and compares bytes (DESIGN 3
 * "Replayable"): the same merge, pipeline and transaction code as in production, driven by the
 * journal instead of by polls and the wall clock. Kafka is only read.
 */
#ifndef FRESHET_CORE_VERIFY_H
#define FRESHET_CORE_VERIFY_H

#include "core/base/settings.h"
#include "core/base/status.h"

struct verify_options {
    const struct settings *settings;
    const char *backup; /* made by `freshet state backup`; NULL: from the first transaction */
    int64_t from, to;   /* of each task: the transactions whose outputs are compared */
    const char
        *scratch; /* folder in which the computed state is kept, and removed at the end */
};

/* A record as compared. Bytes are malloc'ed; NULL with a length of 0: absent. */
struct verify_record {
    char *key, *value, *headers; /* headers: name=value lines */
    uint32_t key_len, value_len, headers_len;
    int64_t timestamp_ms; /* -1: not compared */
    char *text;           /* the value as JSON, terminated; NULL: it cannot be decoded */
};

struct verify_difference {
    enum { VERIFY_SAME, VERIFY_DIFFERS, VERIFY_MISSING, VERIFY_EXTRA } kind;
    char topic[260];
    int32_t partition; /* of the record in Kafka; -1: there is none */
    int64_t offset;
    char cause[300]; /* freshet.source, or what a dead letter says of its record */
    int32_t task;    /* whose transaction computed it; -1: none did */
    uint64_t number;
    struct verify_record in_kafka, computed;
};

struct verify_result {
    uint64_t journal_records; /* computed again */
    uint64_t equal, missing, extra, differing;
    struct verify_difference first;
};

/**
 * OK: everything was compared; the result says with what outcome. Otherwise the sentence says
 * why the comparison could not be made (other rules, records deleted, no broker); the result
 * then tells how far it came.
 */
enum status verify_run(const struct verify_options *options, struct verify_result *result,
                       struct error *err);

/** Frees what the first difference holds. */
void verify_result_deinit(struct verify_result *result);

#endif
