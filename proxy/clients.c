/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "proxy/clients.h"

#include <glib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/log.h"
#include "dbus/closer.h"
#include "proxy/relay.h"

/* In one turn of the event loop. */
#define ACCEPT_BURST 16
/* A client takes two descriptors; as many more are for what is under way. */
#define DESCRIPTORS_EACH 4

struct Clients {
        sd_event *event;
        sd_event_source *source;
        int listen_fd;
        Upstream *upstream;
        GHashTable *clients; /* Client */
        unsigned max;
};

typedef struct Client {
        Clients *clients;
        int fd;         /* until it is the relay's */
        Adding *adding; /* until the daemon has answered */
        Relay *relay;
} Client;

static void free_client(gpointer p) {
        Client *c = p;

        upstream_cancel(c->adding);
        close_connection(c->fd);
        relay_free(c->relay);
        g_free(c);
}

static bool is_full(const Clients *c) {
        return g_hash_table_size(c->clients) >= c->max;
}

void clients_update(Clients *c) {
        /* While there is nobody above for a moment they wait in the queue; later they are told, by the end of the connection. */
        bool serve = upstream_is_ready(c->upstream) ? !upstream_is_busy(c->upstream) && !is_full(c) : upstream_is_missing(c->upstream);

        (void) sd_event_source_set_enabled(c->source, serve ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void end_client(Client *c) {
        Clients *clients = c->clients;

        g_hash_table_remove(clients->clients, c); /* frees it */
        clients_update(clients);
}

static void on_ended(void *userdata) {
        end_client(userdata);
}

static void on_added(int connection, void *userdata) {
        Client *c = userdata;

        c->adding = NULL;
        if (connection < 0 || relay_new(c->clients->event, TAKE_FD(c->fd), connection, on_ended, c, &c->relay) < 0)
                end_client(c);
}

static void add_client(Clients *clients, int fd) {
        Client *c = g_new(Client, 1);
        int r;

        *c = (Client) { .clients = clients, .fd = fd };
        g_hash_table_add(clients->clients, c);
        r = upstream_add_client(clients->upstream, fd, NULL, on_added, c, &c->adding);
        if (r < 0) {
                log_full(LOG_WARNING, r, NULL, "cannot pass a client on");
                g_hash_table_remove(clients->clients, c);
        }
}

static int on_client(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata) {
        Clients *c = userdata;

        for (unsigned i = 0; i < ACCEPT_BURST && !upstream_is_busy(c->upstream) && !is_full(c); i++) {
                int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd < 0)
                        break;
                if (upstream_is_missing(c->upstream))
                        close_connection(fd);
                else
                        add_client(c, fd);
        }
        clients_update(c);
        return 0;
}

static unsigned most_clients(void) {
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 256 : (unsigned) MIN(limit.rlim_cur / DESCRIPTORS_EACH, (rlim_t) 1 << 20);
}

int clients_new(sd_event *event, int listen_fd, Upstream *upstream, Clients **ret) {
        Clients *c = g_new(Clients, 1);
        int r;

        *c = (Clients) { .event = event, .listen_fd = listen_fd, .upstream = upstream, .max = most_clients(),
                         .clients = g_hash_table_new_full(NULL, NULL, free_client, NULL) };
        r = sd_event_add_io(event, &c->source, listen_fd, EPOLLIN, on_client, c);
        if (r < 0) {
                clients_free(c);
                return r;
        }
        clients_update(c);
        *ret = c;
        return 0;
}

Clients *clients_free(Clients *c) {
        if (!c)
                return NULL;

        g_hash_table_remove_all(c->clients);
        g_hash_table_unref(c->clients);
        sd_event_source_unref(c->source);
        safe_close(c->listen_fd);
        g_free(c);
        return NULL;
}
