/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common/path.h"
#include "daemon/session.h"

static void append_name(GString *s, const char *name, uint32_t id) {
        _cleanup_free_ char *safe = NULL;

        if (cg_name_for_id(name, id, &safe) >= 0)
                g_string_append(s, safe);
}

char *session_expand_pattern(const char *pattern, const char *user, uint32_t uid, const char *group, uint32_t gid,
                             uint32_t pid, uint32_t ppid) {
        GString *s = g_string_new(NULL);

        for (const char *p = pattern; *p; p++) {
                if (*p == '\\' && p[1]) {
                        g_string_append_c(s, *++p);
                        continue;
                }
                if (*p != '%' || !p[1]) {
                        g_string_append_c(s, *p);
                        continue;
                }

                switch (*++p) {
                case 'u':
                        append_name(s, user, uid);
                        break;
                case 'g':
                        append_name(s, group ? group : "", gid);
                        break;
                case 'U':
                        g_string_append_printf(s, "%u", uid);
                        break;
                case 'G':
                        g_string_append_printf(s, "%u", gid);
                        break;
                case 'p':
                        g_string_append_printf(s, "%u", pid);
                        break;
                case 'P':
                        g_string_append_printf(s, "%u", ppid);
                        break;
                default:
                        g_string_append_c(s, '%');
                        g_string_append_c(s, *p);
                }
        }
        return g_string_free(s, FALSE);
}
