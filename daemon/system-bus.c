/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.cgwarden1 on the system bus. The bus may come later than we do, and may be restarted: sd-bus watches for the
 * socket, and a lost connection is opened again.
 */

#include <fcntl.h>

#include "common/log.h"
#include "daemon/error.h"
#include "daemon/server.h"

#define RETRY_USEC (1000 * 1000)
/* The broker answers for what it knows itself; should it hang, we do not hang with it. */
#define BROKER_TIMEOUT_USEC (1000 * 1000)
#define CALLERS_MAX 4096

static const char *bus_address(void) {
        const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");

        return address ? address : "unix:path=/run/dbus/system_bus_socket";
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Connection *c = userdata;
        int r = system_bus_open(c);

        if (r < 0)
                log_full(LOG_WARNING, r, NULL, "cannot connect to the system bus");
        sd_event_source_unref(source);
        return 0;
}

static void retry_later(Connection *c) {
        sd_event_source *source;
        uint64_t now;

        if (sd_event_now(c->manager->event, CLOCK_MONOTONIC, &now) >= 0)
                (void) sd_event_add_time(c->manager->event, &source, CLOCK_MONOTONIC, now + RETRY_USEC, 0, on_retry, c);
}

static int on_system_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *c = userdata;

        if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected")) {
                log_notice("the system bus has gone");
                g_hash_table_remove_all(c->callers);
                sd_bus_detach_event(c->bus);
                sd_bus_close(c->bus);
                c->bus = sd_bus_unref(c->bus);
                retry_later(c);
                return 1;
        }
        return connection_on_introspect(message, c);
}

/* The sender of former messages has left the bus. */
static int on_name_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *c = userdata;
        const char *name, *old, *new;

        if (sd_bus_message_read(message, "sss", &name, &old, &new) >= 0 && *name == ':' && !*new)
                g_hash_table_remove(c->callers, name);
        return 0;
}

static int on_name_requested(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(message);

        if (e)
                log_error("cannot own %s on the system bus: %s", CGW_BUS_NAME, e->message);
        return 0;
}

static void free_caller(gpointer p) {
        caller_free(p);
}

int system_bus_open(Connection *c) {
        int r;

        if (!c->callers)
                c->callers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_caller);

        r = sd_bus_new(&c->bus);
        if (r >= 0)
                r = sd_bus_set_address(c->bus, bus_address());
        if (r >= 0)
                r = sd_bus_set_bus_client(c->bus, true);
        if (r >= 0)
                r = sd_bus_set_watch_bind(c->bus, true);
        if (r >= 0)
                r = sd_bus_negotiate_fds(c->bus, true);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(c->bus, BROKER_TIMEOUT_USEC);
        if (r >= 0)
                r = sd_bus_add_filter(c->bus, NULL, on_system_message, c);
        if (r >= 0)
                r = connection_add_objects(c);
        if (r >= 0)
                r = sd_bus_start(c->bus);
        if (r >= 0)
                r = sd_bus_match_signal_async(c->bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                              "org.freedesktop.DBus", "NameOwnerChanged", on_name_owner_changed, NULL, c);
        if (r >= 0)
                r = sd_bus_request_name_async(c->bus, NULL, CGW_BUS_NAME, 0, on_name_requested, c);
        if (r >= 0)
                r = sd_bus_attach_event(c->bus, c->manager->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                c->bus = sd_bus_unref(c->bus);
        return r;
}

typedef struct Sender {
        uint32_t pid, uid;
        int pidfd; /* borrowed from the reply */
} Sender;

static int read_credential(sd_bus_message *reply, const char *key, Sender *sender) {
        if (streq(key, "ProcessID"))
                return sd_bus_message_read(reply, "v", "u", &sender->pid);
        if (streq(key, "UnixUserID"))
                return sd_bus_message_read(reply, "v", "u", &sender->uid);
        if (streq(key, "ProcessFD"))
                return sd_bus_message_read(reply, "v", "h", &sender->pidfd);
        return sd_bus_message_skip(reply, "v");
}

static int read_credentials(sd_bus_message *reply, Sender *sender) {
        int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(reply, "s", &key);
                if (r >= 0)
                        r = read_credential(reply, key, sender);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r;
}

static int make_caller(Connection *c, const Sender *sender, Caller **ret, const char **ret_reason) {
        PidRef process = PIDREF_NULL;
        ProcessStatus status;
        int r;

        /* ProcessFD is in dbus 1.15.8 and dbus-broker 36; before that the number has to do, and caller_new() refuses one
         * whose ids have nothing of the sender's. */
        *ret_reason = "the calling process is gone";
        r = sender->pidfd >= 0 ? pidref_from_fd(sender->pidfd, &process) : pidref_from_pid((pid_t) sender->pid, &process);
        if (r >= 0)
                r = process_read_status(&process, &status);
        if (r < 0) {
                pidref_done(&process);
                return r;
        }
        return caller_new(&c->manager->host, &process, sender->uid, status.egid, NULL, ret, ret_reason);
}

int system_bus_find_caller(Connection *c, const char *name, Caller **ret, sd_bus_error *error) {
        sd_bus_message *reply = NULL;
        Sender sender = { .pid = 0, .uid = (uint32_t) -1, .pidfd = -EBADF };
        const char *reason = "the bus does not know its credentials";
        Caller *caller;
        int r;

        caller = name ? g_hash_table_lookup(c->callers, name) : NULL;
        if (caller) {
                *ret = caller;
                return 0;
        }

        r = !name ? -EINVAL
                  : sd_bus_call_method(c->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                       "GetConnectionCredentials", NULL, &reply, "s", name);
        if (r >= 0)
                r = read_credentials(reply, &sender);
        if (r >= 0 && (sender.pid == 0 || sender.uid == (uint32_t) -1))
                r = -ENODATA;
        if (r >= 0)
                r = make_caller(c, &sender, &caller, &reason);
        sd_bus_message_unref(reply);
        if (r < 0)
                return refuse(error, CGW_ERROR(AccessDenied), "the caller is refused: %s", reason);

        /* Kept until it leaves the bus; a crowd of them is asked for again rather than held. */
        if (g_hash_table_size(c->callers) >= CALLERS_MAX)
                g_hash_table_remove_all(c->callers);
        g_hash_table_insert(c->callers, g_strdup(name), caller);
        *ret = caller;
        return 0;
}
