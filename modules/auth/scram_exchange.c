/* SPDX-License-Identifier: MIT */
/* SCRAM on a session: look-up, challenge, proof. */
#include "modules/auth/credential.h"
#include "modules/auth/exchange.h"
#include "modules/auth/scram.h"

/* The binding data of the stream behind the gs2 header, as c= must repeat it (RFC 5802 section 5.1). */
static bool binding_right(struct cpl_session *s, const struct scram_exchange *scram, struct cpl_str given)
{
	struct cpl_str header = cpl_buf_str(&scram->gs2_header);
	unsigned char data[64];
	size_t size = 0;

	if (scram->binding >= 0) {
		size = cpl_session_binding(s, (enum cpl_binding)scram->binding, data);
		if (size == 0)
			return false;
	}
	return given.len == header.len + size &&
	       cpl_equal_secret((struct cpl_str){given.ptr, header.len}, header) &&
	       cpl_equal_secret((struct cpl_str){given.ptr + header.len, size},
				(struct cpl_str){(const char *)data, size});
}

/* Fits the gs2 flag what was offered and chosen (RFC 5802 section 6)? NULL, or the condition. */
static const char *flag_fault(struct cpl_session *s, const struct exchange *exchange,
			      const struct scram_first *first, int *binding)
{
	bool plus = mechanism_is_plus(exchange->mechanism);

	*binding = -1;
	if ((first->flag == 'p') != plus)
		return "malformed-request";
	if (first->flag == 'y' && exchange->offered & OFFER_PLUS)
		return "not-authorized";
	if (!plus)
		return NULL;
	*binding = binding_find(first->binding);
	if (*binding < 0 || cpl_session_binding(s, (enum cpl_binding) * binding, NULL) == 0)
		return "not-authorized";
	return NULL;
}

static void scram_begin(struct exchange *exchange, const struct scram_first *first, int binding)
{
	struct scram_exchange *scram = exchange->scram = CPL_NEW(struct scram_exchange);
	char ours[CPL_ID_TEXT];

	scram->hash = mechanism_hash(exchange->mechanism);
	scram->binding = binding;
	cpl_buf_add(&scram->gs2_header, first->gs2_header);
	cpl_buf_add(&scram->nonce, first->nonce);
	cpl_buf_add(&scram->nonce, cpl_random_id(ours));
	cpl_buf_add(&scram->auth_message, first->bare);
	cpl_buf_add_char(&scram->auth_message, ',');
}

/* What is found of the account replaces the decoy. False: it is not readable. */
static bool use_row(struct exchange *exchange, const struct cpl_store_call *store)
{
	struct scram_exchange *scram = exchange->scram;
	struct credentials found;

	if (store->call.status == CPL_E_NOT_FOUND || (store->call.status == CPL_OK && store->count == 0))
		return true;
	if (store->call.status != CPL_OK || !credentials_from_row(&found, &store->rows[0])) {
		cpl_log_error("credentials not readable account=%.*s error=%s",
			      CPL_ARG(cpl_jid_str(exchange->account)),
			      store->call.status ? store->error : "the row makes no sense");
		return false;
	}
	if (found.keys[scram->hash].iterations > 0) {
		scram->keys = found.keys[scram->hash];
		scram->known = true;
	}
	return true;
}

bool scram_is_current(const struct exchange *exchange, const struct cpl_store_call *store)
{
	const struct scram_exchange *scram = exchange->scram;
	size_t size = scram_digest_size(scram->hash);
	struct credentials found;

	return store->call.status == CPL_OK && store->count > 0 && credentials_from_row(&found, &store->rows[0]) &&
	       cpl_equal_secret((struct cpl_str){(const char *)found.keys[scram->hash].stored_key, size},
				(struct cpl_str){(const char *)scram->keys.stored_key, size});
}

/*
 * A look-up that finds something takes some microseconds longer than one that does not, so that many trials
 * could tell accounts that exist from others. The challenge is therefore sent when a timer says so, whenever
 * the row has come before it.
 */
enum { LOOK_UP_MS = 2 };

static void send_challenge(struct exchange_wait *wait, struct exchange *exchange)
{
	struct scram_exchange *scram = exchange->scram;
	struct cpl_str downgrade = {wait->success.ptr, wait->success.len};
	struct cpl_buf first = {0};

	scram_server_first(&first, cpl_buf_str(&scram->nonce), &scram->keys, downgrade);
	cpl_buf_add(&scram->auth_message, cpl_buf_str(&first));
	cpl_buf_add_char(&scram->auth_message, ',');
	exchange->step = EXCHANGE_FINAL;
	exchange_challenge(wait->session, cpl_buf_str(&first));
	cpl_buf_finish(&first);
}

/* The row or the timer is back: with the second of them the exchange goes on. */
static void came_back(struct exchange_wait *wait)
{
	struct exchange *exchange = exchange_find(wait->session);

	if (--wait->outstanding > 0)
		return;
	if (exchange_wait_alive(wait, wait->status)) {
		if (wait->status == CPL_OK)
			send_challenge(wait, exchange);
		else
			exchange_fail(wait->session, exchange, "temporary-auth-failure", NULL);
	}
	exchange_wait_end(&wait);
}

static void on_credentials(struct cpl_call *call)
{
	struct exchange_wait *wait = CPL_CONTAINER(call, struct exchange_wait, store.call);

	if (!exchange_wait_alive(wait, call->status))
		wait->status = CPL_E_CANCELLED;
	else if (!use_row(exchange_find(wait->session), &wait->store))
		wait->status = CPL_E_IO;
	came_back(wait);
}

static void on_time(struct cpl_call *call)
{
	struct exchange_wait *wait = CPL_CONTAINER(call, struct exchange_wait, call);

	if (call->status == CPL_E_CANCELLED)
		wait->status = CPL_E_CANCELLED;
	came_back(wait);
}

static enum cpl_flow take_first(struct cpl_module *self, struct cpl_ev_nonza *ev, struct exchange *exchange,
				struct cpl_str message)
{
	const struct auth_config *config = CPL_CONFIG(self, ev->session->served, struct auth_config);
	struct cpl_session *s = ev->session;
	struct cpl_arena *arena = ev->nonza->arena;
	struct exchange_wait *wait;
	struct scram_first first;
	const char *fault;
	int binding;

	exchange_reset(exchange); /* what an attempt that timed out has left */
	exchange->step = EXCHANGE_FIRST;
	if (!scram_first_parse(&first, message, arena))
		return exchange_fail(s, exchange, "malformed-request", NULL);
	fault = flag_fault(s, exchange, &first, &binding);
	if (!fault)
		fault = exchange_name(s, exchange, first.username, first.authzid, arena);
	if (fault)
		return exchange_fail(s, exchange, fault, NULL);
	fault = exchange_attempt(s, exchange);
	if (fault)
		return exchange_fail(s, exchange, "temporary-auth-failure", fault);
	scram_begin(exchange, &first, binding);
	/* Made for everybody, so that it takes the same time whether the account exists or not. */
	credentials_decoy(cpl_module_data(self), exchange->account, exchange->scram->hash, config->iterations,
			  &exchange->scram->keys);
	wait = exchange_wait_create(s);
	if (config->downgrade_protection)
		cpl_buf_add(&wait->success, downgrade_hash(exchange->scram->hash, exchange->offered,
							   exchange->bindings, arena));
	if (cpl_store_get(&wait->store, &s->scope, &credentials_store, exchange->account, CPL_NONE,
			  on_credentials) != 0) {
		exchange_wait_drop(&wait);
		return exchange_fail(s, exchange, "temporary-auth-failure", NULL);
	}
	wait->outstanding = cpl_timer_start(&wait->call, &s->scope, LOOK_UP_MS, on_time) == 0 ? 2 : 1;
	return exchange_wait_begin(wait, ev);
}

static enum cpl_flow take_final(struct cpl_ev_nonza *ev, struct exchange *exchange, struct cpl_str message)
{
	struct scram_exchange *scram = exchange->scram;
	struct cpl_session *s = ev->session;
	unsigned char signature[SCRAM_DIGEST_MAX];
	struct exchange_wait *wait;
	struct scram_final final;
	bool right;

	if (!scram_final_parse(&final, message, ev->nonza->arena))
		return exchange_fail(s, exchange, "malformed-request", NULL);
	cpl_buf_add(&scram->auth_message, final.without_proof);
	right = scram_verify(scram->hash, &scram->keys, cpl_buf_str(&scram->auth_message), final.proof,
			     signature);
	right &= scram->known;
	right &= cpl_equal_secret(final.nonce, cpl_buf_str(&scram->nonce));
	right &= binding_right(s, scram, final.binding);
	if (!right)
		return exchange_fail(s, exchange, "not-authorized", NULL);
	wait = exchange_wait_create(s);
	cpl_buf_add(&wait->success, CPL_STR("v="));
	cpl_buf_add_base64(&wait->success, signature, scram_digest_size(scram->hash));
	return exchange_proven(wait, ev, exchange);
}

enum cpl_flow scram_take(struct cpl_module *self, struct cpl_ev_nonza *ev, struct exchange *exchange,
			 struct cpl_str message)
{
	return exchange->step == EXCHANGE_FINAL ? take_final(ev, exchange, message)
						: take_first(self, ev, exchange, message);
}
