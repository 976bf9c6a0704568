/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <glib.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "build-config.h"
#include "common/log.h"
#include "dbus/listen.h"
#include "dbus/log-journal.h"
#include "dbus/names.h"
#include "proxy/bus.h"
#include "proxy/clients.h"

typedef struct Options {
        char *upstream, *socket, *cgmanager_socket;
        gboolean bus, debug, version, syslog;
} Options;

typedef struct Proxy {
        Upstream *upstream;
        Clients *clients, *old_clients;
        Bus *bus;
} Proxy;

static bool parse_options(int *argc, char ***argv, Options *o) {
        const GOptionEntry entries[] = {
                { "upstream", 'u', 0, G_OPTION_ARG_FILENAME, &o->upstream,
                  "The daemon's folder or socket (default: " CGW_UPSTREAM_DIRECTORY ")", "PATH" },
                { "socket", 0, 0, G_OPTION_ARG_FILENAME, &o->socket, "Listen here (default: " CGW_SOCKET_PATH ")", "PATH" },
                { "cgmanager-socket", 0, 0, G_OPTION_ARG_FILENAME, &o->cgmanager_socket,
                  "Listen here, too, for clients of cgmanager", "PATH" },
                { "bus", 'b', 0, G_OPTION_ARG_NONE, &o->bus, "Own " CGW_BUS_NAME " on the system bus, too", NULL },
                { "syslog", 0, 0, G_OPTION_ARG_NONE, &o->syslog, "Log to syslog, not to standard error", NULL },
                { "debug", 'd', 0, G_OPTION_ARG_NONE, &o->debug, "Log more", NULL },
                { "version", 0, 0, G_OPTION_ARG_NONE, &o->version, "Show the version and exit", NULL },
                {},
        };
        GOptionContext *context = g_option_context_new(NULL);
        g_autoptr(GError) error = NULL;
        bool ok;

        g_option_context_set_summary(context, "Offers a host's cgwardend in a container, see cgwarden-proxy(8).");
        g_option_context_add_main_entries(context, entries, NULL);
        ok = g_option_context_parse(context, argc, argv, &error);
        g_option_context_free(context);

        if (ok && *argc > 1) {
                (void) fprintf(stderr, "cgwarden-proxy: unexpected argument \"%s\"\n", (*argv)[1]);
                return false;
        }
        if (!ok)
                (void) fprintf(stderr, "cgwarden-proxy: %s\n", error->message);
        return ok;
}

static void options_done(Options *o) {
        g_free(o->upstream);
        g_free(o->socket);
        g_free(o->cgmanager_socket);
}

static void on_state(void *userdata) {
        Proxy *p = userdata;

        if (p->clients)
                clients_update(p->clients);
        if (p->old_clients)
                clients_update(p->old_clients);
        if (p->bus)
                bus_update(p->bus);
        (void) sd_notifyf(0, "STATUS=%s", upstream_is_ready(p->upstream) ? "Serving" : "Waiting for the daemon above");
}

static void on_signal(sd_bus_message *message, void *userdata) {
        Proxy *p = userdata;

        if (p->bus)
                bus_emit(p->bus, message);
}

static int on_exit_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(s), 0);
}

static int setup_event(sd_event **ret) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        sigset_t mask;
        int r;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        (void) signal(SIGPIPE, SIG_IGN);

        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, on_exit_signal, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, on_exit_signal, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(event);
        return 0;
}

static char *socket_of(const char *upstream) {
        struct stat st;

        /* A folder, there or not: it is what gets mounted into a container, and the socket in it may be replaced. */
        if (stat(upstream, &st) >= 0 && S_ISSOCK(st.st_mode))
                return g_strdup(upstream);
        return g_build_filename(upstream, "socket", NULL);
}

static int open_sockets(const Options *o, int *ret_fd, int *ret_old_fd) {
        _cleanup_close_ int fd = listen_open(o->socket ? o->socket : CGW_SOCKET_PATH);
        int old_fd = -EBADF;

        if (fd < 0)
                return fd;
        if (o->cgmanager_socket) {
                old_fd = listen_at(o->cgmanager_socket, LOG_ERR);
                if (old_fd < 0)
                        return old_fd;
        }
        *ret_fd = TAKE_FD(fd);
        *ret_old_fd = old_fd;
        return 0;
}

/* Takes the sockets as it needs them. What comes in at either is served alike: each connection has the old interface, too. */
static int start(Proxy *p, sd_event *event, const Options *o, int *fd, int *old_fd) {
        static const UpstreamHandlers quiet = { .state = on_state }, with_signals = { .state = on_state, .signal = on_signal };
        g_autofree char *path = socket_of(o->upstream ? o->upstream : CGW_UPSTREAM_DIRECTORY);
        int r;

        r = upstream_new(event, path, o->bus ? &with_signals : &quiet, p, &p->upstream);
        if (r >= 0)
                r = clients_new(event, TAKE_FD(*fd), p->upstream, &p->clients);
        if (r >= 0 && *old_fd >= 0)
                r = clients_new(event, TAKE_FD(*old_fd), p->upstream, &p->old_clients);
        return r < 0 || !o->bus ? r : bus_new(event, p->upstream, &p->bus);
}

static int run(const Options *o) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_close_ int fd = -EBADF, old_fd = -EBADF;
        Proxy p = {};
        int r;

        r = setup_event(&event);
        if (r < 0) {
                log_full(LOG_ERR, r, NULL, "cannot set up the event loop");
                return r;
        }
        r = open_sockets(o, &fd, &old_fd);
        if (r < 0)
                return r;

        r = start(&p, event, o, &fd, &old_fd);
        if (r >= 0) {
                (void) sd_notify(0, "READY=1");
                r = sd_event_loop(event);
                (void) sd_notify(0, "STOPPING=1");
        }
        if (r < 0)
                log_full(LOG_ERR, r, NULL, "cannot go on");

        p.bus = bus_free(p.bus);
        p.old_clients = clients_free(p.old_clients);
        p.clients = clients_free(p.clients);
        p.upstream = upstream_free(p.upstream);
        return r;
}

/* Each client takes two, and what it sends is here for a moment. */
static void raise_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char *argv[]) {
        _cleanup_(options_done) Options o = {};

        (void) setlocale(LC_ALL, "");
        if (!parse_options(&argc, &argv, &o))
                return 2;
        if (o.version) {
                (void) puts("cgwarden-proxy " CGW_VERSION);
                return 0;
        }
        log_open("cgwarden-proxy", o.debug, o.syslog);
        (void) umask(022);
        raise_limit();
        if (chdir("/") < 0)
                log_full(LOG_WARNING, errno, "/", "cannot make it the working directory");
        return run(&o) < 0 ? 1 : 0;
}
