/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The command under its predecessor's name, "cgm".
 */

#include <stdbool.h>

bool cgm_is_name(const char *argv0);

/* Returns the exit status. */
int cgm_main(int argc, char **argv);
