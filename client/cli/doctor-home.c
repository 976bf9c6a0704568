/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whether root of the user's container, one of his subordinate ids, can reach the containers in his home: LXC changes
 * to that id before it enters the root file system.
 */

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "client/cli/doctor.h"

#define ACL_ENTRIES_MAX 64

struct acl {
        size_t n;
        struct posix_acl_xattr_entry entries[ACL_ENTRIES_MAX];
};

static void acl_read(struct acl *acl, const char *path) {
        struct {
                struct posix_acl_xattr_header header;
                struct posix_acl_xattr_entry entries[ACL_ENTRIES_MAX];
        } data;
        ssize_t n = getxattr(path, "system.posix_acl_access", &data, sizeof(data));

        acl->n = 0;
        if (n < (ssize_t)sizeof(data.header) || GUINT32_FROM_LE(data.header.a_version) != POSIX_ACL_XATTR_VERSION)
                return;

        acl->n = ((size_t)n - sizeof(data.header)) / sizeof(*acl->entries);
        memcpy(acl->entries, data.entries, acl->n * sizeof(*acl->entries));
}

/* What an entry for this very user or group allows, -1 without one. */
static int acl_permissions(const struct acl *acl, unsigned tag, uint32_t id) {
        int permissions = -1, mask = ACL_READ | ACL_WRITE | ACL_EXECUTE;

        for (size_t i = 0; i < acl->n; i++) {
                unsigned t = GUINT16_FROM_LE(acl->entries[i].e_tag), p = GUINT16_FROM_LE(acl->entries[i].e_perm);

                if (t == tag && GUINT32_FROM_LE(acl->entries[i].e_id) == id)
                        permissions = (int)p;
                if (t == ACL_MASK)
                        mask = (int)p;
        }
        return permissions < 0 ? -1 : permissions & mask;
}

/* The kernel's order: the owner, a named user, the groups, the others (acl(5)). */
static bool may_search(const char *path, const struct stat *st, uid_t uid, gid_t gid) {
        struct acl acl;
        int user, group;

        if (st->st_uid == uid)
                return st->st_mode & S_IXUSR;

        acl_read(&acl, path);
        user = acl_permissions(&acl, ACL_USER, uid);
        if (user >= 0)
                return user & ACL_EXECUTE;
        group = acl_permissions(&acl, ACL_GROUP, gid);
        if (group >= 0)
                return group & ACL_EXECUTE;
        /* With an ACL, the group's bits in the mode are its mask. */
        if (st->st_gid == gid && acl.n == 0)
                return st->st_mode & S_IXGRP;
        return st->st_mode & S_IXOTH;
}

static void check_directory(struct doctor *d, const char *path) {
        g_autofree char *setfacl = g_find_program_in_path("setfacl"), *quoted = doctor_quote(path);
        struct stat st;

        if (stat(path, &st) < 0 || may_search(path, &st, d->root_uid, d->root_gid))
                return;

        doctor_add(d,
                   (struct finding){
                           .state = STATE_MISSING,
                           .object = g_strdup(path),
                           .reason = g_strdup_printf("can't be entered by the root of %s's containers, who is %u here",
                                                     d->user, d->root_uid),
                           .mend = setfacl ? g_strdup_printf("setfacl -m u:%u:x %s", d->root_uid, quoted)
                                           : g_strdup_printf("chmod o+x %s", quoted),
                   });
}

/* Where LXC has the user's containers: lxc.lxcpath in his lxc.conf(5), else its default. */
static char *containers_of(const struct doctor *d) {
        g_autofree char *file = g_build_filename(d->home, ".config/lxc/lxc.conf", NULL), *text = doctor_read(file);
        g_autoptr(GRegex) regex = g_regex_new("^\\s*lxc\\.lxcpath\\s*=\\s*(/\\S*)", G_REGEX_MULTILINE, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;

        if (text && g_regex_match(regex, text, 0, &match))
                return g_match_info_fetch(match, 1);
        return d->uid == 0 ? g_strdup("/var/lib/lxc") : g_build_filename(d->home, ".local/share/lxc", NULL);
}

void check_home(struct doctor *d) {
        g_autofree char *path = containers_of(d);
        guint before = d->findings->len;

        /* Without ids there is no such root; that was said already. */
        if (d->root_uid == 0)
                return;

        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                check_directory(d, path);
                *slash = '/';
        }
        check_directory(d, path);
        if (d->findings->len == before)
                doctor_add(d, (struct finding){
                                      .object = g_strdup(path),
                                      .reason = g_strdup_printf("open to the root of %s's containers, who is %u here",
                                                                d->user, d->root_uid),
                              });
}
