/*
 * How each record of the schemas lies in its struct of records.h: field name -> offset, kind.
 * The fields may stand in any order; the schema's order is the wire's. slot_holds() checks
 * every table against its schema file when the type is first used.
 */
#include "schemas/avro_private.h"
#include "schemas/records.h"

#include <stddef.h>

#define N(table) (sizeof(table) / sizeof(*(table)))
#define AS(type, field, member, slot)                                                          \
    {                                                                                          \
        field, offsetof(struct type, member), slot                                             \
    }
#define FIELD(type, name, slot) AS(type, #name, name, slot)
#define RECORD(type, table)                                                                    \
    {                                                                                          \
        .kind = SLOT_RECORD, .size = sizeof(struct type), .fields = table, .n = N(table)       \
    }
#define ARRAY_OF(of, item_type)                                                                \
    {                                                                                          \
        .kind = SLOT_ARRAY, .size = sizeof(struct sequence), .stride = sizeof(item_type),      \
        .item = of                                                                             \
    }

static const struct slot boolean = {.kind = SLOT_BOOL, .size = sizeof(bool)};
static const struct slot i32 = {.kind = SLOT_I32, .size = sizeof(int32_t)};
static const struct slot i64 = {.kind = SLOT_I64, .size = sizeof(int64_t)};
static const struct slot f32 = {.kind = SLOT_F32, .size = sizeof(float)};
static const struct slot text = {.kind = SLOT_STR, .size = sizeof(struct str)};
static const struct slot symbol = {.kind = SLOT_ENUM, .size = sizeof(int32_t)};
static const struct slot money = {.kind = SLOT_DECIMAL, .size = sizeof(int64_t)};
static const struct slot opt_text = {.kind = SLOT_OPTIONAL_STR, .size = sizeof(struct str)};
static const struct slot opt_i32 = {.kind = SLOT_OPTIONAL,
                                    .size = sizeof(struct opt_i32),
                                    .value_offset = offsetof(struct opt_i32, value),
                                    .item = &i32};
static const struct slot opt_i64 = {.kind = SLOT_OPTIONAL,
                                    .size = sizeof(struct opt_i64),
                                    .value_offset = offsetof(struct opt_i64, value),
                                    .item = &i64};
static const struct slot opt_money = {.kind = SLOT_OPTIONAL,
                                      .size = sizeof(struct opt_i64),
                                      .value_offset = offsetof(struct opt_i64, value),
                                      .item = &money};
static const struct slot texts = ARRAY_OF(&text, struct str);
static const struct slot text_map = {.kind = SLOT_MAP,
                                     .size = sizeof(struct str_map),
                                     .stride = sizeof(struct map_entry),
                                     .value_offset = offsetof(struct map_entry, value),
                                     .item = &text};

/* The arrays of records.h are struct sequence under another name. */
#define SAME_AS_SEQUENCE(type)                                                                 \
    _Static_assert(sizeof(struct type) == sizeof(struct sequence) &&                           \
                       offsetof(struct type, at) == offsetof(struct sequence, at) &&           \
                       offsetof(struct type, n) == offsetof(struct sequence, n),               \
                   "an array of records.h is laid out differently")
SAME_AS_SEQUENCE(str_array);
SAME_AS_SEQUENCE(str_map);
SAME_AS_SEQUENCE(order_line_array);
SAME_AS_SEQUENCE(consent_array);
SAME_AS_SEQUENCE(recommended_item_array);
SAME_AS_SEQUENCE(message_item_array);
SAME_AS_SEQUENCE(message_fact_array);
_Static_assert(offsetof(struct map_entry, key) == 0, "a key is read at the entry's begin");

#define RECORD_TYPE(type_name, file, slot_name)                                                \
    static struct record_codec *_Atomic type_name##_codec;                                     \
    const struct record_type type_name = {file, &slot_name, &type_name##_codec}

/* ---- inputs ---- */

static const struct slot_field click_fields[] = {
    FIELD(click_event, event_id, &text),
    FIELD(click_event, user_id, &text),
    FIELD(click_event, session_id, &opt_text),
    FIELD(click_event, type, &symbol),
    FIELD(click_event, item_id, &opt_text),
    FIELD(click_event, event_time, &i64),
    FIELD(click_event, query, &opt_text),
    FIELD(click_event, quantity, &i32),
    AS(click_event, "price", price_e4, &opt_money),
    FIELD(click_event, currency, &opt_text),
    FIELD(click_event, request_id, &opt_text),
    FIELD(click_event, message_id, &opt_text),
    FIELD(click_event, position, &opt_i32),
    FIELD(click_event, device, &opt_text),
    FIELD(click_event, locale, &opt_text),
    FIELD(click_event, attributes, &text_map),
};
static const struct slot click_slot = RECORD(click_event, click_fields);
RECORD_TYPE(click_event_type, "click_event", click_slot);

static const struct slot_field order_line_fields[] = {
    FIELD(order_line, item_id, &text),
    FIELD(order_line, quantity, &i32),
    AS(order_line, "unit_price", unit_price_e4, &money),
};
static const struct slot order_line_slot = RECORD(order_line, order_line_fields);
static const struct slot order_lines = ARRAY_OF(&order_line_slot, struct order_line);
static const struct slot_field order_fields[] = {
    FIELD(order_event, event_id, &text),       FIELD(order_event, order_id, &text),
    FIELD(order_event, user_id, &text),        FIELD(order_event, status, &symbol),
    FIELD(order_event, event_time, &i64),      FIELD(order_event, currency, &text),
    FIELD(order_event, lines, &order_lines),   FIELD(order_event, request_id, &opt_text),
    FIELD(order_event, message_id, &opt_text),
};
static const struct slot order_slot = RECORD(order_event, order_fields);
RECORD_TYPE(order_event_type, "order_event", order_slot);

static const struct slot_field catalog_fields[] = {
    FIELD(catalog_item, item_id, &text),         FIELD(catalog_item, title, &text),
    FIELD(catalog_item, description, &opt_text), FIELD(catalog_item, brand, &opt_text),
    FIELD(catalog_item, category, &texts),       AS(catalog_item, "price", price_e4, &money),
    FIELD(catalog_item, currency, &text),        FIELD(catalog_item, stock, &opt_i64),
    FIELD(catalog_item, available, &boolean),    FIELD(catalog_item, attributes, &text_map),
    FIELD(catalog_item, media, &texts),          FIELD(catalog_item, url, &opt_text),
    FIELD(catalog_item, locale, &text),          FIELD(catalog_item, updated_time, &i64),
};
static const struct slot catalog_slot = RECORD(catalog_item, catalog_fields);
RECORD_TYPE(catalog_item_type, "catalog_item", catalog_slot);

static const struct slot_field consent_fields[] = {
    FIELD(consent, channel, &symbol),  FIELD(consent, purpose, &symbol),
    FIELD(consent, granted, &boolean), FIELD(consent, time, &i64),
    FIELD(consent, method, &opt_text), FIELD(consent, text_version, &opt_text),
};
static const struct slot consent_slot = RECORD(consent, consent_fields);
static const struct slot consents = ARRAY_OF(&consent_slot, struct consent);
static const struct slot_field user_fields[] = {
    FIELD(user_record, user_id, &text),        FIELD(user_record, locale, &opt_text),
    FIELD(user_record, time_zone, &opt_text),  FIELD(user_record, consents, &consents),
    FIELD(user_record, quiet_from, &opt_text), FIELD(user_record, quiet_to, &opt_text),
    FIELD(user_record, attributes, &text_map), FIELD(user_record, updated_time, &i64),
};
static const struct slot user_slot = RECORD(user_record, user_fields);
RECORD_TYPE(user_record_type, "user", user_slot);

static const struct slot_field engagement_fields[] = {
    FIELD(engagement_event, event_id, &text),   FIELD(engagement_event, user_id, &text),
    FIELD(engagement_event, message_id, &text), FIELD(engagement_event, channel, &symbol),
    FIELD(engagement_event, type, &symbol),     FIELD(engagement_event, event_time, &i64),
};
static const struct slot engagement_slot = RECORD(engagement_event, engagement_fields);
RECORD_TYPE(engagement_event_type, "engagement_event", engagement_slot);

static const struct slot_field review_fields[] = {
    FIELD(review_event, review_id, &text),    FIELD(review_event, user_id, &text),
    FIELD(review_event, item_id, &text),      FIELD(review_event, rating, &i32),
    FIELD(review_event, text, &text),         FIELD(review_event, locale, &opt_text),
    FIELD(review_event, order_id, &opt_text), FIELD(review_event, event_time, &i64),
};
static const struct slot review_slot = RECORD(review_event, review_fields);
RECORD_TYPE(review_event_type, "review_event", review_slot);

/* ---- outputs ---- */

static const struct slot_field recommended_fields[] = {
    FIELD(recommended_item, item_id, &text),
    FIELD(recommended_item, score, &f32),
    FIELD(recommended_item, reason, &symbol),
    FIELD(recommended_item, propensity, &f32),
};
static const struct slot recommended_slot = RECORD(recommended_item, recommended_fields);
static const struct slot recommended = ARRAY_OF(&recommended_slot, struct recommended_item);
static const struct slot_field recommendation_fields[] = {
    FIELD(recommendation, request_id, &text),
    FIELD(recommendation, user_id, &text),
    FIELD(recommendation, trigger_event_id, &text),
    FIELD(recommendation, event_time, &i64),
    FIELD(recommendation, model, &text),
    FIELD(recommendation, items, &recommended),
};
static const struct slot recommendation_slot = RECORD(recommendation, recommendation_fields);
RECORD_TYPE(recommendation_type, "recommendation", recommendation_slot);

static const struct slot_field trigger_fields[] = {
    FIELD(message_trigger, type, &text),
    FIELD(message_trigger, instance, &text),
    FIELD(message_trigger, time, &i64),
};
static const struct slot trigger_slot = RECORD(message_trigger, trigger_fields);
static const struct slot_field item_fields[] = {
    FIELD(message_item, item_id, &text),         FIELD(message_item, reason, &symbol),
    AS(message_item, "price", price_e4, &money), FIELD(message_item, currency, &text),
    FIELD(message_item, price_version, &i64),
};
static const struct slot item_slot = RECORD(message_item, item_fields);
static const struct slot items = ARRAY_OF(&item_slot, struct message_item);
static const struct slot_field fact_fields[] = {
    FIELD(message_fact, span, &text),
    FIELD(message_fact, field, &text),
    FIELD(message_fact, value, &text),
    FIELD(message_fact, version, &i64),
};
static const struct slot fact_slot = RECORD(message_fact, fact_fields);
static const struct slot facts = ARRAY_OF(&fact_slot, struct message_fact);
static const struct slot_field generated_fields[] = {
    FIELD(message_generated, tier, &text),
    FIELD(message_generated, model, &text),
    AS(message_generated, "template", template_name, &text),
    FIELD(message_generated, variant, &text),
    FIELD(message_generated, content_id, &text),
    FIELD(message_generated, approved_by, &text),
};
static const struct slot generated_slot = RECORD(message_generated, generated_fields);
static const struct slot_field choice_fields[] = {
    FIELD(message_choice, layer, &text),
    FIELD(message_choice, arm, &text),
    FIELD(message_choice, propensity, &f32),
    FIELD(message_choice, model_version, &text),
};
static const struct slot choice_slot = RECORD(message_choice, choice_fields);
static const struct slot_field basis_fields[] = {
    FIELD(message_consent, revision, &i64),
    FIELD(message_consent, basis, &text),
};
static const struct slot basis_slot = RECORD(message_consent, basis_fields);

/* All channels share the struct; each channel's schema takes its part of it. */
#define MESSAGE_FIELDS(item_id_slot)                                                           \
    FIELD(message, message_id, &text), FIELD(message, user_id, &text),                         \
        FIELD(message, item_id, item_id_slot), FIELD(message, channel, &symbol),               \
        FIELD(message, purpose, &symbol), FIELD(message, campaign, &text),                     \
        FIELD(message, step, &i32), FIELD(message, trigger, &trigger_slot),                    \
        FIELD(message, event_time, &i64), FIELD(message, not_before, &i64),                    \
        FIELD(message, expires_at, &i64), FIELD(message, locale, &text),                       \
        FIELD(message, items, &items), FIELD(message, facts, &facts),                          \
        FIELD(message, generated, &generated_slot), FIELD(message, choice, &choice_slot),      \
        FIELD(message, consent, &basis_slot)

static const struct slot_field push_fields[] = {
    MESSAGE_FIELDS(&opt_text),
    FIELD(message, title, &text),
    FIELD(message, body, &text),
    FIELD(message, deep_link, &text),
};
static const struct slot push_slot = RECORD(message, push_fields);
RECORD_TYPE(push_message_type, "push_message", push_slot);

static const struct slot_field email_fields[] = {
    MESSAGE_FIELDS(&opt_text),        FIELD(message, subject, &text),
    FIELD(message, preheader, &text), FIELD(message, html, &text),
    FIELD(message, text, &text),      FIELD(message, headers, &text_map),
};
static const struct slot email_slot = RECORD(message, email_fields);
RECORD_TYPE(email_message_type, "email_message", email_slot);

const struct record_type *message_record_type(int32_t channel)
{
    switch (channel) {
    case CHANNEL_PUSH:
        return &push_message_type;
    case CHANNEL_EMAIL:
        return &email_message_type;
    default:
        return NULL;
    }
}

static const struct slot_field suppressed_fields[] = {
    FIELD(suppressed_message, message_id, &text),
    FIELD(suppressed_message, user_id, &text),
    FIELD(suppressed_message, channel, &symbol),
    FIELD(suppressed_message, purpose, &symbol),
    FIELD(suppressed_message, campaign, &text),
    FIELD(suppressed_message, step, &i32),
    FIELD(suppressed_message, gate, &text),
    FIELD(suppressed_message, reason, &text),
    FIELD(suppressed_message, detail, &text),
    FIELD(suppressed_message, rule_version, &text),
    FIELD(suppressed_message, event_time, &i64),
};
static const struct slot suppressed_slot = RECORD(suppressed_message, suppressed_fields);
RECORD_TYPE(suppressed_message_type, "suppressed_message", suppressed_slot);
