/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One method call: sent, answered or given up within the context's bound, and sent again when the daemon was
 * restarted.
 *
 * When a connection breaks there are two cases. When the request could not be handed to the kernel (a daemon that
 * ended between two calls is noticed by that) it was certainly not carried out: any request is sent again. Afterwards
 * nobody knows: only a repeatable one is sent again. The exchange is asynchronous inside, because sd_bus_call() cannot
 * tell these cases apart, and in older versions gives up when a signal handler runs.
 */

#include <stdarg.h>

#include "client/internal.h"

/* More is a peer that breaks every connection, not a restart. */
#define MAX_UNSENT 3
/* So often a call that is safe to repeat is lost with a daemon; more is one that ends each daemon that hears it. */
#define MAX_LOST 4

enum outcome {
        OUTCOME_ANSWERED, /* by a reply or an error of the daemon's */
        OUTCOME_FAILED,   /* by something that a second try does not better */
        OUTCOME_UNSENT,   /* no connection; certainly not carried out */
        OUTCOME_LOST,     /* the connection broke while waiting */
};

struct answer {
        sd_bus_message *message;
};

struct simple_arguments {
        const char *types;
        va_list *ap;
};

/* One code point; returns its length, or 0. Like D-Bus: no surrogates, nothing overlong. */
static size_t utf8_length(const unsigned char *s) {
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t n = *s < 0x80 ? 1 : (*s & 0xe0) == 0xc0 ? 2 : (*s & 0xf0) == 0xe0 ? 3 : (*s & 0xf8) == 0xf0 ? 4 : 0;
        uint32_t c;

        if (n <= 1)
                return n;

        c = *s & (0x7fu >> n);
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3fu);
        }

        return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

bool cgw_utf8_valid(const char *s) {
        while (*s) {
                size_t n = utf8_length((const unsigned char *)s);
                if (n == 0)
                        return false;
                s += n;
        }

        return true;
}

/* The daemon's side would answer other strings by closing the connection. */
int cgw_append_string(sd_bus_message *m, const char *s) {
        if (!s || !cgw_utf8_valid(s))
                return -EINVAL;

        return sd_bus_message_append_basic(m, 's', s);
}

static int append_simple(sd_bus_message *m, const void *arg) {
        const struct simple_arguments *a = arg;
        va_list ap;
        int r = 0;

        va_copy(ap, *a->ap);
        for (const char *t = a->types; *t && r >= 0; t++) {
                if (*t == 's') {
                        r = cgw_append_string(m, va_arg(ap, const char *));
                } else {
                        /* u, b and h all pass as 32 bits */
                        uint32_t u = va_arg(ap, uint32_t);
                        r = sd_bus_message_append_basic(m, *t, &u);
                }
        }
        va_end(ap);
        return r;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct answer *a = userdata;

        a->message = sd_bus_message_ref(m);
        return 1;
}

/* What sd-bus makes up when it loses the connection, and what the system bus sends when the daemon went away. */
static bool is_lost(const cgw_t *c, sd_bus_message *reply) {
        const char *name = SD_BUS_ERROR_NO_REPLY;

        return sd_bus_message_is_method_error(reply, name) > 0 && (c->through_broker || sd_bus_is_open(c->bus) <= 0);
}

static int wait_answer(cgw_t *c, struct answer *a, uint64_t bound) {
        while (!a->message) {
                int r = sd_bus_process(c->bus, NULL);
                if (r < 0 && r != -EINTR)
                        return r;
                if (r != 0)
                        continue;

                uint64_t left = cgw_left(bound);
                if (left == 0)
                        return -ETIMEDOUT;

                r = sd_bus_wait(c->bus, left);
                if (r < 0 && r != -EINTR)
                        return r;
        }

        return 0;
}

static int new_message(cgw_t *c, const struct request *q, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        const char *destination = c->through_broker ? CGW_BUS_NAME : NULL;

        int r = sd_bus_message_new_method_call(c->bus, &m, destination, q->object, q->interface, q->member);
        if (r < 0)
                return r;

        if (q->append) {
                r = q->append(m, q->arg);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(m);
        return 0;
}

static enum outcome exchange(cgw_t *c, sd_bus_message *m, uint64_t bound, int *ret_error, sd_bus_message **ret_reply) {
        struct answer a = {};
        sd_bus_slot *slot = NULL;
        enum outcome outcome;

        int r = sd_bus_call_async(c->bus, &slot, m, on_answer, &a, UINT64_MAX);
        if (r < 0) {
                *ret_error = r;
                return cgw_lost_connection(r) ? OUTCOME_UNSENT : OUTCOME_FAILED;
        }

        r = wait_answer(c, &a, bound);
        sd_bus_slot_unref(slot);

        if (a.message && !is_lost(c, a.message)) {
                *ret_reply = a.message;
                return OUTCOME_ANSWERED;
        }

        outcome = a.message || cgw_lost_connection(r) ? OUTCOME_LOST : OUTCOME_FAILED;
        *ret_error = outcome == OUTCOME_LOST ? -ECONNRESET : r;
        sd_bus_message_unref(a.message);
        return outcome;
}

static int describe_failure(cgw_t *c, const struct request *q, int error) {
        switch (error) {
        case -ETIMEDOUT:
                return cgw_fail(c, error, "cgwardend did not answer in time");
        case -EINVAL:
                return cgw_fail(c, error, "an argument of %s is missing or not UTF-8", q->member);
        case -ECONNRESET:
                return cgw_fail(c, error, "cgwardend went away before it answered %s", q->member);
        default:
                return cgw_fail(c, error, "cannot send %s to cgwardend: %s", q->member, strerror(-error));
        }
}

static int settle(cgw_t *c, sd_bus_message *reply, sd_bus_message **ret_reply) {
        if (sd_bus_message_is_method_error(reply, NULL) > 0) {
                int r = cgw_fail_reply(c, reply);
                sd_bus_message_unref(reply);
                return r;
        }

        if (ret_reply)
                *ret_reply = reply;
        else
                sd_bus_message_unref(reply);
        return 0;
}

int cgw_request(cgw_t *c, const struct request *q, sd_bus_message **ret_reply) {
        uint64_t bound;

        if (!c)
                return -EINVAL;

        cgw_clear_error(c);
        bound = cgw_after(c->timeout);
        for (unsigned unsent = 0, lost = 0;;) {
                _cleanup_message_ sd_bus_message *m = NULL;
                sd_bus_message *reply = NULL;

                int r = cgw_ensure_connected(c, bound);
                if (r < 0)
                        return r;

                r = new_message(c, q, &m);
                if (r < 0)
                        return describe_failure(c, q, r);

                enum outcome outcome = exchange(c, m, bound, &r, &reply);
                if (outcome == OUTCOME_ANSWERED)
                        return settle(c, reply, ret_reply);
                if (outcome == OUTCOME_FAILED)
                        return describe_failure(c, q, r);

                cgw_disconnect(c);
                if (outcome == OUTCOME_LOST ? !q->repeatable || ++lost > MAX_LOST : ++unsent > MAX_UNSENT)
                        return describe_failure(c, q, -ECONNRESET);
        }
}

static int simple_request(cgw_t *c, bool repeatable, const char *member, sd_bus_message **ret_reply, const char *types,
                          va_list *ap) {
        struct simple_arguments arguments = {.types = types, .ap = ap};
        struct request q = {
                .object = CGW_OBJECT_PATH,
                .interface = CGW_MANAGER_INTERFACE,
                .member = member,
                .repeatable = repeatable,
                .append = append_simple,
                .arg = &arguments,
        };

        return cgw_request(c, &q, ret_reply);
}

int cgw_repeatable(cgw_t *c, const char *member, sd_bus_message **ret_reply, const char *types, ...) {
        va_list ap;

        va_start(ap, types);
        int r = simple_request(c, true, member, ret_reply, types, &ap);
        va_end(ap);
        return r;
}

int cgw_once(cgw_t *c, const char *member, sd_bus_message **ret_reply, const char *types, ...) {
        va_list ap;

        va_start(ap, types);
        int r = simple_request(c, false, member, ret_reply, types, &ap);
        va_end(ap);
        return r;
}

int cgw_read_string(cgw_t *c, sd_bus_message *reply, char **ret) {
        const char *s;

        int r = sd_bus_message_read_basic(reply, 's', &s);
        if (r < 0)
                return cgw_bad_reply(c, r);
        if (!ret)
                return 0;

        char *copy = strdup(s);
        if (!copy)
                return cgw_bad_reply(c, -ENOMEM);

        *ret = copy;
        return 0;
}
