/*
 * One step per character. What the second byte may be depends on the first: that is where
 * overlong forms, surrogates and numbers beyond U+10FFFF are caught (RFC 3629, section 4).
 */
#include "schemas/utf8.h"

/* Bytes of the character at text, 0: none. */
static size_t character(const uint8_t *text, size_t n)
{
    uint8_t first = text[0];
    uint8_t low = 0x80, high = 0xbf; /* of the second byte */
    size_t size;

    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (n < size || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

bool utf8_valid_ref(const uint8_t *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t size = character(text + i, n - i);

        if (size == 0)
            return false;
        i += size;
    }
    return true;
}
