/*
 * A compiled template: a tree of nodes in the template's own arena.
 *
 * Names. Every variable that is not a loop's has a slot, shared by `assign`, `capture` and all
 * paths that start with it. At the start of a rendering all slots are unset; the first path
 * that asks fills its slot from the input, an `assign` overwrites it. Loop variables have
 * slots of their own, found at compile time, so they hide the others as Liquid wants it.
 */
#ifndef FRESHET_PRODUCERS_TEMPLATE_PRIVATE_H
#define FRESHET_PRODUCERS_TEMPLATE_PRIVATE_H

#include "producers/template.h"

enum {
    FILTER_ARGS_MAX = 6,   /* one for each of CLDR's plural categories */
    JSON_DEPTH_MAX = 8,    /* nesting of arrays and objects that `json` writes */
    PATH_SEGMENTS_MAX = 8, /* a.b[c].d */
};

/* ---- expressions ---- */

enum expr_kind {
    EXPR_LITERAL,
    EXPR_PATH,
    EXPR_FORLOOP,
    EXPR_RANGE,
    EXPR_COMPARE,
    EXPR_AND,
    EXPR_OR
};

enum compare_op { OP_EQ, OP_NE, OP_LT, OP_GT, OP_LE, OP_GE, OP_CONTAINS };

struct expr;

struct path_segment {
    struct str name; /* ptr NULL: index */
    struct expr *index;
};

struct expr {
    uint8_t kind; /* enum expr_kind */
    uint8_t op;   /* enum compare_op */
    uint8_t slot; /* of a path */
    uint8_t n_segments;
    struct str text; /* as written, for sentences */
    union {
        struct template_value literal;
        struct path_segment *segments;
        struct {
            struct expr *left, *right;
        };
    };
};

struct filter;

struct filter_call {
    const struct filter *filter;
    uint8_t n_args;
    struct str arg_name[FILTER_ARGS_MAX]; /* `one: "…"`; ptr NULL: by position */
    struct expr *arg[FILTER_ARGS_MAX];
    struct filter_call *next;
};

/* A value and the filters it goes through. */
struct pipeline {
    struct expr *head;
    struct filter_call *filters;
    bool lenient; /* `default` comes first: a missing variable is allowed */
};

/* ---- nodes ---- */

/* How a value is escaped where it stands. */
enum escape {
    ESCAPE_LINE,
    ESCAPE_PLAIN,
    ESCAPE_HTML,           /* in text: captured markup passes */
    ESCAPE_HTML_ATTRIBUTE, /* quoted: the same letters are escaped, and markup as well */
    ESCAPE_HTML_URL,       /* at the start of a link attribute: a whole address */
    ESCAPE_HTML_URL_PART,  /* further in */
    ESCAPE_URL,
    ESCAPE_URL_PART,
    ESCAPE_JSON_TEXT,  /* within quotes */
    ESCAPE_JSON_VALUE, /* outside of them: written as JSON */
};

enum node_kind {
    NODE_TEXT,
    NODE_OUTPUT,
    NODE_ASSIGN,
    NODE_CAPTURE,
    NODE_IF,   /* branches; the first whose condition holds */
    NODE_CASE, /* branches; every one with an equal value, else the last without */
    NODE_FOR,
    NODE_BREAK,
    NODE_CONTINUE,
};

struct node;

struct branch {
    struct expr *condition; /* if; NULL: else */
    bool negate;            /* unless */
    uint32_t n_values;      /* case */
    struct expr **values;
    struct node *body;
    struct branch *next;
};

struct node {
    uint8_t kind;   /* enum node_kind */
    uint8_t escape; /* enum escape, of an output */
    uint8_t slot;   /* assign, capture, for */
    bool reversed;
    uint32_t line;
    const char *file; /* an included one has its own name */
    struct node *next;
    union {
        struct str text;
        struct {
            struct pipeline pipeline; /* output, assign, case */
            struct branch *branches;  /* if, case */
        };
        struct {
            struct node *body, *otherwise; /* capture (body), for */
            struct expr *collection, *limit, *offset;
        };
    };
};

struct template
{
    struct arena arena;
    const char *name;
    enum template_target target;
    struct node *body;
    uint32_t literal_bytes; /* of all texts: the first guess at the output's size */
    uint8_t n_slots;
    struct str slot_name[TEMPLATE_NAMES_MAX]; /* len 0: a loop's */
};

/* ---- compiling ---- */

/* Where in the markup the compiler stands; compared as bytes where branches meet. */
struct place {
    uint8_t state;     /* enum of template_context.c */
    uint8_t link;      /* the attribute holds an address */
    uint8_t forbidden; /* the attribute holds code: no value may stand in it */
    uint8_t started;   /* something of the address stands there already */
    uint8_t raw;       /* in <script> or <style>: 's' or 't' */
    uint8_t n_word;    /* letters of the name being read */
    char word[13];
};

void place_init(struct place *place, enum template_target target);

/** Goes over literal text. */
void place_advance(struct place *place, enum template_target target, struct str text);

/** How a value is escaped here; false: none may stand here, *why says so. Moves past it. */
bool place_value(struct place *place, enum template_target target, enum escape *out,
                 const char **why);

struct loop_scope {
    struct str variable;
    uint8_t slot;
};

struct compiler {
    struct template *template;
    const struct template_includes *includes;
    struct error *err;
    const char *file; /* being read */
    const char *at, *end, *counted_to;
    uint32_t line;       /* of counted_to */
    size_t source_bytes; /* with all includes */
    uint32_t depth;
    bool trim;                   /* the last tag ended in "-": white space after it goes */
    enum template_target target; /* of the text being read: plain within some captures */
    struct place place;
    uint8_t n_loops;
    struct loop_scope loops[TEMPLATE_DEPTH_MAX];
};

/* The inside of a tag being read; errors go to the compiler's err. */
struct tag_reader {
    struct compiler *compiler;
    const char *at, *end;
};

/** error_set with "file:line: " in front. */
enum status compile_error(struct compiler *compiler, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void *compile_alloc(struct compiler *compiler,
                    size_t size); /* zeroed; NULL: out of memory, said */

/** Slot of a name, new at first sight. */
enum status compile_slot(struct compiler *compiler, struct str name, uint8_t *out);

/** A slot that is new in any case; an empty name is a loop's. */
enum status compile_new_slot(struct compiler *compiler, struct str name, uint8_t *out);

void compile_count_lines(struct compiler *compiler); /* up to at */

/** The next "{{" or "{%" from at, or end. */
const char *compile_find_tag(const char *at, const char *end);

/** From after "{{" or "{%" to its end; quoted closers do not count. Moves past the closer. */
enum status compile_read_tag(struct compiler *compiler, char closer, struct tag_reader *out);

struct str compile_trimmed(struct str text, bool left, bool right);

/** Moves to just after {% end_name %}; *out is the text before it. */
enum status compile_skip_to_end(struct compiler *compiler, const char *end_name,
                                struct str *out);

bool tag_at_end(struct tag_reader *reader); /* skips white space */
bool tag_take(struct tag_reader *reader, const char *punctuation);
bool tag_take_word(struct tag_reader *reader, const char *word);
struct str tag_identifier(struct tag_reader *reader); /* len 0: none here */
enum status tag_finish(struct tag_reader *reader);    /* nothing may be left */

enum status parse_value(struct tag_reader *reader, struct expr **out);
enum status parse_condition(struct tag_reader *reader, struct expr **out);
enum status parse_pipeline(struct tag_reader *reader, struct pipeline *out);

/* ---- rendering ---- */

struct renderer;

struct filter {
    const char *name;
    uint8_t args_min, args_max;
    bool named; /* takes named arguments */
    /* value is changed in place */
    enum status (*apply)(struct renderer *r, const struct filter_call *call,
                         struct template_value *value, const struct template_value *args);
};

const struct filter *filter_find(struct str name);

struct loop_frame {
    uint32_t index, n; /* of the turn, of all turns */
};

struct renderer {
    const struct template *template;
    const struct template_input *input;
    struct arena *arena;
    struct error *err;
    const char *file; /* of the node being rendered */
    uint32_t line;
    uint32_t operations, turns;
    char *out;
    uint32_t n_out, out_capacity;
    struct template_span *spans;
    uint32_t n_spans, spans_capacity;
    struct template_value slots[TEMPLATE_NAMES_MAX];
    struct loop_frame loops[TEMPLATE_NAMES_MAX]; /* by the slot of the loop's variable */
};

/** error_set with "file:line: " in front. */
enum status render_error(struct renderer *r, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Room for n bytes in the arena, n <= TEMPLATE_OUTPUT_MAX. */
enum status render_text(struct renderer *r, size_t n, char **out);

/* ---- values ---- */

bool value_is_true(const struct template_value *value);
bool value_equal(const struct template_value *a, const struct template_value *b);
enum status value_compare(struct renderer *r, enum compare_op op,
                          const struct template_value *a, const struct template_value *b,
                          bool *out);

/** As text; a text is itself, others are written into the arena. An object is refused. */
enum status value_to_text(struct renderer *r, const struct template_value *value,
                          struct str *out);

/** A number, also from text like "12.5"; false if it is none. */
bool value_to_number(const struct template_value *value, double *out);

/** Field, index, size, first or last of a value; VALUE_UNSET if there is none. */
struct template_value value_member(const struct template_value *value, struct str name);
struct template_value value_element(const struct template_value *value, double index);

/** Shortest decimal that reads back the same, as JavaScript writes it; <= 32 bytes. */
uint32_t number_to_text(double number, char *out);

/** Plain decimal of an amount: "12.5". <= 32 bytes. */
uint32_t money_to_text(int64_t amount_e4, char *out);

/** Code points of a text. */
uint32_t text_length(struct str text);

/** Bytes of its first n code points. */
uint32_t text_prefix(struct str text, uint32_t n);

/* Escapers write at most ESCAPE_GROWTH times the text's bytes. */
enum { ESCAPE_GROWTH = 6 };

/** Escapes text into out; *ok false: what stands at the start of a link is no http(s) address.
 */
size_t escape_text(enum escape escape, struct str text, char *out, bool *ok);

/** A value as JSON into the arena. */
enum status value_to_json(struct renderer *r, const struct template_value *value,
                          struct str *out);

/** The `date` filter's work. */
enum status date_format(struct renderer *r, const struct template_value *value,
                        struct str format, struct str *out);

#endif
