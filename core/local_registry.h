/*
 * The demo's schema registry: our own schemas under fixed ids, read side only, in the words of
 * the Confluent REST interface, so that standard clients decode the demo's topics.
 */
#ifndef FRESHET_CORE_LOCAL_REGISTRY_H
#define FRESHET_CORE_LOCAL_REGISTRY_H

#include "core/http.h"

#include <stdint.h>

/** Id of a schema file by name ("click_event"); 0: no such file. */
int32_t local_registry_id(const char *avsc_name);

/* Handlers for core/api.c's routes; context is the struct runtime *. */
void local_registry_subjects(void *context, const struct http_request *,
                             struct http_response *);
void local_registry_versions(void *context, const struct http_request *,
                             struct http_response *);
void local_registry_version(void *context, const struct http_request *, struct http_response *);
void local_registry_schema(void *context, const struct http_request *, struct http_response *);

#endif
