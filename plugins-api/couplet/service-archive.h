/* SPDX-License-Identifier: MIT */
/*
 * The archive service, version 1: keeping the messages of accounts. The bundled provider is the module archive; the module mam decides what is kept and speaks XEP-0313 and XEP-0441 through
 * this service only, so that a module that keeps messages elsewhere replaces the keeping and nothing else (plugins-api/examples/archive_memory.c).
 *
 * An archive is the messages of one account in the order in which they were appended. Each has an id, text that clients take for opaque: no other message of the account has had it or will
 * have it, nobody can guess it (XEP-0359 3), and it needs no escaping in XML. The provider checks what is asked of it no further than is said here; who may ask is the caller's affair.
 *
 * Calls follow <couplet/call.h>. The functions copy what they are given. They run as part of the caller; what a provider starts and keeps for itself there it does between
 * cpl_provider_enter() and cpl_provider_leave(). A provider logs what it cannot read or write.
 */
#ifndef COUPLET_SERVICE_ARCHIVE_H
#define COUPLET_SERVICE_ARCHIVE_H

#include <couplet/service.h>
#include <couplet/stanza.h>

/* Bytes of an id, without its NUL; ids that one question can name; messages of one answer. */
enum { CPL_ARCHIVE_ID_MAX = 63, CPL_ARCHIVE_IDS_MAX = 1000, CPL_ARCHIVE_PAGE_MAX = 1000 };

/* The size is frozen per API major. */
struct cpl_archive_append {
	struct cpl_call call;
	char id[CPL_ARCHIVE_ID_MAX + 1]; /* set when append() has returned 0: the message has this id, if status is 0 */
	void *reserved[4];
};

/* One message of an archive. */
struct cpl_archive_item {
	struct cpl_str id;
	int64_t when;          /* ms since 1970: when it was sent or received */
	struct cpl_str with;   /* the address it was exchanged with */
	struct cpl_str stanza; /* as cpl_stanza_write(CPL_NS_CLIENT) makes it: for cpl_stanza_read() */
};

/*
 * What is asked for. All conditions have to be met; a zeroed one is none. The set of messages that meet with, start, end, after, before and ids is in the order of the archive, and a page is a part
 * of it: the first or (backwards) the last messages of what is between page_after and page_before.
 */
struct cpl_archive_question {
	struct cpl_jid with;        /* a bare JID also meets its full JIDs */
	int64_t start, end;         /* ms since 1970, inclusive; 0: open */
	struct cpl_str after, before;           /* ids, exclusive; CPL_NONE: open */
	const struct cpl_str *ids;  /* these, in whatever order; at most CPL_ARCHIVE_IDS_MAX */
	size_t id_count;            /* 0: any */
	struct cpl_str page_after, page_before; /* ids, exclusive, as RSM has them (XEP-0059) */
	bool backwards;
	bool count;                 /* wants `total` */
	size_t max;                 /* messages in the page, at most CPL_ARCHIVE_PAGE_MAX; 0: none, for a count */
	size_t max_bytes;           /* of stanzas in the page, but for one that is there in any case; 0: any number */
	void *reserved[2];
};

/* A question's answer. The size is frozen per API major. */
struct cpl_archive_page {
	struct cpl_call call;
	struct cpl_arena *arena;        /* set by the caller, who destroys it after the callback: memory of what is found */
	/* Results when status is 0. */
	struct cpl_archive_item *items; /* in the order of the archive, backwards or not */
	size_t item_count;
	bool complete;                  /* nothing of the set is behind the page, or, backwards, before it; never with max 0 */
	int64_t total;                  /* messages in the set; with `count` only */
	void *reserved[4];
};

/* What becomes of messages by default (XEP-0441 2.1.1). */
enum cpl_archive_policy { CPL_ARCHIVE_ALWAYS, CPL_ARCHIVE_ROSTER, CPL_ARCHIVE_NEVER };
/* What an account has wished; the addresses in the lists are prepared. */
struct cpl_archive_preferences {
	enum cpl_archive_policy policy;
	const struct cpl_str *always, *never;
	size_t always_count, never_count;
};

/* The size is frozen per API major. */
struct cpl_archive_wishes {
	struct cpl_call call;
	struct cpl_arena *arena; /* preferences_get(): as in struct cpl_archive_page */
	/* Results of preferences_get() when status is 0. */
	bool set;                /* the account has wished something */
	struct cpl_archive_preferences preferences;
	void *reserved[4];
};

/* The size is frozen per API major. */
struct cpl_archive_purge {
	struct cpl_call call;
	uint64_t removed; /* messages so far */
	void *reserved[4];
};

struct cpl_archive_service {
	size_t size;
	/*
	 * Appends a message to the account's archive; status 0 when it is durable. Appends of one account are in the order of the calls. `account` is bare, `with` whom it was sent to or received from.
	 * CPL_E_FULL: disk or quota; CPL_E_NOT_FOUND: there is no such account. Cancelling does not undo it.
	 */
	int (*append)(struct cpl_module *provider, struct cpl_archive_append *request, struct cpl_scope *scope, struct cpl_jid account, int64_t when,
		      struct cpl_jid with, const struct cpl_stanza *stanza, void (*done)(struct cpl_call *call));
	/*
	 * Finds messages; what was appended before is seen. CPL_E_NOT_FOUND: an id that the question names is none of the archive's. CPL_E_INVALID: more is asked for than the question may. With
	 * max 1, forwards and backwards, it finds what metadata are about (XEP-0313 5); with ids, single messages.
	 */
	int (*ask)(struct cpl_module *provider, struct cpl_archive_page *request, struct cpl_scope *scope, struct cpl_jid account,
		   const struct cpl_archive_question *question, void (*done)(struct cpl_call *call));
	/*
	 * Removes the messages that are older than `before` (ms since 1970; 0: all that are there when it begins), some at a time; when it fails or is cancelled, what is in `removed` is
	 * gone, and some more may be. Ids are not used again.
	 */
	int (*purge)(struct cpl_module *provider, struct cpl_archive_purge *request, struct cpl_scope *scope, struct cpl_jid account, int64_t before,
		     void (*done)(struct cpl_call *call));
	/* The account's preferences. */
	int (*preferences_get)(struct cpl_module *provider, struct cpl_archive_wishes *request, struct cpl_scope *scope, struct cpl_jid account,
			       void (*done)(struct cpl_call *call));
	/* Status 0 when they are durable; codes as append(). */
	int (*preferences_set)(struct cpl_module *provider, struct cpl_archive_wishes *request, struct cpl_scope *scope, struct cpl_jid account,
			       const struct cpl_archive_preferences *preferences, void (*done)(struct cpl_call *call));
};

#endif
