/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a container's runtime finds here: a /proc that it may mount again, the hierarchies, and the caller's own
 * cgroup.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "client/cli/doctor.h"

static const char *type_of(const GList *l) {
        return g_unix_mount_get_fs_type(l->data);
}

static const char *path_of(const GList *l) {
        return g_unix_mount_get_mount_path(l->data);
}

/* ---- Filesystems that a user namespace may mount if it sees all of one already ---- */

struct visible {
        const char *type, *path;
        const char *const *holes; /* folders that are there for something else to be mounted on them */
};

static const char *const proc_holes[] = {"fs/nfsd", "openprom", "sys/fs/binfmt_misc", NULL};
static const char *const sys_holes[] = {"firmware/efi/efivars",
                                        "fs/bpf",
                                        "fs/cgroup",
                                        "fs/fuse/connections",
                                        "fs/pstore",
                                        "fs/resctrl",
                                        "fs/selinux",
                                        "fs/smackfs",
                                        "hypervisor/s390",
                                        "kernel/config",
                                        "kernel/debug",
                                        "kernel/security",
                                        "kernel/tracing",
                                        NULL};

static const struct visible visibles[] = {
        {"proc", "/proc", proc_holes},
        {"sysfs", "/sys", sys_holes},
};

/* What is below a mount point, or NULL. */
static const char *below(const char *path, const char *mount_point) {
        const char *rest = startswith(path, mount_point);

        if (streq(mount_point, "/"))
                return NULL;
        return rest && *rest == '/' ? rest + 1 : NULL;
}

static bool is_hole(const struct visible *v, const char *rest) {
        for (const char *const *hole = v->holes; *hole; hole++) {
                const char *more = startswith(rest, *hole);

                if (more && (*more == '\0' || *more == '/'))
                        return true;
        }
        return false;
}

/* The first mount that covers a part of this one; NULL when all of it is to be seen. */
static const char *covered_by(const struct visible *v, GList *mount) {
        for (GList *l = mount->next; l; l = l->next) {
                const char *rest = below(path_of(l), path_of(mount));

                /* One on the same place hides all of it, and what is below from here on belongs to that. */
                if (streq(path_of(l), path_of(mount)) || (rest && !is_hole(v, rest)))
                        return path_of(l);
        }
        return NULL;
}

static void add_covered(struct doctor *d, const struct visible *v, char *reason) {
        struct finding f = {.state = STATE_MISSING, .object = g_strdup(v->path), .reason = reason};

        if (d->container) {
                f.mend = g_strdup("lxc.include = /usr/share/lxc/config/nesting.conf");
                f.place = PLACE_CONTAINER;
        } else {
                f.mend = g_strdup_printf("mkdir -m 700 /run/whole-%s && mount -t %s %s /run/whole-%s", v->type,
                                         v->type, v->type, v->type);
        }
        doctor_add(d, f);
}

/* fs/namespace.c, mount_too_revealing(). */
static void check_visible(struct doctor *d, const struct visible *v) {
        const char *cover = NULL;

        for (GList *l = d->mounts; l; l = l->next) {
                if (!streq(type_of(l), v->type) || g_strcmp0(g_unix_mount_get_root_path(l->data), "/") != 0)
                        continue;

                cover = g_unix_mount_is_readonly(l->data) && streq(v->type, "proc") ? "a read-only mount"
                                                                                    : covered_by(v, l);
                if (!cover) {
                        doctor_add(d, (struct finding){.object = g_strdup(v->path),
                                                       .reason = g_strdup("can be mounted in a container here")});
                        return;
                }
        }

        add_covered(
                d, v,
                cover ? g_strdup_printf("can't be mounted in a container here: %s covers it, in part at least", cover)
                      : g_strdup("is not mounted"));
}

void check_proc(struct doctor *d) {
        /* Without /proc we can't look. */
        if (!d->mounts) {
                doctor_add(d, (struct finding){
                                      .state = STATE_MISSING,
                                      .object = g_strdup("/proc"),
                                      .reason = g_strdup("is not mounted"),
                                      .mend = g_strdup(d->container ? "lxc.mount.auto = proc:mixed sys:mixed"
                                                                    : "mount -t proc proc /proc"),
                                      .place = d->container ? PLACE_CONTAINER : PLACE_HERE,
                              });
                return;
        }

        for (size_t i = 0; i < G_N_ELEMENTS(visibles); i++)
                check_visible(d, &visibles[i]);
}

/* ---- The hierarchies ---- */

static bool is_mount_of(const cgw_hierarchy_t *h, GList *l) {
        g_auto(GStrv) names = g_strsplit(h->name, ",", -1);
        g_auto(GStrv) options = g_strsplit(g_unix_mount_get_options(l->data), ",", -1);

        if (!streq(type_of(l), h->version == 2 ? "cgroup2" : "cgroup"))
                return false;
        for (char **name = names; *name && h->version == 1; name++)
                if (!g_strv_contains((const char *const *)options, *name))
                        return false;
        return true;
}

/* Whether it begins at our cgroup namespace's root: what a container has from its host does not. */
static bool is_whole(GUnixMountEntry *mount) {
        return g_strcmp0(g_unix_mount_get_root_path(mount), "/") == 0;
}

static int rank(GUnixMountEntry *mount) {
        return !mount ? 0 : 1 + (is_whole(mount) ? 2 : 0) + (g_unix_mount_is_readonly(mount) ? 0 : 1);
}

/* Where a hierarchy is mounted best. */
static GUnixMountEntry *find_mount(const struct doctor *d, const cgw_hierarchy_t *h) {
        GUnixMountEntry *found = NULL;

        for (GList *l = d->mounts; l; l = l->next)
                if (is_mount_of(h, l) && rank(l->data) > rank(found))
                        found = l->data;
        return found;
}

static char *mount_command(const struct doctor *d, const cgw_hierarchy_t *h) {
        const char *name = startswith(h->name, "name=");
        bool alone = true;

        for (cgw_hierarchy_t **other = d->hierarchies; *other; other++)
                alone = alone && (*other)->version == 2;
        if (h->version == 2 && alone)
                return g_strdup("mount -t cgroup2 cgroup2 /sys/fs/cgroup");

        g_autofree char *folder = g_build_filename("/sys/fs/cgroup", name ? name : h->name, NULL);
        if (h->version == 2)
                return g_strdup_printf("mkdir -p %s && mount -t cgroup2 cgroup2 %s", folder, folder);
        return g_strdup_printf("mkdir -p %s && mount -t cgroup -o %s%s cgroup %s", folder, name ? "none," : "",
                               h->name, folder);
}

static void check_hierarchy(struct doctor *d, const cgw_hierarchy_t *h) {
        GUnixMountEntry *mount = find_mount(d, h);
        struct finding f = {.state = STATE_MISSING, .object = g_strdup_printf("hierarchy %s", h->name)};

        if (!mount) {
                f.reason = g_strdup("is not mounted: a container's runtime does not find it");
                f.mend = mount_command(d, h);
        } else if (!is_whole(mount)) {
                f.state = STATE_WARNING;
                f.reason = g_strdup_printf("is mounted on %s, but shows %s and not the root here",
                                           g_unix_mount_get_mount_path(mount), g_unix_mount_get_root_path(mount));
                f.mend = mount_command(d, h);
        } else if (g_unix_mount_is_readonly(mount)) {
                f.reason = g_strdup_printf("is mounted read-only on %s", g_unix_mount_get_mount_path(mount));
                f.mend = g_strdup_printf("mount -o remount,bind,rw %s", g_unix_mount_get_mount_path(mount));
        } else {
                f.state = STATE_OK;
                f.reason = g_strdup_printf("is mounted on %s", g_unix_mount_get_mount_path(mount));
        }

        if (f.state != STATE_OK && d->container) {
                g_free(f.mend);
                f.mend = g_strdup("lxc.mount.auto = cgroup:rw:force");
                f.place = PLACE_CONTAINER;
        }
        doctor_add(d, f);
}

void check_mounts(struct doctor *d) {
        for (cgw_hierarchy_t **h = d->hierarchies; h && *h; h++)
                if (doctor_needs_hierarchy(d, *h))
                        check_hierarchy(d, *h);
}

/* ---- v2: the root of the cgroup namespace ---- */

/* Names of "wanted" that are no word of "there". */
static char *names_without(char **wanted, const char *there) {
        g_auto(GStrv) words = g_strsplit(there, " ", -1);
        g_autoptr(GPtrArray) lacking = g_ptr_array_new();

        for (char **name = wanted; *name; name++)
                if (!g_strv_contains((const char *const *)words, *name))
                        g_ptr_array_add(lacking, *name);
        g_ptr_array_add(lacking, NULL);
        return g_strjoinv(", ", (char **)lacking->pdata);
}

/*
 * A cgroup that holds processes can't enable controllers for those below it; the host's own root can ("No Internal
 * Process Constraint" in the kernel's cgroup-v2.rst), and is the only one without cgroup.type. A login moves them
 * where it can, so that this alone is no reason to fail.
 */
void check_leaf(struct doctor *d) {
        const cgw_hierarchy_t unified = {.name = "unified", .version = 2};
        GUnixMountEntry *mount = find_mount(d, &unified);

        if (!mount || !is_whole(mount))
                return;

        const char *root = g_unix_mount_get_mount_path(mount);
        g_autofree char *type = g_build_filename(root, "cgroup.type", NULL);
        g_autofree char *procs = g_build_filename(root, "cgroup.procs", NULL), *pids = doctor_read(procs);
        g_autofree char *control = g_build_filename(root, "cgroup.subtree_control", NULL),
                        *enabled = doctor_read(control);
        g_auto(GStrv) wanted = doctor_unified_controllers(d);
        g_autofree char *lacking = names_without(wanted, enabled ? enabled : "");

        if (!g_file_test(type, G_FILE_TEST_EXISTS) || !pids || !*pids)
                return;

        doctor_add(d, (struct finding){
                              .state = STATE_WARNING,
                              .object = g_strdup("root cgroup"),
                              .reason = g_strdup_printf(
                                      "holds processes: %s can be enabled below it when they are in a leaf",
                                      *lacking ? lacking : "controllers"),
                              .mend = g_strdup("cgwarden init-leaf"),
                      });
}

/* ---- The caller's own cgroup ---- */

static bool is_at_or_below(const char *path, const char *ancestor) {
        const char *rest = startswith(path, ancestor);

        return rest && (*rest == '\0' || *rest == '/');
}

/* The user's session that has a cgroup, or NULL. */
static const cgw_session_t *session_of(const struct doctor *d, const char *path) {
        for (cgw_session_t **s = d->sessions; *s; s++)
                if ((*s)->uid == d->uid && is_at_or_below(path, (*s)->path))
                        return *s;
        return NULL;
}

/* LXC takes the cgroup above a leaf "init.scope" as its own. */
static char *base_of(const char *path) {
        return g_str_has_suffix(path, "/init.scope") ? cli_parent(path) : g_strdup(path);
}

/* As a container's runtime does it where it can: by the mount. Returns a negative errno. */
static int open_cgroup(struct doctor *d, const cgw_hierarchy_t *h, const char *path) {
        GUnixMountEntry *mount = find_mount(d, h);

        if (!mount || !is_whole(mount))
                return cgw_open_cgroup(d->cli->cgw, h->name, path);

        g_autofree char *directory = g_build_filename(g_unix_mount_get_mount_path(mount), path, NULL);
        int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Why the user can make nothing in a cgroup; NULL when he can. */
static char *why_not_writable(struct doctor *d, const cgw_hierarchy_t *h, const char *path) {
        _cleanup_close_ int fd = open_cgroup(d, h, path);
        int error = fd;

        if (fd >= 0)
                error = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
        if (error == -EACCES)
                return g_strdup_printf("%s is not the user's: no login with the PAM line made it", path);
        return error < 0 ? g_strdup_printf("%s can't be written to: %s", path, g_strerror(-error)) : NULL;
}

/* The controllers that the PAM lines ask for, and that did not come down to here. */
static char *lacking_controllers(struct doctor *d, const cgw_hierarchy_t *h, const char *path) {
        _cleanup_free_ char *there = NULL;
        g_auto(GStrv) wanted = doctor_unified_controllers(d);

        if (h->version != 2 || cgw_get_value(d->cli->cgw, h->name, path, "cgroup.controllers", &there) < 0)
                return g_strdup("");
        return names_without(wanted, there);
}

static void check_own(struct doctor *d, const cgw_hierarchy_t *h) {
        _cleanup_free_ char *path = NULL;
        struct finding f = {
                .state = STATE_MISSING,
                .object = g_strdup_printf("own cgroup in %s", h->name),
                .place = PLACE_USER,
        };

        if (cgw_get_pid_cgroup(d->cli->cgw, h->name, 0, &path) < 0) {
                f.reason = g_strdup(cgw_error_message(d->cli->cgw));
                f.mend = g_strdup_printf("su -l %s", d->user);
                doctor_add(d, f);
                return;
        }

        const cgw_session_t *session = session_of(d, path);
        g_autofree char *base = base_of(path), *lacking = lacking_controllers(d, h, base);
        f.reason = why_not_writable(d, h, base);
        if (f.reason) {
                f.mend = g_strdup_printf("su -l %s", d->user);
        } else if (*lacking) {
                f.reason = g_strdup_printf("%s has no %s", base, lacking);
                f.mend = g_strdup_printf("su -l %s", d->user);
        } else {
                f.state = STATE_OK;
                f.reason = session ? g_strdup_printf("%s, session %s", base, session->id)
                                   : g_strdup_printf("%s, of no session", base);
        }
        doctor_add(d, f);
}

void check_cgroup(struct doctor *d) {
        for (cgw_hierarchy_t **h = d->hierarchies; h && *h; h++)
                if (doctor_needs_hierarchy(d, *h))
                        check_own(d, *h);
}
