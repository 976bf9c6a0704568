/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Subordinate ids as subid(5) has them: who has which, which of them are mapped here, and where there is room for
 * more. Pure: texts and numbers in, numbers out.
 */

#include <glib.h>
#include <sys/types.h>

#include "common/idmap.h"

/* What a container takes by custom: ids 0 to 65535, "nobody" (65534) among them. */
#define IDS_PER_LEVEL 65536u

struct span {
        guint64 first, count;
};

struct subid {
        char *owner; /* a name or a number */
        struct span ids;
};

/* Of struct subid. Lines that shadow would not understand are passed over, as it does. */
GArray *subids_parse(const char *text);

/* Arrays of struct span, sorted and without overlaps. */
GArray *subids_of(const GArray *subids, const char *user, uid_t uid);
GArray *subids_of_others(const GArray *subids, const char *user, uid_t uid);
GArray *spans_mapped(const IdMap *map);
GArray *spans_common(const GArray *a, const GArray *b);
guint64 spans_total(const GArray *spans);
void spans_add(GArray *spans, guint64 first, guint64 count);

/*
 * The first of count free ids: at "after" if it can be there (0: anywhere), else from "from" on, else below that, but
 * never among the ids of accounts. False when there is no room.
 */
bool spans_find_room(const GArray *taken, const GArray *mapped, guint64 after, guint64 from, guint64 count,
                     guint64 *ret_first);
