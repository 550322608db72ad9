/*
 * How a value becomes part of a text. Whatever the target, control characters and the marks
 * that turn the direction of writing are left out: they can make a price read backwards.
 */
#include "producers/template_private.h"

#include <ctype.h>

/* Where a byte may stand as it is. */
enum { PLAIN = 1, HTML = 2, PART = 4, JSON = 8, ADDRESS = 16, ALL = 31 };

/* Bytes from 0x80 on have no class: they may begin a mark and are looked at one by one. */
static const uint8_t classes[256] = {
    [' '] = PLAIN | HTML | JSON,
    ['!'] = ALL,
    ['"'] = PLAIN,
    ['#' ... '%'] = PLAIN | HTML | JSON | ADDRESS,
    ['&'] = PLAIN | JSON | ADDRESS,
    ['\''] = PLAIN | PART | JSON,
    ['(' ... '*'] = ALL,
    ['+' ... ','] = PLAIN | HTML | JSON | ADDRESS,
    ['-' ... '.'] = ALL,
    ['/'] = PLAIN | HTML | ADDRESS, /* JSON: "</" is split */
    ['0' ... '9'] = ALL,
    [':' ... ';'] = PLAIN | HTML | JSON | ADDRESS,
    ['<'] = PLAIN | JSON,
    ['='] = PLAIN | HTML | JSON | ADDRESS,
    ['>'] = PLAIN | JSON,
    ['?' ... '@'] = PLAIN | HTML | JSON | ADDRESS,
    ['A' ... 'Z'] = ALL,
    ['['] = PLAIN | HTML | JSON | ADDRESS,
    ['\\'] = PLAIN | HTML,
    [']'] = PLAIN | HTML | JSON | ADDRESS,
    ['^'] = PLAIN | HTML | JSON,
    ['_'] = ALL,
    ['`'] = PLAIN | HTML | JSON,
    ['a' ... 'z'] = ALL,
    ['{' ... '}'] = PLAIN | HTML | JSON,
    ['~'] = ALL,
};

/* Bytes of a control or direction mark at p, 0 if there is none. Line breaks are not meant. */
static uint32_t mark_size(const unsigned char *p, size_t n)
{
    if (*p < 0x80)
        return (*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f ? 1 : 0;
    if (n >= 2 && *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* C1 */
        return 2;
    if (n >= 2 && *p == 0xd8 && p[1] == 0x9c) /* ALM */
        return 2;
    if (n >= 3 && *p == 0xe2 && p[1] == 0x80 &&
        (p[2] == 0x8e || p[2] == 0x8f ||
         (p[2] >= 0xa8 && p[2] <= 0xae))) /* LRM … RLO, LS, PS */
        return 3;
    if (n >= 3 && *p == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9) /* isolates */
        return 3;
    if (n >= 3 && *p == 0xef && p[1] == 0xbb && p[2] == 0xbf) /* byte order mark */
        return 3;
    return 0;
}

static uint32_t character_size(const unsigned char *p, size_t n)
{
    size_t size = *p < 0xc0 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

    return (uint32_t)(size < n ? size : n);
}

static size_t put(char *out, const char *text)
{
    size_t n = strlen(text);

    memcpy(out, text, n);
    return n;
}

static size_t put_percent(char *out, const unsigned char *p, uint32_t n)
{
    static const char digits[] = "0123456789ABCDEF";

    for (uint32_t i = 0; i < n; i++) {
        out[3 * i] = '%';
        out[3 * i + 1] = digits[p[i] >> 4];
        out[3 * i + 2] = digits[p[i] & 15];
    }
    return (size_t)3 * n;
}

static size_t put_html(char *out, unsigned char c)
{
    switch (c) {
    case '&':
        return put(out, "&amp;");
    case '<':
        return put(out, "&lt;");
    case '>':
        return put(out, "&gt;");
    case '"':
        return put(out, "&#34;");
    case '\'':
        return put(out, "&#39;");
    default:
        *out = (char)c;
        return 1;
    }
}

/* "</" is split, so that no JSON text can close a <script> around it. */
static size_t put_json(char *out, unsigned char c, bool after_less)
{
    switch (c) {
    case '"':
        return put(out, "\\\"");
    case '\\':
        return put(out, "\\\\");
    case '\n':
        return put(out, "\\n");
    case '\t':
        return put(out, "\\t");
    case '/':
        return put(out, after_less ? "\\/" : "/");
    default:
        *out = (char)c;
        return 1;
    }
}

/* One character that the fast run did not take. */
static size_t put_one(enum escape escape, const unsigned char *p, uint32_t n, bool after_less,
                      char *out)
{
    switch (escape) {
    case ESCAPE_LINE:
        if (*p == '\n' || *p == '\t')
            return put(out, " ");
        break;
    case ESCAPE_HTML:
    case ESCAPE_HTML_ATTRIBUTE:
        if (n == 1)
            return put_html(out, *p);
        break;
    case ESCAPE_URL:
    case ESCAPE_HTML_URL:
        if (n == 1 && *p == '&' && escape == ESCAPE_HTML_URL)
            return put_html(out, *p);
        if (classes[*p] & ADDRESS)
            break;
        return put_percent(out, p, n);
    case ESCAPE_URL_PART:
    case ESCAPE_HTML_URL_PART:
        if (*p == '\'' && escape == ESCAPE_HTML_URL_PART) /* could close the attribute */
            return put(out, "%27");
        if (classes[*p] & PART)
            break;
        return put_percent(out, p, n);
    case ESCAPE_JSON_TEXT:
    case ESCAPE_JSON_VALUE:
        if (n == 1)
            return put_json(out, *p, after_less);
        break;
    case ESCAPE_PLAIN:
        break;
    }
    memcpy(out, p, n);
    return n;
}

static unsigned fast_class(enum escape escape)
{
    switch (escape) {
    case ESCAPE_LINE:
    case ESCAPE_PLAIN:
        return PLAIN;
    case ESCAPE_HTML:
    case ESCAPE_HTML_ATTRIBUTE:
        return HTML;
    case ESCAPE_JSON_TEXT:
    case ESCAPE_JSON_VALUE:
        return JSON;
    default:
        return 0;
    }
}

static bool is_address(struct str text)
{
    return (text.len > 8 && memcmp(text.ptr, "https://", 8) == 0) ||
           (text.len > 7 && memcmp(text.ptr, "http://", 7) == 0);
}

size_t escape_text(enum escape escape, struct str text, char *out, bool *ok)
{
    const unsigned char *p = (const unsigned char *)text.ptr, *end = p + text.len;
    unsigned class = fast_class(escape);
    char *at = out;

    *ok = (escape != ESCAPE_URL && escape != ESCAPE_HTML_URL) || is_address(text);
    while (p < end) {
        if (classes[*p] & class) {
            *at++ = (char)*p++;
            continue;
        }
        size_t left = (size_t)(end - p);
        uint32_t n = mark_size(p, left);

        if (n == 0) {
            bool after_less = p > (const unsigned char *)text.ptr && p[-1] == '<';

            n = character_size(p, left);
            at += put_one(escape, p, n, after_less, at);
        }
        p += n;
    }
    return (size_t)(at - out);
}
