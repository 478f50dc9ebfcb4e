/* SPDX-License-Identifier: MIT */
/* A SASL exchange on a session: elements in and out, tries, waiting. */
#include "modules/auth/exchange.h"

#include "modules/auth/credential.h"
#include "modules/auth/names.h"

#include <openssl/crypto.h>

static void release(void *data);
CPL_SLOT(slot, SESSION, struct exchange, 1, release);
struct cpl_slot *const auth_slots[] = {&slot, NULL};

static void scram_exchange_destroy(struct scram_exchange **scram)
{
	if (!*scram)
		return;
	cpl_buf_finish(&(*scram)->gs2_header);
	cpl_buf_finish(&(*scram)->nonce);
	cpl_buf_finish(&(*scram)->auth_message);
	cpl_free_secret(*scram);
	*scram = NULL;
}

void exchange_reset(struct exchange *exchange)
{
	exchange->step = EXCHANGE_NONE;
	cpl_jid_free(&exchange->account);
	scram_exchange_destroy(&exchange->scram);
}

static void release(void *data)
{
	exchange_reset(data);
	cpl_free(data);
}

struct exchange *exchange_find(struct cpl_session *s)
{
	return CPL_SLOT_GET(s, slot);
}

/* ---- out ---- */

static void send_data(struct cpl_session *s, const struct cpl_name *name, struct cpl_str data)
{
	struct cpl_stanza *nonza = cpl_nonza_create(name);

	if (data.len > 0)
		cpl_add_text(nonza, nonza->root, cpl_base64_encode(nonza->arena, data.ptr, data.len));
	cpl_session_send_nonza(s, nonza);
	cpl_stanza_unref(&nonza);
}

void exchange_challenge(struct cpl_session *s, struct cpl_str data)
{
	send_data(s, &sasl_challenge, data);
}

const char *exchange_attempt(struct cpl_session *s, struct exchange *exchange)
{
	struct cpl_ev_attempt ev = {.session = s, .account = exchange->account, .mechanism = mechanism_names[exchange->mechanism]};

	if (cpl_fire_authentication_attempt(s->served, &ev) == CPL_NO)
		return ev.text ? ev.text : "Try again later";
	exchange->attempted = true;
	return NULL;
}

/* condition NULL: it has succeeded. */
static void tell_result(struct cpl_session *s, struct exchange *exchange, const char *condition)
{
	struct cpl_ev_attempt ev = {
		.session = s, .account = exchange->account, .mechanism = mechanism_names[exchange->mechanism], .condition = condition};

	if (!exchange->attempted)
		return;
	exchange->attempted = false;
	cpl_fire_authentication_result(s->served, &ev);
}

enum cpl_flow exchange_fail(struct cpl_session *s, struct exchange *exchange, const char *condition,
			    const char *text)
{
	struct cpl_stanza *nonza = cpl_nonza_create(&sasl_failure);

	cpl_add_named(nonza, nonza->root, CPL_NONE, cpl_str_of(condition));
	if (text)
		cpl_add_with_text(nonza, nonza->root, &sasl_text, cpl_str_of(text));
	cpl_session_send_nonza(s, nonza);
	cpl_stanza_unref(&nonza);
	cpl_log_info("authentication failed session=%.*s address=%s account=%.*s condition=%s",
		     CPL_ARG(s->id), s->conn ? s->conn->address : "", CPL_ARG(cpl_jid_str(exchange->account)),
		     condition);
	tell_result(s, exchange, condition);
	exchange_reset(exchange);
	cpl_metric_add(auth_failures, 1);
	if (++exchange->failures >= exchange->max_tries)
		cpl_session_close(s, CPL_STREAM_POLICY_VIOLATION, "too many failed authentications");
	return CPL_HANDLED;
}

/* ---- the offer ---- */

CPL_SERVICE_REF(tls_service, "tls", 1);
const struct cpl_need_row auth_needs[] = {{&tls_service, true}, {NULL, false}};

static bool tls_missing(struct cpl_session *s)
{
	struct cpl_module *provider;
	const struct cpl_tls_service *tls;

	if (s->secure)
		return false;
	tls = cpl_service_find(s->served, &tls_service, &provider);
	return !tls || tls->required(provider, s->served);
}

static unsigned configured(const struct auth_config *config)
{
	unsigned mask = 0;

	for (size_t i = 0; i < config->mechanisms.count; i++)
		mask |= OFFER(config->mechanisms.items[i]);
	return mask;
}

/* The types of channel binding to tell (XEP-0440 section 3). tls-unique is accepted, but nobody should choose
 * it. */
static unsigned bindings_of(struct cpl_session *s)
{
	static const enum cpl_binding told[] = {CPL_BINDING_SERVER_END_POINT, CPL_BINDING_EXPORTER};
	unsigned mask = 0;

	for (size_t i = 0; s->secure && i < sizeof(told) / sizeof(told[0]); i++)
		if (cpl_session_binding(s, told[i], NULL) > 0)
			mask |= OFFER(told[i]);
	return mask;
}

static void make_offer(struct cpl_session *s, struct exchange *exchange, const struct auth_config *config)
{
	exchange->offered = exchange->bindings = 0;
	if (tls_missing(s))
		return;
	exchange->offered = configured(config);
	if (!s->secure)
		exchange->offered &= ~OFFER(MECHANISM_PLAIN);
	if (exchange->offered & OFFER_PLUS)
		exchange->bindings = bindings_of(s);
	if (!exchange->bindings)
		exchange->offered &= ~(unsigned)OFFER_PLUS;
}

void exchange_on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	const struct auth_config *config = CPL_CONFIG(self, ev->session->served, struct auth_config);
	struct cpl_stanza *features = ev->features;
	struct exchange *exchange;
	struct cpl_element *list, *type;

	if (ev->session->type != CPL_SESSION_C2S_UNAUTHED)
		return;
	exchange = CPL_SLOT_MAKE(ev->session, slot);
	exchange_reset(exchange);
	exchange->max_tries = config->max_tries;
	make_offer(ev->session, exchange, config);
	if (!exchange->offered)
		return;
	list = cpl_add(features, features->root, &sasl_mechanisms);
	for (size_t i = 0; i < config->mechanisms.count; i++)
		if (exchange->offered & OFFER(config->mechanisms.items[i]))
			cpl_add_with_text(features, list, &sasl_mechanism,
					  cpl_str_of(mechanism_names[config->mechanisms.items[i]]));
	if (!exchange->bindings)
		return;
	list = cpl_add(features, features->root, &sasl_channel_bindings);
	for (int i = 0; binding_names[i]; i++)
		if (exchange->bindings & OFFER(i)) {
			type = cpl_add(features, list, &sasl_channel_binding);
			cpl_attr_set(features, type, "type", cpl_str_of(binding_names[i]));
		}
}

/* ---- in ---- */

static enum cpl_flow take(struct cpl_module *self, struct cpl_ev_nonza *ev, struct exchange *exchange)
{
	struct cpl_stanza *nonza = ev->nonza;
	struct cpl_str text = cpl_text_of(nonza->root, nonza->arena), message = CPL_STR("");
	enum cpl_flow flow;

	if (cpl_child_count(nonza->root) > 0)
		return exchange_fail(ev->session, exchange, "malformed-request", NULL);
	/* A single equals sign is an empty message (RFC 6120 6.4.2). */
	if (text.len > 0 && !cpl_str_is(text, "=") && !cpl_base64_decode(nonza->arena, text, &message))
		return exchange_fail(ev->session, exchange, "incorrect-encoding", NULL);
	if (exchange->mechanism != MECHANISM_PLAIN)
		return scram_take(self, ev, exchange, message);
	flow = plain_take(self, ev, exchange, message);
	/* UNSAFE: the password in the stanza's own memory, decoded and as it came, is written over; nobody
	 * reads this element after us. */
	if (message.len > 0) {
		OPENSSL_cleanse((char *)message.ptr, message.len);
		OPENSSL_cleanse((char *)text.ptr, text.len);
	}
	return flow;
}

static enum cpl_flow refuse_mechanism(struct cpl_module *self, struct cpl_session *s,
				      struct exchange *exchange, int mechanism)
{
	unsigned known = configured(CPL_CONFIG(self, s->served, struct auth_config));
	bool needs_tls = !s->secure && (mechanism == MECHANISM_PLAIN || tls_missing(s));

	if (mechanism >= 0 && known & OFFER(mechanism) && needs_tls)
		return exchange_fail(s, exchange, "encryption-required", NULL);
	return exchange_fail(s, exchange, "invalid-mechanism", NULL);
}

static enum cpl_flow on_auth(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	struct cpl_session *s = ev->session;
	struct exchange *exchange = CPL_SLOT_MAKE(s, slot);
	int mechanism = mechanism_find(cpl_attr_get(ev->nonza->root, "mechanism"));

	exchange->max_tries = CPL_CONFIG(self, s->served, struct auth_config)->max_tries;
	if (exchange->step != EXCHANGE_NONE)
		return exchange_fail(s, exchange, "malformed-request", "an exchange is under way");
	if (mechanism < 0 || !(exchange->offered & OFFER(mechanism)))
		return refuse_mechanism(self, s, exchange, mechanism);
	exchange->mechanism = (enum mechanism)mechanism;
	exchange->step = EXCHANGE_FIRST;
	/* All our mechanisms begin with the client; without an initial response it is asked for one (RFC 4422
	 * section 3.3, RFC 6120 6.4.2). */
	if (cpl_text_of(ev->nonza->root, ev->nonza->arena).len == 0 &&
	    cpl_child_count(ev->nonza->root) == 0) {
		exchange_challenge(s, CPL_STR(""));
		return CPL_HANDLED;
	}
	return take(self, ev, exchange);
}

static enum cpl_flow on_response(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	struct exchange *exchange = CPL_SLOT_MAKE(ev->session, slot);

	exchange->max_tries = CPL_CONFIG(self, ev->session->served, struct auth_config)->max_tries;
	if (exchange->step == EXCHANGE_NONE)
		return exchange_fail(ev->session, exchange, "malformed-request", "no exchange is under way");
	return take(self, ev, exchange);
}

static enum cpl_flow on_abort(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	struct exchange *exchange = CPL_SLOT_MAKE(ev->session, slot);

	exchange->max_tries = CPL_CONFIG(self, ev->session->served, struct auth_config)->max_tries;
	return exchange_fail(ev->session, exchange, "aborted", NULL);
}

const struct cpl_nonza_row auth_nonzas[] = {
	{&sasl_auth, CPL_IN(C2S_UNAUTHED), on_auth},
	{&sasl_response, CPL_IN(C2S_UNAUTHED), on_response},
	{&sasl_abort, CPL_IN(C2S_UNAUTHED), on_abort},
	{NULL, 0, NULL},
};

const char *exchange_name(struct cpl_session *s, struct exchange *exchange, struct cpl_str username,
			  struct cpl_str authzid, struct cpl_arena *arena)
{
	struct cpl_jid account, asked;

	if (cpl_jid_make(&account, username, s->served->name, CPL_NONE, arena) != 0)
		return "not-authorized";
	cpl_jid_free(&exchange->account);
	exchange->account = cpl_jid_dup(account);
	if (authzid.ptr && (cpl_jid_parse(&asked, authzid, arena) != 0 || !cpl_jid_equal(asked, account)))
		return "invalid-authzid";
	return NULL;
}

/* ---- waiting ---- */

struct exchange_wait *exchange_wait_create(struct cpl_session *s)
{
	struct exchange_wait *wait = CPL_NEW(struct exchange_wait);

	wait->session = cpl_session_ref(s);
	return wait;
}

enum cpl_flow exchange_wait_begin(struct exchange_wait *wait, struct cpl_ev_nonza *ev)
{
	wait->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

void exchange_wait_drop(struct exchange_wait **wait)
{
	cpl_session_unref(&(*wait)->session);
	cpl_buf_finish(&(*wait)->success);
	cpl_free((*wait)->text);
	cpl_free(*wait);
	*wait = NULL;
}

bool exchange_wait_alive(const struct exchange_wait *wait, int status)
{
	return status != CPL_E_CANCELLED && cpl_suspension_alive(wait->suspension) &&
	       exchange_find(wait->session);
}

void exchange_wait_end(struct exchange_wait **wait)
{
	cpl_resume(&(*wait)->suspension, CPL_HANDLED);
	exchange_wait_drop(wait);
}

/* ---- after the proof ---- */

static void on_authenticated(struct cpl_call *call)
{
	struct exchange_wait *wait = CPL_CONTAINER(call, struct exchange_wait, request.call);
	struct exchange *exchange = exchange_find(wait->session);

	if (call->status == CPL_OK) {
		if (exchange)
			tell_result(wait->session, exchange, NULL);
		CPL_SLOT_CLEAR(wait->session, slot);
	} else if (exchange_wait_alive(wait, call->status)) {
		if (call->status == CPL_E_DENIED)
			exchange_fail(wait->session, exchange,
				      wait->request.condition ? wait->request.condition : "not-authorized",
				      wait->request.text);
		else
			exchange_fail(wait->session, exchange, "temporary-auth-failure", NULL);
	}
	exchange_wait_end(&wait);
}

/* 0, or a code when the identity could not even be offered. */
static int set_identity(struct exchange_wait *wait, struct exchange *exchange)
{
	struct cpl_stanza *success = cpl_nonza_create(&sasl_success);
	int code;

	if (wait->success.len > 0)
		cpl_add_text(success, success->root,
			     cpl_base64_encode(success->arena, wait->success.ptr, wait->success.len));
	code = cpl_session_authenticate(&wait->request, wait->session, cpl_jid_local(exchange->account),
					wait->mechanism, success, on_authenticated);
	cpl_stanza_unref(&success);
	return code;
}

/* The last step: the condition of a failure, or NULL to go on to the identity. Consumes `wait`. */
static void settle(struct exchange_wait *wait, struct exchange *exchange, const char *fault, const char *text)
{
	if (!fault && set_identity(wait, exchange) == 0)
		return;
	exchange_fail(wait->session, exchange, fault ? fault : "temporary-auth-failure", text);
	exchange_wait_end(&wait);
}

/* Both reads are asked for at once: one way to the storage thread and back. Either may be the last. */
static void proven_part(struct exchange_wait *wait)
{
	if (--wait->outstanding > 0)
		return;
	if (exchange_wait_alive(wait, wait->status))
		settle(wait, exchange_find(wait->session), wait->fault, wait->text);
	else
		exchange_wait_end(&wait);
}

/*
 * An exchange may stay open while the password is changed, or the account removed and its name given to
 * somebody else: the keys that were proven must be the ones of now.
 */
static void on_keys(struct cpl_call *call)
{
	struct exchange_wait *wait = CPL_CONTAINER(call, struct exchange_wait, store.call);

	if (!exchange_wait_alive(wait, call->status))
		wait->status = CPL_E_CANCELLED;
	else if (!wait->fault && call->status != CPL_OK && call->status != CPL_E_NOT_FOUND)
		wait->fault = "temporary-auth-failure";
	else if (!wait->fault && !scram_is_current(exchange_find(wait->session), &wait->store))
		wait->fault = "not-authorized";
	proven_part(wait);
}

/* What it says of the account goes before what was wrong with the keys. */
static void on_account(struct cpl_call *call)
{
	struct exchange_wait *wait = CPL_CONTAINER(call, struct exchange_wait, account.call);

	if (!exchange_wait_alive(wait, call->status)) {
		wait->status = CPL_E_CANCELLED;
	} else if (call->status == CPL_E_NOT_FOUND) {
		wait->fault = "not-authorized";
	} else if (call->status != CPL_OK) {
		cpl_log_error("account not readable account=%.*s error=%s",
			      CPL_ARG(cpl_jid_str(exchange_find(wait->session)->account)), cpl_code_text(call->status));
		wait->fault = "temporary-auth-failure";
	} else if (wait->account.state.disabled) {
		wait->fault = "account-disabled";
		wait->text = wait->account.state.reason.ptr ? cpl_strdup(wait->account.state.reason) : NULL;
	}
	proven_part(wait);
}

enum cpl_flow exchange_proven(struct exchange_wait *wait, struct cpl_ev_nonza *ev, struct exchange *exchange)
{
	struct cpl_session *s = wait->session;

	wait->mechanism = mechanism_names[exchange->mechanism];
	if (cpl_account_state(&wait->account, &s->scope, exchange->account, on_account) == 0) {
		wait->outstanding = 1;
		if (exchange->scram && cpl_store_get(&wait->store, &s->scope, &credentials_store, exchange->account, CPL_NONE, on_keys) == 0)
			wait->outstanding = 2;
		else if (exchange->scram)
			wait->fault = "temporary-auth-failure";
		return ev ? exchange_wait_begin(wait, ev) : CPL_SUSPENDED;
	}
	exchange_fail(s, exchange, "temporary-auth-failure", NULL);
	if (ev)
		exchange_wait_drop(&wait);
	else
		exchange_wait_end(&wait);
	return CPL_HANDLED;
}
