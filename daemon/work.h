/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgroup/walk.h"
#include "daemon/manager.h"

/*
 * Work on a session or a delegation that may be any size, done in slices: what is not through after one goes on in a later
 * turn of the event loop, so that others are served in between.
 */

#define WORK_SLICE_USEC (20 * 1000)

typedef struct Work {
        unsigned step;  /* the owner's business */
        TreeWalk *walk; /* of this step, NULL when it has not begun */
        int result;     /* the owner's business, too */
        uint64_t deadline;
} Work;

/* Works until its deadline. -ETIMEDOUT: there is more to do. After any other result it is through; the owner may be gone. */
typedef int (*WorkHandler)(Manager *m, void *owner, Work *w);

WorkTable *work_table_new(Manager *m);
WorkTable *work_table_free(WorkTable *t);

/* Begins in the next turn. Nothing happens if the owner's work is under way already. */
void work_later(Manager *m, void *owner, WorkHandler handler);
/* The same, and its first slice is done now if nobody else's work waits. */
void work_now(Manager *m, void *owner, WorkHandler handler);
/* The owner is going. */
void work_forget(Manager *m, const void *owner);

/* The next step; its walk begins anew. */
void work_next_step(Work *w);

/* Steps that walk, from a cgroup on; -ETIMEDOUT until they are through. */

/* v1 tells nobody when a cgroup becomes empty: looks for any process in it or below, and has watch, which may be NULL, tell of
 * that one's end. Returns 1, 0, -errno. */
int work_find_process(Manager *m, Work *w, int fd, Watch *watch);
/* Removes what is below and empty, and no live session or persistent delegation. Returns 0, -EBUSY, -errno. */
int work_remove_below(Manager *m, Work *w, int fd);
