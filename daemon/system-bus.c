/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Callers on the system bus: who they are, the bus says. */

#include "common/log.h"
#include "daemon/error.h"
#include "daemon/server.h"
#include "daemon/user-scope.h"
#include "dbus/sender.h"

#define CALLERS_MAX 4096

static void free_caller(gpointer p) {
        caller_free(p);
}

static int on_opened(sd_bus *bus, void *userdata) {
        Connection *c = userdata;

        c->bus = sd_bus_ref(bus);
        return connection_add_objects(c);
}

static int on_message(sd_bus_message *message, void *userdata) {
        return connection_on_introspect(message, userdata);
}

static void on_left(const char *sender, void *userdata) {
        Connection *c = userdata;

        g_hash_table_remove(c->callers, sender);
}

static void on_lost(void *userdata) {
        Connection *c = userdata;

        /* Names of the next bus may be those of others. */
        user_scopes_forget(c->manager->user_scopes, c);
        g_hash_table_remove_all(c->callers);
        c->bus = sd_bus_unref(c->bus);
}

int system_bus_open(Connection *c) {
        static const ServiceHandlers handlers = { .opened = on_opened, .message = on_message, .left = on_left, .lost = on_lost };

        c->callers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_caller);
        return service_new(c->manager->event, &handlers, c, &c->service);
}

static int make_caller(Connection *c, const Sender *sender, Caller **ret, const char **ret_reason) {
        PidRef process = PIDREF_NULL;
        ProcessStatus status;
        int r;

        /* Where there is no pidfd the number has to do, and caller_new() refuses one whose ids have nothing of the sender's. */
        *ret_reason = "the calling process is gone";
        r = sender_open(sender, &process);
        if (r >= 0)
                r = process_read_status(&process, &status);
        if (r < 0) {
                pidref_done(&process);
                return r;
        }
        return caller_new(&c->manager->host, &process, false, sender->uid, status.egid, NULL, ret, ret_reason);
}

int system_bus_find_caller(Connection *c, const char *name, Caller **ret, sd_bus_error *error) {
        sd_bus_message *reply = NULL;
        Sender sender;
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
                r = sender_read(reply, &sender);
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
