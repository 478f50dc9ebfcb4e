/* SPDX-License-Identifier: MIT */
/* PLAIN on a session: the password is checked as the accounts service checks it. */
#include "modules/auth/accounts.h"
#include "modules/auth/exchange.h"
#include "modules/auth/plain.h"

static void on_checked(struct cpl_call *call)
{
	struct exchange_wait *wait = CPL_CONTAINER(call, struct exchange_wait, call);
	struct exchange *exchange = exchange_find(wait->session);

	if (!exchange_wait_alive(wait, call->status)) {
		exchange_wait_end(&wait);
		return;
	}
	if (call->status == CPL_OK) {
		exchange_proven(wait, NULL, exchange);
		return;
	}
	exchange_fail(wait->session, exchange,
		      call->status == CPL_E_DENIED ? "not-authorized" : "temporary-auth-failure", NULL);
	exchange_wait_end(&wait);
}

enum cpl_flow plain_take(struct cpl_module *self, struct cpl_ev_nonza *ev, struct exchange *exchange,
			 struct cpl_str message)
{
	struct cpl_session *s = ev->session;
	struct plain_message plain;
	struct exchange_wait *wait;
	const char *fault;
	int code;

	if (!plain_parse(&plain, message))
		return exchange_fail(s, exchange, "malformed-request", NULL);
	fault = exchange_name(s, exchange, plain.username, plain.authzid, ev->nonza->arena);
	if (fault)
		return exchange_fail(s, exchange, fault, NULL);
	fault = exchange_attempt(s, exchange);
	if (fault)
		return exchange_fail(s, exchange, "temporary-auth-failure", fault);
	wait = exchange_wait_create(s);
	code = accounts_check(self, &wait->call, &s->scope, exchange->account, plain.password, on_checked);
	if (code == 0)
		return exchange_wait_begin(wait, ev);
	exchange_wait_drop(&wait);
	return exchange_fail(s, exchange, code == CPL_E_INVALID ? "not-authorized" : "temporary-auth-failure",
			     NULL);
}
