/*
 * A string that somebody else owns: pointer and length, no terminator.
 * ptr NULL means "absent", which is not the same as empty.
 */
#ifndef FRESHET_CORE_BASE_STR_H
#define FRESHET_CORE_BASE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    uint32_t len;
};

/** For a literal or a terminated string that outlives the str. */
static inline struct str str_of(const char *text)
{
    return (struct str){text, text ? (uint32_t)strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** Byte order, shorter first where one is the other's prefix: <0, 0, >0. */
static inline int str_compare(struct str a, struct str b)
{
    uint32_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/** For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

#endif
