/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"
#include "daemon/receive.h"
#include "dbus/service.h"

/*
 * The two ways in: the peer socket, one sd_bus for each client, and a name on the system bus. Both offer the same
 * objects; a Connection tells a method who its caller is.
 */

typedef struct Connection {
        Server *server;
        Manager *manager;
        sd_bus *bus;
        bool system;
        unsigned objects; /* objects.c: those that are there */

        /* A peer: one caller for the life of the connection. NULL when it was refused, for the reason given. */
        Caller *caller;
        const char *refusal;
        uid_t charge;
        bool wants_signals; /* has asked with AddMatch */
        Received *received; /* the descriptors that a user sends */
        size_t unread;      /* about how many bytes of large answers it has not read */

        /* The proxy's connection that this one came by, and the other way round. It goes when the proxy's does. */
        struct Connection *via;
        GHashTable *clients;
        GHashTable *conversations; /* legacy-scm.c */
        struct Reader *reader;     /* legacy-reader.c */

        /* The system bus; unique name -> Caller. */
        Service *service;
        GHashTable *callers;
} Connection;

/* The sockets that it listens on; they are taken, those that are negative are none. system_bus: whether to own org.cgwarden1 on the
 * system bus, now or as soon as there is one. */
#define LISTENERS_MAX 2
int server_new(Manager *m, const int listen_fds[LISTENERS_MAX], bool system_bus, Server **ret);
Server *server_free(Server *s);

/* Who sent a message; the namespaces are read anew. On failure error is set. */
int connection_get_caller(Connection *c, sd_bus_message *message, Caller **ret, sd_bus_error *error);

/* Who is behind a socket that a proxy passes on, when the kernel does not say it of the socket itself. */
typedef struct ClientIdentity {
        PidRef process; /* taken */
        uid_t uid;
        gid_t gid;
} ClientIdentity;

/* Serves a client of a proxy's, over a connection that is made for it: it may do what it and the proxy may. The socket is the
 * client's, of which nothing is asked but who its peer is; nor is it, with an identity. On failure error is set. */
int connection_add_client(Connection *via, int socket, ClientIdentity *identity, int *ret_connection, sd_bus_error *error);

/* Sends an answer that may be a large one, about so many bytes. */
int connection_reply(Connection *c, sd_bus_message *reply, size_t size);

/* Puts the objects on a connection; the one that a message is for, if it is not there yet. Each costs a connection as much as
 * everything else that it is set up with, and most use one. */
int connection_add_objects(Connection *c);
int connection_add_object_of(Connection *c, sd_bus_message *message);
/* The filter of peer connections and of the system bus: introspection with the documentation in it. */
int connection_on_introspect(sd_bus_message *message, Connection *c);

extern const sd_bus_vtable manager_vtable[];
extern const sd_bus_vtable session_vtable[];
extern const sd_bus_vtable proxy_vtable[];
extern const sd_bus_vtable legacy_vtable[];
int session_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found, sd_bus_error *error);
int session_object_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error);

/* system-bus.c */
int system_bus_open(Connection *c);
int system_bus_find_caller(Connection *c, const char *sender, Caller **ret, sd_bus_error *error);
