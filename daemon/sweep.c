/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/sweep.h"

#include "daemon/delegation.h"
#include "daemon/session.h"

#define INTERVAL_USEC (2 * 1000 * 1000)
#define THOROUGH_EVERY 5

struct Sweep {
        sd_event_source *timer;
        unsigned round;
        bool on;
};

static int on_time(sd_event_source *s, uint64_t usec, void *userdata) {
        Manager *m = userdata;
        bool thorough = ++m->sweep->round % THOROUGH_EVERY == 0, any;

        m->sweep->on = true; /* what is found on the way need not wake us */
        any = session_sweep(m, thorough);
        any |= delegation_sweep(m, thorough);
        m->sweep->on = any;
        if (!any)
                return 0;

        if (sd_event_source_set_time(s, usec + INTERVAL_USEC) < 0)
                return 0;
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

Sweep *sweep_new(Manager *m) {
        Sweep *s = g_new0(Sweep, 1);

        if (sd_event_add_time(m->event, &s->timer, CLOCK_MONOTONIC, 0, 0, on_time, m) < 0) {
                g_free(s);
                return NULL;
        }
        (void) sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        return s;
}

Sweep *sweep_free(Sweep *s) {
        if (!s)
                return NULL;

        sd_event_source_unref(s->timer);
        g_free(s);
        return NULL;
}

void sweep_wake(Manager *m) {
        uint64_t now;

        if (!m->sweep || m->sweep->on || sd_event_now(m->event, CLOCK_MONOTONIC, &now) < 0)
                return;
        if (sd_event_source_set_time(m->sweep->timer, now + INTERVAL_USEC) >= 0 &&
            sd_event_source_set_enabled(m->sweep->timer, SD_EVENT_ONESHOT) >= 0)
                m->sweep->on = true;
}
