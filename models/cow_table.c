/*
 * The root is a block like the pages: the first change after a freeze copies it (8 bytes per
 * page), later ones find it private. So publishing costs what was touched, not what is there,
 * but for the root: 0.2 % of the table.
 */
#include "models/cow_table.h"

#include <assert.h>
#include <string.h>

void cow_table_init(struct cow_table *table, struct view_set *views, uint32_t element_bytes)
{
    assert(element_bytes > 0 && element_bytes <= VIEW_PAGE_BYTES);
    *table = (struct cow_table){.views = views, .element_bytes = element_bytes};
    while ((2u << table->shift) * element_bytes <= VIEW_PAGE_BYTES)
        table->shift++;
}

void cow_table_deinit(struct cow_table *table)
{
    for (uint32_t p = 0; p < table->n_pages; p++)
        view_set_retire(table->views, table->pages[p]);
    view_set_retire(table->views, table->pages);
    table->pages = NULL;
    table->n_pages = table->capacity = 0;
}

/* A root of the writer's own, with room for at least capacity pages. */
static enum status own_root(struct cow_table *table, uint32_t capacity)
{
    char **pages;

    if (table->pages && !view_set_is_shared(table->views, table->pages) &&
        capacity <= table->capacity)
        return OK;
    if (capacity > table->capacity)
        capacity += capacity / 2 + 8; /* growth in proportion: few copies */
    else
        capacity = table->capacity;
    pages = view_set_alloc(table->views, capacity * sizeof(*pages));
    if (!pages)
        return ERR_NOMEM;
    if (table->n_pages)
        memcpy(pages, table->pages, table->n_pages * sizeof(*pages));
    view_set_retire(table->views, table->pages);
    table->pages = pages;
    table->capacity = capacity;
    return OK;
}

enum status cow_table_extend(struct cow_table *table, uint32_t n)
{
    uint32_t n_pages = (uint32_t)(((uint64_t)n + (1u << table->shift) - 1) >> table->shift);

    if (n_pages <= table->n_pages)
        return OK;
    TRY(own_root(table, n_pages));
    while (table->n_pages < n_pages) {
        char *page = view_set_alloc(table->views, VIEW_PAGE_BYTES);

        if (!page)
            return ERR_NOMEM;
        memset(page, 0, VIEW_PAGE_BYTES);
        table->pages[table->n_pages++] = page;
    }
    return OK;
}

void *cow_table_write(struct cow_table *table, uint32_t i)
{
    char *page = table->pages[i >> table->shift];

    if (view_set_is_shared(table->views, page)) {
        char *copy;

        if (own_root(table, table->n_pages) != OK)
            return NULL;
        copy = view_set_alloc(table->views, VIEW_PAGE_BYTES);
        if (!copy)
            return NULL;
        memcpy(copy, page, VIEW_PAGE_BYTES);
        view_set_retire(table->views, page);
        table->pages[i >> table->shift] = copy;
    }
    return (void *)(uintptr_t)cow_table_get(table, i);
}

struct cow_root cow_table_freeze(const struct cow_table *table)
{
    return (struct cow_root){table->pages, table->shift, table->element_bytes};
}
