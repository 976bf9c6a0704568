/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <syslog.h>

#include "common/util.h"

/*
 * Where a program's messages go. A failure is logged once, where it is handled, with the object, what was tried and
 * the errno. Libraries log nothing.
 */

/* err is 0 or an errno, positive or negative; object may be NULL. */
typedef void (*LogSink)(int level, int err, const char *object, const char *message);

/* Called once by a program's main(); without it messages go to standard error. */
void log_set_sink(LogSink sink);
void log_set_max_level(int level);

/* To standard error; in front of each line the level as sd-daemon(3) has it where the journal reads it. */
void log_sink_stderr(int level, int err, const char *object, const char *message);
/* To syslog(3). */
void log_sink_syslog(int level, int err, const char *object, const char *message);

void log_full(int level, int err, const char *object, const char *format, ...) _printf_(4, 5);

#define log_debug(...) log_full(LOG_DEBUG, 0, NULL, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, 0, NULL, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, 0, NULL, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, 0, NULL, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, 0, NULL, __VA_ARGS__)
