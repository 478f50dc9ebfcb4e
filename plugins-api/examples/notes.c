/* SPDX-License-Identifier: MIT */
/*
 * notes: short notes of an account, kept by the server. Shows a store of one's own, asynchronous calls with the place where they are freed, IQ
 * handlers that answer later, a command, and a disco feature. Set: <note xmlns='urn:example:notes' name='list'>text</note>, an empty one removes it. Get: with the
 * name one, without all.
 *
 *     modules+: [notes]
 *     notes: {max_size: 4K}
 */
#include <couplet/module.h>

struct notes_config {
	int64_t max_size;
	int64_t max_notes;
};
static const struct cpl_option options[] = {
	CPL_OPT_SIZE(struct notes_config, max_size, "4K", "1", "64K", CPL_RELOADABLE, "The longest note."),
	CPL_OPT_INT(struct notes_config, max_notes, "100", "1", "10000", CPL_RELOADABLE, "The most notes of an account that are handed out."),
	CPL_OPT_END,
};

CPL_NAME(name_note, "urn:example:notes", "note");
CPL_NAME(name_notes, "urn:example:notes", "notes");
static struct cpl_name *const names[] = {&name_note, &name_notes, NULL};

static const struct cpl_column columns[] = {
	{"text", CPL_COLUMN_TEXT, false},
	{"changed", CPL_COLUMN_INTEGER, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store notes_store = {"notes", CPL_STORE_MAP, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&notes_store, NULL};

enum { NAME_MAX_BYTES = 256 };

/* A request on its way to the store and back. Its callback is the one place to free it. */
struct request {
	struct cpl_store_call call;
	struct cpl_stanza *iq; /* held: it is not done before its answer is */
};

static struct request *request_of(struct cpl_call *call)
{
	return CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct request, call);
}

static struct request *request_create(struct cpl_ev_stanza *ev)
{
	struct request *request = CPL_NEW(struct request);

	request->iq = ev->stanza;
	cpl_stanza_hold(request->iq);
	return request;
}

static void request_finish(struct request *request)
{
	cpl_stanza_release(&request->iq);
	cpl_free(request);
}

static enum cpl_flow started(struct request *request, int status)
{
	if (status != 0) {
		cpl_bounce(request->iq, CPL_INTERNAL_SERVER_ERROR, NULL);
		request_finish(request);
	}
	return CPL_HANDLED;
}

/* ---- set ---- */

static void on_stored(struct cpl_call *call)
{
	struct request *request = request_of(call);
	struct cpl_stanza *result;

	if (call->status == 0) {
		result = cpl_stanza_result(request->iq);
		cpl_send(&result);
	} else {
		cpl_bounce(request->iq, call->status == CPL_E_FULL ? CPL_RESOURCE_CONSTRAINT : CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	request_finish(request);
}

static enum cpl_flow on_set(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct notes_config *config = CPL_CONFIG(self, ev->event.host, struct notes_config);
	const struct cpl_element *note = cpl_child(ev->stanza->root, &name_note);
	struct cpl_str name = cpl_attr_get(note, "name"), text = cpl_text_of(note, ev->stanza->arena);
	struct cpl_value values[] = {CPL_BYTES(text), CPL_INTEGER(cpl_now())};
	struct cpl_batch *batch;
	struct request *request;

	if (!name.len || name.len > NAME_MAX_BYTES)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "A note has a name of at most 256 bytes");
	if (text.len > (size_t)config->max_size)
		return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, "The note is too long");
	batch = cpl_batch_create();
	if (text.len)
		cpl_batch_set(batch, &notes_store, ev->user->jid, name, values);
	else
		cpl_batch_remove(batch, &notes_store, ev->user->jid, name);
	request = request_create(ev);
	return started(request, cpl_batch_commit(&request->call, &ev->user->scope, &batch, on_stored));
}

/* ---- get ---- */

static void on_read(struct cpl_call *call)
{
	struct request *request = request_of(call);
	struct cpl_stanza *result;
	struct cpl_element *notes;
	char stamp[CPL_TIME_TEXT];

	if (call->status != 0) {
		cpl_bounce(request->iq, CPL_INTERNAL_SERVER_ERROR, NULL);
		request_finish(request);
		return;
	}
	result = cpl_stanza_result(request->iq);
	notes = cpl_add(result, result->root, &name_notes);
	for (size_t i = 0; i < request->call.count; i++) {
		const struct cpl_row *row = &request->call.rows[i];
		struct cpl_element *note = cpl_add_with_text(result, notes, &name_note, row->values[0].bytes);

		cpl_attr_set(result, note, "name", row->key);
		cpl_attr_set(result, note, "changed", cpl_time_format(row->values[1].integer, stamp));
	}
	cpl_send(&result);
	request_finish(request);
}

static enum cpl_flow on_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct notes_config *config = CPL_CONFIG(self, ev->event.host, struct notes_config);
	struct request *request = request_create(ev);

	return started(request, cpl_store_all(&request->call, &ev->user->scope, &notes_store, ev->user->jid, (size_t)config->max_notes, on_read));
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_SET, CPL_TO_SELF, &name_note, on_set, 0},
	{CPL_IQ_GET, CPL_TO_SELF, &name_notes, on_get, 0},
	{0, 0, NULL, NULL, 0},
};
static const struct cpl_feature_row features[] = {{"urn:example:notes", CPL_OF_HOST}, {NULL, 0}};

/* ---- a command of coupletctl: notes list ACCOUNT ---- */

struct listing {
	struct cpl_store_call call;
	struct cpl_invocation *in;
};

static void on_listed(struct cpl_call *call)
{
	struct listing *listing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct listing, call);
	struct cpl_invocation *in = listing->in;

	for (size_t i = 0; call->status == 0 && i < listing->call.count; i++) {
		cpl_row_begin(in);
		cpl_row_text(in, listing->call.rows[i].key);
		cpl_row_int(in, (int64_t)listing->call.rows[i].values[0].bytes.len);
		cpl_row_end(in);
	}
	if (call->status == 0)
		cpl_done(in);
	else if (call->status != CPL_E_CANCELLED) /* then the invocation has ended already */
		cpl_refuse(in, "the notes cannot be read: %s", cpl_code_text(call->status));
	cpl_free(listing);
}

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	struct listing *listing = CPL_NEW(struct listing);
	int status;

	listing->in = in;
	status = cpl_store_all(&listing->call, cpl_invocation_scope(in), &notes_store, cpl_arg_jid(in, 0), 10000, on_listed);
	if (status == 0)
		return;
	cpl_refuse(in, "the notes cannot be read: %s", cpl_code_text(status));
	cpl_free(listing);
}

static const struct cpl_command commands[] = {
	{"notes list <account>", "Lists the notes of an account: names and sizes.", NULL, "name,bytes", 0, run_list},
	CPL_COMMAND_END,
};

CPL_MODULE(notes) = {
	CPL_MODULE_HEAD("notes", "1.0", "Short notes of an account"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct notes_config),
	.iqs = iqs,
	.features = features,
	.stores = stores,
	.commands = commands,
};
