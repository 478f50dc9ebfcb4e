/* SPDX-License-Identifier: MIT */
/*
 * auth_file: logs people in by a file instead of the bundled module `auth`, which it replaces: SASL PLAIN over TLS, and the service "accounts". Lines of
 * LOCALPART:SHA256-HEX-OF-SALT-AND-PASSWORD:SALT-HEX. An account's object on disk is made at its first login. auth_http.c does the same with an asynchronous
 * question in place of the look-up.
 *
 *     modules: [tls, auth_file, bind, ...]
 *     auth_file: {file: /etc/couplet/people}
 */
#include "plain.h"

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

static enum cpl_flow on_auth(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	struct plain_login *login;
	struct cpl_str password;
	struct cpl_jid account;

	if (!plain_read(ev, &account, &password))
		return CPL_HANDLED;
	if (!is_right(cpl_module_data(self), cpl_jid_local(account), password)) {
		plain_failure(ev->session, "not-authorized");
		return CPL_HANDLED;
	}
	login = CPL_NEW(struct plain_login);
	plain_begin(login, ev, account);
	plain_succeed(login);
	return CPL_SUSPENDED;
}

static const struct cpl_event_row events[] = {
	CPL_ON(stream_features, plain_on_features, FEATURE, 10),
	CPL_ON_END,
};
static const struct cpl_nonza_row nonzas[] = {
	{&plain_auth, CPL_IN(C2S_UNAUTHED), on_auth},
	{NULL, 0, NULL},
};

/* ---- the service ---- */

static int check(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
		 void (*done)(struct cpl_call *call))
{
	int status = cpl_call_begin(call, scope, done, NULL);

	if (status == 0)
		cpl_call_complete(call, is_right(cpl_module_data(provider), cpl_jid_local(account), password) ? 0 : CPL_E_DENIED);
	return status;
}

static const struct cpl_accounts_service service = {
	.size = offsetof(struct cpl_accounts_service, remove) + sizeof(service.remove), /* what came later is not there */
	.create = plain_create,
	.set_password = plain_set_password,
	.check = check,
	.remove = plain_remove,
};
static const struct cpl_provide_row provides[] = {{"accounts", 1, &service}, {NULL, 0, NULL}};

CPL_MODULE(auth_file) = {
	CPL_MODULE_HEAD("auth_file", "1.0", "Logs people in by a file"),
	.names = plain_names,
	.options = options,
	.config_size = sizeof(struct auth_config),
	.events = events,
	.nonzas = nonzas,
	.provides = provides,
	.load = auth_load,
	.unload = auth_unload,
};
