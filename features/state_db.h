/*
 * The state on disk: ONE RocksDB database per process, the keys of its tasks side by side.
 *
 *   0x00 name                  what the folder is: app, cluster, format
 *   0x01 task(2, big-endian) 'u' user id        a person's bytes (user_codec.h)
 *   0x01 task                't' fire(8, be) user id   hint: a timer may be due then
 *   0x01 task                'p'                position as of the watermark
 *   0x01 task                'w'                watermark: see below
 *
 * The write-ahead log is off: Kafka's changelog is the log. All keys live in one column family,
 * so what a crash leaves is a prefix of what was written. A task's *watermark* is the changelog
 * offset up to which every value has been written; it is written with the last values of a
 * flush, so it never says more than the disk holds.
 *
 * Thread-safe: workers read, the flusher and the restorer write.
 */
#ifndef FRESHET_FEATURES_STATE_DB_H
#define FRESHET_FEATURES_STATE_DB_H

#include "core/base/status.h"
#include "core/base/str.h"

#include <stddef.h>

struct state_db;

struct state_db_options {
    const char *dir;
    const char *app,
        *cluster; /* must be those the folder was made with; cluster "": not checked */
    size_t memtable_bytes, block_cache_bytes;
    bool read_only; /* works while another process has the folder open; nothing is written */
};

/**
 * Opens or makes the folder. ERR_STATE: it belongs to another app or cluster, or a process has
 * it open; ERR_IO: cannot be read or written. The sentence names the folder and the remedy.
 */
enum status state_db_open(const struct state_db_options *options, struct state_db **out,
                          struct error *err);

/** Writes what is in memory to disk and closes. NULL is a no-op. */
void state_db_close(struct state_db *db);

/** A person's bytes into *out (malloc'ed, the caller's). ERR_NOT_FOUND, ERR_IO. */
enum status state_db_get_user(struct state_db *db, uint16_t task, struct str user_id,
                              char **out, size_t *out_len);

struct task_watermark {
    int64_t changelog_next; /* every value before this offset is on disk */
    int64_t wall_ms;        /* when it was written */
};

/** ERR_NOT_FOUND: nothing of that task is here. */
enum status state_db_get_watermark(struct state_db *db, uint16_t task,
                                   struct task_watermark *out);
/** The position's bytes as of the watermark, malloc'ed. */
enum status state_db_get_position(struct state_db *db, uint16_t task, char **out,
                                  size_t *out_len);

/* A set of writes that takes effect as one. The caller's; one thread. */
struct state_write;
struct state_write *state_write_open(void); /* NULL: out of memory */
void state_write_close(struct state_write *write);
/** len 0: the person goes. Adds the timer hint that the bytes name. */
void state_write_user(struct state_write *write, uint16_t task, struct str user_id,
                      const char *bytes, size_t len);
void state_write_remove_hint(struct state_write *write, uint16_t task, int64_t fire_ms,
                             struct str user_id);
void state_write_position(struct state_write *write, uint16_t task, const char *bytes,
                          size_t len);
void state_write_watermark(struct state_write *write, uint16_t task,
                           const struct task_watermark *watermark);
size_t state_write_bytes(const struct state_write *write);
/** Writes and empties it. ERR_IO with RocksDB's words (a full disk): nothing of it is written.
 */
enum status state_db_commit(struct state_db *db, struct state_write *write, struct error *err);

/** Calls each() for every timer hint of the task, earliest first. */
enum status state_db_each_hint(struct state_db *db, uint16_t task,
                               void (*each)(void *context, int64_t fire_ms, struct str user_id),
                               void *context, struct error *err);

/** Calls each() for every person of the task (all tasks: task < 0) in key order. */
enum status state_db_each_user(struct state_db *db, int task,
                               bool (*each)(void *context, uint16_t task, struct str user_id,
                                            const char *bytes, size_t len),
                               void *context, struct error *err);

/** Removes everything of the task. */
enum status state_db_drop_task(struct state_db *db, uint16_t task, struct error *err);

/** Writes memtables to disk. */
enum status state_db_flush(struct state_db *db, struct error *err);

/**
 * A copy of everything into dir, which must not exist: the keys of one moment, also from a
 * folder that a running process has open (then read_only). Takes the time of reading it all.
 */
enum status state_db_copy(struct state_db *db, const char *dir, struct error *err);

/** RocksDB's estimate of bytes in memory and on disk. */
void state_db_size(struct state_db *db, size_t *out_memory, size_t *out_disk);

#endif
