/*
 * The models that ship, in the order in which they learn and rank. A new model is one file
 * that ends in `const struct model_ops model_<name>_ops`, and one line here.
 */
#define MODEL_LIST(X)                                                                          \
    X(popularity)                                                                              \
    X(covisitation)                                                                            \
    X(factors)
