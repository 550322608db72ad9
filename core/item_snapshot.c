/*
 * The file's blocks, written and read in one pass each. A block is filled to about a megabyte:
 * large enough for the disk, small enough to be checked before anything of it is used.
 */
#include "core/item_snapshot.h"

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 1 << 20, /* a block is closed beyond this */
    BLOCK_FRAME_BYTES = 4 + 8,
    OFFSET_DIGITS = 20,
};

static const char magic[8] = {'F', 'R', 'E', 'S', 'H', 'I', 'T', 'M'};

/* ---- writing ---- */

struct snapshot_writer {
    const char *path;
    int fd;
    uint8_t *block; /* length, payload so far; the checksum goes behind */
    size_t len, capacity;
    uint32_t n_in_block, n_rows, n_facts;
    uint64_t sum;
    int64_t n_bytes;
    struct error *err;
    enum status status;
};

static enum status write_all(struct snapshot_writer *writer, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = -1;

        if (fault_hit("snapshot_write"))
            errno = ENOSPC;
        else
            done = write(writer->fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return error_set(writer->err, ERR_IO, "cannot write '%s': %s", writer->path,
                             strerror(errno));
        bytes += done;
        n -= (size_t)done;
        writer->n_bytes += done;
    }
    return OK;
}

/* Room for n bytes more, and the checksum. */
static bool has_room(struct snapshot_writer *writer, size_t n)
{
    size_t wanted = writer->len + n + BLOCK_FRAME_BYTES;
    uint8_t *more;

    if (wanted <= writer->capacity)
        return true;
    more = wanted <= ITEM_SNAPSHOT_BLOCK_MAX ? realloc(writer->block, wanted * 2) : NULL;
    if (!more)
        return false;
    writer->block = more;
    writer->capacity = wanted * 2;
    return true;
}

static void append(struct snapshot_writer *writer, const void *bytes, size_t n)
{
    if (writer->status != OK || n == 0)
        return;
    if (has_room(writer, n)) {
        memcpy(writer->block + writer->len, bytes, n);
        writer->len += n;
    } else {
        writer->status = error_set(writer->err, ERR_NOMEM, "items snapshot: out of memory");
    }
}

static void append_u32(struct snapshot_writer *writer, uint32_t value)
{
    uint8_t bytes[4];
    struct byte_writer out = byte_writer_of(bytes, sizeof(bytes));

    bytes_put_u32(&out, value);
    append(writer, bytes, sizeof(bytes));
}

static void begin_block(struct snapshot_writer *writer, char kind)
{
    writer->len = 4; /* its length comes at the end */
    writer->n_in_block = 0;
    append(writer, &kind, 1);
}

static void end_block(struct snapshot_writer *writer)
{
    struct byte_writer out;

    if (writer->status != OK)
        return;
    out = byte_writer_of(writer->block, 4);
    bytes_put_u32(&out, (uint32_t)(writer->len - 4));
    writer->sum = hash64_seeded(
        (struct str){(const char *)writer->block, (uint32_t)writer->len}, writer->sum);
    out = byte_writer_of(writer->block + writer->len, 8);
    bytes_put_u64(&out, writer->sum);
    writer->status = write_all(writer, writer->block, writer->len + 8);
}

static void write_header(struct snapshot_writer *writer, const struct item_snapshot_id *id,
                         const struct item_view *view, const int64_t *catalog_from)
{
    uint8_t bytes[4096];
    struct byte_writer out = byte_writer_of(bytes, sizeof(bytes));
    uint32_t n_catalog = id->config->catalog_partitions;

    bytes_put_raw(&out, magic, sizeof(magic));
    bytes_put_u32(&out, ITEM_SNAPSHOT_FORMAT);
    writer->status = write_all(writer, bytes, byte_writer_size(&out));
    begin_block(writer, 'h');
    out = byte_writer_of(bytes, sizeof(bytes));
    bytes_put_str(&out, str_of(id->app));
    bytes_put_str(&out, str_of(id->cluster));
    bytes_put_u64(&out, item_model_fingerprint(id->config));
    bytes_put_zigzag(&out, clock_wall_ms());
    bytes_put_zigzag(&out, item_view_items_offset(view));
    bytes_put_varint(&out, item_view_n_items(view));
    bytes_put_varint(&out, n_catalog);
    for (uint32_t p = 0; p < n_catalog; p++) {
        bytes_put_zigzag(&out, item_view_catalog_offset(view, (int32_t)p));
        bytes_put_zigzag(&out, catalog_from[p]);
    }
    ensure(!out.full);
    append(writer, bytes, byte_writer_size(&out));
    end_block(writer);
}

static void write_rest(struct snapshot_writer *writer, const struct item_view *view)
{
    uint8_t bytes[SAVED_REST_MAX];

    begin_block(writer, 'r');
    append(writer, bytes, item_view_save_rest(view, bytes));
    end_block(writer);
}

static void write_rows(struct snapshot_writer *writer, const struct item_view *view)
{
    uint32_t n = item_view_n_items(view);
    uint8_t bytes[SAVED_ROW_MAX];

    for (uint32_t number = 0; number < n && writer->status == OK; number++) {
        if (writer->n_in_block == 0) {
            begin_block(writer, 'i');
            append_u32(writer, number);
        }
        uint32_t len = item_view_save_row(view, number, bytes);

        append_u32(writer, len);
        append(writer, bytes, len);
        writer->n_in_block++;
        writer->n_rows++;
        if (writer->len >= BLOCK_BYTES || number == n - 1) {
            end_block(writer);
            writer->n_in_block = 0;
        }
    }
}

static bool put_facts(void *context, struct str bytes)
{
    struct snapshot_writer *writer = context;

    if (writer->n_in_block == 0)
        begin_block(writer, 'c');
    append_u32(writer, bytes.len);
    append(writer, bytes.ptr, bytes.len);
    writer->n_in_block++;
    writer->n_facts++;
    if (writer->len >= BLOCK_BYTES) {
        end_block(writer);
        writer->n_in_block = 0;
    }
    return writer->status == OK;
}

static void write_facts(struct snapshot_writer *writer, const struct item_view *view)
{
    if (writer->status != OK)
        return;
    writer->n_in_block = 0;
    if (item_view_each_facts(view, put_facts, writer) == ERR_NOMEM)
        writer->status = error_set(writer->err, ERR_NOMEM, "items snapshot: out of memory");
    if (writer->n_in_block > 0)
        end_block(writer);
}

static void write_end(struct snapshot_writer *writer)
{
    begin_block(writer, 'e');
    append_u32(writer, writer->n_rows);
    append_u32(writer, writer->n_facts);
    end_block(writer);
}

/* The folder too: without it the new name may be lost in a crash of the machine. */
static enum status sync_folder(const char *path, struct error *err)
{
    char dir[ITEM_SNAPSHOT_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;

    snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        error_set(err, ERR_IO, "cannot write the folder '%s': %s", dir, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    close(fd);
    return OK;
}

static enum status finish(struct snapshot_writer *writer, const char *path)
{
    struct error *err = writer->err;
    bool synced = writer->status == OK && fsync(writer->fd) == 0;

    if (writer->status == OK && !synced)
        writer->status =
            error_set(err, ERR_IO, "cannot write '%s': %s", writer->path, strerror(errno));
    close(writer->fd);
    if (writer->status == OK && fault_hit("kill_snapshot_rename"))
        return ERR_STATE; /* not reached: the point ends the process */
    if (writer->status == OK && rename(writer->path, path) != 0)
        writer->status = error_set(err, ERR_IO, "cannot rename '%s' to '%s': %s", writer->path,
                                   path, strerror(errno));
    if (writer->status != OK) {
        unlink(writer->path);
        return writer->status;
    }
    return sync_folder(path, err);
}

enum status item_snapshot_write(const char *path, const struct item_snapshot_id *id,
                                const struct item_view *view, const int64_t *catalog_from,
                                int64_t *out_bytes, struct error *err)
{
    char beside[ITEM_SNAPSHOT_PATH_MAX + 8];
    struct snapshot_writer writer = {.path = beside, .err = err, .capacity = BLOCK_BYTES * 2};
    enum status status;

    snprintf(beside, sizeof(beside), "%s.tmp", path);
    writer.block = malloc(writer.capacity);
    if (!writer.block)
        return error_set(err, ERR_NOMEM, "items snapshot: out of memory");
    writer.fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer.fd < 0) {
        free(writer.block);
        return error_set(err, ERR_IO, "cannot write '%s': %s", beside, strerror(errno));
    }
    write_header(&writer, id, view, catalog_from);
    write_rest(&writer, view);
    write_rows(&writer, view);
    write_facts(&writer, view);
    write_end(&writer);
    status = finish(&writer, path);
    *out_bytes = writer.n_bytes;
    free(writer.block);
    return status;
}

/* ---- the files ---- */

void item_snapshot_path(const char *dir, int64_t items_offset, char out[ITEM_SNAPSHOT_PATH_MAX])
{
    snprintf(out, ITEM_SNAPSHOT_PATH_MAX, "%s/items-%0*lld.snapshot", dir, OFFSET_DIGITS,
             (long long)items_offset);
}

static int newest_first(const void *a, const void *b)
{
    const struct item_snapshot_file *x = a, *y = b;

    return (x->items_offset < y->items_offset) - (x->items_offset > y->items_offset);
}

uint32_t item_snapshot_list(const char *dir, bool clean,
                            struct item_snapshot_file out[ITEM_SNAPSHOTS_MAX])
{
    DIR *folder = opendir(dir);
    uint32_t n = 0;
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        long long offset;
        int end = 0, end_tmp = 0;

        sscanf(entry->d_name, "items-%20lld.snapshot%n.tmp%n", &offset, &end, &end_tmp);
        if (end > 0 && !entry->d_name[end] && n < ITEM_SNAPSHOTS_MAX) {
            item_snapshot_path(dir, offset, out[n].path);
            out[n++].items_offset = offset;
        } else if (clean && end_tmp > 0 && !entry->d_name[end_tmp]) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder)
        closedir(folder);
    qsort(out, n, sizeof(out[0]), newest_first);
    return n;
}
