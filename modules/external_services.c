/* SPDX-License-Identifier: MIT */
/*
 * External Service Discovery (XEP-0215): STUN, TURN and other services beside XMPP that the configuration names, to accounts of this server. Passwords for TURN are made
 * for each request, good for a while, from a secret that the TURN server has, too. Claims <services/> and <credentials/>; tells available sessions that have asked of
 * changes.
 */
#include <couplet/module.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NS_EXTDISCO "urn:xmpp:extdisco:2"

enum { SERVICES_MAX = 64, ASKED_MAX = 8 };

struct services_config {
	struct cpl_str_list services;
	struct cpl_str secret;
	int64_t lifetime;
};
static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct services_config, services, NULL, CPL_RELOADABLE,
		     "Each is \"TYPE HOST[:PORT]\" and more words: udp, tcp or another transport; credentials (made from `secret`); restricted (credentials are to be "
		     "asked for); username=, password=, name=."),
	CPL_OPT_SECRET(struct services_config, secret, CPL_RELOADABLE, "The secret shared with the TURN server, from which credentials are made."),
	CPL_OPT_TIME(struct services_config, lifetime, "12h", "1m", "7d", CPL_RELOADABLE, "How long such credentials are good."),
	CPL_OPT_END,
};

CPL_PERMISSION(may_ask, "external_services.get", CPL_ROLE_REGISTERED, "Learn of external services, and get credentials for them.");
static struct cpl_permission *const permissions[] = {&may_ask, NULL};

CPL_NAME(services_name, NS_EXTDISCO, "services");
CPL_NAME(credentials_name, NS_EXTDISCO, "credentials");
CPL_NAME(service_name, NS_EXTDISCO, "service");
static struct cpl_name *const names[] = {&services_name, &credentials_name, &service_name, NULL};

/* ---- what the configuration says ---- */

/* One line of `services`; views of it. */
struct service {
	struct cpl_str type, host, port, transport, name, username, password;
	bool credentials, restricted;
};

/* "HOST", "HOST:PORT", "[IPV6]:PORT" or "[IPV6]" */
static bool take_address(struct service *service, struct cpl_str text)
{
	ptrdiff_t close = cpl_str_find(text, ']'), colon;
	struct cpl_str rest = text;
	int64_t port;

	if (text.len && text.ptr[0] == '[') {
		if (close < 2)
			return false;
		service->host = (struct cpl_str){text.ptr + 1, (size_t)close - 1};
		rest = (struct cpl_str){text.ptr + close + 1, text.len - (size_t)close - 1};
		if (rest.len == 0)
			return true;
		if (rest.ptr[0] != ':')
			return false;
		service->port = (struct cpl_str){rest.ptr + 1, rest.len - 1};
	} else {
		colon = cpl_str_find(text, ':');
		service->host = colon < 0 ? text : (struct cpl_str){text.ptr, (size_t)colon};
		if (colon >= 0)
			service->port = (struct cpl_str){text.ptr + colon + 1, text.len - (size_t)colon - 1};
	}
	return service->host.len > 0 && (!service->port.ptr || cpl_str_to_int(service->port, 1, 65535, &port));
}

/* The schema's NCName, as far as anybody uses it. */
static bool is_word(struct cpl_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(i && c >= '0' && c <= '9') && !(i && (c == '-' || c == '.' || c == '_')))
			return false;
	}
	return text.len > 0;
}

static bool take_value(struct cpl_str word, const char *key, struct cpl_str *value)
{
	size_t len = strlen(key);

	if (!cpl_str_starts(word, cpl_str_of(key)))
		return false;
	*value = (struct cpl_str){word.ptr + len, word.len - len};
	return true;
}

/* name= takes the rest of the line, the other words are single. NULL, or what is wrong with the line. */
static const char *parse(struct service *service, struct cpl_str line)
{
	struct cpl_str rest = cpl_str_trim(line), word;

	*service = (struct service){0};
	if (!cpl_str_split(&rest, ' ', &service->type) || !is_word(service->type) || !rest.ptr)
		return "has an entry that does not begin with a type and a host, such as \"turn turn.example.org:3478 udp credentials\"";
	rest = cpl_str_trim(rest);
	if (!cpl_str_split(&rest, ' ', &word) || !take_address(service, word))
		return "has an entry whose second word is no host, such as turn.example.org:3478, 192.0.2.1 or [2001:db8::1]:3478";
	for (rest = cpl_str_trim(rest); rest.len; rest = cpl_str_trim(rest)) {
		if (take_value(rest, "name=", &service->name))
			break;
		cpl_str_split(&rest, ' ', &word);
		if (take_value(word, "username=", &service->username) || take_value(word, "password=", &service->password))
			continue;
		if (cpl_str_is(word, "credentials"))
			service->credentials = true;
		else if (cpl_str_is(word, "restricted"))
			service->restricted = true;
		else if (!service->transport.ptr && is_word(word))
			service->transport = word;
		else
			return "has an entry with a word that is none of: a transport such as udp, credentials, restricted, username=, password=, name=";
	}
	if (service->credentials && (service->username.ptr || service->password.ptr))
		return "has an entry with credentials and a username or password: it is one or the other";
	if (service->restricted && !service->credentials && !(service->username.ptr && service->password.ptr))
		return "has an entry that is restricted and has neither credentials nor username= and password=";
	return NULL;
}

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct services_config *config = values;
	struct service service;

	if (config->services.count > SERVICES_MAX)
		fault(data, "services", "has more than 64 entries");
	if (config->secret.ptr && config->secret.len == 0)
		fault(data, "secret", "is empty: anybody could make credentials");
	for (size_t i = 0; i < config->services.count; i++) {
		const char *wrong = parse(&service, config->services.items[i]);

		if (wrong)
			fault(data, "services", wrong);
		else if (service.credentials && !config->secret.ptr)
			fault(data, "services", "has an entry with credentials, for which the option secret is needed");
	}
}

/* ---- credentials ---- */

static struct cpl_str hmac_sha1(struct cpl_str key, struct cpl_str text, unsigned char out[EVP_MAX_MD_SIZE])
{
	unsigned len = 0;

	HMAC(EVP_sha1(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len, out, &len);
	return (struct cpl_str){(const char *)out, len};
}

/*
 * The convention of TURN servers: the user name is the time of expiry in seconds and a name, the password is the HMAC-SHA1 of it. The name tells the accounts apart in
 * the TURN server's log and traffic, but not who they are.
 */
static void make_credentials(const struct services_config *config, struct cpl_jid account, struct cpl_stanza *answer, struct cpl_element *element)
{
	int64_t expires = (cpl_now() + config->lifetime) / 1000;
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct cpl_str who = hmac_sha1(config->secret, cpl_jid_str(cpl_jid_bare(account)), digest), username, password;
	char time[CPL_TIME_TEXT];

	username = cpl_arena_printf(answer->arena, "%lld:%.*s", (long long)expires, CPL_ARG(cpl_hex_encode(answer->arena, who.ptr, 8)));
	password = hmac_sha1(config->secret, username, digest);
	cpl_attr_set(answer, element, "username", username);
	cpl_attr_set(answer, element, "password", cpl_base64_encode(answer->arena, password.ptr, password.len));
	cpl_attr_set(answer, element, "expires", cpl_time_format(expires * 1000, time));
}

static void add_secrets(const struct services_config *config, const struct service *service, struct cpl_jid account, struct cpl_stanza *answer,
			struct cpl_element *element)
{
	if (service->credentials) {
		make_credentials(config, account, answer, element);
		return;
	}
	cpl_attr_set(answer, element, "username", service->username);
	cpl_attr_set(answer, element, "password", service->password);
}

static struct cpl_element *add_service(const struct service *service, struct cpl_stanza *answer, struct cpl_element *parent)
{
	struct cpl_element *element = cpl_add(answer, parent, &service_name);

	cpl_attr_set(answer, element, "type", service->type);
	cpl_attr_set(answer, element, "host", service->host);
	cpl_attr_set(answer, element, "port", service->port);
	cpl_attr_set(answer, element, "transport", service->transport);
	cpl_attr_set(answer, element, "name", service->name);
	return element;
}

static void add_full(const struct services_config *config, const struct service *service, struct cpl_jid account, struct cpl_stanza *answer,
		     struct cpl_element *parent, const char *action)
{
	struct cpl_element *element = add_service(service, answer, parent);

	if (action)
		cpl_attr_set(answer, element, "action", cpl_str_of(action));
	if (service->restricted)
		cpl_attr_set(answer, element, "restricted", CPL_STR("true"));
	else
		add_secrets(config, service, account, answer, element);
}

/* ---- who has asked for what, to be told of changes ---- */

struct asked {
	bool all;
	size_t count;
	char *types[ASKED_MAX];
};

static void asked_release(void *data)
{
	struct asked *asked = data;

	for (size_t i = 0; i < asked->count; i++)
		cpl_free(asked->types[i]);
	cpl_free(asked);
}
CPL_SLOT(asked_slot, SESSION, struct asked, 1, asked_release);
static struct cpl_slot *const slots[] = {&asked_slot, NULL};

static bool has_asked(const struct asked *asked, struct cpl_str type)
{
	for (size_t i = 0; i < asked->count; i++)
		if (cpl_str_is(type, asked->types[i]))
			return true;
	return asked->all;
}

/* Only the types that are ever offered are worth a place: a peer names others at will. */
static void remember(struct cpl_session *session, struct cpl_str type, bool offered)
{
	struct asked *asked;

	if (!session || session->type != CPL_SESSION_C2S || (type.ptr && !offered))
		return;
	asked = CPL_SLOT_MAKE(session, asked_slot);
	if (!type.ptr)
		asked->all = true;
	else if (!has_asked(asked, type) && asked->count < ASKED_MAX)
		asked->types[asked->count++] = cpl_strdup(type);
}

/* ---- requests ---- */

/* XEP-0215 3.1, 3.2 */
static enum cpl_flow on_services(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct services_config *config = CPL_CONFIG(self, ev->host, struct services_config);
	struct cpl_str type = cpl_attr_get(cpl_child(ev->stanza->root, &services_name), "type");
	struct cpl_stanza *answer;
	struct cpl_element *services;
	struct service service;
	bool offered = false;

	if (!cpl_may(ev->stanza->from, &may_ask))
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	answer = cpl_iq_result(ev);
	services = cpl_add(answer, answer->root, &services_name);
	cpl_attr_set(answer, services, "type", type);
	for (size_t i = 0; i < config->services.count; i++) {
		if (parse(&service, config->services.items[i]) || (type.ptr && !cpl_str_equal(type, service.type)))
			continue;
		offered = true;
		add_full(config, &service, ev->stanza->from, answer, services, NULL);
	}
	remember(ev->session, type, offered);
	cpl_send(&answer);
	return CPL_HANDLED;
}

static bool is_meant(const struct service *service, struct cpl_str type, struct cpl_str host, struct cpl_str port)
{
	return cpl_str_equal(service->type, type) && cpl_str_equal(service->host, host) && (!port.ptr || cpl_str_equal(service->port, port));
}

/* XEP-0215 3.3: a service is named by host and type, and perhaps the port. */
static enum cpl_flow on_credentials(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct services_config *config = CPL_CONFIG(self, ev->host, struct services_config);
	const struct cpl_element *asked = cpl_child(cpl_child(ev->stanza->root, &credentials_name), &service_name);
	struct cpl_str type, host, port;
	struct cpl_stanza *answer;
	struct cpl_element *credentials;
	struct service service;

	if (!cpl_may(ev->stanza->from, &may_ask))
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	if (!asked || !cpl_attr_get(asked, "type").len || !cpl_attr_get(asked, "host").len)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "A service is named by its host and type");
	type = cpl_attr_get(asked, "type");
	host = cpl_attr_get(asked, "host");
	port = cpl_attr_get(asked, "port");
	answer = cpl_iq_result(ev);
	credentials = cpl_add(answer, answer->root, &credentials_name);
	for (size_t i = 0; i < config->services.count; i++)
		if (!parse(&service, config->services.items[i]) && is_meant(&service, type, host, port) && (service.credentials || service.username.ptr))
			add_secrets(config, &service, ev->stanza->from, answer, add_service(&service, answer, credentials));
	if (cpl_child_count(credentials) == 0) {
		cpl_stanza_unref(&answer);
		return cpl_iq_error(ev, CPL_ITEM_NOT_FOUND, NULL);
	}
	cpl_send(&answer);
	return CPL_HANDLED;
}

/* ---- pushes (XEP-0215 3.2) ---- */

static bool is_same_service(const struct service *a, const struct service *b)
{
	return is_meant(a, b->type, b->host, CPL_NONE) && cpl_str_equal(a->port, b->port) && cpl_str_equal(a->transport, b->transport);
}

static bool find_same(const struct services_config *config, const struct service *wanted, struct cpl_str *line)
{
	struct service service;

	for (size_t i = 0; i < config->services.count; i++)
		if (!parse(&service, config->services.items[i]) && is_same_service(&service, wanted)) {
			*line = config->services.items[i];
			return true;
		}
	return false;
}

/* Adds what a session that has asked for these types does not know yet; returns how many. */
static unsigned add_changes(const struct services_config *before, const struct services_config *now, const struct asked *asked, struct cpl_jid account,
			    struct cpl_stanza *push, struct cpl_element *services)
{
	bool secret_changed = !cpl_str_equal(before->secret, now->secret);
	struct service service;
	struct cpl_str line;

	for (size_t i = 0; i < now->services.count; i++) {
		if (parse(&service, now->services.items[i]) || !has_asked(asked, service.type))
			continue;
		if (!find_same(before, &service, &line))
			add_full(now, &service, account, push, services, "add");
		else if (!cpl_str_equal(line, now->services.items[i]) || (service.credentials && secret_changed))
			add_full(now, &service, account, push, services, "modify");
	}
	for (size_t i = 0; i < before->services.count; i++)
		if (!parse(&service, before->services.items[i]) && has_asked(asked, service.type) && !find_same(now, &service, &line))
			cpl_attr_set(push, add_service(&service, push, services), "action", CPL_STR("delete"));
	return cpl_child_count(services);
}

static void on_push_answered(struct cpl_call *call)
{
	/* Whether the client has taken it is the client's business. */
	cpl_free(CPL_CONTAINER(call, struct cpl_iq_call, call));
}

static void push_to(struct cpl_host *host, struct cpl_session *session, const struct services_config *before, const struct services_config *now)
{
	const struct asked *asked = CPL_SLOT_GET(session, asked_slot);
	struct cpl_iq_call *call;
	struct cpl_element *services;
	struct cpl_stanza *push;

	if (!asked || !cpl_session_is_available(session) || !cpl_session_can_receive(session))
		return;
	push = cpl_stanza_create(CPL_IQ, CPL_TYPE_SET);
	cpl_stanza_set_from(push, host->jid);
	cpl_stanza_set_to(push, session->jid);
	services = cpl_add(push, push->root, &services_name);
	if (!asked->all && asked->count == 1)
		cpl_attr_set(push, services, "type", cpl_str_of(asked->types[0]));
	if (add_changes(before, now, asked, session->jid, push, services) == 0) {
		cpl_stanza_unref(&push);
		return;
	}
	call = CPL_NEW(struct cpl_iq_call);
	if (cpl_iq_send(call, &session->scope, &push, 60000, on_push_answered) != 0)
		cpl_free(call);
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	struct cpl_session *session;

	for (size_t at = 0; host && (session = cpl_map_next(&host->sessions, &at));)
		push_to(host, session, before, now);
}

/* ---- the module ---- */

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST, &services_name, on_services, 0},
	{CPL_IQ_GET, CPL_TO_HOST, &credentials_name, on_credentials, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{NS_EXTDISCO, CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(external_services) = {
	CPL_MODULE_HEAD("external_services", "1.0", "External Service Discovery, with credentials for TURN (XEP-0215)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct services_config),
	.check = check,
	.iqs = iqs,
	.features = features,
	.slots = slots,
	.reconfigure = reconfigure,
	.permissions = permissions,
};
