/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/layout.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "common/file.h"
#include "common/parse.h"
#include "common/util.h"

#define TEXT_MAX (4 * 1024 * 1024)

static void fsconfig_v1(int fs, const char *names, int *r) {
        const char *word, *name = startswith(names, "name=");
        char controller[64];
        size_t n;

        if (name) {
                *r = fsconfig(fs, FSCONFIG_SET_FLAG, "none", NULL, 0);
                if (*r >= 0)
                        *r = fsconfig(fs, FSCONFIG_SET_STRING, "name", name, 0);
                return;
        }

        while (*r >= 0 && parse_word(&names, ",", &word, &n)) {
                (void) snprintf(controller, sizeof(controller), "%.*s", (int) n, word);
                *r = fsconfig(fs, FSCONFIG_SET_FLAG, controller, NULL, 0);
        }
}

/* A mount of our own that is attached nowhere. */
static int open_detached(bool v2, const char *names) {
        _cleanup_close_ int fs = fsopen(v2 ? "cgroup2" : "cgroup", FSOPEN_CLOEXEC), mount_fd = -EBADF;
        int r = 0;

        if (fs < 0)
                return -errno;
        if (!v2)
                fsconfig_v1(fs, names, &r);
        if (r >= 0)
                r = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
        if (r < 0)
                return -errno;

        mount_fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (mount_fd < 0)
                return -errno;
        return file_reopen_directory(mount_fd);
}

/* The mount point may have been mounted over since: what we get has to be of the right kind. */
static int open_mounted(bool v2, const char *mount_point) {
        _cleanup_close_ int fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct statfs fs;

        if (fd < 0)
                return -errno;
        if (fstatfs(fd, &fs) < 0)
                return -errno;
        if ((unsigned long) fs.f_type != (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
                return -ENODEV;
        return TAKE_FD(fd);
}

static int open_hierarchy(const CgroupMount *m, bool v2, const char *names, bool *ret_writable) {
        int fd;

        if (m->whole && !m->read_only) {
                fd = open_mounted(v2, m->mount_point);
                if (fd >= 0) {
                        *ret_writable = true;
                        return fd;
                }
        }

        fd = open_detached(v2, names);
        if (fd >= 0) {
                *ret_writable = true;
                return fd;
        }
        if (!m->whole)
                return fd;

        *ret_writable = false;
        return open_mounted(v2, m->mount_point);
}

static int split_words(const char *text, const char *separators, char **words, size_t max, size_t *ret_n) {
        const char *word;
        size_t n;

        while (parse_word(&text, separators, &word, &n)) {
                if (n == 0)
                        continue;
                if (*ret_n >= max)
                        return -E2BIG;
                words[*ret_n] = strndup(word, n);
                if (!words[*ret_n])
                        return -ENOMEM;
                (*ret_n)++;
        }
        return 0;
}

static int read_v2(Hierarchy *h) {
        static const char *const fallback = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";
        char text[4096];
        size_t n = 0;
        int r;

        r = file_read_at(h->fd, "cgroup.controllers", text, sizeof(text));
        if (r >= 0)
                r = split_words(text, " \n", h->controllers, CONTROLLERS_MAX, &h->n_controllers);
        if (r < 0)
                return r;

        h->delegate = calloc(65, sizeof(*h->delegate));
        if (!h->delegate)
                return -ENOMEM;
        /* Since Linux 4.15; cgroup-v2.rst, "Model of Delegation". */
        r = file_read_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", text, sizeof(text));
        return split_words(r < 0 ? fallback : text, "\n", h->delegate, 64, &n);
}

static int layout_add(Layout *l, const LayoutOptions *options, const CgroupMount *m, bool v2, const char *names) {
        Hierarchy *h = l->hierarchies + l->n;
        int r;

        if (l->n >= HIERARCHIES_MAX)
                return -E2BIG;

        *h = (Hierarchy) { .ops = v2 ? &hierarchy_ops_v2 : &hierarchy_ops_v1, .index = (unsigned) l->n, .v2 = v2, .fd = -EBADF };
        h->name = strdup(v2 ? "unified" : names);
        if (!h->name)
                return -ENOMEM;

        r = h->fd = open_hierarchy(m, v2, names, &h->writable);
        if (r >= 0)
                r = v2 ? read_v2(h)
                  : startswith(names, "name=")
                          ? 0
                          : split_words(names, ",", h->controllers, CONTROLLERS_MAX, &h->n_controllers);
        if (r < 0) {
                if (options->problem && r != -ENOMEM)
                        options->problem(options->userdata, h->name, "left out: can't be opened", r);
                hierarchy_done(h);
                return r == -ENOMEM ? r : 0;
        }

        if (v2)
                l->v2 = h;
        l->all |= 1U << l->n;
        l->n++;
        return 0;
}

static bool wants(const LayoutOptions *options, bool none_mounted, const char *name) {
        if (options->mount == LAYOUT_MOUNT_AUTO)
                return none_mounted;
        if (options->mount == LAYOUT_MOUNT_LIST)
                for (const char *const *s = options->list; *s; s++)
                        if (streq(*s, name))
                                return true;
        return false;
}

static const Hierarchy *find_by_name(const Layout *l, const char *name) {
        for (size_t i = 0; i < l->n; i++)
                if (streq(l->hierarchies[i].name, name))
                        return l->hierarchies + i;
        return NULL;
}

/* What the configuration names and no one has mounted anywhere: the kernel makes the hierarchy for us. */
static int add_listed(Layout *l, const LayoutOptions *options) {
        for (const char *const *s = options->list; s && *s; s++) {
                int r;

                if (find_by_name(l, *s))
                        continue;
                r = layout_add(l, options, &(CgroupMount) {}, streq(*s, "unified"), *s);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_line(Layout *l, const LayoutOptions *options, const char *mountinfo, const CgroupLine *line) {
        _cleanup_free_ char *names = strndup(line->names, line->names_length);
        _cleanup_(cgroup_mount_done) CgroupMount m = {};
        int r;

        if (!names)
                return -ENOMEM;

        r = mountinfo_find(mountinfo, line->v2, names, &m);
        if (r < 0)
                return r;
        if (r == 0 && !wants(options, !mountinfo_has_cgroups(mountinfo), line->v2 ? "unified" : names))
                return 0;
        return layout_add(l, options, &m, line->v2, names);
}

int layout_new(const LayoutOptions *options, Layout **ret) {
        _cleanup_free_ char *mountinfo = NULL, *cgroups = NULL;
        _cleanup_(layout_freep) Layout *l = calloc(1, sizeof(*l));
        const char *cursor;
        CgroupLine line;
        int r;

        if (!l)
                return -ENOMEM;

        r = file_read_all_at(AT_FDCWD, "/proc/self/mountinfo", TEXT_MAX, &mountinfo, NULL);
        if (r >= 0)
                r = file_read_all_at(AT_FDCWD, "/proc/self/cgroup", TEXT_MAX, &cgroups, NULL);
        if (r < 0)
                return r;

        cursor = cgroups;
        while ((r = cgroup_line_next(&cursor, &line)) > 0) {
                r = add_line(l, options, mountinfo, &line);
                if (r < 0)
                        return r;
        }
        if (r >= 0 && options->mount == LAYOUT_MOUNT_LIST)
                r = add_listed(l, options);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(l);
        return 0;
}

Layout *layout_free(Layout *l) {
        if (!l)
                return NULL;

        for (size_t i = 0; i < l->n; i++)
                hierarchy_done(l->hierarchies + i);
        free(l);
        return NULL;
}

const char *layout_name(const Layout *l) {
        if (l->n == 0)
                return "none";
        if (!l->v2)
                return "v1";
        return l->n == 1 ? "v2" : "hybrid";
}
