/*
 * What the catalogue says of an item, as of one catalogue view; read-only, for models (may it
 * be shown?) and producers (what may a text say?).
 */
#ifndef FRESHET_SCHEMAS_ITEM_FACTS_H
#define FRESHET_SCHEMAS_ITEM_FACTS_H

#include "schemas/records.h"

struct item_facts {
    bool known;               /* the catalogue has named it at some time */
    bool delisted;            /* its last record is a tombstone: the other fields are empty */
    bool available;           /* may be offered: not delisted, available, stock not 0 */
    int64_t version;          /* offset of the catalogue record */
    int32_t partition;        /* of the catalogue topic */
    struct catalog_item item; /* deep copy, lives as long as the view */
};

/** How producers ask: NULL when the catalogue has never named the item. */
struct item_lookup {
    const struct item_facts *(*find)(const void *context, uint64_t item);
    const void *context;
};

#endif
