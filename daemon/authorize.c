/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/authorize.h"

#include "common/util.h"

static bool is_mapped(const IdMap *m, uint32_t id) {
        uint32_t inside;

        return m && id_map_to_inside(m, id, &inside);
}

static bool owns(const AuthorizeCaller *caller, const AuthorizeCgroup *cgroup) {
        if (!cgroup->in_root)
                return false;
        return caller->privileged || cgroup->owner == caller->uid ||
               (caller->namespace_root && is_mapped(caller->uids, cgroup->owner));
}

/* An unprivileged container's own cgroup stays that of the user who started it, and LXC gives it to the container's root as
 * its group, with write permission: so the kernel lets him make cgroups there and fill them. */
static bool controls(const AuthorizeCaller *caller, const AuthorizeCgroup *cgroup) {
        return owns(caller, cgroup) ||
               (cgroup->in_root && cgroup->group_writes && caller->namespace_root && is_mapped(caller->gids, cgroup->group));
}

/* Whether a process is the caller's own: it could send it any signal, whatever the process did to its ids. */
static bool owns_process(const AuthorizeCaller *caller, const AuthorizeProcess *p) {
        if (caller->privileged)
                return true;
        if (p->ruid == caller->uid && p->euid == caller->uid && p->suid == caller->uid)
                return true;
        return caller->namespace_root && is_mapped(caller->uids, p->ruid) && is_mapped(caller->uids, p->euid) &&
               is_mapped(caller->uids, p->suid);
}

static const char *check_chown(const AuthorizeCaller *caller, const AuthorizeTarget *t) {
        if (!t->parent.in_root)
                return "it is the root of what the caller sees";
        if (!owns(caller, &t->cgroup) || !controls(caller, &t->parent))
                return "the caller does not control it and its parent";
        if (caller->privileged)
                return NULL;
        if (caller->namespace_root) {
                if (!is_mapped(caller->uids, t->uid) || !is_mapped(caller->gids, t->gid))
                        return "the new owner is not mapped in the caller's user namespace";
        } else if (t->uid != caller->uid || t->gid != caller->gid) {
                return "only root can give a cgroup to another user or group";
        }
        if (t->foreign_processes)
                return "it holds processes that are not the caller's";
        return NULL;
}

static const char *check_set(const AuthorizeCaller *caller, const AuthorizeTarget *t) {
        switch (t->attribute) {
        case ATTRIBUTE_OWNER:
                return controls(caller, &t->cgroup) ? NULL : "the caller does not control the cgroup";
        case ATTRIBUTE_LIMIT:
                if (caller->privileged && t->cgroup.in_root)
                        return NULL;
                return controls(caller, &t->parent) ? NULL : "a cgroup's limits belong to who controls its parent";
        case ATTRIBUTE_MEMBERSHIP:
                return "processes are moved with MovePid";
        case ATTRIBUTE_READ_ONLY:
                return "the attribute can only be read";
        case ATTRIBUTE_PRIVILEGED:
                return caller->privileged && t->cgroup.in_root ? NULL : "the attribute is for root only";
        default:
                return "there is no such class of attributes";
        }
}

static const char *check_attach(const AuthorizeCaller *caller, const AuthorizeTarget *t) {
        if (!controls(caller, &t->cgroup))
                return "the caller does not control the cgroup";
        if (!t->process.visible)
                return "the process is not in the caller's pid namespace";
        if (t->process.untouchable)
                return "a kernel thread, PID 1 or the daemon is not moved";
        if (!owns_process(caller, &t->process))
                return "the process is not the caller's";
        if (!controls(caller, &t->common) && !t->leaves_open)
                return "it would leave limits that somebody else has set";
        return NULL;
}

static const char *check_session(const AuthorizeCaller *caller, const AuthorizeTarget *t) {
        if (caller->privileged)
                return t->cgroup.in_root ? NULL : "it is outside what the caller sees";
        if (!caller->namespace_root)
                return "sessions are for root";
        if (!controls(caller, &t->cgroup))
                return "the caller does not control the place where sessions are made";
        if (!is_mapped(caller->uids, t->uid) || !is_mapped(caller->gids, t->gid))
                return "the user is not mapped in the caller's user namespace";
        return NULL;
}

/* Whoever has a process in its power can have it ask for anything. */
static const char *check_proxy(const AuthorizeCaller *caller, const AuthorizeTarget *t) {
        if (!t->process.visible)
                return "the process is not in the caller's pid namespace";
        if (t->process.untouchable)
                return "a kernel thread, PID 1 and the daemon are nobody's clients";
        return owns_process(caller, &t->process) ? NULL : "the process is not the caller's";
}

static const char *check(const AuthorizeCaller *caller, Operation operation, const AuthorizeTarget *t) {
        static const char *const uncontrolled = "the caller does not control the cgroup";

        switch (operation) {
        case OPERATION_CREATE:
        case OPERATION_LIST:
        case OPERATION_ENABLE:
        case OPERATION_INIT_LEAF:
                return controls(caller, &t->cgroup) ? NULL : uncontrolled;
        case OPERATION_REMOVE:
                return controls(caller, &t->parent) ? NULL : "the caller does not control the cgroup's parent";
        case OPERATION_CHOWN:
                return check_chown(caller, t);
        case OPERATION_CHMOD:
                /* Modes are the owner's business: what he has given to a group he can take back. */
                if (!owns(caller, &t->cgroup))
                        return uncontrolled;
                return t->handed_over || caller->privileged ? NULL : "the file is not one that is handed over";
        case OPERATION_SET:
                return check_set(caller, t);
        case OPERATION_ATTACH:
                return check_attach(caller, t);
        case OPERATION_LOCATE:
                if (!t->process.visible)
                        return "the process is not in the caller's pid namespace";
                return owns_process(caller, &t->process) || controls(caller, &t->cgroup)
                        ? NULL : "neither the process is the caller's nor its cgroup";
        case OPERATION_SESSION:
                return check_session(caller, t);
        case OPERATION_PROXY:
                return check_proxy(caller, t);
        default:
                return "there is no such operation";
        }
}

int authorize(const AuthorizeCaller *caller, Operation operation, const AuthorizeTarget *target, const char **ret_reason) {
        const char *refused = check(caller, operation, target);

        if (!refused)
                return 0;
        *ret_reason = refused;
        return -EACCES;
}

static const char *const operation_names[_OPERATION_MAX] = {
        [OPERATION_CREATE] = "create", [OPERATION_REMOVE] = "remove", [OPERATION_LIST] = "read",
        [OPERATION_CHOWN] = "chown",   [OPERATION_CHMOD] = "chmod",   [OPERATION_SET] = "set",
        [OPERATION_ENABLE] = "enable", [OPERATION_ATTACH] = "attach", [OPERATION_LOCATE] = "locate",
        [OPERATION_SESSION] = "session", [OPERATION_PROXY] = "proxy",
        [OPERATION_INIT_LEAF] = "init-leaf",
};

const char *operation_to_string(Operation o) {
        return o >= 0 && o < _OPERATION_MAX ? operation_names[o] : NULL;
}

Operation operation_from_string(const char *s) {
        for (int i = 0; i < _OPERATION_MAX; i++)
                if (streq(operation_names[i], s))
                        return (Operation) i;
        return _OPERATION_INVALID;
}
