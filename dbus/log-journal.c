/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dbus/log-journal.h"

#include <stdlib.h>
#include <string.h>

#include "build-config.h"
#include "common/log.h"

#if HAVE_SD_JOURNAL
#include <systemd/sd-journal.h>

static bool log_has_journal(void) {
        return getenv("JOURNAL_STREAM") != NULL;
}

static void log_sink_journal(int level, int err, const char *object, const char *message) {
        const char *what = err ? strerrordesc_np(err < 0 ? -err : err) : NULL;

        (void) sd_journal_send("MESSAGE=%s%s%s%s%s", object ? object : "", object ? ": " : "", message, what ? ": " : "",
                               what ? what : "", "PRIORITY=%i", LOG_PRI(level), "CGWARDEN_OBJECT=%s", object ? object : "",
                               "ERRNO=%i", err < 0 ? -err : err, NULL);
}
#else
/* elogind's library has no journal. */
static bool log_has_journal(void) {
        return false;
}

static void log_sink_journal(int level, int err, const char *object, const char *message) {
        log_sink_stderr(level, err, object, message);
}
#endif

void log_open(const char *name, bool debug, bool syslog) {
        log_set_max_level(debug ? LOG_DEBUG : LOG_INFO);
        if (syslog) {
                openlog(name, LOG_PID, LOG_DAEMON);
                log_set_sink(log_sink_syslog);
        } else if (log_has_journal()) {
                log_set_sink(log_sink_journal);
        }
}
