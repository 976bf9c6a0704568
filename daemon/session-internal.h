/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/leaf.h"
#include "daemon/session.h"

/* What the session-*.c files share. */

#define SESSION_RECORD "session"
#define MADE_RECORD "made" /* on the parents that we made for sessions */

struct SessionTable {
        Manager *manager;
        GHashTable *sessions; /* id -> Session */
        GHashTable *groups;   /* key -> SessionGroup */
        sd_event_source *prune_timer;
        bool sweep_all;
};

/* With the fields of like that say what its sessions share: root, prefix, user, the ids, charge and opener. */
SessionGroup *session_group_get(Manager *m, const SessionGroup *like);
/* Frees a group that never had a session. */
void session_group_forget(Manager *m, SessionGroup *g);
/* The smallest free number from a number on. */
uint32_t session_group_next(const SessionGroup *g, uint32_t from);
void session_group_set(SessionGroup *g, uint32_t number, bool used);
/* Frees the groups that have no session, and removes their directories. */
void session_groups_prune(Manager *m);
void session_group_prune_later(Manager *m);

/* root: NULL for the group's; takes no reference over. */
Session *session_new(SessionGroup *g, uint32_t number, Root *root);
void session_insert(Manager *m, Session *s);
void session_drop(Manager *m, Session *s);
/* SignalFilter for what is about a session: userdata is the Manager, the Session, and what else the signal tells. */
bool session_filter(const Caller *receiver, const void *userdata);

int session_write_record(const Session *s, const Hierarchy *h, int fd);
/* What lies between the group's root and the session's; "" where they are one. */
const char *session_base(const Session *s, const Hierarchy *h);
/* Removes the directories above a session that we made and nothing is in. */
void session_prune_above(Manager *m, const SessionGroup *g, const Root *root);
int session_open_cgroup(const Session *s, const Hierarchy *h, const char *suffix);

/* A place of a session, from the root: "" itself, its leaf, or root's leader's, which is beside it. */
char *session_place(const Session *s, const char *suffix);

/* Where a session goes, see session-scope.c. Paths are from the caller's root. */
typedef struct Destination {
        CgroupPaths from;  /* where the leader is */
        Selection selection;
        char *in_scope;    /* v2 alone: its path, below the scope that the leader is in; NULL: it has the ordinary one */
        CgroupPaths bases; /* where the ordinary one starts: at the scope that the leader is in; NULL: at the root */
        Root *root;        /* the same; NULL: the caller's */
} Destination;

int destination_find(Manager *m, Caller *caller, const SessionOptions *options, Destination *ret, sd_bus_error *error);
void destination_done(Destination *d);

/* OpenSession: one try, for one path. */
typedef struct Opening {
        Request request;
        const SessionOptions *options;
        const Destination *destination;
        Session *session;
        Transaction *transaction;
        GPtrArray *leaves; /* on the way, see leaf.h */
        bool joining;      /* the cgroup is there, and it is to be entered */
        int scope_fd;      /* for the transaction, which borrows it */
} Opening;

/* The last session below it has been removed. */
void session_scope_leave(const Session *s, const Hierarchy *v2);
/* Its cgroup and its leaf with the leader in it, in place of what is done elsewhere. */
int session_scope_make(Opening *o, Target *t);

void session_watch_leader(Manager *m, Session *s, PidRef *leader);
/* v2: moves root's leader out when the user has a process of his own; asks again until then. */
void session_part_leader(Manager *m, const Session *s);
