/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/deadline.h"
#include "common/log.h"
#include "common/path.h"
#include "daemon/error.h"
#include "daemon/legacy-reader.h"
#include "daemon/legacy.h"
#include "daemon/user-scope.h"
#include "dbus/closer.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* In one turn of the event loop, so that clients that are there already are not kept waiting by new ones. */
#define ACCEPT_BURST 16
/* Those that are turned away at once cost little, and the queue, which everyone shares, has to become empty. */
#define TURN_AWAY_BURST 256
/* Replies that a client does not read are kept for it; more than this and it is gone. */
#define UNREAD_MAX 256
#define UNREAD_BYTES_MAX (1024 * 1024)
/* One behind the other; each costs every request two looks at its namespaces. */
#define PROXIES_MAX 8

/* How long nobody is accepted when there are no descriptors left. */
#define PAUSE_USEC (100 * 1000)

typedef struct Listener {
        int fd;
        sd_event_source *source;
} Listener;

struct Server {
        Manager *manager;
        Listener listeners[LISTENERS_MAX];
        sd_event_source *pause, *settle, *first;
        GHashTable *peers; /* Connection */
        GHashTable *starting; /* those of them that are authenticating */
        GHashTable *ended;    /* whose client has gone */
        Connection *system;
        sd_id128_t id;
        uint64_t next_name;
        bool told; /* that there are no descriptors */
};

/* One at a time: the end of a proxy's connection is that of others, so that no iterator holds. */
static void end_all(Server *s, GHashTable *connections) {
        GHashTableIter i;
        gpointer c;

        while (g_hash_table_iter_init(&i, connections), g_hash_table_iter_next(&i, &c, NULL))
                g_hash_table_remove(s->peers, c); /* frees it */
}

static Connection *connection_free(Connection *c) {
        if (!c)
                return NULL;

        legacy_scm_end(c);
        user_scopes_forget(c->manager->user_scopes, c);
        c->reader = reader_unref(c->reader);
        if (c->clients) {
                end_all(c->server, c->clients);
                g_hash_table_unref(c->clients);
        }
        if (c->via)
                g_hash_table_remove(c->via->clients, c);
        if (c->server->starting)
                g_hash_table_remove(c->server->starting, c);
        if (c->server->ended)
                g_hash_table_remove(c->server->ended, c);
        service_free(c->service);
        if (c->bus && !c->system) {
                int fd = sd_bus_get_fd(c->bus);

                /* sd-bus's own closing of it is not the last. */
                fd = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
                sd_bus_detach_event(c->bus);
                sd_bus_close(c->bus);
                close_connection(fd);
        }
        sd_bus_unref(c->bus);
        receive_end(c->received, c->manager->event);
        if (!c->system)
                quota_release(c->manager->quotas, c->charge, QUOTA_CONNECTIONS, 1);
        if (c->callers)
                g_hash_table_unref(c->callers);
        caller_free(c->caller);
        g_free(c);
        return NULL;
}

/* A client whose proxy has gone is not answered that "the process" has: it connects again. */
static void cut_off_proxy(const Connection *c, const Caller *caller) {
        const char *reason;

        if (caller->via && caller_refresh(caller->via, &reason) < 0)
                (void) shutdown(sd_bus_get_fd(c->bus), SHUT_RDWR);
}

int connection_get_caller(Connection *c, sd_bus_message *message, Caller **ret, sd_bus_error *error) {
        Caller *caller = c->caller;
        const char *reason = c->refusal;
        int r;

        if (c->system) {
                r = system_bus_find_caller(c, sd_bus_message_get_sender(message), &caller, error);
                if (r < 0)
                        return r;
        }
        if (!caller)
                return refuse(error, CGW_ERROR(AccessDenied), "the caller is refused: %s", reason);

        r = caller_refresh(caller, &reason);
        if (r < 0) {
                cut_off_proxy(c, caller);
                return refuse(error, CGW_ERROR(AccessDenied), "the caller is refused: %s", reason);
        }
        *ret = caller;
        return 0;
}

/* Whether a client leaves so many answers unread that it gets no more. */
static bool is_deaf(const Connection *c) {
        uint64_t unread;

        return !c->system && sd_bus_get_n_queued_write(c->bus, &unread) >= 0 && unread > 0 &&
               (unread > UNREAD_MAX || c->unread > UNREAD_BYTES_MAX);
}

int connection_reply(Connection *c, sd_bus_message *reply, size_t size) {
        uint64_t unread;
        int r = sd_bus_send(NULL, reply, NULL);

        /* sd-bus says how many messages it holds, and not how large they are. */
        if (sd_bus_get_n_queued_write(c->bus, &unread) >= 0)
                c->unread = unread == 0 ? 0 : c->unread + size;
        return r;
}

/* The namespaces are read anew: what it could see when it last asked for something is not what counts. */
static bool may_see(const Connection *c, SignalFilter filter, const void *userdata) {
        const char *reason;

        return c->wants_signals && !is_deaf(c) && c->caller && caller_refresh(c->caller, &reason) >= 0 && filter(c->caller, userdata);
}

static void send_signal(const Connection *c, const char *member, SignalFill fill, const Caller *receiver, void *userdata) {
        sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_signal(c->bus, &message, CGW_OBJECT_PATH, CGW_MANAGER_INTERFACE, member);
        if (r >= 0)
                r = fill(message, receiver, userdata);
        if (r >= 0)
                r = sd_bus_send(c->bus, message, NULL);
        if (r < 0 && r != -ENOTCONN && r != -ECONNRESET)
                log_full(LOG_DEBUG, r, member, "cannot send a signal");
        sd_bus_message_unref(message);
}

void manager_emit(Manager *m, const char *member, SignalFilter filter, SignalFill fill, void *userdata) {
        GHashTableIter i;
        gpointer p;

        if (!m->server)
                return;

        if (m->server->system && m->server->system->bus && sd_bus_is_ready(m->server->system->bus) > 0)
                send_signal(m->server->system, member, fill, NULL, userdata);

        g_hash_table_iter_init(&i, m->server->peers);
        while (g_hash_table_iter_next(&i, &p, NULL)) {
                const Connection *c = p;

                if (may_see(c, filter, userdata))
                        send_signal(c, member, fill, c->caller, userdata);
        }
}

/* What a bus driver would answer to a client that takes the socket for a bus. */
static int on_driver_call(Connection *c, sd_bus_message *message) {
        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "Hello")) {
                g_autofree char *name = g_strdup_printf(":1.%" G_GUINT64_FORMAT, (guint64) ++c->server->next_name);

                return sd_bus_reply_method_return(message, "s", name);
        }
        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "AddMatch")) {
                c->wants_signals = true;
                return sd_bus_reply_method_return(message, NULL);
        }
        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "RemoveMatch"))
                return sd_bus_reply_method_return(message, NULL);
        return 0;
}

static int on_peer_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *c = userdata;
        int r;

        /* Every message comes by here, whatever it asks for. */
        if (is_deaf(c) || sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected")) {
                g_hash_table_remove(c->server->peers, c); /* frees it */
                return 1;
        }

        r = on_driver_call(c, message);
        if (r == 0)
                r = connection_add_object_of(c, message);
        if (r == 0)
                r = connection_on_introspect(message, c);
        return r;
}

/* SO_PEERPIDFD where there is one, else the number, which caller_new() checks against the ids. Returns 1 and 0. */
static int peer_process(int fd, const struct ucred *cred, PidRef *ret) {
        socklen_t length = sizeof(int);
        int pidfd = -EBADF;

        if (cred->pid <= 0)
                return -ESRCH;
        if (!getenv("CGWARDEN_KERNEL")) {
                if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) >= 0) {
                        *ret = (PidRef) { .pid = cred->pid, .fd = pidfd };
                        return 1;
                }
                /* Of a process that has gone there is none: its number may be another's by now. */
                if (errno != ENOPROTOOPT)
                        return -errno;
        }
        return pidref_from_pid(cred->pid, ret);
}

static int identify_peer(const Manager *m, int fd, const struct ucred *cred, Caller *via, Caller **ret, const char **ret_reason) {
        PidRef process = PIDREF_NULL;
        int r = peer_process(fd, cred, &process);

        if (r < 0) {
                *ret_reason = cred->pid <= 0 ? "its process is not in a pid namespace that the daemon can see"
                                             : "the calling process is gone";
                return r;
        }
        return caller_new(&m->host, &process, r > 0, cred->uid, cred->gid, via, ret, ret_reason);
}

static void on_ended(void *userdata) {
        Connection *c = userdata;

        g_hash_table_add(c->server->ended, c);
}

static int start_peer(Connection *c, int *fd) {
        int r;

        r = sd_bus_new(&c->bus);
        if (r < 0)
                return r;

        r = sd_bus_set_fd(c->bus, *fd, *fd);
        if (r < 0)
                return r;
        if (!c->caller || !c->caller->privileged)
                c->received = receive_watch(*fd, on_ended, c);
        *fd = -EBADF;

        r = sd_bus_set_server(c->bus, true, c->server->id);
        /* To sd-bus the peer of our own socket pair is ourselves: it would want our uid. Who the client is is known. */
        if (r >= 0 && c->via)
                r = sd_bus_set_anonymous(c->bus, true);
        if (r >= 0)
                r = sd_bus_negotiate_fds(c->bus, true);
        if (r >= 0)
                r = sd_bus_add_filter(c->bus, NULL, on_peer_message, c);
        if (r >= 0)
                r = sd_bus_start(c->bus);
        if (r >= 0)
                r = sd_bus_attach_event(c->bus, c->manager->event,
                                        c->caller && c->caller->privileged ? SD_EVENT_PRIORITY_IMPORTANT : SD_EVENT_PRIORITY_NORMAL);
        return r;
}

static bool has_hung_up(int fd) {
        struct pollfd pfd = { .fd = fd };

        return poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLHUP);
}

/* Takes the caller, which is NULL for one that is to be told why it is refused, and the socket. */
static int serve(Server *s, int *fd, Caller *caller, const char *refusal, uid_t charge, Connection *via) {
        uint32_t limit = s->manager->config->connections_per_user;
        Connection *c;
        int r;

        r = quota_charge(s->manager->quotas, charge, QUOTA_CONNECTIONS, 1, limit);
        if (r < 0) {
                log_full(LOG_DEBUG, r, NULL, "uid %u has as many connections as it may", (unsigned) charge);
                caller_free(caller);
                return r;
        }

        c = g_new0(Connection, 1);
        *c = (Connection) { .server = s, .manager = s->manager, .caller = caller, .refusal = refusal, .charge = charge, .via = via };
        g_hash_table_add(s->peers, c);
        g_hash_table_add(s->starting, c);
        if (via) {
                if (!via->clients)
                        via->clients = g_hash_table_new(NULL, NULL);
                g_hash_table_add(via->clients, c);
        }

        r = start_peer(c, fd);
        if (r < 0) {
                log_full(LOG_DEBUG, r, NULL, "cannot serve a client");
                g_hash_table_remove(s->peers, c);
        }
        return r;
}

static void close_connectionp(int *fd) {
        close_connection(*fd);
}

/* Returns whether it was worth a look. */
static bool accept_peer(Server *s, int fd_taken) {
        _cleanup_(close_connectionp) int fd = fd_taken;
        struct ucred cred;
        socklen_t length = sizeof(cred);
        const char *refusal = NULL;
        Caller *caller;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0)
                return false;

        /* Who has as many as he may is turned away before anything is looked up, and so is a user who has left. */
        if (cred.uid != 0 && s->manager->config->connections_per_user > 0 &&
            quota_used(s->manager->quotas, cred.uid, QUOTA_CONNECTIONS) >= s->manager->config->connections_per_user)
                return false;
        if (cred.uid != 0 && has_hung_up(fd))
                return false;

        if (identify_peer(s->manager, fd, &cred, NULL, &caller, &refusal) < 0)
                caller = NULL;
        (void) serve(s, &fd, caller, refusal, caller ? caller->charge : cred.uid, NULL);
        return true;
}

static bool is_connected_stream(int fd) {
        int domain = 0, type = 0, listens = 1;
        socklen_t length = sizeof(int);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) >= 0 && domain == AF_UNIX &&
               getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) >= 0 && type == SOCK_STREAM &&
               getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) >= 0 && !listens;
}

static unsigned proxies_before(const Connection *c) {
        unsigned n = 0;

        for (; c; c = c->via)
                n++;
        return n;
}

/* The socket is in use elsewhere: whatever takes a lock of it might wait for ever. None of this does. */
static int identify_client(const Connection *via, int socket, ClientIdentity *identity, Caller **ret, sd_bus_error *error) {
        const char *reason = NULL;
        socklen_t length = sizeof(struct ucred);
        struct ucred cred;
        int r;

        if (identity)
                r = caller_new(&via->manager->host, &identity->process, false, identity->uid, identity->gid, via->caller, ret, &reason);
        else if (!is_connected_stream(socket) || getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0)
                return refuse(error, CGW_ERROR(InvalidValue), "the descriptor is no connected unix stream socket");
        else if (has_hung_up(socket) && cred.pid > 0)
                return refuse(error, CGW_ERROR(InvalidValue), "nobody is at the other end of the socket");
        else
                r = identify_peer(via->manager, socket, &cred, via->caller, ret, &reason);
        return r < 0 ? refuse(error, CGW_ERROR(AccessDenied), "the client is refused: %s", reason) : r;
}

int connection_add_client(Connection *via, int socket, ClientIdentity *identity, int *ret_connection, sd_bus_error *error) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        Caller *caller;
        int fds[2], r;

        if (via->system)
                return refuse(error, CGW_ERROR(NotSupported), "clients are passed on over the socket, not over a bus");
        if (proxies_before(via) > PROXIES_MAX)
                return refuse(error, CGW_ERROR(QuotaExceeded), "the client came by more than %d proxies", PROXIES_MAX);
        r = identify_client(via, socket, identity, &caller, error);
        if (r < 0)
                return r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
                caller_free(caller);
                return -errno;
        }
        ours = fds[0];
        theirs = fds[1];
        r = serve(via->server, &ours, caller, NULL, caller->charge, via);
        if (r == -EDQUOT)
                return refuse(error, CGW_ERROR(QuotaExceeded), "the client's user has as many connections as it may");
        if (r >= 0)
                *ret_connection = TAKE_FD(theirs);
        return r;
}

static int enable_listeners(Server *s, int enabled) {
        int r = 0;

        for (size_t i = 0; i < LISTENERS_MAX; i++)
                if (s->listeners[i].source && r >= 0)
                        r = sd_event_source_set_enabled(s->listeners[i].source, enabled);
        return r;
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata) {
        return enable_listeners(userdata, SD_EVENT_ON);
}

/* Out of descriptors, or of memory: they wait in the queue, and would wake us again at once. */
static void pause_accepting(Server *s, int err) {
        if (sd_event_source_set_time(s->pause, deadline_in(PAUSE_USEC)) < 0 ||
            sd_event_source_set_enabled(s->pause, SD_EVENT_ONESHOT) < 0 || enable_listeners(s, SD_EVENT_OFF) < 0)
                return;
        if (!s->told)
                log_full(LOG_WARNING, err, NULL, "cannot accept clients, trying again every %d ms", PAUSE_USEC / 1000);
        s->told = true;
}

static int on_listen(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata) {
        Server *s = userdata;
        bool more = true;

        for (unsigned i = 0, served = 0; more && i < TURN_AWAY_BURST && served < ACCEPT_BURST; i++) {
                int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                more = fd >= 0;
                if (more) {
                        s->told = false;
                        served += accept_peer(s, fd);
                } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
                        pause_accepting(s, errno);
                }
        }

        /* A login is a new connection of root's: it does not wait behind what users ask for. In a flood of connections,
         * though, nobody else would be served at all. */
        (void) sd_event_source_set_priority(source, more ? SD_EVENT_PRIORITY_NORMAL : SD_EVENT_PRIORITY_IMPORTANT);
        return 0;
}

static void free_connection(gpointer p) {
        connection_free(p);
}

/*
 * libdbus and GDBus send their first message right behind BEGIN. sd-bus (252 to 258, bus_socket_read_auth()) takes it out of the
 * socket together with that, and looks at it only when something more comes in: it has to be asked to. It may be many messages, so it is
 * one in each turn, and root's before those of others.
 */
static Connection *find_started(const Server *s) {
        Connection *found = NULL;
        GHashTableIter i;
        gpointer p;

        g_hash_table_iter_init(&i, s->starting);
        while (g_hash_table_iter_next(&i, &p, NULL)) {
                Connection *c = p;
                int r = sd_bus_is_ready(c->bus);

                if (r < 0)
                        g_hash_table_iter_remove(&i);
                else if (r > 0 && (!found || (c->caller && c->caller->privileged)))
                        found = c;
        }
        return found;
}

static int on_first_message(sd_event_source *source, void *userdata) {
        Connection *c = find_started(userdata);
        sd_bus *bus;

        if (!c)
                return 0;
        bus = sd_bus_ref(c->bus);
        g_hash_table_remove(c->server->starting, c);
        /* By it c may be gone: then it is not in peers. */
        if (sd_bus_process(bus, NULL) > 0 && g_hash_table_contains(((Server *) userdata)->peers, c))
                g_hash_table_add(((Server *) userdata)->starting, c);
        sd_bus_unref(bus);
        return 0;
}

static int on_turn_over(sd_event_source *source, void *userdata) {
        Server *s = userdata;
        const Connection *c;

        end_all(s, s->ended);
        c = g_hash_table_size(s->starting) > 0 ? find_started(s) : NULL;
        receive_settle();
        watcher_settle(s->manager->watcher);
        if (!c)
                return 0;
        (void) sd_event_source_set_priority(s->first, c->caller && c->caller->privileged ? SD_EVENT_PRIORITY_IMPORTANT
                                                                                         : SD_EVENT_PRIORITY_NORMAL);
        return sd_event_source_set_enabled(s->first, SD_EVENT_ONESHOT);
}

static int add_listener(Server *s, Listener *l) {
        int r;

        if (l->fd < 0)
                return 0;
        r = sd_event_add_io(s->manager->event, &l->source, l->fd, EPOLLIN, on_listen, s);
        /* A login is a new connection of root's: it and root's requests do not wait behind what users ask for. */
        return r < 0 ? r : sd_event_source_set_priority(l->source, SD_EVENT_PRIORITY_IMPORTANT);
}

int server_new(Manager *m, const int listen_fds[LISTENERS_MAX], bool system_bus, Server **ret) {
        Server *s = g_new0(Server, 1);
        int r;

        s->manager = m;
        for (size_t i = 0; i < LISTENERS_MAX; i++)
                s->listeners[i].fd = listen_fds[i];
        s->peers = g_hash_table_new_full(NULL, NULL, free_connection, NULL);
        s->starting = g_hash_table_new(NULL, NULL);
        s->ended = g_hash_table_new(NULL, NULL);
        m->server = s;

        r = sd_id128_randomize(&s->id);
        if (r >= 0)
                r = sd_event_add_post(m->event, &s->settle, on_turn_over, s);
        if (r >= 0)
                r = sd_event_add_defer(m->event, &s->first, on_first_message, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->first, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(m->event, &s->pause, CLOCK_MONOTONIC, 0, 0, on_pause_over, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->pause, SD_EVENT_OFF);
        for (size_t i = 0; r >= 0 && i < LISTENERS_MAX; i++)
                r = add_listener(s, s->listeners + i);
        if (r >= 0 && system_bus) {
                s->system = g_new0(Connection, 1);
                s->system->server = s;
                s->system->manager = m;
                s->system->system = true;
                r = system_bus_open(s->system);
        }
        if (r < 0) {
                server_free(s);
                return r;
        }

        *ret = s;
        return 0;
}

Server *server_free(Server *s) {
        if (!s)
                return NULL;

        s->manager->server = NULL;
        for (size_t i = 0; i < LISTENERS_MAX; i++) {
                sd_event_source_unref(s->listeners[i].source);
                safe_close(s->listeners[i].fd);
        }
        sd_event_source_unref(s->first);
        sd_event_source_unref(s->settle);
        sd_event_source_unref(s->pause);
        end_all(s, s->peers);
        g_hash_table_unref(s->peers);
        connection_free(s->system);
        g_hash_table_unref(s->starting);
        g_hash_table_unref(s->ended);
        g_free(s);
        return NULL;
}
