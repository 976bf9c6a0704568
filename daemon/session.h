/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/operations.h"

/*
 * Login sessions. A session is the cgroup user/NAME/N, the same path in all its hierarchies (below the scope of systemd's that the login
 * is in, where there is one, see session-scope.c), of which the truth is the record "session" on each of those cgroups. It is open until CloseSession or the end of its leader, then closing until
 * no process is left in it, and then its cgroups are removed.
 *
 * v2: the processes sit in the leaf N/init.scope. Root's login process starts there too and is moved out, to the
 * root-owned N.leader, as soon as the user has a process of his own: what a user owns he can freeze, move and kill.
 */

#define SESSION_ID_MAX 9

/* The sessions of one user below one prefix share what is the same for all of them. */
typedef struct SessionGroup {
        char *key;
        Root *root;   /* of the caller who has them opened */
        char *prefix; /* "user/ubuntu/": the path without its number */
        char *user;
        uid_t uid, charge, opener; /* opener: who has them opened, root or a container's root */
        gid_t gid;
        unsigned n_sessions;
        bool opened; /* there has been a session: the prefix is a good one */
        guint8 prune_depth;
        size_t n_words;
        uint64_t *used; /* a bit for each number */
} SessionGroup;

typedef struct Session {
        Watched process; /* the leader, later one of the processes left (v1) */
        Watched events;  /* v2, when closing */
        SessionGroup *group;
        Root *root; /* where its path starts: the group's, or in some hierarchies a session scope below that */
        uint64_t leader_start;
        pid_t leader; /* 0 when it has gone */
        uint32_t hierarchies;
        uint32_t number; /* SESSION_NO_NUMBER: the prefix is the whole path */
        char id[SESSION_ID_MAX];
        bool closing, emptied;
        guint8 pause, paused; /* sweeps until the next look: what is empty and stays is looked at ever more rarely */
        bool in_scope; /* of systemd's or elogind's on v2: session-N.scope/user, with root's leader beside it */
        bool joined; /* a cgroup that was there already: it is not ours to remove */
} Session;

#define SESSION_NO_NUMBER UINT32_MAX
#define SESSION_PRUNE_ALL UINT8_MAX

typedef struct SessionValue {
        const char *controller, *key, *value;
} SessionValue;

typedef struct SessionOptions {
        const char *user;
        uint32_t shown_uid, shown_gid; /* as the caller numbers them, for the pattern */
        uid_t uid;
        gid_t gid;
        PidRef leader; /* borrowed */
        const char *controllers, *pattern, *group;
        bool no_index_suffix;
        uint32_t max_index;   /* how many numbers to try, 0: no limit */
        uint32_t prune_depth; /* UINT32_MAX: all that we made */
        GArray *values;       /* SessionValue */
} SessionOptions;

SessionTable *session_table_new(Manager *m);
SessionTable *session_table_free(SessionTable *t);

int session_open(Manager *m, Caller *caller, const SessionOptions *options, Session **ret, sd_bus_error *error);
/* The login has ended: removes its cgroups now or when they are empty. May free the session. */
void session_close(Manager *m, Session *s);

/* Finds a session that the caller may see, or may end: others do not exist for it. */
Session *session_find(Manager *m, const Caller *caller, const char *id);
bool session_is_visible(const Session *s, const Caller *caller);
int session_authorize_close(const Session *s, const Caller *caller, sd_bus_error *error);
unsigned session_count(const Manager *m);

/* The path from the session's root; the caller of this frees. */
char *session_path(const Session *s);
/* The path in a hierarchy, as the caller sees it; h: NULL for the first one of the session's. */
char *session_shown_path(const Manager *m, const Session *s, const Hierarchy *h, const Caller *caller);

typedef int (*SessionHandler)(void *userdata, Session *s);
int session_for_each(Manager *m, SessionHandler f, void *userdata);

/* Reads a record found at the start; full is the cgroup's path in the hierarchy. */
int session_restore(Manager *m, const Hierarchy *h, const char *full, const char *record);
/* After all have been read: watches the leaders and ends those whose leader has gone. */
void session_restored(Manager *m);

bool session_sweep(Manager *m, bool thorough);
/* What may have kept a session is gone: the next sweep looks at all. */
void session_sweep_all(Manager *m);

/* The pattern of pam_cgm: %u %U %g %G %p %P, "\%" and "\x" for the character behind; any other %x stands for itself. A
 * user's or a group's name that is no good as a directory's becomes its number. NULL when out of memory. */
char *session_expand_pattern(const char *pattern, const char *user, uint32_t uid, const char *group, uint32_t gid,
                             uint32_t pid, uint32_t ppid);
