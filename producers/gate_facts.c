/*
 * Facts: whatever in the rendered text only a fact may say (a digit, a fraction, a currency or
 * percent sign; template_is_claim) must lie in a span that a record answers for: a field of
 * the catalogue, or of the person's own cart. An author's "-20 %" has none, so it is refused,
 * and so is a number put together from two spans ("1" and "9" side by side).
 *
 * What is looked at is what a reader sees: of HTML the text, alt and title, not the widths and
 * colours; of plain text not the addresses.
 */
#include "producers/gate.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

struct scan {
    const struct template_output *output;
    uint32_t span; /* the first that does not end before the place looked at */
    uint32_t bad;  /* place of the first claim without a field */
};

static bool answers(const struct template_span *span)
{
    return span->record &&
           (span->record->source == SOURCE_CATALOG || span->record->source == SOURCE_PERSON ||
            span->record->source == SOURCE_LINK);
}

/* Places are asked in rising order. */
static bool is_covered(struct scan *scan, uint32_t at)
{
    const struct template_output *output = scan->output;

    while (scan->span < output->n_spans &&
           output->spans[scan->span].offset + output->spans[scan->span].length <= at)
        scan->span++;
    return scan->span < output->n_spans && output->spans[scan->span].offset <= at &&
           answers(&output->spans[scan->span]);
}

static bool allowed(struct scan *scan, uint32_t at, uint32_t code_point)
{
    if (!template_is_claim(code_point) || is_covered(scan, at))
        return true;
    scan->bad = at;
    return false;
}

static bool starts_with(struct str text, uint32_t at, const char *word)
{
    size_t n = strlen(word);

    return text.len - at >= n && strncasecmp(text.ptr + at, word, n) == 0;
}

static bool scan_plain(struct scan *scan)
{
    struct str text = scan->output->text;

    for (uint32_t at = 0; at < text.len;) {
        uint32_t begin = at;

        if ((text.ptr[at] | 0x20) == 'h' &&
            (starts_with(text, at, "https://") || starts_with(text, at, "http://"))) {
            while (at < text.len && !isspace((unsigned char)text.ptr[at]))
                at++;
            continue;
        }
        if (!allowed(scan, begin, template_next_code_point(text, &at)))
            return false;
    }
    return true;
}

/* ---- HTML ---- */

/* A character reference that names a claim: &#8364; or &euro;. Moves past it. */
static bool scan_reference(struct scan *scan, uint32_t *at)
{
    static const char *const names[] = {"euro",   "pound",  "yen",    "cent",   "curren",
                                        "percnt", "dollar", "frac12", "frac14", "frac34",
                                        "sup1",   "sup2",   "sup3",   "permil"};
    struct str text = scan->output->text;
    uint32_t begin = *at, end = begin + 1;

    while (end < text.len && end - begin < 12 &&
           (isalnum((unsigned char)text.ptr[end]) || text.ptr[end] == '#'))
        end++;
    *at = end;
    if (end - begin > 2 && text.ptr[begin + 1] == '#') {
        bool hex = tolower((unsigned char)text.ptr[begin + 2]) == 'x';
        char digits[16] = {0};

        memcpy(digits, text.ptr + begin + 2 + hex, end - begin - 2 - hex);
        return allowed(scan, begin, (uint32_t)strtoul(digits, NULL, hex ? 16 : 10));
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (end - begin - 1 == strlen(names[i]) && starts_with(text, begin + 1, names[i]))
            return allowed(scan, begin, '%');
    }
    return true;
}

static bool scan_visible(struct scan *scan, uint32_t *at, uint32_t end, char stop)
{
    struct str text = {scan->output->text.ptr, end};

    while (*at < end && text.ptr[*at] != stop) {
        uint32_t begin = *at;

        if (text.ptr[begin] == '&') {
            if (!scan_reference(scan, at))
                return false;
        } else if (!allowed(scan, begin, template_next_code_point(text, at))) {
            return false;
        }
    }
    return true;
}

static uint32_t find(struct str text, uint32_t at, const char *word)
{
    while (at < text.len && !starts_with(text, at, word))
        at++;
    return at;
}

/* One attribute from its name on; its value is looked at if readers see it. */
static bool scan_attribute(struct scan *scan, uint32_t *at)
{
    static const char *const seen[] = {"alt", "title", "aria-label", "placeholder", "value"};
    struct str text = scan->output->text;
    uint32_t name = *at, n_name;
    bool visible = false;

    while (*at < text.len && !strchr("=> \t\r\n/", text.ptr[*at]))
        (*at)++;
    n_name = *at - name;
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
        visible |= n_name == strlen(seen[i]) && starts_with(text, name, seen[i]);
    if (*at >= text.len || text.ptr[*at] != '=') {
        *at += *at == name; /* a lone "/" */
        return true;
    }
    (*at)++;
    if (*at < text.len && (text.ptr[*at] == '"' || text.ptr[*at] == '\'')) {
        char quote = text.ptr[(*at)++];
        const char *close = memchr(text.ptr + *at, quote, text.len - *at);
        uint32_t end = close ? (uint32_t)(close - text.ptr) : text.len;

        if (visible && !scan_visible(scan, at, end, quote))
            return false;
        *at = end < text.len ? end + 1 : end;
        return true;
    }
    while (*at < text.len && text.ptr[*at] != '>' && !isspace((unsigned char)text.ptr[*at])) {
        if (visible && !allowed(scan, *at, (unsigned char)text.ptr[*at]))
            return false;
        (*at)++;
    }
    return true;
}

/* From "<" to behind the tag, the comment, or what a style or script holds. */
static bool scan_tag(struct scan *scan, uint32_t *at)
{
    struct str text = scan->output->text;
    bool style = starts_with(text, *at, "<style"), script = starts_with(text, *at, "<script");

    if (starts_with(text, *at, "<!--")) {
        *at = find(text, *at, "-->");
        return true; /* the rest of "-->" says nothing */
    }
    while (*at < text.len && text.ptr[*at] != '>' && !isspace((unsigned char)text.ptr[*at]))
        (*at)++;
    while (*at < text.len && text.ptr[*at] != '>') {
        if (isspace((unsigned char)text.ptr[*at]))
            (*at)++;
        else if (!scan_attribute(scan, at))
            return false;
    }
    if (style || script)
        *at = find(text, *at, style ? "</style" : "</script");
    return true;
}

static bool scan_html(struct scan *scan)
{
    struct str text = scan->output->text;

    for (uint32_t at = 0; at < text.len;) {
        if (!scan_visible(scan, &at, text.len, '<'))
            return false;
        if (at < text.len && !scan_tag(scan, &at))
            return false;
    }
    return true;
}

/* ---- numbers of two spans ---- */

static bool is_digit_at(struct str text, uint32_t at)
{
    return isdigit((unsigned char)text.ptr[at]);
}

/* Two numbers with nothing, or no more than a decimal mark, between them read as one. */
static bool numbers_touch(struct scan *scan)
{
    const struct template_output *output = scan->output;
    struct str text = output->text;

    for (uint32_t i = 1; i < output->n_spans; i++) {
        uint32_t end = output->spans[i - 1].offset + output->spans[i - 1].length;
        uint32_t next = output->spans[i].offset;

        if (is_digit_at(text, end - 1) && is_digit_at(text, next) &&
            (next == end || (next == end + 1 && strchr(".,'/:", text.ptr[end])))) {
            scan->bad = end - 1;
            return true;
        }
    }
    return false;
}

static enum verdict mismatch(struct candidate *c, const struct part_kind *kind,
                             const struct scan *scan)
{
    struct str text = scan->output->text;
    uint32_t begin = scan->bad, end = begin;

    while (begin > 0 && scan->bad - begin < 12 && !isspace((unsigned char)text.ptr[begin - 1]))
        begin--;
    while (end < text.len && end - scan->bad < 16 && !isspace((unsigned char)text.ptr[end]))
        end++;
    while (begin < scan->bad && ((unsigned char)text.ptr[begin] & 0xc0) == 0x80)
        begin++;
    while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
        end++;
    return suppress(c, "fact_mismatch", "%s:%u-%u '%.*s' has no field", kind->name, begin, end,
                    (int)(end - begin), text.ptr + begin);
}

enum verdict gate_facts(struct candidate *c)
{
    for (int part = 0; part < N_PARTS; part++) {
        const struct part_kind *kind = &part_kinds[part];
        struct scan scan = {.output = &c->parts[part]};

        if (!scan.output->text.ptr || kind->target == TARGET_URL)
            continue;
        bool sound = kind->target == TARGET_HTML ? scan_html(&scan) : scan_plain(&scan);

        if (!sound || numbers_touch(&scan))
            return mismatch(c, kind, &scan);
    }
    return VERDICT_PASS;
}
