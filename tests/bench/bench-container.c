/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The same calls from a container: directly, through one proxy, and through two. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dbus/names.h"
#include "tests/bench/bench.h"

#define ROUNDS 1000
#define WARM_UP 50
#define CGROUP "/sys/fs/cgroup/freezer/bench.container"

enum { DIRECT, ONE, TWO, WAYS };

typedef struct Results {
        Times call[WAYS], connected[WAYS], plain;
} Results;

static void measure(Results *r, const char *const sockets[WAYS]) {
        sd_bus *buses[WAYS];

        for (size_t k = 0; k < WAYS; k++)
                buses[k] = connect_at(sockets[k]);
        for (size_t i = 0; i < ROUNDS + WARM_UP; i++) {
                if (i == WARM_UP)
                        for (size_t k = 0; k < WAYS; k++)
                                r->call[k].n = r->connected[k].n = 0;

                for (size_t k = 0; k < WAYS; k++)
                        TIMED(r->call + k, call_get_value(buses[k], "freezer", "/", "freezer.state"));
                for (size_t k = 0; k < WAYS && i % 4 == 0; k++) {
                        sd_bus *bus;

                        TIMED(r->connected + k, {
                                bus = connect_at(sockets[k]);
                                call_get_value(bus, "freezer", "/", "freezer.state");
                        });
                        sd_bus_close_unref(bus);
                }
                TIMED(&r->plain, {
                        char text[64];

                        (void) read_file(CGROUP "/freezer.state", text, sizeof(text));
                });
        }
        for (size_t k = 0; k < WAYS; k++)
                sd_bus_close_unref(buses[k]);
}

/* In namespaces of its own, as uid 0 there: the process that called unshare() has the pid namespace for its children. */
static void run_in_container(Results *r, const char *const sockets[WAYS]) {
        int status;
        pid_t pid;

        write_pid(CGROUP, getpid());
        must("chown", chown(CGROUP, 165536, 165536));
        must("setgid", setresgid(165536, 165536, 165536));
        must("setuid", setresuid(165536, 165536, 165536));
        /* The change of ids gave /proc/self to root. */
        must("prctl", prctl(PR_SET_DUMPABLE, 1));
        must("unshare", unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWCGROUP));
        write_file("/proc/self/uid_map", "0 165536 1");
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/gid_map", "0 165536 1");

        pid = must("fork", fork());
        if (pid == 0) {
                measure(r, sockets);
                _exit(0);
        }
        (void) waitpid(pid, &status, 0);
        _exit(status != 0);
}

/* A proxy adds one and a half times what a call costs at most. */
static void rows(const char *what, Times *times, Times *plain) {
        static const char *const ways[WAYS] = { "directly", "one proxy", "two proxies" };
        double directly = times_median(times + DIRECT);

        for (int k = DIRECT; k < WAYS; k++) {
                char name[128], bar[64] = "";

                (void) snprintf(name, sizeof(name), "%s, %s", what, ways[k]);
                if (k != DIRECT)
                        (void) snprintf(bar, sizeof(bar), "%.1f times directly", 1 + 1.5 * k);
                row(name, times_median(times + k), plain ? times_median(plain) : NONE, NONE,
                    k == DIRECT ? NONE : (1 + 1.5 * k) * directly, bar);
        }
}

void bench_container(const char *one_proxy, const char *two_proxies) {
        const char *const sockets[WAYS] = { CGW_SOCKET_PATH, one_proxy, two_proxies };
        Results *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int status;
        pid_t pid;

        if (r == MAP_FAILED)
                die("mmap", errno);
        must(CGROUP, mkdir(CGROUP, 0755));
        (void) fflush(NULL);
        pid = must("fork", fork());
        if (pid == 0)
                run_in_container(r, sockets);
        (void) waitpid(pid, &status, 0);
        must(CGROUP, rmdir(CGROUP));
        if (status != 0)
                die("the container", ECHILD);

        rows("GetValue in a container", r->call, &r->plain);
        rows("connect, GetValue in a container", r->connected, NULL);
}
