/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dbus/service.h"

#include <glib.h>

#include "common/log.h"
#include "dbus/names.h"

#define RETRY_USEC (1000 * 1000)
/* The broker answers for what it knows itself; should it hang, we do not hang with it. */
#define BROKER_TIMEOUT_USEC (1000 * 1000)

struct Service {
        sd_event *event;
        const ServiceHandlers *handlers;
        void *userdata;
        sd_bus *bus;
        sd_event_source *retry;
};

static int open_bus(Service *s);
static void retry_later(Service *s);

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Service *s = userdata;
        int r;

        s->retry = sd_event_source_unref(s->retry);
        r = open_bus(s);
        if (r < 0) {
                log_full(LOG_WARNING, r, NULL, "cannot connect to the system bus");
                retry_later(s);
        }
        return 0;
}

static void retry_later(Service *s) {
        uint64_t now;

        if (sd_event_now(s->event, CLOCK_MONOTONIC, &now) >= 0)
                (void) sd_event_add_time(s->event, &s->retry, CLOCK_MONOTONIC, now + RETRY_USEC, 0, on_retry, s);
}

static void close_bus(Service *s) {
        if (!s->bus)
                return;
        sd_bus_detach_event(s->bus);
        sd_bus_close(s->bus);
        s->bus = sd_bus_unref(s->bus);
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Service *s = userdata;

        if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected")) {
                log_notice("the system bus has gone");
                s->handlers->lost(s->userdata);
                close_bus(s);
                retry_later(s);
                return 1;
        }
        return s->handlers->message(message, s->userdata);
}

/* The sender of former messages has left the bus. */
static int on_name_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Service *s = userdata;
        const char *name, *old, *new;

        if (sd_bus_message_read(message, "sss", &name, &old, &new) >= 0 && *name == ':' && !*new)
                s->handlers->left(name, s->userdata);
        return 0;
}

static int on_name_requested(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(message);

        /* Where the connection has ended before the answer, "Disconnected" follows. */
        if (e && sd_bus_is_open(sd_bus_message_get_bus(message)) != 0)
                log_error("cannot own %s on the system bus: %s", CGW_BUS_NAME, e->message);
        return 0;
}

static int open_bus(Service *s) {
        const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
        int r;

        r = sd_bus_new(&s->bus);
        if (r >= 0)
                r = sd_bus_set_address(s->bus, address ? address : "unix:path=/run/dbus/system_bus_socket");
        if (r >= 0)
                r = sd_bus_set_bus_client(s->bus, true);
        if (r >= 0)
                r = sd_bus_set_watch_bind(s->bus, true);
        if (r >= 0)
                r = sd_bus_negotiate_fds(s->bus, true);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(s->bus, BROKER_TIMEOUT_USEC);
        if (r >= 0)
                r = sd_bus_add_filter(s->bus, NULL, on_message, s);
        if (r >= 0)
                r = s->handlers->opened(s->bus, s->userdata);
        if (r >= 0)
                r = sd_bus_start(s->bus);
        if (r >= 0)
                r = sd_bus_match_signal_async(s->bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                              "org.freedesktop.DBus", "NameOwnerChanged", on_name_owner_changed, NULL, s);
        if (r >= 0)
                r = sd_bus_request_name_async(s->bus, NULL, CGW_BUS_NAME, 0, on_name_requested, s);
        if (r >= 0)
                r = sd_bus_attach_event(s->bus, s->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                s->handlers->lost(s->userdata);
                close_bus(s);
        }
        return r;
}

int service_new(sd_event *event, const ServiceHandlers *handlers, void *userdata, Service **ret) {
        Service *s = g_new0(Service, 1);
        int r;

        *s = (Service) { .event = event, .handlers = handlers, .userdata = userdata };
        r = open_bus(s);
        if (r < 0) {
                service_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

Service *service_free(Service *s) {
        if (!s)
                return NULL;

        sd_event_source_unref(s->retry);
        close_bus(s);
        g_free(s);
        return NULL;
}

sd_bus *service_bus(const Service *s) {
        return s->bus;
}
