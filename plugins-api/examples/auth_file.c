/* SPDX-License-Identifier: MIT */
/*
 * auth_file: logs people in by a file instead of the bundled module `auth`, which it replaces: SASL PLAIN over TLS, and the service "accounts". Lines of
 * LOCALPART:SHA256-HEX-OF-SALT-AND-PASSWORD:SALT-HEX. An account's object on disk is made at its first login. The way that a module for LDAP or HTTP would go, with
 * an asynchronous question in place of the look-up.
 *
 *     modules: [tls, auth_file, bind, ...]
 *     auth_file: {file: /etc/couplet/people}
 */
#include <couplet/module.h>

#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 512, PEOPLE_MAX = 100000 };

struct auth_config {
	struct cpl_str file;
};
static const struct cpl_option options[] = {
	CPL_OPT_STRING(struct auth_config, file, NULL, CPL_REQUIRED | CPL_GLOBAL_ONLY, "The file of people; read when the module is loaded or reloaded."),
	CPL_OPT_END,
};

#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
CPL_NAME(name_mechanisms, NS_SASL, "mechanisms");
CPL_NAME(name_mechanism, NS_SASL, "mechanism");
CPL_NAME(name_auth, NS_SASL, "auth");
CPL_NAME(name_success, NS_SASL, "success");
CPL_NAME(name_failure, NS_SASL, "failure");
static struct cpl_name *const names[] = {&name_mechanisms, &name_mechanism, &name_auth, &name_success, &name_failure, NULL};

/* ---- people ---- */

struct person {
	char *name;
	unsigned char digest[32];
	struct cpl_str salt; /* in the arena */
};
struct people {
	struct cpl_map by_name;
	struct cpl_arena *arena;
};

static bool digest_of(struct cpl_str salt, struct cpl_str password, unsigned char digest[32])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(context, salt.ptr, salt.len) == 1 &&
		    EVP_DigestUpdate(context, password.ptr, password.len) == 1 && EVP_DigestFinal_ex(context, digest, NULL) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

static bool read_person(struct people *people, struct cpl_str line)
{
	struct cpl_str rest = line, name, hex, digest;
	struct person *person = cpl_arena_alloc(people->arena, sizeof *person);

	if (!cpl_str_split(&rest, ':', &name) || !cpl_str_split(&rest, ':', &hex) || !rest.ptr ||
	    cpl_prepare_new_local(&name, name, people->arena) != 0 || !cpl_hex_decode(people->arena, hex, &digest) || digest.len != 32 ||
	    !cpl_hex_decode(people->arena, rest, &person->salt))
		return false;
	memcpy(person->digest, digest.ptr, 32);
	name = cpl_arena_copy(people->arena, name);
	return cpl_map_put(&people->by_name, name, person) == NULL;
}

static void people_destroy(struct people **people)
{
	if (!*people)
		return;
	cpl_map_finish(&(*people)->by_name);
	cpl_arena_destroy(&(*people)->arena);
	CPL_FREE(*people);
}

static int auth_load(struct cpl_module *self, struct cpl_error *error)
{
	const struct auth_config *config = CPL_CONFIG(self, NULL, struct auth_config);
	struct people *people = CPL_NEW(struct people);
	char text[LINE_MAX_BYTES];
	unsigned number = 0;
	int status = 0;
	FILE *file = fopen(config->file.ptr, "re");

	if (!file) {
		cpl_free(people);
		return cpl_fail(error, CPL_E_IO, "%s: %s", config->file.ptr, strerror(errno));
	}
	people->arena = cpl_arena_create();
	while (status == 0 && fgets(text, sizeof text, file)) {
		struct cpl_str line = cpl_str_trim(cpl_str_of(text));

		number++;
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (people->by_name.count == PEOPLE_MAX || !read_person(people, cpl_arena_copy(people->arena, line)))
			status = cpl_fail(error, CPL_E_INVALID, "%s:%u: not LOCALPART:DIGEST:SALT, or there already", config->file.ptr, number);
	}
	fclose(file);
	cpl_module_set_data(self, people);
	if (status != 0) {
		people_destroy(&people);
		cpl_module_set_data(self, NULL);
	}
	return status;
}

static void auth_unload(struct cpl_module *self)
{
	struct people *people = cpl_module_data(self);

	people_destroy(&people);
}

/* An unknown name takes as long as a wrong password. */
static bool is_right(const struct people *people, struct cpl_str username, struct cpl_str password)
{
	static const struct person nobody = {.salt = {"0123456789abcdef", 16}};
	const struct person *person = cpl_map_get(&people->by_name, username);
	unsigned char digest[32];
	bool known = person != NULL;

	if (!known)
		person = &nobody;
	if (!digest_of(person->salt, password, digest))
		return false;
	return cpl_equal_secret((struct cpl_str){(const char *)digest, 32}, (struct cpl_str){(const char *)person->digest, 32}) && known;
}

/* ---- SASL ---- */

static void on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	struct cpl_element *mechanisms;

	if (ev->session->type != CPL_SESSION_C2S_UNAUTHED || !ev->session->secure)
		return;
	mechanisms = cpl_add(ev->features, ev->features->root, &name_mechanisms);
	cpl_add_with_text(ev->features, mechanisms, &name_mechanism, CPL_STR("PLAIN"));
}

/* A login under way. */
struct login {
	struct cpl_suspension *suspension;
	struct cpl_session *session; /* referenced */
	struct cpl_store_call account;
	struct cpl_authenticate authenticate;
	char username[CPL_JID_PART_MAX + 1];
	size_t username_len;
};

static void send_failure(struct cpl_session *session, const char *condition)
{
	struct cpl_stanza *failure = cpl_nonza_create(&name_failure);

	cpl_add_named(failure, failure->root, CPL_NONE, cpl_str_of(condition));
	cpl_session_send_nonza(session, failure);
	cpl_stanza_unref(&failure);
}

static void login_end(struct login *login, const char *failure)
{
	if (failure)
		send_failure(login->session, failure);
	cpl_resume(&login->suspension, CPL_HANDLED);
	cpl_session_unref(&login->session);
	cpl_free(login);
}

static void on_authenticated(struct cpl_call *call)
{
	struct login *login = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_authenticate, call), struct login, authenticate);

	login_end(login, call->status == CPL_E_DENIED ? login->authenticate.condition : NULL);
}

/* The account is there now, or was before. */
static void on_account(struct cpl_call *call)
{
	struct login *login = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct login, account);
	struct cpl_stanza *success;
	int status = call->status;

	if (status == 0 || status == CPL_E_EXISTS) {
		success = cpl_nonza_create(&name_success);
		status = cpl_session_authenticate(&login->authenticate, login->session, (struct cpl_str){login->username, login->username_len}, "PLAIN",
						  success, on_authenticated);
		cpl_stanza_unref(&success);
		if (status == 0)
			return;
	}
	login_end(login, "temporary-auth-failure");
}

/* [authzid] NUL authcid NUL password (RFC 4616). */
static bool read_plain(struct cpl_ev_nonza *ev, struct cpl_str *username, struct cpl_str *password)
{
	struct cpl_arena *arena = ev->nonza->arena;
	struct cpl_str message, authzid;

	if (!cpl_base64_decode(arena, cpl_text_of(ev->nonza->root, arena), &message))
		return false;
	return cpl_str_split(&message, '\0', &authzid) && cpl_str_split(&message, '\0', username) && message.ptr &&
	       cpl_prepare_local(username, *username, arena) == 0 && cpl_prepare_password(password, message, true, arena) == 0;
}

static enum cpl_flow on_auth(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	struct cpl_session *session = ev->session;
	struct cpl_str username, password;
	struct cpl_batch *batch;
	struct cpl_jid account;
	struct login *login;

	if (!session->secure || !cpl_str_is(cpl_attr_get(ev->nonza->root, "mechanism"), "PLAIN")) {
		send_failure(session, session->secure ? "invalid-mechanism" : "encryption-required");
		return CPL_HANDLED;
	}
	if (!read_plain(ev, &username, &password) || !is_right(cpl_module_data(self), username, password) ||
	    cpl_jid_make(&account, username, session->host, CPL_NONE, ev->nonza->arena) != 0) {
		send_failure(session, "not-authorized");
		return CPL_HANDLED;
	}
	login = CPL_NEW(struct login);
	login->session = cpl_session_ref(session);
	memcpy(login->username, username.ptr, username.len);
	login->username_len = username.len;
	batch = cpl_batch_create();
	cpl_batch_account_create(batch, account);
	if (cpl_batch_commit(&login->account, &session->scope, &batch, on_account) != 0) {
		send_failure(session, "temporary-auth-failure");
		cpl_session_unref(&login->session);
		cpl_free(login);
		return CPL_HANDLED;
	}
	login->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

static const struct cpl_event_row events[] = {
	CPL_ON(stream_features, on_features, FEATURE, 10),
	CPL_ON_END,
};
static const struct cpl_nonza_row nonzas[] = {
	{&name_auth, CPL_IN(C2S_UNAUTHED), on_auth},
	{NULL, 0, NULL},
};

/* ---- the service ---- */

static int unsupported(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
		       struct cpl_str password, void (*done)(struct cpl_call *call))
{
	return CPL_E_UNSUPPORTED; /* the file is somebody else's */
}

static int set_password(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
			struct cpl_str password, const struct cpl_session *keep, void (*done)(struct cpl_call *call))
{
	return CPL_E_UNSUPPORTED;
}

static int check(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
		 void (*done)(struct cpl_call *call))
{
	int status = cpl_call_begin(call, scope, done, NULL);

	if (status == 0)
		cpl_call_complete(call, is_right(cpl_module_data(provider), cpl_jid_local(account), password) ? 0 : CPL_E_DENIED);
	return status;
}

static int remove_account(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
			  void (*done)(struct cpl_call *call))
{
	return CPL_E_UNSUPPORTED;
}

static const struct cpl_accounts_service service = {sizeof(struct cpl_accounts_service), unsupported, set_password, check, remove_account};
static const struct cpl_provide_row provides[] = {{"accounts", 1, &service}, {NULL, 0, NULL}};

CPL_MODULE(auth_file) = {
	CPL_MODULE_HEAD("auth_file", "1.0", "Logs people in by a file"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct auth_config),
	.events = events,
	.nonzas = nonzas,
	.provides = provides,
	.load = auth_load,
	.unload = auth_unload,
};
