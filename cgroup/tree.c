/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cgroup/walk.h"
#include "common/deadline.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/path.h"

int tree_open(int root_fd, const char *rel, int flags) {
        struct open_how how = {
                .flags = (uint64_t) (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW | flags),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
        };
        int fd;

        fd = (int) syscall(SYS_openat2, root_fd, *rel ? rel : ".", &how, sizeof(how));
        return fd < 0 ? -errno : fd;
}

static bool same_directory(int fd, const char *name, int other_fd) {
        struct stat a, b;

        return fstatat(fd, name, &a, AT_EMPTY_PATH) >= 0 && fstat(other_fd, &b) >= 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int tree_open_confined(int hierarchy_fd, int root_fd, const char *rel) {
        _cleanup_close_ int mount = -EBADF;

        /* A mount of our own of which root_fd is the root, attached nowhere: nothing is above it. */
        mount = open_tree(root_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        if (mount >= 0) {
                /* Whose own mounts of the hierarchy are read-only, a container's for one, is not given one that is not. */
                struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

                if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
                        return -errno;
                return tree_open(mount, rel, O_PATH);
        }

        /* A detached mount can't be cloned before Linux 6.15; its own root has nothing above it either. */
        if (errno != EINVAL)
                return -errno;
        return same_directory(hierarchy_fd, "..", hierarchy_fd) && same_directory(root_fd, "", hierarchy_fd)
                       ? tree_open(root_fd, rel, O_PATH) : -EOPNOTSUPP;
}

int tree_open_deepest(int root_fd, const char *rel, size_t *ret_length) {
        _cleanup_free_ char *prefix = strdup(rel);
        size_t length = strlen(rel);

        if (!prefix)
                return -ENOMEM;

        for (;;) {
                int fd = tree_open(root_fd, prefix, 0);

                if (fd >= 0) {
                        *ret_length = length;
                        return fd;
                }
                if (fd != -ENOENT || length == 0)
                        return fd;

                while (length > 0 && prefix[length] != '/')
                        length--;
                prefix[length] = '\0';
        }
}

static int name_list_add(NameList *l, const char *name) {
        if (l->n == l->allocated) {
                size_t n = l->allocated ? l->allocated * 2 : 16;
                char **bigger = realloc(l->names, n * sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                l->names = bigger;
                l->allocated = n;
        }

        l->names[l->n] = strdup(name);
        if (!l->names[l->n])
                return -ENOMEM;
        l->n++;
        return 0;
}

void name_list_done(NameList *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->names[i]);
        free(l->names);
        *l = (NameList) {};
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static int read_names(int fd, NameList *list) {
        _cleanup_(closedirp) DIR *d = NULL;
        int copy = file_reopen_directory(fd);

        if (copy < 0)
                return copy;
        d = fdopendir(copy);
        if (!d) {
                int r = -errno;

                safe_close(copy);
                return r;
        }

        for (;;) {
                struct dirent *e;
                int r;

                errno = 0;
                e = readdir(d);
                if (!e)
                        return -errno;
                if (e->d_type != DT_DIR || streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                r = name_list_add(list, e->d_name);
                if (r < 0)
                        return r;
        }
}

int tree_list(int fd, NameList *ret) {
        NameList list = {};
        struct stat st;
        int r = 0;

        /* A kernfs directory's link count is two and one for each child: most cgroups have none and need no reading. */
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_nlink > 2)
                r = read_names(fd, &list);
        if (r < 0) {
                name_list_done(&list);
                return r;
        }

        if (list.n > 1)
                qsort(list.names, list.n, sizeof(*list.names), compare_names);
        *ret = list;
        return 0;
}

static int open_child(int fd, const char *name) {
        int child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        return child < 0 ? -errno : child;
}

int tree_remove(int parent_fd, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        pid_t pid;

        if (unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0)
                return 0;
        if (errno != EBUSY)
                return -errno;

        /* The kernel says EBUSY for processes and for children: tell them apart for the one who asked. */
        fd = open_child(parent_fd, name);
        if (fd >= 0 && hierarchy_first_pid(fd, &pid) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 2)
                return -ENOTEMPTY;
        return -EBUSY;
}

int tree_remove_below(int fd, TreeKeep keep, void *userdata, uint64_t deadline) {
        _cleanup_(tree_walk_freep) TreeWalk *w = NULL;
        int r = tree_walk_new(fd, &w);

        return r < 0 ? r : tree_walk_remove(w, keep, userdata, deadline);
}

static int add_pids(const char *text, PidList *list) {
        const char *s = text;

        while (*s) {
                uint32_t pid;

                if (parse_u32_next(&s, &pid) < 0)
                        return -EIO;
                s += *s == '\n';

                if (list->n == list->allocated) {
                        size_t n = list->allocated ? list->allocated * 2 : 32;
                        pid_t *bigger = realloc(list->pids, n * sizeof(*bigger));

                        if (!bigger)
                                return -ENOMEM;
                        list->pids = bigger;
                        list->allocated = n;
                }

                /* 0 is a process that our own pid namespace does not have. */
                if (pid > 0)
                        list->pids[list->n++] = (pid_t) pid;
                else
                        list->hidden++;
        }
        return 0;
}

static int list_own_pids(int fd, PidList *list) {
        _cleanup_free_ char *text = NULL;
        int r = file_read_all_at(fd, "cgroup.procs", 64 * 1024 * 1024, &text, NULL);

        if (r >= 0)
                r = add_pids(text, list);
        return r == -EOPNOTSUPP ? 0 : r; /* a threaded cgroup holds none of its own */
}

int tree_list_pids(int fd, bool recursive, uint64_t deadline, PidList *list) {
        _cleanup_(tree_walk_freep) TreeWalk *w = NULL;
        int r = list_own_pids(fd, list);

        if (r >= 0 && recursive)
                r = tree_walk_new(fd, &w);
        while (r >= 0 && w && (r = tree_walk_next(w)) > 0) {
                if (r == TREE_ENTER)
                        r = list_own_pids(tree_walk_fd(w), list);
                if (r == -ENODEV || r == -ENOENT) /* removed while we looked */
                        r = 0;
                if (r >= 0 && deadline_is_over(deadline))
                        r = -ETIMEDOUT;
        }
        return r < 0 ? r : 0;
}

int tree_find_pid(int fd, uint64_t deadline, pid_t *ret) {
        _cleanup_(tree_walk_freep) TreeWalk *w = NULL;
        int r = hierarchy_first_pid(fd, ret);

        if (r == 0)
                r = tree_walk_new(fd, &w);
        return w ? tree_walk_find_pid(w, deadline, ret) : r;
}

int tree_attach(int fd, pid_t pid) {
        char text[16];

        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        return file_write_at(fd, "cgroup.procs", text);
}
