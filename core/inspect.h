/*
 * What a state directory holds, as JSON lines in key order: same state, same bytes. No clock
 * is asked and no wall time is in a person's line, so two runs can be compared with cmp.
 */
#ifndef FRESHET_CORE_INSPECT_H
#define FRESHET_CORE_INSPECT_H

#include "core/base/str.h"
#include "features/state_db.h"

#include <stdio.h>

/** A line per person: partition, then user id in byte order. ERR_IO. */
enum status inspect_users(struct state_db *db, FILE *out, struct error *err);

/** The one person's line. ERR_NOT_FOUND: nothing is known about them. */
enum status inspect_user(struct state_db *db, struct str user_id, FILE *out, struct error *err);

/** A line per partition: how far the inputs are in, and up to where the disk has the values. */
enum status inspect_offsets(struct state_db *db, FILE *out, struct error *err);

#endif
