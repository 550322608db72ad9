/* A map from 64-bit hashes to 64-bit values that only grows. One thread, or the caller's lock.
 */
#ifndef FRESHET_CORE_DEMO_MAP_H
#define FRESHET_CORE_DEMO_MAP_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct demo_map { /* zeroed: empty */
    struct demo_map_entry {
        uint64_t key, value; /* key 0: free */
    } * at;
    uint32_t n, capacity; /* capacity a power of two, at most 3/4 used */
};

enum status demo_map_put(struct demo_map *map, uint64_t key, uint64_t value);
bool demo_map_get(const struct demo_map *map, uint64_t key, uint64_t *out);
void demo_map_deinit(struct demo_map *map);

#endif
