/*
 * The settings: one table says name, type, default, range, unit, sentence and target of each.
 * The parser, its error messages with line numbers, `freshet config print` and
 * deploy/CONFIGURATION.md come from it.
 *
 * A struct settings is the caller's storage (about 150 KiB: static or allocated, not on a small
 * stack), filled once before the threads start and only read from then on.
 */
#ifndef FRESHET_CORE_BASE_SETTINGS_H
#define FRESHET_CORE_BASE_SETTINGS_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SETTING_TEXT_MAX = 512,
    KAFKA_PROPERTIES_MAX = 64,
    SETTINGS_MAX = 64, /* rows of the table, see settings_table.c */
};

enum setting_from { FROM_DEFAULT, FROM_FILE, FROM_SET };

struct setting_origin {
    enum setting_from from;
    int line; /* of the file; 0 otherwise */
};

struct kafka_property {
    char name[96], value[SETTING_TEXT_MAX];
    struct setting_origin origin;
};

struct kafka_properties {
    uint32_t n;
    struct kafka_property at[KAFKA_PROPERTIES_MAX];
};

struct settings {
    char app[128];
    struct kafka_properties kafka, kafka_consumer, kafka_producer;
    struct {
        char url[SETTING_TEXT_MAX], user[SETTING_TEXT_MAX], password[SETTING_TEXT_MAX],
            ca[SETTING_TEXT_MAX];
        bool auto_register;
    } registry;
    struct { /* names of the topics; defaults are their own names */
        char clickstream[250], orders[250], catalog[250], reviews[250], users[250],
            engagement[250], recommendations[250], content_push[250], content_email[250],
            content_social[250], content_seo[250], content_onsite[250], profiles[250],
            suppressed[250], dead_letter[250];
    } topics;
    int64_t topics_partitions, topics_replication, topics_retention_ms; /* for topics create */
    char instance[128];
    struct {
        char dir[SETTING_TEXT_MAX];
        int64_t memory_bytes, standby_replicas, ttl_ms, flush_interval_ms;
        int64_t snapshot_interval_ms, table_interval_ms, table_rate_bytes;
    } state;
    int64_t workers;
    int64_t commit_interval_ms;
    int64_t late_max_ms;
    int64_t live_max_age_ms;
    int64_t
        idle_after_ms; /* a task is idle when all its topics are at their end this long: 30 s */
    char partitioner[32];
    struct {
        int64_t k, every;
        uint32_t on_mask; /* bit per enum event_type */
    } recommend;
    struct {
        char listen[128], token_file[SETTING_TEXT_MAX], tls_cert[SETTING_TEXT_MAX],
            tls_key[SETTING_TEXT_MAX];
    } http;
    struct {
        char dir[SETTING_TEXT_MAX], templates[SETTING_TEXT_MAX];
    } campaigns;
    char locale[64], time_zone[64]; /* the shop's, where a person's is unknown */
    int64_t ready_max_lag;

    char file[SETTING_TEXT_MAX];                /* what was read; empty: nothing */
    struct setting_origin origin[SETTINGS_MAX]; /* by row of the table */
};

/** Defaults only. */
void settings_init(struct settings *settings);

/**
 * Reads a YAML file over the defaults, replaces ${NAME} by the environment, then applies the
 * overrides "a.b=c" in order, then checks ranges. file NULL: defaults and overrides only.
 * ERR_INVALID: the sentence names file, line, key and, for an unknown key, the nearest one.
 */
enum status settings_load(struct settings *settings, const char *file, int n_overrides,
                          const char *const *overrides, struct error *err);

/** Every setting: value, where it came from (default, file:line, --set), unit, sentence.
 * Passwords are masked. */
void settings_print(const struct settings *settings, FILE *out, bool json);

/** deploy/CONFIGURATION.md. */
void settings_write_markdown(FILE *out);

/**
 * The settings that decide what is computed (and not where it runs or how fast), one
 * "key=value" a line in table order: the settings' part of a journal's rules text.
 */
void settings_write_rules(const struct settings *settings, FILE *out);

/** Where a setting came from, as printed: "default", "shop.yaml:12", "--set". */
void settings_origin_text(const struct settings *settings, const struct setting_origin *origin,
                          char *out, size_t capacity);

/** The value of a librdkafka property; NULL where it is not given. */
const char *kafka_property_find(const struct kafka_properties *properties, const char *name);

/** True for properties whose value must not be printed or logged (passwords, secrets, keys). */
bool kafka_property_is_secret(const char *name);

#endif
