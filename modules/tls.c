/* SPDX-License-Identifier: MIT */
/* STARTTLS (RFC 6120 section 5), and the policy whether TLS is required. */
#include <couplet/module.h>

struct tls_config {
	bool required;
};
static const struct cpl_option options[] = {
	CPL_OPT_BOOL(struct tls_config, required, "true", CPL_RELOADABLE,
		     "Offer no authentication before the connection is secure; false is for tests and for "
		     "proxies that speak TLS themselves."),
	CPL_OPT_END,
};

#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
CPL_NAME(starttls_name, NS_TLS, "starttls");
CPL_NAME(required_name, NS_TLS, "required");
CPL_NAME(proceed_name, NS_TLS, "proceed");
CPL_NAME(failure_name, NS_TLS, "failure");
static struct cpl_name *const names[] = {&starttls_name, &required_name, &proceed_name, &failure_name, NULL};

enum { STARTTLS_SESSIONS = CPL_IN(C2S_UNAUTHED) | CPL_IN(S2SIN_UNAUTHED) };

static bool may_start(const struct cpl_session *s)
{
	return 1u << s->type & STARTTLS_SESSIONS && !s->secure && cpl_host_has_certificate(s->served);
}

static void on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	struct cpl_element *starttls;

	if (!may_start(ev->session))
		return;
	starttls = cpl_add(ev->features, ev->features->root, &starttls_name);
	if (CPL_CONFIG(self, ev->session->served, struct tls_config)->required)
		cpl_add(ev->features, starttls, &required_name);
}

static enum cpl_flow on_starttls(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	struct cpl_session *s = ev->session;
	bool start = may_start(s);
	struct cpl_stanza *answer = cpl_nonza_create(start ? &proceed_name : &failure_name);

	if (start) {
		cpl_session_start_tls(s, answer);
	} else {
		/* Failure ends the stream (5.4.2.2). */
		cpl_session_send_nonza(s, answer);
		cpl_session_close(s, CPL_STREAM_OK, NULL);
	}
	cpl_stanza_unref(&answer);
	return CPL_HANDLED;
}

static const struct cpl_event_row events[] = {
	CPL_ON(stream_features, on_features, FEATURE, -10), /* before the mechanisms */
	CPL_ON_END,
};

static const struct cpl_nonza_row nonzas[] = {
	{&starttls_name, STARTTLS_SESSIONS, on_starttls},
	{NULL, 0, NULL},
};

static bool is_required(struct cpl_module *self, struct cpl_host *host)
{
	const struct tls_config *config = CPL_CONFIG(self, host, struct tls_config);

	return !config || config->required;
}
static const struct cpl_tls_service service = {sizeof(struct cpl_tls_service), is_required};
static const struct cpl_provide_row provides[] = {
	{"tls", 1, &service},
	{NULL, 0, NULL},
};

CPL_MODULE(tls) = {
	CPL_MODULE_HEAD("tls", "1.0", "STARTTLS (RFC 6120 section 5)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct tls_config),
	.events = events,
	.nonzas = nonzas,
	.provides = provides,
};
