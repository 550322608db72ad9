/* What the files of the HTTP interface share. */
#ifndef FRESHET_CORE_API_PRIVATE_H
#define FRESHET_CORE_API_PRIVATE_H

#include "core/api.h"
#include "core/json_text.h"

/**
 * The text becomes the answer's body; without memory the answer is a 500. json is empty then.
 */
void api_answer(struct http_response *response, struct json_text *json);

/**
 * True once state, catalogue and items can be asked; else the answer is a 503 that says what
 * the start waits for. What the start makes may be read only after this has said true.
 */
bool api_started(struct runtime *runtime, struct http_response *response);

/** k of the query within 1..RANKING_K_MAX; false: the answer is a 400 that says so. */
bool api_k(const struct runtime *runtime, const struct http_request *request,
           struct http_response *response, uint32_t *out_k);

/* Handlers: api_status.c */
void api_status(void *context, const struct http_request *, struct http_response *);
void api_items_digest(void *context, const struct http_request *, struct http_response *);
/* api_lists.c */
void api_recommendations(void *context, const struct http_request *, struct http_response *);
void api_related(void *context, const struct http_request *, struct http_response *);
/* api_user.c */
void api_features(void *context, const struct http_request *, struct http_response *);
void api_messages(void *context, const struct http_request *, struct http_response *);

enum user_found { USER_FOUND, USER_UNKNOWN, USER_ANSWERED };

/**
 * A person's committed state. USER_ANSWERED: not to be had here, and the answer (421, 503, 500)
 * says why. *out_bytes holds the strings and is the caller's to free; NULL without a state.
 */
enum user_found api_find_user(struct runtime *runtime, struct str user_id,
                              struct user_state *out, uint8_t **out_bytes,
                              struct http_response *response);

/** Task clock of a person's partition; before its first event, the wall's. */
int64_t api_now_ms(struct runtime *runtime, struct str user_id);

/* console_embedded.c, made from core/console.html */
extern const char console_html[];
extern const unsigned console_html_len;

#endif
