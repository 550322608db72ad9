/*
 * Client of a Confluent-compatible schema registry.
 *
 * Look-ups never block: an unknown id is asked for by the client's own thread while the caller
 * goes on with other partitions. Answers are kept in memory for good and in a folder, so that
 * a restart during an outage finds what was known; failures are remembered for a while.
 *
 * The strings of the options are copied. Any thread may use one registry; close() comes last.
 */
#ifndef FRESHET_CONSUMERS_REGISTRY_H
#define FRESHET_CONSUMERS_REGISTRY_H

#include "core/base/status.h"

#include <stdint.h>

struct registry;

struct registry_options {
    const char *url;                  /* may have a path: http://host:port/apis/ccompat/v7 */
    const char *user, *password, *ca; /* empty: none */
    const char *cache_dir;            /* made if missing; NULL: memory only */
    int64_t unknown_ms;               /* how long a 404 is remembered; 0: 60 s */
    int64_t timeout_ms;               /* of one request; 0: 5 s */
};

enum status registry_open(const struct registry_options *options, struct registry **out,
                          struct error *err);
void registry_close(struct registry *registry);

enum registry_answer {
    REGISTRY_KNOWN,
    REGISTRY_UNKNOWN, /* the registry answered 404: remembered 60 s, then asked again */
    REGISTRY_PENDING, /* asked, or cannot be reached or answers 5xx: wait and ask again */
};

/**
 * The schema of an id. Never blocks. Any thread. *out_json lives as long as the registry; it is
 * what the registry holds under that id and need not be Avro. Cost: a lock and a hash look-up.
 */
enum registry_answer registry_schema(struct registry *registry, int32_t id,
                                     const char **out_json);

/** True while the last contact failed (for /readyz); text: the last error, caller's buffer. */
int registry_is_down(struct registry *registry, char *text, uint32_t capacity);

/** Blocking, for the start and for tools. Registers (idempotent) and gives the id.
 *  ERR_INVALID: incompatible or no Avro (sentence from the registry); ERR_IO: unreachable. */
enum status registry_register(struct registry *registry, const char *subject, const char *json,
                              int32_t *out_id, struct error *err);

/** Blocking: id of exactly this schema under the subject; ERR_NOT_FOUND without registering. */
enum status registry_lookup(struct registry *registry, const char *subject, const char *json,
                            int32_t *out_id, struct error *err);

/** Blocking: OK compatible (or no such subject yet), ERR_INVALID not, ERR_IO unreachable. */
enum status registry_compatible(struct registry *registry, const char *subject,
                                const char *json, struct error *err);

#endif
