/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "proxy/upstream.h"

/*
 * org.cgwarden1 on our system bus. Each sender gets a connection of its own to the daemon above, in its own name; messages are
 * copied from one to the other, whatever they say.
 */

typedef struct Bus Bus;

int bus_new(sd_event *event, Upstream *upstream, Bus **ret);
Bus *bus_free(Bus *b);

/* The upstream has become ready, missing, or not busy any more. */
void bus_update(Bus *b);

/* A signal from above: for everyone on the bus, as the daemon itself would send it. */
void bus_emit(Bus *b, sd_bus_message *message);
