/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whether a user has the subordinate ids that his containers take: 65536 for each level, mapped where we are.
 */

#include <inttypes.h>

#include "client/cli/doctor.h"
#include "client/cli/subids.h"
#include "common/parse.h"

struct kind {
        const char *file, *map, *minimum, *add, *remove;
        char letter; /* in lxc.idmap */
        bool groups;
};

static const struct kind kinds[] = {
        {"/etc/subuid", "/proc/self/uid_map", "SUB_UID_MIN", "--add-subuids", "--del-subuids", 'u', false},
        {"/etc/subgid", "/proc/self/gid_map", "SUB_GID_MIN", "--add-subgids", "--del-subgids", 'g', true},
};

struct ids {
        const struct kind *kind;
        GArray *own, *others, *accounts, *mapped;
        IdMap map;
        guint64 need;
};

/* Numbers of accounts, which must not become a container's. Only those of the files: a directory's may be millions. */
static GArray *read_accounts(bool groups) {
        g_autofree char *text = doctor_read(groups ? "/etc/group" : "/etc/passwd");
        g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
        GArray *accounts = g_array_new(FALSE, FALSE, sizeof(struct span));

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) fields = g_strsplit(*line, ":", 4);
                uint32_t id;

                if (g_strv_length(fields) == 4 && parse_u32(fields[2], &id) >= 0)
                        spans_add(accounts, id, 1);
        }
        return accounts;
}

static void ids_read(struct ids *ids, const struct doctor *d, const struct kind *kind) {
        g_autofree char *text = doctor_read(kind->file), *map = NULL;
        g_autoptr(GArray) subids = subids_parse(text ? text : "");

        ids->kind = kind;
        ids->need = (guint64)d->depth * IDS_PER_LEVEL;
        ids->own = subids_of(subids, d->user, d->uid);
        ids->others = subids_of_others(subids, d->user, d->uid);
        ids->accounts = read_accounts(kind->groups);
        if (g_file_get_contents(kind->map, &map, NULL, NULL))
                (void)id_map_parse(map, &ids->map);
        ids->mapped = spans_mapped(&ids->map);
}

static void ids_clear(struct ids *ids) {
        g_array_unref(ids->own);
        g_array_unref(ids->others);
        g_array_unref(ids->accounts);
        g_array_unref(ids->mapped);
        id_map_done(&ids->map);
}

static char *range_text(guint64 first, guint64 count) {
        return g_strdup_printf("%" PRIu64 "-%" PRIu64, first, first + count - 1);
}

static char *spans_text(const GArray *spans) {
        GString *s = g_string_new(NULL);

        for (guint i = 0; i < spans->len; i++) {
                const struct span *x = &g_array_index(spans, struct span, i);
                g_autofree char *range = range_text(x->first, x->count);

                g_string_append_printf(s, "%s%s", i > 0 ? ", " : "", range);
        }
        return g_string_free(s, FALSE);
}

/* From where on new ids are given out here. A container is small: there every id above the accounts' will do. */
static guint64 minimum(const struct doctor *d, const struct kind *kind) {
        g_autofree char *pattern = g_strdup_printf("^\\s*%s\\s+(\\d+)", kind->minimum);
        g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);
        g_autofree char *text = d->container ? NULL : doctor_read("/etc/login.defs");
        g_autoptr(GMatchInfo) match = NULL;

        if (d->container)
                return 0;
        if (!text || !g_regex_match(regex, text, 0, &match))
                return 100000;

        g_autofree char *number = g_match_info_fetch(match, 1);
        return g_ascii_strtoull(number, NULL, 10);
}

static void add_all(GArray *spans, const GArray *more) {
        for (guint i = 0; i < more->len; i++) {
                const struct span *x = &g_array_index(more, struct span, i);

                spans_add(spans, x->first, x->count);
        }
}

static bool find_room(const struct doctor *d, const struct ids *ids, guint64 count, guint64 *ret_first) {
        g_autoptr(GArray) taken = g_array_copy(ids->own);
        guint64 after = 0;

        add_all(taken, ids->others);
        add_all(taken, ids->accounts);
        /* One range that grows is one line in a container's configuration. */
        if (ids->own->len > 0) {
                const struct span *last = &g_array_index(ids->own, struct span, ids->own->len - 1);

                after = last->first + last->count;
        }
        return spans_find_room(taken, ids->mapped, after, minimum(d, ids->kind), count, ret_first);
}

/* usermod(8) knows the users of /etc/passwd only, and wants the file to be there. */
static bool usermod_will_do(const struct doctor *d, const struct ids *ids) {
        g_autofree char *usermod = g_find_program_in_path("usermod"), *text = doctor_read("/etc/passwd");
        g_autofree char *start = g_strdup_printf("%s:", d->user), *later = g_strdup_printf("\n%s:", d->user);

        return (usermod || g_file_test("/usr/sbin/usermod", G_FILE_TEST_IS_EXECUTABLE)) &&
               g_file_test(ids->kind->file, G_FILE_TEST_EXISTS) && text &&
               (g_str_has_prefix(text, start) || strstr(text, later));
}

static char *add_command(const struct doctor *d, const struct ids *ids, guint64 first, guint64 count) {
        g_autofree char *range = range_text(first, count);

        if (usermod_will_do(d, ids))
                return g_strdup_printf("usermod %s %s %s", ids->kind->add, range, d->user);
        return g_strdup_printf("echo '%s:%" PRIu64 ":%" PRIu64 "' >>%s", d->user, first, count, ids->kind->file);
}

/* What is mapped here is not enough: the container itself takes one level, its user's the others. */
static char *map_line(const struct ids *ids) {
        uint32_t outside = ids->map.n > 0 ? ids->map.ranges[0].outside : 0;

        return g_strdup_printf("lxc.idmap = %c 0 %" PRIu32 " %" PRIu64, ids->kind->letter, outside,
                               ids->need + IDS_PER_LEVEL);
}

static char *count_text(const struct doctor *d, const struct ids *ids, guint64 usable) {
        g_autofree char *ranges = spans_text(ids->own);
        g_autofree char *needed =
                d->depth == 1 ? g_strdup_printf("a container takes %" PRIu64, ids->need)
                              : g_strdup_printf("%d levels of containers take %" PRIu64, d->depth, ids->need);
        guint64 total = spans_total(ids->own);

        if (total == 0)
                return g_strdup_printf("no ids; %s", needed);
        if (usable < total)
                return g_strdup_printf("%" PRIu64 " ids, %s, of which %" PRIu64 " are mapped here; %s", total, ranges,
                                       usable, needed);
        return g_strdup_printf("%" PRIu64 " ids, %s; %s", total, ranges, needed);
}

static void report(struct doctor *d, const struct ids *ids) {
        g_autoptr(GArray) mapped = spans_common(ids->own, ids->mapped);
        guint64 first, usable = spans_total(mapped), lacking = ids->need - MIN(usable, ids->need);
        struct finding f = {
                .state = lacking == 0 ? STATE_OK : STATE_MISSING,
                .object = g_strdup_printf("%s %s", ids->kind->file, d->user),
                .reason = count_text(d, ids, usable),
        };

        if (lacking > 0 && find_room(d, ids, lacking, &first)) {
                f.mend = add_command(d, ids, first, lacking);
        } else if (lacking > 0) {
                f.mend = map_line(ids);
                f.place = PLACE_CONTAINER;
        }
        doctor_add(d, f);
}

/* The user's range in exchange for one that is his alone. */
static char *exchange_command(const struct doctor *d, const struct ids *ids) {
        g_autofree char *old = spans_text(ids->own), *new = NULL;
        guint64 first, count = MAX(spans_total(ids->own), ids->need);

        if (ids->own->len != 1 || !find_room(d, ids, count, &first))
                return NULL;

        new = range_text(first, count);
        return g_strdup_printf("usermod %s %s %s %s %s", ids->kind->remove, old, ids->kind->add, new, d->user);
}

static void report_shared(struct doctor *d, const struct ids *ids) {
        g_autoptr(GArray) shared = spans_common(ids->own, ids->others);
        g_autofree char *ranges = spans_text(shared);

        if (shared->len == 0)
                return;

        doctor_add(d, (struct finding){
                              .state = STATE_WARNING,
                              .object = g_strdup_printf("%s %s", ids->kind->file, d->user),
                              .reason = g_strdup_printf("%s are somebody else's too: his containers can do harm to "
                                                        "this user's",
                                                        ranges),
                              .mend = exchange_command(d, ids),
                      });
}

/* shadow 4.9: "subid:" in nsswitch.conf takes the place of the files. Returns the source, NULL for files. */
static char *other_source(void) {
        g_autofree char *text = doctor_read("/etc/nsswitch.conf");
        g_autoptr(GRegex) regex = g_regex_new("^\\s*subid:\\s*(\\S+)", G_REGEX_MULTILINE, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;

        if (!text || !g_regex_match(regex, text, 0, &match))
                return NULL;

        g_autofree char *source = g_match_info_fetch(match, 1);
        return streq(source, "files") ? NULL : g_steal_pointer(&source);
}

static void check_kind(struct doctor *d, const struct kind *kind) {
        _cleanup_(ids_clear) struct ids ids = {};

        ids_read(&ids, d, kind);
        report(d, &ids);
        report_shared(d, &ids);
        if (ids.own->len == 0)
                return;
        if (kind->groups)
                d->root_gid = (gid_t)g_array_index(ids.own, struct span, 0).first;
        else
                d->root_uid = (uid_t)g_array_index(ids.own, struct span, 0).first;
}

void check_subids(struct doctor *d) {
        g_autofree char *source = other_source();

        if (source) {
                doctor_add(d, (struct finding){
                                      .state = STATE_WARNING,
                                      .object = g_strdup("/etc/nsswitch.conf"),
                                      .reason = g_strdup_printf("\"subid: %s\": the ids are in no file, and can't be "
                                                                "checked here; %d are needed",
                                                                source, d->depth * (int)IDS_PER_LEVEL),
                                      .mend = g_strdup_printf("getsubids %s; getsubids -g %s", d->user, d->user),
                              });
                return;
        }

        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
                check_kind(d, &kinds[i]);
}
