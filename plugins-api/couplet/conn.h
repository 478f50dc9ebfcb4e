/* SPDX-License-Identifier: MIT */
/*
 * Connections: the seam between bytes and sessions.
 *
 * A struct cpl_conn is an interface. The core has two implementations, the TCP socket (core/net) and the scripted one of the
 * test core; modules may bring others (WebSocket, BOSH). Upward it reports through struct cpl_conn_events, downward it takes the calls of struct
 * cpl_conn_ops. Nothing above it touches a socket or an SSL object; nothing below it knows what a session is. An event is never reported from
 * inside an op. Session thread only.
 */
#ifndef COUPLET_CONN_H
#define COUPLET_CONN_H

#include <couplet/call.h>
#include <couplet/stanza.h>

#pragma GCC visibility push(default)

struct cpl_conn;

/* The attributes of a stream header (RFC 6120 4.7). Absent: CPL_NONE. Views live until the event or op returns. */
struct cpl_stream_header {
	struct cpl_str to;
	struct cpl_str from;
	struct cpl_str id;
	struct cpl_str lang;
	struct cpl_str version;
	enum cpl_ns content;   /* the default namespace: CLIENT, SERVER, COMPONENT; UNKNOWN for any other */
	bool wrong_namespace;  /* the root is not {http://etherx.jabber.org/streams}stream */
	bool wrong_prefix;     /* it is, but another prefix than "stream" was used */
};

/* Stream errors (RFC 6120 4.9.3). */
enum cpl_stream_error {
	CPL_STREAM_OK, /* no error */
	CPL_STREAM_BAD_FORMAT,
	CPL_STREAM_BAD_NAMESPACE_PREFIX,
	CPL_STREAM_CONFLICT,
	CPL_STREAM_CONNECTION_TIMEOUT,
	CPL_STREAM_HOST_GONE,
	CPL_STREAM_HOST_UNKNOWN,
	CPL_STREAM_IMPROPER_ADDRESSING,
	CPL_STREAM_INTERNAL_SERVER_ERROR,
	CPL_STREAM_INVALID_FROM,
	CPL_STREAM_INVALID_NAMESPACE,
	CPL_STREAM_INVALID_XML,
	CPL_STREAM_NOT_AUTHORIZED,
	CPL_STREAM_NOT_WELL_FORMED,
	CPL_STREAM_POLICY_VIOLATION,
	CPL_STREAM_REMOTE_CONNECTION_FAILED,
	CPL_STREAM_RESET,
	CPL_STREAM_RESOURCE_CONSTRAINT,
	CPL_STREAM_RESTRICTED_XML,
	CPL_STREAM_SEE_OTHER_HOST,
	CPL_STREAM_SYSTEM_SHUTDOWN,
	CPL_STREAM_UNDEFINED_CONDITION,
	CPL_STREAM_UNSUPPORTED_ENCODING,
	CPL_STREAM_UNSUPPORTED_FEATURE,
	CPL_STREAM_UNSUPPORTED_STANZA_TYPE,
	CPL_STREAM_UNSUPPORTED_VERSION,
};
/* "bad-format" ...: the name of the element; "" for CPL_STREAM_OK. Static. */
const char *cpl_stream_error_name(enum cpl_stream_error condition);

/* How a connection ended. */
enum cpl_conn_end {
	CPL_END_LOCAL,   /* we ended it: cpl_conn_end() */
	CPL_END_EOF,     /* the peer's end of file (with or without </stream:stream> or close_notify) */
	CPL_END_RESET,   /* reset, or an error of the socket */
	CPL_END_TIMEOUT, /* keepalive or write time-out */
	CPL_END_TLS,     /* the handshake failed */
	CPL_END_OVERFLOW /* the output bound was reached: the peer reads too slowly */
};

struct cpl_conn_events {
	/* The peer's stream header. */
	void (*opened)(struct cpl_conn *conn, const struct cpl_stream_header *header);
	/* One whole child of the stream; the reference is handed over. */
	void (*element)(struct cpl_conn *conn, struct cpl_stanza *stanza);
	/* The peer's </stream:stream>. The connection stays. */
	void (*closing)(struct cpl_conn *conn);
	/* The input breaks a rule: a stream error with this condition is due. No further input is reported. */
	void (*failed)(struct cpl_conn *conn, enum cpl_stream_error condition, const char *text);
	/* TLS stands; the peer is expected to send a new header. */
	void (*secured)(struct cpl_conn *conn);
	/* The output queue went from above half its bound to empty. */
	void (*drained)(struct cpl_conn *conn);
	/* Silence for keepalive_ms: the session sends its sign of life. */
	void (*idle)(struct cpl_conn *conn);
	/* The last event: after it conn is gone for the session (the implementation frees it). detail is for the log, may be NULL. */
	void (*closed)(struct cpl_conn *conn, enum cpl_conn_end end, const char *detail);
};

/* Bounds of what a peer may use; tight before authentication, set again by the session afterwards. 0: no bound. */
struct cpl_conn_limits {
	uint32_t stanza_bytes;    /* one child of the stream, also a stream header */
	uint32_t stanza_depth;
	uint32_t stanza_elements; /* elements in one child; attributes an element are bounded at 64 */
	uint32_t total_bytes;     /* in all since these limits were set; then policy-violation */
	uint32_t total_elements;
	uint32_t output_bytes;    /* waiting output; over it the connection ends with CPL_END_OVERFLOW */
	int64_t keepalive_ms;     /* silence of the peer until `idle` */
	int64_t write_ms;         /* waiting output that does not move */
	uint32_t rate, burst;     /* bytes a second that are read, and what may come at once before that; rate 0: as many as come */
};

/* Kinds of channel binding (RFC 5929, RFC 9266). */
enum cpl_binding { CPL_BINDING_TLS_UNIQUE, CPL_BINDING_SERVER_END_POINT, CPL_BINDING_EXPORTER };

struct cpl_conn_ops {
	/* Sends our stream header (for an error before the peer's header, too). */
	void (*open)(struct cpl_conn *conn, const struct cpl_stream_header *header);
	/* Queues whole serialised elements; flushed once at the end of the turn. The bytes are copied. */
	void (*write)(struct cpl_conn *conn, struct cpl_str bytes);
	/* After the peer's last element has been handled the next bytes are a TLS handshake / a new stream header. Buffered input is dropped. */
	void (*start_tls)(struct cpl_conn *conn);
	void (*restart)(struct cpl_conn *conn);
	/* Stops and continues the reporting of input (counted: as many resumes as pauses). What is in the buffer stays bounded. */
	void (*pause)(struct cpl_conn *conn);
	void (*resume)(struct cpl_conn *conn);
	/* The rate begins anew, too. */
	void (*set_limits)(struct cpl_conn *conn, const struct cpl_conn_limits *limits);
	/* Queues </stream:stream>; input is still reported. */
	void (*close_stream)(struct cpl_conn *conn);
	/*
	 * Ends the connection: writes what is queued (at most linger_ms), close_notify, shuts down the sending side, reads and discards input until EOF,
	 * linger_ms or 64 KiB, then closes. No further input is reported; `closed` comes last. linger_ms 0: at once.
	 */
	void (*end)(struct cpl_conn *conn, int64_t linger_ms);
	/* Channel binding data (at most 64 bytes) into out; the length, or 0 when there is none. out NULL: not 0 when there is one, without the cost of making it. */
	size_t (*binding)(struct cpl_conn *conn, enum cpl_binding kind, unsigned char *out);
	/* One line about the transport for `session list` and the log, e.g. "TLSv1.3 TLS_AES_256_GCM_SHA384". */
	struct cpl_str (*describe)(struct cpl_conn *conn, char *buffer, size_t size);
	/* Bytes of memory that the connection holds. */
	size_t (*memory)(const struct cpl_conn *conn);
};

struct cpl_conn {
	const struct cpl_conn_ops *ops;
	const struct cpl_conn_events *events;
	void *owner;             /* the session */
	char address[64];        /* "192.0.2.1:40001", "[2001:db8::1]:40001" */
	const char *service;     /* name under listen: that accepted it, e.g. "c2s-direct" */
	bool secure;             /* TLS stands */
	bool paused;
	struct cpl_scope scope;
	uint64_t bytes_in, bytes_out;
	uint64_t elements_in, elements_out;
	int64_t opened_at;       /* cpl_now() */
	int64_t held_until;      /* nothing is read until then (cpl_monotonic()), as the peer has sent faster than its rate; 0: it is read */
	uint32_t holds;          /* how often that was so */
};

/*
 * What stands for one peer when connections or tries are counted: the whole IPv4 address, the first 64 bits of an IPv6 address, because a single host is given that many. The view
 * is of `key`.
 */
enum { CPL_PEER_TEXT = 64 };
struct cpl_str cpl_conn_peer(const struct cpl_conn *conn, char key[CPL_PEER_TEXT]);

/*
 * Has the peer ended its side, which is reported only when all that it sent before has been read? That takes its time while the connection is paused or held, and what comes anew
 * in its place need not wait for it. False where the implementation cannot tell.
 */
bool cpl_conn_peer_left(const struct cpl_conn *conn);

#pragma GCC visibility pop

#endif
