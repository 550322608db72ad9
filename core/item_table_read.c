/*
 * Reading the table: first its end, backwards in growing windows, for the newest cover; then
 * all of it, for the rows that cover uses.
 */
#include "core/item_table.h"

#include "consumers/log_reader.h"
#include "core/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BROKER_TIMEOUT_MS = 5000,
    SILENCE_MAX_MS = 15000, /* an open transaction ends after 10 s */
    WINDOW_FIRST = 1024,    /* records; a cover and a chunk or two */
    WINDOW_GROWTH = 32,
    SLOT_RECORDS_MAX = 1024, /* n_items is a uint32 */
};

void item_cover_deinit(struct item_cover *cover)
{
    free(cover->slots);
    free(cover->rest);
    *cover = (struct item_cover){0};
}

static struct str key_of(const rd_kafka_message_t *message)
{
    return (struct str){message->key, (uint32_t)message->key_len};
}

/* Calls each() for all records from next to the end seen at the beginning. */
static enum status read_all(const struct runtime *runtime, struct log_partition *log,
                            enum status (*each)(void *context,
                                                const rd_kafka_message_t *message),
                            void *context, struct error *err)
{
    int64_t heard_ns = clock_mono_ns();
    struct log_reader *reader;
    enum status status;

    TRY(log_reader_open(runtime->settings, log, 1, BROKER_TIMEOUT_MS, &reader, err));
    status = OK;
    while (status == OK && !log_reader_reached_high(reader)) {
        rd_kafka_message_t *message;
        uint32_t index;

        status = log_reader_next(reader, 100, &message, &index, err);
        if (status == OK && message) {
            heard_ns = clock_mono_ns();
            status = each(context, message);
            rd_kafka_message_destroy(message);
            if (status == ERR_NOMEM)
                error_set(err, status, "items table: out of memory");
        } else if (atomic_load(&runtime->stopping)) {
            status = error_set(err, ERR_STATE, "stopped");
        } else if (clock_mono_ns() - heard_ns > (int64_t)SILENCE_MAX_MS * 1000000) {
            status = error_set(err, ERR_TIMEOUT, "topic '%s': nothing comes", log->topic);
        }
    }
    log_reader_close(reader);
    return status;
}

/* ---- the newest cover ---- */

struct slot_record {
    int64_t items_offset;
    uint8_t *bits;
    uint32_t n_bytes;
};

struct search {
    struct slot_record slots[SLOT_RECORDS_MAX];
    uint32_t n_slots;
    struct item_cover cover;
    bool met, whole; /* a cover in this window; and its slots too */
};

static void search_reset(struct search *search)
{
    for (uint32_t i = 0; i < search->n_slots; i++)
        free(search->slots[i].bits);
    item_cover_deinit(&search->cover);
    memset(search, 0, sizeof(*search));
}

static uint8_t *copy_of(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);

    if (copy && n)
        memcpy(copy, bytes, n);
    return copy;
}

static enum status note_slots(struct search *search, struct str key,
                              const rd_kafka_message_t *message)
{
    struct byte_reader in = byte_reader_of(message->payload, message->len);
    char text[16];
    unsigned at = 0;

    snprintf(text, sizeof(text), "%.*s", (int)key.len, key.ptr);
    if (sscanf(text, "slots/%u", &at) != 1 || at >= SLOT_RECORDS_MAX ||
        bytes_get_u8(&in) != ITEM_TABLE_VERSION)
        return OK;
    int64_t items_offset = bytes_get_zigzag(&in);

    if (in.bad)
        return OK;
    struct slot_record *slots = &search->slots[at];

    free(slots->bits);
    slots->n_bytes = (uint32_t)(in.end - in.at);
    slots->bits = copy_of(in.at, slots->n_bytes);
    slots->items_offset = items_offset;
    if (at >= search->n_slots)
        search->n_slots = at + 1;
    return slots->bits ? OK : ERR_NOMEM;
}

/* The bits of the cover out of the records before it; false: the window begins too late. */
static bool gather_slots(const struct search *search, struct item_cover *cover)
{
    uint32_t n_bytes = (cover->n_items + 7) / 8, done = 0;

    for (uint32_t at = 0; done < n_bytes; at++) {
        const struct slot_record *slots = &search->slots[at];
        uint32_t n = n_bytes - done < ITEM_SLOTS_PER_RECORD / 8 ? n_bytes - done
                                                                : ITEM_SLOTS_PER_RECORD / 8;

        if (at >= search->n_slots || !slots->bits || slots->n_bytes != n ||
            slots->items_offset != cover->items_offset)
            return false;
        memcpy(cover->slots + done, slots->bits, n);
        done += n;
    }
    return true;
}

static enum status note_cover(struct search *search, const rd_kafka_message_t *message)
{
    struct byte_reader in = byte_reader_of(message->payload, message->len);
    struct item_cover *cover = &search->cover;

    search->met = true;
    search->whole = false;
    item_cover_deinit(cover);
    if (bytes_get_u8(&in) != ITEM_TABLE_VERSION)
        return OK; /* of another program: nothing that this one can use */
    cover->items_offset = bytes_get_zigzag(&in);
    cover->fingerprint = bytes_get_u64(&in);
    cover->stamp_sum = bytes_get_u64(&in);
    cover->n_items = bytes_get_u32(&in);
    if (in.bad || cover->items_offset < 0 || cover->n_items == UINT32_MAX)
        return OK;
    cover->rest_len = (uint32_t)(in.end - in.at);
    cover->rest = copy_of(in.at, cover->rest_len);
    cover->slots = calloc(1, (size_t)cover->n_items / 8 + 1);
    if (!cover->rest || !cover->slots)
        return ERR_NOMEM;
    search->whole = gather_slots(search, cover);
    return OK;
}

static enum status search_record(void *context, const rd_kafka_message_t *message)
{
    struct search *search = context;
    struct str key = key_of(message);

    if (str_equal(key, str_of("cover")))
        return note_cover(search, message);
    if (key.len > 6 && memcmp(key.ptr, "slots/", 6) == 0)
        return note_slots(search, key, message);
    return OK;
}

static enum status search_windows(const struct runtime *runtime, struct search *search,
                                  const char *topic, struct error *err)
{
    int64_t low, high, window = WINDOW_FIRST;

    TRY(log_query_watermarks(runtime->settings, topic, 0, BROKER_TIMEOUT_MS, &low, &high, err));
    for (;; window *= WINDOW_GROWTH) {
        struct log_partition log = {.topic = topic,
                                    .next = high - low > window ? high - window : low};
        bool all = log.next <= low;

        search_reset(search);
        TRY(read_all(runtime, &log, search_record, search, err));
        if (search->whole)
            return OK;
        if (all)
            return error_set(err, ERR_NOT_FOUND, "topic '%s' has no %s cover", topic,
                             search->met ? "readable" : "");
    }
}

enum status item_table_find(const struct runtime *runtime, struct item_cover *out,
                            struct error *err)
{
    struct search *search = calloc(1, sizeof(*search));
    char topic[300];
    enum status status;

    if (!search)
        return error_set(err, ERR_NOMEM, "items table: out of memory");
    snprintf(topic, sizeof(topic), "%s-items-table", runtime->settings->app);
    status = search_windows(runtime, search, topic, err);
    if (status == OK) {
        *out = search->cover;
        search->cover = (struct item_cover){0};
    }
    search_reset(search);
    free(search);
    return status;
}

/* ---- its rows ---- */

struct gathering {
    const struct item_cover *cover;
    struct item_load *load;
};

static enum status gather_row(void *context, const rd_kafka_message_t *message)
{
    struct gathering *gathering = context;
    const struct item_cover *cover = gathering->cover;
    struct byte_reader in = byte_reader_of(message->payload, message->len);
    struct str key = key_of(message);
    char text[24];
    unsigned number, slot;

    snprintf(text, sizeof(text), "%.*s", (int)key.len, key.ptr ? key.ptr : "");
    if (sscanf(text, "row/%u/%u", &number, &slot) != 2 || number >= cover->n_items ||
        slot != item_slot(cover->slots, number))
        return OK;
    if (bytes_get_u8(&in) != ITEM_TABLE_VERSION ||
        bytes_get_zigzag(&in) > cover->items_offset || in.bad)
        return OK; /* of a round that the cover does not know */
    return item_load_row(gathering->load, number,
                         (struct str){(const char *)in.at, (uint32_t)(in.end - in.at)});
}

static enum status finish(struct gathering *gathering, struct item_fold **out,
                          struct error *err)
{
    const struct item_cover *cover = gathering->cover;
    struct item_fold *fold;
    const struct item_view *view;
    enum status status =
        item_load_finish(gathering->load, cover->items_offset, NULL, &fold, err);

    if (status != OK)
        return status == ERR_INVALID ? ERR_STATE : status;
    view = item_view_acquire(fold);
    if (item_view_stamp_sum(view) != cover->stamp_sum)
        status = error_set(err, ERR_STATE, "its rows are not those of its cover");
    item_view_release(fold, view);
    if (status == OK)
        *out = fold;
    else
        item_fold_close(fold);
    return status;
}

enum status item_table_load(const struct runtime *runtime, const struct item_cover *cover,
                            struct item_fold **out, struct error *err)
{
    struct gathering gathering = {.cover = cover};
    char topic[300];
    struct log_partition log = {.topic = topic};
    enum status status;

    snprintf(topic, sizeof(topic), "%s-items-table", runtime->settings->app);
    TRY(item_load_open(&runtime->model_config, cover->n_items, &gathering.load, err));
    status = item_load_rest(gathering.load,
                            (struct str){(const char *)cover->rest, cover->rest_len});
    if (status == OK)
        status = read_all(runtime, &log, gather_row, &gathering, err);
    if (status == ERR_INVALID)
        status = error_set(err, ERR_STATE, "a row makes no sense");
    if (status == OK)
        status = finish(&gathering, out, err);
    item_load_close(gathering.load);
    return status;
}
