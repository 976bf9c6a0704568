/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <signal.h>
#include <stdbool.h>

/* Before the command is started: from then on signals wait for wait_for_command(). *ret_before is the command's mask. */
void wait_take_signals(sigset_t *ret_before);
/* Whether one waits. */
bool wait_has_signal(void);
/* There was none. */
void wait_give_signals(const sigset_t *before);
/* Passes signals on and waits; returns the exit status that the command's end stands for. */
int wait_for_command(pid_t pid);
