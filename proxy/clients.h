/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "proxy/upstream.h"

/*
 * Who connects to our socket: the daemon above gives a connection for each, and a relay copies between the two. What they say is
 * not looked at, so that the interface may grow without us.
 */

typedef struct Clients Clients;

/* Takes the descriptor. */
int clients_new(sd_event *event, int listen_fd, Upstream *upstream, Clients **ret);
Clients *clients_free(Clients *c);

/* To be called when the state of the upstream has changed. */
void clients_update(Clients *c);
