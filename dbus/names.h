/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Names of the wire contract, each written once. org.cgwarden1.Manager.xml says what they mean.
 */

#define CGW_BUS_NAME "org.cgwarden1"
#define CGW_OBJECT_PATH "/org/cgwarden1"
#define CGW_SESSION_PATH_PREFIX "/org/cgwarden1/session"
#define CGW_MANAGER_INTERFACE "org.cgwarden1.Manager"
#define CGW_SESSION_INTERFACE "org.cgwarden1.Session"
#define CGW_PROXY_INTERFACE "org.cgwarden1.Proxy"

/* The directory is what gets bind-mounted into containers; the socket in it may be replaced. */
#define CGW_SOCKET_DIRECTORY "/run/cgwarden"
/* Where a proxy in a container finds the host's. */
#define CGW_UPSTREAM_DIRECTORY "/run/cgwarden-host"
#define CGW_SOCKET_PATH CGW_SOCKET_DIRECTORY "/socket"

/* cgmanager's, for clients that were made for it. The second path is for where the first one can't be made. */
#define CGM_OBJECT_PATH "/org/linuxcontainers/cgmanager"
#define CGM_INTERFACE "org.linuxcontainers.cgmanager0_0"
#define CGM_SOCKET_PATH "/sys/fs/cgroup/cgmanager/sock"
#define CGM_SECOND_SOCKET_PATH "/run/cgmanager/sock"

/* The leaf that holds a v2 session's processes, and the suffix of root's sibling of the session. LXC strips a
 * trailing "/init.scope" from the cgroup it starts in. */
#define CGW_LEAF_NAME "init.scope"
#define CGW_LEADER_SUFFIX ".leader"

/* Lists of X(Name, errno): the errors of the interface, and the errno that a client gets for each. */
#define CGW_ERROR_PREFIX "org.cgwarden1.Error."
#define CGW_ERRORS(X)                    \
        X(NoSuchController, ENODEV)      \
        X(NoSuchCgroup, ENOENT)          \
        X(NoSuchKey, ENOKEY)             \
        X(NoSuchProcess, ESRCH)          \
        X(NoSuchSession, ENXIO)          \
        X(AccessDenied, EACCES)          \
        X(NotDelegated, EPERM)           \
        X(NotEmpty, ENOTEMPTY)           \
        X(Exists, EEXIST)                \
        X(QuotaExceeded, EDQUOT)         \
        X(InvalidPath, EBADMSG)          \
        X(InvalidValue, EINVAL)          \
        X(ReadOnly, EROFS)               \
        X(Busy, EBUSY)                   \
        X(NotSupported, EOPNOTSUPP)      \
        X(TimedOut, ETIMEDOUT)           \
        X(Failed, EIO)

#define CGW_ERROR(name) CGW_ERROR_PREFIX #name
