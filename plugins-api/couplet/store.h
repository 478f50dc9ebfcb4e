/* SPDX-License-Identifier: MIT */
/*
 * Stores: what modules keep on disk.
 *
 * A store is declared in a module's descriptor with its kind and columns. Three kinds:
 *   keyval   account -> one row
 *   map      account, key -> one row
 *   archive  account -> a sequence of rows with id (rising), when, with, in the order of their ids
 * Rows belong to an account and go with it. A host has rows of its own as well, which stay until somebody removes them: give its JID (host->jid), an address without a
 * localpart, as the account. It is never listed among the accounts and cannot be made, disabled or removed. Writes are collected in a batch, which commits whole or not at all, over several stores;
 * its callback comes after the commit is durable. Reads of an account see the writes that were submitted before them. Calls follow <couplet/call.h>.
 */
#ifndef COUPLET_STORE_H
#define COUPLET_STORE_H

#include <couplet/call.h>
#include <couplet/jid.h>
#include <couplet/log.h>

#pragma GCC visibility push(default)

enum cpl_store_kind { CPL_STORE_KEYVAL, CPL_STORE_MAP, CPL_STORE_ARCHIVE };
enum cpl_column_type {
	CPL_COLUMN_TEXT,
	CPL_COLUMN_INTEGER,
	CPL_COLUMN_BLOB,
	CPL_COLUMN_STANZA, /* text of one stanza as cpl_stanza_write(CPL_NS_CLIENT) makes it */
};

struct cpl_column {
	const char *name; /* [a-z_]+; not account, key, id, when, with, with_resource, rowid */
	enum cpl_column_type type;
	bool indexed; /* (account, column) */
};

enum { CPL_COLUMNS_MAX = 16 };

struct cpl_row;

struct cpl_store {
	const char *name; /* [a-z_]+, unique in the server */
	enum cpl_store_kind kind;
	unsigned version;                  /* 1 at first; new last columns need no new version */
	const struct cpl_column *columns;  /* ended by a row whose name is NULL; at most CPL_COLUMNS_MAX */
	/*
	 * Changes one row from version `from` to from + 1, inside the driver's transaction, on the driver's thread, touching nothing else; values may be replaced, with
	 * memory of the arena. Needed when version > 1. Returns 0, or a code: then the whole migration is undone and the start refused.
	 */
	int (*migrate)(unsigned from, struct cpl_row *row, struct cpl_arena *arena);
};

enum cpl_value_type { CPL_VALUE_NULL, CPL_VALUE_INTEGER, CPL_VALUE_BYTES };
struct cpl_value {
	enum cpl_value_type type;
	int64_t integer;
	struct cpl_str bytes; /* text, blob or stanza, as the column says */
};
#define CPL_INTEGER(number) ((struct cpl_value){CPL_VALUE_INTEGER, (number), CPL_NONE})
#define CPL_BYTES(str) ((struct cpl_value){(str).ptr ? CPL_VALUE_BYTES : CPL_VALUE_NULL, 0, (str)})
#define CPL_NULL ((struct cpl_value){CPL_VALUE_NULL, 0, CPL_NONE})

struct cpl_row {
	struct cpl_str account;   /* localpart, in lists of accounts */
	struct cpl_str key;       /* map */
	int64_t id;               /* archive; accounts: until when it is disabled (ms), 0: not at all or for good */
	int64_t when;             /* archive: ms; accounts: created */
	struct cpl_str with;      /* archive: a JID, or CPL_NONE */
	bool disabled;            /* accounts: now */
	struct cpl_value *values; /* as many as columns, in their order; accounts: the bytes of all its rows, and its own quota or NULL */
};

/* ---- writing ---- */

struct cpl_batch;
/* An empty batch, charged to the core. Ends with cpl_batch_commit() or cpl_batch_destroy(). */
struct cpl_batch *cpl_batch_create(void);
/* For a batch that is not committed. Nulls. */
void cpl_batch_destroy(struct cpl_batch **batch);
/* All bytes are copied. `values` has as many entries as the store has columns. Setting for an account that does not exist fails the batch with CPL_E_NOT_FOUND. */
void cpl_batch_set(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, struct cpl_str key,
		   const struct cpl_value *values);
/* cpl_batch_set() for a row that must not be there yet (keyval and map): one that is fails the batch with CPL_E_CONFLICT. Of two batches that insert the same one wins. */
void cpl_batch_insert(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, struct cpl_str key,
		      const struct cpl_value *values);
/*
 * The row (keyval and map) must have these values when the batch is committed; one that has others, or is not there, fails the batch with CPL_E_CONFLICT. For a change that
 * rests on what was read before. Comes before all steps that change something.
 */
void cpl_batch_expect(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, struct cpl_str key,
		      const struct cpl_value *values);
/* Absent rows are no error. key CPL_NONE in a map: all rows of the account. */
void cpl_batch_remove(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, struct cpl_str key);
/* Appends to an archive and returns the row's id: max(microseconds now, last id + 1). */
int64_t cpl_batch_append(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, int64_t when, struct cpl_jid with,
			 const struct cpl_value *values);
/* Removes archive rows of the account with first <= id <= last. */
void cpl_batch_purge(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, int64_t first, int64_t last);
/* The account itself. create: CPL_E_EXISTS fails the batch. remove: takes all rows of all stores with it; CPL_E_NOT_FOUND. disable: CPL_E_NOT_FOUND. */
void cpl_batch_account_create(struct cpl_batch *batch, struct cpl_jid account);
void cpl_batch_account_remove(struct cpl_batch *batch, struct cpl_jid account);
void cpl_batch_account_disable(struct cpl_batch *batch, struct cpl_jid account, bool disabled);
/* The same until a time (ms since 1970). Modules call cpl_account_set_disabled() of <couplet/account.h>, which does what belongs to it. */
void cpl_batch_account_disable_until(struct cpl_batch *batch, struct cpl_jid account, int64_t until);
/*
 * The most bytes that the rows of an account may have; 0: any number; -1: as the configuration says (cpl_host_set_quota()). A batch that would make an account's rows grow beyond it
 * fails with CPL_E_FULL. Counted are the bytes of texts and keys, 8 for a number, 16 for each row of an archive.
 */
void cpl_batch_account_quota(struct cpl_batch *batch, struct cpl_jid account, int64_t bytes);
/* What this batch writes is the server's own (a password, a role): no quota refuses it. */
void cpl_batch_unmetered(struct cpl_batch *batch);
/* How many steps have been added. */
size_t cpl_batch_steps(const struct cpl_batch *batch);

struct cpl_store_call {
	struct cpl_call call;
	/* Results, valid until the callback returns. */
	struct cpl_row *rows;
	size_t count;
	bool complete;   /* no more rows behind these */
	int64_t total;   /* of cpl_archive_count() */
	const char *error; /* for the log, when status is not 0: the driver's words, or what the status means; never NULL once it has ended */
	void *impl[2];
};

/* Takes over the batch and nulls the pointer, also on a negative return. An empty batch is done at the next turn. Cancelling does not undo a commit: status
 * CPL_E_CANCELLED then says that the outcome is unknown. CPL_E_FULL: disk or quota; CPL_E_IO: the database cannot be written. */
int cpl_batch_commit(struct cpl_store_call *request, struct cpl_scope *scope, struct cpl_batch **batch, void (*done)(struct cpl_call *call));

/* How loud to log a commit that has failed: a quota that is used up is the account's affair, and of a full disk the driver tells. */
static inline enum cpl_log_level cpl_commit_log_level(int status)
{
	return status == CPL_E_FULL ? CPL_LOG_INFO : CPL_LOG_ERROR;
}

/* ---- reading ---- */

/* One row of a keyval (key CPL_NONE) or map store; count 0 when there is none. */
int cpl_store_get(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store, struct cpl_jid account,
		  struct cpl_str key, void (*done)(struct cpl_call *call));
/* All rows of an account in a map store, by key; at most `limit`. */
int cpl_store_all(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store, struct cpl_jid account, size_t limit,
		  void (*done)(struct cpl_call *call));
/* The same for the rows whose key is behind `after` (CPL_NONE: from the first), in the order of the keys' bytes: a page of a map that may be long. */
int cpl_store_page(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store, struct cpl_jid account,
		   struct cpl_str after, size_t limit, void (*done)(struct cpl_call *call));

struct cpl_archive_query {
	struct cpl_jid with;   /* not set: any. A bare JID also matches its full JIDs */
	int64_t start, end;    /* ms, inclusive; 0: open */
	int64_t after, before; /* ids, exclusive; 0: open */
	bool backwards;        /* the last `limit` rows instead of the first; still given in rising order */
	size_t limit;          /* 1 to 1000 */
};
/* Rows of an archive in rising order of their ids, those that meet all conditions of the query (copied). CPL_E_INVALID: `limit` is 0 or above 1000. */
int cpl_archive_query(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store, struct cpl_jid account,
		      const struct cpl_archive_query *query, void (*done)(struct cpl_call *call));
/* How many rows meet the conditions, in `total`; the query's `limit` and `backwards` do not matter. */
int cpl_archive_count(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store, struct cpl_jid account,
		      const struct cpl_archive_query *query, void (*done)(struct cpl_call *call));
/* The account's own row (when, disabled); CPL_E_NOT_FOUND. */
int cpl_account_get(struct cpl_store_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call));
/* Accounts of a domain by localpart, those after `after` (CPL_NONE: from the first), at most `limit`. */
int cpl_account_list(struct cpl_store_call *request, struct cpl_scope *scope, struct cpl_str domain, struct cpl_str after, size_t limit,
		     void (*done)(struct cpl_call *call));
/*
 * The rows of a keyval store for the accounts of a domain, by localpart (`account` of each row), those after `after` (CPL_NONE: from the first), at most
 * `limit`: for reports and exports, as all accounts may have to be looked at.
 */
int cpl_store_list(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store, struct cpl_str domain,
		   struct cpl_str after, size_t limit, void (*done)(struct cpl_call *call));

/* ---- for drivers: modules that provide the service "storage" ---- */

enum cpl_store_op {
	CPL_OP_SET, CPL_OP_REMOVE, CPL_OP_APPEND, CPL_OP_PURGE, CPL_OP_ACCOUNT_CREATE, CPL_OP_ACCOUNT_REMOVE, CPL_OP_ACCOUNT_DISABLE,
	CPL_OP_GET, CPL_OP_ALL, CPL_OP_QUERY, CPL_OP_COUNT, CPL_OP_ACCOUNT_GET, CPL_OP_ACCOUNT_LIST,
	CPL_OP_INSERT,
	CPL_OP_LIST, /* rows of a keyval store for all accounts of a domain */
	CPL_OP_ACCOUNT_QUOTA,
	CPL_OP_EXPECT, /* compares with `values`, writes nothing; stands in front of the steps that do */
};
struct cpl_store_step {
	struct cpl_store_step *next;
	enum cpl_store_op op;
	const struct cpl_store *store; /* NULL for accounts; the core's copy, without migrate, valid to the end of the process; compare by name */
	struct cpl_jid account;        /* ACCOUNT_LIST, LIST: the domain. Without a localpart in other ops: the host's own rows */
	struct cpl_str key;            /* ACCOUNT_LIST, LIST, ALL: after; CPL_NONE: from the first */
	int64_t id, last, when;        /* APPEND: id, and with `flag` last, see keeps_ids; PURGE: id to last; ACCOUNT_CREATE: when; ACCOUNT_DISABLE: until `when`, 0: for good */
	struct cpl_str with;
	struct cpl_value *values;
	unsigned columns;
	bool flag;                     /* ACCOUNT_DISABLE; APPEND */
	/* Writing rows: the account's quota unless it has its own, 0: any number of bytes; -1: whatever it has. ACCOUNT_QUOTA: its own from now on, -1: none. */
	int64_t quota;
	size_t limit;
	struct cpl_archive_query query;
};
/* One batch of writes or one read. Self-contained: all its memory is in its arena, so that it may cross threads and outlive the module that made it. */
struct cpl_store_request {
	struct cpl_store_step *steps;
	struct cpl_arena *arena;   /* also for the result */
	bool write;
	/* The driver's result. */
	int status;
	struct cpl_error error;
	struct cpl_row *rows;
	size_t count;
	bool complete;
	int64_t total;
	/* The driver's own while it has the request. */
	struct cpl_store_request *next;
	void *driver[4];
	/* The core's. */
	void *core[8];
};
struct cpl_storage_service {
	size_t size;
	/* Makes the store's table ready, migrates it if need be; before the first use, blocking. A schema newer than `store` says is refused. */
	int (*declare)(struct cpl_module *driver, const struct cpl_store *store, struct cpl_error *error);
	/* Takes over the request and gives it back with cpl_store_finished(), from any thread, exactly once, in a later turn. Requests of one account are executed in order. */
	void (*submit)(struct cpl_module *driver, struct cpl_store_request *request);
	/* Last id of the archive rows of a store, for giving out ids; blocking, after declare. */
	int64_t (*last_id)(struct cpl_module *driver, const struct cpl_store *store);
	/*
	 * May be NULL. Called once on a worker thread when another generation has taken over and every request has been given back: closes what takes time to close, so
	 * that unload(), which comes afterwards, does not block the session thread. Not called at the server's end. Uses nothing but cpl_module_data() of the API's
	 * functions for the session thread.
	 */
	void (*leave)(struct cpl_module *driver);
	/*
	 * May be NULL, like the member itself in drivers whose `size` is less. Opens what takes time to open (files, connections, threads), so that load() need not: called once between load() and
	 * the first declare(). At a reload a worker thread calls it, and declare() and last_id() for every store that is in use, one call after the other, while the former generation serves and
	 * writes; save() and restore() come then, and the first submit() when that one has given back every request. These calls use cpl_module_data(), CPL_CONFIG(driver, NULL, ...) and what may be called on any
	 * thread. A failure refuses the driver; leave() and unload() come in any case. Without it declare() and last_id() are called on the session thread always.
	 */
	int (*open)(struct cpl_module *driver, struct cpl_error *error);
	/*
	 * May be NULL. Called when the requests of a turn have all been submitted: a driver with threads of its own wakes them here, once, and not in submit(),
	 * where they would come in between.
	 */
	void (*submitted)(struct cpl_module *driver);
	/*
	 * Since 1.1. True: declare() and last_id() may be called on a worker thread while requests are submitted, one call after the other, and use only what open() may. The
	 * server then never waits for a table that a module, loaded while it runs, needs made or migrated. False, or a `size` without it: the session thread calls them.
	 */
	bool declares_while_serving;
	/*
	 * Since 1.1. True: an APPEND with `flag` set is of a row that comes back, from a backup or from another server. Its id is not above all others, and may be taken: the driver
	 * writes the row under the id that cpl_store_id_choose() says. False, or a `size` without it: there are no such steps, and rows that come back have new ids.
	 */
	bool keeps_ids;
};

/* What cpl_store_id_choose() remembers; a driver has one for each batch that it executes, all zeros at first. */
struct cpl_id_choice {
	const struct cpl_store *store;
	struct cpl_jid account;
	int64_t moved; /* the last id that was another than the row had */
	int64_t reserved[2];
};
/*
 * The id for a row that comes back: the one that it had; if another row has that, one that is free within half a minute behind it; else step->last, which is new. Rows that come one
 * after another stay in their order. `is_taken` says whether there is a row with this id, be it of another account where ids are the whole store's. 0: even step->last is
 * taken. Any thread.
 */
int64_t cpl_store_id_choose(struct cpl_id_choice *choice, const struct cpl_store_step *step, bool (*is_taken)(void *data, int64_t id), void *data);

/* Gives a request back with its result; any thread. The request is the core's from then on. */
void cpl_store_finished(struct cpl_store_request *request);
/* The same for a chain of requests through `next`, in its order: the session thread is woken once. Not NULL. */
void cpl_store_finished_all(struct cpl_store_request *first);

#pragma GCC visibility pop

#endif
