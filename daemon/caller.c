/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/caller.h"

#include "common/path.h"
#include "common/util.h"

#define OVERFLOW_ID 65534U
#define INITIAL_MAP "0 0 4294967295\n"

int host_init(Host *host, const Layout *l) {
        int r = 0;

        *host = (Host) { .layout = l };
        for (int i = 0; r >= 0 && i < _NAMESPACE_MAX; i++)
                r = namespace_id(getpid(), (NamespaceKind) i, &host->namespaces[i]);
        return r < 0 ? r : root_new_host(l, &host->root);
}

void host_done(Host *host) {
        host->root = root_unref(host->root);
}

/* Who pays for a caller in another user namespace: who made the outermost one. Where that is root itself (a system
 * container) it can't be root, who is not limited: then all ids of the caller's block of 65536, which is what a
 * container is given as a rule (subuid(5)), share one purse. */
static uid_t purse(uid_t uid, uid_t outermost) {
        uid_t block = uid & ~(uid_t) 0xffff;

        if (outermost != 0)
                return outermost;
        return block ? block : uid;
}

static int read_user_namespace(Caller *c, ino_t id) {
        bool initial = id == c->host->namespaces[NAMESPACE_USER];
        uid_t owner, outermost = c->uid;
        ProcessStatus status;
        IdMap uids = ID_MAP_NULL, gids = ID_MAP_NULL;
        uint32_t inside;
        int r;

        /* Of the initial namespace it is known: every id is its own. */
        r = initial ? id_map_parse(INITIAL_MAP, &uids) : namespace_read_maps(c->process.pid, &uids, &gids);
        if (r >= 0 && initial)
                r = id_map_parse(INITIAL_MAP, &gids);
        if (r < 0)
                return r;
        id_map_done(&c->uids);
        id_map_done(&c->gids);
        c->uids = uids;
        c->gids = gids;

        if (initial) {
                c->privileged = c->uid == 0 && c->sys_admin;
                c->namespace_root = false;
        } else {
                _cleanup_close_ int fd = namespace_open(c->process.pid, NAMESPACE_USER);

                r = fd < 0 ? fd : user_namespace_owners(fd, &owner, &outermost);
                if (r < 0)
                        return r;
                c->privileged = false;
                c->namespace_root = id_map_to_inside(&c->uids, c->uid, &inside) && inside == 0;
                /* Who made it has every capability over it from outside only (user_namespaces(7)): an ordinary user inside may
                 * well have the same id. */
                if (!c->namespace_root && owner == c->uid) {
                        r = process_read_status(&c->process, &status);
                        if (r < 0)
                                return r;
                        c->namespace_root = status.sys_admin;
                }
        }

        c->charge = initial ? c->uid : purse(c->uid, outermost);
        c->user_namespace = id;
        return 0;
}

static int read_cgroup_namespace(Caller *c, ino_t id) {
        _cleanup_(cgroup_paths_done) CgroupPaths paths = {};
        _cleanup_close_ int fd = -EBADF;
        Root *root;
        ino_t now;
        int r;

        if (id == c->host->namespaces[NAMESPACE_CGROUP]) {
                root = root_ref(c->host->root);
        } else {
                /* Held: the number of a namespace that has gone is soon another's. */
                fd = namespace_open(c->process.pid, NAMESPACE_CGROUP);
                r = fd < 0 ? fd : process_read_cgroup_roots(c->host->layout, &c->process, &paths);
                if (r >= 0)
                        r = namespace_id(c->process.pid, NAMESPACE_CGROUP, &now);
                if (r >= 0 && now != id)
                        r = -EAGAIN; /* it changes them while we look */
                if (r >= 0)
                        r = root_new(c->host->layout, &paths, &root);
                if (r < 0)
                        return r;
        }

        safe_close(c->cgroup_namespace_fd);
        c->cgroup_namespace_fd = TAKE_FD(fd);
        root_unref(c->root);
        c->root = root;
        c->cgroup_namespace = id;
        return 0;
}

/* Below the proxy's root in every hierarchy, or not there at all. Proxies are confined before their clients, so that what is
 * in the caller's root is in that of all of them. */
static int confine_root(Caller *c) {
        const Root *outer = c->via->root;
        CgroupPaths inside = {};
        bool all = true;
        Root *root;
        int r;

        for (size_t i = 0; i < HIERARCHIES_MAX; i++) {
                char *path = c->root->paths[i];

                if (path && outer->paths[i] && cg_path_is_below(path, outer->paths[i]))
                        inside.paths[i] = path;
                else
                        all = all && !path;
        }
        if (all)
                return 0;

        r = root_new(c->host->layout, &inside, &root);
        if (r < 0)
                return r;
        root_unref(c->root);
        c->root = root;
        return 0;
}

int caller_refresh(Caller *c, const char **ret_reason) {
        ino_t user, cgroup;
        int r;

        if (c->via) {
                r = caller_refresh(c->via, ret_reason);
                if (r < 0)
                        return r;
        }

        *ret_reason = "the calling process is gone";
        r = namespace_id(c->process.pid, NAMESPACE_USER, &user);
        if (r >= 0)
                r = namespace_id(c->process.pid, NAMESPACE_CGROUP, &cgroup);
        /* A new user namespace's map is empty until it has been written, once. */
        if (r >= 0 && (user != c->user_namespace || c->uids.n == 0 || c->gids.n == 0))
                r = read_user_namespace(c, user);
        if (r >= 0 && cgroup != c->cgroup_namespace) {
                *ret_reason = "the caller's cgroup namespace can't be told";
                r = read_cgroup_namespace(c, cgroup);
        }
        if (r >= 0 && c->via) {
                c->privileged = c->privileged && c->via->privileged;
                r = confine_root(c);
        }
        if (r < 0)
                return r;

        /* What was read by number was the caller's own if it is still there. */
        *ret_reason = "the calling process is gone";
        return pidref_is_alive(&c->process) ? 0 : -ESRCH;
}

static int read_status(Caller *c) {
        ProcessStatus status;
        int r = process_read_status(&c->process, &status);

        if (r < 0)
                return r;

        /* Where the kernel gave us a number and no pidfd, the number might be another's by now: one whose ids have
         * nothing of the peer's. (It may have changed some of them since it connected.) */
        if (status.ruid != c->uid && status.euid != c->uid && status.suid != c->uid)
                return -ESRCH;
        c->sys_admin = status.sys_admin;
        return 0;
}

static int read_identity(Caller *c, bool certain) {
        ino_t pid_namespace;
        int r;

        /* Of another than root it says nothing that matters. */
        r = certain && c->uid != 0 ? 0 : read_status(c);
        if (r < 0)
                return r;

        r = namespace_id(c->process.pid, NAMESPACE_PID, &pid_namespace);
        if (r < 0)
                return r;
        if (pid_namespace != c->host->namespaces[NAMESPACE_PID]) {
                c->pid_namespace = namespace_open(c->process.pid, NAMESPACE_PID);
                if (c->pid_namespace < 0)
                        return c->pid_namespace;
        }
        return 0;
}

static int authorize_proxy(const Caller *c, const char **ret_reason) {
        AuthorizeTarget facts = {};
        int r = caller_read_process(c->via, &c->process, &facts.process);

        return r < 0 ? r : caller_authorize(c->via, OPERATION_PROXY, &facts, ret_reason);
}

int caller_new(const Host *host, PidRef *process, bool certain, uid_t uid, gid_t gid, Caller *via, Caller **ret, const char **ret_reason) {
        _cleanup_(caller_freep) Caller *c = calloc(1, sizeof(*c));
        int r;

        *ret_reason = "out of memory";
        if (!c) {
                pidref_done(process);
                return -ENOMEM;
        }

        *c = (Caller) { .host = host, .process = *process, .uid = uid, .gid = gid, .charge = uid, .via = via, .pid_namespace = -EBADF,
                        .cgroup_namespace_fd = -EBADF };
        *process = PIDREF_NULL;

        *ret_reason = "the calling process is gone, or is not the one that connected";
        r = read_identity(c, certain);
        if (r >= 0 && via)
                r = authorize_proxy(c, ret_reason);
        if (r >= 0)
                r = caller_refresh(c, ret_reason);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

Caller *caller_free(Caller *c) {
        if (!c)
                return NULL;

        pidref_done(&c->process);
        safe_close(c->pid_namespace);
        safe_close(c->cgroup_namespace_fd);
        id_map_done(&c->uids);
        id_map_done(&c->gids);
        root_unref(c->root);
        free(c);
        return NULL;
}

int caller_authorize(const Caller *c, Operation operation, const AuthorizeTarget *target, const char **ret_reason) {
        int r = 0;

        for (; c && r >= 0; c = c->via) {
                AuthorizeCaller facts = {
                        .uid = c->uid,
                        .gid = c->gid,
                        .privileged = c->privileged,
                        .namespace_root = c->namespace_root,
                        .uids = &c->uids,
                        .gids = &c->gids,
                };

                r = authorize(&facts, operation, target, ret_reason);
        }
        return r;
}

int caller_read_process(const Caller *c, const PidRef *process, AuthorizeProcess *ret) {
        ProcessStatus status;
        int r = process_read_status(process, &status);

        if (r < 0)
                return r;

        *ret = (AuthorizeProcess) {
                .ruid = status.ruid,
                .euid = status.euid,
                .suid = status.suid,
                .visible = caller_pid_to(c, process->pid) != 0,
                .untouchable = status.kernel_thread || process->pid == 1 || process->pid == getpid(),
        };
        return 0;
}

bool caller_answers_for(const Caller *c, uid_t uid) {
        uint32_t inside;

        for (; c; c = c->via)
                if (!c->privileged && c->uid != uid && !(c->namespace_root && id_map_to_inside(&c->uids, uid, &inside)))
                        return false;
        return true;
}

bool caller_may_see(const Caller *c, uid_t owner, const Hierarchy *h, const char *path) {
        for (const Caller *one = c; one; one = one->via) {
                const char *root = one->root->paths[h->index];

                if (!root || !path || !cg_path_is_below(path, root))
                        return false;
        }
        return caller_answers_for(c, owner);
}

bool caller_uid_from(const Caller *c, uint32_t uid, uid_t *ret) {
        return id_map_to_outside(&c->uids, uid, ret);
}

bool caller_gid_from(const Caller *c, uint32_t gid, gid_t *ret) {
        return id_map_to_outside(&c->gids, gid, ret);
}

int caller_process_from(const Caller *c, uint32_t pid, PidRef *ret) {
        PidRef found;
        pid_t ours;
        int r;

        if (pid == 0)
                return pidref_from_fd(c->process.fd, ret);
        if (pid > INT32_MAX)
                return -ESRCH;
        if (c->pid_namespace < 0)
                return pidref_from_pid((pid_t) pid, ret);

        r = pid_from_namespace(c->pid_namespace, (pid_t) pid, &ours);
        if (r >= 0)
                r = pidref_from_pid(ours, &found);
        if (r < 0)
                return r;

        /* Between the two the number may have become another process's, which the caller can't see or did not mean. */
        if (caller_pid_to(c, found.pid) != pid || !pidref_is_alive(&found)) {
                pidref_done(&found);
                return -ESRCH;
        }
        *ret = found;
        return 0;
}

uint32_t caller_uid_to(const Caller *c, uid_t uid) {
        uint32_t inside;

        return id_map_to_inside(&c->uids, uid, &inside) ? inside : OVERFLOW_ID;
}

uint32_t caller_gid_to(const Caller *c, gid_t gid) {
        uint32_t inside;

        return id_map_to_inside(&c->gids, gid, &inside) ? inside : OVERFLOW_ID;
}

uint32_t caller_pid_to(const Caller *c, pid_t pid) {
        pid_t inside;

        if (c->pid_namespace < 0)
                return (uint32_t) pid;
        return pid_to_namespace(c->pid_namespace, pid, &inside) < 0 ? 0 : (uint32_t) inside;
}
