/* SPDX-License-Identifier: MIT */
/*
 * The command export: hosts, their accounts, the modules of each, their rows, one after another. Output is made for one account, and of an archive for one page, at a
 * time, and goes on when the client has taken it.
 */
#include "core/admin/builtin.h"
#include "core/admin/transfer.h"
#include "core/base/account.h"
#include "core/module/manager.h"

enum { ACCOUNTS_PAGE = 500 };

struct export {
	struct cpl_invocation *in;
	struct cpl_arena *arena;   /* of the account */
	struct cpl_buf out;
	struct cpl_buf host;       /* the one that is written: hosts may go meanwhile */
	struct cpl_buf after;      /* the last account of the page before */
	struct cpl_str *accounts;  /* localparts of the page */
	bool *disabled;
	size_t account_count, account;
	bool last_page, in_host, one_host;
	struct cpl_arena *page;    /* has them */
	struct cpl_jid jid;        /* the account that is written; of `arena` */
	struct transfer_modules modules;
	size_t module, row;
	struct cpl_module *self;
	const struct cpl_transfer_row *transfer;
	struct cpl_store_call store;
	int64_t row_after;
	bool list_open;
	int64_t written;
};

static void next_account(struct export *export);
static void next_row(struct export *export);

static void export_end(struct export *export, int status, const char *reason)
{
	struct cpl_invocation *in = export->in;

	if (status == 0) {
		cpl_buf_add(&export->out, CPL_STR("</server-data>\n"));
		invocation_save(in, cpl_buf_str(&export->out));
		cpl_say(in, "exported (accounts: %lld)", (long long)export->written);
	}
	cpl_arena_destroy(&export->arena);
	cpl_arena_destroy(&export->page);
	cpl_buf_finish(&export->out);
	cpl_buf_finish(&export->host);
	cpl_buf_finish(&export->after);
	cpl_free(export);
	if (status == 0)
		cpl_done(in);
	else
		cpl_refuse(in, "the export is not complete: %s", reason ? reason : cpl_code_text(status));
}

static struct cpl_scope *scope_of(struct export *export)
{
	return cpl_invocation_scope(export->in);
}

/* ---- elements ---- */

/* The rows of a page as XML: children of <user/>, or the children of one list, whose tags are written around all pages. */
static void write_page(struct export *export)
{
	const struct cpl_transfer_row *row = export->transfer;
	struct cpl_stanza *page = cpl_nonza_create(row->list ? row->element : &transfer_user);
	struct account_visit visit = account_enter(manager_account(export->self), export->self, ACCOUNT_IN_CALL);
	struct cpl_buf text = {0};
	struct cpl_str inside;

	for (size_t i = 0; i < export->store.count; i++)
		row->write(export->self, page, page->root, &export->store.rows[i]);
	account_leave(&visit);
	if (page->root->first) {
		cpl_stanza_write(page, CPL_NS_CLIENT, &text);
		/* A root without attributes: it ends at the first ">" and begins to close at the last "<". */
		const char *begin = strchr(text.ptr, '>') + 1, *end = strrchr(text.ptr, '<');

		if (row->list && !export->list_open)
			cpl_buf_add(&export->out, (struct cpl_str){text.ptr, (size_t)(begin - text.ptr)});
		inside = (struct cpl_str){begin, (size_t)(end - begin)};
		cpl_buf_add(&export->out, inside);
		export->list_open = row->list;
	}
	cpl_buf_finish(&text);
	cpl_stanza_unref(&page);
}

static void close_list(struct export *export)
{
	if (export->list_open)
		cpl_buf_addf(&export->out, "</%s>", export->transfer->element->local);
	export->list_open = false;
}

/* ---- rows ---- */

static void on_rows(struct cpl_call *call);

static int read_rows(struct export *export)
{
	const struct cpl_archive_query query = {.after = export->row_after, .limit = TRANSFER_PAGE};
	const struct cpl_store *store = export->transfer->store;
	struct account_visit visit = account_enter(manager_account(export->self), export->self, ACCOUNT_IN_CALL);
	int status;

	/* In the module's name, so that its code stays while we wait. */
	export->store = (struct cpl_store_call){0};
	if (store->kind == CPL_STORE_ARCHIVE)
		status = cpl_archive_query(&export->store, scope_of(export), store, export->jid, &query, on_rows);
	else if (store->kind == CPL_STORE_MAP)
		status = cpl_store_all(&export->store, scope_of(export), store, export->jid, TRANSFER_ROWS_MAX, on_rows);
	else
		status = cpl_store_get(&export->store, scope_of(export), store, export->jid, CPL_NONE, on_rows);
	account_leave(&visit);
	return status;
}

static void more_rows(struct cpl_invocation *in)
{
	struct export *export = cpl_invocation_data(in);
	int status = read_rows(export);

	if (status != 0)
		export_end(export, status, NULL);
}

/* True when there is nothing to wait for; else `go_on` is called later. */
static bool hand_out(struct export *export, void (*go_on)(struct cpl_invocation *in))
{
	invocation_save(export->in, cpl_buf_str(&export->out));
	cpl_buf_clear(&export->out);
	return invocation_drain(export->in, go_on);
}

static void on_rows(struct cpl_call *call)
{
	struct export *export = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct export, store);
	/* What follows is the core's: only the module's functions run in its name. */
	struct account_visit visit = account_enter(account_core(), NULL, ACCOUNT_IN_CORE);

	/* An account that was removed meanwhile has no rows. */
	if (call->status == 0)
		write_page(export);
	if (call->status != 0 && call->status != CPL_E_NOT_FOUND) {
		export_end(export, call->status, call->status == CPL_E_CANCELLED ? NULL : export->store.error);
	} else if (call->status == 0 && export->transfer->store->kind == CPL_STORE_ARCHIVE && !export->store.complete && export->store.count) {
		export->row_after = export->store.rows[export->store.count - 1].id;
		if (hand_out(export, more_rows))
			more_rows(export->in);
	} else {
		close_list(export);
		export->row++;
		next_row(export);
	}
	account_leave(&visit);
}

static bool find_row(struct export *export)
{
	const struct cpl_host *host = cpl_host_find(cpl_jid_domain(export->jid));

	for (; host && export->module < export->modules.count; export->module++, export->row = 0) {
		export->self = transfer_module(export->modules.names[export->module], host);
		export->transfer = export->self ? manager_descriptor(export->self)->transfers : NULL;
		if (!export->transfer)
			continue;
		for (size_t i = 0; i < export->row && export->transfer->store; i++)
			export->transfer++;
		for (; export->transfer->store; export->transfer++, export->row++)
			if (export->transfer->write)
				return true;
	}
	return false;
}

static void account_done(struct cpl_invocation *in)
{
	next_account(cpl_invocation_data(in));
}

static void next_row(struct export *export)
{
	int status;

	if (find_row(export)) {
		export->row_after = 0;
		status = read_rows(export);
		if (status != 0)
			export_end(export, status, NULL);
		return;
	}
	cpl_buf_add(&export->out, CPL_STR("</user>\n"));
	if (++export->written % 100 == 0)
		cpl_progress(export->in, (uint64_t)export->written, 0);
	if (hand_out(export, account_done))
		account_done(export->in);
}

/* ---- accounts ---- */

static void begin_account(struct export *export, struct cpl_str local, bool disabled)
{
	cpl_arena_destroy(&export->arena);
	export->arena = cpl_arena_create();
	if (cpl_jid_make(&export->jid, local, cpl_buf_str(&export->host), CPL_NONE, export->arena) != 0) {
		export_end(export, CPL_E_CORRUPT, "the name of an account in the database is not valid");
		return;
	}
	cpl_buf_add(&export->out, CPL_STR("<user name='"));
	cpl_buf_add_xml(&export->out, local);
	cpl_buf_add(&export->out, disabled ? CPL_STR("'><disabled xmlns='" TRANSFER_COUPLET_NS "'/>") : CPL_STR("'>"));
	transfer_modules_of(&export->modules, cpl_host_find(cpl_buf_str(&export->host)), export->arena);
	export->module = export->row = 0;
	next_row(export);
}

static void on_page(struct cpl_call *call)
{
	struct export *export = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct export, store);
	size_t count = call->status == 0 ? export->store.count : 0;

	if (call->status != 0) {
		export_end(export, call->status, export->store.error);
		return;
	}
	cpl_arena_destroy(&export->page);
	export->page = cpl_arena_create();
	export->accounts = cpl_arena_alloc(export->page, (count + 1) * sizeof *export->accounts);
	export->disabled = cpl_arena_alloc(export->page, (count + 1) * sizeof *export->disabled);
	for (size_t i = 0; i < count; i++) {
		export->accounts[i] = cpl_arena_copy(export->page, export->store.rows[i].account);
		export->disabled[i] = export->store.rows[i].disabled;
	}
	export->account_count = count;
	export->account = 0;
	export->last_page = export->store.complete || count == 0;
	next_account(export);
}

static void read_page(struct export *export)
{
	struct cpl_str after = export->after.len ? cpl_buf_str(&export->after) : CPL_NONE;
	int status;

	export->store = (struct cpl_store_call){0};
	status = cpl_account_list(&export->store, scope_of(export), cpl_buf_str(&export->host), after, ACCOUNTS_PAGE, on_page);
	if (status != 0)
		export_end(export, status, NULL);
}

/* The next host by name after the one that was written, so that hosts may come and go. */
static struct cpl_host *host_after(struct cpl_str name)
{
	struct cpl_host *host, *best = NULL;
	size_t at = 0;

	while ((host = cpl_host_next(&at)))
		if (!host->component && cpl_str_compare(host->name, name) > 0 && (!best || cpl_str_compare(host->name, best->name) < 0))
			best = host;
	return best;
}

static void begin_host(struct export *export, struct cpl_str name)
{
	cpl_buf_clear(&export->host);
	cpl_buf_add(&export->host, name);
	cpl_buf_clear(&export->after);
	cpl_buf_add(&export->out, CPL_STR("<host jid='"));
	cpl_buf_add_xml(&export->out, name);
	cpl_buf_add(&export->out, CPL_STR("'>\n"));
	export->in_host = true;
	export->account = export->account_count = 0;
	export->last_page = false;
}

static void next_account(struct export *export)
{
	const struct cpl_host *host;

	if (export->account < export->account_count) {
		struct cpl_str local = export->accounts[export->account];

		cpl_buf_clear(&export->after);
		cpl_buf_add(&export->after, local);
		begin_account(export, local, export->disabled[export->account++]);
		return;
	}
	if (export->in_host && !export->last_page) {
		read_page(export);
		return;
	}
	if (export->in_host)
		cpl_buf_add(&export->out, CPL_STR("</host>\n"));
	export->in_host = false;
	host = export->one_host ? NULL : host_after(cpl_buf_str(&export->host));
	if (!host) {
		export_end(export, 0, NULL);
		return;
	}
	begin_host(export, host->name);
	read_page(export);
}

static void on_account(struct cpl_call *call)
{
	struct export *export = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct export, store);
	struct cpl_jid account = cpl_arg_jid(export->in, 1);

	if (call->status != 0) {
		const char *none = cpl_arena_printf(cpl_invocation_arena(export->in), "there is no account %.*s", CPL_ARG(cpl_jid_str(account))).ptr;

		export_end(export, call->status, call->status == CPL_E_NOT_FOUND ? none : export->store.error);
		return;
	}
	export->last_page = true;
	begin_account(export, cpl_jid_local(account), export->store.rows[0].disabled);
}

static void run_export(struct cpl_module *self, struct cpl_invocation *in)
{
	struct export *export = CPL_NEW(struct export);
	struct cpl_jid account = cpl_arg_jid(in, 1);
	struct cpl_str host = cpl_flag_value(in, "host");
	int status;

	transfer_names();
	export->in = in;
	cpl_invocation_set_data(in, export);
	cpl_buf_add(&export->out, CPL_STR("<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='" TRANSFER_NS
					  "' xmlns:stream='http://etherx.jabber.org/streams'>\n"));
	if (cpl_jid_is_set(account)) {
		export->one_host = true;
		begin_host(export, cpl_jid_domain(account));
		status = cpl_account_get(&export->store, scope_of(export), account, on_account);
		if (status != 0)
			export_end(export, status, NULL);
	} else if (host.ptr) {
		export->one_host = true;
		begin_host(export, host);
		read_page(export);
	} else {
		next_account(export);
	}
}

const struct cpl_command builtin_export[] = {
	{"export <file> [<account>] [--host <host>]", "Writes accounts with all that is theirs to a file of XEP-0227.",
	 "Of one account, of one host, or of all. The file (\"-\": the standard output) can be read by its owner only, as it has the keys of passwords; it appears "
	 "when it is whole.",
	 NULL, CPL_COMMAND_OFFLINE | COMMAND_SAVE, run_export},
	CPL_COMMAND_END,
};
