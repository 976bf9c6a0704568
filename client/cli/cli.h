/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the verbs share. A verb is a function that parses its own options (so that they are local variables), calls the
 * library and prints; it returns an exit status.
 */

#include <glib.h>
#include <json-glib/json-glib.h>

#include "client/cgwarden.h"
#include "common/util.h"

enum {
        STATUS_OK = 0,
        STATUS_FAILURE = 1,
        STATUS_USAGE = 2,
};

struct cli {
        cgw_t *cgw;
        const char *verb;
        gboolean json;
        gboolean version;
        char *address;
        bool utf8;
        bool colour;
};

/* What --help says of a verb, and what its command line looks like. */
struct usage {
        const char *arguments;
        const char *summary;
        const char *description;     /* may be NULL */
        const GOptionEntry *entries; /* may be NULL; ends with {} */
        int min, max;                /* how many arguments; max -1: any number */
        bool command_follows;        /* options end at the first argument */
};

/*
 * Takes the options out of argv; what is left starts at argv[1]. Returns false after it has said what is wrong: the
 * verb then returns STATUS_USAGE.
 */
bool cli_parse(struct cli *cli, const struct usage *usage, int *argc, char ***argv);

/* One line on stderr: "cgwarden: VERB OBJECT: what the library says". Returns STATUS_FAILURE. */
int cli_fail(const struct cli *cli, const char *controllers, const char *path);
int cli_fail_object(const struct cli *cli, const char *object);
int cli_complain(const struct cli *cli, int status, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Numbers and names of users. These say what is wrong by a message, which is for g_free(). */
bool cli_parse_owner(const char *text, uid_t *ret_uid, gid_t *ret_gid, char **ret_problem);
bool cli_parse_pid(const char *text, pid_t *ret);
char *cli_user_name(uid_t uid);
char *cli_group_name(gid_t gid);

/* Splits KEY=VALUE; false when there is no KEY or no "=". */
bool cli_split_value(const char *text, char **ret_key, char **ret_value);

/* A process as the caller's /proc has it; NULL when it is gone or hidden. */
char *cli_process_user(pid_t pid);
char *cli_process_command(pid_t pid);
char *cli_process_name(pid_t pid);

/* Without control characters, which could make a terminal do things. */
char *cli_printable(const char *s);

/* DIR/NAME, where DIR may be "/". */
char *cli_join(const char *directory, const char *name);
/* The directory above; NULL for "/". */
char *cli_parent(const char *path);

/* Columns, as wide as their widest cell. */
struct table;
struct table *table_new(size_t columns, const char *const *titles);
void table_row(struct table *t, const char *const *cells);
void table_align_right(struct table *t, size_t column);
void table_print(const struct table *t);
void table_free(struct table *t);

/* Prints a finished builder's document, and frees it. */
void cli_print_json(JsonBuilder *builder);
void cli_json_strings(JsonBuilder *builder, const char *const *strv);

int verb_chmod(struct cli *cli, int argc, char **argv);
int verb_chown(struct cli *cli, int argc, char **argv);
int verb_create(struct cli *cli, int argc, char **argv);
int verb_delegate(struct cli *cli, int argc, char **argv);
int verb_doctor(struct cli *cli, int argc, char **argv);
int verb_get(struct cli *cli, int argc, char **argv);
int verb_init_leaf(struct cli *cli, int argc, char **argv);
int verb_keys(struct cli *cli, int argc, char **argv);
int verb_list(struct cli *cli, int argc, char **argv);
int verb_move(struct cli *cli, int argc, char **argv);
int verb_ping(struct cli *cli, int argc, char **argv);
int verb_prune(struct cli *cli, int argc, char **argv);
int verb_ps(struct cli *cli, int argc, char **argv);
int verb_remove(struct cli *cli, int argc, char **argv);
int verb_run(struct cli *cli, int argc, char **argv);
int verb_enter(struct cli *cli, int argc, char **argv);
int verb_sessions(struct cli *cli, int argc, char **argv);
int verb_set(struct cli *cli, int argc, char **argv);
int verb_status(struct cli *cli, int argc, char **argv);
int verb_tree(struct cli *cli, int argc, char **argv);

static inline void cgw_freep(cgw_t **c) {
        cgw_free(*c);
}
static inline void cgw_strv_freep(char ***strv) {
        cgw_strv_free(*strv);
}
static inline void cgw_keys_freep(cgw_key_t ***keys) {
        cgw_keys_free(*keys);
}
static inline void cgw_hierarchies_freep(cgw_hierarchy_t ***list) {
        cgw_hierarchies_free(*list);
}
static inline void cgw_sessions_freep(cgw_session_t ***list) {
        cgw_sessions_free(*list);
}
static inline void cgw_session_freep(cgw_session_t **session) {
        cgw_session_free(*session);
}
static inline void table_freep(struct table **t) {
        table_free(*t);
}
