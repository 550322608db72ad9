/*
 * Asking ICU for one formatted amount per currency at load, and keeping what stands before
 * the digits, between them and behind them, costs 2 ms a locale and makes a formatted price a
 * copy of 20 bytes. Asking ICU for each price costs about a microsecond and a lock.
 *
 *   -1.234.567,89 €
 *   ^             ^^  affixes, by sign
 *     ^       ^       grouping mark, decimal mark
 *
 * Digits are always 0-9: a price must be comparable with its field.
 */
#include "producers/template_locale.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unicode/ucasemap.h>
#include <unicode/ucurr.h>
#include <unicode/udat.h>
#include <unicode/uloc.h>
#include <unicode/unum.h>
#include <unicode/unumberformatter.h>
#include <unicode/upluralrules.h>
#include <unicode/ustring.h>

enum {
    AFFIX_MAX = 24,       /* bytes of "CHF " and the like; longest seen 9 */
    MARK_MAX = 8,         /* bytes of a decimal or grouping mark */
    NAME_MAX = 48,        /* bytes of a month's name; longest seen 33 */
    CURRENCIES_MAX = 512, /* ICU lists about 300 */
    LOCALE_TAG_MAX = 64,
};

struct affixes {
    char prefix[2][AFFIX_MAX], suffix[2][AFFIX_MAX]; /* [negative] */
};

struct currency_style {
    char code[4];
    uint8_t digits;
    struct affixes affixes;
};

struct template_locale {
    char name[LOCALE_TAG_MAX];
    char decimal[MARK_MAX], group[MARK_MAX], money_decimal[MARK_MAX], money_group[MARK_MAX];
    uint8_t primary, secondary; /* digits of the last group, of the others; 0: no groups */
    uint8_t minimum;            /* digits before the first mark: 2 writes 1234 but 12.345 */
    struct affixes number;
    UPluralRules *plurals;
    UCaseMap *casing;
    char months[2][12][NAME_MAX], weekdays[2][7][NAME_MAX]; /* [abbreviated] */
    uint32_t n_currencies;
    struct currency_style currencies[CURRENCIES_MAX]; /* by code */
};

/* ---- asking ICU ---- */

static void copy_utf8(char *out, int32_t capacity, const UChar *text, int32_t n)
{
    UErrorCode code = U_ZERO_ERROR;
    int32_t length = 0;

    u_strToUTF8(out, capacity - 1, &length, text, n, &code);
    out[U_SUCCESS(code) && length < capacity ? length : 0] = '\0';
}

static bool is_digit16(UChar c)
{
    return c >= '0' && c <= '9';
}

/* What stands before the first digit and behind the last. */
static void read_affixes(const UChar *text, int32_t n, char *prefix, char *suffix)
{
    int32_t first = 0, last = n;

    while (first < n && !is_digit16(text[first]))
        first++;
    while (last > first && !is_digit16(text[last - 1]))
        last--;
    copy_utf8(prefix, AFFIX_MAX, text, first);
    copy_utf8(suffix, AFFIX_MAX, text + last, n - last);
}

static void read_symbol(const UNumberFormat *format, UNumberFormatSymbol symbol, char *out)
{
    UErrorCode code = U_ZERO_ERROR;
    UChar text[MARK_MAX];
    int32_t n = unum_getSymbol(format, symbol, text, MARK_MAX, &code);

    copy_utf8(out, MARK_MAX, text, U_SUCCESS(code) ? n : 0);
}

static bool read_currency(UNumberFormat *format, const char *code_text,
                          struct currency_style *out)
{
    UErrorCode code = U_ZERO_ERROR;
    UChar currency[4] = {(UChar)code_text[0], (UChar)code_text[1], (UChar)code_text[2], 0};
    UChar text[64];

    memcpy(out->code, code_text, 4);
    out->digits = (uint8_t)ucurr_getDefaultFractionDigits(currency, &code);
    unum_setTextAttribute(format, UNUM_CURRENCY_CODE, currency, 3, &code);
    for (int negative = 0; negative < 2; negative++) {
        int32_t n = unum_formatDouble(format, negative ? -1 : 1, text, 64, NULL, &code);

        if (U_FAILURE(code))
            return false;
        read_affixes(text, n, out->affixes.prefix[negative], out->affixes.suffix[negative]);
    }
    return out->digits <= 4;
}

static int by_code(const void *a, const void *b)
{
    const struct currency_style *x = a, *y = b;

    return strcmp(x->code, y->code);
}

static enum status read_currencies(struct template_locale *locale, UNumberFormat *format)
{
    UErrorCode code = U_ZERO_ERROR;
    UEnumeration *codes = ucurr_openISOCurrencies(UCURR_ALL, &code);
    const char *text;

    while (U_SUCCESS(code) && (text = uenum_next(codes, NULL, &code)) != NULL &&
           locale->n_currencies < CURRENCIES_MAX)
        locale->n_currencies +=
            read_currency(format, text, &locale->currencies[locale->n_currencies]);
    uenum_close(codes);
    qsort(locale->currencies, locale->n_currencies, sizeof(locale->currencies[0]), by_code);
    return U_SUCCESS(code) ? OK : ERR_IO;
}

/* Is 1234 written without a mark? Only ICU's newer interface follows CLDR in this. */
static uint8_t read_minimum(const char *tag)
{
    UErrorCode code = U_ZERO_ERROR;
    UNumberFormatter *formatter = unumf_openForSkeletonAndLocale(u"", 0, tag, &code);
    UFormattedNumber *result = unumf_openResult(&code);
    UChar text[16];
    int32_t n = 0;

    unumf_formatInt(formatter, 1234, result, &code);
    n = unumf_resultToString(result, text, 16, &code);
    unumf_closeResult(result);
    unumf_close(formatter);
    return U_SUCCESS(code) && n == 4 ? 2 : 1;
}

static enum status read_numbers(struct template_locale *locale)
{
    UErrorCode code = U_ZERO_ERROR;
    char tag[LOCALE_TAG_MAX + 16];
    UChar text[64];

    snprintf(tag, sizeof(tag), "%s@numbers=latn", locale->name);
    UNumberFormat *decimal = unum_open(UNUM_DECIMAL, NULL, 0, tag, NULL, &code);
    UNumberFormat *money = unum_open(UNUM_CURRENCY, NULL, 0, tag, NULL, &code);

    if (U_SUCCESS(code)) {
        read_symbol(decimal, UNUM_DECIMAL_SEPARATOR_SYMBOL, locale->decimal);
        read_symbol(decimal, UNUM_GROUPING_SEPARATOR_SYMBOL, locale->group);
        read_symbol(money, UNUM_MONETARY_SEPARATOR_SYMBOL, locale->money_decimal);
        read_symbol(money, UNUM_MONETARY_GROUPING_SEPARATOR_SYMBOL, locale->money_group);
        int primary = unum_getAttribute(decimal, UNUM_GROUPING_SIZE);
        int secondary = unum_getAttribute(decimal, UNUM_SECONDARY_GROUPING_SIZE);

        locale->primary = (uint8_t)(primary > 0 ? primary : 0);
        locale->secondary = (uint8_t)(secondary > 0 ? secondary : locale->primary);
        locale->minimum = read_minimum(tag);
        for (int negative = 0; negative < 2; negative++) {
            int32_t n = unum_formatDouble(decimal, negative ? -1 : 1, text, 64, NULL, &code);

            if (U_SUCCESS(code))
                read_affixes(text, n, locale->number.prefix[negative],
                             locale->number.suffix[negative]);
        }
    }
    enum status status = U_SUCCESS(code) ? read_currencies(locale, money) : ERR_IO;

    unum_close(decimal);
    unum_close(money);
    return status;
}

static enum status read_dates(struct template_locale *locale)
{
    static const UDateFormatSymbolType kinds[2][2] = {
        {UDAT_MONTHS, UDAT_SHORT_MONTHS},
        {UDAT_WEEKDAYS, UDAT_SHORT_WEEKDAYS}, /* from index 1, Sunday */
    };
    UErrorCode code = U_ZERO_ERROR;
    UDateFormat *format =
        udat_open(UDAT_NONE, UDAT_DEFAULT, locale->name, NULL, 0, NULL, 0, &code);

    for (int abbreviated = 0; U_SUCCESS(code) && abbreviated < 2; abbreviated++) {
        for (int i = 0; i < 19; i++) {
            bool month = i < 12;
            UChar text[NAME_MAX];
            int32_t n = udat_getSymbols(format, kinds[!month][abbreviated], month ? i : i - 11,
                                        text, NAME_MAX, &code);

            copy_utf8(month ? locale->months[abbreviated][i]
                            : locale->weekdays[abbreviated][i - 12],
                      NAME_MAX, text, U_SUCCESS(code) ? n : 0);
        }
    }
    udat_close(format);
    return U_SUCCESS(code) ? OK : ERR_IO;
}

/* ICU answers for any name, with the root's rules; we want to know the language. */
static bool language_is_known(const char *name)
{
    UErrorCode code = U_ZERO_ERROR;
    char language[16], have[16];

    if (uloc_getLanguage(name, language, sizeof(language), &code) <= 0 || U_FAILURE(code))
        return false;
    for (int32_t i = 0; i < uloc_countAvailable(); i++) {
        code = U_ZERO_ERROR;
        uloc_getLanguage(uloc_getAvailable(i), have, sizeof(have), &code);
        if (U_SUCCESS(code) && strcmp(language, have) == 0)
            return true;
    }
    return false;
}

enum status template_locale_open(const char *name, struct template_locale **out,
                                 struct error *err)
{
    UErrorCode code = U_ZERO_ERROR;
    enum status status = ERR_IO;
    struct template_locale *locale;

    if (strlen(name) >= LOCALE_TAG_MAX || strchr(name, '@') || !language_is_known(name))
        return error_set(err, ERR_INVALID, "locale '%s': no such language in CLDR", name);
    locale = calloc(1, sizeof(*locale));
    if (!locale)
        return error_set(err, ERR_NOMEM, "locale '%s': out of memory", name);
    strcpy(locale->name, name);
    locale->plurals = uplrules_open(name, &code);
    locale->casing = ucasemap_open(name, 0, &code);
    if (U_FAILURE(code) || read_numbers(locale) != OK || read_dates(locale) != OK) {
        error_set(err, status, "locale '%s': ICU gives no answer (%s)", name,
                  u_errorName(code));
        goto done;
    }
    *out = locale;
    locale = NULL;
    status = OK;
done:
    template_locale_close(locale);
    return status;
}

void template_locale_close(struct template_locale *locale)
{
    if (!locale)
        return;
    uplrules_close(locale->plurals);
    ucasemap_close(locale->casing);
    free(locale);
}

const char *template_locale_name(const struct template_locale *locale)
{
    return locale->name;
}

/* ---- writing ---- */

static char *put(char *out, const char *text)
{
    size_t n = strlen(text);

    memcpy(out, text, n);
    return out + n;
}

/* Whole digits with grouping marks. */
static char *put_grouped(const struct template_locale *locale, char *out, uint64_t whole,
                         const char *mark)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)whole);
    bool grouped = locale->primary && n >= locale->primary + locale->minimum;

    for (int i = 0; i < n; i++) {
        int left = n - i; /* digits from here to the end */

        if (grouped && i > 0 &&
            (left == locale->primary ||
             (left > locale->primary && (left - locale->primary) % locale->secondary == 0)))
            out = put(out, mark);
        *out++ = digits[i];
    }
    return out;
}

static uint64_t power_of_ten(int n)
{
    uint64_t power = 1;

    while (n-- > 0)
        power *= 10;
    return power;
}

/* n_digits decimals of value, which counts 1/10^n_digits. */
static char *put_decimal(const struct template_locale *locale, char *out, uint64_t value,
                         int n_digits, const char *group, const char *decimal)
{
    uint64_t unit = power_of_ten(n_digits);

    out = put_grouped(locale, out, value / unit, group);
    if (n_digits == 0)
        return out;
    out = put(out, decimal);
    return out + sprintf(out, "%0*llu", n_digits, (unsigned long long)(value % unit));
}

uint32_t template_locale_money(const struct template_locale *locale, int64_t amount_e4,
                               const char *currency, char *out)
{
    const struct currency_style *style = bsearch(
        currency, locale->currencies, locale->n_currencies, sizeof(locale->currencies[0]),
        by_code); /* the code comes first in the struct */
    uint64_t amount = amount_e4 < 0 ? 0 - (uint64_t)amount_e4 : (uint64_t)amount_e4;
    int digits = style ? style->digits : 2;
    char *p = out;

    /* a price with more decimals than its currency has (0.0025 €) keeps them: no fact is lost
     */
    while (digits < 4 && amount % power_of_ten(4 - digits) != 0)
        digits++;
    if (style)
        p = put(p, style->affixes.prefix[amount_e4 < 0]);
    else
        p = put(p, amount_e4 < 0 ? "-" : "");
    p = put_decimal(locale, p, amount / power_of_ten(4 - digits), digits, locale->money_group,
                    locale->money_decimal);
    if (style)
        p = put(p, style->affixes.suffix[amount_e4 < 0]);
    else
        p += sprintf(p, "\u00a0%.3s", currency);
    return (uint32_t)(p - out);
}

uint32_t template_locale_number(const struct template_locale *locale, double number, int digits,
                                char *out)
{
    enum { DIGITS_USUAL = 3 };
    int n = digits < 0 ? DIGITS_USUAL : digits;
    uint64_t unit = power_of_ten(n);
    double scaled = fabs(number) * (double)unit;
    /* half to even, as CLDR has it; beyond 2^53 a double has no decimals to round */
    uint64_t value =
        scaled < 9e15 ? (uint64_t)nearbyint(scaled) : (uint64_t)fabs(number) * unit;
    char *p = out;
    bool negative = number < 0 && value > 0;

    while (digits < 0 && n > 0 && value % 10 == 0) {
        value /= 10;
        n--;
    }
    p = put(p, locale->number.prefix[negative]);
    p = put_decimal(locale, p, value, n, locale->group, locale->decimal);
    p = put(p, locale->number.suffix[negative]);
    return (uint32_t)(p - out);
}

const char *template_locale_plural(const struct template_locale *locale, double number)
{
    static const char *const categories[] = {"zero", "one", "two", "few", "many"};
    UErrorCode code = U_ZERO_ERROR;
    UChar text[16];
    char name[16];
    int32_t n = uplrules_select(locale->plurals, number, text, 15, &code);

    if (U_FAILURE(code))
        return "other";
    u_UCharsToChars(text, name, n);
    name[n] = '\0';
    for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++) {
        if (strcmp(name, categories[i]) == 0)
            return categories[i];
    }
    return "other";
}

uint32_t template_locale_case(const struct template_locale *locale, bool upper, struct str text,
                              char *out, uint32_t capacity)
{
    UErrorCode code = U_ZERO_ERROR;
    int32_t n = (upper ? ucasemap_utf8ToUpper : ucasemap_utf8ToLower)(
        locale->casing, out, (int32_t)capacity, text.ptr, (int32_t)text.len, &code);

    return n < 0 || (U_FAILURE(code) && code != U_BUFFER_OVERFLOW_ERROR) ? 0 : (uint32_t)n;
}

struct str template_locale_month(const struct template_locale *locale, int month,
                                 bool abbreviated)
{
    return str_of(locale->months[abbreviated][month]);
}

struct str template_locale_weekday(const struct template_locale *locale, int day,
                                   bool abbreviated)
{
    return str_of(locale->weekdays[abbreviated][day]);
}
