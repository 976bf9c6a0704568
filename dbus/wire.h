/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A D-Bus peer client of the size that a PAM module needs: connect, authenticate, one method call, its reply.
 *
 * It is loaded into other people's processes, so it uses nothing but libc, keeps no state of its own, allocates
 * nothing, raises no SIGPIPE and leaves no descriptor behind. Everything ends by one deadline, whatever the other side
 * does.
 *
 * What comes from the socket is hostile: each length is checked against what is there before it is used. A message
 * larger than WIRE_MESSAGE_MAX is refused, descriptors that come with a message never reach the process.
 *
 * Functions return 0 or a negative errno and then leave ret_* arguments as they were:
 *     -EBADMSG     what the peer sent is no D-Bus
 *     -EMSGSIZE    a message, ours or the peer's, is larger than WIRE_MESSAGE_MAX
 *     -EILSEQ      a string of ours is no UTF-8, which D-Bus demands
 *     -ETIMEDOUT   the deadline has passed
 *     -ECONNRESET  the peer has closed the connection
 *     -ECONNABORTED  the peer refused the authentication
 *     -EOPNOTSUPP  the peer takes no descriptors
 * and what connect(2) says. An error that the peer answers is a reply like another: see WireReply.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A path has at most 4096 bytes, a value 4095, and a line of pam.d 8192. */
#define WIRE_MESSAGE_MAX ((size_t)16 * 1024)

enum {
        WIRE_TYPE_CALL = 1,
        WIRE_TYPE_RETURN = 2,
        WIRE_TYPE_ERROR = 3,
        WIRE_TYPE_SIGNAL = 4,
};

/* A method call in the making. The first thing that goes wrong is kept in error; wire_call_finish() tells it, so that
 * a caller checks once. */
typedef struct WireCall {
        uint8_t data[WIRE_MESSAGE_MAX];
        size_t size;
        size_t body; /* where the body starts */
        int fd;      /* sent along, borrowed; -1: none */
        int error;
} WireCall;

/* The signature must describe what the wire_put_*() calls that follow put in. fd: the one descriptor, or -1. */
void wire_call_init(WireCall *c, const char *path, const char *interface, const char *member, const char *signature,
                    int fd);
int wire_call_finish(WireCall *c);

void wire_put_u32(WireCall *c, uint32_t value); /* u, also b (0 or 1) and h (the descriptor's index, 0) */
void wire_put_string(WireCall *c, const char *s);
void wire_put_string_n(WireCall *c, const char *s, size_t n);
void wire_put_signature(WireCall *c, const char *s);
void wire_put_struct(WireCall *c); /* before the members of a struct or of a dictionary entry */

typedef struct WireArray {
        size_t length_at;
        size_t start;
} WireArray;

WireArray wire_open_array(WireCall *c, size_t alignment); /* of an element: 8 for structs and dictionary entries */
void wire_close_array(WireCall *c, WireArray a);

/* One entry of an a{sv}. */
void wire_put_option_string(WireCall *c, const char *key, const char *value);
void wire_put_option_u32(WireCall *c, const char *key, uint32_t value);
void wire_put_option_bool(WireCall *c, const char *key, bool value);

/* A message, as it lies in a buffer: the pointers go into that buffer, and strings in it are NUL-terminated. */
typedef struct WireMessage {
        uint8_t type;
        uint32_t serial;
        uint32_t reply_serial;  /* 0: none */
        const char *error_name; /* NULL: none */
        const char *signature;  /* "" when there is none */
        const uint8_t *body;
        size_t body_size;
} WireMessage;

/* The answer to a call: a method return, or an error with its name. */
typedef struct WireReply {
        uint8_t data[WIRE_MESSAGE_MAX];
        WireMessage message;
} WireReply;

/* Both take the bytes as they come from the socket; they are what a fuzzer should call. wire_message_size() wants the
 * first 16 of them and tells how many the whole message has. */
#define WIRE_FIXED_HEADER ((size_t)16)
int wire_message_size(const uint8_t *data, size_t size, size_t *ret_total);
int wire_message_parse(const uint8_t *data, size_t size, WireMessage *ret);

/* Reads a body that is exactly n strings; -EBADMSG when it is anything else. */
int wire_message_strings(const WireMessage *m, const char **ret_strings, size_t n);

/* An error's text for people: the first string of its body, else the error's name, with everything that a log line
 * should not have replaced. Always terminates. */
void wire_message_text(const WireMessage *m, char *buffer, size_t size);
void wire_printable(char *buffer, size_t size, const char *s);

uint64_t wire_now_usec(void); /* CLOCK_MONOTONIC, what deadlines are in */
int wire_connect(const char *path, uint64_t deadline_usec, int *ret_fd);
int wire_authenticate_and_call(int fd, uint64_t deadline_usec, const WireCall *c, WireReply *ret);
/* One more call, when the one before has been answered. */
int wire_call_again(int fd, uint64_t deadline_usec, const WireCall *c, WireReply *ret);

/* All of it: connect, authenticate, call, reply. */
int wire_transact(const char *path, uint64_t timeout_usec, const WireCall *c, WireReply *ret);
