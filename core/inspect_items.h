/*
 * What a fold of the items holds, in one line: positions, number of items, digests. Processes,
 * snapshots and topics that tell the same at the same offset hold the same model, byte for
 * byte.
 */
#ifndef FRESHET_CORE_INSPECT_ITEMS_H
#define FRESHET_CORE_INSPECT_ITEMS_H

#include "core/base/settings.h"
#include "core/item_start.h"
#include "core/json_text.h"

#include <stdio.h>

/** The fields of a held view, into an open object. ERR_NOMEM. */
enum status inspect_items_fields(struct json_text *json, const struct item_view *view);

/** Of the newest snapshot in the state directory. Kafka is not asked. ERR_NOT_FOUND: none. */
enum status inspect_items_snapshot(const struct settings *settings, FILE *out,
                                   struct error *err);

/**
 * Folded here, out of Kafka: begun as a process would (from: the best source allowed; nothing
 * is removed), then `<app>-items` up to the offset `to` (negative: its end). Without the
 * catalogue.
 */
enum status inspect_items_folded(const struct settings *settings, enum item_source from,
                                 int64_t to, FILE *out, struct error *err);

#endif
