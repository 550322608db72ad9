/*
 * Patterns like "/v1/users/{user}/recommendations" against raw paths, segment by segment.
 *
 * A path is cut at its slashes first and decoded afterwards, so an id may contain a slash
 * (%2F) without becoming two segments.
 */
#include "core/http_private.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int http_percent_decode(const char *text, size_t n, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        int high, low;

        if (text[i] != '%') {
            out[used++] = text[i];
            continue;
        }
        high = n - i > 2 ? hex_digit(text[i + 1]) : -1;
        low = n - i > 2 ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return -1;
        out[used++] = (char)(high << 4 | low);
        i += 2;
    }
    return (int)used;
}

bool http_route_match(const char *pattern, const char *path, struct str *parts, char *scratch)
{
    int n_parts = 0;

    for (;;) {
        size_t want = strcspn(pattern, "/"), got = strcspn(path, "/");

        if (pattern[0] == '{') {
            int n = n_parts < HTTP_PATH_PARTS_MAX && got > 0
                        ? http_percent_decode(path, got, scratch)
                        : -1;

            if (n < 0)
                return false;
            parts[n_parts++] = (struct str){scratch, (uint32_t)n};
            scratch += n;
        } else if (want != got || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += got;
        if (!*pattern || !*path)
            return *pattern == *path;
        pattern++;
        path++;
    }
}
