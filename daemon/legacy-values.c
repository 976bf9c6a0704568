/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Values of v1 on v2. A client that was made for v1 finds what it knows where there is something of the same meaning; what there
 * is nothing for is refused, with the reason. cgwarden-cgmanager(7) has the table.
 *
 * The proportions of weights are those that the kernel itself has between its two interfaces (kernel/sched/core.c,
 * cpu_weight_read_u64(): 1024 shares are a weight of 100), and for block devices those between the defaults, 500 and 100.
 */

#include <fcntl.h>
#include <stdio.h>

#include "common/parse.h"
#include "daemon/legacy.h"
#include "daemon/operations.h"

/* What v1 reads where nothing is limited: the largest number of pages (page_counter.h), in bytes. */
#define UNLIMITED "9223372036854771712"
#define UNLIMITED_BYTES 9223372036854771712U

/* text: what is to be set, or what has been read. more: what the v2 file has now, or the second file that is read. */
typedef char *(*Convert)(const char *text, const char *more);

static char *keep(const char *text, const char *more) {
        return g_strdup(text);
}

static char *unsigned_text(uint64_t n) {
        return g_strdup_printf("%" G_GUINT64_FORMAT, n);
}

/* ---- limits in bytes */

static char *limit_to_v2(const char *text, const char *more) {
        uint64_t n;

        if (streq(text, "-1") || (parse_u64(text, &n) >= 0 && n >= UNLIMITED_BYTES))
                return g_strdup("max");
        return g_strdup(text);
}

static char *limit_to_v1(const char *text, const char *more) {
        return g_strdup(streq(text, "max") ? UNLIMITED : text);
}

/* The number behind a word at the start of a line, as in memory.events. */
static bool find_field(const char *text, const char *name, uint64_t *ret) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++) {
                const char *rest = startswith(*line, name);

                if (rest && *rest == ' ')
                        return parse_u64(rest + 1, ret) >= 0;
        }
        return false;
}

static char *failcnt_to_v1(const char *text, const char *more) {
        uint64_t n;

        return find_field(text, "max", &n) ? unsigned_text(n) : NULL;
}

/* ---- weights */

static char *scale(const char *text, uint64_t from, uint64_t to, uint64_t least, uint64_t most) {
        uint64_t n;

        if (parse_u64(text, &n) < 0 || n > UINT32_MAX)
                return NULL;
        return unsigned_text(CLAMP((n * to + from / 2) / from, least, most));
}

static char *shares_to_v2(const char *text, const char *more) {
        return scale(text, 1024, 100, 1, 10000);
}

static char *shares_to_v1(const char *text, const char *more) {
        uint64_t n;

        if (parse_u64(text, &n) < 0 || n < 1 || n > 10000)
                return NULL; /* v2's kernel does not clamp */
        return scale(text, 100, 1024, 2, 262144);
}

static char *io_weight_to_v2(const char *text, const char *more) {
        return scale(text, 500, 100, 1, 10000);
}

/* "default 100", and lines of devices. */
static const char *default_weight(const char *text, char *copy, size_t size) {
        const char *rest = startswith(text, "default ");

        (void) snprintf(copy, size, "%.*s", (int) strcspn(rest ? rest : text, "\n"), rest ? rest : text);
        return copy;
}

static char *io_weight_to_v1(const char *text, const char *more) {
        char copy[32];

        return scale(default_weight(text, copy, sizeof(copy)), 100, 500, 10, 1000);
}

static char *to_bfq_weight(const char *text, const char *more) {
        return scale(text, 500, 100, 1, 1000);
}

static char *bfq_weight_to_v1(const char *text, const char *more) {
        char copy[32];

        return g_strdup(default_weight(text, copy, sizeof(copy)));
}

/* ---- cpu.max: "QUOTA PERIOD" */

static char *quota_to_v2(const char *text, const char *more) {
        return g_strdup(streq(text, "-1") ? "max" : text);
}

static char *quota_to_v1(const char *text, const char *more) {
        g_autofree char *quota = g_strndup(text, strcspn(text, " "));

        return g_strdup(streq(quota, "max") ? "-1" : quota);
}

static char *period_to_v2(const char *text, const char *more) {
        return more && *more ? g_strdup_printf("%.*s %s", (int) strcspn(more, " "), more, text) : NULL;
}

static char *period_to_v1(const char *text, const char *more) {
        const char *space = strchr(text, ' ');

        return space ? g_strdup(space + 1) : NULL;
}

static char *usage_to_v1(const char *text, const char *more) {
        uint64_t usec;

        return find_field(text, "usage_usec", &usec) ? unsigned_text(usec * 1000) : NULL;
}

/* ---- freezer */

static char *state_to_v2(const char *text, const char *more) {
        return streq(text, "FROZEN") ? g_strdup("1") : streq(text, "THAWED") ? g_strdup("0") : NULL;
}

/* When all of it has come to rest, cgroup.events says so; what is to be set has no such text. */
static char *state_to_v1(const char *text, const char *more) {
        uint64_t frozen = !more;

        if (!streq(text, "0") && !streq(text, "1"))
                return NULL;
        if (more && find_field(more, "frozen", &frozen) && frozen)
                return g_strdup("FROZEN"); /* by one above it, too, as on v1 */
        return g_strdup(streq(text, "0") ? "THAWED" : frozen ? "FROZEN" : "FREEZING");
}

/* ---- io.max: "8:0 rbps=1048576 wbps=max riops=max wiops=max" */

static char *throttle_to_v2(const char *text, const char *name) {
        const char *space = strchr(text, ' ');
        uint64_t n;

        if (!space || parse_u64(space + 1, &n) < 0)
                return NULL;
        return n == 0 ? g_strdup_printf("%.*s %s=max", (int) (space - text), text, name)
                      : g_strdup_printf("%.*s %s=%" G_GUINT64_FORMAT, (int) (space - text), text, name, n);
}

static char *throttle_to_v1(const char *text, const char *name) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_autoptr(GString) out = g_string_new(NULL);

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) words = g_strsplit(*line, " ", -1);

                for (char **word = words; *words && *word; word++) {
                        const char *rest = startswith(*word, name);

                        if (rest && *rest == '=' && !streq(rest + 1, "max"))
                                g_string_append_printf(out, "%s%s %s", out->len ? "\n" : "", *words, rest + 1);
                }
        }
        return g_string_free(g_steal_pointer(&out), FALSE);
}

#define THROTTLE(name)                                                          \
        static char *name##_to_v2(const char *text, const char *more) {         \
                return throttle_to_v2(text, #name);                             \
        }                                                                       \
        static char *name##_to_v1(const char *text, const char *more) {         \
                return throttle_to_v1(text, #name);                             \
        }
THROTTLE(rbps)
THROTTLE(wbps)
THROTTLE(riops)
THROTTLE(wiops)

/* ---- the table */

static const struct Row {
        const char *v1, *v2;
        Convert to_v2, to_v1; /* NULL: can't be set; can't be read */
        const char *second;   /* v2: read with it */
        bool part;            /* v2 has more in that file, so that it is not to be had on v1 by v2's name */
} rows[] = {
        { "memory.limit_in_bytes", "memory.max", limit_to_v2, limit_to_v1 },
        { "memory.usage_in_bytes", "memory.current", NULL, keep },
        { "memory.max_usage_in_bytes", "memory.peak", NULL, keep },
        { "memory.failcnt", "memory.events", NULL, failcnt_to_v1, .part = true },
        { "cpu.shares", "cpu.weight", shares_to_v2, shares_to_v1 },
        { "cpu.cfs_quota_us", "cpu.max", quota_to_v2, quota_to_v1, .part = true },
        { "cpu.cfs_period_us", "cpu.max", period_to_v2, period_to_v1, .part = true },
        { "cpuacct.usage", "cpu.stat", NULL, usage_to_v1, .part = true },
        { "cpuset.effective_cpus", "cpuset.cpus.effective", NULL, keep },
        { "cpuset.effective_mems", "cpuset.mems.effective", NULL, keep },
        { "blkio.weight", "io.weight", io_weight_to_v2, io_weight_to_v1, .part = true },
        { "blkio.weight", "io.bfq.weight", to_bfq_weight, io_weight_to_v1, .part = true },
        { "blkio.bfq.weight", "io.bfq.weight", keep, bfq_weight_to_v1, .part = true },
        { "blkio.throttle.read_bps_device", "io.max", rbps_to_v2, rbps_to_v1, .part = true },
        { "blkio.throttle.write_bps_device", "io.max", wbps_to_v2, wbps_to_v1, .part = true },
        { "blkio.throttle.read_iops_device", "io.max", riops_to_v2, riops_to_v1, .part = true },
        { "blkio.throttle.write_iops_device", "io.max", wiops_to_v2, wiops_to_v1, .part = true },
        { "freezer.state", "cgroup.freeze", state_to_v2, state_to_v1, .second = "cgroup.events" },
        { "freezer.self_freezing", "cgroup.freeze", NULL, keep, .part = true },
};

/* What v2 has nothing for. A name that ends in '.' is for all that begin so. */
static const struct {
        const char *key, *why;
} absent[] = {
        { "memory.memsw.", "v2 limits swap by itself (memory.swap.max), not the sum" },
        { "memory.kmem.", "v2 counts the kernel's memory together with the rest" },
        { "memory.soft_limit_in_bytes", "memory.high and memory.low of v2 mean something else" },
        { "memory.swappiness", "v2 has it for the whole system only" },
        { "memory.oom_control", "v2 does not put off the end of a process that is out of memory" },
        { "memory.use_hierarchy", "on v2 it is always so" },
        { "memory.move_charge_at_immigrate", "v2 does not move charges" },
        { "memory.force_empty", "memory.reclaim of v2 takes an amount" },
        { "cpu.rt_", "v2 has no budget for real-time processes" },
        { "cpuset.cpu_exclusive", "cpuset.cpus.partition of v2 means something else" },
        { "cpuset.mem_exclusive", "v2 does not know exclusive memory nodes" },
        { "cpuset.memory_migrate", "on v2 it is always so" },
        { "cpuset.sched_load_balance", "cpuset.cpus.partition of v2 means something else" },
        { "freezer.parent_freezing", "v2 does not tell it" },
        { "notify_on_release", "RemoveOnEmpty is for that" },
        { "cgroup.clone_children", "v2 passes on what a cgroup has by itself" },
        { "devices.", "v2 has no files for devices, but BPF programs" },
};

static const struct Row *find_row(const Target *t, const char *key) {
        const struct Row *found = NULL;

        for (const struct Row *row = rows; row < rows + ARRAY_SIZE(rows); row++) {
                if (!streq(t->h->v2 ? row->v1 : row->v2, key))
                        continue;
                /* Of two, the one that is there; on v1 the one that is the whole. */
                if (!found || (t->h->v2 ? faccessat(t->fd, found->v2, F_OK, 0) < 0 : found->part))
                        found = row;
        }
        return found;
}

static int refuse_absent(const Request *r, const char *key) {
        const Target *t = r->targets;

        if (t->h->v2)
                for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
                        const char *rest = startswith(key, absent[i].key);

                        if (rest && (!*rest || strchr("._", rest[-1])))
                                return refuse(r->error, CGW_ERROR(NoSuchKey), "%s:/%s is on cgroup v2, which has no %s: %s", t->h->name,
                                              t->rel, key, absent[i].why);
                }
        return 0;
}

static int refuse_row(const Request *r, const struct Row *row, const char *key, const char *what) {
        const Target *t = r->targets;

        if (t->h->v2)
                return refuse(r->error, CGW_ERROR(NotSupported), "%s of %s:/%s can't be %s on cgroup v2, where it is in %s", key,
                              t->h->name, t->rel, what, row->v2);
        return refuse(r->error, CGW_ERROR(NotSupported), "%s of %s:/%s can't be %s on cgroup v1, where it is in %s", key, t->h->name,
                      t->rel, what, row->v1);
}

/* Of the file that was meant the error says nothing. */
static int name_both(const Request *r, const struct Row *row, const char *key, int k) {
        const Target *t = r->targets;

        if (k != -ENOKEY)
                return k;
        sd_bus_error_free(r->error);
        return refuse(r->error, CGW_ERROR(NoSuchKey), "%s:/%s has no attribute %s, which is what %s is on cgroup %s", t->h->name, t->rel,
                      t->h->v2 ? row->v2 : row->v1, key, t->h->ops->version);
}

static int refuse_value(const Request *r, const char *key, const char *value) {
        const Target *t = r->targets;

        return refuse(r->error, CGW_ERROR(InvalidValue), "set %s of %s:/%s: \"%s\" is no value of it", key, t->h->name, t->rel, value);
}

int legacy_get_value(Request *r, const char *key, char **ret) {
        const struct Row *row = find_row(r->targets, key);
        bool v2 = r->targets->h->v2;
        Convert convert = !row ? NULL : v2 ? row->to_v1 : row->part ? NULL : row->to_v2 ? row->to_v2 : row->to_v1;
        _cleanup_free_ char *text = NULL, *second = NULL;
        int k;

        if (!row) {
                k = refuse_absent(r, key);
                return k < 0 ? k : operation_get_value(r, key, ret);
        }
        if (!convert)
                return refuse_row(r, row, key, "read");

        k = operation_get_value(r, v2 ? row->v2 : row->v1, &text);
        if (k >= 0 && v2 && row->second)
                k = operation_get_value(r, row->second, &second);
        if (k < 0)
                return name_both(r, row, key, k);
        *ret = convert(text, second);
        return *ret ? 0 : refuse_row(r, row, key, "read");
}

int legacy_set_value(Request *r, const char *key, const char *value) {
        const struct Row *row = find_row(r->targets, key);
        bool v2 = r->targets->h->v2;
        g_autofree char *bare = NULL, *converted = NULL;
        _cleanup_free_ char *current = NULL;
        int k;

        if (!row) {
                k = refuse_absent(r, key);
                return k < 0 ? k : operation_set_value(r, key, value);
        }
        if (!row->to_v2 || (!v2 && row->part))
                return refuse_row(r, row, key, "set");

        if (v2 && row->to_v2 == period_to_v2) {
                k = operation_get_value(r, row->v2, &current);
                if (k < 0)
                        return name_both(r, row, key, k);
        }
        bare = g_strndup(value, strlen(value) - g_str_has_suffix(value, "\n"));
        converted = (v2 ? row->to_v2 : row->to_v1)(bare, current);
        if (!converted)
                return refuse_value(r, key, value);
        return name_both(r, row, key, operation_set_value(r, v2 ? row->v2 : row->v1, converted));
}

const char *legacy_key_name(const Hierarchy *h, const char *key) {
        if (h->v2 && streq(key, "tasks"))
                return "cgroup.threads";
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (streq(h->v2 ? rows[i].v1 : rows[i].v2, key) && (h->v2 || !rows[i].part))
                        return h->v2 ? rows[i].v2 : rows[i].v1;
        return key;
}

static const struct Row *row_of(const char *v1_key) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (streq(rows[i].v1, v1_key))
                        return rows + i;
        return NULL;
}

char *legacy_value_to_v2(const char *v1_key, const char *value, const char *current) {
        const struct Row *row = row_of(v1_key);

        return row && row->to_v2 ? row->to_v2(value, current) : NULL;
}

char *legacy_value_to_v1(const char *v1_key, const char *text, const char *second) {
        const struct Row *row = row_of(v1_key);

        return row && row->to_v1 ? row->to_v1(text, second) : NULL;
}
