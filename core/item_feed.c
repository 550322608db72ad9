#include "core/item_feed.h"

enum { ARENA_LIMIT_BYTES = 64 << 20 };

enum status item_feed_open(struct item_fold *fold, struct registry *registry,
                           struct item_feed *out)
{
    *out = (struct item_feed){.fold = fold};
    arena_init(&out->arena, ARENA_LIMIT_BYTES);
    return decoder_open(registry, &out->decoder);
}

void item_feed_close(struct item_feed *feed)
{
    decoder_close(feed->decoder);
    arena_deinit(&feed->arena);
}

enum status item_feed_items(struct item_feed *feed, const rd_kafka_message_t *message)
{
    return item_fold_apply(feed->fold, (struct str){message->key, (uint32_t)message->key_len},
                           (struct str){message->payload, (uint32_t)message->len},
                           message->offset + 1);
}

bool item_feed_decode(struct item_feed *feed, const rd_kafka_message_t *message,
                      bool schema_was_unknown, struct refusal *out, const void **out_item)
{
    struct decoded decoded;
    struct frame frame = {
        .topic = INPUT_CATALOG,
        .key = {message->key, (uint32_t)message->key_len},
        .value = {message->payload, (uint32_t)message->len},
        .kafka_ms = rd_kafka_message_timestamp(message, NULL),
        .schema_was_unknown = schema_was_unknown,
    };

    arena_reset(&feed->arena);
    if (!decoder_decode(feed->decoder, &frame, &feed->arena, &decoded))
        return false;
    *out_item = decoded.record;
    *out = (struct refusal){
        .fate = (uint8_t)decoded.fate,
        .partition = message->partition,
        .offset = message->offset,
        .kafka_ms = frame.kafka_ms,
        .key = frame.key,
        .value = frame.value,
    };
    memcpy(out->detail, decoded.detail, sizeof(out->detail));
    if (decoded.fate != EVENT_LIVE && rd_kafka_message_headers(message, &out->headers))
        out->headers = NULL; /* it has none */
    return true;
}

enum status item_feed_catalog(struct item_feed *feed, const rd_kafka_message_t *message,
                              bool schema_was_unknown, struct refusal *out)
{
    const void *item;

    if (!item_feed_decode(feed, message, schema_was_unknown, out, &item))
        return ERR_TIMEOUT;
    if (out->fate == EVENT_LIVE)
        return item_fold_catalog(feed->fold, out->key, item, message->partition,
                                 message->offset + 1);
    item_fold_advance_catalog(feed->fold, message->partition, message->offset + 1);
    return OK;
}
