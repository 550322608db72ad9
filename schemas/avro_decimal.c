/*
 * Reading goes through 128 bits: a writer may use a larger scale than ours, and its number fits
 * ours only after the division.
 */
#include "schemas/avro_decimal.h"

#include <endian.h>

int64_t power_of_ten(int32_t n)
{
    int64_t power = 1;

    while (n-- > 0)
        power *= 10;
    return power;
}

/* Bytes of any length; false: none, or more than 128 bits that mean something. */
static bool read_wide(const uint8_t *bytes, uint32_t n, __int128 *out)
{
    uint8_t sign = n > 0 && bytes[0] >= 0x80 ? 0xff : 0;
    unsigned __int128 value = sign ? ~(unsigned __int128)0 : 0;

    if (n == 0)
        return false;
    while (n > sizeof(value)) { /* what only repeats the sign */
        if (bytes[0] != sign || (bytes[1] & 0x80) != (sign & 0x80))
            return false;
        bytes++;
        n--;
    }
    for (uint32_t i = 0; i < n; i++)
        value = value << 8 | bytes[i];
    *out = (__int128)value;
    return true;
}

bool decimal_read(struct str bytes, int32_t exponent, int64_t limit, int64_t *out)
{
    __int128 value;

    if (!read_wide((const uint8_t *)bytes.ptr, bytes.len, &value))
        return false;
    for (; exponent < 0 && value != 0; exponent++) {
        if (value % 10 != 0)
            return false;
        value /= 10;
    }
    for (; exponent > 0 && value > -limit && value < limit && value != 0; exponent--)
        value *= 10;
    if (value <= -limit || value >= limit)
        return false;
    *out = (int64_t)value;
    return true;
}

size_t decimal_write(int64_t value, uint8_t out[DECIMAL_BYTES_MAX])
{
    uint64_t bits = htobe64((uint64_t)value);
    size_t n_spare = (size_t)__builtin_clrsbll(value) / 8; /* bytes that only repeat the sign */

    memcpy(out, (const uint8_t *)&bits + n_spare, DECIMAL_BYTES_MAX - n_spare);
    return DECIMAL_BYTES_MAX - n_spare;
}
