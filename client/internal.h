/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Inside the library. Everything here is hidden; what is exported is marked _public_ and listed in libcgwarden.sym.
 */

#include <systemd/sd-bus.h>

#include "client/cgwarden.h"
#include "common/util.h"
#include "dbus/names.h"

#define _public_ __attribute__((visibility("default")))

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

/* A socket, told by what it is: a child may have closed the number and got it again for something else. */
struct socket_identity {
        int fd;
        dev_t device;
        ino_t inode;
};

struct cgw {
        char *address; /* as cgw_set_address() got it, or NULL */
        uint64_t timeout;
        uint64_t reconnect_timeout;

        sd_bus *bus; /* NULL while there is no connection */
        struct socket_identity socket;
        bool through_broker; /* the system bus: a destination is needed */
        bool was_connected;  /* so that a daemon which is gone is likely to be back in a moment */

        pid_t owner;              /* who connected */
        unsigned char *fork_mark; /* a page that reads 0 in a child: a pid alone is not enough in pid namespaces */

        int error;
        char *error_message;
        char *error_name;
};

/* One method call. It can be put into a message more than once: after a reconnect the message is a new one. */
struct request {
        const char *object;
        const char *interface;
        const char *member;
        bool repeatable; /* a second one does no harm when the first was carried out and its answer lost */
        int (*append)(sd_bus_message *m, const void *arg);
        const void *arg;
};

/* errors.c: both return error. */
int cgw_fail(cgw_t *c, int error, const char *format, ...) _printf_(3, 4);
int cgw_fail_reply(cgw_t *c, sd_bus_message *reply);
int cgw_bad_reply(cgw_t *c, int error);
void cgw_clear_error(cgw_t *c);

/* connection.c: c->bus is ready after it; call_bound is when the call gives up. */
int cgw_ensure_connected(cgw_t *c, uint64_t call_bound);
bool cgw_lost_connection(int error);
uint64_t cgw_now(void);
uint64_t cgw_after(uint64_t usec);
uint64_t cgw_left(uint64_t bound);

/* call.c */
int cgw_request(cgw_t *c, const struct request *request, sd_bus_message **ret_reply);
int cgw_repeatable(cgw_t *c, const char *member, sd_bus_message **ret_reply, const char *types, ...);
int cgw_once(cgw_t *c, const char *member, sd_bus_message **ret_reply, const char *types, ...);
int cgw_append_string(sd_bus_message *m, const char *s);
bool cgw_utf8_valid(const char *s);

/* Reads the one string of a reply. */
int cgw_read_string(cgw_t *c, sd_bus_message *reply, char **ret);

/* process.c: a pidfd for pid, 0 being this process; -ENOSYS where the kernel has none. */
int cgw_open_pidfd(pid_t pid);

/* options.c */
struct cgw_value {
        char *controller; /* NULL for a delegation's */
        char *key;
        char *value;
};

struct cgw_values {
        struct cgw_value *items;
        size_t n;
};

struct cgw_delegate_options {
        bool has_owner, has_leaf;
        uid_t uid;
        gid_t gid;
        bool leaf;
        char *lifetime;
        int *pidfds;
        size_t n_pidfds;
        struct cgw_values values;
};

struct cgw_session_options {
        char *controllers;
        char *pattern;
        char *group;
        struct cgw_values values;
        bool no_index_suffix;
        bool has_max_index, has_prune_depth;
        uint32_t max_index, prune_depth;
};

struct cgw_place {
        char *controllers;
        char *path;
};

struct cgw_spawn_options {
        struct cgw_place *places;
        size_t n_places;
        char **environment; /* NULL: the caller's */
        char *directory;
        int stdio[3];
        bool has_mask;
        sigset_t mask;
};

int cgw_append_delegate_options(sd_bus_message *m, const cgw_delegate_options_t *o);
int cgw_append_session_options(sd_bus_message *m, const cgw_session_options_t *o);

/* One more pointer in a list that always ends with NULL. 0 or -ENOMEM; the list is good in both cases. */
#define APPEND_POINTER(list, n, item)                                                     \
        ({                                                                                \
                __typeof__(list) _larger = reallocarray(list, (n) + 2, sizeof(*_larger)); \
                if (_larger) {                                                            \
                        _larger[(n)++] = (item);                                          \
                        _larger[n] = NULL;                                                \
                        (list) = _larger;                                                 \
                }                                                                         \
                _larger ? 0 : -ENOMEM;                                                    \
        })

static inline void cgw_message_unrefp(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(cgw_message_unrefp)
