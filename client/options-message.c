/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Options as a{sv}. What was not set is not sent: the defaults are the daemon's.
 */

#include "client/internal.h"

static int append_text(sd_bus_message *m, const char *name, const char *s) {
        if (!s)
                return 0;

        return cgw_utf8_valid(s) ? sd_bus_message_append(m, "{sv}", name, "s", s) : -EINVAL;
}

static int append_number(sd_bus_message *m, const char *name, bool is_set, uint32_t u) {
        return is_set ? sd_bus_message_append(m, "{sv}", name, "u", u) : 0;
}

static int append_flag(sd_bus_message *m, const char *name, bool is_set, bool b) {
        return is_set ? sd_bus_message_append(m, "{sv}", name, "b", (int)b) : 0;
}

static int append_value(sd_bus_message *m, const struct cgw_value *v) {
        int r = sd_bus_message_open_container(m, 'r', v->controller ? "sss" : "ss");

        if (r >= 0 && v->controller)
                r = cgw_append_string(m, v->controller);
        if (r >= 0)
                r = cgw_append_string(m, v->key);
        if (r >= 0)
                r = cgw_append_string(m, v->value);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Opens {sv}, its variant and the array in it. */
static int open_list(sd_bus_message *m, const char *name, const char *type) {
        char signature[16] = "a";

        int r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', name);
        if (r >= 0) {
                strncat(signature, type, sizeof(signature) - 2);
                r = sd_bus_message_open_container(m, 'v', signature);
        }
        return r < 0 ? r : sd_bus_message_open_container(m, 'a', type);
}

static int close_list(sd_bus_message *m) {
        int r = 0;

        for (int i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_values(sd_bus_message *m, const struct cgw_values *values, const char *type) {
        if (values->n == 0)
                return 0;

        int r = open_list(m, "Values", type);
        for (size_t i = 0; i < values->n && r >= 0; i++)
                r = append_value(m, &values->items[i]);
        return r < 0 ? r : close_list(m);
}

static int append_pidfds(sd_bus_message *m, const cgw_delegate_options_t *o) {
        if (o->n_pidfds == 0)
                return 0;

        int r = open_list(m, "PidFds", "h");
        for (size_t i = 0; i < o->n_pidfds && r >= 0; i++)
                r = sd_bus_message_append_basic(m, 'h', &o->pidfds[i]);
        return r < 0 ? r : close_list(m);
}

static int append_delegate_members(sd_bus_message *m, const cgw_delegate_options_t *o) {
        int r = append_number(m, "Uid", o->has_owner, o->uid);

        if (r >= 0)
                r = append_number(m, "Gid", o->has_owner, o->gid);
        if (r >= 0)
                r = append_pidfds(m, o);
        if (r >= 0)
                r = append_values(m, &o->values, "(ss)");
        if (r >= 0)
                r = append_text(m, "Lifetime", o->lifetime);
        return r < 0 ? r : append_flag(m, "Leaf", o->has_leaf, o->leaf);
}

int cgw_append_delegate_options(sd_bus_message *m, const cgw_delegate_options_t *o) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && o)
                r = append_delegate_members(m, o);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_session_members(sd_bus_message *m, const cgw_session_options_t *o) {
        int r = append_text(m, "Controllers", o->controllers);

        if (r >= 0)
                r = append_text(m, "Pattern", o->pattern);
        if (r >= 0)
                r = append_text(m, "Group", o->group);
        if (r >= 0)
                r = append_values(m, &o->values, "(sss)");
        if (r >= 0)
                r = append_flag(m, "NoIndexSuffix", o->no_index_suffix, true);
        if (r >= 0)
                r = append_number(m, "MaxIndex", o->has_max_index, o->max_index);
        return r < 0 ? r : append_number(m, "PruneDepth", o->has_prune_depth, o->prune_depth);
}

int cgw_append_session_options(sd_bus_message *m, const cgw_session_options_t *o) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && o)
                r = append_session_members(m, o);
        return r < 0 ? r : sd_bus_message_close_container(m);
}
