/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations on one cgroup's values, and those that only look. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/file.h"
#include "daemon/operations.h"

#define VALUE_MAX 4095

static int check_key(Request *r, const char *key) {
        if (attribute_name_is_valid(key))
                return 0;
        return refuse(r->error, CGW_ERROR(NoSuchKey), "\"%s\" is no name of an attribute", key);
}

int operation_get_value(Request *r, const char *key, char **ret) {
        const Target *t = r->targets;
        int k;

        k = check_key(r, key);
        if (k >= 0)
                k = request_authorize_simple(r, OPERATION_LIST, t);
        if (k < 0)
                return k;

        /* Their numbers are those of our pid namespace. */
        if (attribute_class(t->h, key) == ATTRIBUTE_MEMBERSHIP)
                return refuse(r->error, CGW_ERROR(AccessDenied), "get %s of %s:/%s: processes are listed with GetPids", key,
                              t->h->name, t->rel);

        k = attribute_read(t->fd, key, ret);
        if (k == -ENOKEY)
                return refuse(r->error, CGW_ERROR(NoSuchKey), "%s:/%s has no attribute %s", t->h->name, t->rel, key);
        if (k >= 0 && !g_utf8_validate(*ret, -1, NULL)) {
                g_clear_pointer(ret, free);
                k = -EIO;
        }
        return k < 0 ? fail(r->error, k, "read", t->h, t->rel) : 0;
}

int operation_set_value(Request *r, const char *key, const char *value) {
        const Target *t = r->targets;
        AuthorizeTarget facts = { .attribute = attribute_class(t->h, key) };
        int k;

        k = check_key(r, key);
        if (k < 0)
                return k;
        if (strlen(value) > VALUE_MAX)
                return refuse(r->error, CGW_ERROR(InvalidValue), "the value of %s is longer than %d bytes", key, VALUE_MAX);

        k = target_read_owner(t, &facts);
        if (k >= 0)
                k = target_read_parent(t, &facts);
        if (k < 0)
                return fail(r->error, k, "set", t->h, t->rel);
        k = request_authorize(r, OPERATION_SET, t, &facts);
        if (k < 0)
                return k;

        k = attribute_write(t->fd, key, value);
        if (k == -ENOKEY)
                return refuse(r->error, CGW_ERROR(NoSuchKey), "%s:/%s has no attribute %s", t->h->name, t->rel, key);
        if (k == -EBUSY)
                return refuse(r->error, CGW_ERROR(Busy), "set %s of %s:/%s: the kernel says it is in use", key, t->h->name, t->rel);
        if (k == -EINVAL || k == -ERANGE)
                return refuse(r->error, CGW_ERROR(InvalidValue), "set %s of %s:/%s: the kernel does not take \"%s\"", key,
                              t->h->name, t->rel, value);
        return k < 0 ? fail(r->error, k, "set", t->h, t->rel) : 0;
}

int operation_list_children(Request *r, NameList *ret) {
        const Target *t = r->targets;
        int k = request_authorize_simple(r, OPERATION_LIST, t);

        if (k < 0)
                return k;
        k = tree_list(t->fd, ret);
        return k < 0 ? fail(r->error, k, "list", t->h, t->rel) : 0;
}

int operation_list_pids(Request *r, bool recursive, PidList *ret) {
        const Target *t = r->targets;
        int k = request_authorize_simple(r, OPERATION_LIST, t);

        if (k < 0)
                return k;
        k = tree_list_pids(t->fd, recursive, r->deadline, ret);
        if (k < 0)
                pid_list_done(ret);
        return k < 0 ? fail(r->error, k, "list the processes of", t->h, t->rel) : 0;
}

int operation_open(Request *r, int *ret_fd) {
        const Target *t = r->targets;
        int k = request_authorize_simple(r, OPERATION_LIST, t);

        if (k < 0)
                return k;
        /* O_PATH: whoever opens a file below it does so with its own rights. ".." would lead its holder, whatever its root
         * directory is, out of its cgroups and on into our file system. */
        k = tree_open_confined(t->h->fd, t->root_fd, t->rel);
        if (k == -EOPNOTSUPP)
                return refuse(r->error, CGW_ERROR(NotSupported), "open %s:/%s: the hierarchy is mounted nowhere but in cgwarden itself",
                              t->h->name, t->rel);
        if (k < 0)
                return fail(r->error, k, "open", t->h, t->rel);
        *ret_fd = k;
        return 0;
}

int operation_list_keys(Request *r, KeyHandler f, void *userdata) {
        const Target *t = r->targets;
        struct dirent *e;
        int k, fd;
        DIR *d;

        k = request_authorize_simple(r, OPERATION_LIST, t);
        if (k < 0)
                return k;

        fd = file_reopen_directory(t->fd);
        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                safe_close(fd);
                return fail(r->error, fd < 0 ? fd : -ENOMEM, "list", t->h, t->rel);
        }

        while (k >= 0 && (e = readdir(d))) {
                struct stat st;

                if (e->d_type == DT_REG && fstatat(t->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                        k = f(userdata, e->d_name, st.st_uid, st.st_gid, st.st_mode & 07777);
        }
        (void) closedir(d);
        return k;
}

int operation_locate(Request *r, const PidRef *process, char **ret) {
        _cleanup_(cgroup_paths_done) CgroupPaths paths = {};
        const Target *t = r->targets;
        AuthorizeTarget facts = {};
        const char *path, *behind;
        int k;

        k = process_read_cgroups(r->manager->layout, process, &paths);
        if (k >= 0)
                k = caller_read_process(r->caller, process, &facts.process);
        if (k < 0)
                return refuse(r->error, CGW_ERROR(NoSuchProcess), "there is no such process");

        path = paths.paths[t->h->index];
        behind = path ? cg_path_behind(path, t->root_path) : NULL;
        if (behind) {
                _cleanup_close_ int fd = tree_open(t->h->fd, path, O_PATH);
                struct stat st;

                if (fd >= 0 && fstat(fd, &st) >= 0)
                        facts.cgroup = authorize_cgroup(&st);
        }

        k = request_authorize(r, OPERATION_LOCATE, t, &facts);
        if (k < 0)
                return k;
        if (!behind)
                return refuse(r->error, CGW_ERROR(NoSuchCgroup), "the process's cgroup in %s is outside what the caller sees", t->h->name);

        *ret = g_strdup_printf("/%s", behind);
        return 0;
}
