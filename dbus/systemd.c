/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dbus/systemd.h"

#include <errno.h>
#include <glib.h>
#include <systemd/sd-bus.h>

#include "common/log.h"
#include "common/util.h"

#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER "/org/freedesktop/systemd1", DESTINATION ".Manager"
#define TIMEOUT_USEC (10 * 1000 * 1000)

typedef struct Start {
        Systemd *systemd;
        char *name, *job;
        sd_bus_slot *slot;
        sd_event_source *timer;
        SystemdDone done;
        void *userdata;
} Start;

struct Systemd {
        sd_event *event;
        sd_bus *bus;
        GList *starts;
};

Systemd *systemd_new(sd_event *event) {
        Systemd *s = g_new0(Systemd, 1);

        s->event = event;
        return s;
}

static void close_bus(Systemd *s) {
        if (!s->bus)
                return;
        sd_bus_detach_event(s->bus);
        sd_bus_close(s->bus);
        s->bus = sd_bus_unref(s->bus);
}

static void start_free(Start *start) {
        start->systemd->starts = g_list_remove(start->systemd->starts, start);
        sd_bus_slot_unref(start->slot);
        sd_event_source_disable_unref(start->timer);
        g_free(start->name);
        g_free(start->job);
        g_free(start);
}

static void finish(Start *start, int r, const char *path, const char *reason) {
        SystemdDone done = start->done;
        void *userdata = start->userdata;

        /* What the answer is made of may be the start's. */
        g_autofree char *text = g_strdup(reason), *where = g_strdup(path);
        start_free(start);
        done(userdata, r, where, text);
}

Systemd *systemd_free(Systemd *s) {
        if (!s)
                return NULL;

        while (s->starts)
                start_free(s->starts->data);
        close_bus(s);
        g_free(s);
        return NULL;
}

void systemd_forget(Systemd *s, const void *userdata) {
        for (GList *l = s->starts, *next; l; l = next) {
                Start *start = l->data;

                next = l->next;
                if (start->userdata == userdata)
                        start_free(start);
        }
}

/* ---- the connection, which is opened when there is something to ask */

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Systemd *s = userdata;

        if (!sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected"))
                return 0;
        close_bus(s);
        while (s->starts)
                finish(s->starts->data, -ECONNRESET, NULL, "the system bus has gone");
        return 1;
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Systemd *s = userdata;
        const char *job, *unit, *result;
        uint32_t id;

        if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0)
                return 0;
        for (GList *l = s->starts; l; l = l->next) {
                Start *start = l->data;
                g_autofree char *reason = NULL;

                if (!start->job || !streq(start->job, job))
                        continue;
                if (!streq(result, "done"))
                        reason = g_strdup_printf("the job of %s: %s", start->name, result);
                finish(start, reason ? -EIO : 0, NULL, reason);
                return 0;
        }
        return 0;
}

static int open_bus(Systemd *s) {
        int r;

        if (s->bus)
                return 0;
        r = sd_bus_open_system_with_description(&s->bus, "systemd");
        if (r >= 0)
                r = sd_bus_add_filter(s->bus, NULL, on_message, s);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(s->bus, TIMEOUT_USEC);
        if (r >= 0)
                r = sd_bus_match_signal_async(s->bus, NULL, DESTINATION, MANAGER, "JobRemoved", on_job_removed, NULL,
                                              s);
        /* PID 1 sends signals to those who say that they want them. */
        if (r >= 0)
                r = sd_bus_call_method_async(s->bus, NULL, DESTINATION, MANAGER, "Subscribe", NULL, NULL, NULL);
        if (r >= 0)
                r = sd_bus_attach_event(s->bus, s->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                close_bus(s);
        return r;
}

/* ---- a scope */

static int on_path(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(message);
        Start *start = userdata;
        const char *path = NULL;
        int r = e ? -sd_bus_message_get_errno(message) : sd_bus_message_read(message, "v", "s", &path);

        if (r >= 0 && (*path != '/' || !path[1]))
                finish(start, -ENOENT, NULL, "it has no cgroup");
        else
                finish(start, r < 0 ? r : 0, r < 0 ? NULL : path + 1, e ? e->message : NULL);
        return 0;
}

/* It is there already: one of an earlier daemon's, in which somebody is. */
static int ask_for_path(Start *start) {
        g_autofree char *unit = NULL;
        int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", start->name, &unit);

        start->slot = sd_bus_slot_unref(start->slot);
        return r < 0 ? r
                     : sd_bus_call_method_async(start->systemd->bus, &start->slot, DESTINATION, unit,
                                                "org.freedesktop.DBus.Properties", "Get", on_path, start, "ss",
                                                DESTINATION ".Scope", "ControlGroup");
}

static int on_started(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(message);
        Start *start = userdata;
        const char *job;
        int r;

        if (sd_bus_error_has_name(e, "org.freedesktop.systemd1.UnitExists"))
                r = ask_for_path(start);
        else if (e)
                r = -sd_bus_message_get_errno(message);
        else
                r = sd_bus_message_read(message, "o", &job);
        if (r < 0)
                finish(start, r, NULL, e ? e->message : "its answer can't be read");
        else if (!e)
                start->job = g_strdup(job);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        finish(userdata, -ETIMEDOUT, NULL, "it takes too long");
        return 0;
}

static int call_start(Start *start, const char *slice, const char *description, pid_t pid) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(start->systemd->bus, &m, DESTINATION, MANAGER, "StartTransientUnit");

        if (r >= 0)
                r = sd_bus_message_append(m, "ssa(sv)a(sa(sv))", start->name, "fail", 5, "Description", "s",
                                          description, "Slice", "s", slice, "Delegate", "b", 1, "CollectMode", "s",
                                          "inactive-or-failed", "PIDs", "au", 1, (uint32_t)pid, 0);
        return r < 0 ? r : sd_bus_call_async(start->systemd->bus, &start->slot, m, on_started, start, 0);
}

int systemd_start_scope(Systemd *s, const char *name, const char *slice, const char *description, pid_t pid,
                        SystemdDone done, void *userdata) {
        Start *start;
        uint64_t now;
        int r = open_bus(s);

        if (r < 0)
                return r;

        start = g_new0(Start, 1);
        *start = (Start){.systemd = s, .name = g_strdup(name), .done = done, .userdata = userdata};
        s->starts = g_list_prepend(s->starts, start);
        r = sd_event_now(s->event, CLOCK_MONOTONIC, &now);
        if (r >= 0)
                r = sd_event_add_time(s->event, &start->timer, CLOCK_MONOTONIC, now + TIMEOUT_USEC, 0, on_timeout,
                                      start);
        if (r >= 0)
                r = call_start(start, slice, description, pid);
        if (r < 0)
                start_free(start);
        return r;
}
