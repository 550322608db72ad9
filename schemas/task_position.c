#include "schemas/task_position.h"

enum { POSITION_VERSION = 1 };

void task_position_init(struct task_position *position)
{
    memset(position, 0, sizeof(*position));
    position->clock_ms = INT64_MIN;
    for (int topic = 0; topic < N_USER_TOPICS; topic++)
        position->max_time_ms[topic] = INT64_MIN;
}

uint32_t task_position_encode(const struct task_position *position, uint8_t *out,
                              uint32_t capacity)
{
    struct byte_writer w = byte_writer_of(out, capacity);

    bytes_put_u8(&w, POSITION_VERSION);
    bytes_put_varint(&w, position->number);
    bytes_put_u8(&w, N_USER_TOPICS);
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        bytes_put_zigzag(&w, position->next[topic]);
        bytes_put_zigzag(&w, position->max_time_ms[topic]);
    }
    bytes_put_zigzag(&w, position->clock_ms);
    bytes_put_zigzag(&w, position->items_offset);
    bytes_put_varint(&w, position->n_catalog);
    for (uint32_t p = 0; p < position->n_catalog; p++) {
        bytes_put_zigzag(&w, position->catalog_offset[p]);
        bytes_put_zigzag(&w, position->catalog_refused_next[p]);
    }
    bytes_put_zigzag(&w, position->wall_ms);
    bytes_put_str(&w, str_of(position->rules_version));
    bytes_put_str(&w, str_of(position->transactional_id));
    bytes_put_varint(&w, position->n_segments);
    for (uint32_t s = 0; s < position->n_segments; s++) {
        for (int topic = 0; topic < N_USER_TOPICS; topic++)
            bytes_put_zigzag(&w, position->segments[s].next[topic]);
        bytes_put_zigzag(&w, position->segments[s].clock_ms);
    }
    return w.full ? 0 : (uint32_t)byte_writer_size(&w);
}

static bool get_text(struct byte_reader *r, char *out, size_t capacity)
{
    struct str text = bytes_get_str(r);

    if (text.len >= capacity)
        return false;
    if (text.len)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

bool task_position_decode(const uint8_t *bytes, size_t n, struct task_position *out)
{
    struct byte_reader r = byte_reader_of(bytes, n);

    task_position_init(out);
    if (bytes_get_u8(&r) != POSITION_VERSION)
        return false;
    out->number = bytes_get_varint(&r);
    if (bytes_get_u8(&r) != N_USER_TOPICS)
        return false;
    for (int topic = 0; topic < N_USER_TOPICS; topic++) {
        out->next[topic] = bytes_get_zigzag(&r);
        out->max_time_ms[topic] = bytes_get_zigzag(&r);
    }
    out->clock_ms = bytes_get_zigzag(&r);
    out->items_offset = bytes_get_zigzag(&r);
    out->n_catalog = (uint32_t)bytes_get_varint(&r);
    if (out->n_catalog > CATALOG_PARTITIONS_MAX)
        return false;
    for (uint32_t p = 0; p < out->n_catalog; p++) {
        out->catalog_offset[p] = bytes_get_zigzag(&r);
        out->catalog_refused_next[p] = bytes_get_zigzag(&r);
    }
    out->wall_ms = bytes_get_zigzag(&r);
    if (!get_text(&r, out->rules_version, sizeof(out->rules_version)) ||
        !get_text(&r, out->transactional_id, sizeof(out->transactional_id)))
        return false;
    out->n_segments = (uint32_t)bytes_get_varint(&r);
    if (out->n_segments > POSITION_SEGMENTS_MAX)
        return false;
    for (uint32_t s = 0; s < out->n_segments; s++) {
        for (int topic = 0; topic < N_USER_TOPICS; topic++)
            out->segments[s].next[topic] = bytes_get_zigzag(&r);
        out->segments[s].clock_ms = bytes_get_zigzag(&r);
    }
    return !r.bad && r.at == r.end;
}
