/* SPDX-License-Identifier: MIT */
/* Answers: the messages of a page, each in one of its own, and then the result (XEP-0313 4.2, 4.3); and the first and last message of an archive (5). */
#include "modules/mam/mam.h"

#include <stdio.h>

#define NS_FORWARD "urn:xmpp:forward:0"
#define NS_DELAY "urn:xmpp:delay"
#define NS_RSM "http://jabber.org/protocol/rsm"

/* A request that waits for the archive. The stream waits behind it, so that a client has one page under way and not as many as it can ask for. */
struct asking {
	struct cpl_archive_page page;
	struct cpl_suspension *suspension;
	struct cpl_stanza *request;  /* referenced */
	struct cpl_session *session; /* referenced; NULL: the request was made in the account's name */
	struct cpl_user *user;       /* referenced */
	struct cpl_arena *arena;     /* of the first page, where there are two */
	struct cpl_archive_item *first;
	struct mam_query query;
};

static void asking_free(struct asking *asking)
{
	cpl_arena_destroy(&asking->page.arena);
	cpl_arena_destroy(&asking->arena);
	cpl_stanza_unref(&asking->request);
	cpl_session_unref(&asking->session);
	cpl_user_unref(&asking->user);
	cpl_free(asking);
}

static void asking_end(struct asking *asking)
{
	cpl_resume(&asking->suspension, CPL_HANDLED);
	asking_free(asking);
}

static void asking_failed(struct asking *asking, int status)
{
	bool alive = cpl_suspension_alive(asking->suspension);

	if (alive && status == CPL_E_NOT_FOUND)
		cpl_bounce(asking->request, CPL_ITEM_NOT_FOUND, "A message that is named is not in the archive");
	else if (alive)
		cpl_bounce(asking->request, CPL_INTERNAL_SERVER_ERROR, NULL);
	asking_end(asking);
}

static int ask(struct asking *asking, const struct cpl_archive_question *question, void (*done)(struct cpl_call *call))
{
	struct cpl_module *provider;
	const struct cpl_archive_service *archive = mam_archive(asking->user->host, &provider);

	asking->page = (struct cpl_archive_page){.arena = cpl_arena_create()};
	return archive ? archive->ask(provider, &asking->page, &asking->user->scope, asking->user->jid, question, done) : CPL_E_STOPPING;
}

static struct asking *asking_of(struct cpl_call *call)
{
	return CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_archive_page, call), struct asking, page);
}

static struct asking *asking_create(struct cpl_ev_stanza *ev)
{
	struct asking *asking = CPL_NEW(struct asking);

	asking->request = cpl_stanza_ref(ev->stanza);
	asking->session = ev->session ? cpl_session_ref(ev->session) : NULL;
	asking->user = cpl_user_ref(ev->user);
	return asking;
}

static enum cpl_flow asking_start(struct asking *asking, struct cpl_ev_stanza *ev, const struct cpl_archive_question *question, void (*done)(struct cpl_call *call))
{
	if (ask(asking, question, done) != 0) {
		asking_free(asking);
		return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	asking->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- a page ---- */

static void send_item(const struct asking *asking, const struct cpl_archive_item *item)
{
	struct cpl_stanza *message = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE), *kept;
	struct cpl_element *result, *forwarded, *delay;
	char stamp[CPL_TIME_TEXT];
	struct cpl_error error;

	result = cpl_add_named(message, message->root, CPL_STR(MAM_NS), CPL_STR("result"));
	cpl_attr_set(message, result, "queryid", asking->query.queryid);
	cpl_attr_set(message, result, "id", item->id);
	forwarded = cpl_add_named(message, result, CPL_STR(NS_FORWARD), CPL_STR("forwarded"));
	delay = cpl_add_named(message, forwarded, CPL_STR(NS_DELAY), CPL_STR("delay"));
	cpl_attr_set(message, delay, "stamp", cpl_time_format(item->when, stamp));
	kept = cpl_stanza_read(item->stanza, &error);
	/* Its place in the archive stays, without the message (XEP-0313 2.2). */
	if (kept)
		cpl_add_stanza(message, forwarded, kept);
	else
		cpl_log_error("archived message cannot be read jid=%.*s id=%.*s reason=%s", CPL_ARG(cpl_jid_str(asking->user->jid)), CPL_ARG(item->id), error.text);
	cpl_stanza_set_from(message, asking->user->jid);
	cpl_stanza_set_to(message, asking->session->jid);
	cpl_session_send(asking->session, message);
	cpl_stanza_unref(&kept);
	cpl_stanza_unref(&message);
}

static void send_result(const struct asking *asking)
{
	const struct cpl_archive_page *page = &asking->page;
	struct cpl_stanza *result = cpl_stanza_result(asking->request);
	struct cpl_element *fin = cpl_add_named(result, result->root, CPL_STR(MAM_NS), CPL_STR("fin"));
	struct cpl_element *set = cpl_add_named(result, fin, CPL_STR(NS_RSM), CPL_STR("set"));
	char total[24];

	if (page->complete)
		cpl_attr_set(result, fin, "complete", CPL_STR("true"));
	if (page->item_count > 0) {
		cpl_add_text(result, cpl_add_named(result, set, CPL_NONE, CPL_STR("first")), page->items[0].id);
		cpl_add_text(result, cpl_add_named(result, set, CPL_NONE, CPL_STR("last")), page->items[page->item_count - 1].id);
	}
	if (asking->query.question.count) {
		snprintf(total, sizeof(total), "%lld", (long long)page->total);
		cpl_add_text(result, cpl_add_named(result, set, CPL_NONE, CPL_STR("count")), cpl_str_of(total));
	}
	cpl_send(&result);
}

static void page_found(struct cpl_call *call)
{
	struct asking *asking = asking_of(call);
	const struct cpl_archive_page *page = &asking->page;

	if (call->status != 0) {
		asking_failed(asking, call->status);
		return;
	}
	/* It may have been answered with an error meanwhile. */
	if (cpl_suspension_alive(asking->suspension)) {
		for (size_t i = 0; i < page->item_count && cpl_session_can_receive(asking->session); i++) {
			send_item(asking, &page->items[asking->query.flip ? page->item_count - i - 1 : i]);
			mam_note_seen(asking->session, page->items[i].id);
		}
		send_result(asking);
	}
	asking_end(asking);
}

enum cpl_flow mam_on_query(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct mam_config *config = CPL_CONFIG(self, ev->host, struct mam_config);
	struct mam_query query;
	struct asking *asking;
	enum cpl_condition condition;
	const char *text;

	/* The messages of a page have nowhere to go. */
	if (!ev->session)
		return cpl_iq_error(ev, CPL_NOT_ALLOWED, "An archive is read by the account's own resources");
	if (!mam_query_read(&query, cpl_first_child(ev->stanza->root), config, ev->stanza->arena, &condition, &text))
		return cpl_iq_error(ev, condition, text);
	asking = asking_create(ev);
	asking->query = query;
	return asking_start(asking, ev, &asking->query.question, page_found);
}

/* ---- metadata ---- */

static void add_end(struct cpl_stanza *result, struct cpl_element *metadata, const char *name, const struct cpl_archive_item *item)
{
	struct cpl_element *e = cpl_add_named(result, metadata, CPL_NONE, cpl_str_of(name));
	char stamp[CPL_TIME_TEXT];

	cpl_attr_set(result, e, "id", item->id);
	cpl_attr_set(result, e, "timestamp", cpl_time_format(item->when, stamp));
}

static void last_found(struct cpl_call *call)
{
	struct asking *asking = asking_of(call);
	struct cpl_stanza *result;
	struct cpl_element *metadata;

	if (call->status != 0) {
		asking_failed(asking, call->status);
		return;
	}
	if (cpl_suspension_alive(asking->suspension)) {
		result = cpl_stanza_result(asking->request);
		metadata = cpl_add(result, result->root, &mam_name_metadata);
		if (asking->first && asking->page.item_count > 0) {
			add_end(result, metadata, "start", asking->first);
			add_end(result, metadata, "end", &asking->page.items[0]);
		}
		cpl_send(&result);
	}
	asking_end(asking);
}

static void first_found(struct cpl_call *call)
{
	static const struct cpl_archive_question last = {.max = 1, .backwards = true};
	struct asking *asking = asking_of(call);
	int status = call->status;

	if (status == 0) {
		asking->arena = asking->page.arena;
		asking->first = asking->page.item_count > 0 ? asking->page.items : NULL;
		status = ask(asking, &last, last_found);
	}
	if (status != 0)
		asking_failed(asking, status);
}

enum cpl_flow mam_on_metadata(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	static const struct cpl_archive_question first = {.max = 1};

	return asking_start(asking_create(ev), ev, &first, first_found);
}
