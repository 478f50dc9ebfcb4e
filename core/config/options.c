/* SPDX-License-Identifier: MIT */
/* The table of the core's own options. "group.name" is a name in a mapping. */
#include "core/base/logger.h"
#include "core/config/config.h"

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_sinks[] = {"stderr", "file", "syslog", "journal", NULL};
static const char *const parsers[] = {"strict", "expat", "compare", NULL};
static const char *const tls_versions[] = {"TLSv1.2", "TLSv1.3", NULL};

/* The words are turned into these enumerations by their index. */
_Static_assert(CPL_LOG_DEBUG == 0 && CPL_LOG_ERROR == 3, "log levels");
_Static_assert(LOGGER_STDERR == 0 && LOGGER_FILE == 1 && LOGGER_SYSLOG == 2 && LOGGER_JOURNAL == 3, "log sinks");

#define ROW(name, kind, type, field, fallback, min, max, values, flags, summary)                                                 \
	{name, CPL_OPTION_##kind, CPL_FIELD(struct config_core, field, type), fallback, min, max, values, flags, summary}
#define INT(group, field, fallback, min, max, flags, summary)                                                                    \
	ROW(group #field, INT, int64_t, field, fallback, min, max, NULL, flags, summary)
#define TIME(group, field, fallback, min, max, flags, summary)                                                                   \
	ROW(group #field, TIME, int64_t, field, fallback, min, max, NULL, flags, summary)
#define SIZE(group, field, fallback, min, max, flags, summary)                                                                   \
	ROW(group #field, SIZE, int64_t, field, fallback, min, max, NULL, flags, summary)
#define STRING(name, field, fallback, flags, summary)                                                                            \
	ROW(name, STRING, struct cpl_str, field, fallback, NULL, NULL, NULL, flags, summary)

const struct cpl_option config_core_options[] = {
	ROW("admins", LIST, struct cpl_str_list, admins, NULL, NULL, NULL, NULL, CPL_RELOADABLE,
	    "Addresses (bare JIDs) of the server's administrators."),
	STRING("data", data, NULL, 0, "Folder of the databases and the lock. Default: lib/couplet below the local state folder of the build."),
	STRING("run", run, NULL, 0, "Folder of the control socket. Default: the data folder."),
	STRING("modules_path", modules_path, NULL, 0, "Folder of the modules. Default: where make install put them."),
	STRING("storage", storage, "sqlite", 0, "The module that keeps the data: sqlite, or memory for tests."),
	STRING("user", user, NULL, 0, "The user to run as once the ports are open; required when started as root."),
	INT("", workers, "0", "0", "64", 0, "Threads for TLS handshakes and password hashing; 0: as many as there are processors, but two at least."),
	ROW("stop_on_listen_failure", BOOL, bool, stop_on_listen_failure, "true", NULL, NULL, NULL, 0,
	    "Whether a port that cannot be opened stops the start; false: it is logged."),

	ROW("parser", ENUM, int, parser, "strict", NULL, NULL, parsers, CPL_RELOADABLE,
	    "How stanzas are parsed: by the server's own strict parser, which leaves to expat what it does not know; by expat alone; or, for tests, by both, "
	    "where a difference ends the server."),

	ROW("log.level", ENUM, int, log_level, "info", NULL, NULL, log_levels, CPL_RELOADABLE, "The least important level that is logged."),
	ROW("log.modules", LIST, struct cpl_str_list, log_modules, NULL, NULL, NULL, NULL, CPL_RELOADABLE,
	    "Modules with a level of their own, as MODULE=LEVEL: [auth=debug, core=warn]; core is the server itself."),
	ROW("log.sink", ENUM, int, log_sink, "stderr", NULL, NULL, log_sinks, CPL_RELOADABLE, "Where the log goes; journal is the one of systemd, with fields."),
	STRING("log.file", log_file, NULL, CPL_RELOADABLE, "The file, for the sink file."),

	ROW("crypto.min_version", ENUM, int, tls_min_version, "TLSv1.2", NULL, NULL, tls_versions, CPL_RELOADABLE, "The oldest TLS version."),
	STRING("crypto.ciphers", tls_ciphers, NULL, CPL_RELOADABLE,
	       "Cipher suites of TLS 1.2, as openssl-ciphers(1) has them. Default: those with forward secrecy and AEAD."),
	STRING("crypto.ciphersuites", tls_ciphersuites, NULL, CPL_RELOADABLE,
	       "Cipher suites of TLS 1.3, best first, colons between them. Default: AES-128-GCM with SHA-256, which costs a login least, AES-256-GCM, ChaCha20-Poly1305."),
	ROW("crypto.tls_unique", BOOL, bool, tls_unique_compat, "true", NULL, NULL, NULL, CPL_RELOADABLE,
	    "Whether tls-unique channel binding is also accepted under TLS 1.3, for clients that know no other."),
	ROW("crypto.session_tickets", TIME, int64_t, tls_tickets, "12h", "0s", "7d", NULL, CPL_RELOADABLE,
	    "How long a client may resume a TLS 1.3 session with the ticket it was given; the keys of tickets are drawn anew that often and accepted for as long again. 0: no tickets."),

	INT("limits.", max_connections, "0", "0", "10000000", CPL_RELOADABLE,
	    "Connections at a time; 0: as many as the process may open files, minus 128."),
	INT("limits.", unauthenticated_per_address, "64", "1", "1000000", CPL_RELOADABLE,
	    "Connections from one address that have not authenticated yet."),
	INT("limits.", unauthenticated_total, "4096", "1", "10000000", CPL_RELOADABLE,
	    "Connections in all that have not authenticated yet."),
	SIZE("limits.", unauthenticated_bytes, "8K", "4K", "1M", CPL_RELOADABLE, "What a peer may send in all before it has authenticated."),
	INT("limits.", unauthenticated_elements, "32", "8", "10000", CPL_RELOADABLE,
	    "Elements that a peer may send in all before it has authenticated."),
	TIME("limits.", authentication_time, "30s", "1s", "10m", CPL_RELOADABLE,
	     "From the connection to the bound resource; then an unfinished login is closed."),
	SIZE("limits.", stanza_size, "256K", "10000", "64M", CPL_RELOADABLE, "The largest stanza from a client (RFC 6120, 13.12)."),
	INT("limits.", stanza_depth, "64", "8", "1024", CPL_RELOADABLE, "The deepest nesting of elements in a stanza."),
	INT("limits.", stanza_elements, "10000", "64", "1000000", CPL_RELOADABLE, "The most elements in a stanza."),
	SIZE("limits.", output_size, "1M", "64K", "1G", CPL_RELOADABLE, "Output that waits for a slow reader; over it the session is closed."),
	TIME("limits.", keepalive, "2m", "0", "1d", CPL_RELOADABLE,
	     "Silence after which the server sends a space to see whether the connection lives; 0: never."),
	TIME("limits.", write_timeout, "60s", "1s", "1h", CPL_RELOADABLE, "How long output may wait without progress before the connection is closed."),
	TIME("limits.", suspend_timeout, "30s", "1s", "10m", CPL_RELOADABLE,
	     "How long a module may keep a stanza waiting; then it is answered with an error."),
	INT("limits.", input_queue, "32", "1", "10000", CPL_RELOADABLE,
	    "Stanzas that wait behind a suspended one before reading pauses."),
	INT("limits.", sessions_per_account, "20", "1", "10000", CPL_RELOADABLE, "Connected resources of an account."),
	INT("limits.", directed_presence, "1000", "1", "1000000", CPL_RELOADABLE, "Targets of directed presence that a session may have."),
	INT("limits.", pending_requests, "500", "1", "1000000", CPL_RELOADABLE, "Subscription requests that wait for an account's answer."),
	TIME("limits.", slow_callback, "100ms", "1ms", "1m", CPL_RELOADABLE, "A module's handler that takes longer is logged with its name."),
	CPL_OPT_END,
};
