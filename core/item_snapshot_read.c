/* Snapshots into folds; item_snapshot.h says what a file is. */
#include "core/item_snapshot.h"

#include "core/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct snapshot_reader {
    const char *path;
    int fd;
    uint8_t *block;
    size_t capacity;
    uint64_t sum;
    struct error *err;
};

static enum status damaged(struct snapshot_reader *reader, const char *what)
{
    return error_set(reader->err, ERR_INVALID, "it is damaged: %s", what);
}

/* Exactly n bytes; a shorter file is damaged. */
static enum status read_all(struct snapshot_reader *reader, void *out, size_t n)
{
    uint8_t *at = out;

    while (n > 0) {
        ssize_t done = read(reader->fd, at, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_set(reader->err, ERR_IO, "cannot read '%s': %s", reader->path,
                             strerror(errno));
        if (done == 0)
            return damaged(reader, "it ends too early");
        at += done;
        n -= (size_t)done;
    }
    return OK;
}

static enum status make_room(struct snapshot_reader *reader, size_t n)
{
    uint8_t *more;

    if (n <= reader->capacity)
        return OK;
    more = realloc(reader->block, n);
    if (!more)
        return error_set(reader->err, ERR_NOMEM, "items snapshot: out of memory");
    reader->block = more;
    reader->capacity = n;
    return OK;
}

/* The next block, checked; the bytes live until the next call. */
static enum status next_block(struct snapshot_reader *reader, struct byte_reader *out)
{
    struct byte_reader in = {0};
    uint32_t len;

    TRY(make_room(reader, 4));
    TRY(read_all(reader, reader->block, 4));
    in = byte_reader_of(reader->block, 4);
    len = bytes_get_u32(&in);
    if (len == 0 || len > ITEM_SNAPSHOT_BLOCK_MAX)
        return damaged(reader, "a block has no possible length");
    TRY(make_room(reader, (size_t)len + 12));
    TRY(read_all(reader, reader->block + 4, (size_t)len + 8));
    reader->sum =
        hash64_seeded((struct str){(const char *)reader->block, len + 4}, reader->sum);
    in = byte_reader_of(reader->block + 4 + len, 8);
    if (bytes_get_u64(&in) != reader->sum)
        return damaged(reader, "a checksum does not agree");
    *out = byte_reader_of(reader->block + 4, len);
    return OK;
}

static enum status open_file(struct snapshot_reader *reader)
{
    uint8_t bytes[12];
    struct byte_reader in = byte_reader_of(bytes, sizeof(bytes));
    uint32_t format;

    reader->fd = open(reader->path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0)
        return error_set(reader->err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                         "cannot read '%s': %s", reader->path, strerror(errno));
    TRY(read_all(reader, bytes, sizeof(bytes)));
    if (memcmp(bytes_take(&in, 8), "FRESHITM", 8) != 0)
        return damaged(reader, "it does not begin like a snapshot of items");
    format = bytes_get_u32(&in);
    if (format != ITEM_SNAPSHOT_FORMAT)
        return error_set(reader->err, ERR_STATE, "it has format %u, this program reads %u",
                         format, ITEM_SNAPSHOT_FORMAT);
    return OK;
}

static void close_file(struct snapshot_reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    free(reader->block);
}

static enum status check_owner(struct snapshot_reader *reader,
                               const struct item_snapshot_id *id, struct str app,
                               struct str cluster, uint64_t fingerprint)
{
    if (!str_equal(app, str_of(id->app)))
        return error_set(reader->err, ERR_STATE, "it is of app '%.*s', not of '%s'",
                         (int)app.len, app.ptr, id->app);
    if (id->cluster[0] && !str_equal(cluster, str_of(id->cluster)))
        return error_set(reader->err, ERR_STATE, "it is of Kafka cluster '%.*s', not of '%s'",
                         (int)cluster.len, cluster.ptr, id->cluster);
    if (fingerprint != item_model_fingerprint(id->config))
        return error_set(reader->err, ERR_STATE, "it was made by other models or settings");
    return OK;
}

static enum status read_header(struct snapshot_reader *reader,
                               const struct item_snapshot_id *id,
                               struct item_snapshot_info *out)
{
    struct byte_reader in = {0};

    TRY(next_block(reader, &in));
    if (bytes_get_u8(&in) != 'h')
        return damaged(reader, "it has no header");
    struct str app = bytes_get_str(&in), cluster = bytes_get_str(&in);
    uint64_t fingerprint = bytes_get_u64(&in);

    out->wall_ms = bytes_get_zigzag(&in);
    out->items_offset = bytes_get_zigzag(&in);
    uint64_t n_items = bytes_get_varint(&in), n_catalog = bytes_get_varint(&in);

    if (in.bad || !app.ptr || !cluster.ptr || out->items_offset < 0 || n_items > UINT32_MAX ||
        n_catalog > CATALOG_PARTITIONS_MAX)
        return damaged(reader, "its header makes no sense");
    out->n_items = (uint32_t)n_items;
    out->n_catalog = (uint32_t)n_catalog;
    for (uint32_t p = 0; p < out->n_catalog; p++) {
        out->catalog_offset[p] = bytes_get_zigzag(&in);
        out->catalog_from[p] = bytes_get_zigzag(&in);
        if (out->catalog_from[p] < 0 || out->catalog_offset[p] < out->catalog_from[p])
            in.bad = true;
    }
    if (in.bad || in.at != in.end)
        return damaged(reader, "its header makes no sense");
    return check_owner(reader, id, app, cluster, fingerprint);
}

bool item_snapshot_is_not_beyond(const struct item_snapshot_info *info, int64_t items_offset,
                                 const int64_t *catalog_offset, uint32_t n_catalog)
{
    if (info->n_catalog != n_catalog || info->items_offset > items_offset)
        return false;
    for (uint32_t p = 0; p < n_catalog; p++) {
        if (info->catalog_offset[p] > catalog_offset[p])
            return false;
    }
    return true;
}

enum status item_snapshot_read_info(const char *path, const struct item_snapshot_id *id,
                                    struct item_snapshot_info *out, struct error *err)
{
    struct snapshot_reader reader = {.path = path, .fd = -1, .err = err};
    enum status status = open_file(&reader);

    if (status == OK)
        status = read_header(&reader, id, out);
    close_file(&reader);
    return status;
}

/* ---- the fold ---- */

static struct str get_piece(struct byte_reader *in)
{
    uint32_t len = bytes_get_u32(in);
    const uint8_t *at = bytes_take(in, len);

    return (struct str){(const char *)at, at ? len : 0};
}

static enum status load_rest(struct snapshot_reader *reader, struct item_load *load)
{
    struct byte_reader in = {0};

    TRY(next_block(reader, &in));
    if (bytes_get_u8(&in) != 'r')
        return damaged(reader, "a block is missing");
    enum status status =
        item_load_rest(load, (struct str){(const char *)in.at, (uint32_t)(in.end - in.at)});

    return status == ERR_INVALID ? damaged(reader, "a block makes no sense") : status;
}

struct totals {
    uint32_t n_rows, n_facts;
};

static enum status load_rows(struct item_load *load, struct byte_reader *in,
                             struct totals *totals)
{
    uint32_t number = bytes_get_u32(in);

    for (; in->at < in->end; number++, totals->n_rows++) {
        struct str bytes = get_piece(in);

        if (in->bad)
            return ERR_INVALID;
        TRY(item_load_row(load, number, bytes));
    }
    return OK;
}

static enum status load_facts(struct item_load *load, bool wanted, struct byte_reader *in,
                              struct totals *totals)
{
    for (; in->at < in->end; totals->n_facts++) {
        struct str bytes = get_piece(in);

        if (in->bad)
            return ERR_INVALID;
        if (wanted)
            TRY(item_load_facts(load, bytes));
    }
    return OK;
}

static bool is_end(struct snapshot_reader *reader, struct byte_reader *in,
                   const struct totals *totals)
{
    uint32_t n_rows = bytes_get_u32(in), n_facts = bytes_get_u32(in);
    uint8_t more;

    return !in->bad && in->at == in->end && n_rows == totals->n_rows &&
           n_facts == totals->n_facts && read(reader->fd, &more, 1) == 0;
}

static enum status load_blocks(struct snapshot_reader *reader, struct item_load *load,
                               bool with_catalog)
{
    struct totals totals = {0, 0};
    struct byte_reader in = {0};

    for (;;) {
        enum status status = ERR_INVALID;

        TRY(next_block(reader, &in));
        switch (bytes_get_u8(&in)) {
        case 'i':
            status = load_rows(load, &in, &totals);
            break;
        case 'c':
            status = load_facts(load, with_catalog, &in, &totals);
            break;
        case 'e':
            return is_end(reader, &in, &totals) ? OK : damaged(reader, "its end is wrong");
        }
        if (status == ERR_INVALID)
            return damaged(reader, "a block makes no sense");
        TRY(status);
    }
}

static enum status load_fold(struct snapshot_reader *reader, const struct item_snapshot_id *id,
                             bool with_catalog, struct item_load **load, struct item_fold **out)
{
    struct item_snapshot_info info;
    enum status status;

    TRY(open_file(reader));
    TRY(read_header(reader, id, &info));
    if (with_catalog && info.n_catalog != id->config->catalog_partitions)
        return error_set(reader->err, ERR_STATE, "the catalogue had %u partitions",
                         info.n_catalog);
    TRY(item_load_open(id->config, info.n_items, load, reader->err));
    status = load_rest(reader, *load);
    if (status == OK)
        status = load_blocks(reader, *load, with_catalog);
    if (status == OK)
        return item_load_finish(*load, info.items_offset,
                                with_catalog ? info.catalog_offset : NULL, out, reader->err);
    if (status == ERR_NOMEM)
        return error_set(reader->err, status, "items snapshot: out of memory");
    return status;
}

enum status item_snapshot_load(const char *path, const struct item_snapshot_id *id,
                               bool with_catalog, struct item_fold **out, struct error *err)
{
    struct snapshot_reader reader = {.path = path, .fd = -1, .err = err};
    struct item_load *load = NULL;
    enum status status = load_fold(&reader, id, with_catalog, &load, out);

    item_load_close(load);
    close_file(&reader);
    return status;
}
