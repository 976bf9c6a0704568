/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common/file.h"

#include <fcntl.h>
#include <sys/time.h>

#include "common/util.h"

int file_read_at(int dir_fd, const char *name, char *buf, size_t size) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        size_t length = 0;

        if (fd < 0)
                return -errno;

        while (length < size) {
                ssize_t n = read(fd, buf + length, size - length);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0) {
                        buf[length] = '\0';
                        return (int) length;
                }
                length += (size_t) n;
        }

        return -E2BIG;
}

int file_read_all_at(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_length) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        _cleanup_free_ char *buf = NULL;
        size_t length = 0, size = 0;

        if (fd < 0)
                return -errno;

        for (;;) {
                ssize_t n;

                if (size - length < 2) {
                        char *bigger;

                        size = size ? size * 2 : 4096;
                        bigger = realloc(buf, size);
                        if (!bigger)
                                return -ENOMEM;
                        buf = bigger;
                }

                n = read(fd, buf + length, size - length - 1);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;
                length += (size_t) n;
                if (length > max)
                        return -E2BIG;
        }

        buf[length] = '\0';
        *ret = TAKE_PTR(buf);
        if (ret_length)
                *ret_length = length;
        return 0;
}

int file_write_within(int dir_fd, const char *name, const char *text, unsigned usec) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        /* Again and again: the first one may come before write() has begun. */
        const struct itimerval off = {}, on = { .it_value.tv_usec = usec, .it_interval.tv_usec = 10 * 1000 };
        size_t length = strlen(text);
        ssize_t n;
        int r;

        if (fd < 0)
                return -errno;

        (void) setitimer(ITIMER_REAL, &on, NULL);
        n = write(fd, text, length);
        r = n < 0 ? -errno : (size_t) n == length ? 0 : -EIO;
        (void) setitimer(ITIMER_REAL, &off, NULL);
        return r == -EINTR ? -ETIMEDOUT : r;
}

int file_write_at(int dir_fd, const char *name, const char *text) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        size_t length = strlen(text);
        ssize_t n;

        if (fd < 0)
                return -errno;

        do
                n = write(fd, text, length);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        return (size_t) n == length ? 0 : -EIO;
}

int file_reopen_directory(int fd) {
        int r = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return r < 0 ? -errno : r;
}
