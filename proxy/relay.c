/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "proxy/relay.h"

#include <glib.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/deadline.h"
#include "common/log.h"
#include "dbus/closer.h"

/* Read at once; of this, what the other side does not take is kept. */
#define BUFFER_SIZE (64 * 1024)
/* SCM_MAX_FD: the kernel lets nobody send more at once. */
#define DESCRIPTORS_MAX 253
/* What one side has said is delivered to the other one after its end for so long. */
#define LAST_WORDS_USEC (5 * 1000 * 1000)
/* Wake-ups without anything to be read: out-of-band data can make them. */
#define IDLE_MAX 64

typedef struct End {
        Relay *relay;
        struct End *other;
        int fd;
        sd_event_source *source;
        uint32_t events;
        bool gone; /* closed by its peer */

        /* What it has said, and the other has not taken yet. */
        uint8_t *data;
        size_t begin, size;
        int *descriptors;
        unsigned n_descriptors;
        bool ended; /* it says no more */
        bool done;  /* and everything is delivered, or the other one listens no longer */
        unsigned idle;
} End;

struct Relay {
        sd_event *event;
        End client, daemon;
        sd_event_source *deadline;
        RelayEnded ended;
        void *userdata;
};

/* ---- descriptors */

/* close(2) waits for whom it likes, as it does in the daemon; of a pidfd it does not. */
static void close_descriptor(int fd) {
        char link[64], name[64] = "";

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, name, sizeof(name) - 1) >= 0 &&
            (streq(name, "anon_inode:[pidfd]") || startswith(name, "pidfd:["))) /* the latter since Linux 6.9 */
                safe_close(fd);
        else
                close_elsewhere(fd);
}

static void close_descriptors(const int *fds, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                close_descriptor(fds[i]);
}

static void drop_kept(End *e) {
        close_descriptors(e->descriptors, e->n_descriptors);
        g_clear_pointer(&e->descriptors, g_free);
        g_clear_pointer(&e->data, g_free);
        e->n_descriptors = 0;
}

/* ---- reading */

static ssize_t read_bytes(int fd, void *buffer, size_t size, int flags, bool *ret_descriptors) {
        struct iovec iov = { .iov_base = buffer, .iov_len = size };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n = recvmsg(fd, &m, flags | MSG_DONTWAIT);

        *ret_descriptors = m.msg_flags & MSG_CTRUNC;
        return n < 0 ? -errno : n;
}

static int read_descriptors(int fd, void *buffer, size_t size, int *fds, unsigned *ret_n) {
        union {
                struct cmsghdr align;
                uint8_t bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = buffer, .iov_len = size };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
        ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        *ret_n = 0;
        if (n < 0)
                return -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                        *ret_n = (unsigned) ((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
                        memcpy(fds, CMSG_DATA(c), *ret_n * sizeof(int));
                }
        if (!(m.msg_flags & MSG_CTRUNC))
                return (int) n;

        /* Some are lost: there were no numbers left for them. */
        close_descriptors(fds, *ret_n);
        *ret_n = 0;
        return -EMFILE;
}

/*
 * How many of the n bytes that have been peeked at come before the descriptors. A peek tells of descriptors behind the bytes that
 * it gives, too. But a packet of the sender's that it can not copy as a whole it does not give at all: without room for the last
 * byte, it gives those before the packet that has them.
 */
static int count_without(int fd, uint8_t *buffer, size_t n) {
        struct iovec iov[] = { { .iov_base = buffer, .iov_len = n - 1 }, { .iov_base = NULL, .iov_len = 1 } };
        struct msghdr m = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
        ssize_t before = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);

        if (before < 0)
                return errno == EFAULT ? 0 : -errno;
        return (int) before;
}

/*
 * A piece of what is there. The kernel reads over the boundary between bytes without descriptors and ones that have some, and for a
 * receiver it matters at which byte they come: sd-bus gives them to the message that it has begun. So it is asked first whether
 * there are any (it says so when there is no room for them), and if so, behind how many bytes.
 */
static int read_piece(int fd, uint8_t *buffer, int *fds, unsigned *ret_n) {
        bool any;
        ssize_t n = read_bytes(fd, buffer, BUFFER_SIZE, MSG_PEEK, &any);
        int without;

        *ret_n = 0;
        if (n <= 0)
                return (int) n;
        if (!any)
                return (int) read_bytes(fd, buffer, (size_t) n, 0, &any);
        without = count_without(fd, buffer, (size_t) n);
        if (without == 0)
                return read_descriptors(fd, buffer, (size_t) n, fds, ret_n);
        return without < 0 ? without : (int) read_bytes(fd, buffer, (size_t) without, 0, &any);
}

/* ---- writing */

/* How many bytes the other side has taken; then it has the descriptors, too. */
static int send_piece(int fd, const uint8_t *data, size_t size, const int *fds, unsigned n_fds) {
        union {
                struct cmsghdr align;
                uint8_t bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = (void *) data, .iov_len = size };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        if (n_fds > 0) {
                memset(&control, 0, CMSG_SPACE(n_fds * sizeof(int)));
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                *CMSG_FIRSTHDR(&m) = (struct cmsghdr) { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
                                                        .cmsg_len = CMSG_LEN(n_fds * sizeof(int)) };
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, n_fds * sizeof(int));
        }
        n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0)
                return (int) n;
        return errno == EAGAIN ? 0 : -errno;
}

/* ---- ends */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Relay *r = userdata;

        r->ended(r->userdata);
        return 0;
}

static int begin_end(Relay *r) {
        return r->deadline ? 0 : sd_event_add_time(r->event, &r->deadline, CLOCK_MONOTONIC, deadline_in(LAST_WORDS_USEC), 0, on_deadline, r);
}

/* Nobody takes what it says any more, and so it is told. */
static int stop_listening(End *e) {
        drop_kept(e);
        (void) shutdown(e->fd, SHUT_RD);
        e->done = true;
        return begin_end(e->relay);
}

/* When everything is delivered behind which nothing comes. */
static int pass_end_on(End *e) {
        if (e->ended && !e->data && !e->done) {
                (void) shutdown(e->other->fd, SHUT_WR);
                e->done = true;
        }
        return 0;
}

/* Of an answer to a send. */
static bool is_gone(int r) {
        return r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN;
}

static int send_kept(End *e) {
        int n = send_piece(e->other->fd, e->data + e->begin, e->size - e->begin, e->descriptors, e->n_descriptors);

        if (n < 0)
                return is_gone(n) ? stop_listening(e) : n;
        if (n == 0)
                return 0;
        close_descriptors(e->descriptors, e->n_descriptors);
        e->n_descriptors = 0;
        e->begin += (size_t) n;
        if (e->begin < e->size)
                return 0;
        drop_kept(e);
        return pass_end_on(e);
}

static int keep(End *e, const uint8_t *data, size_t size, const int *fds, unsigned n_fds) {
        e->data = g_memdup2(data, size);
        e->begin = 0;
        e->size = size;
        e->descriptors = g_memdup2(fds, n_fds * sizeof(int));
        e->n_descriptors = n_fds;
        return 0;
}

static int copy_piece(End *e) {
        static uint8_t buffer[BUFFER_SIZE];
        int fds[DESCRIPTORS_MAX], n, sent;
        unsigned n_fds;

        n = read_piece(e->fd, buffer, fds, &n_fds);
        if (n == -EAGAIN || n == -EINTR)
                return ++e->idle > IDLE_MAX ? -EIO : 0;
        if (n == 0 || n == -ECONNRESET) {
                e->ended = true;
                (void) pass_end_on(e);
                return begin_end(e->relay);
        }
        if (n < 0)
                return n;

        e->idle = 0;
        sent = send_piece(e->other->fd, buffer, (size_t) n, fds, n_fds);
        if (sent == 0)
                return keep(e, buffer, (size_t) n, fds, n_fds);
        close_descriptors(fds, n_fds);
        if (sent < 0)
                return is_gone(sent) ? stop_listening(e) : sent;
        return sent < n ? keep(e, buffer + sent, (size_t) (n - sent), NULL, 0) : 0;
}

static bool listens_to(const End *e) {
        return !e->ended && !e->done && !e->data;
}

static int watch(End *e) {
        uint32_t events = (listens_to(e) ? EPOLLIN : 0) | (e->other->data ? EPOLLOUT : 0);
        int r;

        /* That it is closed is told in any case: once is enough. */
        if (events == 0 && !e->gone)
                events = EPOLLET;
        if (events == e->events)
                return 0;
        e->events = events;
        if (events == 0)
                return sd_event_source_set_enabled(e->source, SD_EVENT_OFF);
        r = sd_event_source_set_io_events(e->source, events);
        return r < 0 ? r : sd_event_source_set_enabled(e->source, SD_EVENT_ON);
}

static bool is_over(const Relay *r) {
        return (r->daemon.ended && r->daemon.done) || (r->client.done && (r->client.gone || r->daemon.done));
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        End *e = userdata;
        Relay *relay = e->relay;
        int r = 0;

        if (revents & (EPOLLHUP | EPOLLERR)) {
                e->gone = true;
                r = begin_end(relay);
        }
        if (r >= 0 && e->other->data)
                r = send_kept(e->other);
        if (r >= 0 && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && listens_to(e))
                r = copy_piece(e);
        if (r >= 0)
                r = watch(e);
        if (r >= 0)
                r = watch(e->other);
        if (r < 0)
                log_full(LOG_DEBUG, r, NULL, "a client is cut off");
        if (r < 0 || is_over(relay))
                relay->ended(relay->userdata); /* frees it */
        return 0;
}

static int end_open(End *e, Relay *r, End *other, sd_event *event) {
        e->relay = r;
        e->other = other;
        e->events = EPOLLIN;
        return sd_event_add_io(event, &e->source, e->fd, EPOLLIN, on_io, e);
}

int relay_new(sd_event *event, int client, int connection, RelayEnded ended, void *userdata, Relay **ret) {
        Relay *r = g_new0(Relay, 1);
        int k;

        *r = (Relay) { .event = event, .client.fd = client, .daemon.fd = connection, .ended = ended, .userdata = userdata };
        k = end_open(&r->client, r, &r->daemon, event);
        if (k >= 0)
                k = end_open(&r->daemon, r, &r->client, event);
        if (k < 0) {
                relay_free(r);
                return k;
        }
        *ret = r;
        return 0;
}

Relay *relay_free(Relay *r) {
        if (!r)
                return NULL;

        sd_event_source_unref(r->deadline);
        sd_event_source_unref(r->client.source);
        sd_event_source_unref(r->daemon.source);
        drop_kept(&r->client);
        drop_kept(&r->daemon);
        close_connection(r->client.fd);
        close_connection(r->daemon.fd);
        g_free(r);
        return NULL;
}
