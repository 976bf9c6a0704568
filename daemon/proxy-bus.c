/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.cgwarden1.Proxy: decode, and have the client served. */

#include <fcntl.h>

#include "daemon/manager-bus.h"
#include "daemon/server.h"
#include "dbus/closer.h"

typedef struct ClientOptions {
        int process; /* borrowed from the message */
        uint32_t uid, gid;
        bool has_uid, has_gid;
} ClientOptions;

static int read_option(sd_bus_message *message, ClientOptions *o, const char *name, sd_bus_error *error) {
        int k;

        if (streq(name, "Process"))
                k = sd_bus_message_read(message, "v", "h", &o->process);
        else if (streq(name, "Uid")) {
                k = sd_bus_message_read(message, "v", "u", &o->uid);
                o->has_uid = true;
        } else if (streq(name, "Gid")) {
                k = sd_bus_message_read(message, "v", "u", &o->gid);
                o->has_gid = true;
        } else
                return refuse(error, CGW_ERROR(InvalidValue), "AddClient has no option \"%s\"", name);
        return k < 0 ? call_refuse_option("AddClient", name, k, error) : k;
}

static int read_options(sd_bus_message *message, ClientOptions *o, sd_bus_error *error) {
        int k = sd_bus_message_enter_container(message, 'a', "{sv}");

        while (k >= 0 && (k = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *name;

                k = sd_bus_message_read(message, "s", &name);
                if (k >= 0)
                        k = read_option(message, o, name, error);
                if (k >= 0)
                        k = sd_bus_message_exit_container(message);
        }
        return k < 0 ? k : sd_bus_message_exit_container(message);
}

/* The process that the proxy speaks for; its ids are those that it had towards the proxy, for it may have changed them. That
 * the uid is one of its own, caller_new() looks at. */
static int read_identity(const Caller *proxy, const ClientOptions *o, ClientIdentity *ret, sd_bus_error *error) {
        ProcessStatus status;
        int k = call_get_pidfd(o->process, &ret->process, error);

        if (k < 0)
                return k;
        if (process_read_status(&ret->process, &status) < 0)
                return refuse(error, CGW_ERROR(NoSuchProcess), "the pidfd's process is gone");

        ret->uid = status.euid;
        ret->gid = status.egid;
        if ((o->has_uid && !caller_uid_from(proxy, o->uid, &ret->uid)) || (o->has_gid && !caller_gid_from(proxy, o->gid, &ret->gid)))
                return refuse(error, CGW_ERROR(InvalidValue), "uid %u or gid %u is not mapped in the caller's user namespace",
                              o->uid, o->gid);
        if (ret->gid != status.rgid && ret->gid != status.egid && ret->gid != status.sgid)
                return refuse(error, CGW_ERROR(AccessDenied), "the client is refused: gid %u is not its own", o->gid);
        return 0;
}

static int on_answered(sd_event_source *source, void *userdata) {
        close_elsewhere(GPOINTER_TO_INT(userdata));
        sd_event_source_unref(source);
        return 0;
}

/* sd-bus closes what came with the message, here: that is not the last close, which may have to wait. receive.c sees to that
 * for all but root. */
static int keep_until_answered(const Connection *c, int socket) {
        sd_event_source *source;
        int fd, r;

        if (c->received)
                return 0;
        fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
        r = fd < 0 ? -errno : sd_event_add_defer(c->manager->event, &source, on_answered, GINT_TO_POINTER(fd));
        if (r < 0)
                close_elsewhere(fd);
        return r;
}

static int method_add_client(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        ClientOptions o = { .process = -EBADF };
        ClientIdentity identity = { .process = PIDREF_NULL };
        Connection *c = userdata;
        _cleanup_close_ int connection = -EBADF;
        Caller *caller;
        int k, fd;

        k = connection_get_caller(c, message, &caller, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "h", &fd);
        if (k >= 0)
                k = keep_until_answered(c, fd);
        if (k >= 0)
                k = read_options(message, &o, error);
        if (k >= 0 && (o.has_uid || o.has_gid) && o.process < 0)
                k = refuse(error, CGW_ERROR(InvalidValue), "AddClient: Uid and Gid are those of Process, which is missing");
        if (k >= 0 && o.process >= 0)
                k = read_identity(caller, &o, &identity, error);
        if (k >= 0)
                k = connection_add_client(c, fd, o.process >= 0 ? &identity : NULL, &connection, error);
        pidref_done(&identity.process);
        return k < 0 ? k : sd_bus_reply_method_return(message, "h", connection);
}

const sd_bus_vtable proxy_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_NAMES("AddClient", "ha{sv}", SD_BUS_PARAM(socket) SD_BUS_PARAM(options), "h", SD_BUS_PARAM(connection),
                                 method_add_client,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
