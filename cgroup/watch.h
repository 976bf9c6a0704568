/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "common/util.h"

/*
 * Tells when something has happened to a cgroup: one epoll descriptor for everything, to be put into an event loop.
 *
 * v2: inotify on cgroup.events, which the kernel modifies when the subtree gets its first or loses its last process
 * (cgroup-v2.rst, "Un-populated Notification"). v1: a pidfd of a process that is in it; when that one ends, look again.
 *
 * A Watch is embedded in what it belongs to and costs no memory of its own but a node of the lookup table.
 */

typedef struct Watcher Watcher;

typedef struct Watch {
        int wd;    /* of inotify, -1 when none */
        int pidfd; /* owned, -EBADF when none */
} Watch;

#define WATCH_NULL ((Watch) { .wd = -1, .pidfd = -EBADF })

/* Called from watcher_dispatch(); it may end any watch, its own too. */
typedef void (*WatchHandler)(Watch *w, void *userdata);

int watcher_new(WatchHandler handler, void *userdata, Watcher **ret);
Watcher *watcher_free(Watcher *w);
DEFINE_CLEANUP(Watcher, watcher_free);

int watcher_get_fd(const Watcher *w);
void watcher_dispatch(Watcher *w);

/* Watches cgroup.events of a v2 cgroup. -EEXIST when that cgroup is watched already. */
int watcher_add_events(Watcher *w, int cgroup_fd, Watch *watch);
/* Watches for the end of a process; takes the pidfd, also on failure. */
int watcher_add_process(Watcher *w, int pidfd, Watch *watch);
void watcher_remove(Watcher *w, Watch *watch);
/* What is left to do of watcher_remove(), of which inotify(7) makes the kernel's threads work: for when nobody waits for an answer. */
void watcher_settle(Watcher *w);
