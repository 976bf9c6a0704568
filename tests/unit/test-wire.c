/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The PAM module's D-Bus client against sd-bus (as the daemon uses it), and against peers that play badly.
 */

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "common/util.h"
#include "dbus/wire.h"

#define SECOND G_USEC_PER_SEC
#define SHORT_USEC (SECOND / 5)

static unsigned count_fds(void) {
        GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
        unsigned n = 0;

        g_assert_nonnull(dir);
        while (g_dir_read_name(dir))
                n++;
        g_dir_close(dir);
        return n;
}

/* --- an independent marshaller for what a server sends --- */

static void pad(GByteArray *b, size_t alignment) {
        while (b->len % alignment != 0)
                g_byte_array_append(b, (const guint8 *)"", 1);
}

static void add_u32(GByteArray *b, uint32_t u) {
        pad(b, 4);
        g_byte_array_append(b, (const guint8 *)&u, 4);
}

static void add_string(GByteArray *b, const char *s) {
        add_u32(b, (uint32_t)strlen(s));
        g_byte_array_append(b, (const guint8 *)s, (guint)strlen(s) + 1);
}

static void add_field(GByteArray *b, guint8 field, char type, const char *text, uint32_t number) {
        const guint8 head[] = {field, 1, (guint8)type, 0};
        guint8 n = text ? (guint8)strlen(text) : 0;

        pad(b, 8);
        g_byte_array_append(b, head, 4);
        if (type == 'u')
                add_u32(b, number);
        else if (type == 'g') {
                g_byte_array_append(b, &n, 1);
                g_byte_array_append(b, (const guint8 *)text, n + 1u);
        } else
                add_string(b, text);
}

/* body: n strings */
static GByteArray *message(guint8 type, uint32_t reply_serial, const char *error_name, const char *signature,
                           const char *const *strings) {
        const guint8 head[] = {G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B', type, 1, 1};
        GByteArray *b = g_byte_array_new(), *body = g_byte_array_new();
        uint32_t size;

        for (; strings && *strings; strings++)
                add_string(body, *strings);
        g_byte_array_append(b, head, 4);
        add_u32(b, body->len);
        add_u32(b, 77);
        add_u32(b, 0);
        if (type == WIRE_TYPE_SIGNAL) {
                add_field(b, 1, 'o', "/org/cgwarden1", 0);
                add_field(b, 2, 's', "org.cgwarden1.Manager", 0);
                add_field(b, 3, 's', "SessionNew", 0);
        }
        if (reply_serial > 0)
                add_field(b, 5, 'u', NULL, reply_serial);
        if (error_name)
                add_field(b, 4, 's', error_name, 0);
        if (*signature)
                add_field(b, 8, 'g', signature, 0);
        size = b->len - 16;
        memcpy(b->data + 12, &size, 4);
        pad(b, 8);
        g_byte_array_append(b, body->data, body->len);
        g_byte_array_unref(body);
        return b;
}

static GByteArray *good_reply(void) {
        return message(WIRE_TYPE_RETURN, 1, NULL, "ss", (const char *const[]){"c1", "/user/ubuntu/0", NULL});
}

/* --- peers --- */

#define AUTH_GOOD "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n"

typedef struct Peer {
        int fd;
        const char *auth;    /* what it answers to the authentication; NULL: nothing at all */
        GByteArray *bytes;   /* what it sends once the call is there */
        size_t piece;        /* so many bytes at a time, 0: all at once */
        unsigned pause_usec; /* between the pieces */
        bool endless;        /* again and again */
        bool hang_up;        /* closes right after */
        bool in_one;         /* bytes come in one write with the authentication */
        int passed_fd;       /* goes with the first piece */
        size_t received_fds; /* with the call */
} Peer;

/* False when the other side has gone. */
static bool send_with_fd(int fd, const void *data, size_t size, int passed) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

        if (passed > 0) {
                m.msg_control = &control;
                m.msg_controllen = sizeof(control);
                control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
                memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
        }
        return sendmsg(fd, &m, MSG_NOSIGNAL) >= 0;
}

static bool read_until_quiet(Peer *p) {
        char buffer[65536], control[CMSG_SPACE(8 * sizeof(int))];
        struct iovec iov = {.iov_base = buffer, .iov_len = sizeof(buffer)};
        struct msghdr m = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};

        if (recvmsg(p->fd, &m, MSG_CMSG_CLOEXEC) <= 0)
                return false;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
                int *fds = (int *)CMSG_DATA(c);
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                p->received_fds += n;
                for (size_t i = 0; i < n; i++)
                        close(fds[i]);
        }
        return true;
}

static void send_pieces(Peer *p) {
        size_t piece = p->piece ?: p->bytes->len;
        int passed = p->passed_fd;

        for (size_t at = 0; at < p->bytes->len; at += piece) {
                if (!send_with_fd(p->fd, p->bytes->data + at, MIN(piece, p->bytes->len - at), passed))
                        return;
                passed = 0;
                if (p->pause_usec > 0)
                        g_usleep(p->pause_usec);
        }
}

static void peer_talk(Peer *p) {
        if (!read_until_quiet(p) || !p->auth)
                return;
        if (p->in_one) {
                g_byte_array_prepend(p->bytes, (const guint8 *)p->auth, (guint)strlen(p->auth));
                send_pieces(p);
                read_until_quiet(p);
                return;
        }
        send_with_fd(p->fd, p->auth, strlen(p->auth), 0);
        if (p->hang_up && !p->bytes)
                return;
        if (!read_until_quiet(p) || !p->bytes)
                return;
        do {
                struct pollfd gone = {.fd = p->fd, .events = POLLRDHUP};
                send_pieces(p);
                if (poll(&gone, 1, 0) > 0)
                        return;
        } while (p->endless);
}

static gpointer peer_main(gpointer data) {
        Peer *p = data;

        peer_talk(p);
        if (p->hang_up)
                shutdown(p->fd, SHUT_RDWR);
        /* Until the client has gone. */
        while (!p->hang_up && read_until_quiet(p))
                ;
        return NULL;
}

static void small_call(WireCall *c, int fd) {
        wire_call_init(c, "/org/cgwarden1", "org.cgwarden1.Manager", "CloseSession", "s", fd);
        wire_put_string(c, "c1");
        g_assert_cmpint(wire_call_finish(c), ==, 0);
}

static int talk_with(Peer *p, uint64_t timeout, int fd, WireReply *reply) {
        unsigned before = count_fds();
        GThread *thread;
        WireCall call;
        int pair[2], e;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
        p->fd = pair[1];
        small_call(&call, fd);
        thread = g_thread_new("peer", peer_main, p);
        e = wire_authenticate_and_call(pair[0], wire_now_usec() + timeout, &call, reply);
        close(pair[0]);
        g_thread_join(thread);
        close(pair[1]);
        g_clear_pointer(&p->bytes, g_byte_array_unref);
        g_assert_cmpuint(count_fds(), ==, before);
        return e;
}

static void assert_good_reply(const WireReply *reply) {
        const char *s[2];

        g_assert_cmpint(reply->message.type, ==, WIRE_TYPE_RETURN);
        g_assert_cmpint(wire_message_strings(&reply->message, s, 2), ==, 0);
        g_assert_cmpstr(s[0], ==, "c1");
        g_assert_cmpstr(s[1], ==, "/user/ubuntu/0");
}

static void test_good_peer(void) {
        Peer p = {.auth = AUTH_GOOD, .bytes = good_reply()};
        WireReply reply;

        g_assert_cmpint(talk_with(&p, 5 * SECOND, STDIN_FILENO, &reply), ==, 0);
        assert_good_reply(&reply);
        g_assert_cmpuint(p.received_fds, ==, 1);
}

static void test_one_byte_at_a_time(void) {
        Peer p = {.auth = AUTH_GOOD, .bytes = good_reply(), .piece = 1, .pause_usec = 200};
        WireReply reply;

        g_assert_cmpint(talk_with(&p, 10 * SECOND, -1, &reply), ==, 0);
        assert_good_reply(&reply);
        g_assert_cmpuint(p.received_fds, ==, 0);
}

static void test_reply_with_authentication(void) {
        Peer p = {.auth = AUTH_GOOD, .bytes = good_reply(), .in_one = true};
        WireReply reply;

        g_assert_cmpint(talk_with(&p, 5 * SECOND, -1, &reply), ==, 0);
        assert_good_reply(&reply);
}

static void append_message(GByteArray *b, GByteArray *m) {
        g_byte_array_append(b, m->data, m->len);
        g_byte_array_unref(m);
}

static void test_signals_first(void) {
        GByteArray *b = g_byte_array_new();
        WireReply reply;
        Peer p = {.auth = AUTH_GOOD};

        for (unsigned i = 0; i < 300; i++)
                append_message(b, message(WIRE_TYPE_SIGNAL, 0, NULL, "ss",
                                          (const char *const[]){"c1", "/user/ubuntu/0/a/long/path", NULL}));
        append_message(b, message(WIRE_TYPE_RETURN, 9, NULL, "s", (const char *const[]){"not for us", NULL}));
        append_message(b, message(WIRE_TYPE_ERROR, 2, "org.cgwarden1.Error.Busy", "", NULL));
        append_message(b, message(200, 0, NULL, "", NULL)); /* a type of the future is to be ignored */
        append_message(b, good_reply());
        p.bytes = b;
        p.piece = 1000;
        g_assert_cmpint(talk_with(&p, 10 * SECOND, -1, &reply), ==, 0);
        assert_good_reply(&reply);
}

static void test_endless_signals(void) {
        Peer p = {.auth = AUTH_GOOD, .endless = true, .bytes = message(WIRE_TYPE_SIGNAL, 0, NULL, "", NULL)};
        uint64_t start = wire_now_usec();
        WireReply reply;

        g_assert_cmpint(talk_with(&p, SHORT_USEC, -1, &reply), ==, -ETIMEDOUT);
        g_assert_cmpuint(wire_now_usec() - start, <, 3 * SHORT_USEC);
}

static void test_error_reply(void) {
        Peer p = {.auth = AUTH_GOOD,
                  .bytes = message(WIRE_TYPE_ERROR, 1, "org.cgwarden1.Error.NoSuchController", "s",
                                   (const char *const[]){"No \"x\"\nhere\x1b[1m, \xc3\xa4", NULL})};
        WireReply reply;
        char text[64];

        g_assert_cmpint(talk_with(&p, 5 * SECOND, -1, &reply), ==, 0);
        g_assert_cmpint(reply.message.type, ==, WIRE_TYPE_ERROR);
        g_assert_cmpstr(reply.message.error_name, ==, "org.cgwarden1.Error.NoSuchController");
        wire_message_text(&reply.message, text, sizeof(text));
        g_assert_cmpstr(text, ==, "No \"x\"?here?[1m, \xc3\xa4");
}

static void test_error_without_text(void) {
        Peer p = {.auth = AUTH_GOOD, .bytes = message(WIRE_TYPE_ERROR, 1, "org.cgwarden1.Error.Busy", "", NULL)};
        WireReply reply;
        char text[64], small[8];

        g_assert_cmpint(talk_with(&p, 5 * SECOND, -1, &reply), ==, 0);
        wire_message_text(&reply.message, text, sizeof(text));
        g_assert_cmpstr(text, ==, "org.cgwarden1.Error.Busy");
        wire_message_text(&reply.message, small, sizeof(small));
        g_assert_cmpstr(small, ==, "org.cgw");
}

/* Descriptors that a server sends never appear in this process: talk_with() counts. */
static void test_descriptors_in_reply(void) {
        Peer p = {.auth = AUTH_GOOD, .bytes = good_reply(), .passed_fd = STDERR_FILENO};
        WireReply reply;

        g_assert_cmpint(talk_with(&p, 5 * SECOND, -1, &reply), ==, 0);
        assert_good_reply(&reply);
}

/* Whatever the peer does, the answer is an error, in time. */
static void assert_fails(Peer p, int expected) {
        uint64_t start = wire_now_usec();
        WireReply reply;

        reply.message = (WireMessage){.serial = 4711};
        g_assert_cmpint(talk_with(&p, SHORT_USEC, STDIN_FILENO, &reply), ==, expected);
        g_assert_cmpuint(wire_now_usec() - start, <, 3 * SHORT_USEC);
        g_assert_cmpuint(reply.message.serial, ==, 4711); /* untouched on failure */
}

static void test_bad_authentication(void) {
        g_autofree char *endless = g_strnfill(10000, 'x');

        assert_fails((Peer){.auth = NULL}, -ETIMEDOUT);
        assert_fails((Peer){.auth = NULL, .hang_up = true}, -ECONNRESET);
        assert_fails((Peer){.auth = "REJECTED EXTERNAL\r\n"}, -ECONNABORTED);
        assert_fails((Peer){.auth = "DATA\r\nREJECTED\r\n"}, -ECONNABORTED);
        assert_fails((Peer){.auth = "OK 0123456789abcdef0123456789abcdef\r\nERROR\r\n"}, -EOPNOTSUPP);
        assert_fails((Peer){.auth = "AGREE_UNIX_FD\r\n"}, -EBADMSG);
        assert_fails((Peer){.auth = "HTTP/1.1 400 Bad Request\r\n"}, -EBADMSG);
        assert_fails((Peer){.auth = "DATA\n"}, -EBADMSG);
        assert_fails((Peer){.auth = "\n"}, -EBADMSG);
        assert_fails((Peer){.auth = endless}, -EBADMSG);
        assert_fails((Peer){.auth = "DATA\r\n"}, -ETIMEDOUT);
        assert_fails((Peer){.auth = "DATA\r\nOK 01", .hang_up = true}, -ECONNRESET);
        /* DATA for ever is bounded by the deadline, or by the peer's going. */
        assert_fails((Peer){.auth = "DATA\r\nDATA\r\nDATA\r\nDATA\r\nDATA\r\nDATA\r\n"}, -ETIMEDOUT);
}

static void test_silence_after_call(void) {
        assert_fails((Peer){.auth = AUTH_GOOD}, -ETIMEDOUT);
        assert_fails((Peer){.auth = AUTH_GOOD, .hang_up = true}, -ECONNRESET);
}

static GByteArray *garbage(void) {
        GByteArray *b = g_byte_array_new();

        for (unsigned i = 0; i < 64; i++)
                add_u32(b, 0xdeadbeef);
        return b;
}

static GByteArray *patched(size_t at, uint32_t value) {
        GByteArray *b = good_reply();

        memcpy(b->data + at, &value, 4);
        return b;
}

static GByteArray *truncated(void) {
        GByteArray *b = good_reply();

        return g_byte_array_set_size(b, b->len - 1);
}

static void test_bad_messages(void) {
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = garbage()}, -EBADMSG);
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = patched(4, UINT32_MAX)}, -EMSGSIZE);
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = patched(4, 128u << 20)}, -EMSGSIZE);
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = patched(4, WIRE_MESSAGE_MAX)}, -EMSGSIZE);
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = patched(12, UINT32_MAX)}, -EMSGSIZE);
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = patched(12, WIRE_MESSAGE_MAX)}, -EMSGSIZE);
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = patched(8, 0)}, -EBADMSG);
        /* Longer than what comes: the rest never does. */
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = patched(4, 4096)}, -ETIMEDOUT);
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = truncated()}, -ETIMEDOUT);
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = truncated(), .hang_up = true}, -ECONNRESET);
        /* A drop now and then does not move the deadline. */
        assert_fails((Peer){.auth = AUTH_GOOD, .bytes = good_reply(), .piece = 1, .pause_usec = 20000}, -ETIMEDOUT);
}

/* --- messages, without a socket --- */

/* Every byte of a good message set to every value, and every length: parse or refuse, nothing else (run it under
 * ASan). The copy has exactly the message's size, so that a read behind it is seen. */
static void test_mutations(void) {
        g_autoptr(GByteArray) good = good_reply();
        const char *s[2];
        WireMessage m;

        for (guint at = 0; at < good->len; at++)
                for (unsigned value = 0; value < 256; value++) {
                        guint8 *copy = g_memdup2(good->data, good->len);
                        char text[32];

                        copy[at] = (guint8)value;
                        if (wire_message_parse(copy, good->len, &m) == 0) {
                                (void)wire_message_strings(&m, s, 2);
                                wire_message_text(&m, text, sizeof(text));
                        }
                        g_free(copy);
                }
        for (guint size = 0; size < good->len; size++) {
                guint8 *copy = g_memdup2(good->data, size);

                g_assert_cmpint(wire_message_parse(copy, size, &m), ==, -EBADMSG);
                g_free(copy);
        }
        g_assert_cmpint(wire_message_parse(good->data, good->len, &m), ==, 0);
        g_assert_cmpint(wire_message_strings(&m, s, 2), ==, 0);
}

static int parse_field(guint8 field, char type, const char *text, uint32_t number) {
        const guint8 head[] = {G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B', WIRE_TYPE_SIGNAL, 0, 1};
        g_autoptr(GByteArray) b = g_byte_array_new();
        WireMessage m;
        uint32_t size;

        g_byte_array_append(b, head, 4);
        add_u32(b, 0);
        add_u32(b, 1);
        add_u32(b, 0);
        add_field(b, field, type, text, number);
        size = b->len - 16;
        memcpy(b->data + 12, &size, 4);
        pad(b, 8);
        return wire_message_parse(b->data, b->len, &m);
}

static void test_header_fields(void) {
        g_assert_cmpint(parse_field(7, 's', ":1.1", 0), ==, 0);
        g_assert_cmpint(parse_field(99, 's', "a field of the future", 0), ==, 0);
        g_assert_cmpint(parse_field(0, 's', "invalid", 0), ==, -EBADMSG);
        g_assert_cmpint(parse_field(7, 'x', ":1.1", 0), ==, -EBADMSG);
        g_assert_cmpint(parse_field(4, 'u', NULL, 1), ==, -EBADMSG);
        g_assert_cmpint(parse_field(5, 's', "1", 0), ==, -EBADMSG);
        g_assert_cmpint(parse_field(5, 'u', NULL, 0), ==, -EBADMSG);
        g_assert_cmpint(parse_field(8, 's', "ss", 0), ==, -EBADMSG);
        g_assert_cmpint(parse_field(7, 's', "\xff", 0), ==, -EBADMSG);
}

static int parse_strings(const char *signature, const char *const *strings, size_t n) {
        g_autoptr(GByteArray) b = message(WIRE_TYPE_RETURN, 1, NULL, signature, strings);
        const char *s[4] = {"kept", "kept", "kept", "kept"};
        WireMessage m;
        int e;

        g_assert_cmpint(wire_message_parse(b->data, b->len, &m), ==, 0);
        e = wire_message_strings(&m, s, n);
        if (e < 0)
                g_assert_cmpstr(s[0], ==, "kept");
        return e;
}

static void test_strings(void) {
        const char *const two[] = {"a", "b", NULL}, *const three[] = {"a", "b", "c", NULL};

        g_assert_cmpint(parse_strings("ss", two, 2), ==, 0);
        g_assert_cmpint(parse_strings("", NULL, 0), ==, 0);
        g_assert_cmpint(parse_strings("ss", three, 2), ==, -EBADMSG); /* more than the signature says */
        g_assert_cmpint(parse_strings("sss", three, 2), ==, -EBADMSG);
        g_assert_cmpint(parse_strings("sss", two, 3), ==, -EBADMSG);
        g_assert_cmpint(parse_strings("su", two, 2), ==, -EBADMSG);
        g_assert_cmpint(parse_strings("s", two, 0), ==, -EBADMSG);
        g_assert_cmpint(parse_strings("sssss", two, 5), ==, -EBADMSG);
}

static int call_with(const char *s) {
        WireCall c;

        wire_call_init(&c, "/", "a.b", "C", "s", -1);
        wire_put_string(&c, s);
        return wire_call_finish(&c);
}

static void test_call_bounds(void) {
        g_autofree char *fits = g_strnfill(WIRE_MESSAGE_MAX - 200, 'x');
        g_autofree char *large = g_strnfill(WIRE_MESSAGE_MAX - 20, 'x');
        g_autofree char *larger = g_strnfill(3 * WIRE_MESSAGE_MAX, 'x');
        WireReply reply;
        WireCall c;

        g_assert_cmpint(call_with(fits), ==, 0);
        g_assert_cmpint(call_with(large), ==, -EMSGSIZE);
        g_assert_cmpint(call_with(larger), ==, -EMSGSIZE);

        /* A call that is not whole is never sent. */
        wire_call_init(&c, "/", "a.b", "C", "s", -1);
        wire_put_string(&c, larger);
        g_assert_cmpint(wire_authenticate_and_call(-1, wire_now_usec() + SECOND, &c, &reply), ==, -EMSGSIZE);
}

static void test_utf8(void) {
        static const char *const good[] = {
                "", "a", "\xc3\xa4", "\xe3\x83\xa6", "\xf0\x9f\x90\xa7", "\xf4\x8f\xbf\xbf"};
        static const char *const bad[] = {"\x80",
                                          "\xc3",
                                          "\xc0\xaf",
                                          "\xe0\x80\xaf",
                                          "\xed\xa0\x80",
                                          "\xf0\x80\x80\xaf",
                                          "\xf4\x90\x80\x80",
                                          "\xff",
                                          "a\xe3\x83",
                                          "\xe4 name in latin-1"};

        for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
                g_assert_cmpint(call_with(good[i]), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
                g_assert_cmpint(call_with(bad[i]), ==, -EILSEQ);
}

static void test_printable(void) {
        char b[8];

        wire_printable(b, sizeof(b), "a\nb\x7f\xff\xc2\x85");
        g_assert_cmpstr(b, ==, "a?b???");
        wire_printable(b, sizeof(b), "123456\xe3\x83\xa6"); /* a sequence is kept whole or not at all */
        g_assert_cmpstr(b, ==, "123456");
        wire_printable(b, 1, "x");
        g_assert_cmpstr(b, ==, "");
}

/* --- sd-bus, as the daemon serves --- */

typedef struct Server {
        int fd;
        bool seen;
} Server;

static void assert_string_option(sd_bus_message *m, const char *key, const char *value) {
        const char *k, *v;

        g_assert_cmpint(sd_bus_message_enter_container(m, 'e', "sv"), >, 0);
        g_assert_cmpint(sd_bus_message_read(m, "sv", &k, "s", &v), >, 0);
        g_assert_cmpstr(k, ==, key);
        g_assert_cmpstr(v, ==, value);
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
}

static void assert_values(sd_bus_message *m) {
        const char *k, *a, *b, *c;

        g_assert_cmpint(sd_bus_message_enter_container(m, 'e', "sv"), >, 0);
        g_assert_cmpint(sd_bus_message_read(m, "s", &k), >, 0);
        g_assert_cmpstr(k, ==, "Values");
        g_assert_cmpint(sd_bus_message_enter_container(m, 'v', "a(sss)"), >, 0);
        g_assert_cmpint(sd_bus_message_enter_container(m, 'a', "(sss)"), >, 0);
        g_assert_cmpint(sd_bus_message_read(m, "(sss)", &a, &b, &c), >, 0);
        g_assert_cmpstr(a, ==, "memory");
        g_assert_cmpstr(b, ==, "memory.max");
        g_assert_cmpstr(c, ==, "1G");
        g_assert_cmpint(sd_bus_message_read(m, "(sss)", &a, &b, &c), >, 0);
        g_assert_cmpstr(c, ==, "");
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
}

static int on_open(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Server *server = userdata;
        const char *user, *key;
        uint32_t uid, gid, number;
        int leader, truth;

        g_assert_cmpint(sd_bus_message_read(m, "suuh", &user, &uid, &gid, &leader), >, 0);
        g_assert_cmpstr(user, ==, "ubuntu");
        g_assert_cmpuint(uid, ==, 1000);
        g_assert_cmpuint(gid, ==, 1001);
        g_assert_cmpint(fcntl(leader, F_GETFD), >=, 0);
        g_assert_cmpint(sd_bus_message_enter_container(m, 'a', "{sv}"), >, 0);
        assert_string_option(m, "Controllers", "freezer,memory,name=systemd");
        assert_values(m);
        g_assert_cmpint(sd_bus_message_read(m, "{sv}", &key, "b", &truth), >, 0);
        g_assert_true(truth);
        g_assert_cmpint(sd_bus_message_read(m, "{sv}", &key, "u", &number), >, 0);
        g_assert_cmpstr(key, ==, "MaxIndex");
        g_assert_cmpuint(number, ==, 100);
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
        server->seen = true;
        /* A signal first: the module must get past it. */
        g_assert_cmpint(sd_bus_emit_signal(sd_bus_message_get_bus(m), "/org/cgwarden1", "org.cgwarden1.Manager",
                                           "SessionNew", "suss", "c1", 1000u, "ubuntu", "/user/ubuntu/0"),
                        >=, 0);
        return sd_bus_reply_method_return(m, "ss", "c1", "/user/ubuntu/0");
}

static int on_close(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id;

        g_assert_cmpint(sd_bus_message_read(m, "s", &id), >, 0);
        if (strcmp(id, "c1") == 0)
                return sd_bus_reply_method_return(m, NULL);
        return sd_bus_error_setf(error, "org.cgwarden1.Error.NoSuchSession", "There is no session \"%s\".", id);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("OpenSession", "suuha{sv}", "ss", on_open, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CloseSession", "s", "", on_close, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static gpointer server_main(gpointer data) {
        Server *server = data;
        sd_bus *bus = NULL;
        sd_id128_t id = {};

        g_assert_cmpint(sd_bus_new(&bus), >=, 0);
        g_assert_cmpint(sd_bus_set_fd(bus, server->fd, server->fd), >=, 0);
        g_assert_cmpint(sd_bus_set_server(bus, true, id), >=, 0);
        g_assert_cmpint(sd_bus_negotiate_fds(bus, true), >=, 0);
        g_assert_cmpint(sd_bus_add_object_vtable(bus, NULL, "/org/cgwarden1", "org.cgwarden1.Manager", vtable, server),
                        >=, 0);
        g_assert_cmpint(sd_bus_start(bus), >=, 0);
        for (;;) {
                int r = sd_bus_process(bus, NULL);
                if (r < 0 || (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0))
                        break;
        }
        sd_bus_unref(bus); /* closes the descriptor */
        return NULL;
}

static void open_call(WireCall *c, int fd) {
        WireArray options, values;

        wire_call_init(c, "/org/cgwarden1", "org.cgwarden1.Manager", "OpenSession", "suuha{sv}", fd);
        wire_put_string(c, "ubuntu");
        wire_put_u32(c, 1000);
        wire_put_u32(c, 1001);
        wire_put_u32(c, 0);
        options = wire_open_array(c, 8);
        wire_put_option_string(c, "Controllers", "freezer,memory,name=systemd");
        wire_put_struct(c);
        wire_put_string(c, "Values");
        wire_put_signature(c, "a(sss)");
        values = wire_open_array(c, 8);
        wire_put_struct(c);
        wire_put_string_n(c, "memory,", 6);
        wire_put_string(c, "memory.max");
        wire_put_string(c, "1G");
        wire_put_struct(c);
        wire_put_string(c, "freezer");
        wire_put_string(c, "freezer.state");
        wire_put_string(c, "");
        wire_close_array(c, values);
        wire_put_option_bool(c, "NoIndexSuffix", true);
        wire_put_option_u32(c, "MaxIndex", 100);
        wire_close_array(c, options);
        g_assert_cmpint(wire_call_finish(c), ==, 0);
}

static int serve(WireCall *call, Server *server, WireReply *reply) {
        GThread *thread;
        int pair[2], e;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
        server->fd = pair[1];
        thread = g_thread_new("sd-bus", server_main, server);
        e = wire_authenticate_and_call(pair[0], wire_now_usec() + 10 * SECOND, call, reply);
        close(pair[0]);
        g_thread_join(thread);
        return e;
}

static void test_sd_bus_open(void) {
        Server server = {};
        WireReply reply;
        WireCall call;
        int leader = (int)syscall(SYS_pidfd_open, getpid(), 0);

        g_assert_cmpint(leader, >=, 0);
        open_call(&call, leader);
        g_assert_cmpint(serve(&call, &server, &reply), ==, 0);
        assert_good_reply(&reply);
        g_assert_true(server.seen);
        close(leader);
}

static void test_sd_bus_close(void) {
        Server server = {};
        WireReply reply;
        WireCall call;
        char text[128];

        small_call(&call, -1);
        g_assert_cmpint(serve(&call, &server, &reply), ==, 0);
        g_assert_cmpint(reply.message.type, ==, WIRE_TYPE_RETURN);
        g_assert_cmpint(wire_message_strings(&reply.message, NULL, 0), ==, 0);

        wire_call_init(&call, "/org/cgwarden1", "org.cgwarden1.Manager", "CloseSession", "s", -1);
        wire_put_string(&call, "c2");
        g_assert_cmpint(wire_call_finish(&call), ==, 0);
        g_assert_cmpint(serve(&call, &server, &reply), ==, 0);
        g_assert_cmpint(reply.message.type, ==, WIRE_TYPE_ERROR);
        g_assert_cmpstr(reply.message.error_name, ==, "org.cgwarden1.Error.NoSuchSession");
        wire_message_text(&reply.message, text, sizeof(text));
        g_assert_cmpstr(text, ==, "There is no session \"c2\".");
}

/* A method that is not there, and a call that does not fit: sd-bus answers with its own errors. */
static void test_sd_bus_unknown(void) {
        Server server = {};
        WireReply reply;
        WireCall call;

        wire_call_init(&call, "/org/cgwarden1", "org.cgwarden1.Manager", "NoSuchMethod", "", -1);
        g_assert_cmpint(wire_call_finish(&call), ==, 0);
        g_assert_cmpint(serve(&call, &server, &reply), ==, 0);
        g_assert_cmpstr(reply.message.error_name, ==, "org.freedesktop.DBus.Error.UnknownMethod");
}

/* --- connecting --- */

typedef struct Listener {
        char *directory;
        char *path;
        int fd;
} Listener;

static void listener_start(Listener *l, int backlog) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        l->directory = g_dir_make_tmp("test-wire-XXXXXX", NULL);
        g_assert_nonnull(l->directory);
        l->path = g_build_filename(l->directory, "socket", NULL);
        g_strlcpy(address.sun_path, l->path, sizeof(address.sun_path));
        l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(l->fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        if (backlog >= 0)
                g_assert_cmpint(listen(l->fd, backlog), ==, 0);
}

static void listener_stop(Listener *l) {
        close(l->fd);
        g_unlink(l->path);
        g_rmdir(l->directory);
        g_free(l->path);
        g_free(l->directory);
}

static int transact(const char *path, uint64_t timeout) {
        unsigned before = count_fds();
        WireReply reply;
        WireCall call;
        int e;

        small_call(&call, STDIN_FILENO);
        e = wire_transact(path, timeout, &call, &reply);
        g_assert_cmpuint(count_fds(), ==, before);
        return e;
}

static void test_no_server(void) {
        g_autofree char *long_path = g_strnfill(200, 'x');
        Listener l;

        g_assert_cmpint(transact("/nowhere/to/be/found", SECOND), ==, -ENOENT);
        g_assert_cmpint(transact(long_path, SECOND), ==, -ENAMETOOLONG);
        g_assert_cmpint(transact("/", SECOND), ==, -ECONNREFUSED);
        listener_start(&l, -1);
        g_assert_cmpint(transact(l.path, SECOND), ==, -ECONNREFUSED);
        listener_stop(&l);
}

/* A daemon that is stopped: connections are queued, nobody takes them. */
static void test_never_accepted(void) {
        uint64_t start = wire_now_usec();
        Listener l;

        listener_start(&l, 8);
        g_assert_cmpint(transact(l.path, SHORT_USEC), ==, -ETIMEDOUT);
        g_assert_cmpuint(wire_now_usec() - start, >=, SHORT_USEC);
        g_assert_cmpuint(wire_now_usec() - start, <, 3 * SHORT_USEC);
        listener_stop(&l);
}

static void test_full_queue(void) {
        uint64_t deadline = wire_now_usec() + SHORT_USEC, start;
        int fds[4] = {-1, -1, -1, -1}, e = 0;
        Listener l;

        listener_start(&l, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(fds) && e == 0; i++)
                e = wire_connect(l.path, deadline, &fds[i]);
        g_assert_cmpint(e, ==, -ETIMEDOUT);
        start = wire_now_usec();
        g_assert_cmpint(transact(l.path, SHORT_USEC), ==, -ETIMEDOUT);
        g_assert_cmpuint(wire_now_usec() - start, >=, SHORT_USEC);
        g_assert_cmpuint(wire_now_usec() - start, <, 3 * SHORT_USEC);
        for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
                if (fds[i] >= 0)
                        close(fds[i]);
        listener_stop(&l);
}

/* A queue that is full for a moment only: the connection is made, with no retry of ours. */
static gpointer accept_later(gpointer data) {
        Listener *l = data;

        g_usleep(SHORT_USEC / 2);
        for (unsigned i = 0; i < 2; i++) {
                int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
                g_assert_cmpint(fd, >=, 0);
                close(fd);
        }
        return NULL;
}

static void test_queue_moves_on(void) {
        int first = -1, second = -1;
        GThread *thread;
        Listener l;

        listener_start(&l, 0);
        g_assert_cmpint(wire_connect(l.path, wire_now_usec() + SECOND, &first), ==, 0);
        thread = g_thread_new("accept", accept_later, &l);
        g_assert_cmpint(wire_connect(l.path, wire_now_usec() + 10 * SECOND, &second), ==, 0);
        g_assert_cmpint(fcntl(second, F_GETFD) & FD_CLOEXEC, !=, 0);
        g_thread_join(thread);
        close(first);
        close(second);
        listener_stop(&l);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signal) {
        alarms++;
}

/* A program with a timer of its own: interrupted calls go on, and still end in time. */
static void test_interrupted(void) {
        struct sigaction action = {.sa_handler = on_alarm}, old;
        struct itimerval often = {{0, 3000}, {0, 3000}}, never = {};
        uint64_t start;
        int fd = -1;
        Listener l;

        g_assert_cmpint(sigaction(SIGALRM, &action, &old), ==, 0);
        setitimer(ITIMER_REAL, &often, NULL);
        listener_start(&l, 0);
        start = wire_now_usec();
        g_assert_cmpint(transact(l.path, SHORT_USEC), ==, -ETIMEDOUT);
        g_assert_cmpint(wire_connect(l.path, start + 2 * SHORT_USEC, &fd), ==, -ETIMEDOUT);
        g_assert_cmpuint(wire_now_usec() - start, >=, 2 * SHORT_USEC);
        g_assert_cmpuint(wire_now_usec() - start, <, 4 * SHORT_USEC);
        g_assert_cmpint(alarms, >, 10);
        setitimer(ITIMER_REAL, &never, NULL);
        sigaction(SIGALRM, &old, NULL);
        listener_stop(&l);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        /* SIGPIPE stays as it is: a peer that hangs up must not end the program. */
        g_test_add_func("/wire/peer/good", test_good_peer);
        g_test_add_func("/wire/peer/one-byte-at-a-time", test_one_byte_at_a_time);
        g_test_add_func("/wire/peer/reply-with-authentication", test_reply_with_authentication);
        g_test_add_func("/wire/peer/signals-first", test_signals_first);
        g_test_add_func("/wire/peer/endless-signals", test_endless_signals);
        g_test_add_func("/wire/peer/error", test_error_reply);
        g_test_add_func("/wire/peer/error-without-text", test_error_without_text);
        g_test_add_func("/wire/peer/descriptors", test_descriptors_in_reply);
        g_test_add_func("/wire/peer/bad-authentication", test_bad_authentication);
        g_test_add_func("/wire/peer/silence", test_silence_after_call);
        g_test_add_func("/wire/peer/bad-messages", test_bad_messages);
        g_test_add_func("/wire/message/mutations", test_mutations);
        g_test_add_func("/wire/message/header-fields", test_header_fields);
        g_test_add_func("/wire/message/strings", test_strings);
        g_test_add_func("/wire/call/bounds", test_call_bounds);
        g_test_add_func("/wire/call/utf8", test_utf8);
        g_test_add_func("/wire/printable", test_printable);
        g_test_add_func("/wire/sd-bus/open", test_sd_bus_open);
        g_test_add_func("/wire/sd-bus/close", test_sd_bus_close);
        g_test_add_func("/wire/sd-bus/unknown", test_sd_bus_unknown);
        g_test_add_func("/wire/connect/no-server", test_no_server);
        g_test_add_func("/wire/connect/never-accepted", test_never_accepted);
        g_test_add_func("/wire/connect/full-queue", test_full_queue);
        g_test_add_func("/wire/connect/queue-moves-on", test_queue_moves_on);
        g_test_add_func("/wire/connect/interrupted", test_interrupted);
        return g_test_run();
}
