/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The methods that change cgroups. Which of them are repeated after a lost answer: those that come to the same when
 * carried out twice. Delegate would find its own first cgroup, Remove would say that there was none.
 */

#include "client/internal.h"

static int read_bool(cgw_t *c, sd_bus_message *reply) {
        int b;

        int r = sd_bus_message_read_basic(reply, 'b', &b);
        return r < 0 ? cgw_bad_reply(c, r) : b;
}

_public_ int cgw_create(cgw_t *c, const char *controllers, const char *path) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = cgw_repeatable(c, "Create", &reply, "ss", controllers, path);
        return r < 0 ? r : read_bool(c, reply);
}

struct delegation {
        const char *controllers;
        const char *path;
        const cgw_delegate_options_t *options;
};

static int append_delegation(sd_bus_message *m, const void *arg) {
        const struct delegation *d = arg;

        int r = cgw_append_string(m, d->controllers);
        if (r < 0)
                return r;

        r = cgw_append_string(m, d->path);
        if (r < 0)
                return r;

        return cgw_append_delegate_options(m, d->options);
}

_public_ int cgw_delegate(cgw_t *c, const char *controllers, const char *path, const cgw_delegate_options_t *options,
                          char **ret_path) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        struct delegation d = {.controllers = controllers, .path = path, .options = options};
        struct request q = {
                .object = CGW_OBJECT_PATH,
                .interface = CGW_MANAGER_INTERFACE,
                .member = "Delegate",
                .append = append_delegation,
                .arg = &d,
        };

        int r = cgw_request(c, &q, &reply);
        return r < 0 ? r : cgw_read_string(c, reply, ret_path);
}

_public_ int cgw_chown(cgw_t *c, const char *controllers, const char *path, uid_t uid, gid_t gid) {
        return cgw_repeatable(c, "Chown", NULL, "ssuu", controllers, path, (uint32_t)uid, (uint32_t)gid);
}

_public_ int cgw_chmod(cgw_t *c, const char *controllers, const char *path, const char *key, mode_t mode) {
        return cgw_repeatable(c, "Chmod", NULL, "sssu", controllers, path, key ? key : "", (uint32_t)mode);
}

_public_ int cgw_remove(cgw_t *c, const char *controllers, const char *path, bool recursive) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = cgw_once(c, "Remove", &reply, "ssb", controllers, path, (uint32_t)recursive);
        return r < 0 ? r : read_bool(c, reply);
}

_public_ int cgw_remove_on_empty(cgw_t *c, const char *controllers, const char *path) {
        return cgw_repeatable(c, "RemoveOnEmpty", NULL, "ss", controllers, path);
}

_public_ int cgw_prune(cgw_t *c, const char *controllers, const char *path) {
        return cgw_repeatable(c, "Prune", NULL, "ss", controllers, path);
}

_public_ int cgw_init_leaf(cgw_t *c, const char *controllers, const char *path, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = cgw_repeatable(c, "InitLeaf", &reply, "ss", controllers, path);
        return r < 0 ? r : cgw_read_string(c, reply, ret);
}

static int append_enter(sd_bus_message *m, const void *arg) {
        int r = cgw_append_string(m, arg);

        return r < 0 ? r : sd_bus_message_append(m, "a{sv}", 0);
}

_public_ int cgw_enter(cgw_t *c, const char *controllers, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const struct request q = {
                .object = CGW_OBJECT_PATH,
                .interface = CGW_MANAGER_INTERFACE,
                .member = "Enter",
                .append = append_enter,
                .arg = controllers,
                .repeatable = true,
        };

        int r = cgw_request(c, &q, &reply);
        return r < 0 ? r : cgw_read_string(c, reply, ret);
}

_public_ int cgw_set_value(cgw_t *c, const char *controller, const char *path, const char *key, const char *value) {
        return cgw_repeatable(c, "SetValue", NULL, "ssss", controller, path, key, value);
}
