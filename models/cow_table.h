/*
 * A growing table of equal elements, of which any number of frozen versions can be read while
 * the writer goes on: pages of 4 KB, copied when a frozen version shares them.
 *
 *   root of version 7   [p0][p1][p2]          p1 is shared by both versions,
 *   root of the writer  [p0'][p1][p2'][p3]    p0 and p2 were written since
 *
 * Elements are zero until written. One writer thread; a frozen version is read by any.
 */
#ifndef FRESHET_MODELS_COW_TABLE_H
#define FRESHET_MODELS_COW_TABLE_H

#include "models/view_set.h"

struct cow_table {
    struct view_set *views;
    uint32_t element_bytes;
    uint32_t shift; /* elements of a page, as a power of two */
    uint32_t n_pages, capacity;
    char **pages; /* the writer's root; a block of views */
};

/* A frozen version; plain data, copied freely, valid while its view is held. */
struct cow_root {
    char *const *pages;
    uint32_t shift;
    uint32_t element_bytes;
};

/** element_bytes <= VIEW_PAGE_BYTES. Takes no memory yet. */
void cow_table_init(struct cow_table *table, struct view_set *views, uint32_t element_bytes);

/** Retires everything. */
void cow_table_deinit(struct cow_table *table);

/** Makes elements 0..n-1 exist. ERR_NOMEM leaves those that did. */
enum status cow_table_extend(struct cow_table *table, uint32_t n);

/** An existing element, to be written until the next freeze; NULL: no memory. */
void *cow_table_write(struct cow_table *table, uint32_t i);

/** The version as it is now. Cannot fail: the next write copies what it must. */
struct cow_root cow_table_freeze(const struct cow_table *table);

/** An existing element as the writer sees it. */
static inline const void *cow_table_get(const struct cow_table *table, uint32_t i)
{
    uint32_t mask = (1u << table->shift) - 1;

    return table->pages[i >> table->shift] + (size_t)(i & mask) * table->element_bytes;
}

/** An existing element of a frozen version. */
static inline const void *cow_root_get(const struct cow_root *root, uint32_t i)
{
    uint32_t mask = (1u << root->shift) - 1;

    return root->pages[i >> root->shift] + (size_t)(i & mask) * root->element_bytes;
}

#endif
