/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/watch.h"

#include <search.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

struct Watcher {
        int epoll_fd, inotify_fd;
        WatchHandler handler;
        void *userdata;
        void *by_wd;      /* tsearch(3) tree of Watch */
        bool removed_any; /* during a dispatch: what epoll returned may be gone */
        int stale[64];    /* watches of inotify that nobody needs any more */
        size_t n_stale;
};

static int compare_wd(const void *a, const void *b) {
        int x = ((const Watch *) a)->wd, y = ((const Watch *) b)->wd;

        return x < y ? -1 : x > y;
}

int watcher_new(WatchHandler handler, void *userdata, Watcher **ret) {
        _cleanup_(watcher_freep) Watcher *w = calloc(1, sizeof(*w));
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

        if (!w)
                return -ENOMEM;

        w->handler = handler;
        w->userdata = userdata;
        w->inotify_fd = -EBADF;
        w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (w->epoll_fd < 0)
                return -errno;
        w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (w->inotify_fd < 0)
                return -errno;
        if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->inotify_fd, &event) < 0)
                return -errno;

        *ret = TAKE_PTR(w);
        return 0;
}

static void forget_node(void *node) {
}

Watcher *watcher_free(Watcher *w) {
        if (!w)
                return NULL;

        tdestroy(w->by_wd, forget_node);
        safe_close(w->inotify_fd);
        safe_close(w->epoll_fd);
        free(w);
        return NULL;
}

int watcher_get_fd(const Watcher *w) {
        return w->epoll_fd;
}

static void dispatch_inotify(Watcher *w) {
        char buf[4096] __attribute__((aligned(8)));

        for (;;) {
                ssize_t n = read(w->inotify_fd, buf, sizeof(buf));

                if (n <= 0)
                        return;

                for (char *p = buf; p < buf + n;) {
                        const struct inotify_event *e = (const struct inotify_event *) p;
                        Watch key = { .wd = e->wd }, **found;

                        found = tfind(&key, &w->by_wd, compare_wd);
                        if (found) {
                                Watch *watch = *found;

                                if (e->mask & IN_IGNORED) { /* the kernel dropped it with the file */
                                        tdelete(watch, &w->by_wd, compare_wd);
                                        watch->wd = -1;
                                }
                                w->handler(watch, w->userdata);
                        }
                        p += sizeof(*e) + e->len;
                }
        }
}

/* Closing alone does not take a descriptor out of the epoll set while a duplicate of it is open. */
static void end_process(Watcher *w, Watch *watch) {
        if (watch->pidfd < 0)
                return;

        (void) epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, watch->pidfd, NULL);
        watch->pidfd = safe_close(watch->pidfd);
}

void watcher_dispatch(Watcher *w) {
        struct epoll_event events[32];
        int n = epoll_wait(w->epoll_fd, events, ARRAY_SIZE(events), 0);

        w->removed_any = false;
        for (int i = 0; i < n; i++) {
                Watch *watch = events[i].data.ptr;

                if (!watch) {
                        dispatch_inotify(w);
                } else {
                        end_process(w, watch);
                        w->handler(watch, w->userdata);
                }

                /* A handler may have ended watches that are further on in events[]: ask the kernel anew. */
                if (w->removed_any)
                        return;
        }
}

void watcher_settle(Watcher *w) {
        while (w->n_stale > 0)
                (void) inotify_rm_watch(w->inotify_fd, w->stale[--w->n_stale]);
}

int watcher_add_events(Watcher *w, int cgroup_fd, Watch *watch) {
        char path[64];
        Watch **found;
        int wd;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d/cgroup.events", cgroup_fd);
        watcher_settle(w); /* one of them may be of this cgroup */
        wd = inotify_add_watch(w->inotify_fd, path, IN_MODIFY | IN_MASK_CREATE);
        if (wd < 0)
                return -errno;

        watch->wd = wd;
        found = tsearch(watch, &w->by_wd, compare_wd);
        if (!found || *found != watch) {
                if (!found)
                        (void) inotify_rm_watch(w->inotify_fd, wd);
                watch->wd = -1;
                return found ? -EEXIST : -ENOMEM;
        }
        return 0;
}

int watcher_add_process(Watcher *w, int pidfd, Watch *watch) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };

        end_process(w, watch);
        if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, pidfd, &event) < 0) {
                int r = -errno;

                safe_close(pidfd);
                return r;
        }
        watch->pidfd = pidfd;
        return 0;
}

void watcher_remove(Watcher *w, Watch *watch) {
        if (watch->wd >= 0) {
                tdelete(watch, &w->by_wd, compare_wd);
                if (w->n_stale == ARRAY_SIZE(w->stale))
                        watcher_settle(w);
                w->stale[w->n_stale++] = watch->wd;
                watch->wd = -1;
        }
        end_process(w, watch);
        w->removed_any = true;
}
