/* SPDX-License-Identifier: MIT */
/*
 * The configuration: one immutable object per generation, read in two steps and judged whole before anything changes.
 *   1. config_read(): the file and its includes become a tree whose nodes know file, line and column; the core's own options, the hosts, the
 *      listeners and the module lists are taken from it.
 *   2. The caller opens the modules that are listed, then config_judge() checks the rest of the tree against their option tables and
 *      fills one const struct per module and host.
 * All faults of both steps go into one report as FILE:LINE: text, with the nearest known name for an unknown one.
 */
#ifndef CORE_CONFIG_CONFIG_H
#define CORE_CONFIG_CONFIG_H

#include <couplet/option.h>

struct config_node; /* core/config/tree.h */

/* ---- the report ---- */

struct config_fault {
	const char *file; /* NULL: not about a place in a file */
	int line;
	bool warning;
	char *text;
};
struct config_report {
	struct config_fault *faults;
	size_t count;
	size_t errors;
};
void config_report_add(struct config_report *report, const struct config_node *where, bool warning, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same for a place known as file and line (file may be NULL). */
void config_report_at(struct config_report *report, const char *file, int line, bool warning, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* Sorted by file and line, one "FILE:LINE: text" (warnings: "FILE:LINE: warning: text") a line. */
void config_report_print(struct config_report *report, struct cpl_buf *out);
void config_report_finish(struct config_report *report);

/* ---- the core's own options ---- */

struct config_core {
	struct cpl_str_list admins;
	struct cpl_str data;          /* directory of databases and lock */
	struct cpl_str run;           /* directory of the control socket and the pid file; default: the data directory */
	struct cpl_str modules_path;  /* default: where `make install` put them */
	struct cpl_str storage;       /* name of the storage driver module */
	struct cpl_str user;          /* required when started as root */
	int64_t workers;              /* worker threads */
	int64_t max_connections;      /* 0: soft limit of descriptors minus 128 */
	int64_t unauthenticated_per_address, unauthenticated_total;
	int64_t unauthenticated_bytes, unauthenticated_elements;
	int64_t authentication_time;  /* deadline until the resource is bound */
	int64_t stanza_size, stanza_depth, stanza_elements;
	int64_t output_size;
	int64_t keepalive, write_timeout;
	int64_t suspend_timeout;
	int64_t input_queue;          /* stanzas waiting behind a suspended one before reading pauses */
	int64_t sessions_per_account, directed_presence, pending_requests;
	int64_t slow_callback;
	int log_level;                /* enum cpl_log_level */
	int log_sink;                 /* enum logger_sink */
	struct cpl_str log_file;
	struct cpl_str_list log_modules; /* "MODULE=LEVEL" */
	int tls_min_version;          /* 0: TLSv1.2, 1: TLSv1.3 */
	int64_t tls_tickets;          /* ms; 0: none */
	struct cpl_str tls_ciphers;
	struct cpl_str tls_ciphersuites;
	bool tls_unique_compat;
	int parser;                   /* enum strict_mode */
	bool stop_on_listen_failure;
};
/* The table of these, for `help`, the sample and the manual page. Names there are as an administrator writes them. */
extern const struct cpl_option config_core_options[];

struct config_listen {
	const char *service; /* c2s, c2s-direct ... */
	struct cpl_str_list address;
	uint16_t port;       /* 0 in tests: any */
	bool direct_tls;
	const struct config_node *node;
};

struct config_host {
	struct cpl_str name;          /* prepared domainpart */
	struct cpl_str component;     /* name of the module that serves it, or CPL_NONE for an ordinary host */
	struct cpl_str certificate, key; /* paths, NUL-terminated, whether or not they exist; CPL_NONE */
	struct cpl_str *modules;      /* effective list: inherited, with modules+ and modules- applied, without repeats, in order */
	size_t module_count;
	const void **module_options;  /* per entry of `modules`: its const struct; filled by config_judge() */
	const struct config_node *node; /* the host's name in the file */
	const struct config_node *section; /* the host's mapping */
};

/* Who may do something, where the configuration says other than the module that declares it. */
struct config_permission {
	struct cpl_str action;
	int role; /* index into config_role_names, which is enum cpl_role */
};
extern const char *const config_role_names[];

struct config {
	struct config_core core;
	struct config_host *hosts;
	size_t host_count;
	struct config_listen *listen;
	size_t listen_count;
	struct cpl_str *modules;      /* every module named anywhere (hosts, storage driver, components), without repeats */
	size_t module_count;
	const void **module_options;  /* the same modules' structs with global values only */
	struct config_node *tree;
	struct cpl_arena *arena;      /* owns everything above */
	char *path;
	struct config_permission *permissions; /* filled by config_judge() */
	size_t permission_count;
	const struct config_node **module_places; /* per entry of `modules`: where it is listed first, for reports */
};

/* What a module brings to the second step. */
struct config_schema {
	struct cpl_str name;
	const struct cpl_option *options; /* ended by CPL_OPT_END; NULL: none */
	size_t size;                      /* of its struct */
	/* The module's rules across fields; may be NULL. Reports with fault(); `host` is CPL_NONE for the global struct. */
	void (*check)(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data);
	const char *const *actions; /* that permissions: may name; NULL-terminated, or NULL for none */
};

/*
 * Reads file and includes. Returns NULL only when there is no tree to go on with (file unreadable, YAML broken); other faults are in the
 * report and the object can still be judged, so that all faults come at once.
 */
struct config *config_read(const char *path, struct config_report *report);
/* `services` (names that may stand under listen:) and schemas by module name. A module without schema (it could not be opened, reported elsewhere) is passed over. */
struct config_service { const char *name; uint16_t port; bool direct_tls; };
void config_judge(struct config *config, const struct config_schema *schemas, size_t schema_count, const struct config_service *services,
		  size_t service_count, struct config_report *report);
/* The struct for a module in a host, or NULL when the host does not list it. */
const void *config_options_of(const struct config *config, const struct config_host *host, struct cpl_str module);
/* Where a module is listed first, or a core option ("user", "log.level") is given; the root when it is not. For reports. */
const struct config_node *config_module_place(const struct config *config, struct cpl_str module);
const struct config_node *config_place(const struct config *config, const char *option);
/* `path`, or when it is relative the same below the folder of the main configuration file. In the configuration's arena, NUL-terminated. */
struct cpl_str config_resolve(const struct config *config, struct cpl_str path);
/* NULL when there is none. */
const struct config_host *config_host_find(const struct config *config, struct cpl_str name);
/* The nearest of some names within a small edit distance, or NULL. */
const char *config_nearest(struct cpl_str word, const char *const *names, size_t count);
void config_destroy(struct config **config);

/*
 * Adds the value of an option in a struct as an administrator would write it: 5m, 64K, "a, b" for lists; nothing for one that is not given; of a
 * secret only whether there is one.
 */
void config_show(const struct cpl_option *option, const void *values, struct cpl_buf *out);

/* Text generated from option tables: the sample's YAML comments, and mdoc for manual pages. */
void config_render_sample(const char *heading, const struct cpl_option *options, struct cpl_buf *out);
void config_render_mdoc(const struct cpl_option *options, struct cpl_buf *out);

#endif
