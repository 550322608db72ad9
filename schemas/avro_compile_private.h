/*
 * What the two halves of the plan compiler share: avro_skip.c emits ops for what is not wanted,
 * avro_resolve.c for what is, avro_emit.c has their tools.
 */
#ifndef FRESHET_SCHEMAS_AVRO_COMPILE_PRIVATE_H
#define FRESHET_SCHEMAS_AVRO_COMPILE_PRIVATE_H

#include "schemas/avro_ops.h"
#include "schemas/avro_private.h"

/* A record that is called and not written out in place, because it may contain itself. */
struct callee {
    const struct schema_node *w, *r; /* r NULL: skipped */
    const struct slot *slot;
    uint32_t place; /* of its first op, once emitted */
};

struct compiler {
    struct op_list list;
    bool identical; /* the two schemas are the same: so are their branches */
    struct callee callees[AVRO_NAMES_MAX];
    uint32_t n_callees;
    const struct schema_node *skipping[AVRO_SCHEMA_DEPTH_MAX]; /* records, outermost first */
    uint32_t n_skipping;
    struct str path[AVRO_SCHEMA_DEPTH_MAX]; /* fields, outermost first */
    uint32_t n_path;
    unsigned depth;
    uint32_t n_pairs; /* looked at: unions inside unions are tried many times */
    struct error *err;
};

/** A place to come back to when a branch of a union does not fit. */
struct mark {
    uint32_t n_ops, n_callees, n_path, n_skipping;
    unsigned depth;
};

struct mark compiler_mark(const struct compiler *c);
void compiler_rewind(struct compiler *c, struct mark at);

/** One step deeper; ERR_INVALID when a schema is nested or branched without measure. */
enum status compiler_enter(struct compiler *c);

/** ERR_INVALID and a sentence with the path of fields. */
enum status misfit(struct compiler *c, const char *what, struct str name);

/* Ops with an argument; the place of the op comes back. */
uint32_t emit_n(struct compiler *c, uint8_t code, uint32_t offset, uint32_t n);
uint32_t emit_number(struct compiler *c, uint8_t code, uint32_t offset, int64_t number);
uint32_t emit_table(struct compiler *c, uint8_t code, uint32_t offset, const void *table);

/** An array or map of the writer's: begin, the ops of one item, end. */
uint32_t begin_items(struct compiler *c, uint8_t code, uint32_t offset,
                     const struct schema_node *w, uint32_t stride);
void end_items(struct compiler *c, uint8_t code, uint32_t place);

/** A union: its branches one after the other, each but the last ending in a jump to the end. */
struct branch_list {
    struct op_branches *table;
    uint32_t place;
    uint32_t n_jumps;
    uint32_t *jumps;
};

/** False when there is no memory; that is told once, at the end of the compilation. */
bool begin_branches(struct compiler *c, uint32_t n, struct branch_list *list);
void begin_branch(struct compiler *c, struct branch_list *list, uint32_t i);
void end_branch(struct compiler *c, struct branch_list *list, uint32_t i);
void end_branches(struct compiler *c, struct branch_list *list);

/** A call of a record's ops, which are emitted behind all others. r, slot NULL: skipped. */
enum status emit_call(struct compiler *c, const struct schema_node *w,
                      const struct schema_node *r, const struct slot *slot, uint32_t offset);

/** Ops that pass over a value. */
enum status compile_skip(struct compiler *c, const struct schema_node *w);
enum status compile_skip_fields(struct compiler *c, const struct schema_node *w);

/** Ops that read a value into its slot; ERR_INVALID: the types do not fit. */
enum status compile_read(struct compiler *c, const struct schema_node *w,
                         const struct schema_node *r, const struct slot *slot, uint32_t offset);
enum status compile_read_fields(struct compiler *c, const struct schema_node *w,
                                const struct schema_node *r, const struct slot *slot,
                                uint32_t offset);

#endif
