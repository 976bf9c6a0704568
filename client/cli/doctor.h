/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the checks of "cgwarden doctor" share. A check looks at one thing and adds a finding for each object that it
 * looked at. It changes nothing.
 */

#include <gio/gunixmounts.h>

#include "client/cli/cli.h"

enum state {
        STATE_OK,
        STATE_WARNING, /* works, but not as one would expect */
        STATE_MISSING,
        _STATE_MAX,
};

/* Where the line belongs that mends something. */
enum place {
        PLACE_HERE,      /* a command, for root */
        PLACE_USER,      /* a command, for the user himself */
        PLACE_HOST,      /* a command on the container's host */
        PLACE_CONTAINER, /* a line of the container's configuration on its host */
        _PLACE_MAX,
};

struct finding {
        const char *check;
        enum state state;
        char *object, *reason;
        char *mend; /* NULL when all is well */
        enum place place;
};

struct doctor {
        struct cli *cli;
        int depth;

        /* Whose containers; name is NULL when that was not said. */
        char *user, *home;
        uid_t uid;
        gid_t gid;
        bool self; /* he is the caller */

        bool container; /* we are in one */
        GList *mounts;  /* GUnixMountEntry *, in the kernel's order: a later one covers an earlier one */

        /* Where the user's subordinate ids begin: the root of his containers. 0 when he has none. */
        uid_t root_uid;
        gid_t root_gid;

        bool no_socket; /* said already, and the reason for what follows from it */

        /* From the daemon; NULL when it does not answer. */
        char **controllers;
        cgw_hierarchy_t **hierarchies;
        cgw_session_t **sessions;

        /* The PAM line that is there, or should be, and the controllers that all of them name. */
        char *pam_line;
        GPtrArray *pam_controllers;

        const char *check; /* the one that runs */
        GArray *findings;
};

/* Takes the finding's strings. */
void doctor_add(struct doctor *d, struct finding f);

/* The text of a small file without its last newline, NULL when it can't be read. */
char *doctor_read(const char *path);
/* A word of a shell's command line, in quotes where it needs them. */
char *doctor_quote(const char *word);
/* The mount that is seen at a path, or NULL. */
GUnixMountEntry *doctor_mount_at(const struct doctor *d, const char *path);

/* doctor-daemon.c: whether the PAM lines mean something in this hierarchy. */
bool doctor_needs_hierarchy(const struct doctor *d, const cgw_hierarchy_t *h);
/* doctor-daemon.c: the controllers that they want from v2, by v2's names. NULL at the end. */
char **doctor_unified_controllers(const struct doctor *d);

void check_kernel(struct doctor *d);
void check_idmap_programs(struct doctor *d);
void check_subids(struct doctor *d);
void check_home(struct doctor *d);
void check_socket(struct doctor *d);
void check_daemon(struct doctor *d);
void check_service(struct doctor *d);
void check_pam(struct doctor *d);
void check_mounts(struct doctor *d);
void check_proc(struct doctor *d);
void check_leaf(struct doctor *d);
void check_cgroup(struct doctor *d);
