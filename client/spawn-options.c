/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Options of cgw_spawn().
 */

#include "client/internal.h"

_public_ int cgw_spawn_options_new(cgw_spawn_options_t **ret) {
        if (!ret)
                return -EINVAL;

        cgw_spawn_options_t *o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;

        for (size_t i = 0; i < ARRAY_SIZE(o->stdio); i++)
                o->stdio[i] = -1;
        *ret = o;
        return 0;
}

_public_ cgw_spawn_options_t *cgw_spawn_options_free(cgw_spawn_options_t *o) {
        if (!o)
                return NULL;

        for (size_t i = 0; i < o->n_places; i++) {
                free(o->places[i].controllers);
                free(o->places[i].path);
        }
        free(o->places);
        cgw_strv_free(o->environment);
        free(o->directory);
        free(o);
        return NULL;
}

_public_ int cgw_spawn_options_add_cgroup(cgw_spawn_options_t *o, const char *controllers, const char *path) {
        if (!o || !controllers || !path)
                return -EINVAL;

        _cleanup_free_ char *controllers_copy = strdup(controllers), *path_copy = strdup(path);
        if (!controllers_copy || !path_copy)
                return -ENOMEM;

        struct cgw_place *larger = reallocarray(o->places, o->n_places + 1, sizeof(*larger));
        if (!larger)
                return -ENOMEM;

        o->places = larger;
        o->places[o->n_places++] = (struct cgw_place){
                .controllers = TAKE_PTR(controllers_copy),
                .path = TAKE_PTR(path_copy),
        };
        return 0;
}

_public_ int cgw_spawn_options_set_environment(cgw_spawn_options_t *o, char *const envp[]) {
        size_t n = 0;

        if (!o || !envp)
                return -EINVAL;

        while (envp[n])
                n++;

        char **copy = calloc(n + 1, sizeof(*copy));
        if (!copy)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(envp[i]);
                if (!copy[i]) {
                        cgw_strv_free(copy);
                        return -ENOMEM;
                }
        }

        cgw_strv_free(o->environment);
        o->environment = copy;
        return 0;
}

_public_ int cgw_spawn_options_set_directory(cgw_spawn_options_t *o, const char *directory) {
        if (!o || !directory)
                return -EINVAL;

        char *copy = strdup(directory);
        if (!copy)
                return -ENOMEM;

        free(o->directory);
        o->directory = copy;
        return 0;
}

_public_ int cgw_spawn_options_set_stdio(cgw_spawn_options_t *o, int in, int out, int err) {
        if (!o || in < -1 || out < -1 || err < -1)
                return -EINVAL;

        o->stdio[0] = in;
        o->stdio[1] = out;
        o->stdio[2] = err;
        return 0;
}

_public_ int cgw_spawn_options_set_signal_mask(cgw_spawn_options_t *o, const sigset_t *mask) {
        if (!o || !mask)
                return -EINVAL;

        o->has_mask = true;
        o->mask = *mask;
        return 0;
}
