/* SPDX-License-Identifier: MIT */
/*
 * auth_http: logs people in by asking a web server, instead of the bundled module `auth`, which it replaces: SASL PLAIN over TLS, and the service "accounts". The question is a POST
 * of {"jid": "romeo@example.org", "password": "..."}; the answer 200 or 204 means yes, 401 or 403 no, and anything else, or none in time, that nobody knows now.
 *
 * Shows requests over HTTP that end in every way there is: answered, too late, cancelled with the session that waits for them or with the module.
 *
 *     modules: [tls, auth_http, bind, ...]
 *     auth_http: {url: "https://accounts.example.org/check"}
 */
#include "plain.h"

struct auth_config {
	struct cpl_str url;
	struct cpl_str authorities;
	int64_t timeout;
};
static const struct cpl_option options[] = {
	CPL_OPT_STRING(struct auth_config, url, NULL, CPL_REQUIRED | CPL_RELOADABLE, "What is asked: https, or http on the own machine."),
	CPL_OPT_STRING(struct auth_config, authorities, NULL, CPL_RELOADABLE, "A file of certificates to trust in place of the system's."),
	CPL_OPT_TIME(struct auth_config, timeout, "10s", "1s", "1m", CPL_RELOADABLE, "How long the answer may take."),
	CPL_OPT_END,
};

static void check_options(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct auth_config *config = values;

	if (config->url.ptr && !cpl_str_starts(config->url, CPL_STR("https://")) && !cpl_str_starts(config->url, CPL_STR("http://")))
		fault(data, "url", "wants a URL that begins with https:// or http://");
}

/* ---- asking ---- */

static int ask(struct cpl_module *self, struct cpl_http_call *http, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
	       void (*done)(struct cpl_call *call))
{
	const struct cpl_http_header type = {CPL_STR("Content-Type"), CPL_STR("application/json")};
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	const struct auth_config *config = CPL_CONFIG(self, host, struct auth_config);
	struct cpl_buf body = {0};
	struct cpl_http_request what = {
		.url = config->url,
		.headers = &type,
		.header_count = 1,
		.max_size = 4096,
		.timeout_ms = config->timeout,
		.authorities = config->authorities.ptr,
	};
	int status;

	cpl_buf_addf(&body, "{\"jid\": ");
	cpl_buf_add_json(&body, cpl_jid_str(account));
	cpl_buf_addf(&body, ", \"password\": ");
	cpl_buf_add_json(&body, password);
	cpl_buf_addf(&body, "}");
	what.body = cpl_buf_str(&body);
	status = cpl_http_start(http, scope, &what, done);
	explicit_bzero(body.ptr, body.len);
	cpl_buf_finish(&body);
	return status;
}

/* 0: right; CPL_E_DENIED: wrong; else nobody knows. */
static int verdict(const struct cpl_http_call *http)
{
	if (http->call.status == 0 && (http->code == 200 || http->code == 204))
		return 0;
	if (http->call.status == 0 && (http->code == 401 || http->code == 403))
		return CPL_E_DENIED;
	if (http->call.status != CPL_E_CANCELLED)
		cpl_log_info("the accounts cannot be asked code=%d reason=\"%.*s\"", http->code, CPL_ARG(http->error));
	return http->call.status == CPL_E_CANCELLED ? CPL_E_CANCELLED : CPL_E_IO;
}

/* ---- logins ---- */

struct asking {
	struct cpl_http_call http;
	struct plain_login *login;
};

static void on_answer(struct cpl_call *call)
{
	struct asking *asking = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_http_call, call), struct asking, http);
	int status = verdict(&asking->http);

	if (status == 0)
		plain_succeed(asking->login);
	else
		plain_fail(asking->login, status == CPL_E_DENIED ? "not-authorized" : "temporary-auth-failure");
	cpl_free(asking);
}

static enum cpl_flow on_auth(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	struct asking *asking;
	struct cpl_str password;
	struct cpl_jid account;

	if (!plain_read(ev, &account, &password))
		return CPL_HANDLED;
	asking = CPL_NEW(struct asking);
	if (ask(self, &asking->http, &ev->session->scope, account, password, on_answer) != 0) {
		cpl_free(asking);
		plain_failure(ev->session, "temporary-auth-failure");
		return CPL_HANDLED;
	}
	asking->login = CPL_NEW(struct plain_login);
	plain_begin(asking->login, ev, account);
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

/* ---- the service: others ask whether a password is right; accounts are made and changed elsewhere ---- */

struct checking {
	struct cpl_http_call http;
	struct cpl_call *caller; /* NULL: it has been cancelled */
};

static void on_checked(struct cpl_call *call)
{
	struct checking *checking = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_http_call, call), struct checking, http);

	if (checking->caller)
		cpl_call_complete(checking->caller, verdict(&checking->http));
	cpl_free(checking);
}

static void on_check_cancelled(struct cpl_call *call)
{
	struct checking *checking = call->provider;

	checking->caller = NULL;
	cpl_call_cancel(&checking->http.call);
}

static int check(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
		 void (*done)(struct cpl_call *call))
{
	struct checking *checking = CPL_NEW(struct checking);
	int status = ask(provider, &checking->http, NULL, account, password, on_checked);

	if (status != 0) {
		cpl_free(checking);
		return status;
	}
	status = cpl_call_begin(call, scope, done, on_check_cancelled);
	if (status == 0) {
		call->provider = checking;
		checking->caller = call;
	} else {
		cpl_call_cancel(&checking->http.call); /* freed in its callback */
	}
	return status;
}

static const struct cpl_accounts_service service = {
	.size = offsetof(struct cpl_accounts_service, remove) + sizeof(service.remove),
	.create = plain_create,
	.set_password = plain_set_password,
	.check = check,
	.remove = plain_remove,
};
static const struct cpl_provide_row provides[] = {{"accounts", 1, &service}, {NULL, 0, NULL}};

/* ---- a command, of coupletctl and over XMPP: does the web server know this password? ---- */

struct trial {
	struct cpl_http_call http;
	struct cpl_invocation *in;
};

static void on_tried(struct cpl_call *call)
{
	struct trial *trial = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_http_call, call), struct trial, http);
	int status = verdict(&trial->http);

	if (status == 0)
		cpl_say(trial->in, "the password is right");
	if (status == 0)
		cpl_done(trial->in);
	else if (status == CPL_E_DENIED)
		cpl_refuse(trial->in, "the password is wrong");
	else
		cpl_refuse(trial->in, "the web server cannot be asked: %.*s", CPL_ARG(trial->http.error));
	cpl_free(trial);
}

static void run_check(struct cpl_module *self, struct cpl_invocation *in)
{
	struct trial *trial = CPL_NEW(struct trial);
	int status;

	trial->in = in;
	status = ask(self, &trial->http, cpl_invocation_scope(in), cpl_arg_jid(in, 0), cpl_password(in), on_tried);
	if (status == 0)
		return;
	cpl_refuse(in, "the web server cannot be asked: %s", cpl_code_text(status));
	cpl_free(trial);
}

static const struct cpl_command commands[] = {
	{"auth_http check <account>", "Asks the web server whether a password is right.", NULL, NULL, CPL_COMMAND_PASSWORD | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_check},
	CPL_COMMAND_END,
};

CPL_MODULE(auth_http) = {
	CPL_MODULE_HEAD("auth_http", "1.0", "Logs people in by asking a web server"),
	.names = plain_names,
	.options = options,
	.config_size = sizeof(struct auth_config),
	.check = check_options,
	.events = events,
	.nonzas = nonzas,
	.provides = provides,
	.commands = commands,
};
