/* Routes apart from the server: matching, decoding, and the description of the interface. */
#ifndef FRESHET_CORE_HTTP_PRIVATE_H
#define FRESHET_CORE_HTTP_PRIVATE_H

#include "core/http.h"

enum { HTTP_URL_MAX = 4096 }; /* two ids of 256 bytes, every byte written as %XX, and room */

/**
 * Does the raw path fit the pattern? If so, parts holds what stood at the {…}, decoded into
 * scratch (HTTP_URL_MAX bytes, as long as the parts). An empty part fits no {…}.
 */
bool http_route_match(const char *pattern, const char *path, struct str *parts, char *scratch);

/** Decodes %XX from text (n bytes) to out (n bytes); -1: not two hex digits, or a zero byte. */
int http_percent_decode(const char *text, size_t n, char *out);

/** OpenAPI 3 of the routes, as JSON text to be freed; NULL without memory. */
char *http_openapi(const struct http_route *routes, uint32_t n_routes);

#endif
