/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "common/pidref.h"

/* Who is behind a unique name on a message bus, as the bus says. */
typedef struct Sender {
        uint32_t pid, uid;
        int pidfd; /* borrowed from the reply; -EBADF: the bus gives none */
} Sender;

/* Reads the answer to GetConnectionCredentials. -ENODATA: the bus does not know. */
int sender_read(sd_bus_message *reply, Sender *ret);

/* Opens the process. Where there is only a number, it may have become another's: the ids have to be compared. */
int sender_open(const Sender *sender, PidRef *ret);
