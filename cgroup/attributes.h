/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cgroup/hierarchy.h"

/*
 * Which attributes there are and whose business each is. An allow-list: what is not on it is for root only.
 */

typedef enum AttributeClass {
        ATTRIBUTE_OWNER,      /* the cgroup's owner may write it: the kernel hands the file over */
        ATTRIBUTE_LIMIT,      /* limits or steers the cgroup: belongs to who controls the parent */
        ATTRIBUTE_MEMBERSHIP, /* cgroup.procs and its like: read by GetPids, written by MovePid */
        ATTRIBUTE_READ_ONLY,
        ATTRIBUTE_PRIVILEGED, /* everything else */
        _ATTRIBUTE_CLASS_MAX,
        _ATTRIBUTE_CLASS_INVALID = -1,
} AttributeClass;

AttributeClass attribute_class(const Hierarchy *h, const char *key);

/* Whether key can be the name of an attribute file: letters, digits, '_', '-' and a dot, or one of the few v1 names
 * without one. Says nothing of whether it is there. */
bool attribute_name_is_valid(const char *key);

const char *attribute_class_to_string(AttributeClass c);
AttributeClass attribute_class_from_string(const char *s);

/* Reads an attribute of at most 1 MiB, without its last newline. The caller frees. -ENOKEY: there is none. */
int attribute_read(int fd, const char *key, char **ret);
/* Writes one; -ENOKEY: there is none. */
int attribute_write(int fd, const char *key, const char *value);
