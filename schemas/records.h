/*
 * The records of the topics as C structs: what decoding gives and encoding takes.
 *
 * Field names are those of the .avsc files. Strings point into the decoded bytes or the
 * batch's arena. An optional field that is null: a str with ptr NULL, or has == false.
 * Times are milliseconds since 1970; money is a count of 1/10,000 of the currency's unit
 * (decimal(18,4)), name ending in _e4. An enum's C value is its symbol's place in our schema,
 * and 0 is always UNKNOWN.
 */
#ifndef FRESHET_SCHEMAS_RECORDS_H
#define FRESHET_SCHEMAS_RECORDS_H

#include "core/base/str.h"

enum { ID_MAX_BYTES = 256 }; /* ids are 1..256 bytes of UTF-8 (a longer one is bad_id) */

struct opt_i32 {
    bool has;
    int32_t value;
};

struct opt_i64 {
    bool has;
    int64_t value;
};

struct str_array {
    struct str *at;
    uint32_t n;
};

struct map_entry {
    struct str key, value;
};

struct str_map {
    struct map_entry *at; /* in the order of the wire; later keys win */
    uint32_t n;
};

/* ---- inputs ---- */

enum event_type {
    EVENT_UNKNOWN,
    EVENT_VIEW,
    EVENT_SEARCH,
    EVENT_ADD_TO_CART,
    EVENT_REMOVE_FROM_CART,
    EVENT_CHECKOUT_START,
    EVENT_WISHLIST,
    EVENT_IMPRESSION,
    EVENT_CLICK,
    EVENT_DISLIKE,
};

struct click_event { /* clickstream */
    struct str event_id, user_id, session_id;
    int32_t type; /* enum event_type */
    struct str item_id;
    int64_t event_time;
    struct str query;
    int32_t quantity;
    struct opt_i64 price_e4;
    struct str currency, request_id, message_id;
    struct opt_i32 position;
    struct str device, locale;
    struct str_map attributes;
};

enum order_status {
    ORDER_UNKNOWN,
    ORDER_PLACED,
    ORDER_PAID,
    ORDER_SHIPPED,
    ORDER_DELIVERED,
    ORDER_CANCELLED,
    ORDER_RETURNED,
};

struct order_line {
    struct str item_id;
    int32_t quantity;
    int64_t unit_price_e4;
};

struct order_line_array {
    struct order_line *at;
    uint32_t n;
};

struct order_event { /* orders */
    struct str event_id, order_id, user_id;
    int32_t status; /* enum order_status */
    int64_t event_time;
    struct str currency;
    struct order_line_array lines;
    struct str request_id, message_id;
};

struct catalog_item { /* catalog */
    struct str item_id, title, description, brand;
    struct str_array category; /* path, widest first */
    int64_t price_e4;
    struct str currency;
    struct opt_i64 stock;
    bool available;
    struct str_map attributes;
    struct str_array media;
    struct str url, locale;
    int64_t updated_time;
};

enum channel {
    CHANNEL_UNKNOWN,
    CHANNEL_PUSH,
    CHANNEL_EMAIL,
    CHANNEL_SOCIAL,
    CHANNEL_SEO,
    CHANNEL_ONSITE,
};

enum purpose {
    PURPOSE_UNKNOWN,
    PURPOSE_TRANSACTIONAL,
    PURPOSE_MARKETING,
    PURPOSE_PROFILING,
    PURPOSE_ADS,
};

struct consent {
    int32_t channel, purpose; /* enum channel, enum purpose */
    bool granted;
    int64_t time;
    struct str method, text_version;
};

struct consent_array {
    struct consent *at;
    uint32_t n;
};

struct user_record { /* users; user.avsc */
    struct str user_id, locale, time_zone;
    struct consent_array consents;
    struct str quiet_from, quiet_to; /* "21:00" */
    struct str_map attributes;
    int64_t updated_time;
};

enum engagement_type {
    ENGAGEMENT_UNKNOWN,
    ENGAGEMENT_DELIVERED,
    ENGAGEMENT_OPENED,
    ENGAGEMENT_CLICKED,
    ENGAGEMENT_BOUNCED,
    ENGAGEMENT_COMPLAINED,
    ENGAGEMENT_UNSUBSCRIBED,
    ENGAGEMENT_FAILED,
};

struct engagement_event { /* engagement */
    struct str event_id, user_id, message_id;
    int32_t channel, type;
    int64_t event_time;
};

struct review_event { /* reviews */
    struct str review_id, user_id, item_id;
    int32_t rating;
    struct str text, locale, order_id;
    int64_t event_time;
};

/* ---- outputs ---- */

enum reason {
    REASON_UNKNOWN,
    REASON_COVISITATION, /* seen or bought together with what the person looked at */
    REASON_FACTORS,      /* close to the person in the factor model */
    REASON_RECENT,       /* the person looked at it in this session */
    REASON_POPULAR,
};

struct recommended_item {
    struct str item_id;
    float score;
    int32_t reason;
    float propensity;
};

struct recommended_item_array {
    struct recommended_item *at;
    uint32_t n;
};

struct recommendation { /* recommendations */
    struct str request_id, user_id, trigger_event_id;
    int64_t event_time; /* of the trigger */
    struct str model;   /* its version */
    struct recommended_item_array items;
};

struct message_trigger {
    struct str type, instance;
    int64_t time;
};

struct message_item {
    struct str item_id;
    int32_t reason;
    int64_t price_e4;
    struct str currency;
    int64_t price_version; /* offset of the catalogue record the price is from */
};

struct message_item_array {
    struct message_item *at;
    uint32_t n;
};

struct message_fact { /* where the rendered text says something, and what field says so */
    struct str span, field, value;
    int64_t version; /* offset of the catalogue record */
};

struct message_fact_array {
    struct message_fact *at;
    uint32_t n;
};

struct message_generated {
    struct str tier, model, template_name, variant, content_id, approved_by;
};

struct message_choice {
    struct str layer, arm;
    float propensity;
    struct str model_version;
};

struct message_consent {
    int64_t revision; /* updated_time of the users record relied on */
    struct str basis; /* "opt_in" */
};

/* The part that all channels share; field names in the .avsc are the same, flat. */
struct message {
    struct str message_id, user_id, item_id;
    int32_t channel, purpose;
    struct str campaign;
    int32_t step;
    struct message_trigger trigger;
    int64_t event_time, not_before, expires_at;
    struct str locale;
    /* push */
    struct str title, body, deep_link;
    /* email */
    struct str subject, preheader, html, text;
    struct str_map headers;
    struct message_item_array items;
    struct message_fact_array facts;
    struct message_generated generated;
    struct message_choice choice;
    struct message_consent consent;
};

struct suppressed_message { /* suppressed */
    struct str message_id, user_id;
    int32_t channel, purpose;
    struct str campaign;
    int32_t step;
    struct str gate, reason, detail, rule_version;
    int64_t event_time;
};

#endif
