/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/*
 * What we ask of PID 1 where it is systemd, on the system bus (org.freedesktop.systemd1(5)): scopes. Nothing waits for it: an answer is
 * a call of SystemdDone.
 */

typedef struct Systemd Systemd;

Systemd *systemd_new(sd_event *event);
Systemd *systemd_free(Systemd *s);

/* path: of the unit's cgroup, without a leading '/', where it was there already; NULL: the process is in it. r: 0, or a negative errno
 * with the reason. */
typedef void (*SystemdDone)(void *userdata, int r, const char *path, const char *reason);

/* Starts a scope that is delegated (Delegate=yes), with a process in it. Exactly one call of done follows, but for
 * systemd_forget(); with an error there is none. */
int systemd_start_scope(Systemd *s, const char *name, const char *slice, const char *description, pid_t pid, SystemdDone done,
                        void *userdata);
/* What was asked with this userdata is not told any more. */
void systemd_forget(Systemd *s, const void *userdata);
