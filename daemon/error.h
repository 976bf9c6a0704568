/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "cgroup/hierarchy.h"
#include "common/util.h"
#include "dbus/names.h"

/*
 * Errors of the interface: a name, the errno it stands for and a message that says what was tried on which object and
 * why it did not work.
 */

/* The errno, negative, of one of our error names; -EIO for any other. */
int error_name_to_errno(const char *name);

/* Sets an error and returns its errno, negative: return refuse(error, CGW_ERROR(Busy), "...", ...). */
int refuse(sd_bus_error *error, const char *name, const char *format, ...) _printf_(3, 4);

/* Sets an error from an errno that a step on a cgroup ended with; rel is the path from the caller's root. what is the
 * verb, such as "create". Does nothing but return err when an error is set already. */
int fail(sd_bus_error *error, int err, const char *what, const Hierarchy *h, const char *rel);
