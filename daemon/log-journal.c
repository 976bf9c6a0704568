/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/log-journal.h"

#include <stdlib.h>
#include <string.h>

#include "build-config.h"
#include "common/log.h"

#if HAVE_SD_JOURNAL
#include <systemd/sd-journal.h>

bool log_has_journal(void) {
        return getenv("JOURNAL_STREAM") != NULL;
}

void log_sink_journal(int level, int err, const char *object, const char *message) {
        const char *what = err ? strerrordesc_np(err < 0 ? -err : err) : NULL;

        (void) sd_journal_send("MESSAGE=%s%s%s%s%s", object ? object : "", object ? ": " : "", message, what ? ": " : "",
                               what ? what : "", "PRIORITY=%i", LOG_PRI(level), "CGWARDEN_OBJECT=%s", object ? object : "",
                               "ERRNO=%i", err < 0 ? -err : err, NULL);
}
#else
/* elogind's library has no journal. */
bool log_has_journal(void) {
        return false;
}

void log_sink_journal(int level, int err, const char *object, const char *message) {
        log_sink_stderr(level, err, object, message);
}
#endif
