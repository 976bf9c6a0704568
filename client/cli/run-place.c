/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where a run goes: beside the caller, in each hierarchy.
 *
 * The caller may be in different cgroups in different hierarchies, and in v2 in a leaf "init.scope" of the cgroup that
 * is his (nothing can be made in it that is to have controllers). So: take the caller's cgroup in each hierarchy,
 * without such a leaf, and make one delegation for each different one.
 */

#include "client/cli/run.h"

#define LEAF "/init.scope"
#define TRIES 5

static void place_free(struct place *p) {
        g_free(p->base);
        g_free(p->path);
        g_string_free(p->controllers, TRUE);
        cgw_delegate_options_free(p->options);
        g_free(p);
}

static struct place *place_at(GPtrArray *places, const char *base, const char *name) {
        for (guint i = 0; i < places->len; i++) {
                struct place *p = g_ptr_array_index(places, i);

                if (streq(p->base, base))
                        return p;
        }

        struct place *p = g_new0(struct place, 1);
        p->base = g_strdup(base);
        p->path = cli_join(base, name);
        p->controllers = g_string_new(NULL);
        if (cgw_delegate_options_new(&p->options) < 0 || cgw_delegate_options_set_lifetime(p->options, "empty") < 0)
                g_error("out of memory");
        g_ptr_array_add(places, p);
        return p;
}

static void place_add_name(struct place *p, const cgw_hierarchy_t *h, const char *name) {
        g_auto(GStrv) present = g_strsplit(p->controllers->str, ",", -1);

        p->version = MAX(p->version, h->version);
        if (g_strv_contains((const char *const *)present, name))
                return;

        if (p->controllers->len > 0)
                g_string_append_c(p->controllers, ',');
        g_string_append(p->controllers, name);
}

/* The caller's cgroup in a hierarchy, without a leaf. */
static char *find_base(struct cli *cli, const char *controller) {
        _cleanup_free_ char *own = NULL;

        if (cgw_get_pid_cgroup(cli->cgw, controller, 0, &own) < 0)
                return NULL;

        if (g_str_has_suffix(own, LEAF))
                own[strlen(own) - strlen(LEAF)] = '\0';
        return g_strdup(*own ? own : "/");
}

static cgw_hierarchy_t *hierarchy_of(cgw_hierarchy_t **list, const char *name) {
        for (; *list; list++)
                if (streq((*list)->name, name) || g_strv_contains((*list)->names, name))
                        return *list;

        return NULL;
}

static bool add_named(struct cli *cli, cgw_hierarchy_t **list, const char *word, const char *name, GPtrArray *places) {
        cgw_hierarchy_t *h = hierarchy_of(list, word);

        if (!h) {
                cli_complain(cli, STATUS_FAILURE, "there is no controller \"%s\"; see cgwarden list", word);
                return false;
        }

        g_autofree char *base = find_base(cli, word);
        if (!base) {
                cli_fail_object(cli, word);
                return false;
        }

        place_add_name(place_at(places, base, name), h, word);
        return true;
}

/* Without a list: every hierarchy in which the caller controls the place where he is. */
static bool add_mine(struct cli *cli, cgw_hierarchy_t **list, const char *name, GPtrArray *places) {
        for (; *list; list++) {
                _cleanup_(cgw_strv_freep) char **children = NULL;
                g_autofree char *base = find_base(cli, (*list)->name);

                if (!base) {
                        cli_fail_object(cli, (*list)->name);
                        return false;
                }
                if (cgw_list_children(cli->cgw, (*list)->name, base, &children) >= 0)
                        place_add_name(place_at(places, base, name), *list, (*list)->name);
        }

        if (places->len == 0)
                cli_complain(cli, STATUS_FAILURE, "you control your own cgroup in no hierarchy; see cgwarden status");
        return places->len > 0;
}

/* The place that has a hierarchy, or NULL. */
static struct place *place_with(GPtrArray *places, cgw_hierarchy_t **list, const cgw_hierarchy_t *h) {
        for (guint i = 0; i < places->len; i++) {
                struct place *p = g_ptr_array_index(places, i);
                g_auto(GStrv) names = g_strsplit(p->controllers->str, ",", -1);

                for (char **n = names; *n; n++)
                        if (hierarchy_of(list, *n) == h)
                                return p;
        }

        return NULL;
}

/* "memory.max" belongs to whatever hierarchy has "memory"; "cgroup.max.depth" to v2 itself. */
static bool add_value(struct cli *cli, cgw_hierarchy_t **list, const char *text, GPtrArray *places) {
        g_autofree char *key = NULL, *value = NULL, *controller = NULL;
        struct place *p;

        if (!cli_split_value(text, &key, &value)) {
                cli_complain(cli, STATUS_USAGE, "--set %s: not KEY=VALUE", text);
                return false;
        }

        controller = g_strndup(key, strcspn(key, "."));
        if (streq(controller, "cgroup")) {
                g_free(controller);
                controller = g_strdup("unified");
        }

        cgw_hierarchy_t *h = hierarchy_of(list, controller);
        p = h ? place_with(places, list, h) : NULL;
        if (!p) {
                cli_complain(cli, STATUS_FAILURE, "--set %s: the run has no controller \"%s\"", text, controller);
                return false;
        }

        /* On v2, naming it is what enables it. */
        place_add_name(p, h, controller);
        if (cgw_delegate_options_add_value(p->options, key, value) < 0) {
                cli_complain(cli, STATUS_FAILURE, "--set %s: out of memory", text);
                return false;
        }
        return true;
}

/* v2 first: the command is born in the first place. */
static int compare_places(const void *a, const void *b) {
        const struct place *const *x = a, *const *y = b;

        return (*y)->version - (*x)->version;
}

static bool find_all(struct cli *cli, const char *controllers, char **values, const char *name, GPtrArray *places) {
        _cleanup_(cgw_hierarchies_freep) cgw_hierarchy_t **list = NULL;

        if (cgw_list_hierarchies(cli->cgw, &list) < 0) {
                cli_fail_object(cli, NULL);
                return false;
        }

        if (!controllers) {
                if (!add_mine(cli, list, name, places))
                        return false;
        } else if (streq(controllers, "all")) {
                for (cgw_hierarchy_t **h = list; *h; h++)
                        if (!add_named(cli, list, (*h)->name, name, places))
                                return false;
        } else {
                g_auto(GStrv) words = g_strsplit(controllers, ",", -1);

                for (char **w = words; *w; w++)
                        if (!add_named(cli, list, *w, name, places))
                                return false;
        }

        for (; values && *values; values++)
                if (!add_value(cli, list, *values, places))
                        return false;
        return true;
}

GPtrArray *places_find(struct cli *cli, const char *controllers, char **values, const char *name) {
        GPtrArray *places = g_ptr_array_new_with_free_func((GDestroyNotify)place_free);

        if (!find_all(cli, controllers, values, name, places)) {
                g_ptr_array_unref(places);
                return NULL;
        }

        g_ptr_array_sort(places, compare_places);
        return places;
}

/* No process may ever have been in it, and then nobody else removes it: not left to one answer. */
static void remove_surely(struct cli *cli, const struct place *p) {
        for (unsigned i = 0; i < TRIES; i++)
                if (cgw_remove(cli->cgw, p->controllers->str, p->path, true) != -ECONNRESET)
                        return;
}

/* A restarting daemon is no reason not to run: what a lost answer leaves open is no question with a name that nobody
 * else uses. */
static int delegate(struct cli *cli, const struct place *p, bool unique) {
        for (unsigned i = 1;; i++) {
                int r = cgw_delegate(cli->cgw, p->controllers->str, p->path, p->options, NULL);

                if (r != -ECONNRESET || !unique || i >= TRIES)
                        return r;
                remove_surely(cli, p);
        }
}

int places_make(struct cli *cli, GPtrArray *places, bool unique) {
        for (guint i = 0; i < places->len; i++) {
                struct place *p = g_ptr_array_index(places, i);

                int r = delegate(cli, p, unique);
                /* What v2 calls busy is not the new cgroup but the one that we are in ourselves. */
                if (r == -EBUSY && p->version == 2)
                        return cli_complain(cli, STATUS_FAILURE,
                                            "%s: no controller can be enabled below %s while processes are in it",
                                            p->path, p->base);
                if (r < 0)
                        return cli_fail(cli, p->controllers->str, p->path);
                p->made = true;
        }

        return STATUS_OK;
}

/* What still has a process goes with its last one: the daemon was told so when it was made. */
void places_remove(struct cli *cli, GPtrArray *places) {
        for (guint i = 0; i < places->len; i++) {
                struct place *p = g_ptr_array_index(places, i);

                if (p->made)
                        remove_surely(cli, p);
        }
}
