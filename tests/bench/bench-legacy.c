/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cgmanager's interface beside the new one: the same work with the same kind of path, which is relative there. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbus/names.h"
#include "tests/bench/bench.h"

#define ROUNDS 600
#define WARM_UP 30
#define CGROUP "bench.cgmanager"

static void call_old(sd_bus *bus, const char *member, const char *signature, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m = NULL, *reply = NULL;
        va_list ap;
        int r;

        must("call", sd_bus_message_new_method_call(bus, &m, NULL, CGM_OBJECT_PATH, CGM_INTERFACE, member));
        va_start(ap, signature);
        must("arguments", sd_bus_message_appendv(m, signature, ap));
        va_end(ap);
        r = sd_bus_call(bus, m, 0, &error, &reply);
        if (r < 0) {
                (void) fprintf(stderr, "bench: %s: %s\n", member, error.message);
                die(member, r);
        }
        sd_bus_message_unref(reply);
        sd_bus_message_unref(m);
}

/* ---- the Scm form, as cgproxy speaks it */

static void open_pair(int pair[2]) {
        const int on = 1;

        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0 ||
            setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
            setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                die("socketpair", errno);
}

/* When asked for it. */
static void send_credential(int fd, pid_t pid) {
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(struct ucred))];
        } control = {
                .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS, .cmsg_len = CMSG_LEN(sizeof(struct ucred)) },
        };
        struct ucred cred = { .pid = pid, .uid = geteuid(), .gid = getegid() };
        char byte = 'p';
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

        if (read(fd, &byte, 1) != 1)
                die("Scm", errno);
        (void) memcpy(CMSG_DATA(&control.header), &cred, sizeof(cred));
        if (sendmsg(fd, &m, 0) < 0)
                die("sendmsg", errno);
}

static void take_answer(const int pair[2], const char *what) {
        char answer[4096];
        ssize_t n = read(pair[0], answer, sizeof(answer));

        if (n <= 0 || *answer == '0')
                die(what, EREMOTEIO);
        (void) close(pair[0]);
        (void) close(pair[1]);
}

static void get_value_scm(sd_bus *bus) {
        int pair[2];

        open_pair(pair);
        call_old(bus, "GetValueScm", "sssh", "freezer", CGROUP, "freezer.state", pair[1]);
        send_credential(pair[0], getpid());
        take_answer(pair, "GetValueScm");
}

static void move_scm(sd_bus *bus, pid_t pid) {
        int pair[2];

        open_pair(pair);
        call_old(bus, "MovePidScm", "ssh", "freezer", CGROUP, pair[1]);
        send_credential(pair[0], getpid());
        send_credential(pair[0], pid);
        take_answer(pair, "MovePidScm");
}

/* ---- the table */

enum { CREATE, CHOWN, MOVE, GET, REMOVE, GET_SCM, MOVE_SCM, N };

static void measure(sd_bus *bus, pid_t sleeper, Times *old, Times *new) {
        TIMED(new + CREATE, call(bus, "Create", "ss", "freezer", "bench.new"));
        TIMED(old + CREATE, call_old(bus, "Create", "ss", "freezer", CGROUP));
        TIMED(new + CHOWN, call(bus, "Chown", "ssuu", "freezer", "bench.new", 1000U, 1000U));
        TIMED(old + CHOWN, call_old(bus, "Chown", "ssii", "freezer", CGROUP, 1000, 1000));
        TIMED(new + MOVE, call(bus, "MovePid", "ssu", "freezer", "bench.new", (uint32_t) sleeper));
        TIMED(old + MOVE, call_old(bus, "MovePid", "ssi", "freezer", CGROUP, (int) sleeper));
        TIMED(new + GET, call(bus, "GetValue", "sss", "freezer", "bench.new", "freezer.state"));
        TIMED(old + GET, call_old(bus, "GetValue", "sss", "freezer", CGROUP, "freezer.state"));
        TIMED(old + GET_SCM, get_value_scm(bus));
        call(bus, "MovePid", "ssu", "freezer", "bench.new", (uint32_t) sleeper);
        TIMED(old + MOVE_SCM, move_scm(bus, sleeper));
        call(bus, "MovePid", "ssu", "freezer", "/", (uint32_t) sleeper);
        TIMED(new + REMOVE, call(bus, "Remove", "ssb", "freezer", "bench.new", 0));
        TIMED(old + REMOVE, call_old(bus, "Remove", "ssi", "freezer", CGROUP, 0));
}

void bench_legacy(void) {
        static const char *const names[N] = { "Create", "Chown", "MovePid", "GetValue", "Remove", "GetValueScm", "MovePidScm" };
        Times *old = calloc(N, sizeof(Times)), *new = calloc(N, sizeof(Times));
        sd_bus *bus = connect_to_daemon();
        pid_t sleeper = start_sleeper();

        if (!old || !new)
                die("memory", ENOMEM);
        for (size_t i = 0; i < ROUNDS + WARM_UP; i++) {
                if (i == WARM_UP)
                        for (size_t k = 0; k < N; k++)
                                old[k].n = new[k].n = 0;
                measure(bus, sleeper, old, new);
        }
        for (size_t k = 0; k < N; k++) {
                char name[64];

                (void) snprintf(name, sizeof(name), "cgmanager's %s, freezer", names[k]);
                if (k < GET_SCM)
                        row(name, times_median(old + k), NONE, NONE, 1.2 * times_median(new + k), "1.2 of the new interface's");
                else
                        row(name, times_median(old + k), NONE, NONE, NONE, "");
        }
        end_sleeper(sleeper);
        sd_bus_close_unref(bus);
        free(old);
        free(new);
}
