#include "features/state_db.h"

#include "core/base/bytes.h"
#include "core/base/fault.h"
#include "features/user_codec.h"

#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    KEY_META = 0x00,
    KEY_TASK = 0x01,
    KEY_BYTES_MAX = 1 + 2 + 1 + 8 + ID_MAX_BYTES,
    STATE_FORMAT = 1,
};

struct state_db {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_cache_t *block_cache;
    rocksdb_readoptions_t *read_options;
    rocksdb_writeoptions_t *write_options;
    bool read_only;
};

struct state_write {
    rocksdb_writebatch_t *batch;
    size_t bytes;
};

struct key {
    char bytes[KEY_BYTES_MAX];
    size_t len;
};

static struct key task_key(uint16_t task, char kind, int64_t fire_ms, struct str user_id)
{
    struct key key;
    struct byte_writer w = byte_writer_of(key.bytes, sizeof(key.bytes));

    bytes_put_u8(&w, KEY_TASK);
    bytes_put_u16be(&w, task);
    bytes_put_u8(&w, (uint8_t)kind);
    if (kind == 't')
        bytes_put_u64be(&w, (uint64_t)fire_ms ^ (1ULL << 63)); /* negative times sort first */
    bytes_put_raw(&w, user_id.ptr, user_id.len);
    key.len = byte_writer_size(&w);
    return key;
}

static const struct str none = {NULL, 0};

/* RocksDB's own words become our sentence; its text is freed. */
static enum status db_error(struct error *err, const char *what, char *text)
{
    error_set(err, ERR_IO, "state: %s: %s", what, text);
    rocksdb_free(text);
    return ERR_IO;
}

static void set_options(struct state_db *db, const struct state_db_options *options)
{
    db->options = rocksdb_options_create();
    db->table_options = rocksdb_block_based_options_create();
    db->block_cache = rocksdb_cache_create_lru(options->block_cache_bytes);
    db->read_options = rocksdb_readoptions_create();
    /* A point read must not checksum a whole block (Debian's build does it in software, 15 us);
     * compactions still do, and a person's bytes are checked when they are decoded. */
    rocksdb_readoptions_set_verify_checksums(db->read_options, 0);
    db->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(db->write_options, 1);
    rocksdb_options_set_create_if_missing(db->options, !options->read_only);
    rocksdb_options_set_compression(db->options, rocksdb_no_compression);
    rocksdb_options_set_allow_mmap_reads(db->options, 1);
    rocksdb_options_set_write_buffer_size(db->options, options->memtable_bytes);
    rocksdb_options_set_db_write_buffer_size(db->options, options->memtable_bytes * 2);
    rocksdb_options_set_max_background_jobs(db->options, 2);
    rocksdb_options_set_max_open_files(db->options, 256);
    rocksdb_options_set_keep_log_file_num(db->options, 2);
    rocksdb_options_set_info_log_level(db->options, 3);
    rocksdb_block_based_options_set_block_cache(db->table_options, db->block_cache);
    /* With mapped files, blocks are not put into the cache, so index and filter blocks "in the
     * cache" would be read and checksummed at each get (measured: 16 us). They stay with the
     * open tables instead: about 4 bytes a person. */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(db->table_options, 0);
    rocksdb_block_based_options_set_filter_policy(db->table_options,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(db->options, db->table_options);
}

/* The folder's own word for `name`, or what is written there now if it has none. */
static enum status check_meta(struct state_db *db, const char *name, const char *wanted,
                              const char *dir, struct error *err)
{
    char key[64], *text = NULL;
    size_t len = 0;
    int key_len = snprintf(key, sizeof(key), "%c%s", KEY_META, name);
    enum status status = OK;

    if (!*wanted)
        return OK;
    char *have = rocksdb_get(db->db, db->read_options, key, (size_t)key_len, &len, &text);

    if (text)
        return db_error(err, "cannot read", text);
    if (have && (len != strlen(wanted) || memcmp(have, wanted, len) != 0))
        status = error_set(err, ERR_STATE,
                           "state.dir '%s' belongs to %s '%.*s', not to '%s'; give this app a "
                           "folder of its own or remove that one",
                           dir, name, (int)len, have, wanted);
    else if (!have && !db->read_only)
        rocksdb_put(db->db, db->write_options, key, (size_t)key_len, wanted, strlen(wanted),
                    &text);
    free(have);
    return text ? db_error(err, "cannot write", text) : status;
}

enum status state_db_open(const struct state_db_options *options, struct state_db **out,
                          struct error *err)
{
    enum status status;
    char *text = NULL, format[16];
    struct state_db *db = calloc(1, sizeof(*db));

    if (!db)
        return error_set(err, ERR_NOMEM, "state: out of memory");
    db->read_only = options->read_only;
    set_options(db, options);
    db->db = options->read_only
                 ? rocksdb_open_for_read_only(db->options, options->dir, 0, &text)
                 : rocksdb_open(db->options, options->dir, &text);
    if (!db->db) {
        bool in_use = text && strstr(text, "lock");

        status = error_set(err, in_use ? ERR_STATE : ERR_IO,
                           in_use ? "state.dir '%s' is in use by another process; give each "
                                    "process a folder of its own (%s)"
                                  : "state: cannot open '%s': %s",
                           options->dir, text ? text : "unknown reason");
        rocksdb_free(text);
        goto done;
    }
    snprintf(format, sizeof(format), "%d", STATE_FORMAT);
    if ((status = check_meta(db, "format", format, options->dir, err)) != OK ||
        (status = check_meta(db, "app", options->app, options->dir, err)) != OK ||
        (status = check_meta(db, "cluster", options->cluster, options->dir, err)) != OK)
        goto done;
    *out = db;
    db = NULL;
    status = OK;
done:
    state_db_close(db);
    return status;
}

enum status state_db_flush(struct state_db *db, struct error *err)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    char *text = NULL;

    rocksdb_flushoptions_set_wait(options, 1);
    rocksdb_flush(db->db, options, &text);
    rocksdb_flushoptions_destroy(options);
    return text ? db_error(err, "cannot flush", text) : OK;
}

void state_db_close(struct state_db *db)
{
    if (!db)
        return;
    if (db->db) {
        if (!db->read_only)
            state_db_flush(db, NULL);
        rocksdb_close(db->db);
    }
    rocksdb_options_destroy(db->options);
    rocksdb_block_based_options_destroy(db->table_options);
    rocksdb_cache_destroy(db->block_cache);
    rocksdb_readoptions_destroy(db->read_options);
    rocksdb_writeoptions_destroy(db->write_options);
    free(db);
}

static enum status get(struct state_db *db, const struct key *key, char **out, size_t *out_len)
{
    char *text = NULL;

    if (fault_hit("state_read"))
        return ERR_IO;
    char *value = rocksdb_get(db->db, db->read_options, key->bytes, key->len, out_len, &text);

    if (text)
        return db_error(NULL, "cannot read", text);
    if (!value)
        return ERR_NOT_FOUND;
    *out = value;
    return OK;
}

enum status state_db_get_user(struct state_db *db, uint16_t task, struct str user_id,
                              char **out, size_t *out_len)
{
    struct key key = task_key(task, 'u', 0, user_id);

    return get(db, &key, out, out_len);
}

enum status state_db_get_position(struct state_db *db, uint16_t task, char **out,
                                  size_t *out_len)
{
    struct key key = task_key(task, 'p', 0, none);

    return get(db, &key, out, out_len);
}

enum status state_db_get_watermark(struct state_db *db, uint16_t task,
                                   struct task_watermark *out)
{
    struct key key = task_key(task, 'w', 0, none);
    char *value;
    size_t len;

    TRY(get(db, &key, &value, &len));
    struct byte_reader r = byte_reader_of(value, len);

    out->changelog_next = (int64_t)bytes_get_u64(&r);
    out->wall_ms = (int64_t)bytes_get_u64(&r);
    free(value);
    return r.bad ? ERR_IO : OK;
}

struct state_write *state_write_open(void)
{
    struct state_write *write = calloc(1, sizeof(*write));

    if (write)
        write->batch = rocksdb_writebatch_create();
    return write;
}

void state_write_close(struct state_write *write)
{
    if (!write)
        return;
    rocksdb_writebatch_destroy(write->batch);
    free(write);
}

static void put(struct state_write *write, struct key key, const char *value, size_t len)
{
    rocksdb_writebatch_put(write->batch, key.bytes, key.len, value, len);
    write->bytes += key.len + len;
}

void state_write_user(struct state_write *write, uint16_t task, struct str user_id,
                      const char *bytes, size_t len)
{
    struct key key = task_key(task, 'u', 0, user_id);

    if (len == 0) {
        rocksdb_writebatch_delete(write->batch, key.bytes, key.len);
        write->bytes += key.len;
        return;
    }
    put(write, key, bytes, len);
    int64_t fire_ms = user_bytes_next_fire((const uint8_t *)bytes, len);

    if (fire_ms != INT64_MAX)
        put(write, task_key(task, 't', fire_ms, user_id), "", 0);
}

void state_write_remove_hint(struct state_write *write, uint16_t task, int64_t fire_ms,
                             struct str user_id)
{
    struct key key = task_key(task, 't', fire_ms, user_id);

    rocksdb_writebatch_delete(write->batch, key.bytes, key.len);
    write->bytes += key.len;
}

void state_write_position(struct state_write *write, uint16_t task, const char *bytes,
                          size_t len)
{
    put(write, task_key(task, 'p', 0, none), bytes, len);
}

void state_write_watermark(struct state_write *write, uint16_t task,
                           const struct task_watermark *watermark)
{
    char bytes[16];
    struct byte_writer w = byte_writer_of(bytes, sizeof(bytes));

    bytes_put_u64(&w, (uint64_t)watermark->changelog_next);
    bytes_put_u64(&w, (uint64_t)watermark->wall_ms);
    put(write, task_key(task, 'w', 0, none), bytes, sizeof(bytes));
}

size_t state_write_bytes(const struct state_write *write)
{
    return write->bytes;
}

enum status state_db_commit(struct state_db *db, struct state_write *write, struct error *err)
{
    char *text = NULL;

    if (fault_hit("state_write"))
        return error_set(err, ERR_IO, "state: fault point state_write");
    rocksdb_write(db->db, db->write_options, write->batch, &text);
    if (text)
        return db_error(err, "cannot write (is the disk full?)", text);
    rocksdb_writebatch_clear(write->batch);
    write->bytes = 0;
    if (fault_hit("state_flush")) /* as if the memtable had been full just now */
        return state_db_flush(db, err);
    return OK;
}

/* Iterates the keys that begin with prefix; each() false stops. */
static enum status each_key(struct state_db *db, const char *prefix, size_t prefix_len,
                            bool (*each)(void *context, struct byte_reader key,
                                         const char *value, size_t len),
                            void *context, struct error *err)
{
    rocksdb_iterator_t *it = rocksdb_create_iterator(db->db, db->read_options);
    char *text = NULL;
    bool more = true;

    for (rocksdb_iter_seek(it, prefix, prefix_len); more && rocksdb_iter_valid(it);
         rocksdb_iter_next(it)) {
        size_t key_len, len;
        const char *key = rocksdb_iter_key(it, &key_len);
        const char *value = rocksdb_iter_value(it, &len);

        if (key_len < prefix_len || memcmp(key, prefix, prefix_len) != 0)
            break;
        more = each(context, byte_reader_of(key, key_len), value, len);
    }
    rocksdb_iter_get_error(it, &text);
    rocksdb_iter_destroy(it);
    return text ? db_error(err, "cannot iterate", text) : OK;
}

struct hint_walk {
    void (*each)(void *context, int64_t fire_ms, struct str user_id);
    void *context;
};

static bool walk_hint(void *context, struct byte_reader key, const char *value, size_t len)
{
    struct hint_walk *walk = context;

    (void)value;
    (void)len;
    bytes_take(&key, 4);
    int64_t fire_ms = (int64_t)(bytes_get_u64be(&key) ^ (1ULL << 63));

    if (!key.bad)
        walk->each(walk->context, fire_ms,
                   (struct str){(const char *)key.at, (uint32_t)(key.end - key.at)});
    return true;
}

enum status state_db_each_hint(struct state_db *db, uint16_t task,
                               void (*each)(void *context, int64_t fire_ms, struct str user_id),
                               void *context, struct error *err)
{
    struct hint_walk walk = {each, context};
    struct key prefix = task_key(task, 't', 0, none);

    return each_key(db, prefix.bytes, 4, walk_hint, &walk, err);
}

struct user_walk {
    bool (*each)(void *context, uint16_t task, struct str user_id, const char *bytes,
                 size_t len);
    void *context;
};

static bool walk_user(void *context, struct byte_reader key, const char *value, size_t len)
{
    struct user_walk *walk = context;
    const uint8_t *head = bytes_take(&key, 4);

    if (!head || head[3] != 'u')
        return true;
    return walk->each(walk->context, (uint16_t)(head[1] << 8 | head[2]),
                      (struct str){(const char *)key.at, (uint32_t)(key.end - key.at)}, value,
                      len);
}

enum status state_db_each_user(struct state_db *db, int task,
                               bool (*each)(void *context, uint16_t task, struct str user_id,
                                            const char *bytes, size_t len),
                               void *context, struct error *err)
{
    struct user_walk walk = {each, context};
    struct key prefix = task_key((uint16_t)(task < 0 ? 0 : task), 'u', 0, none);

    return each_key(db, prefix.bytes, task < 0 ? 1 : 4, walk_user, &walk, err);
}

enum status state_db_drop_task(struct state_db *db, uint16_t task, struct error *err)
{
    struct key begin = task_key(task, 0, 0, none), end = task_key(task, (char)0x7f, 0, none);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    char *text = NULL;

    rocksdb_writebatch_delete_range(batch, begin.bytes, begin.len, end.bytes, end.len);
    rocksdb_write(db->db, db->write_options, batch, &text);
    rocksdb_writebatch_destroy(batch);
    return text ? db_error(err, "cannot remove a task", text) : OK;
}

enum { COPY_STEP_BYTES = 4 << 20 };

/* Puts every key of the iterator into the other database. */
static enum status copy_keys(rocksdb_iterator_t *it, struct state_db *to, struct error *err)
{
    struct state_write *write = state_write_open();
    enum status status = write ? OK : error_set(err, ERR_NOMEM, "state: out of memory");

    for (rocksdb_iter_seek_to_first(it); status == OK && rocksdb_iter_valid(it);
         rocksdb_iter_next(it)) {
        size_t key_len, len;
        const char *key = rocksdb_iter_key(it, &key_len);
        const char *value = rocksdb_iter_value(it, &len);

        rocksdb_writebatch_put(write->batch, key, key_len, value, len);
        write->bytes += key_len + len;
        if (write->bytes >= COPY_STEP_BYTES)
            status = state_db_commit(to, write, err);
    }
    if (status == OK)
        status = state_db_commit(to, write, err);
    state_write_close(write);
    return status;
}

enum status state_db_copy(struct state_db *db, const char *dir, struct error *err)
{
    struct state_db_options options = {.dir = dir,
                                       .app = "",
                                       .cluster = "",
                                       .memtable_bytes = 16 << 20,
                                       .block_cache_bytes = 8 << 20};
    struct state_db *to = NULL;
    char *text = NULL;

    if (access(dir, F_OK) == 0)
        return error_set(err, ERR_STATE, "'%s' exists already; name a new folder", dir);
    TRY(state_db_open(&options, &to, err));
    rocksdb_iterator_t *it = rocksdb_create_iterator(db->db, db->read_options);
    enum status status = copy_keys(it, to, err);

    rocksdb_iter_get_error(it, &text);
    rocksdb_iter_destroy(it);
    if (text)
        status = db_error(err, "cannot read", text);
    if (status == OK)
        status = state_db_flush(to, err);
    state_db_close(to);
    return status;
}

void state_db_size(struct state_db *db, size_t *out_memory, size_t *out_disk)
{
    static const char *const in_memory[] = {"rocksdb.cur-size-all-mem-tables",
                                            "rocksdb.estimate-table-readers-mem",
                                            "rocksdb.block-cache-usage"};
    uint64_t value = 0;

    *out_memory = 0;
    for (int i = 0; i < 3; i++) {
        if (rocksdb_property_int(db->db, in_memory[i], &value) == 0)
            *out_memory += value;
    }
    *out_disk =
        rocksdb_property_int(db->db, "rocksdb.live-sst-files-size", &value) == 0 ? value : 0;
}
