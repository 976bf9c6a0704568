/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/server.h"

/*
 * Where systemd is PID 1: a scope of a user's own, for what is in no login session whose scope could be delegated (cron, sudo, a
 * service with User=). PID 1 makes it when it is first asked for, below a slice:
 *
 *   cgwarden-UID.scope/      systemd's
 *     user/                  the user's, with every controller that there is
 *       init.scope/          his processes
 *     leader/                root's: a process of ours that keeps the scope while nobody else is in it, for a while
 */

UserScopes *user_scopes_new(Manager *m);
UserScopes *user_scopes_free(UserScopes *s);

typedef struct UserScope {
        UserScopes *scopes;
        char *name; /* the key */
        char *slice;
        unsigned tries;
        uid_t uid;
        gid_t gid;
        char *path;      /* from the daemon's root; NULL: it is being started */
        pid_t keeper;    /* 0: none */
        int keeper_fd;
        sd_event_source *ended, *idle;
        GQueue waiting;  /* Waiting */
} UserScope;

/* The user's scope below a slice ("user-1000.slice"), with ->path where it is there. Else it is started, and the answers to those who
 * wait for it are made again by resume() when it is, or failed. On failure error is set. */
int user_scope_get(Manager *m, uid_t uid, gid_t gid, const char *slice, UserScope **ret, sd_bus_error *error);

/* A message that is to be dealt with again when the scope is there. */
typedef int (*UserScopeResume)(sd_bus_message *message, void *userdata, sd_bus_error *error);
int user_scope_wait(UserScope *scope, sd_bus_message *message, UserScopeResume resume, Connection *connection, sd_bus_error *error);
/* A connection has ended. */
void user_scopes_forget(UserScopes *s, const Connection *connection);

/* It has been used. */
void user_scope_touch(UserScope *scope);
