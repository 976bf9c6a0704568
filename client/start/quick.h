/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* "cgwarden run", argv from "run" on, where nothing is out of the ordinary. Returns the exit status, or -1 with nothing done: then the
 * verb itself has to do it, or to say why it can't. */
int quick_run(char **argv);
