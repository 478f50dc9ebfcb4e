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
	struct cpl_jid account;
	struct cpl_session *keep;
	void (*committed)(struct operation *op);
	struct credentials credentials;
	enum scram_hash hash; /* check: the one to compare */
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

void accounts_announce_created(struct cpl_jid account)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	struct cpl_ev_account ev = {.host = host, .jid = account};

	if (host)
		cpl_fire_account_created(host, &ev);
}

static void operation_end(struct operation *op, int status)
{
	if (op->outer)
		cpl_call_complete(op->outer, status);
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

static void on_committed(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, store.call);

	if (call->status == CPL_OK)
		op->committed(op);
	else if (call->status != CPL_E_EXISTS && call->status != CPL_E_NOT_FOUND)
		cpl_log_error("credentials not written account=%.*s error=%s",
			      CPL_ARG(cpl_jid_str(op->account)),
			      op->store.error.code ? op->store.error.text : cpl_code_text(call->status));
	operation_end(op, call->status);
}

static void on_new_keys(struct cpl_call *call)
{
	struct operation *op = CPL_CONTAINER(call, struct operation, job);
	struct cpl_batch *batch;
	int code = call->status;

	/* Nobody waits any more and nothing is written yet: the caller has seen "cancelled". */
	if (code != 0 || !op->outer) {
		operation_end(op, code);
		return;
	}
	batch = cpl_batch_create();
	if (op->create)
		cpl_batch_account_create(batch, op->account);
	credentials_put(batch, op->account, credentials_derived(call));
	code = cpl_batch_commit(&op->store, NULL, &batch, on_committed);
	if (code != 0)
		operation_end(op, code);
}

static int write_password(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope,
			  struct cpl_jid account, struct cpl_str password, const struct cpl_session *keep,
			  void (*committed)(struct operation *op), bool create,
			  void (*done)(struct cpl_call *call))
{
	const struct auth_config *config = config_for(self, account);
	struct operation *op;
	int code;

	if (!config)
		return CPL_E_NOT_FOUND;
	op = operation_begin(call, scope, account, password, false, done, &code);
	if (!op)
		return code;
	op->committed = committed;
	op->create = create;
	if (keep)
		op->keep = cpl_session_ref((struct cpl_session *)keep);
	credentials_salt(&op->credentials, config->iterations);
	code = credentials_derive(&op->job, NULL, &op->credentials, CREDENTIALS_ALL, operation_password(op),
				  on_new_keys);
	if (code != 0)
		operation_end(op, code);
	return 0;
}

static void created(struct operation *op)
{
	cpl_log_info("account created account=%.*s", CPL_ARG(cpl_jid_str(op->account)));
	accounts_announce_created(op->account);
}

int accounts_create(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope,
		    struct cpl_jid account, struct cpl_str password, void (*done)(struct cpl_call *call))
{
	if (!accounts_name_acceptable(account))
		return CPL_E_INVALID;
	return write_password(self, call, scope, account, password, NULL, created, true, done);
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

int accounts_set_password(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope,
			  struct cpl_jid account, struct cpl_str password, const struct cpl_session *keep,
			  void (*done)(struct cpl_call *call))
{
	return write_password(self, call, scope, account, password, keep, password_changed, false, done);
}

/* ---- check: look up, derive, compare ---- */

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
	operation_end(op, right && op->known ? CPL_OK : CPL_E_DENIED);
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
			      op->store.error.code ? op->store.error.text : cpl_code_text(code));
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
	int code;

	if (!config)
		return CPL_E_NOT_FOUND;
	op = operation_begin(call, scope, account, password, true, done, &code);
	if (!op)
		return code;
	op->hash = SCRAM_SHA_256;
	credentials_decoy(cpl_module_data(self), account, op->hash, config->iterations,
			  &op->credentials.keys[op->hash]);
	code = cpl_store_get(&op->store, NULL, &credentials_store, op->account, CPL_NONE, on_row);
	if (code != 0)
		operation_end(op, code);
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
	int code = cpl_call_begin(call, scope, done, operation_abandon);

	if (code != 0)
		return code;
	op = CPL_NEW(struct operation);
	op->account = cpl_jid_dup(account);
	op->outer = call;
	call->provider = op;
	code = cpl_user_remove(&op->user, cpl_module_scope(self), op->account, on_removed);
	if (code != 0)
		operation_end(op, code);
	return 0;
}

const struct cpl_accounts_service auth_accounts = {
	.size = sizeof(struct cpl_accounts_service),
	.create = accounts_create,
	.set_password = accounts_set_password,
	.check = accounts_check,
	.remove = accounts_remove,
};
