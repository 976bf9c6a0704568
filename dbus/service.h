/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/*
 * The name org.cgwarden1 on the system bus. The bus may come later than we do, and may be restarted: sd-bus watches for its
 * socket, and a lost connection is opened again.
 */

typedef struct ServiceHandlers {
        int (*opened)(sd_bus *bus, void *userdata);            /* a new connection: add objects */
        int (*message)(sd_bus_message *message, void *userdata); /* a filter: 1 when it has been dealt with */
        void (*left)(const char *sender, void *userdata);      /* a unique name is no longer there */
        void (*lost)(void *userdata);                          /* the connection, and so every sender */
} ServiceHandlers;

typedef struct Service Service;

/* userdata must live as long as the service. */
int service_new(sd_event *event, const ServiceHandlers *handlers, void *userdata, Service **ret);
Service *service_free(Service *s);

/* NULL while there is no bus. */
sd_bus *service_bus(const Service *s);
