/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Where a server's messages go: to syslog if asked for; to the journal, with CGWARDEN_OBJECT and ERRNO as fields, when standard
 * error goes there; else to standard error. */
void log_open(const char *name, bool debug, bool syslog);
