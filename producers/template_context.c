/*
 * Where in the markup a value stands. Literal text moves a small state machine; a value asks
 * it how it must be escaped. It runs at compile time only: where branches meet, they must
 * have left the machine in the same state, so one answer holds for every rendering.
 *
 *   HTML   text <-> tag -> attribute name -> "value" ; comment ; script and style
 *   URL    nothing yet -> something stands there
 *   JSON   value <-> string (with backslash)
 */
#include "producers/template_private.h"

#include <ctype.h>
#include <strings.h>

enum place_state {
    PLACE_TEXT, /* HTML text; JSON outside of strings; the only one of the plain targets */
    PLACE_TAG_OPEN,
    PLACE_TAG_NAME,
    PLACE_TAG,
    PLACE_ATTRIBUTE,
    PLACE_BEFORE_VALUE,
    PLACE_DOUBLE,
    PLACE_SINGLE,
    PLACE_UNQUOTED,
    PLACE_DECLARATION,
    PLACE_COMMENT,
    PLACE_STRING, /* JSON */
    PLACE_STRING_ESCAPE,
};

void place_init(struct place *place, enum template_target target)
{
    (void)target;
    memset(place, 0, sizeof(*place));
}

static bool word_is(const struct place *place, const char *word)
{
    return place->n_word == strlen(word) && memcmp(place->word, word, place->n_word) == 0;
}

static void word_clear(struct place *place)
{
    place->n_word = 0;
    memset(place->word, 0, sizeof(place->word)); /* equal places must be equal bytes */
}

static void word_add(struct place *place, char c)
{
    if (place->n_word < sizeof(place->word))
        place->word[place->n_word++] = (char)tolower((unsigned char)c);
}

/* An attribute's name has ended: what may its value hold? */
static void attribute_named(struct place *place)
{
    static const char *const links[] = {"href", "src",        "action", "background",
                                        "cite", "formaction", "poster"};

    place->link = 0;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        place->link |= word_is(place, links[i]);
    place->forbidden = (place->n_word > 2 && place->word[0] == 'o' && place->word[1] == 'n') ||
                       word_is(place, "style") || word_is(place, "srcset") ||
                       word_is(place, "srcdoc");
    place->started = 0;
    word_clear(place);
}

static void attribute_ended(struct place *place, enum place_state next)
{
    place->state = (uint8_t)next;
    place->link = place->forbidden = place->started = 0;
    word_clear(place);
}

/* After a tag's name: script and style swallow what follows until they are closed. */
static void tag_named(struct place *place, enum place_state next)
{
    if (word_is(place, "script") || word_is(place, "style"))
        place->raw = (uint8_t)place->word[1]; /* 'c' or 't' */
    else if (word_is(place, "/script") || word_is(place, "/style"))
        place->raw = 0;
    attribute_ended(place, next);
}

static void html_in_tag(struct place *place, char c)
{
    switch (place->state) {
    case PLACE_TAG_OPEN:
        word_clear(place);
        if (place->raw && c != '/') {
            place->state = PLACE_TEXT; /* "<" in a script */
        } else if (isalpha((unsigned char)c) || c == '/') {
            place->state = PLACE_TAG_NAME;
            word_add(place, c);
        } else {
            place->state = c == '!' ? PLACE_DECLARATION : PLACE_TEXT;
        }
        break;
    case PLACE_TAG_NAME:
        if (c == '>')
            tag_named(place, PLACE_TEXT);
        else if (isspace((unsigned char)c))
            tag_named(place, PLACE_TAG);
        else
            word_add(place, c);
        break;
    case PLACE_TAG:
        if (c == '>') {
            attribute_ended(place, PLACE_TEXT);
        } else if (!isspace((unsigned char)c) && c != '/') {
            place->state = PLACE_ATTRIBUTE;
            word_add(place, c);
        }
        break;
    case PLACE_ATTRIBUTE:
        if (c == '=') {
            attribute_named(place);
            place->state = PLACE_BEFORE_VALUE;
        } else if (c == '>') {
            attribute_ended(place, PLACE_TEXT);
        } else if (isspace((unsigned char)c)) {
            attribute_ended(place, PLACE_TAG);
        } else {
            word_add(place, c);
        }
        break;
    default:
        break;
    }
}

static void html_in_value(struct place *place, char c)
{
    switch (place->state) {
    case PLACE_BEFORE_VALUE:
        if (c == '"')
            place->state = PLACE_DOUBLE;
        else if (c == '\'')
            place->state = PLACE_SINGLE;
        else if (c == '>')
            attribute_ended(place, PLACE_TEXT);
        else if (!isspace((unsigned char)c))
            place->state = PLACE_UNQUOTED;
        break;
    case PLACE_UNQUOTED:
        if (c == '>' || isspace((unsigned char)c))
            attribute_ended(place, c == '>' ? PLACE_TEXT : PLACE_TAG);
        break;
    case PLACE_DOUBLE:
    case PLACE_SINGLE:
        if (c == (place->state == PLACE_DOUBLE ? '"' : '\''))
            attribute_ended(place, PLACE_TAG);
        else
            place->started = 1;
        break;
    default:
        break;
    }
}

static void html_advance(struct place *place, char c)
{
    switch (place->state) {
    case PLACE_TEXT:
        if (c == '<')
            place->state = PLACE_TAG_OPEN;
        break;
    case PLACE_DECLARATION: /* <!doctype …> or the start of a comment */
        if (c == '-' && place->n_word < 2)
            word_add(place, c);
        else if (c == '>')
            attribute_ended(place, PLACE_TEXT);
        if (place->state == PLACE_DECLARATION && word_is(place, "--"))
            attribute_ended(place, PLACE_COMMENT);
        break;
    case PLACE_COMMENT: /* n_word counts the dashes before ">" */
        if (c == '-' && place->n_word < 2)
            word_add(place, c);
        else if (c == '>' && place->n_word == 2)
            attribute_ended(place, PLACE_TEXT);
        else if (c != '-')
            word_clear(place);
        break;
    case PLACE_TAG_OPEN:
    case PLACE_TAG_NAME:
    case PLACE_TAG:
    case PLACE_ATTRIBUTE:
        html_in_tag(place, c);
        break;
    default:
        html_in_value(place, c);
        break;
    }
}

static void json_advance(struct place *place, char c)
{
    if (place->state == PLACE_STRING_ESCAPE)
        place->state = PLACE_STRING;
    else if (place->state == PLACE_STRING && c == '\\')
        place->state = PLACE_STRING_ESCAPE;
    else if (c == '"')
        place->state = place->state == PLACE_STRING ? PLACE_TEXT : PLACE_STRING;
}

void place_advance(struct place *place, enum template_target target, struct str text)
{
    for (uint32_t i = 0; i < text.len; i++) {
        if (target == TARGET_HTML)
            html_advance(place, text.ptr[i]);
        else if (target == TARGET_JSON)
            json_advance(place, text.ptr[i]);
        else if (target == TARGET_URL)
            place->started = 1;
    }
}

static bool html_value(struct place *place, enum escape *out, const char **why)
{
    if (place->raw) {
        *why = "a value cannot stand in a script or style";
        return false;
    }
    if (place->state == PLACE_TEXT) {
        *out = ESCAPE_HTML;
        return true;
    }
    if (place->state != PLACE_DOUBLE && place->state != PLACE_SINGLE) {
        *why = "a value must stand in text or in a quoted attribute";
        return false;
    }
    if (place->forbidden) {
        *why = "a value cannot stand in a style, srcset, srcdoc or event attribute";
        return false;
    }
    *out = !place->link     ? ESCAPE_HTML_ATTRIBUTE
           : place->started ? ESCAPE_HTML_URL_PART
                            : ESCAPE_HTML_URL;
    place->started = 1;
    return true;
}

bool place_value(struct place *place, enum template_target target, enum escape *out,
                 const char **why)
{
    switch (target) {
    case TARGET_HTML:
        return html_value(place, out, why);
    case TARGET_URL:
        *out = place->started ? ESCAPE_URL_PART : ESCAPE_URL;
        place->started = 1;
        return true;
    case TARGET_JSON:
        if (place->state == PLACE_STRING_ESCAPE) {
            *why = "a value cannot follow a backslash";
            return false;
        }
        *out = place->state == PLACE_STRING ? ESCAPE_JSON_TEXT : ESCAPE_JSON_VALUE;
        return true;
    case TARGET_LINE:
        *out = ESCAPE_LINE;
        return true;
    case TARGET_PLAIN:
        *out = ESCAPE_PLAIN;
        return true;
    }
    *why = "unknown target";
    return false;
}
