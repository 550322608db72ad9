/*
 * Is it UTF-8? Avro strings must be; bytes from outside may not.
 */
#ifndef FRESHET_SCHEMAS_UTF8_H
#define FRESHET_SCHEMAS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Whole, shortest-form sequences of U+0000..U+10FFFF without surrogates (RFC 3629). */
bool utf8_valid_ref(const uint8_t *text, size_t n);

/** As utf8_valid_ref, fast where all is ASCII, eight bytes at a time. */
static inline bool utf8_valid(const uint8_t *text, size_t n)
{
    const uint64_t high = 0x8080808080808080u;
    uint64_t seen = 0, word;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        memcpy(&word, text + i, 8);
        seen |= word;
    }
    if (i < n && n >= 8) { /* the last eight, some of them for the second time */
        memcpy(&word, text + n - 8, 8);
        seen |= word;
    }
    for (; n < 8 && i < n; i++)
        seen |= text[i];
    return (seen & high) == 0 || utf8_valid_ref(text, n);
}

#endif
