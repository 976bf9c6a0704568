/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/authorize.h"
#include "daemon/root.h"

/*
 * Who asks. Everything comes from the kernel: the peer's process (a pidfd), its ids when it connected, its namespaces.
 * Ids here are the kernel's; a message's numbers are translated on the way in and out.
 */

/* The daemon's own namespaces, and what every caller in them shares. */
typedef struct Host {
        const Layout *layout;
        ino_t namespaces[_NAMESPACE_MAX];
        Root *root;
} Host;

int host_init(Host *host, const Layout *l);
void host_done(Host *host);

typedef struct Caller {
        const Host *host;
        PidRef process;
        uid_t uid;
        gid_t gid;
        uid_t charge;             /* who pays: uid, or who answers for the user namespace that the caller is in */
        bool sys_admin;           /* root only: had CAP_SYS_ADMIN in its user namespace when it connected */
        bool privileged;
        bool namespace_root;
        ino_t user_namespace, cgroup_namespace;
        int pid_namespace;        /* -EBADF when it is ours */
        int cgroup_namespace_fd;  /* the same */
        IdMap uids, gids;
        Root *root;
        struct Caller *via;       /* a proxy that the caller came by, and so on; must live longer. NULL: it came by itself */
} Caller;

/* Takes the process; certain: it is the one with these ids, by the kernel's word, and not by its number. -ESRCH: it is gone, or its number
 * now is another's. -EACCES: it is not the proxy's to speak for. *ret_reason is static text. */
int caller_new(const Host *host, PidRef *process, bool certain, uid_t uid, gid_t gid, Caller *via, Caller **ret, const char **ret_reason);
Caller *caller_free(Caller *c);
DEFINE_CLEANUP(Caller, caller_free);

/* To be called for each request: the process must still be there, and may have changed its namespaces. */
int caller_refresh(Caller *c, const char **ret_reason);

/* authorize() for the caller and each proxy that it came by: what one of them may not do, it may not. */
int caller_authorize(const Caller *c, Operation operation, const AuthorizeTarget *target, const char **ret_reason);
/* Facts of a process as the caller may see it. */
int caller_read_process(const Caller *c, const PidRef *process, AuthorizeProcess *ret);
/* Whether it is that user, or root over him. */
bool caller_answers_for(const Caller *c, uid_t uid);
/* Whether it may know of a cgroup of owner's; path is from the daemon's root. */
bool caller_may_see(const Caller *c, uid_t owner, const Hierarchy *h, const char *path);

/* A message's ids and pids, into ours. */
bool caller_uid_from(const Caller *c, uint32_t uid, uid_t *ret);
bool caller_gid_from(const Caller *c, uint32_t gid, gid_t *ret);
int caller_process_from(const Caller *c, uint32_t pid, PidRef *ret);

/* Ours into its own: the overflow id 65534 for what is not mapped (as the kernel shows it), 0 for a process that it
 * can't see. */
uint32_t caller_uid_to(const Caller *c, uid_t uid);
uint32_t caller_gid_to(const Caller *c, gid_t gid);
uint32_t caller_pid_to(const Caller *c, pid_t pid);
