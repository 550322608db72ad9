#include "consumers/decoder.h"

#include "core/base/hash.h"
#include "core/base/metrics.h"
#include "schemas/avro_codec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FRAME_BYTES = 5,               /* magic 0, schema id big-endian */
    VALUE_MAX_BYTES = 1024 * 1024, /* a record can be no larger by Kafka's default */
    ORDER_LINES_MAX = 1000,        /* one order touches at most so many items */
    PLANS_MAX = 1024,              /* schema versions in use, all topics */
    DAY_MS = 24 * 3600 * 1000,
};
static const int64_t YEAR_2000_MS = 946684800000;

struct plan {
    int32_t schema_id;
    enum input_topic topic;
    struct avro_plan *plan; /* NULL: cannot be resolved to ours */
    char why[120];
};

struct decoder {
    struct registry *registry;
    uint32_t n_plans;
    struct plan plans[PLANS_MAX];
    struct plan *last[N_INPUT_TOPICS]; /* nearly always the one needed */
};

static const struct record_type *const record_types[N_INPUT_TOPICS] = {
    [INPUT_USERS] = &user_record_type,           [INPUT_CLICKSTREAM] = &click_event_type,
    [INPUT_ENGAGEMENT] = &engagement_event_type, [INPUT_ORDERS] = &order_event_type,
    [INPUT_REVIEWS] = &review_event_type,        [INPUT_CATALOG] = &catalog_item_type,
};

enum status decoder_open(struct registry *registry, struct decoder **out)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return ERR_NOMEM;
    (*out)->registry = registry;
    return OK;
}

void decoder_close(struct decoder *decoder)
{
    if (!decoder)
        return;
    for (uint32_t i = 0; i < decoder->n_plans; i++)
        avro_plan_close(decoder->plans[i].plan);
    free(decoder);
}

static bool refuse(struct decoded *out, enum event_fate fate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool refuse(struct decoded *out, enum event_fate fate, const char *format, ...)
{
    va_list args;

    out->fate = fate;
    va_start(args, format);
    vsnprintf(out->detail, sizeof(out->detail), format, args);
    va_end(args);
    return true;
}

static struct plan *compile_plan(struct decoder *decoder, enum input_topic topic, int32_t id,
                                 const char *json)
{
    struct plan *plan = &decoder->plans[decoder->n_plans];
    struct error err = {0};

    if (decoder->n_plans == PLANS_MAX) { /* forget them all; they are compiled again */
        for (uint32_t i = 0; i < PLANS_MAX; i++)
            avro_plan_close(decoder->plans[i].plan);
        decoder->n_plans = 0;
        memset(decoder->last, 0, sizeof(decoder->last));
        plan = decoder->plans;
    }
    *plan = (struct plan){.schema_id = id, .topic = topic};
    if (avro_plan_open(json, strlen(json), record_types[topic], &plan->plan, &err) != OK)
        snprintf(plan->why, sizeof(plan->why), "%.*s", (int)sizeof(plan->why) - 1, err.text);
    decoder->n_plans++;
    return plan;
}

/* The plan for a schema id; NULL: not known (yet): *answer says which. */
static struct plan *find_plan(struct decoder *decoder, enum input_topic topic, int32_t id,
                              enum registry_answer *answer)
{
    const char *json;

    if (decoder->last[topic] && decoder->last[topic]->schema_id == id)
        return decoder->last[topic];
    for (uint32_t i = 0; i < decoder->n_plans; i++) {
        if (decoder->plans[i].schema_id == id && decoder->plans[i].topic == topic)
            return decoder->last[topic] = &decoder->plans[i];
    }
    *answer = registry_schema(decoder->registry, id, &json);
    if (*answer != REGISTRY_KNOWN)
        return NULL;
    return decoder->last[topic] = compile_plan(decoder, topic, id, json);
}

static bool id_ok(struct str id)
{
    return id.len >= 1 && id.len <= ID_MAX_BYTES;
}

/* ---- what each topic's record means ---- */

static bool one_line(struct arena *arena, struct decoded *out, struct str item_id,
                     int32_t quantity, int64_t price_e4)
{
    struct event_line *line = arena_alloc(arena, sizeof(*line));

    if (!line)
        return refuse(out, EVENT_TOO_LARGE, "no memory for the record");
    *line = (struct event_line){item_id, hash64(item_id), quantity, price_e4};
    out->lines = line;
    out->n_lines = 1;
    return true;
}

static enum action click_action(int32_t type)
{
    static const uint8_t actions[] = {
        [EVENT_UNKNOWN] = ACTION_NONE,
        [EVENT_VIEW] = ACTION_VIEW,
        [EVENT_SEARCH] = ACTION_SEARCH,
        [EVENT_ADD_TO_CART] = ACTION_ADD_TO_CART,
        [EVENT_REMOVE_FROM_CART] = ACTION_REMOVE_FROM_CART,
        [EVENT_CHECKOUT_START] = ACTION_CHECKOUT_START,
        [EVENT_WISHLIST] = ACTION_WISHLIST,
        [EVENT_IMPRESSION] = ACTION_IMPRESSION,
        [EVENT_CLICK] = ACTION_CLICK,
        [EVENT_DISLIKE] = ACTION_DISLIKE,
    };

    return (enum action)actions[type];
}

static bool read_click(const struct click_event *click, struct arena *arena,
                       struct decoded *out)
{
    out->user_id = click->user_id;
    out->event_id = click->event_id;
    out->time_ms = click->event_time;
    out->currency = click->currency;
    out->action = click_action(click->type);
    if (click->quantity < 1)
        return refuse(out, EVENT_BAD_VALUE, "quantity %d is below 1", click->quantity);
    if (click->price_e4.has && click->price_e4.value < 0)
        return refuse(out, EVENT_BAD_VALUE, "price is negative");
    if (!click->item_id.ptr)
        return true;
    if (!id_ok(click->item_id))
        return refuse(out, EVENT_BAD_ID, "item_id has %u bytes; 1 to %d are allowed",
                      click->item_id.len, ID_MAX_BYTES);
    return one_line(arena, out, click->item_id, click->quantity,
                    click->price_e4.has ? click->price_e4.value : -1);
}

static bool read_order(const struct order_event *order, struct arena *arena,
                       struct decoded *out)
{
    static const uint8_t actions[] = {
        [ORDER_UNKNOWN] = ACTION_NONE,         [ORDER_PLACED] = ACTION_ORDER,
        [ORDER_PAID] = ACTION_ORDER_STEP,      [ORDER_SHIPPED] = ACTION_ORDER_STEP,
        [ORDER_DELIVERED] = ACTION_ORDER_STEP, [ORDER_CANCELLED] = ACTION_CANCEL,
        [ORDER_RETURNED] = ACTION_CANCEL,
    };
    struct event_line *lines;

    out->user_id = order->user_id;
    out->event_id = order->event_id;
    out->time_ms = order->event_time;
    out->currency = order->currency;
    out->action = (enum action)actions[order->status];
    if (!id_ok(order->order_id))
        return refuse(out, EVENT_BAD_ID, "order_id has %u bytes", order->order_id.len);
    if (order->lines.n > ORDER_LINES_MAX)
        return refuse(out, EVENT_BAD_VALUE, "%u lines; at most %d are allowed", order->lines.n,
                      ORDER_LINES_MAX);
    lines = arena_alloc(arena, order->lines.n * sizeof(*lines));
    if (!lines)
        return refuse(out, EVENT_TOO_LARGE, "no memory for the record");
    for (uint32_t i = 0; i < order->lines.n; i++) {
        const struct order_line *line = &order->lines.at[i];

        if (!id_ok(line->item_id))
            return refuse(out, EVENT_BAD_ID, "item_id of line %u has %u bytes", i,
                          line->item_id.len);
        if (line->quantity < 1 || line->unit_price_e4 < 0)
            return refuse(out, EVENT_BAD_VALUE, "line %u: quantity %d or price below its least",
                          i, line->quantity);
        lines[i] = (struct event_line){line->item_id, hash64(line->item_id), line->quantity,
                                       line->unit_price_e4};
    }
    out->lines = lines;
    out->n_lines = (uint16_t)order->lines.n;
    return true;
}

static bool read_review(const struct review_event *review, struct arena *arena,
                        struct decoded *out)
{
    out->user_id = review->user_id;
    out->event_id = review->review_id;
    out->time_ms = review->event_time;
    out->action = ACTION_REVIEW;
    if (!id_ok(review->item_id))
        return refuse(out, EVENT_BAD_ID, "item_id has %u bytes", review->item_id.len);
    return one_line(arena, out, review->item_id, 1, -1);
}

static bool read_record(const struct frame *frame, struct arena *arena, struct decoded *out)
{
    switch (frame->topic) {
    case INPUT_CLICKSTREAM:
        return read_click(out->record, arena, out);
    case INPUT_ORDERS:
        return read_order(out->record, arena, out);
    case INPUT_REVIEWS:
        return read_review(out->record, arena, out);
    case INPUT_ENGAGEMENT: {
        const struct engagement_event *event = out->record;

        out->user_id = event->user_id;
        out->event_id = event->event_id;
        out->time_ms = event->event_time;
        out->action = ACTION_ENGAGEMENT;
        return true;
    }
    case INPUT_USERS: {
        const struct user_record *user = out->record;

        out->user_id = out->event_id = user->user_id;
        out->time_ms = user->updated_time;
        out->action = ACTION_PROFILE;
        return true;
    }
    default: { /* catalog: the key is the item */
        const struct catalog_item *item = out->record;

        out->user_id = out->event_id = item->item_id;
        out->time_ms = item->updated_time;
        if (item->price_e4 < 0)
            return refuse(out, EVENT_BAD_VALUE, "price is negative");
        return true;
    }
    }
}

/* What holds for every topic once the fields are known. */
static bool check_common(const struct frame *frame, struct decoded *out)
{
    int64_t kafka_ms = frame->kafka_ms > 0 ? frame->kafka_ms : out->time_ms;

    if (!id_ok(out->user_id) || !id_ok(out->event_id))
        return refuse(out, EVENT_BAD_ID, "an id has %u bytes; 1 to %d are allowed",
                      id_ok(out->user_id) ? out->event_id.len : out->user_id.len, ID_MAX_BYTES);
    if (!str_equal(out->user_id, frame->key))
        return refuse(out, EVENT_KEY_MISMATCH, "the record's key is not its id");
    if (out->time_ms < YEAR_2000_MS || out->time_ms > kafka_ms + DAY_MS)
        return refuse(out, EVENT_BAD_TIME,
                      "time %lld is before 2000 or a day ahead of the record's own timestamp",
                      (long long)out->time_ms);
    return true;
}

static bool read_tombstone(const struct frame *frame, struct decoded *out)
{
    if (frame->topic != INPUT_USERS && frame->topic != INPUT_CATALOG)
        return refuse(out, EVENT_BAD_WIRE_FORMAT, "a null value in a topic without tombstones");
    if (!id_ok(frame->key))
        return refuse(out, EVENT_BAD_ID, "a tombstone without a key of 1 to %d bytes",
                      ID_MAX_BYTES);
    out->user_id = out->event_id = frame->key;
    out->time_ms = frame->kafka_ms > 0 ? frame->kafka_ms : YEAR_2000_MS;
    out->action = ACTION_PROFILE;
    return true;
}

static bool refuse_result(enum avro_result result, struct decoded *out)
{
    switch (result) {
    case AVRO_TRAILING:
        return refuse(out, EVENT_TRAILING_BYTES, "bytes are left behind the record");
    case AVRO_LIMIT:
    case AVRO_NOMEM:
        return refuse(out, EVENT_TOO_LARGE, "a length, count or depth is beyond its bound");
    case AVRO_VALUE:
        return refuse(out, EVENT_BAD_VALUE, "a value does not fit its field");
    default:
        return refuse(out, EVENT_BAD_AVRO, "the bytes do not follow the writer's schema");
    }
}

bool decoder_decode(struct decoder *decoder, const struct frame *frame, struct arena *arena,
                    struct decoded *out)
{
    const uint8_t *bytes = (const uint8_t *)frame->value.ptr;
    enum registry_answer answer = REGISTRY_KNOWN;
    enum avro_result result;
    void *record;

    *out = (struct decoded){.fate = EVENT_LIVE};
    if (!bytes)
        return read_tombstone(frame, out);
    if (frame->value.len > VALUE_MAX_BYTES)
        return refuse(out, EVENT_TOO_LARGE, "%u bytes; at most %d are read", frame->value.len,
                      VALUE_MAX_BYTES);
    if (frame->value.len < FRAME_BYTES || bytes[0] != 0)
        return refuse(out, EVENT_BAD_WIRE_FORMAT,
                      "the value does not begin with byte 0 and a schema id");
    int32_t id = (int32_t)((uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 |
                           (uint32_t)bytes[3] << 8 | bytes[4]);
    struct plan *plan =
        frame->schema_was_unknown ? NULL : find_plan(decoder, frame->topic, id, &answer);

    if (!plan && answer == REGISTRY_PENDING)
        return false;
    if (!plan)
        return refuse(out, EVENT_UNKNOWN_SCHEMA, "the registry knows no schema %d", id);
    if (!plan->plan)
        return refuse(out, EVENT_BAD_AVRO, "schema %d: %s", id, plan->why);
    record = arena_alloc(arena, record_type_size(record_types[frame->topic]));
    if (!record)
        return refuse(out, EVENT_TOO_LARGE, "no memory for the record");
    result = avro_decode(plan->plan, bytes + FRAME_BYTES, frame->value.len - FRAME_BYTES, arena,
                         record);
    if (result != AVRO_OK)
        return refuse_result(result, out);
    out->record = record;
    if (!read_record(frame, arena, out) || out->fate != EVENT_LIVE)
        return true;
    return check_common(frame, out);
}
