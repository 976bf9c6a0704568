/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common/path.h"

#include <stdio.h>

#include "common/parse.h"
#include "common/util.h"

static bool is_attribute_name(const char *name, size_t length) {
        static const char *const exact[] = { "tasks", "notify_on_release", "release_agent" };
        /* The core's prefix and those of the controllers that Linux has or had. */
        static const char *const prefixes[] = {
                "cgroup",  "cpu",     "cpuset",  "cpuacct", "memory",     "io",   "blkio", "pids", "rdma",
                "hugetlb", "devices", "freezer", "net_cls", "perf_event", "misc", "debug", "dmem", "net_prio",
        };

        for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
                if (strlen(exact[i]) == length && memcmp(name, exact[i], length) == 0)
                        return true;

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                size_t n = strlen(prefixes[i]);
                if (length > n && name[n] == '.' && memcmp(name, prefixes[i], n) == 0)
                        return true;
        }

        return false;
}

bool cg_name_is_valid(const char *name, size_t length, const char **ret_reason) {
        if (length == 0) {
                *ret_reason = "a component is empty";
                return false;
        }
        if (length > CG_COMPONENT_MAX) {
                *ret_reason = "a component is longer than 255 bytes";
                return false;
        }
        if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.')) {
                *ret_reason = "'.' and '..' are no names";
                return false;
        }
        for (size_t i = 0; i < length; i++)
                if ((unsigned char) name[i] < 0x20 || name[i] == 0x7f || name[i] == '/') {
                        *ret_reason = "a component has a control character";
                        return false;
                }
        if (is_attribute_name(name, length)) {
                *ret_reason = "a component is a name that the kernel keeps for attribute files";
                return false;
        }
        return true;
}

int cg_path_parse(const char *s, unsigned max_depth, CgPath *ret, const char **ret_reason) {
        bool absolute = s[0] == '/';
        const char *rest = absolute ? s + 1 : s, *cursor = rest, *word;
        unsigned depth = 0;
        size_t length;
        char *rel;

        if (strlen(s) > CG_PATH_MAX) {
                *ret_reason = "it is longer than 4000 bytes";
                return -ENAMETOOLONG;
        }

        if (!absolute && streq(rest, "."))
                rest = "";

        if (*rest)
                while (parse_word(&cursor, "/", &word, &length)) {
                        if (!cg_name_is_valid(word, length, ret_reason))
                                return -EINVAL;
                        if (++depth > max_depth) {
                                *ret_reason = "it is deeper than the configuration allows";
                                return -E2BIG;
                        }
                }

        rel = strdup(rest);
        if (!rel) {
                *ret_reason = "out of memory";
                return -ENOMEM;
        }

        *ret = (CgPath) { .absolute = absolute, .depth = depth, .rel = rel };
        return 0;
}

void cg_path_done(CgPath *p) {
        free(p->rel);
        *p = CG_PATH_NULL;
}

int cg_name_for_id(const char *name, unsigned id, char **ret) {
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@$+");
        bool digits = strspn(name, "0123456789") == n;
        const char *reason;
        char number[16];

        /* A name of digits only is given up too: it would be taken for another user's number. */
        if (name[n] || digits || !cg_name_is_valid(name, n, &reason)) {
                (void) snprintf(number, sizeof(number), "%u", id);
                name = number;
        }

        *ret = strdup(name);
        return *ret ? 0 : -ENOMEM;
}

char *cg_path_join(const char *a, const char *b) {
        char *joined;

        if (!*a || !*b)
                return strdup(*a ? a : b);

        return asprintf(&joined, "%s/%s", a, b) < 0 ? NULL : joined;
}

const char *cg_path_behind(const char *path, const char *prefix) {
        const char *rest = startswith(path, prefix);

        if (!rest || (*prefix && *rest && *rest != '/'))
                return NULL;
        return rest + (*prefix && *rest);
}

bool cg_path_is_below(const char *path, const char *prefix) {
        return cg_path_behind(path, prefix) != NULL;
}

size_t cg_path_common(const char *a, const char *b) {
        size_t common = 0;

        for (size_t i = 0;; i++) {
                bool end_a = !a[i] || a[i] == '/', end_b = !b[i] || b[i] == '/';

                if (end_a && end_b)
                        common = i;
                if (a[i] != b[i] || !a[i])
                        return common;
        }
}
