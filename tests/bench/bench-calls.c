/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Single calls beside the system calls that do the same, the price of a connection, many clients, and leaks. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dbus/names.h"
#include "dbus/wire.h"
#include "tests/bench/bench.h"

#define ROUNDS 1500
#define WARM_UP 50

/* About as much as a Ping and its answer have. */
#define MESSAGE_SIZE 100

/* ---- the other end of a plain socket */

typedef struct Echo {
        pid_t pid;
        int fd; /* connected */
        struct sockaddr_un address;
} Echo;

static void serve(int fd) {
        char buffer[MESSAGE_SIZE];

        while (read(fd, buffer, sizeof(buffer)) == sizeof(buffer))
                if (write(fd, buffer, sizeof(buffer)) != sizeof(buffer))
                        break;
}

static int echo_connect(const Echo *e) {
        int fd = must("socket", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

        if (connect(fd, (const struct sockaddr *) &e->address, sizeof(e->address)) < 0)
                die("connect", errno);
        return fd;
}

/* One process for a connection that stays, one for those that come and go. */
static void echo_start(Echo *e) {
        int listener, pair[2];

        *e = (Echo) { .address.sun_family = AF_UNIX };
        (void) snprintf(e->address.sun_path, sizeof(e->address.sun_path), "/run/bench-echo.%d", (int) getpid());
        listener = must("socket", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (bind(listener, (const struct sockaddr *) &e->address, sizeof(e->address)) < 0 || listen(listener, 64) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                die("listen", errno);

        e->pid = fork();
        if (e->pid == 0) {
                (void) close(pair[0]);
                if (fork() == 0) {
                        serve(pair[1]); /* ends with the other end */
                        _exit(0);
                }
                (void) close(pair[1]);
                for (;;) {
                        int fd = accept(listener, NULL, NULL);

                        serve(fd);
                        (void) close(fd);
                }
        }
        (void) close(listener);
        (void) close(pair[1]);
        e->fd = pair[0];
}

static void echo_stop(Echo *e) {
        (void) close(e->fd);
        end_sleeper(e->pid);
        (void) unlink(e->address.sun_path);
}

static void echo_once(int fd) {
        char buffer[MESSAGE_SIZE] = "";

        if (write(fd, buffer, sizeof(buffer)) != sizeof(buffer) || read(fd, buffer, sizeof(buffer)) != sizeof(buffer))
                die("echo", errno);
}

/* ---- calls */

/* What a delegation hands over, as far as there is any of it without a memory controller on v2. */
static void plain_chown(const char *directory, bool v2, uid_t uid) {
        static const char *const files[] = { "", "/cgroup.procs", "/tasks" };
        static const char *const files_v2[] = { "", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control" };
        size_t n = v2 ? sizeof(files_v2) / sizeof(*files_v2) : sizeof(files) / sizeof(*files);
        char path[600];

        for (size_t i = 0; i < n; i++) {
                (void) snprintf(path, sizeof(path), "%s%s", directory, v2 ? files_v2[i] : files[i]);
                if (chown(path, uid, uid) < 0)
                        die(path, errno);
        }
}

static void plain_read(const char *directory, const char *key) {
        char path[600], text[4096];

        (void) snprintf(path, sizeof(path), "%s/%s", directory, key);
        (void) read_file(path, text, sizeof(text));
}

static void call_row(const char *controller, const char *what, Times *ours, Times *plain, double ping) {
        char name[128];
        double p = times_median(plain);

        (void) snprintf(name, sizeof(name), "%s, %s", what, controller);
        row(name, times_median(ours), p, NONE, ping + 1.5 * p, "Ping + 1.5 plain");
}

static void bench_operations(sd_bus *bus, const Echo *echo, const char *controller, const char *key, size_t rounds,
                             double *ret_ping) {
        enum { PING, CREATE, CHOWN, MOVE, GET, REMOVE, N };
        static const char *const names[N] = { "Ping", "Create", "Chown", "MovePid", "GetValue", "Remove" };
        Times *ours = calloc(N, sizeof(Times)), *plain = calloc(N, sizeof(Times));
        pid_t sleeper = start_sleeper();
        bool v2 = strcmp(controller, "unified") == 0;
        char top[256], home[512], directory[512];
        double ping;

        if (!ours || !plain)
                die("memory", ENOMEM);
        (void) snprintf(top, sizeof(top), "/sys/fs/cgroup/%s", controller);
        (void) snprintf(directory, sizeof(directory), "%s/bench.plain", top);
        /* On v2 a world keeps its processes out of its root. */
        (void) snprintf(home, sizeof(home), "%s%s", top, v2 ? "/world.leaf" : "");

        for (size_t i = 0; i < rounds + WARM_UP; i++) {
                if (i == WARM_UP)
                        for (size_t k = 0; k < N; k++)
                                ours[k].n = plain[k].n = 0;

                TIMED(plain + PING, echo_once(echo->fd));
                TIMED(ours + PING, call_ping(bus));
                TIMED(plain + CREATE, must(directory, mkdir(directory, 0755)));
                TIMED(ours + CREATE, call(bus, "Create", "ss", controller, "/bench.ours"));
                TIMED(plain + CHOWN, plain_chown(directory, v2, 1000));
                TIMED(ours + CHOWN, call(bus, "Chown", "ssuu", controller, "/bench.ours", 1000U, 1000U));
                TIMED(plain + MOVE, write_pid(directory, sleeper));
                TIMED(ours + MOVE, call(bus, "MovePid", "ssu", controller, "/bench.ours", (uint32_t) sleeper));
                TIMED(plain + GET, plain_read(directory, key));
                TIMED(ours + GET, call_get_value(bus, controller, "/bench.ours", key));
                write_pid(home, sleeper);
                TIMED(plain + REMOVE, must(directory, rmdir(directory)));
                TIMED(ours + REMOVE, call(bus, "Remove", "ssb", controller, "/bench.ours", 0));
        }
        end_sleeper(sleeper);

        ping = times_median(ours + PING);
        if (ret_ping) {
                double p = times_median(plain + PING);

                row("Ping on an open connection", ping, p, NONE, 2 * p, "2 plain ping-pongs");
                *ret_ping = ping;
        }
        for (size_t k = CREATE; k < N; k++)
                call_row(controller, names[k], ours + k, plain + k, ping);
        free(ours);
        free(plain);
}

/* ---- connections */

static void wire_ping(void) {
        WireCall c;
        static WireReply reply;

        wire_call_init(&c, CGW_OBJECT_PATH, "org.freedesktop.DBus.Peer", "Ping", "", -1);
        must("wire_call_finish", wire_call_finish(&c));
        must("wire_transact", wire_transact(CGW_SOCKET_PATH, 5000000, &c, &reply));
        if (reply.message.type != WIRE_TYPE_RETURN)
                die("Ping", EREMOTEIO);
}

static void bench_connect(sd_bus *bus, const Echo *echo) {
        static Times connected_ping, connected_get, open_ping, open_get, plain, wire;
        double p, ping;

        for (size_t i = 0; i < ROUNDS / 2; i++) {
                sd_bus *b;
                int fd;

                TIMED(&plain, {
                        fd = echo_connect(echo);
                        echo_once(fd);
                        (void) close(fd);
                });
                TIMED(&open_ping, call_ping(bus));
                TIMED(&connected_ping, {
                        b = connect_to_daemon();
                        call_ping(b);
                });
                sd_bus_close_unref(b);
                TIMED(&open_get, call_get_value(bus, "freezer", "/bench.get", "freezer.state"));
                TIMED(&connected_get, {
                        b = connect_to_daemon();
                        call_get_value(b, "freezer", "/bench.get", "freezer.state");
                });
                sd_bus_close_unref(b);
                TIMED(&wire, wire_ping());
        }
        p = times_median(&plain);
        ping = 2.5 * times_median(&open_ping);
        row("connect, authenticate, Ping: sd-bus", times_median(&connected_ping), p, NONE, ping, "2.5 Ping");
        row("connect, authenticate, GetValue: sd-bus", times_median(&connected_get), p, NONE, 2.5 * times_median(&open_get),
            "2.5 GetValue");
        row("connect, authenticate, Ping: the PAM module's", times_median(&wire), p, NONE, ping, "2.5 Ping");
}

/* ---- memory */

/* Malloc keeps what it has had once: the first thousands are not counted. */
static void bench_growth(sd_bus *bus, pid_t daemon_pid) {
        double before = 0;

        for (size_t i = 0; i < 11000; i++) {
                if (i == 1000)
                        before = memory_of(daemon_pid, "RssAnon");
                call(bus, "Create", "ss", "freezer", "/bench.grow");
                call(bus, "Chown", "ssuu", "freezer", "/bench.grow", 1000U, 1000U);
                for (size_t k = 0; k < 4; k++)
                        call_get_value(bus, "freezer", "/bench.grow", "freezer.state");
                call_ping(bus);
                call(bus, "ListChildren", "ss", "freezer", "/");
                call(bus, "GetPidCgroup", "su", "freezer", 0U);
                call(bus, "Remove", "ssb", "freezer", "/bench.grow", 0);
        }
        row("growth of RssAnon over 100,000 requests, KB", (memory_of(daemon_pid, "RssAnon") - before) / 1e3, NONE, NONE, 0,
            "none");
}

void bench_calls(pid_t daemon_pid) {
        sd_bus *bus = connect_to_daemon();
        double ping;
        Echo echo;

        echo_start(&echo);
        call(bus, "Create", "ss", "freezer", "/bench.get");
        bench_operations(bus, &echo, "freezer", "freezer.state", ROUNDS, &ping);
        bench_operations(bus, &echo, "memory", "memory.limit_in_bytes", ROUNDS / 3, NULL);
        bench_operations(bus, &echo, "unified", "cgroup.max.depth", ROUNDS / 3, NULL);
        bench_connect(bus, &echo);
        bench_growth(bus, daemon_pid);
        call(bus, "Remove", "ssb", "freezer", "/bench.get", 0);
        echo_stop(&echo);
        sd_bus_close_unref(bus);
}

/* ---- many clients */

#define CROWD 64
#define CROWD_CALLS 16000

/* How long n clients take for CROWD_CALLS calls in all. They start together, when the pipe ends. */
static double crowd(size_t n, size_t *errors) {
        pid_t pids[CROWD];
        int go[2], ready[2];
        double start;
        char c;

        if (pipe(go) < 0 || pipe(ready) < 0)
                die("pipe", errno);
        (void) fflush(NULL);
        for (size_t i = 0; i < n; i++) {
                pids[i] = must("fork", fork());
                if (pids[i] == 0) {
                        sd_bus *bus = connect_to_daemon();

                        call_get_value(bus, "freezer", "/bench.crowd", "freezer.state");
                        (void) close(go[1]);
                        if (write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 0)
                                _exit(1);
                        for (size_t k = 0; k < CROWD_CALLS / n; k++)
                                call_get_value(bus, "freezer", "/bench.crowd", "freezer.state");
                        _exit(0);
                }
        }
        (void) close(ready[1]);
        for (size_t i = 0; i < n && read(ready[0], &c, 1) == 1; i++)
                ;
        start = now_usec();
        (void) close(go[0]);
        (void) close(go[1]);
        for (size_t i = 0; i < n; i++) {
                int status;

                (void) waitpid(pids[i], &status, 0);
                *errors += status != 0;
        }
        (void) close(ready[0]);
        return now_usec() - start;
}

void bench_crowd(void) {
        static Times one, many;
        sd_bus *bus = connect_to_daemon();
        size_t errors = 0;
        double t;

        call(bus, "Create", "ss", "freezer", "/bench.crowd");
        for (size_t i = 0; i < 3; i++) {
                times_add(&one, crowd(1, &errors));
                times_add(&many, crowd(CROWD, &errors));
        }
        call(bus, "Remove", "ssb", "freezer", "/bench.crowd", 0);
        sd_bus_close_unref(bus);

        t = times_median(&one) / CROWD_CALLS;
        row("64 clients: errors", (double) errors, NONE, NONE, 0, "none");
        row("64 clients: the daemon's time for one GetValue", times_median(&many) / CROWD_CALLS, NONE, NONE, t,
            "that of one client");
        if (errors)
                die("64 clients", EREMOTEIO);
}
