/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The session stack of a PAM service, read from the files that libpam reads, with what they include (pam.conf(5)).
 * libpam itself tells nobody what it has read.
 */

#include <glib.h>

struct pam_entry {
        char *text;   /* the line, in /etc/pam.conf without the service's name */
        char *module; /* as it stands there: a name or an absolute path */
        char **arguments;
        char *file;
        unsigned line;
};

struct pam_stack {
        GPtrArray *entries; /* struct pam_entry *, in their order */
        GPtrArray *files;   /* char *, each that was read, the service's own first */
};

/*
 * root is put in front of every file name, "" for none. NULL when the service is not configured. A service that has no
 * session lines has those of "other".
 */
struct pam_stack *pam_stack_read(const char *root, const char *service);
void pam_stack_free(struct pam_stack *stack);

/* The first entry of a module from "from" on; its index, or -1. */
int pam_stack_find(const struct pam_stack *stack, const char *module, guint from);

static inline const struct pam_entry *pam_stack_entry(const struct pam_stack *stack, int i) {
        return g_ptr_array_index(stack->entries, (guint)i);
}
