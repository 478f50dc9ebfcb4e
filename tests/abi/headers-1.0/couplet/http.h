/* SPDX-License-Identifier: MIT */
/*
 * HTTP requests to other servers, HTTP/1.1 and HTTP/2 over TLS (libcurl).
 *
 * Only http and https; certificates and names are checked against the system's authorities. A redirect is followed where it is asked for, never to another scheme, and then as a GET as
 * browsers do. Names are resolved on threads of libcurl's, never on the session thread, and a request that is cancelled, or whose time is up, meanwhile calls back at once. TLS is 1.2
 * or newer; its handshake is done on the session thread and takes 1 to 2 ms of a turn; at the first connection, and again after a day, 20 to 30 ms more, as libcurl reads the system's
 * authorities then (`authorities`: as long as that file is). A few idle connections are kept for half a minute. What asks many servers belongs into a process of its own.
 * Nothing is remembered from one request to another: no cookies, no passwords of .netrc; proxies of the environment are not used. The answer is collected in memory up to a
 * bound. Calls follow <couplet/call.h>; the callback comes on the session thread.
 */
#ifndef COUPLET_HTTP_H
#define COUPLET_HTTP_H

#include <couplet/call.h>
#include <couplet/str.h>

struct cpl_http_header {
	struct cpl_str name;
	struct cpl_str value;
};

/* What is asked; copied by cpl_http_start(). Zero-initialise. The size is frozen per API major. */
struct cpl_http_request {
	struct cpl_str url;
	struct cpl_str method; /* CPL_NONE: GET, with a body POST */
	struct cpl_str body;   /* CPL_NONE: none */
	const struct cpl_http_header *headers; /* may be NULL; no line breaks in them */
	size_t header_count;
	size_t max_size;       /* of the answer's body; 0: 1 MiB */
	int64_t timeout_ms;    /* for all of it; 0: 30 s */
	unsigned redirects;    /* how many to follow; 0: none, the answer is the redirect */
	unsigned flags;        /* 0 */
	const char *authorities; /* a file of certificates in place of the system's; NULL */
	void *reserved[4];
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct cpl_http_request) == 128, "the size is frozen per API major version");

/*
 * A request. Status 0: there is an answer, whatever its code. CPL_E_FULL: it is longer than max_size. CPL_E_TIMEOUT. CPL_E_DENIED: the other's certificate is not good.
 * CPL_E_NOT_FOUND: its name cannot be resolved. CPL_E_REFUSED: nobody answers there. CPL_E_IO: the connection broke, or what came is no HTTP; `error` says more. The other members
 * are valid until the callback returns. The size is frozen per API major.
 */
struct cpl_http_call {
	struct cpl_call call;
	int code;              /* 200 ... */
	struct cpl_str body;   /* followed by a NUL in memory */
	struct cpl_str content_type; /* CPL_NONE: not given */
	struct cpl_str error;  /* one line, for logs; CPL_NONE: none */
	void *impl[4];
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct cpl_http_call) == 200, "the size is frozen per API major version");

#pragma GCC visibility push(default)

/* CPL_E_INVALID: not a URL of http or https, or a header with a line break. CPL_E_BUSY: the most requests at a time (64) are under way. CPL_E_UNSUPPORTED: a libcurl that
 * cannot resolve names elsewhere. */
int cpl_http_start(struct cpl_http_call *request, struct cpl_scope *scope, const struct cpl_http_request *what, void (*done)(struct cpl_call *call));

#pragma GCC visibility pop

#endif
