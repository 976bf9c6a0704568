/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgroup/tree.h"
#include "daemon/request.h"
#include "daemon/server.h"

/*
 * cgmanager's interface, org.linuxcontainers.cgmanager0_0, for clients that were made for it: an adapter of the operations.
 * dbus/org.linuxcontainers.cgmanager.xml says what it means.
 *
 *   legacy-bus.c      the vtable: decodes a message, and encodes the answer of the plain forms
 *   legacy-scm.c      the conversation over a socket by which the Scm forms learn who asks, and for whom
 *   legacy-call.c     what each method does, by operations
 *   legacy-values.c   values of v1 on v2, and the other way round
 */

typedef enum LegacyAnswerKind {
        LEGACY_ANSWER_NONE,
        LEGACY_ANSWER_EXISTED,
        LEGACY_ANSWER_TEXT,
        LEGACY_ANSWER_PIDS,
        LEGACY_ANSWER_NAMES,
        LEGACY_ANSWER_KEYS,
} LegacyAnswerKind;

typedef struct LegacyKey {
        char *name;
        uint32_t uid, gid; /* as the caller has them */
        uint32_t mode;
} LegacyKey;

typedef struct LegacyAnswer {
        int32_t existed; /* 1 or -1 */
        char *text;
        PidList pids; /* ours; those that the caller can't see are left out */
        NameList names;
        GArray *keys; /* LegacyKey */
} LegacyAnswer;

void legacy_answer_done(LegacyAnswer *a);

/* What is there in a message, and how it is answered. */
typedef struct LegacyMethod LegacyMethod;

/* By the name of the plain form; NULL. */
const LegacyMethod *legacy_method_find(const char *name, size_t length);
/* Of the plain form: texts (controllers, path, key, value) and then numbers. */
const char *legacy_method_signature(const LegacyMethod *method);
LegacyAnswerKind legacy_method_answer(const LegacyMethod *method);

/* Whose numbers come by a second credential in the Scm form. */
typedef enum LegacyOther {
        LEGACY_OTHER_NONE,
        LEGACY_OTHER_PROCESS,
        LEGACY_OTHER_IDS,
} LegacyOther;

LegacyOther legacy_method_other(const LegacyMethod *method);

typedef struct LegacyCall {
        const LegacyMethod *method;
        char *controllers, *path, *key, *value;
        int32_t number; /* Chmod: the mode; Remove: whether recursive */
        PidRef process; /* LEGACY_OTHER_PROCESS */
        uid_t uid;      /* LEGACY_OTHER_IDS, the kernel's */
        gid_t gid;
} LegacyCall;

void legacy_call_done(LegacyCall *call);

/* Does what the call says, for the caller. top: the process from whose cgroup on the Abs forms go, NULL for the caller's root. On
 * failure error is set. */
int legacy_call_run(const LegacyCall *call, Manager *m, Caller *caller, const PidRef *top, LegacyAnswer *ret, sd_bus_error *error);

/* One text for each hierarchy, "cpu,cpuacct". */
GPtrArray *legacy_list_controllers(Manager *m, Caller *caller);

/* Starts the conversation over a socket that the message had, which is borrowed. The call is taken over. */
int legacy_scm_start(Connection *c, int socket, LegacyCall *call, sd_bus_error *error);
/* Ends those of a connection. */
void legacy_scm_end(Connection *c);

/* A value of one cgroup; key is v1's or v2's. */
int legacy_get_value(Request *r, const char *key, char **ret);
int legacy_set_value(Request *r, const char *key, const char *value);
/* The file of that meaning, for Chmod: key itself where there is no other. */
const char *legacy_key_name(const Hierarchy *h, const char *key);

/* The translations themselves, for tests: NULL where there is none, or where the value has no meaning there. current is what the
 * v2 file has now. */
char *legacy_value_to_v2(const char *v1_key, const char *value, const char *current);
char *legacy_value_to_v1(const char *v1_key, const char *text, const char *second);
