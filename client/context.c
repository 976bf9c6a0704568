/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A context's life and settings.
 */

#include <sys/mman.h>

#include "client/internal.h"
#include "build-config.h"

#define DEFAULT_TIMEOUT (10 * USEC_PER_SEC)
#define DEFAULT_RECONNECT_TIMEOUT (2 * USEC_PER_SEC)

/* NULL where the kernel has no MADV_WIPEONFORK (before 4.14): then the pid has to do. */
static unsigned char *new_fork_mark(void) {
        size_t size = (size_t)sysconf(_SC_PAGESIZE);
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                return NULL;

        if (madvise(p, size, MADV_WIPEONFORK) < 0) {
                munmap(p, size);
                return NULL;
        }

        return p;
}

_public_ int cgw_new(cgw_t **ret_c) {
        if (!ret_c)
                return -EINVAL;

        cgw_t *c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;

        c->timeout = DEFAULT_TIMEOUT;
        c->reconnect_timeout = DEFAULT_RECONNECT_TIMEOUT;
        c->socket.fd = -EBADF;
        c->fork_mark = new_fork_mark();
        *ret_c = c;
        return 0;
}

_public_ cgw_t *cgw_free(cgw_t *c) {
        if (!c)
                return NULL;

        cgw_disconnect(c);
        cgw_clear_error(c);
        if (c->fork_mark)
                munmap(c->fork_mark, (size_t)sysconf(_SC_PAGESIZE));
        free(c->address);
        free(c);
        return NULL;
}

_public_ int cgw_set_address(cgw_t *c, const char *address) {
        char *copy = NULL;

        if (!c)
                return -EINVAL;
        if (address && *address == '\0')
                return cgw_fail(c, -EINVAL, "the address is empty");
        if (address) {
                copy = strdup(address);
                if (!copy)
                        return cgw_fail(c, -ENOMEM, "out of memory");
        }

        cgw_disconnect(c);
        c->was_connected = false;
        free(c->address);
        c->address = copy;
        return 0;
}

_public_ int cgw_set_timeout(cgw_t *c, uint64_t usec) {
        if (!c || usec == 0)
                return -EINVAL;

        c->timeout = usec;
        return 0;
}

_public_ int cgw_set_reconnect_timeout(cgw_t *c, uint64_t usec) {
        if (!c)
                return -EINVAL;

        c->reconnect_timeout = usec;
        return 0;
}

_public_ const char *cgw_library_version(void) {
        return CGW_VERSION;
}

_public_ char **cgw_strv_free(char **strv) {
        if (strv)
                for (char **s = strv; *s; s++)
                        free(*s);
        free(strv);
        return NULL;
}
