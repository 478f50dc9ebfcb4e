/* SPDX-License-Identifier: MIT */
/* The list as clients see it: asking, blocking, unblocking, pushes (XEP-0191 3), and reports (XEP-0377). */
#include "modules/blocklist/blocklist.h"

#define BLOCKING "urn:xmpp:blocking"
#define REPORTING "urn:xmpp:reporting:1"

struct cpl_name blocklist_name_list = {BLOCKING, "blocklist", 0, 0};
struct cpl_name blocklist_name_block = {BLOCKING, "block", 0, 0};
struct cpl_name blocklist_name_unblock = {BLOCKING, "unblock", 0, 0};
struct cpl_name blocklist_name_blocked = {"urn:xmpp:blocking:errors", "blocked", 0, 0};
struct cpl_name blocklist_name_muc = {"http://jabber.org/protocol/muc#user", "x", 0, 0};
struct cpl_name blocklist_name_invite = {"http://jabber.org/protocol/muc#user", "invite", 0, 0};
struct cpl_name blocklist_name_item = {BLOCKING, "item", 0, 0};
CPL_NAME(name_report, REPORTING, "report");
CPL_NAME(name_text, REPORTING, "text");
CPL_NAME(name_third_party, REPORTING, "third-party");
CPL_NAME(name_stanza_id, "urn:xmpp:sid:0", "stanza-id");
CPL_CONTENT_NAME(name_body, "body");
struct cpl_name *const blocklist_names[] = {&blocklist_name_list, &blocklist_name_block,  &blocklist_name_unblock, &blocklist_name_blocked,
					    &blocklist_name_muc,  &blocklist_name_invite, &blocklist_name_item,		   &name_report,		&name_third_party,
					    &name_text,		  &name_stanza_id,	  &name_body,		   &blocklist_name_privacy, NULL};

/* Bytes of a report that are kept; what is longer is cut. */
enum { REASON_MAX = 255, TEXT_MAX = 1023, MESSAGES_MAX = 1023 };

/* ---- asking ---- */

enum cpl_flow blocklist_on_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result;
	struct cpl_element *list;
	struct cpl_str jid;
	size_t at = 0;

	if (!ev->user || !ev->session)
		return CPL_NEXT;
	CPL_SLOT_MAKE(ev->session, blocklist_asked_slot)->asked = true;
	result = cpl_iq_result(ev);
	list = cpl_add(result, result->root, &blocklist_name_list);
	while ((jid = blocklist_next(ev->user, &at)).ptr)
		cpl_attr_set(result, cpl_add(result, list, &blocklist_name_item), "jid", jid);
	cpl_send(&result);
	return CPL_HANDLED;
}

void blocklist_push(const struct blocklist_change *change)
{
	struct cpl_stanza *push = cpl_stanza_create(CPL_IQ, CPL_TYPE_SET);
	struct cpl_element *what = cpl_add(push, push->root, change->block ? &blocklist_name_block : &blocklist_name_unblock);
	char id[CPL_ID_TEXT];

	cpl_stanza_set_id(push, cpl_random_id(id));
	for (size_t i = 0; i < change->count; i++)
		cpl_attr_set(push, cpl_add(push, what, &blocklist_name_item), "jid", cpl_jid_str(change->items[i].jid));
	CPL_SESSIONS(session, change->user)
	{
		const struct blocklist_asked *asked = CPL_SLOT_GET(session, blocklist_asked_slot);

		if (asked && asked->asked)
			cpl_session_send_to(session, push, (struct cpl_jid){0}, session->jid, CPL_NONE);
	}
	cpl_stanza_unref(&push);
}

/* ---- reports ---- */

static struct cpl_str cut(struct cpl_str text, size_t max)
{
	return (struct cpl_str){text.ptr, cpl_str_utf8_cut(text, max)};
}

/* One line each: who gave the message its id, and the id. */
static struct cpl_str messages_of(const struct cpl_element *report, struct cpl_arena *arena)
{
	struct cpl_buf lines = {0};
	struct cpl_str text;

	CPL_CHILDREN(child, report)
	{
		if (cpl_is(child, &name_stanza_id) && lines.len < MESSAGES_MAX)
			cpl_buf_addf(&lines, "%s%.*s %.*s", lines.len ? "\n" : "", CPL_ARG(cpl_attr_get(child, "by")),
				     CPL_ARG(cpl_attr_get(child, "id")));
	}
	text = lines.len ? cpl_arena_copy(arena, cut(cpl_buf_str(&lines), MESSAGES_MAX)) : CPL_NONE;
	cpl_buf_finish(&lines);
	return text;
}

static void read_report(const struct cpl_element *report, struct blocklist_item *item, struct cpl_arena *arena)
{
	struct cpl_str text = cpl_child_text(report, &name_text, arena), messages = messages_of(report, arena);
	struct cpl_str reason = cpl_arena_copy(arena, cut(cpl_attr_get(report, "reason"), REASON_MAX));

	item->values[BLOCKLIST_REASON] = CPL_BYTES(reason);
	text = text.ptr ? cpl_arena_copy(arena, cut(cpl_str_trim(text), TEXT_MAX)) : CPL_NONE;
	item->values[BLOCKLIST_TEXT] = CPL_BYTES(text);
	item->values[BLOCKLIST_MESSAGES] = CPL_BYTES(messages);
}

/* Words for people, and the report as it came. */
static void send_report(struct cpl_user *user, const struct blocklist_item *item, const struct cpl_element *report, struct cpl_jid to)
{
	struct cpl_stanza *message = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);
	struct cpl_str text = item->values[BLOCKLIST_TEXT].bytes;

	cpl_stanza_set_from(message, user->host->jid);
	cpl_stanza_set_to(message, to);
	cpl_add_with_text(message, message->root, &name_body,
			  cpl_arena_printf(message->arena, "%.*s has blocked and reported %.*s: %.*s%s%.*s", CPL_ARG(cpl_jid_str(user->jid)),
					   CPL_ARG(cpl_jid_str(item->jid)), CPL_ARG(item->values[BLOCKLIST_REASON].bytes), text.len ? ": " : "",
					   CPL_ARG(text)));
	cpl_add_copy(message, message->root, report);
	cpl_send(&message);
	cpl_log_info("report sent account=%.*s about=%.*s to=%.*s", CPL_ARG(cpl_jid_str(user->jid)), CPL_ARG(cpl_jid_str(item->jid)), CPL_ARG(cpl_jid_str(to)));
}

/* XEP-0377 5: what leaves the server does so with the reporter's approval only. */
static bool may_be_sent(const struct cpl_element *report, struct cpl_jid to)
{
	return cpl_jid_is_set(to) && (cpl_host_find(cpl_jid_domain(to)) || cpl_child(report, &name_third_party));
}

static void send_reports(struct cpl_module *self, const struct blocklist_change *change)
{
	const struct blocklist_config *config = CPL_CONFIG(self, change->user->host, struct blocklist_config);
	size_t i = 0;

	CPL_CHILDREN(e, cpl_first_child(change->request->root))
	{
		const struct cpl_element *report = cpl_child(e, &name_report);

		if (report && config && may_be_sent(report, config->report_to))
			send_report(change->user, &change->items[i], report, config->report_to);
		i++;
	}
}

/* ---- blocking and unblocking ---- */

static void answer(struct blocklist_change *change, int status)
{
	struct cpl_module *self = change->data;
	struct cpl_stanza *result;

	if (status == 0) {
		result = cpl_stanza_result(change->request);
		cpl_send(&result);
		if (change->block)
			send_reports(self, change);
	} else {
		cpl_bounce(change->request, status == CPL_E_FULL ? CPL_RESOURCE_CONSTRAINT : CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	cpl_stanza_release(&change->request);
	blocklist_change_free(change);
}

/* NULL, or what is wrong. */
static const char *read_items(struct blocklist_change *change, const struct cpl_element *list, enum cpl_condition *condition)
{
	*condition = CPL_BAD_REQUEST;
	CPL_CHILDREN(e, list)
	{
		struct blocklist_item *item = &change->items[change->count];
		const struct cpl_element *report = cpl_child(e, &name_report);

		if (!cpl_is(e, &blocklist_name_item))
			return "There is something that is no item";
		if (!cpl_attr_get(e, "jid").ptr)
			return "An item has no jid";
		if (cpl_jid_parse(&item->jid, cpl_arena_copy(change->arena, cpl_attr_get(e, "jid")), change->arena) != 0) {
			*condition = CPL_JID_MALFORMED;
			return "An item's jid is not an address";
		}
		if (change->block && report && !cpl_attr_get(report, "reason").len)
			return "A report has no reason";
		item->values[BLOCKLIST_SINCE] = CPL_INTEGER(cpl_now());
		if (change->block && report)
			read_report(report, item, change->arena);
		change->count++;
	}
	return NULL;
}

static enum cpl_flow change_list(struct cpl_module *self, struct cpl_ev_stanza *ev, bool block)
{
	const struct cpl_element *list = cpl_first_child(ev->stanza->root);
	struct blocklist_change *change;
	enum cpl_condition condition;
	const char *fault;
	int status;

	if (!ev->user || !ev->session)
		return CPL_NEXT;
	if (block && !cpl_first_child(list))
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "There is nothing to be blocked");
	change = blocklist_change_create(ev->user, block, cpl_child_count(list));
	change->all = !block && !cpl_first_child(list);
	change->data = self;
	fault = read_items(change, list, &condition);
	if (fault) {
		blocklist_change_free(change);
		return cpl_iq_error(ev, condition, fault);
	}
	change->request = ev->stanza;
	cpl_stanza_hold(ev->stanza);
	status = blocklist_change_start(self, change, answer);
	if (status == 0)
		return CPL_HANDLED;
	cpl_stanza_release(&change->request);
	blocklist_change_free(change);
	if (status == CPL_E_FULL)
		return cpl_iq_error(ev, CPL_RESOURCE_CONSTRAINT, "The list would have too many addresses");
	return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
}

enum cpl_flow blocklist_on_block(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return change_list(self, ev, true);
}

enum cpl_flow blocklist_on_unblock(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return change_list(self, ev, false);
}
