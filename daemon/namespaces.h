/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup/layout.h"
#include "common/idmap.h"
#include "common/pidref.h"

/*
 * A process's namespaces, read from outside, and translations between its numbers and ours. Each newer kernel interface
 * has its fallback; $CGWARDEN_KERNEL="6.1" has the daemon behave as on that kernel, for tests.
 */

typedef enum NamespaceKind {
        NAMESPACE_USER,
        NAMESPACE_PID,
        NAMESPACE_CGROUP,
        _NAMESPACE_MAX,
} NamespaceKind;

/* The inode number that identifies a namespace. -ESRCH. */
int namespace_id(pid_t pid, NamespaceKind kind, ino_t *ret);
/* A descriptor of the namespace, nsfs. */
int namespace_open(pid_t pid, NamespaceKind kind);

/* The uid that made a user namespace, and the uid that made its outermost ancestor below ours: the one who answers for
 * everything in it. */
int user_namespace_owners(int fd, uid_t *ret_owner, uid_t *ret_outermost);

int namespace_read_maps(pid_t pid, IdMap *ret_uids, IdMap *ret_gids);

/* A process number of another pid namespace in ours, and back. -ESRCH. */
int pid_from_namespace(int pid_namespace, pid_t pid, pid_t *ret);
int pid_to_namespace(int pid_namespace, pid_t pid, pid_t *ret);

/* What /proc/PID/status says. */
typedef struct ProcessStatus {
        uid_t ruid, euid, suid;
        gid_t rgid, egid, sgid;
        bool sys_admin; /* effective CAP_SYS_ADMIN, in the process's own user namespace */
        bool kernel_thread;
} ProcessStatus;

int process_read_status(const PidRef *p, ProcessStatus *ret);
/* All of it; the caller of this frees. */
int process_read_status_text(pid_t pid, char **ret);

/* The paths of a process's cgroups from our root, one for each hierarchy of the layout, without the leading '/'. An
 * entry is NULL where it is outside our root. */
typedef struct CgroupPaths {
        char *paths[HIERARCHIES_MAX];
} CgroupPaths;

int process_read_cgroups(const Layout *l, const PidRef *p, CgroupPaths *ret);
void cgroup_paths_done(CgroupPaths *p);

/* The roots of a process's cgroup namespace, from our root; an entry is NULL where it can't be told. */
int process_read_cgroup_roots(const Layout *l, const PidRef *p, CgroupPaths *ret);
