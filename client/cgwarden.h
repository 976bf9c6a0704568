/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGWARDEN_H
#define CGWARDEN_H

/**
 * libcgwarden: cgroups from cgwardend, by synchronous calls.
 *
 * Return values. Every function that can fail returns 0 or a positive number on success and a negative errno on
 * failure; then cgw_error_message() has one line that names the object and the reason. Results go through ret_
 * arguments, which are left untouched on failure. A ret_ argument may be NULL where the result is not wanted.
 *
 * Errors that every call may return, beside its own:
 *   -ECONNREFUSED, -ENOENT, -EACCES...  nobody listens (see cgw_connect())
 *   -ECONNRESET    the daemon went away during the call and the call was not safe to repeat; one that is, is sent up to five
 *                  times, as long as the timeout lets it
 *   -ETIMEDOUT     no answer in time (see cgw_set_timeout())
 *   -ENODEV        no such controller            -ENOENT     no such cgroup
 *   -EACCES        the caller may not            -EPERM      the cgroup was not delegated to cgwarden
 *   -EBADMSG       a path that is not one        -EINVAL     another argument that is not one
 *   -EDQUOT        a quota of the caller's is used up
 *   -EBUSY, -EROFS, -EOPNOTSUPP, -EIO           as the kernel has them
 *   -ENOMEM        memory ran out
 *
 * Arguments common to the calls:
 *   controllers    "freezer", a comma-separated list, "all", a named hierarchy ("name=systemd"), or "unified" for
 *                  the v2 hierarchy itself. Where a call has the singular "controller", names of one hierarchy.
 *   path           "a/b" is below the caller's current cgroup, "/a/b" is below its cgroup namespace's root, "" is
 *                  the caller's own cgroup. UTF-8.
 *   pid            a process in the caller's pid namespace, 0 for the caller; the library holds it by a pidfd. The
 *                  variants with a pidfd take one that the caller owns and goes on owning.
 *   uid, gid       in the caller's user namespace.
 *
 * Threads: a context is used by one thread at a time; different contexts are independent.
 * fork: a context that a child inherits opens a connection of its own at the first call there, for the daemon knows
 * its clients by what the kernel says of the process that connected. A process that changes its own ids or
 * namespaces calls cgw_disconnect() for the same reason.
 * The library changes no signal handler, leaves no descriptor open over an exec and writes no log.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/select.h> /* sigset_t; <signal.h> has it only with a feature macro */
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to the daemon and the last error. */
typedef struct cgw cgw_t;
typedef struct cgw_delegate_options cgw_delegate_options_t;
typedef struct cgw_session_options cgw_session_options_t;
typedef struct cgw_spawn_options cgw_spawn_options_t;

/* The structs below are made by the library only, and reached by pointers: members may be added at their ends. */

/** An attribute file of a cgroup. */
typedef struct cgw_key {
        const char *name;
        uid_t uid; /* the overflow id where the caller's user namespace has none */
        gid_t gid;
        mode_t mode; /* permission bits */
} cgw_key_t;

/** A hierarchy. */
typedef struct cgw_hierarchy {
        const char *name;         /* "freezer", "cpu,cpuacct", "name=systemd", "unified" */
        int version;              /* 1 or 2 */
        const char *const *names; /* what a request may call it; ends with NULL */
} cgw_hierarchy_t;

/** A login session. */
typedef struct cgw_session {
        const char *id;
        uid_t uid;
        const char *user;
        pid_t leader;                   /* 0 when it has gone */
        const char *path;               /* from the caller's root */
        const char *state;              /* "open" or "closing"; NULL from cgw_list_sessions() */
        const char *const *hierarchies; /* ends with NULL; NULL from cgw_list_sessions() */
} cgw_session_t;

/* ---- The context ---- */

/**
 * Makes a context. Nothing is connected before the first call.
 * @ret_c: the context, for cgw_free().
 * Returns 0, or -EINVAL, -ENOMEM.
 */
int cgw_new(cgw_t **ret_c);

/** Disconnects and frees a context. Takes NULL. Returns NULL. */
cgw_t *cgw_free(cgw_t *c);

/**
 * Says where the daemon is; the default is $CGWARDEN_SOCKET (not in set-user-ID programs) or else
 * /run/cgwarden/socket, and the system bus where no such socket exists.
 * @address: a socket's path, a D-Bus address ("unix:path=..."), "system" for the system bus, or NULL for the default.
 * It is copied. An open connection is closed.
 * Returns 0, or -EINVAL, -ENOMEM.
 */
int cgw_set_address(cgw_t *c, const char *address);

/**
 * Bounds every call, connecting included. The default is 10 s.
 * @usec: microseconds, at least 1.
 * Returns 0, or -EINVAL.
 */
int cgw_set_timeout(cgw_t *c, uint64_t usec);

/**
 * Says how long a context that was connected waits for a restarting daemon to listen again, within the bound of the
 * call. The default is 2 s; with 0 it tries once.
 * @usec: microseconds.
 * Returns 0, or -EINVAL.
 */
int cgw_set_reconnect_timeout(cgw_t *c, uint64_t usec);

/**
 * Connects, if that is not done yet. Every call does it by itself.
 * Returns 0, or the error of connect(2): -ENOENT or -ECONNREFUSED without a daemon, -EACCES; -EHOSTUNREACH when the
 * system bus has no daemon either; -ETIMEDOUT.
 */
int cgw_connect(cgw_t *c);

/** Closes the connection; the next call makes a new one. Takes NULL. */
void cgw_disconnect(cgw_t *c);

/** The last failure of this context in one line; "" before any. It is the context's, until its next call. */
const char *cgw_error_message(const cgw_t *c);

/**
 * The D-Bus error name of the last failure, for example "org.cgwarden1.Error.NoSuchCgroup"; NULL when the failure was
 * none of the daemon's. It is the context's, until its next call.
 */
const char *cgw_error_name(const cgw_t *c);

/** The version of the library: a constant string. */
const char *cgw_library_version(void);

/* ---- The daemon ---- */

/** Waits for the daemon to answer. Returns 0, or an error as above. */
int cgw_ping(cgw_t *c);

/** The daemon's version. @ret: for free(3). Returns 0, or an error as above. */
int cgw_get_version(cgw_t *c, char **ret);

/** Which kinds of hierarchy there are: "v1", "hybrid", "v2" or "none". @ret: for free(3). Returns 0, or an error. */
int cgw_get_layout(cgw_t *c, char **ret);

/**
 * Who owns the tree: "cgroupfs" for the daemon, or "systemd" when it keeps to cgroups that systemd has delegated.
 * @ret: for free(3). Returns 0, or an error as above.
 */
int cgw_get_placement(cgw_t *c, char **ret);

/** The names that a request may use. @ret: for cgw_strv_free(). Returns 0, or an error as above. */
int cgw_list_controllers(cgw_t *c, char ***ret);

/**
 * The hierarchies.
 * @ret: pointers to them, the last one NULL, for cgw_hierarchies_free(). Returns 0, or an error as above.
 */
int cgw_list_hierarchies(cgw_t *c, cgw_hierarchy_t ***ret);

/* ---- Cgroups ---- */

/**
 * Creates a cgroup, with what is missing of its parents, in every hierarchy named or in none.
 * Returns 1 when it was made, 0 when it was there already in every hierarchy, or an error as above. (Where the daemon
 * was restarted during the call, 0 is possible for a cgroup that this call made.)
 */
int cgw_create(cgw_t *c, const char *controllers, const char *path);

/**
 * Makes a new cgroup, sets values, hands it to an owner and attaches processes: all or nothing.
 * @options: may be NULL. @ret_path: the new cgroup from the caller's root, for free(3).
 * Returns 0, -EEXIST when it is there already, or an error as above.
 */
int cgw_delegate(cgw_t *c, const char *controllers, const char *path, const cgw_delegate_options_t *options,
                 char **ret_path);

/** Hands a cgroup over to an owner. Returns 0, or an error as above. */
int cgw_chown(cgw_t *c, const char *controllers, const char *path, uid_t uid, gid_t gid);

/**
 * Changes the mode of a cgroup's directory or of one file that is handed over with it.
 * @key: the file's name, "" or NULL for the directory. @mode: at most 0777.
 * Returns 0, -ENOKEY when there is no such file, or an error as above.
 */
int cgw_chmod(cgw_t *c, const char *controllers, const char *path, const char *key, mode_t mode);

/**
 * Removes a cgroup.
 * @recursive: also what is below it; nothing is removed when a process is left anywhere.
 * Returns 1 when there was one, 0 when there was none, -EBUSY when a process is left in it or below it, -ENOTEMPTY
 * when (not recursive) a cgroup is, or an error as above.
 */
int cgw_remove(cgw_t *c, const char *controllers, const char *path, bool recursive);

/** Has a cgroup removed with its last process. Returns 0, or an error as above. */
int cgw_remove_on_empty(cgw_t *c, const char *controllers, const char *path);

/** Removes every cgroup without processes at and below a cgroup. Returns 0, or an error as above. */
int cgw_prune(cgw_t *c, const char *controllers, const char *path);

/**
 * On v2: moves the processes of a cgroup to a leaf "init.scope" below it, all or none, so that the cgroup can enable
 * controllers. For a container whose init starts in the root of its cgroup namespace, with the path "/". A second call
 * does no harm.
 * @controllers: any that mean the v2 hierarchy. @ret: the leaf from the caller's root, or "" when there is none since
 * no process is in the way; for free(3).
 * Returns 0, -EACCES when a process is there that the caller could not attach, -EBUSY when new processes appear
 * faster than they can be moved, -EEXIST when a child of that name is not fit for it, -EOPNOTSUPP when the controllers
 * are all in v1 hierarchies, which need no leaf, or an error as above.
 */
int cgw_init_leaf(cgw_t *c, const char *controllers, const char *path, char **ret);

/**
 * Sees to it that the calling process, all its threads, is in a cgroup of its user's own, below which he may make others:
 * one that is in such a cgroup already stays where it is. Where systemd is PID 1, on v2, a process of the host's that has none (from
 * cron, sudo or a service) goes to a scope of its user's, which takes as long as systemd takes to start one when it is the user's first.
 * @controllers: any; under systemd they must mean the v2 hierarchy. @ret: the cgroup from the caller's root, for free(3).
 * Returns 0, -EACCES when a limit or a restriction that somebody else has set would no longer hold the process (the message names
 * it), or an error as above: "NotDelegated" where there is nothing to enter.
 */
int cgw_enter(cgw_t *c, const char *controllers, char **ret);

/** The names of the cgroups directly below one, sorted. @ret: for cgw_strv_free(). Returns 0, or an error as above. */
int cgw_list_children(cgw_t *c, const char *controller, const char *path, char ***ret);

/**
 * Opens a cgroup's directory.
 * Returns an O_PATH descriptor with FD_CLOEXEC, for close(2), or an error as above. It is on a read-only mount: for
 * clone3(2) and for reading.
 */
int cgw_open_cgroup(cgw_t *c, const char *controller, const char *path);

/* ---- Attributes ---- */

/**
 * Reads an attribute.
 * @ret: its text without the last newline, for free(3).
 * Returns 0, -ENOKEY when the cgroup has no such attribute, or an error as above.
 */
int cgw_get_value(cgw_t *c, const char *controller, const char *path, const char *key, char **ret);

/**
 * Writes an attribute.
 * @value: at most 4095 bytes.
 * Returns 0, -ENOKEY when the cgroup has no such attribute, or an error as above.
 */
int cgw_set_value(cgw_t *c, const char *controller, const char *path, const char *key, const char *value);

/**
 * The attribute files of a cgroup.
 * @ret: pointers to them, the last one NULL, for cgw_keys_free(). Returns 0, or an error as above.
 */
int cgw_list_keys(cgw_t *c, const char *controller, const char *path, cgw_key_t ***ret);

/* ---- Processes ---- */

/**
 * Attaches a process, all its threads, to a cgroup in every hierarchy named or in none.
 * Returns 0, -ESRCH when there is no such process, or an error as above.
 */
int cgw_move_pid(cgw_t *c, const char *controllers, const char *path, pid_t pid);

/** As cgw_move_pid(), with a pidfd. */
int cgw_move_pidfd(cgw_t *c, const char *controllers, const char *path, int pidfd);

/**
 * The processes in a cgroup, as far as the caller's pid namespace has them.
 * @ret_pids: for free(3). @ret_n: how many.
 * Returns 0, or an error as above.
 */
int cgw_get_pids(cgw_t *c, const char *controller, const char *path, pid_t **ret_pids, size_t *ret_n);

/** As cgw_get_pids(), with those of all cgroups below it. */
int cgw_get_pids_recursive(cgw_t *c, const char *controller, const char *path, pid_t **ret_pids, size_t *ret_n);

/**
 * The cgroup of a process, from the caller's root.
 * @ret: for free(3). Returns 0, -ESRCH when there is no such process, or an error as above.
 */
int cgw_get_pid_cgroup(cgw_t *c, const char *controller, pid_t pid, char **ret);

/** As cgw_get_pid_cgroup(), with a pidfd. */
int cgw_get_pidfd_cgroup(cgw_t *c, const char *controller, int pidfd, char **ret);

/**
 * Starts a program in a cgroup: on v2 it is born there (CLONE_INTO_CGROUP), on v1 it is attached in all hierarchies
 * before its first instruction. The caller need not be single-threaded.
 * @argv: the program, looked for in $PATH, and its arguments; ends with NULL.
 * @options: may be NULL. @ret_pidfd: a pidfd of the process with FD_CLOEXEC, for close(2).
 * The caller waits for the process as for any child of its own.
 * Returns the pid, the negative errno of execve(2) when the program could not be started, -ECANCELED when it was
 * killed before it was, or an error as above. After a failure nothing is left to be waited for.
 */
pid_t cgw_spawn(cgw_t *c, const char *controllers, const char *path, char *const argv[],
                const cgw_spawn_options_t *options, int *ret_pidfd);

/* ---- Sessions ---- */

/**
 * Opens a login session: makes its cgroup and attaches the login's process, all or nothing. For root, and for root of
 * a container.
 * @user: the user's name. @leader: the process that logs the user in. @options: may be NULL.
 * @ret_id: the session's id, @ret_path: its cgroup from the caller's root; both for free(3).
 * Returns 0, or an error as above.
 */
int cgw_open_session(cgw_t *c, const char *user, uid_t uid, gid_t gid, pid_t leader,
                     const cgw_session_options_t *options, char **ret_id, char **ret_path);

/** As cgw_open_session(), with a pidfd. */
int cgw_open_session_pidfd(cgw_t *c, const char *user, uid_t uid, gid_t gid, int leader_pidfd,
                           const cgw_session_options_t *options, char **ret_id, char **ret_path);

/**
 * Ends a session: its cgroup goes now, or with the last process in it.
 * Returns 0, -ENXIO when there is no such session, or an error as above.
 */
int cgw_close_session(cgw_t *c, const char *id);

/**
 * The sessions that the caller may see: all of them for root, its own ones for an ordinary user.
 * @ret: pointers to them, the last one NULL, for cgw_sessions_free(). Returns 0, or an error as above.
 */
int cgw_list_sessions(cgw_t *c, cgw_session_t ***ret);

/**
 * One session with its state and hierarchies.
 * @ret: for cgw_session_free(). Returns 0, -ENXIO when there is no such session, or an error as above.
 */
int cgw_get_session(cgw_t *c, const char *id, cgw_session_t **ret);

/* ---- Options of cgw_delegate() ---- */

/** Makes options with the defaults. @ret: for cgw_delegate_options_free(). Returns 0, or -EINVAL, -ENOMEM. */
int cgw_delegate_options_new(cgw_delegate_options_t **ret);

/** Frees options. Takes NULL. Returns NULL. */
cgw_delegate_options_t *cgw_delegate_options_free(cgw_delegate_options_t *o);

/** Sets the new owner; the default is the caller. Returns 0, or -EINVAL. */
int cgw_delegate_options_set_owner(cgw_delegate_options_t *o, uid_t uid, gid_t gid);

/** Adds a process to attach. Returns 0, or -EINVAL, -ESRCH, -EMFILE, -ENOMEM. */
int cgw_delegate_options_add_pid(cgw_delegate_options_t *o, pid_t pid);

/** As cgw_delegate_options_add_pid(), with a pidfd, which is duplicated. */
int cgw_delegate_options_add_pidfd(cgw_delegate_options_t *o, int pidfd);

/** Adds an attribute to set before the hand-over. Both strings are copied. Returns 0, or -EINVAL, -ENOMEM. */
int cgw_delegate_options_add_value(cgw_delegate_options_t *o, const char *key, const char *value);

/**
 * Says how the delegation ends: "persistent" (the default) or "empty" (removed with its last process). It is copied.
 * Returns 0, or -EINVAL, -ENOMEM.
 */
int cgw_delegate_options_set_lifetime(cgw_delegate_options_t *o, const char *lifetime);

/**
 * On v2: attaches to a leaf "init.scope" below the new cgroup, so that the cgroup itself may enable controllers. The
 * default is false. Returns 0, or -EINVAL.
 */
int cgw_delegate_options_set_leaf(cgw_delegate_options_t *o, bool leaf);

/* ---- Options of cgw_open_session() ---- */

/** Makes options with the defaults. @ret: for cgw_session_options_free(). Returns 0, or -EINVAL, -ENOMEM. */
int cgw_session_options_new(cgw_session_options_t **ret);

/** Frees options. Takes NULL. Returns NULL. */
cgw_session_options_t *cgw_session_options_free(cgw_session_options_t *o);

/** Sets the controllers; the default is "all". It is copied. Returns 0, or -EINVAL, -ENOMEM. */
int cgw_session_options_set_controllers(cgw_session_options_t *o, const char *controllers);

/**
 * Sets the path without its number, with placeholders, see pam_cgwarden(8); the default is "user/%u/". It is copied.
 * Returns 0, or -EINVAL, -ENOMEM.
 */
int cgw_session_options_set_pattern(cgw_session_options_t *o, const char *pattern);

/** Sets what %g stands for in the pattern. It is copied. Returns 0, or -EINVAL, -ENOMEM. */
int cgw_session_options_set_group(cgw_session_options_t *o, const char *group);

/** Adds an attribute to set. The strings are copied. Returns 0, or -EINVAL, -ENOMEM. */
int cgw_session_options_add_value(cgw_session_options_t *o, const char *controller, const char *key,
                                  const char *value);

/** Says that the pattern is the whole path; the default is false. Returns 0, or -EINVAL. */
int cgw_session_options_set_no_index_suffix(cgw_session_options_t *o, bool no_suffix);

/** Sets how many numbers to try. Returns 0, or -EINVAL. */
int cgw_session_options_set_max_index(cgw_session_options_t *o, uint32_t max);

/**
 * Sets how many path components, from the last, are removed at the end when nothing is in them; the default is 2.
 * Returns 0, or -EINVAL.
 */
int cgw_session_options_set_prune_depth(cgw_session_options_t *o, uint32_t depth);

/* ---- Options of cgw_spawn() ---- */

/** Makes options with the defaults. @ret: for cgw_spawn_options_free(). Returns 0, or -EINVAL, -ENOMEM. */
int cgw_spawn_options_new(cgw_spawn_options_t **ret);

/** Frees options. Takes NULL. Returns NULL. */
cgw_spawn_options_t *cgw_spawn_options_free(cgw_spawn_options_t *o);

/**
 * Adds a further place: the process is attached there too, before its first instruction.
 * Both strings are copied. Returns 0, or -EINVAL, -ENOMEM.
 */
int cgw_spawn_options_add_cgroup(cgw_spawn_options_t *o, const char *controllers, const char *path);

/** Sets the environment, which ends with NULL and is copied; the default is the caller's. Returns 0, or -EINVAL,
 * -ENOMEM. */
int cgw_spawn_options_set_environment(cgw_spawn_options_t *o, char *const envp[]);

/** Sets the working directory; the default is the caller's. It is copied. Returns 0, or -EINVAL, -ENOMEM. */
int cgw_spawn_options_set_directory(cgw_spawn_options_t *o, const char *directory);

/**
 * Sets standard input, output and error; -1 (the default) is the caller's own. The descriptors stay the caller's and
 * must be open when cgw_spawn() is called. Returns 0, or -EINVAL.
 */
int cgw_spawn_options_set_stdio(cgw_spawn_options_t *o, int in, int out, int err);

/** Sets the signal mask of the program; the default is the calling thread's. Returns 0, or -EINVAL. */
int cgw_spawn_options_set_signal_mask(cgw_spawn_options_t *o, const sigset_t *mask);

/* ---- Results ---- */

/** Frees a list of strings and the strings. Takes NULL. Returns NULL. */
char **cgw_strv_free(char **strv);

/** Frees what cgw_list_keys() made. Takes NULL. Returns NULL. */
cgw_key_t **cgw_keys_free(cgw_key_t **keys);

/** Frees what cgw_list_hierarchies() made. Takes NULL. Returns NULL. */
cgw_hierarchy_t **cgw_hierarchies_free(cgw_hierarchy_t **hierarchies);

/** Frees what cgw_list_sessions() made. Takes NULL. Returns NULL. */
cgw_session_t **cgw_sessions_free(cgw_session_t **sessions);

/** Frees what cgw_get_session() made. Takes NULL. Returns NULL. */
cgw_session_t *cgw_session_free(cgw_session_t *session);

#ifdef __cplusplus
}
#endif

#endif
