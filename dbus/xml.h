/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The <interface> elements with their documentation, made from the XML files at build time. */
extern const char cgw_manager_xml[];
extern const char cgw_session_xml[];
extern const char cgw_proxy_xml[];
extern const char cgw_cgmanager_xml[];
