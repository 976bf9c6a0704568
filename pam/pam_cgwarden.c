/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A login gets a cgroup of its own: the session is opened and closed by the daemon, and this module only asks for it.
 *
 * It lives in other people's processes: no static state, one bound for the time a call may take, one line in the auth
 * log for what goes wrong. All that is kept between open and close hangs on the PAM handle. PAM_SESSION_ERR is the
 * answer to any failure; whether a login goes on is for the control word in pam.d to say.
 */

#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>

#include "common/util.h"
#include "dbus/names.h"
#include "dbus/wire.h"
#include "pam/options.h"

#define EXPORT __attribute__((visibility("default")))

#define DATA_NAME "pam_cgwarden"

/* The open sessions of one PAM handle, the last one first: a stack may have two lines of this module, and a program
 * may open twice. Each close ends the one that was opened last. */
typedef struct Session {
        struct Session *next;
        uint64_t timeout_usec;
        char id[256];
        char socket[]; /* where it was opened */
} Session;

typedef struct Sessions {
        Session *last;
} Sessions;

/* Only memory: PAM calls this in pam_end(), which sshd and others call in the child too, while the session lives on.
 */
static void sessions_free(pam_handle_t *handle, void *data, int error_status) {
        Sessions *sessions = data;

        while (sessions->last) {
                Session *s = sessions->last;
                sessions->last = s->next;
                free(s);
        }
        free(sessions);
}

static Sessions *sessions_get(pam_handle_t *handle) {
        const void *data = NULL;

        return pam_get_data(handle, DATA_NAME, &data) == PAM_SUCCESS ? (Sessions *)data : NULL;
}

static Sessions *sessions_get_or_new(pam_handle_t *handle) {
        Sessions *sessions = sessions_get(handle);

        if (sessions)
                return sessions;
        sessions = calloc(1, sizeof(*sessions));
        if (!sessions || pam_set_data(handle, DATA_NAME, sessions, sessions_free) == PAM_SUCCESS)
                return sessions;
        free(sessions);
        return NULL;
}

static Session *session_new(const PamOptions *o) {
        size_t n = strlen(o->socket) + 1;
        Session *s = calloc(1, sizeof(*s) + n);

        if (!s)
                return NULL;
        s->timeout_usec = o->timeout_usec;
        memcpy(s->socket, o->socket, n);
        return s;
}

static void report_option(void *userdata, const char *word, const char *problem) {
        char printable[256];

        wire_printable(printable, sizeof(printable), word);
        pam_syslog(userdata, LOG_ERR, "option \"%s\" %s", printable, problem);
}

/* Sends the call and reads n strings back; -EREMOTEIO when the daemon answers an error, which is in *reply then. */
static int ask(const Session *s, WireCall *call, WireReply *reply, const char **ret_strings, size_t n) {
        int e = wire_call_finish(call);

        if (e == 0)
                e = wire_transact(s->socket, s->timeout_usec, call, reply);
        if (e < 0)
                return e;
        if (reply->message.type == WIRE_TYPE_ERROR)
                return -EREMOTEIO;
        return wire_message_strings(&reply->message, ret_strings, n);
}

static const char *failure_text(int e) {
        switch (e) {
        case -ENOENT:
        case -ECONNREFUSED:
                return "cgwardend is not running";
        case -ETIMEDOUT:
                return "cgwardend gives no answer in time";
        case -ECONNRESET:
                return "cgwardend has closed the connection";
        case -ECONNABORTED:
                return "cgwardend refuses the connection";
        case -EBADMSG:
                return "what answers is no D-Bus server";
        case -EILSEQ:
                return "a name or an option is not UTF-8";
        default:
                return strerror(-e);
        }
}

/* The one line for a call that failed. */
static void log_failure(pam_handle_t *handle, const char *what, const Session *s, int e, const WireReply *reply) {
        char text[512];

        if (e == -EREMOTEIO) {
                wire_message_text(&reply->message, text, sizeof(text));
                pam_syslog(handle, LOG_ERR, "cannot %s: %s", what, text);
                return;
        }
        pam_syslog(handle, e == -ENOENT || e == -ECONNREFUSED ? LOG_WARNING : LOG_ERR, "cannot %s: %s (%s)", what,
                   failure_text(e), s->socket);
}

static void put_values(WireCall *c, const PamOptions *o) {
        WireArray values;

        wire_put_struct(c);
        wire_put_string(c, "Values");
        wire_put_signature(c, "a(sss)");
        values = wire_open_array(c, 8);
        for (size_t i = 0; i < o->n_values; i++) {
                const PamValue *v = &o->values[i];

                wire_put_struct(c);
                wire_put_string_n(c, v->controller, v->controller_size);
                wire_put_string_n(c, v->key, v->key_size);
                wire_put_string(c, v->value);
        }
        wire_close_array(c, values);
}

/* What is not given is not sent: the defaults are the daemon's. */
static void put_options(WireCall *c, const PamOptions *o, const char *group) {
        WireArray options = wire_open_array(c, 8);

        if (o->controllers)
                wire_put_option_string(c, "Controllers", o->controllers);
        if (o->pattern)
                wire_put_option_string(c, "Pattern", o->pattern);
        if (group)
                wire_put_option_string(c, "Group", group);
        if (o->n_values > 0)
                put_values(c, o);
        if (o->no_index_suffix)
                wire_put_option_bool(c, "NoIndexSuffix", true);
        if (o->has_max_index)
                wire_put_option_u32(c, "MaxIndex", o->max_index);
        if (o->has_prune_depth)
                wire_put_option_u32(c, "PruneDepth", o->prune_depth);
        wire_close_array(c, options);
}

static struct passwd *login_user(pam_handle_t *handle) {
        struct passwd *pw;
        const char *name = NULL;
        char printable[256];

        if (pam_get_user(handle, &name, NULL) != PAM_SUCCESS || !name) {
                pam_syslog(handle, LOG_ERR, "cannot open a session: PAM has no user name");
                return NULL;
        }
        pw = pam_modutil_getpwnam(handle, name);
        if (!pw) {
                wire_printable(printable, sizeof(printable), name);
                pam_syslog(handle, LOG_ERR, "cannot open a session: there is no user \"%s\"", printable);
        }
        return pw;
}

/* The name for %g; a group without one gets its number there, from the daemon. */
static const char *group_name(pam_handle_t *handle, const PamOptions *o, gid_t gid) {
        struct group *gr = NULL;

        if (o->pattern && pam_pattern_has_group_name(o->pattern))
                gr = pam_modutil_getgrgid(handle, gid);
        return gr ? gr->gr_name : NULL;
}

/* Fills in the session's id. Has logged what it fails with. */
static int open_session(pam_handle_t *handle, const PamOptions *o, const struct passwd *pw, Session *session) {
        _cleanup_close_ int leader = -EBADF;
        const char *strings[2]; /* id, path */
        WireReply reply;
        WireCall call;
        int e;

        leader = (int)syscall(SYS_pidfd_open, getpid(), 0); /* close-on-exec by itself, pidfd_open(2) */
        if (leader < 0) {
                e = -errno;
                pam_syslog(handle, LOG_ERR, "cannot open a session: pidfd_open: %s", strerror(-e));
                return e;
        }
        wire_call_init(&call, CGW_OBJECT_PATH, CGW_MANAGER_INTERFACE, "OpenSession", "suuha{sv}", leader);
        wire_put_string(&call, pw->pw_name);
        wire_put_u32(&call, pw->pw_uid);
        wire_put_u32(&call, pw->pw_gid);
        wire_put_u32(&call, 0); /* the first of the descriptors sent along */
        put_options(&call, o, group_name(handle, o, pw->pw_gid));

        e = ask(session, &call, &reply, strings, ARRAY_SIZE(strings));
        if (e == 0 && strlen(strings[0]) >= sizeof(session->id))
                e = -EMSGSIZE;
        if (e < 0) {
                log_failure(handle, "open a session", session, e, &reply);
                return e;
        }
        strcpy(session->id, strings[0]);
        if (o->debug)
                pam_syslog(handle, LOG_DEBUG, "session %s of %s is in %s", session->id, pw->pw_name, strings[1]);
        return 0;
}

/* systemd starts a user's manager with the PAM stack of this service. It is not a login, and has its place in its own unit. */
static bool is_user_manager(pam_handle_t *handle) {
        const void *service = NULL;

        return pam_get_item(handle, PAM_SERVICE, &service) == PAM_SUCCESS && service && streq(service, "systemd-user");
}

EXPORT int pam_sm_open_session(pam_handle_t *handle, int flags, int argc, const char **argv) {
        _cleanup_free_ Session *session = NULL;
        struct passwd *pw;
        Sessions *sessions;
        PamOptions options;

        if (pam_options_parse(&options, argc, argv, report_option, handle) < 0)
                return PAM_SESSION_ERR;
        if (is_user_manager(handle))
                return PAM_SUCCESS;
        pw = login_user(handle);
        if (!pw)
                return PAM_SESSION_ERR;

        /* Before the call, so that nothing can fail between the session's being open and our knowing of it. */
        sessions = sessions_get_or_new(handle);
        session = session_new(&options);
        if (!sessions || !session) {
                pam_syslog(handle, LOG_CRIT, "cannot open a session: out of memory");
                return PAM_SESSION_ERR;
        }
        if (open_session(handle, &options, pw, session) < 0)
                return PAM_SESSION_ERR;
        session->next = sessions->last;
        sessions->last = TAKE_PTR(session);
        return PAM_SUCCESS;
}

/* A session that the daemon no longer has is closed: its last process may have gone before. */
static bool already_closed(int e, const WireReply *reply) {
        return e == -EREMOTEIO && streq(reply->message.error_name, CGW_ERROR(NoSuchSession));
}

EXPORT int pam_sm_close_session(pam_handle_t *handle, int flags, int argc, const char **argv) {
        Sessions *sessions = sessions_get(handle);
        _cleanup_free_ Session *session = NULL;
        WireReply reply;
        WireCall call;
        int e;

        if (!sessions || !sessions->last)
                return PAM_SUCCESS;
        session = sessions->last;
        sessions->last = session->next;

        wire_call_init(&call, CGW_OBJECT_PATH, CGW_MANAGER_INTERFACE, "CloseSession", "s", -1);
        wire_put_string(&call, session->id);
        e = ask(session, &call, &reply, NULL, 0);
        if (e == 0 || already_closed(e, &reply))
                return PAM_SUCCESS;
        log_failure(handle, "close the session", session, e, &reply);
        return PAM_SESSION_ERR;
}
