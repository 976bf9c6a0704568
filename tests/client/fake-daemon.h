/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A peer that behaves as the real daemon can't be made to: dies in the middle of a call, hangs, answers with a given
 * error. It is a process of its own, so that it can be stopped and killed.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/* Shared with the fake's process. */
struct fake_control {
        atomic_int requests; /* method calls that reached any fake of this control */
        atomic_int connections;
        atomic_int die_at;      /* the request that it dies of, without an answer; 0: none */
        atomic_int deaths;      /* how many in a row each end a daemon, from that one on */
        atomic_int delay_msec;  /* before each answer */
        atomic_int refuse_list; /* OpenCgroup says that the controllers are several hierarchies */
        char error[128];        /* every method fails with this name; "": none */
        atomic_int moved_pid;   /* whom MovePidFd named last */
};

struct fake {
        struct fake_control *control;
        char directory[64];
        char socket[80];
        pid_t pid;
};

void fake_init(struct fake *f);
void fake_done(struct fake *f);

/* Starts it, now or after a while; it listens when this returns, if it is started now. */
void fake_start(struct fake *f);
void fake_start_later(struct fake *f, int msec);
/* Kills it, and waits for it. The socket stays, as after kill -9. */
void fake_kill(struct fake *f);
