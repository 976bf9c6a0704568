/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/request.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cgroup/tree.h"
#include "common/deadline.h"
#include "daemon/placement.h"

static int append_name(void *userdata, const char *name, const Hierarchy *h) {
        GString *s = userdata;

        g_string_append_printf(s, "%s%s", s->len ? ", " : "", name);
        return 0;
}

static int refuse_controllers(Manager *m, const char *controllers, const char *bad_word, int err, sd_bus_error *error) {
        g_autoptr(GString) names = g_string_new(NULL);

        (void) layout_for_each_name(m->layout, append_name, names);
        if (err == -EINVAL)
                return refuse(error, CGW_ERROR(NoSuchController),
                              *bad_word ? "controllers \"%s\": \"%s\" stands alone; there are: %s"
                                        : "controllers \"%s\": a name is empty%s; there are: %s",
                              controllers, bad_word, names->str);
        return refuse(error, CGW_ERROR(NoSuchController), "no controller or hierarchy \"%s\"; there are: %s", bad_word,
                      names->len ? names->str : "none");
}

char *request_above_leaf(const char *rel) {
        const char *slash = strrchr(rel, '/');

        if (!streq(slash ? slash + 1 : rel, CGW_LEAF_NAME))
                return g_strdup(rel);
        return g_strndup(rel, slash ? (size_t) (slash - rel) : 0);
}

static int add_target(Request *r, const Hierarchy *h, const CgPath *path, const CgroupPaths *own, RequestFlags flags) {
        const Root *root = r->caller->root;
        const char *root_path = root->paths[h->index], *current = own->paths[h->index];
        g_autofree char *above = NULL;
        Target *t = r->targets + r->n;

        if (root->fds[h->index] < 0)
                return refuse(r->error, CGW_ERROR(NoSuchController), "the caller has no root in the hierarchy %s", h->name);

        if (path->absolute)
                current = r->bases && r->bases->paths[h->index] ? r->bases->paths[h->index] : "";
        else
                current = current ? cg_path_behind(current, root_path) : NULL;
        if (!current)
                return refuse(r->error, CGW_ERROR(NoSuchCgroup),
                              "%s: the caller is outside its cgroup namespace, a relative path has no meaning", h->name);
        if (h->v2 && (flags & REQUEST_FROM_ABOVE_LEAF))
                current = above = request_above_leaf(current);

        *t = (Target) { .h = h, .root_fd = root->fds[h->index], .root_path = root_path, .fd = -EBADF };
        r->n++;
        t->rel = cg_path_join(current, path->rel);
        t->full = t->rel ? cg_path_join(root_path, t->rel) : NULL;
        if (!t->full)
                return -ENOMEM;

        t->fd = tree_open(t->root_fd, t->rel, 0);
        if (t->fd < 0 && (t->fd != -ENOENT || (flags & REQUEST_EXISTS)))
                return fail(r->error, t->fd, "open", h, t->rel);

        if (flags & REQUEST_WRITE) {
                if (!h->writable)
                        return fail(r->error, -EROFS, "change", h, t->rel);
                if (!placement_may_write(r->manager, h, t->full))
                        return refuse(r->error, CGW_ERROR(NotDelegated), "%s:/%s has not been delegated to cgwarden by systemd",
                                      h->name, t->rel);
        }
        return 0;
}

static int fill(Request *r, const char *path_text, const PidRef *from, RequestFlags flags) {
        _cleanup_(cgroup_paths_done) CgroupPaths own = {};
        _cleanup_(cg_path_done) CgPath path = CG_PATH_NULL;
        const char *reason = NULL;
        int k;

        k = cg_path_parse(path_text, r->manager->config->path_depth, &path, &reason);
        if (k < 0)
                return refuse(r->error, CGW_ERROR(InvalidPath), "path \"%s\": %s", path_text, reason);

        if (!path.absolute) {
                k = process_read_cgroups(r->manager->layout, from ? from : &r->caller->process, &own);
                if (k < 0)
                        return refuse(r->error, CGW_ERROR(NoSuchProcess), "the calling process is gone");
        }

        LAYOUT_FOR_EACH(h, r->manager->layout, r->selection.hierarchies) {
                k = add_target(r, h, &path, &own, flags);
                if (k < 0)
                        return k;
        }
        return 0;
}

int request_select(Manager *m, const char *controllers, RequestFlags flags, Selection *ret, sd_bus_error *error) {
        char bad_word[128] = "";
        int k = layout_select(m->layout, controllers, ret, bad_word, sizeof(bad_word));

        if (k < 0)
                return refuse_controllers(m, controllers, bad_word, k, error);
        if ((flags & REQUEST_ONE) && __builtin_popcount(ret->hierarchies) != 1)
                return refuse(error, CGW_ERROR(InvalidValue), "controllers \"%s\" are in more than one hierarchy", controllers);
        return 0;
}

static int init(Request *r, Manager *m, Caller *caller, Selection selection, const CgroupPaths *bases, const char *path,
                const PidRef *from, RequestFlags flags, sd_bus_error *error) {
        int k;

        *r = (Request) { .manager = m, .caller = caller, .selection = selection, .bases = bases, .error = error,
                         .deadline = deadline_in(REQUEST_WALK_USEC) };
        k = fill(r, path, from, flags);
        if (k < 0)
                request_done(r);
        return k;
}

int request_init_selected(Request *r, Manager *m, Caller *caller, Selection selection, const char *path, const PidRef *from,
                          RequestFlags flags, sd_bus_error *error) {
        return init(r, m, caller, selection, NULL, path, from, flags, error);
}

int request_init_based(Request *r, Manager *m, Caller *caller, Selection selection, const CgroupPaths *bases, const char *path,
                       RequestFlags flags, sd_bus_error *error) {
        return init(r, m, caller, selection, bases, path, NULL, flags, error);
}

int request_init(Request *r, Manager *m, Caller *caller, const char *controllers, const char *path, RequestFlags flags,
                 sd_bus_error *error) {
        Selection selection;
        int k;

        *r = (Request) {};
        k = request_select(m, controllers, flags, &selection, error);
        return k < 0 ? k : request_init_selected(r, m, caller, selection, path, NULL, flags, error);
}

void request_add_optional(Request *r) {
        const Hierarchy *v2 = r->manager->layout->v2;

        r->optional = v2 ? hierarchy_all_controllers(v2) & ~r->selection.controllers : 0;
}

int request_init_below(Request *r, const Request *above, const char *name) {
        *r = (Request) { .manager = above->manager, .caller = above->caller, .selection = above->selection, .error = above->error,
                         .deadline = above->deadline };

        for (size_t i = 0; i < above->n; i++) {
                const Target *from = above->targets + i;
                Target *t = r->targets + r->n++;

                *t = (Target) { .h = from->h, .root_fd = from->root_fd, .root_path = from->root_path, .fd = -EBADF };
                t->rel = cg_path_join(from->rel, name);
                t->full = cg_path_join(from->full, name);
                if (!t->rel || !t->full) {
                        request_done(r);
                        return -ENOMEM;
                }
                t->fd = tree_open(t->root_fd, t->rel, 0);
        }
        return 0;
}

void request_done(Request *r) {
        for (size_t i = 0; i < r->n; i++) {
                free(r->targets[i].rel);
                free(r->targets[i].full);
                safe_close(r->targets[i].fd);
        }
        r->n = 0;
}

static int read_owner(int fd, AuthorizeCgroup *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = authorize_cgroup(&st);
        return 0;
}

/* Of the cgroup, or of the deepest one of its path that exists. */
int target_read_owner(const Target *t, AuthorizeTarget *facts) {
        _cleanup_close_ int deepest = -EBADF;
        size_t length;

        if (t->fd >= 0)
                return read_owner(t->fd, &facts->cgroup);

        deepest = tree_open_deepest(t->root_fd, t->rel, &length);
        return deepest < 0 ? deepest : read_owner(deepest, &facts->cgroup);
}

int target_read_parent(const Target *t, AuthorizeTarget *facts) {
        const char *slash = strrchr(t->rel, '/');
        g_autofree char *parent = g_strndup(t->rel, slash ? (size_t) (slash - t->rel) : 0);
        _cleanup_close_ int fd = -EBADF;

        if (!*t->rel) {
                facts->parent = (AuthorizeCgroup) { .in_root = false, .owner = (uid_t) -1 };
                return 0;
        }

        fd = tree_open(t->root_fd, parent, O_PATH);
        return fd < 0 ? fd : read_owner(fd, &facts->parent);
}

int request_authorize(Request *r, Operation operation, const Target *t, const AuthorizeTarget *facts) {
        const char *reason;
        int k = caller_authorize(r->caller, operation, facts, &reason);

        if (k < 0)
                return refuse(r->error, CGW_ERROR(AccessDenied), "%s %s:/%s is not allowed: %s", operation_to_string(operation),
                              t->h->name, t->rel, reason);
        return 0;
}

int request_authorize_simple(Request *r, Operation operation, const Target *t) {
        AuthorizeTarget facts = {};
        int k;

        /* What authorize() would look at all the same and is not read here counts as not the caller's. */
        k = operation == OPERATION_REMOVE ? target_read_parent(t, &facts) : target_read_owner(t, &facts);
        if (k == -ENOENT && operation == OPERATION_REMOVE) {
                /* Neither it nor its parent is there: whoever controls what is learns of it. */
                k = target_read_owner(t, &facts);
                facts.parent = facts.cgroup;
        }
        if (k < 0)
                return fail(r->error, k, operation_to_string(operation), t->h, t->rel);
        return request_authorize(r, operation, t, &facts);
}

/* EnterFrom=: patterns of paths from the daemon's root; %U is the caller's uid. */
static bool leaves_open(const Request *r, const char *from_full) {
        g_autofree char *from = g_strconcat("/", from_full, NULL), *uid = g_strdup_printf("%u", (unsigned) r->caller->uid);

        for (char **p = r->manager->config->enter_from; *p; p++) {
                g_auto(GStrv) parts = g_strsplit(*p, "%U", -1);
                g_autofree char *pattern = g_strjoinv(uid, parts);

                if (fnmatch(pattern, from, FNM_PATHNAME) == 0)
                        return true;
        }
        return false;
}

int request_authorize_attach(Request *r, const Target *t, int fd, const PidRef *process, const char *from_full) {
        AuthorizeTarget facts = {};
        int k;

        k = read_owner(fd, &facts.cgroup);
        if (k < 0)
                return fail(r->error, k, "attach", t->h, t->rel);

        if (r->process_pid != process->pid || r->process_fd != process->fd) {
                k = caller_read_process(r->caller, process, &r->process);
                if (k < 0)
                        return refuse(r->error, CGW_ERROR(NoSuchProcess), "there is no such process");
                r->process_pid = process->pid;
                r->process_fd = process->fd;
        }
        facts.process = r->process;

        if (from_full) {
                g_autofree char *common = g_strndup(from_full, cg_path_common(from_full, t->full));
                _cleanup_close_ int above = tree_open(t->h->fd, common, O_PATH);

                if (above >= 0 && cg_path_is_below(common, t->root_path))
                        (void) read_owner(above, &facts.common);
                /* A container's root is the same user as a process on the host, but does not reach it. */
                facts.leaves_open = cg_path_is_below(from_full, t->root_path) && leaves_open(r, from_full);
        }
        return request_authorize(r, OPERATION_ATTACH, t, &facts);
}
