/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "proxy/clients.h"

#include <glib.h>
#include <sys/socket.h>

#include "common/log.h"

/* In one turn of the event loop. */
#define ACCEPT_BURST 16

struct Clients {
        sd_event_source *source;
        int listen_fd;
        Upstream *upstream;
};

void clients_update(Clients *c) {
        /* While there is nobody above for a moment they wait in the queue; later they are told, by the end of the connection. */
        bool serve = upstream_is_ready(c->upstream) ? !upstream_is_busy(c->upstream) : upstream_is_missing(c->upstream);

        (void) sd_event_source_set_enabled(c->source, serve ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int on_client(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata) {
        Clients *c = userdata;

        for (unsigned i = 0; i < ACCEPT_BURST && !upstream_is_busy(c->upstream); i++) {
                _cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                int r;

                if (fd < 0)
                        break;
                if (upstream_is_missing(c->upstream))
                        continue;
                r = upstream_add_client(c->upstream, fd, NULL, NULL, NULL, NULL);
                if (r < 0)
                        log_full(LOG_WARNING, r, NULL, "cannot hand a client over");
        }
        clients_update(c);
        return 0;
}

int clients_new(sd_event *event, int listen_fd, Upstream *upstream, Clients **ret) {
        Clients *c = g_new(Clients, 1);
        int r;

        *c = (Clients) { .listen_fd = listen_fd, .upstream = upstream };
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

        sd_event_source_unref(c->source);
        safe_close(c->listen_fd);
        g_free(c);
        return NULL;
}
