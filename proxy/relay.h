/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

/*
 * A client's socket and the connection to the daemon that was made for it: what comes in at one, bytes and descriptors, goes out
 * at the other, in the same order and the same pieces. What it means is not looked at. Nothing is read while the other side
 * does not take it.
 */

typedef struct Relay Relay;

/* One side has ended and all that it had said is delivered, or cannot be: the relay is to be freed. */
typedef void (*RelayEnded)(void *userdata);

/* Takes both descriptors, also on failure. */
int relay_new(sd_event *event, int client, int connection, RelayEnded ended, void *userdata, Relay **ret);
Relay *relay_free(Relay *r);
