/*
 * The table avsc_files itself is made by embed.cmake.
 */
#include "schemas/avsc.h"

#include <string.h>

const struct avsc *avsc_find(const char *name)
{
    for (unsigned i = 0; i < n_avsc_files; i++) {
        if (strcmp(avsc_files[i].name, name) == 0)
            return &avsc_files[i];
    }
    return NULL;
}
