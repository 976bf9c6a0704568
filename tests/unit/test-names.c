/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names: controllers and their aliases in layouts built by hand, attributes and their classes, enums and their string
 * tables, errors, records, patterns of sessions; and the quotas. */

#include <glib.h>

#include "cgroup/attributes.h"
#include "cgroup/layout.h"
#include "cgroup/record.h"
#include "common/util.h"
#include "daemon/authorize.h"
#include "daemon/config.h"
#include "daemon/delegation.h"
#include "daemon/error.h"
#include "daemon/placement.h"
#include "daemon/quota.h"
#include "daemon/session.h"

/* ---- layouts: each hierarchy as "freezer", "cpu,cpuacct", "name=systemd" or "unified:memory,pids" */

static Layout *layout_of(const char *const *hierarchies) {
        Layout *l = g_new0(Layout, 1);

        for (; *hierarchies; hierarchies++, l->n++) {
                Hierarchy *h = l->hierarchies + l->n;
                const char *v2 = startswith(*hierarchies, "unified:"), *names = v2 ? v2 : *hierarchies;
                g_auto(GStrv) controllers = g_strsplit(names, ",", -1);

                *h = (Hierarchy) { .index = (unsigned) l->n, .v2 = v2, .fd = -EBADF };
                h->ops = v2 ? &hierarchy_ops_v2 : &hierarchy_ops_v1;
                h->name = strdup(v2 ? "unified" : *hierarchies);
                for (char **c = controllers; !startswith(names, "name=") && *c && **c; c++)
                        h->controllers[h->n_controllers++] = strdup(*c);
                if (v2) {
                        h->delegate = calloc(5, sizeof(char *));
                        h->delegate[0] = strdup("cgroup.procs");
                        h->delegate[1] = strdup("cgroup.subtree_control");
                        h->delegate[2] = strdup("memory.oom.group");
                        h->delegate[3] = strdup("memory.reclaim");
                        l->v2 = h;
                }
                l->all |= 1U << l->n;
        }
        return l;
}

/* layout_free() is for those that layout_new() made. */
static void layout_end(Layout *l) {
        for (size_t i = 0; i < l->n; i++)
                hierarchy_done(l->hierarchies + i);
        g_free(l);
}

static const char *const v1[] = { "cpu,cpuacct", "cpuset", "memory", "freezer", "name=systemd", NULL };
static const char *const hybrid[] = { "memory", "freezer", "name=systemd", "unified:hugetlb,io", NULL };
static const char *const hybrid_bare[] = { "cpu,cpuacct", "unified:", NULL };
static const char *const v2[] = { "unified:cpuset,cpu,io,memory,pids", NULL };
static const char *const v2_no_io[] = { "unified:cpu", NULL };
static const char *const openrc[] = { "freezer", "name=openrc", NULL };
static const char *const elogind[] = { "freezer", "name=openrc", "name=elogind", NULL };
static const char *const openrc_hybrid[] = { "freezer", "name=openrc", "unified:", NULL };
static const char *const none[] = { NULL };

typedef struct SelectCase {
        const char *const *layout;
        const char *names;
        int r;
        uint32_t hierarchies, controllers;
        const char *bad_word;
} SelectCase;

static const SelectCase selections[] = {
        { v1, "freezer", 0, 1 << 3, 0, NULL },
        { v1, "cpu", 0, 1 << 0, 0, NULL },
        { v1, "cpuacct", 0, 1 << 0, 0, NULL },
        { v1, "cpu,cpuacct", 0, 1 << 0, 0, NULL },
        { v1, "cpuacct,cpu", 0, 1 << 0, 0, NULL },
        { v1, "name=systemd", 0, 1 << 4, 0, NULL },
        { v1, "memory,freezer,name=systemd", 0, 1 << 2 | 1 << 3 | 1 << 4, 0, NULL },
        { v1, "freezer,freezer", 0, 1 << 3, 0, NULL },
        { v1, "all", 0, 0x1f, 0, NULL },
        { v1, "systemd", -ENODEV, 0, 0, "systemd" },         /* pam_cgfs takes it in silence */
        { v1, "unified", -ENODEV, 0, 0, "unified" },
        { v1, "nosuch", -ENODEV, 0, 0, "nosuch" },
        { v1, "freezer,nosuch", -ENODEV, 0, 0, "nosuch" },   /* never skipped */
        { v1, "nosuch,freezer", -ENODEV, 0, 0, "nosuch" },
        { v1, "freez", -ENODEV, 0, 0, "freez" },
        { v1, "freezerx", -ENODEV, 0, 0, "freezerx" },
        { v1, "FREEZER", -ENODEV, 0, 0, "FREEZER" },
        { v1, "name=", -ENODEV, 0, 0, "name=" },
        { v1, "blkio", -ENODEV, 0, 0, "blkio" },
        { v1, "freezer, memory", -ENODEV, 0, 0, " memory" }, /* a blank is part of the word */
        { v1, " freezer", -ENODEV, 0, 0, " freezer" },
        { v1, "freezer ", -ENODEV, 0, 0, "freezer " },
        { v1, "", -EINVAL, 0, 0, "" },
        { v1, ",", -EINVAL, 0, 0, "" },
        { v1, "freezer,", -EINVAL, 0, 0, "" },
        { v1, ",freezer", -EINVAL, 0, 0, "" },
        { v1, "freezer,,memory", -EINVAL, 0, 0, "" },
        { v1, "all,freezer", -EINVAL, 0, 0, "all" },
        { v1, "freezer,all", -EINVAL, 0, 0, "all" },
        { v1, "all,all", -EINVAL, 0, 0, "all" },
        { v1, "ALL", -ENODEV, 0, 0, "ALL" },

        /* Each name goes to the hierarchy that has it; the alias is for what v1 does not have. */
        { hybrid, "freezer", 0, 1 << 1, 0, NULL },
        { hybrid, "name=systemd", 0, 1 << 2, 0, NULL },
        { hybrid, "unified", 0, 1 << 3, 0, NULL },
        { hybrid, "hugetlb", 0, 1 << 3, 1 << 0, NULL },
        { hybrid, "io", 0, 1 << 3, 1 << 1, NULL },
        { hybrid, "blkio", 0, 1 << 3, 1 << 1, NULL },
        { hybrid, "memory", 0, 1 << 0, 0, NULL },
        { hybrid, "memory,hugetlb,unified", 0, 1 << 0 | 1 << 3, 1 << 0, NULL },
        { hybrid, "cpu", -ENODEV, 0, 0, "cpu" },
        { hybrid, "cpuacct", -ENODEV, 0, 0, "cpuacct" },     /* it is cpu, and cpu is not there */
        { hybrid, "all", 0, 0xf, 0x3, NULL },
        { hybrid_bare, "freezer,name=systemd", 0, 1 << 1, 0, NULL },
        { hybrid_bare, "all", 0, 0x3, 0, NULL },

        { v2, "freezer", 0, 1, 0, NULL },
        { v2, "name=systemd", 0, 1, 0, NULL },
        { v2, "unified", 0, 1, 0, NULL },
        { v2, "freezer,memory,name=systemd", 0, 1, 1 << 3, NULL }, /* the PAM line that serves every host */
        { v2, "cpuacct", 0, 1, 1 << 1, NULL },
        { v2, "cpu,cpuacct", 0, 1, 1 << 1, NULL },
        { v2, "blkio", 0, 1, 1 << 2, NULL },
        { v2, "all", 0, 1, 0x1f, NULL },
        { v2, "name=other", -ENODEV, 0, 0, "name=other" },
        { v2, "devices", -ENODEV, 0, 0, "devices" },
        { v2, "net_cls", -ENODEV, 0, 0, "net_cls" },
        { v2_no_io, "blkio", -ENODEV, 0, 0, "blkio" },
        { v2_no_io, "cpuacct", 0, 1, 1, NULL },

        /* Without systemd it is who is in its place, if there is no v2. */
        { openrc, "freezer,name=systemd", 0, 1 << 0 | 1 << 1, 0, NULL },
        { elogind, "name=systemd", 0, 1 << 2, 0, NULL },
        { openrc_hybrid, "name=systemd", 0, 1 << 2, 0, NULL },
        { openrc, "systemd", -ENODEV, 0, 0, "systemd" },

        { none, "all", -ENODEV, 0, 0, NULL },
        { none, "freezer", -ENODEV, 0, 0, "freezer" },
};

static void test_select(void) {
        for (size_t i = 0; i < ARRAY_SIZE(selections); i++) {
                const SelectCase *c = selections + i;
                Selection s = { .hierarchies = 77, .controllers = 88 };
                Layout *l = layout_of(c->layout);
                char word[64] = "";
                int r = layout_select(l, c->names, &s, word, sizeof(word));

                g_test_message("%zu: \"%s\": %d \"%s\" %x %x", i, c->names, r, word, s.hierarchies, s.controllers);
                g_assert_cmpint(r, ==, c->r);
                if (r == 0) {
                        g_assert_cmphex(s.hierarchies, ==, c->hierarchies);
                        g_assert_cmphex(s.controllers, ==, c->controllers);
                } else if (c->bad_word) {
                        g_assert_cmpstr(word, ==, c->bad_word);
                        g_assert_cmpuint(s.hierarchies, ==, 77);
                        g_assert_cmpuint(s.controllers, ==, 88);
                }
                layout_end(l);
        }
}

static void test_select_long_word(void) {
        Layout *l = layout_of(v1);
        g_autofree char *words = g_strnfill(10000, 'x');
        char word[8];
        Selection s;

        /* What is told of it is cut, not written past the end. */
        g_assert_cmpint(layout_select(l, words, &s, word, sizeof(word)), ==, -ENODEV);
        g_assert_cmpstr(word, ==, "xxxxxxx");
        layout_end(l);
}

static int add_name(void *userdata, const char *name, const Hierarchy *h) {
        g_string_append_printf(userdata, "%s=%s ", name, h->name);
        return 0;
}

static void test_names(void) {
        static const struct {
                const char *const *layout;
                const char *kind, *names;
        } layouts[] = {
                { v1, "v1", "cpu=cpu,cpuacct cpuacct=cpu,cpuacct cpuset=cpuset memory=memory freezer=freezer name=systemd=name=systemd " },
                { hybrid, "hybrid", "memory=memory freezer=freezer name=systemd=name=systemd unified=unified hugetlb=unified io=unified "
                                    "blkio=unified " },
                { v2, "v2", "unified=unified cpuset=unified cpu=unified io=unified memory=unified pids=unified "
                            "freezer=unified name=systemd=unified cpuacct=unified blkio=unified " },
                { elogind, "v1", "freezer=freezer name=openrc=name=openrc name=elogind=name=elogind name=systemd=name=elogind " },
                { none, "none", "" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
                g_autoptr(GString) names = g_string_new(NULL);
                Layout *l = layout_of(layouts[i].layout);

                g_assert_cmpstr(layout_name(l), ==, layouts[i].kind);
                g_assert_cmpint(layout_for_each_name(l, add_name, names), ==, 0);
                g_assert_cmpstr(names->str, ==, layouts[i].names);
                layout_end(l);
        }
}

static void test_scopes(void) {
        static const struct {
                const char *path, *scope;
                bool elogind;
        } paths[] = {
                { "", "", false },
                { "user.slice/user-1000.slice/session-4.scope", "user.slice/user-1000.slice/session-4.scope", false },
                { "user.slice/user-1000.slice/session-4.scope/user/init.scope", "user.slice/user-1000.slice/session-4.scope", false },
                { "user.slice/user-1000.slice/user@1000.service", "", false },
                { "3", "3", true },
                { "c12", "c12", true },
                { "3/user/init.scope", "3", true },
                { "user/alice/3", "", false },
                { "c", "", false },
                { "3a/user", "", false },
                { "cc1", "", false },
                { "/3", "", false },
                { "3/session-4.scope/user", "3/session-4.scope", false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                g_autofree char *scope = g_strndup(paths[i].path, placement_find_scope(paths[i].path));

                g_assert_cmpstr(scope, ==, paths[i].scope);
                g_assert_cmpint(placement_is_elogind(scope), ==, paths[i].elogind);
        }
}

static int select_name(void *userdata, const char *name, const Hierarchy *h) {
        Selection s;
        char word[64];

        g_assert_cmpint(layout_select(userdata, name, &s, word, sizeof(word)), ==, 0);
        g_assert_cmphex(s.hierarchies, ==, 1U << h->index);
        return 0;
}

/* What is listed can be asked for, and means that hierarchy. */
static void test_names_select(void) {
        static const char *const *const layouts[] = { v1, hybrid, hybrid_bare, v2, v2_no_io, openrc, elogind, openrc_hybrid, none };

        for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
                Layout *l = layout_of(layouts[i]);

                g_assert_cmpint(layout_for_each_name(l, select_name, l), ==, 0);
                layout_end(l);
        }
}

/* ---- attributes */

static const struct {
        const char *key;
        AttributeClass v1, v2;
} attributes[] = {
        { "cgroup.procs", ATTRIBUTE_MEMBERSHIP, ATTRIBUTE_MEMBERSHIP },
        { "cgroup.threads", ATTRIBUTE_MEMBERSHIP, ATTRIBUTE_MEMBERSHIP },
        { "tasks", ATTRIBUTE_MEMBERSHIP, ATTRIBUTE_MEMBERSHIP },
        /* The kernel hands these over (/sys/kernel/cgroup/delegate). */
        { "cgroup.subtree_control", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_OWNER },
        { "memory.oom.group", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_OWNER },
        { "memory.limit_in_bytes", ATTRIBUTE_LIMIT, ATTRIBUTE_PRIVILEGED },
        { "memory.max", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        /* Whoever owns it can write it himself; the daemon would do the work. The hierarchy hands it over. */
        { "memory.reclaim", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "memory.force_empty", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        /* What a cgroup has is not bounded by what its parent has. */
        { "net_cls.classid", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "net_prio.ifpriomap", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "io.prio.class", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "pids.max", ATTRIBUTE_LIMIT, ATTRIBUTE_LIMIT },
        { "cpu.shares", ATTRIBUTE_LIMIT, ATTRIBUTE_PRIVILEGED },
        { "cpu.max", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "cpu.weight", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "cpuset.cpus", ATTRIBUTE_LIMIT, ATTRIBUTE_LIMIT },
        { "freezer.state", ATTRIBUTE_LIMIT, ATTRIBUTE_PRIVILEGED },
        { "cgroup.freeze", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "cgroup.kill", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "cgroup.max.depth", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "cgroup.max.descendants", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "cgroup.type", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "hugetlb.2MB.max", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "hugetlb.1GB.rsvd.max", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_LIMIT },
        { "hugetlb.2MB.limit_in_bytes", ATTRIBUTE_LIMIT, ATTRIBUTE_PRIVILEGED },
        { "memory.stat", ATTRIBUTE_READ_ONLY, ATTRIBUTE_READ_ONLY },
        { "memory.current", ATTRIBUTE_READ_ONLY, ATTRIBUTE_READ_ONLY },
        { "memory.usage_in_bytes", ATTRIBUTE_READ_ONLY, ATTRIBUTE_READ_ONLY },
        { "cgroup.controllers", ATTRIBUTE_READ_ONLY, ATTRIBUTE_READ_ONLY },
        { "cgroup.events", ATTRIBUTE_READ_ONLY, ATTRIBUTE_READ_ONLY },
        { "memory.events.local", ATTRIBUTE_READ_ONLY, ATTRIBUTE_READ_ONLY },
        { "devices.list", ATTRIBUTE_READ_ONLY, ATTRIBUTE_READ_ONLY },
        /* For root only, by name in DESIGN 4 or because nobody has put it on a list. */
        { "devices.allow", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "devices.deny", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "release_agent", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "notify_on_release", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "cgroup.event_control", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "memory.pressure_level", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "io.cost.qos", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "io.cost.model", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "future.knob", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "memory.max.x", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
        { "xmemory.max", ATTRIBUTE_PRIVILEGED, ATTRIBUTE_PRIVILEGED },
};

static void test_attribute_class(void) {
        Layout *l = layout_of(hybrid);

        for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
                g_test_message("%s", attributes[i].key);
                g_assert_cmpint(attribute_class(l->hierarchies, attributes[i].key), ==, attributes[i].v1);
                g_assert_cmpint(attribute_class(l->v2, attributes[i].key), ==, attributes[i].v2);
        }
        layout_end(l);
}

static void test_attribute_name(void) {
        static const char *const good[] = {
                "memory.max", "hugetlb.2MB.max", "tasks", "notify_on_release", "release_agent", "cgroup.procs", "io.bfq.weight_device",
                "a.b-c",
        };
        static const char *const bad[] = {
                "", ".", "..", "...", ".hidden", "../memory.max", "a/b.c", "/etc/passwd", "memory", "x", "memory.max ", " memory.max",
                "memory.max\n", "memory.m\xc3\xa4x", "memory.*", "memory.max/..", "init.scope/..",
        };
        g_autofree char *longest = g_strnfill(255, 'x'), *too_long = g_strnfill(256, 'x');

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                g_assert_true(attribute_name_is_valid(good[i]));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                g_test_message("\"%s\"", bad[i]);
                g_assert_false(attribute_name_is_valid(bad[i]));
        }
        longest[5] = too_long[5] = '.';
        g_assert_true(attribute_name_is_valid(longest));
        g_assert_false(attribute_name_is_valid(too_long));
}

/* ---- enums: each value has a name of its own that leads back to it */

#define CHECK_ENUM(type, prefix, max, invalid)                                          \
        do {                                                                            \
                g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal); \
                                                                                        \
                for (int i = 0; i < (max); i++) {                                       \
                        const char *name = prefix##_to_string((type) i);                \
                                                                                        \
                        g_assert_nonnull(name);                                         \
                        g_assert_true(g_hash_table_add(seen, (gpointer) name));         \
                        g_assert_cmpint(prefix##_from_string(name), ==, i);             \
                }                                                                       \
                g_assert_null(prefix##_to_string((type) (max)));                        \
                g_assert_null(prefix##_to_string(invalid));                             \
                g_assert_cmpint(prefix##_from_string(""), ==, invalid);                 \
                g_assert_cmpint(prefix##_from_string("no such"), ==, invalid);          \
        } while (0)

static void test_enums(void) {
        CHECK_ENUM(AttributeClass, attribute_class, _ATTRIBUTE_CLASS_MAX, _ATTRIBUTE_CLASS_INVALID);
        CHECK_ENUM(Operation, operation, _OPERATION_MAX, _OPERATION_INVALID);
        CHECK_ENUM(Lifetime, lifetime, _LIFETIME_MAX, _LIFETIME_INVALID);
        CHECK_ENUM(PlacementKind, placement_kind, _PLACEMENT_MAX, _PLACEMENT_INVALID);

        /* Those that are on the wire and in files. */
        g_assert_cmpstr(lifetime_to_string(LIFETIME_PERSISTENT), ==, "persistent");
        g_assert_cmpstr(lifetime_to_string(LIFETIME_EMPTY), ==, "empty");
        g_assert_cmpstr(placement_kind_to_string(PLACEMENT_CGROUPFS), ==, "cgroupfs");
        g_assert_cmpstr(placement_kind_to_string(PLACEMENT_SYSTEMD), ==, "systemd");
}

/* ---- errors */

static void test_errors(void) {
        static const struct {
                const char *name;
                int err;
        } list[] = {
#define ENTRY(name, err) { CGW_ERROR(name), err },
                CGW_ERRORS(ENTRY)
#undef ENTRY
        };

        for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
                g_assert_cmpint(error_name_to_errno(list[i].name), ==, -list[i].err);
                for (size_t k = 0; k < i; k++) /* a client tells them apart by either */
                        g_assert_cmpint(list[i].err, !=, list[k].err);
        }
        g_assert_cmpint(error_name_to_errno("org.freedesktop.DBus.Error.NoReply"), ==, -EIO);
        g_assert_cmpint(error_name_to_errno("org.cgwarden1.Error."), ==, -EIO);
}

static void test_error_text(void) {
        sd_bus_error e = SD_BUS_ERROR_NULL;
        g_autofree char *many = g_strnfill(5000, 'x');
        Hierarchy h = { .name = (char *) "freezer" };

        /* A message holds what a client sent: one line, and nothing that a terminal obeys. */
        g_assert_cmpint(refuse(&e, CGW_ERROR(Busy), "a\nb\x1b[31m\xc3\xbc\x7f%s", "\r"), ==, -EBUSY);
        g_assert_cmpstr(e.name, ==, "org.cgwarden1.Error.Busy");
        g_assert_cmpstr(e.message, ==, "a?b?[31m????");
        sd_bus_error_free(&e);

        g_assert_cmpint(refuse(&e, CGW_ERROR(InvalidPath), "%s", many), ==, -EBADMSG);
        g_assert_cmpuint(strlen(e.message), <=, 1023);

        /* The first failure is the one that counts. */
        g_assert_cmpint(fail(&e, -ENOENT, "open", &h, "a/b"), ==, -ENOENT);
        g_assert_cmpstr(e.name, ==, "org.cgwarden1.Error.InvalidPath");
        sd_bus_error_free(&e);

        (void) fail(&e, -ENOENT, "open", &h, "a/b");
        g_assert_cmpstr(e.name, ==, "org.cgwarden1.Error.NoSuchCgroup");
        g_assert_nonnull(strstr(e.message, "open freezer:/a/b"));
        sd_bus_error_free(&e);

        (void) fail(&e, -ENOTTY, "open", &h, "a"); /* one that nobody thought of */
        g_assert_cmpstr(e.name, ==, "org.cgwarden1.Error.Failed");
        g_assert_nonnull(strstr(e.message, "freezer:/a"));
        sd_bus_error_free(&e);
        (void) fail(&e, -ENOTTY, "open", NULL, "");
        sd_bus_error_free(&e);
}

/* ---- records */

static void test_record_field(void) {
        static const char *const record = "user=alice\nuid=1000\nempty=\nuid=1001\nlast=x=y";
        char buf[6];

        g_assert_cmpint(record_field(record, "user", buf, sizeof(buf)), ==, 0);
        g_assert_cmpstr(buf, ==, "alice");
        g_assert_cmpint(record_field(record, "uid", buf, sizeof(buf)), ==, 0); /* the first one */
        g_assert_cmpstr(buf, ==, "1000");
        g_assert_cmpint(record_field(record, "empty", buf, sizeof(buf)), ==, 0);
        g_assert_cmpstr(buf, ==, "");
        g_assert_cmpint(record_field(record, "last", buf, sizeof(buf)), ==, 0);
        g_assert_cmpstr(buf, ==, "x=y");

        (void) strcpy(buf, "as is");
        g_assert_cmpint(record_field(record, "use", buf, sizeof(buf)), ==, -ENODATA);
        g_assert_cmpint(record_field(record, "users", buf, sizeof(buf)), ==, -ENODATA);
        g_assert_cmpint(record_field(record, "alice", buf, sizeof(buf)), ==, -ENODATA);
        g_assert_cmpint(record_field(record, "y", buf, sizeof(buf)), ==, -ENODATA);
        g_assert_cmpint(record_field("", "user", buf, sizeof(buf)), ==, -ENODATA);
        g_assert_cmpint(record_field("user", "user", buf, sizeof(buf)), ==, -ENODATA);
        g_assert_cmpint(record_field("\n\n=x\n", "user", buf, sizeof(buf)), ==, -ENODATA);
        g_assert_cmpint(record_field(record, "user", buf, 5), ==, -E2BIG);
        g_assert_cmpstr(buf, ==, "as is");
}

/* ---- patterns of sessions (pam_cgm's) */

static void test_pattern(void) {
        static const struct {
                const char *pattern, *user, *group, *expanded;
        } patterns[] = {
                { "user/%u/", "alice", NULL, "user/alice/" },
                { "%u/%U/%g/%G/%p/%P", "alice", "staff", "alice/1001/staff/50/77/66" },
                { "%g", "alice", NULL, "50" },          /* no group named: its number */
                { "\\%u", "alice", NULL, "%u" },
                { "a\\\\b", "alice", NULL, "a\\b" },
                { "a\\xb", "alice", NULL, "axb" },
                { "%%u", "alice", NULL, "%%u" },        /* any other %x stands for itself */
                { "%x", "alice", NULL, "%x" },
                { "a%", "alice", NULL, "a%" },
                { "a\\", "alice", NULL, "a\\" },
                { "", "alice", NULL, "" },
                /* Names that are none of a directory: never another path. */
                { "user/%u/", "..", NULL, "user/1001/" },
                { "user/%u/", "a/b", NULL, "user/1001/" },
                { "user/%u/", "../../evil", NULL, "user/1001/" },
                { "user/%u/", "tasks", NULL, "user/1001/" },
                { "user/%u/", "cgroup.procs", NULL, "user/1001/" },
                { "user/%u/", "0", NULL, "user/1001/" },
                { "user/%u/", "%U", NULL, "user/1001/" }, /* and what is put in is not looked at again */
                { "%g/", "alice", "../x", "50/" },
                { "%u%u", "al", NULL, "alal" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
                g_autofree char *s = session_expand_pattern(patterns[i].pattern, patterns[i].user, 1001, patterns[i].group, 50, 77, 66);

                g_assert_cmpstr(s, ==, patterns[i].expanded);
        }
}

/* ---- quotas */

static void test_quota(void) {
        Quotas *q = quotas_new();

        g_assert_cmpuint(quota_used(q, 1000, QUOTA_CONNECTIONS), ==, 0);
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_CONNECTIONS, 3, 4), ==, 0);
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_CONNECTIONS, 2, 4), ==, -EDQUOT);
        g_assert_cmpuint(quota_used(q, 1000, QUOTA_CONNECTIONS), ==, 3); /* nothing was counted */
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_CONNECTIONS, 1, 4), ==, 0);
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_CONNECTIONS, 1, 4), ==, -EDQUOT);
        /* Other kinds and other users have their own. */
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_DELEGATIONS, 4, 4), ==, 0);
        g_assert_cmpint(quota_charge(q, 1001, QUOTA_CONNECTIONS, 4, 4), ==, 0);

        quota_release(q, 1000, QUOTA_CONNECTIONS, 1);
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_CONNECTIONS, 1, 4), ==, 0);
        /* More than there is, or of a user that has nothing: never below nothing. */
        quota_release(q, 1000, QUOTA_CONNECTIONS, 100);
        g_assert_cmpuint(quota_used(q, 1000, QUOTA_CONNECTIONS), ==, 0);
        /* Once, and again when something has been given back. */
        g_assert_true(quota_may_look(q, 1001));
        g_assert_false(quota_may_look(q, 1001));
        quota_release(q, 1001, QUOTA_CONNECTIONS, 1);
        g_assert_true(quota_may_look(q, 1001));
        g_assert_false(quota_may_look(q, 4242));

        quota_release(q, 4242, QUOTA_CONNECTIONS, 1);
        g_assert_cmpuint(quota_used(q, 4242, QUOTA_CONNECTIONS), ==, 0);
        g_assert_cmpuint(quota_used(q, 1000, QUOTA_DELEGATIONS), ==, 4);

        /* A limit that was lowered below what is used; one that would overflow; none at all. */
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_DELEGATIONS, 1, 2), ==, -EDQUOT);
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_DELEGATIONS, UINT32_MAX, 10), ==, -EDQUOT);
        g_assert_cmpint(quota_charge(q, 1000, QUOTA_DELEGATIONS, 1000, 0), ==, 0);
        g_assert_cmpint(quota_charge(q, 1002, QUOTA_DELEGATIONS, 5, 4), ==, -EDQUOT);
        g_assert_cmpint(quota_charge(q, 1002, QUOTA_DELEGATIONS, 0, 4), ==, 0);

        /* Root is counted and not limited. */
        g_assert_cmpint(quota_charge(q, 0, QUOTA_CONNECTIONS, 1000, 1), ==, 0);
        g_assert_cmpuint(quota_used(q, 0, QUOTA_CONNECTIONS), ==, 1000);
        quotas_free(q);
        g_assert_null(quotas_free(NULL));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/layout/select", test_select);
        g_test_add_func("/layout/long-word", test_select_long_word);
        g_test_add_func("/layout/names", test_names);
        g_test_add_func("/layout/names-select", test_names_select);
        g_test_add_func("/placement/scopes", test_scopes);
        g_test_add_func("/attributes/class", test_attribute_class);
        g_test_add_func("/attributes/name", test_attribute_name);
        g_test_add_func("/enums", test_enums);
        g_test_add_func("/errors/names", test_errors);
        g_test_add_func("/errors/text", test_error_text);
        g_test_add_func("/record/field", test_record_field);
        g_test_add_func("/session/pattern", test_pattern);
        g_test_add_func("/quota", test_quota);
        return g_test_run();
}
