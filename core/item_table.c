/*
 * The writer. The keeper thread scans stamps and turns rows into records, a chunk at a time;
 * the worker that has task 0 puts a waiting chunk into its next transaction and says how that
 * ended.
 *
 *   nothing -> ready -> taken -> nothing (committed; if that was a cover, the round is over)
 *                ^        |
 *                +--------+ void
 *
 * What a new owner must know, the slots and the offset of the last cover, it reads from the
 * topic once it has the task: by then the last owner's transactions are settled or fenced.
 */
#include "core/item_table.h"

#include "consumers/log_reader.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { RETRY_MS = 1000, BROKER_TIMEOUT_MS = 5000 };

enum chunk_state { CHUNK_NONE, CHUNK_READY, CHUNK_TAKEN };

struct item_table {
    struct runtime *runtime;
    pthread_mutex_t lock; /* over home, state and what a settled chunk moves */

    struct task_home *home; /* whose chunk it is; a reference, so that it stays the only one */
    enum chunk_state state;
    uint8_t *chunk; /* records: key, value, each with its length */
    size_t len, capacity;
    bool covers; /* the chunk ends the round */
    bool failed; /* no memory for a chunk: the round is given up */

    bool known;          /* the last cover of the topic */
    int64_t covered;     /* its items offset */
    uint32_t n_slots;    /* items it knows */
    uint8_t *slots;      /* bit per item */
    uint8_t *next_slots; /* as they will be after the round */

    const struct item_view *view; /* of the round; NULL: no round */
    uint32_t at, n_rows;          /* next item to look at; rows of the round so far */
    int64_t round_ns, not_before_ns;
    struct metric *rows, *bytes, *covered_offset;
};

struct item_table *item_table_open(struct runtime *runtime)
{
    struct item_table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->runtime = runtime;
    pthread_mutex_init(&table->lock, NULL);
    table->rows =
        metric_counter("item_table_rows_total", "Item rows written to the items table.", NULL);
    table->bytes = metric_counter("item_table_bytes_total", "Bytes of them.", NULL);
    table->covered_offset = metric_gauge(
        "item_table_covered_offset", "Offset of the items topic that the table covers.", NULL);
    return table;
}

static void end_round(struct item_table *table)
{
    if (table->view)
        item_view_release(table->runtime->fold, table->view);
    table->view = NULL;
    free(table->next_slots);
    table->next_slots = NULL;
    table->round_ns = clock_mono_ns();
}

void item_table_close(struct item_table *table)
{
    if (!table)
        return;
    end_round(table);
    if (table->home)
        task_home_release(table->home);
    pthread_mutex_destroy(&table->lock);
    free(table->slots);
    free(table->chunk);
    free(table);
}

/* ---- whose it is ---- */

/* True if task 0 is here, and has been at the last tick. */
static bool keeps_home(struct item_table *table)
{
    struct task_home *home = runtime_home(table->runtime, 0), *before = table->home;

    if (home == before) {
        if (home)
            task_home_release(home); /* one reference is enough */
        return home != NULL;
    }
    pthread_mutex_lock(&table->lock);
    table->home = home;
    table->state = CHUNK_NONE;
    table->known = false;
    pthread_mutex_unlock(&table->lock);
    end_round(table);
    table->not_before_ns = 0;
    if (before)
        task_home_release(before);
    return false;
}

/* A cover beyond the topic is of another life of it. */
static enum status read_cover(struct item_table *table, struct item_cover *cover,
                              struct error *err)
{
    struct runtime *runtime = table->runtime;
    enum status status = item_table_find(runtime, cover, err);
    char topic[300];
    int64_t low, high;

    if (status == ERR_NOT_FOUND)
        return OK;
    TRY(status);
    snprintf(topic, sizeof(topic), "%s-items", runtime->settings->app);
    TRY(log_query_watermarks(runtime->settings, topic, 0, BROKER_TIMEOUT_MS, &low, &high, err));
    if (cover->items_offset > high ||
        cover->fingerprint != item_model_fingerprint(&runtime->model_config))
        cover->items_offset = 0; /* all rows anew; into the other slots, all the same */
    return OK;
}

static void know_cover(struct item_table *table)
{
    struct item_cover cover = {0};
    struct error err;

    if (read_cover(table, &cover, &err) != OK) {
        table->not_before_ns = clock_mono_ns() + (int64_t)RETRY_MS * 1000000;
        log_warn("items_table", "reason=\"%s\"", err.text);
    } else {
        free(table->slots);
        table->slots = cover.slots;
        cover.slots = NULL;
        table->n_slots = cover.n_items;
        table->covered = cover.items_offset;
        table->known = true;
        log_info("items_table", "state=known items=%u covered=%" PRId64, table->n_slots,
                 table->covered);
    }
    item_cover_deinit(&cover);
}

/* ---- a round ---- */

static bool any_touched(const struct item_view *view, int64_t since)
{
    for (uint32_t i = 0; i < item_view_n_items(view); i++) {
        if (item_view_stamp(view, i) > since)
            return true;
    }
    return false;
}

static void begin_round(struct item_table *table)
{
    struct item_fold *fold = table->runtime->fold;
    const struct item_view *view = item_view_acquire(fold);
    size_t n_bytes = (size_t)item_view_n_items(view) / 8 + 1;
    size_t n_old = ((size_t)table->n_slots + 7) / 8;

    table->round_ns = clock_mono_ns();
    if (item_view_n_items(view) < table->n_slots || !any_touched(view, table->covered) ||
        !(table->next_slots = calloc(1, n_bytes))) {
        item_view_release(fold, view);
        return;
    }
    if (n_old)
        memcpy(table->next_slots, table->slots, n_old);
    table->view = view;
    table->at = table->n_rows = 0;
}

static void append(struct item_table *table, struct str key, const uint8_t *head, size_t n_head,
                   const uint8_t *body, size_t n_body)
{
    size_t wanted = table->len + key.len + n_head + n_body + 16;
    struct byte_writer out;

    if (table->failed)
        return;
    if (wanted > table->capacity) {
        uint8_t *more = realloc(table->chunk, wanted * 2);

        if (!more) {
            table->failed = true;
            return;
        }
        table->chunk = more;
        table->capacity = wanted * 2;
    }
    out = byte_writer_of(table->chunk + table->len, table->capacity - table->len);
    bytes_put_u32(&out, key.len);
    bytes_put_u32(&out, (uint32_t)(n_head + n_body));
    bytes_put_raw(&out, key.ptr, key.len);
    bytes_put_raw(&out, head, n_head);
    bytes_put_raw(&out, body, n_body);
    ensure(!out.full);
    table->len += byte_writer_size(&out);
}

static size_t begin_value(struct byte_writer *out, const struct item_view *view)
{
    bytes_put_u8(out, ITEM_TABLE_VERSION);
    bytes_put_zigzag(out, item_view_items_offset(view));
    return byte_writer_size(out);
}

static void append_row(struct item_table *table, uint32_t number)
{
    unsigned slot = number < table->n_slots ? !item_slot(table->slots, number) : 0;
    uint8_t head[16], body[SAVED_ROW_MAX];
    struct byte_writer out = byte_writer_of(head, sizeof(head));
    char key[24];
    size_t n_head = begin_value(&out, table->view);

    snprintf(key, sizeof(key), "row/%u/%u", number, slot);
    append(table, str_of(key), head, n_head, body,
           item_view_save_row(table->view, number, body));
    if (slot)
        table->next_slots[number >> 3] |= (uint8_t)(1 << (number & 7));
    else
        table->next_slots[number >> 3] &= (uint8_t) ~(1 << (number & 7));
    table->n_rows++;
}

static void append_slots(struct item_table *table)
{
    uint32_t n_bytes = (item_view_n_items(table->view) + 7) / 8;

    for (uint32_t done = 0, at = 0; done < n_bytes; at++) {
        uint32_t n = n_bytes - done < ITEM_SLOTS_PER_RECORD / 8 ? n_bytes - done
                                                                : ITEM_SLOTS_PER_RECORD / 8;
        uint8_t head[16];
        struct byte_writer out = byte_writer_of(head, sizeof(head));
        char key[24];
        size_t n_head = begin_value(&out, table->view);

        snprintf(key, sizeof(key), "slots/%u", at);
        append(table, str_of(key), head, n_head, table->next_slots + done, n);
        done += n;
    }
}

static void append_cover(struct item_table *table)
{
    uint8_t head[64], rest[SAVED_REST_MAX];
    struct byte_writer out = byte_writer_of(head, sizeof(head));

    begin_value(&out, table->view);
    bytes_put_u64(&out, item_model_fingerprint(&table->runtime->model_config));
    bytes_put_u64(&out, item_view_stamp_sum(table->view));
    bytes_put_u32(&out, item_view_n_items(table->view));
    append(table, str_of("cover"), head, byte_writer_size(&out), rest,
           item_view_save_rest(table->view, rest));
    table->covers = true;
}

/* The next rows of the round, and after the last the cover. */
static void fill_chunk(struct item_table *table)
{
    uint32_t n = item_view_n_items(table->view);
    int64_t rate = table->runtime->settings->state.table_rate_bytes;

    table->len = 0;
    table->covers = table->failed = false;
    for (; table->at < n && table->len < ITEM_TABLE_CHUNK_BYTES; table->at++) {
        if (item_view_stamp(table->view, table->at) > table->covered)
            append_row(table, table->at);
    }
    if (table->at == n && table->len < ITEM_TABLE_CHUNK_BYTES) {
        append_slots(table);
        append_cover(table);
    }
    if (table->failed) {
        end_round(table);
        return;
    }
    table->not_before_ns = clock_mono_ns() + (int64_t)((double)table->len / (double)rate * 1e9);
    pthread_mutex_lock(&table->lock);
    table->state = CHUNK_READY;
    pthread_mutex_unlock(&table->lock);
}

/* After the cover has been committed. */
static void finish_round(struct item_table *table)
{
    free(table->slots);
    table->slots = table->next_slots;
    table->next_slots = NULL;
    table->n_slots = item_view_n_items(table->view);
    table->covered = item_view_items_offset(table->view);
    table->covers = false;
    metric_set(table->covered_offset, table->covered);
    metric_add(table->rows, table->n_rows);
    log_info("items_table", "state=covered items=%u covered=%" PRId64 " rows=%u",
             table->n_slots, table->covered, table->n_rows);
    end_round(table);
}

void item_table_tick(struct item_table *table)
{
    const struct runtime *runtime = table->runtime;
    int64_t interval_ns = runtime->settings->state.table_interval_ms * 1000000;
    enum chunk_state state;

    if (!keeps_home(table))
        return;
    pthread_mutex_lock(&table->lock);
    state = table->state;
    pthread_mutex_unlock(&table->lock);
    if (state != CHUNK_NONE)
        return;
    if (table->view && table->covers)
        finish_round(table);
    if (clock_mono_ns() < table->not_before_ns)
        return;
    if (!table->known)
        know_cover(table);
    else if (!table->view && clock_mono_ns() - table->round_ns >= interval_ns)
        begin_round(table);
    if (table->view)
        fill_chunk(table);
}

/* ---- the worker ---- */

bool item_table_waiting(struct item_table *table, const struct task_home *home)
{
    bool waiting;

    if (!table || !home)
        return false;
    pthread_mutex_lock(&table->lock);
    waiting = table->home == home && table->state == CHUNK_READY;
    pthread_mutex_unlock(&table->lock);
    return waiting;
}

bool item_table_put(struct item_table *table, const struct task_home *home,
                    bool (*put)(void *context, struct str key, struct str value), void *context)
{
    struct byte_reader in;

    if (!item_table_waiting(table, home))
        return true;
    pthread_mutex_lock(&table->lock);
    table->state = CHUNK_TAKEN; /* from here to settle() the chunk is not touched */
    pthread_mutex_unlock(&table->lock);
    in = byte_reader_of(table->chunk, table->len);
    while (in.at < in.end) {
        uint32_t n_key = bytes_get_u32(&in), n_value = bytes_get_u32(&in);
        struct str key = {(const char *)bytes_take(&in, n_key), n_key};
        struct str value = {(const char *)bytes_take(&in, n_value), n_value};

        ensure(!in.bad);
        if (!put(context, key, value))
            return false;
    }
    return true;
}

void item_table_settle(struct item_table *table, bool committed)
{
    if (!table)
        return;
    pthread_mutex_lock(&table->lock);
    if (table->state == CHUNK_TAKEN) {
        table->state = committed ? CHUNK_NONE : CHUNK_READY;
        if (committed)
            metric_add(table->bytes, (int64_t)table->len);
    }
    pthread_mutex_unlock(&table->lock);
}
