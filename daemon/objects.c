/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which objects a connection has, and their description. */

#include "dbus/names.h"
#include "dbus/xml.h"
#include "daemon/server.h"

/* Old clients are peers. */
static bool has_legacy(const Connection *c) {
        return !c->system && c->manager->config->cgmanager != LEGACY_NO;
}

static int add_manager(Connection *c) {
        int r = sd_bus_add_object_vtable(c->bus, NULL, CGW_OBJECT_PATH, CGW_MANAGER_INTERFACE, manager_vtable, c);

        return r < 0 ? r : sd_bus_add_object_vtable(c->bus, NULL, CGW_OBJECT_PATH, CGW_PROXY_INTERFACE, proxy_vtable, c);
}

static int add_sessions(Connection *c) {
        int r = sd_bus_add_fallback_vtable(c->bus, NULL, CGW_SESSION_PATH_PREFIX, CGW_SESSION_INTERFACE, session_vtable,
                                           session_object_find, c);

        return r < 0 ? r : sd_bus_add_node_enumerator(c->bus, NULL, CGW_SESSION_PATH_PREFIX, session_object_list, c);
}

static int add_legacy(Connection *c) {
        return has_legacy(c) ? sd_bus_add_object_vtable(c->bus, NULL, CGM_OBJECT_PATH, CGM_INTERFACE, legacy_vtable, c) : 0;
}

static const struct {
        const char *path;
        int (*add)(Connection *c);
} objects[] = {
        { CGW_OBJECT_PATH, add_manager },
        { CGW_SESSION_PATH_PREFIX, add_sessions },
        { CGM_OBJECT_PATH, add_legacy },
};

static int add_objects(Connection *c, const char *path) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(objects); i++) {
                const char *rest = path ? startswith(path, objects[i].path) : "";

                if (!rest || (*rest && *rest != '/') || (c->objects & (1U << i)))
                        continue;
                c->objects |= 1U << i;
                r = objects[i].add(c);
        }
        return r;
}

int connection_add_objects(Connection *c) {
        return add_objects(c, NULL);
}

int connection_add_object_of(Connection *c, sd_bus_message *message) {
        const char *interface = sd_bus_message_get_interface(message);

        if (interface && streq(interface, "org.freedesktop.DBus.Peer"))
                return 0; /* sd-bus answers that itself */
        return add_objects(c, interface && streq(interface, "org.freedesktop.DBus.Introspectable") ? NULL : sd_bus_message_get_path(message));
}

static const char *const standard_interfaces =
        " <interface name=\"org.freedesktop.DBus.Peer\">"
        "<method name=\"Ping\"/><method name=\"GetMachineId\"><arg type=\"s\" name=\"machine_uuid\" direction=\"out\"/></method>"
        "</interface>\n"
        " <interface name=\"org.freedesktop.DBus.Introspectable\">"
        "<method name=\"Introspect\"><arg name=\"xml_data\" type=\"s\" direction=\"out\"/></method></interface>\n"
        " <interface name=\"org.freedesktop.DBus.Properties\">"
        "<method name=\"Get\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
        "<arg name=\"property_name\" type=\"s\" direction=\"in\"/><arg name=\"value\" type=\"v\" direction=\"out\"/></method>"
        "<method name=\"GetAll\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
        "<arg name=\"props\" type=\"a{sv}\" direction=\"out\"/></method>"
        "<method name=\"Set\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
        "<arg name=\"property_name\" type=\"s\" direction=\"in\"/><arg name=\"value\" type=\"v\" direction=\"in\"/></method>"
        "<signal name=\"PropertiesChanged\"><arg type=\"s\" name=\"interface_name\"/>"
        "<arg type=\"a{sv}\" name=\"changed_properties\"/><arg type=\"as\" name=\"invalidated_properties\"/></signal>"
        "</interface>\n";

/* sd-bus would describe our objects itself, but without the documentation. That both say the same, a test checks. */
int connection_on_introspect(sd_bus_message *message, Connection *c) {
        const char *path = sd_bus_message_get_path(message), *interface = NULL, *more = "", *children = "";
        g_autofree char *xml = NULL;
        int r;

        if (!sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Introspectable", "Introspect"))
                return 0;

        if (streq(path, CGW_OBJECT_PATH)) {
                interface = cgw_manager_xml;
                more = cgw_proxy_xml;
                children = " <node name=\"session\"/>\n";
        } else if (streq(path, CGM_OBJECT_PATH) && has_legacy(c)) {
                interface = cgw_cgmanager_xml;
        } else if (startswith(path, CGW_SESSION_PATH_PREFIX "/")) {
                void *found;

                r = session_object_find(c->bus, path, CGW_SESSION_INTERFACE, c, &found, NULL);
                interface = r > 0 ? cgw_session_xml : NULL;
        }
        if (!interface)
                return 0;

        xml = g_strconcat("<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
                          "\"https://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n",
                          standard_interfaces, interface, more, children, "</node>\n", NULL);
        r = sd_bus_reply_method_return(message, "s", xml);
        return r < 0 ? r : 1;
}
