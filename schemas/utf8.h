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

static inline uint64_t utf8_load(const uint8_t *text, size_t n)
{
    uint64_t word = 0;

    memcpy(&word, text, n);
    return word;
}

/**
 * As utf8_valid_ref, fast where all is ASCII: words, of which the last two may overlap. Most
 * texts of a record are ids of 5 to 36 bytes.
 */
static inline bool utf8_valid(const uint8_t *text, size_t n)
{
    uint64_t seen = 0;

    if (n >= 8) {
        for (size_t i = 0; i + 8 < n; i += 8)
            seen |= utf8_load(text + i, 8);
        seen |= utf8_load(text + n - 8, 8);
    } else if (n >= 4) {
        seen = utf8_load(text, 4) | utf8_load(text + n - 4, 4);
    } else if (n > 0) {
        seen = (uint64_t)(text[0] | text[n / 2] | text[n - 1]);
    }
    return (seen & 0x8080808080808080u) == 0 || utf8_valid_ref(text, n);
}

#endif
