/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the methods of cgmanager's interface do, by the operations. What is different from the new interface:
 *
 * - Paths start at the caller's own cgroup, with a leading '/' as well; those of the Abs forms higher up.
 * - Each hierarchy is dealt with by itself. With a list of controllers or "all", one in which the caller is not allowed to is
 *   passed over; when that leaves none, it is an error.
 * - On v2 a cgroup that has controllers enabled has its processes in a leaf (cgroup-v2.rst, "No Internal Process Constraint"), of
 *   which these clients know nothing: to them the cgroup and its leaf are one.
 */

#include <sys/stat.h>

#include "cgroup/delegate.h"
#include "daemon/legacy.h"
#include "daemon/operations.h"

typedef struct Run {
        const LegacyCall *call;
        Manager *manager;
        Caller *caller;
        const PidRef *from; /* paths start at its cgroup; NULL: at the caller's root */
        char *path;         /* checked by request.c */
        LegacyAnswer *answer;
        sd_bus_error *error;
} Run;

typedef enum MethodFlags {
        METHOD_MANY = 1 << 0,    /* takes lists and "all" */
        METHOD_GO_ON = 1 << 1,   /* with these, tries the other hierarchies after a failure too, and fails in the end */
        METHOD_LENIENT = 1 << 2, /* with these, a hierarchy in which it is not there is passed over */
        METHOD_ABS = 1 << 3,
        METHOD_WRITE = 1 << 4,
        METHOD_EXISTS = 1 << 5,
} MethodFlags;

struct LegacyMethod {
        const char *name, *signature;
        MethodFlags flags;
        LegacyOther other;
        LegacyAnswerKind answer;
        int (*run)(const Run *x, Request *r);
};

void legacy_answer_done(LegacyAnswer *a) {
        free(a->text);
        pid_list_done(&a->pids);
        name_list_done(&a->names);
        if (a->keys)
                g_array_unref(a->keys);
        *a = (LegacyAnswer) {};
}

void legacy_call_done(LegacyCall *call) {
        g_free(call->controllers);
        g_free(call->path);
        g_free(call->key);
        g_free(call->value);
        pidref_done(&call->process);
        *call = (LegacyCall) { .process = PIDREF_NULL };
}

/* ---- v2's leaf */

static bool is_leaf(const Request *r, const char *name) {
        return r->targets->h->v2 && streq(name, CGW_LEAF_NAME);
}

/* The leaf of a request's cgroup. Returns 1, or 0 when it has none. */
static int init_leaf_request(Request *leaf, const Request *r) {
        int k;

        *leaf = (Request) {};
        if (!r->targets->h->v2 || r->targets->fd < 0)
                return 0;
        k = request_init_below(leaf, r, CGW_LEAF_NAME);
        return k < 0 ? k : leaf->targets->fd >= 0;
}

/* ---- methods */

static int run_create(const Run *x, Request *r) {
        bool created = false;
        int k;

        r->gather = true;
        k = *x->path ? operation_create(r, &created) : 0;
        if (k >= 0 && *x->call->path && !created)
                x->answer->existed = 1; /* "/", too; of "" it is not said */
        return k;
}

/* The leaf goes with it, if it was the same owner's. */
static int run_chown(const Run *x, Request *r) {
        _cleanup_(request_done) Request leaf = {};
        struct stat before, leafs;
        int k = init_leaf_request(&leaf, r);
        bool both = k > 0 && fstat(r->targets->fd, &before) >= 0 && fstat(leaf.targets->fd, &leafs) >= 0 && leafs.st_uid == before.st_uid;

        if (both)
                k = operation_chown(&leaf, x->call->uid, x->call->gid);
        if (k < 0)
                return k;
        k = operation_chown(r, x->call->uid, x->call->gid);
        if (k < 0 && both)
                (void) delegate_hand_over(leaf.targets->h, leaf.targets->fd, leafs.st_uid, leafs.st_gid);
        return k;
}

static int run_chmod(const Run *x, Request *r) {
        return operation_chmod(r, legacy_key_name(r->targets->h, x->call->key), (mode_t) x->call->number);
}

static int run_move(const Run *x, Request *r) {
        int k = operation_move(r, &x->call->process);

        if (k != -EBUSY || !r->targets->h->v2)
                return k;
        sd_bus_error_free(r->error);
        return operation_move_to_leaf(r, &x->call->process);
}

/* A leaf that is empty is no cgroup of the client's that would be in the way. */
static int remove_leaf(Request *r) {
        _cleanup_(name_list_done) NameList names = {};
        _cleanup_(request_done) Request leaf = {};
        bool existed;
        int k = init_leaf_request(&leaf, r);

        if (k <= 0)
                return k;
        if (r->targets->h->ops->populated(r->targets->h, r->targets->fd, r->deadline) > 0)
                return 0; /* which operation_remove() says */
        k = request_authorize_simple(r, OPERATION_REMOVE, r->targets);
        if (k >= 0)
                k = operation_list_children(r, &names);
        return k < 0 || names.n > 1 ? k : operation_remove(&leaf, false, &existed);
}

static int run_remove(const Run *x, Request *r) {
        bool recursive = x->call->number != 0, existed = false;
        int k = recursive ? 0 : remove_leaf(r);

        if (k >= 0)
                k = operation_remove(r, recursive, &existed);
        if (existed)
                x->answer->existed = 1;
        return k;
}

static int run_remove_on_empty(const Run *x, Request *r) {
        return operation_remove_on_empty(r);
}

/* And what is left goes with its last process. */
static int run_prune(const Run *x, Request *r) {
        const Target *t = r->targets;
        _cleanup_close_ int left = -EBADF;
        int k = operation_prune(r);

        if (k < 0)
                return k;
        left = tree_open(t->root_fd, t->rel, 0);
        if (left < 0 || delegation_keep(r->manager, left))
                return 0;
        k = request_authorize_simple(r, OPERATION_REMOVE, t);
        if (k < 0) {
                sd_bus_error_free(r->error); /* it is not the caller's to remove, and that was no failure either */
                return 0;
        }
        return operation_remove_on_empty(r);
}

static int run_get_value(const Run *x, Request *r) {
        int k = legacy_get_value(r, x->call->key, &x->answer->text);

        if (k >= 0)
                (void) g_strchomp(x->answer->text);
        return k;
}

static int run_set_value(const Run *x, Request *r) {
        return legacy_set_value(r, x->call->key, x->call->value);
}

static int compare_pids(gconstpointer a, gconstpointer b) {
        pid_t x = *(const pid_t *) a, y = *(const pid_t *) b;

        return (x > y) - (x < y);
}

/* In order and once each, and not those that the caller can't see. */
static void sort_pids(const Caller *caller, PidList *l) {
        size_t n = 0;

        if (l->n > 0)
                qsort(l->pids, l->n, sizeof(*l->pids), compare_pids);
        for (size_t i = 0; i < l->n; i++)
                if ((n == 0 || l->pids[n - 1] != l->pids[i]) && caller_pid_to(caller, l->pids[i]) != 0)
                        l->pids[n++] = l->pids[i];
        l->n = n;
}

static int run_get_tasks(const Run *x, Request *r) {
        _cleanup_(request_done) Request leaf = {};
        int k = operation_list_pids(r, false, &x->answer->pids);

        if (k >= 0)
                k = init_leaf_request(&leaf, r);
        return k > 0 ? operation_list_pids(&leaf, false, &x->answer->pids) : k;
}

/* A hierarchy that fails takes nothing from what others have. */
static int run_get_tasks_recursive(const Run *x, Request *r) {
        PidList here = {}, *all = &x->answer->pids;
        int k = operation_list_pids(r, true, &here);

        if (k >= 0 && here.n > 0) {
                pid_t *bigger = realloc(all->pids, (all->n + here.n) * sizeof(*bigger));

                k = bigger ? 0 : -ENOMEM;
                if (bigger) {
                        (void) memcpy(bigger + all->n, here.pids, here.n * sizeof(*bigger));
                        all->pids = bigger;
                        all->n = all->allocated = all->n + here.n;
                }
        }
        pid_list_done(&here);
        return k;
}

static int run_list_children(const Run *x, Request *r) {
        NameList *names = &x->answer->names;
        size_t n = 0;
        int k = operation_list_children(r, names);

        for (size_t i = 0; k >= 0 && i < names->n; i++)
                /* What is no UTF-8 can't be said on D-Bus. */
                if (is_leaf(r, names->names[i]) || !g_utf8_validate(names->names[i], -1, NULL))
                        free(names->names[i]);
                else
                        names->names[n++] = names->names[i];
        if (k >= 0)
                names->n = n;
        return k;
}

typedef struct Keys {
        GArray *keys;
        const Caller *caller;
} Keys;

static int add_key(void *userdata, const char *name, uid_t uid, gid_t gid, mode_t mode) {
        Keys *keys = userdata;
        LegacyKey key = {
                .name = g_strdup(name),
                .uid = caller_uid_to(keys->caller, uid),
                .gid = caller_gid_to(keys->caller, gid),
                .mode = S_IFREG | mode,
        };

        g_array_append_val(keys->keys, key);
        return 0;
}

static void clear_key(gpointer p) {
        g_free(((LegacyKey *) p)->name);
}

static int run_list_keys(const Run *x, Request *r) {
        if (!x->answer->keys) {
                x->answer->keys = g_array_new(FALSE, FALSE, sizeof(LegacyKey));
                g_array_set_clear_func(x->answer->keys, clear_key);
        }
        return operation_list_keys(r, add_key, &(Keys) { x->answer->keys, r->caller });
}

static int run_locate(const Run *x, Request *r) {
        bool absolute = x->call->method->flags & METHOD_ABS;
        g_autofree char *path = NULL, *above = NULL;
        const char *behind;
        int k = operation_locate(r, &x->call->process, &path);

        if (k < 0)
                return k;
        above = r->targets->h->v2 ? request_above_leaf(path + 1) : g_strdup(path + 1);
        behind = cg_path_behind(above, r->targets->rel);
        if (!behind)
                return refuse(r->error, CGW_ERROR(NoSuchCgroup), "%s: the process's cgroup /%s is not below %s:/%s", x->call->method->name,
                              above, r->targets->h->name, r->targets->rel);
        x->answer->text = absolute || !*behind ? g_strdup_printf("/%s", behind) : g_strdup(behind);
        return 0;
}

static const LegacyMethod methods[] = {
        { "GetPidCgroup", "si", 0, LEGACY_OTHER_PROCESS, LEGACY_ANSWER_TEXT, run_locate },
        { "GetPidCgroupAbs", "si", METHOD_ABS, LEGACY_OTHER_PROCESS, LEGACY_ANSWER_TEXT, run_locate },
        { "Create", "ss", METHOD_MANY | METHOD_WRITE, LEGACY_OTHER_NONE, LEGACY_ANSWER_EXISTED, run_create },
        { "Chown", "ssii", METHOD_MANY | METHOD_WRITE | METHOD_EXISTS, LEGACY_OTHER_IDS, LEGACY_ANSWER_NONE, run_chown },
        { "Chmod", "sssi", METHOD_MANY | METHOD_WRITE | METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_NONE, run_chmod },
        { "MovePid", "ssi", METHOD_MANY | METHOD_GO_ON | METHOD_WRITE | METHOD_EXISTS, LEGACY_OTHER_PROCESS, LEGACY_ANSWER_NONE, run_move },
        { "MovePidAbs", "ssi", METHOD_ABS | METHOD_MANY | METHOD_GO_ON | METHOD_WRITE | METHOD_EXISTS, LEGACY_OTHER_PROCESS,
          LEGACY_ANSWER_NONE, run_move },
        { "GetValue", "sss", METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_TEXT, run_get_value },
        { "SetValue", "ssss", METHOD_WRITE | METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_NONE, run_set_value },
        { "Remove", "ssi", METHOD_MANY | METHOD_WRITE, LEGACY_OTHER_NONE, LEGACY_ANSWER_EXISTED, run_remove },
        { "GetTasks", "ss", METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_PIDS, run_get_tasks },
        { "GetTasksRecursive", "ss", METHOD_MANY | METHOD_LENIENT | METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_PIDS,
          run_get_tasks_recursive },
        { "ListChildren", "ss", METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_NAMES, run_list_children },
        { "RemoveOnEmpty", "ss", METHOD_MANY | METHOD_WRITE | METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_NONE, run_remove_on_empty },
        { "Prune", "ss", METHOD_MANY | METHOD_LENIENT | METHOD_WRITE | METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_NONE, run_prune },
        { "ListKeys", "ss", METHOD_EXISTS, LEGACY_OTHER_NONE, LEGACY_ANSWER_KEYS, run_list_keys },
};

const LegacyMethod *legacy_method_find(const char *name, size_t length) {
        for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
                if (strlen(methods[i].name) == length && memcmp(methods[i].name, name, length) == 0)
                        return methods + i;
        return NULL;
}

const char *legacy_method_signature(const LegacyMethod *method) {
        return method->signature;
}

LegacyAnswerKind legacy_method_answer(const LegacyMethod *method) {
        return method->answer;
}

LegacyOther legacy_method_other(const LegacyMethod *method) {
        return method->other;
}

/* ---- hierarchies */

/* cgmanager takes empty components and leading slashes. */
static char *plain_path(const char *text) {
        g_autoptr(GString) path = g_string_new(NULL);

        /* Of one that is too long, request.c says so. */
        for (const char *s = text; *s && path->len <= CG_PATH_MAX; s++)
                if (*s != '/' || (path->len > 0 && path->str[path->len - 1] != '/'))
                        g_string_append_c(path, *s);
        if (path->len > 0 && path->str[path->len - 1] == '/')
                g_string_truncate(path, path->len - 1);
        return g_string_free(g_steal_pointer(&path), FALSE);
}

static int run_in(const Run *x, const Hierarchy *h, uint32_t controllers, bool all) {
        const LegacyMethod *method = x->call->method;
        RequestFlags flags = REQUEST_ONE | REQUEST_FROM_ABOVE_LEAF;
        Selection selection = { .hierarchies = 1U << h->index, .controllers = h->v2 && !all ? controllers : 0 };
        g_autofree char *absolute = x->from ? NULL : g_strconcat("/", x->path, NULL);
        _cleanup_(request_done) Request r = {};
        int k;

        flags |= (method->flags & METHOD_WRITE ? REQUEST_WRITE : 0) | (method->flags & METHOD_EXISTS ? REQUEST_EXISTS : 0);
        k = request_init_selected(&r, x->manager, x->caller, selection, absolute ? absolute : x->path, x->from, flags, x->error);
        if (k < 0)
                return k;
        if (all)
                request_add_optional(&r);
        return method->run(x, &r);
}

static bool is_passed_over(const LegacyMethod *method, int k) {
        return k == -EACCES || k == -EPERM || (k == -ENOENT && (method->flags & METHOD_LENIENT));
}

static int run_in_each(const Run *x, Selection selection, bool many, bool all) {
        const LegacyMethod *method = x->call->method;
        _cleanup_(sd_bus_error_free) sd_bus_error first = SD_BUS_ERROR_NULL;
        unsigned done = 0;
        int failed = 0;

        LAYOUT_FOR_EACH(h, x->manager->layout, selection.hierarchies) {
                int k = run_in(x, h, selection.controllers, all);

                if (k >= 0) {
                        done++;
                        continue;
                }
                if (!many || !((method->flags & METHOD_GO_ON) || is_passed_over(method, k)))
                        return k;
                if (failed == 0 || !sd_bus_error_is_set(&first)) {
                        sd_bus_error_move(&first, x->error);
                        failed = k;
                }
                sd_bus_error_free(x->error);
        }
        if (failed == 0 || (done > 0 && !(method->flags & METHOD_GO_ON)))
                return 0;
        sd_bus_error_move(x->error, &first);
        return failed;
}

int legacy_call_run(const LegacyCall *call, Manager *m, Caller *caller, const PidRef *top, LegacyAnswer *ret, sd_bus_error *error) {
        const LegacyMethod *method = call->method;
        bool all = streq(call->controllers, "all"), many = all || strchr(call->controllers, ',');
        g_autofree char *path = plain_path(call->path ? call->path : "");
        LegacyAnswer answer = { .existed = -1 };
        Selection selection;
        Run x = {
                .call = call,
                .manager = m,
                .caller = caller,
                .from = method->flags & METHOD_ABS ? top : &caller->process,
                .path = path,
                .answer = &answer,
                .error = error,
        };
        int k;

        /* A list of names of one hierarchy is none. */
        k = request_select(m, call->controllers, method->flags & METHOD_MANY ? 0 : REQUEST_ONE, &selection, error);
        if (k >= 0)
                k = run_in_each(&x, selection, many, all);
        if (k < 0) {
                legacy_answer_done(&answer);
                return k;
        }
        sort_pids(caller, &answer.pids);
        *ret = answer;
        return 0;
}

/* ---- ListControllers */

typedef struct Names {
        const Hierarchy *h;
        const Layout *layout;
        uint32_t available;
        GString *text;
} Names;

static int append_v2_name(void *userdata, const char *name, const Hierarchy *h) {
        Names *names = userdata;
        Selection s;
        char word[64];

        if (h == names->h && !streq(name, h->name) && layout_select(names->layout, name, &s, word, sizeof(word)) >= 0 &&
            !(s.controllers & ~names->available))
                g_string_append_printf(names->text, "%s%s", names->text->len ? "," : "", name);
        return 0;
}

/* What of v2 the caller's cgroup has, by the names that clients of v1 know too. */
static char *name_v2(Manager *m, Caller *caller, const Hierarchy *h) {
        _cleanup_(sd_bus_error_free) sd_bus_error ignored = SD_BUS_ERROR_NULL;
        g_autoptr(GString) text = g_string_new(NULL);
        _cleanup_(request_done) Request r = {};
        Selection selection = { .hierarchies = 1U << h->index };
        Names names = { .h = h, .layout = m->layout, .text = text };

        if (request_init_selected(&r, m, caller, selection, "", NULL, REQUEST_EXISTS | REQUEST_FROM_ABOVE_LEAF, &ignored) >= 0)
                (void) hierarchy_read_controllers(h, r.targets->fd, "cgroup.controllers", &names.available);
        (void) layout_for_each_name(m->layout, append_v2_name, &names);
        return g_strdup(text->len ? text->str : h->name);
}

GPtrArray *legacy_list_controllers(Manager *m, Caller *caller) {
        GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

        LAYOUT_FOR_EACH(h, m->layout, m->layout->all)
                g_ptr_array_add(names, h->v2 ? name_v2(m, caller, h) : g_strdup(h->name));
        return names;
}
