/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What every file uses: cleanup attributes, ownership hand-over, small string helpers. libc only.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _unused_ __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#ifndef MIN /* glib has it too */
#define MIN(a, b) (((a) < (b)) ? (a) : (b))
#endif

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* The rest of s behind prefix, or NULL. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);
        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static inline void freep(void *p) {
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(freep)

/* Closes fd if it is one, keeps errno; returns -EBADF for fd = safe_close(fd). */
static inline int safe_close(int fd) {
        if (fd >= 0) {
                int saved = errno;
                (void) close(fd);
                errno = saved;
        }
        return -EBADF;
}

static inline void closep(int *fd) {
        safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

#define TAKE_PTR(p)                       \
        ({                                \
                __typeof__(p) _taken = p; \
                (p) = NULL;               \
                _taken;                   \
        })

static inline int take_fd(int *fd) {
        int taken = *fd;
        *fd = -EBADF;
        return taken;
}
#define TAKE_FD(fd) take_fd(&(fd))

/* Clears up a struct whose free function takes NULL and returns NULL. */
#define DEFINE_CLEANUP(type, func)                    \
        static inline void func##p(type **p) {        \
                if (*p)                               \
                        *p = func(*p);                \
        }                                             \
        struct cleanup_##func##_needs_a_semicolon
