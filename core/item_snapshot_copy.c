/* Snapshots into a backup, and back. They never change once they have their name. */
#include "core/item_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* By the kernel, from one open file to another, also of another kind of file system (where
 * copy_file_range() says EXDEV). */
static bool copy_bytes(int from, int to)
{
    struct stat stat;

    if (fstat(from, &stat) != 0)
        return false;
    for (off_t left = stat.st_size; left > 0;) {
        ssize_t done = sendfile(to, from, NULL, (size_t)left);

        if (done <= 0)
            return false;
        left -= done;
    }
    return fsync(to) == 0;
}

static enum status copy_file(const char *from, const char *to, struct error *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = in >= 0 && out >= 0 && copy_bytes(in, out);
    enum status status = OK;

    if (!good)
        status = error_set(err, in < 0 && errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                           "cannot copy '%s' to '%s': %s", from, to, strerror(errno));
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (!good && out >= 0)
        unlink(to);
    return status;
}

/* A file that has gone meanwhile has a newer one beside it: the list is read again. */
enum status item_snapshot_copy_all(const char *from, const char *to, struct error *err)
{
    enum status status = ERR_NOT_FOUND;

    for (int try = 0; try < 3 && status == ERR_NOT_FOUND; try++) {
        struct item_snapshot_file files[ITEM_SNAPSHOTS_MAX];
        uint32_t n = item_snapshot_list(from, false, files);

        status = OK;
        for (uint32_t i = 0; i < n && status == OK; i++) {
            char path[ITEM_SNAPSHOT_PATH_MAX];

            item_snapshot_path(to, files[i].items_offset, path);
            if (link(files[i].path, path) != 0 && errno != EEXIST)
                status = copy_file(files[i].path, path, err);
        }
    }
    return status == ERR_NOT_FOUND ? ERR_IO : status;
}
