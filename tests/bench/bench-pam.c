/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Logins: a PAM session opened and closed in one process, by pam_cgwarden and by pam_cgfs, with more and more sessions of
 * the same user; what the daemon keeps for each; and a whole su.
 *
 * Between open and close the process goes back to where it was, untimed, so that both modules find the session's cgroups
 * empty and remove them: a session that is closed by the process in it is removed later, outside of what a loop can time.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "tests/bench/bench.h"

#define ROUNDS 300
#define LOGINS 60
#define WARM_UP 20
#define OPTIONS "freezer,memory,name=systemd"

static const char *const mounts[] = { "/sys/fs/cgroup/freezer", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/systemd" };
#define FOR_EACH_MOUNT(m) for (const char *const *m = mounts; m < mounts + sizeof(mounts) / sizeof(*mounts); m++)

/* ---- one session */

static int no_conversation(int n, const struct pam_message **m, struct pam_response **r, void *data) {
        return PAM_CONV_ERR;
}

static void must_pam(pam_handle_t *h, const char *what, int r) {
        if (r != PAM_SUCCESS) {
                (void) fprintf(stderr, "bench: %s\n", pam_strerror(h, r));
                die(what, EREMOTEIO);
        }
}

static void leave_session(void) {
        FOR_EACH_MOUNT(m)
                write_pid(*m, getpid());
}

/* A module that does nothing would be a fast one. */
static void check_session(const char *service, const char *user, unsigned number) {
        char text[4096], want[128];
        int found = 0;

        (void) snprintf(want, sizeof(want), "/user/%s/%u\n", user, number);
        (void) read_file("/proc/self/cgroup", text, sizeof(text));
        for (const char *p = text; (p = strstr(p, want)); p++)
                found++;
        if (found != 3) {
                (void) fprintf(stderr, "bench: %s: not in %sin three hierarchies but %d:\n%s", service, want, found, text);
                die(service, EREMOTEIO);
        }
}

/* What is left of a session would be found by the next one. */
static void remove_session(const char *user, unsigned number) {
        FOR_EACH_MOUNT(m) {
                char path[256];

                (void) snprintf(path, sizeof(path), "%s/user/%s/%u", *m, user, number);
                (void) rmdir(path);
                (void) snprintf(path, sizeof(path), "%s/user/%s", *m, user);
                (void) rmdir(path);
        }
}

static void one_session(const char *service, const char *user, unsigned number, Times *times) {
        struct pam_conv conversation = { no_conversation, NULL };
        pam_handle_t *h = NULL;
        double start, opened, left;

        must_pam(h, "pam_start", pam_start(service, user, &conversation, &h));
        start = now_usec();
        must_pam(h, "pam_open_session", pam_open_session(h, 0));
        opened = now_usec();
        check_session(service, user, number);
        leave_session();
        left = now_usec();
        must_pam(h, "pam_close_session", pam_close_session(h, 0));
        times_add(times, opened - start + now_usec() - left);
        must_pam(h, "pam_end", pam_end(h, 0));
        remove_session(user, number);
}

static bool gone(const char *path) {
        struct stat st;

        return stat(path, &st) < 0 && errno == ENOENT;
}

static void await_removal(const char *cgroup) {
        double start = now_usec();

        FOR_EACH_MOUNT(m) {
                char path[256];

                (void) snprintf(path, sizeof(path), "%s/user/%s", *m, cgroup);
                while (!gone(path)) {
                        if (now_usec() - start > 60e6)
                                die("sessions that ended are not removed", ETIMEDOUT);
                        (void) usleep(200);
                }
        }
}

/* As a login does it: a process that opens, closes from inside and ends; what then removes the cgroups is not timed. */
static void one_login(const char *service, const char *user, Times *times) {
        struct pam_conv conversation = { no_conversation, NULL };
        double usec = 0;
        int report[2];
        pid_t pid;

        if (pipe(report) < 0)
                die("pipe", errno);
        (void) fflush(NULL);
        pid = must("fork", fork());
        if (pid == 0) {
                pam_handle_t *h = NULL;
                double opened, start;

                must_pam(h, "pam_start", pam_start(service, user, &conversation, &h));
                start = now_usec();
                must_pam(h, "pam_open_session", pam_open_session(h, 0));
                opened = now_usec();
                check_session(service, user, 0);
                usec = opened - start;
                start = now_usec();
                must_pam(h, "pam_close_session", pam_close_session(h, 0));
                usec += now_usec() - start;
                (void) pam_end(h, 0);
                _exit(write(report[1], &usec, sizeof(usec)) != sizeof(usec));
        }
        (void) close(report[1]);
        if (read(report[0], &usec, sizeof(usec)) != sizeof(usec))
                die("a login in a process of its own", EREMOTEIO);
        (void) close(report[0]);
        (void) waitpid(pid, NULL, 0);
        times_add(times, usec);
}

/* ---- sessions beside it */

#define SIBLINGS 10000

static pid_t siblings[SIBLINGS];
static unsigned n_siblings;

static int sleeper(void *unused) {
        for (;;)
                (void) syscall(SYS_pause);
        return 0;
}

/* Ten thousand processes that sleep: in this one's memory, as copies of it would take a gigabyte. */
static pid_t start_small_sleeper(unsigned i) {
        static char *stacks;
        enum { STACK = 4096 };

        if (!stacks)
                stacks = mmap(NULL, (size_t) SIBLINGS * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stacks == MAP_FAILED)
                die("mmap", errno);
        return must("clone", clone(sleeper, stacks + (size_t) (i + 1) * STACK, CLONE_VM | SIGCHLD, NULL));
}

static void more_siblings(sd_bus *bus, unsigned n) {
        for (; n_siblings < n; n_siblings++) {
                pid_t pid = siblings[n_siblings] = start_small_sleeper(n_siblings);
                int fd = must("pidfd_open", (int) syscall(SYS_pidfd_open, pid, 0));

                call(bus, "OpenSession", "suuha{sv}", "alice", 1001U, 1001U, fd, 1, "Controllers", "s", OPTIONS);
                (void) close(fd);
        }
}

static void end_siblings(void) {
        for (unsigned i = 0; i < n_siblings; i++)
                (void) kill(siblings[i], SIGKILL);
        for (unsigned i = 0; i < n_siblings; i++)
                (void) waitpid(siblings[i], NULL, 0);
        n_siblings = 0;
}

/* Those of pam_cgfs are directories with a process in them: it removes empty ones. */
static void peer_siblings(unsigned n) {
        char path[256];

        FOR_EACH_MOUNT(m) {
                (void) snprintf(path, sizeof(path), "%s/user", *m);
                (void) mkdir(path, 0755);
                (void) snprintf(path, sizeof(path), "%s/user/bob", *m);
                (void) mkdir(path, 0755);
        }
        for (unsigned i = 0; i < n; i++) {
                siblings[i] = start_small_sleeper(i);
                FOR_EACH_MOUNT(m) {
                        (void) snprintf(path, sizeof(path), "%s/user/bob/%u", *m, i);
                        must(path, mkdir(path, 0755));
                        write_pid(path, siblings[i]);
                }
        }
        n_siblings = n;
}

static void no_peer_siblings(void) {
        unsigned n = n_siblings;
        char path[256];

        end_siblings();
        FOR_EACH_MOUNT(m)
                for (unsigned i = 0; i <= n; i++) {
                        (void) snprintf(path, sizeof(path), i < n ? "%s/user/bob/%u" : "%s/user/bob", *m, i);
                        (void) rmdir(path);
                }
}

/* ---- */

static void add_service(const char *name, const char *module) {
        char path[128], line[1024];
        int fd;

        (void) snprintf(path, sizeof(path), "/etc/pam.d/%s", name);
        (void) snprintf(line, sizeof(line), "session required %s -c " OPTIONS "\n", module);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
                die(path, errno);
        (void) close(fd);
        write_file(path, line);
}

void bench_pam(pid_t daemon_pid, const char *module, const char *peer_module) {
        static const unsigned steps[] = { 100, 1000, SIBLINGS };
        static Times ours, peer, removal;
        bool has_peer = *peer_module;
        double base, anon, t, peer_base = NONE, peer_100 = NONE;
        sd_bus *bus;

        add_service("bench-ours", module);
        add_service("bench-peer", peer_module);

        for (size_t i = 0; i < ROUNDS + WARM_UP; i++) {
                if (i == WARM_UP)
                        ours.n = peer.n = 0;
                one_session("bench-ours", "alice", 0, &ours);
                if (has_peer)
                        one_session("bench-peer", "bob", 0, &peer);
        }
        base = times_median(&ours);
        peer_base = times_median(&peer);
        row("PAM open + close, no sibling", base, NONE, peer_base, peer_base, "pam_cgfs");

        ours.n = peer.n = 0;
        for (size_t i = 0; i < LOGINS; i++) {
                one_login("bench-ours", "alice", &ours);
                TIMED(&removal, await_removal("alice/0"));
                remove_session("alice", 0); /* the directory above, which stays for a while */
                if (has_peer) {
                        one_login("bench-peer", "bob", &peer);
                        remove_session("bob", 0);
                }
        }
        t = times_median(&peer);
        row("the same, closed by the process in it", times_median(&ours), NONE, t, t, "pam_cgfs");
        row("from the end of a process to its cgroups', ms", times_median(&removal) / 1e3, NONE, NONE, NONE, "");

        if (has_peer) {
                peer_siblings(100);
                peer.n = 0;
                for (size_t i = 0; i < ROUNDS / 6; i++)
                        one_session("bench-peer", "bob", 100, &peer);
                peer_100 = times_median(&peer);
                no_peer_siblings();
        }

        bus = connect_to_daemon();
        anon = memory_of(daemon_pid, "RssAnon");
        for (size_t s = 0; s < sizeof(steps) / sizeof(*steps); s++) {
                char name[64];

                more_siblings(bus, steps[s]);
                ours.n = 0;
                for (size_t i = 0; i < ROUNDS + WARM_UP; i++) {
                        if (i == WARM_UP)
                                ours.n = 0;
                        one_session("bench-ours", "alice", steps[s], &ours);
                }
                (void) snprintf(name, sizeof(name), "PAM open + close, %u siblings", steps[s]);
                t = times_median(&ours);
                row(name, t, NONE, s == 0 ? peer_100 : NONE, 1.2 * base, "1.2 of no sibling");
        }
        row("RssAnon for each of 10,000 sessions, bytes", (memory_of(daemon_pid, "RssAnon") - anon) / SIBLINGS, NONE, NONE, 200,
            "200 bytes");

        t = now_usec();
        end_siblings();
        await_removal("alice");
        row("10,000 sessions end at once: all removed, ms", (now_usec() - t) / 1e3, NONE, NONE, NONE, "");
        sd_bus_close_unref(bus);
}

/* ---- a whole login */

static void one_su(void) {
        pid_t pid = must("fork", fork());
        int status;

        if (pid == 0) {
                (void) execlp("su", "su", "-l", "ubuntu", "-c", "true", (char *) NULL);
                _exit(127);
        }
        if (waitpid(pid, &status, 0) < 0 || status != 0)
                die("su", EREMOTEIO);
}

void bench_su(const char *module) {
        static Times with, without;
        static char su[16384], lines[20000];

        (void) read_file("/etc/pam.d/su", su, sizeof(su));
        (void) snprintf(lines, sizeof(lines), "%s\nsession required %s -c " OPTIONS "\n", su, module);
        for (size_t i = 0; i < 60; i++) {
                must("truncate", truncate("/etc/pam.d/su", 0));
                write_file("/etc/pam.d/su", su);
                TIMED(&without, one_su());
                write_file("/etc/pam.d/su", lines);
                TIMED(&with, one_su());
        }
        row("su -l USER -c true; plain: without our line", times_median(&with), times_median(&without), NONE, NONE, "");
}
