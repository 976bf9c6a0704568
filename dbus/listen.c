/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dbus/listen.h"

#include <fcntl.h>
#include <glib.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <systemd/sd-daemon.h>

#include "common/log.h"
#include "common/util.h"

#define BACKLOG 4096

/* One daemon at a time; the lock goes with the process, and so is never stale. */
static int lock_folder(const char *folder, int level) {
        static GHashTable *locked; /* our own: two sockets may be in one */
        g_autofree char *name = g_build_filename(folder, "lock", NULL);
        int fd;

        if (!locked)
                locked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        if (g_hash_table_contains(locked, folder))
                return 0;
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0) {
                int r = -errno;

                log_full(level, r, name, "cannot open the lock");
                return r;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                int r = -errno;

                log_full(level, 0, name, "another server is running");
                safe_close(fd);
                return r;
        }
        g_hash_table_add(locked, g_strdup(folder));
        return fd; /* held until the process ends */
}

/* A cgmanager that runs knows nothing of our lock. */
static bool is_served(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (strlen(path) >= sizeof(address.sun_path))
                return false;
        (void) strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        return fd >= 0 && (connect(fd, (struct sockaddr *) &address, sizeof(address)) >= 0 || errno == EAGAIN);
}

/* The socket is made under another name and renamed: there is always one to connect to, and none that does not listen
 * yet. */
static int bind_at(int fd, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        g_autofree char *new = g_strconcat(path, ".new", NULL);

        if (strlen(new) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        (void) strncpy(address.sun_path, new, sizeof(address.sun_path) - 1);

        (void) unlink(new);
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || chmod(new, 0666) < 0 || listen(fd, BACKLOG) < 0 ||
            rename(new, path) < 0)
                return -errno;
        return 0;
}

/* Whether the folder, or the one in which it would be made, is a cgroup. */
static bool is_in_cgroupfs(const char *folder) {
        g_autofree char *there = g_strdup(folder);
        struct statfs fs;

        while (statfs(there, &fs) < 0 && errno == ENOENT && strchr(there + 1, '/'))
                *strrchr(there, '/') = '\0';
        return statfs(there, &fs) >= 0 && (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

int listen_at(const char *path, int level) {
        g_autofree char *folder = g_path_get_dirname(path);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (is_in_cgroupfs(folder)) {
                log_full(level, 0, folder, "no folder for a socket, but a cgroup");
                return -EXDEV;
        }
        if (g_mkdir_with_parents(folder, 0755) < 0) {
                r = -errno;
                log_full(level, r, folder, "cannot make the folder");
                return r;
        }
        r = lock_folder(folder, level);
        if (r < 0)
                return r;
        if (is_served(path)) {
                log_full(level, 0, path, "another server is running");
                return -EADDRINUSE;
        }

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        r = fd < 0 ? -errno : bind_at(fd, path);
        if (r < 0) {
                log_full(level, r, path, "cannot listen");
                return r;
        }
        return TAKE_FD(fd);
}

int listen_open(const char *path) {
        int n = sd_listen_fds(1);

        if (n > 1) {
                log_error("the service manager passed %d sockets, one is expected", n);
                return -EINVAL;
        }
        if (n < 1)
                return listen_at(path, LOG_ERR);

        if (sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0) {
                log_error("what the service manager passed is no listening unix stream socket");
                return -EINVAL;
        }
        (void) fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK);
        return SD_LISTEN_FDS_START;
}
