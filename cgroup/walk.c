/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/walk.h"

#include <fcntl.h>

#include "cgroup/tree.h"
#include "common/deadline.h"
#include "common/file.h"

typedef struct Level {
        NameList children;
        size_t next;
        bool listed;
} Level;

struct TreeWalk {
        int fd;
        size_t depth, allocated; /* levels[depth] is where we are */
        Level *levels;
        int result; /* of tree_walk_remove() so far */
};

static int push_level(TreeWalk *w, size_t depth) {
        if (depth >= w->allocated) {
                size_t n = w->allocated ? w->allocated * 2 : 8;
                Level *bigger = realloc(w->levels, n * sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                w->levels = bigger;
                w->allocated = n;
        }
        w->levels[depth] = (Level) {};
        w->depth = depth;
        return 0;
}

int tree_walk_new(int fd, TreeWalk **ret) {
        _cleanup_(tree_walk_freep) TreeWalk *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->fd = file_reopen_directory(fd);
        if (w->fd < 0)
                return w->fd;
        r = push_level(w, 0);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

TreeWalk *tree_walk_free(TreeWalk *w) {
        if (!w)
                return NULL;

        for (size_t i = 0; w->allocated > 0 && i <= w->depth; i++)
                name_list_done(&w->levels[i].children);
        free(w->levels);
        safe_close(w->fd);
        free(w);
        return NULL;
}

/* Returns TREE_ENTER, or TREE_END when no child is left. A child that has been removed meanwhile is passed over,
 * and one that something is mounted on. */
static int enter_next(TreeWalk *w) {
        Level *l = w->levels + w->depth;

        while (l->next < l->children.n) {
                int r, fd = tree_open(w->fd, l->children.names[l->next++], 0);

                if (fd == -ENOENT || fd == -ENODEV || fd == -EXDEV)
                        continue;
                if (fd < 0)
                        return fd;
                r = push_level(w, w->depth + 1);
                if (r < 0) {
                        safe_close(fd);
                        return r;
                }
                safe_close(w->fd);
                w->fd = fd;
                return TREE_ENTER;
        }
        return TREE_END;
}

static int leave(TreeWalk *w) {
        int fd;

        if (w->depth == 0)
                return TREE_END;
        fd = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        safe_close(w->fd);
        w->fd = fd;
        name_list_done(&w->levels[w->depth].children);
        w->depth--;
        return TREE_LEAVE;
}

int tree_walk_next(TreeWalk *w) {
        Level *l = w->levels + w->depth;
        int r;

        if (!l->listed) {
                l->listed = true;
                r = tree_list(w->fd, &l->children);
                if (r < 0 && r != -ENODEV && r != -ENOENT) /* removed while we looked */
                        return r;
        }
        r = enter_next(w);
        return r == TREE_END ? leave(w) : r;
}

int tree_walk_skip(TreeWalk *w) {
        int r = leave(w);

        return r < 0 ? r : 0;
}

int tree_walk_fd(const TreeWalk *w) {
        return w->fd;
}

const char *tree_walk_name(const TreeWalk *w) {
        const Level *l = w->levels + w->depth;

        /* What has just been entered is the former level's last one. */
        if (l->next == 0)
                l--;
        return l->children.names[l->next - 1];
}

size_t tree_walk_depth(const TreeWalk *w) {
        return w->depth;
}

int tree_walk_find_pid(TreeWalk *w, uint64_t deadline, pid_t *ret) {
        for (;;) {
                int r;

                if (deadline_is_over(deadline))
                        return -ETIMEDOUT;
                r = tree_walk_next(w);
                if (r == TREE_ENTER) {
                        r = hierarchy_first_pid(w->fd, ret);
                        if (r == 0 || r == -ENODEV || r == -ENOENT)
                                continue;
                        return r;
                }
                if (r <= 0)
                        return r;
        }
}

int tree_walk_remove(TreeWalk *w, TreeKeep keep, void *userdata, uint64_t deadline) {
        for (;;) {
                int r;

                if (deadline_is_over(deadline))
                        return -ETIMEDOUT;
                r = tree_walk_next(w);
                if (r < 0)
                        return r;
                if (r == TREE_END)
                        return w->result;
                if (r == TREE_ENTER && keep && keep(userdata, w->fd)) {
                        r = tree_walk_skip(w);
                        if (r < 0)
                                return r;
                        w->result = -EBUSY;
                }
                if (r == TREE_LEAVE && unlinkat(w->fd, tree_walk_name(w), AT_REMOVEDIR) < 0 && errno != ENOENT)
                        w->result = -errno;
        }
}
