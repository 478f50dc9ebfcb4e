/* SPDX-License-Identifier: MIT */
/*
 * Options: a table says everything about each option, and one const struct per module and host receives the values, already validated.
 *
 * The row's macro checks at compile time that the field has the type that the kind of option needs. Defaults and bounds are text, written as an
 * administrator would write them, so that documentation shows them word for word. The sample configuration and the options part of a module's
 * manual page are generated from the table.
 *
 *     struct ping_config { int64_t interval; };
 *     static const struct cpl_option ping_options[] = {
 *         CPL_OPT_TIME(struct ping_config, interval, "1m", "1s", "1h", CPL_RELOADABLE, "Silence after which a client is asked for a sign of life."),
 *         CPL_OPT_END,
 *     };
 */
#ifndef COUPLET_OPTION_H
#define COUPLET_OPTION_H

#include <couplet/error.h>
#include <couplet/jid.h>

enum cpl_option_kind {
	CPL_OPTION_BOOL,   /* bool: true or false */
	CPL_OPTION_INT,    /* int64_t */
	CPL_OPTION_TIME,   /* int64_t, milliseconds; written 500ms, 30s, 5m, 2h, 7d; a bare number is seconds */
	CPL_OPTION_SIZE,   /* int64_t, bytes; written 512, 64K, 1M, 2G (powers of 1024) */
	CPL_OPTION_STRING, /* struct cpl_str; CPL_NONE when neither given nor defaulted; followed by a NUL in memory */
	CPL_OPTION_SECRET, /* struct cpl_str; never shown or logged */
	CPL_OPTION_ENUM,   /* int: index into `values` */
	CPL_OPTION_JID,    /* struct cpl_jid; not set when neither given nor defaulted */
	CPL_OPTION_LIST,   /* struct cpl_str_list of strings; a scalar is a list of one */
	CPL_OPTION_ENUMS,  /* struct cpl_enum_list: list of indexes into `values`, each at most once, in the order given */
};

struct cpl_str_list {
	struct cpl_str *items;
	size_t count;
};
struct cpl_enum_list {
	int *items;
	size_t count;
};

enum {
	CPL_RELOADABLE = 1, /* a running module takes a new value (reconfigure); else it waits for a restart */
	CPL_REQUIRED = 2,   /* must be given */
	CPL_GLOBAL_ONLY = 4, /* may not be given in a host */
	CPL_PATH = 8,        /* STRING: a path; a relative one is below the folder of the file in which it stands, and the value says so */
};

struct cpl_option {
	const char *name;
	enum cpl_option_kind kind;
	size_t offset;
	const char *fallback; /* the default as text, comma-separated for lists; NULL: zero, nothing, empty */
	const char *min;      /* INT, TIME, SIZE: bounds as text; STRING: lengths; NULL: none */
	const char *max;
	const char *const *values; /* ENUM, ENUMS: names, NULL-terminated */
	unsigned flags;
	const char *summary; /* one sentence */
};

/* The offset of `field` if it has type `type`, else a compile error that says so. */
#define CPL_FIELD(structure, field, type)                                                                                        \
	(offsetof(structure, field) +                                                                                            \
	 0 * sizeof(struct {                                                                                                     \
		 _Static_assert(__builtin_types_compatible_p(__typeof__(((structure *)0)->field), type),                         \
				"the option " #field " is bound to a field that is not of the type " #type);                     \
		 char unused;                                                                                                    \
	 }))

#define CPL_OPT_BOOL(st, field, fallback, flags, summary)                                                                        \
	{#field, CPL_OPTION_BOOL, CPL_FIELD(st, field, bool), fallback, NULL, NULL, NULL, flags, summary}
#define CPL_OPT_INT(st, field, fallback, min, max, flags, summary)                                                               \
	{#field, CPL_OPTION_INT, CPL_FIELD(st, field, int64_t), fallback, min, max, NULL, flags, summary}
#define CPL_OPT_TIME(st, field, fallback, min, max, flags, summary)                                                              \
	{#field, CPL_OPTION_TIME, CPL_FIELD(st, field, int64_t), fallback, min, max, NULL, flags, summary}
#define CPL_OPT_SIZE(st, field, fallback, min, max, flags, summary)                                                              \
	{#field, CPL_OPTION_SIZE, CPL_FIELD(st, field, int64_t), fallback, min, max, NULL, flags, summary}
#define CPL_OPT_STRING(st, field, fallback, flags, summary)                                                                      \
	{#field, CPL_OPTION_STRING, CPL_FIELD(st, field, struct cpl_str), fallback, NULL, NULL, NULL, flags, summary}
#define CPL_OPT_SECRET(st, field, flags, summary)                                                                                \
	{#field, CPL_OPTION_SECRET, CPL_FIELD(st, field, struct cpl_str), NULL, NULL, NULL, NULL, flags, summary}
#define CPL_OPT_ENUM(st, field, fallback, values, flags, summary)                                                                \
	{#field, CPL_OPTION_ENUM, CPL_FIELD(st, field, int), fallback, NULL, NULL, values, flags, summary}
#define CPL_OPT_JID(st, field, flags, summary)                                                                                   \
	{#field, CPL_OPTION_JID, CPL_FIELD(st, field, struct cpl_jid), NULL, NULL, NULL, NULL, flags, summary}
#define CPL_OPT_LIST(st, field, fallback, flags, summary)                                                                        \
	{#field, CPL_OPTION_LIST, CPL_FIELD(st, field, struct cpl_str_list), fallback, NULL, NULL, NULL, flags, summary}
#define CPL_OPT_ENUMS(st, field, fallback, values, flags, summary)                                                               \
	{#field, CPL_OPTION_ENUMS, CPL_FIELD(st, field, struct cpl_enum_list), fallback, NULL, NULL, values, flags, summary}
#pragma GCC visibility push(default)
/* Reads a number as the values of options are written: kind INT, TIME (in ms) or SIZE (in bytes). For arguments of commands. False leaves *out alone. */
bool cpl_option_number(enum cpl_option_kind kind, struct cpl_str text, int64_t *out);
#pragma GCC visibility pop

#define CPL_OPT_END                                                                                                              \
	{                                                                                                                        \
		NULL, CPL_OPTION_BOOL, 0, NULL, NULL, NULL, NULL, 0, NULL                                                        \
	}

#endif
