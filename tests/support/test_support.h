/* What the cmocka tests share: include this instead of cmocka.h. */
#ifndef FRESHET_TESTS_SUPPORT_H
#define FRESHET_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/** |a - b| <= tolerance, with both values in the message. */
#define assert_close(a, b, tolerance)                                                          \
    assert_close_at((double)(a), (double)(b), (double)(tolerance), __FILE__, __LINE__)
void assert_close_at(double a, double b, double tolerance, const char *file, int line);

/** A new empty folder, removed by test_remove_folder(); the caller frees the path. */
char *test_make_folder(void);
void test_remove_folder(char *path);

#endif
