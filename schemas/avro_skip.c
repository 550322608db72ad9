/*
 * Ops for what the writer has and we do not: lengths are followed, contents not looked at.
 */
#include "schemas/avro_compile_private.h"

static enum status skip_items(struct compiler *c, const struct schema_node *w)
{
    uint32_t place = begin_items(c, SKIP_ITEMS, 0, w, 0);

    if (w->kind == SCHEMA_MAP)
        op_emit(&c->list, SKIP_STRING, 0);
    TRY(compile_skip(c, w->item));
    end_items(c, SKIP_NEXT, place);
    return OK;
}

enum status compile_skip_fields(struct compiler *c, const struct schema_node *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        TRY(compile_skip(c, w->fields[i].type));
    return OK;
}

static enum status skip_record(struct compiler *c, const struct schema_node *w)
{
    for (uint32_t i = 0; i < c->n_skipping; i++) {
        if (c->skipping[i] == w)
            return emit_call(c, w, NULL, NULL, 0);
    }
    if (c->n_skipping == AVRO_SCHEMA_DEPTH_MAX)
        return misfit(c, "records are nested too deep", (struct str){NULL, 0});
    c->skipping[c->n_skipping++] = w;
    TRY(compile_skip_fields(c, w));
    c->n_skipping--;
    return OK;
}

static enum status skip_union(struct compiler *c, const struct schema_node *w)
{
    struct branch_list branches;

    if (!begin_branches(c, w->n, &branches))
        return OK; /* out of memory: said at the end */
    for (uint32_t i = 0; i < w->n; i++) {
        begin_branch(c, &branches, i);
        TRY(compile_skip(c, w->branches[i]));
        end_branch(c, &branches, i);
    }
    end_branches(c, &branches);
    return OK;
}

static enum status skip_scalar(struct compiler *c, const struct schema_node *w)
{
    switch (w->kind) {
    case SCHEMA_NULL:
        break;
    case SCHEMA_INT:
    case SCHEMA_LONG:
    case SCHEMA_ENUM:
        op_emit(&c->list, SKIP_LONG, 0);
        break;
    case SCHEMA_BYTES:
    case SCHEMA_STRING:
        op_emit(&c->list, SKIP_STRING, 0);
        break;
    default: /* boolean, float, double, fixed: min_bytes is all there is */
        emit_n(c, SKIP_FIXED, 0, w->min_bytes);
    }
    return OK;
}

enum status compile_skip(struct compiler *c, const struct schema_node *w)
{
    enum status status;

    TRY(compiler_enter(c));
    if (w->kind == SCHEMA_RECORD)
        status = skip_record(c, w);
    else if (w->kind == SCHEMA_ARRAY || w->kind == SCHEMA_MAP)
        status = skip_items(c, w);
    else if (w->kind == SCHEMA_UNION)
        status = skip_union(c, w);
    else
        status = skip_scalar(c, w);
    c->depth--;
    return status;
}
