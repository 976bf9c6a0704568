/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/transaction.h"

#include <fcntl.h>
#include <stdio.h>

#include "cgroup/record.h"
#include "common/deadline.h"
#include "common/file.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/path.h"

#define INTENT "intent"
#define INTENT_MAX (60 * 1024) /* XATTR_SIZE_MAX is 64 KiB */
#define EVACUATE_TRIES 20
#define REMOVE_TRIES 100
#define ROLL_BACK_USEC (200 * 1000)

typedef struct Move {
        const Hierarchy *h;
        PidRef process; /* fd borrowed */
        uint64_t start;
        int from_fd;
        bool done;
} Move;

typedef struct Made {
        TreeMade tree;
        bool gathering; /* what is in it came from its parent */
} Made;

struct Transaction {
        const Layout *layout;
        GString *intent;
        GArray *made;  /* Made */
        GArray *moves; /* Move */
        bool begun, committed;
};

/* The first hierarchy that takes records keeps the intent. */
static const Hierarchy *intent_hierarchy(const Layout *l) {
        for (size_t i = 0; i < l->n; i++)
                if (l->hierarchies[i].writable)
                        return l->hierarchies + i;
        return NULL;
}

static void clear_made(gpointer p) {
        tree_made_done(&((Made *) p)->tree);
}

static void clear_move(gpointer p) {
        safe_close(((Move *) p)->from_fd);
}

Transaction *transaction_new(const Layout *l) {
        Transaction *t = g_new0(Transaction, 1);

        t->layout = l;
        t->intent = g_string_new(NULL);
        t->made = g_array_new(FALSE, TRUE, sizeof(Made));
        t->moves = g_array_new(FALSE, TRUE, sizeof(Move));
        g_array_set_clear_func(t->made, clear_made);
        g_array_set_clear_func(t->moves, clear_move);
        return t;
}

void transaction_will_make(Transaction *t, const Hierarchy *h, const char *path, size_t existed) {
        g_string_append_printf(t->intent, "make\t%s\t%zu\t%s\n", h->name, existed, path);
}

void transaction_will_gather(Transaction *t, const Hierarchy *h, const char *path, size_t existed) {
        g_string_append_printf(t->intent, "gather\t%s\t%zu\t%s\n", h->name, existed, path);
}

void transaction_will_enable(Transaction *t, const Hierarchy *h, const char *path, uint32_t controllers) {
        g_string_append_printf(t->intent, "enable\t%s\t", h->name);
        for (size_t i = 0; i < h->n_controllers; i++)
                if (controllers & (1U << i))
                        g_string_append_printf(t->intent, "%s ", h->controllers[i]);
        g_string_append_printf(t->intent, "\t%s\n", path);
}

int transaction_will_move(Transaction *t, const Hierarchy *h, const PidRef *process, const char *from_path) {
        Move move = { .h = h, .process = *process };
        int r = -ESRCH;

        /* In the hierarchy before it was the same process as a rule. */
        if (t->moves->len > 0) {
                const Move *last = &g_array_index(t->moves, Move, t->moves->len - 1);

                if (last->process.pid == process->pid && last->process.fd == process->fd) {
                        move.start = last->start;
                        r = 0;
                }
        }
        if (r < 0)
                r = pidref_start_time(process, &move.start);
        if (r < 0)
                return r;
        move.from_fd = tree_open(h->fd, from_path, 0);
        if (move.from_fd < 0)
                return move.from_fd;

        g_string_append_printf(t->intent, "move\t%s\t%d:%" G_GUINT64_FORMAT "\t%s\n", h->name, (int) process->pid,
                               (guint64) move.start, from_path);
        g_array_append_val(t->moves, move);
        return 0;
}

int transaction_begin(Transaction *t) {
        const Hierarchy *h = intent_hierarchy(t->layout);
        int r;

        if (!h)
                return -EROFS;
        if (t->intent->len > INTENT_MAX)
                return -E2BIG;

        r = record_write(h->fd, INTENT, t->intent->str);
        if (r >= 0)
                t->begun = true;
        return r;
}

static void append_made(Transaction *t, TreeMade *tree, bool gathering) {
        Made made = { .tree = *tree, .gathering = gathering };

        g_array_append_val(t->made, made);
        *tree = TREE_MADE_NULL;
}

void transaction_made(Transaction *t, TreeMade *made) {
        append_made(t, made, false);
}

void transaction_gathering(Transaction *t, TreeMade *leaf) {
        append_made(t, leaf, true);
}

int transaction_move(Transaction *t, const Hierarchy *h, const PidRef *process, int to_fd) {
        /* Its number may be another's by now, which would be moved. */
        int r = pidref_is_alive(process) ? tree_attach(to_fd, process->pid) : -ESRCH;

        /* The number was the process's own when it was written if the process is still there now. */
        if (r >= 0 && !pidref_is_alive(process))
                r = -ESRCH;
        if (r < 0)
                return r;

        for (unsigned i = 0; i < t->moves->len; i++) {
                Move *m = &g_array_index(t->moves, Move, i);

                if (m->h == h && m->process.pid == process->pid)
                        m->done = true;
        }
        return 0;
}

static void end_intent(Transaction *t) {
        const Hierarchy *h = intent_hierarchy(t->layout);

        if (t->begun && h)
                (void) record_remove(h->fd, INTENT);
        t->begun = false;
}

void transaction_commit(Transaction *t) {
        end_intent(t);
        t->committed = true;
}

/* Moves out what is in a cgroup that is to go. More than once: while they are moved, processes fork. */
static void evacuate(int fd, int to_fd, uint64_t deadline) {
        for (unsigned i = 0; i < EVACUATE_TRIES; i++) {
                PidList pids = {};
                size_t n;

                if (tree_list_pids(fd, true, deadline, &pids) < 0)
                        return;
                n = pids.n;
                for (size_t k = 0; k < n; k++)
                        (void) tree_attach(to_fd, pids.pids[k]);
                pid_list_done(&pids);
                if (n == 0)
                        return;
        }
}

/* Opens the deepest cgroup of a path that was there before. */
static int open_existed(int root_fd, const char *path, size_t existed) {
        g_autofree char *rel = g_strndup(path, existed);

        return tree_open(root_fd, rel, 0);
}

/* Where what is in a cgroup that was made goes back to: children of a process that was moved, to where it came from. */
static int open_former(const Transaction *t, const Made *made) {
        if (made->gathering)
                return open_existed(made->tree.root_fd, made->tree.rel, made->tree.existed);

        for (unsigned i = 0; i < t->moves->len; i++) {
                const Move *m = &g_array_index(t->moves, Move, i);

                if (m->h == made->tree.h && m->done)
                        return file_reopen_directory(m->from_fd);
        }
        return -ENOENT;
}

static void unmake(const Transaction *t, Made *made) {
        _cleanup_close_ int to = open_former(t, made), fd = -EBADF;

        if (to >= 0)
                fd = tree_open(made->tree.root_fd, made->tree.rel, 0);
        if (fd >= 0)
                evacuate(fd, to, deadline_in(ROLL_BACK_USEC));
        tree_unmake(&made->tree);
}

static void roll_back(Transaction *t) {
        /* A cgroup that has got controllers enabled for the others takes no process back. */
        for (unsigned i = t->made->len; i > 0; i--)
                tree_disable(&g_array_index(t->made, Made, i - 1).tree);
        for (unsigned i = t->moves->len; i > 0; i--) {
                const Move *m = &g_array_index(t->moves, Move, i - 1);
                int r = m->done ? tree_attach(m->from_fd, m->process.pid) : 0;

                if (r < 0 && r != -ESRCH)
                        log_full(LOG_WARNING, r, m->h->name, "cannot move process %d back to where it was", (int) m->process.pid);
        }
        for (unsigned i = t->made->len; i > 0; i--)
                unmake(t, &g_array_index(t->made, Made, i - 1));
        end_intent(t);
}

Transaction *transaction_free(Transaction *t) {
        if (!t)
                return NULL;

        if (!t->committed)
                roll_back(t);
        g_string_free(t->intent, TRUE);
        g_array_unref(t->made);
        g_array_unref(t->moves);
        g_free(t);
        return NULL;
}

static const Hierarchy *find_hierarchy(const Layout *l, const char *name) {
        for (size_t i = 0; i < l->n; i++)
                if (streq(l->hierarchies[i].name, name))
                        return l->hierarchies + i;
        return NULL;
}

static void recover_move(const Hierarchy *h, const char *process, const char *from_path) {
        g_auto(GStrv) parts = g_strsplit(process, ":", 2);
        _cleanup_close_ int from = tree_open(h->fd, from_path, 0);
        uint64_t start, now;
        PidRef ref;
        uint32_t pid;

        if (from < 0 || !parts[0] || !parts[1] || parse_u32(parts[0], &pid) < 0 || parse_u64(parts[1], &start) < 0)
                return;
        if (pidref_from_pid((pid_t) pid, &ref) < 0)
                return;
        if (pidref_start_time(&ref, &now) >= 0 && now == start)
                (void) tree_attach(from, ref.pid);
        pidref_done(&ref);
}

/* Where the first process came from that was to be moved in a hierarchy. */
static int open_from(const Hierarchy *h, char *const *lines) {
        for (; *lines; lines++) {
                g_auto(GStrv) fields = g_strsplit(*lines, "\t", 4);

                if (g_strv_length(fields) == 4 && streq(fields[0], "move") && streq(fields[1], h->name))
                        return tree_open(h->fd, fields[3], 0);
        }
        return -ENOENT;
}

static void recover_enable(const Hierarchy *h, const char *names, const char *path) {
        _cleanup_close_ int fd = tree_open(h->fd, path, 0);
        const char *word;
        uint32_t bits = 0;
        size_t n;

        while (parse_word(&names, " ", &word, &n))
                bits |= hierarchy_controller_bit(h, word, n);
        if (fd >= 0)
                (void) h->ops->disable(h, fd, bits);
}

/* Empties and removes what had been made. A process that is in it by now (a child of the one that was moved) goes to
 * where that one came from, or else to the deepest cgroup that had been there before. lines is NULL for a leaf that
 * processes were gathered in: they came from there. */
static void recover_make(const Hierarchy *h, const char *existed, const char *path, char *const *lines) {
        _cleanup_free_ char *rel = strdup(path);
        _cleanup_close_ int fd = tree_open(h->fd, path, 0), to = -EBADF;
        uint32_t length;

        if (!rel || parse_u32(existed, &length) < 0 || length > strlen(rel))
                return;

        if (fd >= 0) {
                to = lines ? open_from(h, lines) : -ENOENT;
                if (to < 0)
                        to = open_existed(h->fd, path, length);
                /* A process that is ending is not listed any more, but is in the way until it has gone. */
                for (unsigned i = 0; i < REMOVE_TRIES; i++) {
                        if (to >= 0)
                                evacuate(fd, to, DEADLINE_NONE);
                        if (tree_remove_below(fd, NULL, NULL, DEADLINE_NONE) >= 0 &&
                            (unlinkat(h->fd, rel, AT_REMOVEDIR) >= 0 || errno != EBUSY))
                                break;
                        (void) usleep(1000);
                }
        }

        for (size_t n = strlen(rel); n > length;) {
                rel[n] = '\0';
                (void) unlinkat(h->fd, rel, AT_REMOVEDIR);
                while (n > length && rel[n] != '/')
                        n--;
        }
}

/* The last step first. */
static void recover_lines(const Layout *l, char *const *lines, const char *wanted) {
        for (unsigned i = g_strv_length((char **) lines); i > 0; i--) {
                g_auto(GStrv) fields = g_strsplit(lines[i - 1], "\t", 4);
                const Hierarchy *h;

                if (g_strv_length(fields) != 4 || !streq(fields[0], wanted))
                        continue;
                h = find_hierarchy(l, fields[1]);
                if (!h)
                        continue;
                if (streq(wanted, "enable"))
                        recover_enable(h, fields[2], fields[3]);
                else if (streq(wanted, "move"))
                        recover_move(h, fields[2], fields[3]);
                else
                        recover_make(h, fields[2], fields[3], streq(wanted, "make") ? lines : NULL);
        }
}

int transaction_recover(const Layout *l) {
        /* A cgroup with controllers enabled takes no process back; what was gathered gets its cgroup back when the others
         * have left it. */
        static const char *const order[] = { "enable", "move", "make", "gather" };
        g_autofree char *text = g_malloc(INTENT_MAX + 1);
        bool any = false;

        for (size_t i = 0; i < l->n; i++) {
                int fd = l->hierarchies[i].fd;
                g_auto(GStrv) lines = NULL;

                if (record_read(fd, INTENT, text, INTENT_MAX + 1) < 0)
                        continue;
                log_notice("undoing what was left half done when the daemon ended");
                lines = g_strsplit(text, "\n", -1);
                for (size_t k = 0; k < ARRAY_SIZE(order); k++)
                        recover_lines(l, lines, order[k]);
                (void) record_remove(fd, INTENT);
                any = true;
        }
        return any;
}
