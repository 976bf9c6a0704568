/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * authorize() as a table: operation, caller, target, answer, and why. The answers are those of DESIGN 4 ("May they?"), not
 * of the code. Default deny is tested by what no row allows: for each operation every caller meets the empty target.
 */

#include <glib.h>

#include "common/util.h"
#include "daemon/authorize.h"

/* The host's users 1000 (alice) and 1001 (bob); a container of alice's, whose ids 0..65535 are 100000..165535. */
#define ALICE 1000U
#define BOB 1001U
#define CONTAINER_ROOT 100000U
#define CONTAINER_USER 101000U
#define OTHER_CONTAINER 300000U

static IdRange initial_ranges[] = { { 0, 0, UINT32_MAX } }, container_ranges[] = { { 0, CONTAINER_ROOT, 65536 } };
static const IdMap initial_map = { 1, initial_ranges }, container_map = { 1, container_ranges }, empty_map = { 0, NULL };

#define CALLER(id, ...) { .uid = id, .gid = id, __VA_ARGS__ }
#define HOST .uids = &initial_map, .gids = &initial_map
#define INSIDE .uids = &container_map, .gids = &container_map

static const AuthorizeCaller
        root = CALLER(0, .privileged = true, HOST),
        /* uid 0 of the host without CAP_SYS_ADMIN: an ordinary user of that number */
        weak_root = CALLER(0, HOST),
        alice = CALLER(ALICE, HOST),
        bob = CALLER(BOB, HOST),
        container_root = CALLER(CONTAINER_ROOT, .namespace_root = true, INSIDE),
        container_user = CALLER(CONTAINER_USER, INSIDE),
        /* alice in a user namespace that she made, as no one in it (lxc-usernsexec before setuid) */
        owner = CALLER(ALICE, .namespace_root = true, INSIDE),
        /* her namespace before its map was written */
        unmapped = CALLER(ALICE, .namespace_root = true, .uids = &empty_map, .gids = &empty_map),
        /* someone who is in a namespace and has no number there */
        stranger = CALLER(BOB, INSIDE);

typedef struct Row {
        Operation operation;
        const char *caller_name;
        const AuthorizeCaller *caller;
        AuthorizeTarget target;
        bool allowed;
        const char *why;
} Row;

#define ALLOW(op, who, why, ...) { OPERATION_##op, #who, &who, { __VA_ARGS__ }, true, why }
#define REFUSE(op, who, why, ...) { OPERATION_##op, #who, &who, { __VA_ARGS__ }, false, why }

/* Cgroups */
#define OF(id) { .in_root = true, .owner = id }
#define ABOVE(id) { .in_root = false, .owner = id } /* outside the caller's cgroup namespace root */
#define ON(id) .cgroup = OF(id)
/* An unprivileged container's own cgroup, as LXC leaves it: alice's, and writable for its root's group. */
#define LXC_GAVE(group_id) { .in_root = true, .owner = ALICE, .group_writes = true, .group = group_id }
#define IN(id) .parent = OF(id)
#define IS_ROOT .parent = ABOVE((uid_t) -1)

/* Processes */
#define PROCESS(r, e, s, ...) .process = { .ruid = r, .euid = e, .suid = s, .visible = true, __VA_ARGS__ }
#define OWN(id) PROCESS(id, id, id)
#define SHARED(id) .common = OF(id)

static const Row rows[] = {
        /* ---- create, read, enable: control of the cgroup */
        ALLOW(CREATE, root, "root controls everything", ON(ALICE)),
        ALLOW(CREATE, root, "his own too", ON(0)),
        REFUSE(CREATE, root, "nothing above the caller's root, not even for root", .cgroup = ABOVE(0)),
        ALLOW(CREATE, weak_root, "he owns it", ON(0)),
        REFUSE(CREATE, weak_root, "without CAP_SYS_ADMIN he is not privileged", ON(ALICE)),
        ALLOW(CREATE, alice, "she owns it", ON(ALICE)),
        REFUSE(CREATE, alice, "it is root's", ON(0)),
        REFUSE(CREATE, alice, "it is bob's", ON(BOB)),
        REFUSE(CREATE, alice, "a subuid of hers is not she, from outside the namespace", ON(CONTAINER_ROOT)),
        REFUSE(CREATE, alice, "it is hers and above her root", .cgroup = ABOVE(ALICE)),
        REFUSE(CREATE, bob, "it is alice's", ON(ALICE)),
        ALLOW(CREATE, container_root, "he owns it", ON(CONTAINER_ROOT)),
        ALLOW(CREATE, container_root, "its owner is mapped in his namespace", ON(CONTAINER_USER)),
        ALLOW(CREATE, container_root, "the last id that is mapped", ON(CONTAINER_ROOT + 65535)),
        REFUSE(CREATE, container_root, "the first one that is not", ON(CONTAINER_ROOT + 65536)),
        REFUSE(CREATE, container_root, "the last one before", ON(CONTAINER_ROOT - 1)),
        REFUSE(CREATE, container_root, "the host's root", ON(0)),
        REFUSE(CREATE, container_root, "the one who started the container", ON(ALICE)),
        REFUSE(CREATE, container_root, "another container", ON(OTHER_CONTAINER)),
        REFUSE(CREATE, container_root, "above his root", .cgroup = ABOVE(CONTAINER_ROOT)),
        ALLOW(CREATE, container_user, "he owns it", ON(CONTAINER_USER)),
        REFUSE(CREATE, container_user, "mapped, but he is not root there", ON(CONTAINER_ROOT)),
        REFUSE(CREATE, container_user, "it is alice's", ON(ALICE)),
        ALLOW(CREATE, owner, "her own, which is not mapped there", ON(ALICE)),
        ALLOW(CREATE, owner, "who owns the namespace has all of its ids", ON(CONTAINER_ROOT)),
        REFUSE(CREATE, owner, "root's", ON(0)),
        ALLOW(CREATE, unmapped, "what she owns she owns", ON(ALICE)),
        REFUSE(CREATE, unmapped, "an empty map maps nobody", ON(CONTAINER_ROOT)),
        REFUSE(CREATE, unmapped, "least of all root", ON(0)),
        ALLOW(CREATE, stranger, "his own", ON(BOB)),
        REFUSE(CREATE, stranger, "the overflow id is nobody's", ON(65534)),
        REFUSE(CREATE, stranger, "the container's", ON(CONTAINER_ROOT)),

        ALLOW(LIST, root, "all", ON(BOB)),
        REFUSE(LIST, root, "above the root", .cgroup = ABOVE(0)),
        ALLOW(LIST, alice, "her own", ON(ALICE)),
        REFUSE(LIST, alice, "root's", ON(0)),
        REFUSE(LIST, bob, "alice's", ON(ALICE)),
        ALLOW(LIST, container_root, "mapped", ON(CONTAINER_USER)),
        REFUSE(LIST, container_root, "not mapped", ON(ALICE)),
        REFUSE(LIST, container_user, "not his", ON(CONTAINER_ROOT)),
        ALLOW(LIST, owner, "mapped", ON(CONTAINER_USER)),
        REFUSE(LIST, unmapped, "not mapped", ON(CONTAINER_USER)),
        REFUSE(LIST, stranger, "not his", ON(CONTAINER_USER)),

        ALLOW(ENABLE, root, "all", ON(BOB)),
        REFUSE(ENABLE, root, "above the root", .cgroup = ABOVE(0)),
        ALLOW(ENABLE, alice, "the kernel hands her cgroup.subtree_control", ON(ALICE)),
        REFUSE(ENABLE, alice, "that would reach above her delegation", ON(0)),
        REFUSE(ENABLE, bob, "alice's", ON(ALICE)),
        ALLOW(ENABLE, container_root, "mapped", ON(CONTAINER_USER)),
        REFUSE(ENABLE, container_root, "alice's", ON(ALICE)),
        REFUSE(ENABLE, container_user, "not his", ON(CONTAINER_ROOT)),
        ALLOW(ENABLE, owner, "mapped", ON(CONTAINER_ROOT)),
        REFUSE(ENABLE, unmapped, "not mapped", ON(CONTAINER_ROOT)),
        REFUSE(ENABLE, stranger, "not his", ON(CONTAINER_ROOT)),

        /* ---- remove: control of the parent, whosever it is */
        ALLOW(REMOVE, root, "all", ON(ALICE), IN(0)),
        REFUSE(REMOVE, root, "never the root of what he sees", ON(0), IS_ROOT),
        ALLOW(REMOVE, alice, "what is below hers", ON(BOB), IN(ALICE)),
        REFUSE(REMOVE, alice, "her delegation itself: its place is root's", ON(ALICE), IN(0)),
        REFUSE(REMOVE, alice, "her own root", ON(ALICE), IS_ROOT),
        REFUSE(REMOVE, bob, "alice's", ON(ALICE), IN(ALICE)),
        ALLOW(REMOVE, container_root, "below a mapped one", ON(CONTAINER_USER), IN(CONTAINER_ROOT)),
        REFUSE(REMOVE, container_root, "his own root", ON(CONTAINER_ROOT), IS_ROOT),
        REFUSE(REMOVE, container_root, "in alice's", ON(CONTAINER_ROOT), IN(ALICE)),
        REFUSE(REMOVE, container_user, "in root's of the container", ON(CONTAINER_USER), IN(CONTAINER_ROOT)),
        ALLOW(REMOVE, owner, "below a mapped one", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT)),
        ALLOW(REMOVE, owner, "below her own: the container's cgroup", ON(CONTAINER_ROOT), IN(ALICE)),
        REFUSE(REMOVE, unmapped, "not mapped", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT)),
        REFUSE(REMOVE, stranger, "not his", ON(BOB), IN(CONTAINER_ROOT)),

        /* ---- chown: control of both, ids of the caller's, never its own root */
        ALLOW(CHOWN, root, "to anyone", ON(0), IN(0), .uid = ALICE, .gid = ALICE),
        ALLOW(CHOWN, root, "with whatever is in it", ON(0), IN(0), .uid = ALICE, .gid = ALICE, .foreign_processes = true),
        REFUSE(CHOWN, root, "not the root", ON(0), IS_ROOT, .uid = ALICE, .gid = ALICE),
        ALLOW(CHOWN, alice, "to herself, below hers", ON(ALICE), IN(ALICE), .uid = ALICE, .gid = ALICE),
        REFUSE(CHOWN, alice, "to another", ON(ALICE), IN(ALICE), .uid = BOB, .gid = ALICE),
        REFUSE(CHOWN, alice, "to another group", ON(ALICE), IN(ALICE), .uid = ALICE, .gid = BOB),
        REFUSE(CHOWN, alice, "to root", ON(ALICE), IN(ALICE), .uid = 0, .gid = 0),
        REFUSE(CHOWN, alice, "her delegation itself", ON(ALICE), IN(0), .uid = ALICE, .gid = ALICE),
        REFUSE(CHOWN, alice, "bob's, though below hers", ON(BOB), IN(ALICE), .uid = ALICE, .gid = ALICE),
        REFUSE(CHOWN, alice, "her own root", ON(ALICE), IS_ROOT, .uid = ALICE, .gid = ALICE),
        REFUSE(CHOWN, alice, "it holds processes that she could not attach", ON(ALICE), IN(ALICE), .uid = ALICE, .gid = ALICE,
               .foreign_processes = true),
        REFUSE(CHOWN, bob, "alice's", ON(ALICE), IN(ALICE), .uid = BOB, .gid = BOB),
        ALLOW(CHOWN, container_root, "to a user of the container", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT), .uid = CONTAINER_USER,
              .gid = CONTAINER_USER),
        REFUSE(CHOWN, container_root, "to the host's root", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT), .uid = 0, .gid = 0),
        REFUSE(CHOWN, container_root, "to alice", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT), .uid = ALICE, .gid = CONTAINER_ROOT),
        REFUSE(CHOWN, container_root, "to a group of the host", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT), .uid = CONTAINER_ROOT, .gid = 0),
        REFUSE(CHOWN, container_root, "his own root", ON(CONTAINER_ROOT), IS_ROOT, .uid = CONTAINER_USER, .gid = CONTAINER_USER),
        REFUSE(CHOWN, container_root, "foreign processes", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT), .uid = CONTAINER_USER,
               .gid = CONTAINER_USER, .foreign_processes = true),
        REFUSE(CHOWN, container_user, "to root of the container", ON(CONTAINER_USER), IN(CONTAINER_USER), .uid = CONTAINER_ROOT,
               .gid = CONTAINER_ROOT),
        ALLOW(CHOWN, owner, "hers to the container's root, as LXC does", ON(ALICE), IN(ALICE), .uid = CONTAINER_ROOT, .gid = CONTAINER_ROOT),
        REFUSE(CHOWN, owner, "to bob", ON(ALICE), IN(ALICE), .uid = BOB, .gid = BOB),
        REFUSE(CHOWN, unmapped, "to an id that is not mapped", ON(ALICE), IN(ALICE), .uid = CONTAINER_ROOT, .gid = CONTAINER_ROOT),
        REFUSE(CHOWN, unmapped, "not even to herself: she is not mapped", ON(ALICE), IN(ALICE), .uid = ALICE, .gid = ALICE),
        REFUSE(CHOWN, stranger, "not his", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT), .uid = BOB, .gid = BOB),

        /* ---- chmod: control, and only of what is handed over */
        ALLOW(CHMOD, root, "any file", ON(ALICE)),
        REFUSE(CHMOD, root, "above the root", .cgroup = ABOVE(0), .handed_over = true),
        ALLOW(CHMOD, alice, "what was handed over to her", ON(ALICE), .handed_over = true),
        REFUSE(CHMOD, alice, "a file that stayed root's", ON(ALICE)),
        REFUSE(CHMOD, alice, "root's", ON(0), .handed_over = true),
        REFUSE(CHMOD, bob, "alice's", ON(ALICE), .handed_over = true),
        ALLOW(CHMOD, container_root, "mapped", ON(CONTAINER_USER), .handed_over = true),
        REFUSE(CHMOD, container_root, "a limit's file", ON(CONTAINER_USER)),
        REFUSE(CHMOD, container_root, "alice's", ON(ALICE), .handed_over = true),
        REFUSE(CHMOD, container_user, "not his", ON(CONTAINER_ROOT), .handed_over = true),
        ALLOW(CHMOD, owner, "mapped", ON(CONTAINER_ROOT), .handed_over = true),
        REFUSE(CHMOD, unmapped, "not mapped", ON(CONTAINER_ROOT), .handed_over = true),
        REFUSE(CHMOD, stranger, "not his", ON(CONTAINER_ROOT), .handed_over = true),

        /* ---- set: a limit belongs to who controls the parent */
        ALLOW(SET, root, "a limit", ON(ALICE), IN(0), .attribute = ATTRIBUTE_LIMIT),
        ALLOW(SET, root, "a limit of the root of what he sees", ON(0), IS_ROOT, .attribute = ATTRIBUTE_LIMIT),
        ALLOW(SET, root, "devices.allow, release_agent and the unknown", ON(ALICE), IN(0), .attribute = ATTRIBUTE_PRIVILEGED),
        ALLOW(SET, root, "what is the owner's", ON(ALICE), IN(0), .attribute = ATTRIBUTE_OWNER),
        REFUSE(SET, root, "cgroup.procs by number would be any process", ON(ALICE), IN(0), .attribute = ATTRIBUTE_MEMBERSHIP),
        REFUSE(SET, root, "it can only be read", ON(ALICE), IN(0), .attribute = ATTRIBUTE_READ_ONLY),
        REFUSE(SET, root, "above the root: a limit", .cgroup = ABOVE(0), IS_ROOT, .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, root, "above the root: privileged", .cgroup = ABOVE(0), IS_ROOT, .attribute = ATTRIBUTE_PRIVILEGED),
        REFUSE(SET, root, "no class at all", ON(0), IN(0), .attribute = _ATTRIBUTE_CLASS_INVALID),
        REFUSE(SET, weak_root, "no CAP_SYS_ADMIN: privileged attributes are not his", ON(0), IN(0), .attribute = ATTRIBUTE_PRIVILEGED),
        ALLOW(SET, alice, "a limit of what is below hers", ON(ALICE), IN(ALICE), .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, alice, "who is given a cgroup does not set its limits", ON(ALICE), IN(0), .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, alice, "nor those of the root of what she sees", ON(ALICE), IS_ROOT, .attribute = ATTRIBUTE_LIMIT),
        ALLOW(SET, alice, "what the kernel hands over (cgroup.subtree_control)", ON(ALICE), IN(0), .attribute = ATTRIBUTE_OWNER),
        REFUSE(SET, alice, "of root's cgroup", ON(0), IN(0), .attribute = ATTRIBUTE_OWNER),
        REFUSE(SET, alice, "release_agent is run by the host's root", ON(ALICE), IN(ALICE), .attribute = ATTRIBUTE_PRIVILEGED),
        REFUSE(SET, alice, "membership", ON(ALICE), IN(ALICE), .attribute = ATTRIBUTE_MEMBERSHIP),
        REFUSE(SET, bob, "alice's limit", ON(ALICE), IN(ALICE), .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, bob, "alice's own", ON(ALICE), IN(ALICE), .attribute = ATTRIBUTE_OWNER),
        ALLOW(SET, container_root, "a limit below a mapped one", ON(CONTAINER_USER), IN(CONTAINER_ROOT), .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, container_root, "the container's own limit", ON(CONTAINER_ROOT), IS_ROOT, .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, container_root, "the same from above", ON(CONTAINER_ROOT), IN(ALICE), .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, container_root, "devices.allow would give him the host's disk", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT),
               .attribute = ATTRIBUTE_PRIVILEGED),
        REFUSE(SET, container_user, "not his", ON(CONTAINER_USER), IN(CONTAINER_ROOT), .attribute = ATTRIBUTE_LIMIT),
        ALLOW(SET, owner, "the container's limit: its parent is hers", ON(CONTAINER_ROOT), IN(ALICE), .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, owner, "privileged", ON(CONTAINER_ROOT), IN(ALICE), .attribute = ATTRIBUTE_PRIVILEGED),
        REFUSE(SET, unmapped, "not mapped", ON(CONTAINER_ROOT), IN(CONTAINER_ROOT), .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, stranger, "not his", ON(BOB), IN(CONTAINER_ROOT), .attribute = ATTRIBUTE_LIMIT),

        /* ---- attach: the place, the process, and what it leaves */
        ALLOW(ATTACH, root, "anyone's anywhere", ON(ALICE), OWN(BOB), SHARED(0)),
        ALLOW(ATTACH, root, "a setuid process", ON(ALICE), PROCESS(BOB, 0, 0), SHARED(0)),
        REFUSE(ATTACH, root, "not PID 1, a kernel thread or the daemon", ON(0), PROCESS(0, 0, 0, .untouchable = true), SHARED(0)),
        REFUSE(ATTACH, root, "not what his pid namespace does not have", ON(0), .process = { .visible = false }, SHARED(0)),
        REFUSE(ATTACH, root, "not above his root", .cgroup = ABOVE(0), OWN(0), SHARED(0)),
        REFUSE(ATTACH, root, "not out of what is above his root", ON(0), OWN(0), .common = ABOVE(0)),
        ALLOW(ATTACH, root, "but for a place that is open", ON(0), OWN(0), .common = ABOVE(0), .leaves_open = true),
        ALLOW(ATTACH, alice, "hers, within hers", ON(ALICE), OWN(ALICE), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "it would leave a limit that root has set", ON(ALICE), OWN(ALICE), SHARED(0)),
        ALLOW(ATTACH, alice, "EnterFrom= says it may", ON(ALICE), OWN(ALICE), SHARED(0), .leaves_open = true),
        REFUSE(ATTACH, alice, "not into root's, open or not", ON(0), OWN(ALICE), SHARED(0), .leaves_open = true),
        REFUSE(ATTACH, alice, "not into bob's", ON(BOB), OWN(ALICE), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "bob's process", ON(ALICE), OWN(BOB), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "root's process in her cgroup", ON(ALICE), OWN(0), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "a setuid program that she started (effective)", ON(ALICE), PROCESS(ALICE, 0, ALICE), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "... (saved)", ON(ALICE), PROCESS(ALICE, ALICE, 0), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "... (real)", ON(ALICE), PROCESS(0, ALICE, ALICE), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "a process of her container, from outside", ON(ALICE), OWN(CONTAINER_ROOT), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "one that she can't see", ON(ALICE), .process = { ALICE, ALICE, ALICE, .visible = false }, SHARED(ALICE)),
        REFUSE(ATTACH, alice, "untouchable", ON(ALICE), PROCESS(ALICE, ALICE, ALICE, .untouchable = true), SHARED(ALICE)),
        REFUSE(ATTACH, alice, "where it is can't be told", ON(ALICE), OWN(ALICE)),
        REFUSE(ATTACH, bob, "his into alice's", ON(ALICE), OWN(BOB), SHARED(ALICE)),
        ALLOW(ATTACH, container_root, "one of the container's", ON(CONTAINER_ROOT), OWN(CONTAINER_USER), SHARED(CONTAINER_ROOT)),
        ALLOW(ATTACH, container_root, "a setuid one of the container's", ON(CONTAINER_USER), PROCESS(CONTAINER_USER, CONTAINER_ROOT, CONTAINER_ROOT),
              SHARED(CONTAINER_ROOT)),
        REFUSE(ATTACH, container_root, "alice's, who can be seen there", ON(CONTAINER_ROOT), OWN(ALICE), SHARED(CONTAINER_ROOT)),
        REFUSE(ATTACH, container_root, "half of the host", ON(CONTAINER_ROOT), PROCESS(CONTAINER_ROOT, 0, CONTAINER_ROOT), SHARED(CONTAINER_ROOT)),
        REFUSE(ATTACH, container_root, "the other half (real)", ON(CONTAINER_ROOT), PROCESS(0, CONTAINER_ROOT, CONTAINER_ROOT), SHARED(CONTAINER_ROOT)),
        REFUSE(ATTACH, container_root, "out of alice's limits", ON(CONTAINER_ROOT), OWN(CONTAINER_ROOT), SHARED(ALICE)),
        REFUSE(ATTACH, container_root, "above his root", ON(CONTAINER_ROOT), OWN(CONTAINER_ROOT), .common = ABOVE(CONTAINER_ROOT)),
        ALLOW(ATTACH, container_user, "his own within his own", ON(CONTAINER_USER), OWN(CONTAINER_USER), SHARED(CONTAINER_USER)),
        REFUSE(ATTACH, container_user, "out of root's of the container", ON(CONTAINER_USER), OWN(CONTAINER_USER), SHARED(CONTAINER_ROOT)),
        ALLOW(ATTACH, owner, "the container's into its cgroup", ON(CONTAINER_ROOT), OWN(CONTAINER_ROOT), SHARED(ALICE)),
        ALLOW(ATTACH, owner, "her own into the container's", ON(CONTAINER_ROOT), OWN(ALICE), SHARED(ALICE)),
        REFUSE(ATTACH, owner, "bob's", ON(CONTAINER_ROOT), OWN(BOB), SHARED(ALICE)),
        REFUSE(ATTACH, unmapped, "not mapped", ON(ALICE), OWN(CONTAINER_ROOT), SHARED(ALICE)),
        ALLOW(ATTACH, unmapped, "her own she may", ON(ALICE), OWN(ALICE), SHARED(ALICE)),
        REFUSE(ATTACH, stranger, "not his cgroup", ON(CONTAINER_ROOT), OWN(BOB), SHARED(BOB)),

        /* ---- locate: one's own process, or any in one's own cgroup */
        ALLOW(LOCATE, root, "anyone's", ON(BOB), OWN(ALICE)),
        ALLOW(LOCATE, root, "anyone's, though outside: the caller is told just that", .cgroup = ABOVE(0), OWN(ALICE)),
        REFUSE(LOCATE, root, "not what he can't see", ON(0), .process = { .visible = false }),
        ALLOW(LOCATE, alice, "her own, wherever it is", ON(0), OWN(ALICE)),
        ALLOW(LOCATE, alice, "bob's in her cgroup", ON(ALICE), OWN(BOB)),
        REFUSE(LOCATE, alice, "bob's elsewhere", ON(BOB), OWN(BOB)),
        REFUSE(LOCATE, alice, "a setuid one elsewhere", ON(0), PROCESS(ALICE, 0, 0)),
        REFUSE(LOCATE, alice, "her own that she can't see", ON(ALICE), .process = { ALICE, ALICE, ALICE, .visible = false }),
        REFUSE(LOCATE, bob, "alice's", ON(ALICE), OWN(ALICE)),
        ALLOW(LOCATE, container_root, "the container's", ON(CONTAINER_USER), OWN(CONTAINER_USER)),
        REFUSE(LOCATE, container_root, "the host's", ON(0), OWN(0)),
        REFUSE(LOCATE, container_user, "another's in the container", ON(CONTAINER_ROOT), OWN(CONTAINER_ROOT)),
        ALLOW(LOCATE, owner, "the container's", ON(0), OWN(CONTAINER_USER)),
        REFUSE(LOCATE, unmapped, "not mapped", ON(CONTAINER_ROOT), OWN(CONTAINER_ROOT)),
        REFUSE(LOCATE, stranger, "not his", ON(CONTAINER_ROOT), OWN(CONTAINER_ROOT)),

        /* ---- sessions: for root, of the host or of a container; alice has Delegate */
        ALLOW(SESSION, root, "for anyone", ON(0), .uid = ALICE, .gid = ALICE),
        ALLOW(SESSION, root, "in anyone's", ON(ALICE), .uid = ALICE, .gid = ALICE),
        REFUSE(SESSION, root, "above the root", .cgroup = ABOVE(0), .uid = ALICE, .gid = ALICE),
        REFUSE(SESSION, weak_root, "without CAP_SYS_ADMIN", ON(0), .uid = ALICE, .gid = ALICE),
        REFUSE(SESSION, alice, "an ordinary user, for herself in her own", ON(ALICE), .uid = ALICE, .gid = ALICE),
        REFUSE(SESSION, alice, "for root", ON(ALICE), .uid = 0, .gid = 0),
        REFUSE(SESSION, bob, "an ordinary user", ON(ALICE), .uid = BOB, .gid = BOB),
        ALLOW(SESSION, container_root, "for a user of the container", ON(CONTAINER_ROOT), .uid = CONTAINER_USER, .gid = CONTAINER_USER),
        REFUSE(SESSION, container_root, "for a user of the host", ON(CONTAINER_ROOT), .uid = ALICE, .gid = ALICE),
        REFUSE(SESSION, container_root, "with a group of the host", ON(CONTAINER_ROOT), .uid = CONTAINER_USER, .gid = 0),
        REFUSE(SESSION, container_root, "with a user of the host and a group of the container", ON(CONTAINER_ROOT), .uid = 0,
               .gid = CONTAINER_USER),
        REFUSE(SESSION, container_root, "in alice's", ON(ALICE), .uid = CONTAINER_USER, .gid = CONTAINER_USER),
        REFUSE(SESSION, container_root, "above his root", .cgroup = ABOVE(CONTAINER_ROOT), .uid = CONTAINER_USER, .gid = CONTAINER_USER),
        REFUSE(SESSION, container_user, "he is not root there", ON(CONTAINER_USER), .uid = CONTAINER_USER, .gid = CONTAINER_USER),
        ALLOW(SESSION, owner, "who owns the namespace is its root", ON(ALICE), .uid = CONTAINER_USER, .gid = CONTAINER_USER),
        REFUSE(SESSION, owner, "for bob", ON(ALICE), .uid = BOB, .gid = BOB),
        REFUSE(SESSION, unmapped, "nobody is mapped", ON(ALICE), .uid = ALICE, .gid = ALICE),
        REFUSE(SESSION, stranger, "he is no root", ON(BOB), .uid = BOB, .gid = BOB),

        /* ---- passing on what a process asks for: it is in the proxy's power anyway */
        ALLOW(PROXY, root, "anyone's", OWN(ALICE)),
        ALLOW(PROXY, root, "a setuid process", PROCESS(BOB, 0, 0)),
        REFUSE(PROXY, root, "PID 1, a kernel thread or the daemon", PROCESS(0, 0, 0, .untouchable = true)),
        REFUSE(PROXY, root, "what he can't see", .process = { .visible = false }),
        ALLOW(PROXY, alice, "her own", OWN(ALICE)),
        REFUSE(PROXY, alice, "bob's", OWN(BOB)),
        REFUSE(PROXY, alice, "root's", OWN(0)),
        REFUSE(PROXY, alice, "a setuid program that she started", PROCESS(ALICE, 0, 0)),
        REFUSE(PROXY, alice, "one that she can't see", .process = { ALICE, ALICE, ALICE, .visible = false }),
        REFUSE(PROXY, bob, "alice's, owning the cgroup or not", ON(BOB), OWN(ALICE)),
        ALLOW(PROXY, container_root, "the container's", OWN(CONTAINER_USER)),
        ALLOW(PROXY, container_root, "a setuid one of the container's", PROCESS(CONTAINER_USER, CONTAINER_ROOT, CONTAINER_ROOT)),
        REFUSE(PROXY, container_root, "alice's, who started it", OWN(ALICE)),
        REFUSE(PROXY, container_root, "half of the host", PROCESS(CONTAINER_USER, 0, 0)),
        REFUSE(PROXY, container_root, "another container's", OWN(OTHER_CONTAINER)),
        ALLOW(PROXY, owner, "the container's", OWN(CONTAINER_ROOT)),
        REFUSE(PROXY, owner, "bob's", OWN(BOB)),
        ALLOW(PROXY, unmapped, "her own", OWN(ALICE)),
        REFUSE(PROXY, unmapped, "not mapped", OWN(CONTAINER_ROOT)),

        /* ---- a directory that the container's root may write as its group */
        ALLOW(CREATE, container_root, "LXC gave it to him", .cgroup = LXC_GAVE(CONTAINER_ROOT)),
        REFUSE(CREATE, container_root, "his group, which may not write", .cgroup = { .in_root = true, .owner = ALICE, .group = CONTAINER_ROOT }),
        REFUSE(CREATE, container_root, "writable for a group that is not his", .cgroup = LXC_GAVE(ALICE)),
        REFUSE(CREATE, container_root, "above his root",
               .cgroup = { .owner = ALICE, .group_writes = true, .group = CONTAINER_ROOT }),
        REFUSE(CREATE, container_user, "he is not root there", .cgroup = LXC_GAVE(CONTAINER_USER)),
        REFUSE(CREATE, bob, "an ordinary user's groups are not looked at", .cgroup = LXC_GAVE(BOB)),
        REFUSE(CREATE, weak_root, "nor those of the host's uid 0", .cgroup = LXC_GAVE(0)),
        REFUSE(CREATE, unmapped, "no group is mapped",
               .cgroup = { .in_root = true, .owner = BOB, .group_writes = true, .group = CONTAINER_ROOT }),
        ALLOW(LIST, container_root, "it is what he sees as the root", .cgroup = LXC_GAVE(CONTAINER_ROOT)),
        ALLOW(ENABLE, container_root, "cgroup.subtree_control is his group's too", .cgroup = LXC_GAVE(CONTAINER_ROOT)),
        ALLOW(REMOVE, container_root, "what is in it", ON(CONTAINER_USER), .parent = LXC_GAVE(CONTAINER_ROOT)),
        ALLOW(CHOWN, container_root, "what he has made in it", ON(CONTAINER_ROOT), .parent = LXC_GAVE(CONTAINER_ROOT), .uid = CONTAINER_USER,
              .gid = CONTAINER_USER),
        REFUSE(CHOWN, container_root, "a cgroup is its owner's to give", .cgroup = LXC_GAVE(CONTAINER_ROOT), IN(CONTAINER_ROOT),
               .uid = CONTAINER_USER, .gid = CONTAINER_USER),
        REFUSE(CHMOD, container_root, "and to open", .cgroup = LXC_GAVE(CONTAINER_ROOT), .handed_over = true),
        ALLOW(SET, container_root, "a limit of what is in it", ON(CONTAINER_ROOT), .parent = LXC_GAVE(CONTAINER_ROOT), .attribute = ATTRIBUTE_LIMIT),
        REFUSE(SET, container_root, "not its own", .cgroup = LXC_GAVE(CONTAINER_ROOT), IS_ROOT, .attribute = ATTRIBUTE_LIMIT),
        ALLOW(ATTACH, container_root, "within it", ON(CONTAINER_USER), OWN(CONTAINER_USER), .common = LXC_GAVE(CONTAINER_ROOT)),
        REFUSE(ATTACH, container_root, "alice's process", .cgroup = LXC_GAVE(CONTAINER_ROOT), OWN(ALICE), .common = LXC_GAVE(CONTAINER_ROOT)),
        ALLOW(SESSION, container_root, "in it", .cgroup = LXC_GAVE(CONTAINER_ROOT), .uid = CONTAINER_USER, .gid = CONTAINER_USER),

        /* ---- init-leaf: control of the cgroup; whether each process may be moved is asked as attach */
        ALLOW(INIT_LEAF, root, "all", ON(ALICE)),
        REFUSE(INIT_LEAF, root, "above the root", .cgroup = ABOVE(0)),
        REFUSE(INIT_LEAF, weak_root, "without CAP_SYS_ADMIN", ON(ALICE)),
        ALLOW(INIT_LEAF, alice, "her own", ON(ALICE)),
        REFUSE(INIT_LEAF, alice, "root's, though her processes are in it", ON(0), OWN(ALICE)),
        REFUSE(INIT_LEAF, bob, "alice's", ON(ALICE)),
        ALLOW(INIT_LEAF, container_root, "the root of the container: control of its parent is not needed", ON(CONTAINER_ROOT), IS_ROOT),
        ALLOW(INIT_LEAF, container_root, "LXC gave it to him", .cgroup = LXC_GAVE(CONTAINER_ROOT), IS_ROOT),
        ALLOW(INIT_LEAF, container_root, "mapped", ON(CONTAINER_USER)),
        REFUSE(INIT_LEAF, container_root, "alice's", ON(ALICE)),
        REFUSE(INIT_LEAF, container_root, "above his root", .cgroup = ABOVE(CONTAINER_ROOT)),
        REFUSE(INIT_LEAF, container_user, "root's of the container", ON(CONTAINER_ROOT)),
        ALLOW(INIT_LEAF, owner, "her own", ON(ALICE)),
        ALLOW(INIT_LEAF, owner, "the container's", ON(CONTAINER_ROOT)),
        REFUSE(INIT_LEAF, unmapped, "not mapped", ON(CONTAINER_ROOT)),
        REFUSE(INIT_LEAF, stranger, "not his", ON(CONTAINER_ROOT)),
};

static void test_row(gconstpointer data) {
        const Row *row = data;
        const char *reason = NULL;
        int r = authorize(row->caller, row->operation, &row->target, &reason);

        g_test_message("%s: %s", row->why, reason ? reason : "allowed");
        g_assert_cmpint(r, ==, row->allowed ? 0 : -EACCES);
        if (!row->allowed) {
                /* It ends a sentence that people read. */
                g_assert_nonnull(reason);
                g_assert_cmpuint(strlen(reason), >, 10);
                g_assert_cmpint(reason[strlen(reason) - 1], !=, '.');
        }
}

/* What nobody has filled in refuses everyone. */
static void test_empty_target(void) {
        static const AuthorizeCaller *const callers[] = {
                &root, &weak_root, &alice, &bob, &container_root, &container_user, &owner, &unmapped, &stranger,
        };
        AuthorizeTarget empty = {};

        for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
                for (int o = -2; o < _OPERATION_MAX + 2; o++) {
                        const char *reason = NULL;

                        g_assert_cmpint(authorize(callers[i], (Operation) o, &empty, &reason), ==, -EACCES);
                        g_assert_nonnull(reason);
                }
}

/* An operation that does not exist is refused, whoever asks for whatever. */
static void test_no_operation(void) {
        AuthorizeTarget all = { ON(0), IN(0), .handed_over = true, OWN(0), SHARED(0) };
        const char *reason;

        g_assert_cmpint(authorize(&root, _OPERATION_MAX, &all, &reason), ==, -EACCES);
        g_assert_cmpint(authorize(&root, _OPERATION_INVALID, &all, &reason), ==, -EACCES);
}

/* Each operation has rows of each kind of caller, so that none is forgotten when one is added. */
static void test_complete(void) {
        static const AuthorizeCaller *const kinds[] = { &root, &container_root, &owner, &alice, &bob, &unmapped };

        for (int o = 0; o < _OPERATION_MAX; o++)
                for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                        bool found = false;

                        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                                found |= rows[i].operation == (Operation) o && rows[i].caller == kinds[k];
                        g_test_message("%s, caller %zu", operation_to_string((Operation) o), k);
                        g_assert_true(found);
                }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                g_autofree char *why = g_strdelimit(g_strdup(rows[i].why), "/", '|'),
                                *name = g_strdup_printf("/%s/%s/%03zu %s", operation_to_string(rows[i].operation), rows[i].caller_name, i, why);

                g_test_add_data_func(name, rows + i, test_row);
        }
        g_test_add_func("/default-deny", test_empty_target);
        g_test_add_func("/no-operation", test_no_operation);
        g_test_add_func("/complete", test_complete);
        return g_test_run();
}
