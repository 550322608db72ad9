/*
 * How a call that can fail says so: a status, and a sentence for a person.
 */
#ifndef FRESHET_CORE_BASE_STATUS_H
#define FRESHET_CORE_BASE_STATUS_H

enum status {
    OK = 0,
    ERR_INVALID,   /* what the caller or the settings asked for makes no sense */
    ERR_NOMEM,     /* out of memory, or a memory budget is used up */
    ERR_IO,        /* a file, socket or store failed */
    ERR_FULL,      /* a bounded thing has no room; what was there is as it was */
    ERR_NOT_FOUND, /* there is no such thing */
    ERR_TIMEOUT,   /* not finished in time; asking again is allowed */
    ERR_STATE,     /* not possible in the state things are in */
    ERR_FENCED,    /* somebody else owns this now */
};

enum { ERROR_TEXT_MAX = 512 }; /* a sentence with a path in it; longer ones are cut */

/** A sentence that names the file, key or topic and the remedy. The caller's storage. */
struct error {
    enum status status;
    char text[ERROR_TEXT_MAX];
};

/** Fills err (may be NULL) with a printf-style sentence and returns status. */
enum status error_set(struct error *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** A fixed word for a status, for logs. */
const char *status_name(enum status status);

/** Returns early on failure; for functions that own nothing at that point. */
#define TRY(call)                                                                              \
    do {                                                                                       \
        enum status try_status_ = (call);                                                      \
        if (try_status_ != OK)                                                                 \
            return try_status_;                                                                \
    } while (0)

/** Stops the program, in release too: a broken invariant must not reach Kafka or disk. */
#define ensure(condition)                                                                      \
    ((condition) ? (void)0 : ensure_failed(#condition, __FILE__, __LINE__))
_Noreturn void ensure_failed(const char *condition, const char *file, int line);

#endif
