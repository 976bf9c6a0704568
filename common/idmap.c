/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common/idmap.h"

#include "common/parse.h"
#include "common/util.h"

static int parse_range(const char **s, IdRange *ret) {
        uint32_t *fields[] = { &ret->inside, &ret->outside, &ret->count };

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                int r;

                *s += strspn(*s, " \t");
                r = parse_u32_next(s, fields[i]);
                if (r < 0)
                        return -EINVAL;
        }

        *s += strspn(*s, " \t");
        if (**s != '\n' && **s)
                return -EINVAL;
        if (**s)
                (*s)++;

        /* A range neither is empty nor wraps around; (uint32_t) -1 is no id. The initial namespace's own is
         * 0 0 4294967295. */
        if (ret->count == 0 || ret->inside > UINT32_MAX - ret->count || ret->outside > UINT32_MAX - ret->count)
                return -EINVAL;
        return 0;
}

int id_map_parse(const char *text, IdMap *ret) {
        _cleanup_free_ IdRange *ranges = NULL;
        size_t n = 0;

        while (*text) {
                IdRange *bigger, range;
                int r = parse_range(&text, &range);

                if (r < 0)
                        return r;
                if (n >= ID_MAP_MAX)
                        return -EINVAL;

                bigger = realloc(ranges, (n + 1) * sizeof(*ranges));
                if (!bigger)
                        return -ENOMEM;
                ranges = bigger;
                ranges[n++] = range;
        }

        *ret = (IdMap) { .n = n, .ranges = TAKE_PTR(ranges) };
        return 0;
}

void id_map_done(IdMap *m) {
        free(m->ranges);
        *m = ID_MAP_NULL;
}

static bool translate(uint32_t id, uint32_t from, uint32_t to, uint32_t count, uint32_t *ret) {
        if (id < from || id - from >= count)
                return false;

        *ret = to + (id - from);
        return true;
}

bool id_map_to_outside(const IdMap *m, uint32_t inside, uint32_t *ret) {
        for (size_t i = 0; i < m->n; i++)
                if (translate(inside, m->ranges[i].inside, m->ranges[i].outside, m->ranges[i].count, ret))
                        return true;
        return false;
}

bool id_map_to_inside(const IdMap *m, uint32_t outside, uint32_t *ret) {
        for (size_t i = 0; i < m->n; i++)
                if (translate(outside, m->ranges[i].outside, m->ranges[i].inside, m->ranges[i].count, ret))
                        return true;
        return false;
}
