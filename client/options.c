/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Options: structs behind setters, so that more can be added, and their form in a message.
 */

#include <fcntl.h>

#include "client/internal.h"

static int replace(char **field, const char *s) {
        char *copy = strdup(s);

        if (!copy)
                return -ENOMEM;

        free(*field);
        *field = copy;
        return 0;
}

static void values_clear(struct cgw_values *values) {
        for (size_t i = 0; i < values->n; i++) {
                free(values->items[i].controller);
                free(values->items[i].key);
                free(values->items[i].value);
        }
        free(values->items);
}

static int values_add(struct cgw_values *values, const char *controller, const char *key, const char *value) {
        _cleanup_free_ char *copy = NULL, *key_copy = NULL, *value_copy = NULL;
        struct cgw_value *larger;

        if (controller) {
                copy = strdup(controller);
                if (!copy)
                        return -ENOMEM;
        }
        key_copy = strdup(key);
        value_copy = strdup(value);
        if (!key_copy || !value_copy)
                return -ENOMEM;

        larger = reallocarray(values->items, values->n + 1, sizeof(*larger));
        if (!larger)
                return -ENOMEM;

        values->items = larger;
        values->items[values->n++] = (struct cgw_value){
                .controller = TAKE_PTR(copy),
                .key = TAKE_PTR(key_copy),
                .value = TAKE_PTR(value_copy),
        };
        return 0;
}

/* ---- cgw_delegate() ---- */

_public_ int cgw_delegate_options_new(cgw_delegate_options_t **ret) {
        if (!ret)
                return -EINVAL;

        cgw_delegate_options_t *o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;

        *ret = o;
        return 0;
}

_public_ cgw_delegate_options_t *cgw_delegate_options_free(cgw_delegate_options_t *o) {
        if (!o)
                return NULL;

        for (size_t i = 0; i < o->n_pidfds; i++)
                safe_close(o->pidfds[i]);
        free(o->pidfds);
        values_clear(&o->values);
        free(o->lifetime);
        free(o);
        return NULL;
}

_public_ int cgw_delegate_options_set_owner(cgw_delegate_options_t *o, uid_t uid, gid_t gid) {
        if (!o || uid == (uid_t)-1 || gid == (gid_t)-1)
                return -EINVAL;

        o->has_owner = true;
        o->uid = uid;
        o->gid = gid;
        return 0;
}

/* Takes the descriptor when it succeeds. */
static int add_pidfd(cgw_delegate_options_t *o, int *pidfd) {
        int *larger = reallocarray(o->pidfds, o->n_pidfds + 1, sizeof(*larger));

        if (!larger)
                return -ENOMEM;

        o->pidfds = larger;
        o->pidfds[o->n_pidfds++] = TAKE_FD(*pidfd);
        return 0;
}

_public_ int cgw_delegate_options_add_pid(cgw_delegate_options_t *o, pid_t pid) {
        if (!o || pid < 0)
                return -EINVAL;

        _cleanup_close_ int pidfd = cgw_open_pidfd(pid);
        return pidfd < 0 ? pidfd : add_pidfd(o, &pidfd);
}

_public_ int cgw_delegate_options_add_pidfd(cgw_delegate_options_t *o, int pidfd) {
        if (!o || pidfd < 0)
                return -EINVAL;

        _cleanup_close_ int copy = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
        return copy < 0 ? -errno : add_pidfd(o, &copy);
}

_public_ int cgw_delegate_options_add_value(cgw_delegate_options_t *o, const char *key, const char *value) {
        if (!o || !key || !value)
                return -EINVAL;

        return values_add(&o->values, NULL, key, value);
}

_public_ int cgw_delegate_options_set_lifetime(cgw_delegate_options_t *o, const char *lifetime) {
        return o && lifetime ? replace(&o->lifetime, lifetime) : -EINVAL;
}

_public_ int cgw_delegate_options_set_leaf(cgw_delegate_options_t *o, bool leaf) {
        if (!o)
                return -EINVAL;

        o->has_leaf = true;
        o->leaf = leaf;
        return 0;
}

/* ---- cgw_open_session() ---- */

_public_ int cgw_session_options_new(cgw_session_options_t **ret) {
        if (!ret)
                return -EINVAL;

        cgw_session_options_t *o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;

        *ret = o;
        return 0;
}

_public_ cgw_session_options_t *cgw_session_options_free(cgw_session_options_t *o) {
        if (!o)
                return NULL;

        free(o->controllers);
        free(o->pattern);
        free(o->group);
        values_clear(&o->values);
        free(o);
        return NULL;
}

_public_ int cgw_session_options_set_controllers(cgw_session_options_t *o, const char *controllers) {
        return o && controllers ? replace(&o->controllers, controllers) : -EINVAL;
}

_public_ int cgw_session_options_set_pattern(cgw_session_options_t *o, const char *pattern) {
        return o && pattern ? replace(&o->pattern, pattern) : -EINVAL;
}

_public_ int cgw_session_options_set_group(cgw_session_options_t *o, const char *group) {
        return o && group ? replace(&o->group, group) : -EINVAL;
}

_public_ int cgw_session_options_add_value(cgw_session_options_t *o, const char *controller, const char *key,
                                           const char *value) {
        if (!o || !controller || !key || !value)
                return -EINVAL;

        return values_add(&o->values, controller, key, value);
}

_public_ int cgw_session_options_set_no_index_suffix(cgw_session_options_t *o, bool no_suffix) {
        if (!o)
                return -EINVAL;

        o->no_index_suffix = no_suffix;
        return 0;
}

_public_ int cgw_session_options_set_max_index(cgw_session_options_t *o, uint32_t max) {
        if (!o)
                return -EINVAL;

        o->has_max_index = true;
        o->max_index = max;
        return 0;
}

_public_ int cgw_session_options_set_prune_depth(cgw_session_options_t *o, uint32_t depth) {
        if (!o)
                return -EINVAL;

        o->has_prune_depth = true;
        o->prune_depth = depth;
        return 0;
}
