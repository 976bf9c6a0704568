/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A program started in a cgroup, from a process of which nothing is known: it may have threads, handlers, a SIGCHLD
 * machinery of its own, closed standard descriptors.
 *
 * v2: the child is born in the cgroup. v1, or where the kernel does not let the caller do that: the child waits on a
 * socket until the daemon has attached it everywhere. The same socket closes at its execve(), or brings its errno.
 *
 * Until it has executed, the child does nothing but async-signal-safe calls, all signals blocked, and has exit signal
 * 0: one that fails is seen by nobody's SIGCHLD handler and by nobody's waitpid(-1). execve() makes it SIGCHLD.
 */

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "client/internal.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct spawn {
        char *const *argv;
        const cgw_spawn_options_t *options; /* may be NULL */
        sigset_t mask;                      /* the program's */
        bool wait;                          /* for the parent to say that it is in its place */
        int parent_end;
        int child_end;

        pid_t pid;
        int pidfd;
};

/* Descriptors 0 to 2 are to be the program's: keep out of their way. */
static int above_stdio(int *fd) {
        if (*fd > STDERR_FILENO)
                return 0;

        int moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (moved < 0)
                return -errno;

        safe_close(*fd);
        *fd = moved;
        return 0;
}

static int open_socket_pair(struct spawn *s) {
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;

        s->parent_end = fds[0];
        s->child_end = fds[1];

        int r = above_stdio(&s->parent_end);
        return r < 0 ? r : above_stdio(&s->child_end);
}

/* ---- In the child: async-signal-safe calls only ---- */

static int child_stdio(const int stdio[3]) {
        int copies[3] = {-1, -1, -1};

        /* Copies first: one of them may have the number that another is to get. */
        for (int i = 0; i < 3; i++)
                if (stdio[i] >= 0) {
                        copies[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                        if (copies[i] < 0)
                                return -errno;
                }

        for (int i = 0; i < 3; i++)
                if (copies[i] >= 0 && dup2(copies[i], i) < 0)
                        return -errno;
        return 0;
}

/* Handlers are the parent's code: with its memory, but not in its process. What is ignored stays so, as over an exec.
 */
static void child_signals(const sigset_t *mask) {
        for (int sig = 1; sig < NSIG; sig++) {
                struct sigaction action;

                if (sigaction(sig, NULL, &action) < 0 || action.sa_handler == SIG_IGN || action.sa_handler == SIG_DFL)
                        continue;

                action = (struct sigaction){.sa_handler = SIG_DFL};
                (void)sigaction(sig, &action, NULL);
        }

        (void)sigprocmask(SIG_SETMASK, mask, NULL);
}

static int child_prepare(const struct spawn *s) {
        const cgw_spawn_options_t *o = s->options;
        char go;

        if (s->wait) {
                ssize_t n;

                do
                        n = recv(s->child_end, &go, 1, 0);
                while (n < 0 && errno == EINTR);
                if (n <= 0)
                        return -ECANCELED;
        }

        if (o) {
                int r = child_stdio(o->stdio);
                if (r < 0)
                        return r;
                if (o->directory && chdir(o->directory) < 0)
                        return -errno;
        }

        child_signals(&s->mask);
        return 0;
}

static _Noreturn void child_run(const struct spawn *s) {
        /* Else the parent's death would go unseen. */
        (void)close(s->parent_end);

        int r = child_prepare(s);
        if (r >= 0) {
                (void)execvpe(s->argv[0], s->argv,
                              s->options && s->options->environment ? s->options->environment : environ);
                r = -errno;
        }

        (void)send(s->child_end, &r, sizeof(r), MSG_NOSIGNAL);
        _exit(127);
}

/* ---- In the parent ---- */

static int clone_child(struct spawn *s, int cgroup_fd) {
        struct clone_args args = {
                .flags = CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
                .pidfd = (uint64_t)(uintptr_t)&s->pidfd,
                .cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
        };

        long pid = syscall(SYS_clone3, &args, sizeof(args));
        if (pid < 0)
                return -errno;
        if (pid == 0)
                child_run(s);

        s->pid = (pid_t)pid;
        return 0;
}

/* For kernels and sandboxes without clone3(). */
static int fork_child(struct spawn *s) {
        pid_t pid = fork();

        if (pid < 0)
                return -errno;
        if (pid == 0)
                child_run(s);

        s->pid = pid;
        s->pidfd = cgw_open_pidfd(pid);
        return s->pidfd < 0 ? s->pidfd : 0;
}

/* Whether a failed CLONE_INTO_CGROUP may be made up for by the daemon, or by doing without. */
static bool may_do_without(int error) {
        switch (error) {
        case -EPERM:
        case -EACCES:
        case -ENOSYS:
        case -EINVAL:
        case -E2BIG:
                return true;
        default:
                return false;
        }
}

/* Returns 1 when the child was born in the cgroup. */
static int make_child(struct spawn *s, int cgroup_fd, bool more_places) {
        int r;

        if (cgroup_fd >= 0) {
                s->wait = more_places;
                r = clone_child(s, cgroup_fd);
                if (r >= 0)
                        return 1;
                if (!may_do_without(r))
                        return r;
        }

        s->wait = true;
        r = clone_child(s, -1);
        return r < 0 && may_do_without(r) ? fork_child(s) : r;
}

static int make_child_masked(struct spawn *s, int cgroup_fd, bool more_places) {
        sigset_t all, before;

        sigfillset(&all);
        int r = -pthread_sigmask(SIG_SETMASK, &all, &before);
        if (r < 0)
                return r;

        s->mask = s->options && s->options->has_mask ? s->options->mask : before;
        r = make_child(s, cgroup_fd, more_places);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

static void end_child(struct spawn *s) {
        siginfo_t info;

        if (s->pid <= 0)
                return;

        (void)kill(s->pid, SIGKILL);
        while (waitid(P_PID, (id_t)s->pid, &info, WEXITED | __WALL) < 0 && errno == EINTR)
                ;
        s->pid = 0;
}

static int place_child(cgw_t *c, struct spawn *s, bool born_there, const char *controllers, const char *path) {
        int r = born_there ? 0 : cgw_move_pidfd(c, controllers, path, s->pidfd);

        for (size_t i = 0; s->options && i < s->options->n_places && r >= 0; i++)
                r = cgw_move_pidfd(c, s->options->places[i].controllers, s->options->places[i].path, s->pidfd);
        return r;
}

/*
 * Whether the child died before it executed. __WCLONE waits for children whose exit signal is not SIGCHLD: ours as
 * long as it has not executed. When it has there is nothing to wait for, and waitid() says so at once.
 */
static bool died_before(const struct spawn *s) {
        siginfo_t info = {};
        int r;

        do
                r = waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT | __WCLONE);
        while (r < 0 && errno == EINTR);
        return r == 0;
}

static int start_child(cgw_t *c, struct spawn *s) {
        int error = 0;
        ssize_t n;

        if (s->wait && send(s->parent_end, "", 1, MSG_NOSIGNAL) < 0)
                return cgw_fail(c, -errno, "%s: cannot be started: %m", s->argv[0]);

        s->child_end = safe_close(s->child_end);
        do
                n = recv(s->parent_end, &error, sizeof(error), MSG_WAITALL);
        while (n < 0 && errno == EINTR);

        if (n == (ssize_t)sizeof(error))
                return cgw_fail(c, error, "%s: %s", s->argv[0], strerror(-error));
        if (died_before(s))
                return cgw_fail(c, -ECANCELED, "%s: was killed before it was started", s->argv[0]);
        return 0;
}

/* The directory when controllers name the v2 hierarchy alone; -EBADF: the daemon has to attach; else an error. */
static int open_v2(cgw_t *c, const char *controllers, const char *path) {
        struct statfs fs;

        _cleanup_close_ int fd = cgw_open_cgroup(c, controllers, path);
        /* These stand for a list of several hierarchies, which has no one directory. */
        if (fd == -EINVAL || fd == -EOPNOTSUPP)
                return -EBADF;
        if (fd < 0)
                return fd;

        if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
                return -EBADF;
        return TAKE_FD(fd);
}

static int run_child(cgw_t *c, struct spawn *s, const char *controllers, const char *path) {
        bool more_places = s->options && s->options->n_places > 0;

        _cleanup_close_ int cgroup_fd = open_v2(c, controllers, path);
        if (cgroup_fd < 0 && cgroup_fd != -EBADF)
                return cgroup_fd;

        cgw_clear_error(c);
        int r = open_socket_pair(s);
        if (r < 0)
                return cgw_fail(c, r, "no socket pair: %s", strerror(-r));

        r = make_child_masked(s, cgroup_fd, more_places);
        if (r < 0)
                return cgw_fail(c, r, "no process for %s in %s: %s", s->argv[0], path, strerror(-r));

        r = place_child(c, s, r > 0, controllers, path);
        return r < 0 ? r : start_child(c, s);
}

_public_ pid_t cgw_spawn(cgw_t *c, const char *controllers, const char *path, char *const argv[],
                         const cgw_spawn_options_t *options, int *ret_pidfd) {
        struct spawn s = {
                .argv = argv, .options = options, .parent_end = -EBADF, .child_end = -EBADF, .pidfd = -EBADF};

        if (!c || !controllers || !path || !argv || !argv[0])
                return -EINVAL;

        int r = run_child(c, &s, controllers, path);
        safe_close(s.parent_end);
        safe_close(s.child_end);
        if (r < 0)
                end_child(&s);
        if (r < 0 || !ret_pidfd)
                safe_close(s.pidfd);
        if (r < 0)
                return r;

        if (ret_pidfd)
                *ret_pidfd = s.pidfd;
        return s.pid;
}
