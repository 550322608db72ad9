/* Varints: the eight-at-once reader against the byte-by-byte one, and against the writer. */
#include "schemas/avro_wire.h"
#include "tests/support/test_support.h"

#include <stdlib.h>

/* Both readers on a block of exactly n bytes; the value, and how many bytes it took (-1: none).
 */
static int read_both(const uint8_t *bytes, size_t n, uint64_t *out)
{
    uint8_t *exact = malloc(n ? n : 1);
    uint64_t plain = 0;

    memcpy(exact, bytes, n);
    *out = 0;
    const uint8_t *at = varint_get(exact, exact + n, out);
    const uint8_t *at_ref = varint_get_ref(exact, exact + n, &plain);
    int size = at ? (int)(at - exact) : -1;

    assert_int_equal(size, at_ref ? (int)(at_ref - exact) : -1);
    if (at)
        assert_true(*out == plain);
    free(exact);
    return size;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (1ULL << bit) + (uint64_t)(int64_t)delta, got;
            uint8_t bytes[VARINT_BYTES_MAX + 8] = {0};
            size_t n = (size_t)(varint_put(bytes, value) - bytes);

            assert_int_equal(read_both(bytes, n, &got), n);
            assert_true(got == value);
            assert_int_equal(read_both(bytes, sizeof(bytes), &got), n); /* bytes behind it */
            assert_true(got == value);
            for (size_t cut = 0; cut < n; cut++)
                assert_int_equal(read_both(bytes, cut, &got), -1);
        }
    }
}

static void more_than_64_bits_are_no_number(void **state)
{
    uint8_t bytes[12];
    uint64_t got;

    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    bytes[9] = 1;
    assert_int_equal(read_both(bytes, 10, &got), 10);
    assert_true(got == UINT64_MAX);
    bytes[9] = 2; /* bit 64 */
    assert_int_equal(read_both(bytes, 10, &got), -1);
    bytes[9] = 0x81; /* an eleventh byte */
    assert_int_equal(read_both(bytes, 12, &got), -1);
}

static void longer_form_of_a_small_number_is_read(void **state)
{
    uint64_t got;

    (void)state;
    assert_int_equal(read_both((const uint8_t *)"\x85\x80\x00", 3, &got), 3);
    assert_true(got == 5);
    assert_int_equal(
        read_both((const uint8_t *)"\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10, &got), 10);
    assert_true(got == 5);
}

static void zigzag_keeps_small_numbers_small(void **state)
{
    static const int64_t numbers[] = {0,         -1,        1,         -2,       2,
                                      INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        assert_true(zigzag_encode(numbers[i]) == i);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        assert_true(zigzag_decode(zigzag_encode(numbers[i])) == numbers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(more_than_64_bits_are_no_number),
        cmocka_unit_test(longer_form_of_a_small_number_is_read),
        cmocka_unit_test(zigzag_keeps_small_numbers_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
