/*
 * What the benchmarks of the whole path share: a feed of clicks, a shop of its own on the given
 * broker and registry, the process under test and its figures. One shop per program.
 */
#ifndef FRESHET_TESTS_BENCH_SHOP_H
#define FRESHET_TESTS_BENCH_SHOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SHOP_SPREAD = 2000, SHOP_PARTITIONS = 4 };

extern char shop_app[32]; /* prefix of its topics */

/** Reads BOOTSTRAP_SERVERS and REGISTRY_URL; makes folder, settings, topics and schemas.
 *  sessions: TSV of SessionId, ItemId, Time; NULL: made ones, Zipf over 3,000 items. */
bool shop_open(const char *freshet, const char *sessions, long every,
               const char *more_settings);
void shop_close(void);

const char *shop_bootstrap(void);
const char *shop_registry(void);

/**
 * Event k of the feed: SHOP_SPREAD copies of the sessions side by side with fresh users, so
 * that a person's next click lies thousands of events later and nothing that caches looks
 * better than it is. user: 40 bytes. Returns the size of the framed record.
 */
size_t shop_event(long k, uint8_t *out, size_t capacity, char *user);

/** Produces events [0, n) as fast as it goes. */
void shop_fill(long n);

/** Starts `freshet run` and waits until it says its port; 0: it did not start. */
pid_t shop_start(int *out_port);

double shop_cpu_seconds(pid_t pid);
long shop_rss_mib(pid_t pid);

/** Sum over the samples of a metric whose line begins with prefix; -1: not answered. */
double shop_metric(int port, const char *prefix);

#endif
