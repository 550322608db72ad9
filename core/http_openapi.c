/*
 * /openapi.json, made from the routes. What a route's table row says is all there is: path
 * parts are strings, query parameters are "name:type" words, answers are described by status.
 */
#include "core/http_private.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

static int add_parameter(json_t *list, const char *name, size_t n, const char *in,
                         bool required, const char *type)
{
    return json_array_append_new(list,
                                 json_pack("{s:s%, s:s, s:b, s:{s:s}}", "name", name, n, "in",
                                           in, "required", required, "schema", "type", type));
}

/* {…} of the pattern, then the words of "k:integer item:string". */
static json_t *parameters_of(const struct http_route *route)
{
    json_t *list = json_array();
    int bad = 0;

    for (const char *at = route->pattern; (at = strchr(at, '{')); at++)
        bad |= add_parameter(list, at + 1, strcspn(at + 1, "}"), "path", true, "string");
    for (const char *at = route->query ? route->query : ""; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " "), n_name = strcspn(at, ": ");
        char type[32] = "string";

        if (n_name < n)
            snprintf(type, sizeof(type), "%.*s", (int)(n - n_name - 1), at + n_name + 1);
        bad |= add_parameter(list, at, n_name, "query", false, type);
        at += n;
    }
    if (bad) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *operation_of(const struct http_route *route)
{
    json_t *responses =
        json_pack("{s:{s:s}, s:{s:s}}", "200", "description", "the answer", "default",
                  "description", "an error: {\"error\": \"a sentence\"}");
    json_t *security = route->open ? json_array() : json_pack("[{s:[]}]", "token");

    return json_pack("{s:s, s:o, s:o, s:o}", "summary", route->summary, "parameters",
                     parameters_of(route), "responses", responses, "security", security);
}

static int add_route(json_t *paths, const struct http_route *route)
{
    json_t *item = json_object_get(paths, route->pattern);
    char method[16];

    for (size_t i = 0; i < sizeof(method); i++) {
        method[i] = (char)(route->method[i] | 0x20);
        if (!route->method[i]) {
            method[i] = '\0';
            break;
        }
    }
    if (!item) {
        item = json_object();
        if (json_object_set_new(paths, route->pattern, item) != 0)
            return -1;
    }
    return json_object_set_new(item, method, operation_of(route));
}

char *http_openapi(const struct http_route *routes, uint32_t n_routes)
{
    json_t *paths = json_object();
    int bad = 0;

    for (uint32_t i = 0; i < n_routes; i++)
        bad |= add_route(paths, &routes[i]);
    json_t *root =
        json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}}}", "openapi", "3.0.3", "info",
                  "title", "Freshet", "version", FRESHET_VERSION, "paths", paths, "components",
                  "securitySchemes", "token", "type", "http", "scheme", "bearer");
    char *text = !bad && root ? json_dumps(root, JSON_INDENT(1)) : NULL;

    json_decref(root);
    return text;
}
