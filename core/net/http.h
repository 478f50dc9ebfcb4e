/* SPDX-License-Identifier: MIT */
/*
 * HTTP requests: the core's side of <couplet/http.h>. One multi handle of libcurl, made at the first request, driven by the loop's watchers and one timer. Names are resolved on libcurl's own
 * threads; all else, handshakes too, happens on the session thread: what is asked is seldom and small. The one turn that takes long (20 to 30 ms) is the first with
 * TLS, which reads the authorities; libcurl keeps them for a day. Connections are kept for reuse, a few and for a short time.
 */
#ifndef CORE_NET_HTTP_H
#define CORE_NET_HTTP_H

#include <couplet/http.h>

/* Requests under way. */
size_t http_count(void);
/* Closes kept connections and releases everything. No request may be under way. */
void http_finish(void);

#endif
