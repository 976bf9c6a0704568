/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "common/util.h"
#include "dbus/wire.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* A line of the authentication; "OK" and a 32 digit id is the longest that a well-meaning server sends. */
#define LINE_MAX_BYTES ((size_t)256)

/* What has come from the peer and is not yet used up. */
typedef struct Stream {
        int fd;
        uint64_t deadline;
        uint8_t *data; /* WIRE_MESSAGE_MAX bytes */
        size_t size;
} Stream;

uint64_t wire_now_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

/* 0 once fd is ready. The deadline is looked at first, so that a peer that is always ready can't hold us either. */
static int wait_for(int fd, short events, uint64_t deadline) {
        for (;;) {
                struct pollfd p = {.fd = fd, .events = events};
                uint64_t now = wire_now_usec();
                int n;

                if (now >= deadline)
                        return -ETIMEDOUT;
                n = poll(&p, 1, (int)MIN((deadline - now + 999) / 1000, (uint64_t)INT32_MAX));
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

/* A listening unix socket with a full queue is never "ready" for poll(2): a non-blocking connect(2) just says EAGAIN.
 * The send timeout does bound a blocking one, and keeps our place in the queue (socket(7), SO_SNDTIMEO). */
static int connect_until(int fd, const struct sockaddr_un *address, uint64_t deadline) {
        for (;;) {
                uint64_t now = wire_now_usec();
                struct timeval left;

                if (now >= deadline)
                        return -ETIMEDOUT;
                left = (struct timeval){
                        .tv_sec = (time_t)((deadline - now) / USEC_PER_SEC),
                        .tv_usec = (suseconds_t)((deadline - now) % USEC_PER_SEC),
                };
                if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0)
                        return -errno;
                if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
                        return 0;
                if (errno != EINTR && errno != EAGAIN)
                        return -errno;
        }
}

int wire_connect(const char *path, uint64_t deadline_usec, int *ret_fd) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;
        int e;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        e = connect_until(fd, &address, deadline_usec);
        if (e < 0)
                return e;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static ssize_t send_some(int fd, const uint8_t *data, size_t size, int passed_fd) {
        union {
                struct cmsghdr header;
                uint8_t space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

        if (passed_fd >= 0) {
                m.msg_control = &control;
                m.msg_controllen = sizeof(control);
                control.header = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
                memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
        }
        return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The descriptor goes with the first byte, and once. */
static int send_all(int fd, uint64_t deadline, const uint8_t *data, size_t size, int passed_fd) {
        while (size > 0) {
                ssize_t n = send_some(fd, data, size, passed_fd);

                if (n > 0) {
                        data += n;
                        size -= (size_t)n;
                        passed_fd = -1;
                        continue;
                }
                if (n < 0 && errno == EPIPE)
                        return -ECONNRESET;
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                int e = wait_for(fd, POLLOUT, deadline);
                if (e < 0)
                        return e;
        }
        return 0;
}

/* Reads at most what is wanted more. By recv(2), which has no room for descriptors: the kernel then closes those that
 * come along (unix(7)), and none can leak into this process. */
static int receive(Stream *s, size_t wanted) {
        for (;;) {
                ssize_t n;
                int e = wait_for(s->fd, POLLIN, s->deadline);

                if (e < 0)
                        return e;
                n = recv(s->fd, s->data + s->size, wanted - s->size, MSG_DONTWAIT);
                if (n > 0) {
                        s->size += (size_t)n;
                        return 0;
                }
                if (n == 0)
                        return -ECONNRESET;
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
}

static int receive_until(Stream *s, size_t wanted) {
        while (s->size < wanted) {
                int e = receive(s, wanted);
                if (e < 0)
                        return e;
        }
        return 0;
}

static void consume(Stream *s, size_t n) {
        s->size -= n;
        memmove(s->data, s->data + n, s->size);
}

/* The next line without its end, in *ret. Takes no byte of what follows the line out of the stream. */
static int receive_line(Stream *s, char ret[static LINE_MAX_BYTES]) {
        for (;;) {
                const uint8_t *end = memchr(s->data, '\n', s->size);
                size_t n;

                if (!end && s->size < LINE_MAX_BYTES) {
                        int e = receive(s, LINE_MAX_BYTES);
                        if (e < 0)
                                return e;
                        continue;
                }
                n = end ? (size_t)(end - s->data) : 0;
                if (n == 0 || n > LINE_MAX_BYTES || s->data[n - 1] != '\r' || memchr(s->data, '\0', n))
                        return -EBADMSG;
                memcpy(ret, s->data, n - 1);
                ret[n - 1] = '\0';
                consume(s, n + 1);
                return 0;
        }
}

/* The whole authentication in one write. The empty token makes the server take the uid from the socket's credentials,
 * which is right in every user namespace; a number would be one of ours, which the server can't know. */
static int authenticate(Stream *s) {
        static const char words[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
        bool ok = false;
        int e;

        e = send_all(s->fd, s->deadline, (const uint8_t *)words, sizeof(words) - 1, -1);
        if (e < 0)
                return e;
        for (;;) {
                char line[LINE_MAX_BYTES];

                e = receive_line(s, line);
                if (e < 0)
                        return e;
                if (startswith(line, "REJECTED"))
                        return -ECONNABORTED;
                if (!ok && startswith(line, "OK "))
                        ok = true;
                else if (ok && streq(line, "AGREE_UNIX_FD"))
                        return 0;
                else if (ok && startswith(line, "ERROR"))
                        return -EOPNOTSUPP;
                else if (ok || !(streq(line, "DATA") || startswith(line, "DATA ")))
                        return -EBADMSG;
        }
}

/* Skips what is not the answer: signals, and replies to nothing of ours. */
static int receive_reply(Stream *s, WireMessage *ret) {
        for (;;) {
                size_t total = 0;
                WireMessage m;
                int e;

                if ((e = receive_until(s, WIRE_FIXED_HEADER)) < 0 ||
                    (e = wire_message_size(s->data, s->size, &total)) < 0 || (e = receive_until(s, total)) < 0 ||
                    (e = wire_message_parse(s->data, total, &m)) < 0)
                        return e;
                if ((m.type == WIRE_TYPE_RETURN || m.type == WIRE_TYPE_ERROR) && m.reply_serial == 1) {
                        *ret = m;
                        return 0;
                }
                consume(s, total);
        }
}

static int call(Stream *s, const WireCall *c, WireMessage *ret) {
        int e = send_all(s->fd, s->deadline, c->data, c->size, c->fd);

        return e < 0 ? e : receive_reply(s, ret);
}

int wire_authenticate_and_call(int fd, uint64_t deadline_usec, const WireCall *c, WireReply *ret) {
        Stream s = {.fd = fd, .deadline = deadline_usec, .data = ret->data};
        int e;

        if (c->error < 0)
                return c->error;
        e = authenticate(&s);
        /* Not before: a server that finds a descriptor among the authentication's bytes drops the connection, and one with sd-bus of
         * version 246 (elogind's) does not look at a message among them until something else comes. */
        return e < 0 ? e : call(&s, c, &ret->message);
}

int wire_call_again(int fd, uint64_t deadline_usec, const WireCall *c, WireReply *ret) {
        Stream s = {.fd = fd, .deadline = deadline_usec, .data = ret->data};

        return c->error < 0 ? c->error : call(&s, c, &ret->message);
}

int wire_transact(const char *path, uint64_t timeout_usec, const WireCall *c, WireReply *ret) {
        uint64_t deadline = wire_now_usec() + timeout_usec;
        _cleanup_close_ int fd = -EBADF;
        int e = wire_connect(path, deadline, &fd);

        return e < 0 ? e : wire_authenticate_and_call(fd, deadline, c, ret);
}
