/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/delegate.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/util.h"

bool delegate_has_file(const Hierarchy *h, const char *name) {
        for (const char *const *s = h->ops->handed_over(h); *s; s++)
                if (streq(*s, name))
                        return true;
        return false;
}

/* Gives the directory and the first n files back to their former owner. */
static void take_back(const Hierarchy *h, int fd, const struct stat *before, size_t n) {
        const char *const *files = h->ops->handed_over(h);

        for (size_t i = 0; i < n; i++)
                (void) fchownat(fd, files[i], before->st_uid, before->st_gid, AT_SYMLINK_NOFOLLOW);
        (void) fchown(fd, before->st_uid, before->st_gid);
}

int delegate_hand_over(const Hierarchy *h, int fd, uid_t uid, gid_t gid) {
        const char *const *files = h->ops->handed_over(h);
        struct stat before;

        if (fstat(fd, &before) < 0)
                return -errno;

        /* The directory last: until then its new owner can't meddle. */
        for (size_t i = 0; files[i]; i++)
                if (fchownat(fd, files[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0) {
                        int r = -errno;

                        /* Not every controller's files are in every cgroup. */
                        if (r == -ENOENT && i > 0)
                                continue;
                        take_back(h, fd, &before, i);
                        return r;
                }

        if (fchown(fd, uid, gid) < 0) {
                int r = -errno;
                size_t n = 0;

                while (files[n])
                        n++;
                take_back(h, fd, &before, n);
                return r;
        }
        return 0;
}

/* "" is the directory. */
static int copy_one(int fd, int model_fd, const char *name) {
        struct stat st;

        if (fstatat(model_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0 ||
            fchownat(fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
                return errno == ENOENT ? 0 : -errno; /* not every controller's files are in every cgroup */
        return fchmodat(fd, *name ? name : ".", st.st_mode & 0777, 0) < 0 ? -errno : 0;
}

int delegate_as(const Hierarchy *h, int fd, int model_fd) {
        const char *const *files = h->ops->handed_over(h);
        int r = 0;

        for (size_t i = 0; r >= 0 && files[i]; i++)
                r = copy_one(fd, model_fd, files[i]);
        return r < 0 ? r : copy_one(fd, model_fd, "");
}
