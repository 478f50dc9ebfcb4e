/* SPDX-License-Identifier: MIT */
/* Private XML Storage (XEP-0049): elements that clients keep on the server for themselves. Keeps the store private, a row for each name and namespace. */
#include <couplet/module.h>

struct private_config {
	int64_t max_size;
};
static const struct cpl_option options[] = {
	CPL_OPT_SIZE(struct private_config, max_size, "1M", "1K", "64M", CPL_RELOADABLE,
		     "The most bytes that an account may keep in all; what would be more is refused."),
	CPL_OPT_END,
};

/* What a row costs beyond its bytes, so that many small ones are bounded, too. */
enum { ROW_BYTES = 100, ROWS_MAX = 1000000 };

CPL_NAME(name_query, "jabber:iq:private", "query");
static struct cpl_name *const names[] = {&name_query, NULL};

static const struct cpl_column columns[] = {{"xml", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store private_store = {"private", CPL_STORE_MAP, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&private_store, NULL};

/* "{storage:bookmarks}storage" */
static struct cpl_str key_of(const struct cpl_element *e, struct cpl_arena *arena)
{
	return cpl_arena_printf(arena, "{%.*s}%.*s", CPL_ARG(e->ns), CPL_ARG(e->name));
}

/* 2.3: scoped by a namespace of its own. */
static bool has_own_namespace(const struct cpl_element *e)
{
	return e->ns_id != CPL_NS_CONTENT && e->ns_id != CPL_NS_NONE && e->ns_id != name_query.ns_id;
}

/* ---- get ---- */

static void answer_get(const struct cpl_stanza *request, const struct cpl_row *row)
{
	struct cpl_stanza *result = cpl_stanza_result(request);
	struct cpl_element *query = cpl_add(result, result->root, &name_query);
	const struct cpl_element *asked = cpl_first_child(cpl_first_child(request->root));
	struct cpl_error error;

	if (!row) {
		cpl_add_copy(result, query, asked);
	} else if (!cpl_add_xml(result, query, row->values[0].bytes, &error)) {
		cpl_stanza_unref(&result);
		cpl_log_error("private XML cannot be read reason=%s", error.text);
		cpl_bounce(request, CPL_INTERNAL_SERVER_ERROR, NULL);
		return;
	}
	cpl_send(&result);
}

static enum cpl_flow on_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *query = cpl_first_child(ev->stanza->root), *asked = cpl_first_child(query);

	if (!ev->user)
		return CPL_NEXT;
	if (cpl_child_count(query) != 1)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "A request asks for one element");
	if (!has_own_namespace(asked))
		return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, "The element has no namespace of its own");
	return cpl_iq_lookup(ev, &private_store, key_of(asked, ev->stanza->arena), answer_get);
}

/* ---- set ---- */

struct element {
	struct cpl_str key;
	struct cpl_buf xml;
};

struct setting {
	struct cpl_store_call read;
	struct cpl_ev_stanza ev; /* what cpl_iq_commit() wants to know */
	struct cpl_module *self;
	struct cpl_stanza *request; /* held */
	struct cpl_user *user;      /* referenced */
	struct cpl_map rows;        /* key -> struct element, in the request's arena */
};

static void setting_end(struct setting *setting)
{
	struct element *element;
	size_t at = 0;

	while ((element = cpl_map_next(&setting->rows, &at)))
		cpl_buf_finish(&element->xml);
	cpl_map_finish(&setting->rows);
	cpl_stanza_release(&setting->request);
	cpl_user_unref(&setting->user);
	cpl_free(setting);
}

/* 2.3: elements of one name and namespace in one request are kept together. */
static void collect(struct setting *setting)
{
	struct cpl_arena *arena = setting->request->arena;

	CPL_CHILDREN(e, cpl_first_child(setting->request->root))
	{
		struct cpl_str key = key_of(e, arena);
		struct element *element = cpl_map_get(&setting->rows, key);

		if (!element) {
			element = cpl_arena_alloc(arena, sizeof *element);
			element->key = key;
			cpl_map_put(&setting->rows, key, element);
		}
		cpl_element_write(e, &element->xml);
	}
}

/* What the account keeps once the request is carried out. */
static size_t bytes_after(const struct setting *setting)
{
	const struct element *element;
	size_t bytes = 0, at = 0;

	for (size_t i = 0; i < setting->read.count; i++)
		if (!cpl_map_get(&setting->rows, setting->read.rows[i].key))
			bytes += ROW_BYTES + setting->read.rows[i].key.len + setting->read.rows[i].values[0].bytes.len;
	while ((element = cpl_map_next(&setting->rows, &at)))
		bytes += ROW_BYTES + element->key.len + element->xml.len;
	return bytes;
}

static void set_now(struct cpl_call *call)
{
	struct setting *setting = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct setting, read);
	const struct private_config *config = CPL_CONFIG(setting->self, setting->user->host, struct private_config);
	struct cpl_batch *batch;
	const struct element *element;
	size_t at = 0;

	if (call->status != 0) {
		if (call->status != CPL_E_CANCELLED)
			cpl_log_error("private XML cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(setting->user->jid)),
				      setting->read.error);
		cpl_bounce(setting->request, CPL_INTERNAL_SERVER_ERROR, NULL);
	} else if (bytes_after(setting) > (size_t)config->max_size) {
		cpl_bounce(setting->request, CPL_RESOURCE_CONSTRAINT, "The account would keep too much private XML");
	} else {
		batch = cpl_batch_create();
		while ((element = cpl_map_next(&setting->rows, &at))) {
			struct cpl_value value = CPL_BYTES(cpl_buf_str(&element->xml));

			cpl_batch_set(batch, &private_store, setting->user->jid, element->key, &value);
		}
		cpl_iq_commit(&setting->ev, &batch);
	}
	setting_end(setting);
}

static enum cpl_flow on_set(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *query = cpl_first_child(ev->stanza->root);
	struct setting *setting;

	if (!ev->user)
		return CPL_NEXT;
	if (!cpl_first_child(query))
		return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, "There is no element to be kept");
	CPL_CHILDREN(e, query)
	{
		if (!has_own_namespace(e))
			return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, "An element has no namespace of its own");
	}
	setting = CPL_NEW(struct setting);
	setting->self = self;
	setting->request = ev->stanza;
	cpl_stanza_hold(ev->stanza);
	setting->user = cpl_user_ref(ev->user);
	setting->ev = (struct cpl_ev_stanza){.stanza = ev->stanza, .session = ev->session, .host = ev->host, .target = ev->target, .user = ev->user};
	collect(setting);
	if (cpl_store_all(&setting->read, &ev->user->scope, &private_store, ev->user->jid, ROWS_MAX, set_now) != 0) {
		setting_end(setting);
		return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	return CPL_HANDLED;
}

/* 2.3: somebody else's is forbidden, whether or not there is such an account. */
static enum cpl_flow on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	if (ev->target != CPL_TARGET_BARE || (ev->stanza->type != CPL_TYPE_GET && ev->stanza->type != CPL_TYPE_SET) ||
	    !cpl_child(ev->stanza->root, &name_query))
		return CPL_NEXT;
	return cpl_iq_error(ev, CPL_FORBIDDEN, "Private XML is its owner's only");
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_SELF, &name_query, on_get, 0},
	{CPL_IQ_SET, CPL_TO_SELF, &name_query, on_set, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_event_row events[] = {
	CPL_ON(iq, on_iq, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_feature_row features[] = {
	{"jabber:iq:private", CPL_OF_HOST},
	{NULL, 0},
};

/* ---- moving with the account (XEP-0227 3.6) ---- */

static void write_row(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	struct cpl_error error;

	if (!cpl_add_xml(out, parent, row->values[0].bytes, &error))
		cpl_log_error("private XML cannot be read account=%.*s reason=%s", CPL_ARG(row->account), error.text);
}

static void read_element(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	struct cpl_str key = key_of(e, cpl_import_arena(in));
	const struct cpl_value *given = cpl_import_given(in, key);
	struct cpl_buf text = {0};
	struct cpl_value value;

	if (!has_own_namespace(e)) {
		cpl_import_fault(in, "the private XML <%.*s/> has no namespace of its own", CPL_ARG(e->name));
		return;
	}
	if (given)
		cpl_buf_add(&text, given->bytes);
	cpl_element_write(e, &text);
	value = CPL_BYTES(cpl_arena_copy(cpl_import_arena(in), cpl_buf_str(&text)));
	cpl_import_set(in, key, &value);
	cpl_buf_finish(&text);
}

static const struct cpl_transfer_row transfers[] = {
	{.store = &private_store, .what = "private elements", .element = &name_query, .list = true, .write = write_row, .read = read_element},
	CPL_TRANSFER_END,
};

CPL_MODULE(private) = {
	CPL_MODULE_HEAD("private", "1.0", "Private XML Storage (XEP-0049)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct private_config),
	.iqs = iqs,
	.events = events,
	.features = features,
	.stores = stores,
	.transfers = transfers,
};
