/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
        const char *name;
        int err;
} errors[] = {
#define ENTRY(name, err) { CGW_ERROR(name), err },
        CGW_ERRORS(ENTRY)
#undef ENTRY
};

int error_name_to_errno(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
                if (streq(errors[i].name, name))
                        return -errors[i].err;
        return -EIO;
}

int refuse(sd_bus_error *error, const char *name, const char *format, ...) {
        va_list args;
        char message[1024];

        va_start(args, format);
        (void) vsnprintf(message, sizeof(message), format, args);
        va_end(args);

        /* A message carries what a client sent: the wire wants UTF-8, and people one line. */
        for (char *s = message; *s; s++)
                if ((unsigned char) *s < 0x20 || (unsigned char) *s >= 0x7f)
                        *s = '?';

        (void) sd_bus_error_set(error, name, message);
        return error_name_to_errno(name);
}

/* What the kernel's errno says about a cgroup, in words of the field. */
static const struct {
        int err;
        const char *name, *text;
} kernel_errors[] = {
        { ENOENT, CGW_ERROR(NoSuchCgroup), "there is no such cgroup" },
        { ENOTDIR, CGW_ERROR(NoSuchCgroup), "there is no such cgroup" },
        { ENODEV, CGW_ERROR(NoSuchController), "a controller is not enabled for the cgroup, or the cgroup has been removed" },
        { ENOKEY, CGW_ERROR(NoSuchKey), "the cgroup has no such attribute" },
        { ESRCH, CGW_ERROR(NoSuchProcess), "there is no such process" },
        { EACCES, CGW_ERROR(AccessDenied), "the kernel refuses it" },
        { EPERM, CGW_ERROR(AccessDenied), "the kernel refuses it" },
        { ENOTEMPTY, CGW_ERROR(NotEmpty), "it has cgroups below it" },
        { EEXIST, CGW_ERROR(Exists), "it exists already" },
        { EAGAIN, CGW_ERROR(QuotaExceeded), "cgroup.max.depth or cgroup.max.descendants is reached" },
        { EDQUOT, CGW_ERROR(QuotaExceeded), "the user's quota is reached" },
        { EXDEV, CGW_ERROR(InvalidPath), "it leads out of the hierarchy" },
        { ELOOP, CGW_ERROR(InvalidPath), "it leads through a symbolic link" },
        { ENAMETOOLONG, CGW_ERROR(InvalidPath), "it is too long" },
        { EINVAL, CGW_ERROR(InvalidValue), "the kernel does not take the value" },
        { ERANGE, CGW_ERROR(InvalidValue), "the value is out of range" },
        { EROFS, CGW_ERROR(ReadOnly), "the hierarchy is mounted read-only" },
        { EBUSY, CGW_ERROR(Busy), "it holds processes" },
        { ENOSPC, CGW_ERROR(Busy), "the cgroup has no cpus or memory nodes" },
        { EOPNOTSUPP, CGW_ERROR(NotSupported), "the cgroup is threaded or not a domain" },
        { ETIMEDOUT, CGW_ERROR(TimedOut), "it took too long" },
};

int fail(sd_bus_error *error, int err, const char *what, const Hierarchy *h, const char *rel) {
        const char *hierarchy = h ? h->name : "", *description = strerrordesc_np(-err);

        if (sd_bus_error_is_set(error))
                return err;

        for (size_t i = 0; i < ARRAY_SIZE(kernel_errors); i++)
                if (kernel_errors[i].err == -err)
                        return refuse(error, kernel_errors[i].name, "%s %s:/%s: %s", what, hierarchy, rel, kernel_errors[i].text);

        return refuse(error, CGW_ERROR(Failed), "%s %s:/%s: %s", what, hierarchy, rel, description ? description : "failed");
}
