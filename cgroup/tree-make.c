/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* tree_make() and its undoing: a walk down from a held descriptor, one component after the other. */

#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup/tree.h"
#include "common/path.h"

static unsigned count_components(const char *rel) {
        unsigned n = *rel ? 1 : 0;

        for (; *rel; rel++)
                n += *rel == '/';
        return n;
}

/* Enables what is asked for in one cgroup, and of the optional ones each that can be. new: we have made it, so that there is
 * nobody to be asked. */
static int enable_here(const TreeMake *make, int fd, bool new, uint32_t *ret_enabled) {
        uint32_t enabled = 0, on, available;
        int r;

        if (!make->controllers && !make->optional)
                return 0;

        r = hierarchy_read_controllers(make->h, fd, "cgroup.subtree_control", &on);
        if (r < 0)
                return r;

        if (make->controllers & ~on) {
                r = make->may_enable && !new ? make->may_enable(make->userdata, make->h, fd) : 0;
                if (r >= 0)
                        r = make->h->ops->enable(make->h, fd, make->controllers & ~on, &enabled);
                if (r < 0)
                        return r;
        }

        if (make->optional & ~(on | enabled)) {
                r = hierarchy_read_controllers(make->h, fd, "cgroup.controllers", &available);
                if (r < 0)
                        return r;
                for (uint32_t bit = 1; bit; bit <<= 1) {
                        uint32_t one = 0;

                        if (bit & make->optional & available & ~(on | enabled) &&
                            make->h->ops->enable(make->h, fd, bit, &one) >= 0)
                                enabled |= one;
                }
        }

        *ret_enabled = enabled;
        return 0;
}

/* Makes and opens one component of a path. */
static int make_one(const TreeMake *make, int parent_fd, const char *name, bool last, bool *ret_made) {
        _cleanup_close_ int fd = -EBADF;
        bool made = false;
        int r;

        if (mkdirat(parent_fd, name, 0755) >= 0)
                made = true;
        else if (errno != EEXIST || (last && make->exclusive))
                return -errno;

        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        r = fd < 0 ? -errno : made ? make->h->ops->prepare(make->h, parent_fd, fd) : 0;
        if (r < 0) {
                if (made)
                        (void) unlinkat(parent_fd, name, AT_REMOVEDIR);
                return r;
        }

        *ret_made = made;
        return TAKE_FD(fd);
}

static int make_all(const TreeMake *make, TreeMade *made) {
        _cleanup_close_ int fd = tree_open(make->root_fd, "", 0);
        char *component = made->rel;
        unsigned level = 0;
        bool new = false;

        if (fd < 0)
                return fd;

        while (*component) {
                char *end = strchrnul(component, '/'), saved = *end;
                int r, child;

                r = enable_here(make, fd, new, &made->enabled[level++]);
                if (r < 0)
                        return r;

                *end = '\0';
                child = make_one(make, fd, component, !saved, &new);
                *end = saved;
                if (child < 0)
                        return child;

                if (new)
                        made->made = (size_t) (end - made->rel);
                else
                        made->existed = (size_t) (end - made->rel);
                safe_close(fd);
                fd = child;
                component = saved ? end + 1 : end;
        }

        return TAKE_FD(fd);
}

/* Most often the parent is there and no controller is to be enabled: then it is one openat2() and one mkdir(). */
static int make_fast(const TreeMake *make, TreeMade *made) {
        char *slash = strrchr(made->rel, '/');
        _cleanup_close_ int parent = -EBADF;
        bool new = false;
        int fd;

        if (make->controllers || make->optional || !*made->rel)
                return -ENOENT;

        if (slash)
                *slash = '\0';
        parent = tree_open(make->root_fd, slash ? made->rel : "", 0);
        if (slash)
                *slash = '/';
        if (parent < 0)
                return parent;

        fd = make_one(make, parent, slash ? slash + 1 : made->rel, true, &new);
        if (fd >= 0) {
                made->existed = new ? (slash ? (size_t) (slash - made->rel) : 0) : strlen(made->rel);
                made->made = new ? strlen(made->rel) : 0;
        }
        return fd;
}

int tree_make(const TreeMake *make, TreeMade *ret_made) {
        _cleanup_(tree_made_done) TreeMade made = {
                .h = make->h,
                .root_fd = make->root_fd,
                .rel = strdup(make->rel),
                .depth = count_components(make->rel),
        };
        int fd;

        made.enabled = calloc(made.depth + 1, sizeof(*made.enabled));
        if (!made.rel || !made.enabled)
                return -ENOMEM;

        fd = make_fast(make, &made);
        if (fd == -ENOENT)
                fd = make_all(make, &made);
        if (fd < 0) {
                tree_unmake(&made);
                return fd;
        }

        *ret_made = made;
        made = TREE_MADE_NULL;
        return fd;
}

/* Turns off again what we enabled in the cgroup of the first n components of rel. */
static void disable_level(TreeMade *made, unsigned n) {
        _cleanup_close_ int fd = -EBADF;
        char *end = made->rel, saved;

        if (!made->enabled[n])
                return;

        for (unsigned i = 0; i < n; i++)
                end = strchrnul(i ? end + 1 : end, '/');

        saved = *end;
        *end = '\0';
        fd = tree_open(made->root_fd, made->rel, 0);
        *end = saved;
        if (fd >= 0 && made->h->ops->disable(made->h, fd, made->enabled[n]) >= 0)
                made->enabled[n] = 0;
}

void tree_disable(TreeMade *made) {
        if (!made->rel || !made->enabled)
                return;

        /* A parent's can't be turned off while a child passes them on. */
        for (unsigned n = count_components(made->rel) + 1; n > 0; n--)
                disable_level(made, n - 1);
}

void tree_unmake(TreeMade *made) {
        if (!made->rel || !made->enabled)
                return;

        for (size_t length = made->made; length > made->existed;) {
                made->rel[length] = '\0';
                (void) unlinkat(made->root_fd, made->rel, AT_REMOVEDIR);
                while (length > made->existed && made->rel[length] != '/')
                        length--;
                if (length == 0)
                        break;
        }
        made->rel[made->existed] = '\0';
        tree_disable(made);
}

void tree_made_done(TreeMade *made) {
        free(made->rel);
        free(made->enabled);
        *made = TREE_MADE_NULL;
}
