/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A user namespace's uid_map or gid_map, as /proc/PID/uid_map shows it to a reader in our own user namespace
 * (user_namespaces(7)). The kernel takes at most 340 lines.
 */

#define ID_MAP_MAX 340

typedef struct IdRange {
        uint32_t inside, outside, count;
} IdRange;

typedef struct IdMap {
        size_t n;
        IdRange *ranges;
} IdMap;

#define ID_MAP_NULL ((IdMap) {})

/* -EINVAL for a text that is no map; an empty text is an empty map, in which no id is mapped. */
int id_map_parse(const char *text, IdMap *ret);
void id_map_done(IdMap *m);

/* Translate an id. False when it is not mapped; the id (uint32_t) -1 is never mapped. */
bool id_map_to_outside(const IdMap *m, uint32_t inside, uint32_t *ret);
bool id_map_to_inside(const IdMap *m, uint32_t outside, uint32_t *ret);
