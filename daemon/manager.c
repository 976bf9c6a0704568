/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/manager.h"

#include <fcntl.h>

#include "cgroup/record.h"
#include "common/log.h"
#include "common/path.h"
#include "daemon/delegation.h"
#include "daemon/placement.h"
#include "daemon/session.h"
#include "daemon/sweep.h"
#include "daemon/transaction.h"
#include "daemon/user-scope.h"
#include "daemon/work.h"

static void on_problem(void *userdata, const char *hierarchy, const char *what, int err) {
        log_full(LOG_WARNING, err, hierarchy, "%s", what);
}

static void on_watch(Watch *w, void *userdata) {
        Watched *watched = (Watched *) w;

        watched->changed(watched, userdata);
}

static int on_watcher_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        watcher_dispatch(((Manager *) userdata)->watcher);
        return 0;
}

/* What a cgroup's records say of it. */
static void restore_records(Manager *m, const Hierarchy *h, const char *full, int fd) {
        g_autofree char *text = g_malloc(RECORD_MAX);
        int r;

        r = record_read(fd, "session", text, RECORD_MAX);
        if (r >= 0)
                r = session_restore(m, h, full, text);
        if (r < 0 && r != -ENODATA)
                log_full(LOG_WARNING, r, full, "cannot make sense of the record of a session in %s", h->name);

        r = record_read(fd, "delegation", text, RECORD_MAX);
        if (r >= 0)
                r = delegation_restore(m, h, full, fd, text);
        if (r < 0 && r != -ENODATA)
                log_full(LOG_WARNING, r, full, "cannot make sense of the record of a delegation in %s", h->name);
}

/* A parent or a leader's place that its last session left behind. */
static void remove_left_behind(int parent_fd, const char *name) {
        _cleanup_close_ int fd = tree_open(parent_fd, name, 0);
        char text[8];

        if (fd >= 0 && record_read(fd, "made", text, sizeof(text)) >= 0)
                (void) unlinkat(parent_fd, name, AT_REMOVEDIR);
}

/* The only time that the whole tree is walked: as deep as a path can be named in one call, so that no cgroup of ours is
 * deeper, though a user may have made some (v1). */
static void restore_tree(Manager *m, const Hierarchy *h) {
        _cleanup_(tree_walk_freep) TreeWalk *w = NULL;
        g_autoptr(GString) full = g_string_new(NULL);
        int r = tree_walk_new(h->fd, &w);

        while (r >= 0 && (r = tree_walk_next(w)) > 0) {
                const char *name = tree_walk_name(w);

                if (r == TREE_ENTER && full->len + strlen(name) + 2 > PATH_MAX) {
                        r = tree_walk_skip(w);
                } else if (r == TREE_ENTER) {
                        g_string_append_printf(full, "%s%s", full->len ? "/" : "", name);
                        restore_records(m, h, full->str, tree_walk_fd(w));
                } else {
                        g_string_truncate(full, full->len - strlen(name) - (full->len > strlen(name)));
                        remove_left_behind(tree_walk_fd(w), name);
                }
        }
        if (r < 0)
                log_full(LOG_WARNING, r, full->str, "cannot read the cgroups of %s", h->name);
}

static int setup_watcher(Manager *m) {
        int r = watcher_new(on_watch, m, &m->watcher);

        if (r >= 0)
                r = sd_event_add_io(m->event, &m->watcher_source, watcher_get_fd(m->watcher), EPOLLIN, on_watcher_io, m);
        /* What users ask for does not delay the end of sessions. */
        return r < 0 ? r : sd_event_source_set_priority(m->watcher_source, SD_EVENT_PRIORITY_IMPORTANT);
}

int manager_new(sd_event *event, Config *config, Manager **ret) {
        _cleanup_(manager_freep) Manager *m = g_new0(Manager, 1);
        LayoutOptions options = { .mount = config->mount, .list = (const char *const *) config->mount_list, .problem = on_problem };
        int r;

        m->event = sd_event_ref(event);
        m->config = config;
        m->quotas = quotas_new();

        r = layout_new(&options, &m->layout);
        if (r >= 0)
                r = host_init(&m->host, m->layout);
        if (r >= 0)
                r = placement_choose(m);
        if (r >= 0)
                r = setup_watcher(m);
        if (r < 0) {
                m->config = NULL; /* stays the caller's */
                return r;
        }

        m->sweep = sweep_new(m);
        m->work = work_table_new(m);
        m->sessions = session_table_new(m);
        m->delegations = delegation_table_new(m);
        m->user_scopes = user_scopes_new(m);

        (void) transaction_recover(m->layout);
        for (size_t i = 0; i < m->layout->n; i++)
                restore_tree(m, m->layout->hierarchies + i);
        session_restored(m);

        log_info("layout %s, placement %s, %zu hierarchies, %u sessions and %u delegations", layout_name(m->layout),
                 placement_kind_to_string(m->placement), m->layout->n, session_count(m), delegation_count(m));
        *ret = g_steal_pointer(&m);
        return 0;
}

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;

        m->user_scopes = user_scopes_free(m->user_scopes);
        m->delegations = delegation_table_free(m->delegations);
        m->sessions = session_table_free(m->sessions);
        m->work = work_table_free(m->work);
        m->sweep = sweep_free(m->sweep);
        sd_event_source_unref(m->watcher_source);
        watcher_free(m->watcher);
        host_done(&m->host);
        cgroup_paths_done(&m->unit);
        layout_free(m->layout);
        quotas_free(m->quotas);
        config_free(m->config);
        sd_event_unref(m->event);
        g_free(m);
        return NULL;
}

void manager_reload(Manager *m, Config *config) {
        if (config->placement != m->config->placement || config->mount != m->config->mount)
                log_notice("Placement= and Mount= count from the next start on");
        if (config->cgmanager != m->config->cgmanager) {
                log_notice("Cgmanager= counts from the next start on");
                config->cgmanager = m->config->cgmanager;
        }
        config_free(m->config);
        m->config = config;
}
