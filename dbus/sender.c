/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dbus/sender.h"

#include "common/util.h"

static int read_credential(sd_bus_message *reply, const char *key, Sender *sender) {
        if (streq(key, "ProcessID"))
                return sd_bus_message_read(reply, "v", "u", &sender->pid);
        if (streq(key, "UnixUserID"))
                return sd_bus_message_read(reply, "v", "u", &sender->uid);
        if (streq(key, "ProcessFD")) /* dbus 1.15.8 and dbus-broker 36 */
                return sd_bus_message_read(reply, "v", "h", &sender->pidfd);
        return sd_bus_message_skip(reply, "v");
}

int sender_read(sd_bus_message *reply, Sender *ret) {
        int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

        *ret = (Sender) { .uid = (uint32_t) -1, .pidfd = -EBADF };
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(reply, "s", &key);
                if (r >= 0)
                        r = read_credential(reply, key, ret);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        if (r < 0)
                return r;
        return ret->pid == 0 || ret->uid == (uint32_t) -1 ? -ENODATA : 0;
}

int sender_open(const Sender *sender, PidRef *ret) {
        return sender->pidfd >= 0 ? pidref_from_fd(sender->pidfd, ret) : pidref_from_pid((pid_t) sender->pid, ret);
}
