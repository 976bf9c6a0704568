/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * What we remember of a cgroup, kept with the cgroup: extended attributes trusted.cgwarden.NAME of its directory. Only
 * CAP_SYS_ADMIN in the initial user namespace can write those (xattr(7)), and they are gone with the cgroup.
 */

#define RECORD_MAX 8192

int record_write(int fd, const char *name, const char *text);
/* Reads one into buf, ended with NUL. Returns the length, -ENODATA when there is none. */
int record_read(int fd, const char *name, char *buf, size_t size);
int record_remove(int fd, const char *name);

/* The value of a line "key=value" of a record, copied to buf. -ENODATA, -E2BIG. */
int record_field(const char *text, const char *key, char *buf, size_t size);
