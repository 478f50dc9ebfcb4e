/* SPDX-License-Identifier: MIT */
/* In-Band Registration (XEP-0077): the password and the removal of the own account, and, if the configuration says so, new accounts for strangers. */
#include "modules/register/register.h"

#define NS_REGISTER "jabber:iq:register"

static const struct cpl_option options[] = {
	CPL_OPT_BOOL(struct register_config, open, "false", CPL_RELOADABLE, "Let anybody make an account; otherwise only who has an invitation (module invites)."),
	CPL_OPT_STRING(struct register_config, redirect, NULL, CPL_RELOADABLE, "Address of a page where accounts are made instead; strangers are told of it."),
	CPL_OPT_STRING(struct register_config, instructions, "Choose a user name and a password for your account.", CPL_RELOADABLE,
		       "What a person who makes an account is told."),
	CPL_OPT_LIST(struct register_config, reserved,
		     "abuse,admin,administrator,hostmaster,info,operator,postmaster,root,security,support,sysadmin,webmaster,xmpp", CPL_RELOADABLE,
		     "User names that nobody can choose; an invitation or an administrator can give them."),
	CPL_OPT_BOOL(struct register_config, require_tls, "true", CPL_RELOADABLE, "Take passwords over secure connections only."),
	CPL_OPT_INT(struct register_config, min_name, "1", "1", "100", CPL_RELOADABLE, "The fewest characters of a user name that a stranger chooses."),
	CPL_OPT_INT(struct register_config, min_password, "8", "1", "256", CPL_RELOADABLE, "The fewest characters of a password."),
	CPL_OPT_TIME(struct register_config, period, "1h", "1m", "7d", CPL_RELOADABLE, "The time to which the three bounds below apply."),
	CPL_OPT_INT(struct register_config, per_address, "3", "1", "1000000", CPL_RELOADABLE,
		    "Accounts made from one address (IPv6: one network of 64 bits); invitations do not count."),
	CPL_OPT_INT(struct register_config, tries_per_address, "20", "1", "1000000", CPL_RELOADABLE, "Tries from one address, whether an account comes of it or not."),
	CPL_OPT_INT(struct register_config, per_host, "100", "1", "1000000", CPL_RELOADABLE, "Accounts made in all; invitations do not count."),
	CPL_OPT_END,
};

CPL_NAME(query_name, NS_REGISTER, "query");
CPL_NAME(feature_name, "http://jabber.org/features/iq-register", "register");
struct cpl_name register_instructions = {NS_REGISTER, "instructions", 0, 0};
struct cpl_name register_username = {NS_REGISTER, "username", 0, 0};
struct cpl_name register_password = {NS_REGISTER, "password", 0, 0};
struct cpl_name register_remove = {NS_REGISTER, "remove", 0, 0};
struct cpl_name register_registered = {NS_REGISTER, "registered", 0, 0};
struct cpl_name register_oob = {"jabber:x:oob", "x", 0, 0};
struct cpl_name register_url = {"jabber:x:oob", "url", 0, 0};
static struct cpl_name *const names[] = {
	&query_name, &feature_name, &register_instructions, &register_username, &register_password, &register_remove, &register_registered, &register_oob,
	&register_url, NULL,
};

struct cpl_service_ref register_accounts = {"accounts", 1, 0};
struct cpl_service_ref register_invites = {"invites", 1, 0};
static const struct cpl_need_row needs[] = {{&register_accounts, false}, {&register_invites, true}, {NULL, false}};

struct cpl_permission register_may_change = {"register.password", CPL_ROLE_REGISTERED, "Change the own password in-band.", 0};
struct cpl_permission register_may_remove = {"register.remove", CPL_ROLE_REGISTERED, "Remove the own account in-band.", 0};
static struct cpl_permission *const permissions[] = {&register_may_change, &register_may_remove, NULL};

/* ---- what both kinds of IQ need ---- */

static struct cpl_str not_empty(struct cpl_str text)
{
	return text.len ? text : CPL_NONE;
}

struct register_fields register_fields_of(const struct cpl_stanza *iq, const struct cpl_element *query)
{
	const struct cpl_element *form = cpl_form_find(query, NULL);
	struct cpl_arena *arena = iq->arena;

	if (form)
		return (struct register_fields){cpl_form_text(form, CPL_STR("username"), arena), cpl_form_text(form, CPL_STR("password"), arena)};
	return (struct register_fields){not_empty(cpl_child_text(query, &register_username, arena)),
					not_empty(cpl_child_text(query, &register_password, arena))};
}

bool register_password_is_long(const struct register_config *config, struct cpl_str password)
{
	int64_t count = 0;

	for (size_t i = 0; i < password.len; i++)
		count += ((unsigned char)password.ptr[i] & 0xc0) != 0x80;
	return count >= config->min_password;
}

void waiting_begin(struct waiting *waiting, struct cpl_ev_stanza *ev)
{
	waiting->iq = cpl_stanza_ref(ev->stanza);
	waiting->session = cpl_session_ref(ev->session);
	waiting->suspension = cpl_suspend(&ev->event);
}

void waiting_end(struct waiting *waiting, struct cpl_stanza *answer)
{
	if (answer && cpl_suspension_alive(waiting->suspension))
		cpl_session_send(waiting->session, answer);
	cpl_stanza_unref(&answer);
	cpl_resume(&waiting->suspension, CPL_HANDLED);
	cpl_stanza_unref(&waiting->iq);
	cpl_session_unref(&waiting->session);
}

/* ---- who asks ---- */

static enum cpl_flow on_query(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *query = cpl_child(ev->stanza->root, &query_name);
	bool set = ev->stanza->type == CPL_TYPE_SET;

	if (ev->session && ev->session->type == CPL_SESSION_C2S_UNAUTHED)
		return set ? stranger_set(self, ev, query) : stranger_get(self, ev);
	if (ev->session && ev->session->user && ev->session->user->host == ev->host)
		return set ? own_set(self, ev, query) : own_get(self, ev);
	/* 3.2: of somebody who has no account here. */
	if (set && cpl_child(query, &register_remove))
		return cpl_iq_error(ev, CPL_REGISTRATION_REQUIRED, NULL);
	return cpl_iq_error(ev, CPL_SERVICE_UNAVAILABLE, NULL);
}

/* XEP-0077 8 */
static void on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	if (ev->session->type == CPL_SESSION_C2S_UNAUTHED && stranger_is_served(self, ev->session))
		cpl_add(ev->features, ev->features->root, &feature_name);
}

static const struct cpl_event_row events[] = {
	CPL_ON(stream_features, on_features, FEATURE, 10),
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET | CPL_IQ_SET, CPL_TO_SELF | CPL_TO_HOST, &query_name, on_query, CPL_IN(C2S_UNAUTHED) | CPL_IN(C2S)},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{NS_REGISTER, CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(register) = {
	CPL_MODULE_HEAD("register", "1.0", "In-Band Registration: passwords, removal and new accounts (XEP-0077)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct register_config),
	.events = events,
	.iqs = iqs,
	.features = features,
	.slots = register_slots,
	.needs = needs,
	.permissions = permissions,
};
