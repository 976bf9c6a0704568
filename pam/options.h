/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The words behind pam_cgwarden.so in a PAM service's file: what pam_cgfs and pam_cgm took, and three of our own.
 * Knows nothing of PAM. See pam_cgwarden(8).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAM_VALUES_MAX 64u
#define PAM_TIMEOUT_MAX_SEC 60u

typedef struct PamValue {
        const char *controller; /* controller_size bytes, no NUL */
        size_t controller_size;
        const char *key; /* key_size bytes, no NUL */
        size_t key_size;
        const char *value;
} PamValue;

/* The pointers go into the words; NULL is "not given". */
typedef struct PamOptions {
        const char *controllers;
        const char *pattern;
        const char *socket;
        PamValue values[PAM_VALUES_MAX];
        size_t n_values;
        uint64_t timeout_usec;
        uint32_t max_index;
        uint32_t prune_depth;
        bool has_max_index;
        bool has_prune_depth;
        bool no_index_suffix;
        bool debug;
} PamOptions;

/* Called once for each word that can't be used; problem says what was expected of it. */
typedef void (*PamOptionReport)(void *userdata, const char *word, const char *problem);

/* Reads all words, also behind a bad one, and reports each that is bad: -EINVAL when there was one. *o is filled with
 * what was good even then. report may be NULL. */
int pam_options_parse(PamOptions *o, int argc, const char **argv, PamOptionReport report, void *userdata);

/* Whether the pattern asks for the group's name, which costs a look-up. */
bool pam_pattern_has_group_name(const char *pattern);
