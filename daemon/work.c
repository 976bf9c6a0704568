/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/work.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "common/deadline.h"
#include "daemon/delegation.h"

struct WorkTable {
        Manager *manager;
        GQueue *queue;      /* Job, those that go on in the turns to come */
        GHashTable *owners; /* owner -> its Job */
        /* Of a descriptor that we write to: a deferred source would come before all others of its priority, each time, and a timer costs
         * the kernel tens of microseconds in a virtual machine. */
        sd_event_source *turn;
        int turn_fd;
};

typedef struct Job {
        Work work;
        void *owner;
        WorkHandler handler;
} Job;

static void job_free(Job *j) {
        tree_walk_free(j->work.walk);
        g_free(j);
}

static void enqueue(WorkTable *t, Job *j) {
        g_queue_push_tail(t->queue, j);
        g_hash_table_insert(t->owners, j->owner, j);
}

static void next_turn(const WorkTable *t) {
        (void) eventfd_write(t->turn_fd, 1);
}

/* As many as fit into one slice; each goes on behind all others. */
static int on_turn(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        WorkTable *t = userdata;
        uint64_t deadline = deadline_in(WORK_SLICE_USEC);
        eventfd_t times;
        Job *j;

        (void) eventfd_read(fd, &times);
        while (!deadline_is_over(deadline) && (j = g_queue_pop_head(t->queue))) {
                g_hash_table_remove(t->owners, j->owner);
                j->work.deadline = deadline;
                if (j->handler(t->manager, j->owner, &j->work) == -ETIMEDOUT)
                        enqueue(t, j);
                else
                        job_free(j);
        }
        if (!g_queue_is_empty(t->queue))
                next_turn(t);
        return 0;
}

static void add_job(WorkTable *t, Job job) {
        enqueue(t, g_memdup2(&job, sizeof(job)));
        next_turn(t);
}

void work_later(Manager *m, void *owner, WorkHandler handler) {
        if (!g_hash_table_contains(m->work->owners, owner))
                add_job(m->work, (Job) { .owner = owner, .handler = handler });
}

void work_now(Manager *m, void *owner, WorkHandler handler) {
        Job j = { .owner = owner, .handler = handler, .work.deadline = deadline_in(WORK_SLICE_USEC) };

        if (!g_queue_is_empty(m->work->queue)) {
                work_later(m, owner, handler);
                return;
        }
        if (handler(m, owner, &j.work) == -ETIMEDOUT)
                add_job(m->work, j);
        else
                tree_walk_free(j.work.walk);
}

void work_forget(Manager *m, const void *owner) {
        Job *j = g_hash_table_lookup(m->work->owners, owner);

        if (!j)
                return;
        g_hash_table_remove(m->work->owners, owner);
        g_queue_remove(m->work->queue, j);
        job_free(j);
}

void work_next_step(Work *w) {
        w->step++;
        w->walk = tree_walk_free(w->walk);
}

int work_find_process(Manager *m, Work *w, int fd, Watch *watch) {
        PidRef p;
        pid_t pid;
        int r = 0;

        if (!w->walk) {
                r = hierarchy_first_pid(fd, &pid);
                if (r == 0)
                        r = tree_walk_new(fd, &w->walk);
        }
        if (w->walk)
                r = tree_walk_find_pid(w->walk, w->deadline, &pid);
        if (r > 0 && watch && watch->pidfd < 0 && pidref_from_pid(pid, &p) >= 0)
                (void) watcher_add_process(m->watcher, p.fd, watch);
        return r;
}

int work_remove_below(Manager *m, Work *w, int fd) {
        int r = w->walk ? 0 : tree_walk_new(fd, &w->walk);

        return r < 0 ? r : tree_walk_remove(w->walk, delegation_keep, m, w->deadline);
}

WorkTable *work_table_new(Manager *m) {
        WorkTable *t = g_new0(WorkTable, 1);

        t->manager = m;
        t->queue = g_queue_new();
        t->owners = g_hash_table_new(NULL, NULL);
        t->turn_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        /* The same priority as users' requests: neither waits for the end of the other. */
        if (t->turn_fd < 0 || sd_event_add_io(m->event, &t->turn, t->turn_fd, EPOLLIN, on_turn, t) < 0)
                return work_table_free(t);
        return t;
}

WorkTable *work_table_free(WorkTable *t) {
        Job *j;

        if (!t)
                return NULL;
        while ((j = g_queue_pop_head(t->queue)))
                job_free(j);
        g_queue_free(t->queue);
        g_hash_table_unref(t->owners);
        sd_event_source_unref(t->turn);
        safe_close(t->turn_fd);
        g_free(t);
        return NULL;
}
