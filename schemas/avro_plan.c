/*
 * Plans: the compiler run over a pair of schemas, and what it made put into one piece.
 *
 *   main ops, END, record ops, RETURN, record ops, RETURN, …
 *
 * Records that are called come behind: emitting one may ask for further ones.
 */
#include "schemas/avro_compile_private.h"

#include <stdlib.h>

static enum status compile_callees(struct compiler *c)
{
    for (uint32_t i = 0; i < c->n_callees; i++) {
        struct callee callee = c->callees[i];

        c->callees[i].place = c->list.n;
        if (callee.r)
            TRY(compile_read_fields(c, callee.w, callee.r, callee.slot, 0));
        else
            TRY(compile_skip_fields(c, callee.w));
        op_emit(&c->list, RETURN, 0);
    }
    return OK;
}

/* Calls know the number of their callee; now they learn where it stands. */
static void link_calls(struct compiler *c)
{
    for (uint32_t i = 0; i < c->list.n; i++) {
        if (c->list.ops[i].code == CALL) {
            struct op_call *table = (struct op_call *)(uintptr_t)c->list.ops[i].table;

            table->place = c->callees[table->place].place;
        }
    }
}

static enum status compile(struct compiler *c, const struct schema *writer,
                           const struct schema *reader, const struct slot *slot)
{
    c->identical = json_equal(writer->json, reader->json);
    TRY(compile_read(c, writer->root, reader->root, slot, 0));
    op_emit(&c->list, END, 0);
    TRY(compile_callees(c));
    if (c->list.failed)
        return error_set(c->err, ERR_INVALID,
                         "Avro: the schema needs more than %d operations or too much memory",
                         AVRO_OPS_MAX);
    link_calls(c);
    return OK;
}

enum status avro_plan_make(const struct schema *writer, const struct schema *reader,
                           const struct slot *slot, struct avro_plan **out, struct error *err)
{
    struct compiler *c = calloc(1, sizeof(*c)); /* too large for a stack: the callees */
    struct avro_plan *plan = calloc(1, sizeof(*plan));
    enum status status = ERR_NOMEM;

    if (!c || !plan) {
        error_set(err, ERR_NOMEM, "Avro plan: out of memory");
        goto done;
    }
    arena_init(&plan->arena, AVRO_PLAN_BYTES_MAX);
    c->list.arena = &plan->arena;
    c->err = err;
    status = compile(c, writer, reader, slot);
    if (status != OK)
        goto done;
    plan->ops = c->list.ops;
    plan->n_ops = c->list.n;
    plan->size = slot->size;
    c->list.ops = NULL; /* the plan's now */
    *out = plan;
    plan = NULL;
done:
    if (c)
        free(c->list.ops);
    free(c);
    avro_plan_close(plan);
    return status;
}

void avro_plan_close(struct avro_plan *plan)
{
    if (!plan)
        return;
    free((void *)(uintptr_t)plan->ops);
    arena_deinit(&plan->arena);
    free(plan);
}
