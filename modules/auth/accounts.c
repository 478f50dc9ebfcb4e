/* SPDX-License-Identifier: MIT */
/* The service "accounts". */
#include "modules/auth/accounts.h"

#include "modules/auth/credential.h"

#include <openssl/crypto.h>

/* One call of the service. It goes on when its caller has cancelled a write: what reaches the disk is
 * announced, whoever waits for it. */
struct operation {
	struct cpl_call job;
	struct cpl_store_call store;
	struct cpl_user_call user;
	struct cpl_call *outer; /* the caller's; NULL once it is cancelled */
	struct cpl_account_request *request; /* which `outer` is in; NULL for create() and its like */
	struct cpl_ev_creating creating;
	struct cpl_batch *batch;
	struct cpl_jid account;
	struct cpl_session *keep;
	void (*committed)(struct operation *op);
	struct credentials credentials;
	enum scram_hash hash; /* check: the one to compare */
	int64_t iterations;   /* check: for keys that are made of the password */
	bool known;
	bool create;
	size_t password_size;
	char password[SCRAM_PASSWORD_MAX];
};

bool accounts_name_acceptable(struct cpl_jid account)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_str local = CPL_NONE;
	const struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	bool good = account.local_len > 0 && !cpl_jid_is_full(account) && host && !host->component &&
		    cpl_prepare_new_local(&local, cpl_jid_local(account), arena) == 0 &&
		    cpl_str_equal(local, cpl_jid_local(account));

	cpl_arena_destroy(&arena);
	return good;
}

bool accounts_prepare_password(struct cpl_str *out, struct cpl_str password, bool query,
			       struct cpl_arena *arena)
{
	return password.len > 0 && cpl_prepare_password(out, password, query, arena) == 0 && out->len > 0 &&
	       out->len <= SCRAM_PASSWORD_MAX;
}

void accounts_announce_created(struct cpl_jid account, enum cpl_account_origin origin)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	struct cpl_ev_account ev = {.host = host, .jid = account, .origin = origin};

	if (host)
		cpl_fire_account_created(host, &ev);
}

/* What to answer a client, and in which words, unless a handler has said it. */
static void request_explain(struct cpl_account_request *request, int status, struct cpl_jid account)
{
	struct cpl_error *error = &request->error;

	if (status == CPL_OK || error->code != CPL_OK)
		return;
	switch (status) {
	case CPL_E_EXISTS:
		request->condition = CPL_CONFLICT;
		cpl_fail(error, status, "%.*s exists already", CPL_ARG(cpl_jid_str(account)));
		break;
	case CPL_E_CONFLICT:
		request->condition = CPL_CONFLICT;
		cpl_fail(error, status, "somebody else was quicker");
		break;
	case CPL_E_NOT_FOUND:
		request->condition = CPL_ITEM_NOT_FOUND;
		cpl_fail(error, status, "there is no account %.*s", CPL_ARG(cpl_jid_str(account)));
		break;
	case CPL_E_INVALID:
		request->condition = CPL_NOT_ACCEPTABLE;
		cpl_fail(error, status, "this password is not acceptable: it is empty, longer than %d bytes or has characters that RFC 4013 forbids",
			 SCRAM_PASSWORD_MAX);
		break;
	default:
		request->condition = status == CPL_E_FULL ? CPL_RESOURCE_CONSTRAINT : CPL_INTERNAL_SERVER_ERROR;
		cpl_fail(error, status, "%s", cpl_code_text(status));
		break;
	}
}

static void operation_end(struct operation *op, int status)
{
	if (op->outer && op->request)
		request_explain(op->request, status, op->account);
	if (op->outer)
		cpl_call_complete(op->outer, status);
	if (op->batch)
		cpl_batch_destroy(&op->batch);
	cpl_session_unref(&op->keep);
	cpl_jid_free(&op->account);
	cpl_free_secret(op);
}

static void operation_abandon(struct cpl_call *outer)
{
	struct operation *op = outer->provider;

	op->outer = NULL;
}

/* Makes the operation and begins the caller's call; NULL and a code when it could not. */
static struct operation *operation_begin(struct cpl_call *call, struct cpl_scope *scope,
					 struct cpl_jid account, struct cpl_str password, bool query,
					 void (*done)(struct cpl_call *call), int *code)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct operation *op = NULL;
	struct cpl_str prepared;

	*code = accounts_prepare_password(&prepared, password, query, arena)
			? cpl_call_begin(call, scope, done, operation_abandon)
			: CPL_E_INVALID;
	if (*code == 0) {
		op = CPL_NEW(struct operation);
		memcpy(op->password, prepared.ptr, prepared.len);
		op->password_size = prepared.len;
		op->account = cpl_jid_dup(account);
		op->outer = call;
		call->provider = op;
		/* UNSAFE: a prepared copy in our own arena is written over. */
		if (prepared.ptr != password.ptr)
			OPENSSL_cleanse((char *)prepared.ptr, prepared.len);
	}
	cpl_arena_destroy(&arena);
	return op;
}

static struct cpl_str operation_password(const struct operation *op)
{
	return (struct cpl_str){op->password, op->password_size};
}

static const struct auth_config *config_for(struct cpl_module *self, struct cpl_jid account)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));

	return host ? CPL_CONFIG(self, host, struct auth_config) : NULL;
}

/* ---- create, set_password: derive, commit, announce ---- */

static void created(struct operation *op)
{
	cpl_log_info("account created account=%.*s", CPL_ARG(cpl_jid_str(op->account)));
	accounts_announce_created(op->account, op->creating.origin);
}

static void password_changed(struct operation *op)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(op->account));
	struct cpl_ev_account ev = {.host = host, .jid = op->account, .what = CPL_ACCOUNT_PASSWORD};

	cpl_log_info("password changed account=%.*s", CPL_ARG(cpl_jid_str(op->account)));
	if (!host)
		return;
	cpl_fire_account_changed(host, &ev);
	cpl_account_close_sessions(op->account, op->keep, CPL_STREAM_RESET, "the password was changed");
}

static void on_committed(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, store.call);

	if (call->status == CPL_OK)
		op->committed(op);
	else if (call->status != CPL_E_EXISTS && call->status != CPL_E_NOT_FOUND && call->status != CPL_E_CONFLICT)
		cpl_log(cpl_commit_log_level(call->status), "credentials not written account=%.*s error=%s", CPL_ARG(cpl_jid_str(op->account)),
			op->store.error);
	operation_end(op, call->status);
}

static void on_new_keys(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, job);
	int code = call->status;

	/* Nobody waits any more and nothing is written yet: the caller has seen "cancelled". */
	if (code != 0 || !op->outer) {
		operation_end(op, code);
		return;
	}
	credentials_put(op->batch, op->account, credentials_derived(call));
	code = cpl_batch_commit(&op->store, NULL, &op->batch, on_committed);
	if (code != 0)
		operation_end(op, code);
}

static void derive(struct operation *op)
{
	int code = credentials_derive(&op->job, NULL, &op->credentials, CREDENTIALS_ALL, operation_password(op), on_new_keys);

	if (code != 0)
		operation_end(op, code);
}

static void on_judged(struct cpl_event *event, enum cpl_flow result)
{
	struct operation *op = CPL_CONTAINER(CPL_CONTAINER(event, struct cpl_ev_creating, event), struct operation, creating);

	if (result == CPL_NEXT) {
		derive(op);
		return;
	}
	if (op->outer && op->request && result != CPL_FAILED) {
		op->request->condition = op->creating.condition;
		op->request->error = op->creating.error;
		if (op->request->error.code == CPL_OK)
			cpl_fail(&op->request->error, CPL_E_DENIED, "a module has refused it");
	}
	operation_end(op, result == CPL_FAILED ? CPL_E_TIMEOUT : CPL_E_DENIED);
}

/* Judged by modules, then derived, then committed. */
static void make(struct operation *op)
{
	struct cpl_ev_creating *ev = &op->creating;

	cpl_batch_account_create(op->batch, op->account);
	ev->jid = op->account;
	ev->origin = op->request ? op->request->origin : CPL_ORIGIN_ADMIN;
	ev->forced = op->request && op->request->forced;
	ev->batch = op->batch;
	ev->condition = CPL_NOT_ALLOWED;
	cpl_fire_account_creating(cpl_host_find(cpl_jid_domain(op->account)), ev, on_judged);
}

static int write_password(struct cpl_module *self, struct cpl_call *call, struct cpl_account_request *request, struct cpl_scope *scope,
			  struct cpl_jid account, struct cpl_str password, const struct cpl_session *keep, bool create,
			  void (*done)(struct cpl_call *call))
{
	const struct auth_config *config = config_for(self, account);
	struct cpl_batch *batch = request && request->batch ? request->batch : cpl_batch_create();
	struct operation *op = NULL;
	struct cpl_visit visit;
	int code = CPL_E_NOT_FOUND;

	if (request) {
		request->batch = NULL;
		request->error = (struct cpl_error){0};
	}
	if (config)
		op = operation_begin(call, scope, account, password, false, done, &code);
	if (!op) {
		cpl_batch_destroy(&batch);
		if (request)
			request_explain(request, code, account);
		return code;
	}
	op->request = request;
	op->batch = batch;
	op->committed = create ? created : password_changed;
	if (keep)
		op->keep = cpl_session_ref((struct cpl_session *)keep);
	credentials_salt(&op->credentials, config->iterations);
	cpl_provider_enter(self, &visit);
	if (create)
		make(op);
	else
		derive(op);
	cpl_provider_leave(&visit);
	return 0;
}

int accounts_make(struct cpl_module *self, struct cpl_account_request *request, struct cpl_scope *scope, struct cpl_jid account,
		  struct cpl_str password, void (*done)(struct cpl_call *call))
{
	if (!accounts_name_acceptable(account)) {
		if (request->batch)
			cpl_batch_destroy(&request->batch);
		request->condition = CPL_NOT_ACCEPTABLE;
		return cpl_fail(&request->error, CPL_E_INVALID, "%.*s cannot be the name of a new account", CPL_ARG(cpl_jid_str(account)));
	}
	return write_password(self, &request->call, request, scope, account, password, NULL, true, done);
}

static int accounts_renew(struct cpl_module *self, struct cpl_account_request *request, struct cpl_scope *scope, struct cpl_jid account,
			  struct cpl_str password, void (*done)(struct cpl_call *call))
{
	return write_password(self, &request->call, request, scope, account, password, request->keep, false, done);
}

static int accounts_create(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
			   void (*done)(struct cpl_call *call))
{
	if (!accounts_name_acceptable(account))
		return CPL_E_INVALID;
	return write_password(self, call, NULL, scope, account, password, NULL, true, done);
}

int accounts_set_password(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
			  const struct cpl_session *keep, void (*done)(struct cpl_call *call))
{
	return write_password(self, call, NULL, scope, account, password, keep, false, done);
}

/* ---- check: look up, derive, compare, complete ---- */

/*
 * Other servers keep keys for one hash only, and keys cannot be made of keys: whoever shows the password completes them. That it was right does not depend on it.
 */
static void on_completed(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, store.call);
	struct cpl_str account = cpl_jid_str(op->account);

	/* In a conflict the password has been changed meanwhile, which has made keys for all hashes. */
	if (call->status == CPL_OK)
		cpl_log_info("keys added for further mechanisms account=%.*s", CPL_ARG(account));
	else if (call->status != CPL_E_CONFLICT && call->status != CPL_E_CANCELLED)
		cpl_log(cpl_commit_log_level(call->status), "credentials not written account=%.*s error=%s", CPL_ARG(account), op->store.error);
	operation_end(op, CPL_OK);
}

static void on_missing_keys(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, job);
	struct cpl_value kept[CREDENTIALS_COLUMNS];

	if (call->status != CPL_OK) {
		operation_end(op, CPL_OK);
		return;
	}
	op->batch = cpl_batch_create();
	credentials_to_values(&op->credentials, kept);
	cpl_batch_expect(op->batch, &credentials_store, op->account, CPL_NONE, kept);
	credentials_put(op->batch, op->account, credentials_derived(call));
	if (cpl_batch_commit(&op->store, NULL, &op->batch, on_completed) != 0)
		operation_end(op, CPL_OK);
}

/* The password was right. */
static void complete_keys(struct operation *op)
{
	struct credentials wanted;
	unsigned missing = 0;

	credentials_salt(&wanted, op->iterations);
	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		if (op->credentials.keys[hash].iterations > 0)
			wanted.keys[hash] = op->credentials.keys[hash];
		else
			missing |= 1u << hash;
	}
	if (!missing || credentials_derive(&op->job, NULL, &wanted, missing, operation_password(op), on_missing_keys) != 0)
		operation_end(op, CPL_OK);
}

static void on_given_keys(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, job);
	const struct credentials *given = credentials_derived(call);
	size_t size = scram_digest_size(op->hash);
	bool right;

	if (call->status != 0) {
		operation_end(op, call->status);
		return;
	}
	right = cpl_equal_secret(
		(struct cpl_str){(const char *)given->keys[op->hash].stored_key, size},
		(struct cpl_str){(const char *)op->credentials.keys[op->hash].stored_key, size});
	if (right && op->known)
		complete_keys(op);
	else
		operation_end(op, CPL_E_DENIED);
}

static void on_row(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, store.call);
	struct credentials found;
	int code = call->status;

	if (code == CPL_OK && op->store.count > 0) {
		if (!credentials_from_row(&found, &op->store.rows[0])) {
			code = CPL_E_CORRUPT;
		} else {
			op->credentials = found;
			op->known = true;
			op->hash = found.keys[SCRAM_SHA_256].iterations > 0 ? SCRAM_SHA_256 : SCRAM_SHA_1;
		}
	}
	if (code == CPL_E_NOT_FOUND)
		code = CPL_OK; /* the decoy is there */
	if (code != CPL_OK && code != CPL_E_CANCELLED)
		cpl_log_error("credentials not readable account=%.*s error=%s",
			      CPL_ARG(cpl_jid_str(op->account)),
			      op->store.call.status ? op->store.error : cpl_code_text(code));
	if (code == CPL_OK && !op->outer)
		code = CPL_E_CANCELLED;
	if (code == CPL_OK)
		code = credentials_derive(&op->job, NULL, &op->credentials, 1u << op->hash,
					  operation_password(op), on_given_keys);
	if (code != CPL_OK)
		operation_end(op, code);
}

int accounts_check(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope,
		   struct cpl_jid account, struct cpl_str password, void (*done)(struct cpl_call *call))
{
	const struct auth_config *config = config_for(self, account);
	struct operation *op;
	struct cpl_visit visit;
	int code;

	if (!config)
		return CPL_E_NOT_FOUND;
	op = operation_begin(call, scope, account, password, true, done, &code);
	if (!op)
		return code;
	op->hash = SCRAM_SHA_256;
	op->iterations = config->iterations;
	credentials_decoy(cpl_module_data(self), account, op->hash, config->iterations,
			  &op->credentials.keys[op->hash]);
	cpl_provider_enter(self, &visit);
	code = cpl_store_get(&op->store, NULL, &credentials_store, op->account, CPL_NONE, on_row);
	if (code != 0)
		operation_end(op, code);
	cpl_provider_leave(&visit);
	return 0;
}

/* ---- remove ---- */

static void on_removed(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, user.call);

	if (op->user.user)
		cpl_user_unref(&op->user.user);
	operation_end(op, call->status);
}

static int accounts_remove(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope,
			   struct cpl_jid account, void (*done)(struct cpl_call *call))
{
	struct operation *op;
	struct cpl_visit visit;
	int code = cpl_call_begin(call, scope, done, operation_abandon);

	if (code != 0)
		return code;
	cpl_provider_enter(self, &visit);
	op = CPL_NEW(struct operation);
	op->account = cpl_jid_dup(account);
	op->outer = call;
	call->provider = op;
	code = cpl_user_remove(&op->user, cpl_module_scope(self), op->account, on_removed);
	if (code != 0)
		operation_end(op, code);
	cpl_provider_leave(&visit);
	return 0;
}

const struct cpl_accounts_service auth_accounts = {
	.size = sizeof(struct cpl_accounts_service),
	.create = accounts_create,
	.set_password = accounts_set_password,
	.check = accounts_check,
	.remove = accounts_remove,
	.make = accounts_make,
	.renew = accounts_renew,
	.import_password = accounts_import_password,
};
