/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The last failure of a context: an errno, one line, and the D-Bus name when the daemon sent it.
 */

#include <stdarg.h>
#include <stdio.h>

#include "client/internal.h"

static const struct {
        const char *name;
        int error;
} error_table[] = {
#define ENTRY(name, error) {CGW_ERROR(name), error},
        CGW_ERRORS(ENTRY)
#undef ENTRY
};

void cgw_clear_error(cgw_t *c) {
        free(c->error_message);
        free(c->error_name);
        c->error_message = c->error_name = NULL;
        c->error = 0;
}

int cgw_fail(cgw_t *c, int error, const char *format, ...) {
        char *message = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&message, format, ap) < 0)
                message = NULL;
        va_end(ap);

        /* After the formatting: the arguments may be the last failure's. */
        cgw_clear_error(c);
        c->error = error;
        c->error_message = message;
        return error;
}

static int error_of(const sd_bus_error *e) {
        for (size_t i = 0; i < ARRAY_SIZE(error_table); i++)
                if (streq(e->name, error_table[i].name))
                        return -error_table[i].error;

        /* A name that a newer daemon has and this library does not know. */
        if (startswith(e->name, CGW_ERROR_PREFIX))
                return -EIO;

        int r = sd_bus_error_get_errno(e);
        return r > 0 ? -r : -EIO;
}

int cgw_fail_reply(cgw_t *c, sd_bus_message *reply) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        int r = error_of(e);

        cgw_fail(c, r, "%s", e->message && *e->message ? e->message : e->name);
        c->error_name = strdup(e->name);
        return r;
}

int cgw_bad_reply(cgw_t *c, int error) {
        if (error == -ENOMEM)
                return cgw_fail(c, error, "out of memory");

        return cgw_fail(c, -EIO, "cgwardend's answer is not as agreed: %s", strerror(-error));
}

_public_ const char *cgw_error_message(const cgw_t *c) {
        if (!c || c->error == 0)
                return "";

        return c->error_message ? c->error_message : "out of memory";
}

_public_ const char *cgw_error_name(const cgw_t *c) {
        return c ? c->error_name : NULL;
}
