/*
 * Tools of the plan compiler. Emitting cannot fail where it is called: when memory or the
 * number of ops is at its end, the list is marked as failed and nothing more is added, and
 * compiler_enter() or the end of the compilation says so.
 */
#include "schemas/avro_compile_private.h"

#include <stdio.h>
#include <stdlib.h>

uint32_t op_emit(struct op_list *list, uint8_t code, uint32_t offset)
{
    if (list->n == list->capacity && !list->failed) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct avro_op *ops =
            capacity > AVRO_OPS_MAX ? NULL : realloc(list->ops, capacity * sizeof(*ops));

        if (!ops)
            list->failed = true;
        else {
            list->ops = ops;
            list->capacity = capacity;
        }
    }
    if (list->failed)
        return 0;
    list->ops[list->n] = (struct avro_op){.code = code, .offset = offset};
    return list->n++;
}

void *op_table(struct op_list *list, size_t size)
{
    void *table = arena_zalloc(list->arena, size);

    list->failed = list->failed || !table;
    return table;
}

void op_land(struct op_list *list, uint32_t place)
{
    if (!list->failed)
        list->ops[place].n = list->n - place - 1;
}

uint32_t emit_n(struct compiler *c, uint8_t code, uint32_t offset, uint32_t n)
{
    uint32_t place = op_emit(&c->list, code, offset);

    if (!c->list.failed)
        c->list.ops[place].n = n;
    return place;
}

uint32_t emit_number(struct compiler *c, uint8_t code, uint32_t offset, int64_t number)
{
    uint32_t place = op_emit(&c->list, code, offset);

    if (!c->list.failed)
        c->list.ops[place].number = number;
    return place;
}

uint32_t emit_table(struct compiler *c, uint8_t code, uint32_t offset, const void *table)
{
    uint32_t place = op_emit(&c->list, code, offset);

    if (!c->list.failed)
        c->list.ops[place].table = table;
    return place;
}

struct mark compiler_mark(const struct compiler *c)
{
    return (struct mark){c->list.n, c->n_callees, c->n_path, c->n_skipping, c->depth};
}

void compiler_rewind(struct compiler *c, struct mark at)
{
    c->list.n = at.n_ops;
    c->n_callees = at.n_callees;
    c->n_path = at.n_path;
    c->n_skipping = at.n_skipping;
    c->depth = at.depth;
}

enum status misfit(struct compiler *c, const char *what, struct str name)
{
    char path[ERROR_TEXT_MAX / 2] = "";
    size_t n = 0;

    for (uint32_t i = 0; i < c->n_path && n < sizeof(path); i++)
        n += (size_t)snprintf(path + n, sizeof(path) - n, "%s%.*s", i ? "." : "",
                              STR_ARG(c->path[i]));
    return error_set(c->err, ERR_INVALID,
                     "Avro: the writer's schema does not fit: %s%s%s%s%.*s", n ? "field '" : "",
                     path, n ? "': " : "", what, STR_ARG(name));
}

enum status compiler_enter(struct compiler *c)
{
    c->depth++;
    c->n_pairs++;
    if (c->list.failed)
        return error_set(c->err, ERR_INVALID, "Avro: the schema needs more than %d operations",
                         AVRO_OPS_MAX);
    if (c->n_pairs > AVRO_OPS_MAX || c->depth > 2 * AVRO_SCHEMA_DEPTH_MAX)
        return misfit(c, "the schema is nested or branched too much", (struct str){NULL, 0});
    return OK;
}

/* Arrays and maps share their wire form: a map's item is a string and a value. */
uint32_t begin_items(struct compiler *c, uint8_t code, uint32_t offset,
                     const struct schema_node *w, uint32_t stride)
{
    struct op_items *items = op_table(&c->list, sizeof(*items));
    uint32_t place = emit_table(c, code, offset, items);

    if (items) {
        items->stride = stride;
        items->min_bytes = w->item->min_bytes + (w->kind == SCHEMA_MAP);
    }
    return place;
}

void end_items(struct compiler *c, uint8_t code, uint32_t place)
{
    op_emit(&c->list, code, 0);
    if (c->list.failed)
        return;
    ((struct op_items *)(uintptr_t)c->list.ops[place].table)->n_ops = c->list.n - place - 1;
}

enum status emit_call(struct compiler *c, const struct schema_node *w,
                      const struct schema_node *r, const struct slot *slot, uint32_t offset)
{
    struct op_call *table = op_table(&c->list, sizeof(*table));
    uint32_t i = 0;

    while (i < c->n_callees &&
           (c->callees[i].w != w || c->callees[i].r != r || c->callees[i].slot != slot))
        i++;
    if (i == AVRO_NAMES_MAX)
        return misfit(c, "too many recursive records", (struct str){NULL, 0});
    if (i == c->n_callees)
        c->callees[c->n_callees++] = (struct callee){w, r, slot, 0};
    emit_table(c, CALL, offset, table);
    if (table) {
        table->place = i; /* of the callee; of its first op once that is known */
        table->size = slot ? slot->size : 0;
    }
    return OK;
}

bool begin_branches(struct compiler *c, uint32_t n, struct branch_list *list)
{
    list->n_jumps = 0;
    list->table = op_table(&c->list, sizeof(*list->table) + n * sizeof(uint32_t));
    list->jumps = op_table(&c->list, n * sizeof(uint32_t));
    list->place = emit_table(c, READ_UNION, 0, list->table);
    if (list->table)
        list->table->n = n;
    return !c->list.failed;
}

void begin_branch(struct compiler *c, struct branch_list *list, uint32_t i)
{
    list->table->target[i] = c->list.n - list->place - 1;
}

void end_branch(struct compiler *c, struct branch_list *list, uint32_t i)
{
    if (i + 1 < list->table->n)
        list->jumps[list->n_jumps++] = op_emit(&c->list, JUMP, 0);
}

void end_branches(struct compiler *c, struct branch_list *list)
{
    for (uint32_t i = 0; i < list->n_jumps; i++)
        op_land(&c->list, list->jumps[i]);
}
