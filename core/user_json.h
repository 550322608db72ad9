/*
 * What is known about one person, as JSON: for /v1/users/{user}/features and for inspect.
 *
 * Everything of struct user_state is there, in one order, and nothing else: no clock is asked,
 * so the same state gives the same bytes.
 */
#ifndef FRESHET_CORE_USER_JSON_H
#define FRESHET_CORE_USER_JSON_H

#include "core/json_text.h"
#include "models/item_view.h"
#include "schemas/user_state.h"

/**
 * Writes the fields of user into the object that json has open. An item is {"item": hash}, with
 * a view, where that knows it, {"item_id": …} in its place.
 */
void user_json_fields(struct json_text *json, const struct user_state *user,
                      const struct item_view *view);

/* Parts of it, each a field of its own. */
void user_json_timers(struct json_text *json, const struct user_state *user);
void user_json_sends(struct json_text *json, const struct user_state *user);

#endif
