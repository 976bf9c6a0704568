/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/cli/subids.h"
#include "common/parse.h"
#include "common/util.h"

static void subid_clear(void *data) {
        g_free(((struct subid *)data)->owner);
}

static bool parse_line(const char *line, struct subid *ret) {
        g_auto(GStrv) fields = g_strsplit(line, ":", -1);
        uint32_t first, count;

        if (g_strv_length(fields) != 3 || !*fields[0] || fields[0][0] == '#')
                return false;
        if (parse_u32(fields[1], &first) < 0 || parse_u32(fields[2], &count) < 0 || count == 0)
                return false;

        *ret = (struct subid){g_strdup(fields[0]), {first, count}};
        return true;
}

GArray *subids_parse(const char *text) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        GArray *subids = g_array_new(FALSE, FALSE, sizeof(struct subid));

        g_array_set_clear_func(subids, subid_clear);
        for (char **line = lines; *line; line++) {
                struct subid s;

                if (parse_line(*line, &s))
                        g_array_append_val(subids, s);
        }
        return subids;
}

static int compare_spans(const void *a, const void *b) {
        const struct span *x = a, *y = b;

        return (x->first > y->first) - (x->first < y->first);
}

static guint64 end_of(const struct span *s) {
        return s->first + s->count;
}

static struct span *span_at(const GArray *spans, guint i) {
        return &g_array_index(spans, struct span, i);
}

void spans_add(GArray *spans, guint64 first, guint64 count) {
        const struct span added = {first, count};
        guint kept = 0;

        g_array_append_val(spans, added);
        g_array_sort(spans, compare_spans);
        for (guint i = 1; i < spans->len; i++) {
                struct span *last = span_at(spans, kept), *next = span_at(spans, i);

                if (next->first <= end_of(last))
                        last->count = MAX(end_of(last), end_of(next)) - last->first;
                else
                        *span_at(spans, ++kept) = *next;
        }
        g_array_set_size(spans, kept + 1);
}

static GArray *spans_new(void) {
        return g_array_new(FALSE, FALSE, sizeof(struct span));
}

static GArray *select_spans(const GArray *subids, const char *user, uid_t uid, bool own) {
        g_autofree char *number = g_strdup_printf("%u", (unsigned)uid);
        GArray *spans = spans_new();

        for (guint i = 0; i < subids->len; i++) {
                const struct subid *s = &g_array_index(subids, struct subid, i);

                if ((streq(s->owner, user) || streq(s->owner, number)) == own)
                        spans_add(spans, s->ids.first, s->ids.count);
        }
        return spans;
}

GArray *subids_of(const GArray *subids, const char *user, uid_t uid) {
        return select_spans(subids, user, uid, true);
}

GArray *subids_of_others(const GArray *subids, const char *user, uid_t uid) {
        return select_spans(subids, user, uid, false);
}

GArray *spans_mapped(const IdMap *map) {
        GArray *spans = spans_new();

        for (size_t i = 0; i < map->n; i++)
                spans_add(spans, map->ranges[i].inside, map->ranges[i].count);
        return spans;
}

GArray *spans_common(const GArray *a, const GArray *b) {
        GArray *common = spans_new();

        for (guint i = 0; i < a->len; i++)
                for (guint j = 0; j < b->len; j++) {
                        const struct span *x = span_at(a, i), *y = span_at(b, j);
                        guint64 first = MAX(x->first, y->first), end = MIN(end_of(x), end_of(y));

                        if (first < end)
                                spans_add(common, first, end - first);
                }
        return common;
}

guint64 spans_total(const GArray *spans) {
        guint64 total = 0;

        for (guint i = 0; i < spans->len; i++)
                total += span_at(spans, i)->count;
        return total;
}

/* From "from" on, within one span that is mapped. */
static bool room_in(const GArray *taken, const struct span *mapped, guint64 from, guint64 count, guint64 *ret_first) {
        guint64 at = MAX(mapped->first, from);

        for (guint i = 0; i < taken->len; i++)
                if (end_of(span_at(taken, i)) > at && span_at(taken, i)->first < at + count)
                        at = end_of(span_at(taken, i));
        if (at + count > end_of(mapped))
                return false;

        *ret_first = at;
        return true;
}

static bool room_from(const GArray *taken, const GArray *mapped, guint64 from, guint64 count, guint64 *ret_first) {
        for (guint i = 0; i < mapped->len; i++)
                if (room_in(taken, span_at(mapped, i), from, count, ret_first))
                        return true;
        return false;
}

bool spans_find_room(const GArray *taken, const GArray *mapped, guint64 after, guint64 from, guint64 count,
                     guint64 *ret_first) {
        guint64 first;

        if (after >= IDS_PER_LEVEL && room_from(taken, mapped, after, count, &first) && first == after) {
                *ret_first = first;
                return true;
        }
        return room_from(taken, mapped, MAX(from, IDS_PER_LEVEL), count, ret_first) ||
               room_from(taken, mapped, IDS_PER_LEVEL, count, ret_first);
}
