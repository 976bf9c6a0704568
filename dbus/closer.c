/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dbus/closer.h"

#include <glib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/util.h"

/* Each waits for one descriptor. What is more than that waits for them, open. */
#define THREADS_MAX 128

static void on_descriptor(gpointer data, gpointer userdata) {
        const struct linger off = {};
        int fd = GPOINTER_TO_INT(data);

        /* A socket's own lingering is easily ended. This takes the socket's lock, which another user of it may hold for ever: he
         * attaches a filter that is in a page of his. */
        (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
        safe_close(fd);
}

void close_elsewhere(int fd) {
        static GThreadPool *threads; /* there are none until somebody sends what takes one */

        if (fd < 0)
                return;
        if (!threads)
                threads = g_thread_pool_new(on_descriptor, NULL, THREADS_MAX, FALSE, NULL);
        if (!g_thread_pool_push(threads, GINT_TO_POINTER(fd), NULL))
                safe_close(fd);
}

void close_connection(int fd) {
        int unread = 1;

        if (fd < 0)
                return;
        /* From here on nothing more comes into the queue: with nothing in it there is nothing to wait for. */
        if (shutdown(fd, SHUT_RDWR) >= 0 && ioctl(fd, FIONREAD, &unread) >= 0 && unread == 0)
                safe_close(fd);
        else
                close_elsewhere(fd);
}
