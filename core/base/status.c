#include "core/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum status error_set(struct error *err, enum status status, const char *format, ...)
{
    va_list args;

    if (!err)
        return status;
    err->status = status;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return status;
}

const char *status_name(enum status status)
{
    static const char *const names[] = {
        [OK] = "ok",
        [ERR_INVALID] = "invalid",
        [ERR_NOMEM] = "out_of_memory",
        [ERR_IO] = "io",
        [ERR_FULL] = "full",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_TIMEOUT] = "timeout",
        [ERR_STATE] = "wrong_state",
        [ERR_FENCED] = "fenced",
    };
    return names[status];
}

void ensure_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "level=fatal event=broken_invariant condition=\"%s\" at=%s:%d\n", condition,
            file, line);
    abort();
}
