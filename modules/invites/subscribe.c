/* SPDX-License-Identifier: MIT */
/*
 * Subscription requests with a token (XEP-0379), approved in the inviter's stead: the contact is approved in the inviter's roster before the request is handled, which then answers it, and the
 * inviter's own request goes out. Without a good token the request is one like any other (4.1).
 */
#include "modules/invites/invites.h"

struct approval {
	struct cpl_store_call store;
	struct cpl_roster_change change;
	struct cpl_suspension *suspension;
	struct cpl_user *user;
	struct cpl_jid contact;
	struct cpl_arena *arena;
	char hash[INVITE_HASH_TEXT];
	struct cpl_str group;
	bool asks; /* our own request is to be sent */
};

static void approval_end(struct approval *approval)
{
	cpl_resume(&approval->suspension, CPL_NEXT);
	cpl_user_unref(&approval->user);
	cpl_jid_free(&approval->contact);
	cpl_arena_destroy(&approval->arena);
	cpl_free(approval);
}

static bool compute(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena)
{
	struct approval *approval = CPL_CONTAINER(change, struct approval, change);

	item->listed = true;
	item->approved = !(item->subscription & CPL_SUB_FROM);
	if (!(item->subscription & CPL_SUB_TO)) {
		item->ask = true;
		approval->asks = true;
	}
	if (approval->group.ptr && !item->group_count) {
		item->groups = cpl_arena_alloc(arena, sizeof(*item->groups));
		item->groups[0] = cpl_arena_copy(arena, approval->group);
		item->group_count = 1;
	}
	return true;
}

static void on_approved(struct cpl_call *call)
{
	struct approval *approval = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_roster_change, call), struct approval, change);
	struct cpl_stanza *request;

	if (call->status == 0 && approval->asks) {
		request = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_SUBSCRIBE);
		cpl_stanza_set_from(request, approval->user->jid);
		cpl_stanza_set_to(request, approval->contact);
		cpl_send(&request);
	}
	approval_end(approval);
}

static void on_used(struct cpl_call *call)
{
	struct approval *approval = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct approval, store);
	struct cpl_module *provider;
	const struct cpl_roster_service *rosters = cpl_service_find(approval->user->host, &invites_rosters, &provider);

	approval->change.compute = compute;
	if (call->status != 0 || !rosters ||
	    rosters->change(provider, &approval->change, &approval->user->scope, approval->user, approval->contact, on_approved) != 0)
		approval_end(approval);
}

static void on_row(struct cpl_call *call)
{
	struct approval *approval = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct approval, store);
	struct cpl_batch *batch;
	struct invite invite;
	bool good = false;

	if (call->status == 0 && approval->store.count) {
		invite = invite_of(approval->store.rows);
		good = invite.kind == INVITE_CONTACT && invite.expires > cpl_now() && invite.used < invite.uses &&
		       cpl_str_equal(invite.inviter, cpl_jid_str(approval->user->jid));
	}
	if (!good) {
		approval_end(approval);
		return;
	}
	if (invite.group.ptr)
		approval->group = cpl_arena_copy(approval->arena, invite.group);
	batch = cpl_batch_create();
	invite_use(batch, approval->user->host->jid, cpl_str_of(approval->hash), &invite, cpl_jid_str(approval->contact));
	if (cpl_batch_commit(&approval->store, &approval->user->host->scope, &batch, on_used) != 0)
		approval_end(approval);
}

enum cpl_flow subscribe_on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *preauth = ev->stanza->type == CPL_TYPE_SUBSCRIBE && ev->user ? cpl_child(ev->stanza->root, &invites_preauth) : NULL;
	struct cpl_str token = preauth ? cpl_attr_get(preauth, "token") : CPL_NONE;
	struct approval *approval;

	if (!token.len || cpl_jid_equal_bare(ev->stanza->from, ev->user->jid))
		return CPL_NEXT;
	approval = CPL_NEW(struct approval);
	invite_hash(token, approval->hash);
	if (cpl_store_get(&approval->store, &ev->host->scope, &invite_store, ev->host->jid, cpl_str_of(approval->hash), on_row) != 0) {
		cpl_free(approval);
		return CPL_NEXT;
	}
	approval->user = cpl_user_ref(ev->user);
	approval->contact = cpl_jid_dup(cpl_jid_bare(ev->stanza->from));
	approval->arena = cpl_arena_create();
	approval->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}
