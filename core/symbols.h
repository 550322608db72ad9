/*
 * The symbols of the schemas' enums, as answers and tools write them; an unknown value gives
 * "UNKNOWN". A unit test compares them with the schema files.
 */
#ifndef FRESHET_CORE_SYMBOLS_H
#define FRESHET_CORE_SYMBOLS_H

#include "core/base/str.h"

struct str channel_symbol(int32_t channel); /* enum channel */
struct str purpose_symbol(int32_t purpose); /* enum purpose */
struct str reason_symbol(int32_t reason);   /* enum reason */

#endif
