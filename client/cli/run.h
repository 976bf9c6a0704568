/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/cli/cli.h"

/* A cgroup of the run: one path in the hierarchies where the caller is in the same place. */
struct place {
        char *base;           /* where the caller is, without its leaf */
        char *path;           /* the cgroup that the run makes */
        GString *controllers; /* as the request names them */
        cgw_delegate_options_t *options;
        int version; /* 2 where v2 is among them */
        bool made;
};

/* run-place.c: returns an array of places, or NULL after having said why there is none. */
GPtrArray *places_find(struct cli *cli, const char *controllers, char **values, const char *name);
int places_make(struct cli *cli, GPtrArray *places, bool unique);
void places_remove(struct cli *cli, GPtrArray *places);
