/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <glib.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "build-config.h"
#include "common/log.h"
#include "daemon/server.h"
#include "dbus/listen.h"
#include "dbus/log-journal.h"
#include "dbus/names.h"

typedef struct Options {
        char *config, *root, *socket;
        gboolean check, no_bus, debug, version, syslog;
} Options;

static bool parse_options(int *argc, char ***argv, Options *o) {
        const GOptionEntry entries[] = {
                { "config", 'c', 0, G_OPTION_ARG_FILENAME, &o->config, "Read this configuration file only", "FILE" },
                { "root", 0, 0, G_OPTION_ARG_FILENAME, &o->root, "Look for configuration files below this folder", "DIR" },
                { "check-config", 0, 0, G_OPTION_ARG_NONE, &o->check, "Check the configuration and exit", NULL },
                { "socket", 0, 0, G_OPTION_ARG_FILENAME, &o->socket, "Listen here (default: " CGW_SOCKET_PATH ")", "PATH" },
                { "no-bus", 0, 0, G_OPTION_ARG_NONE, &o->no_bus, "Do not use the system bus", NULL },
                { "syslog", 0, 0, G_OPTION_ARG_NONE, &o->syslog, "Log to syslog, not to standard error", NULL },
                { "debug", 'd', 0, G_OPTION_ARG_NONE, &o->debug, "Log more", NULL },
                { "version", 0, 0, G_OPTION_ARG_NONE, &o->version, "Show the version and exit", NULL },
                {},
        };
        GOptionContext *context = g_option_context_new(NULL);
        g_autoptr(GError) error = NULL;
        bool ok;

        g_option_context_set_summary(context, "Hands pieces of the cgroup hierarchies to users and containers, see cgwardend(8).");
        g_option_context_add_main_entries(context, entries, NULL);
        ok = g_option_context_parse(context, argc, argv, &error);
        g_option_context_free(context);

        if (ok && *argc > 1) {
                (void) fprintf(stderr, "cgwardend: unexpected argument \"%s\"\n", (*argv)[1]);
                return false;
        }
        if (!ok)
                (void) fprintf(stderr, "cgwardend: %s\n", error->message);
        return ok;
}

typedef struct Daemon {
        const Options *options;
        Manager *manager;
} Daemon;

static int on_exit_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(s), 0);
}

/* It ends a system call that takes too long, see file_write_within(). */
static void on_alarm(int number) {
}

static int on_reload_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Daemon *d = userdata;
        g_autoptr(GError) error = NULL;
        struct timespec now;
        Config *config;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
                          (gint64) now.tv_sec * 1000000 + now.tv_nsec / 1000);

        config = config_load(d->options->root, d->options->config, &error);
        if (config) {
                manager_reload(d->manager, config);
                log_info("configuration reloaded");
        } else {
                log_error("the configuration is kept as it was: %s", error->message);
        }

        (void) sd_notify(0, "READY=1");
        return 0;
}

/* Each live session costs a descriptor. */
static void raise_descriptor_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) >= 0) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
}

static int setup_event(sd_event **ret, Daemon *d) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        sigset_t mask;
        int r;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigaction(SIGALRM, &(struct sigaction) { .sa_handler = on_alarm }, NULL); /* without SA_RESTART */

        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, on_exit_signal, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, on_exit_signal, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGHUP, on_reload_signal, d);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(event);
        return 0;
}

/* Returns 0 and a socket or none. */
static int listen_for_cgmanager(const Config *config, int *ret) {
        int level = config->cgmanager == LEGACY_YES ? LOG_ERR : LOG_WARNING;

        *ret = -EBADF;
        if (config->cgmanager == LEGACY_NO)
                return 0;
        for (char **path = config->cgmanager_sockets; *path; path++) {
                if (!**path)
                        continue;
                /* That /sys/fs/cgroup is read-only or a cgroup itself is as usual as it is not. */
                *ret = listen_at(*path, path[1] ? LOG_DEBUG : level);
                if (*ret >= 0) {
                        log_info("cgmanager's clients are served at %s", *path);
                        return 0;
                }
        }
        return config->cgmanager == LEGACY_YES ? *ret : 0;
}

static int run(const Options *options, Config *config) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Daemon d = { .options = options };
        int r, fds[LISTENERS_MAX] = { -EBADF, -EBADF };
        Server *server = NULL;

        r = setup_event(&event, &d);
        if (r < 0) {
                log_full(LOG_ERR, r, NULL, "cannot set up the event loop");
                config_free(config);
                return r;
        }

        fds[0] = listen_open(options->socket ? options->socket : CGW_SOCKET_PATH);
        r = fds[0] < 0 ? fds[0] : listen_for_cgmanager(config, &fds[1]);
        if (r < 0) {
                safe_close(fds[0]);
                config_free(config);
                return r;
        }

        r = manager_new(event, config, &d.manager);
        if (r < 0) {
                log_full(LOG_ERR, r, NULL, "cannot read the cgroup hierarchies");
                config_free(config);
                safe_close(fds[0]);
                safe_close(fds[1]);
                return r;
        }

        r = server_new(d.manager, fds, !options->no_bus, &server);
        if (r >= 0) {
                (void) sd_notify(0, "READY=1\nSTATUS=Serving");
                r = sd_event_loop(event);
                (void) sd_notify(0, "STOPPING=1");
        }
        if (r < 0)
                log_full(LOG_ERR, r, NULL, "cannot go on");

        server_free(server);
        manager_free(d.manager);
        return r;
}

static void options_done(Options *o) {
        g_free(o->config);
        g_free(o->root);
        g_free(o->socket);
}

int main(int argc, char *argv[]) {
        _cleanup_(options_done) Options o = {};
        g_autoptr(GError) error = NULL;
        Config *config;

        (void) setlocale(LC_ALL, "");
        if (!parse_options(&argc, &argv, &o))
                return 2;
        if (o.version) {
                (void) puts("cgwardend " CGW_VERSION);
                return 0;
        }
        log_open("cgwardend", o.debug, o.syslog);

        config = config_load(o.root, o.config, &error);
        if (!config) {
                log_error("%s", error->message);
                return 1;
        }
        if (o.check) {
                config_free(config);
                return 0;
        }

        if (geteuid() != 0) {
                log_error("the daemon has to be started by root");
                config_free(config);
                return 1;
        }

        (void) umask(022);
        if (chdir("/") < 0)
                log_full(LOG_WARNING, errno, "/", "cannot make it the working directory");
        raise_descriptor_limit();
        return run(&o, config) < 0 ? 1 : 0;
}
