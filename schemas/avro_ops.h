/*
 * The instructions. `offset` is where the value goes or comes from, counted from the current
 * base: the record, or the item of the innermost array.
 */
#ifndef FRESHET_SCHEMAS_AVRO_OPS_H
#define FRESHET_SCHEMAS_AVRO_OPS_H

enum decode_code {
    /* a value of the wire into its place */
    READ_BOOL,
    READ_INT,         /* -> int32 */
    READ_INT_AS_LONG, /* -> int64 */
    READ_INT_AS_FLOAT,
    READ_INT_AS_DOUBLE,
    READ_LONG, /* -> int64 */
    READ_LONG_AS_FLOAT,
    READ_LONG_AS_DOUBLE,
    READ_FLOAT,
    READ_FLOAT_AS_DOUBLE,
    READ_DOUBLE,
    READ_STRING,          /* any bytes of a writer's string or bytes that must be UTF-8 */
    READ_OPTIONAL_STRING, /* null_index */
    READ_BYTES,
    READ_FIXED,      /* n bytes */
    READ_ENUM,       /* op_symbols */
    READ_DECIMAL,    /* op_decimal */
    READ_TIME_TIMES, /* long, times number */
    READ_TIME_BY,    /* long, divided by number, rounded down */

    /* what the wire has and we do not want */
    SKIP_LONG,
    SKIP_STRING,
    SKIP_FIXED, /* n bytes */
    SKIP_ITEMS, /* op_items; begins an array or map */
    SKIP_NEXT,

    /* structure */
    READ_OPTIONAL, /* null_index: jumps over n ops when null */
    READ_UNION,    /* op_branches */
    READ_ITEMS,    /* op_items; begins an array or map */
    READ_NEXT,     /* the end of an item */
    SET_PRESENT,   /* true at offset */
    SET_BRANCH,    /* number at offset */
    JUMP,          /* over n ops */
    CALL,          /* op_call: a record that may contain itself */
    RETURN,
    DEFAULT, /* op_bytes: reads from them up to DEFAULT_END */
    DEFAULT_END,
    REFUSE, /* a value that fits our schema nowhere */
    END,
};

enum encode_code {
    WRITE_BOOL,
    WRITE_INT,
    WRITE_LONG,
    WRITE_FLOAT,
    WRITE_DOUBLE,
    WRITE_STRING,          /* also bytes */
    WRITE_OPTIONAL_STRING, /* null_index, other_index */
    WRITE_FIXED,           /* n bytes */
    WRITE_ENUM,            /* number of symbols */
    WRITE_DECIMAL,         /* number: 10^precision */
    WRITE_OPTIONAL,        /* null_index, other_index: jumps over n ops when absent */
    WRITE_UNION,           /* op_branches */
    WRITE_ITEMS,           /* op_items */
    WRITE_NEXT,
    WRITE_JUMP,
    WRITE_CALL, /* op_call */
    WRITE_RETURN,
    WRITE_RAW, /* op_bytes */
    WRITE_END,
};

#endif
