/* SPDX-License-Identifier: MIT */
/* What somebody who has logged in does with the own account: XEP-0077 3.2 and 3.3. */
#include "modules/register/register.h"

/* An IQ whose consequence is on its way to the disk. */
struct change {
	struct waiting waiting;
	struct cpl_account_request password;
	struct cpl_user_call removal;
};

enum cpl_flow own_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *answer = cpl_iq_result(ev);
	struct cpl_element *query = cpl_add_named(answer, answer->root, CPL_STR("jabber:iq:register"), CPL_STR("query"));

	cpl_add(answer, query, &register_registered);
	cpl_add_with_text(answer, query, &register_username, ev->session->username);
	cpl_add(answer, query, &register_password);
	cpl_send(&answer);
	return CPL_HANDLED;
}

/* ---- the password ---- */

static void on_changed(struct cpl_call *call)
{
	struct change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_account_request, call), struct change, password);
	struct cpl_stanza *answer = NULL;

	if (call->status == 0)
		answer = cpl_stanza_result(change->waiting.iq);
	else if (call->status != CPL_E_CANCELLED)
		answer = cpl_stanza_error(change->waiting.iq, change->password.condition, change->password.error.text);
	waiting_end(&change->waiting, answer);
	cpl_free(change);
}

static enum cpl_flow change_password(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_element *query)
{
	const struct register_config *config = CPL_CONFIG(self, ev->host, struct register_config);
	struct register_fields fields = register_fields_of(ev->stanza, query);
	const struct cpl_accounts_service *accounts;
	struct cpl_module *provider;
	struct cpl_str local;
	struct change *change;
	enum cpl_condition condition;
	int code;

	if (!cpl_may(ev->session, &register_may_change))
		return cpl_iq_error(ev, CPL_NOT_ALLOWED, NULL);
	if (config->require_tls && !ev->session->secure)
		return cpl_iq_error(ev, CPL_NOT_AUTHORIZED, "Passwords are taken over secure connections only");
	if (!fields.username.ptr || !fields.password.ptr)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "The user name and the new password are needed");
	if (cpl_prepare_local(&local, fields.username, ev->stanza->arena) != 0 || !cpl_str_equal(local, ev->session->username))
		return cpl_iq_error(ev, CPL_FORBIDDEN, "Only the password of the own account can be changed");
	if (!register_password_is_long(config, fields.password))
		return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, "The password is too short");
	accounts = cpl_service_find(ev->host, &register_accounts, &provider);
	if (!accounts || accounts->size <= offsetof(struct cpl_accounts_service, renew))
		return cpl_iq_error(ev, CPL_NOT_ALLOWED, NULL);
	change = CPL_NEW(struct change);
	change->password.keep = ev->session;
	code = accounts->renew(provider, &change->password, &ev->host->scope, ev->session->user->jid, fields.password, on_changed);
	if (code != 0) {
		condition = code == CPL_E_INVALID ? CPL_NOT_ACCEPTABLE : CPL_INTERNAL_SERVER_ERROR;
		cpl_bounce(ev->stanza, condition, change->password.error.text[0] ? change->password.error.text : cpl_code_text(code));
		cpl_free(change);
		return CPL_HANDLED;
	}
	waiting_begin(&change->waiting, ev);
	return CPL_SUSPENDED;
}

/* ---- removal ---- */

/* The result goes out when the account is gone from disk, then the stream ends (3.2). */
static void on_removed(struct cpl_call *call)
{
	struct change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct change, removal);
	struct cpl_session *session = cpl_session_ref(change->waiting.session);
	struct cpl_stanza *answer = NULL;

	cpl_user_unref(&change->removal.user);
	if (call->status == 0)
		answer = cpl_stanza_result(change->waiting.iq);
	else if (call->status == CPL_E_DENIED)
		answer = cpl_stanza_error(change->waiting.iq, CPL_NOT_ALLOWED, "A module has refused to let the account go");
	else if (call->status != CPL_E_CANCELLED)
		answer = cpl_stanza_error(change->waiting.iq, CPL_INTERNAL_SERVER_ERROR, NULL);
	if (answer && call->status == 0) {
		cpl_session_send(session, answer);
		cpl_stanza_unref(&answer);
		cpl_session_close(session, CPL_STREAM_NOT_AUTHORIZED, "The account has been removed");
	}
	waiting_end(&change->waiting, answer);
	cpl_session_unref(&session);
	cpl_free(change);
}

static enum cpl_flow remove_account(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_element *query)
{
	struct change *change;

	if (cpl_child_count(query) != 1)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "<remove/> must stand alone");
	if (!cpl_may(ev->session, &register_may_remove))
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	change = CPL_NEW(struct change);
	if (cpl_user_remove_by(&change->removal, &ev->host->scope, ev->session, on_removed) != 0) {
		cpl_free(change);
		return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	waiting_begin(&change->waiting, ev);
	return CPL_SUSPENDED;
}

enum cpl_flow own_set(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_element *query)
{
	return cpl_child(query, &register_remove) ? remove_account(self, ev, query) : change_password(self, ev, query);
}
