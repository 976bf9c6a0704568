/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/socket.h>

#include "daemon/manager.h"

/*
 * recv() on a unix socket holds a lock while it copies, which is waited for uninterruptibly (net/unix/af_unix.c, iolock), and so does
 * setsockopt() (net/core/sock.c, lock_sock(); SO_ATTACH_FILTER copies its program under it): who has the same socket as we, and has that copy
 * wait for a page that he never gives, would stop us for ever. So both are done by a process of its own for each user, and only that waits,
 * for its own user.
 */

typedef struct Reader Reader;

/* result: 0; -EAGAIN: there was nothing; -ENODATA: no credential; -ESRCH: of a process that has gone. pidfd: taken over; -EBADF where the
 * kernel gives none (before 6.5). */
typedef void (*ReaderDone)(void *userdata, int result, const struct ucred *cred, int pidfd);

/* The user's, with one more reference. NULL: there can't be one now. */
Reader *reader_get(Manager *m, uid_t charge);
Reader *reader_unref(Reader *r);

typedef enum ReaderRequest {
        READER_PREPARE = 'p', /* has each datagram come with a credential; result: 1 when there is a pidfd with it, too, 0, -errno */
        READER_READ = 'r',    /* one datagram, with its credential */
} ReaderRequest;

/* The socket is borrowed. userdata names the request. -EBUSY: too many wait already. */
int reader_ask(Reader *r, ReaderRequest request, int socket, ReaderDone done, void *userdata);
/* done is not called any more. */
void reader_forget(Reader *r, const void *userdata);

/* At once: for a socket of root's. */
int reader_prepare(int socket);
int reader_read(int socket, struct ucred *ret_cred, int *ret_pidfd);
