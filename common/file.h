/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * Reading and writing the small text files of /proc and cgroupfs relative to a held directory descriptor.
 * dir_fd may be AT_FDCWD for an absolute name.
 */

/* Reads a whole file into buf and ends it with NUL. Returns its length, -E2BIG when it does not fit, -errno. */
int file_read_at(int dir_fd, const char *name, char *buf, size_t size);

/* Reads a file of any length up to max bytes into memory that the caller frees. -E2BIG when it is longer. */
int file_read_all_at(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_length);

/* Writes text with one write(): the files of cgroupfs take a value whole or refuse it. */
int file_write_at(int dir_fd, const char *name, const char *text);

/* The same for a file whose write() may take its time, as lowering a limit of memory does. Linux 6.16 and later don't do that work
 * in write() at all (O_NONBLOCK); what does is ended by SIGALRM, for which the program has a handler. -ETIMEDOUT. */
int file_write_within(int dir_fd, const char *name, const char *text, unsigned usec);

/* Makes an independent descriptor (O_RDONLY|O_DIRECTORY) of the directory that fd names. */
int file_reopen_directory(int fd);
