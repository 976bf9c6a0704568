/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The connection: where to, made within a bound, noticed when it is dead or was inherited over a fork.
 *
 * sd-bus would wait 90 s for a peer that accepts and then says nothing, and without end for one that does not read; so
 * the waiting is done here.
 */

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "client/internal.h"

#define RETRY_INTERVAL (10 * USEC_PER_MSEC)
#define ADDRESS_SYSTEM "system"

uint64_t cgw_now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t cgw_after(uint64_t usec) {
        uint64_t now = cgw_now();

        return usec > UINT64_MAX - 1 - now ? UINT64_MAX - 1 : now + usec;
}

uint64_t cgw_left(uint64_t bound) {
        uint64_t now = cgw_now();

        return bound > now ? bound - now : 0;
}

bool cgw_lost_connection(int error) {
        switch (error) {
        case -ECONNRESET:
        case -ECONNABORTED:
        case -ENOTCONN:
        case -EPIPE:
        case -ESHUTDOWN:
                return true;
        default:
                return false;
        }
}

/* The escaping of D-Bus addresses: everything but these as %XX. */
static char *address_of_path(const char *path) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.*";
        size_t size = sizeof("unix:path=") + 3 * strlen(path);
        char *address = malloc(size);

        if (!address)
                return NULL;

        char *p = stpcpy(address, "unix:path=");
        for (const char *s = path; *s; s++)
                if (strchr(plain, *s))
                        *p++ = *s;
                else
                        p += sprintf(p, "%%%02x", (unsigned)(unsigned char)*s);
        *p = '\0';
        return address;
}

static bool inherited(const cgw_t *c) {
        return c->owner != getpid() || (c->fork_mark && *c->fork_mark == 0);
}

/*
 * In a child: the object is the parent's and is left alone (newer sd-bus refuses to touch it, older ones would speak
 * on the parent's connection), only our copy of the socket is closed.
 */
static void abandon(cgw_t *c) {
        struct stat st;

        if (fstat(c->socket.fd, &st) >= 0 && st.st_dev == c->socket.device && st.st_ino == c->socket.inode)
                safe_close(c->socket.fd);
        c->bus = NULL;
        c->socket.fd = -EBADF;
}

_public_ void cgw_disconnect(cgw_t *c) {
        if (!c || !c->bus)
                return;

        if (inherited(c)) {
                abandon(c);
                return;
        }

        sd_bus_close(c->bus);
        c->bus = sd_bus_unref(c->bus);
        c->socket.fd = -EBADF;
}

static int wait_ready(sd_bus *bus, uint64_t bound) {
        for (;;) {
                int r = sd_bus_is_ready(bus);
                if (r != 0)
                        return r < 0 ? r : 0;

                r = sd_bus_process(bus, NULL);
                if (r < 0 && r != -EINTR)
                        return r;
                if (r != 0)
                        continue;

                uint64_t left = cgw_left(bound);
                if (left == 0)
                        return -ETIMEDOUT;

                r = sd_bus_wait(bus, left);
                if (r < 0 && r != -EINTR)
                        return r;
        }
}

static int start_peer(sd_bus *bus, const char *address) {
        int r = sd_bus_set_address(bus, address);
        if (r < 0)
                return r;

        r = sd_bus_negotiate_fds(bus, true);
        if (r < 0)
                return r;

        return sd_bus_start(bus);
}

static int open_peer(const char *address, sd_bus **ret) {
        _cleanup_free_ char *escaped = NULL;
        sd_bus *bus = NULL;

        if (*address == '/') {
                escaped = address_of_path(address);
                if (!escaped)
                        return -ENOMEM;
        }

        int r = sd_bus_new(&bus);
        if (r < 0)
                return r;

        r = start_peer(bus, escaped ? escaped : address);
        if (r < 0) {
                sd_bus_unref(bus);
                return r;
        }

        *ret = bus;
        return 0;
}

/* Takes the bus, also when it fails. */
static int adopt(cgw_t *c, sd_bus *bus, bool through_broker, uint64_t bound) {
        struct stat st;
        int fd = -EBADF;

        int r = wait_ready(bus, bound);
        if (r >= 0)
                fd = r = sd_bus_get_fd(bus);
        if (r >= 0 && fstat(fd, &st) < 0)
                r = -errno;
        if (r < 0) {
                sd_bus_close(bus);
                sd_bus_unref(bus);
                return r;
        }

        c->bus = bus;
        c->socket = (struct socket_identity){.fd = fd, .device = st.st_dev, .inode = st.st_ino};
        c->through_broker = through_broker;
        c->was_connected = true;
        c->owner = getpid();
        if (c->fork_mark)
                *c->fork_mark = 1;
        return 0;
}

static int open_broker(cgw_t *c, uint64_t bound) {
        sd_bus *bus = NULL;

        int r = sd_bus_open_system(&bus);
        return r < 0 ? r : adopt(c, bus, true, bound);
}

static int open_once(cgw_t *c, const char *address, bool may_fall_back, uint64_t bound) {
        sd_bus *bus = NULL;

        if (streq(address, ADDRESS_SYSTEM))
                return open_broker(c, bound);

        int r = open_peer(address, &bus);
        if (r >= 0)
                return adopt(c, bus, false, bound);

        /* The socket's error says more than that of a missing system bus. */
        if (r == -ENOENT && may_fall_back && open_broker(c, bound) >= 0)
                return 0;
        return r;
}

/*
 * How long an attempt that failed with error is repeated: a full listen queue is a busy daemon; a connection that
 * broke while it was made, or a daemon that is gone where there was one before, is a restart.
 */
static uint64_t patience(const cgw_t *c, int error, uint64_t started, uint64_t bound) {
        if (error == -EAGAIN)
                return bound;
        if (cgw_lost_connection(error) || (c->was_connected && (error == -ENOENT || error == -ECONNREFUSED)))
                return MIN(bound, started + MIN(c->reconnect_timeout, UINT64_MAX - started));
        return 0;
}

static int open_patiently(cgw_t *c, const char *address, bool may_fall_back, uint64_t bound) {
        uint64_t started = cgw_now();

        for (;;) {
                int r = open_once(c, address, may_fall_back, bound);
                if (r >= 0 || cgw_now() + RETRY_INTERVAL >= patience(c, r, started, bound))
                        return r == -EAGAIN ? -ETIMEDOUT : r;

                struct timespec pause = {.tv_nsec = RETRY_INTERVAL * 1000};
                nanosleep(&pause, NULL);
        }
}

int cgw_ensure_connected(cgw_t *c, uint64_t bound) {
        const char *address = c->address;
        bool may_fall_back = false;

        if (c->bus && inherited(c))
                cgw_disconnect(c);
        if (c->bus)
                return 0;

        if (!address)
                address = secure_getenv("CGWARDEN_SOCKET");
        if (!address || *address == '\0') {
                address = CGW_SOCKET_PATH;
                /* A daemon that had the socket before will have it again. */
                may_fall_back = !c->was_connected || c->through_broker;
        }

        int r = open_patiently(c, address, may_fall_back, bound);
        if (r < 0)
                return cgw_fail(c, r, "cannot connect to cgwardend %s%s: %s",
                                streq(address, ADDRESS_SYSTEM) ? "" : "at ",
                                streq(address, ADDRESS_SYSTEM) ? "on the system bus" : address, strerror(-r));
        return 0;
}

_public_ int cgw_connect(cgw_t *c) {
        if (!c)
                return -EINVAL;

        cgw_clear_error(c);
        return cgw_ensure_connected(c, cgw_after(c->timeout));
}
