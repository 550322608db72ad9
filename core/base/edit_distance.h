/* How far apart two words are, to name the one that was meant. */
#ifndef FRESHET_CORE_BASE_EDIT_DISTANCE_H
#define FRESHET_CORE_BASE_EDIT_DISTANCE_H

enum { EDIT_DISTANCE_MAX_LEN = 256 }; /* longer words are compared by their beginning */

/** Levenshtein: insertions, deletions and changes of a byte that turn one into the other. */
unsigned edit_distance(const char *a, const char *b);

#endif
