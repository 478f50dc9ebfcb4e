/* SPDX-License-Identifier: MIT */
/* The commands that import accounts: records from the client, some accounts at a time, and what came of it. */
#include "core/admin/builtin.h"
#include "core/admin/transfer.h"
#include "core/module/manager.h"
#include "core/xml/parser.h"

struct import {
	struct cpl_invocation *in;
	struct import_totals totals;
	struct cpl_map under_way;    /* accounts -> struct cpl_import */
	unsigned running;
	size_t bytes;                /* of their records */
	struct cpl_import *waiting;  /* the same account is under way: it goes after that one, and nothing is asked for until then */
	struct cpl_jid last;         /* the account of the last record that began one, on the heap */
	bool last_skipped;
	bool asked, at_end;
	struct cpl_str only_host;    /* --host; CPL_NONE: all */
	struct cpl_jid only_account; /* --account */
};

/* May be the end of the import: nothing of it is touched afterwards. */
static void ask(struct import *import);

/* ---- what is counted ---- */

void import_count(struct import_totals *totals, const char *what, int64_t given, int64_t added, int64_t changed)
{
	size_t i = 0;

	if (!what)
		return;
	while (i < totals->count && strcmp(totals->counts[i].what, what) != 0)
		i++;
	if (i == totals->count) {
		totals->counts = cpl_realloc(totals->counts, ++totals->count * sizeof *totals->counts);
		totals->counts[i].what = cpl_strdup(cpl_str_of(what));
	}
	totals->counts[i].given += given;
	totals->counts[i].added += added;
	totals->counts[i].changed += changed;
}

static void count_unknown(struct import_totals *totals, const struct cpl_element *e)
{
	struct cpl_buf name = {0};
	size_t i = 0;

	cpl_buf_addf(&name, "<%.*s xmlns='%.*s'/>", CPL_ARG(e->name), CPL_ARG(e->ns.ptr ? e->ns : CPL_STR(TRANSFER_NS)));
	while (i < totals->unknown_count && strcmp(totals->unknown[i].name, name.ptr) != 0)
		i++;
	if (i < totals->unknown_count || i < IMPORT_UNKNOWN_MAX)
		totals->unknown[i].accounts++;
	if (i == totals->unknown_count && i < IMPORT_UNKNOWN_MAX) {
		totals->unknown[i].name = cpl_strdup(cpl_buf_str(&name));
		totals->unknown_count++;
	}
	cpl_buf_finish(&name);
}

static void row_of(struct cpl_invocation *in, const char *what, int64_t given, int64_t added, int64_t changed)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(what));
	cpl_row_int(in, given);
	cpl_row_int(in, added);
	cpl_row_int(in, changed);
	cpl_row_end(in);
}

static void report(struct import *import)
{
	struct import_totals *totals = &import->totals;

	row_of(import->in, "accounts", totals->accounts, totals->added, totals->changed);
	for (size_t i = 0; i < totals->count; i++)
		row_of(import->in, totals->counts[i].what, totals->counts[i].given, totals->counts[i].added, totals->counts[i].changed);
	for (size_t i = 0; i < totals->unknown_count; i++)
		cpl_complain(import->in, "%s is not imported: no module of the host takes it (accounts: %lld)", totals->unknown[i].name,
			     (long long)totals->unknown[i].accounts);
	if (totals->skipped)
		cpl_complain(import->in, "there already and left alone (accounts: %lld)", (long long)totals->skipped);
}

static void import_end(struct import *import)
{
	struct import_totals *totals = &import->totals;
	struct cpl_invocation *in = import->in;
	int64_t faults = totals->faults;

	report(import);
	for (size_t i = 0; i < totals->count; i++)
		cpl_free(totals->counts[i].what);
	for (size_t i = 0; i < totals->unknown_count; i++)
		cpl_free(totals->unknown[i].name);
	cpl_free(totals->counts);
	cpl_map_finish(&import->under_way);
	cpl_jid_free(&import->last);
	cpl_free(import);
	if (faults)
		cpl_refuse(in, "not imported, wholly or in part (accounts: %lld)", (long long)faults);
	else
		cpl_done(in);
}

/* ---- accounts ---- */

/* Elements that no module of the host takes are counted, as XEP-0227 section 3 wants the operator to know. */
static void look_for_unknown(struct cpl_import *one)
{
	const struct cpl_host *host = cpl_host_find(cpl_jid_domain(one->account));

	CPL_CHILDREN(child, one->record->root) {
		bool known = cpl_is(child, &transfer_disabled);

		for (size_t i = 0; host && i < one->modules.count && !known; i++) {
			struct cpl_module *module = transfer_module(one->modules.names[i], host);
			const struct cpl_transfer_row *row = module ? manager_descriptor(module)->transfers : NULL;

			for (; row && row->store && !known; row++)
				known = row->element && cpl_is(child, row->element);
		}
		if (!known && !one->skipped)
			count_unknown(one->totals, child);
	}
}

static void go_on(struct import *import)
{
	if (import->waiting && !cpl_map_get(&import->under_way, cpl_jid_str(import->waiting->account))) {
		struct cpl_import *one = import->waiting;

		import->waiting = NULL;
		if (one->goes_on && import->last_skipped) {
			import->bytes -= one->size;
			import_account_finish(one);
		} else {
			cpl_map_put(&import->under_way, cpl_jid_str(one->account), one);
			/* Twice, so that one that ends at once is not the end of all. */
			import->running += 2;
			import_account_begin(one);
			import->running--;
		}
	}
	ask(import);
}

static void on_account_done(struct cpl_import *one)
{
	struct import *import = cpl_invocation_data(one->in);
	struct import_totals *totals = &import->totals;

	if (!one->goes_on) {
		totals->accounts++;
		totals->added += one->created && one->changed;
		totals->skipped += one->skipped;
		import->last_skipped = one->skipped && cpl_jid_equal(import->last, one->account);
	}
	totals->changed += !one->created && one->changed && !one->goes_on;
	totals->faults += one->faults > 0;
	look_for_unknown(one);
	cpl_map_remove(&import->under_way, cpl_jid_str(one->account));
	import->running--;
	import->bytes -= one->size;
	import_account_finish(one);
	go_on(import);
}

/* ---- records ---- */

/* What is wrong with the record's account, or NULL. */
static const char *read_account(struct cpl_import *one)
{
	const struct cpl_element *root = one->record->root;
	struct cpl_str domain = cpl_attr_get(root, "host"), name = cpl_attr_get(root, "name"), local;
	const struct cpl_host *host;

	if (!cpl_is(root, &transfer_user) || !domain.ptr || !name.ptr)
		return "a record that is no account";
	if (cpl_jid_make(&one->account, name, domain, CPL_NONE, one->arena) != 0 || one->account.local_len == 0)
		return "not imported: this is no address of an account";
	host = cpl_host_find(cpl_jid_domain(one->account));
	if (!host)
		return "not imported: its host is not one of ours: add it to hosts: in couplet.yml(5)";
	if (host->component)
		return "not imported: a component's host has no accounts";
	if (cpl_prepare_new_local(&local, cpl_jid_local(one->account), one->arena) != 0)
		return "not imported: not acceptable as the name of an account";
	return NULL;
}

static bool wanted(const struct import *import, const struct cpl_import *one)
{
	if (cpl_jid_is_set(import->only_account))
		return cpl_jid_equal(one->account, import->only_account);
	return !import->only_host.ptr || cpl_str_equal(cpl_jid_domain(one->account), import->only_host);
}

static void drop_record(struct import *import, struct cpl_import *one, const char *fault)
{
	struct cpl_str name = cpl_attr_get(one->record->root, "name"), host = cpl_attr_get(one->record->root, "host"),
		       at = cpl_attr_get(one->record->root, "at");

	if (fault) {
		cpl_complain(import->in, "%.*s%s%.*s@%.*s: %s", CPL_ARG(at), at.len ? ": " : "", CPL_ARG(name), CPL_ARG(host), fault);
		import->totals.accounts += !one->goes_on;
		import->totals.faults++;
	}
	import_account_finish(one);
	ask(import);
}

static void take(struct import *import, struct cpl_str bytes)
{
	struct cpl_import *one = CPL_NEW(struct cpl_import);
	enum cpl_stream_error broken = xml_parse_child(bytes, CPL_NS_CLIENT, NULL, &one->record);
	const char *fault;
	struct cpl_str part;

	one->arena = cpl_arena_create();
	if (broken) {
		cpl_complain(import->in, "an account is not imported: it is not XML that can be read: %s", cpl_stream_error_name(broken));
		import->totals.faults++;
		import_account_finish(one);
		ask(import);
		return;
	}
	part = cpl_attr_get(one->record->root, "part");
	one->goes_on = part.ptr && !cpl_str_is(part, "1");
	fault = read_account(one);
	if (fault || !wanted(import, one)) {
		drop_record(import, one, fault);
		return;
	}
	one->in = import->in;
	one->totals = &import->totals;
	one->size = bytes.len;
	one->dry = cpl_flag(import->in, "dry-run");
	one->only_new = cpl_flag(import->in, "new");
	one->done = on_account_done;
	if (!one->goes_on) {
		cpl_jid_free(&import->last);
		import->last = cpl_jid_dup(one->account);
		import->last_skipped = false;
	}
	import->bytes += one->size;
	import->waiting = one;
	go_on(import);
}

static void on_record(struct cpl_invocation *in, struct cpl_str record)
{
	struct import *import = cpl_invocation_data(in);

	import->asked = false;
	if (record.ptr) {
		take(import, record);
		return;
	}
	import->at_end = true;
	ask(import);
}

/* Once a second is enough for eyes. */
static void show_progress(struct import *import)
{
	if (import->totals.accounts % 100 == 0)
		cpl_progress(import->in, (uint64_t)import->totals.accounts, 0);
}

static void ask(struct import *import)
{
	if (import->at_end && import->running == 0 && !import->waiting) {
		import_end(import);
		return;
	}
	if (import->asked || import->at_end || import->waiting || import->running >= IMPORT_WINDOW || import->bytes > IMPORT_BYTES_MAX)
		return;
	import->asked = true;
	show_progress(import);
	invocation_ask(import->in, on_record);
}

static void run_import(struct cpl_module *self, struct cpl_invocation *in)
{
	struct import *import = CPL_NEW(struct import);

	transfer_names();
	import->in = in;
	cpl_invocation_set_data(in, import);
	ask(import);
}

#define IMPORT_COLUMNS "what,read,new,changed"
#define IMPORT_DETAIL                                                                                                            \
	"What is imported is added to what the account has, or takes its place; nothing is removed, and a second import of the same changes nothing. An account is " \
	"imported whole or not at all, one that is faulty is reported with its place and the rest goes on; then the exit code is 1. With --dry-run nothing is changed, " \
	"only counted; with --new accounts that exist are left alone. Sessions of an account that is changed are closed with the stream error reset. "

const struct cpl_command builtin_import[] = {
	{"import <file> [--dry-run] [--new]", "Imports accounts from a file of XEP-0227.",
	 IMPORT_DETAIL "Files that it includes (XInclude) are read, too.", IMPORT_COLUMNS, CPL_COMMAND_OFFLINE | COMMAND_RECORDS, run_import},
	{"import ejabberd <file> [--dry-run] [--new]", "Imports accounts from an export of ejabberd.",
	 IMPORT_DETAIL "The file is what ejabberdctl export_piefxis writes, with passwords as text or as SCRAM keys.", IMPORT_COLUMNS,
	 CPL_COMMAND_OFFLINE | COMMAND_RECORDS, run_import},
	{"import prosody <file> [--dry-run] [--new]", "Imports accounts from the data of Prosody.",
	 IMPORT_DETAIL "The file is Prosody's data directory (storage \"internal\") or its SQLite database (storage \"sql\"); Prosody should be stopped meanwhile.",
	 IMPORT_COLUMNS, CPL_COMMAND_OFFLINE | COMMAND_RECORDS, run_import},
	CPL_COMMAND_END,
};
