/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "proxy/bus.h"

#include <glib.h>

#include "common/log.h"
#include "dbus/service.h"

/* A descriptor each, of the 1024 that a process has as a rule. */
#define CLIENTS_MAX 256
/* Messages that wait until the daemon knows their sender. */
#define WAITING_MAX 64

struct Bus {
        sd_event *event;
        Upstream *upstream;
        Service *service;
        GHashTable *clients; /* unique name -> Client */
};

typedef struct Client {
        Bus *bus;
        char *name;
        sd_bus_slot *call; /* its introduction: credentials */
        sd_bus_message *credentials;
        Adding *adding; /* and then AddClient */
        sd_bus *connection;
        GQueue waiting; /* sd_bus_message */
} Client;

static void unref_message(gpointer p) {
        sd_bus_message_unref(p);
}

static void free_client(gpointer p) {
        Client *c = p;

        sd_bus_slot_unref(c->call);
        sd_bus_message_unref(c->credentials);
        upstream_cancel(c->adding);
        if (c->connection) {
                sd_bus_detach_event(c->connection);
                sd_bus_close(c->connection);
                sd_bus_unref(c->connection);
        }
        g_queue_clear_full(&c->waiting, unref_message);
        g_free(c->name);
        g_free(c);
}

/* ---- messages */

static int copy_to(sd_bus_message *to, sd_bus_message *from) {
        int r = sd_bus_message_rewind(from, true);

        return r < 0 ? r : sd_bus_message_copy(to, from, true);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        sd_bus_message *request = userdata;
        int r;

        if (sd_bus_message_get_error(reply))
                return sd_bus_reply_method_error(request, sd_bus_message_get_error(reply));

        r = sd_bus_message_new_method_return(request, &answer);
        if (r >= 0)
                r = copy_to(answer, reply);
        return r < 0 ? r : sd_bus_send(NULL, answer, NULL);
}

static int forward(Client *c, sd_bus_message *request) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *copy = NULL;
        sd_bus_slot *slot;
        int r;

        r = sd_bus_message_new_method_call(c->connection, &copy, NULL, sd_bus_message_get_path(request),
                                           sd_bus_message_get_interface(request), sd_bus_message_get_member(request));
        if (r >= 0)
                r = copy_to(copy, request);
        if (r < 0)
                return r;

        if (sd_bus_message_get_expect_reply(request) <= 0) {
                (void) sd_bus_message_set_expect_reply(copy, false);
                return sd_bus_send(c->connection, copy, NULL);
        }

        r = sd_bus_call_async(c->connection, &slot, copy, on_reply, request, UINT64_MAX);
        if (r < 0)
                return r;
        sd_bus_message_ref(request);
        (void) sd_bus_slot_set_destroy_callback(slot, unref_message);
        (void) sd_bus_slot_set_floating(slot, true);
        sd_bus_slot_unref(slot);
        return 0;
}

static void refuse(sd_bus_message *request, const char *reason) {
        (void) sd_bus_reply_method_errorf(request, SD_BUS_ERROR_NO_SERVER, "cgwarden-proxy: %s", reason);
}

/* ---- a sender's introduction */

static void give_up(Client *c, const char *reason) {
        sd_bus_message *request;

        while ((request = g_queue_pop_head(&c->waiting))) {
                refuse(request, reason);
                sd_bus_message_unref(request);
        }
        g_hash_table_remove(c->bus->clients, c->name); /* frees it */
}

static int on_connection_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Client *c = userdata;

        if (!sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected"))
                return 0;
        give_up(c, "the connection to the daemon has ended");
        return 1;
}

static int open_connection(Client *c, int connection) {
        _cleanup_close_ int fd = connection;
        int r;

        r = sd_bus_new(&c->connection);
        if (r >= 0)
                r = sd_bus_set_fd(c->connection, fd, fd);
        if (r < 0)
                return r;
        fd = -EBADF;

        r = sd_bus_negotiate_fds(c->connection, true);
        if (r >= 0)
                r = sd_bus_add_filter(c->connection, NULL, on_connection_message, c);
        if (r >= 0)
                r = sd_bus_start(c->connection);
        return r < 0 ? r : sd_bus_attach_event(c->connection, c->bus->event, SD_EVENT_PRIORITY_NORMAL);
}

static void introduce(Client *c);

static void on_added(int connection, void *userdata) {
        Client *c = userdata;
        sd_bus_message *request;
        int r;

        c->adding = NULL;
        if (connection == -ECONNRESET) {
                introduce(c); /* to the next one */
                return;
        }
        r = connection < 0 ? connection : open_connection(c, connection);
        if (r < 0) {
                give_up(c, connection < 0 ? "the daemon does not take the caller" : "cannot connect to the daemon");
                return;
        }
        while ((request = g_queue_pop_head(&c->waiting))) {
                if (forward(c, request) < 0)
                        refuse(request, "cannot pass the message on");
                sd_bus_message_unref(request);
        }
}

/* While the daemon is being started again, and while it has many to look at, the caller waits. */
static void introduce(Client *c) {
        const Upstream *u = c->bus->upstream;
        Sender sender;
        int r;

        if (upstream_is_missing(u)) {
                give_up(c, "the daemon can't be reached");
                return;
        }
        if (!upstream_is_ready(u) || upstream_is_busy(u))
                return;
        r = sd_bus_message_rewind(c->credentials, true);
        if (r >= 0)
                r = sender_read(c->credentials, &sender);
        if (r < 0)
                give_up(c, "the bus does not know the caller's credentials");
        else if (upstream_add_client(c->bus->upstream, -EBADF, &sender, on_added, c, &c->adding) < 0)
                give_up(c, "cannot pass the caller on");
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Client *c = userdata;

        c->call = sd_bus_slot_unref(c->call);
        if (sd_bus_message_get_error(reply)) {
                give_up(c, "the bus does not know the caller's credentials");
                return 0;
        }
        c->credentials = sd_bus_message_ref(reply);
        introduce(c);
        return 0;
}

/* By name: one that is given up is gone. */
void bus_update(Bus *b) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        GHashTableIter i;
        gpointer p;

        g_hash_table_iter_init(&i, b->clients);
        while (g_hash_table_iter_next(&i, &p, NULL))
                g_ptr_array_add(names, g_strdup(p));
        for (unsigned k = 0; k < names->len; k++) {
                Client *c = g_hash_table_lookup(b->clients, names->pdata[k]);

                if (c && c->credentials && !c->adding && !c->connection)
                        introduce(c);
        }
}

static Client *get_client(Bus *b, const char *name) {
        Client *c = g_hash_table_lookup(b->clients, name);

        if (c || g_hash_table_size(b->clients) >= CLIENTS_MAX)
                return c;

        c = g_new0(Client, 1);
        c->bus = b;
        c->name = g_strdup(name);
        g_queue_init(&c->waiting);
        if (sd_bus_call_method_async(service_bus(b->service), &c->call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetConnectionCredentials", on_credentials, c, "s", name) < 0) {
                free_client(c);
                return NULL;
        }
        g_hash_table_insert(b->clients, c->name, c);
        return c;
}

/* ---- the bus */

static int on_opened(sd_bus *bus, void *userdata) {
        return 0;
}

static int on_message(sd_bus_message *message, void *userdata) {
        Bus *b = userdata;
        const char *sender = sd_bus_message_get_sender(message);
        uint8_t type = 0;
        Client *c;

        if (sd_bus_message_get_type(message, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL || !sender ||
            sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Peer", "GetMachineId"))
                return 0; /* sd-bus answers that itself. Ping is for who serves. */

        c = get_client(b, sender);
        if (!c)
                refuse(message, "too many callers");
        else if (c->connection) {
                if (forward(c, message) < 0)
                        refuse(message, "cannot pass the message on");
        } else if (g_queue_get_length(&c->waiting) >= WAITING_MAX)
                refuse(message, "too many messages at once");
        else
                g_queue_push_tail(&c->waiting, sd_bus_message_ref(message));
        return 1;
}

static void on_left(const char *sender, void *userdata) {
        Bus *b = userdata;

        g_hash_table_remove(b->clients, sender);
}

static void on_lost(void *userdata) {
        Bus *b = userdata;

        g_hash_table_remove_all(b->clients);
}

int bus_new(sd_event *event, Upstream *upstream, Bus **ret) {
        static const ServiceHandlers handlers = { .opened = on_opened, .message = on_message, .left = on_left, .lost = on_lost };
        Bus *b = g_new0(Bus, 1);
        int r;

        *b = (Bus) { .event = event, .upstream = upstream,
                     .clients = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_client) };
        r = service_new(event, &handlers, b, &b->service);
        if (r < 0) {
                bus_free(b);
                return r;
        }
        *ret = b;
        return 0;
}

Bus *bus_free(Bus *b) {
        if (!b)
                return NULL;

        g_hash_table_unref(b->clients);
        service_free(b->service);
        g_free(b);
        return NULL;
}

void bus_emit(Bus *b, sd_bus_message *message) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *copy = NULL;
        sd_bus *bus = service_bus(b->service);
        int r;

        if (!bus || sd_bus_is_ready(bus) <= 0)
                return;
        r = sd_bus_message_new_signal(bus, &copy, sd_bus_message_get_path(message), sd_bus_message_get_interface(message),
                                      sd_bus_message_get_member(message));
        if (r >= 0)
                r = copy_to(copy, message);
        if (r >= 0)
                r = sd_bus_send(bus, copy, NULL);
        if (r < 0)
                log_full(LOG_DEBUG, r, NULL, "cannot pass a signal on");
}
