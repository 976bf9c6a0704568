/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Requests of all kinds, with their results checked, so that what the daemon keeps of them can be looked at afterwards.
 *
 *   mixture requests N BASE   N requests on one connection, in rounds: in BASE, a cgroup of the caller's, everything that
 *                             can be asked for is made, read, changed and removed; refusals are part of each round, for
 *                             it is there that something is forgotten most easily
 *   mixture connects N        N connections, one after the other, with one call each
 *   mixture sessions N        N sessions of uid 1000, each with a process of its own; every second one is closed, the
 *                             others end with their process
 *
 * A line for each result that is not the expected one; the exit status says whether there was one. The last line tells
 * how many calls were made.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cgwarden.h"

#define CONTROLLERS "freezer,memory,name=systemd"
#define OK 1 /* any result that is no error */

static unsigned calls, wrong;

/* Returns what it was given. */
static int expect(cgw_t *c, int expected, const char *what, int r) {
        calls++;
        if (r == expected || (r >= 0 && expected == OK))
                return r;

        if (wrong++ < 20)
                printf("%s: %d, not %d: %s\n", what, r, expected, r < 0 ? cgw_error_message(c) : "");
        return r;
}

/* A process that does nothing until it is killed. It dies with us, whatever happens. */
static pid_t start_idle(void) {
        int alive[2];
        char byte;

        if (pipe(alive) < 0) {
                perror("pipe");
                exit(2);
        }

        pid_t pid = fork();
        if (pid < 0) {
                perror("fork");
                exit(2);
        }
        if (pid == 0) {
                close(alive[1]);
                (void)!read(alive[0], &byte, 1);
                _exit(0);
        }

        close(alive[0]);
        /* alive[1] stays open for as long as we live: the process is killed before that as a rule. */
        return pid;
}

static void end_idle(pid_t pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static void read_all(cgw_t *c, const char *a, pid_t pid) {
        cgw_hierarchy_t **hierarchies = NULL;
        cgw_session_t **sessions = NULL;
        char **names = NULL, *text = NULL;
        cgw_key_t **keys = NULL;
        pid_t *pids = NULL;
        size_t n = 0;

        if (expect(c, OK, "list children", cgw_list_children(c, "freezer", a, &names)) >= 0)
                cgw_strv_free(names);
        if (expect(c, OK, "list keys", cgw_list_keys(c, "memory", a, &keys)) >= 0)
                cgw_keys_free(keys);
        if (expect(c, OK, "get value", cgw_get_value(c, "freezer", a, "freezer.state", &text)) >= 0)
                free(text);
        if (expect(c, OK, "get pids", cgw_get_pids_recursive(c, "freezer", a, &pids, &n)) >= 0)
                free(pids);
        if (expect(c, OK, "pid's cgroup", cgw_get_pid_cgroup(c, "name=systemd", pid, &text)) >= 0)
                free(text);
        if (expect(c, OK, "list hierarchies", cgw_list_hierarchies(c, &hierarchies)) >= 0)
                cgw_hierarchies_free(hierarchies);
        if (expect(c, OK, "list sessions", cgw_list_sessions(c, &sessions)) >= 0)
                cgw_sessions_free(sessions);

        int fd = expect(c, OK, "open", cgw_open_cgroup(c, "memory", a));
        if (fd >= 0)
                close(fd);
}

static void be_refused(cgw_t *c, const char *a, const char *d, cgw_delegate_options_t *options) {
        char *text = NULL;

        expect(c, -EBADMSG, "a path that leaves", cgw_create(c, CONTROLLERS, "a/../../b"));
        expect(c, -ENODEV, "no such controller", cgw_create(c, "freezer,nonsense", a));
        expect(c, -ENOKEY, "no such key", cgw_get_value(c, "memory", a, "memory.nonsense", &text));
        expect(c, -EINVAL, "no such value", cgw_set_value(c, "freezer", a, "freezer.state", "nonsense"));
        expect(c, -EEXIST, "delegated already", cgw_delegate(c, CONTROLLERS, d, options, NULL));
        expect(c, -ENOENT, "move to nowhere", cgw_move_pid(c, CONTROLLERS, "/nowhere/at/all", 0));
        expect(c, -ENXIO, "no such session", cgw_close_session(c, "00000000-no"));
}

static void do_round(cgw_t *c, const char *base, pid_t pid) {
        char a[256], b[256], d[256], home[256];
        cgw_delegate_options_t *options = NULL;

        snprintf(a, sizeof(a), "%s/a", base);
        snprintf(b, sizeof(b), "%s/a/b/c", base);
        snprintf(d, sizeof(d), "%s/d", base);
        snprintf(home, sizeof(home), "%s/home", base);
        if (cgw_delegate_options_new(&options) < 0 || cgw_delegate_options_set_lifetime(options, "empty") < 0)
                exit(2);

        expect(c, OK, "create", cgw_create(c, CONTROLLERS, b));
        expect(c, OK, "delegate", cgw_delegate(c, CONTROLLERS, d, options, NULL));
        expect(c, OK, "move in", cgw_move_pid(c, CONTROLLERS, d, pid));
        read_all(c, a, pid);
        be_refused(c, a, d, options);
        expect(c, OK, "chmod", cgw_chmod(c, CONTROLLERS, a, "", 0750));
        expect(c, OK, "chown", cgw_chown(c, CONTROLLERS, a, geteuid(), getegid()));
        expect(c, OK, "set value", cgw_set_value(c, "freezer", b, "freezer.state", "THAWED"));
        expect(c, OK, "remove on empty", cgw_remove_on_empty(c, CONTROLLERS, a));
        expect(c, -EBUSY, "remove what holds a process", cgw_remove(c, CONTROLLERS, d, true));
        expect(c, OK, "move out", cgw_move_pid(c, CONTROLLERS, home, pid));
        expect(c, OK, "prune", cgw_prune(c, CONTROLLERS, a));
        expect(c, OK, "remove", cgw_remove(c, CONTROLLERS, a, true));
        /* On its own it would go at one of the daemon's looks. */
        expect(c, OK, "remove the delegation", cgw_remove(c, CONTROLLERS, d, true));
        cgw_delegate_options_free(options);
}

static void do_requests(unsigned n, const char *base) {
        char home[256];
        cgw_t *c = NULL;

        if (cgw_new(&c) < 0)
                exit(2);

        pid_t pid = start_idle();
        snprintf(home, sizeof(home), "%s/home", base);
        expect(c, OK, "create home", cgw_create(c, CONTROLLERS, home));
        expect(c, OK, "move home", cgw_move_pid(c, CONTROLLERS, home, pid));
        while (calls < n)
                do_round(c, base, pid);
        end_idle(pid);
        expect(c, OK, "remove home", cgw_remove(c, CONTROLLERS, home, true));
        cgw_free(c);
}

static void do_connects(unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                cgw_t *c = NULL;

                if (cgw_new(&c) < 0)
                        exit(2);
                expect(c, OK, "ping", cgw_ping(c));
                cgw_free(c);
        }
}

static void do_sessions(unsigned n) {
        cgw_session_options_t *options = NULL;
        cgw_t *c = NULL;

        if (cgw_new(&c) < 0 || cgw_session_options_new(&options) < 0 ||
            cgw_session_options_set_controllers(options, CONTROLLERS) < 0)
                exit(2);

        for (unsigned i = 0; i < n; i++) {
                char *id = NULL, *path = NULL;
                pid_t pid = start_idle();

                int r = expect(c, OK, "open a session",
                               cgw_open_session(c, "ubuntu", 1000, 1000, pid, options, &id, &path));
                if (r >= 0 && i % 2)
                        expect(c, OK, "close a session", cgw_close_session(c, id));
                end_idle(pid);
                free(id);
                free(path);
        }
        cgw_session_options_free(options);
        cgw_free(c);
}

int main(int argc, char **argv) {
        const char *what = argc > 2 ? argv[1] : "";
        unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 0;

        if (strcmp(what, "requests") == 0 && argc == 4) {
                do_requests(n, argv[3]);
        } else if (strcmp(what, "connects") == 0 && argc == 3) {
                do_connects(n);
        } else if (strcmp(what, "sessions") == 0 && argc == 3) {
                do_sessions(n);
        } else {
                fputs("Usage: mixture requests N BASE|connects N|sessions N\n", stderr);
                return 2;
        }

        printf("%u calls, %u wrong\n", calls, wrong);
        return wrong > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
