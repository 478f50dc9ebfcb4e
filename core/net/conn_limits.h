/* SPDX-License-Identifier: MIT */
/*
 * Limits of connections, shared: thousands of connections have the same few sets, so each points to a counted copy (8 bytes of a connection instead of 48). A copy never changes.
 * Session thread.
 */
#ifndef CORE_NET_CONN_LIMITS_H
#define CORE_NET_CONN_LIMITS_H

#include <couplet/conn.h>

/* A reference of the copy that equals `limits`. */
const struct cpl_conn_limits *conn_limits_share(const struct cpl_conn_limits *limits);
/* Nulls the pointer; accepts NULL inside. */
void conn_limits_unref(const struct cpl_conn_limits **limits);

#endif
