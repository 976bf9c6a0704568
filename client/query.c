/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The methods and properties that only read.
 */

#include <fcntl.h>

#include "client/internal.h"

_public_ int cgw_ping(cgw_t *c) {
        struct request q = {
                .object = CGW_OBJECT_PATH,
                .interface = "org.freedesktop.DBus.Peer",
                .member = "Ping",
                .repeatable = true,
        };

        return cgw_request(c, &q, NULL);
}

static int append_property(sd_bus_message *m, const void *arg) {
        return sd_bus_message_append(m, "ss", CGW_MANAGER_INTERFACE, arg);
}

static int get_property(cgw_t *c, const char *name, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        struct request q = {
                .object = CGW_OBJECT_PATH,
                .interface = "org.freedesktop.DBus.Properties",
                .member = "Get",
                .repeatable = true,
                .append = append_property,
                .arg = name,
        };

        int r = cgw_request(c, &q, &reply);
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(reply, 'v', "s");
        return r < 0 ? cgw_bad_reply(c, r) : cgw_read_string(c, reply, ret);
}

_public_ int cgw_get_version(cgw_t *c, char **ret) {
        return get_property(c, "Version", ret);
}

_public_ int cgw_get_layout(cgw_t *c, char **ret) {
        return get_property(c, "Layout", ret);
}

_public_ int cgw_get_placement(cgw_t *c, char **ret) {
        return get_property(c, "Placement", ret);
}

/* sd-bus gives NULL for an empty array; the caller gets a list without members. */
static int read_strv(cgw_t *c, sd_bus_message *reply, char ***ret) {
        char **strv = NULL;

        int r = sd_bus_message_read_strv(reply, &strv);
        if (r < 0)
                return cgw_bad_reply(c, r);

        if (!strv)
                strv = calloc(1, sizeof(*strv));
        if (!strv)
                return cgw_bad_reply(c, -ENOMEM);

        if (ret)
                *ret = strv;
        else
                cgw_strv_free(strv);
        return 0;
}

_public_ int cgw_list_controllers(cgw_t *c, char ***ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = cgw_repeatable(c, "ListControllers", &reply, "");
        return r < 0 ? r : read_strv(c, reply, ret);
}

_public_ int cgw_list_children(cgw_t *c, const char *controller, const char *path, char ***ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = cgw_repeatable(c, "ListChildren", &reply, "ss", controller, path);
        return r < 0 ? r : read_strv(c, reply, ret);
}

_public_ int cgw_get_value(cgw_t *c, const char *controller, const char *path, const char *key, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = cgw_repeatable(c, "GetValue", &reply, "sss", controller, path, key);
        return r < 0 ? r : cgw_read_string(c, reply, ret);
}

_public_ int cgw_open_cgroup(cgw_t *c, const char *controller, const char *path) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int fd;

        int r = cgw_repeatable(c, "OpenCgroup", &reply, "ss", controller, path);
        if (r < 0)
                return r;

        r = sd_bus_message_read_basic(reply, 'h', &fd);
        if (r < 0)
                return cgw_bad_reply(c, r);

        /* The message closes its own. */
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? cgw_fail(c, -errno, "no descriptor left: %m") : fd;
}

static cgw_key_t *key_free(cgw_key_t *k) {
        if (k)
                free((char *)k->name);
        free(k);
        return NULL;
}
DEFINE_CLEANUP(cgw_key_t, key_free);

_public_ cgw_key_t **cgw_keys_free(cgw_key_t **keys) {
        if (keys)
                for (cgw_key_t **k = keys; *k; k++)
                        key_free(*k);
        free(keys);
        return NULL;
}
DEFINE_CLEANUP(cgw_key_t *, cgw_keys_free);

/* 1: one more; 0: the end. */
static int read_key(sd_bus_message *reply, cgw_key_t **ret) {
        _cleanup_(key_freep) cgw_key_t *k = NULL;
        const char *name;
        uint32_t uid, gid, mode;

        int r = sd_bus_message_read(reply, "(suuu)", &name, &uid, &gid, &mode);
        if (r <= 0)
                return r;

        k = calloc(1, sizeof(*k));
        if (!k)
                return -ENOMEM;

        *k = (cgw_key_t){.name = strdup(name), .uid = uid, .gid = gid, .mode = mode};
        if (!k->name)
                return -ENOMEM;

        *ret = TAKE_PTR(k);
        return 1;
}

_public_ int cgw_list_keys(cgw_t *c, const char *controller, const char *path, cgw_key_t ***ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(cgw_keys_freep) cgw_key_t **keys = calloc(1, sizeof(*keys));
        cgw_key_t *k;
        size_t n = 0;

        if (!keys)
                return -ENOMEM;

        int r = cgw_repeatable(c, "ListKeys", &reply, "ss", controller, path);
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(reply, 'a', "(suuu)");
        while (r >= 0 && (r = read_key(reply, &k)) > 0) {
                r = APPEND_POINTER(keys, n, k);
                if (r < 0)
                        key_free(k);
        }
        if (r < 0)
                return cgw_bad_reply(c, r);

        if (ret)
                *ret = TAKE_PTR(keys);
        return 0;
}

static cgw_hierarchy_t *hierarchy_free(cgw_hierarchy_t *h) {
        if (h) {
                free((char *)h->name);
                cgw_strv_free((char **)h->names);
        }
        free(h);
        return NULL;
}
DEFINE_CLEANUP(cgw_hierarchy_t, hierarchy_free);

_public_ cgw_hierarchy_t **cgw_hierarchies_free(cgw_hierarchy_t **hierarchies) {
        if (hierarchies)
                for (cgw_hierarchy_t **h = hierarchies; *h; h++)
                        hierarchy_free(*h);
        free(hierarchies);
        return NULL;
}
DEFINE_CLEANUP(cgw_hierarchy_t *, cgw_hierarchies_free);

static int read_hierarchy(sd_bus_message *reply, cgw_hierarchy_t **ret) {
        _cleanup_(hierarchy_freep) cgw_hierarchy_t *h = NULL;
        const char *name, *version;
        char **names = NULL;

        int r = sd_bus_message_enter_container(reply, 'r', "ssas");
        if (r <= 0)
                return r;

        r = sd_bus_message_read(reply, "ss", &name, &version);
        if (r < 0)
                return r;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;

        h->version = streq(version, "v2") ? 2 : 1;
        h->name = strdup(name);
        if (!h->name)
                return -ENOMEM;

        r = sd_bus_message_read_strv(reply, &names);
        if (r < 0)
                return r;

        h->names = (const char *const *)(names ? names : calloc(1, sizeof(*names)));
        if (!h->names)
                return -ENOMEM;

        r = sd_bus_message_exit_container(reply);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(h);
        return 1;
}

_public_ int cgw_list_hierarchies(cgw_t *c, cgw_hierarchy_t ***ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(cgw_hierarchies_freep) cgw_hierarchy_t **list = calloc(1, sizeof(*list));
        cgw_hierarchy_t *h;
        size_t n = 0;

        if (!list)
                return -ENOMEM;

        int r = cgw_repeatable(c, "ListHierarchies", &reply, "");
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(reply, 'a', "(ssas)");
        while (r >= 0 && (r = read_hierarchy(reply, &h)) > 0) {
                r = APPEND_POINTER(list, n, h);
                if (r < 0)
                        hierarchy_free(h);
        }
        if (r < 0)
                return cgw_bad_reply(c, r);

        if (ret)
                *ret = TAKE_PTR(list);
        return 0;
}
