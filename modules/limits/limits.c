/* SPDX-License-Identifier: MIT */
/*
 * Limits against abuse (XEP-0205), beyond the bounds of the core: connections per address, bytes per second, tokens against guessing; and telling clients what holds on their
 * stream (XEP-0478). Its options share the mapping `limits` with the core's.
 */
#include "modules/limits/limits.h"

static const struct cpl_option options[] = {
	CPL_OPT_SIZE(struct limits_config, unauthenticated_rate, "4K", "0", "1G", CPL_RELOADABLE,
		     "Bytes per second that are read from a peer before it has authenticated; 0: as many as come."),
	CPL_OPT_SIZE(struct limits_config, unauthenticated_burst, "16K", "0", "1G", CPL_RELOADABLE, "What it may send at once before that."),
	CPL_OPT_SIZE(struct limits_config, client_rate, "64K", "0", "1G", CPL_RELOADABLE, "Bytes per second that are read from a client; 0: as many as come."),
	CPL_OPT_SIZE(struct limits_config, client_burst, "1M", "0", "1G", CPL_RELOADABLE, "What a client may send at once before that."),
	CPL_OPT_SIZE(struct limits_config, server_rate, "512K", "0", "1G", CPL_RELOADABLE,
		     "Bytes per second that are read from another server; 0: as many as come."),
	CPL_OPT_SIZE(struct limits_config, server_burst, "4M", "0", "1G", CPL_RELOADABLE, "What another server may send at once before that."),
	CPL_OPT_SIZE(struct limits_config, component_rate, "0", "0", "1G", CPL_RELOADABLE,
		     "Bytes per second that are read from an external component; 0: as many as come."),
	CPL_OPT_SIZE(struct limits_config, component_burst, "4M", "0", "1G", CPL_RELOADABLE, "What an external component may send at once before that."),
	CPL_OPT_INT(struct limits_config, connections_per_address, "256", "0", "1000000", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		    "Connections from one address, authenticated or not; 0: any number."),
	CPL_OPT_INT(struct limits_config, connects, "100", "0", "1000000", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		    "Connections that may come from one address at once; 0: any number."),
	CPL_OPT_TIME(struct limits_config, connect_recovery, "1s", "1ms", "1h", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		     "The time after which one more may come."),
	CPL_OPT_INT(struct limits_config, account_tries, "20", "0", "1000000", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		    "Failed logins to one account before no more are tried; 0: any number. Addresses from which a login has succeeded are counted apart."),
	CPL_OPT_TIME(struct limits_config, account_recovery, "3m", "1s", "1d", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		     "The time after which one more is tried."),
	CPL_OPT_INT(struct limits_config, address_tries, "50", "0", "1000000", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		    "Failed logins from one address before no more are tried; 0: any number."),
	CPL_OPT_TIME(struct limits_config, address_recovery, "30s", "1s", "1d", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		     "The time after which one more is tried."),
	CPL_OPT_INT(struct limits_config, table_size, "20000", "100", "10000000", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		    "Accounts and addresses of which something is kept in memory, each; beyond it what was used longest ago is forgotten."),
	CPL_OPT_LIST(struct limits_config, exempt, NULL, CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		     "Addresses that are neither counted nor turned away, such as a proxy's; an IPv6 network of 64 bits is written as its first address."),
	CPL_OPT_BOOL(struct limits_config, advertise, "true", CPL_RELOADABLE, "Tell peers the largest stanza and the time of silence (XEP-0478)."),
	CPL_OPT_END,
};

CPL_NAME(name_limits, "urn:xmpp:stream-limits:0", "limits");
CPL_NAME(name_max_bytes, "urn:xmpp:stream-limits:0", "max-bytes");
CPL_NAME(name_idle_seconds, "urn:xmpp:stream-limits:0", "idle-seconds");
static struct cpl_name *const names[] = {&name_limits, &name_max_bytes, &name_idle_seconds, NULL};

struct cpl_metric *limits_turned_away;

struct limits *limits_of(struct cpl_module *self)
{
	return cpl_module_data(self);
}

const struct limits_config *limits_config_of(struct cpl_module *self)
{
	return CPL_CONFIG(self, NULL, struct limits_config);
}

bool limits_is_exempt(const struct limits_config *config, struct cpl_str address)
{
	for (size_t i = 0; i < config->exempt.count; i++)
		if (cpl_str_equal(config->exempt.items[i], address))
			return true;
	return false;
}

/* ---- XEP-0478 ---- */

static void add_number(struct cpl_stanza *features, struct cpl_element *to, const struct cpl_name *name, int64_t number)
{
	cpl_add_with_text(features, to, name, cpl_arena_printf(features->arena, "%lld", (long long)number));
}

static void on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	bool stranger = ev->session->type == CPL_SESSION_C2S_UNAUTHED || ev->session->type == CPL_SESSION_S2SIN_UNAUTHED;
	struct cpl_element *limits;

	if (!CPL_CONFIG(self, ev->session->served, struct limits_config)->advertise)
		return;
	limits = cpl_add(ev->features, ev->features->root, &name_limits);
	add_number(ev->features, limits, &name_max_bytes, cpl_core_option(stranger ? "unauthenticated_bytes" : "stanza_size"));
	if (cpl_core_option("keepalive") >= 1000)
		add_number(ev->features, limits, &name_idle_seconds, cpl_core_option("keepalive") / 1000);
}

/* ---- life ---- */

static const struct {
	const char *name;
	size_t offset;
} tables[] = {
	{"open", offsetof(struct limits, open)},         {"connects", offsetof(struct limits, connects)},
	{"addresses", offsetof(struct limits, addresses)}, {"accounts", offsetof(struct limits, accounts)},
	{"known", offsetof(struct limits, known)},
};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

static struct table *table_at(struct cpl_module *self, size_t i)
{
	return (struct table *)((char *)limits_of(self) + tables[i].offset); /* UNSAFE: offsetof() of a table */
}

/* Addresses with connections are as many as there are connections: none of them is forgotten. */
static size_t size_of(size_t i, const struct limits_config *config)
{
	return i == 0 ? SIZE_MAX : (size_t)config->table_size;
}

static int load(struct cpl_module *self, struct cpl_error *error)
{
	cpl_module_set_data(self, CPL_NEW(struct limits));
	for (size_t i = 0; i < TABLES; i++)
		table_init(table_at(self, i), size_of(i, limits_config_of(self)));
	limits_turned_away =
		cpl_metric_counter(self, "turned_away", "Connections and logins that were turned away.", NULL, CPL_NONE);
	return 0;
}

static void start(struct cpl_module *self, struct cpl_host *host)
{
	cpl_session_refresh_limits(NULL);
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	if (!host)
		for (size_t i = 0; i < TABLES; i++)
			table_set_max(table_at(self, i), size_of(i, now));
	cpl_session_refresh_limits(NULL);
}

static void save(struct cpl_module *self, struct cpl_bag *bag)
{
	for (size_t i = 0; i < TABLES; i++)
		table_save(table_at(self, i), bag, tables[i].name);
}

static int restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	for (size_t i = 0; i < TABLES; i++)
		table_restore(table_at(self, i), bag, tables[i].name);
	return 0;
}

static void unload(struct cpl_module *self)
{
	for (size_t i = 0; i < TABLES; i++)
		table_finish(table_at(self, i));
	cpl_free(limits_of(self));
	cpl_session_refresh_limits(NULL);
}

static const struct cpl_event_row events[] = {
	CPL_ON(session_created, connections_on_created, POLICY, -10),
	CPL_ON(session_destroyed, connections_on_destroyed, OBSERVE, 10),
	CPL_ON(session_limits, connections_on_limits, POLICY, 0),
	CPL_ON(stream_features, on_features, FEATURE, 50),
	CPL_ON(authentication_attempt, guess_on_attempt, POLICY, 0),
	CPL_ON(authentication_result, guess_on_result, OBSERVE, 0),
	CPL_ON_END,
};

CPL_MODULE(limits) = {
	CPL_MODULE_HEAD("limits", "1.0", "Limits against abuse (XEP-0205, XEP-0478)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct limits_config),
	.events = events,
	.commands = limits_commands,
	.slots = limits_slots,
	.load = load,
	.start = start,
	.reconfigure = reconfigure,
	.save = save,
	.restore = restore,
	.unload = unload,
	.schema = 1,
};
