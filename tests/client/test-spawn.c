/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * cgw_spawn() in a process that is not made for it. The fake daemon attaches nothing; tests/world has the real one.
 */

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "client/cgwarden.h"
#include "common/util.h"
#include "tests/client/fake-daemon.h"
#include "tests/client/tap.h"

static volatile sig_atomic_t children_ended, usr1_seen;

static void on_child(int sig) {
        children_ended++;
}

static void on_usr1(int sig) {
        usr1_seen++;
}

static int status_of(pid_t pid) {
        int status = -1;

        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) ? WEXITSTATUS(status) : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : -1;
}

static int run(cgw_t *c, const cgw_spawn_options_t *o, const char *script) {
        char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
        int r = cgw_spawn(c, "freezer,memory", "a", argv, o, NULL);

        return r < 0 ? r : status_of(r);
}

static void test_start(cgw_t *c, struct fake *f) {
        char *argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 42", NULL};
        int pidfd = -1;

        pid_t pid = cgw_spawn(c, "freezer,memory", "a", argv, NULL, &pidfd);
        ok(pid > 0, "a program is started");
        is_number(pid, f->control->moved_pid, "the daemon was asked to attach it");
        ok(pidfd >= 0 && (fcntl(pidfd, F_GETFD) & FD_CLOEXEC), "its pidfd closes over an exec");
        struct pollfd p = {.fd = pidfd, .events = POLLIN};
        is_number(1, poll(&p, 1, 5000), "and tells its end");
        is_number(42, status_of(pid), "the caller waits for it as for any child");
        safe_close(pidfd);

        f->control->refuse_list = 1;
        is_number(7, run(c, NULL, "exit 7"), "a list of hierarchies");
        f->control->refuse_list = 0;
}

static void test_failure(cgw_t *c, struct fake *f) {
        char *missing[] = {(char *)"/nonexistent/program", NULL};
        char *not_executable[] = {(char *)"/etc/passwd", NULL};

        children_ended = 0;
        is_number(-ENOENT, cgw_spawn(c, "freezer", "a", missing, NULL, NULL), "no such program");
        ok(strstr(cgw_error_message(c), "/nonexistent/program"), "the message: %s", cgw_error_message(c));
        is_number(-EACCES, cgw_spawn(c, "freezer", "a", not_executable, NULL, NULL), "not a program");
        is_number(-1, waitpid(-1, NULL, WNOHANG | __WALL), "nothing is left to be waited for");
        is_number(ECHILD, errno, "no child at all");
        is_number(0, children_ended, "nobody's SIGCHLD handler has seen the child that failed");

        int before = f->control->requests;
        strcpy(f->control->error, "org.cgwarden1.Error.AccessDenied");
        is_number(-EACCES, run(c, NULL, "exit 0"), "the daemon refuses");
        ok(f->control->requests > before, "it was asked");
        is_number(-1, waitpid(-1, NULL, WNOHANG | __WALL), "nothing is left then either");
        f->control->error[0] = '\0';
}

static void test_surroundings(cgw_t *c) {
        cgw_spawn_options_t *o = NULL;
        char *environment[] = {(char *)"WORD=hello", (char *)"PATH=/usr/bin:/bin", NULL};
        int out[2];
        char text[64] = "";

        if (cgw_spawn_options_new(&o) < 0 || pipe2(out, O_CLOEXEC) < 0)
                abort();
        (void)cgw_spawn_options_set_environment(o, environment);
        (void)cgw_spawn_options_set_directory(o, "/usr");
        (void)cgw_spawn_options_set_stdio(o, -1, out[1], -1);
        is_number(0, run(c, o, "echo $WORD $(pwd) ${HOME-none}"), "environment, directory and output are set");
        (void)!read(out[0], text, sizeof(text) - 1);
        ok(streq(text, "hello /usr none\n"), "as asked for: %s", strtok(text, "\n"));
        cgw_spawn_options_free(o);

        /* 1 and 2 exchanged: each has the other's number. */
        if (cgw_spawn_options_new(&o) < 0)
                abort();
        int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
        (void)dup2(out[1], STDERR_FILENO);
        (void)cgw_spawn_options_set_stdio(o, -1, STDERR_FILENO, STDOUT_FILENO);
        int r = run(c, o, "echo out; echo '# err goes to stdout' >&2");
        (void)dup2(saved, STDERR_FILENO);
        safe_close(saved);
        is_number(0, r, "exchanged descriptors");
        memset(text, 0, sizeof(text));
        (void)!read(out[0], text, sizeof(text) - 1);
        ok(streq(text, "out\n"), "do not get in each other's way");
        cgw_spawn_options_free(o);
        safe_close(out[0]);
        safe_close(out[1]);

        is_number(0,
                  run(c, NULL,
                      "for f in /proc/$$/fd/*; do n=${f##*/}; [ $n -le 2 ] || [ ! -e $f ] || [ $n = 255 ] || exit 9; "
                      "done"),
                  "no descriptor of the library's is inherited");
}

/* Without a shell: dash clears the mask that it was given. */
static bool has_line(cgw_t *c, const cgw_spawn_options_t *o, const char *pattern) {
        char *argv[] = {(char *)"grep", (char *)"-q", (char *)pattern, (char *)"/proc/self/status", NULL};
        int r = cgw_spawn(c, "freezer,memory", "a", argv, o, NULL);

        return r > 0 && status_of(r) == 0;
}

static void test_signals(cgw_t *c) {
        cgw_spawn_options_t *o = NULL;
        sigset_t set, now;

        /* A shell's background ignores these two. */
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGQUIT, SIG_DFL);
        (void)signal(SIGUSR1, on_usr1);
        (void)signal(SIGUSR2, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGWINCH);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);

        /* SIGUSR1 is 10, SIGUSR2 12, SIGWINCH 28: one bit each, from the right. */
        ok(has_line(c, NULL, "SigBlk:\t0000000008000000"), "the mask is the caller's");
        ok(has_line(c, NULL, "SigIgn:\t0000000000000800"), "what it ignores stays ignored");
        is_number(128 + SIGUSR1, run(c, NULL, "kill -USR1 $$"), "its handlers do not");
        is_number(0, usr1_seen, "and did not run");

        (void)sigprocmask(SIG_BLOCK, NULL, &now);
        ok(sigismember(&now, SIGWINCH) && !sigismember(&now, SIGCHLD), "the caller's own mask is as it was");
        if (cgw_spawn_options_new(&o) < 0)
                abort();
        sigemptyset(&now);
        (void)cgw_spawn_options_set_signal_mask(o, &now);
        ok(has_line(c, o, "SigBlk:\t0000000000000000"), "another mask");
        cgw_spawn_options_free(o);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Allocates without end, so that a fork finds the allocator's lock held. */
static void *allocate(void *stop) {
        while (!*(atomic_bool *)stop)
                free(malloc(100000));
        return NULL;
}

static void test_threads(cgw_t *c) {
        pthread_t threads[4];
        atomic_bool stop = false;
        int good = 0;

        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                if (pthread_create(&threads[i], NULL, allocate, &stop) != 0)
                        abort();
        for (int i = 0; i < 50; i++)
                good += run(c, NULL, "exit 3") == 3;
        stop = true;
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                pthread_join(threads[i], NULL);
        is_number(50, good, "fifty starts beside busy threads");
}

/* In a process without standard descriptors the library's own could get those numbers. */
static void test_closed_stdio(struct fake *f) {
        pid_t pid = fork();

        if (pid == 0) {
                char *missing[] = {(char *)"/nonexistent/program", NULL};
                cgw_spawn_options_t *o = NULL;
                cgw_t *c = NULL;
                int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

                for (int i = 0; i < 3; i++)
                        (void)close(i);
                if (cgw_new(&c) < 0 || cgw_set_address(c, f->socket) < 0 || cgw_spawn_options_new(&o) < 0)
                        _exit(100);
                if (run(c, NULL, "[ ! -e /proc/$$/fd/0 ] && [ ! -e /proc/$$/fd/1 ] && exit 5") != 5)
                        _exit(101);
                (void)cgw_spawn_options_set_stdio(o, fd, fd, fd);
                if (run(c, o, "[ -e /proc/$$/fd/0 ] && exit 6") != 6)
                        _exit(102);
                _exit(-cgw_spawn(c, "freezer", "a", missing, o, NULL));
        }
        is_number(ENOENT, status_of(pid), "a caller without standard descriptors");
}

static int tests(struct fake *f) {
        cgw_t *c = NULL;

        if (cgw_new(&c) < 0 || cgw_set_address(c, f->socket) < 0)
                abort();
        (void)signal(SIGCHLD, on_child);

        test_start(c, f);
        test_failure(c, f);
        test_surroundings(c);
        test_signals(c);
        test_threads(c);
        test_closed_stdio(f);
        cgw_free(c);
        return tap_done();
}

int main(void) {
        struct fake f;

        fake_init(&f);
        fake_start(&f);

        /* In a process of their own, where every child is the library's. */
        pid_t pid = fork();
        if (pid == 0) {
                /* What whoever started the test left open is not to be seen in the programs that it starts. */
                for (int fd = 3; fd < 1024; fd++)
                        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
                exit(tests(&f));
        }

        int status = status_of(pid);
        fake_done(&f);
        return status;
}
