/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "proxy/upstream.h"

/*
 * Who connects to our socket: handed to the daemon above, and then no more our business. Nothing of what they say is read
 * here, so that the interface may grow without us.
 */

typedef struct Clients Clients;

/* Takes the descriptor. */
int clients_new(sd_event *event, int listen_fd, Upstream *upstream, Clients **ret);
Clients *clients_free(Clients *c);

/* To be called when the state of the upstream has changed. */
void clients_update(Clients *c);
