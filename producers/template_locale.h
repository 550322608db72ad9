/*
 * What a language and region ask of numbers, money, plurals and dates: CLDR's answers, asked
 * from ICU once at load, so that rendering is plain copying. Immutable: any thread.
 */
#ifndef FRESHET_PRODUCERS_TEMPLATE_LOCALE_H
#define FRESHET_PRODUCERS_TEMPLATE_LOCALE_H

#include "core/base/status.h"
#include "core/base/str.h"

#include <stdint.h>

struct template_locale;

enum {
    LOCALE_NUMBER_MAX = 96
}; /* bytes of a formatted number or amount: 19 digits, marks, symbol */

/**
 * The rules of a locale like "de" or "en-GB" (BCP 47). On OK, *out is the caller's.
 * ERR_INVALID: CLDR does not know the language.
 */
enum status template_locale_open(const char *name, struct template_locale **out,
                                 struct error *err);
void template_locale_close(struct template_locale *locale); /* NULL is a no-op */

const char *template_locale_name(const struct template_locale *locale);

/** amount in 1/10,000 of the unit, with the currency's usual digits; an unknown currency is
 *  written by its code. Returns the length. out: LOCALE_NUMBER_MAX bytes. */
uint32_t template_locale_money(const struct template_locale *locale, int64_t amount_e4,
                               const char *currency, char *out);

/** digits after the point; -1: as many as needed, at most 3. |number| < 1e15. */
uint32_t template_locale_number(const struct template_locale *locale, double number, int digits,
                                char *out);

/** "one", "few", "other", …: CLDR's category of a number. */
const char *template_locale_plural(const struct template_locale *locale, double number);

/** Upper or lower case of text into out by the language's rules; the length it needs, which may
 *  be more than capacity. */
uint32_t template_locale_case(const struct template_locale *locale, bool upper, struct str text,
                              char *out, uint32_t capacity);

/** Names for dates: month 0..11, weekday 0..6 from Sunday. */
struct str template_locale_month(const struct template_locale *locale, int month,
                                 bool abbreviated);
struct str template_locale_weekday(const struct template_locale *locale, int day,
                                   bool abbreviated);

#endif
