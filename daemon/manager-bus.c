/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.cgwarden1.Manager: decode, resolve, call the operation, reply. manager-bus-session.c has the sessions' methods. */

#include "build-config.h"
#include "daemon/manager-bus.h"
#include "daemon/operations.h"
#include "daemon/server.h"
#include "daemon/user-scope.h"

#define PROCESSES_MAX 64
#define VALUES_MAX 256

int call_get_caller(sd_bus_message *message, void *userdata, Manager **ret_manager, Caller **ret_caller, sd_bus_error *error) {
        Connection *c = userdata;

        *ret_manager = c->manager;
        return connection_get_caller(c, message, ret_caller, error);
}

/* Reads controllers and path, with which most methods begin. */
static int begin(Request *r, sd_bus_message *message, void *userdata, RequestFlags flags, sd_bus_error *error) {
        const char *controllers, *path;
        Manager *m;
        Caller *caller;
        int k;

        k = call_get_caller(message, userdata, &m, &caller, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "ss", &controllers, &path);
        return k < 0 ? k : request_init(r, m, caller, controllers, path, flags, error);
}

static int reply_empty(sd_bus_message *message, int k) {
        return k < 0 ? k : sd_bus_reply_method_return(message, NULL);
}

static int method_create(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        bool created;
        int k;

        k = begin(&r, message, userdata, REQUEST_WRITE, error);
        if (k >= 0)
                k = operation_create(&r, &created);
        return k < 0 ? k : sd_bus_reply_method_return(message, "b", created);
}

static int method_chown(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        uint32_t shown_uid, shown_gid;
        uid_t uid;
        gid_t gid;
        int k;

        k = begin(&r, message, userdata, REQUEST_WRITE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "uu", &shown_uid, &shown_gid);
        if (k < 0)
                return k;
        if (!caller_uid_from(r.caller, shown_uid, &uid) || !caller_gid_from(r.caller, shown_gid, &gid))
                return refuse(error, CGW_ERROR(InvalidValue), "uid %u or gid %u is not mapped in the caller's user namespace",
                              shown_uid, shown_gid);
        return reply_empty(message, operation_chown(&r, uid, gid));
}

static int method_chmod(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        const char *key;
        uint32_t mode;
        int k;

        k = begin(&r, message, userdata, REQUEST_WRITE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "su", &key, &mode);
        return reply_empty(message, k < 0 ? k : operation_chmod(&r, key, mode));
}

int call_get_process(Caller *caller, uint32_t pid, PidRef *ret, sd_bus_error *error) {
        int k = caller_process_from(caller, pid, ret);

        return k < 0 ? refuse(error, CGW_ERROR(NoSuchProcess), "there is no process %u", pid) : k;
}

int call_get_pidfd(int fd, PidRef *ret, sd_bus_error *error) {
        int k = pidref_from_fd(fd, ret);

        if (k == -EBADF)
                return refuse(error, CGW_ERROR(InvalidValue), "the descriptor is no pidfd");
        return k < 0 ? refuse(error, CGW_ERROR(NoSuchProcess), "the pidfd's process is gone") : k;
}

static int method_move_pid(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(pidref_done) PidRef process = PIDREF_NULL;
        _cleanup_(request_done) Request r = {};
        uint32_t pid;
        int k;

        k = begin(&r, message, userdata, REQUEST_WRITE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "u", &pid);
        if (k >= 0)
                k = call_get_process(r.caller, pid, &process, error);
        return reply_empty(message, k < 0 ? k : operation_move(&r, &process));
}

static int method_move_pidfd(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(pidref_done) PidRef process = PIDREF_NULL;
        _cleanup_(request_done) Request r = {};
        int k, fd;

        k = begin(&r, message, userdata, REQUEST_WRITE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "h", &fd);
        if (k >= 0)
                k = call_get_pidfd(fd, &process, error);
        return reply_empty(message, k < 0 ? k : operation_move(&r, &process));
}

static int method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        int k, recursive;
        bool existed;

        k = begin(&r, message, userdata, REQUEST_WRITE, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "b", &recursive);
        if (k >= 0)
                k = operation_remove(&r, recursive, &existed);
        return k < 0 ? k : sd_bus_reply_method_return(message, "b", existed);
}

static int method_remove_on_empty(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        int k = begin(&r, message, userdata, REQUEST_WRITE | REQUEST_EXISTS, error);

        return reply_empty(message, k < 0 ? k : operation_remove_on_empty(&r));
}

static int method_prune(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        int k = begin(&r, message, userdata, REQUEST_WRITE | REQUEST_EXISTS, error);

        return reply_empty(message, k < 0 ? k : operation_prune(&r));
}

static int method_init_leaf(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        g_autofree char *leaf = NULL;
        int k = begin(&r, message, userdata, REQUEST_WRITE, error);

        if (k >= 0)
                k = operation_init_leaf(&r, &leaf);
        return k < 0 ? k : sd_bus_reply_method_return(message, "s", leaf);
}

static int method_get_value(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(request_done) Request r = {};
        _cleanup_free_ char *value = NULL;
        const char *key;
        int k;

        k = begin(&r, message, userdata, REQUEST_ONE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "s", &key);
        if (k >= 0)
                k = operation_get_value(&r, key, &value);
        if (k >= 0)
                k = sd_bus_message_new_method_return(message, &reply);
        if (k >= 0)
                k = sd_bus_message_append(reply, "s", value);
        return k < 0 ? k : connection_reply(userdata, reply, strlen(value));
}

static int method_set_value(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        const char *key, *value;
        int k;

        k = begin(&r, message, userdata, REQUEST_ONE | REQUEST_EXISTS | REQUEST_WRITE, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "ss", &key, &value);
        return reply_empty(message, k < 0 ? k : operation_set_value(&r, key, value));
}

typedef struct KeysReply {
        sd_bus_message *message;
        const Caller *caller;
        size_t size;
} KeysReply;

static int append_key(void *userdata, const char *name, uid_t uid, gid_t gid, mode_t mode) {
        KeysReply *reply = userdata;

        reply->size += strlen(name) + 24;
        return sd_bus_message_append(reply->message, "(suuu)", name, caller_uid_to(reply->caller, uid),
                                     caller_gid_to(reply->caller, gid), (uint32_t) mode);
}

static int method_list_keys(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(request_done) Request r = {};
        KeysReply keys;
        int k;

        k = begin(&r, message, userdata, REQUEST_ONE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = sd_bus_message_new_method_return(message, &reply);
        if (k >= 0)
                k = sd_bus_message_open_container(reply, 'a', "(suuu)");
        keys = (KeysReply) { reply, r.caller, 0 };
        if (k >= 0)
                k = operation_list_keys(&r, append_key, &keys);
        if (k >= 0)
                k = sd_bus_message_close_container(reply);
        return k < 0 ? k : connection_reply(userdata, reply, keys.size);
}

static int method_list_children(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(name_list_done) NameList names = {};
        _cleanup_(request_done) Request r = {};
        size_t size = 0;
        int k;

        k = begin(&r, message, userdata, REQUEST_ONE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = operation_list_children(&r, &names);
        if (k >= 0)
                k = sd_bus_message_new_method_return(message, &reply);
        if (k >= 0)
                k = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; k >= 0 && i < names.n; i++)
                if (g_utf8_validate(names.names[i], -1, NULL)) { /* what else there is can't be said on D-Bus */
                        k = sd_bus_message_append(reply, "s", names.names[i]);
                        size += strlen(names.names[i]) + 8;
                }
        if (k >= 0)
                k = sd_bus_message_close_container(reply);
        return k < 0 ? k : connection_reply(userdata, reply, size);
}

static int list_pids(sd_bus_message *message, void *userdata, bool recursive, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(request_done) Request r = {};
        PidList pids = {};
        size_t n = 0;
        int k;

        k = begin(&r, message, userdata, REQUEST_ONE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = operation_list_pids(&r, recursive, &pids);
        if (k < 0)
                return k;

        for (size_t i = 0; i < pids.n; i++) {
                uint32_t shown = caller_pid_to(r.caller, pids.pids[i]);

                if (shown > 0)
                        pids.pids[n++] = (pid_t) shown;
        }
        k = sd_bus_message_new_method_return(message, &reply);
        if (k >= 0)
                k = sd_bus_message_append_array(reply, 'u', pids.pids, n * sizeof(*pids.pids));
        pid_list_done(&pids);
        return k < 0 ? k : connection_reply(userdata, reply, n * sizeof(*pids.pids));
}

static int method_get_pids(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return list_pids(message, userdata, false, error);
}

static int method_get_pids_recursive(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return list_pids(message, userdata, true, error);
}

static int locate(sd_bus_message *message, void *userdata, bool by_fd, sd_bus_error *error) {
        _cleanup_(pidref_done) PidRef process = PIDREF_NULL;
        _cleanup_(request_done) Request r = {};
        g_autofree char *path = NULL;
        const char *controller;
        Manager *m;
        Caller *caller;
        uint32_t pid;
        int k, fd;

        k = call_get_caller(message, userdata, &m, &caller, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "s", &controller);
        if (k >= 0 && by_fd) {
                k = sd_bus_message_read(message, "h", &fd);
                k = k < 0 ? k : call_get_pidfd(fd, &process, error);
        } else if (k >= 0) {
                k = sd_bus_message_read(message, "u", &pid);
                k = k < 0 ? k : call_get_process(caller, pid, &process, error);
        }
        if (k >= 0)
                k = request_init(&r, m, caller, controller, "/", REQUEST_ONE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = operation_locate(&r, &process, &path);
        return k < 0 ? k : sd_bus_reply_method_return(message, "s", path);
}

static int method_get_pid_cgroup(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return locate(message, userdata, false, error);
}

static int method_get_pidfd_cgroup(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return locate(message, userdata, true, error);
}

static int method_open_cgroup(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        _cleanup_close_ int fd = -EBADF;
        int k;

        k = begin(&r, message, userdata, REQUEST_ONE | REQUEST_EXISTS, error);
        if (k >= 0)
                k = operation_open(&r, &fd);
        return k < 0 ? k : sd_bus_reply_method_return(message, "h", fd);
}

static void clear_pidref(gpointer p) {
        pidref_done(p);
}

static int read_processes(sd_bus_message *message, DelegateOptions *o, sd_bus_error *error) {
        int k = sd_bus_message_enter_container(message, 'v', "ah"), fd;

        if (k >= 0)
                k = sd_bus_message_enter_container(message, 'a', "h");
        while (k >= 0 && (k = sd_bus_message_read(message, "h", &fd)) > 0) {
                PidRef process = PIDREF_NULL;

                if (o->processes->len >= PROCESSES_MAX)
                        return refuse(error, CGW_ERROR(InvalidValue), "PidFds: more than %d processes", PROCESSES_MAX);
                k = call_get_pidfd(fd, &process, error);
                if (k >= 0)
                        g_array_append_val(o->processes, process);
        }
        if (k >= 0)
                k = sd_bus_message_exit_container(message);
        return k < 0 ? k : sd_bus_message_exit_container(message);
}

static int read_values(sd_bus_message *message, DelegateOptions *o, sd_bus_error *error) {
        int k = sd_bus_message_enter_container(message, 'v', "a(ss)");
        DelegateValue v;

        if (k >= 0)
                k = sd_bus_message_enter_container(message, 'a', "(ss)");
        while (k >= 0 && (k = sd_bus_message_read(message, "(ss)", &v.key, &v.value)) > 0) {
                if (o->values->len >= VALUES_MAX)
                        return refuse(error, CGW_ERROR(InvalidValue), "Values: more than %d", VALUES_MAX);
                g_array_append_val(o->values, v);
        }
        if (k >= 0)
                k = sd_bus_message_exit_container(message);
        return k < 0 ? k : sd_bus_message_exit_container(message);
}

int call_refuse_option(const char *method, const char *option, int k, sd_bus_error *error) {
        if (sd_bus_error_is_set(error))
                return k;
        if (k == -ENXIO || k == -EBADMSG)
                return refuse(error, CGW_ERROR(InvalidValue), "%s: option %s is not of its type", method, option);
        return k;
}

/* The option that wants a request to be served on one layout only. */
static int read_layout(sd_bus_message *message, const Manager *m, sd_bus_error *error) {
        const char *layout;
        int k = sd_bus_message_read(message, "v", "s", &layout);

        if (k >= 0 && !streq(layout, layout_name(m->layout)))
                return refuse(error, CGW_ERROR(NotSupported), "the layout is %s, not \"%s\"", layout_name(m->layout), layout);
        return k;
}

static int read_delegate_option(sd_bus_message *message, const Manager *m, Caller *caller, DelegateOptions *o, const char *name,
                                sd_bus_error *error) {
        const char *text;
        uint32_t id;
        int k, flag;

        if (streq(name, "Uid")) {
                k = sd_bus_message_read(message, "v", "u", &id);
                if (k >= 0 && !caller_uid_from(caller, id, &o->uid))
                        return refuse(error, CGW_ERROR(InvalidValue), "Uid %u is not mapped in the caller's user namespace", id);
        } else if (streq(name, "Gid")) {
                k = sd_bus_message_read(message, "v", "u", &id);
                if (k >= 0 && !caller_gid_from(caller, id, &o->gid))
                        return refuse(error, CGW_ERROR(InvalidValue), "Gid %u is not mapped in the caller's user namespace", id);
        } else if (streq(name, "Lifetime")) {
                k = sd_bus_message_read(message, "v", "s", &text);
                o->lifetime = k < 0 ? _LIFETIME_INVALID : lifetime_from_string(text);
                if (k >= 0 && o->lifetime < 0)
                        return refuse(error, CGW_ERROR(InvalidValue), "Lifetime \"%s\" is none of persistent, empty", text);
        } else if (streq(name, "Leaf")) {
                k = sd_bus_message_read(message, "v", "b", &flag);
                o->leaf = k >= 0 && flag;
        } else if (streq(name, "PidFds")) {
                k = read_processes(message, o, error);
        } else if (streq(name, "Values")) {
                k = read_values(message, o, error);
        } else if (streq(name, "Layout")) {
                k = read_layout(message, m, error);
        } else {
                return refuse(error, CGW_ERROR(InvalidValue), "Delegate has no option \"%s\"", name);
        }
        return k < 0 ? call_refuse_option("Delegate", name, k, error) : k;
}

static int read_delegate_options(sd_bus_message *message, const Manager *m, Caller *caller, DelegateOptions *o, sd_bus_error *error) {
        int k = sd_bus_message_enter_container(message, 'a', "{sv}");

        while (k >= 0 && (k = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *name;

                k = sd_bus_message_read(message, "s", &name);
                if (k >= 0)
                        k = read_delegate_option(message, m, caller, o, name, error);
                if (k >= 0)
                        k = sd_bus_message_exit_container(message);
        }
        return k < 0 ? k : sd_bus_message_exit_container(message);
}

static int method_delegate(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        g_autoptr(GArray) processes = g_array_new(FALSE, FALSE, sizeof(PidRef));
        g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(DelegateValue));
        _cleanup_(request_done) Request r = {};
        g_autofree char *path = NULL;
        DelegateOptions o;
        int k;

        g_array_set_clear_func(processes, clear_pidref);
        k = begin(&r, message, userdata, REQUEST_WRITE, error);
        if (k < 0)
                return k;

        o = (DelegateOptions) { .uid = r.caller->uid, .gid = r.caller->gid, .processes = processes, .values = values };
        k = read_delegate_options(message, r.manager, r.caller, &o, error);
        if (k >= 0)
                k = operation_delegate(&r, &o);
        if (k < 0)
                return k;
        path = g_strdup_printf("/%s", r.targets->rel);
        return sd_bus_reply_method_return(message, "s", path);
}

static int read_enter_options(sd_bus_message *message, const Manager *m, sd_bus_error *error) {
        const char *option;
        int k = sd_bus_message_enter_container(message, 'a', "{sv}");

        while (k >= 0 && (k = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                k = sd_bus_message_read(message, "s", &option);
                if (k >= 0 && !streq(option, "Layout"))
                        return refuse(error, CGW_ERROR(InvalidValue), "Enter has no option \"%s\"", option);
                if (k >= 0)
                        k = read_layout(message, m, error);
                if (k >= 0)
                        k = sd_bus_message_exit_container(message);
        }
        return k < 0 ? k : sd_bus_message_exit_container(message);
}

/* It may have to be asked again, when the scope is there: nothing is kept meanwhile but the message. */
static int method_enter(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_done) Request r = {};
        g_autofree char *path = NULL;
        const char *controllers;
        UserScope *scope;
        Manager *m;
        Caller *caller;
        int k;

        k = call_get_caller(message, userdata, &m, &caller, error);
        if (k >= 0)
                k = sd_bus_message_read(message, "s", &controllers);
        if (k >= 0)
                k = read_enter_options(message, m, error);
        if (k >= 0)
                k = request_init(&r, m, caller, controllers, "", REQUEST_FROM_ABOVE_LEAF, error);
        if (k >= 0)
                k = operation_enter(&r, &path, &scope);
        if (k < 0)
                return k;
        return path ? sd_bus_reply_method_return(message, "s", path) : user_scope_wait(scope, message, method_enter, userdata, error);
}

static int append_name(void *userdata, const char *name, const Hierarchy *h) {
        return sd_bus_message_append(userdata, "s", name);
}

static int property_controllers(sd_bus *bus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Connection *c = userdata;
        int k = sd_bus_message_open_container(reply, 'a', "s");

        if (k >= 0)
                k = layout_for_each_name(c->manager->layout, append_name, reply);
        return k < 0 ? k : sd_bus_message_close_container(reply);
}

static int method_list_controllers(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int k = sd_bus_message_new_method_return(message, &reply);

        if (k >= 0)
                k = property_controllers(NULL, NULL, NULL, NULL, reply, userdata, error);
        return k < 0 ? k : sd_bus_send(NULL, reply, NULL);
}

typedef struct NamesReply {
        sd_bus_message *message;
        const Hierarchy *h;
} NamesReply;

static int append_name_of(void *userdata, const char *name, const Hierarchy *h) {
        NamesReply *reply = userdata;

        return h == reply->h ? sd_bus_message_append(reply->message, "s", name) : 0;
}

static int append_hierarchy(sd_bus_message *reply, const Layout *l, const Hierarchy *h) {
        int k = sd_bus_message_open_container(reply, 'r', "ssas");

        if (k >= 0)
                k = sd_bus_message_append(reply, "ss", h->name, h->ops->version);
        if (k >= 0)
                k = sd_bus_message_open_container(reply, 'a', "s");
        if (k >= 0)
                k = layout_for_each_name(l, append_name_of, &(NamesReply) { reply, h });
        if (k >= 0)
                k = sd_bus_message_close_container(reply);
        return k < 0 ? k : sd_bus_message_close_container(reply);
}

static int method_list_hierarchies(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Layout *l = ((Connection *) userdata)->manager->layout;
        int k = sd_bus_message_new_method_return(message, &reply);

        if (k >= 0)
                k = sd_bus_message_open_container(reply, 'a', "(ssas)");
        for (size_t i = 0; k >= 0 && i < l->n; i++)
                k = append_hierarchy(reply, l, l->hierarchies + i);
        if (k >= 0)
                k = sd_bus_message_close_container(reply);
        return k < 0 ? k : sd_bus_send(NULL, reply, NULL);
}

static int property_text(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                         void *userdata, sd_bus_error *error) {
        const Manager *m = ((Connection *) userdata)->manager;
        const char *text = streq(property, "Version") ? CGW_VERSION
                         : streq(property, "Layout")  ? layout_name(m->layout)
                                                      : placement_kind_to_string(m->placement);

        return sd_bus_message_append(reply, "s", text);
}

#define METHOD(name, in, in_names, out, out_names, handler) \
        SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, handler, SD_BUS_VTABLE_UNPRIVILEGED)
#define NAME(x) SD_BUS_PARAM(x)
#define CGROUP NAME(controllers) NAME(path)

const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Create", "ss", CGROUP, "b", NAME(created), method_create),
        METHOD("Delegate", "ssa{sv}", CGROUP NAME(options), "s", NAME(path_made), method_delegate),
        METHOD("Enter", "sa{sv}", NAME(controllers) NAME(options), "s", NAME(path), method_enter),
        METHOD("Chown", "ssuu", CGROUP NAME(uid) NAME(gid), "", , method_chown),
        METHOD("Chmod", "sssu", CGROUP NAME(key) NAME(mode), "", , method_chmod),
        METHOD("MovePid", "ssu", CGROUP NAME(pid), "", , method_move_pid),
        METHOD("MovePidFd", "ssh", CGROUP NAME(pidfd), "", , method_move_pidfd),
        METHOD("Remove", "ssb", CGROUP NAME(recursive), "b", NAME(existed), method_remove),
        METHOD("RemoveOnEmpty", "ss", CGROUP, "", , method_remove_on_empty),
        METHOD("Prune", "ss", CGROUP, "", , method_prune),
        METHOD("InitLeaf", "ss", CGROUP, "s", NAME(leaf), method_init_leaf),
        METHOD("GetValue", "sss", CGROUP NAME(key), "s", NAME(value), method_get_value),
        METHOD("SetValue", "ssss", CGROUP NAME(key) NAME(value), "", , method_set_value),
        METHOD("ListKeys", "ss", CGROUP, "a(suuu)", NAME(keys), method_list_keys),
        METHOD("ListChildren", "ss", CGROUP, "as", NAME(names), method_list_children),
        METHOD("GetPids", "ss", CGROUP, "au", NAME(pids), method_get_pids),
        METHOD("GetPidsRecursive", "ss", CGROUP, "au", NAME(pids), method_get_pids_recursive),
        METHOD("GetPidCgroup", "su", NAME(controller) NAME(pid), "s", NAME(path), method_get_pid_cgroup),
        METHOD("GetPidFdCgroup", "sh", NAME(controller) NAME(pidfd), "s", NAME(path), method_get_pidfd_cgroup),
        METHOD("OpenCgroup", "ss", CGROUP, "h", NAME(directory), method_open_cgroup),
        METHOD("ListControllers", "", , "as", NAME(controllers), method_list_controllers),
        METHOD("ListHierarchies", "", , "a(ssas)", NAME(hierarchies), method_list_hierarchies),
        METHOD("OpenSession", "suuha{sv}", NAME(user) NAME(uid) NAME(gid) NAME(leader) NAME(options), "ss", NAME(id) NAME(path),
               method_open_session),
        METHOD("CloseSession", "s", NAME(id), "", , method_close_session),
        METHOD("ListSessions", "", , "a(susus)", NAME(sessions), method_list_sessions),
        SD_BUS_SIGNAL_WITH_NAMES("SessionNew", "suss", NAME(id) NAME(uid) NAME(user) NAME(path), 0),
        SD_BUS_SIGNAL_WITH_NAMES("SessionRemoved", "ss", NAME(id) NAME(path), 0),
        SD_BUS_SIGNAL_WITH_NAMES("CgroupEmptied", "ss", NAME(hierarchy) NAME(path), 0),
        SD_BUS_PROPERTY("Version", "s", property_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Layout", "s", property_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Placement", "s", property_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Controllers", "as", property_controllers, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};
