/* SPDX-License-Identifier: MIT */
/* Stanzas without what people say. */
#include "core/xmpp/trace.h"

#include "core/base/logger_levels.h"
#include "core/base/memory.h"
#include "core/xml/element.h"

static struct cpl_list watchers = {&watchers, &watchers};
static struct cpl_buf scratch;

/* ---- what may be shown ---- */

/* Attributes that hold addresses, ids, numbers and words of protocols, whatever the element. All others may hold anything, such as a name or a token. */
static const char *const shown[] = {
	"action", "affiliation", "algo", "ask",	 "by",	 "code", "condition", "from", "h",	 "hash",  "id",		  "index", "jid",  "max", "mechanism",
	"node",	  "previd",	 "resume", "role", "seconds", "stamp", "status", "subscription", "to", "type", "var", "ver", "version", NULL,
};
/* Namespaces in which everything is somebody's secret, and elements that hold one wherever they stand. */
static const char *const secret_namespaces[] = {
	"urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:sasl:2", "urn:xmpp:sasl:1", "jabber:iq:auth", "urn:xmpp:fast:0", "urn:xmpp:sasl:upgrade:0",
	"urn:xmpp:scram-upgrade:0", NULL,
};
static const char *const secret_elements[] = {"password", "digest", "handshake", "secret", "token", "hash-salted", "key", NULL};

static bool is_listed(struct cpl_str text, const char *const *list)
{
	for (; *list; list++)
		if (cpl_str_is(text, *list))
			return true;
	return false;
}

static bool is_secret(const struct cpl_element *e)
{
	struct cpl_str type = cpl_attr_get(e, "type"), var = cpl_attr_get(e, "var");

	return is_listed(e->ns, secret_namespaces) || is_listed(e->name, secret_elements) || cpl_str_is(type, "text-private") ||
	       (var.ptr && (strstr(var.ptr, "password") || strstr(var.ptr, "secret") || strstr(var.ptr, "token")));
}

/* ---- writing ---- */

static void put_attr(struct cpl_buf *out, const char *name, struct cpl_str value)
{
	if (!value.ptr)
		return;
	cpl_buf_addf(out, " %s='", name);
	cpl_buf_add_xml(out, value);
	cpl_buf_add_char(out, '\'');
}

static void put_length(struct cpl_buf *out, bool secret, size_t len)
{
	if (secret)
		cpl_buf_add(out, CPL_STR("[-]"));
	else
		cpl_buf_addf(out, "[%zu]", len);
}

static void put_attrs(struct cpl_buf *out, const struct cpl_element *e, bool secret)
{
	for (const struct cpl_attr *a = e->attrs; a; a = a->next) {
		cpl_buf_add_char(out, ' ');
		cpl_buf_add(out, a->name);
		cpl_buf_add(out, CPL_STR("='"));
		if (!a->ns.ptr && is_listed(a->name, shown))
			cpl_buf_add_xml(out, a->value);
		else
			put_length(out, secret, a->value.len);
		cpl_buf_add_char(out, '\'');
	}
}

static void put_start(struct cpl_buf *out, const struct cpl_element *e)
{
	bool same = e->parent ? e->ns_id == e->parent->ns_id && (e->ns_id || cpl_str_equal(e->ns, e->parent->ns)) : false;

	cpl_buf_add_char(out, '<');
	cpl_buf_add(out, e->name);
	if (!same && e->ns_id != CPL_NS_CONTENT)
		put_attr(out, "xmlns", e->ns);
}

static void put_end(struct cpl_buf *out, const struct cpl_element *e)
{
	cpl_buf_add(out, CPL_STR("</"));
	cpl_buf_add(out, e->name);
	cpl_buf_add_char(out, '>');
}

static void put_members(struct cpl_buf *out, const struct cpl_stanza *stanza, struct cpl_jid from, struct cpl_jid to)
{
	if (stanza->kind == CPL_NONZA)
		return;
	put_attr(out, "type", type_text(stanza->type));
	put_attr(out, "from", cpl_jid_is_set(from) ? cpl_jid_str(from) : stanza->from_text);
	put_attr(out, "to", cpl_jid_is_set(to) ? cpl_jid_str(to) : stanza->to_text);
	put_attr(out, "id", stanza->id);
	put_attr(out, "xml:lang", stanza->lang);
}

/* What is below an element that is somebody's secret is that, too. No recursion: depth is a peer's choice. */
static void put_content(struct cpl_buf *out, const struct cpl_element *root)
{
	const struct cpl_element *parent = root, *secret = is_secret(root) ? root : NULL;
	const struct cpl_node *node = root->first;

	while (out->len < TRACE_MAX) {
		const struct cpl_element *e;

		if (!node) {
			put_end(out, parent);
			if (parent == root)
				return;
			if (parent == secret)
				secret = NULL;
			node = parent->node.next;
			parent = parent->parent;
			continue;
		}
		if (node->kind == CPL_NODE_TEXT) {
			put_length(out, secret != NULL, as_text(node)->text.len);
			node = node->next;
			continue;
		}
		e = as_element(node);
		put_start(out, e);
		put_attrs(out, e, secret || is_secret(e));
		cpl_buf_add(out, e->first ? CPL_STR(">") : CPL_STR("/>"));
		if (!e->first) {
			node = node->next;
			continue;
		}
		if (!secret && is_secret(e))
			secret = e;
		parent = e;
		node = e->first;
	}
	cpl_buf_add(out, CPL_STR("..."));
}

void trace_write(const struct cpl_stanza *stanza, struct cpl_jid from, struct cpl_jid to, struct cpl_buf *out)
{
	const struct cpl_element *root = stanza->root;

	put_start(out, root);
	put_members(out, stanza, from, to);
	put_attrs(out, root, is_secret(root));
	cpl_buf_add(out, root->first ? CPL_STR(">") : CPL_STR("/>"));
	if (root->first)
		put_content(out, root);
}

/* ---- telling ---- */

void trace_watch(struct trace_watcher *watcher)
{
	cpl_list_append(&watchers, &watcher->node);
	logger_watch_debug(true);
}

void trace_unwatch(struct trace_watcher *watcher)
{
	if (!cpl_list_linked(&watcher->node))
		return;
	cpl_list_remove(&watcher->node);
	logger_watch_debug(false);
	if (cpl_list_empty(&watchers))
		cpl_buf_finish(&scratch);
}

static void tell(struct trace_view *view, const struct cpl_stanza *stanza)
{
	bool logged = logger_judge(CPL_LOG_DEBUG, account_now.account->name) & LOGGER_WRITE;

	if (cpl_list_empty(&watchers) && !logged)
		return;
	cpl_buf_clear(&scratch);
	trace_write(stanza, view->from, view->to, &scratch);
	view->text = cpl_buf_str(&scratch);
	CPL_LIST_EACH(node, &watchers)
	{
		struct trace_watcher *watcher = CPL_CONTAINER(node, struct trace_watcher, node);

		watcher->seen(watcher, view);
	}
	if (logged)
		cpl_log_write(CPL_LOG_DEBUG, "stanza %s session=%.*s jid=%.*s module=%s stanza=\"%.*s\"", view->out ? "sent" : "received",
			      CPL_ARG(view->session->id), CPL_ARG(cpl_jid_str(view->session->jid)), view->module, CPL_ARG(view->text));
	if (cpl_list_empty(&watchers))
		cpl_buf_finish(&scratch);
}

void trace_in(const struct cpl_session *s, const struct cpl_stanza *stanza)
{
	struct trace_view view = {.session = s, .module = "core", .from = s->jid, .to = stanza->to};

	tell(&view, stanza);
}

void trace_out(const struct cpl_session *s, const struct cpl_stanza *stanza, struct cpl_jid from, struct cpl_jid to, const struct account *sender)
{
	const struct account_memory *maker = stanza->arena && !stanza->session ? arena_payer(stanza->arena) : NULL;
	struct trace_view view = {
		.session = s,
		.out = true,
		/* Whoever made it; of what somebody else has sent, who delivers it. */
		.module = maker && maker != account_core()->memory ? maker->name : sender->name,
		.from = cpl_jid_is_set(from) ? from : stanza->from,
		.to = cpl_jid_is_set(to) ? to : stanza->to,
	};

	tell(&view, stanza);
}
