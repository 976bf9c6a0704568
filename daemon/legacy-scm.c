/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The Scm forms of cgmanager's methods. Who asks, and for which process or ids, comes as SCM_CREDENTIALS (unix(7)) over a datagram
 * socket that the message has: so the kernel translates the numbers of a container and vouches for them. Each credential is asked
 * for by a byte, and the answer goes over the same socket.
 *
 * The first credential is the requester's. If it is not the D-Bus peer itself, that one speaks for it, as a proxy does
 * (Caller.via): what both may do is done, so that it does not matter who has written to the socket's other end.
 *
 * Nothing waits for a client. It has ten seconds for each step; a conversation costs its user one of as many as he may have
 * connections; it ends with the connection.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/deadline.h"
#include "common/log.h"
#include "daemon/legacy-reader.h"
#include "daemon/legacy.h"
#include "dbus/closer.h"

/* cgmanager's own clients wait for two seconds. On a busy machine they may be late. */
#define STEP_USEC (10 * 1000 * 1000)
/* All of it, though it reads a long answer by and by. */
#define TOTAL_USEC (60 * 1000 * 1000)
/* Of what is kept for a conversation. */
#define TEXTS_MAX 8192
/* One datagram; there are buffers of 208 KiB as a rule (net.core.wmem_default). */
#define DATAGRAM_MAX (160 * 1024)

typedef struct Credential {
        PidRef process;
        uid_t uid;
        gid_t gid;
} Credential;

#define CREDENTIAL_NULL ((Credential) { .process = PIDREF_NULL })

/* pid: the process that it tells of, 0: none. */
typedef struct Datagram {
        void *data;
        size_t size;
        pid_t pid;
} Datagram;

typedef struct Conversation {
        Connection *connection;
        LegacyCall call;
        int socket;
        sd_event_source *io, *timeout;
        Credential requester;
        bool has_requester, has_pidfds;
        uint64_t end; /* TOTAL_USEC */
        GArray *answer; /* Datagram */
        unsigned sent;
} Conversation;

static void clear_datagram(gpointer p) {
        g_free(((Datagram *) p)->data);
}

static void conversation_free(Conversation *s) {
        Connection *c = s->connection;

        g_hash_table_remove(c->conversations, s);
        quota_release(c->manager->quotas, c->charge, QUOTA_CONVERSATIONS, 1);
        sd_event_source_disable_unref(s->io);
        sd_event_source_disable_unref(s->timeout);
        if (c->reader)
                reader_forget(c->reader, s);
        close_elsewhere(s->socket); /* descriptors may be in its queue */
        legacy_call_done(&s->call);
        pidref_done(&s->requester.process);
        g_array_unref(s->answer);
        g_free(s);
}

void legacy_scm_end(Connection *c) {
        GHashTableIter i;
        gpointer s;

        if (!c->conversations)
                return;
        while (g_hash_table_iter_init(&i, c->conversations), g_hash_table_iter_next(&i, &s, NULL))
                conversation_free(s);
        g_hash_table_unref(c->conversations);
        c->conversations = NULL;
}

/* ---- what is sent */

/* The client has the same socket, and may connect it to another one at any time: what is said is said with the client's credentials, so
 * that it says nothing that the client could not say itself. */
static int send_datagram(const Conversation *s, const Datagram *d) {
        const Caller *peer = s->connection->caller;
        struct ucred cred = { .pid = d->pid > 0 ? d->pid : peer->process.pid, .uid = peer->uid, .gid = peer->gid };
        struct iovec iov = { .iov_base = d->data, .iov_len = d->size };
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(cred))];
        } control = {
                .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS, .cmsg_len = CMSG_LEN(sizeof(cred)) },
        };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

        (void) memcpy(CMSG_DATA(&control.header), &cred, sizeof(cred));
        return sendmsg(s->socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Asks for the next credential. */
static int ask(const Conversation *s) {
        char one = '1';

        return send_datagram(s, &(Datagram) { .data = &one, .size = 1 });
}

static void add_datagram(Conversation *s, const void *data, size_t size, pid_t pid) {
        Datagram d = { .data = g_memdup2(data, size), .size = size, .pid = pid };

        g_array_append_val(s->answer, d);
}

static void add_count(Conversation *s, int64_t n) {
        int32_t count = (int32_t) n;

        add_datagram(s, &count, sizeof(count), 0);
}

static void add_pids(Conversation *s, const PidList *pids) {
        add_count(s, (int64_t) pids->n);
        for (size_t i = 0; i < pids->n; i++)
                add_datagram(s, "p", 1, pids->pids[i]);
}

/* A count, a length and that many bytes. */
static void add_text(Conversation *s, size_t n, const GString *text) {
        uint32_t length = (uint32_t) text->len;

        if (text->len > DATAGRAM_MAX) {
                add_count(s, -1);
                return;
        }
        add_count(s, (int64_t) n);
        if (n == 0)
                return;
        add_datagram(s, &length, sizeof(length), 0);
        add_datagram(s, text->str, text->len, 0);
}

static void add_names(Conversation *s, const NameList *names) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (size_t i = 0; i < names->n; i++)
                g_string_append_len(text, names->names[i], (gssize) strlen(names->names[i]) + 1);
        add_text(s, names->n, text);
}

static void add_keys(Conversation *s, const GArray *keys) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < keys->len; i++) {
                const LegacyKey *key = &g_array_index(keys, LegacyKey, i);

                g_string_append_printf(text, "%s\n%u\n%u\n%u\n", key->name, key->uid, key->gid, key->mode);
        }
        add_text(s, keys->len, text);
}

static void add_answer(Conversation *s, const LegacyAnswer *a) {
        switch (legacy_method_answer(s->call.method)) {
        case LEGACY_ANSWER_TEXT:
                add_datagram(s, a->text, strlen(a->text) < DATAGRAM_MAX ? strlen(a->text) + 1 : 0, 0);
                break;
        case LEGACY_ANSWER_PIDS:
                add_pids(s, &a->pids);
                break;
        case LEGACY_ANSWER_NAMES:
                add_names(s, &a->names);
                break;
        case LEGACY_ANSWER_KEYS:
                add_keys(s, a->keys);
                break;
        case LEGACY_ANSWER_EXISTED:
                add_datagram(s, a->existed == 1 ? "2" : "1", 1, 0);
                break;
        default:
                add_datagram(s, "1", 1, 0);
        }
}

static void add_failure(Conversation *s) {
        switch (legacy_method_answer(s->call.method)) {
        case LEGACY_ANSWER_TEXT:
                add_datagram(s, NULL, 0, 0);
                break;
        case LEGACY_ANSWER_PIDS:
        case LEGACY_ANSWER_NAMES:
        case LEGACY_ANSWER_KEYS:
                add_count(s, -1);
                break;
        default:
                add_datagram(s, "0", 1, 0);
        }
}

/* ---- the steps */

/* Who asks: the peer itself, or somebody for whom it speaks, who is then in *ret_other. */
static int find_requester(Conversation *s, Caller **ret, Caller **ret_other, sd_bus_error *error) {
        Caller *peer = s->connection->caller;
        Credential *r = &s->requester;
        const char *reason;
        int k;

        if (peer->process.pid == r->process.pid && peer->uid == r->uid && peer->gid == r->gid) {
                k = caller_refresh(peer, &reason);
                *ret = peer;
        } else {
                k = caller_new(&s->connection->manager->host, &r->process, false, r->uid, r->gid, peer, ret_other, &reason);
                *ret = *ret_other;
        }
        return k < 0 ? refuse(error, CGW_ERROR(AccessDenied), "the requester is refused: %s", reason) : 0;
}

static void run(Conversation *s) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(legacy_answer_done) LegacyAnswer answer = {};
        _cleanup_(caller_freep) Caller *other = NULL;
        Caller *requester;
        int k = find_requester(s, &requester, &other, &error);

        if (k >= 0)
                k = legacy_call_run(&s->call, s->connection->manager, requester, &s->connection->caller->process, &answer, &error);
        if (k >= 0) {
                add_answer(s, &answer);
        } else {
                add_failure(s);
                log_full(LOG_DEBUG, k, NULL, "a client of cgmanager's is answered that it failed: %s", error.message ? error.message : "");
        }
}

/* The next step has as long as the first. */
static int move_timeout(Conversation *s) {
        return sd_event_source_set_time(s->timeout, MIN(deadline_in(STEP_USEC), s->end));
}

/* Of a process that has ended since: the count has been told, so another one of them stands in its place. */
static pid_t find_alive(const Conversation *s) {
        for (unsigned i = 0; i < s->answer->len; i++) {
                pid_t pid = g_array_index(s->answer, Datagram, i).pid;

                if (pid > 0 && (kill(pid, 0) >= 0 || errno == EPERM))
                        return pid;
        }
        return s->connection->caller->process.pid;
}

/* Returns 1 when all of it is out. */
static int send_answer(Conversation *s) {
        unsigned before = s->sent;
        int k;

        for (; s->sent < s->answer->len; s->sent++) {
                Datagram *d = &g_array_index(s->answer, Datagram, s->sent);

                k = send_datagram(s, d);
                if (k == -ESRCH && d->pid > 0) {
                        d->pid = find_alive(s);
                        k = send_datagram(s, d);
                }
                if (k == -EAGAIN)
                        break;
                if (k < 0)
                        return k;
        }
        if (s->sent == s->answer->len)
                return 1;
        k = sd_event_source_set_io_events(s->io, EPOLLOUT);
        return k < 0 || s->sent == before ? k : move_timeout(s);
}

/* Takes the pidfd. Returns 1 when it has come to its end. */
static int take_credential(Conversation *s, const struct ucred *cred, int pidfd) {
        LegacyOther other = legacy_method_other(s->call.method);
        Credential c = { .process = { .pid = cred->pid, .fd = pidfd }, .uid = cred->uid, .gid = cred->gid };
        int k = 0;

        /* Before Linux 6.5 the number is all there is: caller_new() compares the ids. Since then the client can have turned them off. */
        if (pidfd < 0)
                k = s->has_pidfds ? -EPROTO : pidref_from_pid(cred->pid, &c.process);
        if (k < 0)
                return k;

        if (!s->has_requester) {
                s->requester = c;
                s->has_requester = true;
                if (other != LEGACY_OTHER_NONE) {
                        k = ask(s);
                        return k < 0 ? k : move_timeout(s);
                }
        } else if (other == LEGACY_OTHER_PROCESS) {
                s->call.process = c.process;
        } else {
                s->call.uid = c.uid;
                s->call.gid = c.gid;
                pidref_done(&c.process);
        }

        run(s);
        return send_answer(s);
}

/* One end does not hear that the other one has been closed: it is told. */
static int give_up(Conversation *s, int k) {
        if (s->answer->len == 0) {
                add_failure(s);
                (void) send_answer(s);
        }
        return k;
}

static void go_on(Conversation *s, int k) {
        if (k == 0)
                k = sd_event_source_set_enabled(s->io, SD_EVENT_ON);
        if (k != 0)
                conversation_free(s);
}

/* That there was nothing to read (-EAGAIN) is an end, too: somebody else has, or the socket was shut down, and it would wake us
 * again and again. */
static void on_read(void *userdata, int result, const struct ucred *cred, int pidfd) {
        Conversation *s = userdata;

        int k = result;

        if (k < 0)
                safe_close(pidfd);
        else
                k = take_credential(s, cred, pidfd);
        go_on(s, k < 0 ? give_up(s, k) : k);
}

static void on_prepared(void *userdata, int result, const struct ucred *cred, int pidfd) {
        Conversation *s = userdata;

        s->has_pidfds = result > 0;
        go_on(s, result < 0 ? result : ask(s));
}

/* By a process of the user's own, and at once for root. The conversation may be gone after that. */
static void have_done(Conversation *s, ReaderRequest request) {
        Connection *c = s->connection;
        struct ucred cred = {};
        int pidfd = -EBADF, k;

        if (c->caller->privileged) {
                k = request == READER_PREPARE ? reader_prepare(s->socket) : reader_read(s->socket, &cred, &pidfd);
                (request == READER_PREPARE ? on_prepared : on_read)(s, k, &cred, pidfd);
                return;
        }

        k = sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
        if (k >= 0 && !c->reader)
                c->reader = reader_get(c->manager, c->charge);
        if (k >= 0)
                k = c->reader ? reader_ask(c->reader, request, s->socket, request == READER_PREPARE ? on_prepared : on_read, s) : -EAGAIN;
        if (k < 0)
                go_on(s, k);
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Conversation *s = userdata;
        int k;

        if (s->answer->len == 0) {
                have_done(s, READER_READ);
                return 0;
        }
        k = send_answer(s);
        if (k == 0 && (revents & (EPOLLHUP | EPOLLERR)))
                k = -EPIPE;
        go_on(s, k);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        go_on(userdata, give_up(userdata, -ETIMEDOUT));
        return 0;
}

/* Only one end of a socketpair(2). It may become something else, see send_datagram(). */
static const char *why_unfit(int fd) {
        struct sockaddr_un address;
        socklen_t length = sizeof(int);
        int domain, type;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain != AF_UNIX)
                return "it is no unix socket";
        length = sizeof(int);
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_DGRAM)
                return "it is no datagram socket";
        length = sizeof(address);
        if (getsockname(fd, (struct sockaddr *) &address, &length) < 0 || length > sizeof(sa_family_t))
                return "it has a name";
        length = sizeof(address);
        if (getpeername(fd, (struct sockaddr *) &address, &length) < 0)
                return "it is not connected";
        return length > sizeof(sa_family_t) ? "its other end has a name" : NULL;
}

static int start(Conversation *s) {
        sd_event *event = s->connection->manager->event;
        int k = sd_event_add_io(event, &s->io, s->socket, EPOLLIN, on_socket, s);

        if (k >= 0)
                k = sd_event_add_time(event, &s->timeout, CLOCK_MONOTONIC, deadline_in(STEP_USEC), 0, on_timeout, s);
        /* What has come in time counts, though we be late. */
        return k < 0 ? k : sd_event_source_set_priority(s->timeout, SD_EVENT_PRIORITY_IDLE);
}

static size_t length_of(const LegacyCall *call) {
        const char *const texts[] = { call->controllers, call->path, call->key, call->value };
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                n += texts[i] ? strlen(texts[i]) : 0;
        return n;
}

int legacy_scm_start(Connection *c, int socket, LegacyCall *call, sd_bus_error *error) {
        uint32_t limit = c->manager->config->connections_per_user;
        const char *unfit = why_unfit(socket);
        Conversation *s;
        int k;

        if (unfit)
                return refuse(error, CGW_ERROR(InvalidValue), "the descriptor is not one end of a socketpair of datagrams: %s", unfit);
        if (length_of(call) > TEXTS_MAX)
                return refuse(error, CGW_ERROR(InvalidValue), "the call is longer than %d bytes", TEXTS_MAX);
        k = quota_charge(c->manager->quotas, c->charge, QUOTA_CONVERSATIONS, 1, limit);
        if (k < 0)
                return refuse(error, CGW_ERROR(QuotaExceeded), "uid %u has as many conversations under way as it may", (unsigned) c->charge);

        if (!c->conversations)
                c->conversations = g_hash_table_new(NULL, NULL);
        s = g_new0(Conversation, 1);
        *s = (Conversation) { .connection = c, .call = *call, .socket = fcntl(socket, F_DUPFD_CLOEXEC, 3), .requester = CREDENTIAL_NULL };
        *call = (LegacyCall) { .process = PIDREF_NULL };
        s->end = deadline_in(TOTAL_USEC);
        s->answer = g_array_new(FALSE, FALSE, sizeof(Datagram));
        g_array_set_clear_func(s->answer, clear_datagram);
        g_hash_table_add(c->conversations, s);

        k = s->socket < 0 ? -errno : start(s);
        if (k < 0) {
                conversation_free(s);
                return refuse(error, CGW_ERROR(InvalidValue), "nobody can be asked over the descriptor: %s", strerrordesc_np(-k));
        }
        have_done(s, READER_PREPARE);
        return 0;
}
