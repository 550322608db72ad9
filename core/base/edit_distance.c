#include "core/base/edit_distance.h"

#include <string.h>

/* One row of the table: row[j] is the distance of a's first i bytes to b's first j. */
unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[EDIT_DISTANCE_MAX_LEN + 1];
    size_t n_a = strnlen(a, EDIT_DISTANCE_MAX_LEN), n_b = strnlen(b, EDIT_DISTANCE_MAX_LEN);

    for (size_t j = 0; j <= n_b; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; i < n_a; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < n_b; j++) {
            unsigned change = diagonal + (a[i] != b[j]);
            unsigned gap = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

            diagonal = row[j + 1];
            row[j + 1] = change < gap ? change : gap;
        }
    }
    return row[n_b];
}
