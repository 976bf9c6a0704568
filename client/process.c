/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The methods that name a process, or list processes.
 */

#include <sys/syscall.h>

#include "client/internal.h"

int cgw_open_pidfd(pid_t pid) {
        int fd = (int)syscall(SYS_pidfd_open, pid == 0 ? getpid() : pid, 0);

        return fd < 0 ? -errno : fd;
}

_public_ int cgw_move_pidfd(cgw_t *c, const char *controllers, const char *path, int pidfd) {
        return cgw_repeatable(c, "MovePidFd", NULL, "ssh", controllers, path, pidfd);
}

_public_ int cgw_move_pid(cgw_t *c, const char *controllers, const char *path, pid_t pid) {
        if (!c || pid < 0)
                return -EINVAL;

        _cleanup_close_ int pidfd = cgw_open_pidfd(pid);
        if (pidfd == -ENOSYS)
                return cgw_repeatable(c, "MovePid", NULL, "ssu", controllers, path, (uint32_t)pid);
        if (pidfd < 0)
                return cgw_fail(c, pidfd, "process %d: %s", (int)pid, strerror(-pidfd));

        return cgw_move_pidfd(c, controllers, path, pidfd);
}

_public_ int cgw_get_pidfd_cgroup(cgw_t *c, const char *controller, int pidfd, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = cgw_repeatable(c, "GetPidFdCgroup", &reply, "sh", controller, pidfd);
        return r < 0 ? r : cgw_read_string(c, reply, ret);
}

static int get_pid_cgroup_by_number(cgw_t *c, const char *controller, pid_t pid, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = cgw_repeatable(c, "GetPidCgroup", &reply, "su", controller, (uint32_t)pid);
        return r < 0 ? r : cgw_read_string(c, reply, ret);
}

_public_ int cgw_get_pid_cgroup(cgw_t *c, const char *controller, pid_t pid, char **ret) {
        if (!c || pid < 0)
                return -EINVAL;

        _cleanup_close_ int pidfd = cgw_open_pidfd(pid);
        if (pidfd == -ENOSYS)
                return get_pid_cgroup_by_number(c, controller, pid, ret);
        if (pidfd < 0)
                return cgw_fail(c, pidfd, "process %d: %s", (int)pid, strerror(-pidfd));

        return cgw_get_pidfd_cgroup(c, controller, pidfd, ret);
}

static int get_pids(cgw_t *c, const char *member, const char *controller, const char *path, pid_t **ret_pids,
                    size_t *ret_n) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const void *data;
        size_t size;

        int r = cgw_repeatable(c, member, &reply, "ss", controller, path);
        if (r < 0)
                return r;

        r = sd_bus_message_read_array(reply, 'u', &data, &size);
        if (r < 0)
                return cgw_bad_reply(c, r);

        if (ret_pids) {
                /* pid_t and D-Bus's u are both 32 bits. One more, for malloc(0) may be NULL. */
                pid_t *pids = malloc(size + sizeof(*pids));
                if (!pids)
                        return cgw_bad_reply(c, -ENOMEM);
                if (size > 0)
                        memcpy(pids, data, size);
                *ret_pids = pids;
        }
        if (ret_n)
                *ret_n = size / sizeof(uint32_t);
        return 0;
}

_public_ int cgw_get_pids(cgw_t *c, const char *controller, const char *path, pid_t **ret_pids, size_t *ret_n) {
        return get_pids(c, "GetPids", controller, path, ret_pids, ret_n);
}

_public_ int cgw_get_pids_recursive(cgw_t *c, const char *controller, const char *path, pid_t **ret_pids,
                                    size_t *ret_n) {
        return get_pids(c, "GetPidsRecursive", controller, path, ret_pids, ret_n);
}
