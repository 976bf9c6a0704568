/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "cgroup/watch.h"
#include "daemon/caller.h"
#include "daemon/config.h"
#include "daemon/quota.h"

/*
 * What the daemon is made of. One thread, one event loop; nothing in it waits for a client.
 *
 *   connection -> manager-bus, session-bus    decode a message, find the caller
 *              -> request                     controllers and path, resolved beneath the caller's root
 *              -> operations, session         authorize(), then the steps, in a transaction
 *              -> cgroup/                     the kernel
 */

typedef struct Manager Manager;
typedef struct SessionTable SessionTable;
typedef struct DelegationTable DelegationTable;
typedef struct Server Server;
typedef struct Sweep Sweep;
typedef struct WorkTable WorkTable;
typedef struct UserScopes UserScopes;

struct Manager {
        sd_event *event;
        Config *config;
        Layout *layout;
        Host host;
        PlacementKind placement; /* as chosen, never PLACEMENT_AUTO */
        CgroupPaths unit;        /* under systemd: our own */
        Watcher *watcher;
        sd_event_source *watcher_source;
        Quotas *quotas;
        Sweep *sweep;
        WorkTable *work;
        SessionTable *sessions;
        DelegationTable *delegations;
        UserScopes *user_scopes;
        Server *server; /* NULL in tests of what lies below the bus */
};

/* Finds the hierarchies, undoes what a former daemon left half done and reads the records of the tree. */
int manager_new(sd_event *event, Config *config, Manager **ret);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager, manager_free);

/* Takes a new configuration; those keys that count only at the start are kept and a message says so. */
void manager_reload(Manager *m, Config *config);


/* Emits a signal of the Manager interface to everyone who may see its subject, see server.h. */
typedef bool (*SignalFilter)(const Caller *receiver, const void *userdata);
typedef int (*SignalFill)(sd_bus_message *message, const Caller *receiver, void *userdata);
void manager_emit(Manager *m, const char *member, SignalFilter filter, SignalFill fill, void *userdata);

/* What a Watch is embedded in; the first member of its owner, behind the Watch. */
typedef struct Watched {
        Watch watch;
        void (*changed)(struct Watched *w, Manager *m);
} Watched;

#define WATCHED_OWNER(w, type, member) ((type *) ((char *) (w) - offsetof(type, member)))
