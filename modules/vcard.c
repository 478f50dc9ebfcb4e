/* SPDX-License-Identifier: MIT */
/* vcard-temp (XEP-0054): each account keeps one vCard, which everybody may read. Keeps the store vcard. */
#include <couplet/module.h>

struct vcard_config {
	int64_t max_size;
};
static const struct cpl_option options[] = {
	CPL_OPT_SIZE(struct vcard_config, max_size, "128K", "1K", "16M", CPL_RELOADABLE, "The most bytes that a vCard may have; a larger one is refused."),
	CPL_OPT_END,
};

CPL_NAME(name_vcard, "vcard-temp", "vCard");
static struct cpl_name *const names[] = {&name_vcard, NULL};

static const struct cpl_column columns[] = {{"xml", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store vcard_store = {"vcard", CPL_STORE_KEYVAL, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&vcard_store, NULL};

/* 3.1 and 3.3: the owner hears that there is none; others hear what they would hear of an account that does not exist. */
static void answer_get(const struct cpl_stanza *request, const struct cpl_row *row)
{
	bool own = request->session && (!cpl_jid_is_set(request->to) || cpl_jid_equal_bare(request->from, request->to));
	struct cpl_stanza *result;
	struct cpl_error error;

	if (!row) {
		cpl_bounce(request, own ? CPL_ITEM_NOT_FOUND : CPL_SERVICE_UNAVAILABLE, NULL);
		return;
	}
	result = cpl_stanza_result(request);
	if (cpl_add_xml(result, result->root, row->values[0].bytes, &error)) {
		cpl_send(&result);
		return;
	}
	cpl_stanza_unref(&result);
	cpl_log_error("vCard cannot be read reason=%s", error.text);
	cpl_bounce(request, CPL_INTERNAL_SERVER_ERROR, NULL);
}

static enum cpl_flow on_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	if (!ev->user)
		return CPL_NEXT;
	return cpl_iq_lookup(ev, &vcard_store, CPL_NONE, answer_get);
}

static enum cpl_flow on_set(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *vcard = cpl_first_child(ev->stanza->root);
	struct cpl_batch *batch;
	struct cpl_buf text = {0};
	struct cpl_value value;

	if (!ev->user)
		return CPL_NEXT;
	cpl_element_write(vcard, &text);
	if (text.len > (size_t)CPL_CONFIG(self, ev->host, struct vcard_config)->max_size) {
		cpl_buf_finish(&text);
		return cpl_iq_error(ev, CPL_RESOURCE_CONSTRAINT, "The vCard is too large");
	}
	batch = cpl_batch_create();
	value = CPL_BYTES(cpl_buf_str(&text));
	/* One with nothing in it says as much as none. */
	if (cpl_first_child(vcard))
		cpl_batch_set(batch, &vcard_store, ev->user->jid, CPL_NONE, &value);
	else
		cpl_batch_remove(batch, &vcard_store, ev->user->jid, CPL_NONE);
	cpl_buf_finish(&text);
	return cpl_iq_commit(ev, &batch);
}

/* 3.2: somebody else's is forbidden, whether or not there is such an account. */
static enum cpl_flow on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_stanza *stanza = ev->stanza;

	if (ev->target != CPL_TARGET_BARE || stanza->type != CPL_TYPE_SET || !cpl_child(stanza->root, &name_vcard))
		return CPL_NEXT;
	return cpl_iq_error(ev, CPL_FORBIDDEN, "A vCard is changed by its owner only");
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_SELF | CPL_TO_BARE, &name_vcard, on_get, 0},
	{CPL_IQ_SET, CPL_TO_SELF, &name_vcard, on_set, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_event_row events[] = {
	CPL_ON(iq, on_iq, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_feature_row features[] = {
	{"vcard-temp", CPL_OF_HOST | CPL_OF_ACCOUNT},
	{NULL, 0},
};

/* ---- moving with the account (XEP-0227 3.7) ---- */

static void write_vcard(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	struct cpl_error error;

	if (!cpl_add_xml(out, parent, row->values[0].bytes, &error))
		cpl_log_error("vCard cannot be read account=%.*s reason=%s", CPL_ARG(row->account), error.text);
}

static void read_vcard(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	struct cpl_buf text = {0};
	struct cpl_value value;

	cpl_element_write(e, &text);
	value = CPL_BYTES(cpl_arena_copy(cpl_import_arena(in), cpl_buf_str(&text)));
	if (cpl_first_child(e))
		cpl_import_set(in, CPL_NONE, &value);
	cpl_buf_finish(&text);
}

static const struct cpl_transfer_row transfers[] = {
	{.store = &vcard_store, .what = "vCards", .element = &name_vcard, .write = write_vcard, .read = read_vcard},
	CPL_TRANSFER_END,
};

CPL_MODULE(vcard) = {
	CPL_MODULE_HEAD("vcard", "1.0", "vCards of accounts (XEP-0054)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct vcard_config),
	.iqs = iqs,
	.events = events,
	.features = features,
	.stores = stores,
	.transfers = transfers,
};
