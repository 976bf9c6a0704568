/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Marshalling, as the D-Bus specification has it under "Message Protocol". Numbers are in the machine's byte order:
 * both ends of a unix socket have the same one, so a message in the other is refused.
 */

#include "common/util.h"
#include "dbus/wire.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WIRE_ENDIAN 'l'
#else
#define WIRE_ENDIAN 'B'
#endif

enum {
        FIELD_PATH = 1,
        FIELD_INTERFACE = 2,
        FIELD_MEMBER = 3,
        FIELD_ERROR_NAME = 4,
        FIELD_REPLY_SERIAL = 5,
        FIELD_SIGNATURE = 8,
        FIELD_UNIX_FDS = 9,
};

/* Offsets in the fixed part of a header. */
enum {
        AT_ENDIAN = 0,
        AT_TYPE = 1,
        AT_VERSION = 3,
        AT_BODY_SIZE = 4,
        AT_SERIAL = 8,
        AT_FIELDS_SIZE = 12,
};

static size_t align_up(size_t n, size_t alignment) {
        return (n + alignment - 1) / alignment * alignment;
}

/* The bytes of the UTF-8 sequence at s (RFC 3629: no overlong form, no surrogate, nothing over U+10FFFF), 0 if there
 * is none. */
static size_t utf8_sequence(const uint8_t *s, size_t n) {
        size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

        if (length == 0 || length > n)
                return 0;
        for (size_t i = 1; i < length; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
            (s[0] == 0xf4 && s[1] > 0x8f))
                return 0;
        return length;
}

/* A D-Bus string is UTF-8 without NUL. */
static bool utf8_valid(const char *s, size_t n) {
        for (size_t i = 0; i < n;) {
                size_t length = s[i] == '\0' ? 0 : utf8_sequence((const uint8_t *)s + i, n - i);
                if (length == 0)
                        return false;
                i += length;
        }
        return true;
}

/* --- writing --- */

static void put_bytes(WireCall *c, const void *bytes, size_t n) {
        if (c->error < 0)
                return;
        if (n > sizeof(c->data) - c->size) {
                c->error = -EMSGSIZE;
                return;
        }
        if (n > 0)
                memcpy(c->data + c->size, bytes, n);
        c->size += n;
}

static void put_padding(WireCall *c, size_t alignment) {
        static const uint8_t zeros[8];

        put_bytes(c, zeros, align_up(c->size, alignment) - c->size);
}

static void put_u8(WireCall *c, uint8_t value) {
        put_bytes(c, &value, 1);
}

static void patch_u32(WireCall *c, size_t at, size_t value) {
        uint32_t u = (uint32_t)value; /* at most WIRE_MESSAGE_MAX */

        if (c->error == 0)
                memcpy(c->data + at, &u, sizeof(u));
}

void wire_put_u32(WireCall *c, uint32_t value) {
        put_padding(c, 4);
        put_bytes(c, &value, sizeof(value));
}

void wire_put_string_n(WireCall *c, const char *s, size_t n) {
        if (n > sizeof(c->data)) {
                c->error = c->error < 0 ? c->error : -EMSGSIZE;
                return;
        }
        if (c->error == 0 && !utf8_valid(s, n))
                c->error = -EILSEQ;
        wire_put_u32(c, (uint32_t)n);
        put_bytes(c, s, n);
        put_u8(c, 0);
}

void wire_put_string(WireCall *c, const char *s) {
        wire_put_string_n(c, s, strlen(s));
}

void wire_put_signature(WireCall *c, const char *s) {
        size_t n = strlen(s);

        if (n > UINT8_MAX) {
                c->error = c->error < 0 ? c->error : -EMSGSIZE;
                return;
        }
        put_u8(c, (uint8_t)n);
        put_bytes(c, s, n + 1);
}

void wire_put_struct(WireCall *c) {
        put_padding(c, 8);
}

/* The length that precedes an array counts neither itself nor the padding before the first element. */
WireArray wire_open_array(WireCall *c, size_t alignment) {
        WireArray a = {};

        put_padding(c, 4);
        a.length_at = c->size;
        wire_put_u32(c, 0);
        put_padding(c, alignment);
        a.start = c->size;
        return a;
}

void wire_close_array(WireCall *c, WireArray a) {
        patch_u32(c, a.length_at, c->size - a.start);
}

static void put_option(WireCall *c, const char *key, const char *signature) {
        wire_put_struct(c);
        wire_put_string(c, key);
        wire_put_signature(c, signature);
}

void wire_put_option_string(WireCall *c, const char *key, const char *value) {
        put_option(c, key, "s");
        wire_put_string(c, value);
}

void wire_put_option_u32(WireCall *c, const char *key, uint32_t value) {
        put_option(c, key, "u");
        wire_put_u32(c, value);
}

void wire_put_option_bool(WireCall *c, const char *key, bool value) {
        put_option(c, key, "b");
        wire_put_u32(c, value);
}

static void put_field(WireCall *c, uint8_t field, const char *signature, const char *value) {
        wire_put_struct(c);
        put_u8(c, field);
        wire_put_signature(c, signature);
        if (streq(signature, "g"))
                wire_put_signature(c, value);
        else
                wire_put_string(c, value);
}

void wire_call_init(WireCall *c, const char *path, const char *interface, const char *member, const char *signature,
                    int fd) {
        WireArray fields;

        c->size = 0;
        c->error = 0;
        c->fd = fd;
        put_bytes(c, (const uint8_t[]){WIRE_ENDIAN, WIRE_TYPE_CALL, 0, 1}, 4);
        wire_put_u32(c, 0); /* the size of the body, filled in by wire_call_finish() */
        wire_put_u32(c, 1); /* the serial: there is one call on a connection */
        fields = wire_open_array(c, 8);
        put_field(c, FIELD_PATH, "o", path);
        put_field(c, FIELD_INTERFACE, "s", interface);
        put_field(c, FIELD_MEMBER, "s", member);
        if (*signature)
                put_field(c, FIELD_SIGNATURE, "g", signature);
        if (fd >= 0) {
                wire_put_struct(c);
                put_u8(c, FIELD_UNIX_FDS);
                wire_put_signature(c, "u");
                wire_put_u32(c, 1);
        }
        wire_close_array(c, fields);
        put_padding(c, 8);
        c->body = c->size;
}

int wire_call_finish(WireCall *c) {
        patch_u32(c, AT_BODY_SIZE, c->size - c->body);
        return c->error;
}

/* --- reading --- */

/* What is left to read: offset <= size holds throughout, and alignment counts from data. */
typedef struct Reader {
        const uint8_t *data;
        size_t size;
        size_t offset;
} Reader;

static int read_bytes(Reader *r, size_t alignment, size_t n, const uint8_t **ret) {
        size_t at = align_up(r->offset, alignment);

        if (at > r->size || n > r->size - at)
                return -EBADMSG;
        *ret = r->data + at;
        r->offset = at + n;
        return 0;
}

static int read_u32(Reader *r, uint32_t *ret) {
        const uint8_t *p;
        int e = read_bytes(r, 4, sizeof(*ret), &p);

        if (e < 0)
                return e;
        memcpy(ret, p, sizeof(*ret));
        return 0;
}

/* n bytes that are text, and the NUL behind them. */
static int read_text(Reader *r, size_t n, const char **ret) {
        const uint8_t *p;
        int e = read_bytes(r, 1, n, &p);

        if (e < 0)
                return e;
        if (r->offset == r->size || r->data[r->offset] != 0 || !utf8_valid((const char *)p, n))
                return -EBADMSG;
        r->offset++;
        *ret = (const char *)p;
        return 0;
}

static int read_string(Reader *r, const char **ret) {
        uint32_t n;
        int e = read_u32(r, &n);

        return e < 0 ? e : read_text(r, n, ret);
}

static int read_signature(Reader *r, const char **ret) {
        const uint8_t *n;
        int e = read_bytes(r, 1, 1, &n);

        return e < 0 ? e : read_text(r, *n, ret);
}

/* One header field. All that the specification defines are of these types; a variant of any other type could be
 * skipped only with a parser of all types. */
static int read_field(Reader *r, WireMessage *m) {
        const char *type, *text = NULL;
        const uint8_t *field;
        uint32_t number = 0;
        int e;

        if ((e = read_bytes(r, 8, 1, &field)) < 0 || (e = read_signature(r, &type)) < 0)
                return e;
        if (streq(type, "u"))
                e = read_u32(r, &number);
        else if (streq(type, "g"))
                e = read_signature(r, &text);
        else if (streq(type, "s") || streq(type, "o"))
                e = read_string(r, &text);
        else
                e = -EBADMSG;
        if (e < 0)
                return e;

        if (*field == 0 || (*field == FIELD_ERROR_NAME && !streq(type, "s")) ||
            (*field == FIELD_REPLY_SERIAL && number == 0) || (*field == FIELD_SIGNATURE && !streq(type, "g")))
                return -EBADMSG;
        if (*field == FIELD_ERROR_NAME)
                m->error_name = text;
        else if (*field == FIELD_REPLY_SERIAL)
                m->reply_serial = number;
        else if (*field == FIELD_SIGNATURE)
                m->signature = text;
        return 0;
}

static uint32_t header_u32(const uint8_t *data, size_t at) {
        uint32_t u;

        memcpy(&u, data + at, sizeof(u));
        return u;
}

int wire_message_size(const uint8_t *data, size_t size, size_t *ret_total) {
        size_t fields, body;

        if (size < WIRE_FIXED_HEADER || data[AT_ENDIAN] != WIRE_ENDIAN || data[AT_VERSION] != 1 || data[AT_TYPE] == 0)
                return -EBADMSG;
        fields = header_u32(data, AT_FIELDS_SIZE);
        body = header_u32(data, AT_BODY_SIZE);
        /* Each alone first, so that the sum cannot overflow on a 32 bit machine. */
        if (fields > WIRE_MESSAGE_MAX || body > WIRE_MESSAGE_MAX)
                return -EMSGSIZE;
        fields = align_up(WIRE_FIXED_HEADER + fields, 8);
        if (fields + body > WIRE_MESSAGE_MAX)
                return -EMSGSIZE;
        *ret_total = fields + body;
        return 0;
}

int wire_message_parse(const uint8_t *data, size_t size, WireMessage *ret) {
        WireMessage m = {.signature = ""};
        size_t total, end;
        Reader r;
        int e;

        e = wire_message_size(data, size, &total);
        if (e < 0)
                return e;
        if (total != size)
                return -EBADMSG;
        m.type = data[AT_TYPE];
        m.serial = header_u32(data, AT_SERIAL);
        m.body_size = header_u32(data, AT_BODY_SIZE);
        m.body = data + total - m.body_size;
        if (m.serial == 0)
                return -EBADMSG;

        end = WIRE_FIXED_HEADER + header_u32(data, AT_FIELDS_SIZE);
        r = (Reader){.data = data, .size = end, .offset = WIRE_FIXED_HEADER};
        while (r.offset < end) {
                e = read_field(&r, &m);
                if (e < 0)
                        return e;
        }
        if ((m.type == WIRE_TYPE_RETURN && m.reply_serial == 0) ||
            (m.type == WIRE_TYPE_ERROR && (m.reply_serial == 0 || !m.error_name)) ||
            (m.body_size > 0 && *m.signature == '\0'))
                return -EBADMSG;
        *ret = m;
        return 0;
}

int wire_message_strings(const WireMessage *m, const char **ret_strings, size_t n) {
        Reader r = {.data = m->body, .size = m->body_size};
        const char *strings[4];
        int e;

        if (n > ARRAY_SIZE(strings) || strlen(m->signature) != n || strspn(m->signature, "s") != n)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++) {
                e = read_string(&r, &strings[i]);
                if (e < 0)
                        return e;
        }
        if (r.offset != r.size)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++)
                ret_strings[i] = strings[i];
        return 0;
}

/* syslog(3) takes the text as it is, and a newline in it would begin what looks like a line of someone else. */
void wire_printable(char *buffer, size_t size, const char *s) {
        size_t i = 0, n = strlen(s);

        while (i < n && size > 1) {
                size_t length = utf8_sequence((const uint8_t *)s + i, n - i);
                bool control = (uint8_t)s[i] < 0x20 || s[i] == 0x7f ||
                               (length == 2 && (uint8_t)s[i] == 0xc2 && (uint8_t)s[i + 1] < 0xa0);

                if (length > size - 1)
                        break;
                if (length == 0 || control)
                        *buffer = '?';
                else
                        memcpy(buffer, s + i, length);
                i += length == 0 ? 1 : length;
                buffer += length == 0 || control ? 1 : length;
                size -= length == 0 || control ? 1 : length;
        }
        if (size > 0)
                *buffer = '\0';
}

void wire_message_text(const WireMessage *m, char *buffer, size_t size) {
        Reader r = {.data = m->body, .size = m->body_size};
        const char *text = NULL;

        if (*m->signature == 's')
                (void)read_string(&r, &text);
        if (!text || *text == '\0')
                text = m->error_name ? m->error_name : "no reason given";
        wire_printable(buffer, size, text);
}
