/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/receive.h"

#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/util.h"
#include "dbus/closer.h"

/* Of one connection at a time. A request has 64 processes at most. */
#define UNCLOSED_MAX 80

/* What sd-bus has forgotten is not looked for in every turn of the event loop. */
#define LOOKS_MAX 64

/* sd-bus takes 128 MiB. A Delegate with as many values as it may have is no larger than this. */
#define MESSAGE_MAX (1024 * 1024)

struct Received {
        int fd;       /* the socket */
        ReceiveEnded ended;
        void *userdata;
        GArray *used; /* Used */
        unsigned looks; /* since there was something new in it */
};

typedef struct Used {
        int fd;     /* a number that it has had; by now it may be closed, or another's */
        int shadow; /* the same socket, so that sd-bus's closing of it is not the last; -EBADF */
} Used;

/* Static, as recvmsg() is told nothing but the number of the socket. */
static GHashTable *sockets; /* its number -> Received */
static GHashTable *owners;  /* of the numbers from first_number() on: who had it last */
static GHashTable *shadowed; /* Received that have shadows */

static int first_number(void) {
        static int first;
        struct rlimit limit;

        if (first == 0)
                first = getrlimit(RLIMIT_NOFILE, &limit) >= 0 && limit.rlim_cur < INT_MAX ? (int) (limit.rlim_cur / 4 * 3) : 3;
        return first;
}

static bool is_left(const Received *r, int fd) {
        return g_hash_table_lookup(owners, GINT_TO_POINTER(fd)) == r && fcntl(fd, F_GETFD) >= 0;
}

static unsigned forget_closed(Received *r) {
        unsigned n = 0;

        for (unsigned i = 0; i < r->used->len; i++) {
                Used *u = &g_array_index(r->used, Used, i);

                if (is_left(r, u->fd))
                        g_array_index(r->used, Used, n++) = *u;
                else
                        close_elsewhere(u->shadow);
        }
        g_array_set_size(r->used, n);
        return n;
}

/* What a request is good for: a pidfd, or the socket of a proxy's client. */
typedef enum Kind { KIND_PIDFD, KIND_SOCKET, KIND_OTHER } Kind;

static Kind kind_of(int fd) {
        char link[64], name[64] = "";
        socklen_t length = sizeof(int);
        int domain;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, name, sizeof(name) - 1) < 0)
                return KIND_OTHER;
        if (streq(name, "anon_inode:[pidfd]") || startswith(name, "pidfd:[")) /* the latter since Linux 6.9 */
                return KIND_PIDFD;
        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) >= 0 && domain == AF_UNIX ? KIND_SOCKET : KIND_OTHER;
}

/* Moves a descriptor. One that may not be closed here is gone after that, and another in its place, which is good for
 * nothing. */
static int move(int *fd, Used *ret) {
        Kind kind = kind_of(*fd);
        _cleanup_close_ int other = kind == KIND_OTHER ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -EBADF;

        *ret = (Used) { .fd = fcntl(kind == KIND_OTHER ? other : *fd, F_DUPFD_CLOEXEC, first_number()), .shadow = -EBADF };
        if (kind == KIND_PIDFD)
                *fd = safe_close(*fd);
        else if (kind == KIND_SOCKET && ret->fd >= 0)
                ret->shadow = TAKE_FD(*fd);
        else
                close_elsewhere(TAKE_FD(*fd));
        return ret->fd;
}

static bool take_over(Received *r, int *fds, size_t n) {
        bool good = forget_closed(r) + n <= UNCLOSED_MAX;

        for (size_t i = 0; i < n; i++) {
                Used moved;

                if (!good || move(fds + i, &moved) < 0) {
                        close_elsewhere(TAKE_FD(fds[i]));
                        good = false;
                        continue;
                }
                fds[i] = moved.fd;
                g_hash_table_insert(owners, GINT_TO_POINTER(moved.fd), r);
                g_array_append_val(r->used, moved);
                if (moved.shadow >= 0)
                        g_hash_table_add(shadowed, r);
                r->looks = 0;
        }
        return good;
}

static bool take_over_all(Received *r, struct msghdr *m) {
        bool good = true;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                int *fds = (int *) (void *) CMSG_DATA(c);

                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                        good &= take_over(r, fds, (c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        }
        return good;
}

/* Takes the place of libc's for the whole process. */
__attribute__((visibility("default"))) ssize_t recvmsg(int fd, struct msghdr *m, int flags) {
        Received *r = sockets ? g_hash_table_lookup(sockets, GINT_TO_POINTER(fd)) : NULL;
        ssize_t n;

        /* sd-bus asks for all of a message as soon as it has seen its head. */
        if (r && m->msg_iovlen > 0 && m->msg_iov->iov_len > MESSAGE_MAX) {
                errno = EPROTO;
                return -1;
        }

        n = syscall(SYS_recvmsg, fd, m, flags);
        if (n < 0 || !r)
                return n;
        if (n == 0) {
                r->ended(r->userdata);
                errno = EAGAIN;
                return -1;
        }
        if (r->used->len > 0)
                (void) forget_closed(r);
        if (m->msg_controllen == 0 || take_over_all(r, m))
                return n;

        /* What has been taken over goes with the connection, which ends by this. */
        m->msg_controllen = 0;
        errno = EPROTO;
        return -1;
}

Received *receive_watch(int fd, ReceiveEnded ended, void *userdata) {
        Received *r = g_new0(Received, 1);

        if (!sockets) {
                sockets = g_hash_table_new(NULL, NULL);
                owners = g_hash_table_new(NULL, NULL);
                shadowed = g_hash_table_new(NULL, NULL);
        }
        r->fd = fd;
        r->ended = ended;
        r->userdata = userdata;
        r->used = g_array_new(FALSE, FALSE, sizeof(Used));
        g_hash_table_insert(sockets, GINT_TO_POINTER(fd), r);
        return r;
}

/* Whether there is nothing more to wait for: a message is handled as soon as it is complete. */
static gboolean is_settled(gpointer key, gpointer value, gpointer userdata) {
        Received *r = key;

        return forget_closed(r) == 0 || ++r->looks >= LOOKS_MAX;
}

void receive_settle(void) {
        if (shadowed && g_hash_table_size(shadowed) > 0)
                (void) g_hash_table_foreach_remove(shadowed, is_settled, NULL);
}

static void close_left(Received *r) {
        g_hash_table_remove(shadowed, r);
        for (unsigned i = 0; i < r->used->len; i++) {
                Used *u = &g_array_index(r->used, Used, i);

                if (is_left(r, u->fd))
                        safe_close(u->fd);
                close_elsewhere(u->shadow);
                if (g_hash_table_lookup(owners, GINT_TO_POINTER(u->fd)) == r)
                        g_hash_table_remove(owners, GINT_TO_POINTER(u->fd));
        }
        g_array_unref(r->used);
        g_free(r);
}

static int on_through(sd_event_source *source, void *userdata) {
        close_left(userdata);
        sd_event_source_unref(source);
        return 0;
}

void receive_end(Received *r, sd_event *event) {
        sd_event_source *source = NULL;

        if (!r)
                return;
        if (g_hash_table_lookup(sockets, GINT_TO_POINTER(r->fd)) == r)
                g_hash_table_remove(sockets, GINT_TO_POINTER(r->fd));

        /* A message of the connection may be being handled: its descriptors are closed when that is over. */
        if (r->used->len == 0 || sd_event_get_state(event) == SD_EVENT_FINISHED || sd_event_add_defer(event, &source, on_through, r) < 0)
                close_left(r);
        else
                (void) sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
}
