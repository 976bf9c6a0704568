/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "proxy/upstream.h"

#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/log.h"
#include "dbus/names.h"

#define RETRY_USEC (50 * 1000)
/* A restart of the daemon takes less; until then its clients wait where they are. */
#define MISSING_USEC (1000 * 1000)
#define CALL_TIMEOUT_USEC (10 * 1000 * 1000)
#define PENDING_MAX 64

struct Upstream {
        sd_event *event;
        char *path;
        const UpstreamHandlers *handlers;
        void *userdata;
        sd_bus *bus;
        sd_event_source *retry;
        uint64_t lost_at;
        GHashTable *pending; /* Adding */
        bool ready, missing;
};

struct Adding {
        Upstream *upstream;
        sd_bus_slot *call;
        UpstreamAdded added;
        void *userdata;
};

Adding *upstream_cancel(Adding *a) {
        Upstream *u;

        if (!a)
                return NULL;
        u = a->upstream;
        sd_bus_slot_unref(a->call);
        g_hash_table_remove(u->pending, a);
        g_free(a);
        if (g_hash_table_size(u->pending) == PENDING_MAX - 1)
                u->handlers->state(u->userdata);
        return NULL;
}

static void answer(Adding *a, int connection) {
        UpstreamAdded added = a->added;
        void *userdata = a->userdata;

        upstream_cancel(a);
        added(connection, userdata);
}

static void close_bus(Upstream *u) {
        sd_bus *bus = TAKE_PTR(u->bus);
        GHashTableIter i;
        gpointer a;

        u->ready = false;
        if (!bus)
                return;
        while (g_hash_table_iter_init(&i, u->pending), g_hash_table_iter_next(&i, &a, NULL))
                answer(a, -ECONNRESET);
        sd_bus_detach_event(bus);
        sd_bus_close(bus);
        sd_bus_unref(bus);
}

static int open_bus(Upstream *u);

/* Until it is ready: who listens above need not answer. */
static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Upstream *u = userdata;
        uint64_t now;
        int r = u->bus ? 0 : open_bus(u);

        (void) sd_event_now(u->event, CLOCK_MONOTONIC, &now);
        if (!u->missing && now >= u->lost_at + MISSING_USEC) {
                log_full(LOG_WARNING, r, u->path, "nobody serves above");
                u->missing = true;
                u->handlers->state(u->userdata);
        }
        (void) sd_event_source_set_time(source, now + RETRY_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void lose(Upstream *u) {
        uint64_t now;

        (void) sd_event_now(u->event, CLOCK_MONOTONIC, &now);
        if (u->ready)
                u->lost_at = now;
        close_bus(u);
        (void) sd_event_source_set_time(u->retry, now + RETRY_USEC);
        (void) sd_event_source_set_enabled(u->retry, SD_EVENT_ONESHOT);
        u->handlers->state(u->userdata);
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Upstream *u = userdata;
        uint8_t type = 0;

        if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected")) {
                log_full(LOG_NOTICE, 0, u->path, "the connection has ended");
                lose(u);
                return 1;
        }
        if (u->handlers->signal && sd_bus_message_get_type(message, &type) >= 0 && type == SD_BUS_MESSAGE_SIGNAL)
                u->handlers->signal(message, u->userdata);
        return 0;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Upstream *u = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        if (e) {
                log_full(LOG_DEBUG, sd_bus_error_get_errno(e), u->path, "it does not answer: %s", e->message);
                lose(u);
                return 0;
        }
        log_full(LOG_INFO, 0, u->path, "connected");
        u->ready = true;
        u->missing = false;
        (void) sd_event_source_set_enabled(u->retry, SD_EVENT_OFF);
        u->handlers->state(u->userdata);
        return 0;
}

static int connect_to(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        (void) strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int open_bus(Upstream *u) {
        int fd = connect_to(u->path), r;

        if (fd < 0)
                return fd;

        r = sd_bus_new(&u->bus);
        if (r >= 0)
                r = sd_bus_set_fd(u->bus, fd, fd);
        if (r < 0) {
                safe_close(fd);
                close_bus(u);
                return r;
        }

        r = sd_bus_negotiate_fds(u->bus, true);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(u->bus, CALL_TIMEOUT_USEC);
        if (r >= 0)
                r = sd_bus_add_filter(u->bus, NULL, on_message, u);
        if (r >= 0)
                r = sd_bus_start(u->bus);
        if (r >= 0 && u->handlers->signal)
                r = sd_bus_call_method_async(u->bus, NULL, NULL, "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", NULL,
                                             NULL, "s", "type='signal'");
        if (r >= 0)
                r = sd_bus_call_method_async(u->bus, NULL, NULL, CGW_OBJECT_PATH, "org.freedesktop.DBus.Peer", "Ping", on_answer, u, NULL);
        if (r >= 0)
                r = sd_bus_attach_event(u->bus, u->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                close_bus(u);
        return r;
}

int upstream_new(sd_event *event, const char *path, const UpstreamHandlers *handlers, void *userdata, Upstream **ret) {
        Upstream *u = g_new0(Upstream, 1);
        int r;

        *u = (Upstream) { .event = event, .path = g_strdup(path), .handlers = handlers, .userdata = userdata,
                          .pending = g_hash_table_new(NULL, NULL) };
        r = sd_event_now(event, CLOCK_MONOTONIC, &u->lost_at);
        if (r >= 0)
                r = sd_event_add_time(event, &u->retry, CLOCK_MONOTONIC, u->lost_at, 0, on_retry, u);
        if (r < 0) {
                upstream_free(u);
                return r;
        }
        *ret = u;
        return 0;
}

Upstream *upstream_free(Upstream *u) {
        if (!u)
                return NULL;

        close_bus(u);
        sd_event_source_unref(u->retry);
        g_hash_table_unref(u->pending);
        g_free(u->path);
        g_free(u);
        return NULL;
}

bool upstream_is_ready(const Upstream *u) {
        return u->ready;
}

bool upstream_is_missing(const Upstream *u) {
        return u->missing;
}

bool upstream_is_busy(const Upstream *u) {
        return g_hash_table_size(u->pending) >= PENDING_MAX;
}

static int on_added(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Adding *a = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        int connection = -EBADF, r;

        if (e) {
                log_full(LOG_DEBUG, 0, NULL, "a client is turned away above: %s", e->message ? e->message : e->name);
                r = -sd_bus_error_get_errno(e);
        } else {
                r = sd_bus_message_read(reply, "h", &connection);
        }
        if (r >= 0) {
                connection = fcntl(connection, F_DUPFD_CLOEXEC, 3);
                r = connection < 0 ? -errno : connection;
        }
        answer(a, r);
        return 0;
}

/* Of a sender there is no socket: its process is named twice. */
static int append_client(sd_bus_message *message, int fd, const Sender *sender, int pidfd) {
        if (!sender)
                return sd_bus_message_append(message, "ha{sv}", fd, 0);
        return sd_bus_message_append(message, "ha{sv}", pidfd, 2, "Process", "h", pidfd, "Uid", "u", sender->uid);
}

int upstream_add_client(Upstream *u, int fd, const Sender *sender, UpstreamAdded added, void *userdata, Adding **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_(pidref_done) PidRef process = PIDREF_NULL;
        Adding *a;
        int r;

        if (!u->ready)
                return -ENOTCONN;

        r = sd_bus_message_new_method_call(u->bus, &message, NULL, CGW_OBJECT_PATH, CGW_PROXY_INTERFACE, "AddClient");
        if (r >= 0 && sender)
                r = sender_open(sender, &process);
        if (r >= 0)
                r = append_client(message, fd, sender, process.fd);
        if (r < 0)
                return r;

        a = g_new0(Adding, 1);
        *a = (Adding) { .upstream = u, .added = added, .userdata = userdata };
        r = sd_bus_call_async(u->bus, &a->call, message, on_added, a, 0);
        if (r < 0) {
                g_free(a);
                return r;
        }
        g_hash_table_add(u->pending, a);
        *ret = a;
        return 0;
}
