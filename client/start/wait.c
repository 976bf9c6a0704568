/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Waiting for a command in the foreground.
 *
 * The command stays in our process group, so a terminal's ^C, ^\ and ^Z reach it by themselves: what the kernel sends
 * to the group is not passed on, what another process sends to us is.
 */

#include "client/start/wait.h"

#include <sys/wait.h>

#include "common/util.h"

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static sigset_t waited_for(void) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
                sigaddset(&set, passed_on[i]);
        return set;
}

void wait_take_signals(sigset_t *ret_before) {
        sigset_t set = waited_for();

        /* An ignored SIGCHLD would be dropped though blocked, and the child's status with it. */
        signal(SIGCHLD, SIG_DFL);
        sigprocmask(SIG_BLOCK, &set, ret_before);
}

bool wait_has_signal(void) {
        sigset_t pending;

        if (sigpending(&pending) < 0)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
                if (sigismember(&pending, passed_on[i]))
                        return true;
        return false;
}

void wait_give_signals(const sigset_t *before) {
        sigprocmask(SIG_SETMASK, before, NULL);
}

/* A shell that was told "suspend" expects whoever started it to stop too, or nobody gets the terminal back. */
static void stop_with(pid_t pid) {
        if (tcgetpgrp(STDIN_FILENO) < 0)
                return;

        raise(SIGSTOP);
        /* Here after somebody continued us. */
        kill(pid, SIGCONT);
}

/* Returns an exit status, or -1 while the command lives. */
static int reap(pid_t pid) {
        for (;;) {
                siginfo_t info = {};

                if (waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOHANG) < 0)
                        return errno == EINTR ? -1 : 125;
                if (info.si_pid == 0)
                        return -1;

                switch (info.si_code) {
                case CLD_EXITED:
                        return info.si_status;
                case CLD_KILLED:
                case CLD_DUMPED:
                        return 128 + info.si_status;
                case CLD_STOPPED:
                        stop_with(pid);
                }
        }
}

int wait_for_command(pid_t pid) {
        sigset_t set = waited_for();
        int status;

        while ((status = reap(pid)) < 0) {
                siginfo_t info;

                int sig = sigwaitinfo(&set, &info);
                if (sig > 0 && sig != SIGCHLD && info.si_code <= 0 && info.si_pid != pid)
                        kill(pid, sig);
        }

        return status;
}
