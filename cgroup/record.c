/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/record.h"

#include <stdio.h>
#include <sys/xattr.h>

#include "common/util.h"

static void full_name(char *buf, size_t size, const char *name) {
        (void) snprintf(buf, size, "trusted.cgwarden.%s", name);
}

int record_write(int fd, const char *name, const char *text) {
        char full[64];

        full_name(full, sizeof(full), name);
        return fsetxattr(fd, full, text, strlen(text), 0) < 0 ? -errno : 0;
}

int record_read(int fd, const char *name, char *buf, size_t size) {
        char full[64];
        ssize_t n;

        full_name(full, sizeof(full), name);
        n = fgetxattr(fd, full, buf, size - 1);
        if (n < 0)
                return errno == ERANGE ? -E2BIG : -errno;
        buf[n] = '\0';
        return (int) n;
}

int record_remove(int fd, const char *name) {
        char full[64];

        full_name(full, sizeof(full), name);
        return fremovexattr(fd, full) < 0 ? -errno : 0;
}

int record_field(const char *text, const char *key, char *buf, size_t size) {
        size_t key_length = strlen(key);

        for (const char *line = text; *line;) {
                const char *end = strchrnul(line, '\n');

                if (strncmp(line, key, key_length) == 0 && line[key_length] == '=') {
                        const char *value = line + key_length + 1;
                        size_t n = (size_t) (end - value);

                        if (n >= size)
                                return -E2BIG;
                        memcpy(buf, value, n);
                        buf[n] = '\0';
                        return 0;
                }
                line = *end ? end + 1 : end;
        }
        return -ENODATA;
}
