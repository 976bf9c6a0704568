/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Login sessions.
 */

#include "client/internal.h"

struct login {
        const char *user;
        uid_t uid;
        gid_t gid;
        int leader;
        const cgw_session_options_t *options;
};

static int append_login(sd_bus_message *m, const void *arg) {
        const struct login *l = arg;

        int r = cgw_append_string(m, l->user);
        if (r < 0)
                return r;

        r = sd_bus_message_append(m, "uuh", (uint32_t)l->uid, (uint32_t)l->gid, l->leader);
        if (r < 0)
                return r;

        return cgw_append_session_options(m, l->options);
}

_public_ int cgw_open_session_pidfd(cgw_t *c, const char *user, uid_t uid, gid_t gid, int leader_pidfd,
                                    const cgw_session_options_t *options, char **ret_id, char **ret_path) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *id = NULL, *path = NULL;
        struct login l = {.user = user, .uid = uid, .gid = gid, .leader = leader_pidfd, .options = options};
        struct request q = {
                .object = CGW_OBJECT_PATH,
                .interface = CGW_MANAGER_INTERFACE,
                .member = "OpenSession",
                .append = append_login,
                .arg = &l,
        };

        int r = cgw_request(c, &q, &reply);
        if (r >= 0)
                r = cgw_read_string(c, reply, &id);
        if (r >= 0)
                r = cgw_read_string(c, reply, &path);
        if (r < 0)
                return r;

        if (ret_id)
                *ret_id = TAKE_PTR(id);
        if (ret_path)
                *ret_path = TAKE_PTR(path);
        return 0;
}

_public_ int cgw_open_session(cgw_t *c, const char *user, uid_t uid, gid_t gid, pid_t leader,
                              const cgw_session_options_t *options, char **ret_id, char **ret_path) {
        if (!c || leader < 0)
                return -EINVAL;

        _cleanup_close_ int pidfd = cgw_open_pidfd(leader);
        if (pidfd < 0)
                return cgw_fail(c, pidfd, "process %d: %s", (int)leader, strerror(-pidfd));

        return cgw_open_session_pidfd(c, user, uid, gid, pidfd, options, ret_id, ret_path);
}

_public_ int cgw_close_session(cgw_t *c, const char *id) {
        return cgw_once(c, "CloseSession", NULL, "s", id);
}

_public_ cgw_session_t *cgw_session_free(cgw_session_t *s) {
        if (s) {
                free((char *)s->id);
                free((char *)s->user);
                free((char *)s->path);
                free((char *)s->state);
                cgw_strv_free((char **)s->hierarchies);
        }
        free(s);
        return NULL;
}
DEFINE_CLEANUP(cgw_session_t, cgw_session_free);

_public_ cgw_session_t **cgw_sessions_free(cgw_session_t **sessions) {
        if (sessions)
                for (cgw_session_t **s = sessions; *s; s++)
                        cgw_session_free(*s);
        free(sessions);
        return NULL;
}
DEFINE_CLEANUP(cgw_session_t *, cgw_sessions_free);

/* 1: one more; 0: the end. */
static int read_session(sd_bus_message *reply, cgw_session_t **ret) {
        _cleanup_(cgw_session_freep) cgw_session_t *s = NULL;
        const char *id, *user, *path;
        uint32_t uid, leader;

        int r = sd_bus_message_read(reply, "(susus)", &id, &uid, &user, &leader, &path);
        if (r <= 0)
                return r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        *s = (cgw_session_t){
                .id = strdup(id),
                .uid = uid,
                .user = strdup(user),
                .leader = (pid_t)leader,
                .path = strdup(path),
        };
        if (!s->id || !s->user || !s->path)
                return -ENOMEM;

        *ret = TAKE_PTR(s);
        return 1;
}

_public_ int cgw_list_sessions(cgw_t *c, cgw_session_t ***ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(cgw_sessions_freep) cgw_session_t **list = calloc(1, sizeof(*list));
        cgw_session_t *s;
        size_t n = 0;

        if (!list)
                return -ENOMEM;

        int r = cgw_repeatable(c, "ListSessions", &reply, "");
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(reply, 'a', "(susus)");
        while (r >= 0 && (r = read_session(reply, &s)) > 0) {
                r = APPEND_POINTER(list, n, s);
                if (r < 0)
                        cgw_session_free(s);
        }
        if (r < 0)
                return cgw_bad_reply(c, r);

        if (ret)
                *ret = TAKE_PTR(list);
        return 0;
}

static int read_text(sd_bus_message *m, const char **ret) {
        const char *s;

        int r = sd_bus_message_read(m, "v", "s", &s);
        if (r < 0)
                return r;

        char *copy = strdup(s);
        if (!copy)
                return -ENOMEM;

        free((char *)*ret);
        *ret = copy;
        return 0;
}

static int read_number(sd_bus_message *m, uint32_t *ret) {
        return sd_bus_message_read(m, "v", "u", ret);
}

static int read_hierarchies(sd_bus_message *m, const char *const **ret) {
        char **strv = NULL;

        int r = sd_bus_message_enter_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_read_strv(m, &strv);
        if (r < 0)
                return r;

        cgw_strv_free((char **)*ret);
        *ret = (const char *const *)strv;
        return sd_bus_message_exit_container(m);
}

static int read_property(sd_bus_message *m, const char *name, cgw_session_t *s) {
        uint32_t u = 0;
        int r;

        if (streq(name, "Id"))
                return read_text(m, &s->id);
        if (streq(name, "User"))
                return read_text(m, &s->user);
        if (streq(name, "Path"))
                return read_text(m, &s->path);
        if (streq(name, "State"))
                return read_text(m, &s->state);
        if (streq(name, "Hierarchies"))
                return read_hierarchies(m, &s->hierarchies);
        if (streq(name, "Uid")) {
                r = read_number(m, &u);
                s->uid = u;
                return r;
        }
        if (streq(name, "Leader")) {
                r = read_number(m, &u);
                s->leader = (pid_t)u;
                return r;
        }

        return sd_bus_message_skip(m, "v");
}

static int read_properties(sd_bus_message *m, cgw_session_t *s) {
        const char *name;

        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &name);
                if (r >= 0)
                        r = read_property(m, name, s);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return s->id && s->user && s->path && s->state && s->hierarchies ? 0 : -ENODATA;
}

static int append_interface(sd_bus_message *m, const void *arg) {
        return sd_bus_message_append_basic(m, 's', CGW_SESSION_INTERFACE);
}

/* sd-bus knows no such object: to our caller it is no such session. */
static int translate_unknown_object(cgw_t *c, int error, const char *id) {
        const char *name = cgw_error_name(c);

        if (!name || (!streq(name, SD_BUS_ERROR_UNKNOWN_OBJECT) && !streq(name, SD_BUS_ERROR_UNKNOWN_METHOD)))
                return error;

        error = cgw_fail(c, -ENXIO, "there is no session %s", id);
        c->error_name = strdup(CGW_ERROR(NoSuchSession));
        return error;
}

_public_ int cgw_get_session(cgw_t *c, const char *id, cgw_session_t **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(cgw_session_freep) cgw_session_t *s = NULL;
        _cleanup_free_ char *object = NULL;
        struct request q = {
                .interface = "org.freedesktop.DBus.Properties",
                .member = "GetAll",
                .repeatable = true,
                .append = append_interface,
        };

        if (!c || !id)
                return -EINVAL;

        int r = sd_bus_path_encode(CGW_SESSION_PATH_PREFIX, id, &object);
        if (r < 0)
                return cgw_fail(c, r, "session %s: %s", id, strerror(-r));

        q.object = object;
        r = cgw_request(c, &q, &reply);
        if (r < 0)
                return translate_unknown_object(c, r, id);

        s = calloc(1, sizeof(*s));
        r = s ? read_properties(reply, s) : -ENOMEM;
        if (r < 0)
                return cgw_bad_reply(c, r);

        if (ret)
                *ret = TAKE_PTR(s);
        return 0;
}
