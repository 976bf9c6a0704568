/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/error.h"
#include "daemon/manager.h"

/* What the vtables' methods share. */

int call_get_caller(sd_bus_message *message, void *userdata, Manager **ret_manager, Caller **ret_caller, sd_bus_error *error);
int call_get_process(Caller *caller, uint32_t pid, PidRef *ret, sd_bus_error *error);
int call_get_pidfd(int fd, PidRef *ret, sd_bus_error *error);
/* An option that could not be read: says which one it is. */
int call_refuse_option(const char *method, const char *option, int k, sd_bus_error *error);

int method_open_session(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_close_session(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_list_sessions(sd_bus_message *message, void *userdata, sd_bus_error *error);
