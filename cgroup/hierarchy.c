/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/hierarchy.h"

#include <fcntl.h>

#include "common/file.h"
#include "common/parse.h"
#include "common/util.h"

void hierarchy_done(Hierarchy *h) {
        free(h->name);
        for (size_t i = 0; i < h->n_controllers; i++)
                free(h->controllers[i]);
        for (char **s = h->delegate; s && *s; s++)
                free(*s);
        free(h->delegate);
        safe_close(h->fd);
        *h = (Hierarchy) { .fd = -EBADF };
}

uint32_t hierarchy_controller_bit(const Hierarchy *h, const char *name, size_t length) {
        for (size_t i = 0; h->v2 && i < h->n_controllers; i++)
                if (strlen(h->controllers[i]) == length && memcmp(h->controllers[i], name, length) == 0)
                        return 1U << i;
        return 0;
}

int hierarchy_read_controllers(const Hierarchy *h, int fd, const char *file, uint32_t *ret) {
        char text[1024];
        const char *cursor = text, *word;
        uint32_t bits = 0;
        size_t n;
        int r = file_read_at(fd, file, text, sizeof(text));

        if (r < 0)
                return r;

        while (parse_word(&cursor, " \n", &word, &n))
                bits |= hierarchy_controller_bit(h, word, n);

        *ret = bits;
        return 0;
}

static int read_first(int fd, const char *name, pid_t *ret) {
        _cleanup_close_ int file = openat(fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        char text[16];
        const char *s = text;
        uint32_t pid;
        ssize_t n;

        if (file < 0)
                return -errno;

        n = read(file, text, sizeof(text) - 1);
        if (n < 0)
                return errno == EOPNOTSUPP ? 0 : -errno;
        if (n == 0)
                return 0;

        text[n] = '\0';
        if (parse_u32_next(&s, &pid) < 0)
                return -EIO;
        *ret = (pid_t) pid;
        return 1;
}

int hierarchy_first_pid(int fd, pid_t *ret) {
        return read_first(fd, "cgroup.procs", ret);
}

int hierarchy_has_threads(int fd) {
        pid_t first;

        return read_first(fd, "cgroup.threads", &first);
}
