/* SPDX-License-Identifier: MIT */
/* Authentication: SASL with SCRAM and PLAIN (RFC 6120 section 6, RFC 5802, RFC 7677, RFC 4616), channel
 * binding (XEP-0440), downgrade protection (XEP-0474), and the accounts. */
#include "modules/auth/auth.h"

#include "modules/auth/credential.h"

static const struct cpl_option options[] = {
	CPL_OPT_ENUMS(struct auth_config, mechanisms,
		      "SCRAM-SHA-256-PLUS,SCRAM-SHA-256,SCRAM-SHA-1-PLUS,SCRAM-SHA-1,PLAIN", mechanism_names,
		      CPL_RELOADABLE,
		      "SASL mechanisms to offer, best first; PLAIN is offered only under TLS."),
	CPL_OPT_INT(struct auth_config, iterations, "10000", "4096", "10000000", CPL_RELOADABLE,
		    "PBKDF2 iterations for passwords that are set from now on."),
	CPL_OPT_INT(struct auth_config, max_tries, "3", "1", "10", CPL_RELOADABLE,
		    "Failed authentications after which the stream is closed."),
	CPL_OPT_BOOL(struct auth_config, downgrade_protection, "true", CPL_RELOADABLE,
		     "Sign the list of offered mechanisms, so that clients notice when somebody has "
		     "shortened it (XEP-0474)."),
	CPL_OPT_END,
};

static const struct cpl_event_row events[] = {
	CPL_ON(stream_features, exchange_on_features, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_store *const stores[] = {&credentials_store, NULL};

static const struct cpl_provide_row provides[] = {
	{"accounts", 1, &auth_accounts},
	{NULL, 0, NULL},
};

struct cpl_metric *auth_failures;

static int load(struct cpl_module *self, struct cpl_error *error)
{
	struct auth *auth = CPL_NEW(struct auth);
	int code = credentials_load_secret(auth, error);

	auth_failures = cpl_metric_counter(self, "failures", "Authentications that have failed.", NULL, CPL_NONE);
	if (code != CPL_OK) {
		cpl_free_secret(auth);
		return code;
	}
	cpl_module_set_data(self, auth);
	scram_prepare();
	return CPL_OK;
}

static void unload(struct cpl_module *self)
{
	cpl_free_secret(cpl_module_data(self));
	cpl_module_set_data(self, NULL);
	scram_release();
}

CPL_MODULE(auth) = {
	CPL_MODULE_HEAD("auth", "1.0",
			"SASL authentication and accounts (RFC 6120, RFC 5802, XEP-0440, XEP-0474)"),
	.names = auth_names,
	.options = options,
	.config_size = sizeof(struct auth_config),
	.events = events,
	.nonzas = auth_nonzas,
	.commands = auth_commands,
	.stores = stores,
	.slots = auth_slots,
	.needs = auth_needs,
	.provides = provides,
	.transfers = auth_transfers,
	.load = load,
	.unload = unload,
};
