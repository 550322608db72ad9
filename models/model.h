/*
 * A recommender: it turns events into lessons, folds them, and rates items.
 *
 *   worker        collect: a lesson -> sums in item_changes;  emit: sums -> bytes of a record
 *   fold thread   fold: bytes -> the model's tables;          freeze: tables -> a part of a
 * view any thread    propose, score: a part of a view + a request -> ratings
 *
 * What collect sums and fold applies are differences, so workers need not know of each other.
 * The fold thread applies records in topic order and is the only writer; a part of a view is
 * immutable while the view is held. The same records in the same order give the same bytes.
 */
#ifndef FRESHET_MODELS_MODEL_H
#define FRESHET_MODELS_MODEL_H

#include "core/base/bytes.h"
#include "models/item_view.h"
#include "models/model_list.h"
#include "models/view_set.h"

struct model_ops;
struct rank_scratch;

#define MODEL_ENUM(name) MODEL_##name,
enum model_id { MODEL_LIST(MODEL_ENUM) N_MODELS };
#undef MODEL_ENUM

struct model {
    const struct model_ops *ops;
};

/* One item touched by a live lane, as collect sees it. */
struct lesson {
    uint32_t row;    /* of the item in the changes */
    uint32_t number; /* of the item in the view; ITEM_NONE: the view does not know it yet */
    uint64_t item;
    uint8_t action; /* enum action */
    float strength; /* action_strength(action) */
    int64_t time_ms;
    const struct lane_items
        *session; /* before_items: what the person looked at before; may be NULL */
};

struct model_ops {
    const char *name;
    uint8_t block; /* tag of its blocks on the wire; never given to another model */

    /** On OK, *out is the caller's, to be given to close. ERR_INVALID or ERR_NOMEM. */
    enum status (*open)(const struct item_model_config *config, struct view_set *views,
                        struct model **out, struct error *err);

    /** Closes a model in any state of construction; NULL is a no-op. No view may be held. */
    void (*close)(struct model *model);

    /* ---- the fold thread ---- */

    /** The item got its number; numbers come as 0, 1, 2 … ERR_NOMEM. */
    enum status (*grow)(struct model *model, uint32_t number, uint64_t item);

    /** True if fold can apply the bytes. They may come from a broken or a newer program. */
    bool (*readable)(struct str block);

    /** Applies a readable block of the item's record; may give numbers to others. ERR_NOMEM. */
    enum status (*fold)(struct model *model, struct item_fold *fold, uint32_t number,
                        struct str block);

    /** The model's part of the view being built: a block of views. NULL: no memory. */
    const void *(*freeze)(struct model *model);

    /* ---- any thread, with a held view ---- */

    /** Adds candidates and their ratings to the scratch (models/rank_private.h). */
    void (*propose)(const struct item_view *view, struct rank_scratch *scratch);

    /** Rates the short list of the scratch; NULL: its proposals are all it has to say. */
    void (*score)(const struct item_view *view, struct rank_scratch *scratch);

    /** Everything folded, as a checksum chained to seed. */
    uint64_t (*checksum)(const struct item_view *view, uint64_t seed);

    /* ---- a fold as bytes (models/item_save.h) ---- */

    uint8_t save_version; /* another number whenever the bytes below mean something else */

    /** What is no row. Any thread, with a held view. */
    void (*save_rest)(const struct item_view *view, struct byte_writer *out);

    /** All that the model holds of an item. Any thread, with a held view. */
    void (*save_row)(const struct item_view *view, uint32_t number, struct byte_writer *out);

    /** Into an empty model, before its rows; makes room for n_items. ERR_INVALID, ERR_NOMEM. */
    enum status (*load_rest)(struct model *model, uint32_t n_items, struct byte_reader *in);

    /** Rows in any order, number < n_items. ERR_INVALID, ERR_NOMEM. */
    enum status (*load_row)(struct model *model, uint32_t number, struct byte_reader *in);

    /* ---- a worker ---- */

    /** Adds what the lesson teaches. Cannot fail: what is beyond a bound is left out. */
    void (*collect)(struct item_changes *changes, const struct item_view *view,
                    const struct lesson *lesson);

    /** Writes the row's block, at most BLOCK_BYTES_MAX; nothing written: nothing learnt. */
    void (*emit)(struct item_changes *changes, uint32_t row, struct byte_writer *out);
};

#define MODEL_DECLARE(name) extern const struct model_ops model_##name##_ops;
MODEL_LIST(MODEL_DECLARE)
#undef MODEL_DECLARE

/** The list as a table, by enum model_id. */
extern const struct model_ops *const model_table[N_MODELS];

#endif
