/* SPDX-License-Identifier: MIT */
/* Strangers who show a token before they register (XEP-0445), and the service that the module register asks. */
#include "modules/invites/invites.h"

/* What a session has shown. */
struct shown {
	char hash[INVITE_HASH_TEXT];
	char *localpart; /* NULL: any */
	bool reset;
};

static void shown_release(void *data)
{
	struct shown *shown = data;

	cpl_free(shown->localpart);
	cpl_free(shown);
}
CPL_SLOT(shown_slot, SESSION, struct shown, 1, shown_release);
struct cpl_slot *const invites_slots[] = {&shown_slot, NULL};

/* ---- a token is shown ---- */

struct showing {
	struct cpl_store_call store;
	struct cpl_stanza *iq;
	struct cpl_session *session;
	struct cpl_suspension *suspension;
	char hash[INVITE_HASH_TEXT];
};

static bool is_good_for_account(const struct invite *invite)
{
	return invite->expires > cpl_now() && invite->used < invite->uses && (invite->kind != INVITE_CONTACT || invite->ibr);
}

static void note_shown(const struct showing *showing, const struct invite *invite)
{
	struct shown *shown = CPL_SLOT_MAKE(showing->session, shown_slot);

	memcpy(shown->hash, showing->hash, sizeof(shown->hash));
	CPL_FREE(shown->localpart);
	if (invite->localpart.ptr)
		shown->localpart = cpl_strdup(invite->localpart);
	shown->reset = invite->kind == INVITE_RESET;
}

static void on_looked_up(struct cpl_call *call)
{
	struct showing *showing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct showing, store);
	struct cpl_stanza *answer = NULL;
	struct invite invite;

	if (call->status == 0 && showing->store.count) {
		invite = invite_of(showing->store.rows);
		if (is_good_for_account(&invite)) {
			note_shown(showing, &invite);
			answer = cpl_stanza_result(showing->iq);
		}
	}
	if (!answer && call->status == 0)
		answer = cpl_stanza_error(showing->iq, CPL_ITEM_NOT_FOUND, "The provided token is invalid or expired");
	else if (!answer && call->status != CPL_E_CANCELLED)
		answer = cpl_stanza_error(showing->iq, CPL_INTERNAL_SERVER_ERROR, NULL);
	if (answer && cpl_suspension_alive(showing->suspension))
		cpl_session_send(showing->session, answer);
	cpl_stanza_unref(&answer);
	cpl_resume(&showing->suspension, CPL_HANDLED);
	cpl_stanza_unref(&showing->iq);
	cpl_session_unref(&showing->session);
	cpl_free(showing);
}

enum cpl_flow redeem_on_preauth(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_str token = cpl_attr_get(cpl_child(ev->stanza->root, &invites_preauth), "token");
	struct showing *showing;

	if (!token.len)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "There is no token");
	showing = CPL_NEW(struct showing);
	invite_hash(token, showing->hash);
	if (cpl_store_get(&showing->store, &ev->host->scope, &invite_store, ev->host->jid, cpl_str_of(showing->hash), on_looked_up) != 0) {
		cpl_free(showing);
		return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	showing->iq = cpl_stanza_ref(ev->stanza);
	showing->session = cpl_session_ref(ev->session);
	showing->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- the service ---- */

static bool service_shown(struct cpl_module *provider, struct cpl_session *session, struct cpl_invite_shown *out)
{
	const struct shown *shown = CPL_SLOT_GET(session, shown_slot);

	if (!shown)
		return false;
	out->localpart = cpl_str_of(shown->localpart);
	out->reset = shown->reset;
	return true;
}

struct redeeming {
	struct cpl_store_call store;
	struct cpl_invite_redeem *request; /* NULL once cancelled */
	struct cpl_arena *arena;
	struct cpl_jid account;
	char hash[INVITE_HASH_TEXT];
	struct invite invite; /* its texts are in the arena */
};

static void redeem_cancel(struct cpl_call *call)
{
	struct redeeming *redeeming = call->provider;

	if (redeeming)
		redeeming->request = NULL;
	call->provider = NULL;
}

static void redeeming_end(struct redeeming *redeeming, int status)
{
	if (redeeming->request) {
		redeeming->request->call.provider = NULL;
		cpl_call_complete(&redeeming->request->call, status);
	}
	cpl_arena_destroy(&redeeming->arena);
	cpl_jid_free(&redeeming->account);
	cpl_free(redeeming);
}

static void redeeming_grant(struct redeeming *redeeming)
{
	const struct invite *invite = &redeeming->invite;
	struct cpl_jid host = cpl_jid_host(redeeming->account);
	struct cpl_str local = cpl_jid_local(redeeming->account);
	struct cpl_value pending[] = {CPL_BYTES(invite->inviter), CPL_BYTES(invite->group)};
	struct cpl_batch *batch;

	if (redeeming->request) {
		batch = cpl_batch_create();
		invite_use(batch, host, cpl_str_of(redeeming->hash), invite, local);
		if (invite->kind == INVITE_ACCOUNT && invite->localpart.ptr)
			cpl_batch_remove(batch, &invite_name_store, host, local);
		if (invite->kind != INVITE_RESET && invite->inviter.ptr)
			cpl_batch_set(batch, &invite_pending_store, host, local, pending);
		redeeming->request->batch = batch;
	}
	redeeming_end(redeeming, 0);
}

static void on_name(struct cpl_call *call)
{
	struct redeeming *redeeming = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct redeeming, store);
	const struct cpl_row *row = redeeming->store.count ? redeeming->store.rows : NULL;

	if (call->status != 0)
		redeeming_end(redeeming, call->status);
	else if (row && row->values[1].integer > cpl_now() && !cpl_str_is(row->values[0].bytes, redeeming->hash))
		redeeming_end(redeeming, CPL_E_DENIED);
	else
		redeeming_grant(redeeming);
}

static struct cpl_str kept(struct cpl_arena *arena, struct cpl_str text)
{
	return text.ptr ? cpl_arena_copy(arena, text) : CPL_NONE;
}

/* XEP-0445 4: it may have expired since it was shown, but not have been used up. */
static void on_row(struct cpl_call *call)
{
	struct redeeming *redeeming = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct redeeming, store);
	struct cpl_str local = cpl_jid_local(redeeming->account);
	struct invite *invite = &redeeming->invite;
	int status = call->status;

	if (status == 0 && !redeeming->store.count)
		status = CPL_E_NOT_FOUND;
	if (status == 0) {
		*invite = invite_of(redeeming->store.rows);
		invite->localpart = kept(redeeming->arena, invite->localpart);
		invite->inviter = kept(redeeming->arena, invite->inviter);
		invite->group = kept(redeeming->arena, invite->group);
		if (invite->used >= invite->uses)
			status = CPL_E_NOT_FOUND;
		else if (invite->localpart.ptr && !cpl_str_equal(invite->localpart, local))
			status = CPL_E_DENIED;
	}
	if (status == 0 && invite->localpart.ptr) {
		redeeming_grant(redeeming);
		return;
	}
	if (status == 0)
		status = cpl_store_get(&redeeming->store, NULL, &invite_name_store, cpl_jid_host(redeeming->account), local, on_name);
	if (status != 0)
		redeeming_end(redeeming, status);
}

static int service_redeem(struct cpl_module *provider, struct cpl_invite_redeem *request, struct cpl_scope *scope, struct cpl_session *session,
			  struct cpl_jid account, void (*done)(struct cpl_call *call))
{
	const struct shown *shown = CPL_SLOT_GET(session, shown_slot);
	struct redeeming *redeeming;
	struct cpl_visit visit;
	int status;

	request->batch = NULL;
	if (!shown)
		return CPL_E_NOT_FOUND;
	status = cpl_call_begin(&request->call, scope, done, redeem_cancel);
	if (status != 0)
		return status;
	cpl_provider_enter(provider, &visit);
	redeeming = CPL_NEW(struct redeeming);
	redeeming->request = request;
	request->call.provider = redeeming;
	redeeming->arena = cpl_arena_create();
	redeeming->account = cpl_jid_dup(account);
	memcpy(redeeming->hash, shown->hash, sizeof(redeeming->hash));
	status = cpl_store_get(&redeeming->store, NULL, &invite_store, cpl_jid_host(account), cpl_str_of(redeeming->hash), on_row);
	if (status != 0)
		redeeming_end(redeeming, status);
	cpl_provider_leave(&visit);
	return 0;
}

const struct cpl_invites_service invites_service = {sizeof(struct cpl_invites_service), service_shown, service_redeem};

/* ---- names that are kept for the invited (XEP-0445 5) ---- */

struct question {
	struct cpl_store_call store;
	struct cpl_ev_creating *ev;
	struct cpl_suspension *suspension;
};

static void on_kept(struct cpl_call *call)
{
	struct question *question = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct question, store);
	const struct cpl_row *row = question->store.count ? question->store.rows : NULL;
	enum cpl_flow flow = call->status == 0 ? CPL_NEXT : CPL_DROP;

	if (call->status == 0 && row && row->values[1].integer > cpl_now() && cpl_suspension_alive(question->suspension)) {
		question->ev->condition = CPL_CONFLICT;
		cpl_fail(&question->ev->error, CPL_E_DENIED, "%s",
			 question->ev->origin == CPL_ORIGIN_ADMIN ? "the name is kept for somebody who is invited; --force gives it all the same"
								  : "This user name cannot be had");
		flow = CPL_DROP;
	}
	cpl_resume(&question->suspension, flow);
	cpl_free(question);
}

enum cpl_flow redeem_on_creating(struct cpl_module *self, struct cpl_ev_creating *ev)
{
	struct question *question;

	/* The invited have been asked when their token was redeemed. */
	if (ev->forced || ev->origin == CPL_ORIGIN_INVITED)
		return CPL_NEXT;
	question = CPL_NEW(struct question);
	question->ev = ev;
	if (cpl_store_get(&question->store, &ev->event.host->scope, &invite_name_store, ev->event.host->jid, cpl_jid_local(ev->jid), on_kept) != 0) {
		cpl_free(question);
		return CPL_DROP;
	}
	question->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}
