/*
 * Walks the tree and writes. The output is one growing buffer of the arena (doubling, at most
 * TEMPLATE_OUTPUT_MAX); `capture` writes behind what is there and cuts its part off again.
 *
 * Every inserted value leaves a span. One whose filters have kept it a fact carries its record
 * and field; for the others they are NULL, and the fact gate sees a value nobody answers for.
 */
#include "producers/template_private.h"

#include <stdarg.h>
#include <stdio.h>

enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };

static enum status render_nodes(struct renderer *r, const struct node *node, enum flow *flow);

enum status render_error(struct renderer *r, enum status status, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(r->err, status, "%s:%u: %s", r->file, r->line, text);
}

static enum status no_memory(struct renderer *r)
{
    return render_error(r, ERR_NOMEM, "the batch's memory is used up");
}

enum status render_text(struct renderer *r, size_t n, char **out)
{
    if (n > TEMPLATE_OUTPUT_MAX)
        return render_error(r, ERR_FULL, "a value of more than %d bytes", TEMPLATE_OUTPUT_MAX);
    *out = arena_alloc(r->arena, n + 1);
    return *out ? OK : no_memory(r);
}

static enum status operation(struct renderer *r)
{
    if (++r->operations > TEMPLATE_OPERATIONS_MAX)
        return render_error(r, ERR_FULL, "more than %d operations", TEMPLATE_OPERATIONS_MAX);
    return OK;
}

/* ---- output ---- */

/* Room for n more bytes in the buffer; the sum of what is used stays within the limit only
 * after escaping, so the check for it comes with the real length. */
static enum status reserve(struct renderer *r, size_t n)
{
    size_t need = r->n_out + n, capacity = r->out_capacity;
    char *grown;

    if (need <= capacity)
        return OK;
    while (capacity < need)
        capacity *= 2;
    grown = arena_alloc(r->arena, capacity);
    if (!grown)
        return no_memory(r);
    memcpy(grown, r->out, r->n_out);
    r->out = grown;
    r->out_capacity = (uint32_t)capacity;
    return OK;
}

static enum status put_literal(struct renderer *r, struct str text)
{
    if (r->n_out + text.len > TEMPLATE_OUTPUT_MAX)
        return render_error(r, ERR_FULL, "the text has more than %d bytes",
                            TEMPLATE_OUTPUT_MAX);
    TRY(reserve(r, text.len));
    memcpy(r->out + r->n_out, text.ptr, text.len);
    r->n_out += text.len;
    return OK;
}

static enum status add_span(struct renderer *r, struct template_span span)
{
    if (r->n_spans == TEMPLATE_SPANS_MAX)
        return render_error(r, ERR_FULL, "more than %d inserted values", TEMPLATE_SPANS_MAX);
    if (r->n_spans == r->spans_capacity) {
        uint32_t capacity = r->spans_capacity ? 2 * r->spans_capacity : 16;
        struct template_span *grown = arena_alloc(r->arena, capacity * sizeof(*grown));

        if (!grown)
            return no_memory(r);
        if (r->n_spans)
            memcpy(grown, r->spans, r->n_spans * sizeof(*grown));
        r->spans = grown;
        r->spans_capacity = capacity;
    }
    r->spans[r->n_spans++] = span;
    return OK;
}

/* Captured markup where markup may stand: its bytes and its spans, moved. */
static enum status put_markup(struct renderer *r, const struct template_output *markup)
{
    uint32_t offset = r->n_out;

    TRY(put_literal(r, markup->text));
    for (uint32_t i = 0; i < markup->n_spans; i++) {
        struct template_span span = markup->spans[i];

        span.offset += offset;
        TRY(add_span(r, span));
    }
    return OK;
}

static enum status put_escaped(struct renderer *r, enum escape escape, struct str text)
{
    bool ok;

    if (text.len > TEMPLATE_OUTPUT_MAX)
        return render_error(r, ERR_FULL, "the text has more than %d bytes",
                            TEMPLATE_OUTPUT_MAX);
    TRY(reserve(r, (size_t)text.len * ESCAPE_GROWTH));
    r->n_out += (uint32_t)escape_text(escape, text, r->out + r->n_out, &ok);
    if (!ok)
        return render_error(r, ERR_INVALID, "'%.*s' is no http(s) address",
                            (int)(text.len < 60 ? text.len : 60), text.len ? text.ptr : "");
    if (r->n_out > TEMPLATE_OUTPUT_MAX)
        return render_error(r, ERR_FULL, "the text has more than %d bytes",
                            TEMPLATE_OUTPUT_MAX);
    return OK;
}

static enum status put_value(struct renderer *r, enum escape escape,
                             const struct template_value *value)
{
    uint32_t offset = r->n_out;
    struct str text;

    if (value->kind == VALUE_MARKUP &&
        (escape == ESCAPE_HTML || escape == ESCAPE_LINE || escape == ESCAPE_PLAIN))
        return put_markup(r, value->markup);
    if (escape == ESCAPE_JSON_VALUE) {
        TRY(value_to_json(r, value, &text));
        TRY(put_literal(r, text));
    } else {
        TRY(value_to_text(r, value, &text));
        TRY(put_escaped(r, escape, text));
    }
    if (r->n_out == offset)
        return OK;
    return add_span(r, (struct template_span){offset, r->n_out - offset, value->record,
                                              value->field, *value});
}

/* ---- values ---- */

static enum status evaluate(struct renderer *r, const struct expr *expr, bool lenient,
                            struct template_value *out);

static struct template_value input_variable(const struct template_input *input, struct str name)
{
    for (uint32_t i = 0; i < input->n_fields; i++) {
        if (str_equal(input->fields[i].name, name))
            return input->fields[i].value;
    }
    return (struct template_value){.kind = VALUE_UNSET};
}

/* A slot that nobody has filled is filled from the input. */
static const struct template_value *variable(struct renderer *r, uint8_t slot)
{
    struct template_value *value = &r->slots[slot];

    if (value->kind == VALUE_UNSET && r->template->slot_name[slot].len)
        *value = input_variable(r->input, r->template->slot_name[slot]);
    return value;
}

static enum status path_value(struct renderer *r, const struct expr *path, bool lenient,
                              struct template_value *out)
{
    *out = *variable(r, path->slot);
    for (uint8_t i = 0; i < path->n_segments && out->kind != VALUE_UNSET; i++) {
        const struct path_segment *segment = &path->segments[i];
        struct template_value index;

        if (segment->name.ptr) {
            *out = value_member(out, segment->name);
            continue;
        }
        TRY(evaluate(r, segment->index, lenient, &index));
        if (index.kind == VALUE_TEXT)
            *out = value_member(out, (struct str){index.text, index.n});
        else
            *out = value_element(out, index.kind == VALUE_NUMBER ? index.number : 0.5);
    }
    if (out->kind == VALUE_UNSET && !lenient)
        return render_error(r, ERR_NOT_FOUND, "'%.*s' is missing", STR_ARG(path->text));
    if (out->kind == VALUE_UNSET)
        out->kind = VALUE_NIL;
    return OK;
}

static enum status forloop_value(struct renderer *r, const struct expr *expr,
                                 struct template_value *out)
{
    const struct loop_frame *frame = &r->loops[expr->slot];
    struct str name = expr->segments[0].name;
    double index = frame->index, n = frame->n;

    if (str_equal(name, str_of("index")))
        *out = value_number(index + 1);
    else if (str_equal(name, str_of("index0")))
        *out = value_number(index);
    else if (str_equal(name, str_of("rindex")))
        *out = value_number(n - index);
    else if (str_equal(name, str_of("rindex0")))
        *out = value_number(n - index - 1);
    else if (str_equal(name, str_of("length")))
        *out = value_number(n);
    else if (str_equal(name, str_of("first")))
        *out = (struct template_value){.kind = VALUE_BOOL, .boolean = frame->index == 0};
    else if (str_equal(name, str_of("last")))
        *out = (struct template_value){.kind = VALUE_BOOL, .boolean = index + 1 == n};
    else
        return render_error(r, ERR_NOT_FOUND, "'%.*s' is missing", STR_ARG(expr->text));
    return OK;
}

static enum status range_value(struct renderer *r, const struct expr *expr,
                               struct template_value *out)
{
    struct template_value ends[2];
    double number[2];

    for (int i = 0; i < 2; i++) {
        TRY(evaluate(r, i ? expr->right : expr->left, false, &ends[i]));
        if (!value_to_number(&ends[i], &number[i]) || !(number[i] > -1e9 && number[i] < 1e9))
            return render_error(r, ERR_INVALID, "the end of a range is no number");
    }
    *out = (struct template_value){.kind = VALUE_RANGE,
                                   .range = {(int32_t)number[0], (int32_t)number[1]}};
    return OK;
}

/* "a and (b or (c …": a loop, because the chain hangs to the right. */
static enum status condition_value(struct renderer *r, const struct expr *expr, bool *out)
{
    struct template_value left, right;

    for (;; expr = expr->right) {
        bool chained = expr->kind == EXPR_AND || expr->kind == EXPR_OR;
        const struct expr *one = chained ? expr->left : expr;

        TRY(operation(r));
        if (one->kind == EXPR_COMPARE) {
            TRY(evaluate(r, one->left, true, &left));
            TRY(evaluate(r, one->right, true, &right));
            TRY(value_compare(r, (enum compare_op)one->op, &left, &right, out));
        } else {
            TRY(evaluate(r, one, true, &left));
            *out = value_is_true(&left);
        }
        if (!chained || *out == (expr->kind == EXPR_OR))
            return OK;
    }
}

static enum status evaluate(struct renderer *r, const struct expr *expr, bool lenient,
                            struct template_value *out)
{
    switch (expr->kind) {
    case EXPR_LITERAL:
        *out = expr->literal;
        return OK;
    case EXPR_PATH:
        return path_value(r, expr, lenient, out);
    case EXPR_FORLOOP:
        return forloop_value(r, expr, out);
    default:
        return range_value(r, expr, out);
    }
}

static enum status pipeline_value(struct renderer *r, const struct pipeline *pipeline,
                                  struct template_value *out)
{
    struct template_value args[FILTER_ARGS_MAX];

    TRY(operation(r));
    TRY(evaluate(r, pipeline->head, pipeline->lenient, out));
    for (const struct filter_call *call = pipeline->filters; call; call = call->next) {
        TRY(operation(r));
        for (uint8_t i = 0; i < call->n_args; i++)
            TRY(evaluate(r, call->arg[i], false, &args[i]));
        TRY(call->filter->apply(r, call, out, args));
    }
    return OK;
}

/* ---- nodes ---- */

static enum status render_capture(struct renderer *r, const struct node *node, enum flow *flow)
{
    uint32_t offset = r->n_out, first_span = r->n_spans;
    struct template_output *captured = arena_alloc(r->arena, sizeof(*captured));
    struct template_span *spans;
    char *text;

    if (!captured)
        return no_memory(r);
    TRY(render_nodes(r, node->body, flow));
    uint32_t n_spans = r->n_spans - first_span;

    TRY(render_text(r, r->n_out - offset, &text));
    spans = arena_alloc(r->arena, (n_spans + 1) * sizeof(*spans));
    if (!spans)
        return no_memory(r);
    memcpy(text, r->out + offset, r->n_out - offset);
    for (uint32_t i = 0; i < n_spans; i++) {
        spans[i] = r->spans[first_span + i];
        spans[i].offset -= offset;
    }
    *captured = (struct template_output){{text, r->n_out - offset}, spans, n_spans};
    if (node->escape)
        r->slots[node->slot] =
            (struct template_value){.kind = VALUE_MARKUP, .markup = captured};
    else
        r->slots[node->slot] = value_text(captured->text);
    r->n_out = offset;
    r->n_spans = first_span;
    return OK;
}

static enum status render_if(struct renderer *r, const struct node *node, enum flow *flow)
{
    for (const struct branch *branch = node->branches; branch; branch = branch->next) {
        bool holds = true;

        if (branch->condition) {
            TRY(condition_value(r, branch->condition, &holds));
            holds ^= branch->negate;
        }
        if (holds)
            return render_nodes(r, branch->body, flow);
    }
    return OK;
}

static enum status branch_matches(struct renderer *r, const struct branch *branch,
                                  const struct template_value *target, bool *out)
{
    *out = false;
    for (uint32_t i = 0; i < branch->n_values && !*out; i++) {
        struct template_value value;

        TRY(operation(r));
        TRY(evaluate(r, branch->values[i], false, &value));
        *out = value_equal(target, &value);
    }
    return OK;
}

static enum status render_case(struct renderer *r, const struct node *node, enum flow *flow)
{
    struct template_value target;
    bool any = false, matches;

    TRY(pipeline_value(r, &node->pipeline, &target));
    for (const struct branch *branch = node->branches; branch; branch = branch->next) {
        if (branch->values)
            TRY(branch_matches(r, branch, &target, &matches));
        else
            matches = !any; /* else */
        if (matches)
            TRY(render_nodes(r, branch->body, flow));
        any |= matches;
        if (*flow != FLOW_NEXT)
            return OK;
    }
    return OK;
}

/* A modifier of `for`, cut to 0..n. */
static enum status loop_bound(struct renderer *r, const struct expr *expr, uint32_t n,
                              uint32_t *out)
{
    struct template_value value;
    double number;

    TRY(evaluate(r, expr, false, &value));
    if (!value_to_number(&value, &number) || number < 0 || number != number)
        return render_error(r, ERR_INVALID, "limit and offset want a number from 0");
    *out = number < n ? (uint32_t)number : n;
    return OK;
}

static enum status loop_size(struct renderer *r, const struct template_value *list,
                             uint32_t *out)
{
    *out = 0;
    switch (list->kind) {
    case VALUE_NIL:
        return OK;
    case VALUE_ARRAY:
        *out = list->n;
        return OK;
    case VALUE_TEXT:
        *out = list->n > 0; /* a text is a list of itself */
        return OK;
    case VALUE_RANGE:
        *out = list->range.last < list->range.first
                   ? 0
                   : (uint32_t)(list->range.last - list->range.first) + 1;
        return OK;
    default:
        return render_error(r, ERR_INVALID, "this is no list");
    }
}

static struct template_value loop_element(const struct template_value *list, uint32_t at)
{
    if (list->kind == VALUE_ARRAY)
        return list->items[at];
    if (list->kind == VALUE_RANGE)
        return value_number((double)list->range.first + at);
    return *list;
}

static enum status render_for(struct renderer *r, const struct node *node, enum flow *flow)
{
    struct loop_frame *frame = &r->loops[node->slot];
    struct template_value list;
    uint32_t n, offset = 0;

    TRY(evaluate(r, node->collection, false, &list));
    TRY(loop_size(r, &list, &n));
    if (n == 0)
        return render_nodes(r, node->otherwise, flow);
    if (node->offset)
        TRY(loop_bound(r, node->offset, n, &offset));
    n -= offset;
    if (node->limit)
        TRY(loop_bound(r, node->limit, n, &n));
    frame->n = n;
    for (uint32_t i = 0; i < n; i++) {
        enum flow inner = FLOW_NEXT;

        if (++r->turns > TEMPLATE_TURNS_MAX)
            return render_error(r, ERR_FULL, "more than %d turns of loops", TEMPLATE_TURNS_MAX);
        frame->index = i;
        r->slots[node->slot] = loop_element(&list, offset + (node->reversed ? n - 1 - i : i));
        TRY(render_nodes(r, node->body, &inner));
        if (inner == FLOW_BREAK)
            break;
    }
    return OK;
}

static enum status render_node(struct renderer *r, const struct node *node, enum flow *flow)
{
    struct template_value value;

    switch (node->kind) {
    case NODE_TEXT:
        return put_literal(r, node->text);
    case NODE_OUTPUT:
        TRY(pipeline_value(r, &node->pipeline, &value));
        return put_value(r, (enum escape)node->escape, &value);
    case NODE_ASSIGN:
        TRY(pipeline_value(r, &node->pipeline, &value));
        r->slots[node->slot] = value;
        return OK;
    case NODE_CAPTURE:
        return render_capture(r, node, flow);
    case NODE_IF:
        return render_if(r, node, flow);
    case NODE_CASE:
        return render_case(r, node, flow);
    case NODE_FOR:
        return render_for(r, node, flow);
    case NODE_BREAK:
        *flow = FLOW_BREAK;
        return OK;
    default:
        *flow = FLOW_CONTINUE;
        return OK;
    }
}

static enum status render_nodes(struct renderer *r, const struct node *node, enum flow *flow)
{
    for (; node && *flow == FLOW_NEXT; node = node->next) {
        r->file = node->file;
        r->line = node->line;
        TRY(operation(r));
        TRY(render_node(r, node, flow));
    }
    return OK;
}

enum status template_render(const struct template *template, const struct template_input *input,
                            struct arena *arena, struct template_output *out, struct error *err)
{
    enum { INSERTED_GUESS = 192 }; /* bytes of inserted values in a push text */
    struct renderer r;
    enum flow flow = FLOW_NEXT;

    r.template = template;
    r.input = input;
    r.arena = arena;
    r.err = err;
    r.file = template->name;
    r.line = 1;
    r.operations = r.turns = r.n_out = r.n_spans = r.spans_capacity = 0;
    r.spans = NULL;
    for (uint8_t i = 0; i < template->n_slots; i++)
        r.slots[i].kind = VALUE_UNSET;
    r.out_capacity = template->literal_bytes + INSERTED_GUESS;
    r.out = arena_alloc(arena, r.out_capacity);
    if (!r.out)
        return no_memory(&r);
    TRY(render_nodes(&r, template->body, &flow));
    *out = (struct template_output){{r.out, r.n_out}, r.spans, r.n_spans};
    return OK;
}
