/* SPDX-License-Identifier: MIT */
/*
 * Messages on their way to the archive. Each is appended once for its sender and once for its recipient, if they have accounts here; delivery does not wait for that, but the stanza is held until
 * the rows are durable, so that its sender's stream management acknowledges nothing that is not kept. A message that cannot be archived is answered with an error, although it may have been
 * delivered: its sender is told that it is not on record.
 */
#include "modules/mam/mam.h"

struct keeping {
	struct cpl_archive_append append;
	struct cpl_stanza *stanza; /* held */
	struct cpl_user *user;     /* whose archive it is for, referenced */
	struct cpl_user *sender;   /* referenced; NULL: no account here that is in memory */
	struct cpl_list in_sender;
	bool told;                 /* the sender knows */
};

static struct cpl_user *sender_of(const struct cpl_stanza *stanza)
{
	struct cpl_host *host = cpl_jid_is_set(stanza->from) && stanza->from.local_len ? cpl_host_find(cpl_jid_domain(stanza->from)) : NULL;

	return host ? cpl_user_find(host, cpl_jid_local(stanza->from)) : NULL;
}

static void tell(const struct cpl_stanza *stanza, int status)
{
	cpl_bounce(stanza, status == CPL_E_FULL ? CPL_RESOURCE_CONSTRAINT : CPL_INTERNAL_SERVER_ERROR, "The message could not be archived");
}

static struct keeping *keeping_create(struct cpl_user *user, struct cpl_stanza *stanza)
{
	struct keeping *keeping = CPL_NEW(struct keeping);
	struct cpl_user *sender = sender_of(stanza);
	struct mam_account *account;

	keeping->stanza = stanza;
	cpl_stanza_hold(stanza);
	keeping->user = cpl_user_ref(user);
	if (!sender)
		return keeping;
	keeping->sender = cpl_user_ref(sender);
	account = CPL_SLOT_MAKE(sender, mam_slot);
	if (!account->keepings.next)
		cpl_list_init(&account->keepings);
	cpl_list_append(&account->keepings, &keeping->in_sender);
	return keeping;
}

static void keeping_end(struct keeping *keeping)
{
	cpl_list_remove(&keeping->in_sender);
	cpl_stanza_release(&keeping->stanza);
	cpl_user_unref(&keeping->sender);
	cpl_user_unref(&keeping->user);
	cpl_free(keeping);
}

/* One error is enough when neither the sender's copy nor the recipient's can be kept. */
static void keeping_failed(struct keeping *keeping, int status)
{
	struct mam_account *account = keeping->sender ? CPL_SLOT_GET(keeping->sender, mam_slot) : NULL;

	if (!keeping->told)
		tell(keeping->stanza, status);
	if (!account)
		return;
	CPL_LIST_EACH(node, &account->keepings)
	{
		struct keeping *other = CPL_CONTAINER(node, struct keeping, in_sender);

		other->told = other->told || other->stanza == keeping->stanza;
	}
}

static void kept(struct cpl_call *call)
{
	struct keeping *keeping = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_archive_append, call), struct keeping, append);

	/* When this module is unloaded meanwhile, the row goes on to the disk without being waited for. */
	if (call->status != 0 && call->status != CPL_E_CANCELLED)
		keeping_failed(keeping, call->status);
	keeping_end(keeping);
}

/* Whether it is on its way to the archive, with the id that it has there; NULL: it shall not be. *status: it should be, and could not be sent there. */
static const char *keep(struct cpl_user *user, struct cpl_stanza *stanza, struct cpl_jid with, bool sent, int *status)
{
	struct cpl_ev_archive ev = {.user = user, .stanza = stanza, .with = with, .sent = sent};
	struct cpl_module *provider;
	const struct cpl_archive_service *archive;
	struct keeping *keeping;

	*status = 0;
	if (user->removed || cpl_fire_may_archive(user->host, &ev) == CPL_NO)
		return NULL;
	archive = mam_archive(user->host, &provider);
	keeping = keeping_create(user, stanza);
	*status = archive ? archive->append(provider, &keeping->append, &user->scope, user->jid, cpl_now(), with, stanza, kept) : CPL_E_STOPPING;
	if (*status == 0)
		return keeping->append.id;
	keeping_end(keeping);
	return NULL;
}

/* What has not even begun to be kept goes no further. */
static enum cpl_flow refuse(const struct cpl_stanza *stanza, int status)
{
	cpl_log_error("message cannot be archived from=%.*s reason=%s", CPL_ARG(cpl_jid_str(stanza->from)), cpl_code_text(status));
	tell(stanza, status);
	return CPL_HANDLED;
}

/* A message to oneself is archived once, as one that is received (XEP-0313 6.1.1). */
enum cpl_flow mam_on_sent(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	int status;

	if (!ev->user || !cpl_jid_is_set(ev->stanza->to) || cpl_jid_equal_bare(ev->stanza->to, ev->user->jid))
		return CPL_NEXT;
	keep(ev->user, ev->stanza, ev->stanza->to, true, &status);
	return status == 0 ? CPL_NEXT : refuse(ev->stanza, status);
}

/* What no resource gets and nobody keeps is refused (RFC 6121 8.5.3.2.1), and what is refused is not archived (XEP-0313 6.1). */
static bool is_accepted(const struct cpl_ev_stanza *ev)
{
	return ev->user && (ev->target != CPL_TARGET_FULL || ev->stanza->type == CPL_TYPE_CHAT || (ev->recipient && cpl_session_can_receive(ev->recipient)));
}

enum cpl_flow mam_on_received(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const char *id;
	int status;

	if (!is_accepted(ev))
		return CPL_NEXT;
	id = keep(ev->user, ev->stanza, cpl_jid_is_set(ev->stanza->from) ? ev->stanza->from : ev->user->jid, false, &status);
	if (status != 0)
		return refuse(ev->stanza, status);
	if (id) {
		struct cpl_element *e = cpl_add(ev->stanza, ev->stanza->root, &mam_name_stanza_id);

		cpl_attr_set(ev->stanza, e, "by", cpl_jid_str(ev->user->jid));
		cpl_attr_set(ev->stanza, e, "id", cpl_str_of(id));
	}
	return CPL_NEXT;
}

struct cpl_str mam_id_of(const struct cpl_stanza *message, const struct cpl_user *user)
{
	CPL_CHILDREN(child, message->root)
		if (cpl_is(child, &mam_name_stanza_id) && cpl_str_equal(cpl_attr_get(child, "by"), cpl_jid_str(user->jid)))
			return cpl_attr_get(child, "id");
	return CPL_NONE;
}

/* An archived message counts as delivered, also where nobody keeps it as an offline message. */
enum cpl_flow mam_on_undelivered(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return ev->user && mam_id_of(ev->stanza, ev->user).ptr ? CPL_HANDLED : CPL_NEXT;
}
