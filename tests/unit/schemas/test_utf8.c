/* UTF-8 by RFC 3629, and the fast check against the plain one. */
#include "schemas/utf8.h"
#include "tests/support/test_support.h"

#include <stdlib.h>

#define VALID(literal) utf8_valid((const uint8_t *)literal, sizeof(literal) - 1)

static void characters_of_every_length_are_valid(void **state)
{
    (void)state;
    assert_true(VALID(""));
    assert_true(VALID("plain text, longer than eight bytes"));
    assert_true(VALID("a\0b"));
    assert_true(VALID("\xc2\x80"));         /* U+0080 */
    assert_true(VALID("\xdf\xbf"));         /* U+07FF */
    assert_true(VALID("\xe0\xa0\x80"));     /* U+0800 */
    assert_true(VALID("\xed\x9f\xbf"));     /* U+D7FF */
    assert_true(VALID("\xee\x80\x80"));     /* U+E000 */
    assert_true(VALID("\xef\xbf\xbf"));     /* U+FFFF */
    assert_true(VALID("\xf0\x90\x80\x80")); /* U+10000 */
    assert_true(VALID("\xf4\x8f\xbf\xbf")); /* U+10FFFF */
}

static void malformed_sequences_are_not(void **state)
{
    (void)state;
    assert_false(VALID("\x80"));             /* no first byte */
    assert_false(VALID("\xc2"));             /* cut off */
    assert_false(VALID("\xe2\x82"));         /* cut off */
    assert_false(VALID("\xf0\x90\x80"));     /* cut off */
    assert_false(VALID("\xc2\x41"));         /* no second byte */
    assert_false(VALID("\xe2\x82\x41"));     /* no third byte */
    assert_false(VALID("\xff"));             /* no byte of UTF-8 */
    assert_false(VALID("\xf8\x88\x80\x80")); /* five bytes in the old scheme */
}

static void overlong_forms_and_surrogates_are_not(void **state)
{
    (void)state;
    assert_false(VALID("\xc0\x80"));
    assert_false(VALID("\xc1\xbf"));
    assert_false(VALID("\xe0\x9f\xbf"));
    assert_false(VALID("\xf0\x8f\xbf\xbf"));
    assert_false(VALID("\xed\xa0\x80"));     /* U+D800 */
    assert_false(VALID("\xed\xbf\xbf"));     /* U+DFFF */
    assert_false(VALID("\xf4\x90\x80\x80")); /* U+110000 */
}

static void bad_byte_is_found_at_every_place_of_every_length(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n++) {
        for (size_t at = 0; at < n; at++) {
            uint8_t *text = malloc(n); /* exact: a sanitizer sees a step too far */

            memset(text, 'a', n);
            assert_true(utf8_valid(text, n));
            text[at] = 0xff;
            assert_false(utf8_valid(text, n));
            free(text);
        }
    }
}

static void fast_check_agrees_with_the_plain_one(void **state)
{
    uint64_t random = 88172645463325252u; /* xorshift */

    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint8_t text[24];
        size_t n = random % sizeof(text);

        for (size_t b = 0; b < n; b++) { /* few values, so that some sequences are whole */
            static const uint8_t bytes[] = {'a', 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xf0, 0x9f};

            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            text[b] = bytes[random % sizeof(bytes)];
        }
        assert_int_equal(utf8_valid(text, n), utf8_valid_ref(text, n));
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_every_length_are_valid),
        cmocka_unit_test(malformed_sequences_are_not),
        cmocka_unit_test(overlong_forms_and_surrogates_are_not),
        cmocka_unit_test(bad_byte_is_found_at_every_place_of_every_length),
        cmocka_unit_test(fast_check_agrees_with_the_plain_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
