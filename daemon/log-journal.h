/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Whether standard error goes to the journal: then messages go there with fields of their own: CGWARDEN_OBJECT, ERRNO. */
bool log_has_journal(void);
void log_sink_journal(int level, int err, const char *object, const char *message);
