/* Decimals: bytes of any length and scale to an int64 of ours, and back. */
#include "schemas/avro_decimal.h"
#include "tests/support/test_support.h"

static const int64_t LIMIT = 1000000000000000000; /* 10^18 */

#define BYTES(literal) ((struct str){literal, sizeof(literal) - 1})

static void powers_of_ten_are_exact(void **state)
{
    (void)state;
    assert_true(power_of_ten(0) == 1);
    assert_true(power_of_ten(4) == 10000);
    assert_true(power_of_ten(DECIMAL_DIGITS_MAX) == LIMIT);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 60; bit++) {
        for (int64_t delta = -1; delta <= 1; delta++) {
            for (int sign = -1; sign <= 1; sign += 2) {
                int64_t value = sign * (((int64_t)1 << bit) + delta), got;
                uint8_t bytes[DECIMAL_BYTES_MAX];
                size_t n = decimal_write(value, bytes);
                struct str text = {(const char *)bytes, (uint32_t)n};

                if (value <= -LIMIT || value >= LIMIT)
                    continue;
                assert_true(decimal_read(text, 0, LIMIT, &got));
                assert_true(got == value);
                if (n > 1) { /* one byte less would have another value */
                    struct str shorter = {text.ptr + 1, text.len - 1};

                    assert_true(decimal_read(shorter, 0, LIMIT, &got));
                    assert_false(got == value);
                }
            }
        }
    }
}

static void scales_are_changed_only_without_loss(void **state)
{
    int64_t got;

    (void)state;
    assert_true(decimal_read(BYTES("\x7b"), 2, LIMIT, &got)); /* 123 */
    assert_true(got == 12300);
    assert_true(decimal_read(BYTES("\x30\x0c"), -2, LIMIT, &got)); /* 12300 */
    assert_true(got == 123);
    assert_false(decimal_read(BYTES("\x30\x0d"), -2, LIMIT, &got));
    assert_true(decimal_read(BYTES("\x00"), -1000000, LIMIT, &got)); /* nothing is nothing */
    assert_true(got == 0);
    assert_true(decimal_read(BYTES("\x00"), 1000000, LIMIT, &got));
    assert_false(decimal_read(BYTES("\x01"), 1000000, LIMIT, &got));
    assert_false(decimal_read(BYTES("\x01"), -1000000, LIMIT, &got));
}

static void number_of_more_than_64_bits_may_fit_after_the_division(void **state)
{
    /* 7 * 10^30, 13 bytes */
    static const char wide[] = "\x58\x5a\x38\x49\xb1\xed\x32\x81\x67\xc0\x00\x00\x00";
    int64_t got;

    (void)state;
    assert_true(decimal_read(BYTES("\x0d\xe0\xb6\xb3\xa7\x63\xff\xff"), 0, LIMIT, &got));
    assert_false(decimal_read(BYTES("\x0d\xe0\xb6\xb3\xa7\x64\x00\x00"), 0, LIMIT, &got));
    assert_false(decimal_read(BYTES("\xf2\x1f\x49\x4c\x58\x9c\x00\x00"), 0, LIMIT, &got));
    assert_true(decimal_read(BYTES("\xf2\x1f\x49\x4c\x58\x9c\x00\x01"), 0, LIMIT, &got));
    assert_false(decimal_read(BYTES(wide), 0, LIMIT, &got));
    assert_true(decimal_read(BYTES(wide), -30, LIMIT, &got));
    assert_true(got == 7);
}

static void bytes_without_a_number_are_none(void **state)
{
    int64_t got;

    (void)state;
    assert_false(decimal_read((struct str){"", 0}, 0, LIMIT, &got));
    /* 17 bytes: a sign that is only repeated, and one that is not */
    assert_true(decimal_read(BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05"), 0, LIMIT, &got));
    assert_true(got == 5);
    assert_false(decimal_read(BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05"), 0, LIMIT, &got));
    assert_false(decimal_read(BYTES("\0\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05"), 0, LIMIT, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_ten_are_exact),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(scales_are_changed_only_without_loss),
        cmocka_unit_test(number_of_more_than_64_bits_may_fit_after_the_division),
        cmocka_unit_test(bytes_without_a_number_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
