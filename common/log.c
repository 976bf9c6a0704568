/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>

/* Set by main() before anything is logged; the only state of a process that more than one folder writes to. */
static LogSink log_sink = log_sink_stderr;
static int log_max_level = LOG_INFO;

void log_set_sink(LogSink sink) {
        log_sink = sink;
}

void log_set_max_level(int level) {
        log_max_level = level;
}

static const char *error_text(int err, char *buf, size_t size) {
        const char *text = strerrordesc_np(err < 0 ? -err : err);

        if (!text) {
                (void) snprintf(buf, size, "error %d", err);
                return buf;
        }
        return text;
}

static void format_line(char *line, size_t size, int err, const char *object, const char *message) {
        char number[32];

        (void) snprintf(line, size, "%s%s%s%s%s", object ? object : "", object ? ": " : "", message, err ? ": " : "",
                        err ? error_text(err, number, sizeof(number)) : "");
}

void log_sink_stderr(int level, int err, const char *object, const char *message) {
        char line[2048];

        format_line(line, sizeof(line), err, object, message);
        if (getenv("JOURNAL_STREAM"))
                (void) fprintf(stderr, "<%d>%s\n", LOG_PRI(level), line);
        else
                (void) fprintf(stderr, "cgwarden: %s\n", line);
}

void log_sink_syslog(int level, int err, const char *object, const char *message) {
        char line[2048];

        format_line(line, sizeof(line), err, object, message);
        syslog(level, "%s", line);
}

void log_full(int level, int err, const char *object, const char *format, ...) {
        char message[1536];
        va_list args;

        if (LOG_PRI(level) > log_max_level)
                return;

        va_start(args, format);
        (void) vsnprintf(message, sizeof(message), format, args);
        va_end(args);

        /* What a client named may hold anything: a message is one line. */
        for (char *s = message; *s; s++)
                if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        *s = '?';

        log_sink(level, err, object, message);
}
