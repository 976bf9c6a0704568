/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the module has. */
#define VERBS_MODULE "cgwarden-verbs.so"
#define VERBS_MAIN "verbs_main"
typedef int (*VerbsMain)(int argc, char **argv);
int verbs_main(int argc, char **argv);
