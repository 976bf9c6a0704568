/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The library against a daemon that is restarted, dies in a call, hangs, or answers with errors.
 */

#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "client/cgwarden.h"
#include "common/util.h"
#include "dbus/names.h"
#include "tests/client/fake-daemon.h"
#include "tests/client/tap.h"

static int64_t now_msec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int count_fds(void) {
        DIR *d = opendir("/proc/self/fd");
        int n = 0;

        while (d && readdir(d))
                n++;
        if (d)
                closedir(d);
        return n;
}

/* A fresh fake that runs, and a context for it. */
static cgw_t *set_up(struct fake *f) {
        cgw_t *c = NULL;

        fake_init(f);
        fake_start(f);
        if (cgw_new(&c) < 0 || cgw_set_address(c, f->socket) < 0)
                abort();
        return c;
}

static void test_errors(void) {
        struct fake f;
        cgw_t *c = set_up(&f);
        char *value = (char *)"untouched";

#define CHECK_ERROR(name, number)                                                                      \
        strcpy(f.control->error, CGW_ERROR(name));                                                     \
        is_number(-(number), cgw_get_value(c, "freezer", "a", "k", &value), "%s is -" #number, #name); \
        ok(streq(cgw_error_message(c), "the message of " CGW_ERROR(name)), "%s: its message", #name);  \
        ok(cgw_error_name(c) && streq(cgw_error_name(c), CGW_ERROR(name)), "%s: its name", #name);
        CGW_ERRORS(CHECK_ERROR)
#undef CHECK_ERROR
        ok(streq(value, "untouched"), "a failed call leaves its result alone");

        strcpy(f.control->error, CGW_ERROR_PREFIX "OfTheFuture");
        is_number(-EIO, cgw_create(c, "freezer", "a"), "an error that the library does not know is -EIO");
        strcpy(f.control->error, "org.freedesktop.DBus.Error.AccessDenied");
        is_number(-EACCES, cgw_create(c, "freezer", "a"), "D-Bus's own errors have their errno");

        f.control->error[0] = '\0';
        is_number(1, cgw_create(c, "freezer", "a"), "a call after a failed one");
        ok(*cgw_error_message(c) == '\0' && !cgw_error_name(c), "a success clears the error");

        int before = f.control->requests;
        is_number(-EINVAL, cgw_create(c, "freezer", "a\xff"), "a path that is not UTF-8");
        is_number(-EINVAL, cgw_create(c, "freezer", "\xed\xa0\x80"), "a surrogate");
        is_number(-EINVAL, cgw_create(c, "freezer", "\xc0\xaf"), "an overlong form");
        is_number(-EINVAL, cgw_create(c, "freezer", NULL), "no path");
        is_number(before, f.control->requests, "none of them was sent");
        is_number(1, cgw_create(c, "freezer", "\xe3\x81\x82/\xf0\x9f\x90\xa7"), "a path in UTF-8");

        char **children = NULL;
        is_number(0, cgw_list_children(c, "freezer", "a", &children), "an empty list");
        ok(children && !children[0], "is a list without members");
        cgw_strv_free(children);

        cgw_free(c);
        fake_done(&f);
}

static void test_restart_between_calls(void) {
        struct fake f;
        cgw_t *c = set_up(&f);

        is_number(1, cgw_create(c, "freezer", "a"), "a call");
        fake_kill(&f);
        fake_start(&f);
        is_number(0, cgw_delegate(c, "freezer", "a", NULL, NULL), "Delegate after a restart");
        fake_kill(&f);
        fake_start_later(&f, 300);
        is_number(1, cgw_remove(c, "freezer", "a", true), "Remove while the daemon is starting again");
        is_number(3, f.control->requests, "each was sent once");
        is_number(3, f.control->connections, "on a connection of its own");

        cgw_free(c);
        fake_done(&f);
}

/* The fake dies of the next request; another one is there a little later. So do all but the last one of n. */
static void die_of_next(struct fake *f, int n) {
        f->control->die_at = f->control->requests + 1;
        f->control->deaths = n;
        /* The first is its own parent's to reap at the end; its successor takes its place. */
        pid_t first = f->pid;
        pid_t watcher = fork();

        if (watcher == 0) {
                /* The successor may bind the path only when the one before has gone. */
                for (int i = 0; i < n; i++) {
                        while (f->control->requests < f->control->die_at + i && (i > 0 || kill(first, 0) == 0))
                                usleep(10000);
                        usleep(200000);
                        fake_start(f);
                }
                for (;;)
                        pause();
        }
        f->pid = watcher;
}

static void test_death_in_call(void) {
        struct fake f;
        cgw_t *c = set_up(&f);
        char *text = NULL;

        die_of_next(&f, 1);
        is_number(1, cgw_create(c, "freezer", "a"), "Create is sent again when its answer was lost");
        is_number(2, f.control->requests, "that is two requests");
        cgw_free(c);
        fake_done(&f);

        c = set_up(&f);
        die_of_next(&f, 4);
        is_number(1, cgw_create(c, "freezer", "a"), "also where its answer was lost four times");
        is_number(5, f.control->requests, "that is five requests");
        cgw_free(c);
        fake_done(&f);

        c = set_up(&f);
        die_of_next(&f, 5);
        is_number(-ECONNRESET, cgw_create(c, "freezer", "a"), "what ends every daemon is given up");
        is_number(5, f.control->requests, "after five");
        cgw_free(c);
        fake_done(&f);

        c = set_up(&f);
        is_number(0, cgw_get_value(c, "freezer", "a", "k", NULL), "a call");
        die_of_next(&f, 1);
        is_number(-ECONNRESET, cgw_delegate(c, "freezer", "a", NULL, &text), "Delegate is not");
        ok(strstr(cgw_error_message(c), "Delegate"), "the message names it: %s", cgw_error_message(c));
        ok(!text, "there is no result");
        is_number(2, f.control->requests, "it was sent once");
        is_number(0, cgw_get_value(c, "freezer", "a", "k", &text), "the context goes on with the new daemon");
        free(text);
        cgw_free(c);
        fake_done(&f);

        c = set_up(&f);
        die_of_next(&f, 1);
        is_number(-ECONNRESET, cgw_remove(c, "freezer", "a", false), "Remove is not sent again either");
        is_number(1, f.control->requests, "it was sent once");
        cgw_free(c);
        fake_done(&f);
}

static void test_no_daemon(void) {
        struct fake f;
        cgw_t *c = set_up(&f);
        int64_t start;

        is_number(0, cgw_connect(c), "connected");
        fake_kill(&f);
        cgw_set_reconnect_timeout(c, 300000);
        start = now_msec();
        is_number(-ECONNREFUSED, cgw_create(c, "freezer", "a"), "the daemon is killed and stays away");
        int64_t took = now_msec() - start;
        ok(took >= 250 && took < 1500, "the wait for it is bounded (%lld ms)", (long long)took);
        ok(strstr(cgw_error_message(c), f.socket), "the message says where: %s", cgw_error_message(c));
        cgw_free(c);

        (void)unlink(f.socket);
        if (cgw_new(&c) < 0 || cgw_set_address(c, f.socket) < 0)
                abort();
        start = now_msec();
        is_number(-ENOENT, cgw_ping(c), "without a socket");
        ok(now_msec() - start < 200, "a new context is told at once");
        cgw_free(c);
        fake_done(&f);
}

static void test_hang(void) {
        struct fake f;
        cgw_t *c = set_up(&f);
        int64_t start, took;

        cgw_set_timeout(c, 300000);
        is_number(0, cgw_connect(c), "connected");
        (void)kill(f.pid, SIGSTOP);
        start = now_msec();
        is_number(-ETIMEDOUT, cgw_create(c, "freezer", "a"), "a call to a daemon that hangs");
        took = now_msec() - start;
        ok(took >= 250 && took < 1500, "ends in time (%lld ms)", (long long)took);

        cgw_disconnect(c);
        start = now_msec();
        is_number(-ETIMEDOUT, cgw_create(c, "freezer", "a"), "a new connection to it");
        took = now_msec() - start;
        ok(took >= 250 && took < 1500, "ends in time (%lld ms)", (long long)took);

        /* Fill the queue of connections that it does not accept. */
        int fds[64];
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strncpy(address.sun_path, f.socket, sizeof(address.sun_path) - 1);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                (void)connect(fds[i], (struct sockaddr *)&address, sizeof(address));
        }
        start = now_msec();
        is_number(-ETIMEDOUT, cgw_create(c, "freezer", "a"), "a connection when its queue is full");
        took = now_msec() - start;
        ok(took >= 250 && took < 1500, "ends in time (%lld ms)", (long long)took);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                safe_close(fds[i]);

        (void)kill(f.pid, SIGCONT);
        cgw_set_timeout(c, 5000000);
        is_number(1, cgw_create(c, "freezer", "a"), "and when it goes on, all is well");
        cgw_free(c);
        fake_done(&f);
}

static void test_late_answer(void) {
        struct fake f;
        cgw_t *c = set_up(&f);
        char *text = NULL;

        cgw_set_timeout(c, 150000);
        f.control->delay_msec = 300;
        is_number(-ETIMEDOUT, cgw_create(c, "freezer", "a"), "an answer that is too late");
        f.control->delay_msec = 0;
        cgw_set_timeout(c, 5000000);
        is_number(0, cgw_get_value(c, "freezer", "a", "k", &text), "is not taken for the next call's");
        ok(text && streq(text, "text"), "which has its own");
        free(text);
        cgw_free(c);
        fake_done(&f);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig) {
        alarms++;
}

static void test_signals(void) {
        struct fake f;
        cgw_t *c = set_up(&f);
        struct itimerval often = {.it_interval.tv_usec = 2000, .it_value.tv_usec = 2000}, never = {};

        f.control->delay_msec = 300;
        (void)sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
        setitimer(ITIMER_REAL, &often, NULL);
        int r = cgw_create(c, "freezer", "a");
        setitimer(ITIMER_REAL, &never, NULL);
        is_number(1, r, "a call during which signal handlers run");
        ok(alarms > 10, "they did run (%d times)", (int)alarms);
        is_number(1, f.control->requests, "it was sent once");
        cgw_free(c);
        fake_done(&f);
}

static void test_fork(void) {
        struct fake f;
        cgw_t *c = set_up(&f);
        char *text = NULL;

        is_number(0, cgw_get_pid_cgroup(c, "freezer", 0, &text), "the daemon sees the parent");
        is_number(getpid(), text ? atoi(text) : 0, "as itself");
        free(text);
        text = NULL;

        pid_t pid = fork();
        if (pid == 0) {
                int before = count_fds();
                if (cgw_get_pid_cgroup(c, "freezer", 0, &text) < 0)
                        _exit(2);
                /* The parent's connection is closed here, and one is open in its place. */
                _exit(atoi(text) != getpid() ? 3 : count_fds() != before ? 4 : 0);
        }
        int status = -1;
        (void)waitpid(pid, &status, 0);
        is_number(0, WIFEXITED(status) ? WEXITSTATUS(status) : -1, "a child has a connection of its own");
        is_number(2, f.control->connections, "that is two");

        is_number(0, cgw_get_pid_cgroup(c, "freezer", 0, &text), "the parent's goes on");
        is_number(getpid(), text ? atoi(text) : 0, "as the parent's");
        is_number(2, f.control->connections, "without a third");
        free(text);
        cgw_free(c);
        fake_done(&f);
}

static void test_descriptors(void) {
        struct fake f;
        cgw_t *c = set_up(&f);
        cgw_delegate_options_t *o = NULL;

        (void)cgw_create(c, "freezer", "a");
        cgw_disconnect(c);
        int before = count_fds();
        for (int i = 0; i < 100; i++) {
                (void)cgw_move_pid(c, "freezer", "a", 0);
                (void)cgw_delegate_options_new(&o);
                (void)cgw_delegate_options_add_pid(o, 0);
                (void)cgw_delegate_options_add_value(o, "memory.max", "1");
                (void)cgw_delegate_options_set_lifetime(o, "empty");
                is_number(0, cgw_delegate(c, "freezer", "a", o, NULL), "round %d", i);
                o = cgw_delegate_options_free(o);
                cgw_disconnect(c);
        }
        is_number(before, count_fds(), "no descriptor is left open");
        is_number(-ESRCH, cgw_move_pid(c, "freezer", "a", 0x7ffffff0), "a pid that nobody has");
        cgw_free(c);
        fake_done(&f);
}

int main(void) {
        test_errors();
        test_restart_between_calls();
        test_death_in_call();
        test_no_daemon();
        test_hang();
        test_late_answer();
        test_signals();
        test_fork();
        test_descriptors();
        return tap_done();
}
