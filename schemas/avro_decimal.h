/*
 * Decimals between Avro's bytes (big-endian two's complement) and an int64 of fixed scale.
 */
#ifndef FRESHET_SCHEMAS_AVRO_DECIMAL_H
#define FRESHET_SCHEMAS_AVRO_DECIMAL_H

#include "core/base/str.h"

#include <stddef.h>
#include <stdint.h>

enum {
    DECIMAL_DIGITS_MAX = 18, /* 10^18 < 2^63 */
    DECIMAL_BYTES_MAX = 8,
};

/** 10^n for n in 0..18. */
int64_t power_of_ten(int32_t n);

/**
 * The number in bytes times 10^exponent. False: no byte at all, no whole number, or its amount
 * is not below limit.
 */
bool decimal_read(struct str bytes, int32_t exponent, int64_t limit, int64_t *out);

/** Writes value with the fewest bytes that keep its sign, as Java does; their number, 1..8. */
size_t decimal_write(int64_t value, uint8_t out[DECIMAL_BYTES_MAX]);

#endif
