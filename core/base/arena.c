/*
 * A list of blocks, bump allocation in the current one:
 *
 *   first -> [####] -> [###.] -> [....]      # handed out   . free
 *                      current
 *
 * A request larger than a block gets a block of its own size.
 */
#include "core/base/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { ARENA_BLOCK_BYTES = 256 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size_bytes;
    _Alignas(16) char data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

/* Moves on to a block with room for size, reusing what follows or inserting a new one. */
static struct arena_block *arena_advance(struct arena *arena, size_t size)
{
    struct arena_block **link = arena->current ? &arena->current->next : &arena->first;
    struct arena_block *block;

    if (*link && (*link)->size_bytes >= size)
        return *link;
    size_t block_size = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;

    if (block_size > arena->limit_bytes - arena->reserved_bytes)
        return NULL;
    block = malloc(sizeof(*block) + block_size);
    if (!block)
        return NULL;
    block->size_bytes = block_size;
    block->next = *link;
    *link = block;
    arena->reserved_bytes += block_size;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *result;

    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (!arena->current || size > arena->current->size_bytes - arena->used_in_current) {
        struct arena_block *block = arena_advance(arena, size);

        if (!block)
            return NULL;
        arena->current = block;
        arena->used_in_current = 0;
    }
    result = arena->current->data + arena->used_in_current;
    arena->used_in_current += size;
    arena->used_bytes += size;
    return result;
}

void arena_trim(struct arena *arena, const void *memory, size_t size)
{
    size_t kept = (size_t)((const char *)memory - arena->current->data) +
                  ((size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1));

    arena->used_bytes -= arena->used_in_current - kept;
    arena->used_in_current = kept;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *result = arena_alloc(arena, size);

    return result ? memset(result, 0, size) : NULL;
}

struct str arena_copy(struct arena *arena, struct str text)
{
    char *copy = text.ptr ? arena_alloc(arena, text.len) : NULL;

    if (copy && text.len)
        memcpy(copy, text.ptr, text.len);
    return (struct str){copy, copy ? text.len : 0};
}

void arena_reset(struct arena *arena)
{
    arena->current = arena->first;
    arena->used_in_current = 0;
    arena->used_bytes = 0;
}

void arena_deinit(struct arena *arena)
{
    while (arena->first) {
        struct arena_block *block = arena->first;

        arena->first = block->next;
        free(block);
    }
    arena->current = NULL;
    arena->reserved_bytes = 0;
}
