/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

/*
 * The descriptors that users send. sd-bus forgets to close those of a message that it can't make sense of (systemd 252 to
 * 258, bus_socket_make_message()), with which any user could fill our table of descriptors, for good. So we are between it
 * and the kernel: this file has the recvmsg() that libsystemd calls. What comes in on a watched socket is moved to numbers
 * that are used for nothing else, and what is left there of a connection that has ended is closed. What is neither a pidfd nor
 * a unix socket is of no use for any request, and may be one of which close(2) waits: see closer.h.
 */

typedef struct Received Received;

/* The other end is closed, and all that has come from it has been read. */
typedef void (*ReceiveEnded)(void *userdata);

/* From now on. sd-bus is not told of the end: it would take it in four turns of the event loop, with a timer for each. ended() is called
 * from within sd-bus, so what it does about it is to be done when that is through. */
Received *receive_watch(int fd, ReceiveEnded ended, void *userdata);
/* To be called when a turn of the event loop is over: sockets that its messages had are let go. One of them may be the other
 * end of the connection that it came by, which would never end. */
void receive_settle(void);
/* The connection is being freed, by sd-bus itself perhaps: the rest is done when that is through. */
void receive_end(Received *r, sd_event *event);
