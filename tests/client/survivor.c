/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Requests of several steps, without end, while somebody else kills the daemon: each is to be done in all hierarchies or
 * in none, also when its answer was lost. The shell's loads are too slow for that: here the daemon is in the midst of a
 * request most of the time.
 *
 *   survivor tree CONTROLLERS BASE STOP       makes BASE/N/a/b, moves a process into it and out again, removes BASE/N
 *   survivor delegate CONTROLLERS BASE STOP   delegates BASE/d-PID-N with a process in it that forks, and the lifetime
 *                                             "empty", and ends the process: nobody removes the cgroup but the daemon
 *   survivor session CONTROLLERS USER STOP    opens a session of USER for a process, and closes it or ends the process
 *
 * until the file STOP is there. A line for each thing that is not as it should be; the last line tells how much was done
 * and how many answers were lost. Exit status 1 when something was wrong.
 */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/cgwarden.h"

static cgw_t *c;
static const char *controllers;
static char home[512]; /* where we and our children are at first */
static unsigned done, lost, wrong;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
        va_list arguments;

        if (wrong++ >= 20)
                return;

        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
        fflush(stdout);
}

static double now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Whether it is done; an answer that was lost is counted, every other failure is wrong. */
static bool succeeded(const char *what, const char *path, int r) {
        if (r >= 0)
                return true;

        if (r == -ECONNRESET)
                lost++;
        else
                complain("%s %s: %d: %s", what, path, r, cgw_error_message(c));
        return false;
}

static pid_t start_idle(void) {
        pid_t pid = fork();

        if (pid < 0) {
                perror("fork");
                exit(2);
        }
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        pause();
        }
        return pid;
}

/* It forks all the time: what is to be undone has children by then. */
static pid_t start_restless(void) {
        pid_t pid = fork();

        if (pid < 0) {
                perror("fork");
                exit(2);
        }
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;) {
                        pid_t child = fork();

                        if (child == 0) {
                                usleep(1000);
                                _exit(0);
                        }
                        waitpid(child, NULL, 0);
                }
        }
        return pid;
}

static void end_idle(pid_t pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

/* On v2 processes sit in leaves, the world's own (tests/world/inside) too. */
static void strip_leaf(char *path) {
        static const char *const leaves[] = {"/init.scope", "/world.leaf"};
        size_t length = strlen(path);

        for (size_t i = 0; i < sizeof(leaves) / sizeof(*leaves); i++) {
                size_t n = strlen(leaves[i]);

                if (length >= n && strcmp(path + length - n, leaves[i]) == 0)
                        strcpy(path + length - n, length == n ? "/" : "");
        }
}

/*
 * Where a process is, which is to be the same path in every hierarchy. Whatever the daemon had to undo after it was killed
 * it has undone before it answers.
 */
static bool find(pid_t pid, char *ret, size_t size) {
        char list[256], *rest = list;
        const char *word;

        snprintf(list, sizeof(list), "%s", controllers);
        *ret = '\0';
        while ((word = strsep(&rest, ","))) {
                char *path = NULL;
                int r;

                r = cgw_get_pid_cgroup(c, word, pid, &path);

                if (r < 0) {
                        complain("where is process %d in %s: %d: %s", (int)pid, word, r, cgw_error_message(c));
                        return false;
                }
                strip_leaf(path);
                if (*ret && strcmp(ret, path) != 0) {
                        complain("process %d is in %s in %s and in %s elsewhere", (int)pid, path, word, ret);
                        free(path);
                        return false;
                }
                snprintf(ret, size, "%s", path);
                free(path);
        }
        return true;
}

/* After a request that was to move it: there where it was done, there or where it was when the answer was lost. */
static bool is_at(pid_t pid, bool certain, const char *from, const char *to) {
        char at[512];

        if (!find(pid, at, sizeof(at)))
                return false;
        if (strcmp(at, to) == 0)
                return true;
        if (certain || strcmp(at, from) != 0)
                complain("process %d is in %s, not in %s (from %s)", (int)pid, at, to, from);
        return false;
}

/* Only what is gone is certain to be gone: a lost answer is asked for again. */
static void remove_surely(const char *path) {
        while (!succeeded("remove", path, cgw_remove(c, controllers, path, true)) && wrong == 0)
                ;
}

static void do_tree(const char *base, unsigned n) {
        char path[512], deep[512], back[512];
        pid_t pid = start_idle();

        snprintf(path, sizeof(path), "%s/%u", base, n);
        snprintf(deep, sizeof(deep), "%s/%u/a/b", base, n);
        snprintf(back, sizeof(back), "%s/%u/back", base, n);
        /* These are repeated by the library until they are answered. */
        succeeded("create", deep, cgw_create(c, controllers, deep));
        succeeded("create", back, cgw_create(c, controllers, back));
        bool moved = succeeded("move to", deep, cgw_move_pid(c, controllers, deep, pid));
        if (is_at(pid, moved, home, deep)) {
                moved = succeeded("move to", back, cgw_move_pid(c, controllers, back, pid));
                is_at(pid, moved, deep, back);
        }
        end_idle(pid);
        remove_surely(path);
}

static void do_delegate(const char *base, unsigned n) {
        cgw_delegate_options_t *options = NULL;
        pid_t pid = start_restless();
        char path[512];

        snprintf(path, sizeof(path), "%s/d-%d-%u", base, (int)getpid(), n);
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0 || cgw_delegate_options_new(&options) < 0 || cgw_delegate_options_add_pidfd(options, fd) < 0 ||
            cgw_delegate_options_set_lifetime(options, "empty") < 0)
                exit(2);
        bool made = succeeded("delegate", path, cgw_delegate(c, controllers, path, options, NULL));
        is_at(pid, made, home, path);
        cgw_delegate_options_free(options);
        close(fd);
        end_idle(pid);
}

/* Whether a session that is listed has the cgroup. */
static bool is_listed(const char *path) {
        cgw_session_t **sessions = NULL;
        bool found = false;

        if (cgw_list_sessions(c, &sessions) < 0)
                return false;
        for (cgw_session_t **s = sessions; *s && !found; s++) {
                size_t length = strlen((*s)->path);

                found = strncmp(path, (*s)->path, length) == 0 && (path[length] == '\0' || path[length] == '/');
        }
        cgw_sessions_free(sessions);
        return found;
}

static void do_session(const struct passwd *user, unsigned n) {
        cgw_session_options_t *options = NULL;
        char *id = NULL, at[512];
        pid_t pid = start_idle();

        if (cgw_session_options_new(&options) < 0 || cgw_session_options_set_controllers(options, controllers) < 0)
                exit(2);
        bool opened = succeeded("open a session of", user->pw_name,
                                cgw_open_session(c, user->pw_name, user->pw_uid, user->pw_gid, pid, options, &id, NULL));
        if (find(pid, at, sizeof(at))) {
                if (strcmp(at, home) != 0 && !is_listed(at))
                        complain("process %d is in %s, which is no session's", (int)pid, at);
                if (strcmp(at, home) == 0 && opened)
                        complain("process %d is not in its session", (int)pid);
        }
        if (opened && n % 2)
                succeeded("close", id, cgw_close_session(c, id));
        cgw_session_options_free(options);
        free(id);
        end_idle(pid);
}

int main(int argc, char **argv) {
        const struct passwd *user = NULL;
        double longest = 0;

        if (argc != 5 || (strcmp(argv[1], "tree") != 0 && strcmp(argv[1], "delegate") != 0 &&
                          !(strcmp(argv[1], "session") == 0 && (user = getpwnam(argv[3]))))) {
                fputs("Usage: survivor tree|delegate|session CONTROLLERS BASE|USER STOP\n", stderr);
                return 2;
        }
        controllers = argv[2];
        if (cgw_new(&c) < 0 || cgw_set_reconnect_timeout(c, 8000000) < 0)
                return 2;
        /* The first connect is not repeated. */
        for (unsigned i = 0; cgw_connect(c) < 0 && i < 1000; i++)
                usleep(5000);
        if (!find(getpid(), home, sizeof(home)))
                return 2;

        for (unsigned i = 0; access(argv[4], F_OK) < 0 && wrong < 20; i++) {
                double start = now();

                if (user)
                        do_session(user, i);
                else if (strcmp(argv[1], "tree") == 0)
                        do_tree(argv[3], i);
                else
                        do_delegate(argv[3], i);
                done++;
                if (now() - start > longest)
                        longest = now() - start;
        }
        if (strcmp(argv[1], "tree") == 0)
                remove_surely(argv[3]);

        printf("%s: %u done, %u answers lost, %u wrong, the longest took %.3f s\n", argv[1], done, lost, wrong, longest);
        cgw_free(c);
        return wrong > 0 || longest > 10 ? EXIT_FAILURE : EXIT_SUCCESS;
}
