/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "dbus/sender.h"

/*
 * The connection to the daemon above, or to another proxy. It is opened again for as long as we live: the daemon above may be
 * restarted at any moment, and its clients here then connect again as they would without us.
 */

typedef struct Upstream Upstream;

typedef struct UpstreamHandlers {
        void (*state)(void *userdata);                           /* ready, lost, or missed for longer than a restart takes */
        void (*signal)(sd_bus_message *message, void *userdata); /* NULL: signals are not asked for */
} UpstreamHandlers;

/* path: the socket. userdata must live as long as the upstream. */
int upstream_new(sd_event *event, const char *path, const UpstreamHandlers *handlers, void *userdata, Upstream **ret);
Upstream *upstream_free(Upstream *u);

bool upstream_is_ready(const Upstream *u);
/* Not ready, and not for so short a time that it is only being restarted. */
bool upstream_is_missing(const Upstream *u);
/* Too many clients are being added: the next ones have to wait for a change of state. */
bool upstream_is_busy(const Upstream *u);

/* A client that the daemon is asked to serve. */
typedef struct Adding Adding;

/* What became of it: the connection that it is served over, which is taken, or a negative errno. */
typedef void (*UpstreamAdded)(int connection, void *userdata);

/* Has the daemon serve a client, which is who is at the other end of a socket as the kernel has it, or the sender. The socket stays
 * the caller's. added is called once, later, unless it is cancelled. */
int upstream_add_client(Upstream *u, int fd, const Sender *sender, UpstreamAdded added, void *userdata, Adding **ret);
Adding *upstream_cancel(Adding *a);
