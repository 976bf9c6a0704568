/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * close(2) waits for whom it likes: the server of a FUSE file, the peer of a TCP socket with SO_LINGER; and so it does of a unix
 * socket in whose queue such a descriptor is. What users send us is closed by a thread, which may wait.
 */

void close_elsewhere(int fd);

/* The socket of a connection: its peer sees the end of it at once. */
void close_connection(int fd);
