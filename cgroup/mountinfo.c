/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/mountinfo.h"

#include "common/parse.h"
#include "common/util.h"

int cgroup_line_next(const char **text, CgroupLine *ret) {
        const char *line = *text, *end, *first, *second;

        if (!*line)
                return 0;

        end = strchrnul(line, '\n');
        first = memchr(line, ':', (size_t) (end - line));
        second = first ? memchr(first + 1, ':', (size_t) (end - first - 1)) : NULL;
        if (!second || second + 1 >= end || second[1] != '/')
                return -EIO;

        *ret = (CgroupLine) {
                .v2 = second == first + 1,
                .names = first + 1,
                .names_length = (size_t) (second - first - 1),
                .path = second + 1,
                .path_length = (size_t) (end - second - 1),
        };
        *text = *end ? end + 1 : end;
        return 1;
}

void cgroup_mount_done(CgroupMount *m) {
        free(m->mount_point);
        *m = (CgroupMount) {};
}

typedef struct MountLine {
        const char *root, *mount_point, *options, *type, *super_options;
} MountLine;

/* Cuts one line in place (proc(5)): the fields before " - " end with a variable number of optional ones. */
static bool mount_line_split(char *line, MountLine *ret) {
        char *separator = strstr(line, " - "), *fields[6] = {}, *tail[3] = {}, *saved;
        size_t n = 0;

        if (!separator)
                return false;
        *separator = '\0';

        for (char *s = strtok_r(line, " ", &saved); s && n < 6; s = strtok_r(NULL, " ", &saved))
                fields[n++] = s;
        if (n < 6)
                return false;

        /* The source may be an empty string: then two blanks stand side by side. */
        n = 0;
        for (char *rest = separator + 3; rest && n < 3;)
                tail[n++] = strsep(&rest, " ");
        if (n < 3)
                return false;

        *ret = (MountLine) {
                .root = fields[3], .mount_point = fields[4], .options = fields[5], .type = tail[0], .super_options = tail[2],
        };
        return true;
}

static bool has_word(const char *list, const char *word, size_t length) {
        const char *w;
        size_t n;

        while (parse_word(&list, ",", &w, &n))
                if (n == length && memcmp(w, word, n) == 0)
                        return true;
        return false;
}

static bool has_all_words(const char *list, const char *words) {
        const char *w;
        size_t n;

        while (parse_word(&words, ",", &w, &n))
                if (!has_word(list, w, n))
                        return false;
        return true;
}

/* The kernel writes blanks, tabs, newlines and backslashes as three octal digits. */
static char *unescape(const char *s) {
        char *copy = malloc(strlen(s) + 1), *to = copy;

        if (!copy)
                return NULL;

        while (*s)
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
                        *to++ = (char) ((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
                        s += 4;
                } else
                        *to++ = *s++;
        *to = '\0';
        return copy;
}

static int rank(const CgroupMount *m) {
        return m->whole ? 1 + !m->read_only : 0;
}

static int consider(const MountLine *line, CgroupMount *best, bool *found) {
        CgroupMount m = {
                .read_only = has_word(line->options, "ro", 2) || has_word(line->super_options, "ro", 2),
                .whole = streq(line->root, "/"),
        };

        if (*found && rank(&m) <= rank(best))
                return 0;

        m.mount_point = unescape(line->mount_point);
        if (!m.mount_point)
                return -ENOMEM;

        cgroup_mount_done(best);
        *best = m;
        *found = true;
        return 0;
}

int mountinfo_find(const char *mountinfo, bool v2, const char *names, CgroupMount *ret) {
        _cleanup_free_ char *copy = strdup(mountinfo);
        CgroupMount best = {};
        bool found = false;
        char *saved;

        if (!copy)
                return -ENOMEM;

        for (char *s = strtok_r(copy, "\n", &saved); s; s = strtok_r(NULL, "\n", &saved)) {
                MountLine line;
                int r;

                if (!mount_line_split(s, &line) || !streq(line.type, v2 ? "cgroup2" : "cgroup"))
                        continue;
                if (!v2 && !has_all_words(line.super_options, names))
                        continue;

                r = consider(&line, &best, &found);
                if (r < 0) {
                        cgroup_mount_done(&best);
                        return r;
                }
        }

        if (found)
                *ret = best;
        return found;
}

bool mountinfo_has_cgroups(const char *mountinfo) {
        return strstr(mountinfo, " - cgroup ") || strstr(mountinfo, " - cgroup2 ");
}
