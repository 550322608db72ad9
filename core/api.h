/*
 * The HTTP paths of INTERFACES 4: health, metrics, status, queries on committed state, the
 * console page, and in the demo the read side of a schema registry.
 *
 * Handlers run on the server's threads, read the newest item view and committed user values,
 * and never touch a worker.
 */
#ifndef FRESHET_CORE_API_H
#define FRESHET_CORE_API_H

#include "core/http.h"
#include "core/runtime.h"

/** All routes; context of their handlers is the struct runtime *. */
extern const struct http_route api_routes[];
extern const uint32_t n_api_routes;

/** What is missing for readiness as a sentence; true: nothing. */
bool api_ready(struct runtime *runtime, char *text, size_t capacity);

#endif
