/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sessions' methods of org.cgwarden1.Manager, and org.cgwarden1.Session. */

#include "daemon/manager-bus.h"
#include "daemon/server.h"
#include "daemon/session.h"

#define VALUES_MAX 256

static int read_values(sd_bus_message *message, SessionOptions *o, sd_bus_error *error) {
        int k = sd_bus_message_enter_container(message, 'v', "a(sss)");
        SessionValue v;

        if (k >= 0)
                k = sd_bus_message_enter_container(message, 'a', "(sss)");
        while (k >= 0 && (k = sd_bus_message_read(message, "(sss)", &v.controller, &v.key, &v.value)) > 0) {
                if (o->values->len >= VALUES_MAX)
                        return refuse(error, CGW_ERROR(InvalidValue), "Values: more than %d", VALUES_MAX);
                g_array_append_val(o->values, v);
        }
        if (k >= 0)
                k = sd_bus_message_exit_container(message);
        return k < 0 ? k : sd_bus_message_exit_container(message);
}

static int read_option(sd_bus_message *message, SessionOptions *o, const char *name, sd_bus_error *error) {
        int k, flag;

        if (streq(name, "Controllers"))
                k = sd_bus_message_read(message, "v", "s", &o->controllers);
        else if (streq(name, "Pattern"))
                k = sd_bus_message_read(message, "v", "s", &o->pattern);
        else if (streq(name, "Group"))
                k = sd_bus_message_read(message, "v", "s", &o->group);
        else if (streq(name, "MaxIndex"))
                k = sd_bus_message_read(message, "v", "u", &o->max_index);
        else if (streq(name, "PruneDepth"))
                k = sd_bus_message_read(message, "v", "u", &o->prune_depth);
        else if (streq(name, "Values"))
                k = read_values(message, o, error);
        else if (streq(name, "NoIndexSuffix")) {
                k = sd_bus_message_read(message, "v", "b", &flag);
                o->no_index_suffix = k >= 0 && flag;
        } else
                return refuse(error, CGW_ERROR(InvalidValue), "OpenSession has no option \"%s\"", name);
        return k < 0 ? call_refuse_option("OpenSession", name, k, error) : k;
}

static int read_options(sd_bus_message *message, SessionOptions *o, sd_bus_error *error) {
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

/* A name goes into a record of lines and onto D-Bus. */
static int check_user(const char *user, sd_bus_error *error) {
        if (!*user || strlen(user) > 255 || strpbrk(user, "\n\r"))
                return refuse(error, CGW_ERROR(InvalidValue), "the user's name is empty, too long or has a line break");
        return 0;
}

int method_open_session(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(SessionValue));
        SessionOptions o = { .controllers = "all", .pattern = "user/%u/", .prune_depth = UINT32_MAX, .values = values };
        _cleanup_(pidref_done) PidRef leader = PIDREF_NULL;
        g_autofree char *path = NULL;
        Manager *m;
        Caller *caller;
        Session *s;
        int k, fd;

        k = call_get_caller(message, userdata, &m, &caller, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "suuh", &o.user, &o.shown_uid, &o.shown_gid, &fd);
        if (k >= 0)
                k = check_user(o.user, error);
        if (k >= 0)
                k = call_get_pidfd(fd, &leader, error);
        if (k >= 0)
                k = read_options(message, &o, error);
        if (k < 0)
                return k;

        if (!caller_uid_from(caller, o.shown_uid, &o.uid) || !caller_gid_from(caller, o.shown_gid, &o.gid))
                return refuse(error, CGW_ERROR(InvalidValue), "uid %u or gid %u is not mapped in the caller's user namespace",
                              o.shown_uid, o.shown_gid);
        o.leader = leader;
        k = session_open(m, caller, &o, &s, error);
        if (k < 0)
                return k;

        path = session_shown_path(m, s, NULL, caller);
        return sd_bus_reply_method_return(message, "ss", s->id, path);
}

int method_close_session(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m;
        Caller *caller;
        const char *id;
        Session *s;
        int k;

        k = call_get_caller(message, userdata, &m, &caller, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "s", &id);
        if (k < 0)
                return k;

        s = session_find(m, caller, id);
        if (!s)
                return refuse(error, CGW_ERROR(NoSuchSession), "there is no session \"%s\"", id);
        k = session_authorize_close(s, caller, error);
        if (k < 0)
                return k;
        session_close(m, s);
        return sd_bus_reply_method_return(message, NULL);
}

typedef struct ListReply {
        sd_bus_message *message;
        const Manager *manager;
        const Caller *caller;
        size_t size;
} ListReply;

static uint32_t shown_leader(const Session *s, const Caller *caller) {
        return s->leader > 0 ? caller_pid_to(caller, s->leader) : 0;
}

static int append_session(void *userdata, Session *s) {
        ListReply *reply = userdata;
        g_autofree char *path = NULL;

        if (!session_is_visible(s, reply->caller))
                return 0;
        path = session_shown_path(reply->manager, s, NULL, reply->caller);
        reply->size += strlen(path) + strlen(s->group->user) + 48;
        return sd_bus_message_append(reply->message, "(susus)", s->id, caller_uid_to(reply->caller, s->group->uid),
                                     s->group->user, shown_leader(s, reply->caller), path);
}

int method_list_sessions(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ListReply list;
        Manager *m;
        Caller *caller;
        int k;

        k = call_get_caller(message, userdata, &m, &caller, error);
        if (k >= 0)
                k = sd_bus_message_new_method_return(message, &reply);
        if (k >= 0)
                k = sd_bus_message_open_container(reply, 'a', "(susus)");
        list = (ListReply) { reply, m, caller, 0 };
        if (k >= 0)
                k = session_for_each(m, append_session, &list);
        if (k >= 0)
                k = sd_bus_message_close_container(reply);
        return k < 0 ? k : connection_reply(userdata, reply, list.size);
}

/* The vtable of an object gets the Connection; which session it is, its path says. */
static int find_session(sd_bus *bus, const char *path, Connection *c, Session **ret_session, Caller **ret_caller, sd_bus_error *error) {
        sd_bus_message *message = sd_bus_get_current_message(bus);
        _cleanup_free_ char *id = NULL;
        Caller *caller;
        Session *s;
        int k;

        k = connection_get_caller(c, message, &caller, error);
        if (k >= 0)
                k = sd_bus_path_decode(path, CGW_SESSION_PATH_PREFIX, &id);
        if (k < 0)
                return k;

        s = k > 0 ? session_find(c->manager, caller, id) : NULL;
        if (!s)
                return refuse(error, CGW_ERROR(NoSuchSession), "there is no such session");
        *ret_session = s;
        *ret_caller = caller;
        return 0;
}

static int method_close(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *c = userdata;
        Session *s;
        Caller *caller;
        int k;

        k = find_session(sd_bus_message_get_bus(message), sd_bus_message_get_path(message), c, &s, &caller, error);
        if (k >= 0)
                k = session_authorize_close(s, caller, error);
        if (k < 0)
                return k;
        session_close(c->manager, s);
        return sd_bus_reply_method_return(message, NULL);
}

static int append_hierarchies(sd_bus_message *reply, const Manager *m, const Session *s) {
        int k = sd_bus_message_open_container(reply, 'a', "s");

        LAYOUT_FOR_EACH(h, m->layout, s->hierarchies)
                if (k >= 0)
                        k = sd_bus_message_append(reply, "s", h->name);
        return k < 0 ? k : sd_bus_message_close_container(reply);
}

static int property_get(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *userdata, sd_bus_error *error) {
        Connection *c = userdata;
        g_autofree char *shown = NULL;
        Session *s;
        Caller *caller;
        int k;

        k = find_session(bus, path, c, &s, &caller, error);
        if (k < 0)
                return k;

        if (streq(property, "Id"))
                return sd_bus_message_append(reply, "s", s->id);
        if (streq(property, "User"))
                return sd_bus_message_append(reply, "s", s->group->user);
        if (streq(property, "Uid"))
                return sd_bus_message_append(reply, "u", caller_uid_to(caller, s->group->uid));
        if (streq(property, "Leader"))
                return sd_bus_message_append(reply, "u", shown_leader(s, caller));
        if (streq(property, "State"))
                return sd_bus_message_append(reply, "s", s->closing ? "closing" : "open");
        if (streq(property, "Hierarchies"))
                return append_hierarchies(reply, c->manager, s);
        shown = session_shown_path(c->manager, s, NULL, caller);
        return sd_bus_message_append(reply, "s", shown);
}

int session_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found, sd_bus_error *error) {
        Connection *c = userdata;
        sd_bus_error ignored = SD_BUS_ERROR_NULL;
        Session *s;
        Caller *caller;
        int k;

        /* An object that the caller may not see is not there. */
        k = find_session(bus, path, c, &s, &caller, &ignored);
        sd_bus_error_free(&ignored);
        if (k < 0)
                return 0;
        *ret_found = c;
        return 1;
}

typedef struct Nodes {
        GPtrArray *paths;
        const Caller *caller;
} Nodes;

static int append_node(void *userdata, Session *s) {
        Nodes *nodes = userdata;
        char *path;

        if (session_is_visible(s, nodes->caller) && sd_bus_path_encode(CGW_SESSION_PATH_PREFIX, s->id, &path) >= 0)
                g_ptr_array_add(nodes->paths, path);
        return 0;
}

int session_object_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
        Connection *c = userdata;
        Nodes nodes = { .paths = NULL };
        Caller *caller;
        int k;

        k = connection_get_caller(c, sd_bus_get_current_message(bus), &caller, error);
        if (k < 0)
                return k;

        nodes = (Nodes) { .paths = g_ptr_array_new(), .caller = caller };
        (void) session_for_each(c->manager, append_node, &nodes);
        g_ptr_array_add(nodes.paths, NULL);
        *ret_nodes = (char **) g_ptr_array_free(nodes.paths, FALSE); /* sd-bus frees it: glib's memory is malloc()'s */
        return 0;
}

#define PROPERTY(name, type, flags) SD_BUS_PROPERTY(name, type, property_get, 0, flags)

const sd_bus_vtable session_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Close", "", "", method_close, SD_BUS_VTABLE_UNPRIVILEGED),
        PROPERTY("Id", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("User", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Uid", "u", SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Leader", "u", 0),
        PROPERTY("Path", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Hierarchies", "as", SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("State", "s", 0),
        SD_BUS_VTABLE_END,
};
