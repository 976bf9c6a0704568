/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whether an ordinary user may make user namespaces, and map more ids into one than his own.
 */

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "client/cli/doctor.h"

/* ---- User namespaces ---- */

static bool is_number(const char *path, const char *number) {
        g_autofree char *text = doctor_read(path);

        return text && streq(text, number);
}

static void check_limit(struct doctor *d, const char *kind) {
        g_autofree char *path = g_strdup_printf("/proc/sys/user/max_%s_namespaces", kind);

        if (is_number(path, "0"))
                doctor_add(d, (struct finding){
                                      .state = STATE_MISSING,
                                      .object = g_strdup_printf("user.max_%s_namespaces", kind),
                                      .reason = g_strdup_printf("is 0: nobody can make %s namespaces", kind),
                                      .mend = g_strdup_printf("sysctl -w user.max_%s_namespaces=15000", kind),
                              });
}

/* Debian's own switch. */
static void check_clone(struct doctor *d) {
        if (is_number("/proc/sys/kernel/unprivileged_userns_clone", "0"))
                doctor_add(d, (struct finding){
                                      .state = STATE_MISSING,
                                      .object = g_strdup("kernel.unprivileged_userns_clone"),
                                      .reason = g_strdup("is 0: only root can make user namespaces"),
                                      .mend = g_strdup("sysctl -w kernel.unprivileged_userns_clone=1"),
                              });
}

/* Ubuntu's: a program needs a profile that allows them. LXC comes with one, where it is loaded. */
static void check_apparmor(struct doctor *d) {
        if (is_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
                doctor_add(d, (struct finding){
                                      .state = STATE_WARNING,
                                      .object = g_strdup("kernel.apparmor_restrict_unprivileged_userns"),
                                      .reason = g_strdup("is 1: user namespaces are only for programs whose "
                                                         "AppArmor profile allows them"),
                                      .mend = g_strdup("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
                              });
}

void check_kernel(struct doctor *d) {
        static const char *const kinds[] = {"user", "cgroup", "pid", "mnt", "ipc", "uts", "net"};
        guint before = d->findings->len;

        if (!g_file_test("/proc/self/ns/user", G_FILE_TEST_EXISTS)) {
                doctor_add(d, (struct finding){.state = STATE_MISSING,
                                               .object = g_strdup("user namespaces"),
                                               .reason = g_strdup("this kernel has none, or /proc is not mounted"),
                                               .mend = g_strdup("mount -t proc proc /proc")});
                return;
        }

        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
                check_limit(d, kinds[i]);
        check_clone(d);
        check_apparmor(d);
        if (d->findings->len == before)
                doctor_add(d, (struct finding){.object = g_strdup("user namespaces"), .reason = g_strdup("allowed")});
}

/* ---- newuidmap, newgidmap ---- */

static bool has_capability(const char *path, unsigned capability) {
        struct vfs_ns_cap_data data = {};
        ssize_t n = getxattr(path, "security.capability", &data, sizeof(data));

        return n >= (ssize_t)XATTR_CAPS_SZ_2 &&
               (GUINT32_FROM_LE(data.data[capability / 32].permitted) & (1u << capability % 32)) != 0;
}

/* How the program comes by its power; NULL when it does not. */
static const char *power_of(const char *path, const struct stat *st, unsigned capability) {
        if ((st->st_mode & S_ISUID) && st->st_uid == 0)
                return "set-user-ID root";
        return has_capability(path, capability) ? "has its capability" : NULL;
}

static char *install_command(void) {
        static const struct {
                const char *id, *command;
        } commands[] = {
                {"debian", "apt-get install uidmap"},   {"alpine", "apk add shadow-uidmap"},
                {"fedora", "dnf install shadow-utils"}, {"rhel", "dnf install shadow-utils"},
                {"suse", "zypper install shadow"},      {"arch", "pacman -S shadow"},
                {"gentoo", "emerge sys-apps/shadow"},   {"void", "xbps-install shadow"},
        };
        g_autofree char *id = g_get_os_info(G_OS_INFO_KEY_ID), *like = g_get_os_info("ID_LIKE");
        g_autofree char *names = g_strdup_printf("%s %s", id ? id : "", like ? like : "");
        g_auto(GStrv) words = g_strsplit(names, " ", -1);

        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
                if (g_strv_contains((const char *const *)words, commands[i].id))
                        return g_strdup(commands[i].command);
        return g_strdup("install shadow's newuidmap and newgidmap");
}

static void check_program(struct doctor *d, const char *name, unsigned capability) {
        g_autofree char *path = g_find_program_in_path(name);
        struct finding f = {.state = STATE_MISSING, .object = g_strdup(path ? path : name)};
        struct statvfs fs;
        struct stat st;
        const char *power;

        if (!path || stat(path, &st) < 0 || statvfs(path, &fs) < 0) {
                f.reason = g_strdup("is not there: a user can map no id but his own");
                f.mend = install_command();
        } else if (!(power = power_of(path, &st, capability))) {
                g_autofree char *quoted = doctor_quote(path);

                f.reason = st.st_mode & S_ISUID ? g_strdup("is set-user-ID, but not root's")
                                                : g_strdup("is neither set-user-ID nor has it a capability");
                f.mend = st.st_uid == 0 ? g_strdup_printf("chmod u+s %s", quoted)
                                        : g_strdup_printf("chown root:root %s && chmod u+s %s", quoted, quoted);
        } else if (fs.f_flag & ST_NOSUID) {
                g_autoptr(GUnixMountEntry) mount = g_unix_mount_for(path, NULL);

                f.reason = g_strdup("is on a filesystem that is mounted nosuid");
                f.mend = g_strdup_printf("mount -o remount,suid %s", mount ? g_unix_mount_get_mount_path(mount) : "/");
        } else {
                f.state = STATE_OK;
                f.reason = g_strdup(power);
        }
        doctor_add(d, f);
}

void check_idmap_programs(struct doctor *d) {
        check_program(d, "newuidmap", CAP_SETUID);
        check_program(d, "newgidmap", CAP_SETGID);
}
