/*
 * The inside of a tag: words, literals, paths, conditions, filters. A hand-written reader by
 * recursive descent; the only recursion is a[b[c]], bounded by PATH_SEGMENTS_MAX brackets.
 *
 *   condition   comparison (("and" | "or") condition)?     from right to left
 *   comparison  value (operator value)?
 *   pipeline    value ("|" name (":" argument ("," argument)*)?)*
 *   value       "text" | number | word | path | "(" value ".." value ")"
 */
#include "producers/template_private.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_TEXT_MAX = 32 }; /* a literal number in a template */

static void skip_space(struct tag_reader *reader)
{
    while (reader->at < reader->end && isspace((unsigned char)*reader->at))
        reader->at++;
}

bool tag_at_end(struct tag_reader *reader)
{
    skip_space(reader);
    return reader->at == reader->end;
}

bool tag_take(struct tag_reader *reader, const char *punctuation)
{
    size_t n = strlen(punctuation);

    skip_space(reader);
    if ((size_t)(reader->end - reader->at) < n || memcmp(reader->at, punctuation, n) != 0)
        return false;
    reader->at += n;
    return true;
}

static bool is_word_start(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

struct str tag_identifier(struct tag_reader *reader)
{
    const char *begin;

    skip_space(reader);
    begin = reader->at;
    if (begin == reader->end || !is_word_start(*begin))
        return (struct str){begin, 0};
    while (reader->at < reader->end && is_word(*reader->at))
        reader->at++;
    return (struct str){begin, (uint32_t)(reader->at - begin)};
}

bool tag_take_word(struct tag_reader *reader, const char *word)
{
    const char *begin = reader->at;

    if (str_equal(tag_identifier(reader), str_of(word)))
        return true;
    reader->at = begin;
    return false;
}

enum status tag_finish(struct tag_reader *reader)
{
    if (tag_at_end(reader))
        return OK;
    return compile_error(reader->compiler, "cannot read '%.*s'",
                         (int)(reader->end - reader->at < 40 ? reader->end - reader->at : 40),
                         reader->at);
}

static struct expr *new_expr(struct tag_reader *reader, enum expr_kind kind)
{
    struct expr *expr = compile_alloc(reader->compiler, sizeof(*expr));

    if (expr)
        expr->kind = (uint8_t)kind;
    return expr;
}

static struct str keep(struct tag_reader *reader, struct str text)
{
    char *copy = compile_alloc(reader->compiler, (size_t)text.len + 1);

    if (copy && text.len)
        memcpy(copy, text.ptr, text.len);
    return (struct str){copy, copy ? text.len : 0};
}

static enum status parse_text(struct tag_reader *reader, char quote, struct expr **out)
{
    const char *begin = reader->at;
    char *text;
    uint32_t n = 0;

    while (reader->at < reader->end && *reader->at != quote)
        reader->at += *reader->at == '\\' && reader->at + 1 < reader->end ? 2 : 1;
    if (reader->at >= reader->end)
        return compile_error(reader->compiler, "a text lacks its closing %c", quote);
    *out = new_expr(reader, EXPR_LITERAL);
    text = compile_alloc(reader->compiler, (size_t)(reader->at - begin) + 1);
    if (!*out || !text)
        return ERR_NOMEM;
    for (const char *p = begin; p < reader->at; p++) {
        if (*p == '\\') {
            p++;
            text[n++] = *p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 'r' ? '\r' : *p;
        } else {
            text[n++] = *p;
        }
    }
    reader->at++;
    (*out)->literal = value_text((struct str){text, n});
    return OK;
}

static enum status parse_number(struct tag_reader *reader, struct expr **out)
{
    char text[NUMBER_TEXT_MAX];
    size_t n = 0;

    while (reader->at < reader->end && n < sizeof(text) - 1) {
        bool point = *reader->at == '.' && reader->at + 1 < reader->end &&
                     isdigit((unsigned char)reader->at[1]);

        if (!isdigit((unsigned char)*reader->at) && !point && !(n == 0 && *reader->at == '-'))
            break;
        text[n++] = *reader->at++;
    }
    text[n] = '\0';
    char *end;
    double number = strtod(text, &end);

    if (*end || n == 0 || (reader->at < reader->end && is_word(*reader->at)))
        return compile_error(reader->compiler, "'%s' is no number", text);
    *out = new_expr(reader, EXPR_LITERAL);
    if (!*out)
        return ERR_NOMEM;
    (*out)->literal = value_number(number);
    return OK;
}

static bool word_literal(struct str word, struct template_value *out)
{
    static const struct {
        const char *word;
        struct template_value value;
    } words[] = {
        {"true", {.kind = VALUE_BOOL, .boolean = true}},
        {"false", {.kind = VALUE_BOOL, .boolean = false}},
        {"nil", {.kind = VALUE_NIL}},
        {"null", {.kind = VALUE_NIL}},
        {"empty", {.kind = VALUE_EMPTY}},
        {"blank", {.kind = VALUE_BLANK}},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_equal(word, str_of(words[i].word))) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

/* .name or [index], as many as there are. */
static enum status parse_segments(struct tag_reader *reader, struct expr *path)
{
    path->segments =
        compile_alloc(reader->compiler, PATH_SEGMENTS_MAX * sizeof(path->segments[0]));
    if (!path->segments)
        return ERR_NOMEM;
    while (reader->at < reader->end) {
        struct path_segment *segment = &path->segments[path->n_segments];
        bool dot =
            *reader->at == '.' && reader->at + 1 < reader->end && is_word_start(reader->at[1]);

        if (!dot && *reader->at != '[')
            break;
        if (path->n_segments == PATH_SEGMENTS_MAX)
            return compile_error(reader->compiler, "a path has more than %d parts",
                                 PATH_SEGMENTS_MAX);
        path->n_segments++;
        reader->at++;
        if (dot) {
            segment->name = keep(reader, tag_identifier(reader));
            continue;
        }
        if (++reader->compiler->depth > TEMPLATE_DEPTH_MAX)
            return compile_error(reader->compiler, "brackets are nested too deeply");
        TRY(parse_value(reader, &segment->index));
        reader->compiler->depth--;
        if (!tag_take(reader, "]"))
            return compile_error(reader->compiler, "']' is missing");
    }
    return OK;
}

static enum status parse_path(struct tag_reader *reader, struct expr **out)
{
    struct compiler *compiler = reader->compiler;
    const char *begin = reader->at;
    struct str root = tag_identifier(reader);
    struct template_value literal;
    struct expr *path = new_expr(reader, EXPR_PATH);
    int loop = compiler->n_loops;

    *out = path;
    if (!path)
        return ERR_NOMEM;
    if (word_literal(root, &literal)) {
        path->kind = EXPR_LITERAL;
        path->literal = literal;
        return OK;
    }
    if (str_equal(root, str_of("forloop")) && loop > 0) {
        path->kind = EXPR_FORLOOP;
        path->slot = compiler->loops[loop - 1].slot;
    } else {
        while (loop > 0 && !str_equal(compiler->loops[loop - 1].variable, root))
            loop--;
        if (loop > 0)
            path->slot = compiler->loops[loop - 1].slot;
        else
            TRY(compile_slot(compiler, root, &path->slot));
    }
    TRY(parse_segments(reader, path));
    path->text = keep(reader, (struct str){begin, (uint32_t)(reader->at - begin)});
    if (path->kind == EXPR_FORLOOP && (path->n_segments != 1 || !path->segments[0].name.ptr))
        return compile_error(compiler, "write forloop.index, .index0, .rindex, .rindex0, "
                                       ".first, .last or .length");
    return OK;
}

static enum status parse_range(struct tag_reader *reader, struct expr **out)
{
    struct expr *range = new_expr(reader, EXPR_RANGE);

    *out = range;
    if (!range)
        return ERR_NOMEM;
    TRY(parse_value(reader, &range->left));
    if (!tag_take(reader, ".."))
        return compile_error(reader->compiler, "a range is written (first..last)");
    TRY(parse_value(reader, &range->right));
    if (!tag_take(reader, ")"))
        return compile_error(reader->compiler, "')' is missing");
    return OK;
}

enum status parse_value(struct tag_reader *reader, struct expr **out)
{
    if (tag_at_end(reader))
        return compile_error(reader->compiler, "a value is missing");
    if (*reader->at == '"' || *reader->at == '\'')
        return parse_text(reader, *reader->at++, out);
    if (isdigit((unsigned char)*reader->at) || *reader->at == '-')
        return parse_number(reader, out);
    if (tag_take(reader, "("))
        return parse_range(reader, out);
    if (is_word_start(*reader->at))
        return parse_path(reader, out);
    return tag_finish(reader);
}

static bool take_operator(struct tag_reader *reader, uint8_t *out)
{
    static const struct {
        const char *text;
        enum compare_op op;
    } operators[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE},
                     {">=", OP_GE}, {"<", OP_LT},  {">", OP_GT}};

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (tag_take(reader, operators[i].text)) {
            *out = (uint8_t)operators[i].op;
            return true;
        }
    }
    *out = OP_CONTAINS;
    return tag_take_word(reader, "contains");
}

static enum status parse_comparison(struct tag_reader *reader, struct expr **out)
{
    struct expr *left, *compare;
    uint8_t op;

    TRY(parse_value(reader, &left));
    *out = left;
    if (!take_operator(reader, &op))
        return OK;
    compare = new_expr(reader, EXPR_COMPARE);
    if (!compare)
        return ERR_NOMEM;
    compare->op = op;
    compare->left = left;
    *out = compare;
    return parse_value(reader, &compare->right);
}

/* "a and b or c" is a and (b or c): the chain hangs to the right. */
enum status parse_condition(struct tag_reader *reader, struct expr **out)
{
    for (;;) {
        struct expr *left, *both;
        bool is_and;

        TRY(parse_comparison(reader, &left));
        *out = left;
        is_and = tag_take_word(reader, "and");
        if (!is_and && !tag_take_word(reader, "or"))
            return OK;
        both = new_expr(reader, is_and ? EXPR_AND : EXPR_OR);
        if (!both)
            return ERR_NOMEM;
        both->left = left;
        *out = both;
        out = &both->right;
    }
}

/* name: value, or value. */
static enum status parse_argument(struct tag_reader *reader, struct filter_call *call)
{
    const char *begin = reader->at;
    struct str name = tag_identifier(reader);
    uint8_t at = call->n_args;

    if (at == call->filter->args_max || at == FILTER_ARGS_MAX)
        return compile_error(reader->compiler, "too many arguments for '%s'",
                             call->filter->name);
    if (name.len && tag_take(reader, ":")) {
        if (!call->filter->named)
            return compile_error(reader->compiler, "'%s' knows no argument '%.*s'",
                                 call->filter->name, STR_ARG(name));
        call->arg_name[at] = keep(reader, name);
    } else {
        reader->at = begin;
    }
    call->n_args++;
    return parse_value(reader, &call->arg[at]);
}

static enum status parse_filter(struct tag_reader *reader, struct filter_call **out)
{
    struct str name = tag_identifier(reader);
    struct filter_call *call = compile_alloc(reader->compiler, sizeof(*call));

    *out = call;
    if (!call)
        return ERR_NOMEM;
    call->filter = filter_find(name);
    if (!call->filter)
        return compile_error(reader->compiler, "no filter is called '%.*s'", STR_ARG(name));
    if (tag_take(reader, ":")) {
        do
            TRY(parse_argument(reader, call));
        while (tag_take(reader, ","));
    }
    if (call->n_args < call->filter->args_min)
        return compile_error(reader->compiler, "'%s' needs %d argument%s", call->filter->name,
                             call->filter->args_min, call->filter->args_min == 1 ? "" : "s");
    return OK;
}

enum status parse_pipeline(struct tag_reader *reader, struct pipeline *out)
{
    struct filter_call **link = &out->filters;

    *link = NULL;
    TRY(parse_value(reader, &out->head));
    while (tag_take(reader, "|")) {
        TRY(parse_filter(reader, link));
        link = &(*link)->next;
    }
    out->lenient = out->filters && strcmp(out->filters->filter->name, "default") == 0;
    return tag_finish(reader);
}
