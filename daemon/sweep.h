/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/*
 * Looking now and then, for what the kernel does not tell: on v1 nobody is told that a cgroup got its first process, or
 * that its last one was moved away rather than ended. A timer that runs only while there is something to look at.
 */

Sweep *sweep_new(Manager *m);
Sweep *sweep_free(Sweep *s);
void sweep_wake(Manager *m);
