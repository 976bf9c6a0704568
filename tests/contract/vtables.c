/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * vtables.c - what sd-bus itself says of the daemon's vtables is what the XML of dbus/ says. The daemon answers Introspect with
 * those files, so that asking it compares them with themselves; here the vtables are on a bus without that filter. Names,
 * signatures, argument names and directions, access and the EmitsChangedSignal of properties are compared.
 */

#include <glib.h>
#include <sys/socket.h>

#include "common/util.h"
#include "daemon/server.h"
#include "dbus/names.h"
#include "dbus/xml.h"

/* ---- an interface's description, as a sorted list of lines */

typedef struct Reading {
        const char *interface;
        GPtrArray *lines;
        bool inside;
        unsigned n_arguments;
        char *member; /* "method Create" */
} Reading;

static const char *attribute(const char **names, const char **values, const char *wanted, const char *otherwise) {
        for (size_t i = 0; names[i]; i++)
                if (streq(names[i], wanted))
                        return values[i];
        return otherwise;
}

static void add(Reading *r, char *line) {
        g_ptr_array_add(r->lines, line);
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names, const char **values, gpointer userdata,
                     GError **error) {
        Reading *r = userdata;
        const char *name = attribute(names, values, "name", "");

        if (streq(element, "interface"))
                r->inside = streq(name, r->interface);
        if (!r->inside)
                return;

        if (streq(element, "method") || streq(element, "signal") || streq(element, "property")) {
                g_free(r->member);
                r->member = g_strdup_printf("%s %s", element, name);
                r->n_arguments = 0;
                add(r, g_strdup_printf("%s %s %s", r->member, attribute(names, values, "type", ""), attribute(names, values, "access", "")));
        } else if (streq(element, "arg")) {
                /* In is what a method's argument is when nothing is said, out what a signal's is. */
                bool of_signal = startswith(r->member, "signal ");

                add(r, g_strdup_printf("%s argument %u: %s %s %s", r->member, r->n_arguments++,
                                       attribute(names, values, "direction", of_signal ? "out" : "in"),
                                       attribute(names, values, "type", ""), name));
        } else if (streq(element, "annotation") && !strstr(name, "DocString")) {
                add(r, g_strdup_printf("%s annotation %s=%s", r->member, name, attribute(names, values, "value", "")));
        }
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer userdata, GError **error) {
        if (streq(element, "interface"))
                ((Reading *) userdata)->inside = false;
}

static int compare(gconstpointer a, gconstpointer b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static char *describe(const char *xml, const char *interface) {
        static const GMarkupParser parser = { .start_element = on_start, .end_element = on_end };
        Reading r = { .interface = interface, .lines = g_ptr_array_new_with_free_func(g_free) };
        GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &r, NULL);
        g_autoptr(GError) error = NULL;
        /* GMarkup takes no document type. */
        const char *start = strstr(xml, "<node");
        char *text;

        g_markup_parse_context_parse(context, start ? start : xml, -1, &error);
        g_assert_no_error(error);
        g_markup_parse_context_free(context);
        g_ptr_array_sort(r.lines, compare);
        g_ptr_array_add(r.lines, NULL);
        text = g_strjoinv("\n", (char **) r.lines->pdata);
        g_ptr_array_unref(r.lines);
        g_free(r.member);
        return text;
}

/* ---- the vtables on a bus */

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const char *xml;

        g_assert_cmpint(sd_bus_message_read(reply, "s", &xml), >, 0);
        *(char **) userdata = g_strdup(xml);
        return 0;
}

static char *introspect(const char *path, const char *interface, const sd_bus_vtable *vtable) {
        sd_bus *server = NULL, *client = NULL;
        char *xml = NULL;
        int fds[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
        g_assert_cmpint(sd_bus_new(&server), >=, 0);
        g_assert_cmpint(sd_bus_set_fd(server, fds[0], fds[0]), >=, 0);
        g_assert_cmpint(sd_bus_set_server(server, true, (sd_id128_t) { .bytes = { 1 } }), >=, 0);
        g_assert_cmpint(sd_bus_set_anonymous(server, true), >=, 0);
        g_assert_cmpint(sd_bus_add_object_vtable(server, NULL, path, interface, vtable, NULL), >=, 0);
        g_assert_cmpint(sd_bus_start(server), >=, 0);

        g_assert_cmpint(sd_bus_new(&client), >=, 0);
        g_assert_cmpint(sd_bus_set_fd(client, fds[1], fds[1]), >=, 0);
        g_assert_cmpint(sd_bus_start(client), >=, 0);
        g_assert_cmpint(sd_bus_call_method_async(client, NULL, NULL, path, "org.freedesktop.DBus.Introspectable", "Introspect", on_reply,
                                                 &xml, NULL), >=, 0);
        while (!xml) {
                int a = sd_bus_process(server, NULL), b = sd_bus_process(client, NULL);

                g_assert_cmpint(a, >=, 0);
                g_assert_cmpint(b, >=, 0);
                if (a == 0 && b == 0)
                        (void) sd_bus_wait(server, 10000);
        }
        sd_bus_unref(client);
        sd_bus_unref(server);
        return xml;
}

static void check(const char *file_xml, const char *path, const char *interface, const sd_bus_vtable *vtable) {
        g_autofree char *xml = introspect(path, interface, vtable), *of_vtable = describe(xml, interface),
                        *of_file = describe(file_xml, interface);

        g_assert_cmpuint(strlen(of_file), >, 100);
        if (!streq(of_vtable, of_file)) {
                g_auto(GStrv) a = g_strsplit(of_vtable, "\n", -1), b = g_strsplit(of_file, "\n", -1);

                for (char **s = a; *s; s++)
                        if (!g_strv_contains((const char *const *) b, *s))
                                g_test_message("only in the vtable: %s", *s);
                for (char **s = b; *s; s++)
                        if (!g_strv_contains((const char *const *) a, *s))
                                g_test_message("only in the XML: %s", *s);
        }
        g_assert_cmpstr(of_vtable, ==, of_file);
}

static void test_manager(void) {
        check(cgw_manager_xml, CGW_OBJECT_PATH, CGW_MANAGER_INTERFACE, manager_vtable);
}

static void test_session(void) {
        check(cgw_session_xml, CGW_SESSION_PATH_PREFIX "/x", CGW_SESSION_INTERFACE, session_vtable);
}

static void test_proxy(void) {
        check(cgw_proxy_xml, CGW_OBJECT_PATH, CGW_PROXY_INTERFACE, proxy_vtable);
}

static void test_cgmanager(void) {
        check(cgw_cgmanager_xml, CGM_OBJECT_PATH, CGM_INTERFACE, legacy_vtable);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vtables/manager", test_manager);
        g_test_add_func("/vtables/session", test_session);
        g_test_add_func("/vtables/proxy", test_proxy);
        g_test_add_func("/vtables/cgmanager", test_cgmanager);
        return g_test_run();
}
