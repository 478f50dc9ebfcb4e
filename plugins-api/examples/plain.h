/* SPDX-License-Identifier: MIT */
/*
 * SASL PLAIN (RFC 4616), as two examples that replace the module auth have it: auth_file.c and auth_http.c. What is between the question and the answer is each
 * example's own: plain_read(), plain_begin(), and later one of plain_succeed() and plain_fail(). The account's object on disk is made at its first login.
 */
#ifndef EXAMPLES_PLAIN_H
#define EXAMPLES_PLAIN_H

#include <couplet/module.h>

#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
CPL_NAME(plain_mechanisms, NS_SASL, "mechanisms");
CPL_NAME(plain_mechanism, NS_SASL, "mechanism");
CPL_NAME(plain_auth, NS_SASL, "auth");
CPL_NAME(plain_success, NS_SASL, "success");
CPL_NAME(plain_failure_name, NS_SASL, "failure");
static struct cpl_name *const plain_names[] = {&plain_mechanisms, &plain_mechanism, &plain_auth, &plain_success, &plain_failure_name, NULL};

/* A login under way: zeroed memory of cpl_alloc(), which plain_succeed() and plain_fail() free in the end. */
struct plain_login {
	struct cpl_suspension *suspension;
	struct cpl_session *session; /* referenced */
	struct cpl_jid account;      /* the login's own */
	struct cpl_store_call make;
	struct cpl_authenticate authenticate;
};

static void plain_on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	struct cpl_element *mechanisms;

	if (ev->session->type != CPL_SESSION_C2S_UNAUTHED || !ev->session->secure)
		return;
	mechanisms = cpl_add(ev->features, ev->features->root, &plain_mechanisms);
	cpl_add_with_text(ev->features, mechanisms, &plain_mechanism, CPL_STR("PLAIN"));
}

static void plain_failure(struct cpl_session *session, const char *condition)
{
	struct cpl_stanza *failure = cpl_nonza_create(&plain_failure_name);

	cpl_add_named(failure, failure->root, CPL_NONE, cpl_str_of(condition));
	cpl_session_send_nonza(session, failure);
	cpl_stanza_unref(&failure);
}

/* [authzid] NUL authcid NUL password. False: the failure has been sent. The results view the nonza. */
static bool plain_read(struct cpl_ev_nonza *ev, struct cpl_jid *account, struct cpl_str *password)
{
	struct cpl_arena *arena = ev->nonza->arena;
	struct cpl_str message, authzid, username;

	if (!ev->session->secure || !cpl_str_is(cpl_attr_get(ev->nonza->root, "mechanism"), "PLAIN")) {
		plain_failure(ev->session, ev->session->secure ? "invalid-mechanism" : "encryption-required");
		return false;
	}
	if (cpl_base64_decode(arena, cpl_text_of(ev->nonza->root, arena), &message) && cpl_str_split(&message, '\0', &authzid) &&
	    cpl_str_split(&message, '\0', &username) && message.ptr && cpl_jid_make(account, username, ev->session->host, CPL_NONE, arena) == 0 &&
	    account->local_len && cpl_prepare_password(password, message, true, arena) == 0)
		return true;
	plain_failure(ev->session, "not-authorized");
	return false;
}

/* The stream waits from here on: the handler returns CPL_SUSPENDED. */
static void plain_begin(struct plain_login *login, struct cpl_ev_nonza *ev, struct cpl_jid account)
{
	login->session = cpl_session_ref(ev->session);
	login->account = cpl_jid_dup(account);
	login->suspension = cpl_suspend(&ev->event);
}

static void plain_end(struct plain_login *login)
{
	cpl_resume(&login->suspension, CPL_HANDLED);
	cpl_session_unref(&login->session);
	cpl_jid_free(&login->account);
	cpl_free(login);
}

/* The end without an identity. Where the wait has been cut off, by its time-out or an unload, the core has answered already. */
static void plain_fail(struct plain_login *login, const char *condition)
{
	if (cpl_suspension_alive(login->suspension))
		plain_failure(login->session, condition);
	plain_end(login);
}

static void plain_on_authenticated(struct cpl_call *call)
{
	struct plain_login *login = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_authenticate, call), struct plain_login, authenticate);

	if (call->status == CPL_E_DENIED)
		plain_fail(login, login->authenticate.condition);
	else
		plain_end(login);
}

/* The account is there now, or was before. */
static void plain_on_made(struct cpl_call *call)
{
	struct plain_login *login = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct plain_login, make);
	struct cpl_stanza *success;
	int status = call->status == CPL_E_EXISTS ? 0 : call->status;

	if (status == 0) {
		success = cpl_nonza_create(&plain_success);
		status = cpl_session_authenticate(&login->authenticate, login->session, cpl_jid_local(login->account), "PLAIN", success,
						  plain_on_authenticated);
		cpl_stanza_unref(&success);
	}
	if (status != 0)
		plain_fail(login, "temporary-auth-failure");
}

/* The end with one, from inside the handler or later. */
static void plain_succeed(struct plain_login *login)
{
	struct cpl_batch *batch = cpl_batch_create();

	cpl_batch_account_create(batch, login->account);
	if (cpl_batch_commit(&login->make, &login->session->scope, &batch, plain_on_made) != 0)
		plain_fail(login, "temporary-auth-failure");
}

/* ---- of the service "accounts": accounts are made and changed where the passwords are ---- */

static int plain_create(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
			void (*done)(struct cpl_call *call))
{
	return CPL_E_UNSUPPORTED;
}

static int plain_set_password(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
			      struct cpl_str password, const struct cpl_session *keep, void (*done)(struct cpl_call *call))
{
	return CPL_E_UNSUPPORTED;
}

static int plain_remove(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
			void (*done)(struct cpl_call *call))
{
	return CPL_E_UNSUPPORTED;
}

#endif
