/* SPDX-License-Identifier: MIT */
/* New accounts for strangers (XEP-0077 3.1), open to all or with an invitation (XEP-0445), and new passwords for those whom an administrator has given a token for it. */
#include "modules/register/register.h"

/* A token that several use at a time is redeemed anew when another was quicker. */
enum { TRIES_MAX = 4 };

/* One account a stream. */
struct made {
	bool made;
};
CPL_SLOT(made_slot, SESSION, struct made, 1, NULL);
struct cpl_slot *const register_slots[] = {&made_slot, &rates_slot, NULL};

struct creation {
	struct waiting waiting;
	struct cpl_call start;
	struct cpl_invite_redeem redeem;
	struct cpl_account_request request;
	struct cpl_host *host; /* its scope has the calls */
	struct cpl_jid account;
	bool invited, reset;
	unsigned tries;
	char peer[CPL_PEER_TEXT];
	struct cpl_str password; /* wiped at the end */
};

static const struct cpl_invites_service *invites_of(struct cpl_host *host, struct cpl_module **provider)
{
	return cpl_service_find(host, &register_invites, provider);
}

static bool is_shown(struct cpl_session *session, struct cpl_invite_shown *shown)
{
	struct cpl_module *provider;
	const struct cpl_invites_service *invites = invites_of(session->served, &provider);

	*shown = (struct cpl_invite_shown){0};
	return invites && invites->shown(provider, session, shown);
}

bool stranger_is_served(struct cpl_module *self, const struct cpl_session *session)
{
	const struct register_config *config = CPL_CONFIG(self, session->served, struct register_config);
	struct cpl_module *provider;

	if (config->require_tls && !session->secure)
		return false;
	return config->open || config->redirect.len || invites_of(session->served, &provider);
}

/* ---- what is asked for ---- */

static void add_form(struct cpl_stanza *answer, struct cpl_element *query, const struct register_config *config, struct cpl_str localpart)
{
	struct cpl_element *form = cpl_form_add(answer, query, "form", "jabber:iq:register"), *field;

	cpl_form_head(answer, form, CPL_STR("Registration"), config->instructions);
	field = cpl_form_field(answer, form, CPL_STR("username"), "text-single", "User name");
	if (localpart.ptr)
		cpl_form_value(answer, field, localpart);
	cpl_form_require(answer, field);
	field = cpl_form_field(answer, form, CPL_STR("password"), "text-private", "Password");
	cpl_form_require(answer, field);
}

static void add_redirect(struct cpl_stanza *answer, struct cpl_element *query, struct cpl_str url)
{
	struct cpl_str text = cpl_arena_printf(answer->arena, "To register, visit %.*s", CPL_ARG(url));

	cpl_add_with_text(answer, query, &register_instructions, text);
	cpl_add_with_text(answer, cpl_add(answer, query, &register_oob), &register_url, url);
}

/* May this stream make an account at all? NULL, or why not. */
static const char *refusal(const struct register_config *config, struct cpl_session *session, bool shown, enum cpl_condition *condition)
{
	struct cpl_module *provider;

	if (config->require_tls && !session->secure) {
		*condition = CPL_NOT_AUTHORIZED;
		return "Passwords are taken over secure connections only";
	}
	if (shown || config->open)
		return NULL;
	*condition = invites_of(session->served, &provider) ? CPL_FORBIDDEN : CPL_SERVICE_UNAVAILABLE;
	return *condition == CPL_FORBIDDEN ? "An invitation is needed" : "Accounts are not made in-band";
}

enum cpl_flow stranger_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct register_config *config = CPL_CONFIG(self, ev->host, struct register_config);
	struct cpl_invite_shown token;
	bool shown = is_shown(ev->session, &token), redirected = config->redirect.len && !shown;
	enum cpl_condition condition = CPL_SERVICE_UNAVAILABLE;
	const char *why = redirected ? NULL : refusal(config, ev->session, shown, &condition);
	struct cpl_stanza *answer;
	struct cpl_element *query;

	if (why)
		return cpl_iq_error(ev, condition, why);
	answer = cpl_iq_result(ev);
	query = cpl_add_named(answer, answer->root, CPL_STR("jabber:iq:register"), CPL_STR("query"));
	if (redirected) {
		add_redirect(answer, query, config->redirect);
	} else {
		cpl_add_with_text(answer, query, &register_instructions, config->instructions);
		cpl_add_with_text(answer, query, &register_username, token.localpart.ptr ? token.localpart : CPL_STR(""));
		cpl_add(answer, query, &register_password);
		add_form(answer, query, config, token.localpart);
	}
	cpl_session_send(ev->session, answer);
	cpl_stanza_unref(&answer);
	return CPL_HANDLED;
}

/* ---- what is sent ---- */

static void creation_end(struct creation *creation, struct cpl_stanza *answer)
{
	waiting_end(&creation->waiting, answer);
	cpl_jid_free(&creation->account);
	cpl_free_secret((char *)creation->password.ptr); /* UNSAFE: our own copy */
	cpl_free(creation);
}

static void creation_refuse(struct creation *creation, enum cpl_condition condition, const char *text)
{
	creation_end(creation, cpl_stanza_error(creation->waiting.iq, condition, text));
}

static void creation_go(struct creation *creation);

static void on_made(struct cpl_call *call)
{
	struct creation *creation = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_account_request, call), struct creation, request);

	if (call->status == CPL_E_CANCELLED) {
		creation_end(creation, NULL);
	} else if (call->status == CPL_E_CONFLICT && creation->invited && ++creation->tries < TRIES_MAX) {
		creation_go(creation);
	} else if (call->status != 0) {
		creation_refuse(creation, creation->request.condition, creation->request.error.text);
	} else {
		CPL_SLOT_MAKE(creation->waiting.session, made_slot)->made = true;
		if (!creation->invited)
			rates_made(creation->host, creation->peer);
		creation_end(creation, cpl_stanza_result(creation->waiting.iq));
	}
}

static void creation_make(struct creation *creation, struct cpl_batch *batch)
{
	struct cpl_module *provider;
	const struct cpl_accounts_service *accounts = cpl_service_find(creation->host, &register_accounts, &provider);
	struct cpl_account_request *request = &creation->request;
	int code = CPL_E_UNSUPPORTED;

	request->origin = creation->invited ? CPL_ORIGIN_INVITED : CPL_ORIGIN_REGISTERED;
	request->batch = batch;
	if (accounts && accounts->size > offsetof(struct cpl_accounts_service, renew))
		code = (creation->reset ? accounts->renew : accounts->make)(provider, request, &creation->host->scope, creation->account, creation->password,
									     on_made);
	else if (batch)
		cpl_batch_destroy(&request->batch);
	if (code == CPL_E_UNSUPPORTED)
		creation_refuse(creation, CPL_NOT_ALLOWED, "Accounts cannot be made here");
	else if (code != 0)
		creation_refuse(creation, request->error.code ? request->condition : CPL_INTERNAL_SERVER_ERROR,
				request->error.code ? request->error.text : NULL);
}

static void on_redeemed(struct cpl_call *call)
{
	struct creation *creation = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_invite_redeem, call), struct creation, redeem);

	if (call->status == 0)
		creation_make(creation, creation->redeem.batch);
	else if (call->status == CPL_E_CANCELLED)
		creation_end(creation, NULL);
	else if (call->status == CPL_E_NOT_FOUND)
		creation_refuse(creation, CPL_ITEM_NOT_FOUND, "The invitation has been used or taken back");
	else if (call->status == CPL_E_DENIED)
		creation_refuse(creation, CPL_CONFLICT, "The invitation is not for this user name, or the name is kept for somebody else");
	else
		creation_refuse(creation, CPL_INTERNAL_SERVER_ERROR, NULL);
}

static void creation_go(struct creation *creation)
{
	struct cpl_module *provider;
	const struct cpl_invites_service *invites;

	if (!creation->invited) {
		creation_make(creation, NULL);
		return;
	}
	invites = invites_of(creation->host, &provider);
	if (!invites || invites->redeem(provider, &creation->redeem, &creation->host->scope, creation->waiting.session, creation->account, on_redeemed) != 0)
		creation_refuse(creation, CPL_INTERNAL_SERVER_ERROR, NULL);
}

static bool is_reserved(const struct register_config *config, struct cpl_str local)
{
	for (size_t i = 0; i < config->reserved.count; i++)
		if (cpl_str_equal(config->reserved.items[i], local))
			return true;
	return false;
}

/* Judges the name that a stranger has chosen. NULL, or what is wrong with it. */
static const char *name_fault(const struct register_config *config, struct cpl_str *local, struct cpl_str given, bool for_him, struct cpl_arena *arena)
{
	int64_t count = 0;

	if (cpl_prepare_new_local(local, given, arena) != 0)
		return "This cannot be a user name";
	for (size_t i = 0; i < local->len; i++)
		count += ((unsigned char)local->ptr[i] & 0xc0) != 0x80;
	if (!for_him && count < config->min_name)
		return "This user name is too short";
	return !for_him && is_reserved(config, *local) ? "This user name is reserved" : NULL;
}

/* The handler has returned by now, so that what follows may end the suspension at once. */
static void on_start(struct cpl_call *call)
{
	struct creation *creation = CPL_CONTAINER(call, struct creation, start);

	if (call->status == 0)
		creation_go(creation);
	else
		creation_end(creation, NULL);
}

static enum cpl_flow creation_begin(struct cpl_ev_stanza *ev, struct cpl_jid account, struct cpl_str password, bool invited, bool reset)
{
	struct creation *creation = CPL_NEW(struct creation);
	struct cpl_str peer = cpl_conn_peer(ev->session->conn, creation->peer);

	creation->peer[peer.len] = '\0';
	creation->host = ev->host;
	creation->account = cpl_jid_dup(account);
	creation->invited = invited;
	creation->reset = reset;
	creation->password = (struct cpl_str){cpl_strdup(password), password.len};
	if (cpl_timer_start(&creation->start, &ev->host->scope, 0, on_start) != 0) {
		cpl_jid_free(&creation->account);
		cpl_free_secret((char *)creation->password.ptr); /* UNSAFE: our own copy */
		cpl_free(creation);
		return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	waiting_begin(&creation->waiting, ev);
	return CPL_SUSPENDED;
}

enum cpl_flow stranger_set(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_element *query)
{
	const struct register_config *config = CPL_CONFIG(self, ev->host, struct register_config);
	struct register_fields fields = register_fields_of(ev->stanza, query);
	const struct made *made = CPL_SLOT_GET(ev->session, made_slot);
	struct cpl_invite_shown token;
	bool shown = is_shown(ev->session, &token);
	enum cpl_condition condition = CPL_SERVICE_UNAVAILABLE;
	const char *why = refusal(config, ev->session, shown, &condition);
	struct cpl_jid account;
	struct cpl_str local;

	if (cpl_child(query, &register_remove))
		return cpl_iq_error(ev, CPL_UNEXPECTED_REQUEST, "Log in first");
	if (why || !ev->session->conn)
		return cpl_iq_error(ev, condition, why);
	if (made && made->made)
		return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, "An account has been made on this stream; log in");
	if (!fields.username.ptr || !fields.password.ptr)
		return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, "A user name and a password are needed");
	why = name_fault(config, &local, fields.username, token.localpart.ptr != NULL, ev->stanza->arena);
	if (!why && !register_password_is_long(config, fields.password))
		why = "The password is too short";
	if (!why && cpl_jid_make(&account, local, ev->host->name, CPL_NONE, ev->stanza->arena) != 0)
		why = "This cannot be a user name";
	if (!why && !shown)
		why = rates_try(ev->host, ev->session->conn, config);
	if (why)
		return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, why);
	return creation_begin(ev, account, fields.password, shown, token.reset);
}
