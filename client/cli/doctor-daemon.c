/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon: its socket, its answers, and whether it is started with the host.
 */

#include <glob.h>
#include <sys/stat.h>

#include "build-config.h"
#include "client/cli/doctor.h"
#include "dbus/names.h"

#define LXC_INCLUDE "lxc.include = /usr/share/cgwarden/lxc/cgwarden.conf"

/* ---- Who starts services here ---- */

struct manager {
        const char *present; /* is there where it runs */
        const char *enabled; /* a pattern: is there when the service is enabled */
        const char *start, *restart;
};

static const struct manager managers[] = {
        {"/run/systemd/system", "/etc/systemd/system/*.wants/cgwarden.service",
         "systemctl enable --now cgwarden.socket cgwarden.service", "systemctl restart cgwarden.service"},
        {"/run/openrc", "/etc/runlevels/*/cgwarden", "rc-update add cgwarden default && rc-service cgwarden start",
         "rc-service cgwarden restart"},
        {"/etc/init.d/cgwarden", "/etc/rc?.d/S??cgwarden", "update-rc.d cgwarden defaults && service cgwarden start",
         "service cgwarden restart"},
};

static const struct manager *find_manager(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(managers); i++)
                if (g_file_test(managers[i].present, G_FILE_TEST_EXISTS))
                        return &managers[i];
        return NULL;
}

static char *start_command(const struct doctor *d) {
        /* What the host has can't be seen from a container. */
        const struct manager *m = d->container ? &managers[0] : find_manager();

        return g_strdup(m ? m->start : CGW_DAEMON " &");
}

void check_service(struct doctor *d) {
        const struct manager *m = find_manager();
        glob_t found;

        if (!m)
                return;

        bool enabled = glob(m->enabled, 0, NULL, &found) == 0;
        if (enabled)
                globfree(&found);
        doctor_add(d,
                   (struct finding){
                           .state = enabled ? STATE_OK : STATE_WARNING,
                           .object = g_strdup("service"),
                           .reason = g_strdup(enabled ? "is started with the host" : "is not started with the host"),
                           .mend = enabled ? NULL : g_strdup(m->start),
                   });
}

/* ---- The socket ---- */

/* What the library takes, NULL when it was told to use something else than a socket. */
static const char *socket_path(const struct doctor *d) {
        const char *address = d->cli->address ? d->cli->address : g_getenv("CGWARDEN_SOCKET"), *path;

        if (!address || !*address)
                return CGW_SOCKET_PATH;
        path = startswith(address, "unix:path=");
        return path ? path : *address == '/' ? address : NULL;
}

static void describe_missing(struct doctor *d, struct finding *f, const char *folder) {
        f->state = STATE_MISSING;
        if (d->container && !doctor_mount_at(d, folder)) {
                f->reason = g_strdup_printf("is not there: the host's %s is not bind-mounted", folder);
                f->mend = g_strdup(LXC_INCLUDE);
                f->place = PLACE_CONTAINER;
        } else {
                f->reason = g_strdup("is not there: no daemon runs");
                f->mend = start_command(d);
                f->place = d->container ? PLACE_HOST : PLACE_HERE;
        }
}

void check_socket(struct doctor *d) {
        const char *path = socket_path(d);
        struct stat st;

        if (!path)
                return;

        g_autofree char *folder = g_path_get_dirname(path);
        struct finding f = {.object = g_strdup(path)};
        if (stat(path, &st) < 0) {
                describe_missing(d, &f, folder);
                d->no_socket = true;
        } else if (doctor_mount_at(d, path)) {
                f.state = STATE_WARNING;
                f.reason = g_strdup_printf("is bind-mounted itself, and gone when the daemon makes a new one: %s "
                                           "should be mounted",
                                           folder);
                f.mend = g_strdup(LXC_INCLUDE);
                f.place = PLACE_CONTAINER;
        } else {
                f.reason = g_strdup(doctor_mount_at(d, folder) ? "is there, from the host" : "is there");
        }
        doctor_add(d, f);
}

/* ---- The daemon ---- */

static void report_unreachable(struct doctor *d, int error) {
        const char *path = socket_path(d);
        struct finding f = {
                .state = STATE_MISSING,
                .object = g_strdup("cgwardend"),
                .reason = g_strdup(cgw_error_message(d->cli->cgw)),
                .place = d->container ? PLACE_HOST : PLACE_HERE,
        };

        if (error == -EACCES && path) {
                g_autofree char *folder = g_path_get_dirname(path);

                f.mend = g_strdup_printf("chmod 755 %s && chmod 666 %s", folder, path);
        } else {
                f.mend = start_command(d);
        }
        doctor_add(d, f);
}

/* Where systemd owns the tree, logins get a cgroup below their session's scope, if that is delegated. */
static bool scopes_are_delegated(void) {
        static const char *const folders[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"};

        for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
                g_autofree char *name = g_strconcat(folders[i], "/systemd/system/session-.scope.d/50-cgwarden.conf", NULL);

                if (g_file_test(name, G_FILE_TEST_EXISTS))
                        return true;
        }
        return false;
}

static void report_answer(struct doctor *d, const char *version, const char *layout, const char *placement) {
        const struct manager *m = find_manager();
        struct finding f = {.state = STATE_WARNING, .object = g_strdup("cgwardend")};

        if (streq(layout, "none")) {
                f.state = STATE_MISSING;
                f.reason = g_strdup_printf("%s has no hierarchy: no cgroup filesystem is mounted", version);
                f.mend = g_strdup_printf("mount -t cgroup2 cgroup2 /sys/fs/cgroup%s%s", m ? " && " : "",
                                         m ? m->restart : "");
        } else if (!d->container && !streq(version, CGW_VERSION)) {
                f.reason = g_strdup_printf("%s still runs, %s is installed", version, CGW_VERSION);
                f.mend = g_strdup(m ? m->restart : CGW_DAEMON " &");
        } else if (streq(placement, "systemd") && !streq(layout, "v2")) {
                f.reason = g_strdup_printf(
                        "%s, layout %s: where systemd owns the cgroups, this version opens sessions on v2 only", version,
                        layout);
        } else if (streq(placement, "systemd") && !scopes_are_delegated()) {
                f.state = STATE_MISSING;
                f.reason = g_strdup_printf("%s: systemd does not delegate the scopes of login sessions", version);
                f.mend = g_strdup("mkdir -p /etc/systemd/system/session-.scope.d && printf '[Scope]\\nDelegate=yes\\n' "
                                  ">/etc/systemd/system/session-.scope.d/50-cgwarden.conf && systemctl daemon-reload");
        } else {
                f.state = STATE_OK;
                f.reason = g_strdup_printf("%s answers: layout %s, placement %s", version, layout, placement);
        }
        doctor_add(d, f);
}

void check_daemon(struct doctor *d) {
        _cleanup_free_ char *version = NULL, *layout = NULL, *placement = NULL;
        cgw_t *c = d->cli->cgw;
        int r = cgw_connect(c);

        /* Why is known already. */
        if (r < 0 && d->no_socket)
                return;

        if (r >= 0)
                r = cgw_get_version(c, &version);
        if (r >= 0)
                r = cgw_get_layout(c, &layout);
        if (r >= 0)
                r = cgw_get_placement(c, &placement);
        if (r >= 0)
                r = cgw_list_controllers(c, &d->controllers);
        if (r >= 0)
                r = cgw_list_hierarchies(c, &d->hierarchies);
        if (r >= 0)
                r = cgw_list_sessions(c, &d->sessions);
        if (r < 0)
                report_unreachable(d, r);
        else
                report_answer(d, version, layout, placement);
}

/* ---- What the PAM lines mean to it ---- */

static bool has_name(const cgw_hierarchy_t *h, const char *name) {
        return g_strv_contains(h->names, name);
}

bool doctor_needs_hierarchy(const struct doctor *d, const cgw_hierarchy_t *h) {
        for (guint i = 0; i < d->pam_controllers->len; i++) {
                const char *name = g_ptr_array_index(d->pam_controllers, i);

                if (streq(name, "all") || has_name(h, name))
                        return true;
        }
        return false;
}

/* The names that v1 has otherwise; NULL for the hierarchy itself, for which nothing is to be enabled. */
static const char *unified_name(const char *name) {
        if (streq(name, "cpuacct"))
                return "cpu";
        if (streq(name, "blkio"))
                return "io";
        return streq(name, "unified") || streq(name, "freezer") || startswith(name, "name=") ? NULL : name;
}

char **doctor_unified_controllers(const struct doctor *d) {
        GPtrArray *names = g_ptr_array_new();

        for (cgw_hierarchy_t **h = d->hierarchies; h && *h; h++)
                for (guint i = 0; (*h)->version == 2 && i < d->pam_controllers->len; i++) {
                        const char *name = g_ptr_array_index(d->pam_controllers, i);

                        if (has_name(*h, name) && unified_name(name))
                                g_ptr_array_add(names, g_strdup(unified_name(name)));
                }
        g_ptr_array_add(names, NULL);
        return (char **)g_ptr_array_free(names, FALSE);
}
