/*
 * Inside of the codec: how a value lies in memory (slots), and the programs that carry it
 * between there and the wire.
 *
 *   writer's schema ─┐
 *   reader's schema ─┼─ avro_plan_make ──> ops ── avro_decode ──> memory laid out by the slot
 *   slot ────────────┘
 *   schema, slot ────── avro_encoder_make > ops ── avro_encoder_run ──> bytes
 *
 * Ops are an array of 16-byte instructions without addresses of their own: jumps are relative,
 * calls are places in the array. A slot made by hand (record_types.c) describes a struct of
 * records.h; one made by generic_slot() holds a value of any schema, so that tests drive the
 * same code with schemas nobody has thought of.
 */
#ifndef FRESHET_SCHEMAS_AVRO_PRIVATE_H
#define FRESHET_SCHEMAS_AVRO_PRIVATE_H

#include "schemas/avro_codec.h"
#include "schemas/avro_decimal.h"
#include "schemas/avro_limits.h"
#include "schemas/schema_private.h"

/* ---- slots ---- */

enum slot_kind {
    SLOT_NOTHING, /* null */
    SLOT_BOOL,
    SLOT_I32,
    SLOT_I64,
    SLOT_F32,
    SLOT_F64,
    SLOT_STR,          /* struct str: string, bytes, fixed */
    SLOT_ENUM,         /* int32: the symbol's place */
    SLOT_DECIMAL,      /* int64: the number times 10^scale of our schema */
    SLOT_RECORD,       /* a struct in place */
    SLOT_POINTER,      /* to a record that may contain its own kind */
    SLOT_ARRAY,        /* struct sequence of items */
    SLOT_MAP,          /* struct sequence of entries: a str, then the value */
    SLOT_OPTIONAL_STR, /* null or a string: ptr NULL is null */
    SLOT_OPTIONAL,     /* null or something: a bool, then the value */
    SLOT_UNION,        /* int32: the branch, then its value */
};

struct slot;

struct slot_field {
    const char *name; /* of the schema's field */
    uint32_t offset;
    const struct slot *slot;
};

struct slot {
    enum slot_kind kind;
    uint32_t size;                      /* of the value in memory */
    uint32_t value_offset;              /* MAP (in the entry), OPTIONAL, UNION: of the value */
    uint32_t stride;                    /* ARRAY, MAP: from item to item */
    const struct slot *item;            /* POINTER, ARRAY, MAP, OPTIONAL */
    const struct slot_field *fields;    /* RECORD; a field without one is passed over */
    const struct slot *const *branches; /* UNION: one per branch of the schema */
    uint32_t n;                         /* fields */
};

/* What every array and map of records.h is. */
struct sequence {
    void *at;
    uint32_t n;
};

/* ---- programs ---- */

struct avro_op {
    uint8_t code;
    uint8_t null_index;  /* of an optional: the wire byte that says null, 0 or 2 */
    uint8_t other_index; /* the other one of the two */
    uint8_t unused;
    uint32_t offset; /* from the current record, item or entry */
    union {
        const void *table; /* one of the structs below */
        int64_t number;
        uint32_t n; /* bytes; ops to jump over; place of the op to call */
    };
};

/* Growing ops, and what they point to. */
struct op_list {
    struct avro_op *ops; /* AVRO_OPS_MAX at most; malloc */
    uint32_t n, capacity;
    struct arena *arena; /* of tables */
    bool failed;         /* no memory, or too many */
};

struct op_branches { /* union */
    uint32_t n;
    uint32_t target[]; /* ops to jump over, per branch */
};

struct op_symbols { /* enum */
    uint32_t n;
    int32_t ours[]; /* per symbol of the writer; -1: we have none for it */
};

struct op_items { /* array, map */
    uint32_t stride;
    uint32_t min_bytes; /* of an item on the wire */
    uint32_t n_ops;     /* of the body, its last (NEXT) included */
};

struct op_decimal {
    int32_t exponent; /* ours = theirs * 10^exponent */
    int64_t limit;    /* |ours| stays below: 10^precision */
};

struct op_call {
    uint32_t place;
    uint32_t size; /* of the record to make; 0: nothing is kept of it */
};

struct op_bytes { /* default, raw */
    uint32_t n;
    bool copy; /* strings will point into them */
    const uint8_t *at;
};

/** Appends an op; its place. On failure list->failed is set and 0 comes back. */
uint32_t op_emit(struct op_list *list, uint8_t code, uint32_t offset);

/** Memory for a table, from the list's arena; on failure list->failed and a NULL. */
void *op_table(struct op_list *list, size_t size);

/** Jump from `place` to the end of the list: n becomes the number of ops passed over. */
void op_land(struct op_list *list, uint32_t place);

struct avro_plan {
    struct arena arena; /* ops, tables, bytes of defaults */
    const struct avro_op *ops;
    uint32_t n_ops;
    uint32_t size; /* of the decoded value */
};

/** The plan that reads the writer's records into the slot, which holds the reader's schema. */
enum status avro_plan_make(const struct schema *writer, const struct schema *reader,
                           const struct slot *slot, struct avro_plan **out, struct error *err);

struct avro_encoder {
    struct arena arena;
    const struct avro_op *ops;
    uint32_t n_ops;
};

/** The program that writes a slot's value by the schema. On OK *out is the caller's. */
enum status avro_encoder_make(const struct schema_node *schema, const struct slot *slot,
                              struct avro_encoder **out, struct error *err);
size_t avro_encoder_run(const struct avro_encoder *encoder, const void *value, uint8_t *out,
                        size_t capacity);
void avro_encoder_close(struct avro_encoder *encoder);

/**
 * Writes a default of a schema (JSON) as Avro bytes. Returns the size, or -1: it is no value
 * of that type, or longer than capacity. A union takes the first branch that fits.
 */
int64_t avro_encode_default(const struct schema_node *type, const json_t *value, uint8_t *out,
                            size_t capacity);

/**
 * A slot for values of any schema, in the arena. NULL: beyond AVRO_SLOT_BYTES_MAX, or no
 * memory. [null, string or bytes] and [null, int, long or decimal] become optionals as in
 * records.h, every other union a SLOT_UNION; decimals of up to 18 digits become numbers.
 */
const struct slot *generic_slot(const struct schema_node *schema, struct arena *arena);

/** The place of a record's field; NULL: the struct does not have it. */
const struct slot_field *slot_field_of(const struct slot *record, struct str name);

/** Can such a schema be held in such a slot? */
bool slot_holds(const struct slot *slot, const struct schema_node *schema);

/* ---- record types ---- */

struct record_codec { /* made when a type is used first */
    struct schema schema;
    struct avro_encoder *encoder;
};

struct record_type {
    const char *name;
    const struct slot *slot;
    struct record_codec *_Atomic *codec;
};

/** The type's schema and encoder; stops the program if schema file and struct do not fit. */
const struct record_codec *record_codec_get(const struct record_type *type);

#endif
