#include "core/demo_map.h"

#include <stdlib.h>

/* The keys are hashes already; the one that is 0 takes the place of 1. */
static struct demo_map_entry *place_of(const struct demo_map *map, uint64_t key)
{
    uint32_t i = (uint32_t)key & (map->capacity - 1);

    while (map->at[i].key && map->at[i].key != key)
        i = (i + 1) & (map->capacity - 1);
    return &map->at[i];
}

static enum status grow(struct demo_map *map)
{
    struct demo_map larger = {.capacity = map->capacity ? map->capacity * 2 : 1024,
                              .n = map->n};

    larger.at = calloc(larger.capacity, sizeof(*larger.at));
    if (!larger.at)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->at[i].key)
            *place_of(&larger, map->at[i].key) = map->at[i];
    }
    free(map->at);
    *map = larger;
    return OK;
}

enum status demo_map_put(struct demo_map *map, uint64_t key, uint64_t value)
{
    struct demo_map_entry *place;

    key += key == 0;
    if (map->n >= map->capacity / 4 * 3)
        TRY(grow(map));
    place = place_of(map, key);
    map->n += place->key == 0;
    *place = (struct demo_map_entry){key, value};
    return OK;
}

bool demo_map_get(const struct demo_map *map, uint64_t key, uint64_t *out)
{
    const struct demo_map_entry *place;

    key += key == 0;
    if (map->capacity == 0)
        return false;
    place = place_of(map, key);
    *out = place->value;
    return place->key != 0;
}

void demo_map_deinit(struct demo_map *map)
{
    free(map->at);
    *map = (struct demo_map){0};
}
