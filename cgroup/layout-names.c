/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of controllers in requests. */

#include <stdio.h>

#include "cgroup/layout.h"
#include "common/parse.h"
#include "common/util.h"

/* Where v2 holds what v1 called otherwise, the v1 name keeps its meaning. meant NULL: the hierarchy itself. */
static const struct {
        const char *name, *meant;
} aliases[] = {
        { "freezer", NULL },
        { "name=systemd", NULL },
        { "cpuacct", "cpu" },
        { "blkio", "io" },
};

/* Where there is no hierarchy of systemd's, and no v2, "name=systemd" is that of who is in its place. */
static const char *const instead_of_systemd[] = { "name=elogind", "name=openrc" };

static bool same(const char *a, const char *b, size_t length) {
        return strlen(a) == length && memcmp(a, b, length) == 0;
}

static bool select_v1(const Layout *l, const char *name, size_t length, Selection *s) {
        for (size_t i = 0; i < l->n; i++) {
                const Hierarchy *h = l->hierarchies + i;
                bool found = !h->v2 && same(h->name, name, length);

                for (size_t k = 0; !h->v2 && !found && k < h->n_controllers; k++)
                        found = same(h->controllers[k], name, length);
                if (found) {
                        s->hierarchies |= 1U << i;
                        return true;
                }
        }
        return false;
}

static bool select_v2(const Layout *l, const char *name, size_t length, Selection *s) {
        uint32_t bit;
        bool found;

        if (!l->v2)
                return false;

        bit = hierarchy_controller_bit(l->v2, name, length);
        found = bit != 0 || same("unified", name, length);
        for (size_t i = 0; !found && i < ARRAY_SIZE(aliases); i++)
                if (same(aliases[i].name, name, length)) {
                        const char *meant = aliases[i].meant;

                        bit = meant ? hierarchy_controller_bit(l->v2, meant, strlen(meant)) : 0;
                        found = !meant || bit != 0;
                }
        if (!found)
                return false;

        s->hierarchies |= 1U << l->v2->index;
        s->controllers |= bit;
        return true;
}

static bool select_instead(const Layout *l, const char *name, size_t length, Selection *s) {
        for (size_t i = 0; same("name=systemd", name, length) && i < ARRAY_SIZE(instead_of_systemd); i++)
                if (select_v1(l, instead_of_systemd[i], strlen(instead_of_systemd[i]), s))
                        return true;
        return false;
}

int layout_select(const Layout *l, const char *names, Selection *ret, char *bad_word, size_t size) {
        Selection s = {};
        const char *cursor = names, *word;
        size_t n;

        if (streq(names, "all")) {
                *ret = (Selection) { .hierarchies = l->all, .controllers = l->v2 ? hierarchy_all_controllers(l->v2) : 0 };
                return l->all ? 0 : -ENODEV;
        }

        while (parse_word(&cursor, ",", &word, &n)) {
                (void) snprintf(bad_word, size, "%.*s", (int) MIN(n, size - 1), word);
                if (n == 0 || same("all", word, n))
                        return -EINVAL;
                if (!select_v1(l, word, n, &s) && !select_v2(l, word, n, &s) && !select_instead(l, word, n, &s))
                        return -ENODEV;
        }

        *ret = s;
        return 0;
}

int layout_for_each_name(const Layout *l, LayoutName f, void *userdata) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < l->n; i++) {
                const Hierarchy *h = l->hierarchies + i;

                if (h->v2 || h->n_controllers == 0)
                        r = f(userdata, h->name, h);
                for (size_t k = 0; r >= 0 && k < h->n_controllers; k++)
                        r = f(userdata, h->controllers[k], h);
        }

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(aliases); i++) {
                Selection s = {};
                size_t n = strlen(aliases[i].name);

                if (!select_v1(l, aliases[i].name, n, &s) &&
                    (select_v2(l, aliases[i].name, n, &s) || select_instead(l, aliases[i].name, n, &s)))
                        r = f(userdata, aliases[i].name, l->hierarchies + __builtin_ctz(s.hierarchies));
        }
        return r;
}
