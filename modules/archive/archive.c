/* SPDX-License-Identifier: MIT */
/*
 * Archives of messages in the storage: provides the service "archive" and removes what is too old. What is kept, and how clients get at it (XEP-0313), is the module mam's affair.
 * Keeps the stores archive and archive_preferences.
 */
#include "modules/archive/archive.h"

#include <stdio.h>

static const struct cpl_option archive_options[] = {
	CPL_OPT_TIME(struct archive_config, expire, "365d", "0", "36500d", CPL_RELOADABLE, "Messages that are older are removed, once a day; 0: none."),
	CPL_OPT_INT(struct archive_config, max_messages, "0", "0", "1000000000", CPL_RELOADABLE,
		    "Messages of an account beyond this number are removed, the oldest first, once a day; 0: none."),
	CPL_OPT_END,
};

static const struct cpl_column archive_columns[] = {
	[ARCHIVE_STANZA] = {"stanza", CPL_COLUMN_STANZA, false},
	[ARCHIVE_TAG] = {"tag", CPL_COLUMN_INTEGER, false},
	[ARCHIVE_COLUMNS] = {NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_column preferences_columns[] = {
	{"policy", CPL_COLUMN_INTEGER, false}, {"always", CPL_COLUMN_TEXT, false}, {"never", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false}};

const struct cpl_store archive_store = {"archive", CPL_STORE_ARCHIVE, 1, archive_columns, NULL};
const struct cpl_store archive_preferences_store = {"archive_preferences", CPL_STORE_KEYVAL, 1, preferences_columns, NULL};
static const struct cpl_store *const archive_stores[] = {&archive_store, &archive_preferences_store, NULL};

/* ---- ids ---- */

void archive_id_write(struct archive_id id, char text[CPL_ARCHIVE_ID_MAX + 1])
{
	snprintf(text, CPL_ARCHIVE_ID_MAX + 1, "%016llx%016llx", (unsigned long long)id.row, (unsigned long long)id.tag);
}

/* Sixteen digits of lower case. */
static bool read_half(const char *digits, int64_t *half)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < 16; i++) {
		const char *digit = digits[i] ? strchr("0123456789abcdef", digits[i]) : NULL;

		if (!digit)
			return false;
		number = number << 4 | (uint64_t)(digit - strchr("0123456789abcdef", '0'));
	}
	*half = (int64_t)number;
	return true;
}

bool archive_id_read(struct cpl_str text, struct archive_id *id)
{
	return text.len == 32 && read_half(text.ptr, &id->row) && read_half(text.ptr + 16, &id->tag);
}

struct archive_id archive_id_of(const struct cpl_row *row)
{
	return (struct archive_id){row->id, row->values[ARCHIVE_TAG].integer};
}

/* ---- appending ---- */

struct appending {
	struct cpl_store_call commit;
	struct cpl_archive_append *request; /* NULL: cancelled */
	struct cpl_jid account;
};

static void appending_cancel(struct cpl_call *call)
{
	struct appending *appending = call->provider;

	if (appending)
		appending->request = NULL;
	call->provider = NULL;
}

static void appending_end(struct appending *appending, int status, const char *reason)
{
	if (status != 0 && status != CPL_E_CANCELLED)
		cpl_log(cpl_commit_log_level(status), "message cannot be archived jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(appending->account)), reason);
	if (appending->request) {
		appending->request->call.provider = NULL;
		cpl_call_complete(&appending->request->call, status);
	}
	cpl_jid_free(&appending->account);
	cpl_free(appending);
}

static void appended(struct cpl_call *call)
{
	struct appending *appending = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct appending, commit);

	appending_end(appending, call->status, appending->commit.error);
}

int archive_append(struct cpl_module *self, struct cpl_archive_append *request, struct cpl_scope *scope, struct cpl_jid account, int64_t when,
		   struct cpl_jid with, const struct cpl_stanza *stanza, void (*done)(struct cpl_call *call))
{
	struct cpl_value values[ARCHIVE_COLUMNS];
	struct appending *appending;
	struct cpl_batch *batch;
	struct cpl_buf text = {0};
	struct archive_id id;
	struct cpl_visit visit;
	int status = cpl_call_begin(&request->call, scope, done, appending_cancel);

	if (status != 0)
		return status;
	cpl_provider_enter(self, &visit);
	appending = CPL_NEW(struct appending);
	appending->request = request;
	appending->account = cpl_jid_dup(cpl_jid_bare(account));
	request->call.provider = appending;
	cpl_random_bytes(&id.tag, sizeof(id.tag));
	cpl_stanza_write(stanza, CPL_NS_CLIENT, &text);
	values[ARCHIVE_STANZA] = CPL_BYTES(cpl_buf_str(&text));
	values[ARCHIVE_TAG] = CPL_INTEGER(id.tag);
	batch = cpl_batch_create();
	id.row = cpl_batch_append(batch, &archive_store, appending->account, when, with, values);
	archive_id_write(id, request->id);
	cpl_buf_finish(&text);
	status = cpl_batch_commit(&appending->commit, scope, &batch, appended);
	if (status != 0)
		appending_end(appending, status, cpl_code_text(status));
	cpl_provider_leave(&visit);
	return 0;
}

static const struct cpl_archive_service archive_service = {
	sizeof(struct cpl_archive_service), archive_append, archive_ask, archive_purge, archive_preferences_get, archive_preferences_set};
static const struct cpl_provide_row archive_provides[] = {{"archive", 1, &archive_service}, {NULL, 0, NULL}};

static const struct cpl_schedule_row archive_schedule[] = {
	{.name = "expire", .period_ms = 86400000, .run = archive_expire, .summary = "Removes archived messages that are too old or too many."},
	CPL_SCHEDULE_END,
};

static struct cpl_name *const archive_names[] = {
	&archive_name_archive, &archive_name_result, &archive_name_forwarded, &archive_name_delay, &archive_name_message,
	&archive_name_prefs,   &archive_name_always, &archive_name_never,     &archive_name_jid,   NULL};

CPL_MODULE(archive) = {
	CPL_MODULE_HEAD("archive", "1.0", "Archives of messages in the storage"),
	.names = archive_names,
	.options = archive_options,
	.config_size = sizeof(struct archive_config),
	.stores = archive_stores,
	.provides = archive_provides,
	.schedule = archive_schedule,
	.transfers = archive_transfers,
};
