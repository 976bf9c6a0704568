/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "cgroup/layout.h"

/*
 * The configuration: /usr/lib/cgwarden/cgwarden.conf, then /etc/cgwarden/cgwarden.conf, then cgwarden.conf.d/ *.conf of
 * both folders in the order of their names; a later file's key replaces an earlier one's. An unknown group or key and
 * a bad value are errors that name the file and the line.
 */

typedef enum PlacementKind {
        PLACEMENT_AUTO,     /* "systemd" where it is PID 1, else "cgroupfs" */
        PLACEMENT_CGROUPFS, /* we own the tree */
        PLACEMENT_SYSTEMD,  /* systemd does: we keep to cgroups that it has delegated */
        _PLACEMENT_MAX,
        _PLACEMENT_INVALID = -1,
} PlacementKind;

/* Whether cgmanager's clients are served. */
typedef enum LegacyMode {
        LEGACY_NO,
        LEGACY_AUTO, /* yes; a socket that can't be made is worth a warning */
        LEGACY_YES,  /* and an error here */
} LegacyMode;

typedef struct Config {
        PlacementKind placement;
        LayoutMount mount;
        char **mount_list;

        bool session_all_controllers; /* v2: a session gets every controller that can be had, not only those asked for */
        char **enter_from;            /* paths that a caller's own processes may leave although it does not control them */

        LegacyMode cgmanager;
        char **cgmanager_sockets; /* in this order: the first one that can be made */

        uint32_t connections_per_user;
        uint32_t delegations_per_user;
        uint32_t path_depth;      /* components of a path in a request */
        uint32_t max_depth;       /* cgroup.max.depth of a session or a delegation; 0: not set */
        uint32_t max_descendants; /* cgroup.max.descendants, likewise */
} Config;

/* Reads everything below a folder that stands for "/" (NULL: "/" itself), or only one file. On failure *error says
 * "FILE:LINE: what". */
Config *config_load(const char *root, const char *only_file, GError **error);
Config *config_free(Config *c);
DEFINE_CLEANUP(Config, config_free);

const char *placement_kind_to_string(PlacementKind p);
PlacementKind placement_kind_from_string(const char *s);
