/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/legacy-reader.h"

#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "common/log.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76 /* Linux 6.5 */
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04 /* Linux 6.5 */
#endif
#define FDS_MAX 253 /* the kernel's SCM_MAX_FD, of one message */

/* Of those that wait some have been given up already. */
#define WAITING_MAX 64

typedef struct Waiting {
        ReaderDone done; /* NULL: forgotten */
        void *userdata;
} Waiting;

struct Reader {
        unsigned n_ref;
        uid_t charge;
        int socket;
        sd_event_source *io;
        GQueue waiting; /* Waiting, in the order of the answers */
};

/* Static, as there is one event loop. */
static GHashTable *readers; /* uid -> Reader */

typedef struct Answer {
        int result;
        struct ucred cred;
} Answer;

/* ---- what both sides do; in the child, after fork(), there is nothing but system calls */

typedef union Control {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(FDS_MAX * sizeof(int))];
} Control;

/* Not recvmsg(), which is receive.c's. */
static ssize_t receive(int fd, void *data, size_t size, Control *control, struct msghdr *m) {
        struct iovec iov = { .iov_base = data, .iov_len = size };
        ssize_t n;

        *m = (struct msghdr) { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(*control) };
        n = syscall(SYS_recvmsg, fd, m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        return n < 0 ? -errno : n;
}

static int send_with_fd(int fd, const void *data, size_t size, int passed) {
        struct iovec iov = { .iov_base = (void *) data, .iov_len = size };
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) } };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (passed >= 0) {
                (void) memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
                m.msg_control = &control;
                m.msg_controllen = sizeof(control);
        }
        return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int reader_prepare(int socket) {
        const int on = 1;

        if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return -errno;
        return !getenv("CGWARDEN_KERNEL") && setsockopt(socket, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)) >= 0;
}

int reader_read(int socket, struct ucred *ret_cred, int *ret_pidfd) {
        Control control;
        struct msghdr m;
        bool gone = false;
        char byte;
        ssize_t n;

        *ret_cred = (struct ucred) {};
        *ret_pidfd = -EBADF;
        n = receive(socket, &byte, 1, &control, &m);
        if (n < 0)
                return (int) n;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
                size_t size = c->cmsg_len - CMSG_LEN(0);
                int *fds = (int *) (void *) CMSG_DATA(c);

                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS && size == sizeof(*ret_cred)) {
                        (void) memcpy(ret_cred, CMSG_DATA(c), sizeof(*ret_cred));
                } else if (c->cmsg_type == SCM_PIDFD && size == sizeof(int)) {
                        *ret_pidfd = *fds >= 0 ? *fds : -EBADF;
                        gone = *fds < 0; /* its number may be another's by now */
                } else if (c->cmsg_type == SCM_RIGHTS) {
                        for (size_t i = 0; i < size / sizeof(int); i++)
                                safe_close(fds[i]);
                }
        }
        return ret_cred->pid <= 0 ? -ENODATA : gone ? -ESRCH : 0;
}

/* ---- the child */

/* The descriptor of a request; -EBADF at the end. */
static int wait_for_request(int fd, char *ret_request) {
        Control control;
        struct msghdr m;
        struct iovec iov;

        iov = (struct iovec) { .iov_base = ret_request, .iov_len = 1 };
        m = (struct msghdr) { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
        if (syscall(SYS_recvmsg, fd, &m, MSG_CMSG_CLOEXEC) <= 0)
                return -EBADF;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                        return *(int *) (void *) CMSG_DATA(c);
        return -EBADF;
}

_Noreturn static void serve(int fd) {
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGTERM, SIG_DFL);
        (void) prctl(PR_SET_NAME, "cgward-reader");
        if (dup2(fd, 3) < 0 || syscall(SYS_close_range, 4, ~0U, 0) < 0)
                _exit(1);

        for (;;) {
                char request;
                int socket = wait_for_request(3, &request), pidfd = -EBADF, r;
                Answer a = {};

                if (socket < 0)
                        _exit(0);
                a.result = request == READER_PREPARE ? reader_prepare(socket) : reader_read(socket, &a.cred, &pidfd);
                r = send_with_fd(3, &a, sizeof(a), pidfd);
                safe_close(pidfd);
                safe_close(socket);
                if (r < 0)
                        _exit(1);
        }
}

/* ---- the daemon */

static void finish(Reader *r, int result, const struct ucred *cred, int pidfd) {
        Waiting *w = g_queue_pop_head(&r->waiting);

        if (w && w->done)
                w->done(w->userdata, result, cred, pidfd);
        else
                safe_close(pidfd);
        g_free(w);
}

/* It ends by itself when it has no more to do, whenever that is. */
static void hang_up(Reader *r) {
        if (g_hash_table_lookup(readers, GUINT_TO_POINTER(r->charge)) == r)
                g_hash_table_remove(readers, GUINT_TO_POINTER(r->charge));
        r->io = sd_event_source_disable_unref(r->io);
        r->socket = safe_close(r->socket);
}

static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Reader *r = userdata;
        Control control;
        struct msghdr m;
        int pidfd = -EBADF;
        Answer a = {};
        ssize_t n = receive(fd, &a, sizeof(a), &control, &m);

        if (n == -EAGAIN)
                return 0;
        r->n_ref++; /* what is called may let it go */
        if (n == sizeof(a)) {
                for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
                        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                                pidfd = *(int *) (void *) CMSG_DATA(c);
                finish(r, a.result, &a.cred, pidfd);
        } else {
                hang_up(r);
                while (!g_queue_is_empty(&r->waiting))
                        finish(r, -EPIPE, &a.cred, -EBADF);
        }
        reader_unref(r);
        return 0;
}

static int start(Reader *r, sd_event *event) {
        int pair[2], k;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        (void) signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
        pid = fork();
        if (pid == 0)
                serve(pair[1]);
        k = pid < 0 ? -errno : 0;
        safe_close(pair[1]);
        r->socket = pair[0];
        return k < 0 ? k : sd_event_add_io(event, &r->io, r->socket, EPOLLIN, on_answer, r);
}

Reader *reader_get(Manager *m, uid_t charge) {
        Reader *r = readers ? g_hash_table_lookup(readers, GUINT_TO_POINTER(charge)) : NULL;
        int k;

        if (r) {
                r->n_ref++;
                return r;
        }

        r = g_new0(Reader, 1);
        *r = (Reader) { .n_ref = 1, .charge = charge, .socket = -EBADF };
        g_queue_init(&r->waiting);
        if (!readers)
                readers = g_hash_table_new(NULL, NULL);
        k = start(r, m->event);
        if (k < 0) {
                log_full(LOG_WARNING, k, NULL, "cannot start a reader for uid %u", (unsigned) charge);
                return reader_unref(r);
        }
        g_hash_table_insert(readers, GUINT_TO_POINTER(charge), r);
        return r;
}

Reader *reader_unref(Reader *r) {
        if (!r || --r->n_ref > 0)
                return NULL;

        hang_up(r);
        g_queue_clear_full(&r->waiting, g_free);
        g_free(r);
        return NULL;
}

int reader_ask(Reader *r, ReaderRequest request, int socket, ReaderDone done, void *userdata) {
        const char byte = (char) request;
        Waiting *w;
        int k;

        if (r->socket < 0)
                return -EPIPE;
        if (g_queue_get_length(&r->waiting) >= WAITING_MAX)
                return -EBUSY;
        k = send_with_fd(r->socket, &byte, 1, socket);
        if (k < 0)
                return k;
        w = g_new(Waiting, 1);
        *w = (Waiting) { done, userdata };
        g_queue_push_tail(&r->waiting, w);
        return 0;
}

void reader_forget(Reader *r, const void *userdata) {
        for (GList *l = r->waiting.head; l; l = l->next) {
                Waiting *w = l->data;

                if (w->userdata == userdata)
                        w->done = NULL;
        }
}
