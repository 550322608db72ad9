/*
 * Source text to a tree of nodes.
 *
 *   text {{ value | filter }} text {% tag … %} text …
 *
 * A block reads nodes until a tag that it does not know itself comes (`else`, `endif`, …) and
 * leaves the verdict to the caller, who knows what may end it. Included templates are read in
 * place, with the same names and the same place in the markup.
 */
#include "producers/template_private.h"

#include <stdlib.h>

/* A tree takes up to 40 bytes per byte of source: {{a}} is a node, a pipeline and a path. */
enum { TEMPLATE_ARENA_MAX = 16 * 1024 * 1024 };

/* The tag that ended a block; name.len 0: the text ended. */
struct end_tag {
    struct str name;
    struct tag_reader reader;
    uint32_t line;
};

static enum status parse_block(struct compiler *c, struct node **out, struct end_tag *end);

static struct node *new_node(struct compiler *c, enum node_kind kind)
{
    struct node *node = compile_alloc(c, sizeof(*node));

    if (node) {
        node->kind = (uint8_t)kind;
        node->line = c->line;
        node->file = c->file;
    }
    return node;
}

/* ---- nodes ---- */

static enum status add_text(struct compiler *c, struct str text, struct node ***tail)
{
    struct node *node;

    if (!text.len)
        return OK;
    node = new_node(c, NODE_TEXT);
    if (!node)
        return ERR_NOMEM;
    node->text = arena_copy(&c->template->arena, text);
    if (!node->text.ptr)
        return error_set(c->err, ERR_NOMEM, "%s: out of memory", c->file);
    place_advance(&c->place, c->target, text);
    c->template->literal_bytes += text.len;
    **tail = node;
    *tail = &node->next;
    return OK;
}

/* Text up to the next tag, white space taken away as the tags around it say. */
static enum status parse_text_run(struct compiler *c, struct node ***tail)
{
    const char *tag = compile_find_tag(c->at, c->end);
    struct str text = {c->at, (uint32_t)(tag - c->at)};
    bool trim_right = tag + 2 < c->end && tag[2] == '-';

    text = compile_trimmed(text, c->trim, trim_right);
    c->trim = false;
    c->at = tag;
    TRY(add_text(c, text, tail));
    compile_count_lines(c);
    return OK;
}

static enum status parse_output(struct compiler *c, struct tag_reader *reader,
                                struct node **out)
{
    struct node *node = *out = new_node(c, NODE_OUTPUT);
    enum escape escape = ESCAPE_PLAIN;
    const char *why;

    if (!node)
        return ERR_NOMEM;
    if (!place_value(&c->place, c->target, &escape, &why))
        return compile_error(c, "%s", why);
    node->escape = (uint8_t)escape;
    return parse_pipeline(reader, &node->pipeline);
}

static enum status parse_assign(struct compiler *c, struct tag_reader *reader,
                                struct node **out)
{
    struct node *node = *out = new_node(c, NODE_ASSIGN);
    struct str name = tag_identifier(reader);

    if (!node)
        return ERR_NOMEM;
    if (!name.len || !tag_take(reader, "="))
        return compile_error(c, "write {%% assign name = value %%}");
    TRY(compile_slot(c, name, &node->slot));
    return parse_pipeline(reader, &node->pipeline);
}

static enum status want_end(struct compiler *c, struct end_tag *end, const char *name,
                            uint32_t opened_line)
{
    if (str_equal(end->name, str_of(name)))
        return tag_finish(&end->reader);
    if (!end->name.len)
        return compile_error(c, "'%s' is missing for the tag of line %u", name, opened_line);
    return compile_error(c, "'%s' was expected, not '%.*s'", name, STR_ARG(end->name));
}

static enum status parse_capture(struct compiler *c, struct tag_reader *reader,
                                 struct node **out)
{
    struct node *node = *out = new_node(c, NODE_CAPTURE);
    struct str name = tag_identifier(reader);
    const struct place outside = c->place;
    const enum template_target target = c->target;
    struct end_tag end;
    struct place fresh;

    if (!node)
        return ERR_NOMEM;
    if (!name.len)
        return compile_error(c, "write {%% capture name %%}");
    TRY(tag_finish(reader));
    TRY(compile_slot(c, name, &node->slot));
    /* in a link or JSON a captured text is a text like any other, escaped where it is used */
    if (target == TARGET_URL || target == TARGET_JSON)
        c->target = TARGET_PLAIN;
    node->escape = c->target == target;
    place_init(&c->place, c->target);
    fresh = c->place;
    TRY(parse_block(c, &node->body, &end));
    TRY(want_end(c, &end, "endcapture", node->line));
    if (memcmp(&fresh, &c->place, sizeof(fresh)) != 0)
        return compile_error(c, "a captured text must close the tags it opens");
    c->place = outside;
    c->target = target;
    return OK;
}

/* All branches start at the same place and must end at one. */
static enum status branch_ended(struct compiler *c, struct place *end_place, bool first)
{
    if (first)
        *end_place = c->place;
    else if (memcmp(end_place, &c->place, sizeof(*end_place)) != 0)
        return compile_error(c, "the branches end at different places of the markup");
    return OK;
}

static enum status new_branch(struct compiler *c, struct branch ***tail, struct branch **out)
{
    *out = compile_alloc(c, sizeof(**out));
    if (!*out)
        return ERR_NOMEM;
    **tail = *out;
    *tail = &(*out)->next;
    return OK;
}

static enum status parse_if(struct compiler *c, struct tag_reader *reader, bool unless,
                            struct node **out)
{
    struct node *node = *out = new_node(c, NODE_IF);
    const struct place start = c->place;
    struct place end_place;
    struct end_tag end = {.reader = *reader};
    bool otherwise = false;

    if (!node)
        return ERR_NOMEM;
    for (struct branch **tail = &node->branches, *branch;;) {
        TRY(new_branch(c, &tail, &branch));
        branch->negate = unless && tail == &node->branches->next;
        if (!otherwise)
            TRY(parse_condition(&end.reader, &branch->condition));
        TRY(tag_finish(&end.reader));
        c->place = start;
        TRY(parse_block(c, &branch->body, &end));
        TRY(branch_ended(c, &end_place, branch == node->branches));
        if (otherwise ||
            !(str_equal(end.name, str_of("elsif")) || str_equal(end.name, str_of("else"))))
            break;
        otherwise = str_equal(end.name, str_of("else"));
    }
    if (!otherwise) { /* nothing is rendered if no condition holds */
        c->place = start;
        TRY(branch_ended(c, &end_place, false));
    }
    return want_end(c, &end, unless ? "endunless" : "endif", node->line);
}

static enum status parse_when(struct compiler *c, struct tag_reader *reader,
                              struct branch *branch)
{
    enum { WHEN_VALUES_MAX = 32 };

    branch->values = compile_alloc(c, WHEN_VALUES_MAX * sizeof(branch->values[0]));
    if (!branch->values)
        return ERR_NOMEM;
    do {
        if (branch->n_values == WHEN_VALUES_MAX)
            return compile_error(c, "more than %d values", WHEN_VALUES_MAX);
        TRY(parse_value(reader, &branch->values[branch->n_values]));
        branch->n_values++;
    } while (tag_take(reader, ",") || tag_take_word(reader, "or"));
    return OK;
}

static enum status parse_case(struct compiler *c, struct tag_reader *reader, struct node **out)
{
    struct node *node = *out = new_node(c, NODE_CASE);
    struct node *before = NULL;
    const struct place start = c->place;
    struct place end_place = start;
    struct end_tag end;
    bool otherwise = false;

    if (!node)
        return ERR_NOMEM;
    TRY(parse_pipeline(reader, &node->pipeline));
    TRY(parse_block(c, &before, &end)); /* white space before the first `when` */
    c->place = start;
    for (struct branch **tail = &node->branches, *branch; !otherwise;) {
        otherwise = str_equal(end.name, str_of("else"));
        if (!otherwise && !str_equal(end.name, str_of("when")))
            break;
        TRY(new_branch(c, &tail, &branch));
        if (!otherwise)
            TRY(parse_when(c, &end.reader, branch));
        TRY(tag_finish(&end.reader));
        c->place = start;
        TRY(parse_block(c, &branch->body, &end));
        TRY(branch_ended(c, &end_place, false)); /* several may be rendered: all end at start */
    }
    return want_end(c, &end, "endcase", node->line);
}

static enum status parse_for_header(struct compiler *c, struct tag_reader *reader,
                                    struct node *node, struct str *variable)
{
    *variable = tag_identifier(reader);
    if (!variable->len || !tag_take_word(reader, "in"))
        return compile_error(c, "write {%% for name in list %%}");
    TRY(parse_value(reader, &node->collection));
    while (!tag_at_end(reader)) {
        tag_take(reader, ",");
        if (tag_take_word(reader, "reversed"))
            node->reversed = true;
        else if (tag_take_word(reader, "limit") && tag_take(reader, ":"))
            TRY(parse_value(reader, &node->limit));
        else if (tag_take_word(reader, "offset") && tag_take(reader, ":"))
            TRY(parse_value(reader, &node->offset));
        else
            return tag_finish(reader);
    }
    return OK;
}

static enum status parse_for(struct compiler *c, struct tag_reader *reader, struct node **out)
{
    struct node *node = *out = new_node(c, NODE_FOR);
    const struct place start = c->place;
    struct loop_scope *scope = &c->loops[c->n_loops];
    struct end_tag end;

    if (!node)
        return ERR_NOMEM;
    if (c->n_loops == TEMPLATE_DEPTH_MAX)
        return compile_error(c, "loops are nested too deeply");
    TRY(parse_for_header(c, reader, node, &scope->variable));
    TRY(compile_new_slot(c, (struct str){"", 0}, &scope->slot));
    node->slot = scope->slot;
    c->n_loops++;
    TRY(parse_block(c, &node->body, &end));
    c->n_loops--;
    for (int turn = 0; turn < 2; turn++) { /* the loop's body, then its `else` */
        if (memcmp(&start, &c->place, sizeof(start)) != 0)
            return compile_error(c, "a loop must end where it began in the markup");
        if (turn == 0 && str_equal(end.name, str_of("else"))) {
            TRY(tag_finish(&end.reader));
            TRY(parse_block(c, &node->otherwise, &end));
        }
    }
    return want_end(c, &end, "endfor", node->line);
}

static enum status parse_jump(struct compiler *c, struct tag_reader *reader,
                              enum node_kind kind, struct node **out)
{
    *out = new_node(c, kind);
    if (!*out)
        return ERR_NOMEM;
    if (c->n_loops == 0)
        return compile_error(c, "break and continue belong into a loop");
    return tag_finish(reader);
}

/* The included text is read in place; its nodes are appended like ours. */
static enum status parse_include(struct compiler *c, struct tag_reader *reader,
                                 struct node **out)
{
    struct compiler outer = *c;
    struct expr *name;
    struct end_tag end;
    struct str text;

    TRY(parse_value(reader, &name));
    TRY(tag_finish(reader));
    if (name->kind != EXPR_LITERAL || name->literal.kind != VALUE_TEXT)
        return compile_error(c, "include wants the name in quotes");
    struct str file = {name->literal.text, name->literal.n}; /* terminated by the parser */

    if (!c->includes)
        return compile_error(c, "nothing can be included here");
    TRY(c->includes->read(c->includes->context, file, &text, c->err));
    c->source_bytes += text.len;
    if (c->source_bytes > TEMPLATE_SOURCE_MAX)
        return compile_error(c, "with all includes more than %d bytes", TEMPLATE_SOURCE_MAX);
    c->file = file.ptr;
    c->at = c->counted_to = text.ptr;
    c->end = text.ptr + text.len;
    c->line = 1;
    c->trim = false;
    TRY(parse_block(c, out, &end));
    if (end.name.len)
        return compile_error(c, "'%.*s' without its beginning", STR_ARG(end.name));
    c->file = outer.file;
    c->at = outer.at;
    c->end = outer.end;
    c->counted_to = outer.counted_to;
    c->line = outer.line;
    c->trim = outer.trim;
    return OK;
}

static enum status parse_raw(struct compiler *c, struct tag_reader *reader, struct node **out)
{
    struct str text;
    struct node **tail = out;

    TRY(tag_finish(reader));
    TRY(compile_skip_to_end(c, "endraw", &text));
    return add_text(c, text, &tail);
}

static enum status parse_comment(struct compiler *c)
{
    struct str text;

    return compile_skip_to_end(c, "endcomment", &text);
}

/* *known false: the tag is not one that opens something. */
static enum status parse_tag(struct compiler *c, struct str name, struct tag_reader *reader,
                             struct node **out, bool *known)
{
    *known = true;
    if (str_equal(name, str_of("if")))
        return parse_if(c, reader, false, out);
    if (str_equal(name, str_of("unless")))
        return parse_if(c, reader, true, out);
    if (str_equal(name, str_of("for")))
        return parse_for(c, reader, out);
    if (str_equal(name, str_of("assign")))
        return parse_assign(c, reader, out);
    if (str_equal(name, str_of("capture")))
        return parse_capture(c, reader, out);
    if (str_equal(name, str_of("case")))
        return parse_case(c, reader, out);
    if (str_equal(name, str_of("break")))
        return parse_jump(c, reader, NODE_BREAK, out);
    if (str_equal(name, str_of("continue")))
        return parse_jump(c, reader, NODE_CONTINUE, out);
    if (str_equal(name, str_of("include")))
        return parse_include(c, reader, out);
    if (str_equal(name, str_of("raw")))
        return parse_raw(c, reader, out);
    if (str_equal(name, str_of("comment")))
        return parse_comment(c);
    *known = false;
    return OK;
}

static enum status parse_nodes(struct compiler *c, struct node **out, struct end_tag *end)
{
    for (struct node **tail = out;;) {
        struct tag_reader reader;
        bool known;

        TRY(parse_text_run(c, &tail));
        if (c->at == c->end) {
            *end = (struct end_tag){.reader = {c, c->at, c->at}, .line = c->line};
            return OK;
        }
        char closer = c->at[1] == '{' ? '}' : '%';

        c->at += 2;
        TRY(compile_read_tag(c, closer, &reader));
        if (closer == '}') {
            TRY(parse_output(c, &reader, tail));
        } else {
            struct str name = tag_identifier(&reader);

            TRY(parse_tag(c, name, &reader, tail, &known));
            if (!known) {
                *end = (struct end_tag){name, reader, c->line};
                return name.len ? OK : tag_finish(&reader);
            }
        }
        compile_count_lines(c);
        while (*tail)
            tail = &(*tail)->next;
    }
}

static enum status parse_block(struct compiler *c, struct node **out, struct end_tag *end)
{
    if (++c->depth > TEMPLATE_DEPTH_MAX)
        return compile_error(c, "nested more than %d deep", TEMPLATE_DEPTH_MAX);
    *out = NULL;
    TRY(parse_nodes(c, out, end));
    c->depth--;
    return OK;
}

static enum status compile_text(struct compiler *c, struct str text)
{
    struct end_tag end;

    c->at = c->counted_to = text.ptr;
    c->end = text.ptr + text.len;
    c->source_bytes = text.len;
    if (text.len > TEMPLATE_SOURCE_MAX)
        return compile_error(c, "more than %d bytes", TEMPLATE_SOURCE_MAX);
    TRY(parse_block(c, &c->template->body, &end));
    if (end.name.len)
        return compile_error(c, "'%.*s' without its beginning, or no such tag",
                             STR_ARG(end.name));
    return OK;
}

enum status template_compile(const char *name, struct str text, enum template_target target,
                             const struct template_includes *includes, struct template **out,
                             struct error *err)
{
    struct compiler c = {.includes = includes, .err = err, .line = 1, .target = target};
    enum status status = ERR_NOMEM;

    c.template = calloc(1, sizeof(*c.template));
    if (!c.template)
        return error_set(err, ERR_NOMEM, "%s: out of memory", name);
    arena_init(&c.template->arena, TEMPLATE_ARENA_MAX);
    struct str kept =
        arena_copy(&c.template->arena, (struct str){name, (uint32_t)strlen(name) + 1});

    if (!kept.ptr)
        goto done;
    c.file = c.template->name = kept.ptr;
    c.template->target = target;
    place_init(&c.place, target);
    status = compile_text(&c, text);
    if (status == OK) {
        *out = c.template;
        c.template = NULL;
    }
done:
    template_close(c.template);
    return status;
}

void template_close(struct template *template)
{
    if (!template)
        return;
    arena_deinit(&template->arena);
    free(template);
}
