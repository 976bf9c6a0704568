/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.linuxcontainers.cgmanager0_0: decode, call, reply. */

#include "daemon/legacy.h"
#include "daemon/manager-bus.h"

#define API_VERSION 10 /* that of cgmanager 0.42: lists of controllers, ListKeys, Prune */
#define TEXTS_MAX 4
#define NUMBERS_MAX 2

/* All that a message has, as it stands there. */
typedef struct Arguments {
        const char *texts[TEXTS_MAX];
        int32_t numbers[NUMBERS_MAX];
        size_t n_numbers;
        int fd;
} Arguments;

/* The plain form's signature; the Scm form has a descriptor for what a second credential tells. */
static int read_arguments(sd_bus_message *message, const LegacyMethod *method, bool scm, Arguments *ret) {
        Arguments a = { .fd = -EBADF };
        bool numbers = !scm || legacy_method_other(method) == LEGACY_OTHER_NONE;
        size_t n_texts = 0;
        int k = 0;

        for (const char *type = legacy_method_signature(method); k >= 0 && *type; type++)
                if (*type == 's')
                        k = sd_bus_message_read(message, "s", &a.texts[n_texts++]);
                else if (numbers)
                        k = sd_bus_message_read(message, "i", &a.numbers[a.n_numbers++]);
        if (k >= 0 && scm)
                k = sd_bus_message_read(message, "h", &a.fd);
        *ret = a;
        return k;
}

/* The ids of a plain call are the caller's own; cgmanager refused those from other namespaces. */
static int translate(const LegacyMethod *method, Caller *caller, const Arguments *a, LegacyCall *call, sd_bus_error *error) {
        switch (legacy_method_other(method)) {
        case LEGACY_OTHER_PROCESS:
                return call_get_process(caller, a->numbers[0] > 0 ? (uint32_t) a->numbers[0] : UINT32_MAX, &call->process, error);
        case LEGACY_OTHER_IDS:
                if (a->numbers[0] < 0 || a->numbers[1] < 0 || !caller_uid_from(caller, (uint32_t) a->numbers[0], &call->uid) ||
                    !caller_gid_from(caller, (uint32_t) a->numbers[1], &call->gid))
                        return refuse(error, CGW_ERROR(InvalidValue), "uid %d or gid %d is not mapped in the caller's user namespace",
                                      a->numbers[0], a->numbers[1]);
                return 0;
        default:
                call->number = a->numbers[0];
                return 0;
        }
}

static LegacyCall new_call(const LegacyMethod *method, const Arguments *a) {
        return (LegacyCall) {
                .method = method,
                .controllers = g_strdup(a->texts[0]),
                .path = g_strdup(a->texts[1]),
                .key = g_strdup(a->texts[2]),
                .value = g_strdup(a->texts[3]),
                .number = a->numbers[0],
                .process = PIDREF_NULL,
        };
}

static int append_pids(sd_bus_message *reply, const Caller *caller, const PidList *pids) {
        int k = sd_bus_message_open_container(reply, 'a', "i");

        for (size_t i = 0; k >= 0 && i < pids->n; i++) {
                uint32_t shown = caller_pid_to(caller, pids->pids[i]);

                if (shown > 0)
                        k = sd_bus_message_append(reply, "i", (int32_t) shown);
        }
        return k < 0 ? k : sd_bus_message_close_container(reply);
}

static int append_names(sd_bus_message *reply, char *const *names, size_t n) {
        int k = sd_bus_message_open_container(reply, 'a', "s");

        for (size_t i = 0; k >= 0 && i < n; i++)
                k = sd_bus_message_append(reply, "s", names[i]);
        return k < 0 ? k : sd_bus_message_close_container(reply);
}

static int append_keys(sd_bus_message *reply, const GArray *keys) {
        int k = sd_bus_message_open_container(reply, 'a', "(suuu)");

        for (unsigned i = 0; k >= 0 && i < keys->len; i++) {
                const LegacyKey *key = &g_array_index(keys, LegacyKey, i);

                k = sd_bus_message_append(reply, "(suuu)", key->name, key->uid, key->gid, key->mode);
        }
        return k < 0 ? k : sd_bus_message_close_container(reply);
}

static int append_answer(sd_bus_message *reply, const Caller *caller, LegacyAnswerKind kind, const LegacyAnswer *a) {
        switch (kind) {
        case LEGACY_ANSWER_EXISTED:
                return sd_bus_message_append(reply, "i", a->existed);
        case LEGACY_ANSWER_TEXT:
                return sd_bus_message_append(reply, "s", a->text);
        case LEGACY_ANSWER_PIDS:
                return append_pids(reply, caller, &a->pids);
        case LEGACY_ANSWER_NAMES:
                return append_names(reply, a->names.names, a->names.n);
        case LEGACY_ANSWER_KEYS:
                return append_keys(reply, a->keys);
        default:
                return 0;
        }
}

/* About how much of the connection's room an answer takes. */
static size_t answer_size(const LegacyAnswer *a) {
        size_t size = (a->text ? strlen(a->text) : 0) + a->pids.n * sizeof(int32_t);

        for (size_t i = 0; i < a->names.n; i++)
                size += strlen(a->names.names[i]) + 8;
        return size + (a->keys ? a->keys->len * 64 : 0);
}

static int run_plain(sd_bus_message *message, Connection *c, Caller *caller, const LegacyCall *call, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(legacy_answer_done) LegacyAnswer answer = {};
        int k = legacy_call_run(call, c->manager, caller, NULL, &answer, error);

        if (k >= 0)
                k = sd_bus_message_new_method_return(message, &reply);
        if (k >= 0)
                k = append_answer(reply, caller, legacy_method_answer(call->method), &answer);
        return k < 0 ? k : connection_reply(c, reply, answer_size(&answer));
}

static int run_scm(sd_bus_message *message, Connection *c, int fd, LegacyCall *call, sd_bus_error *error) {
        int k = legacy_scm_start(c, fd, call, error);

        return k < 0 ? k : sd_bus_reply_method_return(message, NULL);
}

/* Clients of cgmanager know this one name; the message says what it is. */
static int as_cgmanager(int k, sd_bus_error *error) {
        if (k < 0 && sd_bus_error_is_set(error)) {
                g_autofree char *message = g_strdup(error->message);

                sd_bus_error_free(error);
                (void) sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, message);
        }
        return k;
}

static int on_method(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *name = sd_bus_message_get_member(message);
        bool scm = g_str_has_suffix(name, "Scm");
        const LegacyMethod *method = legacy_method_find(name, strlen(name) - (scm ? 3 : 0));
        _cleanup_(legacy_call_done) LegacyCall call = { .process = PIDREF_NULL };
        Connection *c = userdata;
        Caller *caller;
        Arguments a;
        int k;

        k = connection_get_caller(c, message, &caller, error);
        if (k >= 0)
                k = read_arguments(message, method, scm, &a);
        if (k >= 0) {
                call = new_call(method, &a);
                k = scm ? 0 : translate(method, caller, &a, &call, error);
        }
        if (k >= 0)
                k = scm ? run_scm(message, c, a.fd, &call, error) : run_plain(message, c, caller, &call, error);
        return as_cgmanager(k, error);
}

static int method_ping(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(message, NULL);
}

static int method_list_controllers(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        g_autoptr(GPtrArray) names = NULL;
        Connection *c = userdata;
        Caller *caller;
        int k = connection_get_caller(c, message, &caller, error);

        if (k >= 0)
                k = sd_bus_message_new_method_return(message, &reply);
        if (k >= 0) {
                names = legacy_list_controllers(c->manager, caller);
                k = append_names(reply, (char *const *) names->pdata, names->len);
        }
        return k < 0 ? as_cgmanager(k, error) : sd_bus_send(NULL, reply, NULL);
}

static int property_api_version(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                                void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "i", API_VERSION);
}

#define METHOD(name, in, in_names, out, out_names, handler) \
        SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, handler, SD_BUS_VTABLE_UNPRIVILEGED)
#define NAME(x) SD_BUS_PARAM(x)
#define CGROUP NAME(controller) NAME(cgroup)

const sd_bus_vtable legacy_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Ping", "i", NAME(junk), "", , method_ping),
        METHOD("GetPidCgroup", "si", NAME(controller) NAME(pid), "s", NAME(output), on_method),
        METHOD("GetPidCgroupScm", "sh", NAME(controller) NAME(sockfd), "", , on_method),
        METHOD("GetPidCgroupAbs", "si", NAME(controller) NAME(pid), "s", NAME(output), on_method),
        METHOD("GetPidCgroupAbsScm", "sh", NAME(controller) NAME(sockfd), "", , on_method),
        METHOD("Create", "ss", CGROUP, "i", NAME(existed), on_method),
        METHOD("CreateScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("Chown", "ssii", CGROUP NAME(uid) NAME(gid), "", , on_method),
        METHOD("ChownScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("Chmod", "sssi", CGROUP NAME(file) NAME(mode), "", , on_method),
        METHOD("ChmodScm", "sssih", CGROUP NAME(file) NAME(mode) NAME(sockfd), "", , on_method),
        METHOD("MovePid", "ssi", CGROUP NAME(pid), "", , on_method),
        METHOD("MovePidScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("MovePidAbs", "ssi", CGROUP NAME(pid), "", , on_method),
        METHOD("MovePidAbsScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("GetValue", "sss", CGROUP NAME(key), "s", NAME(value), on_method),
        METHOD("GetValueScm", "sssh", CGROUP NAME(key) NAME(sockfd), "", , on_method),
        METHOD("SetValue", "ssss", CGROUP NAME(key) NAME(value), "", , on_method),
        METHOD("SetValueScm", "ssssh", CGROUP NAME(key) NAME(value) NAME(sockfd), "", , on_method),
        METHOD("Remove", "ssi", CGROUP NAME(recursive), "i", NAME(existed), on_method),
        METHOD("RemoveScm", "ssih", CGROUP NAME(recursive) NAME(sockfd), "", , on_method),
        METHOD("GetTasks", "ss", CGROUP, "ai", NAME(output), on_method),
        METHOD("GetTasksScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("GetTasksRecursive", "ss", CGROUP, "ai", NAME(output), on_method),
        METHOD("GetTasksRecursiveScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("ListChildren", "ss", CGROUP, "as", NAME(output), on_method),
        METHOD("ListChildrenScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("RemoveOnEmpty", "ss", CGROUP, "", , on_method),
        METHOD("RemoveOnEmptyScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("Prune", "ss", CGROUP, "", , on_method),
        METHOD("PruneScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        METHOD("ListControllers", "", , "as", NAME(output), method_list_controllers),
        METHOD("ListKeys", "ss", CGROUP, "a(suuu)", NAME(output), on_method),
        METHOD("ListKeysScm", "ssh", CGROUP NAME(sockfd), "", , on_method),
        SD_BUS_PROPERTY("api_version", "i", property_api_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};
