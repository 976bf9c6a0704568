/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The listening socket: the one that the service manager passed, else a new one at path. Its folder stays when we end,
 * so that where it is mounted into a container the next daemon's socket appears too. Everyone may connect: what a caller
 * may do is decided for each request. Says itself what is wrong. Returns the descriptor. */
int listen_open(const char *path);

/* One more, beside it; what is wrong is logged at that level. -EXDEV: the folder would be a cgroup. */
int listen_at(const char *path, int level);
