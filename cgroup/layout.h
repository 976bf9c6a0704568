/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup/hierarchy.h"
#include "common/util.h"

/*
 * What there is: all hierarchies that we serve, found once at the start, and the names by which requests select them.
 *
 * The layout is what is mounted in our mount namespace. The descriptors are of those mounts where they are whole and
 * writable, else of a detached mount of our own (fsmount(2)) that no one else sees: so it does not matter where, or
 * how, a hierarchy is mounted.
 */

#define HIERARCHIES_MAX 32

typedef struct Layout {
        size_t n;
        Hierarchy hierarchies[HIERARCHIES_MAX];
        uint32_t all;  /* a bit for each hierarchy */
        Hierarchy *v2; /* NULL where there is none */
} Layout;

/* Which hierarchies that are not mounted we attach for ourselves. */
typedef enum LayoutMount {
        LAYOUT_MOUNT_NO,
        LAYOUT_MOUNT_AUTO, /* those that the kernel has in use, but only where nothing is mounted at all */
        LAYOUT_MOUNT_LIST, /* those named */
        _LAYOUT_MOUNT_MAX,
} LayoutMount;

typedef struct LayoutOptions {
        LayoutMount mount;
        const char *const *list; /* names as in Hierarchy, NULL at the end */
        void (*problem)(void *userdata, const char *hierarchy, const char *what, int err); /* each that is left out */
        void *userdata;
} LayoutOptions;

int layout_new(const LayoutOptions *options, Layout **ret);
Layout *layout_free(Layout *l);
DEFINE_CLEANUP(Layout, layout_free);

/* "v1", "hybrid", "v2", "none" */
const char *layout_name(const Layout *l);

/* What a request named: hierarchies, one bit each by index, and controllers to enable on v2 (bits of its Hierarchy). */
typedef struct Selection {
        uint32_t hierarchies, controllers;
} Selection;

/*
 * Looks up "freezer", "memory,name=systemd", "unified", "all". Where only v2 is there for it, freezer and name=systemd
 * mean the v2 hierarchy itself, cpuacct is cpu and blkio is io. Returns 0; -ENODEV for a name that nothing has, -EINVAL
 * for an empty one and for "all" with others: then the word is copied to bad_word.
 */
int layout_select(const Layout *l, const char *names, Selection *ret, char *bad_word, size_t size);

/* Calls f for each name that a request may use, with the hierarchy it means. */
typedef int (*LayoutName)(void *userdata, const char *name, const Hierarchy *h);
int layout_for_each_name(const Layout *l, LayoutName f, void *userdata);

#define LAYOUT_FOR_EACH(h, l, mask)                                               \
        for (const Hierarchy *h = (l)->hierarchies; h < (l)->hierarchies + (l)->n; h++) \
                if (!((mask) & (1U << h->index))) {                               \
                } else
