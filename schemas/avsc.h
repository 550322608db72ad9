/*
 * The schema files of this folder, as they were when the program was built.
 */
#ifndef FRESHET_SCHEMAS_AVSC_H
#define FRESHET_SCHEMAS_AVSC_H

#include <stddef.h>

struct avsc {
    const char *name; /* file name without .avsc, e.g. "click_event" */
    const char *json; /* its text, terminated */
    size_t len;
};

extern const struct avsc avsc_files[];
extern const unsigned n_avsc_files;

/** The schema of that name; NULL if there is no such file. */
const struct avsc *avsc_find(const char *name);

#endif
